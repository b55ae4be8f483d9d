"""The record of one load test, which load_document.py makes every output of. Pure. docs/loadtest-report.schema.json describes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ...redis_ops.base.findings import as_records
from ...redis_ops.plan.eviction import Limit
from ..load import clients, merge, window
from ..load.thresholds import Threshold
from ..load.verdict import judge
from ..verdicts import LOAD_TEST

SCHEMA = "redis-loadtest/1"
OPERATIONS = 10_000  # below this a window proves nothing
USERS, JOBS = "users", "jobs"

Snapshots = Mapping[str, Sequence[Mapping[str, Any]]]


def build(
    hosts: Mapping[str, Snapshots],
    thresholds: Sequence[Threshold],
    *,
    time: str,
    inventory: str,
    label: str = "",
    runs: Sequence[Mapping[str, Any]] = (),
    checklist: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """hosts: host -> 'before', 'after' and perhaps 'cooled' -> snapshots of its instances.

    runs: what the load generators measured, empty where somebody else made the load: host, instance, kind (users or
    jobs), name of the generator, result (None without one) and said, what the program said then.
    checklist: the findings before the load, each with its host.
    """
    places = [
        _place(host, before, snapshots, thresholds, runs)
        for host, snapshots in sorted(hosts.items())
        for before in snapshots.get("before", ())
    ]
    distrust = _no_load(places)
    places = [
        {**place, "verdict": LOAD_TEST.part(place["verdict"], distrust), "distrust": [*place["distrust"], *distrust]}
        for place in places
    ]
    word = LOAD_TEST.whole((place["verdict"] for place in places), distrust)
    return {
        "schema": SCHEMA,
        "time": time,
        "inventory": inventory,
        "label": label,
        "verdict": word,
        "exit_code": LOAD_TEST.codes[word],
        "distrust": distrust,
        "checklist": list(checklist),
        "instances": places,
    }


def _no_load(places: Sequence[Mapping[str, Any]]) -> list[str]:
    """Of a load that somebody else made; of users of our own it was planned how much they do, see redis_load_numbers.py."""
    counted = [place["metrics"]["operations"] for place in places if "operations" in place["metrics"]]
    if any(USERS in place["loads"] for place in places) or len(counted) < len(places) or sum(counted) >= OPERATIONS:
        return []
    return [f"only {sum(counted):.0f} operations in all: that is no load"]


def _place(
    host: str,
    before: Mapping[str, Any],
    snapshots: Snapshots,
    thresholds: Sequence[Threshold],
    runs: Sequence[Mapping[str, Any]],
) -> dict[str, Any]:
    name = before["instance"]
    mine = [run for run in runs if (run["host"], run["instance"]) == (host, name)]
    loads, failed = _loads(mine)
    _mark_slow_log(loads, before, _of(snapshots.get("after", ()), name))
    strained = _strained(mine, runs)
    seen = _window(before, snapshots, name)
    told = clients.told(loads)
    metrics = {**seen.metrics, **told.metrics}
    if loads and USERS not in loads:
        metrics.pop("ops_per_second", None)  # the guide's number is for users, not for jobs
    notes = {**seen.notes, **told.notes}
    config = before["config"]
    verdict = judge(
        metrics,
        thresholds,
        instance=name,
        evicts=Limit.of(config).evicts,
        queue=JOBS in loads or bool(before.get("has_queues")),
        notes=notes,
        distrust=[*seen.void, *failed, *strained, *_elsewhere(before, snapshots, mine), *told.distrust],
        shortfalls=told.shortfalls,
    )
    return {
        "host": host,
        "instance": name,
        "server": before["server"],
        "seconds": round(seen.seconds, 1),
        "verdict": verdict.word,
        "distrust": list(verdict.distrust),
        "shortfalls": list(told.shortfalls),
        "metrics": metrics,
        "notes": {metric: note for metric, note in notes.items() if note and metric in metrics},
        "findings": as_records(verdict.findings),
        "config": dict(config),
        "loads": loads,
    }


def _mark_slow_log(loads: Mapping[str, Any], before: Mapping[str, Any], after: Optional[Mapping[str, Any]]) -> None:
    """Among the samples, which the time plots show."""
    if USERS in loads and after and "slowlog" in after:
        users = loads[USERS]
        users["samples"] = merge.with_slow_log(
            users["samples"], after["slowlog"]["entries"], before["slowlog"]["last_id"]
        )


def _elsewhere(before: Mapping[str, Any], snapshots: Snapshots, runs: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Generators whose users came to another server than the one that was looked at, by a tunnel or an address that moved.

    A server that restarted has a new run_id as well; the second look has that one, too, and tells it.
    """
    after = _of(snapshots.get("after", ()), before["instance"]) or {}
    known = (before.get("run_id"), after.get("run_id"))
    for run in runs:
        met = ((run["result"] or {}).get("window") or {}).get("start", {}).get("info", {}).get("run_id")
        if met and known[0] and met not in known:
            yield (
                f"{run['name']}: the load went to another server than the one that was looked at: its run_id is {met[:8]}, "
                f"expected {known[0][:8]}: see the address, the port, and what forwards them"
            )


def _window(before: Mapping[str, Any], snapshots: Snapshots, name: str) -> window.Window:
    after, cooled = (_of(snapshots.get(which, ()), name) for which in ("after", "cooled"))
    if after is None or "down" in after:
        return window.Window(0, {}, {}, (after["down"] if after else "there is no second snapshot",))
    if cooled is not None and "down" in cooled:
        return window.Window(0, {}, {}, (f"after the load {cooled['down']}",))
    return window.between(before, after, cooled)


def _loads(runs: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], list[str]]:
    """What the generators measured, and which of them have no result."""
    loads: dict[str, Any] = {}
    failed = [f"{run['name']}: no result: {run['said'] or 'it said nothing'}" for run in runs if not run["result"]]
    users = [run for run in runs if run["kind"] == USERS and run["result"]]
    jobs = [run for run in runs if run["kind"] == JOBS and run["result"]]
    if users:
        loads[USERS] = merge.users(users)
    if jobs:
        loads[JOBS] = dict(jobs[0]["result"])
    return loads, failed


def _strained(mine: Sequence[Mapping[str, Any]], runs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Jobs say nothing of how busy their machine was: users from the same generator do."""
    generators = {run["name"] for run in mine if run["kind"] == JOBS}
    return [
        f"{run['name']}, which made the jobs: {doubt['text']}"
        for run in runs
        if run["kind"] == USERS and run["name"] in generators and run["result"] and run not in mine
        for doubt in run["result"]["trust"]
        if doubt["id"] in ("generator_cpu", "late")
    ]


def _of(snapshots: Sequence[Mapping[str, Any]], name: str) -> Optional[Mapping[str, Any]]:
    return next((snapshot for snapshot in snapshots if snapshot["instance"] == name), None)


def doubts(document: Mapping[str, Any]) -> list[str]:
    """Why the measurement cannot be trusted, each reason once."""
    own = (reason for place in document["instances"] for reason in place["distrust"])
    return list(dict.fromkeys([*document["distrust"], *own]))
