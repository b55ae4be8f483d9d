"""Make and remove the ACL user of a load test, in the memory of the server, and the keys of one that is gone."""

from __future__ import annotations

import time
from collections.abc import Sequence

from ..model.load_user import escaped
from ..server.connection import Connection

PATIENCE = 20.0  # seconds of a walk through all keys


def make(connection: Connection, name: str, rules: Sequence[str]) -> None:
    """Raises AccessDenied, CommandRefused or ServerUnreachable; the server takes all rules or none."""
    connection.call("ACL SETUSER", name, *rules)


def remove(connection: Connection, names: Sequence[str]) -> None:
    """The server ends their connections as well. One that is gone is no error. Raises as make() does."""
    if names:
        connection.call("ACL DELUSER", *names)


def remove_keys(connection: Connection, prefixes: Sequence[str], database: int = 0) -> bool:
    """Those whose names begin so. Whether all keys of the database were looked at. Raises as make() does.

    It walks through the keys of others, and so is for what the programs of a load could not remove themselves.
    """
    connection.call("SELECT", str(database))
    for prefix in prefixes:
        end, cursor = time.monotonic() + PATIENCE, "0"
        while True:
            cursor, keys = connection.call("SCAN", str(cursor), "MATCH", f"{escaped(prefix)}*", "COUNT", "1000")
            if keys:
                connection.call("UNLINK", *map(str, keys))
            if str(cursor) == "0":
                break
            if time.monotonic() > end:
                return False
    return True
