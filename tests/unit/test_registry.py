"""The registered checks: each belongs to its suites, keeps its ids, and says what it could not see."""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops import checks, drift
from ansible.module_utils.redis_ops.base.findings import Status, failure
from ansible.module_utils.redis_ops.base.states import State
from ansible.module_utils.redis_ops.checks import preflight, registry, verify
from ansible.module_utils.redis_ops.checks.registry import Check, Judgement, Suite
from ansible.module_utils.redis_ops.drift import instance as drift_of_instance
from ansible.module_utils.redis_ops.load import checklist
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.packages import Package
from ansible.module_utils.redis_ops.view.facts import Fact, Facts, NotRead
from judging import judged
from views import REDIS_7, host_of, seen_of, several

SUITES: Mapping[Suite, tuple[Check, ...]] = {
    Suite.VERIFY: verify.CHECKS,
    Suite.DRIFT: drift_of_instance.CHECKS,
    Suite.READINESS: checklist.CHECKS,
}
# Reports, waivers and people's scripts know them: an id that was published stays.
IDS = {
    Suite.VERIFY: """
        verify.running verify.settings verify.ping verify.key verify.replication verify.aof verify.rdb verify.start
        verify.next_start verify.data verify.tls.* verify.boot verify.open_files verify.backlog verify.user verify.eviction
        verify.check_system
    """,
    Suite.DRIFT: """
        aof.files aof.orphans unit.start unit.open_files tls.* unit.boot process.open_files process.user
    """,
    Suite.READINESS: """
        checklist.open_files checklist.connections checklist.quiet checklist.last_saves checklist.replication
        checklist.queues checklist.slowlog checklist.aof_files checklist.swap
    """,
}


GUARDS = """
    guard.unseen guard.plan guard.first_contact guard.start guard.eviction guard.data guard.rename guard.owner guard.aclfile
    guard.default_user guard.tls guard.hidden guard.product guard.package guard.shared guard.ports guard.replication
    guard.room
"""


def registered() -> list[Check]:
    """Every check of the package."""
    names = sorted(path.stem for path in Path(checks.__file__).parent.glob("*.py") if path.stem != "__init__")
    modules = [importlib.import_module(f"{checks.__name__}.{name}") for name in names]
    return [value for module in modules for value in vars(module).values() if isinstance(value, Check)]


def test_every_check_is_in_the_suites_that_it_has_ids_for():
    for one in registered():
        assert {suite for suite, listed in SUITES.items() if one in listed} == set(one.ids), one
    assert len(registered()) > 20


@pytest.mark.parametrize("suite", Suite)
def test_the_ids_stay(suite):
    ids = [one.ids[suite] for one in SUITES[suite]]
    assert ids == list(dict.fromkeys(ids)), "an id is used twice"
    assert set(ids) == set(IDS[suite].split())


def test_the_ids_of_the_guards_stay():
    ids = [guard.id for guard in preflight.GUARDS]
    assert ids == list(dict.fromkeys(ids)), "an id is used twice"
    assert set(ids) == set(GUARDS.split())
    assert all(guard.why for guard in preflight.GUARDS)


def test_every_problem_that_stops_a_run_is_a_finding_of_a_guard():
    entries = several({"name": "a", "port": 7001}, {"name": "b", "port": 7002})
    view = host_of(*(seen_of(one, contact=Contact.FIRST) for one in entries))
    package = Package(PRODUCTS["redis"], "", REDIS_7)
    problems, stops = preflight.problems(view, package), preflight.stops(view, package)
    assert [failure(one.subject, one.actual, one.expected, one.remedy) for one in stops] == list(map(str, problems))
    assert {one.id for one in stops} >= {"guard.first_contact"}
    assert {one.status for one in stops} == {Status.FAIL}


def test_every_check_says_where_it_comes_from():
    for one in registered():
        assert one.title
        assert one.why
        assert one.unread


def with_a_judge(judge, **more) -> Check:
    return registry.check("a thing", why="guide 1", verify="verify.a", drift="a", readiness="checklist.a", **more)(
        judge
    )


VIEW = SimpleNamespace(instance=SimpleNamespace(where="instance x"), connection=object())
FACT: Fact[int] = Fact("fact", lambda _: 1)


def needing(facts: Facts):
    yield Judgement(Status.PASS, "1", str(facts[FACT]))


@pytest.mark.parametrize("suite", Suite)
def test_what_can_not_be_read_is_never_a_pass(suite):
    check = with_a_judge(needing, needs=[FACT], unread="let it read")
    [finding] = judged(check, VIEW, suite, facts={FACT: NotRead("NOPERM")})
    assert (finding.status, finding.actual) == (
        Status.FAIL if suite is Suite.DRIFT else Status.SKIP,
        "it could not be determined: NOPERM",
    )
    assert finding.remedy == "let it read"
    assert finding.state == (State.UNREADABLE if suite is Suite.DRIFT else "")


def test_a_reader_that_fails_hides_no_other_fact():
    def fail(_):
        raise OSError(13, "Permission denied", "/etc/x")

    facts = Facts.of(VIEW, [Fact("closed", fail), FACT])
    assert facts[FACT] == 1
    with pytest.raises(NotRead, match=re.escape("/etc/x: Permission denied")):
        facts[Fact("closed", fail)]


def test_a_fact_that_several_checks_need_is_read_once():
    asked = []
    counted: Fact[int] = Fact("counted", lambda _: asked.append(1) or len(asked))
    assert Facts.of(VIEW, [counted, FACT, counted])[counted] == 1
    assert asked == [1]


@pytest.mark.parametrize(
    ("status", "state", "expected"),
    [
        (Status.PASS, None, None),
        (Status.PASS, State.UNREADABLE, None),
        (Status.WARN, None, None),  # nobody is off
        (Status.WARN, State.DECLARED_NOT_APPLIED, (Status.WARN, "declared_not_applied")),
        (Status.FAIL, None, (Status.FAIL, "file_changed_outside")),
        (Status.FAIL, State.PENDING_RESTART, (Status.WARN, "pending_restart")),
        (Status.SKIP, None, (Status.FAIL, "unreadable")),
        (Status.SKIP, State.IN_SYNC, None),
    ],
)
def test_what_is_drift(status, state, expected):
    check = with_a_judge(lambda _: [Judgement(status, "1", "2", state=state)])
    found = judged(check, VIEW, Suite.DRIFT)
    assert [(finding.status, finding.state) for finding in found] == ([expected] if expected else [])


@pytest.mark.parametrize("suite", Suite)
def test_a_check_may_only_warn_in_a_suite(suite):
    check = with_a_judge(lambda _: [Judgement(Status.FAIL, "1", "2", "do it")], warns=[Suite.VERIFY])
    [finding] = judged(check, VIEW, suite)
    assert finding.status is (Status.WARN if suite is Suite.VERIFY else Status.FAIL)
    assert finding.remedy == "do it"


def test_a_check_of_a_running_server_says_nothing_of_a_stopped_one():
    stopped = SimpleNamespace(instance=VIEW.instance, connection=None)
    always = with_a_judge(lambda _: [Judgement(Status.PASS, "1", "1")], stopped=True)
    assert judged(with_a_judge(needing, needs=[FACT]), stopped) == []
    assert [finding.status for finding in judged(always, stopped)] == [Status.PASS]


def test_what_passed_owes_nothing():
    check = with_a_judge(lambda _: [Judgement(Status.PASS, "1", "1", "do it")])
    assert [finding.remedy for finding in judged(check, VIEW)] == [""]
    assert drift.check  # the suites above are those of the modules
