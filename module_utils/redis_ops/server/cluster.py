"""A node of a cluster: its identity, its state, and which nodes.conf is its own.

nodes.conf has the identity of a node, its slots and the other nodes. The server makes a new one where it finds none, and is
then another node, which has no slot and knows nobody (cluster.c, clusterLoadConfig).
"""

from __future__ import annotations

from ..base.errors import AccessDenied, CommandRefused
from .connection import Connection

CONFIG_FILE = "cluster-config-file"


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
