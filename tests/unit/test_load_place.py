"""The directory of a run: nobody else looks into it, the last program leaves it clean, and the next run removes dead ones."""

from __future__ import annotations

import fcntl
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from ansible.module_utils.redis_control.load import archive, scripts
from ansible.module_utils.redis_load import place

ROOT = Path(__file__).parent.parent.parent
LOAD = ROOT / "module_utils" / "redis_load"


@pytest.fixture
def run(tmp_path):
    """The directory of a run that somebody watches."""
    directory = tmp_path / "runs" / "k3x9w2ab"
    directory.mkdir(parents=True)
    watched(directory)
    return directory


def watched(directory: Path, text: str = "60\n", age: float = 0) -> None:
    path = directory / "watched"
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)


def program(directory: Path, *, says: str = "") -> subprocess.Popen:
    """Another program that works in the directory until its standard input ends."""
    script = (
        f"import sys; sys.path.insert(0, {str(LOAD.parent)!r}); from redis_load import place\n"
        f"with place.working_in({str(directory / 'stop')!r}):\n    print('in', flush=True); sys.stdin.read()\n{says}"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "in\n"
    return process


def end(process: subprocess.Popen) -> None:
    process.communicate(timeout=20)


# --- who leaves last --------------------------------------------------------------------------------------------------


def test_a_program_that_somebody_watches_leaves_its_result(run):
    with place.working_in(str(run / "stop")):
        (run / "x.result").touch()
    assert (run / "x.result").exists()


def test_one_that_nobody_watches_any_more_removes_the_directory(run):
    with place.working_in(str(run / "stop")):
        (run / "x.result").touch()
        watched(run, age=61)
    assert not run.exists()
    assert run.parent.exists()


def test_even_when_it_fails(run):
    watched(run, age=61)
    with pytest.raises(ValueError, match="why"), place.working_in(str(run / "stop")):
        raise ValueError("why")
    assert not run.exists()


def test_a_directory_that_went_meanwhile_is_no_error(run):
    with place.working_in(str(run / "stop")):
        place.shutil.rmtree(run)
    assert not run.exists()


def test_by_hand_nothing_is_removed(tmp_path):
    with place.working_in(""):
        pass
    assert tmp_path.exists()


def test_the_last_of_several_removes_it(run):
    first, second = program(run), program(run)
    watched(run, age=61)
    end(first)
    assert run.exists()
    end(second)
    assert not run.exists()


def test_a_program_that_is_killed_leaves_its_place_to_the_others(run):
    first, second = program(run), program(run)
    watched(run, age=61)
    first.kill()
    first.wait()
    end(second)
    assert not run.exists()
    first.stdin.close()
    first.stdout.close()


# --- what the next run removes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "age", "files", "goes"),
    [
        ("60\n", 0, [], False),
        ("60\n", 61, [], True),
        ("900\n", 61, [], False),  # it is being prepared
        ("900\n", 901, [], True),
        ("60\n", 5, ["a.progress"], False),  # about to begin
        ("60\n", 11, ["a.progress"], True),  # killed with its shell: its result will not come
        ("60\n", 11, ["a.progress", "a.ended"], False),  # its result is being fetched
        ("60\n", 11, ["a.progress", "a.ended", "b.progress"], True),
        ("60\n", 61, ["a.progress", "a.ended"], True),
    ],
)
def test_a_dead_run_goes_and_no_other_one(run, text, age, files, goes):
    for name in files:
        (run / name).touch()
    watched(run, text, age)
    own = run.parent / "own"
    own.mkdir()
    watched(own, age=10_000)
    place.remove_dead(run.parent, own)
    assert run.exists() is not goes
    assert own.exists()


def test_one_with_a_program_in_it_stays_however_old_it_is(run):
    process = program(run)
    watched(run, age=10_000)
    place.remove_dead(run.parent, run.parent / "own")
    assert run.exists()
    end(process)
    assert not run.exists()


def test_no_link_is_followed(run, tmp_path):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "data").touch()
    watched(elsewhere, age=10_000)
    (run.parent / "link").symlink_to(elsewhere)
    (run / "inside").symlink_to(elsewhere)
    watched(run, age=10_000)
    place.remove_dead(run.parent, run.parent / "own")
    assert not run.exists()
    assert (elsewhere / "data").exists()


def test_where_no_run_ever_was(tmp_path):
    place.remove_dead(tmp_path / "none", tmp_path / "own")


def test_who_reads_the_result_is_not_in_the_way(run):
    """A lock that somebody else holds makes a removal wait for the next run, and not this one for the lock."""
    lock = os.open(run / "lock", os.O_CREAT | os.O_RDWR)
    fcntl.flock(lock, fcntl.LOCK_SH)
    watched(run, age=10_000)
    assert place.remove(run) is False
    os.close(lock)
    assert place.remove(run) is True


# --- how it is made ---------------------------------------------------------------------------------------------------


def made(home: Path, **variables: str) -> subprocess.CompletedProcess:
    """As it is brought to a generator."""
    return subprocess.run(
        ["/bin/sh", "-c", scripts.BRING],
        input=archive.archive(),
        env={"PATH": os.environ["PATH"], "HOME": str(home), **variables},
        capture_output=True,
        check=False,
        umask=0,
    )


def test_nobody_else_looks_into_it_or_knows_its_name(tmp_path):
    names = set()
    for _ in range(2):
        done = made(tmp_path, TMPDIR="/nonexistent")
        assert done.returncode == 0, done.stderr
        directory = Path(done.stdout.decode().strip())
        assert directory.parent == tmp_path / ".cache" / "ansible-redis" / "runs"
        for path in (directory, directory.parent):
            assert path.stat().st_mode & 0o7777 == 0o700
        assert {path.name for path in directory.iterdir()} == {"redis_load.pyz", "watched"}
        assert not [path for path in directory.iterdir() if path.stat().st_mode & 0o077]
        names.add(directory.name)
    assert len(names) == 2
    assert all(len(name) == 8 for name in names)


def test_a_user_without_a_home_directory_is_told(tmp_path):
    (tmp_path / "file").touch()
    done = made(tmp_path / "file")
    assert done.returncode == 1
    last = done.stderr.decode().splitlines()[-1]
    assert "cannot make a directory in" in last
    assert "expected a home directory that this user can write" in last


def test_no_program_of_a_load_writes_where_others_do():
    """Not by a fixed name, and not in a place for all: what it needs stands beside its result."""
    for path in [*LOAD.rglob("*.py"), *(ROOT / "roles/redis_loadtest/tasks").glob("*.yml")]:
        text = path.read_text()
        assert "/tmp" not in text, path
        assert "ansible.builtin.tempfile" not in text, path
        for line in text.splitlines():
            if "tempfile." in line:
                assert "dir=" in line, f"{path}: {line}"
