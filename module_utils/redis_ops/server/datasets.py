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

from ..base.errors import FileRefused, InvalidValue, told
from ..base.files import FileSpec, look, read
from ..base.paths import open_directory
from .keyless import is_empty_aof, is_empty_rdb
from .persistence import Store, manifest_files


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
    kind = Kind.DUMP
    if aof:  # aof.c aofUpgradePrepare: the one file of Redis 6 is taken over where there is no manifest only
        kind = Kind.AOF if store.aof != store.old_aof and _is_file(store.aof) else Kind.OLD_AOF
    return next((found for found in present(store) if found.kind is kind), None)


def present(store: Store) -> list[DataSet]:
    """Every data set that the configuration names and that holds data, in the order in which a start prefers them. One
    without any key is none.
    """
    found = []
    if store.aof != store.old_aof:
        parts = [store.aof.parent / name for name in own_parts(store) if not name.endswith("manifest")]
        if _is_file(store.aof) and not _lists_no_key(store.aof):
            found.append(DataSet(Kind.AOF, store.aof.parent, _size(parts)))
        elif others := _unlisted(store, parts):
            found.append(DataSet(Kind.PARTS, store.aof.parent, _size(others)))
    if _holds(store.old_aof) and not is_empty_aof(store.old_aof):
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


def own_parts(store: Store) -> list[str]:
    """The names in the directory of a multi-part AOF that are this server's: its manifest, what that lists, and the files
    that are named after its `appendfilename`. Another server may have others there.
    """
    if store.aof == store.old_aof:
        return []
    name = re.escape(store.old_aof.name)
    pattern = re.compile(
        rf"{name}\.\d+\.(?:base\.(?:rdb|aof)|incr\.aof)|{name}\.manifest|temp-{name}\.(?:incr|manifest)"
    )
    listed = {path.name for path in _listed_by(store.aof, history=True)}
    there = (path.name for path in _listed(store.aof.parent))
    return [name for name in there if name in listed or pattern.fullmatch(name)]


def others_parts(store: Store) -> list[str]:
    """The other names in that directory."""
    if store.aof == store.old_aof:
        return []
    own = own_parts(store)
    return [path.name for path in _listed(store.aof.parent) if path.name not in own]


def _listed_by(manifest: Path, *, history: bool = False) -> list[Path]:
    """The files that a manifest lists; none where it can't be read as one."""
    with contextlib.suppress(OSError, FileRefused, InvalidValue):
        text = read(FileSpec(str(manifest))) or ""
        return [manifest.parent / name for name in manifest_files(text, history=history)]
    return []


def _unlisted(store: Store, parts: Iterable[Path]) -> list[Path]:
    """Those with keys that no manifest lists."""
    listed = _listed_by(store.aof, history=True)
    return [path for path in parts if path not in listed and not is_empty_aof(path)]


def _lists_no_key(manifest: Path) -> bool:
    """Whether all files that a manifest lists are there and hold no key. False when that can't be told, and for a manifest
    that lists none, with which no server starts.
    """
    files = _listed_by(manifest)
    return bool(files) and all(_is_file(path) and is_empty_aof(path) for path in files)


def _listed(directory: Path) -> list[Path]:
    try:
        with open_directory(str(directory)) as found:
            return [directory / name for name in sorted(found.names())]
    except (OSError, FileRefused):
        return []


def _recognised(path: Path) -> Optional[DataSet]:
    if _is_directory(path):
        manifests = [inside for inside in _listed(path) if inside.name.endswith(".manifest")]
        manifests = [manifest for manifest in manifests if not _lists_no_key(manifest)]
        return DataSet(Kind.AOF, path, _size(_listed(path))) if manifests else None
    if path.name.startswith("temp-") or not _holds(path):
        return None
    if path.suffix == ".rdb" and not is_empty_rdb(path):
        return DataSet(Kind.DUMP, path, _size([path]))
    return DataSet(Kind.OLD_AOF, path, _size([path])) if path.suffix == ".aof" and not is_empty_aof(path) else None


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


def _amount(size: int) -> str:
    return f"{size / 2**20:.1f} MB" if size >= 2**20 else f"{size} bytes"
