"""The limits that a load test is judged by: data, with the reason, the likely cause of a miss and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ..errors import InvalidInput, Problem

AT_MOST, AT_LEAST = "at most", "at least"


@dataclass(frozen=True)
class Target:
    """metric: of a Window, or of the load generator. limit: in `unit`. caches: only where keys may be evicted.
    hard: a miss fails the verdict; else it warns.
    """

    metric: str
    sense: str
    limit: float
    unit: str
    what: str
    source: str
    cause: str
    remedy: str
    hard: bool = True
    caches: bool = False

    def holds(self, value: float) -> bool:
        return value <= self.limit if self.sense == AT_MOST else value >= self.limit

    @property
    def expected(self) -> str:
        return f"{self.sense} {_number(self.limit)}{self.unit}"

    def told(self, value: float) -> str:
        return f"{_number(value)}{self.unit}"


def _number(value: float) -> str:
    return f"{value:.3g}" if abs(value) < 1000 else f"{value:.0f}"


_SLOW_CLIENT = (
    "queueing: the server's own time is in command_p99_ms; the rest is network, client or one core that is full"
)
_SCALE = "see command_p99_ms and main_thread_cpu: with both low it is the client's side; else spread over instances"

TARGETS: Sequence[Target] = (
    # --- what the clients saw ---
    Target("session_p95_ms", AT_MOST, 10, " ms", "session operations", "guide 10", _SLOW_CLIENT, _SCALE),
    Target("cache_p95_ms", AT_MOST, 5, " ms", "cache reads", "guide 10", _SLOW_CLIENT, _SCALE),
    Target(
        "job_p95_ms",
        AT_MOST,
        20,
        " ms",
        "adding a job to a queue",
        "guide 10",
        "scripts of BullMQ wait for one another and for the cache's commands",
        "give queues an instance of their own; lower the concurrency of the workers",
    ),
    Target(
        "ops_per_second",
        AT_LEAST,
        5000,
        "/s",
        "operations in the server",
        "guide 5.1, 7, 10",
        "it measures what was offered: too few users, or a generator that waits",
        "offer more; with low latency this is no fault of the server",
        hard=False,
    ),
    Target(
        "error_replies",
        AT_MOST,
        0,
        "",
        "errors that lose a request",
        "Redis documentation, INFO errorstats",
        "OOM: full and nothing to evict; MISCONF: cannot save; LOADING: it restarted",
        "OOM: raise maxmemory or lower what is stored; MISCONF: look for space and permissions",
    ),
    # --- memory ---
    Target(
        "evicted_share",
        AT_MOST,
        5,
        " %",
        "evicted of all keys",
        "guide 5.1, 7, 10",
        "more is written than maxmemory holds",
        "raise maxmemory (guide 10), or shorten what keys live",
        caches=True,
    ),
    Target(
        "hit_ratio",
        AT_LEAST,
        95,
        " %",
        "lookups that found their key",
        "guide 7, 10",
        "keys are evicted or expire before they are read again, or the cache was cold",
        "raise maxmemory, lengthen the time to live, warm the cache up",
        caches=True,
    ),
    Target(
        "memory_share",
        AT_MOST,
        90,
        " % of maxmemory",
        "memory at its peak",
        "guide 1.1, 10 (1.2 of 2 GB)",
        "the data outgrows the limit",
        "raise maxmemory (guide 10: 3 GB), if the host has it twice while saving",
        hard=False,
    ),
    Target(
        "swapped_bytes",
        AT_MOST,
        0,
        " bytes",
        "of the server in swap",
        "Redis documentation, latency",
        "the host has too little memory",
        "lower maxmemory or give the host more",
    ),
    # --- connections ---
    Target(
        "rejected_connections",
        AT_MOST,
        0,
        "",
        "connections refused at maxclients",
        "guide 5.1, 7",
        "users times connections each is more than maxclients",
        "smaller pools, or a higher maxclients, which a new limit of open files and a restart go with",
    ),
    Target(
        "client_share",
        AT_MOST,
        80,
        " % of maxclients",
        "connections when the load ended",
        "guide 3.1, 10",
        "users times connections each comes close to maxclients",
        "smaller pools, or a higher maxclients",
        hard=False,
    ),
    Target(
        "leaked_clients",
        AT_MOST,
        0,
        "",
        "connections left behind",
        "guide 7",
        "a client opens connections and never closes them",
        "look at CLIENT LIST for who; set timeout",
    ),
    Target(
        "listen_drops",
        AT_MOST,
        0,
        "",
        "connections that the kernel dropped",
        "guide 3.1, 6.1",
        "a storm of connections outruns the accept queue of this host, of Redis or of something else",
        "raise tcp-backlog and net.core.somaxconn together, and restart",
    ),
    Target(
        "output_buffer_disconnections",
        AT_MOST,
        0,
        "",
        "clients cut off because they read too slowly",
        "redis.conf, client-output-buffer-limit",
        "a subscriber or replica does not keep up",
        "mend that client, or raise its class of client-output-buffer-limit",
    ),
    # --- the server itself ---
    Target(
        "slow_commands",
        AT_MOST,
        4,
        "",
        "commands in the slow log",
        "guide 5.3, 7",
        "a command that looks at many keys or elements holds up all others",
        "see which; replace KEYS by SCAN, large reads by ranges",
    ),
    Target(
        "slowest_ms",
        AT_MOST,
        50,
        " ms",
        "the slowest command",
        "guide 7",
        "as slow_commands",
        "as slow_commands",
    ),
    Target(
        "command_p99_ms",
        AT_MOST,
        10,
        " ms",
        "99 of 100 calls of the slowest common command",
        "guide 10",
        "a large value, a script, or a fork of a large data set",
        "look at the command that is named",
    ),
    Target(
        "main_thread_cpu",
        AT_MOST,
        80,
        " %",
        "of one core, in the main thread",
        "Redis documentation, latency: one thread serves all",
        "one core is full",
        "fewer or cheaper commands, io-threads for large replies, or more instances",
        hard=False,
    ),
    Target(
        "persistence_failures",
        AT_MOST,
        0,
        "",
        "saves that failed",
        "guide 2",
        "no space, no permission, or no memory to fork",
        "look at the log; writes may be refused meanwhile",
    ),
    Target(
        "delayed_fsyncs",
        AT_MOST,
        0,
        "",
        "writes that waited for the disk",
        "Redis documentation, persistence",
        "the disk is slower than appendfsync asks for",
        "a faster disk, or appendfsync everysec",
        hard=False,
    ),
    Target(
        "fork_ms",
        AT_MOST,
        100,
        " ms",
        "the last fork",
        "Redis documentation, latency: fork",
        "a large data set, or huge pages",
        "smaller instances; transparent huge pages off",
        hard=False,
    ),
)


def adjusted(changes: Mapping[str, Any]) -> list[Target]:
    """The targets with other limits. changes: metric -> number, or None to leave the metric out.

    Raises InvalidInput with every problem.
    """
    known = {target.metric for target in TARGETS}
    problems = []
    for name, limit in changes.items():
        if name not in known:
            near = difflib.get_close_matches(str(name), known, n=1)
            hint = f"did you mean {near[0]}?" if near else "docs/load-testing.md lists them"
            problems.append(Problem(f"redis_loadtest_targets: {name}", "no such target", "a name of one", hint))
        elif limit is not None and (isinstance(limit, bool) or not _is_number(limit)):
            problems.append(
                Problem(
                    f"redis_loadtest_targets: {name}", repr(limit), "a number, or null to leave it out", "correct it"
                )
            )
    if problems:
        raise InvalidInput(problems)
    return [
        replace(target, limit=float(changes[target.metric])) if target.metric in changes else target
        for target in TARGETS
        if changes.get(target.metric, 0) is not None
    ]


def _is_number(raw: Any) -> bool:
    try:
        float(raw)
    except (TypeError, ValueError):
        return False
    return True
