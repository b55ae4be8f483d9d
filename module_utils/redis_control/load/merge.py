"""What several load generators measured, as one. Pure.

k6 tells of each latency how many measurements there were and about 120 of its quantiles. Percentiles cannot be averaged, but
distributions can be added: that of all generators is the mean of theirs, weighted by how much each measured.
"""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

NAMED = {"p50": 50.0, "p90": 90.0, "p95": 95.0, "p99": 99.0, "p99.9": 99.9}
TOGETHER = 2  # seconds between the first generator and the last one
_HALVINGS = 60  # of an interval, until it is a point


def latencies(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One summary of several: count, mean, max and the percentiles, in their unit; only a count of 0 without any.

    parts: each with count, mean, max and quantiles, pairs of percent and value, both rising.
    """
    parts = [part for part in parts if part["count"]]
    if not parts:
        return {"count": 0}
    count = sum(part["count"] for part in parts)
    return {
        "count": count,
        "mean": sum(part["mean"] * part["count"] for part in parts) / count,
        **{name: _quantile(parts, count, percent) for name, percent in NAMED.items()},
        "max": max(part["max"] for part in parts),
    }


def _quantile(parts: Sequence[Mapping[str, Any]], count: int, percent: float) -> float:
    curves = [_curve(part) for part in parts]
    if len(curves) == 1:
        shares, values = curves[0]
        return _between(shares, values, percent)
    low, high = 0.0, float(max(part["max"] for part in parts))
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        below = sum(part["count"] * _between(values, shares, middle) for part, (shares, values) in zip(parts, curves))
        low, high = (middle, high) if below < percent * count else (low, middle)
    return high


def _curve(part: Mapping[str, Any]) -> tuple[list[float], list[float]]:
    """Percents and values from nothing to the maximum."""
    points = [(0.0, 0.0), *((float(share), float(value)) for share, value in part["quantiles"]), (100.0, part["max"])]
    return [share for share, _ in points], [value for _, value in points]


def _between(given: Sequence[float], wanted: Sequence[float], at: float) -> float:
    """On the straight line between the two points around it; where several are at the same place, the last of them."""
    right = bisect.bisect_right(given, at)
    if right == 0:
        return wanted[0]
    if right == len(given):
        return wanted[-1]
    span = given[right] - given[right - 1]
    return wanted[right - 1] + (wanted[right] - wanted[right - 1]) * (at - given[right - 1]) / span


def users(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The load of all users on one server, as docs/loadtest-report.schema.json has it.

    parts: one for each generator, with its name, and as result what `redis_load users` wrote. What is seen of the server is
    the first one's: all of them look at the same.
    """
    results = [part["result"] for part in parts]
    first = results[0]
    flows = {
        name: latencies([result["k6"]["sustained"]["flows"][name] for result in results]) for name in _flows(results)
    }
    judged = [sample["t"] for sample in first["samples"] if sample["phase"] == "sustained"]
    return {
        "offered": {name: first["config"][name] for name in _OFFERED},
        "started": first["started"],
        "window": [judged[0], judged[-1]] if judged else [],
        "flows": flows,
        "sessions": latencies(
            [
                result["k6"]["sustained"]["flows"][name]
                for result in results
                for name in _flows([result])
                if "session" in name
            ]
        ),
        "baseline": first["baseline"],
        "canary": first["canary"],
        "errors": _sum([result["errors"] for result in results]),
        "error_examples": sorted({text for result in results for text in result["error_examples"]})[:10],
        "rate": _sum([result["rate"] for result in results]),
        "connections": _sum(
            [{name: result["connections"][name] for name in ("wanted", "reached")} for result in results]
        ),
        "iterations": sum(result["k6"]["sustained"]["iterations"] for result in results),
        "dropped": sum(result["k6"]["sustained"]["dropped_iterations"] for result in results),
        "sessions_lost": sum(result["k6"]["sustained"].get("sessions_lost", 0) for result in results),
        "keys_left": list(_left(parts)),
        "trust": [{**doubt, "generator": part["name"]} for part in parts for doubt in part["result"]["trust"]]
        + list(_apart(parts)),
        "generators": [{"name": part["name"], **part["result"]["generator"]} for part in parts],
        "versions": {name: first["versions"][name] for name in ("k6", "python")},
        "samples": first["samples"],
    }


def with_slow_log(
    samples: Sequence[Mapping[str, Any]], entries: Sequence[Mapping[str, Any]], last_id: int
) -> list[dict[str, Any]]:
    """The samples, each with slowlog_id: of the newest entry of the slow log that was there at that time.

    A load generator may not read the log, which has arguments of everybody's commands. entries: as the look after the load
    found them, with seconds of the server's clock, which is in the samples as well. last_id: of the newest entry before.
    """
    logged = sorted((entry["time"], entry["id"]) for entry in entries)
    times = [time for time, _ in logged]
    found = []
    for sample in samples:
        if "server_time" not in sample:
            found.append(dict(sample))
            continue
        before = bisect.bisect_right(times, sample["server_time"])
        newest = max((number for _, number in logged[:before]), default=last_id)
        found.append({**sample, "slowlog_id": max(newest, last_id)})
    return found


_OFFERED = (
    *("users", "rate", "ramp", "warm_up", "duration", "cache_keys", "value_bytes", "session_bytes"),
    *("cache_ttl", "session_ttl", "skew", "write_share"),
)


def _left(parts: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Of each generator that could not remove the keys of the run: the most that may be left, as it counts those only
    that it removed.
    """
    for part in parts:
        done, config = part["result"].get("cleanup"), part["result"]["config"]
        if done and not done["complete"]:
            # besides those of the users the single user's and the probe's
            keys = config["cache_keys"] + config["users"] + 2 - done["removed"]
            pattern = f"{config['prefix']}:{config['run_id']}:*"
            yield {"generator": part["name"], "keys": max(keys, 1), "pattern": pattern, "why": done["why"]}


def _apart(parts: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, str]]:
    """Generators that did not measure at the same time, by the clock of the server that all of them asked."""
    begun = {
        part["name"]: int(start["info"]["server_time_usec"]) / 1e6
        for part in parts
        if (start := part["result"].get("window", {}).get("start")) and "server_time_usec" in start["info"]
    }
    late = max(begun, key=lambda name: begun[name], default="")
    behind = begun[late] - min(begun.values()) if begun else 0.0
    if behind > TOGETHER:
        text = f"it began {behind:.1f} s after the first generator; expected {TOGETHER} s at most: set their clocks"
        yield {"id": "apart", "text": text, "generator": late}


def _flows(results: Sequence[Mapping[str, Any]]) -> list[str]:
    """Those that every generator has: one that was stopped early has none."""
    return [
        name
        for name in results[0]["k6"]["sustained"]["flows"]
        if all(name in result["k6"]["sustained"]["flows"] for result in results)
    ]


def _sum(parts: Sequence[Mapping[str, float]]) -> dict[str, float]:
    names = sorted({name for part in parts for name in part})
    return {name: sum(part.get(name, 0) for part in parts) for name in names}
