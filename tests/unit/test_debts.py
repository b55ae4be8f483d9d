"""The answers that a run owes: paid, forgiven by every host, or open with the reason."""

from __future__ import annotations

from types import SimpleNamespace

import played
import pytest
from ansible.module_utils.redis_control import plays
from ansible.module_utils.redis_control.debts import Debts
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

LOOK = played.task("redis_drift", "check", "redis_drift")
REPORT = played.task("redis_drift", "report")
HOSTS = ("redis1", "redis2", "redis3")


def play(*tasks, hosts=HOSTS):
    manager = SimpleNamespace(get_vars=lambda **_: {"ansible_play_hosts_all": list(hosts)})
    return SimpleNamespace(compile=lambda: list(tasks), get_variable_manager=lambda: manager)


def begun(*, hosts=HOSTS) -> Debts:
    debts = Debts()
    debts.begin(play(LOOK, REPORT, hosts=hosts))
    debts.of([LOOK, REPORT])
    return debts


def test_a_look_without_a_report_is_open():
    debts = begun()
    debts.ended(LOOK, "redis2")
    [debt] = debts.open()
    first, second = debt.told
    assert first.startswith("FAILED: nothing was checked: hosts were looked at, and a condition left the report out")
    assert second == "not looked at: redis1, redis3"


def test_what_is_paid_is_not_open():
    debts = begun()
    debts.now.paid = True
    assert debts.open() == []


@quick
@given(st.sets(st.sampled_from(HOSTS)), st.sets(st.sampled_from(HOSTS)), st.booleans())
def test_it_is_forgiven_by_all_hosts_or_by_none(passed, looked, failed):
    debts = begun()
    for host in passed:
        debts.skipped(LOOK, host)
    for host in looked:
        debts.ended(LOOK, host)
    if failed:
        debts.failed("redis1: boom")
    assert bool(debts.open()) is not (passed == set(HOSTS) and not looked and not failed)


def test_a_condition_on_the_report_alone_forgives_nothing():
    debts = begun()
    for host in HOSTS:
        debts.skipped(REPORT, host)
    assert len(debts.open()) == 1


def test_the_first_failure_is_the_reason():
    debts = begun()
    debts.failed("redis1: boom")
    debts.failed("redis2: so what")
    assert next(debts.open()[0].told) == "FAILED: nothing was checked: redis1: boom"


@pytest.mark.parametrize(("paid", "hosts", "count"), [(True, HOSTS, 2), (True, (), 1), (False, HOSTS, 1)])
def test_a_second_play_of_the_same_job_owes_its_own_answer_once_the_first_has_one(paid, hosts, count):
    """A play that answers for an empty group comes before the one that would look at its hosts."""
    debts = begun()
    debts.now.paid = paid
    debts.begin(play(LOOK, REPORT, hosts=hosts))
    debts.of([LOOK, REPORT])
    assert len(debts.all) == count


def test_a_play_without_a_job_owes_nothing():
    debts = Debts()
    debts.begin(play())
    debts.of([])
    debts.failed("redis1: boom")
    assert (debts.now, debts.open()) == (None, [])
    assert plays.job([LOOK]) is None
