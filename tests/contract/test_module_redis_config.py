"""library/redis_config.py as Ansible runs it, on a real server."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from instances import OLD_AND_NEW, ONE, lab

__all__ = ["lab"]

ROOT = Path(__file__).parent.parent.parent
MODULE = ROOT / "library" / "redis_config.py"
# What Ansible's own wrapper does on the target: the arguments, and the package by its name.
WRAPPER = """
import runpy, sys
import ansible.module_utils
ansible.module_utils.__path__.append(sys.argv[1])
from ansible.module_utils import basic
from ansible.module_utils.redis_ops.edge import run
run.LOCK = sys.argv[3]
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
runpy.run_path(sys.argv[2], run_name="__main__")
"""


def run(**arguments):
    """The module's result. Its arguments come by stdin, as Ansible's do: none of them is in a command line.

    The lock is not this machine's, which other tests may hold.
    """
    lock = str(Path(arguments["state"]).parents[2] / "lock") if "state" in arguments else ""
    result = subprocess.run(
        [sys.executable, "-c", WRAPPER, str(ROOT / "module_utils"), str(MODULE), lock],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout)


def documented():
    text = MODULE.read_text().partition('RETURN = r"""')[2].partition('"""')[0]
    return yaml.safe_load(text)


def managed(lab, **settings):
    return {
        "path": str(lab.config_path),
        "binary": lab.service.binary,
        "state": str(lab.state),
        "login_port": lab.port,
        "settings": {**lab.settings, **settings},
    }


@pytest.fixture
def running(lab):
    lab.begin()
    return lab


@OLD_AND_NEW
def test_a_run_over_tcp_changes_once_and_answers_as_documented(running):
    first = run(**managed(running, timeout=5))
    assert first["changed"]
    assert running.get("timeout") == "5"
    assert "timeout 5" in running.lines
    kinds = {"list": list, "str": str, "bool": bool, "dict": dict}
    for name, facts in documented().items():
        assert isinstance(first[name], kinds[facts["type"]]), name
    again = run(**managed(running, timeout=5))
    assert (again["changed"], again["actions"], again["pending_restart"], again["restarted"]) == (False, [], [], False)


@ONE
def test_every_key_of_a_result_is_documented(running):
    result = run(**managed(running, timeout=5))
    of_ansible = {"changed", "diff", "invocation", "warnings", "deprecations"}
    assert set(result) - of_ansible == set(documented())


@ONE
def test_check_mode_foretells_and_changes_nothing(running):
    before = running.everything()
    foreseen = run(**managed(running, timeout=5), _ansible_check_mode=True, _ansible_diff=True)
    assert running.everything() == before
    assert running.get("timeout") == "0"
    result = run(**managed(running, timeout=5))
    assert {name: result[name] for name in ("actions", "diff", "changed")} == {
        name: foreseen[name] for name in ("actions", "diff", "changed")
    }


@ONE
def test_a_run_over_a_unix_socket_with_a_password(lab):
    path = f"/tmp/redis-ops-module-{os.getpid()}.sock"
    lab.password = "s3cret-0123456789"
    lab.begin(f"unixsocket {path}", f"requirepass {lab.password}")
    result = run(login_unix_socket=path, secrets={"requirepass": lab.password}, settings={"timeout": 5})
    assert result["changed"], result
    assert result["actions"] == ["set timeout to 5 (was 0)"]
    assert lab.get("timeout") == "5"
    assert lab.password not in json.dumps(result)
    result = run(login_unix_socket=path, secrets={"requirepass": lab.password}, settings={"timeout": 5})
    assert not result["changed"]
    refused = run(login_unix_socket=path, login_password="wrong-one", settings={"timeout": 6})
    assert refused["failed"]
    assert "\n" not in refused["msg"]
    assert "wrong-one" not in refused["msg"]


@ONE
def test_a_server_elsewhere_may_have_a_password_that_is_only_logged_in_with(lab):
    """The second of the module's own EXAMPLES."""
    lab.password = "s3cret-0123456789"
    lab.begin(f"requirepass {lab.password}")
    result = run(login_port=lab.port, login_password=lab.password, settings={"timeout": 5})
    assert result.get("changed"), result
    assert lab.get("timeout") == "5"


@ONE
def test_the_first_example_does_not_open_a_server_to_the_network(running):
    """The whole file is replaced by two settings. Refused would be as good as kept. In check mode: it would listen."""
    arguments = {**managed(running), "settings": {"maxmemory": "1gb", "maxmemory-policy": "allkeys-lru"}}
    result = run(**arguments, _ansible_check_mode=True)
    assert result.get("failed") or not [action for action in result["actions"] if "bind" in action]


@ONE
def test_ansible_itself_runs_it(running):
    arguments = json.dumps(managed(running, timeout=5))
    command = [str(Path(sys.executable).parent / "ansible"), "localhost", "-c", "local", "-m", "redis_config"]
    result = subprocess.run(
        [*command, "-a", arguments, "-e", f"ansible_python_interpreter={sys.executable}"],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "set timeout to 5 (was 0)" in result.stdout
    assert running.get("timeout") == "5"


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"settings": {"maxmemroy": "1gb"}}, "did you mean maxmemory"),
        ({"settings": {"maxmemory": "1gib"}}, "maxmemory"),
        ({"settings": {"timeout": {"a": None}}}, "timeout"),
        ({"settings": {"timeout": None}}, "timeout"),
        ({"settings": {1: 2}}, "no such Redis option"),
        ({"login_port": 1}, "127.0.0.1:1"),
        ({"login_unix_socket": "/no/such.sock"}, "/no/such.sock"),
        ({"no_such_argument": 1}, "no_such_argument"),
        ({"mode": "u=rw"}, "mode"),
        ({"engine": "mysql 8"}, "engine"),
        ({"login_port": 99999}, "99999"),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
@ONE
def test_bad_input_gets_one_line_and_no_traceback(running, arguments, told):
    base = managed(running)
    arguments = {**base, **arguments, "settings": {**base["settings"], **arguments.get("settings", {})}}
    if ("login_port" in arguments and arguments["login_port"] != running.port) or "login_unix_socket" in arguments:
        arguments.pop("path")
    if "login_unix_socket" in arguments:
        arguments.pop("login_port")
    before, config = running.everything(), running.config()
    result = run(**arguments)
    assert result.get("failed"), result
    assert told in result["msg"]
    assert "\n" not in result["msg"]
    assert "defect of this module" not in result["msg"]
    assert "exception" not in result
    assert running.everything() == before
    assert running.config() == config
