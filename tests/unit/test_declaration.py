"""What is wrong with a declaration on any host, told on the control node without ever showing a value."""

from __future__ import annotations

import re
from typing import Any

import pytest
from ansible.module_utils.redis_control.validating import of_declaration
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.edge import arguments
from ansible.module_utils.redis_ops.model import declaration
from ansible.module_utils.redis_ops.model.declaration import INSTANCE_KEYS, LAYERS, Declaration
from hypothesis import given
from hypothesis import strategies as st
from strategies import AWKWARD, quick

SECRETS = sorted(option.name for option in catalog.OPTIONS if option.secret)
VALUE = "hunter2"


def typed(**changes: Any) -> Declaration:
    """A declaration with nothing wrong in it, but for the changes."""
    given = {"instances": [{"name": "default"}], "profiles": {"guide": {}}, "profile": "guide", **changes}
    return Declaration(**given)


def told(**changes: Any) -> list[str]:
    found = declaration.problems(typed(**changes))
    assert len(set(found)) == len(found)
    for problem in found:
        assert "\n" not in str(problem)
        assert all((problem.where, problem.what, problem.expected, problem.remedy))
    return [str(problem) for problem in found]


def test_nothing_is_wrong():
    assert told() == []


# --- shapes -----------------------------------------------------------------------------------------------------------

NO_MAPPINGS = [VALUE, [VALUE], [{"requirepass": VALUE}], 7, True]
NO_TEXTS = [{"requirepass": VALUE}, [VALUE]]


@pytest.mark.parametrize("value", NO_MAPPINGS, ids=repr)
@pytest.mark.parametrize("where", [*LAYERS, "redis_server_secrets", "redis_server_profiles", "profile mine"])
def test_what_must_be_a_mapping(where, value):
    changes: dict[str, Any] = {
        "redis_server_secrets": {"secrets": value},
        "redis_server_profiles": {"profiles": value},
        "profile mine": {"profiles": {"guide": {}, "mine": value}},
    }.get(where, {"settings": {where: value}})
    [text] = told(**changes)
    assert re.match(rf"{where}: is (a list|a single value); expected a mapping", text)
    assert VALUE not in text


@pytest.mark.parametrize("key", ["settings", "secrets"])
@pytest.mark.parametrize("value", NO_MAPPINGS, ids=repr)
def test_what_must_be_a_mapping_in_an_instance(key, value):
    [text] = told(instances=[{"name": "a"}, {"name": "b", key: value}])
    assert text.startswith(f"redis_server_instances, number 2: {key}: is a ")
    assert VALUE not in text


@pytest.mark.parametrize("value", [None, VALUE, {"name": "a"}, 7, True], ids=repr)
def test_what_must_be_a_list(value):
    [text] = told(instances=value)
    assert re.match(r"redis_server_instances: is (a mapping|a single value|no mapping); expected a list", text)
    assert VALUE not in text


@pytest.mark.parametrize("entry", [None, VALUE, [VALUE], {}, {"name": ""}, {"name": None}, {"port": 1}], ids=repr)
def test_an_instance_without_a_name(entry):
    [text] = told(instances=[{"name": "a"}, entry])
    assert text.startswith("redis_server_instances, number 2: has no name; ")
    assert VALUE not in text


@pytest.mark.parametrize("value", NO_TEXTS, ids=repr)
@pytest.mark.parametrize(
    ("where", "make"),
    [
        ("redis_server_profile", lambda value: {"profile": value}),
        ("redis_server_adopt", lambda value: {"adopt": value}),
        ("profile mine: based_on", lambda value: {"profiles": {"guide": {}, "mine": {"based_on": value}}}),
        *(
            (
                f"redis_server_instances, number 1: {key}",
                lambda value, key=key: {"instances": [{"name": "a", key: value}]},
            )
            for key in ("name", "profile", "config", "service", "adopt", "renamed_from")
        ),
    ],
    ids=lambda found: found if isinstance(found, str) else "",
)
def test_what_must_be_a_single_value(where, make, value):
    [text] = told(**make(value))
    assert re.match(rf"{where}: is (a mapping|a list); expected a single value; ", text)
    assert VALUE not in text


@pytest.mark.parametrize(
    "changes",
    [
        {"settings": dict.fromkeys(LAYERS)},
        {"secrets": None},
        {"profiles": {"guide": None}},
        {"instances": [dict.fromkeys(INSTANCE_KEYS) | {"name": "a"}]},
    ],
    ids=repr,
)
def test_a_key_without_a_value_is_an_empty_mapping(changes):
    assert told(**changes) == []


