"""Which keys a change of maxmemory or maxmemory-policy lets Redis evict that it could not evict before. Pure.

Redis evicts while the memory that counts (used_memory without mem_not_counted_for_evict: evict.c, getMaxmemoryState) is
more than maxmemory; it takes any key under allkeys-*, keys with a time to live under volatile-*, and none under noeviction,
where it refuses commands that write. maxmemory 0 is no limit.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from ..base.errors import RedisOpsError
from ..server.keyspace import databases
from ..server.queues.result import Answer, Search

# Data this near below the limit counts as over it: buffers, a growing table and the writes until the change need room.
ROOM = 0.05
NOEVICTION = "noeviction"


class Cause(enum.Enum):
    """Why keys are at risk, or why nobody can tell.

    DATA: more is stored than the new limit, and what goes was protected. LATER: what is stored fits, and loses the
    protection that it had under a limit of the same size. QUEUE: jobs of a queue may go, now or later. WRITES: nothing may be evicted, and commands that write are refused at once. UNKNOWN: a fact is missing. UNSEEN: it is
    missing because the server does not run.
    """

    NOTHING = "nothing"
    DATA = "data"
    LATER = "later"
    QUEUE = "queue"
    WRITES = "writes"
    UNKNOWN = "unknown"
    UNSEEN = "unseen"


@dataclass(frozen=True)
class Limit:
    """maxmemory in bytes, 0 for none, and maxmemory-policy, as a server has them or is to have them."""

    maxmemory: int
    policy: str

    @property
    def evicts(self) -> bool:
        """Whether the server may evict keys."""
        return self.maxmemory > 0 and self.policy != NOEVICTION

    @classmethod
    def of(cls, config: Mapping[str, str]) -> Limit:
        """As CONFIG GET tells it."""
        return cls(int(config.get("maxmemory") or 0), config.get("maxmemory-policy", NOEVICTION))


@dataclass(frozen=True)
class Stored:
    """What a server holds: keys, and those with a time to live; the bytes that count for maxmemory, and those of data."""

    keys: int
    expires: int
    counted: int
    data: int


@dataclass(frozen=True)
class Risk:
    """What a change would do that the old configuration did not allow.

    keys: those that lose their protection; exact says whether that is the number, else it is an estimate. size: their
    bytes, about. now: bytes that are evicted at once, about; 0 for those that go when the limit is reached. reason: for
    people, without a remedy. Where the cause is NOTHING and keys are named, they may go once a higher limit is reached.
    """

    cause: Cause
    keys: int = 0
    exact: bool = True
    size: int = 0
    now: int = 0
    reason: str = ""

    @property
    def determined(self) -> bool:
        return self.cause not in (Cause.UNKNOWN, Cause.UNSEEN)

    @property
    def stops(self) -> bool:
        """Whether a run must not make the change unless it was told to."""
        return self.cause not in (Cause.NOTHING, Cause.UNSEEN)


def stored(info: Mapping[str, Any]) -> Optional[Stored]:
    """From INFO; None where it does not say."""
    try:
        sizes = databases(info).values()
        used = int(info.get("used_memory", ""))
        data = int(info.get("used_memory_dataset", used))
    except (ValueError, RedisOpsError):
        return None
    counted = used - int(info.get("mem_not_counted_for_evict", 0))
    return Stored(sum(size.keys for size in sizes), sum(size.expires for size in sizes), counted, data)


def widens(old: Limit, new: Limit) -> bool:
    """Whether the change lets keys be evicted that are protected now, so that it matters whether queues are there."""
    return _Evictable.under(new, unknown="all") > _Evictable.under(old, unknown="none")


def at_risk(old: Limit, new: Limit, held: Optional[Stored], search: Search, *, runs: bool = True) -> Risk:
    """The risk of going from `old` to `new`. held: None where nobody could tell. search: for queues, on the same server.
    runs: whether the server does.
    """
    before, after = _Evictable.under(old, unknown="none"), _Evictable.under(new, unknown="all")
    lower = new.maxmemory > 0 and (not old.maxmemory or new.maxmemory < old.maxmemory)
    wider = after > before
    if not (wider or lower):
        return Risk(Cause.NOTHING, reason="the change lets nothing be evicted that is protected now")
    if held is None:
        return _unseen(runs=runs)
    risk = _of_data(before, after, held, new, lower=lower)
    if risk is None and lower:
        risk = _refused(old, before, after, held, new)
    if risk is None:
        risk = _queues(before, after, held, new, search)
        loses = risk.cause is Cause.NOTHING and wider and risk.keys and old.maxmemory >= new.maxmemory
        return replace(risk, cause=Cause.LATER) if loses else risk
    if wider and search.found:
        return replace(risk, reason=f"{risk.reason}; among them jobs: {_names(search)}")
    return risk


class _Evictable(enum.IntEnum):
    """The keys that a configuration lets Redis evict. A larger one has all keys of a smaller one."""

    NONE = 0
    EXPIRING = 1
    ALL = 2

    @classmethod
    def under(cls, limit: Limit, *, unknown: str) -> _Evictable:
        """unknown: what to take a policy for that this project does not know."""
        if not limit.maxmemory or limit.policy == "noeviction":
            return cls.NONE
        if limit.policy.startswith("volatile-"):
            return cls.EXPIRING
        return cls.ALL if limit.policy.startswith("allkeys-") or unknown == "all" else cls.NONE

    def count(self, held: Stored) -> int:
        return {self.NONE: 0, self.EXPIRING: held.expires, self.ALL: held.keys}[self]


def _unseen(*, runs: bool) -> Risk:
    """Where nobody can tell how much the server holds."""
    if runs:
        return Risk(Cause.UNKNOWN, reason="INFO does not say how much the server holds")
    return Risk(Cause.UNSEEN, reason="the server does not run, so that nobody can tell how much it holds")


def _of_data(before: _Evictable, after: _Evictable, held: Stored, new: Limit, *, lower: bool) -> Optional[Risk]:
    """What goes because more is stored than the new limit; None when it fits, or when nothing may be evicted."""
    over = held.counted - new.maxmemory
    evictable, unprotected = after.count(held), after.count(held) - before.count(held)
    if over <= -ROOM * new.maxmemory or not evictable:
        return None
    size = _share(evictable, held)
    now = min(max(over, 0), size)
    full = f"the server holds about {_amount(held.counted)}"
    then = ", and then refuses commands that write" if over > size else ""
    if unprotected > 0:
        lost = _share(unprotected, held)
        reason = (
            f"{unprotected:,} {_which(before, after)}, about {_amount(lost)}, may not be evicted now; {new.policy} with "
            f"maxmemory {_amount(new.maxmemory)} evicts them{then}, because {full}"
        )
        return Risk(Cause.DATA, unprotected, exact=True, size=lost, now=now, reason=reason)
    if not lower:
        return None
    keys = min(evictable, max(1, round(evictable * now / size))) if size else evictable
    reason = (
        f"{full}; maxmemory {_amount(new.maxmemory)} with {new.policy} evicts about {keys:,} keys, {_amount(now)}{then}, that "
        "the limit of now has room for"
    )
    return Risk(Cause.DATA, keys, exact=False, size=now, now=now, reason=reason)


def _refused(old: Limit, before: _Evictable, after: _Evictable, held: Stored, new: Limit) -> Optional[Risk]:
    """Writes, when more is stored than a new limit under which nothing may be evicted; None when they are not."""
    if held.counted <= new.maxmemory or after.count(held):
        return None
    if old.maxmemory and held.counted > old.maxmemory and not before.count(held):
        return None  # the server refuses them already
    return Risk(
        Cause.WRITES,
        reason=f"the server holds about {_amount(held.counted)}, and {new.policy} with maxmemory {_amount(new.maxmemory)} "
        "evicts nothing: it would refuse every command that writes",
    )


def _queues(before: _Evictable, after: _Evictable, held: Stored, new: Limit, search: Search) -> Risk:
    """The data fit. Keys that may go once they do not are at risk only where jobs are among them."""
    keys = max(after.count(held) - before.count(held), 0)
    size = _share(keys, held)
    if after > before and search.answer is Answer.FOUND:
        reason = f"{_names(search)}: {new.policy} loses jobs without a word as soon as maxmemory {_amount(new.maxmemory)} is reached"
        return Risk(Cause.QUEUE, keys, exact=True, size=size, reason=reason)
    if after > before and search.answer is Answer.UNKNOWN:
        reason = (
            f"whether a job queue lives here could not be determined ({search.reason}), and {new.policy} loses jobs"
        )
        return Risk(Cause.UNKNOWN, keys, exact=True, size=size, reason=reason)
    reason = f"nothing is evicted now: the server holds about {_amount(held.counted)} of {_amount(new.maxmemory)}"
    keys = keys if after > before else 0
    if keys:
        reason += f"; once the limit is reached, {keys:,} {_which(before, after)} may be evicted that are protected now"
    if after > before and search.suspects:
        reason += f"; not counted as a job queue, because only the name says so: {', '.join(search.suspects)}"
    return Risk(Cause.NOTHING, keys, size=size if keys else 0, reason=reason)


def _names(search: Search) -> str:
    return ", ".join(str(found) for found in search.found[:3]) + (", ..." if len(search.found) > 3 else "")


def _which(before: _Evictable, after: _Evictable) -> str:
    if before is _Evictable.EXPIRING:
        return "keys without a time to live"
    return "keys" if after is _Evictable.ALL else "keys with a time to live"


def _share(keys: int, held: Stored) -> int:
    """The bytes of data of so many keys, if all are of one size."""
    return held.data * keys // held.keys if held.keys else 0


def _amount(size: int) -> str:
    """Bytes as Redis writes them, without digits that an estimate does not have."""
    for unit, factor in (("gb", 1024**3), ("mb", 1024**2), ("kb", 1024)):
        if size >= factor:
            return f"{size / factor:.1f}{unit}" if size < 10 * factor else f"{size / factor:.0f}{unit}"
    return f"{size} bytes"
