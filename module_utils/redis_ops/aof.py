"""Old append-only files: which are provably dead, and moving them out of the way. A live file is never touched.

A multi-part AOF is what its manifest says (Redis documentation, persistence; aof.c aofLoadManifestFromFile). Redis removes
what it replaces itself; what is left are files of a rewrite that was killed, and files that somebody put there.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from . import host, persistence
from .errors import ApplyFailed, InvalidValue
from .live import RunningServer, wait
from .observe import Instance, Snapshot, observe

QUARANTINE = "aof-quarantine"  # in the data directory, so that moving is a rename
STALE = 3600.0  # seconds without a write until a temporary file of a dead process is left over
_BUSY = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "rdb_bgsave_in_progress", "loading")


@dataclass(frozen=True)
class DeadFile:
    """A file that no server will read again. size: bytes. why: the rule that says so."""

    path: Path
    size: int
    why: str


@dataclass
class Outcome:
    """What was done to one instance, or in check mode would be."""

    actions: list[str] = field(default_factory=list)
    files: list[DeadFile] = field(default_factory=list)


def clean_all(instances: Sequence[Instance], *, compact: bool, purge: bool, check: bool) -> dict[str, Any]:
    """A module's result for all instances of a host. Raises ApplyFailed, see clean()."""
    done = {instance.name: clean(instance, compact=compact, purge=purge, check=check) for instance in instances}
    files = [
        {"instance": name, "path": str(file.path), "size": file.size, "why": file.why}
        for name, outcome in done.items()
        for file in outcome.files
    ]
    actions = [f"{name}: {action}" for name, outcome in done.items() for action in outcome.actions]
    return {
        "changed": bool(actions),
        "actions": actions,
        "files": files,
        "bytes": sum(file.size for outcome in done.values() for file in outcome.files),
    }


def clean(instance: Instance, *, compact: bool, purge: bool, check: bool) -> Outcome:
    """Move dead files to the quarantine. compact: first let the server write its AOF anew, which makes it small.
    purge: delete what earlier runs have put into the quarantine.

    Raises ApplyFailed when the AOF is not in a state in which anything could be told, and touches nothing then.
    """
    snapshot = observe(instance)
    outcome = Outcome()
    if compact and snapshot.connection is not None:
        outcome.actions.append(_compact(instance, snapshot, check=check))
    store = snapshot.store
    if store is None:
        raise ApplyFailed(f"{instance.where}: nobody can say where its data lies; give its configuration file")
    held = store.directory / QUARANTINE
    if purge and held.is_dir() and not held.is_symlink():
        outcome.actions.append(f"delete {held} ({_mb(_size(held))})")
        if not check:
            shutil.rmtree(held)
    if not check:
        _wait_until_idle(snapshot)
    _must_be_sound(instance, snapshot, store)
    outcome.files = dead = list(scan(store, now=time.time()))
    place = held / datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    if dead and not check:
        _move(dead, store, place)
        _must_be_sound(instance, snapshot, store)
    outcome.actions += [f"move {file.path} ({_mb(file.size)}) to {place.parent}: {file.why}" for file in dead]
    if snapshot.connection is not None:
        snapshot.connection.close()
    return outcome


def scan(store: persistence.Store, *, now: float) -> Iterator[DeadFile]:
    """Every dead file of a store whose AOF is sound. Symbolic links are not followed, and are not candidates.

    Nothing when a multi-part AOF has no manifest that can be read: then nobody can say what is dead.
    """
    multi_part = store.aof != store.old_aof
    if multi_part and store.aof.is_file() and not store.aof.parent.is_symlink():
        try:
            text = store.aof.read_text(errors="surrogateescape")
            needed = set(persistence.manifest_files(text))
            listed = set(persistence.manifest_files(text, history=True))
        except InvalidValue:
            return
        yield from _beside_manifest(store, needed, listed, now)
        legacy = _regular(store.old_aof)
        if legacy and store.old_aof.name not in listed:
            yield DeadFile(store.old_aof, legacy.st_size, "the manifest in use does not refer to it")
    yield from _left_over(store.directory, r"temp-rewriteaof(?:-bg)?-(\d+)\.aof|temp-(\d+)\.rdb", now)


