"""Which data a start would load, and which other data lies around. What the configuration says decides, never a file's age.

Redis 7.0 server.c loadDataFromDisk and aof.c aofLoadManifestFromDisk, checked by tests/contract: with `appendonly yes` a
start loads the AOF and ignores the dump, also when there is no AOF and the server is then empty.
"""

from __future__ import annotations

import contextlib
import enum
import os
import re
import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..base.errors import FileRefused, told
from ..base.files import Target, head, look
from ..base.paths import open_directory
from .persistence import Store

_EMPTY_RDB = (
    4096  # bytes; a dump without keys is a header, some hundred bytes of facts about the server, and a checksum
)


class Kind(enum.Enum):
    """DUMP: an RDB file. AOF: what a manifest lists. OLD_AOF: the single file of Redis 6. PARTS: AOF files without a
    manifest, which no server loads.
    """

    DUMP = "dump"
    AOF = "append-only file"
    OLD_AOF = "single append-only file"
    PARTS = "parts of an append-only file without their manifest"


@dataclass(frozen=True)
class DataSet:
    """Data of a server on disk. path: the file, or the directory of an append-only file. size: bytes."""

    kind: Kind
    path: Path
    size: int

    def __str__(self) -> str:
        return f"{self.path} ({self.kind.value}, {_amount(self.size)})"


def loaded(store: Store, *, aof: bool) -> Optional[DataSet]:
    """What a start would load with this `appendonly`; None when it would be empty."""
    kinds = (Kind.AOF, Kind.OLD_AOF) if aof else (Kind.DUMP,)
    return next((found for found in present(store) if found.kind in kinds), None)


def present(store: Store) -> list[DataSet]:
    """Every data set that the configuration names and that holds data, in the order in which a start prefers them."""
    found = []
    if store.aof != store.old_aof:
        parts = _parts(store)
        if _is_file(store.aof):
            found.append(DataSet(Kind.AOF, store.aof.parent, _size(parts)))
        elif parts:
            found.append(DataSet(Kind.PARTS, store.aof.parent, _size(parts)))
    if _holds(store.old_aof):
        found.append(DataSet(Kind.OLD_AOF, store.old_aof, _size([store.old_aof])))
    if _holds(store.rdb) and not is_empty_rdb(store.rdb):
        found.append(DataSet(Kind.DUMP, store.rdb, _size([store.rdb])))
    return found


def hindrance(store: Store) -> str:
    """Why one of the places that the configuration names can't be looked at, so that present() may miss data; '' when all
    can. The server may follow a link there that root does not.
    """
    try:
        for path in (store.rdb, store.old_aof, store.aof):
            look(str(path))
        with contextlib.suppress(FileNotFoundError, NotADirectoryError), open_directory(str(store.aof.parent)):
            pass
    except (OSError, FileRefused) as error:
        return told(error)
    return ""


def elsewhere(store: Store, directories: Iterable[str]) -> list[DataSet]:
    """Data that looks like a server's in these directories, other than what `store` names.

    Found are dumps (*.rdb) and append-only files (*.aof, and manifests one directory below), whatever their names.
    """
    named = {found.path.resolve() for found in present(store)} | {store.aof.parent.resolve(), store.rdb.resolve()}
    found: dict[Path, DataSet] = {}
    for place in dict.fromkeys([str(store.directory), *directories]):
        for path in _listed(Path(place)):
            data = _recognised(path)
            if data is not None and path.resolve() not in named:
                found.setdefault(path.resolve(), data)
    return list(found.values())


def is_empty_rdb(path: Path) -> bool:
    """Whether a dump holds no key. False when that can't be told.

    rdb.c rdbSaveRio: magic, auxiliary fields (0xFA name value), then at once the end (0xFF). Functions and modules count
    as data.
    """
    try:
        data = head(Target(str(path)), _EMPTY_RDB)
    except (OSError, FileRefused):
        return False
    magic = re.match(rb"(?:REDIS|VALKEY)\d{3,4}", data)
    position = magic.end() if magic else -1
    while 0 <= position < len(data) and data[position] == 0xFA:
        position = _after_string(data, _after_string(data, position + 1))
    return 0 <= position < len(data) and data[position] == 0xFF


def _parts(store: Store) -> list[Path]:
    name = re.escape(store.old_aof.name)
    pattern = re.compile(rf"{name}\.\d+\.(?:base\.(?:rdb|aof)|incr\.aof)")
    return [path for path in _listed(store.aof.parent) if pattern.fullmatch(path.name)]


def _listed(directory: Path) -> list[Path]:
    try:
        with open_directory(str(directory)) as found:
            return [directory / name for name in sorted(found.names())]
    except (OSError, FileRefused):
        return []


def _recognised(path: Path) -> Optional[DataSet]:
    if _is_directory(path):
        manifests = [inside for inside in _listed(path) if inside.name.endswith(".manifest")]
        return DataSet(Kind.AOF, path, _size(_listed(path))) if manifests else None
    if path.name.startswith("temp-") or not _holds(path):
        return None
    if path.suffix == ".rdb" and not is_empty_rdb(path):
        return DataSet(Kind.DUMP, path, _size([path]))
    return DataSet(Kind.OLD_AOF, path, _size([path])) if path.suffix == ".aof" else None


def _state(path: Path) -> Optional[os.stat_result]:
    """None for what is not there, and behind a link of another user."""
    with contextlib.suppress(OSError, FileRefused):
        return look(str(path))
    return None


def _is_file(path: Path) -> bool:
    state = _state(path)
    return state is not None and stat.S_ISREG(state.st_mode)


def _is_directory(path: Path) -> bool:
    state = _state(path)
    return state is not None and stat.S_ISDIR(state.st_mode)


def _holds(path: Path) -> bool:
    state = _state(path)
    return state is not None and stat.S_ISREG(state.st_mode) and state.st_size > 0


def _size(paths: Iterable[Path]) -> int:
    """A rewrite may replace one meanwhile."""
    return sum(state.st_size for state in map(_state, paths) if state is not None)


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


def _amount(size: int) -> str:
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{size} bytes"
