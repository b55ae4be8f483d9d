"""A node of a cluster: its identity, its state, and which nodes.conf is its own.

nodes.conf has the identity of a node, its slots and the other nodes. The server makes a new one where it finds none, and is
then another node, which has no slot and knows nobody (cluster.c, clusterLoadConfig).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..base.errors import AccessDenied, CommandRefused
from .connection import Connection

CONFIG_FILE = "cluster-config-file"
SLOTS = 16384  # cluster.h, CLUSTER_SLOTS


@dataclass(frozen=True)
class State:
    """What a node says of its cluster. slots: how many of them the nodes that it knows have."""

    ok: bool
    slots: int


def state(connection: Connection) -> Optional[State]:
    """None where the server is no node of a cluster, or does not tell. Raises ServerUnreachable."""
    try:
        pairs = (line.strip().partition(":") for line in str(connection.call("CLUSTER INFO")).split("\n"))
    except (AccessDenied, CommandRefused):
        return None
    fields = {name: value for name, _, value in pairs}
    slots = fields.get("cluster_slots_assigned", "")
    return State(fields.get("cluster_state") == "ok", int(slots) if slots.isdecimal() and len(slots) < 6 else 0)


def identity(connection: Connection) -> str:
    """The 40 letters that name the node; '' where the server does not tell. Raises ServerUnreachable."""
    try:
        return str(connection.call("CLUSTER MYID"))
    except (AccessDenied, CommandRefused):
        return ""


def is_of(text: str, node: str) -> bool:
    """Whether a nodes.conf was written by the node of this identity: each line has an identity, an address and flags."""
    rows = [line.split(" ") for line in text.splitlines()]
    return any(len(row) > 2 and row[0] == node and "myself" in row[2].split(",") for row in rows)
