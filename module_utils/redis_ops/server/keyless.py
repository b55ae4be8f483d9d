"""Whether a data file holds no key. At most _BOUND bytes of it are read: the server's account may have written anything."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Optional

from ..base.errors import FileRefused
from ..base.files import FileSpec, head

# bytes; a dump without keys is a header, some hundred bytes of facts about the server, and a checksum
_BOUND = 4096
_CHECKSUM = 8  # bytes behind the end of a dump, since version 5 of the format (rdb.c rdbSaveRio)
_TIMESTAMP = re.compile(rb"#TS:\d+\r\n")  # aof-timestamp-enabled
_WITHOUT_KEYS = (b"SELECT", b"MULTI", b"EXEC", b"FLUSHALL", b"FLUSHDB")  # commands after which there is no key


def is_empty_rdb(path: Path) -> bool:
    """Whether a dump holds no key. False when that can't be told.

    rdb.c rdbSaveRio: magic, auxiliary fields (0xFA name value), then at once the end (0xFF). Functions and modules count
    as data.
    """
    data = _start(path)
    return data is not None and _end_of_empty_rdb(data) > 0


def is_empty_aof(path: Path) -> bool:
    """Whether a file of an append-only file, base or increment, holds no key. False when that can't be told.

    It may begin with a dump (aof.c, aof-use-rdb-preamble). Every command behind it must be known to add nothing.
    """
    data = _start(path)
    if data is None or len(data) > _BOUND:
        return False
    position = 0
    if re.match(rb"REDIS|VALKEY", data):
        position = _end_of_empty_rdb(data)
        if position < 0:
            return False
        position += _CHECKSUM
    while 0 <= position < len(data):
        position = _after_command(data, position)
    return position == len(data)


def _start(path: Path) -> Optional[bytes]:
    """One byte more than the bound, so that a longer file shows; None where nobody may read it."""
    try:
        return head(FileSpec(str(path)), _BOUND + 1)
    except (OSError, FileRefused):
        return None


def _end_of_empty_rdb(data: bytes) -> int:
    """Where a dump without keys ends, its checksum left out; -1 when these bytes do not begin with one."""
    magic = re.match(rb"(?:REDIS|VALKEY)\d{3,4}", data)
    position = magic.end() if magic else -1
    while 0 <= position < len(data) and data[position] == 0xFA:
        position = _after_string(data, _after_string(data, position + 1))
    return position + 1 if 0 <= position < len(data) and data[position] == 0xFF else -1


def _after_command(data: bytes, position: int) -> int:
    """Where a command that adds no key ends; -1 when none begins here."""
    timestamp = _TIMESTAMP.match(data, position)
    if timestamp:
        return timestamp.end()
    count = re.compile(rb"\*([1-9])\r\n").match(data, position)
    if count is None:
        return -1
    words, position = [], count.end()
    for _ in range(int(count[1])):
        length = re.compile(rb"\$(\d{1,3})\r\n").match(data, position)
        if length is None:
            return -1
        end = length.end() + int(length[1])
        words.append(data[length.end() : end])
        if data[end : end + 2] != b"\r\n":
            return -1
        position = end + 2
    return position if words[0].upper() in _WITHOUT_KEYS else -1


def _after_string(data: bytes, position: int) -> int:
    """Where a length-prefixed string ends (rdb.c rdbLoadLen); -1 when it does not end here."""
    if not 0 <= position < len(data):
        return -1
    first = data[position]
    kind = first >> 6
    if kind == 0:
        return position + 1 + (first & 0x3F)
    if kind == 1 and position + 1 < len(data):
        return position + 2 + ((first & 0x3F) << 8 | data[position + 1])
    if first in (0xC0, 0xC1, 0xC2):  # an integer of one, two or four bytes
        return position + 1 + (1, 2, 4)[first & 0x3F]
    return -1
