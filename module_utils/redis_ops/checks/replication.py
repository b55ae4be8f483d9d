"""Whether replicas follow whom they shall, and go on to do so."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import Any

from ..base.errors import Problem
from ..base.findings import Finding, Status
from ..base.text import printable
from ..server.connection import Connection
from ..view.host import HostView, Seen
from ..view.instance import InstanceView

LOOKS, PAUSE = 20, 0.25  # seconds between looks: a replica that was restarted reaches its primary within a second
_HERE = ("localhost", "127.0.0.1", "::1")
_WHY = "Redis documentation, replication: a replica looks for its primary at the address that it was given"


def problems(view: HostView) -> Iterator[Problem]:
    """A port that a replica on this host follows must not become another server's: it would load that one's data."""
    for seen in view.instances:
        followed = seen.view.observed.replica_of
        if followed is None or followed[0] not in _HERE:
            continue
        for other in view.instances:
            if _port(other) == followed[1] and _moves(other):
                yield Problem(
                    f"{other.where}: port",
                    f"{seen.where} follows it at port {followed[1]}, and a replica goes on to look there",
                    "a port that stays while a replica follows it",
                    f"send {seen.where} REPLICAOF NO ONE, run this, and then send it REPLICAOF with the new port",
                )


def findings(view: HostView) -> Iterator[Finding]:
    """Replicas elsewhere that would look for their primary at a port that it leaves."""
    for seen in view.instances:
        count = int(seen.view.info.get("connected_slaves", 0))
        if count and _moves(seen):
            yield Finding(
                "preflight.replicas",
                seen.where,
                Status.WARN,
                "a port that stays while replicas follow it",
                f"{count} replicas follow it at port {_port(seen)}, and look for it there when their link breaks",
                _WHY,
                "send each of them REPLICAOF with the new port after the run",
            )


def link(snapshot: InstanceView, connection: Connection) -> Iterator[Finding]:
    """Whether a replica reaches its primary. Waits a few seconds for one that was just restarted."""
    if snapshot.info.get("role") != "slave":
        return
    info: Mapping[str, Any] = snapshot.info
    for _ in range(LOOKS):
        if info.get("master_link_status") == "up":
            break
        time.sleep(PAUSE)
        info = connection.info()
    up = info.get("master_link_status") == "up"
    primary = f"{printable(str(info.get('master_host')))} port {info.get('master_port')}"
    yield Finding(
        "verify.replication",
        snapshot.instance.where,
        Status.PASS if up else Status.WARN,
        "a link to its primary",
        f"the link to {primary} is {'up' if up else 'down'}",
        _WHY,
        "" if up else "see whether the primary answers there, and whether masterauth is its password",
    )


def _port(seen: Seen) -> int:
    """Where the running server listens; 0 for nowhere."""
    return int(seen.view.info.get("tcp_port", 0))


def _moves(seen: Seen) -> bool:
    return bool(_port(seen)) and seen.view.changes("port") and seen.view.plan.desired.get("port") != _port(seen)
