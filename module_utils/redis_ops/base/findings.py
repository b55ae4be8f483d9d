"""The one record of a verdict: what was looked at, what was expected, what was found, and what to do."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any


class Status(str, enum.Enum):
    """PASS: as expected. FAIL: not as expected. WARN: it works now and may fail later. SKIP: it could not be judged; the finding says why."""

    PASS = "PASS"
    WARN = "WARN"
    FAIL = "FAIL"
    SKIP = "SKIP"


@dataclass(frozen=True)
class Finding:
    """One verdict.

    id: stable, dotted, e.g. 'kernel.vm.overcommit_memory'; subject: what was looked at (host, instance or option).
    expected, actual: text with units. why: guide section or source. remedy: what to do; empty when nothing is owed.
    Of drift also: state, see redis_ops.drift; values: declared, file, running, default and applied, as text, secrets
    masked; since: time in UTC, ISO 8601, where it is known.
    """

    id: str
    subject: str
    status: Status
    expected: str
    actual: str
    why: str
    remedy: str = ""
    state: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    since: str = ""


_OF_DRIFT = ("state", "values", "since")


def as_records(findings: Iterable[Finding]) -> list[dict[str, Any]]:
    """Plain dicts for a module's result, in the order given."""
    return [
        {name: value for name, value in asdict(finding).items() if value or name not in _OF_DRIFT}
        | {"status": finding.status.value}
        for finding in findings
    ]


def failures(found: Iterable[Finding]) -> list[str]:
    """One line for each that failed."""
    return [
        failure(finding.subject, finding.actual, finding.expected, finding.remedy)
        for finding in found
        if finding.status is Status.FAIL
    ]


def failure(subject: str, actual: str, expected: str, remedy: str) -> str:
    """The line that a module fails with."""
    return f"{subject}: {actual}; expected {expected}; {remedy or 'see docs/'}"


def outcome(found: Iterable[Finding]) -> dict[str, Any]:
    """A module's result: all findings, and failure with one line for each that failed."""
    found = list(found)
    failed = failures(found)
    result: dict[str, Any] = {"changed": False, "findings": as_records(found)}
    if failed:
        result.update(failed=True, msg="\n".join(failed))
    return result
