"""Numbers as people read them: three digits that count, thousands apart, never an exponent."""

from __future__ import annotations

import math


def number(value: float, digits: int = 3) -> str:
    """0.0331, 12.3, 1,234."""
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
