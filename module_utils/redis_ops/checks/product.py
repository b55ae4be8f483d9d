"""Whether the server program can take over the data that is there: another product, or an older version. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.engine import Engine
from ..base.errors import Problem
from ..server import persistence
from ..view.host import HostView, Seen
from ..view.strangers import Stranger

# The dump format that each version writes; an older number can be read by a newer server of the same product only
# (rdb.h RDB_VERSION: Redis 7.0 10, 7.2 11, 7.4 and 8 12; Valkey 8 11, and 80 from 9 on).
_FOREIGN = (
    "a dump of Redis 7.4 or later can't be read by Valkey, and the other way round only replication is sure to work"
)


def problems(view: HostView, wanted: Engine) -> Iterator[Problem]:
    """wanted: the server that the run installs or finds installed."""
    for seen in view.instances:
        yield from _older(seen, wanted)
    for stranger in view.strangers:
        if stranger.product != wanted.name and stranger.instance:
            yield from _other_product(view, stranger)


def _older(seen: Seen, wanted: Engine) -> Iterator[Problem]:
    current = seen.view.running or seen.view.installed
    has_data = persistence.holds_data(seen.view.info) or bool(seen.view.data)
    if current is None or current.name != wanted.name or wanted.version[:2] >= current.version[:2] or not has_data:
        return
    state = "running" if seen.view.running else "installed"
    yield Problem(
        "redis_server_version",
        f"{wanted} is older than the {state} {current}, whose files it can't read",
        f"{current} or later",
        "pin a later version, or move the data by replication to another host first",
    )


def _other_product(view: HostView, stranger: Stranger) -> Iterator[Problem]:
    """The instance of the same name of the other product: its data stays behind, and both would start at boot."""
    same = [
        seen
        for seen in view.instances
        if seen.declared.name == stranger.instance
        # one that runs, or has data of its own, is there beside the other
        and seen.view.connection is None
        and seen.view.stored is None
    ]
    if not same or stranger.unit is None:
        return
    yield Problem(
        f"{same[0].where}: redis_server_product",
        f"{stranger.name} is {stranger.product} with this instance's name, and a run does not move its data: {_FOREIGN}",
        f"redis_server_product: {stranger.product}, or an instance that may start empty",
        "copy the data by replication to another host if it is needed; then run systemctl disable --now "
        f"{stranger.unit.name}{stranger.stays}, and say accept_empty: true for instance {stranger.instance}",
    )
