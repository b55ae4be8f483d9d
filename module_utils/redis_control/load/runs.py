"""What one load test measured, of what and with which load: read from its report, to compare it with others. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...redis_ops.base.errors import Problem, RedisOpsError
from ..figures import did_you_mean
from .guide import THRESHOLDS
from .thresholds import AT_LEAST

SCHEMA = "redis-loadtest/1"
PERCENTILES = ("p50", "p95", "p99")
IN_DETAIL = {"session_p95_ms", "cache_p95_ms", "job_p95_ms"}  # the same latencies are told by operation
MEBIBYTE = 1024**2


@dataclass(frozen=True)
class Measure:
    """What is measured in each run. latency: as clients saw it."""

    name: str
    unit: str
    higher_is_better: bool = False
    latency: bool = False


@dataclass(frozen=True)
class Place:
    """One instance in one run. measured: numbers from 0. offered: each kind of load, and each of its options. facts: what
    was measured, and with what: server, options, programs.
    """

    measured: Mapping[Measure, float]
    offered: Mapping[str, str]
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Run:
    """time: ISO 8601, UTC. invalid: why nothing in it can be trusted; empty when it can. places: (host, instance) -> it."""

    file: str
    time: str
    label: str
    invalid: str
    places: Mapping[tuple[str, str], Place]


def read(file: str, document: Any) -> Run:
    """The run of a report. Raises RedisOpsError where the document is none."""
    if not isinstance(document, dict) or document.get("schema") != SCHEMA:
        raise RedisOpsError(f"{file}: no report of a load test; expected schema {SCHEMA}; name other files")
    try:
        places = {(str(place["host"]), str(place["instance"])): _place(place) for place in document["instances"]}
        reasons = [*document["distrust"], *(reason for place in document["instances"] for reason in place["distrust"])]
        invalid = "; ".join(dict.fromkeys(map(str, reasons))) or "no reason given"
        return Run(
            file,
            str(document["time"]),
            str(document.get("label") or ""),
            invalid if document["verdict"] == "INVALID" else "",
            places,
        )
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise RedisOpsError(
            f"{file}: {type(error).__name__} {error} in it; expected a whole report of schema {SCHEMA}; leave it out"
        ) from None


def _place(place: Mapping[str, Any]) -> Place:
    loads = place["loads"]
    numbers = {measure: value for measure, value in _measured(place) if _is_number(value)}
    offered = {
        name: text
        for kind, load in sorted(loads.items())
        for name, text in (
            (kind, "yes"),
            *((f"{kind}: {name}", _text(value)) for name, value in load["offered"].items()),
        )
    }
    return Place(numbers, offered, {"server": str(place["server"]), **dict(_programs(loads)), **place["config"]})


def _text(value: Any) -> str:
    """30 and 30.0 are the same load."""
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _measured(place: Mapping[str, Any]) -> Iterator[tuple[Measure, Any]]:
    """Latencies are milliseconds. What judges a run is compared between runs, in the sense of its threshold."""
    users, jobs = (place["loads"].get(kind) or {} for kind in ("users", "jobs"))
    for flow, told in users.get("flows", {}).items():
        for name in PERCENTILES:
            yield Measure(f"{flow} {name}", " ms", latency=True), told.get(name)
    load = jobs.get("phases", {}).get("load", {})
    for what in ("enqueue", "end_to_end"):
        for name in PERCENTILES:
            value = load.get(f"{what}_us", {}).get(name)
            yield Measure(f"job {what} {name}", " ms", latency=True), None if value is None else value / 1000
    used = [sample["used_memory"] for sample in users.get("samples", ()) if "used_memory" in sample]
    yield Measure("memory at its peak", " MiB"), max(used) / MEBIBYTE if used else None
    for threshold in THRESHOLDS:
        value = place["metrics"].get(threshold.metric)
        if threshold.metric in IN_DETAIL or not _is_number(value):
            continue
        if threshold.sense == AT_LEAST and threshold.unit == " %":
            # 97 % of hits instead of 99 is three times the work for what is behind the cache, and not 2 % of anything
            yield Measure(f"100 % - {threshold.metric}", threshold.unit), 100 - value
        else:
            yield Measure(threshold.metric, threshold.unit, higher_is_better=threshold.sense == AT_LEAST), value


def _programs(loads: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, str]]:
    """Who made the load, with what."""
    users, jobs = (loads.get(kind) or {} for kind in ("users", "jobs"))
    for name, version in users.get("versions", {}).items():
        yield f"load generator: {name}", str(version)
    if users.get("generators"):
        told = [f"{generator['name']} ({generator['cores']:g} cores)" for generator in users["generators"]]
        yield "load generators", ", ".join(told)
    if jobs.get("library"):
        yield "load generator of jobs", str(jobs["library"])


def unknown(runs: Sequence[Run], label: str, where: str) -> Problem:
    """That no run has this label. where: the variable that has it."""
    known = sorted({run.label for run in runs} - {""})
    remedy = did_you_mean(label, known, "run load tests with -e redis_loadtest_label=NAME")
    expected = f"a label of runs, here {', '.join(known)}" if known else "a label of runs, and no report has one"
    return Problem(where, f"no run is labelled '{label}'" if label else "is empty", expected, remedy)
