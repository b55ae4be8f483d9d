"""What a machine has and grants. The only place that reads one; nothing here changes it."""

from __future__ import annotations

import contextlib
import functools
import grp
import os
import pwd
import re
import shutil
import socket
import stat
import struct
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

from ..base.engine import Engine, parse_version

CAP_SYS_RESOURCE = 24
# What a distribution's own package would install; used only before its package lists were ever fetched.
# (ID, VERSION_ID) of /etc/os-release -> product -> version
DISTRIBUTION_VERSIONS = {
    ("debian", "12"): {"redis": "7.0.15"},
    ("debian", "13"): {"redis": "8.0.2", "valkey": "8.1.1"},
    ("ubuntu", "22.04"): {"redis": "6.0.16"},
    ("ubuntu", "24.04"): {"redis": "7.0.15", "valkey": "7.2.8"},
}


@dataclass(frozen=True)
class Listener:
    """A process that listens on a TCP port. pid 0: it belongs to another container or user namespace."""

    pid: int
    name: str


def run(
    arguments: Sequence[str], timeout: float = 60, stdin: Optional[str] = None, user: Optional[str] = None
) -> subprocess.CompletedProcess[str]:
    """A command in the C locale, its output as text; never raises for its exit status.

    user: run as this user, with its groups, where root may.
    A missing program gives status 127, one that outlives `timeout` seconds is killed and gives 124.
    """
    environment = {**os.environ, "LC_ALL": "C"}
    identity: dict[str, Any] = {}
    if user is not None and os.geteuid() == 0 and _is_user(user):
        identity = {"user": user, "group": pwd.getpwnam(user).pw_gid, "extra_groups": [], "cwd": "/"}
    try:
        return subprocess.run(
            arguments,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
            input=stdin,
            env=environment,
            **identity,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(arguments, 127, "", f"{arguments[0]}: not found")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 124, "", f"{arguments[0]}: no end after {timeout:g} s")


