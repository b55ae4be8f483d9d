from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.base.engine import By, Engine, parse_version


@pytest.mark.parametrize(
    ("text", "version"),
    [("7.0.15", (7, 0, 15)), ("8.10", (8, 10)), ("9", (9,)), ("7.0.15-1~deb12u7", (7, 0, 15)), ("8.2-rc1", (8, 2))],
)
def test_parse_version(text, version):
    assert parse_version(text) == version


@pytest.mark.parametrize("text", ["", "v7.0", "latest"])
def test_parse_version_refuses_what_does_not_begin_with_a_number(text):
    with pytest.raises(ValueError, match="not a version"):
        parse_version(text)


@pytest.mark.parametrize("text", ["keydb 6.3", "7.0", "", "Redis 7.0"])
def test_engine_refuses_other_programs(text):
    with pytest.raises(ValueError, match="not an engine"):
        Engine.parse(text)


def test_engine_reads_back_what_it_prints():
    assert str(Engine.parse("valkey 8.1.1")) == "Valkey 8.1.1"


@pytest.mark.parametrize(
    ("engine", "milestone", "reached"),
    [
        ("redis 7.0.15", "redis 7.0", True),
        ("redis 7.0", "redis 7.0", True),
        ("redis 6.2.14", "redis 7.0", False),
        ("redis 8.10.0", "redis 8.4", True),  # numbers, not text
        ("valkey 8.0.1", "redis 7.2", True),  # from before the fork
        ("valkey 8.0.1", "redis 7.4", False),  # from after it
        ("valkey 9.1.2", "redis 8.2", False),
        ("valkey 8.1.1", "valkey 8.1", True),
        ("valkey 8.0.1", "valkey 8.1", False),
        ("redis 8.2.3", "valkey 8.0", False),
    ],
)
def test_reached(engine, milestone, reached):
    assert Engine.parse(engine).reached(milestone) is reached


@pytest.mark.parametrize(
    ("engine", "expected"),
    [("redis 6.2", "a"), ("redis 7.0", "b"), ("redis 8.2", "b"), ("valkey 8.0", "c"), ("valkey 9.1", "c")],
)
def test_by_takes_the_last_milestone_that_was_reached(engine, expected):
    assert By("a", {"redis 7.0": "b", "valkey 8.0": "c"}).at(Engine.parse(engine)) == expected
