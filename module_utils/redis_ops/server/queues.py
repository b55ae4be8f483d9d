"""BullMQ on a server: where its queues are, how they are, and what is wrong with them. Reads only.

In everything told, a queue is named; no job, no data of one and no other key ever is.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional

from ..base.errors import AccessDenied, CommandRefused, RedisOpsError
from ..base.findings import Finding, Status
from .connection import Connection

PREFIX = "bull"
ROUNDS = 20  # of 1000 keys: enough to find a queue, and nothing a busy server feels
THOROUGH = 5000  # rounds of one that looks for every queue, and no longer than this:
PATIENCE = 10.0  # seconds
ACTIVE = 1000  # jobs under way whose locks are looked at
LISTS = ("wait", "paused", "active")
SETS = ("prioritized", "delayed", "waiting-children", "completed", "failed")
WAITING = ("wait", "paused", "prioritized")
DUE = 0x1000  # the score of a delayed job is its time in milliseconds times this, plus a counter (BullMQ's Lua)

GOING_TO_PRODUCTION = "BullMQ documentation, going to production"


@dataclass(frozen=True)
class Queue:
    """One queue at one moment.

    counts: jobs by state. library: as the queue's own BullMQ says it, '' when it does not. worker_seen: a worker looked
    for stalled jobs within its own interval. oldest_waiting: seconds since the job next in turn was added, of those with a
    priority and those without; None when none waits, or when it does not say so, as its data are gone. overdue:
    seconds by which the next delayed job is late. stalled: jobs under way without a lock, so that no worker has them.
    added: jobs ever added. last_failed: seconds since. failed_since: failures since the look before, None without one.
    at: seconds since 1970.
    """

    name: str
    counts: Mapping[str, int]
    at: float
    paused: bool = False
    library: str = ""
    worker_seen: bool = False
    oldest_waiting: Optional[float] = None
    overdue: Optional[float] = None
    stalled: int = 0
    added: int = 0
    last_failed: Optional[float] = None
    failed_since: Optional[int] = None

    @property
    def waiting(self) -> int:
        """Jobs that a worker could take now, or could if the queue were not paused."""
        return sum(self.counts[state] for state in WAITING)

    @property
    def worked_on(self) -> bool:
        """Whether a worker was seen: looking for stalled jobs, or with the lock of a job under way."""
        return self.worker_seen or self.counts["active"] > self.stalled

    def as_record(self) -> dict[str, Any]:
        return {**asdict(self), "counts": dict(self.counts)}


@dataclass(frozen=True)
class Limits:
    """What is still in order. Times are seconds; kept: finished jobs that one queue keeps."""

    oldest_waiting: float = 60
    overdue: float = 60
    kept: int = 10_000


# --- reading ----------------------------------------------------------------------------------------------------------


def has_queue(connection: Connection) -> bool:
    """Whether a BullMQ queue is among the first keys of its database; False also where SCAN is not allowed."""
    with contextlib.suppress(RedisOpsError):
        return any(names for names, _ in _scan(connection, PREFIX, ROUNDS))
    return False


def is_any(connection: Connection) -> Optional[bool]:
    """Whether there is a queue in its database; None where that cannot be told: too many keys, or SCAN is not allowed."""
    end = time.monotonic() + PATIENCE
    with contextlib.suppress(AccessDenied, CommandRefused):
        for names, last in _scan(connection, PREFIX, THOROUGH):
            if names or last:
                return bool(names)
            if time.monotonic() > end:
                break
    return None


def find(connection: Connection, prefix: str = PREFIX) -> tuple[list[str], bool]:
    """The names of all queues, and whether all keys were looked at: a large database is given up after a while."""
    found: set[str] = set()
    end = time.monotonic() + PATIENCE
    for names, last in _scan(connection, prefix, THOROUGH):
        found.update(names)
        if last or time.monotonic() > end:
            return sorted(found), last
    return sorted(found), False


def _scan(connection: Connection, prefix: str, rounds: int) -> Iterator[tuple[list[str], bool]]:
    """Names of queues, and whether that was all. No queue's name has a colon (BullMQ refuses one)."""
    pattern = re.sub(r"([*?\[\]\\])", r"\\\1", prefix)
    cursor = "0"
    for _ in range(rounds):
        cursor, keys = connection.call("SCAN", str(cursor), "MATCH", f"{pattern}:*:meta", "COUNT", "1000")
        names = [str(key)[len(prefix) + 1 : -len(":meta")] for key in keys]
        yield [name for name in names if ":" not in name], str(cursor) == "0"
        if str(cursor) == "0":
            return


