"""Recognise queues by type and name of keys, as the table in kinds.py describes them. Pure."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from .kinds import KINDS, PROOF, Key, Kind

_PLACEHOLDERS = {"<base>": "(?P<base>.+)", "<queue>": ".+", "<id>": r"(?:\d+|[0-9a-fA-F]{8}-[0-9a-fA-F-]{27})"}
_TOKENS = re.compile("(<base>|<queue>|<id>)")

# A list whose name says queue, but which no library's keys are beside: named in a result, never counted.
SUSPICIOUS = re.compile(r"(?:^|.*[^a-z])(?:queues?|jobs?|tasks?|workers?|mq)(?:[^a-z].*|$)", re.IGNORECASE | re.DOTALL)


@dataclass(frozen=True)
class Match:
    """One key that could belong to a queue of `kind`. base: what its other keys begin with, '' for fixed names."""

    kind: Kind
    base: str
    key: Key


@dataclass(frozen=True)
class _Pattern:
    """A key of the table. start, end: the literal text that its name has there."""

    kind: Kind
    key: Key
    start: str
    end: str


class _Patterns:
    """All keys of one type. Cheap tests for literal text come first, because a server may have millions of keys."""

    def __init__(self, patterns: Sequence[_Pattern]) -> None:
        self._patterns = patterns
        self._starts = tuple({pattern.start for pattern in patterns if pattern.start})
        self._ends = tuple({pattern.end for pattern in patterns if pattern.end and not pattern.start})
        inside = [_longest(pattern.key.name) for pattern in patterns if not (pattern.start or pattern.end)]
        self._inside = re.compile("|".join(sorted({re.escape(part) for part in inside})) or "(?!)")

    def matches(self, name: str) -> list[Match]:
        if not (name.startswith(self._starts) or name.endswith(self._ends) or self._inside.search(name)):
            return []
        found: dict[str, Match] = {}
        for pattern in self._patterns:
            if pattern.kind.name in found or not (name.startswith(pattern.start) and name.endswith(pattern.end)):
                continue
            if matched := _regex(pattern.key.name).fullmatch(name):
                base = matched.groupdict().get("base") or ""
                found[pattern.kind.name] = Match(pattern.kind, base, pattern.key)
        return list(found.values())


def _longest(name: str) -> str:
    return max((part for part in _TOKENS.split(name) if part not in _PLACEHOLDERS), key=len)


@functools.cache
def _regex(name: str) -> re.Pattern[str]:
    return re.compile("".join(_PLACEHOLDERS.get(part, re.escape(part)) for part in _TOKENS.split(name)), re.DOTALL)


@functools.cache
def _by_type() -> dict[str, _Patterns]:
    """Made when the first key is looked at: most runs search for no queue, and these take a tenth of a module's start."""
    found: dict[str, list[_Pattern]] = {}
    for kind in KINDS:
        for key in kind.keys:
            parts = _TOKENS.split(key.name)
            found.setdefault(key.type, []).append(_Pattern(kind, key, parts[0], parts[-1]))
    return {name: _Patterns(patterns) for name, patterns in found.items()}


def matches(key_type: str, name: str) -> list[Match]:
    """What a key may belong to, at most one match for each kind; those first that need no other key."""
    patterns = _by_type().get(key_type)
    found = patterns.matches(name) if patterns else []
    return sorted(found, key=lambda match: match.key.weight < PROOF and not is_sure(match.kind, match.base))


def is_queue(kind: Kind, base: str, keys: Iterable[Key]) -> bool:
    """Whether these keys of one base are enough to be a queue of this kind."""
    keys = set(keys)
    if kind.marks and not any(key.mark for key in keys):
        return False
    return sum(key.weight for key in keys) >= PROOF or (bool(keys) and is_sure(kind, base))


def is_sure(kind: Kind, base: str) -> bool:
    """Whether the base has the library's own prefix."""
    return bool(kind.sure) and re.fullmatch(kind.sure, base, re.IGNORECASE | re.DOTALL) is not None


def companions(match: Match) -> list[tuple[str, Key]]:
    """The other keys of the same queue whose names are known, with the type that each must have."""
    with_base = "<base>" in match.key.name
    return [
        (key.name.replace("<base>", match.base), key)
        for key in match.kind.keys
        if key != match.key
        and ("<base>" in key.name) == with_base
        and not ("<queue>" in key.name or "<id>" in key.name)
    ]


def well_known() -> list[str]:
    """Names to ask for before anything else: the fixed ones of every library, and those of its default queue."""
    fixed = [key.name for kind in KINDS for key in kind.keys if not _TOKENS.search(key.name)]
    return list(dict.fromkeys([*fixed, *(name for kind in KINDS for name in kind.also)]))
