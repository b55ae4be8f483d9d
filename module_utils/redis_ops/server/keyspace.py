"""The databases of a server: how many keys each has, and how to look into one."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from ..base.errors import RedisOpsError
from .connection import Connection


@dataclass(frozen=True)
class Keys:
    """Of one database. expires: those of its keys that have a time to live."""

    keys: int
    expires: int


def databases(info: Mapping[str, Any]) -> dict[int, Keys]:
    """Every database that has keys, by number. Raises RedisOpsError for a line that is not INFO's.

    A value is the text of INFO, 'keys=3,expires=1,avg_ttl=0', or the mapping that redis-py makes of it. Redis 8 has
    db0_distrib_strings_sizes and the like beside db0.
    """
    found = {}
    for name, value in info.items():
        if re.fullmatch(r"db\d+", name):
            fields = (
                value if isinstance(value, Mapping) else dict(part.partition("=")[::2] for part in value.split(","))
            )
            try:
                found[int(name[2:])] = Keys(int(fields["keys"]), int(fields["expires"]))
            except (KeyError, ValueError):
                raise RedisOpsError(f"INFO says {name} = {value!r}, expected keys=N,expires=N") from None
    return dict(sorted(found.items()))


@contextlib.contextmanager
def selected(connection: Connection, number: int) -> Iterator[None]:
    """Have the connection in this database, and in database 0 afterwards. Raises as Connection.call does."""
    if not number:
        yield
        return
    connection.call("SELECT", str(number))
    try:
        yield
    finally:
        with contextlib.suppress(RedisOpsError):
            connection.call("SELECT", "0")
