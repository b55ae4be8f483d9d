"""What happened between two snapshots, as metrics. Pure.

Counters are taken as differences, never reset: whoever else watches the server shares them. The formulas and their traps
are those of docs/load-testing.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

from ..figures import number, typed

# Below this many, a share says nothing.
LOOKUPS = 1000
_ONLY_RISE = (
    "total_commands_processed",
    "total_connections_received",
    "keyspace_hits",
    "keyspace_misses",
    "evicted_keys",
    "expired_keys",
    "rejected_connections",
)
# Errors of which one in a run is one too many.
_SERIOUS = ("OOM", "MISCONF", "LOADING", "NOAUTH", "READONLY", "CLUSTERDOWN", "MASTERDOWN", "NOREPLICAS")
MEBIBYTE = 1024**2
# What clients measure who write.
_WRITES = ("session_baseline_ms", "session_p95_ms", "job_baseline_ms", "job_p95_ms", "longest_pause_ms")
# Those who look at a server: their commands are no part of the load.
_LOOKS = ("info", "ping", "config|get", "latency|histogram", "slowlog|get", "slowlog|len", "client|list", "acl|list")


@dataclass(frozen=True)
class Window:
    """metrics: name -> number, None where there is too little to say. notes: metric -> what explains its number.
    void: why nothing in it can be trusted; empty when it can.
    """

    seconds: float
    metrics: Mapping[str, Optional[float]]
    notes: Mapping[str, str] = field(default_factory=dict)
    void: tuple[str, ...] = ()


def between(before: Mapping[str, Any], after: Mapping[str, Any], cooled: Optional[Mapping[str, Any]] = None) -> Window:
    """before, after: snapshots of one instance around a load. cooled: one more when its clients had gone."""
    seconds = after["time"] - before["time"]
    void = tuple(_void(before, after, seconds))
    if void:
        return Window(seconds, {}, {}, void)
    delta = _Delta(before, after)
    notes: dict[str, str] = {}
    metrics = {
        "seconds": seconds,
        "operations": delta.number("total_commands_processed"),
        **_traffic(delta, seconds),
        **_eviction(delta, after),
        **_slow(before, after, notes),
        **_latency(before, after, notes),
        **_memory(before, after),
        **_persistence(delta, after, notes),
        **_clients(before, after, cooled, notes),
        **_host(before, after),
    }
    if after["config"].get("appendonly") == "yes" and after["config"].get("appendfsync") == "always":
        notes.update(dict.fromkeys(_WRITES, "appendfsync always: each write waits for the disk"))
    if before.get("has_queues", False) is None:
        unknown = "whether a BullMQ queue lives here could not be told: too many keys, or no right to SCAN"
        notes.update(dict.fromkeys(("evicted_keys", "evicted_share"), unknown))
    serious = {name: delta.error(name) for name in _SERIOUS if delta.error(name)}
    metrics["error_replies"] = float(sum(serious.values()))
    notes["error_replies"] = ", ".join(f"{count} {name}" for name, count in serious.items())
    return Window(seconds, metrics, notes)


@dataclass(frozen=True)
class _Delta:
    before: Mapping[str, Any]
    after: Mapping[str, Any]

    def number(self, name: str) -> float:
        return float(self.after["numbers"].get(name, 0) - self.before["numbers"].get(name, 0))

    def known(self, name: str) -> Optional[float]:
        """None of a counter that this version lacks."""
        return self.number(name) if name in self.after["numbers"] else None

    def error(self, name: str) -> int:
        return int(self.after["errors"].get(name, 0) - self.before["errors"].get(name, 0))


def _void(before: Mapping[str, Any], after: Mapping[str, Any], seconds: float) -> Iterator[str]:
    if before["run_id"] != after["run_id"]:
        yield "the server restarted in between"
        return
    if seconds <= 0:
        yield f"the second snapshot is {-seconds:.1f} s older than the first"
    shrank = [name for name in _ONLY_RISE if after["numbers"].get(name, 0) < before["numbers"].get(name, 0)]
    # soon after a reset all may be higher than before: since Redis 7.0 it counts itself
    shrank += ["CONFIG RESETSTAT"] * (_calls(after, "config|resetstat") > _calls(before, "config|resetstat"))
    if shrank:
        yield f"somebody reset its counters ({', '.join(shrank)})"
    if after["slowlog"]["last_id"] < before["slowlog"]["last_id"]:
        yield "somebody reset its slow log"  # SLOWLOG RESET keeps the ids rising, but an empty log has none
    if before["role"] != after["role"]:
        yield f"its role changed from {before['role']} to {after['role']}"
    names = before["config"].keys() | after["config"].keys()
    changed = sorted(name for name in names if before["config"].get(name) != after["config"].get(name))
    if changed:
        yield f"its configuration changed: {', '.join(changed)}"
    elif _calls(after, "config|set") > _calls(before, "config|set"):
        yield "its configuration changed, and changed back: CONFIG SET was called"


def _calls(snapshot: Mapping[str, Any], command: str) -> int:
    return int(snapshot["commands"].get(command, {}).get("calls", 0))


def _traffic(delta: _Delta, seconds: float) -> dict[str, Optional[float]]:
    cpu = delta.number("used_cpu_user_main_thread") + delta.number("used_cpu_sys_main_thread")
    return {
        "ops_per_second": delta.number("total_commands_processed") / seconds,
        "hit_ratio": hit_ratio(delta.number("keyspace_hits"), delta.number("keyspace_misses")),
        "rejected_connections": delta.number("rejected_connections"),
        "evicted_clients": delta.known("evicted_clients"),
        "output_buffer_disconnections": delta.known("client_output_buffer_limit_disconnections"),
        "main_thread_cpu": 100 * cpu / seconds,
    }


def hit_ratio(hits: float, misses: float) -> Optional[float]:
    """Percent of the lookups that found their key."""
    return 100 * hits / (hits + misses) if hits + misses >= LOOKUPS else None


def _eviction(delta: _Delta, after: Mapping[str, Any]) -> dict[str, Optional[float]]:
    """Evicted of all that was there or came: one huge value that goes counts as one, so memory tells the rest."""
    evicted, expired = delta.number("evicted_keys"), delta.number("expired_keys")
    return {
        "evicted_keys": evicted,
        "evicted_share": evicted_share(after["keys"], evicted, expired),
        "eviction_exceeded_ms": delta.number("total_eviction_exceeded_time"),
    }


def evicted_share(keys: float, evicted: float, expired: float) -> float:
    """Percent of the keys that were there or came; keys: how many there are."""
    held = keys + evicted + expired
    return 100 * evicted / held if held else 0.0


def _slow(before: Mapping[str, Any], after: Mapping[str, Any], notes: dict[str, str]) -> dict[str, Optional[float]]:
    """slowlog_from_ms: what takes less is not seen; a target below it is not met by an empty log, see targets.py."""
    threshold = after["slowlog"]["threshold"] / 1000
    blind = "slowlog-log-slower-than -1: nothing is logged" if threshold < 0 else ""
    blind = blind or ("slowlog-max-len 0: nothing is kept" if after["slowlog"]["room"] == 0 else "")
    if blind:
        notes.update(dict.fromkeys(("slow_commands", "slowest_ms"), blind))
        return {"slow_commands": None, "slowest_ms": None}
    first = before["slowlog"]["last_id"]
    entries = [entry for entry in after["slowlog"]["entries"] if entry["id"] > first]
    # an empty log does not tell how far its ids have come
    new = max(after["slowlog"]["last_id"] - first, 0) if before["slowlog"]["entries"] else len(entries)
    names = sorted({entry["command"] for entry in entries})
    told = [f"from {typed(threshold)} ms on", *([", ".join(names)] if names else [])]
    notes["slow_commands"] = "; ".join(told + [f"{new - len(entries)} more fell out"] * (new > len(entries)))
    if not entries:
        notes["slowest_ms"] = f"nothing below {typed(threshold)} ms is logged"
    slowest = max((entry["usec"] for entry in entries), default=0)
    return {"slow_commands": float(new), "slowest_ms": slowest / 1000, "slowlog_from_ms": threshold}


def _latency(before: Mapping[str, Any], after: Mapping[str, Any], notes: dict[str, str]) -> dict[str, Optional[float]]:
    """The worst p99 of a command that counts, in ms: time in the server, without queue and network.

    A command counts that is one in a thousand of the calls in between.
    """
    if not after["histograms"]:
        return {"command_p99_ms": None, "command_mean_ms": _mean(before, after, notes)}
    then = before["histograms"]
    calls = {
        command: told["calls"] - then.get(command, {"calls": 0})["calls"]
        for command, told in after["histograms"].items()
        if command not in _LOOKS
    }
    common = [command for command, count in calls.items() if count >= sum(calls.values()) / 1000]
    bounds = {command: percentile(then.get(command), after["histograms"][command], 0.99) for command in common}
    worst = max(((bound, command) for command, bound in bounds.items() if bound is not None), default=None)
    if worst is None:
        return {"command_p99_ms": None}
    notes["command_p99_ms"] = worst[1]
    return {"command_p99_ms": worst[0] / 1000}


def _mean(before: Mapping[str, Any], after: Mapping[str, Any], notes: dict[str, str]) -> Optional[float]:
    """Of the slowest common command, in ms; told where there is no distribution to judge."""
    then, nothing = before["commands"], {"calls": 0, "usec": 0}
    # Redis 6.2 counts all of CONFIG, CLIENT and the like as one command
    looks = {*_LOOKS, *(name.partition("|")[0] for name in _LOOKS)}
    moved = {
        command: (
            told["calls"] - then.get(command, nothing)["calls"],
            told["usec"] - then.get(command, nothing)["usec"],
        )
        for command, told in after["commands"].items()
        if command not in looks
    }
    total = sum(calls for calls, _ in moved.values())
    means = [
        (usec / calls / 1000, command) for command, (calls, usec) in moved.items() if calls and calls >= total / 1000
    ]
    if not means:
        return None
    slowest, command = max(means)
    notes["command_p99_ms"] = (
        f"no LATENCY HISTOGRAM before Redis 7.0; a call of {command} took {number(slowest)} ms on average"
    )
    return float(slowest)


def percentile(before: Optional[Mapping[str, Any]], after: Mapping[str, Any], share: float) -> Optional[float]:
    """The upper bound in µs under which this share of the calls in between ended; at most twice the truth.

    Redis leaves empty buckets out, so a bound that is missing has the count of the one below it.
    """
    then = before["buckets"] if before else []
    calls = after["calls"] - (before["calls"] if before else 0)
    if calls <= 0:
        return None
    for bound, count in after["buckets"]:
        earlier = max((old for limit, old in then if limit <= bound), default=0)
        if count - earlier >= share * calls:
            return float(bound)
    return float(after["buckets"][-1][0]) if after["buckets"] else None


def _memory(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Optional[float]]:
    """The peak is since the server started: it is this window's only when it rose in it."""
    numbers, then = after["numbers"], before["numbers"]
    limit, used = numbers.get("maxmemory", 0), numbers.get("used_memory", 0)
    peak, old_peak = numbers.get("used_memory_peak", used), then.get("used_memory_peak", 0)
    most = peak if peak > old_peak else max(used, then.get("used_memory", 0))
    return {
        "memory_share": 100 * most / limit if limit else None,
        "fragmentation_mb": fragmentation(numbers),
        "swapped_bytes": float(after["host"]["swapped"]) if after["host"] else None,
    }


