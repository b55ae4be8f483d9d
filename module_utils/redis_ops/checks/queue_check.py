"""A look at the queues of instances. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Optional

from ..base.errors import RedisOpsError
from ..base.findings import Finding, Status
from ..server.connection import Connection
from ..server.keyspace import databases, selected
from ..server.queues import bullmq
from ..server.queues.result import Answer, Search
from ..server.queues.search import search
from ..view.attempt import Attempt
from ..view.instance import Instance
from . import queues

REMEDY = "see that it runs and that the user may read, docs/queues.md"
_Seen = Mapping[tuple[str, int, str, str], float]


def check(
    attempts: Sequence[Attempt],
    limits: queues.Limits,
    names: Sequence[str] = (),
    prefix: str = "",
    before: Sequence[Mapping[str, Any]] = (),
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """BullMQ's queues, each with its instance, and the findings on queues of any library.

    names: of the queues, none to search for them. prefix: of BullMQ's keys, '' for any, which is `bull` for queues by name.
    before: the queues of an earlier look. An instance that cannot be looked at is a finding, and the others are looked at.
    """
    seen = {
        (item["instance"], int(item.get("database", 0)), item.get("prefix", bullmq.PREFIX), item["name"]): float(
            item["at"]
        )
        for item in before
    }
    records: list[dict[str, Any]] = []
    found: list[Finding] = []
    for tried in attempts:
        instance = tried.instance
        try:
            here, verdicts = _look(tried, limits, names, prefix, seen)
        except RedisOpsError as error:
            here, verdicts = [], [_failed(instance, str(error))]
        records += [{"instance": instance.name, **queue.as_record()} for queue in here]
        found += verdicts
    return records, found


def _look(
    tried: Attempt, limits: queues.Limits, names: Sequence[str], prefix: str, seen: _Seen
) -> tuple[list[bullmq.Queue], list[Finding]]:
    instance, view = tried.instance, tried.seen()
    if view.connection is None:
        return [], [_failed(instance, "nothing answers at its address")]
    connection = view.connection
    searched: Optional[Search] = None
    if names:
        places = [(number, prefix or bullmq.PREFIX, name) for number in databases(view.info) for name in names]
    else:
        searched = search(connection, first=False)
        places = _bullmq(searched, prefix)
        if searched.answer is Answer.UNKNOWN and not searched.keys:
            return [], [_failed(instance, searched.reason)]
    here = [_read(connection, instance, place, seen, remains=not names) for place in places]
    read = [queue for queue in here if queue]
    return read, queues.judge(instance.where, view.observed.live or {}, read, limits, searched)


def _bullmq(searched: Search, prefix: str) -> list[tuple[int, str, str]]:
    """Database, prefix and name of BullMQ's queues. No queue's name has a colon (BullMQ refuses one)."""
    parts = [
        (found.database, *found.base.rpartition(":")[::2]) for found in searched.found if found.kind == queues.BULLMQ
    ]
    return [place for place in parts if prefix in ("", place[1])]


def _read(
    connection: Connection, instance: Instance, place: tuple[int, str, str], seen: _Seen, *, remains: bool
) -> Optional[bullmq.Queue]:
    number, prefix, name = place
    before = seen.get((instance.name, *place))
    with selected(connection, number):
        return bullmq.read(connection, name, prefix, before, database=number, remains=remains)


def _failed(instance: Instance, reason: str) -> Finding:
    return Finding(
        "queues.running",
        instance.where,
        Status.FAIL,
        "a server whose queues can be read",
        reason,
        "what cannot be looked at is never in order",
        REMEDY,
    )
