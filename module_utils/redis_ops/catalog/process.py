"""The process: its threads and clock, how it starts and stops, and what the kernel is asked for."""

from __future__ import annotations

from .vocabulary import COUNT, PATH, POSITIVE, TEXT, YES_NO, Apply, By, Enum, Integer, Integers, Option, Trait, WordSet

_SAVE_OR_NOT = ("save", "nosave")
_STOP = (*_SAVE_OR_NOT, "now", "force")
_ON_SIGNAL = By(
    WordSet(_STOP, one_of=_SAVE_OR_NOT, alone="default"),
    {"valkey 9.0": WordSet((*_STOP, "safe", "failover"), one_of=_SAVE_OR_NOT, alone="default")},
)


def _cpulist(job: str) -> Option:
    dash, underscore = f"{job}-cpulist", f"{job.replace('-', '_')}_cpulist"
    spelling = By(underscore, {"redis 7.4": dash, "valkey 8.0": dash})
    return Option(dash, TEXT, "process", "", Apply.RESTART, aliases=(underscore,), spelling=spelling)


OPTIONS = (
    # speed
    Option("hz", Integer(1, 500), "performance", "10", unit="times a second", note="Redis clamps what is outside"),
    Option("dynamic-hz", YES_NO, "performance", "yes", removed=("valkey 8.1",)),
    Option(
        "io-threads",
        By(Integer(1, 128), {"valkey 8.1": Integer(1, 256)}),
        "performance",
        "1",
        apply=By(Apply.RESTART, {"valkey 9.0": Apply.LIVE}),
    ),
    Option(
        "io-threads-do-reads",
        YES_NO,
        "performance",
        "no",
        apply=Apply.RESTART,
        removed=("redis 8.0", "valkey 8.1"),
    ),
    Option("lookahead", POSITIVE, "performance", "16", unit="commands", since=("redis 8.4",)),
    Option("prefetch-batch-max-size", Integer(0, 128), "performance", "16", unit="keys", since=("valkey 8.0",)),
    Option("vset-force-single-threaded-execution", YES_NO, "performance", "no", since=("redis 8.2",)),
    _cpulist("server"),
    _cpulist("bio"),
    _cpulist("aof-rewrite"),
    _cpulist("bgsave"),
    # start and stop
    Option(
        "daemonize",
        YES_NO,
        "process",
        "no",
        apply=Apply.RESTART,
        traits=Trait.SUPERVISION | Trait.STAYS,
        note="a systemd unit overrides it",
    ),
    Option(
        "supervised",
        Enum(("no", "upstart", "systemd", "auto")),
        "process",
        "no",
        apply=Apply.RESTART,
        traits=Trait.SUPERVISION | Trait.STAYS,
        note="a systemd unit overrides it",
    ),
    Option("pidfile", PATH, "process", "", apply=Apply.RESTART, traits=Trait.EXCLUSIVE | Trait.STAYS),
    Option("databases", POSITIVE, "process", "16", apply=Apply.RESTART, traits=Trait.STAYS),
    Option("shutdown-timeout", COUNT, "process", "10", unit="seconds", since=("redis 7.0",)),
    Option("shutdown-on-sigint", _ON_SIGNAL, "process", "default", since=("redis 7.0",)),
    Option("shutdown-on-sigterm", _ON_SIGNAL, "process", "default", since=("redis 7.0",)),
    Option("set-proc-title", YES_NO, "process", "yes", apply=Apply.RESTART),
    Option("proc-title-template", TEXT, "process", "{title} {listen-addr} {server-mode}"),
    Option("ignore-warnings", TEXT, "process", ""),
    Option("locale-collate", TEXT, "process", "", since=("redis 7.2",)),
    Option("lua-replicate-commands", YES_NO, "process", "yes", removed=("redis 7.0",)),
    # kernel
    Option("disable-thp", YES_NO, "process", "yes", apply=By(Apply.LIVE, {"redis 7.0": Apply.RESTART})),
    Option("oom-score-adj", Enum(("no", "yes", "absolute"), {"relative": "yes"}), "process", "no"),
    Option("oom-score-adj-values", Integers(3, -2000, 2000), "process", "0 200 800"),
    # for tests of Redis itself
    Option("use-exit-on-panic", YES_NO, "internal", "no", readable=By(True, {"redis 7.0": False})),
    Option(
        "events-per-io-thread", COUNT, "internal", "2", since=("valkey 8.0",), removed=("valkey 9.1",), readable=False
    ),
    Option("io-threads-always-active", YES_NO, "internal", "no", since=("valkey 9.0",), readable=False),
    Option("min-io-threads-avoid-copy-reply", COUNT, "internal", "7", since=("valkey 9.0",), readable=False),
    Option("min-string-size-avoid-copy-reply", COUNT, "internal", "16384", since=("valkey 9.0",), readable=False),
    Option(
        "min-string-size-avoid-copy-reply-threaded", COUNT, "internal", "65536", since=("valkey 9.0",), readable=False
    ),
)
