"""Old append-only files: which are provably dead, and moving them out of the way. A live file is never touched.

A multi-part AOF is what its manifest says (Redis documentation, persistence; aof.c aofLoadManifestFromFile). Redis removes
what it replaces itself; what is left are files of a rewrite that was killed, and files that somebody put there.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from ..base.errors import ApplyFailed, InvalidValue
from ..platform import host
from ..server import persistence
from ..view.observe import Instance, Snapshot, observe
from .live import RunningServer, wait

QUARANTINE = "aof-quarantine"  # in the data directory, so that moving is a rename
STALE = 3600.0  # seconds without a write until a temporary file of a dead process is left over
_BUSY = (*persistence.SAVES, "loading")


@dataclass(frozen=True)
class DeadFile:
    """A file that no server will read again. size: bytes. why: the rule that says so. seen: how it was then, see _seen().
    by_manifest: whether it is dead because of what the manifest says.
    """

    path: Path
    size: int
    why: str
    seen: tuple[int, ...] = ()
    by_manifest: bool = False


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
    """Move dead files to the quarantine. compact: first let the server write its AOF anew, which makes it small and, on a
    running server, whole again. purge: at last delete what earlier runs have put into the quarantine.

    Raises ApplyFailed when the AOF is not in a state in which anything could be told, and moves and deletes nothing then.
    """
    snapshot = observe(instance)
    outcome = Outcome()
    store = snapshot.store
    if store is None:
        raise ApplyFailed(f"{instance.where}: nobody can say where its data lies; give its configuration file")
    held = store.directory / QUARANTINE
    _must_be_a_directory(instance, held)
    if not check:
        _wait_until_idle(snapshot)
    compacted = compact and snapshot.connection is not None
    if compacted:
        outcome.actions.append(_compact(instance, snapshot, check=check))
    # what is not whole now will be when the server has written it anew, and then nothing of it is old
    foreseen = check and compacted and not _busy(snapshot) and store.aof.exists() and bool(store.problems())
    if not foreseen:
        _must_be_sound(instance, snapshot, store)
        if purge and _is_filled(held):
            _must_not_be_all_there_is(instance, snapshot, store, held)
    earlier = sorted(held.iterdir()) if purge and held.is_dir() else []
    dead = [] if foreseen else list(scan(store, now=time.time()))
    if dead and not check:
        try:
            dead = _move_and_look_again(instance, snapshot, store, dead, outcome)
        finally:
            _remove_empty(held)
    outcome.files = dead
    outcome.actions += [f"move {file.path} ({_mb(file.size)}) to {held}: {file.why}" for file in dead]
    if purge and held.is_dir() and (earlier or not _is_filled(held)):
        outcome.actions.append(f"delete what earlier runs moved to {held} ({_mb(sum(map(_size, earlier)))})")
        if not check:
            _purge(held, earlier)
    if snapshot.connection is not None:
        snapshot.connection.close()
    return outcome


def scan(store: persistence.Store, *, now: float) -> Iterator[DeadFile]:
    """Every dead file of a store whose AOF is sound. Symbolic links are not followed, and are not candidates.

    Nothing when a multi-part AOF has no manifest that can be read: then nobody can say what is dead.
    """
    multi_part = store.aof != store.old_aof
    if multi_part and store.aof.is_file() and not store.aof.parent.is_symlink():
        # listed before the manifest is read: a file that is made later is no candidate
        paths = sorted(store.aof.parent.iterdir())
        try:
            text = store.aof.read_text(errors="surrogateescape")
            needed = set(persistence.manifest_files(text))
            listed = set(persistence.manifest_files(text, history=True))
        except (InvalidValue, OSError):
            return
        yield from _beside_manifest(store, paths, needed, listed, now)
        legacy = _regular(store.old_aof)
        if legacy and store.old_aof.name not in listed:
            yield _dead(store.old_aof, legacy, "the manifest in use does not refer to it", by_manifest=True)
    yield from _left_over(store.directory, r"temp-rewriteaof(?:-bg)?-(\d+)\.aof|temp-(\d+)\.rdb", now)


def _beside_manifest(
    store: persistence.Store, paths: Sequence[Path], needed: set[str], listed: set[str], now: float
) -> Iterator[DeadFile]:
    """What is about to be listed was written a moment ago: a rewrite makes its files, or empties old ones, before it
    writes the manifest.
    """
    name = re.escape(store.old_aof.name)
    for path in paths:
        found = _regular(path)
        if found is None or path.name in needed or path == store.aof:
            continue
        stale = now - found.st_mtime > STALE
        if path.name in listed:
            yield _dead(path, found, "the manifest lists it as history", by_manifest=True)
        elif stale and re.fullmatch(rf"{name}\.\d+\.(?:base\.(?:rdb|aof)|incr\.aof)", path.name):
            yield _dead(path, found, "the manifest does not list it", by_manifest=True)
        elif stale and re.fullmatch(rf"temp-{name}\.(?:incr|manifest)", path.name):
            yield _dead(path, found, "a rewrite that ended long ago left it", by_manifest=True)


def _left_over(directory: Path, pattern: str, now: float) -> Iterator[DeadFile]:
    """Files of child processes that are gone."""
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        found, match = _regular(path), re.fullmatch(pattern, path.name)
        if found and match and now - found.st_mtime > STALE:
            pid = next(filter(None, match.groups()))
            if not re.search("redis|valkey", host.read(f"/proc/{pid}/cmdline")):
                yield _dead(path, found, f"process {pid}, which wrote it, is gone")


def _regular(path: Path) -> os.stat_result | None:
    """None for a symbolic link, a directory, or what is gone by now."""
    try:
        found = path.lstat()
    except OSError:
        return None
    return found if stat.S_ISREG(found.st_mode) else None


def _dead(path: Path, found: os.stat_result, why: str, *, by_manifest: bool = False) -> DeadFile:
    return DeadFile(path, found.st_size, why, _seen(found), by_manifest)


def _seen(found: os.stat_result) -> tuple[int, ...]:
    """What changes when somebody takes the name, or opens the file to write it anew."""
    return (found.st_ino, found.st_size, found.st_mtime_ns)


def _in_use(file: DeadFile, at: Path, store: persistence.Store) -> bool:
    """Whether a file, which by now lies at `at`, is not as it was seen, or the manifest of now has it as data."""
    if file.by_manifest:
        try:
            if file.path.name in persistence.manifest_files(store.aof.read_text(errors="surrogateescape")):
                return True
        except (InvalidValue, OSError):
            return True
    found = _regular(at)
    return found is None or _seen(found) != file.seen


def _move_and_look_again(
    instance: Instance, snapshot: Snapshot, store: persistence.Store, dead: Sequence[DeadFile], outcome: Outcome
) -> list[DeadFile]:
    """Move them, and put back what a server took meanwhile. What stays moved.

    Raises ApplyFailed, with everything put back, when the AOF is not whole afterwards.
    """
    _must_still_be_stopped(instance, snapshot)
    moved: dict[DeadFile, Path] = {}
    try:
        _move(dead, store, moved)
    except OSError as error:
        raise ApplyFailed(f"{instance.where}: {error}; {_put_all_back(moved)}") from None
    for file, target in list(moved.items()):
        if _in_use(file, target, store) and _put_back(file, target):
            del moved[file]
            outcome.actions.append(f"put back {file.path}: the server took it while it was moved")
    # twice: a rewrite that ends between the reading of the manifest and the look at its files makes them seem to miss
    problems = store.aof.exists() and store.problems() and store.problems()
    if problems:
        raise ApplyFailed(f"{instance.where}: {'; '.join(problems)}; {_put_all_back(moved)}")
    return list(moved)


def _move(dead: Sequence[DeadFile], store: persistence.Store, moved: dict[DeadFile, Path]) -> None:
    """Keep the names of their directories, so that a file can be put back by hand. moved: where each one is by now."""
    held = store.directory / QUARANTINE
    held.mkdir(exist_ok=True, mode=0o700)
    # a name that nobody can have made before
    place = Path(tempfile.mkdtemp(prefix=datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ-"), dir=held))
    for file in dead:
        target = place / file.path.relative_to(store.directory)
        target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not _in_use(file, file.path, store):
            file.path.rename(target)
            moved[file] = target


def _put_back(file: DeadFile, target: Path) -> bool:
    """The descriptor of a server that has it open follows. False when its name is taken again: nothing is overwritten."""
    try:
        os.link(target, file.path, follow_symlinks=False)
    except FileExistsError:
        return False
    except OSError:  # a file system without hard links
        if os.path.lexists(file.path):
            return False
        target.rename(file.path)
        return True
    target.unlink()
    return True


def _put_all_back(moved: Mapping[DeadFile, Path]) -> str:
    """What became of them, for an error."""
    left = []
    for file, target in moved.items():
        try:
            done = _put_back(file, target)
        except OSError:
            done = False
        left += [] if done else [str(target)]
    if left:
        return f"what was moved was put back, but not {', '.join(left)}"
    return f"what was moved was put back ({len(moved)} files)" if moved else "nothing was moved"


def _must_be_a_directory(instance: Instance, held: Path) -> None:
    """The data directory is the redis user's, whose link would lead root anywhere."""
    if os.path.lexists(held) and (held.is_symlink() or not held.is_dir()):
        raise ApplyFailed(f"{instance.where}: {held} is not a directory; nothing was moved or deleted; remove it")


