"""Load tests as the snapshots and the programs tell them, small and typed by hand, for the tests of their report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from ansible.module_utils.redis_control.load import guide
from ansible.module_utils.redis_control.report import load_record

NOON = "2026-11-23T12:00:00+00:00"
HOST, GENERATOR = "redis1.example.com", "generator1.example.com"
SNAPSHOT = {
    "instance": "sessions",
    "time": 1000.0,
    "server": "Redis 7.0.15",
    "run_id": "a",
    "role": "master",
    "numbers": {
        "total_commands_processed": 0,
        "keyspace_hits": 0,
        "keyspace_misses": 0,
        "evicted_keys": 0,
        "connected_clients": 10,
        "maxclients": 10_000,
        "maxmemory": 100 << 20,
        "used_memory": 50 << 20,
    },
    "texts": {"rdb_last_bgsave_status": "ok"},
    "commands": {},
    "errors": {},
    "keys": 1000,
    "histograms": {"get": {"calls": 0, "buckets": []}},
    "slowlog": {"threshold": 10_000, "room": 100, "entries": [], "last_id": 7},
    "clients": {},
    "config": {"maxmemory": "104857600", "maxmemory-policy": "allkeys-lru", "save": ""},
    "host": {"swapped": 0, "listen_drops": 0},
}
LATENCY = {"count": 12_000, "mean": 0.5, "p50": 0.4, "p90": 0.8, "p95": 0.9, "p99": 2.5, "p99.9": 9.0, "max": 40.25}
NONE = {"count": 0}


def snapshots(**numbers: float) -> dict[str, list[dict[str, Any]]]:
    """Ten seconds of 60,000 operations, with these counters after them."""
    after = deepcopy(SNAPSHOT)
    after["time"] += 10
    after["numbers"].update(total_commands_processed=60_000, keyspace_hits=9900, keyspace_misses=100, **numbers)
    after["histograms"] = {"get": {"calls": 1000, "buckets": [[16, 500], [33, 1000]]}}
    return {"before": [deepcopy(SNAPSHOT)], "after": [after], "cooled": [after]}


def sample(t: float, phase: str = "sustained", **more: Any) -> dict[str, Any]:
    return {
        "t": t,
        "phase": phase,
        "used_memory": 50 << 20,
        "used_memory_rss": 60 << 20,
        "maxmemory": 100 << 20,
        "connected_clients": 1010,
        "users": 1000,
        "evicted": 0,
        "evicted_keys": 0,
        "keyspace_hits": max(0, int(t)) * 1000,
        "keyspace_misses": 0,
        "maxclients": 10_000,
        "server_cpu": 15.0,
        "rdb_bgsave_in_progress": 0,
        "aof_rewrite_in_progress": 0,
        "latest_fork_usec": 0,
        "slowlog_id": 0,
        "canary_p50": 200.0,
        "canary_p95": 900.0,
        "canary_max": 1500.0,
        "ops_per_second": 5000.0,
        "machine_cpu": 40.0,
        "k6_cpu": 60.0,
        **more,
    }


PHASES = [
    *(sample(t, "connect", users=t * 500) for t in (0, 1, 2)),
    *(sample(t, "warm_up", ops_per_second=t * 1000.0) for t in (3, 4)),
    *(sample(t) for t in range(5, 16)),
]


def users(samples: Sequence[Mapping[str, Any]] = PHASES, **more: Any) -> dict[str, Any]:
    """What `redis_load users` writes."""
    quantiles = [[50, 0.4], [90, 0.8], [95, 0.9], [99, 2.5], [99.9, 9.0]]
    flows = {
        name: {**LATENCY, "quantiles": quantiles}
        for name in ("session_write", "session_read", "session_refresh", "cache_get")
    }
    return {
        "schema": "redis-load/1",
        "started": "2026-11-23T11:59:30.250+00:00",
        "status": "completed",
        "config": {
            "users": 1000,
            "rate": 5000,
            "ramp": 2.0,
            "warm_up": 1.0,
            "duration": 10.0,
            "cache_keys": 20_000,
            "value_bytes": 1024,
            "session_bytes": 512,
            "cache_ttl": 600,
            "session_ttl": 600,
            "skew": 0.99,
            "write_share": 0.2,
        },
        "k6": {
            "exit_code": 0,
            "sustained": {
                "flows": {**flows, "cache_fill": NONE},
                "iterations": 10_000,
                "dropped_iterations": 0,
                "sessions_lost": 0,
            },
        },
        "baseline": {name: {**LATENCY, "count": 1000} for name in flows},
        "canary": {name: {**LATENCY, "p99": 2000.0} for name in ("ping", "set", "get")},
        "errors": {},
        "error_examples": [],
        "rate": {"wanted": 5000.0, "reached": 4990.0},
        "connections": {"wanted": 1000, "reached": 1000},
        "trust": [],
        "generator": {
            "cores": 2.0,
            "machine_cpu": {"mean": 40.0, "median": 40.0, "max": 55.5},
            "k6_cpu": {"mean": 60.0, "median": 60.0, "max": 80.0},
            "k6_rss": {"mean": 2e9, "median": 2e9, "max": 2e9},
            "runner_cpu": {},
        },
        "versions": {"k6": "1.1.0", "server": "redis 7.0.15", "python": "3.11.7"},
        "samples": list(samples),
        **more,
    }


def jobs(**more: Any) -> dict[str, Any]:
    """What `redis_load jobs` writes."""
    times = {"p50": 2000, "p95": 4500, "p99": 9000, "max": 20_000}
    phase = {"jobs": 500, "sent": 500, "added": 500, "completed": 500, "seconds": 10.0, "rate": 50.0}
    phase.update(enqueue_us=times, end_to_end_us=times, late_us={**times, "p95": 800})
    none = dict.fromkeys(("lost", "failed", "unknown", "failed_attempts", "stalled", "duplicates", "without_data"), 0)
    return {
        "schema": "redis-jobs/1",
        "run": "test",
        "queue": "redis-ops-load-test",
        "library": "bullmq 3.4.4",
        "started": "2026-11-23T11:59:30+00:00",
        "seconds": 16.0,
        "interrupted": False,
        "offered": {"rate": 50.0, "seconds": 10.0, "workers": 1, "concurrency": 4, "payload_bytes": 512, "work_ms": 0},
        "phases": {"baseline": phase, "load": phase},
        "not_done": {"wait": 0},
        "add_errors": {},
        "worker_errors": {},
        "cpu": {"producer": 0.1, "workers": [0.3]},
        "keys_left": 0,
        **none,
        **more,
    }


def run(kind: str, result: Mapping[str, Any] | None, said: str = "", name: str = GENERATOR) -> dict[str, Any]:
    return {"host": HOST, "instance": "sessions", "kind": kind, "name": name, "result": result, "said": said}


def check(status: str, **more: Any) -> dict[str, Any]:
    """An entry of the checklist."""
    return {
        "host": HOST,
        "id": "checklist.memory",
        "subject": "instance sessions: maxmemory against RAM",
        "status": status,
        "expected": "at most 50 %",
        "actual": "60 %",
        "why": "guide 1.1",
        "remedy": "" if status in ("PASS", "SKIP") else "lower maxmemory",
        **more,
    }


def build(
    *runs: Mapping[str, Any],
    seen: Mapping[str, Sequence[Mapping[str, Any]]] | None = None,
    checklist: Sequence[Mapping[str, Any]] = (),
    host: str = HOST,
    label: str = "",
) -> dict[str, Any]:
    return load_record.build(
        {host: seen or snapshots()},
        guide.THRESHOLDS,
        time=NOON,
        inventory="inventories/production",
        label=label,
        runs=runs,
        checklist=checklist,
    )
