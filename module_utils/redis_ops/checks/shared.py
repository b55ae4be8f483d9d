"""Whether two servers meet on a port, a file or in one data directory, by what each will really have. Pure.

model.resolve compares what is declared. A server that is kept as it is has values that nobody declares. Directories are
compared by what they are: a link or a mount gives one of them several paths. Two servers of one directory load and
overwrite each other's files where these have the same names.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Optional

from ..base import commands
from ..base.errors import Problem
from ..base.findings import Finding, Status
from ..model.resolve import EXCLUSIVE
from ..server.persistence import Store
from ..view.host import HostView, Seen
from ..view.strangers import Stranger

WHY = "Redis documentation, persistence: a server replaces its files whole, and does not ask who else uses them"


def problems(view: HostView) -> Iterator[Problem]:
    """One for each value that an earlier instance has already, and for a data directory of a server that nobody declared."""
    owners: dict[tuple[str, object], tuple[Seen, str]] = {}
    for seen in view.instances:
        for name in EXCLUSIVE:
            value = seen.view.wanted_store.directory if name == "dir" else seen.view.plan.desired.get(name)
            if not value:
                continue
            key = (seen.place.directory or str(value)) if name == "dir" else value
            other, as_what = owners.setdefault(("port" if name == "tls-port" else name, key), (seen, name))
            if (other, as_what) != (seen, name):
                yield Problem(
                    f"{seen.where}: {name}",
                    f"{value} is already the {as_what} of {other.where}",
                    "one of its own for each instance",
                    f"change {name} of one of them",
                )
    for seen, stranger in _together(view):
        met = _meeting(seen, stranger)
        if met:
            yield Problem(
                f"{seen.where}: dir",
                f"{seen.view.wanted_store.directory} is the data directory of {_named(stranger)}, which nobody declares; {met}",
                "a directory of its own for each server",
                f"declare another dir, or look at that server{_stop(stranger)}",
            )


def findings(view: HostView) -> Iterator[Finding]:
    """Servers of one directory whose files have different names."""
    for seen, stranger in _together(view):
        if not _meeting(seen, stranger):
            yield Finding(
                "preflight.directory",
                seen.where,
                Status.WARN,
                "a data directory of its own for each server",
                f"{seen.view.wanted_store.directory} is also that of {_named(stranger)}, with files of other names",
                WHY,
                "give one of them another dir while it is stopped, and move its files there",
            )


def _together(view: HostView) -> Iterator[tuple[Seen, Stranger]]:
    for seen in view.instances:
        for stranger in view.strangers:
            if stranger.place and stranger.place == seen.place.directory:
                yield seen, stranger


def _meeting(seen: Seen, stranger: Stranger) -> str:
    """On which files both come together, or that this can't be told; '' when they do not."""
    ours, theirs = seen.view.wanted_store, stranger.store
    if theirs is None:
        return "what its files are called there could not be determined"
    if ours.rdb.name == theirs.rdb.name:
        return f"both write {ours.rdb.name} there"
    both = stranger.aof and bool(seen.view.plan.desired.get("appendonly"))
    return f"both write {both_write} there" if both and (both_write := _one_aof(ours, theirs)) else ""


def _one_aof(ours: Store, theirs: Store) -> Optional[str]:
    """The append-only file of both, None where each has its own. Before 7.0 it lies beside appenddirname."""
    one = ours.aof.parent.name == theirs.aof.parent.name or ours.aof == ours.old_aof
    return ours.old_aof.name if one and ours.old_aof.name == theirs.old_aof.name else None


def _named(stranger: Stranger) -> str:
    return stranger.name + (f" (pid {stranger.pid})" if stranger.pid and stranger.unit else "")


def _stop(stranger: Stranger) -> str:
    if stranger.unit is not None:
        return f": {commands.DECLARE}, or run: {stranger.stop}"
    return f", and stop it if nobody needs it: {stranger.stop}"
