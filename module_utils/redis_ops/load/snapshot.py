"""One server at one moment: every counter that a load moves. Reads only; holds no key, no argument and no secret."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from .. import catalog
from ..base.errors import CommandRefused
from ..plan.eviction import Limit
from ..platform import host
from ..server import persistence
from ..server.connection import Connection, engine_of
from ..server.queues.search import search
from ..view.attempt import Attempt
from ..view.instance import InstanceView
from ..view.slow_log import read as slow_log

SCHEMA = "redis-snapshot/1"
HISTOGRAMS = "redis 7.0"  # LATENCY HISTOGRAM came with it


def take_all(attempts: Sequence[Attempt], *, look_for_queues: bool = False) -> list[dict[str, Any]]:
    """Of every instance of a host; of one that does not run its name and 'down', which says so.

    look_for_queues: where keys may be evicted 'has_queues' says whether a queue lives among them, None where that
    cannot be told. Before a load, so that the search is no part of it. Raises RedisOpsError for what could not be looked at.
    """
    found = []
    for tried in attempts:
        seen, name = tried.seen(), tried.instance.name
        if seen.connection is None:
            found.append({"schema": SCHEMA, "instance": name, "down": "it does not run"})
            continue
        sought = look_for_queues and Limit.of(seen.observed.live or {}).evicts
        queues: dict[str, Any] = {"has_queues": search(seen.connection).present} if sought else {}
        found.append({**take(name, seen, seen.connection), **queues})
    return found


def take(name: str, seen: InstanceView, connection: Connection) -> dict[str, Any]:
    """A snapshot as JSON holds it. Times are seconds, counters as Redis names them, durations in µs."""
    info = connection.info("everything")
    engine = engine_of(info)
    config = seen.observed.live or {}
    return {
        "schema": SCHEMA,
        "instance": name,
        "time": time.time(),
        "server": str(engine),
        "run_id": str(info["run_id"]),
        "role": str(info.get("role", "")),
        "numbers": {name: value for name, value in info.items() if isinstance(value, (int, float))},
        "texts": {name: str(info[name]) for name in _STATUS if name in info},
        "commands": {
            name: {"calls": int(stat["calls"]), "usec": int(stat["usec"])}
            for name, stat in _statistics(info, "cmdstat_").items()
        },
        "errors": {name: int(stat["count"]) for name, stat in _statistics(info, "errorstat_").items()},
        "keys": persistence.keys(info),
        "histograms": histograms(connection.call("LATENCY HISTOGRAM")) if engine.reached(HISTOGRAMS) else {},
        "slowlog": slow_log(connection, config),
        "clients": _clients(connection),
        "config": _shown(config),
        "host": _host(int(info["process_id"]), local=seen.observed.open_files is not None),
    }


_STATUS = (
    "rdb_last_bgsave_status",
    "aof_last_bgrewrite_status",
    "aof_last_write_status",
    "maxmemory_policy",
    "master_link_status",
)


def _statistics(info: Mapping[str, Any], prefix: str) -> dict[str, Mapping[str, Any]]:
    return {name[len(prefix) :]: stat for name, stat in info.items() if name.startswith(prefix)}


def histograms(reply: Sequence[Any]) -> dict[str, dict[str, Any]]:
    """LATENCY HISTOGRAM: command -> calls, and buckets as [upper bound in µs, calls up to it], rising."""
    found = {}
    for command, (_, calls, _, raw) in zip(reply[::2], reply[1::2]):
        buckets = sorted([bound, count] for bound, count in zip(raw[::2], raw[1::2]))
        found[command] = {"calls": calls, "buckets": buckets}
    return found


def _clients(connection: Connection) -> dict[str, Any]:
    """How many connections, by the name they gave themselves."""
    try:
        listed = str(connection.call("CLIENT LIST")).split("\n")
    except CommandRefused:
        return {}
    names = Counter(_field(line, "name") or "(no name)" for line in listed if line)
    return {"names": dict(names.most_common(20))}


def _field(client: str, name: str) -> str:
    """Of a line of CLIENT LIST, '' when it is not there. No field has a space (networking.c validateClientAttr)."""
    return dict(field.partition("=")[::2] for field in client.split(" ")).get(name, "")


def _shown(config: Mapping[str, str]) -> dict[str, str]:
    """Without secrets; what the catalogue does not know might be one."""
    known = {name: catalog.find(name) for name in config}
    return {name: text for name, text in config.items() if (option := known[name]) is not None and not option.secret}


def _host(pid: int, *, local: bool) -> dict[str, Any]:
    """What the kernel of the server's host counts; nothing of a server elsewhere."""
    if not local:
        return {}
    swapped = re.search(r"^VmSwap:\s+(\d+) kB", host.read(f"/proc/{pid}/status"), re.MULTILINE)
    tcp = [line.split() for line in host.read("/proc/net/netstat").splitlines() if line.startswith("TcpExt:")]
    counters = dict(zip(tcp[0], tcp[1])) if len(tcp) == 2 else {}
    return {
        "swapped": int(swapped.group(1)) * 1024 if swapped else 0,
        "listen_drops": int(counters.get("ListenDrops", 0)),
        "cpu": cpu_ticks(host.read("/proc/stat")),
    }


def cpu_ticks(stat: str) -> Optional[dict[str, int]]:
    """Of all cores since the host started, from /proc/stat. Idle is idle and iowait; guests are in user and nice already."""
    line = re.match(r"cpu((?: +\d+){4,})", stat)
    if line is None:
        return None
    ticks = [int(word) for word in line.group(1).split()][:8]
    return {"busy": sum(ticks) - ticks[3] - sum(ticks[4:5]), "total": sum(ticks)}
