"""Old append-only files: which are provably dead, and moving them out of the way. A live file is never touched.

A multi-part AOF is what its manifest says (Redis documentation, persistence; aof.c aofLoadManifestFromFile). Redis removes
what it replaces itself; what is left are files of a rewrite that was killed, and files that somebody put there.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..base.errors import ApplyFailed, FileRefused, RedisOpsError, plain, told
from ..base.paths import open_directory
from ..platform import host
from ..server import persistence
from ..view.dead_files import DeadFile, scan
from ..view.instance import Instance, InstanceView
from ..view.observe import observe
from .live import RunningServer, wait
from .quarantine import Quarantine

_BUSY = (*persistence.SAVES, "loading")


@dataclass
class Outcome:
    """What was done to one instance, or in check mode would be."""

    actions: list[str] = field(default_factory=list)
    files: list[DeadFile] = field(default_factory=list)


def clean_all(instances: Sequence[Instance], *, compact: bool, purge: bool, check: bool) -> dict[str, Any]:
    """A module's result for all instances of a host. Raises ApplyFailed, see clean(), with what was done before."""
    done: dict[str, Outcome] = {}
    for instance in instances:
        try:
            done[instance.name] = clean(instance, compact=compact, purge=purge, check=check)
        except (RedisOpsError, OSError) as error:  # noqa: PERF203 - the first failure ends it
            raise ApplyFailed("\n".join([told(error), *_before(done, check=check)])) from None
    files = [
        {"instance": name, "path": str(file.path), "size": file.size, "why": file.why}
        for name, outcome in done.items()
        for file in outcome.files
    ]
    actions = _actions(done)
    return {
        "changed": bool(actions),
        "actions": actions,
        "files": files,
        "bytes": sum(file.size for outcome in done.values() for file in outcome.files),
    }


def _actions(done: Mapping[str, Outcome]) -> list[str]:
    return [f"{name}: {action}" for name, outcome in done.items() for action in outcome.actions]


def _before(done: Mapping[str, Outcome], *, check: bool) -> list[str]:
    """What had happened when an instance failed."""
    return [] if check else [f"done before that: {action}" for action in _actions(done)]


def clean(instance: Instance, *, compact: bool, purge: bool, check: bool) -> Outcome:
    """Move dead files to the quarantine. compact: first let the server write its AOF anew, which makes it small and, on a
    running server, whole again. purge: at last delete what earlier runs have put into the quarantine.

    Raises ApplyFailed when the AOF is not in a state in which anything could be told, and moves and deletes nothing then.
    """
    snapshot = observe(instance)
    store = snapshot.store
    try:
        with Quarantine(instance.where, store) as held:
            return _clean(instance, snapshot, held, compact=compact, purge=purge, check=check)
    finally:
        if snapshot.connection is not None:
            snapshot.connection.close()


def _clean(
    instance: Instance, snapshot: InstanceView, held: Quarantine, *, compact: bool, purge: bool, check: bool
) -> Outcome:
    outcome, store = Outcome(), held.store
    if not check:
        _wait_until_idle(snapshot)
    compacted = compact and snapshot.connection is not None
    if compacted:
        outcome.actions.append(_compact(instance, snapshot, check=check))
    # what is not whole now will be when the server has written it anew, and then nothing of it is old
    foreseen = check and compacted and not _busy(snapshot) and store.has_aof() and bool(store.problems())
    if not foreseen:
        _must_be_sound(instance, snapshot, store)
        if purge and held.names():
            _must_not_be_all_there_is(instance, snapshot, held)
    earlier = held.names() if purge else []
    dead = [] if foreseen else scan(store, now=time.time())
    if dead and not check:
        try:
            dead = _move_and_look_again(instance, snapshot, held, dead, outcome)
        finally:
            held.remove_empty()
    outcome.files = dead
    outcome.actions += [f"move {file.path} ({_mb(file.size)}) to {held.path}: {file.why}" for file in dead]
    if purge and held.is_there() and (earlier or not held.names()):
        outcome.actions.append(f"delete what earlier runs moved to {held.path} ({_mb(held.size(earlier))})")
        if not check:
            held.purge(earlier)
    return outcome


