"""The page of a load test, in the order in which a person needs it. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...redis_ops.base.findings import Status
from ..figures import at, many, number
from ..verdicts import FAIL, INVALID, LOAD_TEST, PASS
from . import blocks, findings, load_tables
from .blocks import Block, Fold, Heading, Page, Reason, Section, Text, Tile
from .load_plots import drawings
from .model import Row

OPEN = 3  # of more instances than these, those that passed are folded
NAMED = 5  # so many misses stand in the head of the page
UNFOLDED = 6  # so many events of the server are shown at once
EXAMPLES = 3  # so many errors in their own words
TILES = {  # metrics that everybody asks for first
    "session_p95_ms": "sessions, p95",
    "cache_p95_ms": "cache, p95",
    "job_p95_ms": "adding a job, p95",
    "job_end_to_end_ms": "a job done, p95",
    "ops_per_second": "operations",
    "hit_ratio": "hit ratio",
    "evicted_share": "keys evicted",
    "memory_share": "memory, peak",
    "main_thread_cpu": "main thread",
}


FOOTER = (
    "p95 is the time within which 95 of 100 operations ended. A counter is compared before and after, and never reset."
)
Rows = Mapping[tuple[str, str], Sequence[Row]]  # the thresholds of each host and instance


def of(record: Mapping[str, Any], thresholds: Rows, checks: Sequence[Row]) -> Page:
    """The page of a record of which every text is printable. thresholds, checks: its findings as rows."""
    label = f"{record['label']}, " if record.get("label") else ""
    title = f" {record['label']}" if record.get("label") else ""
    return Page(
        title=f"{record['verdict']}: Redis load test{title} ({at(record['time'])})",
        word=record["verdict"],
        sentences=(_sentence(record, [row for rows in thresholds.values() for row in rows]),),
        about=f"{label}{at(record['time'])}, inventory {record['inventory']}",
        todo=_todo(record, [row for rows in thresholds.values() for row in rows]),
        reasons=tuple(_reasons(record, thresholds)),
        blocks=tuple(_blocks(record, thresholds, checks)),
        footer=FOOTER,
    )


# --- the verdict ------------------------------------------------------------------------------------------------------


def _sentence(record: Mapping[str, Any], rows: Sequence[Row]) -> str:
    missed, warned = (sum(row.status is status for row in rows) for status in (Status.FAIL, Status.WARN))
    judged = sum(row.status is not Status.SKIP for row in rows)
    if record["verdict"] == INVALID:
        return "The measurement cannot be trusted, so it proves nothing, neither good nor bad."
    load = _load(record)
    held = f" under {load}" if load else " by a server under somebody else's load"
    if record["verdict"] == PASS:
        return f"Every target was met{held}" + (f", but for {many(warned, 'warning')}." if warned else ".")
    return f"{missed} of {many(judged, 'target')} missed{held}."


def _load(record: Mapping[str, Any]) -> str:
    """1,000 users, 5,000 operations and 50 jobs a second; '' where somebody else made it."""
    loads = [place["loads"] for place in record["instances"]]
    users = [load["users"]["offered"] for load in loads if load.get("users")]
    jobs = [load["jobs"]["offered"] for load in loads if load.get("jobs")]
    told = [f"{number(sum(load['rate'] for load in users))} operations"] if users else []
    told += [f"{number(sum(load['rate'] for load in jobs))} jobs"] if jobs else []
    people = f"{number(sum(load['users'] for load in users))} users, " if users else ""
    return f"{people}{' and '.join(told)} a second" if told else ""


def _todo(record: Mapping[str, Any], rows: Sequence[Row]) -> str:
    if record["verdict"] == INVALID:
        return "Correct what is named here, and measure again:"
    if record["verdict"] == FAIL:
        return "Correct what is named here, and run the same load again:"
    warned = any(row.status is Status.WARN for row in rows)
    return "Nothing has to be done." + (" What is to be looked at stands first below." if warned else "")


def _reasons(record: Mapping[str, Any], thresholds: Rows) -> Iterator[Reason]:
    """Why it is INVALID, or the first of what was missed."""
    several = len(record["instances"]) > 1
    if record["verdict"] == FAIL:
        misses = [(where, row) for where, rows in thresholds.items() for row in rows if row.status is Status.FAIL]
        for where, row in misses[:NAMED]:
            place = f"{' '.join(where)}, " if several else ""
            remedy = f"{row.prose[:1].upper()}{row.prose[1:]}"
            yield Reason(findings.unbroken(row.actual), f"{place}{row.what}: ", f", wanted {row.expected}. {remedy}.")
        if misses[NAMED:]:
            yield Reason("", after=f"{len(misses[NAMED:])} more, below")
        return
    yield from (Reason("", after=reason) for reason in record["distrust"])
    for place in record["instances"]:
        for reason in place["distrust"]:
            if reason not in record["distrust"]:
                yield Reason(f"{_where(place)}: " if several else "", after=reason)


def _where(place: Mapping[str, Any]) -> str:
    return f"{place['host']} {place['instance']}"


# --- one instance -----------------------------------------------------------------------------------------------------


def _blocks(record: Mapping[str, Any], thresholds: Rows, checks: Sequence[Row]) -> Iterator[Block]:
    order = list(LOAD_TEST.codes)
    worst_first = sorted(record["instances"], key=lambda place: order.index(place["verdict"]))
    places = [
        (f"instance-{index}", place, thresholds[place["host"], place["instance"]])
        for index, place in enumerate(worst_first, start=1)
    ]
    if len(places) > 1:
        yield blocks.MarkedItems(
            tuple(
                blocks.Marked(place["verdict"], _where(place), _judged(place, rows), anchor)
                for anchor, place, rows in places
            )
        )
    for anchor, place, rows in places:
        told = f"{place['server']}, {number(place['seconds'])} s: {_judged(place, rows)}"
        heading = Heading(_where(place), told, place["verdict"])
        inner = tuple(_place(place, rows))
        folded = len(places) > OPEN and place["verdict"] == PASS
        yield Section((Fold(heading, inner, style="long"),) if folded else (heading, *inner), anchor)
    if checks:
        told = findings.counted(checks)
        table = findings.tables(
            checks, "Checks before the load", "Check", "In order, or not judged", sources=False, placed=True
        )
        yield Section((Heading("Before the load", told), *table))
    measured = (block for _, place, _ in places for block in load_tables.facts(place))
    yield Section((Heading("What was measured"), *measured))


def _judged(place: Mapping[str, Any], rows: Sequence[Row]) -> str:
    """How many thresholds were missed and met. Of an INVALID measurement none was."""
    return "no target was judged" if place["verdict"] == INVALID else findings.counted(rows)


def _place(place: Mapping[str, Any], rows: Sequence[Row]) -> Iterator[Block]:
    users, jobs = place["loads"].get("users"), place["loads"].get("jobs")
    trusted = place["verdict"] != INVALID
    if not trusted:
        told = "These numbers show what went wrong with the measurement, and nothing about the server."
        yield Text(told, "doubt", "Not to be trusted. ")
    if place["shortfalls"] and place["verdict"] == FAIL:
        yield Text(f"Short of the plan, which the missed targets explain: {'; '.join(place['shortfalls'])}.")
    tiles = tuple(_tiles(rows, trusted=trusted))
    if tiles:
        yield blocks.Tiles(tiles)
    yield Heading("Targets", level=3)
    yield from findings.tables(
        rows,
        f"Targets of {_where(place)}",
        "Target",
        "Met, or not judged" if trusted else "Other targets",
        trusted=trusted,
    )
    if users:
        yield from _users(place, users, trusted=trusted)
    if jobs:
        yield from load_tables.jobs(jobs, trusted=trusted)
    if users:
        yield from _while_it_ran(users)


def _tiles(rows: Sequence[Row], *, trusted: bool) -> Iterator[Tile]:
    found = {row.name: row for row in rows}
    for metric, name in TILES.items():
        if metric in found:
            row = found[metric]
            # without what a note explains, or what a share is of: the row below has it
            actual, expected = (re.split(r" of | \(", text)[0] for text in (row.actual, row.expected))
            yield Tile(name, actual, expected, row.mark if trusted else "untrusted")


def _users(place: Mapping[str, Any], users: Mapping[str, Any], *, trusted: bool) -> Iterator[Block]:
    groups = tuple(load_tables.latencies(users))
    if groups:
        yield Heading("What clients saw", level=3)
        yield blocks.Numbers(groups, load_tables.SHARES, "Milliseconds, from when the operation was sent", trusted)
        yield from load_tables.reading(place, users)
    errors = tuple(load_tables.errors(users))
    if errors:
        yield Heading("Errors", level=3)
        yield blocks.Items(errors)
        yield from (Text(example, "example") for example in users["error_examples"][:EXAMPLES])


def _while_it_ran(users: Mapping[str, Any]) -> Iterator[Block]:
    plots = drawings(users)
    if plots:
        judged = "of the judged time" if plots.judged else "of all samples: nothing was judged"
        yield Heading("While it ran", level=3)
        yield Text(
            f"Minutes and seconds since the load began. A number is the median, then the highest, {judged}.", "quiet"
        )
        yield plots
        if plots.told:
            heading = Heading(f"What the server did meanwhile: {len(plots.told)}")
            yield Fold(heading, (blocks.Items(plots.told),), open=len(plots.told) <= UNFOLDED)
        yield Text(f"{plots.counted}.")
