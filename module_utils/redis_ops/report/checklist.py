"""The checklist before a load test, as one list of findings with their hosts, and as lines for a terminal. Pure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..findings import Finding, Status, as_records
from .document import printable

READY, NOT_READY = 0, 2
# Not for anybody to wave through with a list: it has a flag of its own.
NEVER_ACCEPTED = ("checklist.production",)
_ORDER = ("FAIL", "WARN", "PASS", "SKIP")


def accepted(finding: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The finding; a failure that somebody accepts by its id is a warning that says so."""
    if finding["status"] != "FAIL" or finding["id"] not in names or finding["id"] in NEVER_ACCEPTED:
        return dict(finding)
    return {**finding, "status": "WARN", "actual": f"{finding['actual']} (accepted by redis_loadtest_accept)"}


def of_generator(run: Mapping[str, Any], done: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What `redis_load.py --check` said on the generator of a run; one failure where it said nothing that can be read."""
    subject = f"generator {run['generator']} for instance {run['instance']}"
    try:
        found = json.loads(str(done.get("stdout") or ""))["findings"]
    except (ValueError, KeyError, TypeError):
        lines = f"{done.get('msg') or ''}\n{done.get('stderr') or ''}".strip().splitlines() or ["it said nothing"]
        problem = Finding(
            "generator.program", subject, Status.FAIL, "a program that answers", lines[-1], "redis_load.py --check",
            "look at what it said",
        )  # fmt: skip
        yield from as_records([problem])
        return
    for finding in found:
        yield {**finding, "subject": f"{subject}: {finding['subject']}"}


def exit_code(findings: Sequence[Mapping[str, Any]]) -> int:
    """2 where anything failed."""
    return NOT_READY if any(finding["status"] == "FAIL" for finding in findings) else READY


def render(findings: Sequence[Mapping[str, Any]]) -> list[str]:
    """Worst first, what to do below each that is not in order, and the answer last."""
    findings, lines = printable(findings), []
    for finding in sorted(findings, key=lambda finding: (_ORDER.index(finding["status"]), finding["host"])):
        lines.append(f"{finding['status']:<5} {finding['host']} {finding['subject']}: {finding['actual']}")
        if finding["status"] in ("FAIL", "WARN"):
            lines.append(
                f"      expected {finding['expected']}" + (f" -> {finding['remedy']}" if finding["remedy"] else "")
            )
    counts = Counter(finding["status"] for finding in findings)
    told = ", ".join(f"{counts[status]} {status}" for status in _ORDER if counts[status])
    if exit_code(findings):
        lines += ["", f"NOT READY: {told}; nothing was loaded"]
    else:
        lines += ["", f"READY: {told or 'nothing to check'}"]
    return [line for text in lines for line in text.split("\n")]
