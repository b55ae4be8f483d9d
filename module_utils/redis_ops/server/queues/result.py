"""The answer of a search for queues. Values only."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Optional

LONGEST_NAME = 80  # characters of a key that are shown


class Answer(enum.Enum):
    """UNKNOWN: nothing was found, and not every key was looked at."""

    FOUND = "found"
    NONE = "none"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class Budget:
    """What a search may cost. seconds: of the whole; keys: names that SCAN passes, of all databases."""

    seconds: float = 10.0
    keys: int = 50_000_000


@dataclass(frozen=True)
class Found:
    """One queue. base: what its keys begin with, such as bull:mail, '' for a library with fixed names. evidence: a few of
    its keys with their types.
    """

    kind: str
    database: int
    base: str
    evidence: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind} {shown(self.base)}".rstrip() + f" in database {self.database} ({self.evidence[0]})"


@dataclass(frozen=True)
class Search:
    """What a search found.

    complete: every key of every database was looked at; else reason says why not. keys: how many SCAN passed, about;
    databases: those that it began. suspects: lists that may be a queue by their name alone; they do not count as found.
    """

    found: tuple[Found, ...] = ()
    complete: bool = True
    reason: str = ""
    keys: int = 0
    databases: tuple[int, ...] = ()
    suspects: tuple[str, ...] = ()

    @property
    def answer(self) -> Answer:
        if self.found:
            return Answer.FOUND
        return Answer.NONE if self.complete else Answer.UNKNOWN

    @property
    def present(self) -> Optional[bool]:
        """The answer as JSON holds it: None for unknown."""
        return {Answer.FOUND: True, Answer.NONE: False, Answer.UNKNOWN: None}[self.answer]


NOT_LOOKED = Search(complete=False, reason="no server was looked at")


def shown(name: str) -> str:
    """A key's name as a report may show it: on one line, without control characters, cut where it is long."""
    text = "".join(letter if letter.isprintable() else f"\\x{ord(letter):02x}" for letter in name)
    return text if len(text) <= LONGEST_NAME else f"{text[:LONGEST_NAME]}..."
