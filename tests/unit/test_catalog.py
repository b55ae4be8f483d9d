"""Invariants of the catalogue. Whether it is true is asked of real servers, in tests/contract."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.catalog.kinds import Enum, Integer, Memory
from ansible.module_utils.redis_ops.catalog.option import Apply, Option, Origin

ENGINES = [
    Engine.parse(text)
    for text in (
        *("redis 6.2.14", "redis 7.0.15", "redis 7.2.6", "redis 7.4.1", "redis 8.0.2", "redis 8.2.3"),
        *(
            "redis 8.4",
            "redis 8.6",
            "redis 8.8",
            "redis 8.10",
            "valkey 8.0",
            "valkey 8.1.1",
            "valkey 9.0",
            "valkey 9.1.2",
        ),
    )
]
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=str)


def test_options_are_sorted_and_each_is_there_once():
    names = [option.name for option in catalog.OPTIONS]
    assert names == sorted(set(names))


def test_no_name_means_two_options():
    names = [name for option in catalog.OPTIONS for name in option.names]
    assert len(names) == len(set(names))


@pytest.mark.parametrize(
    ("second", "text"),
    [
        (Option("a", Integer(), "memory"), "a is two options"),
        (Option("b", Integer(), "memory", aliases=("a",)), "a is two options"),
        (Option("c", Integer(), "memory", aliases=("old_a",)), "old_a is two options"),
        (Option("d", Integer(), "memories"), "d is in no group"),
    ],
)
def test_assembling_refuses(second, text):
    with pytest.raises(ValueError, match=text):
        catalog._index([Option("a", Integer(), "memory", aliases=("old-a",)), second])


def test_every_group_is_used_and_says_why_in_two_short_lines():
    assert {option.group for option in catalog.OPTIONS} == set(catalog.GROUPS)
    for group in catalog.GROUPS.values():
        assert 1 <= len(group.why.splitlines()) <= 2
        assert max(map(len, group.why.splitlines())) <= 100
        assert group.title


@pytest.mark.parametrize(
    ("name", "canonical"),
    [
        ("maxmemory", "maxmemory"),
        ("MaxMemory", "maxmemory"),
        ("slave-priority", "replica-priority"),
        ("slaveof", "replicaof"),
        ("hash-max-ziplist-entries", "hash-max-listpack-entries"),
        ("lua-time-limit", "busy-reply-threshold"),
        ("primaryauth", "masterauth"),
        ("commandlog-execution-slower-than", "slowlog-log-slower-than"),
        ("bio_cpulist", "bio-cpulist"),
        ("bio-cpulist", "bio-cpulist"),
        ("max_memory", None),
        ("maxmemory_policy", "maxmemory-policy"),
        ("", None),
        ("max-keys", None),
    ],
)
def test_find(name, canonical):
    found = catalog.find(name)
    assert (found and found.name) == canonical


@pytest.mark.parametrize(
    ("name", "first"),
    [
        ("maxmemry", "maxmemory"),
        ("max_memory_policy", "maxmemory-policy"),
        ("slave-prioritty", "replica-priority"),
        ("tcp_keep_alive", "tcp-keepalive"),
        ("append-only", "appendonly"),
        ("requirepas", "requirepass"),
    ],
)
def test_suggest(name, first):
    near = catalog.suggest(name)
    assert near[0] == first
    assert len(near) <= 3
    assert len(set(near)) == len(near)


def test_suggest_has_nothing_for_something_else():
    assert catalog.suggest("colour") == []


@every_engine
def test_options_at(engine):
    names = [option.name for option in catalog.options_at(engine)]
    assert names == [option.name for option in catalog.OPTIONS if option.exists_at(engine)]
    assert len(names) > 150


@every_engine
def test_spelling_is_a_name_and_a_default_is_valid_everywhere(engine):
    for option in catalog.options_at(engine):
        assert option.spelled_at(engine) in option.names
        default = option.default_at(engine)
        if default is not None:
            kind = option.kind_at(engine)
            value = option.parse(default, engine)
            assert kind.parse(kind.render(value)) == value


@pytest.mark.parametrize("name", ["include", "rename-command", "user", "loadmodule"])
def test_what_only_the_file_knows_is_recognised_with_a_reason(name):
    option = catalog.find(name)
    assert option.file_only
    assert option.note


def test_secrets():
    assert {option.name for option in catalog.OPTIONS if option.secret} == {
        "hash-seed",
        "masterauth",
        "requirepass",
        "tls-client-key-file-pass",
        "tls-key-file-pass",
    }


def test_what_redis_decides_at_run_time():
    assert {option.name for option in catalog.OPTIONS if option.origin is Origin.RUNTIME} == {"replicaof", "user"}


def test_units_of_time_are_named():
    """A bare number of seconds or milliseconds is what people get wrong most often."""
    told = {option.name: option.unit for option in catalog.OPTIONS}
    assert told["timeout"] == told["tcp-keepalive"] == told["repl-timeout"] == "seconds"
    assert told["latency-monitor-threshold"] == told["busy-reply-threshold"] == told["cluster-node-timeout"]
    assert told["cluster-node-timeout"] == "milliseconds"
    assert told["slowlog-log-slower-than"] == "microseconds"
    assert told["lfu-decay-time"] == "minutes"
    for option in catalog.OPTIONS:
        if option.name.endswith(("-timeout", "-ttl", "-delay")) and option.group != "internal":
            assert "seconds" in option.unit, option.name


def test_words_of_enums_are_lower_case_since_they_are_compared_so():
    for option in catalog.OPTIONS:
        for engine in ENGINES:
            kind = option.kind_at(engine)
            if isinstance(kind, Enum):
                assert all(word == word.lower() for word in (*kind.words, *kind.aliases)), option.name
                assert set(kind.aliases.values()) <= set(kind.words), option.name


def test_ranges_are_not_empty():
    for option in catalog.OPTIONS:
        for engine in ENGINES:
            kind = option.kind_at(engine)
            if isinstance(kind, (Integer, Memory)):
                assert kind.low < kind.high, option.name


@pytest.mark.parametrize(
    ("name", "raw", "engine", "taken"),
    [
        ("maxmemory-policy", "allkeys-lrm", "redis 8.6", True),
        ("maxmemory-policy", "allkeys-lrm", "redis 8.2.3", False),
        ("maxmemory-policy", "allkeys-lrm", "valkey 9.1.2", False),
        ("maxmemory-samples", 100, "redis 7.0.15", True),
        ("maxmemory-samples", 100, "redis 7.4", False),
        ("maxmemory-samples", 100, "valkey 8.0", False),
        ("appendfsync", False, "redis 7.0.15", True),
        ("appendfsync", True, "redis 7.0.15", False),
        ("enable-debug-command", True, "redis 7.0.15", True),
        ("hz", 1000, "redis 7.0.15", False),
        ("dbfilename", "/var/lib/dump.rdb", "redis 7.0.15", False),
    ],
)
def test_values_by_version(name, raw, engine, taken):
    option = catalog.find(name)
    if taken:
        option.parse(raw, Engine.parse(engine))
    else:
        with pytest.raises(InvalidValue):
            option.parse(raw, Engine.parse(engine))


@pytest.mark.parametrize(
    ("name", "engine", "apply"),
    [
        ("dir", "redis 6.2.14", Apply.PLACE),
        ("dbfilename", "redis 6.2.14", Apply.PLACE),
        ("dir", "redis 7.0.15", Apply.PROTECTED),
        ("dir", "valkey 8.1.1", Apply.PROTECTED),
        ("io-threads", "redis 8.2.3", Apply.RESTART),
        ("io-threads", "valkey 8.1.1", Apply.RESTART),
        ("io-threads", "valkey 9.1.2", Apply.LIVE),
        ("tcp-backlog", "redis 7.0.15", Apply.RESTART),
        ("maxmemory", "redis 7.0.15", Apply.LIVE),
    ],
)
def test_apply_by_version(name, engine, apply):
    assert catalog.find(name).apply_at(Engine.parse(engine)) is apply


def test_docs_settings_md_is_up_to_date():
    script = Path(__file__).parent.parent.parent / "scripts" / "render-settings-docs"
    checked = subprocess.run([sys.executable, script, "--check"], check=False, capture_output=True, text=True)
    assert (checked.returncode, checked.stderr) == (0, "")
