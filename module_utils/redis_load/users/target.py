"""What is done to the keys of the server under load: fill the cache, measure a single user, remove the keys."""

from __future__ import annotations

import collections
import itertools
import os
import random
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from ..client import Client, Refused
from ..errors import Problem
from ..figures import percentiles
from .config import Config

BATCH = 500  # keys of one command, commands of one write
CLEANING = 30  # seconds for the removal of the keys, at most


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
        (f"{config.keys}probe",),
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
