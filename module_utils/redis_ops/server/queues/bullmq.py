"""BullMQ's queues: how each one is. Reads only.

A result names queues. It has no job, no data of a job and no other key.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Optional

from ...base.errors import AccessDenied, CommandRefused
from ..connection import Connection

PREFIX = "bull"
ACTIVE = 1000  # jobs under way whose locks are looked at
EVENTS = 1000  # the newest events that are looked at
RECENT = 3600  # seconds in which finished jobs are counted
LISTS = ("wait", "paused", "active")
SETS = ("prioritized", "delayed", "waiting-children", "completed", "failed")
WAITING = ("wait", "paused", "prioritized")
DUE = 0x1000  # the score of a delayed job is its time in milliseconds times this, plus a counter (BullMQ's Lua)


@dataclass(frozen=True)
class Queue:
    """One queue at one moment.

    counts: jobs by state. library: as the queue's own BullMQ says it, '' when it does not. worker_seen: a worker looked
    for stalled jobs within its own interval. oldest_waiting: seconds since the job next in turn was added, of those with a
    priority and those without; None when none waits, or when it does not say so, as its data are gone. overdue:
    seconds by which the next delayed job is late. stalled: jobs under way without a lock, so that no worker has them.
    oldest_parent: seconds for which a job has waited for its children, the longest. added: jobs ever added. last_failed:
    seconds since. recent_completed, recent_failed: jobs that ended within RECENT, of the last EVENTS events where the user
    may read them, else of the jobs that are kept. failed_since: failures since the look before, None without one.
    meta: whether the key with the queue's own settings is there. at: seconds since 1970.
    """

    name: str
    counts: Mapping[str, int]
    at: float
    prefix: str = PREFIX
    database: int = 0
    meta: bool = True
    paused: bool = False
    library: str = ""
    worker_seen: bool = False
    oldest_waiting: Optional[float] = None
    overdue: Optional[float] = None
    stalled: int = 0
    oldest_parent: Optional[float] = None
    added: int = 0
    last_failed: Optional[float] = None
    recent_completed: int = 0
    recent_failed: int = 0
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


def read(
    connection: Connection,
    name: str,
    prefix: str = PREFIX,
    before: Optional[float] = None,
    *,
    database: int = 0,
    remains: bool = False,
) -> Optional[Queue]:
    """One queue of the database that the connection is in; None when there is none.

    before: when it was last looked at, seconds since 1970. database: its number, for the result. remains: read also a
    queue without its `meta` key, which was recognised by its other keys.
    """
    base = f"{prefix}:{name}"
    try:
        meta = bool(connection.call("EXISTS", f"{base}:meta"))
        if not meta and not remains:
            return None
        paused, library = connection.call("HMGET", f"{base}:meta", "paused", "version")
        counts = {state: int(connection.call("LLEN", f"{base}:{state}")) for state in LISTS}
        counts |= {state: int(connection.call("ZCARD", f"{base}:{state}")) for state in SETS}
        now = time.time()
        due = _first(connection, f"{base}:delayed")
        parent = _first(connection, f"{base}:waiting-children")
        failed = _score(connection.call("ZRANGE", f"{base}:failed", "-1", "-1", "WITHSCORES"))
        completed, recent_failed = _recent(connection, base, now)
        return Queue(
            name,
            counts,
            now,
            prefix=prefix,
            database=database,
            meta=meta,
            paused=paused is not None,
            library=str(library or ""),
            worker_seen=bool(connection.call("EXISTS", f"{base}:stalled-check")),
            oldest_waiting=_age(connection, base, now) if any(counts[state] for state in WAITING) else None,
            overdue=None if due is None else round(max(now - due / DUE / 1000, 0), 3),
            stalled=_stalled(connection, base) if counts["active"] else 0,
            oldest_parent=None if parent is None else round(max(now - parent / 1000, 0), 3),
            added=int(connection.call("GET", f"{base}:id") or 0),
            last_failed=None if failed is None else round(max(now - failed / 1000, 0), 3),
            recent_completed=completed,
            recent_failed=recent_failed,
            failed_since=None if before is None else _since(connection, f"{base}:failed", before),
        )
    except CommandRefused as error:
        if str(error).startswith("WRONGTYPE") or "wrong kind of value" in str(error):
            return None  # a key of somebody else's that only has such a name
        raise


def _first(connection: Connection, key: str) -> Optional[float]:
    """The lowest score of a sorted set."""
    return _score(connection.call("ZRANGE", key, "0", "0", "WITHSCORES"))


def _since(connection: Connection, key: str, moment: float) -> int:
    """Members with a later score, which is a time in milliseconds."""
    return int(connection.call("ZCOUNT", key, f"({moment * 1000:.0f}", "+inf"))


def _recent(connection: Connection, base: str, now: float) -> tuple[int, int]:
    """Jobs completed, and failed for good, within RECENT.

    Events tell of those jobs, too, that removeOnComplete and removeOnFail took away.
    """
    begin = now - RECENT
    try:
        events = connection.call("XREVRANGE", f"{base}:events", "+", f"{begin * 1000:.0f}", "COUNT", str(EVENTS))
    except AccessDenied:
        events = []
    names = [_event(fields) for _, fields in events]
    if "completed" in names or "failed" in names:
        return names.count("completed"), names.count("failed")
    return _since(connection, f"{base}:completed", begin), _since(connection, f"{base}:failed", begin)


def _event(fields: Any) -> str:
    """The name of an event; nothing else of it is looked at, because an event has a job's result or error."""
    pairs: Iterator[tuple[Any, Any]] = (
        iter(fields.items()) if isinstance(fields, Mapping) else zip(fields[::2], fields[1::2])
    )
    return next((str(value) for name, value in pairs if name == "event"), "")


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
