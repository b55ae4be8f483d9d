"""Whether a load fits: memory, disk, connections and open files of instances and their host, against what they may take.

room_of reads; every verdict is pure.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Optional

from ..base.engine import Engine
from ..base.errors import InvalidValue
from ..base.files import look
from ..base.findings import Finding, Status
from ..checks import room as check_room
from ..checks.room import amount
from ..model.desired import DesiredState
from ..model.limits import SPARE_FILES
from ..plan.comparison import RESERVED_FILES
from ..platform import host
from ..server import persistence
from ..view.instance import Instance, InstanceView

TIGHT = 0.8  # share of a limit on connections above which one user more than planned is too many


class _Files(NamedTuple):
    """Of control groups with memory: their line of /proc/PID/cgroup, and where what stands; cgroups(7)."""

    line: str
    directory: str
    limit: str
    used: str
    cached: str


_CONTROL_GROUPS = (
    _Files("0:", "/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file"),
    _Files(
        r"\d+:memory",
        "/sys/fs/cgroup/memory",
        "memory.limit_in_bytes",
        "memory.usage_in_bytes",
        "total_inactive_file",
    ),
)


@dataclass(frozen=True)
class Group:
    """A control group that limits memory. path: as /proc/PID/cgroup tells it. limit: bytes, 0 for none."""

    path: str = ""
    limit: int = 0


@dataclass(frozen=True)
class Room:
    """What one running instance has and may take; sizes in bytes.

    aof, rdb: whether it writes them. growth: auto-aof-rewrite-percentage; smallest: auto-aof-rewrite-min-size. on_disk:
    what its present files take. device: of the file system that `directory` is on; free: what that has left. clients:
    connected now, replicas among them. open_files, swapped: of its process, None when that is not this host's.
    """

    name: str
    where: str
    engine: Engine
    pid: int
    maxmemory: int
    used: int
    aof: bool
    rdb: bool
    growth: int
    smallest: int
    on_disk: int
    directory: str
    device: int
    free: int
    clients: int
    maxclients: int
    open_files: Optional[int]
    swapped: Optional[int]
    group: Group


def room_of(instance: Instance, snapshot: InstanceView) -> Room:
    """Raises OSError when the data directory cannot be looked at."""
    live, info, store = snapshot.observed.live or {}, snapshot.info, snapshot.store
    local = snapshot.observed.open_files is not None
    pid = int(info["process_id"]) if local else 0
    directory = live.get("dir", "/")
    files = _files(store) if local and store is not None else []
    return Room(
        name=instance.name,
        where=instance.where,
        engine=snapshot.plan.desired.engine,
        pid=pid,
        maxmemory=int(live.get("maxmemory", 0)),
        used=int(info.get("used_memory", 0)),
        aof=live.get("appendonly") == "yes",
        rdb=bool(live.get("save")),
        growth=int(live.get("auto-aof-rewrite-percentage", 0)),
        smallest=int(live.get("auto-aof-rewrite-min-size", 0)),
        on_disk=sum(_size(path) for path in files),
        directory=directory,
        device=_device(directory) if local else 0,
        free=host.free_bytes(directory) if local else 0,
        clients=int(info.get("connected_clients", 0)) + int(info.get("connected_slaves", 0)),
        maxclients=int(live.get("maxclients", 0)),
        open_files=snapshot.observed.open_files,
        swapped=_kilobytes("VmSwap", f"/proc/{pid}/status") or 0 if local else None,
        group=_group(pid),
    )


def available() -> Optional[int]:
    """Bytes that programs may still take without swapping: of the machine, or of this control group where it has a limit.

    None when nothing tells.
    """
    found = [size for size in [_kilobytes("MemAvailable", "/proc/meminfo")] if size is not None]
    for files in _CONTROL_GROUPS:
        limit, used = (host.read(f"{files.directory}/{name}").strip() for name in (files.limit, files.used))
        if limit.isdigit() and used.isdigit():  # 'max' is no limit
            cached = re.search(rf"^{files.cached} (\d+)$", host.read(f"{files.directory}/memory.stat"), re.MULTILINE)
            found.append(max(int(limit) - int(used) + int(cached[1] if cached else 0), 0))
    return min(found, default=None)


def _kilobytes(name: str, path: str) -> Optional[int]:
    """A line such as 'VmSwap:  12 kB', in bytes."""
    found = re.search(rf"^{name}:\s+(\d+) kB", host.read(path), re.MULTILINE)
    return int(found[1]) * 1024 if found else None


def _files(store: persistence.Store) -> list[Path]:
    with contextlib.suppress(InvalidValue, OSError):
        return [store.rdb, *store.aof_files()]
    return [store.rdb]


def _size(path: Path) -> int:
    with contextlib.suppress(OSError):
        found = look(str(path))
        return found.st_size if found else 0  # replaced by a rewrite right now
    return 0


def _device(directory: str) -> int:
    found = look(directory)
    return found.st_dev if found else 0


def _group(pid: int) -> Group:
    """The control group with the smallest limit of those around a process."""
    told = host.read(f"/proc/{pid}/cgroup") if pid else ""
    groups = []
    for files in _CONTROL_GROUPS:
        for own in re.findall(rf"^{files.line}:(/.*)$", told, re.MULTILINE):
            places = (PurePosixPath(own), *PurePosixPath(own).parents)
            limits = {
                place: host.read(str(PurePosixPath(f"{files.directory}{place}", files.limit))) for place in places
            }
            groups += [Group(str(place), int(text)) for place, text in limits.items() if text.strip().isdigit()]
    return min(groups, key=lambda group: group.limit, default=Group())


# --- verdicts ---------------------------------------------------------------------------------------------------------


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
    found = check_room.memory_finding(running, total, 0)
    if found is None:
        limit = "at most what the RAM holds while Redis saves"
        told = "no instance has a maxmemory" if total else "the size of the memory is not told here"
        return row("memory", subject, Status.SKIP, limit, told, "guide 1.1", "declare maxmemory and run provision")
    problem = check_room.memory_problem(running, total, 0, ", ".join(room.name for room in rooms))
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
    return check_room.disk_need(room.maxmemory or room.used, aof=room.aof, rdb=room.rdb, on_disk=room.on_disk)


def _growth(room: Room) -> int:
    size = room.maxmemory or room.used
    return max(size * room.growth // 100, room.smallest - size, 0) if room.aof else 0


def connections(room: Room, load: int) -> Finding:
    """Who is connected, the load and Redis' own files, against maxclients and against what its process may open."""
    need = room.clients + load + RESERVED_FILES
    limits = {"maxclients": room.maxclients, "open files": room.open_files}
    known = {name: limit for name, limit in limits.items() if limit is not None}
    narrow = min(known, key=lambda name: known[name])
    limit = known[narrow]
    status = Status.FAIL if need > limit else Status.WARN if need > TIGHT * limit else Status.PASS
    more = max(int(need / TIGHT) + 1, room.maxclients)
    raised = f"declare maxclients: {more} and run provision with -e redis_server_restart=true"
    return row(
        "connections",
        f"{room.where}: connections",
        status,
        "at most " + " and ".join(f"{name} {value}" for name, value in known.items()),
        f"{need}: {room.clients} connected, {load} of the load, {RESERVED_FILES} files of Redis itself",
        "guide 3.1, 7; Redis documentation, clients",
        (raised if narrow == "maxclients" else f"prlimit --pid {room.pid} --nofile={more + SPARE_FILES}; or {raised}")
        + ", or load it with fewer users",
    )


def swap(room: Room) -> Finding:
    """A server in swap answers in milliseconds, and the load's verdict would say so."""
    expected, why = "nothing of the server in swap", "Redis documentation, latency: swapping"
    subject = f"{room.where}: swap"
    if room.swapped is None:
        return row("swap", subject, Status.SKIP, expected, "its process is not this host's", why, "look at its host")
    return row(
        "swap",
        subject,
        Status.FAIL if room.swapped else Status.PASS,
        expected,
        f"{amount(room.swapped)} (/proc/{room.pid}/status)",
        why,
        "where free -m has that much available: swapoff -a && swapon -a; else lower maxmemory",
    )
