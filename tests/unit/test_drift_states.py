"""The words of drift, and what becomes of a list of findings."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.drift.states import NO_DRIFT, Scope, State, found


def finding(state: State, identity: str = "option.timeout"):
    return found(identity, "here: timeout", state, expected="5", actual="9", why="guide 1", remedy="set it")


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (State.IN_SYNC, Status.PASS),
        (State.RUNTIME_OWNED, Status.SKIP),
        (State.WAIVED, Status.SKIP),
        (State.PENDING_RESTART, Status.WARN),
        (State.UNMANAGED_SET, Status.WARN),
        (State.LIVE_NOT_PERSISTED, Status.FAIL),
        (State.FILE_CHANGED_OUTSIDE, Status.FAIL),
        (State.DECLARED_NOT_APPLIED, Status.FAIL),
        (State.UNREADABLE, Status.FAIL),
    ],
)
def test_the_status_follows_from_the_state(state, status):
    assert finding(state).status is status
    assert finding(state).state == state.value


def test_three_states_are_no_drift():
    assert set(State) - set(NO_DRIFT) == {
        State.LIVE_NOT_PERSISTED,
        State.PENDING_RESTART,
        State.FILE_CHANGED_OUTSIDE,
        State.DECLARED_NOT_APPLIED,
        State.UNMANAGED_SET,
        State.UNREADABLE,
    }


def test_a_scope_counts_what_it_looked_at():
    seen = [finding(State.LIVE_NOT_PERSISTED), finding(State.PENDING_RESTART), finding(State.PENDING_RESTART)]
    record = Scope("cache", 10, seen, server="redis 7.0.15").as_record()
    assert record["counts"] == {"live_not_persisted": 1, "pending_restart": 2, "in_sync": 7}
    assert (record["instance"], record["server"], record["checked"]) == ("cache", "redis 7.0.15", 10)
    assert [one["status"] for one in record["findings"]] == ["FAIL", "WARN", "WARN"]


def test_a_scope_that_could_not_be_looked_at_counts_nothing_as_in_sync():
    record = Scope("cache", 0, [finding(State.UNREADABLE, "server")]).as_record()
    assert record["counts"] == {"unreadable": 1, "in_sync": 0}
    assert record["checked"] == 1
