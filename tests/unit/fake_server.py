"""Servers on loopback that say what a test tells them to, and that keep what they were sent."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

Talk = Callable[[socket.socket], None]


class FakeServer:
    """Runs `talk` with each connection, in a thread of its own; then the connection is closed."""

    def __init__(self, talk: Talk, listener: socket.socket, tls: ssl.SSLContext | None = None) -> None:
        self._talk, self._listener, self._tls = talk, listener, tls
        self._open: list[socket.socket] = []
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()
        self.accepted = 0

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.accepted += 1
                self._open.append(connection)
                self._threads.append(threading.Thread(target=self._serve, args=(connection,), daemon=True))
                self._threads[-1].start()

    def _serve(self, connection: socket.socket) -> None:
        with contextlib.suppress(OSError, ValueError):
            if self._tls is not None:
                connection = self._tls.wrap_socket(connection, server_side=True)
                self._open.append(connection)
            with connection:
                self._talk(connection)

    def close(self) -> None:
        for one in (self._listener, *self._open):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()
        for thread in self._threads:
            thread.join(timeout=5)


@contextlib.contextmanager
def serving(
    talk: Talk, *, path: Path | None = None, host: str = "127.0.0.1", tls: ssl.SSLContext | None = None
) -> Iterator[FakeServer]:
    """path: of a unix socket, instead of host and a free port."""
    if path is not None:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
    else:
        listener = socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    server = FakeServer(talk, listener, tls)
    try:
        yield server
    finally:
        server.close()


def commands(connection: socket.socket) -> Iterator[list[bytes]]:
    """The commands that arrive, until the client closes."""
    with connection.makefile("rb") as stream:
        while line := stream.readline():
            yield [stream.read(int(stream.readline()[1:]) + 2)[:-2] for _ in range(int(line[1:]))]


def answering(replies: Mapping[bytes, bytes], sent: list[list[bytes]] | None = None) -> Talk:
    """A server that answers each command from a table, by its first word, and notes what it was sent."""

    def talk(connection: socket.socket) -> None:
        for words in commands(connection):
            if sent is not None:
                sent.append(words)
            connection.sendall(replies.get(words[0], b"+OK\r\n"))

    return talk


def saying(data: bytes, *, asked: bool = True) -> Talk:
    """A server that says this, once it was asked or at once, and closes."""

    def talk(connection: socket.socket) -> None:
        if asked:
            connection.recv(1000)
        connection.sendall(data)

    return talk
