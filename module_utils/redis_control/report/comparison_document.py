"""The document of a comparison of two sets of load tests, made of its record. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Optional

from ...redis_ops.base.findings import Status
from ..figures import at, many, number
from ..load.compare import SAME
from ..verdicts import BETTER, CANNOT_TELL, WORSE
from . import blocks
from .blocks import Block, Heading, Page, Reason, Section, Text
from .document import printable
from .model import Document, Gauge, Row, Sample, Subject, gauge
from .prometheus import seconds

COLUMN = 13  # the longest verdict, and two blanks
ORDER = (WORSE, BETTER, CANNOT_TELL, SAME)
STATUSES = {WORSE: Status.FAIL, BETTER: Status.PASS, SAME: Status.PASS, CANNOT_TELL: Status.SKIP}
PREMISE = "something can be told"
FOOTER = (
    "A number is the median of the runs of one side, ± how far its interval of 95 % goes. p is the chance that noise alone "
    "makes the two sides differ so much."
)


def of(record: Mapping[str, Any]) -> Document:
    """record: as compare.build makes it."""
    shown = printable(record)
    sentence = _sentence(shown)
    word = shown["verdict"].upper()
    doubts = (sentence,) if shown["verdict"] == CANNOT_TELL else ()
    subjects = tuple(_subject(place, shown, doubts) for place in shown["instances"])
    nothing = Subject(suite="comparison", heading="", premise=PREMISE, doubts=doubts, listed=False)
    return Document(
        kind="load test comparison",
        verdict=shown["verdict"],
        exit_code=shown["exit_code"],
        time=shown["time"],
        seconds=0,
        doubt=CANNOT_TELL.upper(),
        subjects=subjects or (nothing,),
        notes=(*(("", text) for text in _left_out(shown)), *(("note: ", note) for note in shown["notes"])),
        summary=(f"{word}: {sentence}",),
        gauges=_gauges(shown),
        page=Page(
            title=f"{word}: Redis load tests compared ({at(shown['time'])})",
            word=word,
            sentences=(f"{sentence[:1].upper()}{sentence[1:]}.",),
            about=f"{shown['a']['name']} against {shown['b']['name']}, compared {at(shown['time'])}",
            reasons=tuple(_reasons(shown)),
            blocks=tuple(_blocks(shown)),
            footer=FOOTER,
        ),
        record=record,
        column=COLUMN,
    )


def _ordered(place: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The measures that moved, what changed first."""
    moved = (measure for measure in place["measures"] if _moved(measure))
    return sorted(moved, key=lambda measure: ORDER.index(measure["verdict"]))


def _moved(measure: Mapping[str, Any]) -> bool:
    return len({*measure["a"], *measure["b"]}) > 1


def _subject(place: Mapping[str, Any], record: Mapping[str, Any], doubts: tuple[str, ...]) -> Subject:
    a, b = record["a"], record["b"]
    differences = [f"{found['what']}: {found['a']} -> {found['b']}" for found in place["differences"]]
    always = [f"{measure['name']} {_plain(measure['a_median'])}" for measure in _still(place)]
    return Subject(
        suite=f"{place['host']}.{place['instance']}",
        heading=f"{place['host']} {place['instance']}: {_runs(b)} against {_runs(a)}",
        before=(
            ("load", _load(place["offered"])),
            *(("differs", text) for text in differences or ["nothing that the reports tell of"]),
        ),
        rows=tuple(_row(measure, place, record) for measure in _ordered(place)),
        after=(("always", ", ".join(always)),) if always else (),
        premise=PREMISE,
        doubts=doubts,
    )


