"""What was typed is checked before any module is called. Field case B5: a secret in the wrong place reaches no journal."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.module_utils.redis_control import core_version, validating
from ansible.module_utils.redis_ops.edge import arguments
from ansible.module_utils.redis_ops.model.declaration import LAYERS

ROOT = Path(__file__).parent.parent.parent
SECRET = "hunter2"
OF_ALL = (
    "redis_aof_cleanup",
    "redis_drift",
    "redis_instances",
    "redis_load_preflight",
    "redis_load_user",
    "redis_preflight",
    "redis_queues",
    "redis_remove",
    "redis_restore",
    "redis_snapshot",
)
OF_ONE = ("redis_config", "redis_verify")
GOOD = {"instances": [{"name": "default"}], "profiles": {"guide": {"hz": 10}}, "profile": "guide"}


class Plugin:
    """An action plugin of this project, with the module that it calls taken away."""

    def __init__(self, name: str) -> None:
        path = ROOT / "action_plugins" / f"{name}.py"
        spec = importlib.util.spec_from_file_location(f"action_{name}", path)
        module = sys.modules.setdefault(f"action_{name}", importlib.util.module_from_spec(spec))
        spec.loader.exec_module(module)
        self.kind = module.ActionModule
        self.called: list[dict[str, Any]] = []
        self.answer: dict[str, Any] = {"changed": True}

    def __call__(self, *, of_run: Mapping[str, Any] | None = None, **arguments: Any) -> dict[str, Any]:
        """of_run: variables that Ansible has, beside the name of the play."""
        variables = {"ansible_play_name": "Provision Redis", **(of_run or {})}
        task = MagicMock(args=arguments, async_val=0, check_mode=False)
        action = self.kind(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())

        def execute(*, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
            assert task_vars == variables
            self.called.append(module_args)
            return self.answer

        action._execute_module = execute
        return action.run(task_vars=variables)


def declaration(**changes: Any) -> dict[str, Any]:
    return {"declaration": {**GOOD, **changes}}


def test_every_module_that_takes_settings_has_a_plugin_that_checks_them():
    """A module without one would be called with whatever was typed."""
    expected = set()
    for path in sorted((ROOT / "library").glob("*.py")):
        text = path.read_text()
        documented = yaml.safe_load(text.partition('DOCUMENTATION = r"""')[2].partition('"""')[0])
        fragments = documented.get("extends_documentation_fragment", [])
        if {"redis_declaration", "redis_instance"} & set(fragments):
            expected.add(path.stem)
    assert expected == {*OF_ALL, *OF_ONE}
    for name in expected:
        assert issubclass(Plugin(name).kind, validating.ValidatingAction)


@pytest.mark.parametrize("name", OF_ALL)
def test_what_is_right_is_passed_on_with_its_caller(name):
    plugin = Plugin(name)
    assert plugin(**declaration(secrets={"requirepass": SECRET})).get("failed") is None
    [given] = plugin.called
    assert given["declaration"]["secrets"] == {"requirepass": SECRET}
    assert "(Provision Redis)" in given["caller"]
    assert given["caller"].isprintable()


@pytest.mark.parametrize("name", OF_ONE)
def test_what_is_right_of_one_instance_is_passed_on(name):
    plugin = Plugin(name)
    plugin(path="/etc/redis/redis.conf", settings={"hz": 10}, secrets={"requirepass": SECRET})
    plugin(path="/etc/redis/redis.conf")
    assert len(plugin.called) == 2
    assert "caller" not in plugin.called[0]


MISPLACED = {
    **{
        layer: {key: {"requirepass": SECRET}}
        for layer, key in zip(LAYERS, ("settings", "group_settings", "host_settings"))
    },
    "a profile": {"profiles": {"guide": {"requirepass": SECRET}}},
    "an instance": {"instances": [{"name": "default", "settings": {"masterauth": SECRET}}]},
    "beside the settings of an instance": {"instances": [{"name": "default", "requirepass": SECRET}]},
    "beside everything": {"requirepass": SECRET},
    "a mistyped name": {"settings": {"requirepas": SECRET}},
    "a text instead of a mapping": {"settings": f"requirepass={SECRET}"},
    "a list instead of a mapping": {"settings": [{"requirepass": SECRET}]},
    "secrets as a text": {"secrets": f"requirepass={SECRET}"},
    "a profile as a mapping": {"profile": {"requirepass": SECRET}},
    "adopt as a mapping": {"adopt": {"requirepass": SECRET}},
    "instances as a mapping": {"instances": {"default": {"requirepass": SECRET}}},
    "an instance as a text": {"instances": [f"requirepass={SECRET}"]},
}


@pytest.mark.parametrize("where", MISPLACED)
@pytest.mark.parametrize("name", OF_ALL)
def test_a_secret_in_the_wrong_place_never_reaches_a_module(name, where):
    plugin = Plugin(name)
    result = plugin(**declaration(**MISPLACED[where]))
    assert result["failed"] is True
    assert plugin.called == []
    assert SECRET not in str(result)
    assert result["msg"].count("; expected ") == len(result["msg"].splitlines())


@pytest.mark.parametrize("name", OF_ONE)
@pytest.mark.parametrize(
    "settings",
    [{"requirepass": SECRET}, {"requirepas": SECRET}, f"requirepass={SECRET}", [{"requirepass": SECRET}]],
    ids=repr,
)
def test_a_secret_among_the_settings_of_one_instance_never_reaches_a_module(name, settings):
    plugin = Plugin(name)
    result = plugin(path="/etc/redis/redis.conf", settings=settings)
    assert result["failed"] is True
    assert plugin.called == []
    assert SECRET not in str(result)


@pytest.mark.parametrize("given", [None, SECRET, [GOOD], {}, {"instances": []}, {"profiles": {}}], ids=repr)
def test_a_declaration_that_is_none(given):
    plugin = Plugin("redis_preflight")
    result = plugin(declaration=given)
    assert result["failed"] is True
    assert SECRET not in str(result)
    assert plugin.called == []


def test_a_missing_declaration_is_the_module_s_to_refuse():
    """It says which of its parameters is required."""
    plugin = Plugin("redis_preflight")
    plugin()
    assert plugin.called == [{}]


def test_what_the_control_node_checks_is_what_the_module_takes():
    options = arguments.ARGUMENTS["declaration"]["options"]
    assert (
        validating.of_declaration({name: spec.get("default", GOOD.get(name)) for name, spec in options.items()}) == []
    )


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        ({}, "(ansible)"),
        ({"ansible_play_name": "Mine"}, "(Mine)"),
        ({"ansible_play_name": "Mine", "ansible_playbook_name": "site.yml"}, "(site.yml)"),
    ],
)
def test_who_runs_it_and_from_where(variables, told):
    found = validating.caller(variables)
    assert found.endswith(told)
    assert "@" in found


# --- the hosts of a typed confirmation --------------------------------------------------------------------------------

OF_RUN = {"ansible_play_hosts_all": ["web1", "web2"]}


@pytest.mark.parametrize("data", [[], ["web1/cache"], ["web1/cache", "web2/queue"], "web1/cache, web2/cache", "", None])
def test_data_of_hosts_in_the_run_may_be_deleted(data):
    plugin = Plugin("redis_remove")
    assert plugin(of_run=OF_RUN, **declaration(), instances=["cache"], data=data, host="web1").get("failed") is None
    assert len(plugin.called) == 1


@pytest.mark.parametrize("data", [["wbe1/cache"], ["web1/cache", "web3/cache"], "web1/cache,web3/cache", ["/cache"]])
def test_data_of_a_host_that_is_not_in_the_run_is_a_mistake(data):
    """Every host would take it for another's, and the data would stay."""
    plugin = Plugin("redis_remove")
    result = plugin(of_run=OF_RUN, **declaration(), instances=["cache"], data=data, host="web1")
    assert plugin.called == []
    [line] = result["msg"].splitlines()
    assert "names no host of this run; expected HOST/INSTANCE with one of these hosts: web1, web2" in line


