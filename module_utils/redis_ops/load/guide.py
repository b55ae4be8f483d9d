"""The limits that a load test is judged by, as the tuning guide has them: metric, limit, reason, likely cause, remedy.

Data. Metrics are those of window.py (any load) and clients.py (this project's own load).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from .targets import AT_LEAST, AT_MOST, Target

_SLOW_CLIENT = (
    "queueing: the server's own time is in command_p99_ms; the rest is network, client or one core that is full"
)
_SCALE = (
    "see command_p99_ms and main_thread_cpu: with both low it is the client's side, or the disk with appendfsync always; "
    "else spread over instances"
)

_HOLDS_UP = "a command that looks at many keys or elements holds up all others"
_SEE_WHICH = "see which; replace KEYS by SCAN, large reads by ranges"
_STRANGER = "another load on this machine, a slow network or disk, or a server that is busy before the load begins"
_ALONE = "look at what else runs; measure from a host near the server"

TARGETS: Sequence[Target] = (
    # --- a single user ---
    Target("session_baseline_ms", AT_MOST, 2, " ms", "session operations, one user", "guide 10", _STRANGER, _ALONE),
    Target("cache_baseline_ms", AT_MOST, 1, " ms", "cache reads, one user", "guide 10", _STRANGER, _ALONE),
    Target("job_baseline_ms", AT_MOST, 5, " ms", "adding a job, one user", "guide 10", _STRANGER, _ALONE),
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
        "jobs_lost",
        AT_MOST,
        0,
        "",
        "jobs that were lost, refused or failed",
        "BullMQ documentation, going to production",
        "keys of the queue were evicted, or the instance is full and refuses",
        "give queues an instance of their own with profile queue, and memory for what waits",
    ),
    Target(
        "failed_operations",
        AT_MOST,
        0.1,
        " %",
        "operations without an answer",
        "guide 5.1, 8",
        "refused at maxclients, out of memory, or slower than the timeout",
        "see the kinds of errors; raise what is full",
    ),
    Target(
        "sessions_lost",
        AT_MOST,
        0,
        " % of reads",
        "sessions that had gone while their user was there",
        "guide 1.1: sessions may be evicted",
        "sessions are evicted like any other key",
        "raise maxmemory, or give sessions an instance of their own with profile session",
        hard=False,
    ),
    Target(
        "longest_pause_ms",
        AT_MOST,
        500,
        " ms",
        "the longest wait for an answer",
        "Redis documentation, latency",
        "a fork, a slow command, a slow disk or no processor time for the server",
        "see slow_commands, fork_ms and delayed_fsyncs",
        hard=False,
        slows=True,
    ),
    Target(
        "ops_per_second",
        AT_LEAST,
        5000,
        "/s",
        "operations per second",
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
        "largest_eviction",
        AT_MOST,
        5,
        " % of maxmemory",
        "memory that went within a second of evictions",
        "measured: a hash of all sessions goes as one key",
        "one huge value was evicted with all that it held, such as a hash of all sessions",
        "a key for each session, with a time to live of its own",
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
        _HOLDS_UP,
        _SEE_WHICH,
    ),
    Target(
        "slowest_ms",
        AT_MOST,
        50,
        " ms",
        "the slowest command",
        "guide 7",
        _HOLDS_UP,
        _SEE_WHICH,
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
        slows=True,
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
        slows=True,
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
        slows=True,
    ),
)

# Other limits by name: metric -> limit. What a profile leaves out is as above.
PROFILES: Mapping[str, Mapping[str, float]] = {
    "guide": {},
    # for who wants room for growth: nothing is evicted, half of the guide's times
    "strict": {
        "session_p95_ms": 5,
        "cache_p95_ms": 2.5,
        "job_p95_ms": 10,
        "evicted_share": 0,
        "hit_ratio": 99,
        "memory_share": 75,
        "slow_commands": 0,
        "main_thread_cpu": 60,
    },
}
