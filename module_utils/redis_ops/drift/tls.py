"""TLS: what is served against what is on disk, whether the next start would work, and what expires. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from ..base.findings import Finding, Status
from ..checks.tls_findings import WARN_DAYS, judge
from ..view.tls import Facts
from .states import State, found

# Files on disk are somebody's to change. That a certificate ends is nobody's change: it is a declaration that no longer
# holds.
_STATES = {"start": State.FILE_CHANGED_OUTSIDE, "served": State.FILE_CHANGED_OUTSIDE}
_NO_DRIFT = ("authority",)  # a server may well have its certificate from another authority than its clients


def findings(facts: Facts, where: str, now: datetime, days: int = WARN_DAYS) -> Iterator[Finding]:
    """What is not as it should be. where: host and instance; days: how long before its end a certificate is told."""
    for one in judge(facts, where, now, days):
        if one.status is Status.PASS or one.name in _NO_DRIFT:
            continue
        skipped = one.status is Status.SKIP
        finding = found(
            f"tls.{one.name}",
            where,
            State.UNREADABLE if skipped else _STATES.get(one.name, State.DECLARED_NOT_APPLIED),
            expected=one.expected,
            actual=one.actual,
            why=one.why,
            remedy=one.remedy,
        )
        yield finding if skipped else replace(finding, status=one.status)
