"""The configuration and the result of redis_jobs.py, which stands beside it. Nothing here talks to anything."""

from __future__ import annotations

import collections
import difflib
import json
import re
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Optional

NAMES = {"run": r"[A-Za-z0-9_-]{1,64}", "prefix": r"[A-Za-z0-9_.{}-]{1,64}"}
ABOVE_0 = ("rate", "seconds", "workers", "concurrency", "connections", "add_timeout", "drain_seconds")
FROM_0 = ("payload_bytes", "work_ms", "baseline_jobs")
WHOLE = ("workers", "concurrency", "connections", "payload_bytes", "baseline_jobs")
# of redis-py, which BullMQ for Python takes
CONNECTION = ("host", "port", "db", "username", "password", "unix_socket_path", "ssl")
CONNECTION += ("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname")
WARM_UP = 20  # jobs that load the scripts and open the connections, and are not measured
OF_A_JOB = ("", ":lock", ":logs")  # ends of the names of its keys: its data, its worker's lock, what it wrote down
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
    prefix: str = "loadtest"
    job_options: Mapping[str, Any] = field(default_factory=dict)
    worker_options: Mapping[str, Any] = field(default_factory=dict)
    result: str = ""
    progress: str = ""
    stop: str = ""

    def __post_init__(self) -> None:
        wrong = list(mistakes(vars(self)))
        if wrong:
            raise ValueError("\n".join(wrong))

    @property
    def queue(self) -> str:
        return f"redis-ops-load-{self.run}"

    @property
    def jobs(self) -> int:
        """As many as are added at most, and so the highest id that BullMQ gives to one."""
        return WARM_UP + self.baseline_jobs + round(self.rate * self.seconds)

    def options(self) -> dict[str, Any]:
        """As redis-py takes them. A reply may take longer than a worker that is idle waits for a job."""
        return {**self.connection, "socket_timeout": BLOCKED + 10, "socket_connect_timeout": 5}


def load(path: Path) -> Config:
    """Raises OSError, ValueError, TypeError."""
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise ValueError("it may hold a password; expected mode 0600")
    given = json.loads(path.read_text())
    if not isinstance(given, dict):
        raise TypeError("it is no JSON object; expected one")
    wrong = list(mistakes(given))
    wrong += [f"{name}: missing; expected it" for name in ("run", "connection", "rate", "seconds") if name not in given]
    if wrong:
        raise ValueError("\n".join(wrong))
    return Config(**given)


def mistakes(given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with one option by itself, one line each. No value of a connection is shown."""
    known = [item.name for item in fields(Config)]
    for name, value in given.items():
        if name not in known:
            yield _unknown(name, known)
        elif name == "connection" and isinstance(value, Mapping):
            for option in sorted(set(value) - set(CONNECTION)):
                yield f"connection: {_unknown(option, CONNECTION)}"
        else:
            expected = _expected(name, value)
            if expected:
                shown = "(hidden)" if name == "connection" else json.dumps(value, default=str)
                yield f"{name}: {shown}; expected {expected}"


def _unknown(name: str, known: Sequence[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{name}: no such option; expected one of {', '.join(known)}{hint}"


def _expected(name: str, value: Any) -> str:
    """Nothing for what is right."""
    if name in ABOVE_0 + FROM_0:
        kind = "whole number" if name in WHOLE else "number"
        good = type(value) is int or (type(value) is float and name not in WHOLE)
        if name in ABOVE_0:
            return "" if good and 0 < value < 1e6 else f"a {kind} above 0 and below 1000000"
        return "" if good and 0 <= value <= 1e7 else f"a {kind} from 0 to 10000000"
    if name in ("connection", "job_options", "worker_options"):
        return "" if isinstance(value, Mapping) else "a mapping"
    if not isinstance(value, str):
        return "a text"
    return "" if name not in NAMES or re.fullmatch(NAMES[name], value) else "up to 64 letters, digits, - and _"


def keys_of_jobs(config: Config, last: int) -> Iterator[str]:
    """The names of all keys that jobs up to the id `last` can have. A walk through the keys of others would find no more."""
    for number in range(1, last + 1):
        for end in OF_A_JOB:
            yield f"{config.prefix}:{config.queue}:{number}{end}"


def number_of(job: Any) -> Optional[int]:
    """None for a job whose data are gone, as they are where keys are evicted."""
    return job.data.get("number") if isinstance(job.data, dict) else None


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
