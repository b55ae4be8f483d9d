"""Drift that somebody accepts for a while: which, where, why, until when. All four are required."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from glob import escape
from typing import Any, Optional

from ...redis_ops.base.errors import InvalidInput, Problem
from ...redis_ops.base.text import printable
from . import shape

VARIABLE = "redis_drift_waivers"
NAME = 60  # characters of an id or a value that an error shows
_REQUIRED = ("id", "hosts", "reason", "expires")
_KEYS = (*_REQUIRED, "instances", "state", "actual")


@dataclass(frozen=True)
class Waiver:
    """id, hosts, instances: shell patterns, of which one of each must match. expires: the last day it holds.

    state, actual: shell patterns that narrow it to what is accepted, so that another value is drift again.
    """

    id: str
    hosts: tuple[str, ...]
    reason: str
    expires: date
    instances: tuple[str, ...] = ("*",)
    state: str = "*"
    actual: str = "*"

    def covers(self, host: str, instance: str, identity: str, state: str = "", actual: str = "") -> bool:
        """Whether it is about this finding, expired or not."""
        return (
            fnmatchcase(identity, self.id)
            and _matches(state, self.state)
            and _matches(actual, self.actual)
            and any(fnmatchcase(host, pattern) for pattern in self.hosts)
            and any(fnmatchcase(instance, pattern) for pattern in self.instances)
        )

    def holds(self, today: date) -> bool:
        return today <= self.expires

    def as_record(self) -> dict[str, Any]:
        """As a report shows it."""
        return {
            "id": self.id,
            "hosts": list(self.hosts),
            "instances": list(self.instances),
            "reason": self.reason,
            "expires": self.expires.isoformat(),
            **({"state": self.state} if self.state != "*" else {}),
            **({"actual": self.actual} if self.actual != "*" else {}),
        }


def parse(raw: Any, where: str = VARIABLE) -> list[Waiver]:
    """The waivers of a list. Raises InvalidInput with every problem: a waiver that is misread hides drift."""
    waivers, problems = read(raw, where)
    if problems:
        raise InvalidInput(problems)
    return waivers


def read(raw: Any, where: str = VARIABLE) -> tuple[list[Waiver], list[Problem]]:
    """The waivers of a list that can be read, and what is wrong with the others. A text is never taken for a template."""
    if raw in (None, ""):
        return [], []
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        expected = "a list of waivers, written out: no template is evaluated in it"
        return [], [Problem(where, "is no list", expected, "see docs/drift.md")]
    waivers, problems = [], []
    for number, item in enumerate(raw, start=1):
        found = _problems(item, f"{where}: waiver {number}")
        problems += found
        if not found:
            waivers.append(
                Waiver(
                    str(item["id"]),
                    _patterns(item["hosts"]),
                    str(item["reason"]).strip(),
                    _date(item["expires"]) or date.min,
                    _patterns(item.get("instances", "*")),
                    *("*" if item.get(key) is None else str(item[key]) for key in ("state", "actual")),
                )
            )
    return waivers, problems


def _problems(item: Any, place: str) -> list[Problem]:
    if not isinstance(item, Mapping):
        return [Problem(place, "is no mapping", f"the keys {', '.join(_REQUIRED)}", "see docs/drift.md")]
    keys = f"the keys {', '.join(_REQUIRED)}"
    name = f" (id {_shown(item['id'])})" if item.get("id") else ""
    problems = [
        Problem(place, f"has no {key}{name}", keys, f"add {key}")
        for key in _REQUIRED
        if item.get(key) in (None, "", [])
    ]
    problems += [
        Problem(
            place, f"{_shown(key)} is not known{name}", f"one of {', '.join(_KEYS)}", "remove it or correct the name"
        )
        for key in item
        if key not in _KEYS
    ]
    for key, (is_good, expected) in _KINDS.items():
        value = item.get(key)
        if value not in (None, "", []) and not is_good(value):
            problems.append(Problem(f"{place}: {key}", _shown(value), f"{expected}{name}", "write it so"))
    return problems


def _shown(value: Any) -> str:
    return printable(str(value)[:NAME]) if _is_text(value) else shape.described(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, (str, int, float, date)) and not isinstance(value, bool)


def _is_texts(value: Any) -> bool:
    return _is_text(value) or (isinstance(value, (list, tuple)) and all(map(_is_text, value)))


_TEXT = (_is_text, "a text")
_PATTERNS = (_is_texts, "a pattern, or a list of patterns")
_KINDS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "id": (lambda value: _is_text(value) and bool(str(value).strip("*")), "what it accepts, such as option.*"),
    "hosts": _PATTERNS,
    "instances": _PATTERNS,
    "reason": _TEXT,
    "state": _TEXT,
    "actual": _TEXT,
    "expires": (lambda value: _date(value) is not None, "a date such as 2027-03-31"),
}


def _matches(told: str, pattern: str) -> bool:
    """Exactly, or as a shell pattern."""
    return told == pattern or fnmatchcase(told, pattern)


def _patterns(raw: Any) -> tuple[str, ...]:
    return tuple(map(str, raw)) if isinstance(raw, (list, tuple)) else tuple(str(raw).replace(",", " ").split())


def _date(raw: Any) -> Optional[date]:
    if isinstance(raw, datetime):
        return raw.date()
    if isinstance(raw, date):
        return raw
    try:
        return datetime.strptime(str(raw), "%Y-%m-%d").date()  # noqa: DTZ007 - a day, wherever one is
    except ValueError:
        return None


def propose(findings: Iterable[tuple[str, str, str, str]], reason: str, expires: date) -> list[dict[str, Any]]:
    """Waivers for (host, instance, id, actual), one for each id, instance and value, as YAML is to hold them."""
    hosts: dict[tuple[str, str, str], list[str]] = {}
    for host, instance, identity, actual in findings:
        hosts.setdefault((identity, instance, actual), []).append(host)
    return [
        {
            "id": escape(identity),
            "hosts": [escape(name) for name in sorted(set(names))],
            "instances": [escape(instance)],
            "actual": escape(actual),
            "reason": reason,
            "expires": expires,
        }
        for (identity, instance, actual), names in sorted(hosts.items())
    ]
