"""What a person types becomes a desired state, or all of its errors at once."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from ansible.module_utils.redis_ops.model.desired import MASK, DesiredState, default_value, known
from hypothesis import given
from hypothesis import strategies as st
from strategies import ENGINES, declarable, desired_states, quick

REDIS_6_2, REDIS_7, VALKEY_8_1 = map(Engine.parse, ("redis 6.2.14", "redis 7.0.15", "valkey 8.1.1"))


def parse(settings: dict, engine: Engine = REDIS_7) -> dict:
    return dict(DesiredState.parse(settings, engine, "web1").values)


def problems(settings: dict, engine: Engine = REDIS_7) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        parse(settings, engine)
    assert str(raised.value).splitlines() == [str(problem) for problem in raised.value.problems]
    return [str(problem) for problem in raised.value.problems]


# --- what is accepted -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "typed", "value"),
    [
        pytest.param("appendonly", True, True, id="YAML yes"),
        pytest.param("appendonly", False, False, id="YAML no"),
        pytest.param("appendonly", "yes", True, id="quoted yes"),
        pytest.param("appendfsync", False, "no", id="YAML no that is a word"),
        pytest.param("oom-score-adj", True, "yes", id="YAML yes that is a word"),
        pytest.param("hz", 10, 10, id="number"),
        pytest.param("hz", "10", 10, id="quoted number"),
        pytest.param("maxmemory", 2147483648, 2**31, id="bytes"),
        pytest.param("maxmemory", "2gb", 2**31, id="gb"),
        pytest.param("maxmemory", "2g", 2 * 10**9, id="g"),
        pytest.param("save", [900, 1, 300, 10], ((900, 1), (300, 10)), id="list"),
        pytest.param("save", ["900 1", "300 10"], ((900, 1), (300, 10)), id="list of pairs"),
        pytest.param("save", [[900, 1], [300, 10]], ((900, 1), (300, 10)), id="list of lists"),
        pytest.param("save", {900: 1, 300: 10}, ((900, 1), (300, 10)), id="dict"),
        pytest.param("save", "", (), id="empty"),
        pytest.param("save", [], (), id="empty list"),
        pytest.param("bind", ["127.0.0.1", "-::1"], ("127.0.0.1", "-::1"), id="words"),
        pytest.param(
            "client-output-buffer-limit",
            {"normal": "0 0 0", "replica": [0, 0, 60]},
            (("normal", 0, 0, 0), ("replica", 0, 0, 60)),
            id="dict of limits",
        ),
        pytest.param("latency-tracking-info-percentiles", [50, 99.9], (50.0, 99.9), id="floats"),
        pytest.param("unixsocketperm", "0770", 0o770, id="octal"),
        pytest.param("unixsocketperm", "770", 0o770, id="octal without 0"),
    ],
)
def test_what_yaml_makes_of_a_value(name, typed, value):
    assert parse({name: typed}) == {name: value}


@pytest.mark.parametrize("spelling", ["replica-read-only", "slave-read-only", "REPLICA-READ-ONLY", "replica_read_only"])
def test_every_spelling_is_one_option(spelling):
    assert parse({spelling: "no"}) == {"replica-read-only": False}


@quick
@given(st.sampled_from(ENGINES).flatmap(desired_states))
def test_values_come_in_the_order_of_the_catalogue(desired):
    assert list(desired.values) == [option.name for option in catalog.OPTIONS if option.name in desired.values]


@pytest.mark.parametrize("engine", ENGINES, ids=str)
def test_what_is_not_declared_is_the_default_of_the_engine(engine):
    nothing = DesiredState.parse({}, engine, "web1")
    for option in declarable(engine):
        assert nothing.get(option.name) == default_value(option, engine)
    assert nothing.get("dir") is None


def test_a_declared_value_wins_over_the_default():
    assert DesiredState.parse({"appendonly": True}, REDIS_7, "web1").get("appendonly") is True
    assert DesiredState.parse({"save": ""}, REDIS_7, "web1").get("save") == ()


def test_a_name_in_our_own_code_that_no_option_has_is_our_error():
    with pytest.raises(KeyError):
        known("maxmemori")


# --- what is refused --------------------------------------------------------------------------------------------------


def test_every_error_is_told_at_once_and_in_the_order_typed():
    told = problems(
        {
            "maxmemori": "1gb",
            "hz": "often",
            "port": 6379,
            "save": "900",
            "user": "bob on",
            "replicaof": "10.0.0.1 6379",
            "latency-tracking": True,
        },
        REDIS_6_2,
    )
    assert [line.split(": ")[1] for line in told] == [
        "maxmemori",
        "hz",
        "save",
        "user",
        "replicaof",
        "latency-tracking",
    ]
    assert all(line.startswith("web1: ") and "; expected " in line for line in told)


@pytest.mark.parametrize(
    ("name", "suggestion"),
    [
        pytest.param("maxmemori", "maxmemory", id="maxmemori"),
        pytest.param("max-memory-policy", "maxmemory-policy", id="max-memory-policy"),
        # debops wrote this one from 2018 on, and redis-cli never failed (peers D1)
        pytest.param("slave-serve-stale-date", "replica-serve-stale-data", id="D1"),
        pytest.param("appendfsnyc", "appendfsync", id="appendfsnyc"),
        pytest.param("requirpass", "requirepass", id="requirpass"),
    ],
)
def test_an_unknown_name_gets_a_suggestion(name, suggestion):
    [told] = problems({name: "yes"})
    assert told.startswith(f"web1: {name}: no such Redis option; expected a name that redis.conf knows; did you mean ")
    assert suggestion in told


def test_a_name_like_no_other_gets_the_list():
    [told] = problems({"xyzzy": 1})
    assert told.endswith("; docs/settings.md lists them all")


def test_renaming_a_command_is_refused_with_the_reason():
    [told] = problems({"rename-command": 'CONFIG ""'})  # peers D8: rendered as "disabled" by one role
    assert told.startswith("web1: rename-command: is not a setting; ")
    assert "ACL" in told
    assert "breaks the AOF" in told


@pytest.mark.parametrize("name", ["replicaof", "slaveof"])
def test_who_follows_whom_is_not_the_inventory_s_to_say(name):
    [told] = problems({name: "10.0.0.1 6379"})
    assert "belongs to the running server" in told


@pytest.mark.parametrize(
    ("name", "engine", "told"),
    [
        pytest.param("latency-tracking", REDIS_6_2, "Redis 6.2.14 does not have it", id="too new"),
        pytest.param("dynamic-hz", VALKEY_8_1, "Valkey 8.1.1 no longer has it", id="removed"),
        pytest.param("hash-seed", REDIS_7, "(since valkey 9.1)", id="another product"),
        pytest.param("hide-user-data-from-log", REDIS_7, "(since redis 7.4, valkey 8.0)", id="both products"),
    ],
)
def test_an_option_that_this_server_lacks_is_said_as_such(name, engine, told):
    [problem] = problems({name: "yes"}, engine)
    assert told in problem


@pytest.mark.parametrize(
    ("name", "engine"),
    [
        ("dynamic-hz", "valkey 8.1.1"),
        ("lua-replicate-commands", "redis 7.0.15"),
        ("io-threads-do-reads", "redis 8.0.2"),
    ],
)
def test_an_option_that_was_removed_is_not_a_reason_to_upgrade(name, engine):
    [problem] = problems({name: "yes"}, Engine.parse(engine))
    assert "upgrade" not in problem
    assert "since redis 6.2" not in problem


@pytest.mark.parametrize(
    ("first", "second"),
    [("replica-read-only", "slave-read-only"), ("slave-read-only", "replica-read-only"), ("hz", "HZ")],
)
def test_one_option_under_two_names_is_an_error(first, second):
    [told] = problems({first: 1 if first == "hz" else "no", second: 1 if first == "hz" else "no"})
    assert told == f"web1: {second}: {first} is the same option; expected each option once; remove one of the two"


@pytest.mark.parametrize(
    ("name", "typed"),
    [
        pytest.param("unixsocketperm", 504, id="0770 read by YAML"),
        pytest.param("unixsocketperm", 770, id="unquoted 770"),
        pytest.param("unixsocketperm", "0o770", id="0o770"),
        pytest.param("unixsocketperm", "778", id="not octal"),
        pytest.param("maxmemory", "2 gb", id="blank in an amount"),
        pytest.param("maxmemory", "gb", id="no digits"),
        pytest.param("maxmemory", "", id="nothing"),
        pytest.param("maxmemory", "17179869184gb", id="overflow"),
        pytest.param("maxmemory", "-1", id="sign"),
        pytest.param("maxmemory", "1.5gb", id="fraction"),
        pytest.param("maxmemory", True, id="yes for an amount"),
        pytest.param("timeout", "300s", id="unit of time"),
        pytest.param("hz", 501, id="above the range"),
        pytest.param("hz", 0, id="below the range"),
        pytest.param("port", 65536, id="port"),
        pytest.param("maxmemory-policy", "allkeys-lrm", id="word of a later version"),
        pytest.param("save", "900 1 300", id="odd pairs"),
        pytest.param("appendonly", 1, id="1 for yes"),
        pytest.param("dbfilename", "a/b.rdb", id="directory in a file name"),
        pytest.param("client-output-buffer-limit", {"master": "0 0 0"}, id="class"),
        pytest.param("client-output-buffer-limit", "", id="no class"),
        pytest.param("logfile", "/a\nport 1", id="two lines"),
        pytest.param("requirepass", True, id="yes for a secret"),
    ],
)
def test_a_value_of_the_wrong_kind(name, typed):
    [told] = problems({name: typed})
    kind = known(name).kind_at(REDIS_7)
    assert told.startswith(f"web1: {name}: ")
    assert told.count("\n") == 0
    assert "is not valid; expected " in told
    assert told.endswith("; correct the value")
    assert kind.describe() in told or name in ("logfile", "requirepass", "maxmemory", "client-output-buffer-limit")


@pytest.mark.parametrize(
    ("name", "otherwise"), [("maxmemory", "take the line out"), ("requirepass", "'' to remove it")]
)
def test_a_line_that_ends_after_its_colon(name, otherwise):
    [told] = problems({name: None})
    assert told.startswith(f"web1: {name}: has no value; expected ")
    assert told.endswith(f"; type one after the colon, or {otherwise}")


@quick
@given(st.text("qz01", min_size=3).map("qZ7\n{}".format))
def test_an_error_never_shows_a_secret(secret):
    for option in catalog.OPTIONS:
        if option.secret:
            [told] = problems({option.name: secret}, Engine.parse("valkey 9.1.2"))
            assert "qZ7" not in told
            assert f": {MASK} is not valid" in told


def test_a_mistyped_name_does_not_show_its_value():
    [told] = problems({"requirpass": "hunter2"})
    assert "hunter2" not in told


def test_a_number_is_no_secret():
    problems({"requirepass": 0o123})
