"""Many managed servers on loopback: each with a converged file, a record and a process that serves it."""

from __future__ import annotations

import contextlib
import os
import pwd
import resource
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import lab

if TYPE_CHECKING:
    from ansible.module_utils.redis_ops.platform.units import Unit

SERVERS = lab.PROJECT / ".cache/servers"
FIRST_PORT = 20_000
NEEDED = 16  # megabytes that a server takes in the worst case
BATCH = 50  # servers that start at the same time
PATIENCE = 60.0


def use_project() -> None:
    """Make the core importable under the name that a target knows it by."""
    import ansible.module_utils  # noqa: PLC0415 - slow, and not needed to print the help

    ansible.module_utils.__path__.append(str(lab.PROJECT / "module_utils"))


@dataclass(frozen=True)
class Process:
    """A service.Service that only looks: the server's process id is in its pid file. binary: of the server."""

    name: str
    home: Path
    binary: str

    def unit(self) -> Unit:
        from ansible.module_utils.redis_ops.platform.units import Unit  # noqa: PLC0415 - importable since use_project()

        name, user = f"/usr/lib/systemd/system/{self.name}.service", pwd.getpwuid(os.geteuid()).pw_name
        command = (self.binary, str(self.home / "redis.conf"))
        return Unit(
            self.name, loaded=True, enabled=True, fragment=name, command=command, user=user, group=user, pid=self.pid()
        )

    def pid(self) -> int:
        return int((self.home / "pid").read_text())

    def enabled(self) -> bool:
        return True

    def masked(self) -> bool:
        return False

    def drop_in_path(self) -> str:
        return str(self.home / "limits.conf")


def server_program(directory: Path) -> str:
    """Debian's own Redis as one program, fetched by scripts/fetch-servers."""
    root = SERVERS / "bookworm"
    loaders = sorted(root.glob("usr/lib/*/ld-linux-*.so.*")) or sorted(root.glob("lib/*/ld-linux-*.so.*"))
    if not loaders:
        sys.exit(f"no server in {root}: run scripts/fetch-servers")
    triplet = loaders[0].parent.name
    libraries = f"{root}/usr/lib/{triplet}:{root}/lib/{triplet}"
    command = [str(loaders[0]), "--library-path", libraries, str(root / "usr/bin/redis-server")]
    path = directory / "redis-server"
    path.write_text(f'#!/bin/sh\nexec {shlex.join(command)} "$@"\n')
    path.chmod(0o755)
    return str(path)


def affordable(count: int) -> int:
    """As many of them as there is memory for, half of it at most."""
    free = next(line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemAvailable"))
    return min(count, int(free.split()[1]) // 1024 // 2 // NEEDED)


def homes(directory: Path, count: int) -> list[Path]:
    """One directory for each instance."""
    return [directory / f"i{number:03d}" for number in range(count)]


def port_of(home: Path) -> int:
    return FIRST_PORT + int(home.name[1:])


@contextlib.contextmanager
def running(program: str, directories: Sequence[Path]) -> Iterator[None]:
    """A server for each of the directories; they end with the block."""
    wanted = 4 * len(directories) + 1024
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(wanted, hard)), hard))
    children: list[subprocess.Popen[bytes]] = []
    try:
        for start in range(0, len(directories), BATCH):
            batch = directories[start : start + BATCH]
            children += [_start(program, home) for home in batch]
            for home in batch:
                _wait_for(home, children)
            print(f"{len(children)} servers run", file=sys.stderr, flush=True)
        yield
    finally:
        for child in children:
            child.kill()
        for child in children:
            child.wait()


def _start(program: str, home: Path) -> subprocess.Popen[bytes]:
    with (home / "output").open("wb") as output:
        child = subprocess.Popen(
            [program, str(home / "redis.conf")], stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    (home / "pid").write_text(str(child.pid))
    return child


def _wait_for(home: Path, children: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + PATIENCE
    while b"Ready to accept" not in (home / "output").read_bytes():
        if time.monotonic() > deadline or children[-1].poll() is not None:
            sys.exit(f"a server did not start: {(home / 'output').read_text()}")
        time.sleep(0.02)


def limits() -> int:
    """Open files that a process started here has."""
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def environment() -> dict[str, str]:
    """For a process that does the same again."""
    return {**os.environ, "PYTHONPATH": str(lab.PROJECT / "benchmarks")}
