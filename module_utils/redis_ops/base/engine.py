"""Which server a setting is for: Redis or Valkey, and its version.

Valkey forked from Redis 7.2.4. A fact that is true "since redis 7.0" is therefore true on every Valkey as well,
unless a later Valkey changed it; a fact that is true "since redis 7.4" is not.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T_co = TypeVar("T_co", covariant=True)
VersionNumber = tuple[int, ...]
FORK: VersionNumber = (7, 2)


def parse_version(text: str) -> VersionNumber:
    """'7.0.15' -> (7, 0, 15). Raises ValueError when the text has no leading number."""
    match = re.match(r"\d+(\.\d+)*", text)
    if match is None:
        raise ValueError(f"not a version: {text!r}")
    return tuple(int(part) for part in match.group().split("."))


@dataclass(frozen=True)
class Engine:
    """A server program: name is 'redis' or 'valkey', version a tuple such as (7, 0, 15)."""

    name: str
    version: VersionNumber

    @classmethod
    def parse(cls, text: str) -> Engine:
        """'redis 7.0.15' -> Engine."""
        name, _, version = text.partition(" ")
        if name not in ("redis", "valkey"):
            raise ValueError(f"not an engine: {text!r}")
        return cls(name, parse_version(version))

    def __str__(self) -> str:
        return f"{self.name.capitalize()} {'.'.join(str(part) for part in self.version)}"

    def reached(self, milestone: str) -> bool:
        """Whether this server has what came with `milestone`, e.g. 'redis 7.0' or 'valkey 8.1'."""
        since = _milestone(milestone)
        if since.name == self.name:
            return self.version >= since.version
        return self.name == "valkey" and since.version <= FORK


@functools.cache
def _milestone(text: str) -> Engine:
    """There are a few dozen in the catalogue, and each option asks for some."""
    return Engine.parse(text)


@dataclass(frozen=True)
class By(Generic[T_co]):
    """A value that changed between versions: `first`, then `later` from each milestone on, in order of time."""

    first: T_co
    later: Mapping[str, T_co] = field(default_factory=dict)

    def at(self, engine: Engine) -> T_co:
        """The value on this server: the last milestone it reached wins."""
        value = self.first
        for milestone, changed in self.later.items():
            if engine.reached(milestone):
                value = changed
        return value
