"""The record and the document of the checks before a load test. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...redis_ops.base.findings import Status
from ..figures import at
from ..verdicts import NOT_READY, READINESS
from . import checklist, findings
from .blocks import Block, Heading, Page, Reason, Section
from .document import printable
from .load_document import check_subjects
from .model import Document, Gauge, Row, Sample, gauge
from .prometheus import seconds

SCHEMA = "redis-loadtest-readiness/1"
FOOTER = "The checks read only, and nothing was loaded."


def build(found: Sequence[Mapping[str, Any]], *, time: str, inventory: str) -> dict[str, Any]:
    """The record. found: the findings, each with its host."""
    verdict = checklist.verdict(found)
    return {
        "schema": SCHEMA,
        "time": time,
        "inventory": inventory,
        "verdict": verdict,
        "exit_code": READINESS.codes[verdict],
        "findings": [dict(finding) for finding in found],
    }


def of(record: Mapping[str, Any]) -> Document:
    """record: as build makes it."""
    shown = printable(record)
    rows = tuple(map(findings.check, shown["findings"]))
    sentence = _sentence(shown["verdict"], rows)
    return Document(
        kind="load test readiness",
        verdict=shown["verdict"],
        exit_code=shown["exit_code"],
        time=shown["time"],
        seconds=0,
        doubt=NOT_READY,
        subjects=tuple(check_subjects(rows)),
        summary=(f"{shown['verdict']}: {sentence}",),
        gauges=_gauges(shown, rows),
        page=Page(
            title=f"{shown['verdict']}: Redis load test ({at(shown['time'])})",
            word=shown["verdict"],
            sentences=(sentence,),
            about=f"Checked {at(shown['time'])}, inventory {shown['inventory']}",
            todo="Correct what is named here, and check again:" if shown["verdict"] == NOT_READY else "",
            reasons=tuple(_reasons(rows)),
            blocks=tuple(_blocks(rows)),
            footer=FOOTER,
        ),
        record=record,
    )


def _sentence(verdict: str, rows: Sequence[Row]) -> str:
    counts = Counter(row.status for row in rows)
    told = ", ".join(f"{counts[status]} {status.value}" for status in reversed(findings.WORST_LAST) if counts[status])
    return f"{told}; nothing was loaded" if verdict == NOT_READY else told or "nothing to check"


def _reasons(rows: Sequence[Row]) -> Iterator[Reason]:
    for row in rows:
        if row.status is Status.FAIL:
            remedy = f" {row.remedy[:1].upper()}{row.remedy[1:]}." if row.remedy else ""
            yield Reason(row.actual, f"{row.where}, {row.what}: ", f", expected {row.expected}.{remedy}")


def _blocks(rows: Sequence[Row]) -> Iterator[Block]:
    for index, host in enumerate(dict.fromkeys(row.where for row in rows), start=1):
        own = [row for row in rows if row.where == host]
        table = findings.tables(own, f"Checks of {host}", "Check", "In order, or not judged", sources=False)
        yield Section((Heading(host, findings.counted(own)), *table), f"host-{index}")


def _gauges(record: Mapping[str, Any], rows: Sequence[Row]) -> tuple[Gauge, ...]:
    hosts = tuple(dict.fromkeys(row.where for row in rows))
    return (
        Gauge(
            "redis_loadtest_readiness_checks",
            "How many checks of a host have each status.",
            tuple(
                Sample(
                    sum(row.where == host and row.status is status for row in rows),
                    (("host", host), ("status", status.value)),
                )
                for host in hosts
                for status in Status
            ),
        ),
        gauge(
            "redis_loadtest_readiness_exit_code",
            "Of the last checks before a load: 0 READY, 2 NOT READY.",
            record["exit_code"],
        ),
        gauge(
            "redis_loadtest_readiness_last_run_timestamp_seconds",
            "When the last checks before a load ended.",
            seconds(record["time"]),
        ),
    )
