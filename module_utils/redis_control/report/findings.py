"""Findings with a status (PASS, WARN, FAIL, SKIP) as rows of a document, for load tests and the checks before them. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...redis_ops.base.findings import Status
from ..figures import many
from ..load.guide import THRESHOLDS
from .blocks import Block, Findings, Fold, Heading
from .model import Row

WORST_LAST = (Status.SKIP, Status.PASS, Status.WARN, Status.FAIL)
OFF = (Status.FAIL, Status.WARN)
_UNIT = re.compile(r"(?<=\d) (?=%|[mµ]?s\b)")  # between a number and its unit, where no line may end
_CAUSES = {threshold.metric: threshold.cause for threshold in THRESHOLDS}


def threshold(finding: Mapping[str, Any], where: str) -> Row:
    """A threshold of a load test on one instance: its name is that of the metric. where: host and instance."""
    metric, remedy = str(finding["id"]).removeprefix("load."), finding["remedy"]
    likely = f"likely: {_CAUSES.get(metric, '')}; "
    cause = _CAUSES[metric] if remedy.startswith(likely) else ""
    return Row(
        id=finding["id"],
        mark=finding["status"],
        status=Status(finding["status"]),
        what=finding["subject"].partition(": ")[2] or finding["subject"],
        actual=finding["actual"],
        expected=finding["expected"],
        name=metric,
        case=metric,
        told=f"{finding['actual']} ({metric} {finding['expected']})",
        where=where,
        why=finding["why"],
        remedy=remedy,
        cause=cause,
        prose=remedy.removeprefix(likely) if cause else remedy,
    )


def check(finding: Mapping[str, Any]) -> Row:
    """A check before a load. The id is what somebody types to accept it."""
    off = finding["status"] in ("FAIL", "WARN")
    return Row(
        id=finding["id"],
        mark=finding["status"],
        status=Status(finding["status"]),
        what=finding["subject"],
        actual=finding["actual"],
        expected=finding["expected"],
        name=finding["id"],
        case=f"{finding['id']}: {finding['subject']}",  # one check looks at several instances
        told=f"{finding['actual']}; expected {finding['expected']} ({finding['id']})" if off else finding["actual"],
        where=finding["host"],
        why=finding["why"],
        remedy=finding["remedy"],
        prose=finding["remedy"],
    )


def worst_last(rows: Iterable[Row]) -> tuple[Row, ...]:
    """For a terminal, where the last lines are seen first."""
    return tuple(sorted(rows, key=lambda row: WORST_LAST.index(row.status)))


def worst_first(rows: Iterable[Row]) -> tuple[Row, ...]:
    """For a page."""
    return tuple(sorted(rows, key=lambda row: WORST_LAST.index(row.status), reverse=True))


def counted(rows: Sequence[Row]) -> str:
    """2 missed, 1 warning, 15 met."""
    counts = Counter(row.status for row in rows)
    words = {
        Status.FAIL: "missed",
        Status.WARN: many(counts[Status.WARN], "warning").partition(" ")[2],
        Status.PASS: "met",
        Status.SKIP: "not judged",
    }
    return ", ".join(f"{counts[status]} {word}" for status, word in words.items() if counts[status])


def tables(
    rows: Sequence[Row],
    caption: str,
    first: str,
    folded: str,
    *,
    trusted: bool = True,
    sources: bool = True,
    placed: bool = False,
) -> Iterator[Block]:
    """The rows as a table, and those that are in order in a fold. first: the head of the first column. folded: the title of
    the fold. placed: whether each row says where it is; such a list is beside others, and all in order it is only a fold.
    """
    ordered = tuple(map(_unbroken, worst_first(rows)))
    off = tuple(row for row in ordered if row.status in OFF)
    in_order = tuple(row for row in ordered if row.status not in OFF)
    heads = (first, "Limit", "Measured")
    if not (off or placed):
        off, in_order = in_order, ()
    if off:
        yield Findings(off, caption, heads, trusted, sources, placed)
    if in_order:
        inner = Findings(in_order, f"{caption}, in order", heads, trusted, sources, placed)
        yield Fold(Heading(f"{folded}: {len(in_order)}"), (inner,))


def _unbroken(row: Row) -> Row:
    """The row with no end of a line between a number and its unit."""
    return replace(row, actual=unbroken(row.actual), expected=unbroken(row.expected))


def unbroken(text: str) -> str:
    """The text with no end of a line between a number and its unit."""
    return _UNIT.sub("\u00a0", text)
