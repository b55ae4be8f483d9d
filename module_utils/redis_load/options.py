"""The options of a load: one declaration of each, from which its help, its default and its check are made."""

from __future__ import annotations

import difflib
import json
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, Field, dataclass, field, fields
from pathlib import Path
from typing import Any, Optional, TypeVar

from .errors import Problem

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text", dict: "a mapping"}
Settings = TypeVar("Settings")


@dataclass(frozen=True)
class Limits:
    """What a value may be. least: allowed unless `above`; most: allowed. pattern: of a whole text, with what it means.
    names: the options that a mapping may have; empty for any. secret: no message shows the value.
    """

    kind: type
    about: str
    least: float = -math.inf
    most: float = math.inf
    above: bool = False
    pattern: tuple[str, str] = ("", "")
    names: Sequence[str] = ()
    secret: bool = False

    @property
    def expected(self) -> str:
        """In words, such as 'a whole number from 1 to 10'."""
        if self.pattern[0]:
            return self.pattern[1]
        if self.least == -math.inf:
            return KINDS[self.kind]
        low = f"above {_plain(self.least)}" if self.above else f"from {_plain(self.least)}"
        high = "" if self.most == math.inf else f" to {_plain(self.most)}"
        return f"{KINDS[self.kind]} {low}{high}"

    def hold(self, value: Any) -> bool:
        """Whether a value from JSON is of the kind and within the limits."""
        if self.kind is dict:
            return isinstance(value, Mapping)
        kind: type = type(value)
        if kind is not self.kind and not (self.kind is float and kind is int):
            return False  # true is an int of Python, and no number here
        if isinstance(value, str):
            return not self.pattern[0] or re.fullmatch(self.pattern[0], value) is not None
        return bool(self.least <= value <= self.most) and not (self.above and value == self.least)


def option(default: Any, about: str, least: float = -math.inf, most: float = math.inf, **limits: Any) -> Any:
    """A field of a configuration. The kind of its default is its kind. limits: as Limits has them."""
    told = {"limits": Limits(type(default), about, least, most, **limits)}
    return field(default_factory=dict, metadata=told) if default == {} else field(default=default, metadata=told)


def required(kind: type, about: str, **limits: Any) -> Any:
    """A field of a configuration that has no default."""
    return field(metadata={"limits": Limits(kind, about, **limits)})


def help_of(settings: type) -> str:
    """A line for each option: its name, what it is and its default."""
    return "\n".join(f"  {item.name:17} {item.metadata['limits'].about} {_default(item)}" for item in _fields(settings))


def read(path: Path, settings: type[Settings], wrong: Callable[[Settings], Iterable[str]], **made: Any) -> Settings:
    """The configuration that a file holds. made: defaults that are made for this run. wrong: what is wrong with all options
    together. Raises Problem with everything that is wrong.
    """
    try:
        given = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise Problem(f"{path}: {error}; expected a file with a JSON object, see --help") from error
    if not isinstance(given, dict):
        raise Problem(f"{path}: expected a JSON object, see --help")
    problems = [*mistakes(settings, given), *_missing(settings, given)]
    if not problems:
        config = settings(**{**made, **given})
        problems = list(wrong(config))
    if problems:
        raise Problem("\n".join(f"{path}: {problem}" for problem in problems))
    return config


def readable_by_others(path: Path) -> bool:
    """Whether its mode lets another user of the machine read the file, or change it."""
    return bool(path.stat().st_mode & 0o077)


def mistakes(settings: type, given: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with each option by itself: 'NAME: what; expected ...', one line each. No secret is shown."""
    known: dict[str, Limits] = {item.name: item.metadata["limits"] for item in _fields(settings)}
    for name, value in given.items():
        if name not in known:
            yield _unknown(name, known)
        elif not known[name].hold(value):
            shown = "(hidden)" if known[name].secret else json.dumps(value, default=str)
            yield f"{name}: {shown}; expected {known[name].expected}"
        elif known[name].names:
            yield from (f"{name}: {_unknown(one, known[name].names)}" for one in value if one not in known[name].names)


def _unknown(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return f"{name}: no such option; expected one of {', '.join(names)}{hint}"


def _missing(settings: type, given: Mapping[str, Any]) -> Iterator[str]:
    for item in _fields(settings):
        if item.default is MISSING and item.default_factory is MISSING and item.name not in given:
            yield f"{item.name}: missing; expected {item.metadata['limits'].expected}"


def _fields(settings: Any) -> Sequence[Field[Any]]:
    return fields(settings)


def _default(item: Field[Any]) -> str:
    value: Optional[Any] = item.default
    if value is MISSING:
        return "[{}]" if item.default_factory is not MISSING else "(it must be given)"
    return f"[{value}]"


def _plain(value: float) -> str:
    return f"{value:.0f}" if value == int(value) else f"{value:g}"