def test_a_missing_profile_is_named_where_no_profiles_are_given():
    [text] = told(profiles=None)
    assert text.endswith("redis_server_profiles, which has none; add it to redis_server_profiles")


# --- instances --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        pytest.param({"instances": []}, "redis_server_instances: is empty", id="none"),
        pytest.param({"instances": [{"name": "a"}, {"name": "a"}]}, "instance a: is declared twice", id="twice"),
        pytest.param({"instances": [{"name": "A"}]}, "instance A: is no instance name", id="name"),
        pytest.param({"instances": [{"name": "../x"}]}, "instance ../x: is no instance name", id="path"),
        pytest.param({"instances": [{"name": "a", "profile": "gide"}]}, "did you mean guide?", id="profile"),
        pytest.param({"profile": "gide"}, "instance default: profile gide does not exist", id="profile of all"),
        pytest.param({"adopt": "yes"}, "redis_server_adopt: is no answer; expected one of keep, replace", id="adopt"),
        pytest.param({"instances": [{"name": "a", "adopt": VALUE}]}, "instance a: adopt: is no answer", id="its adopt"),
        pytest.param({"instances": [{"name": "a", "config": "x.conf"}]}, "instance a: config: is not", id="config"),
        pytest.param({"instances": [{"name": "a", "config": "/x\ny"}]}, "expected an absolute path", id="lines"),
        pytest.param({"instances": [{"name": "a", "service": "a b"}]}, "instance a: service: is not", id="service"),
        pytest.param({"instances": [{"name": "a", "service": "../x"}]}, "the name of a unit", id="path of a service"),
        pytest.param({"instances": [{"name": "a", "service": ""}]}, "instance a: service", id="empty service"),
        pytest.param({"instances": [{"name": "a", "renamed_from": "B"}]}, "an instance name", id="renamed_from"),
        pytest.param(
            {"instances": [{"name": "a", "requirepass": VALUE}]},
            "redis_server_instances, number 1: requirepass: is nothing that can be said of an instance",
            id="an option beside its settings",
        ),
    ],
)
def test_what_is_wrong_with_an_instance(changes, expected):
    [text] = told(**changes)
    assert expected in text
    assert VALUE not in text


@pytest.mark.parametrize("service", ["redis", "redis-server@cache", "redis-cache.service", "a:b_c-1.service"])
def test_a_unit_may_have_any_name_of_systemd(service):
    assert told(instances=[{"name": "a", "service": service, "config": "/srv/r.conf", "adopt": "keep"}]) == []


def test_the_keys_of_an_instance_are_those_that_the_modules_take():
    assert set(INSTANCE_KEYS) == set(arguments.ARGUMENTS["declaration"]["options"]["instances"]["options"])


# --- layers -----------------------------------------------------------------------------------------------------------

PLACES = [*LAYERS, "instance default", "profile guide"]


def in_place(where: str, layer: dict) -> dict[str, Any]:
    """The declaration with this layer of settings at that place."""
    if where == "instance default":
        return {"instances": [{"name": "default", "settings": layer}]}
    return {"profiles": {"guide": layer}} if where == "profile guide" else {"settings": {where: layer}}


@pytest.mark.parametrize("name", [*SECRETS, "primaryauth", "RequirePass"])
@pytest.mark.parametrize("where", PLACES)
def test_a_secret_among_settings(where, name):
    right = "secrets of instance default" if where == "instance default" else "redis_server_secrets"
    expected = f"{where}: {name}: is a secret, and settings are printed and logged; expected {right}; move it there"
    assert told(**in_place(where, {name: VALUE})) == [expected]


@pytest.mark.parametrize("where", PLACES)
def test_an_unknown_option(where):
    [text] = told(**in_place(where, {"requirepas": VALUE, "hz": 10}))
    assert text == (
        f"{where}: requirepas: no such Redis option; expected a name that redis.conf knows; did you mean requirepass?"
    )


