"""Times and bytes as people read them, in the unit that fits."""

from __future__ import annotations

from ..load.figures import number

BINARY = {"B": 1, "KB": 1024, "MB": 1024**2, "GB": 1024**3}


def milliseconds(value: float) -> str:
    """0.047, 8.30, 53.4, 1,038: no finer than a microsecond, and as exact in every row of a table."""
    return f"{value:.3f}" if abs(value) < 1 else f"{value:#.3g}".rstrip(".") if abs(value) < 999.5 else number(value)


def size(count: float) -> str:
    """512 B, 52.4 MB."""
    unit = next(name for name in reversed(BINARY) if abs(count) >= BINARY[name] or name == "B")
    return f"{number(count / BINARY[unit])} {unit}"
