"""All instances of a host in one run: the guards, the order in which they are changed, and where a run stops."""

from __future__ import annotations

import errno
import itertools
from dataclasses import replace
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import instances
from ansible.module_utils.redis_ops.apply.foresee import Outcome
from ansible.module_utils.redis_ops.apply.instances import Done, Result, converge_all, in_turn, settled
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, CommandRefused, InvalidInput, Problem
from ansible.module_utils.redis_ops.base.findings import Finding, Status
from ansible.module_utils.redis_ops.checks import preflight
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.packages import Package
from ansible.module_utils.redis_ops.platform.sockets import Listener
from ansible.module_utils.redis_ops.view import host
from ansible.module_utils.redis_ops.view.host import HostView, Place, Seen
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick
from views import REDIS_7, Server, host_of, seen_of, several, unit_of

NAMES = "abcdef"


def moving(**wanted: str) -> list[Seen]:
    """Instances by name, each with who listens where it shall: the name of an instance, or '' for nobody."""
    pids = {name: number for number, name in enumerate(wanted, start=10)}
    declared = several(*({"name": name, "port": 7000 + number} for number, name in enumerate(wanted)))
    found = []
    for one, (name, holder) in zip(declared, wanted.items()):
        listeners = {"port": Listener(pids[holder], "redis-server")} if holder else {}
        live = {"port": str(6000 + pids[name]), "tls-port": "0"}
        found.append(seen_of(one, Place(listeners=listeners), unit=unit_of(one, pid=pids[name]), live=live))
    return found


def order(*seen: Seen) -> str:
    return "".join(one.declared.layout.instance for one in in_turn(seen))


def moved_aside(*seen: Seen) -> str:
    """Those that were given a spare port."""
    return "".join(
        one.declared.layout.instance for one in seen if "port" in dict(one.view.connection.sent) if one.view.connection
    )


@pytest.mark.parametrize(
    ("wanted", "turn", "aside"),
    [
        pytest.param({"a": "", "b": ""}, "ab", "", id="nobody is in the way"),
        pytest.param({"a": "a", "b": "b"}, "ab", "", id="each is where it shall be"),
        pytest.param({"a": "b", "b": ""}, "ba", "", id="one takes what the other gives away"),
        pytest.param({"a": "b", "b": "c", "c": ""}, "cba", "", id="a chain"),
        pytest.param({"a": "", "b": "a", "c": "b"}, "abc", "", id="a chain the other way round"),
        pytest.param({"a": "b", "b": "a"}, "ba", "a", id="two swap"),
        pytest.param({"a": "b", "b": "c", "c": "a"}, "cba", "a", id="a ring of three"),
        pytest.param({"a": "b", "b": "a", "c": "d", "d": "c"}, "badc", "ac", id="two pairs"),
        pytest.param({"x": "", "a": "b", "b": "a"}, "xba", "a", id="a ring beside another"),
    ],
)
def test_who_gives_a_port_away_comes_before_who_takes_it(wanted, turn, aside):
    seen = moving(**wanted)
    assert order(*seen) == turn
    assert moved_aside(*seen) == aside


def test_a_port_of_somebody_else_is_no_reason_to_wait():
    [one] = moving(a="")
    seen = replace(one, place=Place(listeners={"port": Listener(999, "nginx")}))
    assert order(seen) == "a"


def test_a_stopped_server_in_a_ring_has_no_port_to_give_away():
    seen = moving(a="b", b="a")
    stopped = replace(seen[0], view=replace(seen[0].view, connection=None))
    assert sorted(order(stopped, seen[1])) == ["a", "b"]


@quick
@given(st.permutations(range(6)), st.integers(1, 6))
def test_every_instance_has_its_turn_once_and_never_on_a_port_that_is_taken(holders, count):
    """Any change of hands: rings of every length, chains and instances that stay."""
    names = NAMES[:count]
    wanted = {name: (NAMES[holders[number]] if holders[number] < count else "") for number, name in enumerate(names)}
    seen = moving(**wanted)
    listening = {name: name for name in names}  # port, by the name of the instance that has it at first -> who listens
    for one in in_turn(seen):
        name = one.declared.layout.instance
        for other in seen:  # those that were moved to a spare port give theirs free
            if (
                other.view.connection.sent
                and listening.get(other.declared.layout.instance) == other.declared.layout.instance
            ):
                listening[other.declared.layout.instance] = ""
        assert not wanted[name] or listening[wanted[name]] in ("", name), f"{name} would meet another"
        listening = {port: ("" if holder == name else holder) for port, holder in listening.items()}
        if wanted[name]:
            listening[wanted[name]] = name
    assert sorted(one.declared.layout.instance for one in in_turn(moving(**wanted))) == sorted(names)


# --- a run --------------------------------------------------------------------------------------------------------------


