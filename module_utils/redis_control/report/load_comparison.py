"""The comparison of two sets of load tests as lines for a terminal: what changed first, the verdict last. Pure."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ..figures import many, number
from ..load.compare import SAME
from ..verdicts import BETTER, CANNOT_TELL, WORSE

WIDTH = 120
_ORDER = (WORSE, BETTER, CANNOT_TELL, SAME)


def render(document: Mapping[str, Any], report: str = "") -> list[str]:
    """report: where the document is."""
    lines: list[str] = []
    for place in document["instances"]:
        lines += [*_place(place, document), ""]
    for side in (document["a"], document["b"]):
        for left in side["left_out"]:
            lines += _wrapped(f"left out of {side['name']}: ", f"{left['file']} is INVALID: {left['reason']}")
    for note in document["notes"]:
        lines += _wrapped("note: ", note)
    return [*lines, *([f"report: {report}"] if report else []), _sentence(document)]


def _place(place: Mapping[str, Any], document: Mapping[str, Any]) -> Iterator[str]:
    a, b = document["a"], document["b"]
    yield (
        f"{place['host']} {place['instance']}: {many(len(b['runs']), 'run')} of {b['name']} against "
        f"{many(len(a['runs']), 'run')} of {a['name']}"
    )
    yield from _wrapped("  load         ", ", ".join(_load(place["offered"])) or "somebody else's")
    for found in place["differences"]:
        yield from _wrapped("  differs      ", f"{found['what']}: {found['a']} -> {found['b']}")
    if not place["differences"]:
        yield "  differs      nothing that the reports tell of"
    moved = [row for row in place["measures"] if len({*row["a"], *row["b"]}) > 1]
    names = max((len(row["name"]) for row in moved), default=0)
    numbers = max((len(_medians(row)) for row in moved), default=0)
    for row in sorted(moved, key=lambda row: _ORDER.index(row["verdict"])):
        start = f"  {row['verdict']:<11}  {row['name']:<{names}}  {_medians(row):<{numbers}}"
        yield f"{start}  {_change(row):<24}  {_reason(row, document)}".rstrip()
    still = [f"{row['name']} {_number(row['a_median'])}" for row in place["measures"] if row not in moved]
    if still:
        yield from _wrapped("  always       ", ", ".join(still))


def _load(offered: Mapping[str, str]) -> Iterator[str]:
    for kind in (name for name in offered if ":" not in name):
        options = {name.partition(": ")[2]: text for name, text in offered.items() if name.startswith(f"{kind}:")}
        yield f"{kind} ({', '.join(f'{name} {text}' for name, text in options.items())})"


def _medians(row: Mapping[str, Any]) -> str:
    return f"{_number(row['a_median'])} -> {_number(row['b_median'])}{row['unit']}"


def _number(value: Optional[float]) -> str:
    return "?" if value is None else number(value)


def _change(row: Mapping[str, Any]) -> str:
    """With its interval of 95 %."""
    if row["p"] is None:
        return ""
    return f"{_percent(row['change'])} % ({_percent(row['change_low'])} to {_percent(row['change_high'])})"


def _percent(value: Optional[float]) -> str:
    if value is None:
        return "from 0"
    return f"{round(value, 1) or 0:+.1f}" if abs(value) < 10 else f"{value:+.0f}"


def _reason(row: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    if row["why"]:
        return "" if _too_few(document) else str(row["why"])
    return f"p {row['p']:.2g}"


def _too_few(document: Mapping[str, Any]) -> bool:
    return any(len(document[side]["runs"]) < document["fewest"] for side in "ab")


def _sentence(document: Mapping[str, Any]) -> str:
    word = str(document["verdict"]).upper()
    if _too_few(document):
        sizes = " and ".join(f"{len(document[side]['runs'])} of {document[side]['name']}" for side in "ab")
        return f"{word}: valid runs: {sizes}; {document['fewest']} of each are needed at the least"
    counts = Counter(row["verdict"] for place in document["instances"] for row in place["measures"])
    told = [f"{counts[WORSE]} worse", f"{counts[BETTER]} better", f"{counts[SAME]} the same"]
    told.append(f"{counts[CANNOT_TELL]} cannot be told")
    end = f"; a change is {document['effect']:g} % or more" if document["verdict"] != CANNOT_TELL else ""
    return f"{word}: of {many(sum(counts.values()), 'measure')} {', '.join(told)}{end}"


def _wrapped(start: str, told: str) -> Sequence[str]:
    return textwrap.wrap(
        told,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * (len(start) if start.startswith(" ") else 2),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start]
