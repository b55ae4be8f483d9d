"""In which order a running server is changed: it is never without a way in, and never open, on the way to its new state."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from ansible.module_utils.redis_ops.model.conffile import render
from ansible.module_utils.redis_ops.model.desired import DesiredState, known
from ansible.module_utils.redis_ops.plan.comparison import Absent, How, Observed
from ansible.module_utils.redis_ops.plan.plan import Plan, build
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import ENGINES, quick

thorough = settings(quick, max_examples=400)

REDIS_6, REDIS_7 = ENGINES[0], ENGINES[1]
# What decides who gets in, with the values that tests try
CHOICES = {
    "port": ("0", "6379", "7000"),
    "tls-port": ("0", "6380"),
    "unixsocket": ("", "/run/redis/r.sock"),
    "bind": ("127.0.0.1", "127.0.0.1 -::1", "0.0.0.0", "* -::*", "10.0.0.5"),
    "protected-mode": ("yes", "no"),
    "tls-auth-clients": ("yes", "no", "optional"),
    "requirepass": ("", "one", "two"),
    "aclfile": ("", "/etc/redis/users.acl"),
}
WAYS_IN = ("port", "tls-port", "unixsocket")

states = st.fixed_dictionaries({name: st.sampled_from(values) for name, values in CHOICES.items()})


def plan(old: Mapping[str, str], new: Mapping[str, str], engine=REDIS_7) -> Plan:
    """From a server and a file that have the old state to a declaration of the new one."""
    file = render(DesiredState.parse(old, engine, "here"), "default")
    return build(DesiredState.parse(new, engine, "here"), Observed(file=file, live=dict(old)), "default", "here")


def values(state: Mapping[str, str], engine=REDIS_7) -> dict[str, Any]:
    return {name: known(name).kind_at(engine).parse(text) for name, text in state.items()}


def steps(found: Plan, old: Mapping[str, str], engine=REDIS_7) -> Iterator[dict[str, Any]]:
    """The state of the running server after each setting of the one-at-a-time order. The last one is that until a restart."""
    state = values(old, engine)
    yield state
    for entry in found.live:
        state = {**state, entry.option.name: entry.want}
        yield state


def has_a_way_in(state: Mapping[str, Any]) -> bool:
    return any(state[name] for name in WAYS_IN)


def is_remote(state: Mapping[str, Any]) -> bool:
    return any(not word.lstrip("-").startswith(("127.", "::1")) for word in state["bind"])


def asks_for_credentials(state: Mapping[str, Any]) -> bool:
    return bool(state["requirepass"] or state["aclfile"])


def is_open(state: Mapping[str, Any]) -> bool:
    """Whether somebody on another host gets in without a password and without a certificate.

    Redis 7.0, networking.c, acceptCommonHandler: protected mode refuses others while the default user has no password.
    """
    if not is_remote(state) or asks_for_credentials(state) or state["protected-mode"]:
        return False
    return bool(state["port"] or (state["tls-port"] and state["tls-auth-clients"] != "yes"))


@thorough
@given(states, states, st.sampled_from(ENGINES))
def test_a_server_always_has_a_way_in(old, new, engine):
    """Field case A15."""
    found = plan(old, new, engine)
    if has_a_way_in(values(old)) and has_a_way_in(values(new)):
        assert all(map(has_a_way_in, steps(found, old, engine)))


@thorough
@given(states, states, st.sampled_from(ENGINES))
def test_a_server_is_never_open_between_two_states_that_are_closed(old, new, engine):
    found = plan(old, new, engine)
    if not is_open(values(old)) and not is_open(values(new)):
        assert not any(map(is_open, steps(found, old, engine)))


@thorough
@given(states, states, st.sampled_from(ENGINES))
def test_a_protection_of_both_states_is_there_all_the_time(old, new, engine):
    before, after = values(old), values(new)
    protections = [
        asks_for_credentials,
        lambda state: state["protected-mode"],
        lambda state: state["tls-auth-clients"] == "yes",
        lambda state: not is_remote(state),
        lambda state: not state["port"],
    ]
    found = plan(old, new, engine)
    for holds in protections:
        if holds(before) and holds(after):
            assert all(map(holds, steps(found, old, engine)))


@thorough
@given(states, states)
def test_whatever_waits_is_owed_and_the_end_is_the_new_state(old, new):
    found = plan(old, new)
    end = {**values(old), **{entry.option.name: entry.want for entry in (*found.live, *found.pending_restart)}}
    assert end == values(new)
    assert all(entry.reason for entry in found.pending_restart)


@thorough
@given(states, st.data())
def test_the_way_back_of_a_failed_restart_is_the_state_until_then(old, data):
    """What waits for a restart is not in the file that a restart which fails goes back to."""
    new = data.draw(states)
    found = plan(old, new)
    *_, until_then = steps(found, old)
    back = build(
        DesiredState.parse({}, REDIS_7, "x"), Observed(file=found.file_running), "x", "x"
    ).compare.observed.parsed.values(REDIS_7)
    for name, value in until_then.items():
        assert back.get(name, known(name).kind_at(REDIS_7).parse(known(name).default_at(REDIS_7) or "")) == value


# --- examples -----------------------------------------------------------------------------------------------------------

BASE = {
    "port": "6379",
    "tls-port": "0",
    "unixsocket": "",
    "bind": "127.0.0.1",
    "protected-mode": "yes",
    "tls-auth-clients": "yes",
    "requirepass": "",
    "aclfile": "",
}
SOCKET = "/run/redis/r.sock"


@pytest.mark.parametrize(
    ("old", "new", "live", "waits"),
    [
        pytest.param({}, {"port": "0", "unixsocket": SOCKET}, [], {"port", "unixsocket"}, id="A15: port to socket"),
        pytest.param({"unixsocket": SOCKET}, {"unixsocket": SOCKET, "port": "0"}, ["port"], set(), id="a socket stays"),
        pytest.param({}, {"port": "0", "tls-port": "6380"}, ["tls-port", "port"], set(), id="port to TLS"),
        pytest.param({}, {"port": "7000"}, ["port"], set(), id="another port"),
        pytest.param(
            {"tls-port": "6380"},
            {"port": "0", "tls-port": "0", "unixsocket": SOCKET},
            [],
            {"port", "tls-port", "unixsocket"},
            id="two ports to a socket",
        ),
        pytest.param(
            {"requirepass": "one"},
            {"requirepass": "", "aclfile": "/u"},
            [],
            {"requirepass", "aclfile"},
            id="the password stays until the users are there",
        ),
        pytest.param(
            {"requirepass": "one", "aclfile": "/u"},
            {"requirepass": "", "aclfile": "/u", "bind": "0.0.0.0"},
            ["bind"],
            {"requirepass"},
            id="the users that are there already have it",
        ),
        pytest.param(
            {}, {"requirepass": "one", "bind": "0.0.0.0"}, ["requirepass", "bind"], set(), id="password first"
        ),
        pytest.param({"requirepass": "one", "bind": "0.0.0.0"}, {}, ["bind", "requirepass"], set(), id="password last"),
        pytest.param(
            {"protected-mode": "no"},
            {"bind": "0.0.0.0", "aclfile": "/u", "protected-mode": "no"},
            [],
            {"bind", "aclfile"},
            id="no door is opened before the users are there",
        ),
        pytest.param(
            {"port": "0", "unixsocket": SOCKET, "protected-mode": "no", "bind": "0.0.0.0"},
            {"bind": "0.0.0.0", "aclfile": "/u", "protected-mode": "no", "unixsocket": SOCKET},
            [],
            {"port", "aclfile"},
            id="no port either",
        ),
        pytest.param(
            {"protected-mode": "no"},
            {"port": "0", "tls-port": "6380", "bind": "0.0.0.0", "aclfile": "/u", "protected-mode": "no"},
            [],
            {"port", "tls-port", "bind", "aclfile"},
            id="and the old port stays as long",
        ),
    ],
)
def test_what_is_set_at_once_and_what_waits(old, new, live, waits):
    found = plan({**BASE, **old}, {**BASE, **new})
    assert [entry.option.name for entry in found.live] == live
    assert {entry.option.name for entry in found.pending_restart} == waits


def test_what_nobody_changes_does_not_wait():
    found = plan({**BASE, "hz": "10"}, {**BASE, "port": "0", "unixsocket": SOCKET, "hz": "20"})
    assert [entry.option.name for entry in found.live] == ["hz"]


def test_a_server_that_tells_no_value_is_no_reason_to_wait():
    desired = DesiredState.parse({"port": "0", "unixsocket": SOCKET}, REDIS_6, "here")
    found = build(desired, Observed(file="", live={"port": "0"}), "x", "x")
    assert all(isinstance(entry.live, Absent) or entry.how is not How.LIVE for entry in found.entries)
