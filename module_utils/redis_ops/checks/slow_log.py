"""Whether the slow log tells what a load leaves in it. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.findings import Status
from ..view.facts import Facts
from ..view.slow_log import SLOW_LOG
from .registry import Judgement, check

ROOM = 128  # entries: slowlog-max-len's default; the guide's 100 is less


@check(
    "slow log",
    why="guide 5.3, 7; Redis documentation, SLOWLOG",
    readiness="checklist.slowlog",
    needs=[SLOW_LOG],
    unread="let the user that looks SLOWLOG GET: ACL SETUSER <user> +slowlog|get",
)
def slow_log(facts: Facts) -> Iterator[Judgement]:
    """Old entries do no harm: ids only rise, so what the load adds is told from them."""
    log = facts[SLOW_LOG]
    expected = f"switched on, and not full where it has room for fewer than {ROOM} entries"
    threshold, room, entries = log["threshold"], log["room"], len(log["entries"])
    if threshold < 0 or not room:
        off = f"off (slowlog-log-slower-than {threshold}, slowlog-max-len {room}): slow commands will not be seen"
        remedy = "declare slowlog-log-slower-than: 10000 and slowlog-max-len: 1024, and run provision"
        yield Judgement(Status.WARN, expected, off, remedy)
    elif entries >= room and room < ROOM:
        full = f"full with {room} entries: of more new ones than that only the last are kept"
        yield Judgement(Status.WARN, expected, full, "declare slowlog-max-len: 1024 and run provision")
    else:
        old = f"{entries} old entries, which are not counted: ids are compared" if entries else "no entry"
        yield Judgement(Status.PASS, expected, f"{old}; room for {room}")
