"""Find BullMQ on a server: a queue must not live where keys are evicted."""

from __future__ import annotations

import contextlib

from .errors import RedisOpsError
from .server import Connection

QUEUE = "bull:*:meta"
ROUNDS = 20  # of 1000 keys: enough to find a queue, and nothing a busy server feels


def has_queue(connection: Connection) -> bool:
    """Whether a BullMQ queue is among the first keys of its database; False also where SCAN is not allowed."""
    with contextlib.suppress(RedisOpsError):
        cursor = "0"
        for _ in range(ROUNDS):
            cursor, names = connection.call("SCAN", str(cursor), "MATCH", QUEUE, "COUNT", "1000")
            if names:
                return True
            if str(cursor) == "0":
                return False
    return False
