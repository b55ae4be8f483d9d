"""Who listens where on this host: TCP ports with their accept queues, and unix sockets. Reads only."""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Optional

from . import host


@dataclass(frozen=True)
class Listener:
    """A process that listens on a TCP port. pid 0: it belongs to another container or user namespace."""

    pid: int
    name: str


class _Listening(NamedTuple):
    """One listening TCP socket. granted: length of its accept queue, 0 when unknown."""

    address: str
    port: int
    inode: str
    granted: int


def tcp_listener(port: int) -> Optional[Listener]:
    """Who listens on this TCP port, on any address of this network namespace."""
    inodes = {f"socket:[{found.inode}]" for found in _listening() if found.port == port}
    if not inodes:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and inodes & _sockets(process):
            return Listener(int(process.name), host.read(f"{process}/comm").strip())
    return Listener(0, "a process that this host does not show")


def tcp_listeners(pid: int) -> list[tuple[str, int]]:
    """(address, port) of each TCP socket that a process listens on, whatever its configuration says."""
    held = _sockets(Path(f"/proc/{pid}"))
    return sorted({(found.address, found.port) for found in _listening() if f"socket:[{found.inode}]" in held})


def unix_listeners(pid: int) -> list[str]:
    """The path of each unix socket that a process listens on."""
    held = _sockets(Path(f"/proc/{pid}"))
    found = []
    for line in host.read(f"/proc/{pid}/net/unix").splitlines()[1:]:
        # Num RefCount Protocol Flags Type St Inode Path; the flag is __SO_ACCEPTCON
        fields = line.split(maxsplit=7)
        if len(fields) == 8 and fields[3] == "00010000" and f"socket:[{fields[6]}]" in held:
            found.append(fields[7])
    return sorted(set(found))


def listen_backlog(port: int) -> Optional[int]:
    """The accept queue that the kernel gave to the listener on this port; None when it cannot be told.

    It is the smaller of tcp-backlog and net.core.somaxconn at the time of the listen(2).
    """
    try:
        found = [listening.granted for listening in _asked_of_the_kernel() if listening.port == port]
    except OSError:
        shown = host.run(["ss", "-Hltn", f"sport = :{port}"]).stdout
        found = [int(text) for text in re.findall(r"^LISTEN +\d+ +(\d+) ", shown, re.MULTILINE)]
    return min(found, default=None)


def missing_addresses(addresses: list[str]) -> list[str]:
    """Those IP addresses that no interface of this host has. A name that is no address is left out."""
    missing = []
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with contextlib.suppress(OSError), socket.socket(family) as probe:
            try:
                socket.inet_pton(family, address)
            except OSError:
                continue
            try:
                probe.bind((address, 0))
            except OSError:
                missing.append(address)
    return missing


def spare_port() -> int:
    """A TCP port on which nobody listens now."""
    with socket.socket() as spare:
        spare.bind(("127.0.0.1", 0))
        return int(spare.getsockname()[1])


def _listening() -> Iterator[_Listening]:
    """Every listening TCP socket."""
    with contextlib.suppress(OSError):
        yield from _asked_of_the_kernel()
        return
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in host.read(table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                address, _, port = fields[1].rpartition(":")
                yield _Listening(_address(address), int(port, 16), fields[9], 0)


def _address(text: str) -> str:
    """/proc/net/tcp has an address as 32-bit words in the order of this machine's bytes."""
    family = socket.AF_INET if len(text) == 8 else socket.AF_INET6
    words = [struct.pack("=I", int(text[at : at + 8], 16)) for at in range(0, len(text), 8)]
    return socket.inet_ntop(family, b"".join(words))


def _asked_of_the_kernel() -> list[_Listening]:
    """The kernel itself lists listening sockets only: a host with many instances or connections is asked often, and
    /proc/net/tcp lists every connection. sock_diag(7), <linux/inet_diag.h>. Raises OSError where it does not.
    """
    found = []
    for family in (socket.AF_INET, socket.AF_INET6):
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 4) as kernel:  # NETLINK_SOCK_DIAG
            kernel.settimeout(5)
            # a dump of SOCK_DIAG_BY_FAMILY: TCP, nothing besides, state TCP_LISTEN only
            request = struct.pack("=BBBBI48x", family, socket.IPPROTO_TCP, 0, 0, 1 << 10)
            kernel.sendall(struct.pack("=IHHII", 16 + len(request), 20, 0x301, 1, 0) + request)
            rest = b""
            while True:
                rest = rest or kernel.recv(1 << 16)
                length, kind = struct.unpack_from("=IH", rest)
                if kind == 3:  # NLMSG_DONE
                    break
                if kind != 20:
                    raise OSError("the kernel does not list sockets")
                port = struct.unpack_from(">H", rest, 20)[0]
                size = 4 if family == socket.AF_INET else 16
                granted, _, inode = struct.unpack_from("=III", rest, 76)
                address = socket.inet_ntop(family, rest[24 : 24 + size])
                found.append(_Listening(address, port, str(inode), granted))
                rest = rest[length + 3 & ~3 :]
    return found


def _sockets(process: Path) -> set[str]:
    """What the file descriptors of a process point at. One that it closes meanwhile hides no other."""
    found = set()
    with contextlib.suppress(OSError):
        for link in (process / "fd").iterdir():
            with contextlib.suppress(OSError):
                found.add(os.readlink(link))  # noqa: PTH115 - not a path
    return found
