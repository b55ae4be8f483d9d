"""Where the server listens and how it treats connections."""

from __future__ import annotations

from .vocabulary import (
    COUNT,
    PATH,
    PORT,
    TEXT,
    YES_NO,
    Apply,
    BufferLimits,
    By,
    Integer,
    Memory,
    Octal,
    Option,
    Trait,
    Words,
)

_NEW_CONNECTIONS = ("redis 7.4", "valkey 8.0")

OPTIONS = (
    Option(
        "bind",
        Words(),
        "network",
        By("", {"redis 7.0": "* -::*"}),
        traits=Trait.ADMITS | Trait.STAYS,
        note="the default listens everywhere",
    ),
    Option("bind-source-addr", TEXT, "network", "", since=("redis 7.0",)),
    Option(
        "port",
        PORT,
        "network",
        "6379",
        traits=Trait.WAY_IN | Trait.CLIENT_PORT | Trait.ADMITS | Trait.EXCLUSIVE | Trait.STAYS,
        note="0 does not listen",
    ),
    Option("tcp-backlog", COUNT, "network", "511", apply=Apply.RESTART, note="net.core.somaxconn limits it"),
    Option("tcp-keepalive", COUNT, "network", "300", unit="seconds"),
    Option("unixsocket", PATH, "network", "", apply=Apply.RESTART, traits=Trait.WAY_IN | Trait.EXCLUSIVE | Trait.STAYS),
    Option("unixsocketgroup", TEXT, "network", "", apply=Apply.RESTART, since=("valkey 8.0",), traits=Trait.STAYS),
    Option("unixsocketperm", Octal(), "network", "0", apply=Apply.RESTART, traits=Trait.STAYS),
    Option("socket-mark-id", Integer(0, 2**32 - 1), "network", "0", apply=Apply.RESTART, since=("redis 7.0",)),
    Option("mptcp", YES_NO, "network", "no", apply=Apply.RESTART, since=("valkey 9.0",)),
    Option("rdma-bind", Words(), "network", "", since=("valkey 8.1",), traits=Trait.STAYS),
    Option("rdma-port", PORT, "network", "0", since=("valkey 8.1",), traits=Trait.STAYS),
    Option(
        "rdma-rx-size",
        Integer(64 * 1024, 16 * 1024**2),
        "network",
        "1048576",
        unit="bytes",
        apply=Apply.RESTART,
        since=("valkey 8.1",),
    ),
    Option("rdma-completion-vector", Integer(-1, 1024), "network", "-1", apply=Apply.RESTART, since=("valkey 8.1",)),
    # clients
    Option(
        "maxclients",
        Integer(1, 2**32 - 1),
        "clients",
        "10000",
        note="lowered at start to the limit of open files less 32; raise LimitNOFILE first",
    ),
    Option("timeout", COUNT, "clients", "0", unit="seconds", note="closes idle clients; 0 never"),
    Option(
        "client-output-buffer-limit",
        BufferLimits(),
        "clients",
        "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
        unit="bytes bytes seconds",
    ),
    Option("client-query-buffer-limit", Memory(1024**2), "clients", "1073741824"),
    Option("proto-max-bulk-len", Memory(1024**2), "clients", "536870912"),
    Option("max-new-connections-per-cycle", Integer(1, 1000), "clients", "10", since=_NEW_CONNECTIONS),
    Option("max-new-tls-connections-per-cycle", Integer(1, 1000), "clients", "1", since=_NEW_CONNECTIONS),
    Option(
        "busy-reply-threshold",
        Integer(),
        "clients",
        "5000",
        unit="milliseconds",
        aliases=("lua-time-limit",),
        spelling=By("lua-time-limit", {"redis 7.0": "busy-reply-threshold"}),
    ),
    Option("extended-redis-compatibility", YES_NO, "clients", "no", since=("valkey 8.0",)),
    Option("gopher-enabled", YES_NO, "clients", "no", removed=("redis 7.0",)),
)