def read(connection: Connection, name: str, prefix: str = PREFIX, before: Optional[float] = None) -> Optional[Queue]:
    """One queue as it is; None when it is none. before: when it was last looked at, seconds since 1970."""
    base = f"{prefix}:{name}"
    try:
        if not connection.call("EXISTS", f"{base}:meta"):
            return None
        paused, library = connection.call("HMGET", f"{base}:meta", "paused", "version")
        counts = {state: int(connection.call("LLEN", f"{base}:{state}")) for state in LISTS}
        counts |= {state: int(connection.call("ZCARD", f"{base}:{state}")) for state in SETS}
        now = time.time()
        due = _score(connection.call("ZRANGE", f"{base}:delayed", "0", "0", "WITHSCORES"))
        failed = _score(connection.call("ZRANGE", f"{base}:failed", "-1", "-1", "WITHSCORES"))
        return Queue(
            name,
            counts,
            now,
            paused=paused is not None,
            library=str(library or ""),
            worker_seen=bool(connection.call("EXISTS", f"{base}:stalled-check")),
            oldest_waiting=_age(connection, base, now) if any(counts[state] for state in WAITING) else None,
            overdue=None if due is None else round(max(now - due / DUE / 1000, 0), 3),
            stalled=_stalled(connection, base) if counts["active"] else 0,
            added=int(connection.call("GET", f"{base}:id") or 0),
            last_failed=None if failed is None else round(max(now - failed / 1000, 0), 3),
            failed_since=None
            if before is None
            else int(connection.call("ZCOUNT", f"{base}:failed", f"({before * 1000:.0f}", "+inf")),
        )
    except CommandRefused as error:
        if str(error).startswith("WRONGTYPE") or "wrong kind of value" in str(error):
            return None  # a key of somebody else's that only has such a name
        raise


def _score(reply: Sequence[Any]) -> Optional[float]:
    """Of the one member that was asked for: redis-py hands over a flat list or pairs, by its version."""
    if not reply:
        return None
    last = reply[-1]
    return float(last[1] if isinstance(last, (list, tuple)) else last)


def _age(connection: Connection, base: str, now: float) -> Optional[float]:
    """Seconds since the longest waiting of the jobs next in turn was added; None when one of them does not say it."""
    added = [_added(connection, base, state, now) for state in WAITING]
    known = [stamp for stamp in added if stamp is not None]
    return round(max(now - min(known), 0), 3) if len(known) == len(added) else None


def _added(connection: Connection, base: str, state: str, now: float) -> Optional[float]:
    """When the job next in turn was; now, when none waits. One that a worker takes and ends meanwhile has no data left."""
    job, before = _next(connection, base, state), None
    while job and job != before:
        stamp = connection.call("HGET", f"{base}:{job}", "timestamp")
        if stamp and re.fullmatch(r"\d+", str(stamp)):
            return int(stamp) / 1000
        job, before = _next(connection, base, state), job
    return None if job else now


def _next(connection: Connection, base: str, state: str) -> Optional[str]:
    """Jobs go in at the head of a list, and out at its tail. BullMQ 3 and 4 leave signs for workers there, as '0:0'."""
    if state == "prioritized":
        first = connection.call("ZRANGE", f"{base}:{state}", "0", "0")
        return str(first[0]) if first else None
    job = connection.call("LINDEX", f"{base}:{state}", "-1")
    return str(job) if job and not str(job).startswith("0:") else None


def _stalled(connection: Connection, base: str) -> int:
    """Jobs under way that nobody holds. One that ends between two of these reads is not among them."""

    def active() -> set[str]:
        return set(connection.call("LRANGE", f"{base}:active", "0", str(ACTIVE - 1)))

    jobs = sorted(active())
    if not jobs or int(connection.call("EXISTS", *[f"{base}:{job}:lock" for job in jobs])) == len(jobs):
        return 0
    free = {job for job in jobs if not connection.call("EXISTS", f"{base}:{job}:lock")}
    return len(free & active())


# --- judging ----------------------------------------------------------------------------------------------------------