def _move_and_look_again(
    instance: Instance, snapshot: InstanceView, held: Quarantine, dead: Sequence[DeadFile], outcome: Outcome
) -> list[DeadFile]:
    """Move them, and put back what a server took meanwhile. What stays moved.

    Raises ApplyFailed, with everything put back, when the AOF is not whole afterwards.
    """
    _must_still_be_stopped(instance, snapshot)
    try:
        held.move(dead)
    except (OSError, FileRefused) as error:
        raise ApplyFailed(f"{instance.where}: {told(error)}; {held.put_all_back()}") from None
    for file in list(held.moved):
        if held.took(file) and held.put_back(file):
            outcome.actions.append(f"put back {file.path}: the server took it while it was moved")
    # twice: a rewrite that ends between the reading of the manifest and the look at its files makes them seem to miss
    problems = held.store.has_aof() and held.store.problems() and held.store.problems()
    if problems:
        raise ApplyFailed(f"{instance.where}: {'; '.join(problems)}; {held.put_all_back()}")
    return list(held.moved)


def _must_still_be_stopped(instance: Instance, snapshot: InstanceView) -> None:
    pid = instance.service.pid() if instance.service and snapshot.connection is None else 0
    if pid:
        raise ApplyFailed(
            f"{instance.where}: process {pid} runs and did not answer before; nothing was moved or deleted; run again"
        )


def _must_not_be_all_there_is(instance: Instance, snapshot: InstanceView, held: Quarantine) -> None:
    store = held.store
    if snapshot.connection is None and not (store.has_aof() or persistence.is_there(store.old_aof)):
        raise ApplyFailed(
            f"{instance.where}: it is stopped and has no AOF outside {held.path}; nothing was moved or deleted; start it, "
            "see that its data is there, and run again"
        )


def _busy(snapshot: InstanceView) -> list[str]:
    return persistence.at_work(snapshot.connection.info() if snapshot.connection else {}, _BUSY)


def _must_be_sound(instance: Instance, snapshot: InstanceView, store: persistence.Store) -> None:
    """Raises ApplyFailed while anything is at work on the files, or when what must be there is not."""
    busy = _busy(snapshot)
    if busy:
        raise ApplyFailed(
            f"{instance.where}: {', '.join(busy)}; nothing was moved or deleted; run again when that is over"
        )
    _must_still_be_stopped(instance, snapshot)
    if not (store.has_aof() or persistence.is_there(store.old_aof)):
        return
    problems = store.problems() if store.has_aof() else []
    if problems:
        raise ApplyFailed(
            f"{instance.where}: {'; '.join(problems)}; nothing was moved or deleted; a running server writes it anew on "
            "BGREWRITEAOF (compact)"
        )
    if snapshot.connection is None:
        _must_pass_the_server_s_own_check(instance, store)


def _must_pass_the_server_s_own_check(instance: Instance, store: persistence.Store) -> None:
    """Nobody else can say of a stopped server's AOF that it will be loaded. As the server's user: it opens files by
    their paths, and follows links.

    valkey-check-aof 9.1.2 takes its own server's base files, which begin with VALKEY, for broken: tried.
    """
    tool = re.sub("-server$", "-check-aof", instance.binary)
    target = store.aof if store.has_aof() else store.old_aof
    user = instance.config.owner if instance.config else None
    if user is None:
        with open_directory(str(store.directory)) as data:
            user = data.uid
    result = host.run([tool, str(target)], timeout=3600, stdin="n\n", user=user)
    if result.returncode != 0:
        words = (result.stderr or result.stdout).strip().splitlines()
        raise ApplyFailed(
            f"{instance.where}: {tool} {target}: {plain(words[-1]) if words else 'failed'}; nothing was moved or deleted; start the "
            "server, which reads it for certain, and run again"
        )


def _wait_until_idle(snapshot: InstanceView) -> None:
    connection = snapshot.connection
    if connection is not None:
        wait(lambda: not persistence.at_work(connection.info(), _BUSY), "a running save to end")


def _compact(instance: Instance, snapshot: InstanceView, *, check: bool) -> str:
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


def _mb(size: int) -> str:
    return f"{size / 2**20:.1f} MB"
