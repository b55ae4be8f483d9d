"""What the load's own clients say of an instance: metrics to judge, and what speaks against them. Pure.

loads: of one instance, as docs/loadtest-report.schema.json has it: perhaps 'users' (k6) and perhaps 'jobs' (BullMQ).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from . import window

# What a server that is too slow brings about, too: with no missed target to explain it, the measurement is in doubt.
SHORTFALLS = ("dropped", "rate", "connections", "no_answer")
_OFFENDED = ("interrupted",)  # errors that the end of the load makes, not the server
LATE_US = 10_000  # a producer of jobs that is this late, 95 of 100, is what was measured
BUSY = 0.9  # of one processor


@dataclass(frozen=True)
class Clients:
    """metrics: name -> number, None where there is too little to say. notes: metric -> what explains its number.
    distrust: why the numbers cannot be trusted. shortfalls: what fell short of the plan, by a slow server or otherwise.
    """

    metrics: Mapping[str, Optional[float]] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    distrust: Sequence[str] = ()
    shortfalls: Sequence[str] = ()


def told(loads: Mapping[str, Mapping[str, Any]]) -> Clients:
    """Of the loads of one instance; nothing where somebody else made them."""
    users, jobs = loads.get("users"), loads.get("jobs")
    metrics: dict[str, Optional[float]] = {}
    notes: dict[str, str] = {}
    doubts: list[tuple[str, str]] = []
    if users:
        metrics.update(_users(users, notes))
        doubts += [(doubt["id"], _placed(users, doubt)) for doubt in users["trust"]]
    if jobs:
        metrics.update(_jobs(jobs, notes))
        doubts += [("jobs", text) for text in _doubts_of_jobs(jobs)]
    metrics["keys_left"] = _left(users, jobs, notes)
    return Clients(
        metrics,
        notes,
        [text for name, text in doubts if name not in SHORTFALLS],
        [text for name, text in doubts if name in SHORTFALLS],
    )


def _placed(users: Mapping[str, Any], doubt: Mapping[str, str]) -> str:
    return f"{doubt['generator']}: {doubt['text']}" if len(users["generators"]) > 1 else doubt["text"]


def _users(users: Mapping[str, Any], notes: dict[str, str]) -> dict[str, Optional[float]]:
    flows, baseline = users["flows"], users["baseline"]
    answered = sum(flow["count"] for flow in flows.values())
    failed = {kind: count for kind, count in users["errors"].items() if kind not in _OFFENDED}
    notes["failed_operations"] = ", ".join(f"{count:.0f} {kind}" for kind, count in failed.items())
    lone = [baseline[name]["p95"] for name in baseline if "session" in name and baseline[name]["count"]]
    reads = flows.get("session_read", {}).get("count", 0)
    return {
        "session_p95_ms": users["sessions"].get("p95"),
        "cache_p95_ms": flows.get("cache_get", {}).get("p95"),
        "session_baseline_ms": max(lone) / 1000 if lone else None,
        "cache_baseline_ms": _thousandth(baseline.get("cache_get", {}).get("p95")),
        "ops_per_second": users["rate"]["reached"],
        "failed_operations": 100 * sum(failed.values()) / (answered + sum(failed.values()) or 1),
        "sessions_lost": 100 * users["sessions_lost"] / reads if reads else None,
        **_of_samples(users["samples"]),
    }


def _thousandth(value: Optional[float]) -> Optional[float]:
    return None if value is None else value / 1000


def _of_samples(samples: Sequence[Mapping[str, Any]]) -> dict[str, Optional[float]]:
    """Gauges at their worst of each second, which two snapshots do not see; counters of the sustained phase alone."""
    seen = [sample for sample in samples if "used_memory" in sample]
    judged = [sample for sample in seen if sample["phase"] == "sustained"]
    if len(judged) < 2:
        return {}
    limit, room = (judged[-1].get(name, 0) for name in ("maxmemory", "maxclients"))
    clients = max(sample["connected_clients"] for sample in seen)
    cpu = [sample["server_cpu"] for sample in judged if "server_cpu" in sample]
    found: dict[str, Optional[float]] = {
        "memory_share": 100 * max(sample["used_memory"] for sample in seen) / limit if limit else None,
        "largest_eviction": 100 * _largest_eviction(seen) / limit if limit else None,
        "connected_clients": float(clients),
        "client_share": 100 * clients / room if room else None,
        "main_thread_cpu": sum(cpu) / len(cpu) if cpu else None,
        "longest_pause_ms": max(sample.get("canary_max", 0) for sample in judged) / 1000,
    }
    hits, misses = (judged[-1].get(name, 0) - judged[0].get(name, 0) for name in ("keyspace_hits", "keyspace_misses"))
    return {**found, "hit_ratio": window.hit_ratio(hits, misses), **_of_data(judged[-1])}


def _of_data(last: Mapping[str, Any]) -> dict[str, Optional[float]]:
    """What the second look comes too late for, as the load's own keys have gone by then. Evicted and expired are those
    since the program of the load began.
    """
    found: dict[str, Optional[float]] = {}
    if "keys" in last:
        found["evicted_share"] = window.evicted_share(last["keys"], last["evicted"], last["expired"])
    if "allocator_frag_ratio" in last:
        found["fragmentation_mb"] = window.fragmentation(last)
    return found


def _largest_eviction(samples: Sequence[Mapping[str, Any]]) -> float:
    """Bytes by which the memory fell within a second in which something was evicted: one huge value that goes counts as
    one key, and takes all that it held with it.
    """
    falls = (
        float(before["used_memory"]) - after["used_memory"]
        for before, after in zip(samples, samples[1:])
        if after.get("evicted_keys", 0) > before.get("evicted_keys", 0)
    )
    return max(0.0, max(falls, default=0.0))


def _jobs(jobs: Mapping[str, Any], notes: dict[str, str]) -> dict[str, Optional[float]]:
    load, lone = (jobs["phases"].get(name, {}) for name in ("load", "baseline"))
    refused = sum(jobs["add_errors"].values())
    notes["jobs_lost"] = ", ".join(
        f"{count} {name.replace('_', ' ')}"
        for name, count in {**{name: jobs[name] for name in _LOSSES}, "refused": refused}.items()
        if count
    )
    waiting = {state: count for state, count in jobs["not_done"].items() if count}
    notes["jobs_left"] = ", ".join(f"{count} {state}" for state, count in waiting.items())
    done = load.get("end_to_end_us", {})
    return {
        "job_p95_ms": _thousandth(load.get("enqueue_us", {}).get("p95")),
        "job_baseline_ms": _thousandth(lone.get("enqueue_us", {}).get("p95")),
        "job_end_to_end_ms": _thousandth(done.get("p95")),
        "jobs_lost": float(sum(jobs[name] for name in _LOSSES) + refused),
        # who stops a load leaves jobs behind
        "jobs_left": None if jobs["interrupted"] else float(sum(waiting.values())),
    }


def _left(
    users: Optional[Mapping[str, Any]], jobs: Optional[Mapping[str, Any]], notes: dict[str, str]
) -> Optional[float]:
    """Keys of the load that stayed on the server, where nobody counted them the most that may have."""
    found, told = 0.0, []
    for one in users["keys_left"] if users else ():
        found = max(found, one["keys"])  # all generators remove the same keys
        told.append(f"{one['pattern']}, at most, {one['generator']}: {one['why']}")
    if jobs and jobs["keys_left"] != 0:
        added = sum(phase.get("added", 0) for phase in jobs["phases"].values())
        unknown = f", the server did not say how many; {added} jobs were added"
        found += max(added, 1) if jobs["keys_left"] is None else jobs["keys_left"]
        told.append(f"*:{jobs['queue']}:*{unknown if jobs['keys_left'] is None else ''}")
    notes["keys_left"] = "; ".join(told)
    return found if users or jobs else None


_LOSSES = ("lost", "failed", "without_data")


def _doubts_of_jobs(jobs: Mapping[str, Any]) -> Iterator[str]:
    load = jobs["phases"].get("load", {})
    if jobs["interrupted"]:
        yield "jobs: the run was stopped before its end"
    late = load.get("late_us", {}).get("p95", 0)
    if late > LATE_US:
        yield f"jobs: they were sent {late / 1000:.0f} ms late (p95); expected {LATE_US / 1000:.0f} ms at most: this machine is too slow"
    cpu = jobs.get("cpu") or {}
    if max([cpu.get("producer", 0), *cpu.get("workers", ())]) > BUSY:
        yield f"jobs: the producer or a worker used more than {BUSY:.0%} of a processor; use more workers or a smaller rate"
    ended = jobs["worker_errors"].get("worker ended")
    if ended:
        yield f"jobs: {ended} of its workers ended before the load did"
    if not jobs["interrupted"] and not load.get("added"):
        yield "jobs: none was added"
