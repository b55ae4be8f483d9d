"""Whether a load fits: memory, disk, connections and open files of instances and their host. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Optional

from ..base.findings import Finding, Status
from ..model.desired import DesiredState
from ..model.drop_in import SPARE_FILES
from ..plan.comparison import RESERVED_FILES
from ..view.facts import Facts
from ..view.room import ROOM, Room
from . import room as room_check
from .registry import Judgement, check
from .room import amount

TIGHT = 0.8  # share of a limit on connections above which one user more than planned is too many


def row(name: str, subject: str, status: Status, expected: str, actual: str, why: str, remedy: str = "") -> Finding:
    """One line of the checklist."""
    return Finding(f"checklist.{name}", subject, status, expected, actual, why, "" if status is Status.PASS else remedy)


def memory(rooms: Sequence[Room], total: int) -> Iterator[Finding]:
    """What all instances may take, against the RAM, and against each control group that is smaller; see preflight.

    total: bytes that this host has, 0 when unknown.
    """
    yield _memory("host: memory", rooms, total)
    for group in sorted({room.group for room in rooms if 0 < room.group.limit < total}, key=lambda group: group.path):
        inside = [room for room in rooms if room.group == group]
        names = ", ".join(room.name for room in inside)
        yield _memory(f"instance {names}: memory of its control group {group.path}", inside, group.limit)


def _memory(subject: str, rooms: Sequence[Room], total: int) -> Finding:
    """By the rule of preflight, for what runs."""
    running = [_as_declared(room) for room in rooms]
    found = room_check.memory_finding(running, total, 0)
    if found is None:
        limit = "at most what the RAM holds while Redis saves"
        told = "no instance has a maxmemory" if total else "the size of the memory is not told here"
        return row("memory", subject, Status.SKIP, limit, told, "guide 1.1", "declare maxmemory and run provision")
    problem = room_check.memory_problem(running, total, 0, ", ".join(room.name for room in rooms))
    if problem:
        remedy = f"{problem.remedy} and run provision"
        return row("memory", subject, Status.FAIL, problem.expected, problem.what, found.why, remedy)
    return row("memory", subject, found.status, found.expected, found.actual, found.why, found.remedy)


def _as_declared(room: Room) -> DesiredState:
    running = {"maxmemory": room.maxmemory, "appendonly": room.aof, "save": ((1, 1),) if room.rdb else ()}
    return DesiredState(room.engine, running)


def still_to_come(rooms: Sequence[Room], left: Optional[int]) -> Finding:
    """What maxmemory still lets the data grow by, against the memory that is available now. left: see available()."""
    growth = sum(max(room.maxmemory - room.used, 0) for room in rooms)
    expected = f"at least {amount(growth)}, which maxmemory still lets the data grow by"
    told = ("host: available memory", "Redis documentation, latency: swapping")
    if left is None:
        return row("available", told[0], Status.SKIP, expected, "this host does not tell", told[1], "see free -m")
    status = Status.PASS if left >= growth else Status.WARN
    remedy = "see ps aux --sort -rss for what takes it, and stop that; or lower maxmemory"
    return row("available", told[0], status, expected, amount(left), told[1], remedy)


def disk(rooms: Sequence[Room]) -> Iterator[Finding]:
    """Room for a rewrite beside the present files, all grown to maxmemory, on each file system.

    Needed of an instance, where one byte in memory is one on disk at most (a dump or a rewritten AOF is smaller):
      maxmemory for the AOF, if it is on, and for the dump, if saves are; maxmemory for the file that a rewrite or a save
      writes beside them, of which there is one at a time; less what the present files take already.
    FAIL below that. WARN below what an AOF takes besides until its rewrite begins: auto-aof-rewrite-percentage of
    maxmemory, or as far as auto-aof-rewrite-min-size goes beyond maxmemory. Without maxmemory what is used now counts.
    """
    writing = [room for room in rooms if (room.aof or room.rdb) and room.pid]
    for room in rooms:
        if room not in writing:
            why = "its files are not this host's" if room.aof or room.rdb else "neither AOF nor saves are on"
            yield row("disk", f"{room.where}: disk", Status.SKIP, "room for a rewrite", why, "guide 2")
    for device in dict.fromkeys(room.device for room in writing):
        here = [room for room in writing if room.device == device]
        least = sum(map(_least, here))
        most = least + sum(map(_growth, here))
        free, place = min(room.free for room in here), here[0].directory
        status = Status.FAIL if free < least else Status.WARN if free < most else Status.PASS
        yield row(
            "disk",
            f"instance {', '.join(room.name for room in here)}: disk",
            status,
            f"{amount(max(least, 0))} free for a rewrite beside the files at maxmemory, {amount(max(most, 0))} at worst",
            f"{amount(free)} free at {place}, {amount(sum(room.on_disk for room in here))} in use",
            "guide 2, 7; Redis documentation, persistence: a rewrite writes a new file beside the old one",
            f"free space (du -xh {place} | sort -h | tail), lower maxmemory, or move dir to a larger file system",
        )


def _least(room: Room) -> int:
    return room_check.disk_need(room.maxmemory or room.used, aof=room.aof, rdb=room.rdb, on_disk=room.on_disk)


def _growth(room: Room) -> int:
    size = room.maxmemory or room.used
    return max(size * room.growth // 100, room.smallest - size, 0) if room.aof else 0


@check("connections", why="guide 3.1, 7; Redis documentation, clients", readiness="checklist.connections", needs=[ROOM])
def connections(facts: Facts) -> Iterator[Judgement]:
    """Who is connected, the load and Redis' own files, against maxclients and against what its process may open."""
    room, load = facts[ROOM], facts.load
    need = room.clients + load + RESERVED_FILES
    limits = {"maxclients": room.maxclients, "open files": room.open_files}
    known = {name: limit for name, limit in limits.items() if limit is not None}
    narrow = min(known, key=lambda name: known[name])
    limit = known[narrow]
    status = Status.FAIL if need > limit else Status.WARN if need > TIGHT * limit else Status.PASS
    more = max(int(need / TIGHT) + 1, room.maxclients)
    raised = f"declare maxclients: {more} and run provision with -e redis_server_restart=true"
    yield Judgement(
        status,
        "at most " + " and ".join(f"{name} {value}" for name, value in known.items()),
        f"{need}: {room.clients} connected, {load} of the load, {RESERVED_FILES} files of Redis itself",
        (raised if narrow == "maxclients" else f"prlimit --pid {room.pid} --nofile={more + SPARE_FILES}; or {raised}")
        + ", or load it with fewer users",
    )


@check("swap", why="Redis documentation, latency: swapping", readiness="checklist.swap", needs=[ROOM])
def swap(facts: Facts) -> Iterator[Judgement]:
    """A server in swap answers in milliseconds, and the load's verdict would say so."""
    room, expected = facts[ROOM], "nothing of the server in swap"
    if room.swapped is None:
        yield Judgement(Status.SKIP, expected, "its process is not this host's", "look at its host")
        return
    yield Judgement(
        Status.FAIL if room.swapped else Status.PASS,
        expected,
        f"{amount(room.swapped)} (/proc/{room.pid}/status)",
        "where free -m has that much available: swapoff -a && swapon -a; else lower maxmemory",
    )
