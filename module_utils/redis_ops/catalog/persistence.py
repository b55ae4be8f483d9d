"""Snapshots (RDB) and the append only file (AOF)."""

from __future__ import annotations

from .vocabulary import (
    BYTES,
    COUNT,
    FILE_NAME,
    INT_MAX,
    LARGE,
    PATH,
    TEXT,
    YES_NO,
    Apply,
    By,
    Enum,
    Integer,
    Option,
    SavePoints,
    Trait,
)

# config.c of 6.2: `dir` is a chdir(2). An open AOF stays in the old directory (tests/contract/test_stored_data.py)
_PLACE = By(Apply.PLACE, {"redis 7.0": Apply.PROTECTED})

OPTIONS = (
    Option(
        "dir",
        PATH,
        "persistence",
        apply=_PLACE,
        traits=Trait.DATA_LOCATION | Trait.NODE_LOCATION | Trait.EXCLUSIVE,
        note="the server reports it with symlinks resolved",
    ),
    # snapshots
    Option(
        "save", SavePoints(), "persistence", "3600 1 300 100 60 10000", unit="seconds changes", traits=Trait.KEEPS_DATA
    ),
    Option("dbfilename", FILE_NAME, "persistence", "dump.rdb", apply=_PLACE, traits=Trait.DATA_LOCATION),
    Option("rdbchecksum", YES_NO, "persistence", "yes", apply=Apply.RESTART),
    Option("rdbcompression", YES_NO, "persistence", "yes"),
    Option("rdb-del-sync-files", YES_NO, "persistence", "no"),
    Option("rdb-save-incremental-fsync", YES_NO, "persistence", "yes"),
    Option("rdb-version-check", Enum(("strict", "relaxed")), "persistence", "strict", since=("valkey 8.1",)),
    Option(
        "sanitize-dump-payload",
        Enum(("no", "yes", "clients")),
        "persistence",
        "no",
        removed=("valkey 9.1.2",),
    ),
    Option("stop-writes-on-bgsave-error", YES_NO, "persistence", "yes"),
    # append only file
    Option(
        "appendonly",
        YES_NO,
        "persistence",
        "no",
        traits=Trait.KEEPS_DATA,
        note="no -> yes goes through the running server: with the file alone, the next start ignores the RDB and is empty",
    ),
    Option(
        "appendfilename", FILE_NAME, "persistence", "appendonly.aof", apply=Apply.RESTART, traits=Trait.DATA_LOCATION
    ),
    Option(
        "appenddirname",
        FILE_NAME,
        "persistence",
        "appendonlydir",
        apply=Apply.RESTART,
        since=("redis 7.0",),
        traits=Trait.DATA_LOCATION,
    ),
    Option("appendfsync", Enum(("always", "everysec", "no")), "persistence", "everysec"),
    Option("no-appendfsync-on-rewrite", YES_NO, "persistence", "no", note="yes may lose 30 seconds of writes"),
    Option("auto-aof-rewrite-percentage", COUNT, "persistence", "100", unit="percent"),
    Option("auto-aof-rewrite-min-size", BYTES, "persistence", "67108864"),
    Option("aof-load-truncated", YES_NO, "persistence", "yes"),
    Option("aof-load-corrupt-tail-max-size", LARGE, "persistence", "0", unit="bytes", since=("redis 8.4",)),
    Option("aof-rewrite-incremental-fsync", YES_NO, "persistence", "yes"),
    Option("aof-timestamp-enabled", YES_NO, "persistence", "no", since=("redis 7.0",)),
    Option("aof-use-rdb-preamble", YES_NO, "persistence", "yes"),
    Option(
        "aof-disable-auto-gc",
        YES_NO,
        "persistence",
        "no",
        since=("redis 7.0",),
        readable=By(True, {"redis 7.2": False}),
    ),
    # backup and start from a given file
    Option("backupdirname", FILE_NAME, "persistence", "backupdir", apply=Apply.RESTART, since=("redis 8.10",)),
    Option("backup-sealed-ttl", COUNT, "persistence", "0", unit="seconds", since=("redis 8.10",), note="0 keeps it"),
    Option(
        "preload-file",
        TEXT,
        "persistence",
        "",
        apply=Apply.RESTART,
        since=("redis 8.10",),
        note="rdb:/path or aof:/path; the usual files are then not loaded",
    ),
    # slowing down on purpose, for tests of Redis itself
    Option("rdb-key-save-delay", Integer(-(2**31), INT_MAX), "internal", "0", readable=By(True, {"redis 7.0": False})),
    Option("key-load-delay", Integer(-(2**31), INT_MAX), "internal", "0", readable=By(True, {"redis 7.0": False})),
    Option(
        "loading-process-events-interval-bytes",
        Integer(1024, INT_MAX),
        "internal",
        By("2097152", {"redis 8.0": "524288"}),
        unit="bytes",
        since=("redis 7.0",),
        readable=False,
    ),
)
