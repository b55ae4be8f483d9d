"""Numbers of a measurement, and how a person reads them."""

from __future__ import annotations

import statistics
from collections.abc import Iterable, Sequence
from typing import Any

RANKS = {"p50": 500, "p90": 900, "p95": 950, "p99": 990, "p99.9": 999, "max": 1000}  # per mille


def ranked(values: Iterable[float], names: Sequence[str] = tuple(RANKS)) -> dict[str, float]:
    """Percentiles by nearest rank, so that each is a value that was measured. Empty without any. names: of RANKS."""
    ordered = sorted(values)
    if not ordered:
        return {}
    return {name: ordered[max(-(-len(ordered) * RANKS[name] // 1000), 1) - 1] for name in names}


def percentiles(values: Sequence[float]) -> dict[str, Any]:
    """count, mean, and all of RANKS, rounded to a tenth; only a count of 0 without any."""
    if not values:
        return {"count": 0}
    found = {"mean": statistics.fmean(values), **ranked(values)}
    return {"count": len(values), **{name: round(value, 1) for name, value in found.items()}}


def size(count: float) -> str:
    """Bytes as a person reads them."""
    for unit in ("B", "KB", "MB"):
        if count < 1024:
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.2f} GB"


def clock(seconds: float) -> str:
    """Seconds as minutes and seconds."""
    whole = max(0, round(seconds))
    return f"{whole // 60}:{whole % 60:02}"
