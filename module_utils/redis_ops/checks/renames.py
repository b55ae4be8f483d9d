"""Whether an instance can get the name that is declared, and takes its keys along. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from ..base.errors import Problem
from ..platform.layout import Layout
from ..platform.sockets import Listener
from ..view.host import HostView, Seen
from ..view.strangers import Stranger

_SERVER = re.compile("redis|valkey")


def problems(view: HostView, seen: Seen) -> Iterator[Problem]:
    """What keeps one instance from its name, or the name from its keys."""
    yield from _taken(seen)
    yield from _half_way(seen)
    yield from _unrecorded(view, seen)


def is_unrecorded(view: HostView, seen: Seen) -> bool:
    """Whether the server on a port of an instance may be the one whose name it shall lose. To stop that would start the
    instance without its keys.
    """
    return any(True for _ in _unrecorded(view, seen))


def _taken(seen: Seen) -> Iterator[Problem]:
    if seen.place.name_taken:
        yield Problem(
            f"{seen.where}: renamed_from",
            seen.place.name_taken,
            "a name that nothing on this host has",
            "remove renamed_from, or choose another name",
        )


def _half_way(seen: Seen) -> Iterator[Problem]:
    begun, successor = seen.place.half_renamed, seen.view.instance.successor
    if begun and (successor is None or successor.instance != begun):
        old = seen.view.instance.name
        yield Problem(
            seen.where,
            f"an earlier run began to rename {old} to {begun}, and did not end",
            f"an instance named {begun} with renamed_from: {old}",
            "declare that and run again; it can get another name afterwards",
        )


def _unrecorded(view: HostView, seen: Seen) -> Iterator[Problem]:
    """An instance that no run has changed is not renamed: the new name would start without its keys."""
    old = seen.declared.unrecorded
    if old is None:
        return
    named = next((one for one in view.strangers if _is_named(one, old)), None)
    found, config, service = seen.place.unrecorded, old.config, old.service
    if not found and named is not None and named.unit is not None:
        found, config, service = f"{named.name} is there", named.config or "its file", named.unit.name
    if not found:
        held = [one for one in seen.place.listeners.items() if _is_server(view, one[1])]
        found = "".join(f"{name} has {listener.name} (pid {listener.pid})" for name, listener in held[:1])
        config, service = "its file", "its unit"
    if found:
        yield Problem(
            f"{seen.where}: renamed_from",
            f"no run has changed instance {old.instance} so far, so that it can not be renamed ({found}), and "
            f"{seen.declared.name} would start without its keys",
            f"an instance of which {old.state} is the record",
            f"replace renamed_from by config: {config}, service: {service} and adopt: keep, and it has the name "
            f"{seen.declared.name} with its keys; or declare it as {old.instance} with adopt and a setting that changes, run, "
            "and rename it then",
        )


def _is_server(view: HostView, listener: Listener) -> bool:
    known = {stranger.pid for stranger in view.strangers if stranger.pid}
    return listener.pid in known or bool(_SERVER.search(listener.name))


def _is_named(stranger: Stranger, old: Layout) -> bool:
    """Whether its unit has the name of the instance as its last part, such as redis-NAME or redis@NAME."""
    unit = stranger.unit.name if stranger.unit is not None else ""
    return bool(re.fullmatch(rf".*(redis|valkey).*[@_-]{re.escape(old.instance)}", unit))