def _must_still_be_stopped(instance: Instance, snapshot: Snapshot) -> None:
    pid = instance.service.pid() if instance.service and snapshot.connection is None else 0
    if pid:
        raise ApplyFailed(
            f"{instance.where}: process {pid} runs and did not answer before; nothing was moved or deleted; run again"
        )


def _must_not_be_all_there_is(instance: Instance, snapshot: Snapshot, store: persistence.Store, held: Path) -> None:
    if snapshot.connection is None and not (store.aof.exists() or store.old_aof.exists()):
        raise ApplyFailed(
            f"{instance.where}: it is stopped and has no AOF outside {held}; nothing was moved or deleted; start it, see "
            "that its data is there, and run again"
        )


def _is_filled(held: Path) -> bool:
    return held.is_dir() and any(held.iterdir())


def _purge(held: Path, earlier: Sequence[Path]) -> None:
    for path in earlier:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    _remove_empty(held)


def _remove_empty(held: Path) -> None:
    """Directories without a file."""
    for directory, _, _ in os.walk(held, topdown=False):
        with contextlib.suppress(OSError):
            Path(directory).rmdir()


def _busy(snapshot: Snapshot) -> list[str]:
    return persistence.at_work(snapshot.connection.info() if snapshot.connection else {}, _BUSY)


