"""What a server answers to a probe: PING, and one key of its own, which is gone again whatever happens."""

from __future__ import annotations

import secrets
from dataclasses import dataclass

from ..base.errors import RedisOpsError
from ..server.connection import Connection
from .facts import Fact
from .instance import InstanceView

KEY_PREFIX = "redis_ops:verify:"


@dataclass(frozen=True)
class Probe:
    """skipped: why nothing was written; error: what the server refused; '' for neither."""

    written: str = ""
    read: object = None
    deleted: bool = False
    skipped: str = ""
    error: str = ""


def _ping(view: InstanceView) -> str:
    try:
        return str(_connection(view).call("PING"))
    except RedisOpsError as error:
        return str(error)


def _own_key(view: InstanceView) -> Probe:
    if view.info.get("role") == "slave":
        return Probe(skipped="a replica takes no writes")
    connection = _connection(view)
    key, value = KEY_PREFIX + secrets.token_hex(8), secrets.token_hex(8)
    try:
        connection.call("SET", key, value, "EX", "60")
        try:
            read = connection.call("GET", key)
        finally:
            deleted = connection.call("DEL", key)
    except RedisOpsError as error:
        if str(error).startswith("MOVED"):
            return Probe(skipped="a cluster node, and the key's slot is another's")
        return Probe(error=str(error))
    return Probe(value, read, deleted == 1)


def _connection(view: InstanceView) -> Connection:
    if view.connection is None:
        raise RedisOpsError("it does not run")
    return view.connection


PING = Fact("ping", _ping)
OWN_KEY = Fact("own key", _own_key)
