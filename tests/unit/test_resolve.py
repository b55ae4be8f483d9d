"""From the inventory to complete instances: layers, profiles, and what two instances must not share."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from ansible.module_utils.redis_ops.model.declaration import LAYERS, Declaration
from ansible.module_utils.redis_ops.model.resolve import DesiredInstance, profile_settings, resolve
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from hypothesis import given
from hypothesis import strategies as st
from strategies import ENGINES, quick

ROOT = Path(__file__).parent.parent.parent
PROFILES = yaml.safe_load((ROOT / "roles/redis_server/vars/main/profiles.yml").read_text())["__redis_server_profiles"]
REDIS_7, VALKEY_8_1 = Engine.parse("redis 7.0.15"), Engine.parse("valkey 8.1.1")
ONE = ({"name": "default", "port": 6379},)
every_engine = pytest.mark.parametrize("engine", ENGINES, ids=str)
every_profile = pytest.mark.parametrize("profile", sorted(PROFILES))


def declared(
    instances: Any = ONE,
    engine: Engine = REDIS_7,
    *,
    profiles: Any = None,
    profile: str = "empty",
    settings: Any = None,
    group: Any = None,
    host: Any = None,
    secrets: Any = None,
    systemd: bool = True,
    memory: int = 0,
    is_managed: Any = lambda _: False,
    **given: Any,
) -> list[DesiredInstance]:
    layers = dict(zip(LAYERS, (settings or {}, group or {}, host or {})))
    declaration = Declaration(instances, {"empty": {}, **(profiles or {})}, profile, layers, secrets or {}, **given)
    product = PRODUCTS[engine.name]
    return resolve(declaration, product, engine, systemd=systemd, memory=memory, is_managed=is_managed)


def problems(*args: Any, **kwargs: Any) -> list[str]:
    with pytest.raises(InvalidInput) as raised:
        declared(*args, **kwargs)
    assert len(set(raised.value.problems)) == len(raised.value.problems)
    return [str(problem) for problem in raised.value.problems]


# --- names of variables ------------------------------------------------------------------------------------------------

KNOWN = ("redis_server_settings", "redis_server_secrets", "redis_host_sysctl")


def mistyped(*variables: str) -> list[str]:
    return problems(settings={"hz": "bad"}, variables=[*KNOWN, *variables], known=KNOWN)


def test_a_variable_that_no_role_has_is_told_with_all_the_rest():
    assert mistyped("redis_server_setings", "redis_host_own_password") == [
        (
            "redis_server_setings: no role has this variable; expected one of those that ansible-doc -t role redis_server "
            "tells; did you mean redis_server_settings?"
        ),
        (
            "redis_host_own_password: no role has this variable; expected one of those that ansible-doc -t role redis_host tells; "
            "correct it, or name it in redis_server_allowed_variables if it is yours"
        ),
        *mistyped(),
    ]
    assert len(mistyped()) == 1


# --- layers -----------------------------------------------------------------------------------------------------------

OF_A_PROFILE = {"profiles": {"mine": {"timeout": 1}}, "profile": "mine"}


@pytest.mark.parametrize(
    ("kwargs", "own", "expected"),
    [
        pytest.param({}, {}, 0, id="default of the engine"),
        pytest.param(OF_A_PROFILE, {}, 1, id="profile"),
        pytest.param({**OF_A_PROFILE, "settings": {"timeout": 2}}, {}, 2, id="settings over profile"),
        pytest.param({"settings": {"timeout": 2}, "group": {"timeout": 3}}, {}, 3, id="group over settings"),
        pytest.param({"group": {"timeout": 3}, "host": {"timeout": 4}}, {}, 4, id="host over group"),
        pytest.param({"settings": {"timeout": 2}, "host": {"timeout": 4}}, {}, 4, id="host over settings"),
        pytest.param({"host": {"timeout": 4}}, {"timeout": 5}, 5, id="own over host"),
        pytest.param({**OF_A_PROFILE, "settings": {"timeout": 2}}, {"timeout": 3}, 3, id="own over settings"),
        pytest.param({**OF_A_PROFILE, "settings": {"TIMEOUT": 2}}, {"Timeout": 3}, 3, id="in any spelling"),
    ],
)
def test_a_later_layer_wins(kwargs, own, expected):
    [instance] = declared([{"name": "default", "settings": own}], **kwargs)
    assert instance.desired.get("timeout") == expected


def test_a_later_layer_wins_under_another_name():
    [instance] = declared(
        profiles={"mine": {"slave-read-only": "yes"}}, profile="mine", settings={"replica-read-only": "no"}
    )
    assert instance.settings["replica-read-only"] == "no"
    assert "slave-read-only" not in instance.settings


def test_a_layer_for_a_group_keeps_the_other_options_of_the_layer_above_it():
    """Field case A21: a child group must not drop the settings of its parent."""
    [instance] = declared(
        settings={"maxmemory": "1gb", "bind": "0.0.0.0", "slave-read-only": "no"},
        group={"hz": 20},
        host={"replica-read-only": "yes"},
    )
    got = [instance.desired.get(name) for name in ("maxmemory", "bind", "hz", "replica-read-only")]
    assert got == [2**30, ("0.0.0.0",), 20, True]


@pytest.mark.parametrize("where", ["settings", "group", "host", "own", "profile"])
def test_one_option_under_two_names_in_one_layer_is_an_error(where):
    twice = {"slave-read-only": "yes", "replica-read-only": "no"}
    own = {"name": "default", "settings": twice if where == "own" else {}}
    layers = {where: twice} if where in ("settings", "group", "host") else {}
    found = problems([own], profiles={"mine": twice if where == "profile" else {}}, profile="mine", **layers)
    assert any("slave-read-only and replica-read-only are the same option" in problem for problem in found)


# --- defaults of this project that nobody typed -----------------------------------------------------------------------

PLACES = {"port", "bind", "protected-mode", "dir", "logfile", "pidfile", "daemonize", "supervised"}


@pytest.mark.parametrize(
    ("entry", "kwargs", "typed"),
    [
        pytest.param({}, {}, set(), id="nothing"),
        pytest.param({"port": 6379}, {}, {"port"}, id="the default port as the instance's own"),
        pytest.param({}, {"settings": {"bind": "127.0.0.1 -::1"}}, {"bind"}, id="the default bind as a setting"),
        pytest.param({"settings": {"DIR": "/var/lib/redis"}}, {}, {"dir"}, id="in another spelling"),
        pytest.param({}, {"group": {"logfile": ""}}, {"logfile"}, id="in a group"),
        pytest.param({}, {"host": {"pidfile": "/run/x"}}, {"pidfile"}, id="of a host"),
        pytest.param(
            {}, {"profiles": {"m": {"protected-mode": "no"}}, "profile": "m"}, {"protected-mode"}, id="profile"
        ),
    ],
)
def test_a_default_of_ours_is_weak_until_somebody_types_the_option(entry, kwargs, typed):
    [instance] = declared([{"name": "default", **entry}], **kwargs)
    assert instance.weak == PLACES - typed
    assert set(instance.desired.values) >= PLACES


@pytest.mark.parametrize(
    ("entry", "profile", "assumed"),
    [
        pytest.param({}, "", {"hz", "timeout"}, id="nobody typed one"),
        pytest.param({}, "guide", set(), id="typed for all"),
        pytest.param({"profile": "guide"}, "", set(), id="typed for the instance"),
        pytest.param({"settings": {"hz": 10}}, "", {"timeout"}, id="one option typed"),
    ],
)
def test_a_profile_is_assumed_until_somebody_types_its_name(entry, profile, assumed):
    guide = {"guide": {"hz": 10, "timeout": 1}}
    [instance] = declared([{"name": "default", **entry}], profiles=guide, profile=profile)
    assert instance.assumed == assumed
    assert instance.profile == "guide"
    assert instance.desired.get("timeout") == 1


@pytest.mark.parametrize(
    ("entry", "kwargs", "expected"),
    [
        pytest.param({}, {}, ("", False, False), id="nothing"),
        pytest.param(
            {},
            {"adopt": "keep", "accept_eviction": True, "accept_empty": True},
            ("keep", True, True),
            id="for all instances",
        ),
        pytest.param(
            {"adopt": "replace", "accept_eviction": False, "accept_empty": False},
            {"adopt": "keep", "accept_eviction": True, "accept_empty": True},
            ("replace", False, False),
            id="the instance's own answers win",
        ),
        pytest.param({"accept_empty": True}, {}, ("", False, True), id="own alone"),
        pytest.param(
            {"adopt": None, "accept_eviction": None},
            {"adopt": "keep", "accept_eviction": True},
            ("keep", True, False),
            id="a key without a value says nothing",
        ),
    ],
)
def test_answers_about_a_server_that_is_already_there(entry, kwargs, expected):
    [instance] = declared([{"name": "default", **entry}], **kwargs)
    assert (instance.adopt, instance.accept_eviction, instance.accept_empty) == expected


@pytest.mark.parametrize("managed", [True, False])
def test_an_instance_lives_under_its_old_name_until_it_is_renamed(managed):
    entry = {"name": "new", "renamed_from": "old"}
    [instance] = declared([entry], is_managed=lambda layout: managed and layout.instance == "old")
    assert (instance.name, instance.where) == ("new", "instance new")
    assert instance.layout.instance == ("old" if managed else "new")
    assert instance.settings["dir"] == ("/var/lib/redis/old" if managed else "/var/lib/redis/new")
    assert (instance.successor is not None) is managed


def test_an_instance_may_have_a_file_and_a_unit_of_somebody_else():
    entry = {"name": "shop", "config": "/srv/redis/shop.conf", "service": "redis-shop.service"}
    [instance] = declared([entry])
    assert (instance.layout.config, instance.layout.service) == ("/srv/redis/shop.conf", "redis-shop")


# --- maxmemory as a share of the host's memory ------------------------------------------------------------------------

MEGABYTE = 2**20


@pytest.mark.parametrize(
    ("text", "memory", "expected"),
    [
        pytest.param("50%", 4096 * MEGABYTE, 2048 * MEGABYTE, id="half"),
        pytest.param("50 %", 4096 * MEGABYTE, 2048 * MEGABYTE, id="with a blank"),
        pytest.param(" 12.5% ", 4096 * MEGABYTE, 512 * MEGABYTE, id="a fraction"),
        pytest.param("1%", 4096 * MEGABYTE, 40 * MEGABYTE, id="whole mebibytes, rounded down"),
        pytest.param("100%", 512 * MEGABYTE, 512 * MEGABYTE, id="all of it"),
        pytest.param("512mb", 0, 512 * MEGABYTE, id="an amount needs no memory"),
    ],
)
def test_maxmemory_as_a_share_of_the_host_s_memory(text, memory, expected):
    [instance] = declared(settings={"maxmemory": text}, memory=memory)
    assert instance.desired.get("maxmemory") == expected
    assert "%" not in str(instance.settings["maxmemory"])


@pytest.mark.parametrize("layer", ["settings", "group", "host"])
def test_every_layer_takes_a_share(layer):
    [instance] = declared(memory=1024 * MEGABYTE, **{layer: {"maxmemory": "50%"}})
    assert instance.desired.get("maxmemory") == 512 * MEGABYTE
    [instance] = declared([{"name": "default", "settings": {"MaxMemory": "25%"}}], memory=1024 * MEGABYTE)
    assert instance.desired.get("maxmemory") == 256 * MEGABYTE


@pytest.mark.parametrize(
    ("text", "memory", "told"),
    [
        ("0%", 4096 * MEGABYTE, "0% is not valid; expected an amount such as 512mb, or a share"),
        ("101%", 4096 * MEGABYTE, "101% is not valid"),
        ("-5%", 4096 * MEGABYTE, "'-5%' is not valid"),
        ("many%", 4096 * MEGABYTE, "'many%' is not valid"),
        ("1e1%", 4096 * MEGABYTE, "'1e1%' is not valid"),
        ("50%", 0, "50% of a memory that this host does not tell"),
    ],
)
def test_a_share_that_is_none(text, memory, told):
    [problem] = problems(settings={"maxmemory": text}, memory=memory)
    assert problem.startswith("instance default: maxmemory: ")
    assert told in problem


@quick
@given(st.floats(1, 100), st.integers(MEGABYTE, 2**44))
def test_a_share_is_never_more_than_it_says(percent, memory):
    [instance] = declared(settings={"maxmemory": f"{percent:f}%"}, memory=memory)
    got = instance.desired.get("maxmemory")
    assert got % MEGABYTE == 0
    assert memory * percent / 100 - 2 * MEGABYTE <= got <= max(memory * (percent + 1e-5) / 100, MEGABYTE)
    assert got > 0, "0 would be no limit"


def test_the_package_s_needs_are_the_weakest_layer():
    [instance] = declared(profiles={"mine": {"protected-mode": "no"}}, profile="mine", settings={"dir": "/srv/redis"})
    assert instance.desired.get("dir") == "/srv/redis"
    assert instance.desired.get("protected-mode") is False
    assert instance.desired.get("bind") == ("127.0.0.1", "-::1")


def test_an_instance_has_its_own_profile_port_settings_and_secrets():
    cache, queue = declared(
        [
            {"name": "cache", "port": 6379, "profile": "one", "settings": {"hz": 20}, "secrets": {"requirepass": "a"}},
            {"name": "queue", "port": 6380},
        ],
        profiles={"one": {"maxclients": 100}, "two": {"maxclients": 200}},
        profile="two",
        secrets={"requirepass": "b", "masterauth": "c"},
    )
    got = [
        [instance.desired.get(name) for name in ("port", "maxclients", "hz", "requirepass", "masterauth")]
        for instance in (cache, queue)
    ]
    assert got == [[6379, 100, 20, "a", "c"], [6380, 200, 10, "b", "c"]]
    assert [instance.profile for instance in (cache, queue)] == ["one", "two"]


def test_secrets_are_in_the_desired_state_and_not_in_the_settings_that_are_shown():
    [instance] = declared(secrets={"requirepass": "hunter2"}, settings={"hz": 10})
    assert instance.desired.get("requirepass") == "hunter2"
    assert "hunter2" not in str(instance.settings)


@pytest.mark.parametrize("port", [6380, "6380"])
def test_a_port(port):
    assert declared([{"name": "default", "port": port}])[0].desired.get("port") == 6380


def test_port_0_is_a_declaration():
    assert declared([{"name": "default", "port": 0, "settings": {"tls-port": 6380}}])[0].desired.get("port") == 0


# --- profiles ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("profiles", "expected"),
    [
        pytest.param({"a": {"hz": 1}}, {"hz": 1}, id="alone"),
        pytest.param({"a": {"based_on": "b", "hz": 1}, "b": {"hz": 2, "port": 3}}, {"hz": 1, "port": 3}, id="on one"),
        pytest.param(
            {"a": {"based_on": "b"}, "b": {"based_on": "c", "hz": 2}, "c": {"hz": 3, "timeout": 4}},
            {"hz": 2, "timeout": 4},
            id="on a chain",
        ),
        pytest.param(
            {"a": {"based_on": "b", "replica-priority": 1}, "b": {"slave-priority": 2}},
            {"replica-priority": 1},
            id="in other words",
        ),
        pytest.param({"a": {"based_on": "gone", "hz": 1}}, {"hz": 1}, id="on nothing"),
        pytest.param({"a": {"based_on": "a", "hz": 1}}, {"hz": 1}, id="on itself"),
        pytest.param({"a": {"based_on": "b"}, "b": {"based_on": "a", "hz": 1}}, {"hz": 1}, id="in a ring"),
        pytest.param({}, {}, id="unknown"),
    ],
)
def test_profiles_build_on_each_other(profiles, expected):
    assert profile_settings(profiles, "a", REDIS_7) == expected


@pytest.mark.parametrize(
    ("profiles", "told"),
    [
        pytest.param({"a": {"based_on": "b"}, "b": {"based_on": "a"}}, "a -> b -> a never ends", id="ring"),
        pytest.param({"a": {"based_on": "a"}}, "a -> a never ends", id="on itself"),
        pytest.param({"a": {"based_on": "gone"}}, "profile gone does not exist", id="on nothing"),
    ],
)
def test_a_profile_that_stands_on_nothing(profiles, told):
    assert any(told in problem for problem in problems(profiles=profiles, profile="a"))
    assert problems(profiles=profiles), "also where nobody uses it"


def test_an_unknown_profile_gets_a_suggestion():
    [told] = problems(profiles=PROFILES, profile="cash")
    assert told.startswith("instance default: profile cash does not exist; expected one of cache, cache-lfu, ")
    assert told.endswith("did you mean cache?")
    [told] = problems([{"name": "default", "profile": "xyzzy"}], profiles=PROFILES)
    assert told.endswith("; add it to redis_server_profiles")


@every_engine
@every_profile
def test_the_built_in_profiles_fit_every_server(engine, profile):
    [instance] = declared(engine=engine, profiles=PROFILES, profile=profile)
    assert instance.desired.get("tcp-backlog") == 511
    unknown = [name for name in profile_settings(PROFILES, profile, engine) if catalog.find(name) is None]
    assert unknown == []


def test_what_a_server_does_not_have_is_left_out_of_a_profile_and_refused_in_the_inventory():
    [instance] = declared(engine=VALKEY_8_1, profiles=PROFILES, profile="guide")
    assert "dynamic-hz" not in instance.settings
    for typed in ({"settings": {"dynamic-hz": "yes"}}, {"instances": [{**ONE[0], "settings": {"dynamic-hz": "yes"}}]}):
        [told] = problems(engine=VALKEY_8_1, profiles=PROFILES, profile="guide", **typed)
        assert told.startswith("instance default: dynamic-hz: Valkey 8.1.1 no longer has it")


# Section 9 of the tuning guide, read by hand: option, as the guide writes it.
GUIDE_9 = {
    "maxmemory": 2 * 1024**3,  # 2gb
    "maxmemory-policy": "allkeys-lru",
    "appendonly": True,
    "appendfsync": "everysec",
    "auto-aof-rewrite-percentage": 100,
    "auto-aof-rewrite-min-size": 100 * 1024**2,  # 100mb
    "maxclients": 10000,
    "tcp-backlog": 511,
    "timeout": 0,
    "tcp-keepalive": 300,
    "hz": 10,
    "dynamic-hz": True,
    "repl-diskless-sync": True,
    "repl-diskless-sync-delay": 5,
    "latency-monitor-threshold": 0,
}
# What sections 1 to 6 add where 9 is silent; 2.2 says aof-use-rdb-preamble and means no-appendfsync-on-rewrite.
GUIDE_1_TO_6 = {
    "maxmemory-samples": 5,
    "save": ((900, 1), (300, 10), (60, 10000)),
    "aof-use-rdb-preamble": True,
    "no-appendfsync-on-rewrite": False,
    "client-output-buffer-limit": (
        ("normal", 0, 0, 0),
        ("pubsub", 32 * 1024**2, 8 * 1024**2, 60),
        ("replica", 256 * 1024**2, 64 * 1024**2, 60),
    ),
    "slowlog-log-slower-than": 10000,
    "slowlog-max-len": 100,
}


@every_engine
def test_the_default_is_the_guide(engine):
    expected = {**GUIDE_9, **GUIDE_1_TO_6}
    if engine.reached("valkey 8.1"):
        del expected["dynamic-hz"]
    [instance] = declared(engine=engine, profiles=PROFILES, profile="guide")
    assert {name: instance.desired.values[name] for name in expected} == expected
    own = profile_settings(PROFILES, "guide", engine)
    assert set(own) == set(expected), "nothing that the guide does not say"


@pytest.mark.parametrize(
    ("profile", "name", "value"),
    [
        ("cache", "maxmemory-policy", "allkeys-lru"),
        ("cache", "appendonly", False),
        ("cache-lfu", "maxmemory-policy", "allkeys-lfu"),
        ("cache-lfu", "lfu-log-factor", 10),
        ("cache-lfu", "lfu-decay-time", 1),
        ("cache-lfu", "appendonly", False),
        ("session", "maxmemory-policy", "volatile-lru"),
        ("session", "appendonly", True),
        ("queue", "maxmemory-policy", "noeviction"),
        ("queue", "appendonly", True),
        ("queue", "appendfsync", "everysec"),
        ("queue", "no-appendfsync-on-rewrite", False),
    ],
)
def test_the_other_profiles(profile, name, value):
    assert declared(profiles=PROFILES, profile=profile)[0].desired.get(name) == value


# --- what is refused --------------------------------------------------------------------------------------------------

TWO = [{"name": "a", "port": 6379}, {"name": "b", "port": 6380}]


def with_settings(**settings: Any) -> list[dict]:
    return [TWO[0], {**TWO[1], "settings": {name.replace("_", "-"): value for name, value in settings.items()}}]


@pytest.mark.parametrize(
    ("kwargs", "told"),
    [
        pytest.param({"instances": []}, "redis_server_instances: is empty", id="no instance"),
        pytest.param({"instances": [TWO[0], {"name": "a", "port": 1}]}, "instance a: is declared twice", id="name"),
        pytest.param({"instances": [{"name": "A b"}]}, "instance A b: is no instance name", id="blank in a name"),
        pytest.param({"instances": [{"name": "../etc"}]}, "is no instance name", id="path in a name"),
        pytest.param({"instances": [{"name": "a" * 33}]}, "is no instance name", id="long name"),
        pytest.param({"instances": [{"name": "-a"}]}, "is no instance name", id="option as a name"),
        pytest.param({"instances": [{"name": ""}]}, "has no name", id="no name"),
        pytest.param(
            {"instances": [TWO[0], {"name": "b", "port": 6379}]},
            "instance b: port: 6379 is already the port of instance a",
            id="port",
        ),
        pytest.param({"instances": [{"name": "a"}, {"name": "b"}]}, "6379 is already the port", id="default port"),
        pytest.param(
            {"instances": with_settings(tls_port=6379)},
            "tls-port: 6379 is already the port of instance a",
            id="tls-port",
        ),
        pytest.param({"instances": with_settings(dir="/var/lib/redis/a")}, "dir: /var/lib/redis/a is", id="dir"),
        pytest.param({"instances": with_settings(dir="/var/lib//redis/a/")}, "dir: /var/lib/redis/a is", id="same dir"),
        pytest.param(
            {"instances": TWO, "settings": {"dir": "/srv"}}, "dir: /srv is already the dir of", id="dir of all"
        ),
        pytest.param({"instances": TWO, "settings": {"logfile": "/a"}}, "logfile: /a is already", id="logfile of all"),
        pytest.param({"instances": TWO, "settings": {"unixsocket": "/a"}}, "unixsocket: /a is", id="socket of all"),
        pytest.param({"instances": TWO, "settings": {"pidfile": "/a"}}, "pidfile: /a is already", id="pidfile of all"),
        pytest.param({"instances": TWO, "systemd": False}, "this host has no systemd", id="two instances, SysV"),
        pytest.param({"instances": [TWO[0]], "systemd": False}, "this host has no systemd", id="one of them, SysV"),
        pytest.param(
            {"settings": {"requirepass": "hunter2"}},
            "redis_server_settings: requirepass: is a secret",
            id="secret in settings",
        ),
        pytest.param(
            {"settings": {"primaryauth": "hunter2"}}, "primaryauth: is a secret", id="secret in settings, alias"
        ),
        pytest.param(
            {"instances": [{"name": "default", "settings": {"masterauth": "hunter2"}}]},
            "instance default: masterauth: is a secret",
            id="secret in own settings",
        ),
        pytest.param(
            {"profiles": {"mine": {"requirepass": "hunter2"}}},
            "profile mine: requirepass: is a secret",
            id="secret in a profile",
        ),
        pytest.param({"settings": {"maxmemori": 1}}, "maxmemori: no such Redis option", id="unknown option"),
        pytest.param({"profiles": {"m": {"maxmemori": 1}}, "profile": "m"}, "maxmemori: no such", id="in a profile"),
        pytest.param({"secrets": {"requirepas": "hunter2"}}, "did you mean requirepass", id="in secrets"),
    ],
)
def test_refused(kwargs, told):
    found = problems(kwargs.pop("instances", ONE), **kwargs)
    assert any(told in problem for problem in found), found
    assert "hunter2" not in str(found)


def test_all_problems_of_all_instances_at_once():
    found = problems([{"name": "a", "settings": {"hz": "x"}}, {"name": "B"}], settings={"hzz": 1, "requirepass": "s"})
    assert [line.split(";")[0] for line in found] == [
        "instance B: is no instance name",
        "redis_server_settings: requirepass: is a secret, and settings are printed and logged",
        "redis_server_settings: hzz: no such Redis option",
        "instance a: hz: 'x' is not valid",
    ]


def test_a_server_that_is_kept_may_have_other_places_than_our_defaults():
    """Its port and its directory are in its file; checks.shared compares what it really has."""
    kept = {"name": "default", "adopt": "keep"}
    assert declared([kept, {"name": "b", "port": 6379}])
    assert declared([kept, {"name": "b", "port": 6380, "settings": {"dir": "/var/lib/redis"}}])
    problems([{**kept, "port": 6379}, {"name": "b", "port": 6379}])
    problems([{"name": "default"}, {"name": "b", "port": 6379}])


def test_two_instances_share_nothing_by_default():
    a, b = declared(TWO)
    for name in ("port", "dir", "logfile", "pidfile"):
        assert a.desired.get(name) != b.desired.get(name)
    assert {a.layout.config, a.layout.service, a.layout.state}.isdisjoint(
        {b.layout.config, b.layout.service, b.layout.state}
    )


def test_sysv_runs_the_instance_of_the_package():
    [instance] = declared(systemd=False)
    assert instance.layout.service == "redis-server"


def test_one_instance_does_not_take_a_port_twice():
    problems(settings={"tls-port": 6379})


@pytest.mark.parametrize("engine", ["redis 6.0.16", "valkey 7.0"])
def test_a_server_that_is_too_old(engine):
    assert any("is too old" in problem for problem in problems(engine=Engine.parse(engine)))


def test_a_server_that_is_too_old_is_told_once():
    # Ubuntu 22.04
    [told] = problems(engine=Engine.parse("redis 6.0.16"), profiles=PROFILES, profile="guide")
    assert "Redis 6.0.16 is too old" in told


@pytest.mark.parametrize(
    ("settings", "profiles"),
    [
        # the inventory's own example with only its first line uncommented
        pytest.param(None, {}, id="redis_server_settings:"),
        pytest.param({}, {"mine": None}, id="a profile"),
    ],
)
def test_a_key_without_a_value_is_no_crash(settings, profiles):
    declaration = Declaration(ONE, {"empty": {}, **profiles}, "empty", {LAYERS[0]: settings}, None)
    with contextlib.suppress(InvalidInput):  # saying so is as good
        resolve(declaration, PRODUCTS["redis"], REDIS_7, systemd=True)


# --- layouts ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("product", sorted(PRODUCTS))
@pytest.mark.parametrize("systemd", [True, False], ids=["systemd", "SysV"])
def test_the_file_says_what_the_one_who_starts_it_says(product, systemd):
    # peers D13: `daemonize yes` under Type=notify fails with result 'protocol'
    engine = Engine.parse("valkey 8.1.1" if product == "valkey" else "redis 7.0.15")
    [instance] = declared(engine=engine, systemd=systemd)
    assert instance.desired.get("daemonize") is not systemd
    assert instance.desired.get("supervised") == ("systemd" if systemd else "no")
    assert instance.desired.get("pidfile") == f"/run/{product}/{product}-server.pid"


@pytest.mark.parametrize("product", sorted(PRODUCTS))
@pytest.mark.parametrize("name", ["default", "cache"])
def test_data_is_never_where_configuration_is(product, name):
    # peers D12
    engine = Engine.parse("valkey 8.1.1" if product == "valkey" else "redis 7.0.15")
    [instance] = declared([{"name": name}], engine)
    directory = instance.desired.get("dir")
    assert directory == f"/var/lib/{product}" + ("" if name == "default" else f"/{name}")
    assert not directory.startswith("/etc")
    assert instance.layout.config.startswith(f"/etc/{product}/")
    assert instance.layout.extra_write_paths(directory, str(instance.desired.get("logfile").rpartition("/")[0])) == []
