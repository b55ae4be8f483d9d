"""The kinds of value a Redis option can have: what is accepted, what it means, how it is written.

Contract of every kind, held by tests/unit/test_kinds.py:
  - parse(text) gives a hashable value or raises InvalidValue; equality of two values is equality of meaning;
  - parse(render(value)) == value, so normalising twice is normalising once;
  - arguments(value) gives the argument lists of the lines that redis.conf needs, at least one;
  - covers(want, have) says whether a server or file that has `have` does what `want` asks.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from ..base.errors import InvalidValue
from ..base.units import INT64_MAX, MEMORY_EXPECTED, format_memory, parse_integer, parse_memory

# Values are hashable and compared with ==; each kind documents its own shape.
Value = Any


@dataclass(frozen=True)
class Kind:
    """A value that is one argument, compared as text. The base of all kinds."""

    def parse(self, text: str) -> Value:
        return text

    def render(self, value: Value) -> str:
        return str(value)

    def arguments(self, value: Value) -> Sequence[Sequence[str]]:
        return [[self.render(value)]]

    def covers(self, want: Value, have: Value) -> bool:
        return bool(want == have)

    def describe(self) -> str:
        """What a person may type, for error messages and docs/settings.md."""
        return "text"


@dataclass(frozen=True)
class Text(Kind):
    """Any text on one line. Value: str."""

    def parse(self, text: str) -> str:
        if re.search(r"[\x00-\x1f\x7f]", text):
            raise InvalidValue("text on one line, without control characters")
        return text


@dataclass(frozen=True)
class Secret(Text):
    """Text that is never shown. Value: str. A line break in a declared one is a mistake in YAML; a server may have any."""

    def parse(self, text: str) -> str:
        if re.search(r"[\x00\r\n]", text):
            raise InvalidValue("secret text on one line")
        return text

    def describe(self) -> str:
        return "secret text"


@dataclass(frozen=True)
class Path(Text):
    """A file or directory. Value: str, normalised; '' where the option may be off."""

    def parse(self, text: str) -> str:
        text = super().parse(text)
        return posixpath.normpath(text) if text else ""

    def describe(self) -> str:
        return "path"


@dataclass(frozen=True)
class FileName(Text):
    """The name of a file inside `dir`. Value: str."""

    def parse(self, text: str) -> str:
        text = super().parse(text)
        if not text or "/" in text:
            raise InvalidValue(self.describe())
        return text

    def describe(self) -> str:
        return "file name without a directory"


@dataclass(frozen=True)
class Integer(Kind):
    """A whole number in [low, high]. Value: int."""

    low: int = 0
    high: int = INT64_MAX

    def parse(self, text: str) -> int:
        try:
            number = parse_integer(text)
        except InvalidValue:
            raise InvalidValue(self.describe()) from None
        if not self.low <= number <= self.high:
            raise InvalidValue(self.describe())
        return number

    def describe(self) -> str:
        # limits at the edge of an integer type are not worth a person's reading
        if self.high >= 2**31 - 1:
            return f"whole number of at least {self.low}" if self.low > -(2**31) else "whole number"
        return f"whole number from {self.low} to {self.high}"


@dataclass(frozen=True)
class Memory(Kind):
    """An amount of memory in [low, high] bytes. Value: int, bytes."""

    low: int = 0
    high: int = INT64_MAX

    def parse(self, text: str) -> int:
        size = parse_memory(text)
        if not self.low <= size <= self.high:
            raise InvalidValue(self.describe())
        return size

    def arguments(self, value: Value) -> Sequence[Sequence[str]]:
        return [[format_memory(value)]]

    def describe(self) -> str:
        if self.low == 0 and self.high == INT64_MAX:
            return MEMORY_EXPECTED
        most = "" if self.high == INT64_MAX else f" and at most {format_memory(self.high)}"
        return f"an amount of memory of at least {format_memory(self.low)}{most}"


@dataclass(frozen=True)
class MemoryOrPercent(Kind):
    """Bytes, or a percentage of maxmemory. Value: int bytes, or the text '5%'; 0% is 0 bytes."""

    def parse(self, text: str) -> Union[int, str]:
        text = text.strip()
        if not text.endswith("%"):
            return parse_memory(text)
        percent = Integer(0, 100).parse(text[:-1])
        return f"{percent}%" if percent else 0

    def describe(self) -> str:
        return MEMORY_EXPECTED + ", or a percentage from 0% to 100%"


@dataclass(frozen=True)
class Bool(Kind):
    """yes or no. Value: bool."""

    def parse(self, text: str) -> bool:
        word = text.strip().lower()
        if word not in ("yes", "no"):
            raise InvalidValue("yes or no")
        return word == "yes"

    def render(self, value: Value) -> str:
        return "yes" if value else "no"

    def describe(self) -> str:
        return "yes or no"


@dataclass(frozen=True)
class Enum(Kind):
    """One of some words, in any case; `aliases` maps other spellings to them. Value: str."""

    words: Sequence[str]
    aliases: Mapping[str, str] = field(default_factory=dict)

    def parse(self, text: str) -> str:
        word = text.strip().lower()
        word = self.aliases.get(word, word)
        if word not in self.words:
            raise InvalidValue(self.describe())
        return word

    def describe(self) -> str:
        return "one of " + ", ".join(self.words)


@dataclass(frozen=True)
class Octal(Kind):
    """A file mode. Value: int; written 770."""

    def parse(self, text: str) -> int:
        digits = text.strip()
        if re.fullmatch(r"0?[0-7]{1,3}", digits) is None:
            raise InvalidValue(self.describe())
        return int(digits, 8)

    def render(self, value: Value) -> str:
        return f"{value:o}"

    def describe(self) -> str:
        return "a quoted octal file mode such as '770'"


@dataclass(frozen=True)
class Words(Kind):
    """Words whose order matters. Value: tuple of str."""

    def parse(self, text: str) -> Value:
        return tuple(text.split())

    def render(self, value: Value) -> str:
        return " ".join(value)

    def arguments(self, value: Value) -> Sequence[Sequence[str]]:
        return [list(value) or [""]]

    def describe(self) -> str:
        return "words"


@dataclass(frozen=True)
class WordSet(Kind):
    """Some of a set of words, in any order and case. Value: sorted tuple of str. Written as one argument.

    one_of: words of which at most one can be chosen; alone: a word that stands for no choice, and with no other;
    empty: whether no word at all is a value.
    """

    words: Sequence[str] = ()
    one_of: Sequence[str] = ()
    alone: str = ""
    empty: bool = False

    def parse(self, text: str) -> tuple[str, ...]:
        chosen = set(text.lower().split())
        if self.alone and chosen == {self.alone}:
            return (self.alone,)
        if not chosen <= set(self.words) or len(chosen.intersection(self.one_of)) > 1 or not (chosen or self.empty):
            raise InvalidValue(self.describe())
        return tuple(sorted(chosen))

    def render(self, value: Value) -> str:
        return " ".join(value)

    def describe(self) -> str:
        one_of = f" (only one of {', '.join(self.one_of)})" if self.one_of else ""
        alone = f", or {self.alone}" if self.alone else ""
        empty = ", or ''" if self.empty else ""
        return f"some of {', '.join(self.words)}{one_of}{alone}{empty}"


@dataclass(frozen=True)
class Integers(Words):
    """`count` whole numbers in [low, high]. Value: tuple of int."""

    count: int = 1
    low: int = -INT64_MAX
    high: int = INT64_MAX

    def parse(self, text: str) -> tuple[int, ...]:
        numbers = tuple(Integer(self.low, self.high).parse(word) for word in text.split())
        if len(numbers) != self.count:
            raise InvalidValue(self.describe())
        return numbers

    def render(self, value: Value) -> str:
        return " ".join(str(number) for number in value)

    def arguments(self, value: Value) -> Sequence[Sequence[str]]:
        return [[str(number) for number in value]]

    def describe(self) -> str:
        return f"{self.count} whole numbers from {self.low} to {self.high}"


@dataclass(frozen=True)
class Percentiles(Words):
    """Percentiles between 0 and 100. Value: tuple of float, to the six decimals that a server reports."""

    def parse(self, text: str) -> tuple[float, ...]:
        words = text.split()
        if not all(re.fullmatch(r"[0-9]+(\.[0-9]*)?", word) and float(word) <= 100 for word in words):
            raise InvalidValue(self.describe())
        return tuple(round(float(word), 6) for word in words)

    def render(self, value: Value) -> str:
        return " ".join(f"{number:.15g}" for number in value)

    def arguments(self, value: Value) -> Sequence[Sequence[str]]:
        return [self.render(value).split() or [""]]

    def describe(self) -> str:
        return "percentiles from 0 to 100, such as 50 99 99.9"


@dataclass(frozen=True)
class SavePoints(Kind):
    """When to snapshot: after SECONDS if CHANGES keys changed. Value: tuple of (seconds, changes), longest first.

    One pair a line: the form with several pairs on one line means `save ""` to Redis 6.2, without a word.
    """

    def parse(self, text: str) -> tuple[tuple[int, int], ...]:
        words = [] if text.strip() in ("", '""') else text.split()
        if len(words) % 2:
            raise InvalidValue(self.describe())
        numbers = [Integer(0 if index % 2 else 1).parse(word) for index, word in enumerate(words)]
        return tuple(sorted(set(zip(numbers[::2], numbers[1::2])), reverse=True))

    def render(self, value: Value) -> str:
        return " ".join(f"{seconds} {changes}" for seconds, changes in value)

    def arguments(self, value: Value) -> Sequence[Sequence[str]]:
        return [[str(seconds), str(changes)] for seconds, changes in value] or [[""]]

    def describe(self) -> str:
        return "pairs of seconds and changes such as '900 1 300 10', or '' for no snapshots"


@dataclass(frozen=True)
class BufferLimits(Kind):
    """Output buffer limits per client class. Value: sorted tuple of (class, hard, soft, seconds); bytes and seconds.

    A server always has all classes; a want may name some of them, and asks nothing of the others.
    """

    classes: Sequence[str] = ("normal", "pubsub", "replica")

    def parse(self, text: str) -> tuple[tuple[str, int, int, int], ...]:
        words = text.lower().split()
        if not words or len(words) % 4:
            raise InvalidValue(self.describe())
        limits = {}
        for spelling, hard, soft, seconds in zip(words[::4], words[1::4], words[2::4], words[3::4]):
            name = "replica" if spelling == "slave" else spelling
            if name not in self.classes:
                raise InvalidValue(self.describe())
            limits[name] = (name, parse_memory(hard), parse_memory(soft), Integer().parse(seconds))
        return tuple(limits[name] for name in sorted(limits))

    def render(self, value: Value) -> str:
        return " ".join(" ".join(map(str, limit)) for limit in value)

    def arguments(self, value: Value) -> Sequence[Sequence[str]]:
        return [[name, format_memory(hard), format_memory(soft), str(seconds)] for name, hard, soft, seconds in value]

    def covers(self, want: Value, have: Value) -> bool:
        return set(want) <= set(have)

    def filled(self, value: Value, other: Value) -> Value:
        """With the classes of `other` that it does not name."""
        named = self.names(value)
        return tuple(sorted([*value, *(limit for limit in other if limit[0] not in named)]))

    def names(self, value: Value) -> set[str]:
        """The classes that a value names."""
        return {limit[0] for limit in value}

    def describe(self) -> str:
        return "CLASS HARD SOFT SECONDS, such as 'replica 256mb 64mb 60', for " + ", ".join(self.classes)


@dataclass(frozen=True)
class KeyspaceEvents(Kind):
    """Which keyspace events are published. Value: sorted tuple of flags; A stands for g$lshzxetd.

    A server that publishes all of A does not report the flags in UNREPORTED, though it has them.
    """

    flags: str = "KEg$lshzxetdmn"
    ALL = "g$lshzxetd"
    UNREPORTED = "noc"

    def parse(self, text: str) -> tuple[str, ...]:
        chosen = set(text.strip().replace("A", self.ALL))
        if not chosen <= set(self.flags):
            raise InvalidValue(self.describe())
        return tuple(sorted(chosen))

    def render(self, value: Value) -> str:
        chosen = set(value)
        if chosen >= set(self.ALL):
            return "A" + "".join(sorted(chosen - set(self.ALL)))
        return "".join(value)

    def covers(self, want: Value, have: Value) -> bool:
        if set(have) >= set(self.ALL):
            want = tuple(flag for flag in want if flag not in self.UNREPORTED or flag in have)
        return bool(want == have)

    def describe(self) -> str:
        return f"event flags out of A{self.flags}, or '' for none"
