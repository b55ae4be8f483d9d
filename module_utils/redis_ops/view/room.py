"""What running instances and their host have and may take: memory, disk, connections and open files."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import NamedTuple, Optional

from ..base.engine import Engine
from ..base.errors import InvalidValue
from ..base.files import look
from ..platform import host
from ..server import persistence
from .facts import Fact
from .instance import InstanceView


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


def room_of(snapshot: InstanceView) -> Room:
    """Raises OSError when the data directory cannot be looked at."""
    live, info, store = snapshot.observed.live or {}, snapshot.info, snapshot.store
    local = snapshot.observed.open_files is not None
    pid = int(info["process_id"]) if local else 0
    directory = live.get("dir", "/")
    files = _files(store) if local and store is not None else []
    return Room(
        name=snapshot.instance.name,
        where=snapshot.instance.where,
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


ROOM = Fact("room", room_of)
