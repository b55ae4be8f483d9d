"""What a machine has and grants. The only place that reads one; nothing here changes it."""

from __future__ import annotations

import contextlib
import functools
import glob
import grp
import os
import pwd
import re
import stat
import subprocess
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional, Union

from ..base.engine import Engine, parse_version
from ..base.errors import FileRefused
from ..base.files import look
from ..base.owners import first_group, user_name, user_number
from ..base.paths import reach

CAP_SYS_RESOURCE = 24
PIECE = 2**16  # bytes of one call
MOST = 64 * 2**20  # bytes of one file; the kernel's tables of a large host have some of them


def run(
    arguments: Sequence[str], timeout: float = 60, stdin: Optional[str] = None, user: Union[str, int, None] = None
) -> subprocess.CompletedProcess[str]:
    """A command in the C locale, its output as text; never raises for its exit status.

    user: run as this user where root may. A missing program or user gives status 127, a program that may not be run 126,
    one that outlives `timeout` seconds is killed and gives 124.
    """
    identity: Mapping[str, Any] = {"env": {**os.environ, "LC_ALL": "C"}}
    if user is not None and os.geteuid() == 0:
        number = user_number(user)
        if number is None:
            return subprocess.CompletedProcess(arguments, 127, "", f"user {user} does not exist")
        identity = _identity(number)
    try:
        done = subprocess.run(
            arguments,
            capture_output=True,
            timeout=timeout,
            check=False,
            # as it is in the file: the reader must not be given other bytes than the file will have
            input=None if stdin is None else stdin.encode("utf-8", "surrogateescape"),
            **identity,
        )
    except FileNotFoundError:
        return subprocess.CompletedProcess(arguments, 127, "", f"{arguments[0]}: not found")
    except OSError as error:
        return subprocess.CompletedProcess(arguments, 126, "", f"{arguments[0]}: {error.strerror}")
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(arguments, 124, "", f"{arguments[0]}: no end after {timeout:g} s")
    return subprocess.CompletedProcess(arguments, done.returncode, _text(done.stdout), _text(done.stderr))


