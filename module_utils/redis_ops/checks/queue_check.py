"""A look at the queues of instances. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..base.errors import RedisOpsError
from ..base.findings import Finding, Status
from ..server import persistence, queues
from ..view.observe import Instance, look

REMEDY = "see that it runs and that the user may read, docs/queues.md"


def check(
    instances: Sequence[Instance],
    limits: queues.Limits,
    names: Sequence[str] = (),
    prefix: str = queues.PREFIX,
    before: Sequence[Mapping[str, Any]] = (),
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """The queues, each with its instance, and the findings. names: of the queues, none to search for them.

    before: the queues of an earlier look. An instance that cannot be looked at is a finding, and the others are looked at.
    """
    seen = {(item["instance"], item["name"]): float(item["at"]) for item in before}
    records: list[dict[str, Any]] = []
    found: list[Finding] = []
    for instance in instances:
        try:
            here, verdicts = _look(instance, limits, names, prefix, seen)
        except RedisOpsError as error:
            here, verdicts = [], [_failed(instance, str(error))]
        records += [{"instance": instance.name, **queue.as_record()} for queue in here]
        found += verdicts
    return records, found


def _look(
    instance: Instance,
    limits: queues.Limits,
    names: Sequence[str],
    prefix: str,
    seen: Mapping[tuple[str, str], float],
) -> tuple[list[queues.Queue], list[Finding]]:
    snapshot = look(instance)
    connection = snapshot.connection
    if connection is None:
        return [], [_failed(instance, "nothing answers at its address")]
    try:
        wanted, complete = (list(names), True) if names else queues.find(connection, prefix)
        read = [queues.read(connection, name, prefix, seen.get((instance.name, name))) for name in wanted]
    finally:
        connection.close()
    here = [queue for queue in read if queue]
    found = queues.judge(instance.where, snapshot.observed.live or {}, here, limits, complete=complete)
    return here, found + _other_databases(instance, snapshot.info)


def _other_databases(instance: Instance, info: Mapping[str, Any]) -> list[Finding]:
    """Every look is at database 0: a queue elsewhere is not found, and that is said."""
    if persistence.highest_database(info) <= 0:
        return []
    return [
        Finding(
            "queues.databases",
            instance.where,
            Status.SKIP,
            "queues in database 0",
            "other databases have keys, which were not looked at",
            queues.GOING_TO_PRODUCTION,
            "give queues an instance of their own, not a database: databases share maxmemory and its policy",
        )
    ]


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
