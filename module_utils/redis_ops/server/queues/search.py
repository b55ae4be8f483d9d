"""Are there job queues on a server, of any library, in any database? Yes, no, or it could not be determined.

The search asks for well-known names first, then walks all keys with SCAN. The server filters by type, so that the names of
strings and hashes, which a cache has by the million, are not sent. The types are walked side by side: a key that is in the
processor's cache costs a fraction of one that is not (benchmarks/queue_search.py). No round trip looks at more than COUNT
keys, and between two of them the server serves its clients.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Optional

from ...base.errors import AccessDenied, CommandRefused, RedisOpsError
from ..connection import Connection
from ..keyspace import Keys, databases
from . import recognise
from .kinds import PROOF, Key
from .recognise import Match
from .result import Budget, Found, Search, shown

COUNT = 500  # keys that one round trip looks at, with one SCAN for each of _WALKS
ASKED_AT_ONCE = 500  # TYPE and XINFO commands in one round trip
USUAL = Budget()
REMEMBERED = 100_000  # bases that were asked for and are no queue
EVIDENCE = 4  # keys named for one queue
SUSPECTS = 5  # lists named that may be a queue

STREAM_WITH_GROUPS = "stream with consumer groups"

# What SCAN is asked for: a type and a pattern for names. BullMQ's `meta` shows a queue that is empty; job hashes what is left
# of one, where the prefix has `bull` in it. Hashes of other names are not asked for: sessions and caches are hashes.
_JOBS = ("hash", "*[bB][uU][lL][lL]*:*:*")
_WALKS = (("list", "*"), ("zset", "*"), ("set", "*"), ("stream", "*"), ("hash", "*:*:meta"), _JOBS)


def search(connection: Connection, budget: Budget = USUAL, *, first: bool = True) -> Search:
    """Look for queues in every database of INFO. first: end with the first that is found, which answers whether there are any.

    Raises nothing: what the server refuses, and a server that does not answer, make the answer unknown with the reason.
    """
    try:
        info = connection.info()
        sizes = databases(info)
    except RedisOpsError as error:
        return Search(complete=False, reason=str(error))
    if int(info.get("loading", 0)):
        return Search(complete=False, reason="the server loads its data")
    look = _Look(connection, sizes, budget, first=first)
    with contextlib.closing(look):
        return look.result()


@dataclass
class _Look:
    """One search under way."""

    connection: Connection
    sizes: Mapping[int, Keys]
    budget: Budget
    first: bool
    keys: int = 0
    found: dict[tuple[str, int, str], list[str]] = field(default_factory=dict)
    suspects: dict[str, None] = field(default_factory=dict)
    reasons: list[str] = field(default_factory=list)
    begun: set[int] = field(default_factory=set)
    moved: bool = False  # to another database than 0
    spent: bool = False
    _no_queue: set[tuple[int, str, str, Key]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self._end = time.monotonic() + self.budget.seconds

    def result(self) -> Search:
        for number in self.sizes:
            self._try(number, self._ask_for_well_known)
        for number in sorted(self.sizes, key=lambda number: self.sizes[number].keys):
            self._try(number, self._walk)
        if self._done():
            self._cannot("the search ended with the first queue")
        return Search(
            found=tuple(
                Found(kind, number, base, tuple(evidence)) for (kind, number, base), evidence in self.found.items()
            ),
            complete=not self.reasons,
            reason="; ".join(self.reasons),
            keys=self.keys,
            databases=tuple(sorted(self.begun)),
            suspects=tuple(self.suspects),
        )

    def _try(self, number: int, step: Callable[[int], None]) -> None:
        """Once for each database, because a user may have the right to one of them only."""
        if self.spent or self._done():
            return
        if not self._over():
            try:
                step(number)
            except RedisOpsError as error:
                self._cannot(f"database {number}: {error}")
                return
        if self._over() and not self._done():
            total = sum(size.keys for size in self.sizes.values())
            self._cannot(
                f"the {self.budget.seconds:g} s or {self.budget.keys:,} keys that a search may cost were used up by about "
                f"{self.keys:,} of {total:,} keys"
            )

    def close(self) -> None:
        """Put the connection back to the database it had."""
        if self.moved:
            with contextlib.suppress(RedisOpsError):
                self.connection.call("SELECT", "0")

    def _over(self) -> bool:
        self.spent = self.spent or time.monotonic() > self._end or self.keys > self.budget.keys
        return self.spent

    def _enough(self) -> bool:
        return self._done() or self._over()

    def _done(self) -> bool:
        return self.first and bool(self.found)

    def _cannot(self, reason: str) -> None:
        if reason not in self.reasons:
            self.reasons.append(reason)

    def _send(self, number: int, commands: Sequence[Sequence[str]]) -> list[Any]:
        """In this database. SELECT comes with each round, because a client that connects again is in database 0; a user who
        may not send it can have database 0 looked at all the same, as long as no other one has keys.
        """
        if not number and not self.moved:
            return self.connection.call_all(commands)
        chosen, *replies = self.connection.call_all([("SELECT", str(number)), *commands])
        if isinstance(chosen, RedisOpsError):
            raise chosen
        self.moved = True
        return replies

    def _ask_for_well_known(self, number: int) -> None:
        """A user who may not ask for these loses nothing, because the walk comes to them as well. One question shows it, so
        that the server's log of refusals is not filled.
        """
        names = recognise.well_known()
        _, refused = self._types(number, names[:1])
        if refused:
            return
        found, _ = self._types(number, names)
        self._judge(number, [(key_type, name) for name, key_type in found.items()])

    def _types(self, number: int, names: Sequence[str]) -> tuple[dict[str, str], Optional[RedisOpsError]]:
        """The types of those that exist, and why one could not be asked for."""
        found, refused = {}, None
        for part in _parts(names):
            for name, reply in zip(part, self._send(number, [("TYPE", name) for name in part])):
                if isinstance(reply, RedisOpsError):
                    refused = reply
                elif str(reply) != "none":
                    found[name] = str(reply)
        return found, refused

    def _walk(self, number: int) -> None:
        self.begun.add(number)
        cursors = dict.fromkeys(_WALKS, "0")
        before, size = self.keys, self.sizes[number].keys
        while cursors and not self._enough():
            if self.found:  # the jobs of a queue may be millions, and say nothing new
                cursors.pop(_JOBS, None)
            hits = []
            for (kind, pattern), reply in zip(
                list(cursors), self._send(number, [_scan(*walk) for walk in cursors.items()])
            ):
                if isinstance(reply, RedisOpsError):
                    raise reply
                cursors[kind, pattern] = str(reply[0])
                hits += [(kind, str(name)) for name in reply[1]]
            cursors = {walk: cursor for walk, cursor in cursors.items() if cursor != "0"}
            self.keys = min(self.keys + COUNT, before + size) if cursors else before + size
            self._judge(number, hits)

    def _judge(self, number: int, hits: Sequence[tuple[str, str]]) -> None:
        """Count what is a queue among these keys, given as type and name."""
        matched = {hit: recognise.matches(*hit) for hit in hits}
        types = self._ask(number, [match for found in matched.values() for match in found])
        for (key_type, name), found in matched.items():
            if any(self._is_queue(number, match, name, types) for match in found):
                continue
            if key_type == "list" and len(self.suspects) < SUSPECTS and recognise.SUSPICIOUS.match(name):
                self.suspects[f"list {shown(name)} in database {number}"] = None
        self._ask_for_groups(number, [name for key_type, name in hits if key_type == "stream"])

    def _ask(self, number: int, found: Sequence[Match]) -> dict[str, str]:
        """The types of the keys that would be beside these."""
        names: dict[str, None] = {}
        for match in found:
            if _marked(number, match) in self._no_queue or (match.kind.name, number, match.base) in self.found:
                continue
            if match.key.weight < PROOF:
                names.update(dict.fromkeys(name for name, _ in recognise.companions(match)))
        types, refused = self._types(number, list(names))
        if refused:
            self._cannot(f"database {number}: {refused}")
        return types

    def _is_queue(self, number: int, match: Match, name: str, types: Mapping[str, str]) -> bool:
        identity = (match.kind.name, number, match.base)
        if _marked(number, match) in self._no_queue:
            return False
        beside = [(other, key) for other, key in recognise.companions(match) if types.get(other) == key.type]
        keys = [match.key, *(key for _, key in beside)]
        if identity not in self.found and not recognise.is_queue(match.kind, match.base, keys):
            if match.base and len(self._no_queue) < REMEMBERED:
                self._no_queue.add(_marked(number, match))
            return False
        evidence = self.found.setdefault(identity, [])
        for text in _evidence(match.key, name, beside):
            if len(evidence) < EVIDENCE and text not in evidence:
                evidence.append(text)
        return True

    def _ask_for_groups(self, number: int, names: Sequence[str]) -> None:
        """A stream that a consumer group reads holds work that may not have been acknowledged (Redis, XREADGROUP)."""
        for part in _parts(names):
            for name, reply in zip(part, self._send(number, [("XINFO", "GROUPS", name) for name in part])):
                if isinstance(reply, AccessDenied):
                    self._cannot(f"database {number}: {reply}")
                elif reply and not isinstance(reply, CommandRefused):  # a stream that is gone by now is refused
                    self.found.setdefault((STREAM_WITH_GROUPS, number, name), [f"stream {shown(name)}"])


def _scan(walk: tuple[str, str], cursor: str) -> tuple[str, ...]:
    kind, pattern = walk
    return ("SCAN", cursor, "MATCH", pattern, "COUNT", str(COUNT), "TYPE", kind)


def _marked(number: int, match: Match) -> tuple[int, str, str, Key]:
    return number, match.kind.name, match.base, match.key


def _evidence(key: Key, name: str, beside: Sequence[tuple[str, Key]]) -> Iterator[str]:
    yield f"{key.type} {shown(name)}"
    for other, companion in beside:
        yield f"{companion.type} {shown(other)}"


def _parts(names: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(names), ASKED_AT_ONCE):
        yield names[start : start + ASKED_AT_ONCE]
