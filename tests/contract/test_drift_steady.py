"""No false alarm: however people, servers and files spell what is the same, and whatever somebody does that changes nothing."""

from __future__ import annotations

import random

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.engine import Engine
from drifting import check, drifted, package_umask
from instances import lab, until
from servers import PROGRAMS

__all__ = ["lab", "package_umask"]

MEANINGS, LOOKS = 5, 7  # declarations for each server, and ways to spell and to treat each: 210 states on six servers
assert MEANINGS * LOOKS * len(PROGRAMS) >= 200

# Each row: what to declare, and texts that mean the same.
SAME = [
    ("maxmemory", ["1gb", "1024mb", "1073741824", 1073741824, "1GB", "1048576kb"]),
    ("maxmemory", ["2g", "2000m", 2000000000]),
    ("maxmemory", ["0", 0]),
    ("save", ["900 1 300 10", "300 10 900 1", [[900, 1], [300, 10]], {300: 10, 900: 1}, "300 10 900 1 300 10"]),
    ("save", ["", '""']),
    ("save", ["60 1000"]),
    ("slave-priority replica-priority", ["50", 50]),
    ("slave-read-only replica-read-only", ["no", False, "NO"]),
    ("min-slaves-max-lag min-replicas-max-lag", [20, "20"]),
    ("hash-max-ziplist-entries hash-max-listpack-entries", ["100", 100]),
    ("notify-keyspace-events", ["KEA", "AKE", "EKg$lshzxetd"]),
    ("notify-keyspace-events", ["Ex", "xE"]),
    ("notify-keyspace-events", ["KEAm", "mAEK"]),
    ("client-output-buffer-limit", ["replica 256mb 64mb 60", "slave 268435456 64MB 60", "SLAVE 256mb 65536kb 60"]),
    (
        "client-output-buffer-limit",
        ["normal 1mb 512kb 10 pubsub 64mb 16mb 90", "pubsub 64mb 16mb 90 normal 1mb 524288 10"],
    ),
    ("appendonly", ["yes", True, "Yes"]),
    ("appendonly", ["no", False]),
    ("appendfsync", ["always", "ALWAYS"]),
    ("lazyfree-lazy-expire", ["yes", True]),
    ("oom-score-adj", ["yes", "relative", True]),
    ("unixsocketperm", ["770", "0770"]),
    ("maxmemory-clients", ["5%", " 5%"]),
    ("latency-tracking-info-percentiles", ["50 99", "50.0 99.00", [50, 99.0]]),
    ("shutdown-on-sigterm", ["nosave force", "force nosave", "FORCE NOSAVE"]),
    ("proc-title-template", ["{title} mine"]),
    ("maxmemory-policy", ["allkeys-lru", "ALLKEYS-LRU"]),
    ("hz", ["200", 200]),
]
USERS = [
    "on >plain ~a* +get",
    "ON #2c70e12b7a0646f92279f427c7b38e7334d8e5389cff167a1dc30e73f826b683 allkeys allcommands",
    "on nopass ~* &* +@all -@dangerous",
    "off resetchannels &news.* -@all +get +set",
    "on >one >two allchannels ~x +@read +@write -set +config|get",
    "on nopass allkeys nocommands +@pubsub +subscribe -publish",
    "on resetpass >p resetkeys ~k reset on >q ~l +ping",
]
LATER_USERS = [
    "on >pw %R~r* %W~w* %RW~b +get (~s %R~t +set) (+@read &c)",
    "on nopass -@all +get (allkeys +@all -@write) clearselectors (~z +get)",
    "on nopass +config -config|set ~*",
]


def declaration(chance, engine):
    """Some options, each with all its spellings."""
    rows = {}
    for names, texts in chance.sample(SAME, len(SAME)):
        option = catalog.find(names.split()[0])
        if option.exists_at(engine) and (option.name in ("appendonly", "hz") or chance.random() < 0.6):
            rows.setdefault(option.name, (names.split(), texts))
    return list(rows.values())


def spelled(chance, rows, directories):
    settings = {chance.choice(names): chance.choice(texts) for names, texts in rows}
    return {**settings, "dir": chance.choice(directories)}


