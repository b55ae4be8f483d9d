"""Whether replicas follow whom they shall, and go on to do so."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..base.errors import Problem
from ..base.findings import Finding, Status
from ..base.text import printable
from ..view.facts import Facts
from ..view.host import HostView, Seen
from ..view.link import LINK
from .registry import Judgement, check
from .room import amount

LAG = 10  # seconds: min-replicas-max-lag's default
_HERE = ("localhost", "127.0.0.1", "::1")
WHY = "Redis documentation, replication: a replica looks for its primary at the address that it was given"


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
                WHY,
                "send each of them REPLICAOF with the new port after the run",
            )


@check("its link to its primary", why=WHY, verify="verify.replication", needs=[LINK])
def link(facts: Facts) -> Iterator[Judgement]:
    """Whether a replica reaches its primary."""
    info = facts[LINK]
    if info.get("role") != "slave":
        return
    up = info.get("master_link_status") == "up"
    primary = f"{printable(str(info.get('master_host')))} port {info.get('master_port')}"
    yield Judgement(
        Status.PASS if up else Status.WARN,
        "a link to its primary",
        f"the link to {primary} is {'up' if up else 'down'}",
        "see whether the primary answers there, and whether masterauth is its password",
    )


@check("replication", why="guide 7; Redis documentation, replication", readiness="checklist.replication")
def in_step(facts: Facts) -> Iterator[Judgement]:
    """Replicas that lag have the primary send them everything anew, in the middle of a load test."""
    view = facts.view
    info, config = view.info, view.observed.live or {}
    if info.get("role") == "slave":
        read_only = config.get("replica-read-only", "yes") == "yes"
        actual = (
            f"a replica of {info.get('master_host')}:{info.get('master_port')}, link {info.get('master_link_status')}"
        )
        actual += ", which refuses writes" if read_only else ", whose writes its primary will not have"
        status = Status.FAIL if read_only else Status.WARN
        yield Judgement(status, "a primary", actual, "load the primary: --limit to its host")
        return
    replicas = [value for name, value in info.items() if re.fullmatch(r"slave\d+", name)]
    most = int(config.get("min-replicas-max-lag") or 0) or LAG
    backlog = int(config.get("repl-backlog-size", 0))
    offset = int(info.get("master_repl_offset", 0))
    behind = [_behind(replica, offset, most, backlog) for replica in replicas]
    wanted = int(config.get("min-replicas-to-write") or 0) if config.get("min-replicas-max-lag") != "0" else 0
    few = int(info.get("min_slaves_good_slaves", wanted)) < wanted
    worst = max((lag for _, lag, _ in behind), default=0), max((gap for _, _, gap in behind), default=0)
    off = [text for text, _, _ in behind if text]
    off += [f"fewer than min-replicas-to-write {wanted} in step, so it refuses writes"] if few else []
    good = f"{len(replicas)} in step, {worst[0]} s and {amount(worst[1])} behind at most" if replicas else "no replica"
    yield Judgement(
        Status.FAIL if off else Status.PASS,
        f"each replica online, at most {most} s and {amount(backlog)} (repl-backlog-size) behind",
        "; ".join(off) or good,
        f"wait until {view.cli} INFO replication has each online and near, or mend that replica",
    )


def _behind(replica: Mapping[str, Any], offset: int, most: int, backlog: int) -> tuple[str, int, int]:
    """What is wrong with a replica, '' for nothing; the seconds and the bytes that it is behind."""
    lag, gap = int(replica.get("lag", 0)), max(offset - int(replica.get("offset", 0)), 0)
    name, state = f"{replica.get('ip')}:{replica.get('port')}", str(replica.get("state"))
    if state != "online":
        return f"{name} is {state}", 0, 0
    return f"{name} is {lag} s and {amount(gap)} behind" if lag > most or gap > backlog else "", lag, gap


def _port(seen: Seen) -> int:
    """Where the running server listens; 0 for nowhere."""
    return int(seen.view.info.get("tcp_port", 0))


def _moves(seen: Seen) -> bool:
    return bool(_port(seen)) and seen.view.changes("port") and seen.view.plan.desired.get("port") != _port(seen)
