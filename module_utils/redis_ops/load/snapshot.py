"""One server at one moment: every counter that a load moves. Reads only; holds no key, no argument and no secret."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, Optional

from .. import catalog
from ..base.errors import CommandRefused
from ..platform import host
from ..server import queues
from ..server.connection import Connection, engine_of
from ..view.observe import Instance, Snapshot, look

SCHEMA = "redis-snapshot/1"
HISTOGRAMS = "redis 7.0"  # LATENCY HISTOGRAM came with it
# redis-py makes a mapping of what is 'calls=1,usec=2'; up to 4 it leaves 'count=1', which has no comma, as it is
_PARTS = re.compile(r"cmdstat_|errorstat_|latency_percentiles_|db\d+$")


def take_all(instances: Sequence[Instance], *, look_for_queues: bool = False) -> list[dict[str, Any]]:
    """Of every instance of a host; of one that does not run its name and 'down', which says so.

    look_for_queues: where keys may be evicted 'has_queues' says whether a queue lives among them, None where that
    cannot be told. Before a load, so that the search is no part of it.
    """
    found = []
    for instance in instances:
        seen = look(instance)
        if seen.connection is None:
            found.append({"schema": SCHEMA, "instance": instance.name, "down": "it does not run"})
            continue
        sought = look_for_queues and evicts(seen.observed.live or {})
        told: dict[str, Any] = {"has_queues": queues.is_any(seen.connection)} if sought else {}
        found.append({**take(instance, seen, seen.connection), **told})
        seen.connection.close()
    return found


def evicts(config: Mapping[str, str]) -> bool:
    """Whether keys may be evicted under these settings."""
    return config.get("maxmemory-policy") != "noeviction" and config.get("maxmemory", "0") != "0"


def take(instance: Instance, seen: Snapshot, connection: Connection) -> dict[str, Any]:
    """A snapshot as JSON holds it. Times are seconds, counters as Redis names them, durations in µs."""
    info = connection.call("INFO", "everything")
    engine = engine_of(info)
    config = connection.config()
    return {
        "schema": SCHEMA,
        "instance": instance.name,
        "time": time.time(),
        "server": str(engine),
        "run_id": str(info["run_id"]),
        "role": str(info.get("role", "")),
        "numbers": {name: value for name, value in info.items() if isinstance(value, (int, float))},
        "texts": {name: str(info[name]) for name in _STATUS if name in info},
        "commands": {
            name.removeprefix("cmdstat_"): {"calls": int(stat["calls"]), "usec": int(stat["usec"])}
            for name, stat in _nested(info, "cmdstat_")
        },
        "errors": {name.removeprefix("errorstat_"): int(stat["count"]) for name, stat in _nested(info, "errorstat_")},
        "keys": sum(int(stat["keys"]) for _, stat in _nested(info, "db")),
        "histograms": histograms(connection.call("LATENCY HISTOGRAM")) if engine.reached(HISTOGRAMS) else {},
        "slowlog": slowlog(connection, config),
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


def _nested(info: Mapping[str, Any], prefix: str) -> list[tuple[str, Mapping[str, Any]]]:
    return [
        (name, stat if isinstance(stat, Mapping) else dict(part.partition("=")[::2] for part in str(stat).split(",")))
        for name, stat in info.items()
        if name.startswith(prefix) and _PARTS.match(name)
    ]


def histograms(reply: Any) -> dict[str, dict[str, Any]]:
    """LATENCY HISTOGRAM: command -> calls, and buckets as [upper bound in µs, calls up to it], rising."""
    pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2])
    found = {}
    for command, told in pairs:
        fields = told if isinstance(told, Mapping) else dict(zip(told[::2], told[1::2]))
        raw = fields.get("histogram_usec") or []
        buckets = list(raw.items()) if isinstance(raw, Mapping) else list(zip(raw[::2], raw[1::2]))
        found[str(command)] = {
            "calls": int(fields["calls"]),
            "buckets": sorted([int(bound), int(count)] for bound, count in buckets),
        }
    return found


def slowlog(connection: Connection, config: Mapping[str, str]) -> dict[str, Any]:
    """Ids only rise, through a reset as well. Of an entry the name of its command, never its arguments."""
    entries = [_entry(entry) for entry in connection.slowlog(int(config.get("slowlog-max-len", "128")))]
    return {
        "threshold": int(config.get("slowlog-log-slower-than", "-1")),
        "room": int(config.get("slowlog-max-len", "0")),
        "entries": entries,
        "last_id": max((entry["id"] for entry in entries), default=-1),
    }


def _entry(entry: Any) -> dict[str, Any]:
    """redis-py makes a mapping of it, or leaves a list of six or seven."""
    if isinstance(entry, Mapping):
        number, duration, words = entry["id"], entry["duration"], entry["command"]
    else:
        number, duration, words = entry[0], entry[2], entry[3]
    words = words if isinstance(words, (list, tuple)) else str(words).split(" ", 1)
    return {"id": int(number), "usec": int(duration), "command": str(words[0] if words else "").upper()}


def _clients(connection: Connection) -> dict[str, Any]:
    """How many connections, by the name they gave themselves."""
    try:
        listed: Sequence[Mapping[str, str]] = connection.call("CLIENT LIST")
    except CommandRefused:
        return {}
    names = Counter(str(client.get("name") or "(no name)") for client in listed)
    return {"names": dict(names.most_common(20))}


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
