"""What a load test is judged by: a limit, the reason for it, the likely cause of a miss and what to do about it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Optional

from ...redis_ops.base.errors import InvalidInput, Problem
from ..figures import apart, did_you_mean, number, typed

AT_MOST, AT_LEAST = "at most", "at least"


@dataclass(frozen=True)
class Threshold:
    """metric: of a Window, or of the load generator. limit: in `unit`. caches: only where keys may be evicted.
    hard: a miss fails the verdict; else it warns. slows: a miss makes clients wait or be refused, so that it fails the
    verdict when the load fell short of its plan, and explains why it did. seen_from: the metric that says from which value
    on there is anything to see.
    """

    metric: str
    sense: str
    limit: float
    unit: str
    what: str
    source: str
    cause: str
    remedy: str
    hard: bool = True
    caches: bool = False
    slows: bool = False
    seen_from: str = ""

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.sense == AT_MOST else value >= self.limit

    def value(self, metrics: Mapping[str, Optional[float]]) -> Optional[float]:
        """None where nothing is to be seen, and a miss would not be either."""
        found, seen_from = metrics.get(self.metric), metrics.get(self.seen_from) or 0
        return None if found is not None and found < seen_from and self.limit < seen_from else found

    @property
    def expected(self) -> str:
        return f"{self.sense} {typed(self.limit)}{self.unit}"

    def told(self, value: float) -> str:
        """A miss is not rounded to the limit."""
        return f"{number(value) if self.holds(value) else apart(value, self.limit)}{self.unit}"


def adjusted(thresholds: Sequence[Threshold], changes: Mapping[str, Any], where: str) -> list[Threshold]:
    """The thresholds with other limits. changes: metric -> number, or None to leave the metric out.

    Raises InvalidInput with every problem. where: the variable that has them.
    """
    known = {threshold.metric for threshold in thresholds}
    problems = []
    for name, limit in changes.items():
        if name not in known:
            hint = did_you_mean(name, known, "docs/load-testing.md lists them")
            problems.append(Problem(f"{where}: {name}", "no such target", "a name of one", hint))
        elif limit is not None and (isinstance(limit, bool) or not _is_number(limit)):
            problems.append(Problem(f"{where}: {name}", repr(limit), "a number, or null to leave it out", "correct it"))
    if problems:
        raise InvalidInput(problems)
    return [
        replace(threshold, limit=float(changes[threshold.metric])) if threshold.metric in changes else threshold
        for threshold in thresholds
        if changes.get(threshold.metric, 0) is not None
    ]


def _is_number(raw: Any) -> bool:
    try:
        return math.isfinite(float(raw))
    except (TypeError, ValueError):
        return False


def profile(known: Mapping[str, Mapping[str, Any]], name: str, where: str) -> Mapping[str, Any]:
    """The changes of one profile. Raises InvalidInput for one that does not exist."""
    if name not in known:
        hint = did_you_mean(name, known, "add it to redis_loadtest_profiles")
        raise InvalidInput([Problem(where, name, f"one of {', '.join(known)}", hint)])
    return known[name]
