"""What data from another machine has to look like. Pure.

A shape takes a value and the place where it stands, and returns a copy that holds only what is expected: plain types,
bounded sizes, no key that nobody asked for. It raises WrongShape for anything else. Everything that a host answers goes
through a shape before any other code uses it.
"""

from __future__ import annotations

import hashlib
import json
import math
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

from ...redis_ops.base.text import printable

Shape = Callable[[Any, str], Any]

QUOTED = 60  # characters of a wrong value that an error shows
NUMBERS = 5_000  # in one mapping
ROUNDED = 1 - 1e-9  # what rounding may take from a number that does not fall
WRITTEN = 100_000_000  # characters of JSON
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", re.ASCII)
_KINDS = ((bool, "yes or no"), (str, "text"), (Mapping, "a mapping"), ((list, tuple), "a list"), (int, "a number"))


class WrongShape(ValueError):
    """The text says where, what is there and what was expected. It holds no control character."""

    def __init__(self, place: str, value: Any, expected: str) -> None:
        super().__init__(f"{place or 'the answer'}: {described(value)}; expected {expected}")


def described(value: Any) -> str:
    """A value of any type, in a few printable words."""
    if value is None:
        return "nothing"
    kind = next((name for kinds, name in _KINDS if isinstance(value, kinds)), f"a {type(value).__name__}")
    if isinstance(value, str):
        return f"the text {printable(value[:QUOTED])!r}" + ("..." if len(value) > QUOTED else "")
    return kind


def unique(name: str) -> str:
    """The name of one line that a report gives to something. Two names that differ have two such names."""
    shown = printable(name)
    return shown if shown == name else f"{shown} ({_digest(name)})"


def _digest(text: str) -> str:
    return "sha256 " + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def shortened(text: str, most: int) -> str:
    """At most `most` characters and a note on the rest. The digest keeps two texts apart that begin alike."""
    if len(text) <= most:
        return text[:]  # without the types of ansible-core, which a slice drops
    return f"{text[:most]} ... ({len(text)} characters in all, {_digest(text)})"


def text(most: int, *, lines: bool = False, least: int = 0) -> Shape:
    """A text. What is longer than `most` is cut, and says so; what is shorter than `least` is wrong."""

    def shape(value: Any, place: str) -> str:
        if not isinstance(value, str) or len(value) < least:
            raise WrongShape(place, value, "a text" if least == 0 else f"a text of at least {least} character")
        return printable(shortened(value, most), lines=lines)

    return shape


def one_of(*words: str) -> Shape:
    """One of these words."""

    def shape(value: Any, place: str) -> str:
        found = next((word for word in words if isinstance(value, str) and value == word), None)
        if found is None:
            raise WrongShape(place, value, f"one of {', '.join(words)}")
        return found

    return shape


def whole(low: int = 0, high: int = 2**63 - 1) -> Shape:
    """A whole number. True and False are none."""

    def shape(value: Any, place: str) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
            raise WrongShape(place, value, f"a whole number from {low} to {high}")
        return int(value)

    return shape


def number(value: Any, place: str) -> float:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or abs(value) > 1e300 or math.isnan(value):
        raise WrongShape(place, value, "a number")
    return int(value) if isinstance(value, int) else float(value)


def flag(value: Any, place: str) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise WrongShape(place, value, "yes or no")
    return value


def time(value: Any, place: str) -> str:
    """A time in UTC, as every report writes it."""
    told: str = text(40)(value, place)
    try:
        if _TIME.fullmatch(told) and datetime.fromisoformat(told):
            return told
    except ValueError:
        pass
    raise WrongShape(place, value, "a time such as 2027-01-31T12:00:00+00:00")


def time_or_none(value: Any, place: str) -> str:
    """The same, or an empty text where there is none."""
    return "" if value == "" else time(value, place)


def unchecked(value: Any, place: str) -> Any:  # noqa: ARG001 - a shape
    """Anything, for now."""
    return value


def or_none(shape: Shape) -> Shape:
    """The shape, or None."""
    return lambda value, place: None if value is None else shape(value, place)


def all_or_nothing(shape: Shape) -> Shape:
    """The shape, or an empty mapping where nothing is known."""
    return lambda value, place: {} if isinstance(value, Mapping) and not value else shape(value, place)


def items(shape: Shape, most: int) -> Shape:
    """A list of at most `most` items of one shape."""

    def whole_list(value: Any, place: str) -> list[Any]:
        if not isinstance(value, Sequence) or isinstance(value, (str, bytes)):
            raise WrongShape(place, value, "a list")
        if len(value) > most:
            raise WrongShape(place, value, f"at most {most} items, not {len(value)}")
        return [shape(item, f"{place}[{number}]") for number, item in enumerate(value)]

    return whole_list


def table(shape: Shape, most: int, *, name: int = 200) -> Shape:
    """A mapping of at most `most` names to values of one shape. name: characters of a name."""

    def mapping(value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise WrongShape(place, value, "a mapping")
        if len(value) > most:
            raise WrongShape(place, value, f"at most {most} entries, not {len(value)}")
        named = {key: text(name)(key, f"{place}: a name") for key in value}
        return {named[key]: shape(item, f"{place}.{named[key][:QUOTED]}") for key, item in value.items()}

    return mapping


def record(required: Mapping[str, Shape], optional: Mapping[str, Shape] | None = None) -> Shape:
    """A mapping with these keys. Other keys are left out of the copy."""
    known = {**required, **(optional or {})}

    def mapping(value: Any, place: str) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise WrongShape(place, value, "a mapping")
        prefix = f"{place}." if place else ""
        for key in required:
            if key not in value:
                raise WrongShape(f"{prefix}{key}", None, "a value")
        return {key: shape(value[key], f"{prefix}{key}") for key, shape in known.items() if key in value}

    return mapping


def positive(value: Any, place: str) -> float:
    """A number of 0 or more."""
    if (found := number(value, place)) < 0:
        raise WrongShape(place, value, "a number of 0 or more")
    return found


def pairs(value: Any, place: str) -> list[list[float]]:
    """Pairs of numbers, none smaller than the one before it."""
    found: list[list[float]] = items(items(positive, 2), 10_000)(value, place)
    if any(len(pair) != 2 for pair in found):
        raise WrongShape(place, value, "pairs of numbers")
    for one, other in zip(found, found[1:]):
        for side in (0, 1):
            if other[side] < one[side] * ROUNDED:
                raise WrongShape(place, value, "pairs of numbers that rise")
            other[side] = max(one[side], other[side])
    return found


def finite(value: Any, place: str) -> dict[str, float]:
    """Names and numbers, without those that are none: Redis calls a ratio of nothing to nothing -nan."""
    if not isinstance(value, Mapping):
        raise WrongShape(place, value, "a mapping")
    told = {name: item for name, item in value.items() if not isinstance(item, float) or math.isfinite(item)}
    found: dict[str, float] = table(number, NUMBERS)(told, place)
    return found


def parsed(written: Any) -> Any:
    """What a program wrote as JSON. Raises WrongShape."""
    if not isinstance(written, str) or len(written) > WRITTEN:
        raise WrongShape("", written, "JSON")
    try:
        return json.loads(written)
    except (ValueError, RecursionError):
        raise WrongShape("", written, "JSON") from None