def _is_user(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def read(path: str) -> str:
    """The text of a file, '' when it cannot be read."""
    try:
        return Path(path).read_text(errors="surrogateescape")
    except OSError:
        return ""


def has_systemd() -> bool:
    """sd_booted(3): systemd is process 1."""
    return Path("/run/systemd/system").is_dir()


def memory_bytes() -> int:
    """What programs here may use: the machine's RAM or the smaller limit of this cgroup."""
    total = re.search(r"^MemTotal:\s+(\d+) kB", read("/proc/meminfo"), re.MULTILINE)
    amounts = [int(total.group(1)) * 1024] if total else []
    for path in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        text = read(path).strip()
        if text.isdigit():  # 'max' is no limit
            amounts.append(int(text))
    return min(amounts, default=0)


def grantable_open_files(*, systemd: bool) -> int:
    """The highest RLIMIT_NOFILE that a service started here can get.

    Whoever starts it (process 1 under systemd, else we) may raise its own hard limit only with CAP_SYS_RESOURCE.
    """
    process = "1" if systemd else "self"
    capabilities = re.search(r"^CapEff:\s+(\w+)", read(f"/proc/{process}/status"), re.MULTILINE)
    if capabilities and int(capabilities.group(1), 16) >> CAP_SYS_RESOURCE & 1 and _really_raises_limits():
        return int(read("/proc/sys/fs/nr_open").strip() or 0)
    return open_files_limit(process, hard=True) or 0


def _really_raises_limits() -> bool:
    """A container can carry the capability for a user namespace that does not own the limits."""
    return read("/proc/self/uid_map").split()[:2] == ["0", "0"]


def open_files_limit(process: str, *, hard: bool = False) -> Optional[int]:
    """RLIMIT_NOFILE of a process as the kernel applies it; None when it cannot be read."""
    found = re.search(r"^Max open files\s+(\d+)\s+(\d+)", read(f"/proc/{process}/limits"), re.MULTILINE)
    return int(found.group(2 if hard else 1)) if found else None


def free_bytes(path: str) -> int:
    """Space for an unprivileged user where `path` is, or where it would be made."""
    place = Path(path)
    while not place.exists():
        place = place.parent
    return shutil.disk_usage(place).free


def tcp_listener(port: int) -> Optional[Listener]:
    """Who listens on this TCP port, on any address of this network namespace."""
    inodes = {f"socket:[{inode}]" for found, inode in _listening() if found == port}
    if not inodes:
        return None
    for process in Path("/proc").iterdir():
        if process.name.isdigit() and inodes & _sockets(process):
            return Listener(int(process.name), read(f"{process}/comm").strip())
    return Listener(0, "a process that this host does not show")


def listen_backlog(port: int) -> Optional[int]:
    """The accept queue that the kernel gave to the listener on this port; None when it cannot be told.

    It is the smaller of tcp-backlog and net.core.somaxconn at the time of the listen(2).
    """
    try:
        found = [granted for listening, _, granted in _listeners() if listening == port]
    except OSError:
        shown = run(["ss", "-Hltn", f"sport = :{port}"]).stdout
        found = [int(text) for text in re.findall(r"^LISTEN +\d+ +(\d+) ", shown, re.MULTILINE)]
    return min(found, default=None)


def somaxconn() -> int:
    """net.core.somaxconn as it is, 0 when it cannot be read."""
    return int(read("/proc/sys/net/core/somaxconn").strip() or 0)


def tcp_ports(pid: int) -> list[int]:
    """The TCP ports that a process listens on, whatever its configuration says."""
    held = _sockets(Path(f"/proc/{pid}"))
    return sorted({port for port, inode in _listening() if f"socket:[{inode}]" in held})


def _listening() -> Iterator[tuple[int, str]]:
    """(port, inode) of every listening TCP socket."""
    with contextlib.suppress(OSError):
        yield from [(port, str(inode)) for port, inode, _ in _listeners()]
        return
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in read(table).splitlines()[1:]:
            fields = line.split()
            if fields[3] == "0A":
                yield int(fields[1].rpartition(":")[2], 16), fields[9]


def _listeners() -> list[tuple[int, int, int]]:
    """(port, inode, accept queue) of every listening TCP socket, from the kernel itself: a host with many instances or
    connections is asked often, and /proc/net/tcp lists every connection. sock_diag(7), <linux/inet_diag.h>.
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
                granted, _, inode = struct.unpack_from("=III", rest, 76)
                found.append((port, inode, granted))
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


def installed_engine(binary: str) -> Optional[Engine]:
    """What `binary --version` says; None when it is not installed."""
    try:
        found = Path(binary).stat()
    except OSError:
        return engine_of_version_text(run([binary, "--version"]).stdout)
    return _engine_of(binary, (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


@functools.lru_cache(maxsize=8)
def _engine_of(binary: str, _file: tuple[int, ...]) -> Optional[Engine]:
    """Asked once for all instances of a host, as long as it is the same file."""
    return engine_of_version_text(run([binary, "--version"]).stdout)


def engine_of_version_text(text: str) -> Optional[Engine]:
    """'Redis server v=7.0.15 sha=...' -> Engine."""
    found = re.match(r"(Redis|Valkey) server v=(\d+(\.\d+)*)", text)
    return Engine(found.group(1).lower(), parse_version(found.group(2))) if found else None


def candidate_engine(product: str, package: str) -> Optional[Engine]:
    """What apt would install, by its lists; without lists, what this distribution is known to have."""
    found = re.search(r"Candidate: (?:\d+:)?(\d+(?:\.\d+)*)", run(["apt-cache", "policy", package]).stdout)
    version = found.group(1) if found else DISTRIBUTION_VERSIONS.get(distribution(), {}).get(product)
    return Engine(product, parse_version(version)) if version else None


def package_version(package: str) -> str:
    """The installed version of a Debian package, '' when it is not installed, or only in part."""
    result = run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package])
    status, _, version = result.stdout.partition(" ")
    return version if status == "installed" else ""


def dpkg_interrupted() -> bool:
    """Whether a killed dpkg, or one that is at work right now, has left packages half done."""
    return any(Path("/var/lib/dpkg/updates").glob("[0-9]*")) or bool(run(["dpkg", "--audit"]).stdout.strip())


def distribution() -> tuple[str, str]:
    """(ID, VERSION_ID) of /etc/os-release."""
    fields = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)"?$', read("/etc/os-release"), re.MULTILINE))
    return fields.get("ID", ""), fields.get("VERSION_ID", "")


def real_paths(paths: Sequence[str]) -> dict[str, str]:
    """Each path -> the path behind its symbolic links."""
    return {path: os.path.realpath(path) for path in paths if path}


def working_directory(pid: int) -> str:
    """Where a process works, which for a Redis is where its data lies; '' when it cannot be told."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 - not a path
    return ""


def process_user(pid: int) -> str:
    """The name of the user a process runs as; its number where no name is known."""
    return _user_name(Path(f"/proc/{pid}").stat().st_uid)


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def apt_versions(package: str) -> list[str]:
    """The versions of a package that apt could install from the lists it has, newest first."""
    rows = (line.split("|") for line in run(["apt-cache", "madison", package]).stdout.splitlines())
    return list(dict.fromkeys(row[1].strip() for row in rows if len(row) == 3))


def program_replaced(pid: int) -> bool:
    """Whether a process runs a program file that is no longer there: a package upgrade put another in its place."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")  # noqa: PTH115 - not a path
    return False


def foreign_owner(directory: str, user: str) -> str:
    """Who owns an existing directory that `user` can then not write; '' when all is well or nothing is there yet."""
    path = Path(directory)
    if not path.is_dir() or not _is_user(user):
        return ""
    found, entry = path.stat(), pwd.getpwnam(user)
    writes = found.st_mode & 0o002 or (found.st_gid == entry.pw_gid and found.st_mode & 0o020)
    return "" if found.st_uid == entry.pw_uid or writes else _user_name(found.st_uid)


def anybody_writes(path: str) -> bool:
    """Whether every account may write there. A sticky directory, such as /tmp, is meant so."""
    found = Path(path).stat().st_mode
    return bool(found & stat.S_IWOTH) and not found & stat.S_ISVTX


def mode_and_owner(path: str) -> str:
    """Such as 'mode 0644, root:redis'."""
    found = Path(path).stat()
    group = next((entry.gr_name for entry in grp.getgrall() if entry.gr_gid == found.st_gid), str(found.st_gid))
    return f"mode {stat.S_IMODE(found.st_mode):04o}, {_user_name(found.st_uid)}:{group}"


def modified(path: str, *, status: bool = False) -> str:
    """When a file was last written to, in UTC, ISO 8601; '' when it is not there. status: its mode and owner too."""
    with contextlib.suppress(OSError):
        found = Path(path).stat()
        seconds = found.st_ctime if status else found.st_mtime
        return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    return ""