def _identity(number: int) -> Mapping[str, Any]:
    """Arguments of subprocess.run for a program of another user: no terminal, environment or directory of root's."""
    return {
        "user": number,
        "group": first_group(number),
        "extra_groups": [],
        "cwd": "/",
        "start_new_session": True,
        "env": {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"},
    }


def last_line(text: str) -> str:
    """What a program said last, for a message about its failure."""
    return text.strip().splitlines()[-1] if text.strip() else "failed without a word"


def _text(output: bytes) -> str:
    return re.sub("\r\n?", "\n", output.decode("utf-8", "replace"))


def _is_user(name: str) -> bool:
    return any(entry.pw_name == name for entry in pwd.getpwall())


def read(path: str, most: int = MOST) -> str:
    """The first `most` bytes of a regular file of the kernel's or the distribution's, '' when it cannot be read.

    For places that root alone can write. Everything else is read by base.files. A unit may name a file in somebody else's
    place all the same, so that a pipe is not waited for.
    """
    with contextlib.suppress(OSError):
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return ""
            # by pieces: /proc/sys allocates what is asked for, and refuses much
            parts, left = [], most
            while left > 0 and (part := file.read(min(left, PIECE))):
                parts.append(part)
                left -= len(part)
            return b"".join(parts).decode("utf-8", "surrogateescape")
    return ""


def matching(pattern: str) -> list[str]:
    """The paths that a pattern of glob(7) matches, sorted by their bytes. A leading dot is matched by a dot only."""
    return sorted(glob.glob(pattern))  # noqa: PTH207 - Path.glob matches hidden files, and ** is another thing to it


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
    """Space for an unprivileged user where `path` is, or where it would be made. Raises FileRefused, OSError."""
    with reach(path) as place:
        found = os.fstatvfs(place.directory.descriptor)
    return found.f_bavail * found.f_frsize


def free_inodes(path: str) -> Optional[int]:
    """How many files an unprivileged user may still make there; None where the file system has no limit. Raises as
    free_bytes().
    """
    with reach(path) as place:
        found = os.fstatvfs(place.directory.descriptor)
    return found.f_favail if found.f_files else None


def somaxconn() -> int:
    """net.core.somaxconn as it is, 0 when it cannot be read."""
    return int(read("/proc/sys/net/core/somaxconn").strip() or 0)


def installed_engine(binary: str, user: str = "") -> Optional[Engine]:
    """What `binary --version` says; None when it is not installed.

    user: who runs it where root asks, '' for root. A unit may start a program that its own user can replace, and what that
    user can replace must never run as root.
    """
    try:
        found = Path(binary).stat()
    except OSError:
        return engine_of_version_text(run([binary, "--version"], user=user or None).stdout)
    return _engine_of(binary, user, (found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))


@functools.lru_cache(maxsize=8)
def _engine_of(binary: str, user: str, _file: tuple[int, ...]) -> Optional[Engine]:
    """Asked once for all instances of a host, as long as it is the same file."""
    return engine_of_version_text(run([binary, "--version"], user=user or None).stdout)


def engine_of_version_text(text: str) -> Optional[Engine]:
    """'Redis server v=7.0.15 sha=...' -> Engine."""
    found = re.match(r"(Redis|Valkey) server v=(\d+(\.\d+)*)", text)
    return Engine(found.group(1).lower(), parse_version(found.group(2))) if found else None


def distribution() -> tuple[str, str]:
    """(ID, VERSION_ID) of /etc/os-release."""
    fields = dict(re.findall(r'^(ID|VERSION_ID)="?([^"\n]*)"?$', read("/etc/os-release"), re.MULTILINE))
    return fields.get("ID", ""), fields.get("VERSION_ID", "")


def real_paths(paths: Sequence[str], beside: str = "/") -> dict[str, str]:
    """Each path -> the path behind its symbolic links. beside: the directory of those that are relative."""
    return {path: os.path.realpath(os.path.join(beside, path)) for path in paths if path}  # noqa: PTH118 - texts


def working_directory(pid: int) -> str:
    """Where a process works, which for a Redis is where its data lies; '' when it cannot be told."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/cwd")  # noqa: PTH115 - not a path
    return ""


def process_user(pid: int) -> str:
    """The name of the user a process runs as; its number where no name is known."""
    return user_name(Path(f"/proc/{pid}").stat().st_uid)


def program_replaced(pid: int) -> bool:
    """Whether a process runs a program file that is no longer there: a package upgrade put another in its place."""
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/exe").endswith(" (deleted)")  # noqa: PTH115 - not a path
    return False


def foreign_owner(directory: str, user: str) -> str:
    """Who owns an existing directory that `user` can then not write; '' when all is well or nothing is there yet."""
    found = look(directory, user)
    if found is None or not stat.S_ISDIR(found.st_mode) or not _is_user(user):
        return ""
    entry = pwd.getpwnam(user)
    writes = found.st_mode & 0o002 or (found.st_gid == entry.pw_gid and found.st_mode & 0o020)
    return "" if found.st_uid == entry.pw_uid or writes else user_name(found.st_uid)


def anybody_writes(path: str) -> bool:
    """Whether every account may write there. A sticky directory, such as /tmp, is meant so."""
    found = look(path)
    mode = 0 if found is None else found.st_mode
    return bool(mode & stat.S_IWOTH) and not mode & stat.S_ISVTX


def mode_and_owner(path: str) -> str:
    """Such as 'mode 0644, root:redis'; 'gone' when nothing is there any more."""
    found = look(path)
    if found is None:
        return "gone"
    group = next((entry.gr_name for entry in grp.getgrall() if entry.gr_gid == found.st_gid), str(found.st_gid))
    return f"mode {stat.S_IMODE(found.st_mode):04o}, {user_name(found.st_uid)}:{group}"


def modified(path: str, *, status: bool = False) -> str:
    """When a file was last written to, in UTC, ISO 8601; '' when it is not there. status: its mode and owner too."""
    with contextlib.suppress(OSError, FileRefused):
        found = look(path)
        if found is not None:
            seconds = found.st_ctime if status else found.st_mtime
            return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="seconds")
    return ""
