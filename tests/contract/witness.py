"""What a server and its directories are, told by the kernel, the files and the server itself.

Nothing here comes from the code under test: a client of a few lines, /proc, and bytes.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from servers import Client, Refused

Listener = tuple[str, str, int]  # family, address or path, port


@dataclass(frozen=True)
class Facts:
    """keys: (database, name) -> (type, value where it is a text, whether it expires). config: CONFIG GET *.
    files: path -> kind, mode, owner, time and bytes.
    """

    pid: int
    keys: dict[tuple[int, str], tuple[str, str, bool]]
    config: dict[str, str]
    users: tuple[str, ...]
    replica_of: tuple[str, str]
    listeners: frozenset[Listener]


def listeners(pid: int) -> frozenset[Listener]:
    """Where a process accepts connections."""
    held = set()
    for link in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            held.add(str(link.readlink()))
    found: set[Listener] = set()
    for family, table in ((socket.AF_INET, "tcp"), (socket.AF_INET6, "tcp6")):
        for row in map(str.split, Path(f"/proc/net/{table}").read_text().splitlines()[1:]):
            if row[3] == "0A" and f"socket:[{row[9]}]" in held:
                address, port = row[1].split(":")
                words = [struct.pack("=I", int(address[at : at + 8], 16)) for at in range(0, len(address), 8)]
                found.add((table, socket.inet_ntop(family, b"".join(words)), int(port, 16)))
    for row in map(str.split, Path("/proc/net/unix").read_text().splitlines()[1:]):
        if row[3] == "00010000" and f"socket:[{row[6]}]" in held:
            found.add(("unix", row[7], 0))
    return frozenset(found)


@contextlib.contextmanager
def asking(pid: int, passwords: Sequence[tuple[str, str]]) -> Iterator[Client]:
    """A client of the process, over any of its listeners, with the first of the (user, password) that it takes."""
    failed: Exception = ConnectionError(f"process {pid} listens nowhere that this machine reaches")
    # the bus of a cluster node, on a higher port, is no way in
    for family, address, port in sorted(listeners(pid), key=lambda listener: (listener[0] != "unix", listener[2])):
        for user, password in (("", ""), *passwords):
            client: Any = None
            try:
                client = Client(port, address if family == "unix" else "") if family != "tcp6" else None
                if client is None:
                    break
                if password:
                    client("AUTH", *([user] if user else []), password)
                client("INFO", "server")
            except (Refused, OSError) as error:
                failed = error
                if client is not None:
                    client.close()
                continue
            try:
                yield client
            finally:
                client.close()
            return
    raise failed


def look(pid: int, passwords: Sequence[tuple[str, str]], databases: int) -> Facts:
    """Everything that the running server says."""
    with asking(pid, passwords) as client:
        reply = client("CONFIG", "GET", "*")
        info = client("INFO", "replication")
        primary = tuple(
            "".join(re.findall(rf"^{name}:(\S+)", info, re.MULTILINE)) for name in ("master_host", "master_port")
        )
        return Facts(
            pid,
            _keys(client, databases),
            dict(zip(reply[::2], reply[1::2])),
            tuple(sorted(client("ACL", "LIST"))),
            (primary[0], primary[1]),
            listeners(pid),
        )


def _keys(client: Client, databases: int) -> dict[tuple[int, str], tuple[str, str, bool]]:
    found = {}
    held = re.findall(r"^db(\d+):", client("INFO", "keyspace"), re.MULTILINE)
    for number in map(int, held):
        if databases > 1:
            client("SELECT", str(number))
        for name in client("KEYS", "*"):
            kind = client("TYPE", name)
            value = client("GET", name) if kind == "string" else ""
            found[number, name] = (kind, value, client("TTL", name) > 0)
    if databases > 1:
        client("SELECT", "0")
    return found


def files(directory: Path, *leave_out: Path) -> dict[str, Any]:
    """Every file below, with its mode, owner, time and bytes. Directories without their times."""
    found: dict[str, Any] = {}
    for path in sorted(directory.rglob("*")):
        if path in leave_out:
            continue
        stat = path.lstat()
        content: Any = os.readlink(path) if path.is_symlink() else path.read_bytes() if path.is_file() else None  # noqa: PTH115
        time = stat.st_mtime_ns if path.is_file() else 0
        found[str(path)] = (stat.st_mode, stat.st_uid, stat.st_gid, time, content)
    return found
