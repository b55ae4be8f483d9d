"""What happened to jobs: what the workers told, and the numbers of each phase. Nothing here talks to anything."""

from __future__ import annotations

import collections
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..figures import ranked

SHOWN = ("p50", "p95", "p99", "max")


def latencies(values: Sequence[float]) -> dict[str, int]:
    """Percentiles of nanoseconds, in microseconds. Empty without any."""
    return {name: round(value / 1000) for name, value in ranked(values, SHOWN).items()}


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
            "enqueue_us": latencies([end - self.due[number] for number, end in self.added.items()]),
            "end_to_end_us": latencies([end - self.due[number] for number, end in done.items()]),
            "late_us": latencies(self.late),
        }


@dataclass
class Tally:
    """What the workers told."""

    completed: dict[int, int] = field(default_factory=dict)
    failed: set[int] = field(default_factory=set)
    counts: collections.Counter[str] = field(default_factory=collections.Counter)
    errors: collections.Counter[str] = field(default_factory=collections.Counter)
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