def fragmentation(numbers: Mapping[str, float]) -> Optional[float]:
    """MB that the process holds beyond its data, where that is the allocator's doing: the ratio by itself is high after a
    peak as well, and of small data it is mostly the program itself.
    """
    if numbers.get("used_memory", 0) < 100 * MEBIBYTE:
        return None
    high = numbers.get("mem_fragmentation_ratio", 0) > 1.5 and numbers.get("allocator_frag_ratio", 0) > 1.3
    return numbers.get("mem_fragmentation_bytes", 0) / MEBIBYTE if high else 0.0


def _persistence(delta: _Delta, after: Mapping[str, Any], notes: dict[str, str]) -> dict[str, Optional[float]]:
    failed = [name for name in after["texts"] if name.endswith("_status") and name != "master_link_status"]
    forked = delta.known("total_forks") != 0  # every server from 6.2 on counts them
    if not forked:
        notes["fork_ms"] = "none meanwhile"
    return {
        "persistence_failures": float(sum(after["texts"][name] != "ok" for name in failed)),
        "delayed_fsyncs": delta.number("aof_delayed_fsync"),
        "fork_ms": float(after["numbers"].get("latest_fork_usec", 0)) / 1000 if forked else None,
    }


def _clients(
    before: Mapping[str, Any], after: Mapping[str, Any], cooled: Optional[Mapping[str, Any]], notes: dict[str, str]
) -> dict[str, Optional[float]]:
    start, peak = before["numbers"].get("connected_clients", 0), after["numbers"].get("connected_clients", 0)
    most = after["numbers"].get("maxclients", 0)
    left = cooled["numbers"].get("connected_clients", 0) - start if cooled else None
    if cooled:
        were, are = (seen["clients"].get("names", {}) for seen in (before, cooled))
        more = {name: count - were.get(name, 0) for name, count in are.items() if count > were.get(name, 0)}
        notes["leaked_clients"] = ", ".join(f"{count} of {name}" for name, count in more.items())
    return {
        "connected_clients": float(peak),
        "client_share": 100 * peak / most if most else None,
        # a few come and go by themselves
        "leaked_clients": None if left is None else float(left if left > max(5, start / 10) else 0),
    }


def _host(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Optional[float]]:
    if not (before["host"] and after["host"]):
        return {"listen_drops": None, "host_cpu": None}
    # the kernel counts what overflows the accept queue among the drops as well
    drops = float(after["host"]["listen_drops"] - before["host"]["listen_drops"])
    return {"listen_drops": drops, "host_cpu": _host_cpu(before["host"].get("cpu"), after["host"].get("cpu"))}


def _host_cpu(before: Optional[Mapping[str, int]], after: Optional[Mapping[str, int]]) -> Optional[float]:
    """Percent of all cores; None where the kernel does not tell, or hardly a moment passed."""
    if not (before and after):
        return None
    busy, total = (after[name] - before[name] for name in ("busy", "total"))
    return 100 * max(busy, 0) / total if total > 0 else None
