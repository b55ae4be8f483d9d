"""What the server writes down about itself: log, slow commands, latency, events."""

from __future__ import annotations

from .vocabulary import (
    COUNT,
    INT_MAX,
    LARGE,
    PATH,
    TEXT,
    YES_NO,
    Apply,
    By,
    Enum,
    Integer,
    KeyspaceEvents,
    Option,
    Percentiles,
    Trait,
)

_LEVELS = ("debug", "verbose", "notice", "warning")
_FACILITIES = ("user", *(f"local{number}" for number in range(8)))
_COMMANDLOG = ("valkey 8.1",)

OPTIONS = (
    Option(
        "slowlog-log-slower-than",
        Integer(-1),
        "observability",
        "10000",
        unit="microseconds",
        aliases=("commandlog-execution-slower-than",),
        note="0 logs every command, -1 none",
    ),
    Option(
        "slowlog-max-len", LARGE, "observability", "128", unit="entries", aliases=("commandlog-slow-execution-max-len",)
    ),
    Option("slowlog-entry-max-argc", Integer(2, INT_MAX), "observability", "32", since=("redis 8.8",)),
    Option("slowlog-entry-max-string-len", LARGE, "observability", "128", unit="bytes", since=("redis 8.8",)),
    Option("commandlog-request-larger-than", Integer(-1), "observability", "1048576", unit="bytes", since=_COMMANDLOG),
    Option("commandlog-large-request-max-len", LARGE, "observability", "128", unit="entries", since=_COMMANDLOG),
    Option("commandlog-reply-larger-than", Integer(-1), "observability", "1048576", unit="bytes", since=_COMMANDLOG),
    Option("commandlog-large-reply-max-len", LARGE, "observability", "128", unit="entries", since=_COMMANDLOG),
    Option("latency-monitor-threshold", LARGE, "observability", "0", unit="milliseconds", note="0 is off"),
    Option("latency-tracking", YES_NO, "observability", "yes", since=("redis 7.0",)),
    Option("latency-tracking-info-percentiles", Percentiles(), "observability", "50 99 99.9", since=("redis 7.0",)),
    Option("key-memory-histograms", YES_NO, "observability", "no", since=("redis 8.6",)),
    Option(
        "notify-keyspace-events",
        By(
            KeyspaceEvents("KEg$lshzxetdm"),
            {"redis 7.0": KeyspaceEvents(), "redis 8.2": KeyspaceEvents("KEg$lshzxetdmnoc")},
        ),
        "observability",
        "",
    ),
    # log
    Option("loglevel", By(Enum(_LEVELS), {"redis 7.2": Enum((*_LEVELS, "nothing"))}), "observability", "notice"),
    Option(
        "logfile",
        PATH,
        "observability",
        "",
        apply=Apply.RESTART,
        traits=Trait.EXCLUSIVE | Trait.STAYS,
        note="'' is standard output",
    ),
    Option(
        "log-format",
        By(Enum(("legacy", "logfmt")), {"valkey 9.1": Enum(("legacy", "logfmt", "json"))}),
        "observability",
        "legacy",
        since=("valkey 8.1",),
    ),
    Option(
        "log-timestamp-format",
        Enum(("legacy", "iso8601", "milliseconds")),
        "observability",
        "legacy",
        since=("valkey 8.1",),
    ),
    Option("syslog-enabled", YES_NO, "observability", "no", apply=Apply.RESTART),
    Option("syslog-facility", Enum(_FACILITIES), "observability", "local0", apply=Apply.RESTART),
    Option("syslog-ident", TEXT, "observability", By("redis", {"valkey 8.0": "valkey"}), apply=Apply.RESTART),
    Option("crash-log-enabled", YES_NO, "observability", "yes"),
    Option("crash-memcheck-enabled", YES_NO, "observability", "yes"),
    Option("always-show-logo", YES_NO, "observability", "no", apply=Apply.RESTART),
    # for tests of Redis itself
    Option("watchdog-period", COUNT, "internal", "0", unit="milliseconds", readable=By(True, {"redis 7.0": False})),
    Option("debug-context", TEXT, "internal", "", since=("valkey 8.1",), readable=False),
    Option("enable-debug-assert", YES_NO, "internal", "no", apply=Apply.RESTART, since=("valkey 8.0",), readable=False),
)
