"""Read DER, the binary form of certificates (ITU-T X.690), strictly.

Bytes that are not DER raise Malformed and no other exception. Nothing here recurses: a caller names each level that it
enters, so the depth of hostile input is bounded by the code that reads it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..base.errors import RedisOpsError

BOOLEAN, INTEGER, BIT_STRING, OCTET_STRING, OBJECT_ID = 0x01, 0x02, 0x03, 0x04, 0x06
UTC_TIME, GENERALIZED_TIME = 0x17, 0x18
SEQUENCE, SET = 0x30, 0x31
LONGEST = 1 << 20  # bytes of one element; the largest certificates in use have some kilobytes
_LONGEST_OBJECT_ID = 128  # bytes


class Malformed(RedisOpsError):
    """Bytes that are not what they should be; the text says which part."""


@dataclass(frozen=True)
class Element:
    """One value. encoded: the whole of it, with tag and length."""

    tag: int
    content: bytes
    encoded: bytes

    def inside(self) -> Reader:
        """Its content as a series of elements."""
        return Reader(self.content)


class Reader:
    """A series of elements, read from the front. Every method raises Malformed."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def more(self) -> bool:
        return self._at < len(self._data)

    def take(self, tag: Optional[int] = None) -> Element:
        """The next element. tag: the one it must have, None for any."""
        start, data = self._at, self._data
        if len(data) - start < 2:
            raise Malformed("ends too early")
        found = data[start]
        if found & 0x1F == 0x1F:
            raise Malformed("has a tag of several bytes, which no certificate has")
        if tag is not None and found != tag:
            raise Malformed(f"has tag {found:#04x} where {tag:#04x} belongs")
        length, body = self._length(start + 1)
        if length > LONGEST or length > len(data) - body:
            raise Malformed("has an element that is longer than its place")
        self._at = body + length
        return Element(found, data[body : self._at], data[start : self._at])

    def take_if(self, tag: int) -> Optional[Element]:
        """The next element where it has this tag, else None and nothing is read."""
        return self.take(tag) if self.more() and self._data[self._at] == tag else None

    def end(self) -> None:
        """Checks that nothing follows."""
        if self.more():
            raise Malformed("has bytes after its end")

    def _length(self, at: int) -> tuple[int, int]:
        """The length that starts at `at`, and where the content starts."""
        first = self._data[at]
        if first < 0x80:
            return first, at + 1
        size = first & 0x7F
        octets = self._data[at + 1 : at + 1 + size]
        if not 1 <= size <= 4 or len(octets) < size:
            raise Malformed("has a length that DER does not have")
        length = int.from_bytes(octets, "big")
        if length < 0x80 or octets[0] == 0:
            raise Malformed("has a length that is not written as short as it can be")
        return length, at + 1 + size


def integer(element: Element) -> int:
    """The value of an INTEGER. Raises Malformed."""
    content = element.content
    if not content:
        raise Malformed("has an empty number")
    if len(content) > 1 and (content[0], content[1] >> 7) in ((0x00, 0), (0xFF, 1)):
        raise Malformed("has a number that is not written as short as it can be")
    return int.from_bytes(content, "big", signed=True)


def object_id(element: Element) -> str:
    """The value of an OBJECT IDENTIFIER, such as '2.5.29.15'. Raises Malformed."""
    content = element.content
    if not content or len(content) > _LONGEST_OBJECT_ID or content[-1] & 0x80:
        raise Malformed("has an object identifier without an end")
    parts: list[int] = []
    value = 0
    for octet in content:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            parts.append(value)
            value = 0
    first = min(parts[0] // 40, 2)
    return ".".join(str(part) for part in (first, parts[0] - 40 * first, *parts[1:]))


def bits(element: Element, most: int) -> list[bool]:
    """The value of a BIT STRING, first bit first, of at most `most` bits. Raises Malformed."""
    unused, octets = element.content[:1], element.content[1:]
    if not unused or unused[0] > 7 or (unused[0] and not octets):
        raise Malformed("has a bit string without its length")
    total = min(8 * len(octets) - unused[0], most)
    return [bool(octets[at // 8] >> (7 - at % 8) & 1) for at in range(total)]
