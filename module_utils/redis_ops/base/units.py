"""Quantities as Redis writes them, with the holes of its own parser closed.

Redis accepts '', 'gb' and '17179869184gb' as zero, which for maxmemory means *unlimited* (redis-7.0 util.c memtoull).
Here at least one digit is required and the result must fit a signed 64-bit integer.
"""

from __future__ import annotations

import re

from .errors import InvalidValue

INT64_MAX = 2**63 - 1

# k, m, g are powers of 1000; kb, mb, gb powers of 1024 (head of redis.conf).
MEMORY_UNITS = {
    "": 1,
    "b": 1,
    "k": 1000,
    "kb": 1024,
    "m": 1000**2,
    "mb": 1024**2,
    "g": 1000**3,
    "gb": 1024**3,
}
_MEMORY = re.compile(r"([0-9]+)(b|k|kb|m|mb|g|gb)?", re.IGNORECASE)
_INTEGER = re.compile(r"-?[0-9]+")

MEMORY_EXPECTED = "an amount of memory such as 512mb or 2gb (kb, mb, gb = powers of 1024; k, m, g = powers of 1000)"


def parse_memory(text: str) -> int:
    """'2gb' -> 2147483648 bytes. Raises InvalidValue."""
    match = _MEMORY.fullmatch(text.strip())
    if match is None:
        raise InvalidValue(MEMORY_EXPECTED)
    size = int(match.group(1)) * MEMORY_UNITS[(match.group(2) or "").lower()]
    if size > INT64_MAX:
        raise InvalidValue("less than 8 exabytes")
    return size


def format_memory(size: int) -> str:
    """The shortest spelling that parse_memory reads back to the same number of bytes: 2147483648 -> '2gb'."""
    for unit in ("gb", "mb", "kb"):
        if size and size % MEMORY_UNITS[unit] == 0:
            return f"{size // MEMORY_UNITS[unit]}{unit}"
    return str(size)


def parse_integer(text: str) -> int:
    """'300' -> 300. No unit, no sign but '-'. Raises InvalidValue."""
    match = _INTEGER.fullmatch(text.strip())
    if match is None:
        raise InvalidValue("a whole number without a unit")
    number = int(match.group())
    if not -INT64_MAX - 1 <= number <= INT64_MAX:
        raise InvalidValue("a number that fits 64 bits")
    return number
