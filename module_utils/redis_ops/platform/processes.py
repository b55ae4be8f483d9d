"""Running servers as the kernel sees them, whoever started them. Reads only."""

from __future__ import annotations

import contextlib
import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from . import host, sockets, units
from .places import Identity, working_place

_COMMANDS = re.compile(r"(redis|valkey)-server")
_ANY = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - recognised, not bound


@dataclass(frozen=True)
class Process:
    """A redis-server or valkey-server process.

    unit: the service that it belongs to, '' for none. program: the file that it runs. directory: where it works, which is
    where its data lies. listeners: (address, port) of each TCP socket; sockets: path of each unix socket that it listens on.
    resident: bytes of memory that it has. contained: it lives in another mount or network namespace, such as a container's.
    place: what its directory really is.
    """

    pid: int
    unit: str
    user: str
    program: str
    directory: str
    listeners: tuple[tuple[str, int], ...]
    sockets: tuple[str, ...]
    resident: int
    contained: bool = False
    place: Identity = ""

    @property
    def addresses(self) -> list[tuple[str, int]]:
        """Each listener as this host reaches it."""
        return list(dict.fromkeys((_ANY.get(address, address), port) for address, port in self.listeners))


def all_servers() -> list[Process]:
    """Every one on this host, in the order of their process ids. A Sentinel is none."""
    return [look(pid) for pid in _pids()]


def look(pid: int) -> Process:
    """One that runs. What its process ends before it is read is missing."""
    directory = Path(f"/proc/{pid}")
    return Process(
        pid,
        units.of_process(pid),
        _user(pid),
        _link(directory / "exe").removesuffix(" (deleted)"),
        host.working_directory(pid),
        tuple(sockets.tcp_listeners(pid)),
        tuple(sockets.unix_listeners(pid)),
        _resident(pid),
        _contained(directory),
        working_place(pid),
    )


def started_at(pid: int) -> float:
    """When a process began, in seconds since 1970; 0 when that can't be told (proc(5): field 22 of stat, in clock ticks
    since the boot).
    """
    fields = host.read(f"/proc/{pid}/stat").rpartition(")")[2].split()
    try:
        age = time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (IndexError, ValueError):
        return 0.0
    return time.time() - age


def _pids() -> Iterator[int]:
    """A child that saves is none: its parent is the server."""
    found = list(_servers())
    for pid in found:
        parent = re.search(r"^PPid:\s+(\d+)", host.read(f"/proc/{pid}/status"), re.MULTILINE)
        if not parent or int(parent[1]) not in found:
            yield pid


def _servers() -> Iterator[int]:
    for pid in sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit()):
        command = host.read(f"/proc/{pid}/cmdline").replace("\0", " ")
        program = Path(_link(Path(f"/proc/{pid}/exe")).removesuffix(" (deleted)")).name
        # Debian's redis-server is a link to redis-check-rdb, so the program alone does not tell
        named = _COMMANDS.match(host.read(f"/proc/{pid}/comm").strip())
        if (named or _COMMANDS.match(program)) and "[sentinel]" not in command and "--sentinel" not in command:
            yield pid


def _user(pid: int) -> str:
    with contextlib.suppress(OSError):
        return host.process_user(pid)
    return ""


def _link(path: Path) -> str:
    with contextlib.suppress(OSError):
        return str(path.readlink())
    return ""


def _resident(pid: int) -> int:
    found = re.search(r"^VmRSS:\s+(\d+) kB", host.read(f"/proc/{pid}/status"), re.MULTILINE)
    return int(found[1]) * 1024 if found else 0


def _contained(process: Path) -> bool:
    """Its mount namespace alone says nothing: systemd gives a sandboxed service one of its own."""
    return _link(process / "ns/net") != _link(Path("/proc/self/ns/net")) or _link(process / "ns/pid") != _link(
        Path("/proc/self/ns/pid")
    )
