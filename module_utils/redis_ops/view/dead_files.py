"""Append-only files that no server will read again: which are provably dead. A live file is never among them.

A multi-part AOF is what its manifest says (Redis documentation, persistence; aof.c aofLoadManifestFromFile). Redis removes
what it replaces itself; what is left are files of a rewrite that was killed, and files that somebody put there.
"""

from __future__ import annotations

import contextlib
import os
import re
import stat
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..base.errors import InvalidValue, RedisOpsError
from ..base.paths import Directory, open_directory
from ..base.trees import is_directory
from ..platform import host
from ..server import persistence
from .facts import Fact
from .instance import InstanceView

STALE = 3600.0  # seconds without a write until a temporary file of a dead process is left over
_OF_A_CHILD = re.compile(r"temp-rewriteaof(?:-bg)?-(\d+)\.aof|temp-(\d+)\.rdb")


@dataclass(frozen=True)
class DeadFile:
    """A file that no server will read again. size: bytes. why: the rule that says so. seen: how it was then, see seen().
    by_manifest: whether it is dead because of what the manifest says.
    """

    path: Path
    size: int
    why: str
    seen: tuple[int, ...] = ()
    by_manifest: bool = False


def regular(directory: Directory, name: str) -> Optional[os.stat_result]:
    """A regular file; None for a symbolic link, a directory, or what is gone by now."""
    with contextlib.suppress(OSError):
        found = directory.look(name)
        return found if found is not None and stat.S_ISREG(found.st_mode) else None
    return None


def seen(found: os.stat_result) -> tuple[int, ...]:
    """What changes when somebody takes the name, or opens the file to write it anew."""
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def scan(store: persistence.Store, *, now: float) -> list[DeadFile]:
    """Every dead file of a store whose AOF is sound. Symbolic links are not followed, and are not candidates.

    Nothing when a multi-part AOF has no manifest that can be read: then nobody can say what is dead. Raises FileRefused
    when the data directory is behind a link of another user, OSError.
    """
    if not is_directory(str(store.directory)):
        return []
    with open_directory(str(store.directory)) as data:
        by_manifest = [] if store.aof == store.old_aof else list(_by_manifest(store, data, now))
        return [*by_manifest, *_left_over(store.directory, data, now)]


def _by_manifest(store: persistence.Store, data: Directory, now: float) -> Iterator[DeadFile]:
    try:
        with data.inside(store.aof.parent.name) as parts:
            # listed before the manifest is read: a file that is made later is no candidate
            names = parts.names()
            text = store.manifest()
            if text is None:
                return
            needed = set(persistence.manifest_files(text))
            listed = set(persistence.manifest_files(text, history=True))
            yield from _beside_manifest(store, parts, names, needed, listed, now)
    except (InvalidValue, OSError):
        return
    legacy = regular(data, store.old_aof.name)
    if legacy and store.old_aof.name not in listed:
        yield _dead(store.old_aof, legacy, "the manifest in use does not refer to it", by_manifest=True)


def _beside_manifest(
    store: persistence.Store, parts: Directory, names: Sequence[str], needed: set[str], listed: set[str], now: float
) -> Iterator[DeadFile]:
    """What is about to be listed was written a moment ago: a rewrite makes its files, or empties old ones, before it
    writes the manifest.
    """
    prefix = re.escape(store.old_aof.name)
    for name in names:
        found, path = regular(parts, name), store.aof.parent / name
        if found is None or name in needed or path == store.aof:
            continue
        stale = now - found.st_mtime > STALE
        if name in listed:
            yield _dead(path, found, "the manifest lists it as history", by_manifest=True)
        elif stale and re.fullmatch(rf"{prefix}\.\d+\.(?:base\.(?:rdb|aof)|incr\.aof)", name):
            yield _dead(path, found, "the manifest does not list it", by_manifest=True)
        elif stale and re.fullmatch(rf"temp-{prefix}\.(?:incr|manifest)", name):
            yield _dead(path, found, "a rewrite that ended long ago left it", by_manifest=True)


def _left_over(directory: Path, data: Directory, now: float) -> Iterator[DeadFile]:
    """Files of child processes that are gone."""
    for name in data.names():
        found, match = regular(data, name), _OF_A_CHILD.fullmatch(name)
        if found and match and now - found.st_mtime > STALE:
            pid = next(filter(None, match.groups()))
            if not re.search("redis|valkey", host.read(f"/proc/{pid}/cmdline")):
                yield _dead(directory / name, found, f"process {pid}, which wrote it, is gone")


def _dead(path: Path, found: os.stat_result, why: str, *, by_manifest: bool = False) -> DeadFile:
    return DeadFile(path, found.st_size, why, seen(found), by_manifest)


def _dead_files(view: InstanceView) -> list[DeadFile]:
    """Raises RedisOpsError while nobody can tell."""
    store = view.store
    if any(int(view.info.get(name, 0)) for name in persistence.AT_WORK):
        raise RedisOpsError("its files change right now")
    writes = (view.observed.live or {}).get("appendonly") == "yes"
    problems = store.problems() if writes or store.has_aof() else []
    if problems:
        raise RedisOpsError("; ".join(problems))
    return scan(store, now=time.time())


DEAD_FILES = Fact("dead files", _dead_files)
