"""One running instance before a load: what the checklist judges. Reads only."""

from __future__ import annotations

import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Union

from .. import drift
from ..apply import aof
from ..apply.quarantine import DeadFile
from ..base.errors import RedisOpsError, told
from ..server.queues.result import NOT_LOOKED, Search
from ..server.queues.search import search
from ..view.instance import Instance, InstanceView
from ..view.observe import look as observe
from . import capacity
from .snapshot import slowlog

AT_WORK = {
    "loading": "it loads its data",
    "async_loading": "it loads its data",
    "rdb_bgsave_in_progress": "a save runs",
    "aof_rewrite_in_progress": "an AOF rewrite runs",
    "aof_rewrite_scheduled": "an AOF rewrite is scheduled",
    "module_fork_in_progress": "a module has forked",
}


@dataclass(frozen=True)
class Seen:
    """One running instance at one moment.

    cli: how a person reaches it. slowlog: see load.snapshot. queues: the job queues of any library. dead: files of the AOF that no server will read again. untold: what could not be
    looked at, and why.
    """

    name: str
    where: str
    snapshot: InstanceView
    drift: drift.Scope
    room: capacity.Room
    cli: str = "redis-cli"
    slowlog: Mapping[str, Any] = field(default_factory=dict)
    queues: Search = NOT_LOOKED
    dead: Sequence[DeadFile] = ()
    untold: Mapping[str, str] = field(default_factory=dict)

    @property
    def info(self) -> Mapping[str, Any]:
        return self.snapshot.info

    @property
    def config(self) -> Mapping[str, str]:
        return self.snapshot.observed.live or {}

    @property
    def evicts(self) -> bool:
        """Whether keys may be evicted."""
        return self.room.maxmemory > 0 and self.config.get("maxmemory-policy") != "noeviction"

    @property
    def at_work(self) -> list[str]:
        """What a server does beside serving, that a measurement would measure."""
        return list(dict.fromkeys(text for name, text in AT_WORK.items() if int(self.info.get(name, 0))))

    def as_record(self) -> dict[str, Any]:
        """What the plan of a load is made of. port: the one without TLS, if it has both; 0 with a unix socket only."""
        plain, tls = (int(self.config.get(name, 0)) for name in ("port", "tls-port"))
        return {
            "name": self.name,
            "run_id": str(self.info.get("run_id", "")),
            "port": plain or tls,
            "tls": not plain and tls > 0,
            "bind": self.config.get("bind", ""),
            "unix_socket": self.config.get("unixsocket", ""),
            "evicts": self.evicts,
            "maxclients": self.room.maxclients,
            "has_queues": bool(self.queues.found),
        }


def look(instance: Instance, scope: drift.Scope) -> Union[Seen, str, None]:
    """What runs; None when nothing does, and why when it cannot be looked at. scope: of the drift check."""
    try:
        snapshot = observe(instance)
    except (RedisOpsError, OSError) as error:
        return told(error).removeprefix(f"{instance.where}: ")
    connection = snapshot.connection
    if connection is None:
        return None
    live = snapshot.observed.live or {}
    asks = ["--askpass"] if live.get("requirepass") else []
    cli = shlex.join(["redis-cli", *connection.address.as_options(), *asks])
    reads: Mapping[str, Callable[[], Any]] = {
        "slowlog": lambda: slowlog(connection, live),
        "queues": lambda: search(connection, first=False),
        "dead": lambda: _dead(snapshot),
    }
    parts, untold = {}, {}
    try:
        room = capacity.room_of(instance, snapshot)
        for name, read in reads.items():
            try:
                parts[name] = read()
            except (RedisOpsError, OSError) as error:  # noqa: PERF203 - each fails for itself
                untold[name] = told(error)
    except (RedisOpsError, OSError) as error:
        return told(error)
    finally:
        connection.close()
    return Seen(instance.name, instance.where, snapshot, scope, room, cli, untold=untold, **parts)


def _dead(snapshot: InstanceView) -> list[DeadFile]:
    """As redis_aof_cleanup finds them. Raises RedisOpsError while nobody can tell."""
    store = snapshot.store
    if any(int(snapshot.info.get(name, 0)) for name in AT_WORK):
        raise RedisOpsError("its files change right now")
    writes = (snapshot.observed.live or {}).get("appendonly") == "yes"
    problems = store.problems() if writes or store.has_aof() else []
    if problems:
        raise RedisOpsError("; ".join(problems))
    return aof.scan(store, now=time.time())
