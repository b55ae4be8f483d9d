"""Drift that somebody accepts for a while: which, where, why, until when. All four are required."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from fnmatch import fnmatchcase
from glob import escape
from typing import Any, Optional

from ..base.errors import InvalidInput, Problem

VARIABLE = "redis_drift_waivers"
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
    """What YAML made of the list. Raises InvalidInput with every problem: a waiver that is misread hides drift."""
    if raw in (None, ""):
        return []
    if not isinstance(raw, Sequence) or isinstance(raw, str):
        raise InvalidInput([Problem(where, "is no list", "a list of waivers", "see docs/drift.md")])
    waivers, problems = [], []
    for number, item in enumerate(raw, start=1):
        place = f"{where}: waiver {number}"
        found = _problems(item, place)
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
    if problems:
        raise InvalidInput(problems)
    return waivers


def _problems(item: Any, place: str) -> list[Problem]:
    if not isinstance(item, Mapping):
        return [Problem(place, "is no mapping", f"the keys {', '.join(_REQUIRED)}", "see docs/drift.md")]
    problems = [
        Problem(place, f"has no {key}", f"the keys {', '.join(_REQUIRED)}", f"add {key}")
        for key in _REQUIRED
        if item.get(key) in (None, "", [])
    ]
    problems += [
        Problem(place, f"{key} is not known", f"one of {', '.join(_KEYS)}", "remove it or correct the name")
        for key in item
        if key not in _KEYS
    ]
    if item.get("id") and not str(item["id"]).strip("*"):
        problems.append(Problem(f"{place}: id", str(item["id"]), "what it accepts, such as option.*", "name it"))
    if item.get("expires") and _date(item["expires"]) is None:
        problems.append(Problem(f"{place}: expires", str(item["expires"]), "a date such as 2027-03-31", "write it so"))
    return problems


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