def _beside_manifest(store: persistence.Store, needed: set[str], listed: set[str], now: float) -> Iterator[DeadFile]:
    name = re.escape(store.old_aof.name)
    for path in sorted(store.aof.parent.iterdir()):
        found = _regular(path)
        if found is None or path.name in needed or path == store.aof:
            continue
        if path.name in listed:
            yield DeadFile(path, found.st_size, "the manifest lists it as history")
        elif re.fullmatch(rf"{name}\.\d+\.(?:base\.(?:rdb|aof)|incr\.aof)", path.name):
            yield DeadFile(path, found.st_size, "the manifest does not list it")
        elif re.fullmatch(rf"temp-{name}\.(?:incr|manifest)", path.name) and now - found.st_mtime > STALE:
            yield DeadFile(path, found.st_size, "a rewrite that ended long ago left it")


def _left_over(directory: Path, pattern: str, now: float) -> Iterator[DeadFile]:
    """Files of child processes that are gone."""
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        found, match = _regular(path), re.fullmatch(pattern, path.name)
        if found and match and now - found.st_mtime > STALE:
            pid = next(filter(None, match.groups()))
            if not re.search("redis|valkey", host.read(f"/proc/{pid}/cmdline")):
                yield DeadFile(path, found.st_size, f"process {pid}, which wrote it, is gone")


def _regular(path: Path) -> os.stat_result | None:
    """None for a symbolic link, a directory, or what is gone by now."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _move(dead: Sequence[DeadFile], store: persistence.Store, place: Path) -> None:
    """Keep the names of their directories, so that a file can be put back by hand."""
    for file in dead:
        target = place / file.path.relative_to(store.directory)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.path.rename(target)


def _must_be_sound(instance: Instance, snapshot: Snapshot, store: persistence.Store) -> None:
    """Raises ApplyFailed while anything is at work on the files, or when what must be there is not."""
    info: Mapping[str, Any] = snapshot.connection.info() if snapshot.connection else {}
    busy = [name for name in _BUSY if int(info.get(name, 0))]
    if busy:
        raise ApplyFailed(f"{instance.where}: {', '.join(busy)}; nothing was moved; run again when that is over")
    if not (store.aof.exists() or store.old_aof.exists()):
        return
    problems = store.problems() if store.aof.exists() else []
    if problems:
        raise ApplyFailed(
            f"{instance.where}: {'; '.join(problems)}; nothing was moved; a running server writes it anew on BGREWRITEAOF"
        )
    if snapshot.connection is None:
        _must_pass_the_server_s_own_check(instance, store)


def _must_pass_the_server_s_own_check(instance: Instance, store: persistence.Store) -> None:
    """Nobody else can say of a stopped server's AOF that it will be loaded.

    valkey-check-aof 9.1.2 takes its own server's base files, which begin with VALKEY, for broken: tried.
    """
    tool = re.sub("-server$", "-check-aof", instance.binary)
    target = store.aof if store.aof.exists() else store.old_aof
    result = host.run([tool, str(target)], timeout=3600, stdin="n\n")
    if result.returncode != 0:
        told = (result.stderr or result.stdout).strip().splitlines()
        raise ApplyFailed(
            f"{instance.where}: {tool} {target}: {told[-1] if told else 'failed'}; nothing was moved; start the server, "
            "which reads it for certain, and run again"
        )


def _wait_until_idle(snapshot: Snapshot) -> None:
    connection = snapshot.connection
    if connection is not None:
        wait(lambda: not any(int(connection.info().get(name, 0)) for name in _BUSY), "a running save to end")


def _compact(instance: Instance, snapshot: Snapshot, *, check: bool) -> str:
    """Let the server write its AOF anew. What was done, with sizes."""
    connection = snapshot.connection
    before = int(snapshot.info.get("aof_current_size", 0))
    if connection is None or not int(snapshot.info.get("aof_enabled", 0)):
        raise ApplyFailed(f"{instance.where}: its AOF is off, so there is none to make small; leave compact out")
    if check:
        return f"write the AOF anew (now {_mb(before)})"
    RunningServer(instance.where, snapshot, connection).rewrite_aof()
    after = int(connection.info().get("aof_current_size", 0))
    return f"write the AOF anew ({_mb(before)} before, {_mb(after)} after)"


def _size(directory: Path) -> int:
    return sum(path.lstat().st_size for path in directory.rglob("*") if not path.is_symlink() and path.is_file())


def _mb(size: int) -> str:
    return f"{size / 2**20:.1f} MB"