def judge(
    where: str, live: Mapping[str, str], queues: Sequence[Queue], limits: Limits, *, complete: bool = True
) -> list[Finding]:
    """Every verdict on one instance. live: its running settings; complete: all its keys were looked at."""
    found = [_found(where, queues, complete=complete)]
    if queues:
        found.append(_eviction(where, live, queues))
    for queue in queues:
        found += _queue(f"{where}, queue {queue.name}", queue, limits)
    return found


def _found(where: str, queues: Sequence[Queue], *, complete: bool) -> Finding:
    told = f"{len(queues)} queue{'s' * (len(queues) != 1)}" if queues else "no queue"
    if not complete:
        return Finding(
            "queues.found",
            where,
            Status.SKIP,
            "a look at all keys",
            f"{told} among the keys that were looked at; there are too many to look at all",
            GOING_TO_PRODUCTION,
            "name the queues: then no key is searched for",
        )
    return Finding("queues.found", where, Status.PASS, "a look at all keys", told, GOING_TO_PRODUCTION)


def _eviction(where: str, live: Mapping[str, str], queues: Sequence[Queue]) -> Finding:
    policy = live.get("maxmemory-policy", "unknown")
    good = policy == "noeviction"
    return Finding(
        "queues.eviction",
        where,
        Status.PASS if good else Status.FAIL,
        "maxmemory-policy noeviction, under which alone BullMQ is correct",
        policy
        if good
        else f"{policy}, and {', '.join(queue.name for queue in queues[:5])} lives here: jobs can vanish",
        GOING_TO_PRODUCTION,
        ""
        if good
        else "two instances: one with profile queue (noeviction, AOF) for the queues, one for what may be evicted; until "
        "then CONFIG SET maxmemory-policy noeviction",
    )


def _queue(subject: str, queue: Queue, limits: Limits) -> Iterator[Finding]:
    def verdict(name: str, good: bool, expected: str, actual: str, why: str, remedy: str) -> Finding:
        status = Status.PASS if good else Status.WARN
        return Finding(f"queues.{name}", subject, status, expected, actual, why, "" if good else remedy)

    unknown = queue.waiting > 0 and queue.oldest_waiting is None
    no_worker = queue.waiting > 0 and not queue.worked_on
    oldest = queue.oldest_waiting or 0
    since = "the next in turn without its data, so that nobody can tell since when" if unknown else ""
    since = since or f"the next in turn for {oldest:.0f} s"
    said = f"{queue.waiting} wait, {since}" if queue.waiting else "none waits"
    yield verdict(
        "waiting",
        not (queue.paused or unknown or no_worker) and oldest <= limits.oldest_waiting,
        f"a queue at work, no job in turn longer than {limits.oldest_waiting:g} s",
        said + (", and the queue is paused" if queue.paused else ", and no worker was seen" if no_worker else ""),
        "BullMQ: jobs wait when workers are missing, stuck or too few",
        "queue.resume()"
        if queue.paused
        else "see queues.eviction: its data were evicted or removed by hand; queue.remove() its id"
        if unknown
        else "start workers, or give them more concurrency; look at their log",
    )
    overdue = queue.overdue or 0
    yield verdict(
        "delayed",
        overdue <= limits.overdue,
        f"no delayed job later than {limits.overdue:g} s",
        f"{queue.counts['delayed']} delayed, the next one {overdue:.0f} s late",
        "BullMQ: only a worker that fetches jobs moves delayed ones on",
        "start workers; compare the clocks of hosts that add and that work",
    )
    yield verdict(
        "stalled",
        not queue.stalled,
        "every job under way has its worker's lock",
        f"{queue.stalled} of {queue.counts['active']} under way have none",
        "BullMQ, stalled jobs: a worker died, or its event loop was blocked for longer than lockDuration",
        "look for dead workers and for work that blocks the event loop; move that to a sandboxed processor",
    )
    kept = {state: queue.counts[state] for state in ("completed", "failed")}
    yield verdict(
        "kept",
        max(kept.values()) <= limits.kept,
        f"at most {limits.kept} finished jobs kept",
        f"{kept['completed']} completed, {kept['failed']} failed",
        "guide 4.1 keeps failed jobs for ever; under noeviction that ends in OOM errors",
        "removeOnComplete and removeOnFail with a count, see docs/queues.md; queue.clean() for what is there",
    )
    if queue.failed_since is not None:
        yield verdict(
            "failed",
            not queue.failed_since,
            "no job failed since the look before",
            f"{queue.failed_since} failed",
            "BullMQ: a job is failed when all its attempts are",
            "queue.getFailed() says why",
        )
