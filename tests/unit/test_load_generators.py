"""Load generators: how they are reached, what is brought to them, and how programs are started there."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.redis_control.load import archive, generators, scripts

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "action_plugins"))
from redis_load_generators import ActionModule  # noqa: E402 - after the path to it

# --- the program ------------------------------------------------------------------------------------------------------


@pytest.fixture
def program(tmp_path):
    path = tmp_path / archive.NAME
    path.write_bytes(archive.archive())
    return path


def test_it_is_one_file_with_the_package_and_nothing_else(program):
    names = zipfile.ZipFile(program).namelist()
    assert {name.split("/")[0] for name in names} == {"redis_load", "__main__.py"}
    assert {"redis_load/users/load.js", "redis_load/requirements.lock", "redis_load/requirements-k6.lock"} <= set(names)
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".in"))]


def test_python_runs_it_as_it_is(program):
    done = subprocess.run(
        [sys.executable, program, "prepare", "--k6=/k6", "--python=/p", "load2"],
        capture_output=True,
        text=True,
        check=True,
    )
    answer = json.loads(done.stdout)
    assert (answer["name"], answer["directory"], answer["k6"]) == ("load2", str(program.parent), "/k6")
    wrong = subprocess.run([sys.executable, program, "users", "/nowhere"], capture_output=True, text=True, check=False)
    assert (wrong.returncode, wrong.stderr.startswith("/nowhere: ")) == (1, True)


# --- how programs are started -----------------------------------------------------------------------------------------


@pytest.fixture
def run(tmp_path):
    """One of a load of users, whose program says how it was called and fails."""
    (tmp_path / archive.NAME).write_text("import sys\nprint(sys.argv[1:], file=sys.stderr)\nsys.exit(3)\n")
    files = {what: str(tmp_path / f"it's {what}") for what in ("config", "result", "progress", "ended")}
    return {"kind": "users", "directory": str(tmp_path), "python": sys.executable, **files}


def shell(script: str, **how: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, timeout=20, check=False, **how)


def until(path: str) -> None:
    end = time.monotonic() + 60
    while not Path(path).exists():
        assert time.monotonic() < end, f"{path} does not come"
        time.sleep(0.05)


@pytest.mark.parametrize(("kind", "more"), [("users", ["--start-at=1700"]), ("jobs", [])])
def test_a_program_says_what_it_says_into_its_file_and_that_it_has_ended(run, kind, more):
    run["kind"] = kind
    assert shell(scripts.start([run], 1700, 80, 30)).returncode == 0
    until(run["ended"])
    assert Path(run["progress"]).read_text() == f"{[kind, run['config'], *more]}\n"
    assert Path(run["directory"], "watched").read_text() == "80\n"
    assert shell(scripts.collect(run)).stdout == Path(run["progress"]).read_text()
    Path(run["result"]).write_text("{}")
    assert shell(scripts.collect(run)).stdout == "{}"
    assert scripts.DONE in shell(scripts.look([run])).stdout


def test_it_outlives_who_started_it_and_ends_when_its_time_is_over(run):
    Path(run["directory"], archive.NAME).write_text("import time\ntime.sleep(600)\n")
    with subprocess.Popen(["/bin/sh", "-c", scripts.start([run], 0, 80, 3)], start_new_session=True) as started:
        started.wait(timeout=20)
        with contextlib.suppress(ProcessLookupError):  # nothing is left in its group
            os.killpg(started.pid, signal.SIGHUP)  # as a connection that ends does
    assert not Path(run["ended"]).exists()
    assert scripts.DONE not in shell(scripts.look([run])).stdout
    until(run["ended"])


def test_who_leaves_says_that_nobody_fetches_the_results(run):
    shell(scripts.leave([run]))
    assert Path(run["directory"], "watched").read_text() == "0\n"
    assert Path(run["directory"], "stop").exists()


# --- how they are reached ---------------------------------------------------------------------------------------------


def action() -> MagicMock:
    """An action plugin whose task says nothing of connections."""
    made = MagicMock()
    made._task = SimpleNamespace(connection="ssh", remote_user=None, port=None)
    made._play_context = MagicMock(shell=None, executable="/bin/sh")
    return made


def test_a_connection_has_the_options_of_the_variables_of_its_host():
    variables = {"inventory_hostname": "load1", "ansible_host": "192.0.2.7", "ansible_user": "me", "ansible_port": 2222}
    made = generators.connection(action(), "load1", {"hostvars": {"load1": {**variables, "other": "x"}}})
    assert [made.get_option(name) for name in ("host", "remote_user", "port")] == ["192.0.2.7", "me", 2222]


def test_a_machine_that_is_in_no_inventory_is_found_by_its_name():
    task = action()
    task._task.remote_user = "they"
    made = generators.connection(task, "load9.example.com", {"hostvars": {}})
    assert (made.get_option("host"), made.get_option("remote_user")) == ("load9.example.com", "they")


def test_this_machine_is_asked_by_its_own_shell():
    [here] = generators.all_of(action(), ["localhost"], {"hostvars": {"localhost": {"ansible_connection": "local"}}})
    assert here.say('cat; echo "$0 is it" >&2; exit 4', b"\x00data") == generators.Said(4, "\0data", "/bin/sh is it\n")


def test_a_connection_that_breaks_is_an_answer():
    broken = MagicMock()
    broken.exec_command.side_effect = AnsibleConnectionFailure("no route")
    away = generators.Generator("load1", broken)
    said = away.say("true")
    assert (said.reached, said.err, away.answers) == (False, "no route", False)


# --- how they are made ready ------------------------------------------------------------------------------------------


def prepared(monkeypatch, **answers):
    """What the module answers. answers: of each machine, one after another."""

    def connection(_, name, __):
        return MagicMock(exec_command=MagicMock(side_effect=answers[name]))

    monkeypatch.setattr(generators, "connection", connection)
    given = {"names": list(answers), "python": "/p"}
    plugin = ActionModule(MagicMock(args=given, async_val=0, check_mode=False), *[MagicMock()] * 5)
    return plugin.run(task_vars={})


def test_all_of_them_are_told(monkeypatch):
    here = [(0, b"/home/me/runs/k3x9\n", b""), (0, b"{}", b"")]
    away = [(0, b"/home/you/runs/ab12\n", b""), (1, b"", b"no disk\n")]
    answer = prepared(monkeypatch, localhost=here, load2=away)
    assert answer["run_id"] == "k3x9"
    assert [(one["generator"], one["path"]) for one in answer["directories"]] == [
        ("localhost", "/home/me/runs/k3x9"),
        ("load2", "/home/you/runs/ab12"),
    ]
    assert [(one["generator"], one["rc"], one["stderr"]) for one in answer["prepared"]] == [
        ("localhost", 0, ""),
        ("load2", 1, "no disk\n"),
    ]


def test_one_without_a_directory_fails_and_the_others_are_cleaned(monkeypatch):
    here = [(0, b"/home/me/runs/k3x9\n", b"")]
    answer = prepared(monkeypatch, localhost=here, load2=[(1, b"", b"mkdir: no\nexpected a home directory\n")])
    assert (answer["failed"], answer["msg"]) == (True, "generator load2: expected a home directory")
    assert answer["directories"] == [{"generator": "localhost", "path": "/home/me/runs/k3x9"}]
