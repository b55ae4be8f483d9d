"""Numbers, sizes, durations and times as people read them, and the name that somebody probably meant. Pure."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable

BINARY = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


def number(value: float, digits: int = 3) -> str:
    """Three significant digits, thousands apart, never an exponent: 0.0331, 12.3, 1,234."""
    if abs(value) >= 10**digits - 0.5:
        return f"{value:,.0f}"
    if value and abs(value) < 1e-4:  # from here on 'g' has an exponent
        return f"{value:.{digits - 1 - math.floor(math.log10(abs(value)))}f}".rstrip("0")
    return f"{value:,.{digits}g}"


def typed(value: float) -> str:
    """As a person typed it, with every digit."""
    return number(value, 15)


def apart(value: float, limit: float) -> str:
    """With as many digits as tell it from the limit."""
    told = (number(value, digits) for digits in range(3, 16))
    return next((text for text in told if text != typed(limit)), typed(value))


def milliseconds(value: float) -> str:
    """0.047, 8.30, 53.4, 1,038: no finer than a microsecond, and with the same precision in every row of a table."""
    return f"{value:.3f}" if abs(value) < 1 else f"{value:#.3g}".rstrip(".") if abs(value) < 999.5 else number(value)


def size(count: float) -> str:
    """Bytes in the unit that fits: 512 B, 52.4 MB."""
    unit = next(name for name in reversed(BINARY) if abs(count) >= BINARY[name] or name == "B")
    return f"{number(count / BINARY[unit])} {unit}"


def many(count: int, what: str) -> str:
    """1 host, 2 hosts."""
    return f"{count} {what}" + ("" if count == 1 else "s")


def at(time: str) -> str:
    """The ISO 8601 time in UTC as people read it, such as 2026-11-23 00:04 UTC; '' for ''."""
    return f"{time[:10]} {time[11:16]} UTC" if time else ""


def clock(seconds: float) -> str:
    """Minutes and seconds, or hours before them: 1:05, 1:00:00."""
    whole = max(0, round(seconds))
    minutes = f"{whole // 60 % 60}:{whole % 60:02}" if whole < 3600 else f"{whole // 60 % 60:02}:{whole % 60:02}"
    return f"{whole // 3600}:{minutes}" if whole >= 3600 else minutes


def nearest(given: object, known: Iterable[str], similarity: float = 0.6) -> str:
    """The known name that looks most like this one; '' where none is so similar, from 0 to 1."""
    return next(iter(difflib.get_close_matches(str(given), list(known), n=1, cutoff=similarity)), "")


def did_you_mean(given: object, known: Iterable[str], otherwise: str) -> str:
    """The remedy for a name that is unknown: the nearest known one as a question, or `otherwise` where none is near."""
    near = nearest(given, known)
    return f"did you mean {near}?" if near else otherwise
