"""The slow log of a server. Of an entry the name of its command, never its arguments."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict

from ..base.errors import RedisOpsError
from ..server.connection import Connection
from .facts import Fact
from .instance import InstanceView


class SlowLog(TypedDict):
    """As a snapshot holds it. threshold: slowlog-log-slower-than, in µs. room: slowlog-max-len. Ids only rise, through a
    reset as well.
    """

    threshold: int
    room: int
    entries: list[dict[str, Any]]
    last_id: int


def read(connection: Connection, config: Mapping[str, str]) -> SlowLog:
    """config: CONFIG GET of the server."""
    entries = [_entry(entry) for entry in connection.slowlog(int(config.get("slowlog-max-len", "128")))]
    return {
        "threshold": int(config.get("slowlog-log-slower-than", "-1")),
        "room": int(config.get("slowlog-max-len", "0")),
        "entries": entries,
        "last_id": max((entry["id"] for entry in entries), default=-1),
    }


def _entry(entry: Sequence[Any]) -> dict[str, Any]:
    number, began, duration, words = entry[:4]
    return {"id": number, "time": began, "usec": duration, "command": words[0].upper() if words else ""}


def _of(view: InstanceView) -> SlowLog:
    if view.connection is None:
        raise RedisOpsError("it does not run")
    return read(view.connection, view.observed.live or {})


SLOW_LOG = Fact("slow log", _of)
