"""What was found in one place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ..base.findings import Finding, as_records
from ..base.states import NO_DRIFT, State, status_of

__all__ = ["NO_DRIFT", "Scope", "State", "found", "status_of"]


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