def _must_be_sound(instance: Instance, snapshot: Snapshot, store: persistence.Store) -> None:
    """Raises ApplyFailed while anything is at work on the files, or when what must be there is not."""
    busy = _busy(snapshot)
    if busy:
        raise ApplyFailed(
            f"{instance.where}: {', '.join(busy)}; nothing was moved or deleted; run again when that is over"
        )
    _must_still_be_stopped(instance, snapshot)
    if not (store.aof.exists() or store.old_aof.exists()):
        return
    problems = store.problems() if store.aof.exists() else []
    if problems:
        raise ApplyFailed(
            f"{instance.where}: {'; '.join(problems)}; nothing was moved or deleted; a running server writes it anew on "
            "BGREWRITEAOF (compact)"
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
            f"{instance.where}: {tool} {target}: {told[-1] if told else 'failed'}; nothing was moved or deleted; start the "
            "server, which reads it for certain, and run again"
        )


def _wait_until_idle(snapshot: Snapshot) -> None:
    connection = snapshot.connection
    if connection is not None:
        wait(lambda: not persistence.at_work(connection.info(), _BUSY), "a running save to end")


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


def _size(place: Path) -> int:
    return sum(found.st_size for path in (place, *place.rglob("*")) if (found := _regular(path)))


def _mb(size: int) -> str:
    return f"{size / 2**20:.1f} MB"
