from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.base.engine import By, Engine
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.catalog.kinds import (
    Bool,
    BufferLimits,
    Enum,
    Integer,
    Memory,
    Octal,
    SavePoints,
    Secret,
    Text,
    Words,
)
from ansible.module_utils.redis_ops.catalog.option import Apply, Option, as_text

REDIS_6_2, REDIS_7_0, REDIS_8_2 = map(Engine.parse, ("redis 6.2.14", "redis 7.0.15", "redis 8.2.3"))
VALKEY_8_1, VALKEY_9_1 = map(Engine.parse, ("valkey 8.1.1", "valkey 9.1.2"))


def option(**facts):
    return Option(**{"name": "x", "kind": Integer(), "group": "memory", **facts})


@pytest.mark.parametrize(
    ("facts", "text"),
    [
        ({"name": ""}, "has no lower-case name"),
        ({"name": "Maxmemory"}, "has no lower-case name"),
        ({"since": ()}, "was never there"),
        ({"since": ("redis 7.0",), "removed": ("redis 7.0",)}, "comes and goes with the same version"),
        ({"since": ("7.0",)}, "not an engine"),
        ({"removed": ("redis next",)}, "not a version"),
        ({"aliases": ("x",)}, "is its own alias"),
        ({"aliases": ("y", "y")}, "has an alias twice"),
        ({"spelling": By("z", {"redis 7.0": "x"})}, "is spelled as none of its names"),
        ({"kind": Secret(), "default": "changeme"}, "is a secret with a default"),
        ({"kind": Secret(), "default": By("", {"redis 7.0": "changeme"})}, "is a secret with a default"),
        ({"file_only": True, "note": "why"}, "is in the file only and set live"),
        ({"file_only": True, "apply": Apply.RESTART}, "is in the file only without a reason"),
        ({"default": "many"}, "default 'many' on Redis 6.2"),
        ({"default": By("1", {"redis 7.0": "many"})}, "default 'many' on Redis 7.0"),
        ({"default": "9", "kind": By(Integer(), {"valkey 8.0": Integer(0, 5)})}, "default '9' on Valkey 8.0"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_facts_that_contradict_each_other_are_refused(facts, text):
    with pytest.raises(ValueError, match=text):
        option(**facts)


@pytest.mark.parametrize(
    ("since", "removed", "there"),
    [
        (("redis 6.2",), (), [REDIS_6_2, REDIS_7_0, REDIS_8_2, VALKEY_8_1, VALKEY_9_1]),
        (("redis 7.0",), (), [REDIS_7_0, REDIS_8_2, VALKEY_8_1, VALKEY_9_1]),
        (("redis 8.2",), (), [REDIS_8_2]),
        (("redis 8.2", "valkey 9.0"), (), [REDIS_8_2, VALKEY_9_1]),
        (("redis 6.2",), ("redis 7.0",), [REDIS_6_2]),
        (("redis 6.2",), ("valkey 8.1",), [REDIS_6_2, REDIS_7_0, REDIS_8_2]),
        (("redis 6.2",), ("valkey 9.1.2",), [REDIS_6_2, REDIS_7_0, REDIS_8_2, VALKEY_8_1]),
    ],
)
def test_exists_at(since, removed, there):
    engines = [REDIS_6_2, REDIS_7_0, REDIS_8_2, VALKEY_8_1, VALKEY_9_1]
    assert [engine for engine in engines if option(since=since, removed=removed).exists_at(engine)] == there


def test_facts_by_version():
    changing = option(
        aliases=("old",),
        kind=By(Integer(), {"redis 7.0": Memory()}),
        default=By("1", {"redis 7.0": "2"}),
        apply=By(Apply.LIVE, {"redis 7.0": Apply.PROTECTED}),
        readable=By(True, {"redis 7.0": False}),
        spelling=By("old", {"redis 7.0": "x"}),
    )

    def facts(engine):
        return (
            type(changing.kind_at(engine)),
            changing.default_at(engine),
            changing.apply_at(engine),
            changing.readable_at(engine),
            changing.spelled_at(engine),
        )

    assert facts(REDIS_6_2) == (Integer, "1", Apply.LIVE, True, "old")
    assert facts(REDIS_8_2) == (Memory, "2", Apply.PROTECTED, False, "x")
    assert changing.names == ("x", "old")


def test_what_is_only_in_the_file_is_never_read():
    assert not option(file_only=True, apply=Apply.RESTART, note="why").readable_at(REDIS_7_0)


@pytest.mark.parametrize(
    ("kind", "secret"), [(Secret(), True), (Text(), False), (By(Text(), {"redis 7.0": Secret()}), True)]
)
def test_secret(kind, secret):
    assert option(kind=kind).secret is secret


# What YAML makes of what people type.
@pytest.mark.parametrize(
    ("raw", "kind", "text"),
    [
        (True, Bool(), "yes"),
        (False, Bool(), "no"),
        (True, Enum(("no", "yes", "local")), "yes"),
        (False, Enum(("always", "everysec", "no")), "no"),
        (300, Integer(), "300"),
        (99.9, Words(), "99.9"),
        ("2gb", Memory(), "2gb"),
        ([900, 1], SavePoints(), "900 1"),
        (["900 1", "300 10"], SavePoints(), "900 1 300 10"),
        ([[900, 1], [300, 10]], SavePoints(), "900 1 300 10"),
        ({900: 1, 300: 10}, SavePoints(), "900 1 300 10"),
        ({"replica": "256mb 64mb 60"}, BufferLimits(), "replica 256mb 64mb 60"),
        ({"replica": ["256mb", "64mb", 60]}, BufferLimits(), "replica 256mb 64mb 60"),
        (("127.0.0.1", "-::1"), Words(), "127.0.0.1 -::1"),
        ([], SavePoints(), ""),
    ],
)
def test_as_text(raw, kind, text):
    assert as_text(raw, kind) == text


@pytest.mark.parametrize(
    ("raw", "kind"),
    [
        (True, Integer()),
        (False, Memory()),
        (True, Text()),
        (True, Enum(("always", "everysec", "no"))),
        (False, Enum(("debug", "notice"))),
        (None, Text()),
        (object(), Text()),
    ],
)
def test_as_text_refuses(raw, kind):
    with pytest.raises(InvalidValue):
        as_text(raw, kind)


def test_a_file_mode_that_yaml_has_read_is_refused():
    with pytest.raises(InvalidValue, match="quoted octal"):
        option(kind=Octal()).parse(0o770, REDIS_7_0)
    assert option(kind=Octal()).parse("770", REDIS_7_0) == 0o770


def test_parse_is_by_version():
    gated = option(kind=By(Integer(1), {"redis 8.2": Integer(1, 64)}))
    assert gated.parse("100", REDIS_7_0) == 100
    with pytest.raises(InvalidValue, match="from 1 to 64"):
        gated.parse(100, REDIS_8_2)