def _still(place: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [measure for measure in place["measures"] if not _moved(measure)]


def _runs(side: Mapping[str, Any]) -> str:
    return f"{many(len(side['runs']), 'run')} of {side['name']}"


def _load(offered: Mapping[str, str]) -> str:
    kinds = []
    for kind in (name for name in offered if ":" not in name):
        options = {name.partition(": ")[2]: text for name, text in offered.items() if name.startswith(f"{kind}:")}
        kinds.append(f"{kind} ({', '.join(f'{name} {text}' for name, text in options.items())})")
    return ", ".join(kinds) or "somebody else's"


def _row(measure: Mapping[str, Any], place: Mapping[str, Any], record: Mapping[str, Any]) -> Row:
    before, after = _side(measure, "a"), _side(measure, "b")
    change = _change(measure)
    told = ", ".join(filter(None, [f"{before} -> {after}", change, _interval(measure), _reason(measure, record)]))
    return Row(
        id=measure["name"],
        mark=measure["verdict"],
        status=STATUSES[measure["verdict"]],
        what=measure["name"],
        actual=after,
        expected=before,
        told=told,
        columns=(measure["name"], before, after, change, _reason(measure, record)),
        where=f"{place['host']} {place['instance']}",
        remedy=f"{measure['better']} is better",
    )


def _side(measure: Mapping[str, Any], side: str) -> str:
    """1.22 ms ±3%: the median of one side and how far its interval goes, as Go's benchstat shows it."""
    median, low, high = (measure.get(f"{side}_{name}") for name in ("median", "low", "high"))
    told = f"{_plain(median)}{measure['unit']}"
    if not median or low is None or high is None:
        return told
    return f"{told} ±{100 * max(high / median - 1, 1 - low / median):.0f}%"


def _plain(value: Optional[float]) -> str:
    return "?" if value is None else number(value)


def _change(measure: Mapping[str, Any]) -> str:
    return (
        "" if measure["p"] is None else f"{_percent(measure['change'])}%" if measure["change"] is not None else "from 0"
    )


def _interval(measure: Mapping[str, Any]) -> str:
    ends = (measure["change_low"], measure["change_high"])
    return "" if None in ends else f"{_percent(ends[0])} to {_percent(ends[1])}%"


def _percent(value: float) -> str:
    return f"{round(value, 1) or 0:+.1f}" if abs(value) < 10 else f"{value:+.0f}"


def _reason(measure: Mapping[str, Any], record: Mapping[str, Any]) -> str:
    if measure["p"] is not None:
        return f"p {measure['p']:.2g}"
    return "" if _too_few(record) else str(measure["why"])


def _too_few(record: Mapping[str, Any]) -> bool:
    return any(len(record[side]["runs"]) < record["fewest"] for side in "ab")


def _sentence(record: Mapping[str, Any]) -> str:
    if _too_few(record):
        sizes = " and ".join(f"{len(record[side]['runs'])} of {record[side]['name']}" for side in "ab")
        return f"valid runs: {sizes}; {record['fewest']} of each are needed at the least"
    counts = Counter(measure["verdict"] for place in record["instances"] for measure in place["measures"])
    told = [f"{counts[WORSE]} worse", f"{counts[BETTER]} better", f"{counts[SAME]} the same"]
    told.append(f"{counts[CANNOT_TELL]} cannot be told")
    end = f"; a change is {record['effect']:g} % or more" if record["verdict"] != CANNOT_TELL else ""
    return f"of {many(sum(counts.values()), 'measure')} {', '.join(told)}{end}"


def _left_out(record: Mapping[str, Any]) -> Iterator[str]:
    for side in (record["a"], record["b"]):
        for left in side["left_out"]:
            yield f"left out of {side['name']}: {left['file']} is INVALID: {left['reason']}"


# --- page -------------------------------------------------------------------------------------------------------------


def _reasons(record: Mapping[str, Any]) -> Iterator[Reason]:
    several = len(record["instances"]) > 1
    for place in record["instances"]:
        where = f"{place['host']} {place['instance']}, " if several else ""
        for measure in _ordered(place):
            if measure["verdict"] == WORSE:
                numbers = f", {_side(measure, 'a')} -> {_side(measure, 'b')}"
                yield Reason(_change(measure), f"{where}{measure['name']}: ", numbers)


def _blocks(record: Mapping[str, Any]) -> Iterator[Block]:
    for text in (*_left_out(record), *record["notes"]):
        yield Text(text, "note")
    for index, place in enumerate(record["instances"], start=1):
        yield Section(tuple(_place(place, record)), f"instance-{index}")


def _place(place: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Block]:
    a, b = record["a"], record["b"]
    yield Heading(f"{place['host']} {place['instance']}", f"{_runs(b)} against {_runs(a)}")
    yield Text(_load(place["offered"]), strong="Load: ")
    if place["differences"]:
        rows = tuple((found["what"], found["a"], found["b"]) for found in place["differences"])
        yield blocks.Table(("What differs", a["name"], b["name"]), rows, "Configuration, versions and load generators")
    else:
        yield Text("Nothing that the reports tell of differs between the two sides.")
    measures = _ordered(place)
    if measures:
        yield blocks.Table(
            heads=("Measure", "Before", "After", "Change", "Its interval", "p"),
            rows=tuple(
                (
                    measure["name"],
                    *(_side(measure, side) for side in "ab"),
                    _change(measure),
                    _interval(measure),
                    _reason(measure, record).removeprefix("p "),
                )
                for measure in measures
            ),
            caption="Medians with their intervals, what changed first",
            marks=tuple(measure["verdict"] for measure in measures),
        )
    still = ", ".join(f"{measure['name']} {_plain(measure['a_median'])}" for measure in _still(place))
    if still:
        yield Text(still, strong="The same in every run: ")


def _gauges(record: Mapping[str, Any]) -> tuple[Gauge, ...]:
    places = [((("host", place["host"]), ("instance", place["instance"])), place) for place in record["instances"]]
    return (
        Gauge(
            "redis_loadtest_compare_measures",
            "How many measures of an instance have each verdict.",
            tuple(
                Sample(
                    sum(measure["verdict"] == verdict for measure in place["measures"]), (*labels, ("verdict", verdict))
                )
                for labels, place in places
                for verdict in ORDER
            ),
        ),
        Gauge(
            "redis_loadtest_compare_change_percent",
            "The change of each measure, where there were enough runs and it was not 0 before.",
            tuple(
                Sample(measure["change"], (*labels, ("measure", measure["name"])))
                for labels, place in places
                for measure in place["measures"]
                if measure["change"] is not None
            ),
        ),
        gauge(
            "redis_loadtest_compare_exit_code",
            "Of the last comparison: 0 better or not worse, 2 worse, 3 cannot tell.",
            record["exit_code"],
        ),
        gauge(
            "redis_loadtest_compare_last_run_timestamp_seconds",
            "When the last comparison was made.",
            seconds(record["time"]),
        ),
    )