@pytest.mark.parametrize("where", PLACES)
def test_one_option_under_two_names(where):
    [text] = told(**in_place(where, {"replica-priority": 1, "slave-priority": 2}))
    assert text.startswith(f"{where}: replica-priority and slave-priority are the same option; ")


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"secrets": {"hz": VALUE}}, "redis_server_secrets"),
        ({"instances": [{"name": "a", "secrets": {"hz": VALUE}}]}, "secrets of instance a"),
    ],
)
def test_a_setting_among_secrets(changes, where):
    assert told(**changes) == [
        f"{where}: hz: is no secret; expected an option such as requirepass or masterauth; move it to settings"
    ]


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"secrets": {"requirpass": VALUE}}, "redis_server_secrets"),
        ({"instances": [{"name": "a", "secrets": {"requirpass": VALUE}}]}, "secrets of instance a"),
    ],
)
def test_a_mistyped_secret(changes, where):
    assert told(**changes) == [
        f"{where}: requirpass: no such Redis option; expected a name that redis.conf knows; did you mean requirepass?"
    ]


def test_everything_is_told_at_once():
    found = told(
        instances=[{"name": "B", "settings": {"hzz": 1}}, {"name": "c", "profile": "x", "secrets": {"hz": 1}}],
        settings={"redis_server_settings": {"requirepass": VALUE}, "redis_server_host_settings": {"maxmemori": 1}},
        profiles={"guide": {"based_on": "gone"}},
        variables=["redis_server_setings"],
        known=["redis_server_settings"],
    )
    assert [text.split("; ")[0] for text in found] == [
        "redis_server_setings: no role has this variable",
        "instance B: is no instance name",
        "instance c: profile x does not exist",
        "redis_server_settings: requirepass: is a secret, and settings are printed and logged",
        "redis_server_host_settings: maxmemori: no such Redis option",
        "instance B: hzz: no such Redis option",
        "profile guide: based_on: profile gone does not exist",
        "secrets of instance c: hz: is no secret",
    ]


@pytest.mark.parametrize(
    ("layer", "wrong"),
    [
        (None, []),
        ({}, []),
        ({"hz": 10}, []),
        ([VALUE], ["settings: is a list"]),
        (VALUE, ["settings: is a single value"]),
        ({"requirepass": VALUE}, ["settings: requirepass: is a secret, and settings are printed and logged"]),
    ],
)
def test_one_layer_by_itself(layer, wrong):
    found = [str(problem) for problem in declaration.of_layer("settings", layer)]
    assert [text.split("; ")[0] for text in found] == wrong
    assert VALUE not in "".join(found)


# --- no problem shows a value ---------------------------------------------------------------------------------------------

# longer than anything that a message has, so that a match is a leak and no chance
secret_texts = st.text(AWKWARD, min_size=6, max_size=40).map(lambda text: f"q7Z{text}Z7q")
options = st.sampled_from([*SECRETS, "hz", "maxmemory", "dir", "requirpass", "replica-priority", "slave-priority"])


@st.composite
def anything_with(draw: Any, secret: str) -> Any:
    """A value of any shape with the secret somewhere in it."""
    leaf = st.sampled_from([secret, [secret], {"requirepass": secret}, {"name": {"x": secret}}, (secret,), None, 7, ""])
    return draw(st.one_of(leaf, st.lists(leaf, max_size=2), st.dictionaries(options, leaf, max_size=3)))


@st.composite
def instances_with(draw: Any, secret: str) -> Any:
    """The names of instances, profiles, files and units may be shown, so the secret is none of these as a text."""
    shown = {"name", "profile", "renamed_from"}
    entry = {"name": draw(st.sampled_from(["default", "a", "B"]))}
    for key in draw(st.lists(st.sampled_from([*INSTANCE_KEYS, "requirepass", "password"]), unique=True, max_size=4)):
        value = draw(anything_with(secret))
        if not (key in shown and isinstance(value, str)):
            entry[key] = value
    return draw(st.sampled_from([[entry], [entry, entry], entry, [draw(anything_with(secret))]]))


@quick
@given(st.data())
def test_no_problem_ever_shows_a_value(data):
    secret = data.draw(secret_texts)
    profile = data.draw(anything_with(secret))
    given_ = {
        "instances": data.draw(instances_with(secret)),
        "profiles": data.draw(
            st.one_of(anything_with(secret), anything_with(secret).map(lambda layer: {"guide": layer}))
        ),
        "profile": "guide" if isinstance(profile, str) else profile,
        **{
            name: data.draw(anything_with(secret))
            for name in ("settings", "group_settings", "host_settings", "secrets", "adopt")
        },
    }
    based_on = [layer.get("based_on") for layer in [given_["profiles"]] if isinstance(layer, dict)]
    assert not any(isinstance(name, str) for name in based_on)
    for problem in of_declaration(given_):
        assert secret not in str(problem)
        assert "q7Z" not in str(problem)
