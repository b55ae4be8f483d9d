"""RESP2, the protocol of Redis and Valkey: commands to bytes, and bytes to replies. No socket here.

What answers on a port may be anything, so a reply is limited in size, number of elements and depth before it is read.
Text is UTF-8 with surrogateescape in both directions: any bytes survive a round trip.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NoReturn, Optional, Union

from ..base.errors import CommandRefused, ServerUnreachable

# Of the replies to one call. CLIENT LIST with 65,000 clients takes 30 MB.
MAX_BYTES = 32 * 1024**2
MAX_ELEMENTS = 1_000_000
MAX_DEPTH = 8  # arrays within arrays; LATENCY HISTOGRAM has 3
MAX_LINE = 64 * 1024  # a status or an error; the longest known is that of protected mode, 1 kB

NOT_RESP = "what answers does not speak RESP, so it is no Redis"
_END = b"\r\n"
_KINDS = b"+-:$*"
_, _ERROR, _NUMBER, _TEXT, _ARRAY = _KINDS
_LENGTH = re.compile(rb"-1|[0-9]{1,10}")
_INTEGER = re.compile(rb"[+-]?[0-9]{1,19}")


@dataclass(frozen=True)
class ErrorReply:
    """An error as the server worded it."""

    text: str

    @property
    def code(self) -> str:
        """The first word, such as 'NOAUTH' or 'ERR'."""
        return self.text.partition(" ")[0]


Reply = Union[str, int, None, ErrorReply, "list[Reply]"]


def encode(commands: Sequence[Sequence[str]]) -> bytes:
    """Several commands, to be sent at once. Raises CommandRefused for a word that has no bytes: half a surrogate pair."""
    parts = []
    for words in commands:
        parts.append(b"*%d\r\n" % len(words))
        for word in words:
            try:
                data = word.encode("utf-8", "surrogateescape")
            except UnicodeEncodeError:
                raise CommandRefused(f"{words[0]}: a word of the command is no text that UTF-8 can hold") from None
            parts.append(b"$%d\r\n%s\r\n" % (len(data), data))
    return b"".join(parts)


class Reader:
    """The replies to one call.

    more: returns the next bytes, b"" when the other side has closed the connection; what it raises is passed on.
    """

    def __init__(self, more: Callable[[], bytes]) -> None:
        self._more = more
        self._buffer = bytearray()  # all of it: there is a limit to what one call is answered with
        self._at = 0
        self._elements = MAX_ELEMENTS

    def reply(self) -> Reply:
        """The next reply. Raises ServerUnreachable for what is not RESP2, too large, too deep or cut off."""
        return self._reply(MAX_DEPTH)

    def has_rest(self) -> bool:
        """Whether more bytes came than the replies that were read."""
        return self._at < len(self._buffer)

    def _reply(self, depth: int) -> Reply:
        self._need(1)
        kind = self._buffer[self._at]
        if kind not in _KINDS:
            raise ServerUnreachable(NOT_RESP)
        line = self._line()
        if kind == _TEXT:
            return self._text(line)
        if kind == _ARRAY:
            return self._array(line, depth)
        if kind == _NUMBER:
            return int(line) if _INTEGER.fullmatch(line) else _not_resp()
        return ErrorReply(_decoded(line)) if kind == _ERROR else _decoded(line)

    def _text(self, line: bytearray) -> Optional[str]:
        length = _length(line)
        if length is None:
            return None
        if length > MAX_BYTES:
            raise ServerUnreachable(_too_large())
        end = self._at + length
        self._need(length + len(_END))
        if not self._buffer.startswith(_END, end):
            raise ServerUnreachable(NOT_RESP)
        data = self._buffer[self._at : end]
        self._at = end + len(_END)
        return _decoded(data)

    def _array(self, line: bytearray, depth: int) -> Optional[list[Reply]]:
        length = _length(line)
        if length is None:
            return None
        if not depth:
            raise ServerUnreachable(f"its reply has more than {MAX_DEPTH} arrays within each other")
        if length > self._elements:
            raise ServerUnreachable(f"its reply has more than {MAX_ELEMENTS:,} elements")
        self._elements -= length
        return [self._reply(depth - 1) for _ in range(length)]

    def _line(self) -> bytearray:
        """What is behind the kind of a reply, up to the end of the line."""
        seen = self._at
        while (end := self._buffer.find(_END, seen)) < 0:
            there = len(self._buffer) - self._at
            if there > MAX_LINE:
                raise ServerUnreachable(NOT_RESP)
            seen = len(self._buffer) - 1  # the end may be cut in half
            self._need(there + 1)
        line = self._buffer[self._at + 1 : end]
        self._at = end + len(_END)
        return line

    def _need(self, count: int) -> None:
        """Receive until there are as many bytes that were not read yet."""
        while len(self._buffer) < self._at + count:
            data = self._more()
            if not data:
                middle = " in the middle of a reply" if self.has_rest() else ""
                raise ServerUnreachable(f"it closed the connection{middle}")
            self._buffer += data
            if len(self._buffer) > MAX_BYTES:
                raise ServerUnreachable(_too_large())


def _length(line: bytearray) -> Optional[int]:
    """Of a text or an array; None for nil."""
    if not _LENGTH.fullmatch(line):
        raise ServerUnreachable(NOT_RESP)
    return None if line == b"-1" else int(line)


def _decoded(data: bytearray) -> str:
    return data.decode("utf-8", "surrogateescape")


def _too_large() -> str:
    return f"its reply is larger than {MAX_BYTES // 1024**2} MB"


def _not_resp() -> NoReturn:
    raise ServerUnreachable(NOT_RESP)
