"""The inventory that `adopt` writes holds what a host said as data, whoever answers for that host."""

from __future__ import annotations

import copy
import importlib.util
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.module_utils.redis_control import adopt
from ansible.module_utils.redis_ops.base import seal

ROOT = Path(__file__).parent.parent.parent
GOOD = {
    "changed": False,
    "instances": [
        {
            "name": "cache",
            "product": "redis",
            "entry": {"name": "cache", "adopt": "keep", "port": 6400, "settings": {"dir": "/srv/cache"}},
            "notes": [],
        }
    ],
    "undescribed": [],
    "sealed": "",
}
# What would be run on the control node where it is read as a variable of the host
EVIL = "x\nansible_connection: local\nansible_python_interpreter: \"{{ lookup('pipe', 'id') }}\"\ny"


def adopted(directory: Path, answer: dict[str, Any], secrets: dict[str, Any] | None = None) -> dict[str, Any]:
    """The result of the action plugin when the host gives this answer."""
    spec = importlib.util.spec_from_file_location("action_adopt", ROOT / "action_plugins/redis_adopt.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    task = MagicMock(args={"directory": str(directory)}, async_val=0, check_mode=False)
    action = module.ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
    action._loader._vault.encrypt = lambda text: text.encode()

    def execute(*, module_args: dict[str, Any], **_: Any) -> dict[str, Any]:
        sealed = seal.seal(secrets, module_args["seal"]) if secrets is not None else answer.get("sealed")
        return {**copy.deepcopy(answer), "sealed": sealed}

    action._execute_module = execute
    return action.run(task_vars={"inventory_hostname": "web1"})


def changed(change: Callable[[dict[str, Any]], Any]) -> dict[str, Any]:
    answer = copy.deepcopy(GOOD)
    change(answer["instances"][0])
    return answer


def test_a_good_answer_becomes_host_vars(tmp_path):
    assert not adopted(tmp_path, GOOD, {"cache": {"requirepass": "{{ x }}"}}).get("failed")
    read = (tmp_path / "web1/redis.yml").read_text()
    assert "  - name: cache\n" in read
    assert "      dir: /srv/cache\n" in read
    assert (
        (tmp_path / "web1/redis_vault.yml")
        .read_text()
        .endswith('vault_redis_cache:\n  requirepass: !unsafe "{{ x }}"\n')
    )


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda one: one.update(product=EVIL), id="product"),
        pytest.param(lambda one: one.update(name=EVIL), id="name"),
        pytest.param(lambda one: one["entry"].update(name=EVIL), id="name of the entry"),
        pytest.param(lambda one: one.update(name="a }} {{ lookup('pipe', 'id')"), id="name in a template"),
        pytest.param(lambda one: one["entry"]["settings"].update({EVIL: "1"}), id="name of a setting"),
        pytest.param(lambda one: one["entry"].update(settings=[EVIL]), id="no mapping"),
        pytest.param(lambda one: one["entry"]["settings"].update(dir={"a": "b"}), id="no text"),
        pytest.param(lambda one: one["entry"].update(adopt="replace"), id="another answer for a person"),
        pytest.param(lambda one: one.update(entry=None), id="no entry"),
    ],
)
def test_an_answer_that_no_module_gives_becomes_no_file(tmp_path, change):
    found = adopted(tmp_path, changed(change))
    assert found["failed"]
    assert "its answer cannot be read" in found["msg"]
    assert "\n" not in found["msg"]
    assert list(tmp_path.iterdir()) == []


def test_another_key_of_an_entry_is_left_out(tmp_path):
    assert not adopted(tmp_path, changed(lambda one: one["entry"].update({EVIL: "1"}))).get("failed")
    assert "ansible_connection" not in (tmp_path / "web1/redis.yml").read_text()


@pytest.mark.parametrize(
    "secrets",
    [{EVIL: {"requirepass": "a"}}, {"cache": {EVIL: "a"}}, {"cache": {"dir": "a"}}, {"other": {"requirepass": "a"}}],
)
def test_a_secret_of_nothing_that_is_described_becomes_no_file(tmp_path, secrets):
    found = adopted(tmp_path, GOOD, secrets)
    assert found["failed"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        *("@dump.rdb", ",a", "=", "%", "~", "-", "---", "- x", "!x", "&a", "<<", "a: b", "a #b", "a\nb: c", "{{ x }}"),
        *("0x1f", "0b11", "0o17", "1e3", ".inf", "0.1", "_1", "2026-01-01", "12:30:45"),
        *("yes", "Null", "y", "", "a b", "256mb", "/var/lib/redis"),
    ],
)
def test_yaml_reads_a_value_back_as_it_was(text):
    written = adopt.scalar(text).removeprefix("!unsafe ")
    assert yaml.safe_load(f"a:\n  b: {written}\n") == {"a": {"b": text}}


def test_ordinary_values_have_no_quotes():
    assert [adopt.scalar(text) for text in ("256mb", "/var/lib/redis", "allkeys-lru", "dump.rdb")] == [
        *("256mb", "/var/lib/redis", "allkeys-lru", "dump.rdb")
    ]
    assert adopt.scalar("1") == json.dumps("1")


@pytest.mark.parametrize("failure", [{"failed": True, "msg": "sudo refused"}, {"unreachable": True, "msg": "no route"}])
def test_a_host_that_has_no_answer_writes_nothing_and_says_why(tmp_path, failure):
    found = adopted(tmp_path, {**failure, "sealed": "x"})
    assert {name: found[name] for name in failure} == failure
    assert "sealed" not in found
    assert list(tmp_path.iterdir()) == []