@pytest.mark.parametrize("name", [*OF_ALL, *OF_ONE])
def test_an_unsupported_ansible_core_calls_no_module(name, monkeypatch):
    """Where the configuration of others does not enable the callback that says it first."""
    unsupported = core_version.problem("2.14.18")
    monkeypatch.setattr(core_version, "problem", lambda: unsupported)
    plugin = Plugin(name)
    answer = plugin(declaration=GOOD)
    assert (answer["failed"], answer["msg"], plugin.called) == (True, str(unsupported), [])


@pytest.mark.parametrize("stream", ["module_stderr", "module_stdout"])
def test_what_sudo_said_in_place_of_the_module_is_told(stream):
    """D10, over SSH with pipelining."""
    plugin = Plugin("redis_preflight")
    answer = {"failed": True, "msg": "Module result deserialization failed: No start of json char found", "rc": 1}
    plugin.answer = {**answer, "module_stdout": "", "module_stderr": "", stream: "\nsudo: Ein Passwort ist notwendig\n"}
    assert plugin(**declaration())["msg"] == (
        'become: the host said "sudo: Ein Passwort ist notwendig"; expected that the account may become root without a question '
        "and without a terminal; give the password with --ask-become-pass, or correct the host's sudoers"
    )
    plugin.answer = {**answer, "module_stderr": "Traceback (most recent call last):"}
    assert plugin(**declaration())["msg"] == answer["msg"]
    plugin.answer = {"changed": False, "module_stderr": "sudo: unable to resolve host redis1"}
    assert "msg" not in plugin(**declaration())