class Run:
    """converge_all() on a host with these instances, and what was asked of each."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, view: HostView) -> None:
        self.view = view
        self.asked: list[tuple[str, bool, bool]] = []
        self.fails: dict[str, Exception] = {}
        self.searches: list[Any] = []
        self.owes: set[str] = set()
        self.wrong: set[str] = set()
        self.changes: set[str] = set(NAMES)
        monkeypatch.setattr(host, "look", lambda *_, **__: view)
        monkeypatch.setattr(instances, "observe", lambda instance: self._view(instance.name))
        monkeypatch.setattr(instances, "converge", self._converge)
        monkeypatch.setattr(instances, "verify", lambda view, _: self._verify(view))
        monkeypatch.setattr(preflight, "problems", lambda *_: [])

    def _view(self, name: str) -> Any:
        return next(seen.view for seen in self.view.instances if seen.view.instance.name == name)

    def _converge(self, instance: Any, *, restart: bool, check: bool, seen: Any, queues: Any, rolling: bool) -> Any:
        assert not (restart and rolling)
        self.searches.append(queues)
        self.asked.append((instance.name, restart, check))
        if instance.name in self.fails:
            raise self.fails[instance.name]
        owed = [{"option": "databases"}] if instance.name in self.owes and not restart else []
        changed = instance.name in self.changes
        actions = ["write"] if changed else []
        restarted = restart and changed
        return Outcome(changed=changed, actions=actions, diff=[], pending_restart=owed, restarted=restarted), seen

    def _verify(self, view: Any) -> list[Finding]:
        status = Status.FAIL if view.instance.name in self.wrong else Status.PASS
        return [Finding("verify.ping", f"instance {view.instance.name}", status, "PONG", "nothing", "", "look at it")]

    def __call__(self, **given_: Any) -> Result:
        known = {"restart": False, "check": False, "somaxconn": 0}
        return converge_all(None, Package(PRODUCTS["redis"], "1", REDIS_7), **{**known, **given_})


@pytest.fixture
def run(monkeypatch):
    return Run(monkeypatch, host_of(*moving(a="", b="", c="")))


def test_each_instance_is_changed_and_proved(run):
    result = run()
    assert [(done.name, done.findings[0].status) for done in result.done] == [(name, Status.PASS) for name in "abc"]
    record = result.as_record()
    assert (record["changed"], record.get("failed")) == (True, None)
    assert [one["instance"] for one in record["converged"]] == ["a", "b", "c"]


@pytest.mark.parametrize("check", [False, True])
def test_the_search_for_queues_is_made_again_only_where_the_look_is(run, check):
    """It takes up to ten seconds on a server. After a change to another instance the look is no longer true."""
    run(check=check)
    first, *later = run.searches
    assert first is run.view.instances[0].place.queues
    assert later == ([seen.place.queues for seen in run.view.instances[1:]] if check else [None, None])


def test_a_guard_stops_the_run_before_anything_is_touched(run, monkeypatch):
    monkeypatch.setattr(preflight, "problems", lambda *_: [Problem("instance a", "no", "yes", "mend it")])
    with pytest.raises(InvalidInput, match="instance a: no; expected yes; mend it"):
        run()
    assert run.asked == []
    assert all(seen.view.connection.closed for seen in run.view.instances)


def test_an_instance_that_fails_ends_the_run_and_the_others_stay(run):
    run.fails["b"] = ApplyFailed("instance b: it does not start")
    result = run()
    assert [done.name for done in result.done] == ["a"]
    record = result.as_record()
    assert record["failed"] is True
    assert record["msg"] == "instance b: it does not start\nnot reached, and as before: instance c"
    assert [name for name, *_ in run.asked] == ["a", "b"]


def test_an_instance_that_stepped_aside_goes_back_when_the_run_ends_before_its_turn(monkeypatch):
    """Its clients know its old port."""
    seen = moving(a="b", b="a")
    run = Run(monkeypatch, host_of(*seen))
    run.fails["b"] = ApplyFailed("instance b: no")
    assert run().as_record()["msg"].endswith("as before: instance a")
    server = seen[0].view.connection
    assert [name for name, _ in server.sent] == ["port", "port"]
    assert server.live["port"] == seen[0].view.observed.live["port"]
    assert seen[1].view.connection.sent == []


def test_an_error_of_the_system_ends_the_run_like_any_other(monkeypatch):
    """It names the instance, and whoever stepped aside goes back."""
    seen = moving(a="b", b="a")
    run = Run(monkeypatch, host_of(*seen))
    run.fails["b"] = OSError(errno.ENOSPC, "No space left on device", "/etc/redis/b.conf")
    assert run().as_record()["msg"] == (
        "instance b: /etc/redis/b.conf: No space left on device\nnot reached, and as before: instance a"
    )
    server = seen[0].view.connection
    assert server.live["port"] == seen[0].view.observed.live["port"]


def test_an_instance_without_a_plaintext_port_steps_aside_with_its_tls_port():
    seen = moving(a="b", b="a")
    live = {"port": "0", "tls-port": "6380"}
    first = replace(seen[0].view, observed=replace(seen[0].view.observed, live=live), connection=Server(live=live))
    assert order(replace(seen[0], view=first), seen[1]) == "ba"
    assert [name for name, _ in first.connection.sent] == ["tls-port"]


def test_a_failed_proof_fails_the_run_and_not_its_other_instances(run):
    run.wrong.add("b")
    record = run().as_record()
    assert record["failed"] is True
    assert record["msg"] == "instance b: nothing; expected PONG; look at it"
    assert len(record["converged"]) == 3


def test_check_mode_proves_nothing(run):
    result = run(check=True)
    assert [done.findings for done in result.done] == [None, None, None]
    assert all(check for *_, check in run.asked)


def test_only_some_instances_are_changed(run):
    assert [done.name for done in run(only=["c", "a"]).done] == ["a", "c"]
    assert [name for name, *_ in run.asked] == ["a", "c"]


@pytest.mark.parametrize(
    ("restart", "rolling", "check", "restarts", "later"),
    [
        (False, False, False, False, False),
        (True, False, False, True, False),
        (True, True, False, False, True),
        (True, True, True, True, False),  # check mode foresees what the later run does
        (False, True, False, False, False),
    ],
)
def test_a_rolling_run_leaves_restarts_for_later(run, restart, rolling, check, restarts, later):
    """Field case A22."""
    run.owes.add("b")
    result = run(restart=restart, rolling=rolling, check=check)
    assert {asked for _, asked, _ in run.asked} == {restarts}
    assert result.restart_later is later
    assert result.as_record()["restart_later"] is later


def test_nothing_is_left_for_later_where_nothing_is_owed(run):
    assert run(restart=True, rolling=True).restart_later is False


def test_the_connections_of_the_look_are_closed(run):
    run()
    assert all(seen.view.connection.closed for seen in run.view.instances)


def test_a_result_has_the_diff_of_every_instance():
    outcomes = [Outcome(changed=False, actions=[], diff=[{"after": name}], pending_restart=[]) for name in "ab"]
    record = Result([Done(name, outcome) for name, outcome in zip("ab", outcomes)]).as_record()
    assert [part["after"] for part in record["diff"]] == ["a", "b"]
    assert record["changed"] is False


def test_a_refused_spare_port_is_no_defect():
    class Refusing(Server):
        def set_config(self, _):
            raise CommandRefused("no")

    seen = [replace(one, view=replace(one.view, connection=Refusing())) for one in moving(a="b", b="a")]
    assert sorted(order(*seen)) == ["a", "b"]
    assert list(itertools.chain(*(one.view.connection.sent for one in seen))) == []


# --- nothing to do ------------------------------------------------------------------------------------------------------


@pytest.fixture
def still(run, monkeypatch):
    """A host on which nothing is to be done. Called, it says what settled() finds."""
    run.changes.clear()
    run.drafts = set()
    monkeypatch.setattr(instances.aside, "has_drafts", lambda instance: instance.name in run.drafts)
    monkeypatch.setattr(instances.data, "moving_later", lambda _: iter(()))
    run.settled = lambda **given_: settled(None, run.view, **{"restart": False, "check": False, **given_})
    return run


def test_a_host_that_is_as_declared_is_verified_by_the_look(still):
    found = still.settled().as_record()
    assert found["changed"] is False
    assert [(one["instance"], one["findings"][0]["status"]) for one in found["converged"]] == [
        (name, Status.PASS) for name in "abc"
    ]
    assert {check for _, _, check in still.asked} == {True}, "nothing but what check mode does"
    assert not any(seen.view.connection.sent for seen in still.view.instances)


def test_it_is_what_the_run_itself_returns(still):
    assert still.settled().as_record() == still().as_record()


def test_check_mode_verifies_nothing_where_nothing_is_to_be_done(still):
    assert [done.findings for done in still.settled(check=True).done] == [None, None, None]


def test_a_restart_that_is_owed_and_not_allowed_is_reported(still):
    still.owes.add("b")
    found = still.settled().as_record()
    assert [one["pending_restart"] for one in found["converged"]] == [[], [{"option": "databases"}], []]


@pytest.mark.parametrize("name", "abc")
@pytest.mark.parametrize(
    "unsettle",
    [
        pytest.param(lambda run, name: run.changes.add(name), id="a change"),
        pytest.param(lambda run, name: run.fails.update({name: ApplyFailed("no")}), id="a refusal"),
        pytest.param(lambda run, name: run.fails.update({name: OSError(errno.EACCES, "no", "/x")}), id="not read"),
        pytest.param(lambda run, name: run.drafts.add(name), id="what a killed run left"),
        pytest.param(lambda run, name: run.wrong.add(name), id="a failed verification"),
    ],
)
def test_the_run_itself_has_to_see_to_the_rest(still, name, unsettle):
    unsettle(still, name)
    assert still.settled() is None


def test_data_that_a_later_restart_would_move_is_left_to_the_run(still, monkeypatch):
    problem = Problem("instance a", "no", "yes", "mend it")
    monkeypatch.setattr(instances.data, "moving_later", lambda _: iter((problem,)))
    assert still.settled() is None
    assert still.settled(restart=True) is not None