def somebody_spells_the_file_anew(lab, chance):
    """By hand: names in capitals, blanks, quotes and comments."""
    edited = ["# somebody was here"]
    for line in lab.text.splitlines():
        name, blank, rest = line.partition(" ")
        spelled = line
        if line and not line.startswith(("#", "user")) and chance.random() < 0.5:
            spelled = f"  {name.upper()}{blank}  {rest}  " if set(rest) & set("\"'\\ ") else f"{name.title()} '{rest}'"
        edited.append(spelled)
    lab.config_path.write_text("\n".join(edited) + "\n")


def treat(lab, chance):
    """What somebody does to it that changes nothing."""
    kind = chance.choice(
        ["nothing", "rewrite", "restart", "rewrite and restart", "spelling", "set", "data", "spelling"]
    )
    if "rewrite" in kind:
        lab.ask("CONFIG", "REWRITE")
    if kind == "spelling":
        somebody_spells_the_file_anew(lab, chance)
    if "restart" in kind:
        lab.bounce()
    if kind == "set":
        lab.ask("CONFIG", "SET", "maxmemory", lab.get("maxmemory"))
        lab.ask("CONFIG", "SET", "save", lab.get("save"))
    if kind == "data":
        lab.fill(50)
        if lab.get("appendonly") == "yes":
            lab.ask("BGREWRITEAOF")
    return kind


def new_users(lab, chance, engine):
    """Somebody writes them into the file and restarts the server."""
    kept = [line for line in lab.text.splitlines() if not line.startswith("user ")]
    known = USERS + (LATER_USERS if engine.reached("redis 7.0") else [])
    rules = chance.sample(known, 4)
    lab.config_path.write_text(
        "\n".join([*kept, *(f"user u{index} {text}" for index, text in enumerate(rules))]) + "\n"
    )
    lab.bounce()
    return rules


def of(program):
    return Engine.parse(program.version)


@pytest.mark.usefixtures("package_umask")
def test_a_steady_instance_is_clean_however_it_is_spelled_and_treated(lab):
    engine = of(lab.program)
    chance = random.Random(lab.program.version)
    link = lab.directory / "link"
    lab.data.mkdir()
    link.symlink_to(lab.data)
    directories = [str(lab.data), f"{lab.data}/", str(link), f"{lab.directory}/./etc/../data"]
    lab.password = "s3cret'#$%"
    alarms, looks = {}, 0
    for _ in range(MEANINGS):
        rows = declaration(chance, engine)
        base = {"requirepass": lab.password}
        settings = {**base, **spelled(chance, rows, directories)}
        lab.converge(settings, restart=True, accept_eviction=True)
        users = new_users(lab, chance, engine)
        lab.converge(settings, restart=True, accept_eviction=True)  # which keeps them, and knows them from then on
        for _ in range(LOOKS):
            treated = treat(lab, chance)
            settings = {**base, **spelled(chance, rows, directories)}
            found = drifted(check(lab, settings))
            looks += 1
            if found:
                alarms[f"{treated}; {settings}; {users}"] = found
    assert alarms == {}
    assert looks == MEANINGS * LOOKS


@pytest.mark.usefixtures("package_umask")
def test_defaults_written_by_config_rewrite_are_no_drift(lab):
    lab.converge()
    lab.ask("CONFIG", "REWRITE")
    assert drifted(check(lab)) == {}
    lab.bounce()
    assert drifted(check(lab)) == {}
    lab.ask("CONFIG", "REWRITE")
    assert drifted(check(lab)) == {}


def test_a_replica_that_a_run_has_seen_may_be_promoted(lab):
    """What a run found following stays a replica; that Sentinel makes it a primary is nobody's drift."""
    lab.converge()
    lab.ask("REPLICAOF", "127.0.0.1", str(lab.port))  # itself: it never gets there
    until(lambda: lab.info()["role"] == "slave", "the role to change")
    lab.converge()
    assert drifted(check(lab)) == {}
    lab.ask("REPLICAOF", "NO", "ONE")
    assert drifted(check(lab)) == {}
