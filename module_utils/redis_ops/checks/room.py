"""Whether the host has room: memory for a save, disk for the files, open files, the accept queue. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Optional

from ..base.errors import Problem
from ..base.findings import Finding, Status
from ..base.units import format_memory
from ..model import drop_in
from ..model.desired import DesiredState
from ..plan.comparison import RESERVED_FILES
from ..view.host import HostView, Seen
from . import start

MEBIBYTE = 1024**2
# Memory beside the data, from the fork rule of the Redis documentation (administration: "up to 2 times the memory
# normally used" while saving): allocator overhead, then the pages that change while a child writes the snapshot.
FRAGMENTATION = 1.1
WORST_COPY_ON_WRITE = 1.0  # every page changes while the child writes
LEAST_COPY_ON_WRITE = 0.25  # below this an ordinary rewrite under load ends with the kernel killing Redis
LARGEST_RESERVE = 512 * MEBIBYTE  # for the system itself; an eighth of a small machine
FEWEST_INODES = 100  # a rewrite makes four files; below this something else has used them up


def problems(view: HostView) -> Iterator[Problem]:
    """What must be mended first."""
    for seen in view.instances:
        yield from _open_files(view, seen)
        yield from _backlog(view, seen)
        yield from _disk(seen)
    if not any(seen.view.changes("maxmemory") for seen in view.instances):
        return  # what runs so already is reported, and stops nothing
    memory = memory_problem(
        [seen.view.plan.desired for seen in view.instances], view.memory, others(view), _names(view)
    )
    yield from [memory] if memory else []


def findings(view: HostView) -> Iterator[Finding]:
    """What works and is worth knowing."""
    found = memory_finding([seen.view.plan.desired for seen in view.instances], view.memory, others(view))
    yield from [found] if found else []
    yield from _unknown(view)
    for seen in view.instances:
        yield from _disk_at_most(seen)


def _unknown(view: HostView) -> Iterator[Finding]:
    """What the host does not tell, where a change needs it."""
    facts = (
        ("memory", "memory", view.memory, "maxmemory"),
        ("open_files", "open files", view.open_files, "maxclients"),
        ("backlog", "net.core.somaxconn", view.somaxconn, "tcp-backlog"),
    )
    for name, subject, fact, option in facts:
        changed = [seen for seen in view.instances if seen.view.changes(option) and seen.view.plan.desired.get(option)]
        if changed and not fact and not any(seen.view.goes_back for seen in changed):
            yield Finding(
                f"preflight.{name}",
                f"{subject} of this host",
                Status.SKIP,
                f"room for {option}",
                "could not be determined",
                "a guard without its fact judges nothing",
                f"see yourself whether {option} fits this host",
            )


def others(view: HostView) -> int:
    """Bytes that servers which nobody declared have or may take."""
    return sum(stranger.memory for stranger in view.strangers)


def _names(view: HostView) -> str:
    return ", ".join(seen.declared.name for seen in view.instances)


def memory_problem(wanted: Sequence[DesiredState], memory: int, beside: int, names: str) -> Optional[Problem]:
    """wanted: the desired states of all instances. memory: bytes of the host, 0 when unknown. beside: bytes that other
    servers have or may take.
    """
    total = sum(desired.get("maxmemory") for desired in wanted)
    need = LEAST_COPY_ON_WRITE if _forks(wanted) else 0.0
    if not total or not memory or _copy_on_write_left(total, memory - beside) >= need:
        return None
    safe = amount(_most(memory - beside, WORST_COPY_ON_WRITE if _forks(wanted) else 0.0))
    taken = f", of which other servers here have or may take {amount(beside)}," if beside else ""
    return Problem(
        f"instance {names}: maxmemory",
        f"{amount(total)} does not fit {amount(memory)} of RAM{taken} with room to save",
        f"at most {amount(_most(memory - beside, need))} in all, better {safe}",
        f"set redis_server_settings: {{maxmemory: {safe}}}" + (" split over the instances" if len(wanted) > 1 else ""),
    )


def memory_finding(wanted: Sequence[DesiredState], memory: int, beside: int) -> Optional[Finding]:
    """None where no instance has a limit, or the size of the memory is unknown."""
    total = sum(desired.get("maxmemory") for desired in wanted)
    if not total or not memory:
        return None
    need = WORST_COPY_ON_WRITE if _forks(wanted) else 0.0
    left = _copy_on_write_left(total, memory - beside)
    taken = f", other servers take {amount(beside)}" if beside else ""
    return Finding(
        "preflight.memory",
        "memory",
        Status.PASS if left >= need else Status.WARN,
        f"at most {amount(_most(memory - beside, need))} of maxmemory in all, for the worst case while saving",
        f"{amount(total)} of {amount(memory)} RAM{taken}",
        "guide 1.1; Redis documentation, administration: memory while forking",
        "" if left >= need else "lower maxmemory, or watch aof_last_cow_size and used_memory under load",
    )


def _forks(wanted: Sequence[DesiredState]) -> bool:
    return any(desired.get("appendonly") or desired.get("save") for desired in wanted)


def _reserve(memory: int) -> int:
    return min(LARGEST_RESERVE, memory // 8)


def _copy_on_write_left(wanted: int, memory: int) -> float:
    """The share of the data whose pages may change during a save before memory runs out."""
    return (memory - _reserve(memory)) / wanted - FRAGMENTATION


def _most(memory: int, copy_on_write: float) -> int:
    """The largest maxmemory that leaves room for this share; whole mebibytes."""
    return max(int((memory - _reserve(memory)) / (FRAGMENTATION + copy_on_write)) // MEBIBYTE * MEBIBYTE, 0)


def amount(size: int) -> str:
    """Such as 512mb; below a mebibyte in bytes."""
    return format_memory(size // MEBIBYTE * MEBIBYTE) if size >= MEBIBYTE else f"{size} bytes"


def _open_files(view: HostView, seen: Seen) -> Iterator[Problem]:
    desired, where = seen.view.plan.desired, seen.where
    maxclients = desired.get("maxclients")
    if seen.view.goes_back or not seen.view.changes("maxclients"):
        return
    if view.open_files and maxclients + RESERVED_FILES > view.open_files:
        yield Problem(
            f"{where}: maxclients",
            f"{maxclients} needs {maxclients + RESERVED_FILES} open files, this host grants {view.open_files}",
            f"at most {view.open_files - RESERVED_FILES}",
            "lower maxclients, or raise the limit of process 1 (in a container: its nofile ulimit)",
        )
    later = seen.view.later_limit
    if later is not None and start.limit_is_too_low(seen.view) and later.path not in start.replaced_files(seen.view):
        yield Problem(
            f"{where}: maxclients",
            f"{maxclients} needs {drop_in.open_files(desired)} open files, and {later.path} grants {later.open_files} at "
            "the next start",
            "no drop-in that overrides this project's limit",
            f"remove LimitNOFILE from {later.path} and run systemctl daemon-reload, or lower maxclients",
        )


def _backlog(view: HostView, seen: Seen) -> Iterator[Problem]:
    backlog = seen.view.plan.desired.get("tcp-backlog")
    if seen.view.goes_back:
        return
    if seen.view.changes("tcp-backlog") and view.somaxconn and backlog > view.somaxconn:
        yield Problem(
            f"{seen.where}: tcp-backlog",
            f"{backlog} is cut to net.core.somaxconn = {view.somaxconn}",
            f"at most {view.somaxconn}",
            "lower tcp-backlog, or raise net.core.somaxconn in redis_host_sysctl",
        )


def _disk(seen: Seen) -> Iterator[Problem]:
    desired, view = seen.view.plan.desired, seen.view
    aof_is_on = bool(int(view.info.get("aof_enabled", 0)))
    need = disk_need(_stored(seen), aof=True, rdb=bool(desired.get("save")), on_disk=_on_disk(seen))
    if desired.get("appendonly") and not aof_is_on and seen.place.free < need:
        yield Problem(
            f"{seen.where}: appendonly",
            f"the AOF and its rewrite need about {amount(need)}, {view.wanted_store.directory} has "
            f"{amount(seen.place.free)} free",
            "space for them",
            "free space, choose another dir, or set appendonly: 'no'",
        )
    if seen.place.inodes is not None and seen.place.inodes < FEWEST_INODES:
        yield Problem(
            f"{seen.where}: dir",
            f"the file system of {view.wanted_store.directory} has {seen.place.inodes} inodes left, so files can't be made",
            f"at least {FEWEST_INODES}",
            "remove files that nobody needs; df -i shows where they are",
        )


def disk_need(size: int, *, aof: bool, rdb: bool, on_disk: int) -> int:
    """Bytes that an instance with `size` bytes of data needs beside its present files, on_disk bytes of them.

    One byte in memory is one on disk at most (a dump or a rewritten AOF is smaller): size for the AOF, size for the dump,
    and size for the file that a rewrite or a save writes beside them, of which there is one at a time.
    """
    return max(size * (aof + rdb + 1) - on_disk, 0) if aof or rdb else 0


def _disk_at_most(seen: Seen) -> Iterator[Finding]:
    """Whether the disk is large enough for an instance that has grown to its maxmemory."""
    desired = seen.view.plan.desired
    size = desired.get("maxmemory") or _stored(seen)
    need = disk_need(size, aof=bool(desired.get("appendonly")), rdb=bool(desired.get("save")), on_disk=_on_disk(seen))
    if need and seen.place.free < need:
        yield Finding(
            "preflight.disk",
            f"{seen.where}: disk",
            Status.WARN,
            f"{amount(need)} free for the files and a rewrite, when maxmemory {amount(size)} is used",
            f"{amount(seen.place.free)} free at {seen.view.wanted_store.directory}",
            "guide 2; Redis documentation, persistence: a rewrite writes a new file beside the old one",
            "lower maxmemory, or give dir a larger file system",
        )


def _stored(seen: Seen) -> int:
    """Bytes in memory, or on disk where nothing runs."""
    return int(seen.view.info.get("used_memory", 0)) or _on_disk(seen)


def _on_disk(seen: Seen) -> int:
    return sum(found.size for found in seen.view.data)
