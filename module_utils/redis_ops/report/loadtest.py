"""The document of one load test, from which every output is made. Pure. docs/load-testing.md describes it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ..findings import as_records
from ..load import window
from ..load.targets import Target
from ..load.verdict import EXIT_CODES, FAIL, INVALID, PASS, judge

SCHEMA = "redis-loadtest/1"
OPERATIONS = 10_000  # below this a window proves nothing


def build(
    hosts: Mapping[str, Mapping[str, Sequence[Mapping[str, Any]]]],
    targets: Sequence[Target],
    *,
    time: str,
    inventory: str,
    clients: Optional[Mapping[str, Any]] = None,
) -> dict[str, Any]:
    """hosts: host -> 'before', 'after' and perhaps 'cooled' -> snapshots of its instances.

    clients: what the load generator measured, with 'metrics' and 'distrust'; None where somebody else made the load.
    """
    told = clients or {}
    places = [
        _place(host, before, snapshots, targets, told)
        for host, snapshots in sorted(hosts.items())
        for before in snapshots.get("before", ())
    ]
    done = sum(place["metrics"].get("operations") or 0 for place in places)
    distrust = [f"only {done:.0f} operations in all: that is no load"] if done < OPERATIONS else []
    words = [*(place["verdict"] for place in places), *([INVALID] if distrust else [])]
    word = INVALID if not words or INVALID in words else FAIL if FAIL in words else PASS
    return {
        "schema": SCHEMA,
        "time": time,
        "inventory": inventory,
        "verdict": word,
        "exit_code": EXIT_CODES[word],
        "distrust": distrust,
        "instances": places,
        "generator": dict(told),
    }


def _place(
    host: str,
    before: Mapping[str, Any],
    snapshots: Mapping[str, Sequence[Mapping[str, Any]]],
    targets: Sequence[Target],
    clients: Mapping[str, Any],
) -> dict[str, Any]:
    name = before["instance"]
    after, cooled = (_of(snapshots.get(which, ()), name) for which in ("after", "cooled"))
    if after is None:
        seen = window.Window(0, {}, {}, ("there is no second snapshot",))
    else:
        seen = window.between(before, after, cooled)
    config = before["config"]
    verdict = judge(
        {**seen.metrics, **clients.get("metrics", {})},
        targets,
        instance=name,
        evicts=config.get("maxmemory-policy") != "noeviction" and config.get("maxmemory", "0") != "0",
        queue=bool(before.get("queue")),
        notes=seen.notes,
        distrust=[*seen.void, *clients.get("distrust", ())],
    )
    return {
        "host": host,
        "instance": name,
        "server": before["server"],
        "seconds": round(seen.seconds, 1),
        "verdict": verdict.word,
        "distrust": list(verdict.distrust),
        "metrics": dict(seen.metrics),
        "notes": {metric: note for metric, note in seen.notes.items() if note},
        "findings": as_records(verdict.findings),
        "config": dict(config),
    }


def _of(snapshots: Sequence[Mapping[str, Any]], name: str) -> Optional[Mapping[str, Any]]:
    return next((snapshot for snapshot in snapshots if snapshot["instance"] == name), None)


def render(document: Mapping[str, Any], report: str = "") -> list[str]:
    """The report as lines for a terminal: verdict last."""
    lines = []
    for place in document["instances"]:
        lines.append(
            f"{place['host']} {place['instance']}  {place['server']}: {place['verdict']} over {place['seconds']} s"
        )
        lines += [f"  NOT TRUSTED  {reason}" for reason in place["distrust"]]
        lines += [
            f"  {finding['status']:<5} {finding['subject'].partition(': ')[2]}: {finding['actual']} (target {finding['expected']})"
            + (f"\n        -> {finding['remedy']}" if finding["remedy"] else "")
            for finding in place["findings"]
        ]
    lines.append("")
    lines += [f"NOT TRUSTED  {reason}" for reason in document["distrust"]]
    if report:
        lines.append(f"report: {report}")
    lines.append(f"{document['verdict']}: {_sentence(document)}")
    return [line for text in lines for line in text.split("\n")]


def _sentence(document: Mapping[str, Any]) -> str:
    failed = sum(finding["status"] == "FAIL" for place in document["instances"] for finding in place["findings"])
    return {
        PASS: "every target was met",
        FAIL: f"{failed} target{'' if failed == 1 else 's'} missed",
        INVALID: "the measurement cannot be trusted, so it proves nothing; mend what is named and measure again",
    }[document["verdict"]]
