"""What the programs of a load measured, as every reader on the control node sees it. Pure.

A field that a program gains is added here, too: what is not named here is left out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from . import answers, shape
from .shape import Shape, WrongShape

SAMPLES = 100_000  # one a second
SHARES = ("p50", "p90", "p95", "p99", "p99.9")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?\+00:00", re.ASCII)
_name, _text, _count = shape.text(answers.NAME), shape.text(answers.TEXT), shape.whole()


def _moment(value: Any, place: str) -> str:
    told: str = _name(value, place)
    if not _MOMENT.fullmatch(told):
        raise WrongShape(place, value, "a time such as 2027-01-31T12:00:00.250+00:00")
    return told


def _digits(value: Any, place: str) -> str:
    told: str = _name(value, place)
    if not (told.isascii() and told.isdigit() and len(told) < 20):
        raise WrongShape(place, value, "a whole number as text")
    return told


def _latency(value: Any, place: str) -> dict[str, Any]:
    """Nothing but a count of 0 without any measurement; quantiles where several generators may be one."""
    some = dict.fromkeys(("mean", *SHARES, "max"), shape.positive)
    found: dict[str, Any] = shape.record({"count": _count}, {**some, "quantiles": shape.pairs})(value, place)
    if found["count"]:
        found = shape.record({"count": _count, **some}, {"quantiles": shape.pairs})(value, place)
        for share, latency in found.get("quantiles", ()):
            if share > 100 or latency * shape.ROUNDED > found["max"]:
                raise WrongShape(f"{place}.quantiles", found["quantiles"], "percents, and latencies up to the maximum")
    return found


def _flow(value: Any, place: str) -> dict[str, Any]:
    """Of k6, with quantiles."""
    found = _latency(value, place)
    if found["count"] and "quantiles" not in found:
        raise WrongShape(f"{place}.quantiles", None, "pairs of numbers")
    return found


def _sample(value: Any, place: str) -> dict[str, Any]:
    phases = ("starting", "connect", "warm_up", "sustained", "between", "ending")
    known = shape.record({"t": shape.number, "phase": shape.one_of(*phases)}, {"error": _text})(value, place)
    numbers = {name: number for name, number in value.items() if name not in known}
    found = {**known, **shape.finite(numbers, place)}
    if "used_memory" in found:
        shape.record(dict.fromkeys(("connected_clients", "used_memory"), shape.positive))(value, place)
    if "keys" in found:
        shape.record(dict.fromkeys(("evicted", "expired"), shape.number))(value, place)
    return found


def _samples(value: Any, place: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shape.items(_sample, SAMPLES)(value, place)
    if any(one["t"] > other["t"] for one, other in zip(found, found[1:])):
        raise WrongShape(place, value, "samples in the order of their time")
    return found


_reached = shape.record(dict.fromkeys(("wanted", "reached"), shape.positive))
_span = shape.all_or_nothing(shape.record(dict.fromkeys(("mean", "median", "max"), shape.positive)))
_offered = {
    **dict.fromkeys(("users", "cache_keys", "value_bytes", "session_bytes", "cache_ttl", "session_ttl"), _count),
    **dict.fromkeys(("rate", "ramp", "warm_up", "duration", "skew", "write_share"), shape.positive),
}
_measured = shape.record(
    {
        "started": _moment,
        "config": shape.record(_offered, dict.fromkeys(("prefix", "run_id"), _name)),
        "k6": shape.record(
            {
                "sustained": shape.record(
                    {"flows": shape.table(_flow, 20), **dict.fromkeys(("iterations", "dropped_iterations"), _count)},
                    {"sessions_lost": _count},
                )
            }
        ),
        **dict.fromkeys(("baseline", "canary"), shape.table(_latency, 20)),
        "errors": shape.table(shape.positive, 1000),
        "error_examples": shape.items(_text, 100),
        **dict.fromkeys(("rate", "connections"), _reached),
        "trust": shape.items(shape.record({"id": _name, "text": _text}), 100),
        "generator": shape.record(
            {"cores": shape.positive}, dict.fromkeys(("machine_cpu", "k6_cpu", "k6_rss", "runner_cpu"), _span)
        ),
        "versions": shape.record(dict.fromkeys(("k6", "python"), _name)),
        "samples": _samples,
    },
    {
        "cleanup": shape.or_none(shape.record({"removed": _count, "complete": shape.flag, "why": _text})),
        "window": shape.record(
            {}, {"start": shape.record({"info": shape.record({}, {"run_id": _name, "server_time_usec": _digits})})}
        ),
    },
)


def _users(value: Any, place: str) -> dict[str, Any]:
    """Of a generator that left keys behind it has to be known which."""
    found: dict[str, Any] = _measured(value, place)
    if found.get("cleanup") and not found["cleanup"]["complete"]:
        shape.record(dict.fromkeys(("prefix", "run_id"), _name))(found["config"], "config")
    return found


_microseconds = shape.all_or_nothing(shape.record(dict.fromkeys(("p50", "p95", "p99", "max"), shape.positive)))
_phase = shape.record(
    {
        **dict.fromkeys(("jobs", "sent", "added", "completed"), _count),
        **dict.fromkeys(("seconds", "rate"), shape.positive),
        **dict.fromkeys(("enqueue_us", "end_to_end_us", "late_us"), _microseconds),
    }
)
_jobs = shape.record(
    {
        "schema": shape.one_of("redis-jobs/1"),
        **dict.fromkeys(("run", "queue", "library"), _name),
        "started": _moment,
        "seconds": shape.positive,
        "interrupted": shape.flag,
        "offered": shape.record(
            dict.fromkeys(("rate", "seconds"), shape.positive),
            dict.fromkeys(("workers", "concurrency", "payload_bytes", "work_ms"), shape.positive),
        ),
        "phases": shape.record({}, dict.fromkeys(("baseline", "load"), _phase)),
        **dict.fromkeys(("lost", "failed", "unknown", "failed_attempts", "stalled"), _count),
        **dict.fromkeys(("duplicates", "without_data"), _count),
        **dict.fromkeys(("not_done", "add_errors", "worker_errors"), shape.table(_count, 1000)),
        "cpu": shape.record({}, {"producer": shape.positive, "workers": shape.items(shape.positive, 10_000)}),
        "keys_left": shape.or_none(_count),
    }
)
_KINDS: Mapping[str, Shape] = {"users": _users, "jobs": _jobs}


def result(written: Any, kind: str) -> dict[str, Any]:
    """What a program of this kind measured, from its output. Raises WrongShape."""
    found: dict[str, Any] = _KINDS[kind](shape.parsed(written), "")
    return found
