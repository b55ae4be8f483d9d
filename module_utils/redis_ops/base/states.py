"""The states of drift: who is off, and therefore what to do."""

from __future__ import annotations

import enum

from .findings import Status


class State(str, enum.Enum):
    """Who is off, and therefore what to do."""

    IN_SYNC = "in_sync"
    LIVE_NOT_PERSISTED = "live_not_persisted"  # somebody changed what runs; the files are as we left them
    PENDING_RESTART = "pending_restart"  # the files have it, the process does not yet
    FILE_CHANGED_OUTSIDE = "file_changed_outside"  # somebody changed a file that we wrote
    DECLARED_NOT_APPLIED = "declared_not_applied"  # the inventory went ahead, and no run followed
    UNMANAGED_SET = "unmanaged_set"  # set by somebody, declared by nobody
    RUNTIME_OWNED = "runtime_owned"  # Redis', Sentinel's or the container host's to decide; no drift
    WAIVED = "waived"  # drift that a waiver accepts until it expires; no drift
    UNREADABLE = "unreadable"  # could not be looked at; never taken for clean


NO_DRIFT = (State.IN_SYNC, State.RUNTIME_OWNED, State.WAIVED)
_STATUS = {
    State.IN_SYNC: Status.PASS,
    State.RUNTIME_OWNED: Status.SKIP,
    State.WAIVED: Status.SKIP,
    State.PENDING_RESTART: Status.WARN,
    State.UNMANAGED_SET: Status.WARN,
}


def status_of(state: State) -> Status:
    """What a finding in this state counts as."""
    return _STATUS.get(state, Status.FAIL)
