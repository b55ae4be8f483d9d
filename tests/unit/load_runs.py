"""Reports of load tests with the noise of real ones, for the tests of their comparison and for its benchmark."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any

START = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)
FLOWS = ("session_write", "session_read", "session_refresh", "cache_get", "cache_fill")
OFFERED = {"users": 1000, "rate": 5500, "duration": 120, "value_bytes": 1024}
JOBS = {"rate": 50, "seconds": 120, "workers": 1}
# what a latency is in ms, and its noise from run to run beside that of its machine and its operation: the further out
# the percentile, the more; now and then a p99 has met something else
SHAPE = {"p50": (0.4, 0.02), "p95": (1.2, 0.03), "p99": (3.0, 0.1)}
OUTLIER = (0.1, 1.5)  # how often, by how much


def report(
    dice: random.Random,
    number: int = 0,
    label: str = "",
    *,
    factors: Mapping[str, float] | None = None,
    config: Mapping[str, str] | None = None,
    offered: Mapping[str, Any] | None = None,
    place: tuple[str, str] = ("redis1", "default"),
    verdict: str = "PASS",
) -> dict[str, Any]:
    """One run. number: of its place in time. factors: by which a name, such as 'session_read p95', is other than usual."""

    def noisy(name: str, value: float, noise: float) -> float:
        return value * math.exp(dice.gauss(0, noise)) * (factors or {}).get(name, 1)

    def latency(name: str, unit: float = 1) -> dict[str, float]:
        own = machine * math.exp(dice.gauss(0, 0.01))
        found = {at: noisy(f"{name} {at}", own * unit * usual, noise) for at, (usual, noise) in SHAPE.items()}
        found["p99"] *= OUTLIER[1] if dice.random() < OUTLIER[0] else 1
        return {"count": 10_000, **found}

    machine = math.exp(dice.gauss(0, 0.02))
    return {
        "schema": "redis-loadtest/1",
        "time": (START + timedelta(minutes=5 * number)).isoformat(timespec="seconds"),
        "inventory": "inventories/local",
        "label": label,
        "verdict": verdict,
        "exit_code": {"PASS": 0, "FAIL": 2, "INVALID": 3}[verdict],
        "distrust": ["the generator was 99 % busy"] if verdict == "INVALID" else [],
        "checklist": [],
        "instances": [
            {
                "host": place[0],
                "instance": place[1],
                "server": "redis 7.0.15",
                "seconds": 140.0,
                "verdict": verdict,
                "distrust": [],
                "metrics": {
                    "operations": 700_000.0,
                    "ops_per_second": noisy("ops_per_second", 5500, 0.0005),
                    "session_p95_ms": 1.2,
                    "hit_ratio": 100 - noisy("100 % - hit_ratio", 3, 0.02),
                    "main_thread_cpu": noisy("main_thread_cpu", 30, 0.03),
                    "command_p99_ms": dice.choice([0.03, 0.03, 0.07]),
                    "fork_ms": dice.choice([0.3, 0.4, 0.5]),
                    "slow_commands": float(dice.choice([0, 0, 0, 1])),
                    "longest_pause_ms": noisy("longest_pause_ms", 12, 0.3),
                    "rejected_connections": 0.0,
                    "swapped_bytes": None,
                },
                "notes": {},
                "findings": [],
                "config": {"maxmemory": "2147483648", "maxmemory-policy": "allkeys-lru", **(config or {})},
                "loads": {
                    "users": {
                        "offered": {**OFFERED, **(offered or {})},
                        "flows": {flow: latency(flow) for flow in FLOWS},
                        "generators": [{"name": "localhost", "cores": 2.0}],
                        "versions": {"k6": "1.1.0", "python": "3.11.7"},
                        "samples": [{"t": 1.0, "used_memory": noisy("memory", 2**26, 0.003)}, {"t": 2.0, "error": "x"}],
                    },
                    "jobs": {
                        "offered": JOBS,
                        "library": "bullmq 3.4.4",
                        "phases": {
                            "load": {f"{what}_us": latency(f"job {what}", 1000) for what in ("enqueue", "end_to_end")}
                        },
                    },
                },
            }
        ],
    }
