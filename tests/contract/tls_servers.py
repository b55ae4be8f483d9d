"""Real servers with TLS, and a client of them that shares no code with what is tested.

Debian's packages are built with TLS, the servers inside Python wheels are not.
"""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import pytest
from ansible.module_utils.redis_ops.platform.access import Account
from ansible.module_utils.redis_ops.view.tls import Options
from authority import Issued
from cryptography import x509
from servers import PROGRAMS, Program

WITH_TLS = [program for program in PROGRAMS if program.debian]
PATIENCE = 10.0  # seconds


def free_port(host: str = "127.0.0.1") -> int:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as listener:
        listener.bind((host, 0))
        return int(listener.getsockname()[1])


@dataclass
class TlsServer:
    """A running server. options: as they were given to it."""

    process: subprocess.Popen[bytes]
    options: Mapping[str, str]
    host: str
    log: Path

    @property
    def listening(self) -> tuple[str, int]:
        return self.host, int(self.options["tls-port"])

    @property
    def declared(self) -> Options:
        return Options.of(self.options)

    def client(self, issued: Optional[Issued] = None) -> contextlib.closing[Client]:
        """Over TLS, with this certificate."""
        return contextlib.closing(Client(*self.listening, context(issued)))

    def plain(self) -> contextlib.closing[Client]:
        """Without TLS."""
        return contextlib.closing(Client(self.host, int(self.options["port"])))

    def certificate(self) -> x509.Certificate:
        """What it serves."""
        with socket.create_connection(self.listening, PATIENCE) as plain, context().wrap_socket(plain) as secure:
            return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True))


class Client:
    """One connection that speaks RESP2. An error of the server is a RuntimeError, a closed connection an OSError."""

    def __init__(self, host: str, port: int, secured: Optional[ssl.SSLContext] = None) -> None:
        self._socket = socket.create_connection((host, port), PATIENCE)
        if secured is not None:
            self._socket = secured.wrap_socket(self._socket)
        self._reader = self._socket.makefile("rb")

    def call(self, *words: str) -> Any:
        parts = [f"*{len(words)}\r\n", *(f"${len(word.encode())}\r\n{word}\r\n" for word in words)]
        self._socket.sendall("".join(parts).encode())
        return self._answer()

    def _answer(self) -> Any:
        line = self._reader.readline().decode().rstrip("\r\n")
        if not line:
            raise ConnectionError("closed")
        kind, rest = line[0], line[1:]
        if kind == "-":
            raise RuntimeError(rest)
        if kind == "$":
            return self._reader.read(int(rest) + 2)[:-2].decode()
        if kind == "*":
            return [self._answer() for _ in range(int(rest))]
        return rest

    def info(self) -> dict[str, str]:
        return dict(line.split(":", 1) for line in self.call("INFO").splitlines() if ":" in line)

    def set_config(self, settings: Any) -> None:
        """As the project's own connection has it."""
        self.call("CONFIG", "SET", *[word for pair in settings for word in pair])

    def close(self) -> None:
        self._reader.close()
        self._socket.close()


def context(issued: Optional[Issued] = None) -> ssl.SSLContext:
    """Of a client that verifies nothing."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if issued is not None:
        path = Path(f"/proc/self/fd/{os.memfd_create('pair')}")
        path.write_bytes(issued.pem + issued.key_pem())
        made.load_cert_chain(path)
        os.close(int(path.name))
    return made


@contextlib.contextmanager
def serving(
    program: Program,
    directory: Path,
    options: Mapping[str, str],
    host: str = "127.0.0.1",
    who: Optional[Account] = None,
) -> Iterator[TlsServer]:
    """A server with a plain and a TLS port, unless options say otherwise; fails when it does not start."""
    for _ in range(3):  # a port that was free may be taken when the server comes to it
        found = start(program, directory, options, host, who)
        try:
            if _listens(found):
                yield found
                return
        finally:
            found.process.kill()
            found.process.wait(timeout=PATIENCE)
        if "Address already in use" not in found.log.read_text():
            break
    pytest.fail(f"it did not start:\n{found.log.read_text()[-2000:]}")


def start(
    program: Program,
    directory: Path,
    options: Mapping[str, str],
    host: str = "127.0.0.1",
    who: Optional[Account] = None,
) -> TlsServer:
    """Started; it may end at once."""
    ports = {"port": str(free_port(host)), "tls-port": str(free_port(host))}
    options = {"bind": host, **ports, "save": "", "dir": str(directory), "protected-mode": "no", **options}
    log = directory / "server.log"
    words = [word for name, value in options.items() for word in (f"--{name}", value)]
    with log.open("wb") as output:
        command = [*(program.command_for(who.uid) if who else program.command()), *words]
        process = subprocess.Popen(command, stdout=output, stderr=output, cwd=directory, **_identity(who))
    return TlsServer(process, options, host, log)


def _identity(who: Optional[Account]) -> dict[str, Any]:
    return {"user": who.uid, "group": who.groups[0], "extra_groups": list(who.groups)} if who else {}


def dies(found: TlsServer) -> str:
    """Waits for the end of a server that could not start. What it said."""
    try:
        found.process.wait(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        found.process.kill()
        found.process.wait(timeout=PATIENCE)
        pytest.fail("it runs")
    return found.log.read_text()


def _listens(found: TlsServer) -> bool:
    deadline = time.monotonic() + PATIENCE
    while found.process.poll() is None and time.monotonic() < deadline:
        with contextlib.suppress(OSError), socket.create_connection(found.listening, 1):
            return True
        time.sleep(0.02)
    return False
