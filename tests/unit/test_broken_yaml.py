"""Which file of variables is no YAML."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PLUGIN = Path(__file__).parent.parent.parent / "callback_plugins" / "broken_yaml.py"
_spec = importlib.util.spec_from_file_location("broken_yaml", PLUGIN)
broken_yaml = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(broken_yaml)


@pytest.fixture
def told(monkeypatch, tmp_path, capsys):
    """What a run with these files of an inventory says first; given is what -i names."""

    def told(files: dict[str, str], given: str = "") -> str:
        for name, text in files.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        monkeypatch.setattr(broken_yaml.context, "CLIARGS", {"inventory": [str(tmp_path / given)]})
        broken_yaml.CallbackModule().v2_playbook_on_start(None)
        return capsys.readouterr().err

    return told


BROKEN = "redis_server_settings:\n  maxmemory: 1gb\n hz: 10\n"


@pytest.mark.parametrize("given", ["", "hosts.yml"])
@pytest.mark.parametrize("name", ["group_vars/redis/redis_server.yml", "group_vars/redis.yaml", "host_vars/a.yml"])
def test_file_and_line_are_named(name, given, told, tmp_path):
    assert f"{tmp_path / name}:3:" in told({"hosts.yml": "redis:\n", name: BROKEN}, given)


def test_good_encrypted_and_other_files_are_passed_over(told):
    files = {
        "group_vars/redis/redis_server.yml": "redis_server_settings:\n  maxmemory: 1gb\n",
        "group_vars/redis/empty.yml": "",
        "group_vars/redis/vault.yml": "$ANSIBLE_VAULT;1.1;AES256\n6162\n",
        "group_vars/redis/inline.yml": "a: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6162\n",
        "group_vars/redis/notes.txt": BROKEN,
        "elsewhere/x.yml": BROKEN,
    }
    assert told(files) == ""


@pytest.mark.parametrize("inventory", ["localhost,", "no-such"])
def test_an_inventory_without_files(inventory, told):
    assert told({}, inventory) == ""
