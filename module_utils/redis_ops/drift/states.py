"""The words of drift: its states, and what was found in one place."""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ..base.findings import Finding, Status, as_records


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


def found(
    identity: str,
    subject: str,
    state: State,
    *,
    expected: str,
    actual: str,
    why: str,
    remedy: str,
    values: Optional[Mapping[str, str]] = None,
    since: str = "",
) -> Finding:
    """One finding of drift. Its status follows from its state."""
    return Finding(identity, subject, status_of(state), expected, actual, why, remedy, state.value, values or {}, since)


@dataclass(frozen=True)
class Scope:
    """What was found in one place: an instance, or with instance '' the host itself.

    server: such as 'redis 7.0.15', '' when unknown. checked: how many things were looked at. findings: those that are
    not in_sync. unknown: options that the server reports and the catalogue does not know, which nobody can judge.
    """

    instance: str
    checked: int
    findings: Sequence[Finding]
    server: str = ""
    unknown: Sequence[str] = field(default_factory=tuple)

    def as_record(self) -> dict[str, Any]:
        """As the module returns it. counts: state -> number, in_sync among them."""
        counts = Counter(finding.state for finding in self.findings)
        counts[State.IN_SYNC.value] = max(self.checked - len(self.findings), 0)
        return {
            "instance": self.instance,
            "server": self.server,
            "checked": max(self.checked, len(self.findings)),
            "counts": dict(counts),
            "findings": as_records(self.findings),
            "unknown": list(self.unknown),
        }
