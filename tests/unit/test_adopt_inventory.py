"""The inventory that `make adopt` writes on the control node. What a host said is data in it, whatever it said."""

from __future__ import annotations

from copy import deepcopy
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import pytest
import yaml
from ansible.module_utils.redis_control import adopt
from ansible.module_utils.redis_ops.base import seal

EVIL = "x | default(lookup('pipe', 'touch /tmp/won'))"
LINES = "port: 1\nansible_connection: local\nx"
GOOD: dict[str, Any] = {
    "instances": [
        {
            "name": "default",
            "product": "redis",
            "entry": {"name": "default", "adopt": "keep", "port": 6380, "settings": {"maxmemory": "1gb"}},
            "notes": ["2 ACL users in its file: kept, not declared"],
        }
    ],
    "undescribed": [],
}


class Reader(yaml.SafeLoader):
    """Reads a text that is marked as data like any other."""


Reader.add_constructor("!unsafe", lambda reader, node: reader.construct_scalar(node))


@pytest.fixture
def adopted(tmp_path: Path):
    """Run the action plugin for a host that answers so. Returns its result."""

    def run(said: dict[str, Any], sealed: object = None) -> dict[str, Any]:
        arguments = {"directory": str(tmp_path)}
        action = adopt.AdoptAction(
            MagicMock(args=arguments, async_val=0, check_mode=False), *(MagicMock() for _ in range(5))
        )
        action._loader._vault.encrypt = lambda text: text.encode()

        def execute(*, module_args: dict[str, Any], task_vars: dict[str, Any]) -> dict[str, Any]:
            assert task_vars["inventory_hostname"] == "web1"
            hidden = {"sealed": seal.seal(sealed, module_args["seal"]) if sealed is not None else ""}
            return {"changed": False, **deepcopy(said), **hidden}

        action._execute_module = execute
        return action.run(task_vars={"inventory_hostname": "web1"})

    return run


def changed(**instance: Any) -> dict[str, Any]:
    """The good answer with another instance."""
    said = deepcopy(GOOD)
    said["instances"][0].update(instance)
    return said


def entry(**fields: Any) -> dict[str, Any]:
    return changed(entry={**GOOD["instances"][0]["entry"], **fields})


def test_a_good_answer_becomes_an_inventory(adopted, tmp_path: Path):
    result = adopted(GOOD, {"default": {"requirepass": 'a"b\\c'}})
    assert not result.get("failed"), result
    written = yaml.load((tmp_path / "web1/redis.yml").read_text(), Reader)
    [one] = written["redis_server_instances"]
    assert one == {
        "name": "default",
        "adopt": "keep",
        "port": 6380,
        "settings": {"maxmemory": "1gb"},
        "secrets": "{{ vault_redis_default | default({}) }}",
    }
    vault = yaml.load((tmp_path / "web1/redis_vault.yml").read_text(), Reader)
    assert vault == {"vault_redis_default": {"requirepass": 'a"b\\c'}}


@pytest.mark.parametrize(
    "said",
    [
        changed(name=EVIL),
        changed(product=f"redis\n{LINES}: 1"),
        changed(entry=[]),
        changed(notes="text"),
        entry(name=EVIL),
        entry(**{LINES: 1}, settings={LINES: 1}),
        entry(settings={"no-such-option": "1"}),
        entry(settings={"maxmemory": {"a": 1}}),
        entry(settings=["maxmemory"]),
        entry(port="{{ 1 }}"),
        entry(adopt="replace"),
        {"instances": "default", "undescribed": []},
        {"instances": [], "undescribed": [5]},
        {},
    ],
)
def test_an_answer_of_another_shape_writes_nothing(adopted, tmp_path: Path, said):
    result = adopted(said)
    assert result["failed"]
    assert result["msg"].startswith("its answer cannot be read: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "sealed", [{"other": {"requirepass": "a"}}, {"default": "a"}, {"default": {LINES: "a"}}, {"default": {"bind": []}}]
)
def test_secrets_of_another_shape_write_nothing(adopted, tmp_path: Path, sealed):
    assert adopted(GOOD, sealed)["failed"]
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_key_of_an_answer_is_left_out(adopted, tmp_path: Path):
    assert not adopted(entry(**{LINES: EVIL})).get("failed")
    assert "ansible_connection" not in (tmp_path / "web1/redis.yml").read_text()


def test_two_instances_never_share_a_variable(adopted, tmp_path: Path):
    said = deepcopy(GOOD)
    said["instances"] = [changed(name=name)["instances"][0] for name in ("a-b", "a_b")]
    assert adopted(said, {"a-b": {"requirepass": "a"}, "a_b": {"requirepass": "b"}})["failed"]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "text",
    [
        *("yes", "off", "~", "null", "1", "1.5", "0xaf", "0b1", "1e3", "2026-01-01", "2026-13-45", "12:30:45"),
        *("- a", "-", "@home", ", a", "a ", " a", "a: b", "a #b", "", "a\nb", "'", '"', "\\", "{{ 1 }}", "{% x %}"),
        *("/var/lib/redis", "-10.0.0.1 127.0.0.1", "3600 1 300 100", "\u2028", "*"),
    ],
)
def test_a_value_is_read_back_as_the_text_that_it_is(text: str):
    written = adopt.scalar(text)
    assert yaml.load(f"a: {written}\n", Reader) == {"a": text}
    assert "{" not in text or written.startswith("!unsafe ")
