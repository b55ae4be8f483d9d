"""Replicas: how they follow, how much they may lag, how they are announced."""

from __future__ import annotations

from .vocabulary import (
    BYTES,
    COUNT,
    LARGE,
    PORT,
    POSITIVE,
    SECRET,
    TEXT,
    YES_NO,
    Apply,
    By,
    Enum,
    Memory,
    Option,
    Origin,
    Words,
)

_DISKLESS_LOAD = ("disabled", "on-empty-db", "swapdb")

OPTIONS = (
    Option(
        "replicaof",
        Words(),
        "replication",
        "",
        apply=Apply.RESTART,
        aliases=("slaveof",),
        spelling=By("slaveof", {"redis 7.0": "replicaof"}),
        origin=Origin.RUNTIME,
        note="who follows whom changes with every failover: declare the topology, or send REPLICAOF",
    ),
    Option("masterauth", SECRET, "replication", "", aliases=("primaryauth",)),
    Option("masteruser", TEXT, "replication", "", aliases=("primaryuser",)),
    Option("replica-serve-stale-data", YES_NO, "replication", "yes", aliases=("slave-serve-stale-data",)),
    Option("replica-read-only", YES_NO, "replication", "yes", aliases=("slave-read-only",)),
    Option("replica-priority", COUNT, "replication", "100", aliases=("slave-priority",), note="0 is never promoted"),
    Option("replica-announced", YES_NO, "replication", "yes"),
    Option("replica-announce-ip", TEXT, "replication", "", aliases=("slave-announce-ip",)),
    Option("replica-announce-port", PORT, "replication", "0", aliases=("slave-announce-port",)),
    Option("replica-ignore-maxmemory", YES_NO, "replication", "yes", aliases=("slave-ignore-maxmemory",)),
    Option("replica-ignore-disk-write-errors", YES_NO, "replication", "no", since=("redis 7.0",)),
    Option(
        "replica-lazy-flush",
        YES_NO,
        "replication",
        By("no", {"valkey 8.0": "yes"}),
        aliases=("slave-lazy-flush",),
    ),
    Option("replica-full-sync-buffer-limit", BYTES, "replication", "0", since=("redis 8.0",)),
    Option("min-replicas-to-write", COUNT, "replication", "0", aliases=("min-slaves-to-write",)),
    Option("min-replicas-max-lag", COUNT, "replication", "10", unit="seconds", aliases=("min-slaves-max-lag",)),
    Option(
        "repl-backlog-size",
        Memory(1),
        "replication",
        By("1048576", {"valkey 8.0": "10485760"}),
        note="a replica that was away for more than this needs a full copy",
    ),
    Option("repl-backlog-ttl", LARGE, "replication", "3600", unit="seconds"),
    Option("repl-disable-tcp-nodelay", YES_NO, "replication", "no"),
    Option(
        "repl-diskless-load",
        By(Enum(_DISKLESS_LOAD), {"valkey 8.1": Enum((*_DISKLESS_LOAD, "flush-before-load"))}),
        "replication",
        "disabled",
    ),
    Option("repl-diskless-sync", YES_NO, "replication", By("no", {"redis 7.0": "yes"})),
    Option("repl-diskless-sync-delay", COUNT, "replication", "5", unit="seconds"),
    Option("repl-diskless-sync-max-replicas", COUNT, "replication", "0", since=("redis 7.0",)),
    Option(
        "repl-ping-replica-period", POSITIVE, "replication", "10", unit="seconds", aliases=("repl-ping-slave-period",)
    ),
    Option("repl-timeout", POSITIVE, "replication", "60", unit="seconds"),
    Option("repl-mptcp", YES_NO, "replication", "no", apply=Apply.RESTART, since=("valkey 9.0",)),
    Option("repl-rdb-channel", YES_NO, "replication", "yes", since=("redis 8.0",), readable=False),
    Option("dual-channel-replication-enabled", YES_NO, "replication", "no", since=("valkey 8.0",)),
    Option("import-mode", YES_NO, "replication", "no", since=("valkey 8.1",)),
    Option(
        "propagation-error-behavior",
        Enum(("ignore", "panic", "panic-on-replicas")),
        "replication",
        "ignore",
        since=("redis 7.0",),
    ),
)
