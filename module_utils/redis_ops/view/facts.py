"""Facts of an instance that a look reads only for those who ask: a search for queues, the slow log, a key of its own.

Each is read once, and may be unreadable; then what it was read for cannot be determined, and nothing else is lost.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Generic, Optional, TypeVar, cast

from ..base.errors import RedisOpsError, told
from .host import Place
from .instance import InstanceView

T = TypeVar("T")


@dataclass(frozen=True)
class Fact(Generic[T]):
    """How a fact is read. read raises RedisOpsError or OSError where it can't be."""

    name: str
    read: Callable[[InstanceView], T]


class NotRead(Exception):
    """A fact that could not be read, and why."""


@dataclass(frozen=True)
class Facts:
    """What was seen of an instance. place: what the host offers to it; None where that was not looked at. load: the
    connections that a load test is going to open to it.
    """

    view: InstanceView
    place: Optional[Place] = None
    load: int = 0
    _read: Mapping[str, object] = field(default_factory=dict)

    @classmethod
    def of(
        cls, view: InstanceView, wanted: Iterable[Fact[Any]], place: Optional[Place] = None, *, load: int = 0
    ) -> Facts:
        """With these facts, each read once. Never raises for one that can't be read."""
        return cls(view, place, load, {fact.name: _try(fact, view) for fact in dict.fromkeys(wanted)})

    def __getitem__(self, fact: Fact[T]) -> T:
        """Raises NotRead."""
        value = self._read[fact.name]
        if isinstance(value, NotRead):
            raise value
        return cast("T", value)

    @property
    def where(self) -> str:
        return self.view.instance.where


def _try(fact: Fact[Any], view: InstanceView) -> object:
    try:
        return fact.read(view)
    except (RedisOpsError, OSError) as error:
        return NotRead(told(error))
