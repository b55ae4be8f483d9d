"""The configuration and the result of redis_jobs.py, which stands beside it. Nothing here talks to anything."""

from __future__ import annotations

import collections
import json
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

BLOCKED = 5  # seconds that an idle worker waits for a job; drainDelay of BullMQ


@dataclass(frozen=True)
class Config:
    """What the file of --config says, see docs/queues.md."""

    run: str
    connection: Mapping[str, Any]
    rate: float
    seconds: float
    workers: int = 1
    concurrency: int = 4
    payload_bytes: int = 512
    work_ms: float = 0
    baseline_jobs: int = 100
    connections: int = 8
    add_timeout: float = 10
    drain_seconds: float = 30
    prefix: str = "bull"
    job_options: Mapping[str, Any] = field(default_factory=dict)
    worker_options: Mapping[str, Any] = field(default_factory=dict)
    result: str = ""
    progress: str = ""
    stop: str = ""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", self.run):
            raise ValueError("run: expected up to 64 letters, digits, - and _")
        if not re.fullmatch(r"[A-Za-z0-9_.{}-]{1,64}", self.prefix):
            raise ValueError("prefix: expected up to 64 letters, digits and _.-{}")
        for name in ("rate", "seconds", "workers", "concurrency", "connections", "add_timeout", "drain_seconds"):
            if not 0 < getattr(self, name) < 1e6:
                raise ValueError(f"{name}: expected a number above 0")
        for name in ("payload_bytes", "work_ms", "baseline_jobs"):
            if not 0 <= getattr(self, name) <= 1e7:
                raise ValueError(f"{name}: expected a number from 0")

    @property
    def queue(self) -> str:
        return f"redis-ops-load-{self.run}"

    def options(self) -> dict[str, Any]:
        """As redis-py takes them. A reply may take longer than a worker that is idle waits for a job."""
        known = ("host", "port", "db", "username", "password", "unix_socket_path", "ssl")
        known += ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
        unknown = sorted(set(self.connection) - set(known))
        if unknown:
            raise ValueError(f"connection: {', '.join(unknown)}: expected only {', '.join(known)}")
        return {**self.connection, "socket_timeout": BLOCKED + 10, "socket_connect_timeout": 5}


def load(path: Path) -> Config:
    """Raises OSError, ValueError, TypeError."""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError("it may hold a password; expected mode 0600")
    config = Config(**json.loads(path.read_text()))
    config.options()
    return config


def percentiles(values: Sequence[float]) -> dict[str, int]:
    """Nearest rank: every one is a value that was measured. Empty without any."""
    if not values:
        return {}
    ordered = sorted(values)
    ranks = {"p50": 50, "p95": 95, "p99": 99, "max": 100}
    return {name: round(ordered[max(-(-len(ordered) * rank // 100), 1) - 1]) for name, rank in ranks.items()}


# --- what happened ----------------------------------------------------------------------------------------------------


@dataclass
class Phase:
    """Jobs of one rate. Times are nanoseconds of the machine's monotonic clock, which all processes share."""

    rate: float
    jobs: int
    due: dict[int, int] = field(default_factory=dict)  # by number of the job: when it was to be sent
    late: list[int] = field(default_factory=list)  # how much later this program came to it
    added: dict[int, int] = field(default_factory=dict)  # when the server had said so
    began: int = 0
    ended: int = 0

    def told(self, completed: Mapping[int, int]) -> dict[str, Any]:
        done = {number: completed[number] for number in self.due if number in completed}
        seconds = max(self.ended - self.began, 1) / 1e9
        return {
            "jobs": self.jobs,
            "sent": len(self.due),
            "added": len(self.added),
            "completed": len(done),
            "seconds": round(seconds, 3),
            "rate": round(len(self.added) / seconds, 1),
            "enqueue_us": percentiles([(end - self.due[number]) / 1000 for number, end in self.added.items()]),
            "end_to_end_us": percentiles([(end - self.due[number]) / 1000 for number, end in done.items()]),
            "late_us": percentiles([late / 1000 for late in self.late]),
        }


@dataclass
class Tally:
    """What the workers told."""

    completed: dict[int, int] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    counts: collections.Counter = field(default_factory=collections.Counter)
    errors: collections.Counter = field(default_factory=collections.Counter)
    cpu: dict[int, float] = field(default_factory=dict)

    def hear(self, worker: int, word: Mapping[str, Any]) -> None:
        for number, when in word.get("done", ()):
            self.counts["duplicates"] += number in self.completed
            self.completed.setdefault(number, when)
        self.failed.update(word.get("failed", ()))
        self.counts.update(word.get("counts", {}))
        self.errors.update(word.get("errors", {}))
        self.cpu[worker] = word.get("cpu", 0.0)


def result_of(
    tally: Tally, phases: Mapping[str, Phase], add_errors: Mapping[str, int], not_done: Mapping[str, int]
) -> dict[str, Any]:
    """Everything that is told of the jobs. not_done: those that the server still has to do, by state."""
    added = {number for phase in phases.values() for number in phase.added}
    sent = {number for phase in phases.values() for number in phase.due}
    failed = tally.failed - set(tally.completed)
    return {
        "phases": {name: phase.told(tally.completed) for name, phase in phases.items() if name != "warm_up"},
        "lost": max(len(added - set(tally.completed) - failed) - sum(not_done.values()), 0),
        "not_done": dict(not_done),
        "failed": len(failed),
        "unknown": len(sent - added - set(tally.completed)),
        **{name: tally.counts[name] for name in ("failed_attempts", "stalled", "duplicates", "without_data")},
        "add_errors": dict(add_errors),
        "worker_errors": dict(tally.errors),
    }


def publish(found: Mapping[str, Any], path: str) -> None:
    """A reader of the file sees all of it or none."""
    text = json.dumps(found, indent=2) + "\n"
    if not path:
        print(text, end="")
        return
    draft = Path(f"{path}.draft")
    draft.write_text(text)
    draft.replace(path)
