"""The server under load: a client of a few lines, so that nothing needs installing, and what is done to the keys."""

from __future__ import annotations

import collections
import itertools
import os
import random
import socket
import ssl
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, BinaryIO, Optional

from redis_load_config import Config, Problem
from redis_load_numbers import percentiles

BATCH = 500  # keys of one command, commands of one write
CLEANING = 30  # seconds for the removal of the keys, at most


class Refused(Exception):
    """The server answered with an error."""


def parse(stream: BinaryIO) -> Any:
    """One answer in RESP2. An error is returned, so that what follows it in a pipeline is read as well."""
    line = stream.readline()
    if not line.endswith(b"\r\n"):
        raise ConnectionError("the server closed the connection")
    kind, rest = line[:1], line[1:-2]
    if kind in b"+-":
        return Refused(rest.decode()) if kind == b"-" else rest.decode()
    if kind not in b":$*":
        raise ConnectionError(f"this is no Redis: it said {line[:40]!r}")
    size = int(rest)
    if kind == b":":
        return size
    if size < 0:
        return None
    if kind == b"*":
        return [parse(stream) for _ in range(size)]
    data = stream.read(size + 2)
    if len(data) < size + 2:
        raise ConnectionError("the server closed the connection")
    return data[:-2].decode(errors="replace")


class Client:
    """One connection. It is opened by the first command, and again by the first one after it broke."""

    def __init__(self, config: Config) -> None:
        self.sent: collections.Counter[str] = collections.Counter()  # commands by name, to tell them from the load's
        self._config = config
        self._socket: Optional[socket.socket] = None
        self._reader: Any = None

    def __call__(self, *words: object) -> Any:
        [answer] = self.many([words])
        if isinstance(answer, Refused):
            raise answer
        return answer

    def many(self, commands: Sequence[Sequence[object]]) -> list[Any]:
        """The answers to a pipeline, errors among them."""
        try:
            if self._socket is None:
                self._open()
            return self._exchange(commands)
        except BaseException:  # an answer that nobody read would be taken for the next one
            self.close()
            raise

    def info(self, *sections: str) -> dict[str, str]:
        lines = self("INFO", *sections).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        if self._reader is not None:
            self._reader.close()
        self._socket = self._reader = None

    def _open(self) -> None:
        config = self._config
        self._socket = socket.create_connection((config.host, config.port), timeout=config.timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if config.tls:
            context = ssl.create_default_context(cafile=config.tls_ca or None)
            if config.tls_cert:
                context.load_cert_chain(config.tls_cert, config.tls_key)
            self._socket = context.wrap_socket(self._socket, server_hostname=config.host)
        self._reader = self._socket.makefile("rb")
        hello: list[Sequence[object]] = []
        if config.password:
            hello.append(("AUTH", *filter(None, (config.username, config.password))))
        if config.database:
            hello.append(("SELECT", config.database))
        for answer in self._exchange(hello):
            if isinstance(answer, Refused):
                raise answer

    def _exchange(self, commands: Sequence[Sequence[object]]) -> list[Any]:
        text = bytearray()
        for words in commands:
            self.sent[str(words[0]).lower()] += 1
            text += b"*%d\r\n" % len(words)
            for word in (str(word).encode() for word in words):
                text += b"$%d\r\n%s\r\n" % (len(word), word)
        if self._socket is not None:
            self._socket.sendall(text)
        return [parse(self._reader) for _ in commands]


def timed(client: Client, words: Sequence[object]) -> float:
    """Microseconds."""
    before = time.perf_counter_ns()
    client(*words)
    return (time.perf_counter_ns() - before) / 1000


def cached(config: Config, number: int) -> str:
    """The name of a cached key."""
    return f"{config.keys}cache:{number}"


def noise(size: int) -> str:
    """Random text of this many characters, which compresses badly."""
    return os.urandom(size // 2 + 1).hex()[:size]


def batches(items: Iterable[Any]) -> Iterator[list[Any]]:
    """The items in lists of at most BATCH."""
    source = iter(items)
    return iter(lambda: list(itertools.islice(source, BATCH)), [])


def preload(config: Config, client: Client) -> dict[str, Any]:
    """Fill the cache as if it had been in use: its keys end one after another, not all at once."""
    began = time.monotonic()
    for numbers in batches(range(1, config.cache_keys + 1)):
        value = noise(config.value_bytes)
        lives = [random.randint(1, config.cache_ttl) for _ in numbers]  # noqa: S311 - spreads load, protects nothing
        for answer in client.many([("SET", cached(config, n), value, "EX", ttl) for n, ttl in zip(numbers, lives)]):
            if isinstance(answer, Refused):
                raise Problem(f"preload: the server refused a key: {answer}")
    return {"keys": config.cache_keys, "seconds": round(time.monotonic() - began, 3)}


def baseline(config: Config, client: Client) -> dict[str, Any]:
    """A single user who waits for each answer, in microseconds."""
    session, value = f"{config.keys}session:0", noise(config.session_bytes)
    found: dict[str, list[float]] = collections.defaultdict(list)
    for _ in range(config.baseline):
        number = random.randint(1, config.cache_keys)  # noqa: S311 - spreads load, protects nothing
        for name, words in {
            "session_write": ("SET", session, value, "EX", config.session_ttl),
            "session_read": ("GET", session),
            "session_refresh": ("EXPIRE", session, config.session_ttl),
            "cache_get": ("GET", cached(config, number)),
        }.items():
            found[name].append(timed(client, words))
    return {name: percentiles(values) for name, values in found.items()}


def clean(config: Config, client: Client) -> dict[str, Any]:
    """Remove the keys by their names: no walk through the keys of others. What is left ends by itself."""
    names = itertools.chain(
        (cached(config, number) for number in range(1, config.cache_keys + 1)),
        (f"{config.keys}session:{number}" for number in range(config.users + 1)),
        (f"{config.keys}canary",),
    )
    end, removed, why = time.monotonic() + CLEANING, 0, ""
    try:
        for some in batches(names):
            removed += client("UNLINK", *some)
            if time.monotonic() > end:
                raise TimeoutError(f"stopped after {CLEANING} s")
    except (OSError, Refused) as error:
        why = f"{error}; what is left ends within {max(config.cache_ttl, config.session_ttl)} s"
    return {"removed": removed, "complete": not why, "why": why}
