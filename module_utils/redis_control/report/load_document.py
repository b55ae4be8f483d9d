"""The document of a load test, made of its record. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from ...redis_ops.base.findings import Status
from ..verdicts import FAIL, INVALID, PASS
from . import findings, load_page
from .document import printable
from .load_record import JOBS, USERS, doubts
from .model import Document, Gauge, Row, Sample, Subject, gauge
from .prometheus import seconds

TRUST = "the measurement can be trusted"


def of(record: Mapping[str, Any]) -> Document:
    """record: as loadtest.build makes it, see docs/loadtest-report.schema.json."""
    shown = printable(record)
    places = shown["instances"]
    thresholds = {
        (place["host"], place["instance"]): findings.worst_last(
            findings.threshold(finding, f"{place['host']} {place['instance']}") for finding in place["findings"]
        )
        for place in places
    }
    checks = tuple(map(findings.check, shown["checklist"]))
    return Document(
        kind="load test",
        verdict=shown["verdict"],
        exit_code=shown["exit_code"],
        time=shown["time"],
        seconds=max((place["seconds"] for place in places), default=0),
        doubt=INVALID,
        subjects=(
            *check_subjects(checks, listed=(Status.WARN, Status.FAIL)),
            *(_subject(place, thresholds[place["host"], place["instance"]]) for place in places),
            *_nothing(shown),
        ),
        # each instance repeats a doubt about the whole
        notes=() if places else tuple(("NOT TRUSTED  ", reason) for reason in shown["distrust"]),
        summary=(f"{shown['verdict']}: {_sentence(shown, thresholds)}",),
        gauges=_gauges(shown),
        page=load_page.of(shown, thresholds, checks),
        record=record,
    )


def check_subjects(checks: Sequence[Row], *, listed: Sequence[Status] = tuple(Status)) -> Iterator[Subject]:
    """The checks of each host before the load. listed: those of these statuses are shown in a terminal."""
    for host in dict.fromkeys(row.where for row in checks):
        rows = findings.worst_last(row for row in checks if row.where == host)
        yield Subject(
            suite=f"{host}.checklist",
            heading=f"{host} before the load: {findings.counted(rows)}",
            rows=tuple(replace(row, listed=row.status in listed) for row in rows),
            listed=any(row.status in listed for row in rows),
        )


def _subject(place: Mapping[str, Any], rows: tuple[Row, ...]) -> Subject:
    short = place["shortfalls"] if place["verdict"] == FAIL else ()
    return Subject(
        suite=f"{place['host']}.{place['instance']}",
        heading=f"{place['host']} {place['instance']}  {place['server']}: {place['verdict']} over {place['seconds']} s",
        before=tuple(_loads(place["loads"])),
        rows=rows,
        after=(
            *(("SHORT  ", f"{reason}; the missed target explains it") for reason in short),
            *(("NOT TRUSTED  ", reason) for reason in place["distrust"]),
        ),
        premise=TRUST,
        doubts=tuple(place["distrust"]),
    )


def _nothing(record: Mapping[str, Any]) -> Iterator[Subject]:
    """What stands for the instances where none was measured."""
    if not record["instances"]:
        reasons = tuple(record["distrust"]) or ("nothing was measured",)
        yield Subject(suite="load test", heading="", premise=TRUST, doubts=reasons, listed=False)


def _loads(loads: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    users, jobs = loads.get(USERS), loads.get(JOBS)
    if users:
        rate, connections = users["rate"], users["connections"]
        told = (
            f"{connections['reached']:.0f} of {connections['wanted']:.0f} users, {rate['reached']:.0f} of "
            f"{rate['wanted']:.0f} operations per second, for {users['offered']['duration']:g} s"
        )
        yield "load   ", told
    if jobs:
        done = jobs["phases"].get("load", {})
        yield "jobs   ", f"{done.get('completed', 0)} of {done.get('jobs', 0)} done, {done.get('rate', 0)} per second"


def _sentence(record: Mapping[str, Any], thresholds: load_page.Rows) -> str:
    """What it comes to, with what was missed by name: of many instances, the rest has scrolled away."""
    reasons = doubts(record)
    missed, warned = (_named(thresholds, status) for status in (Status.FAIL, Status.WARN))
    return {
        PASS: "every target was met" + (f", with a warning: {warned}" if warned else ""),
        FAIL: f"missed: {missed}",
        INVALID: f"the measurement proves nothing: {reasons[0] if reasons else 'nothing was judged'}",
    }[record["verdict"]]


def _named(thresholds: load_page.Rows, status: Status) -> str:
    """The thresholds with this status, by instance."""
    named = []
    for where, rows in thresholds.items():
        metrics = [row.name for row in rows if row.status is status]
        named += [f"{' '.join(where)} {', '.join(metrics)}"] if metrics else []
    return "; ".join(named)


def _gauges(record: Mapping[str, Any]) -> tuple[Gauge, ...]:
    places = [((("host", place["host"]), ("instance", place["instance"])), place) for place in record["instances"]]
    return (
        Gauge(
            "redis_loadtest_targets",
            "How many targets of an instance have each status.",
            tuple(
                Sample(
                    sum(one["status"] == status.value for one in place["findings"]), (*labels, ("status", status.value))
                )
                for labels, place in places
                for status in Status
            ),
        ),
        Gauge(
            "redis_loadtest_metric",
            "Each metric that was measured, in the unit of its target.",
            tuple(
                Sample(value, (*labels, ("metric", name)))
                for labels, place in places
                for name, value in sorted(place["metrics"].items())
                if value is not None
            ),
        ),
        Gauge(
            "redis_loadtest_trusted",
            "1 where the measurement of an instance can be trusted, 0 where it is INVALID.",
            tuple(Sample(int(place["verdict"] != INVALID), labels) for labels, place in places),
        ),
        gauge("redis_loadtest_exit_code", "Of the last load test: 0 PASS, 2 FAIL, 3 INVALID.", record["exit_code"]),
        gauge("redis_loadtest_last_run_timestamp_seconds", "When the last load test ended.", seconds(record["time"])),
    )
