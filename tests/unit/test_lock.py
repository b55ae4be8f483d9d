"""One run at a time on a host, whatever becomes of the run that holds the lock. Field case A25."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base import lock
from ansible.module_utils.redis_ops.base.errors import HostIsBusy
from ansible.module_utils.redis_ops.edge import run

ROOT = Path(__file__).parent.parent.parent
# Another process that holds the lock until it is told to stop: one run's, or a reader's
HOLDER = """\
import sys
sys.path.insert(0, sys.argv[1])
from redis_ops.base import lock
kind, path = sys.argv[2:4]
with lock.alone(path, "provision by bob") if kind == "alone" else lock.beside(path):
    print("held", flush=True)
    sys.stdin.readline()
"""


class Other:
    """Another process that holds the lock."""

    def __init__(self, path: Path, kind: str = "alone") -> None:
        words = [sys.executable, "-c", HOLDER, str(ROOT / "module_utils"), kind, str(path)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdout.readline() == "held\n"

    def __enter__(self) -> Other:  # noqa: PYI034 - no Self before Python 3.11
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def path(tmp_path):
    return tmp_path / "state" / "lock"


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    monkeypatch.setattr(lock, "POLL", 0.01)


def busy(path: Path, *, reads: bool = False) -> str:
    """What the run is told that does not get the lock at once."""
    with (
        pytest.raises(HostIsBusy) as raised,
        lock.beside(str(path), 0.05) if reads else lock.alone(str(path), "x", 0.05),
    ):
        pass
    return str(raised.value)


def test_the_lock_is_free_again_afterwards(path):
    for _ in range(2):
        with lock.alone(str(path), "provision by me", 0):
            assert json.loads(path.read_text())["holder"] == "provision by me"
        assert path.read_text() == "", "nobody is named who has it no more"


def test_a_full_disk_keeps_nobody_from_the_lock(path, monkeypatch):
    """A run that removes old files has to work then."""

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "pwrite", full)
        with lock.alone(str(path), "x", 0):
            assert busy(path).startswith("another run works on this host; waited")


def test_it_lies_where_only_root_reads(path):
    with lock.alone(str(path), "x", 0):
        assert path.stat().st_mode & 0o777 == 0o600
        assert path.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("reads", [False, True])
def test_a_second_run_is_told_who_has_it(path, reads):
    with Other(path) as other:
        text = busy(path, reads=reads)
        assert text.startswith("another run works on this host: provision by bob, since 20")
        assert f"process {other.process.pid}; waited 0.05 s; run again when it has ended" in text
        assert "\n" not in text


def test_a_run_that_is_killed_holds_nothing(path):
    with Other(path) as other:
        os.kill(other.process.pid, signal.SIGKILL)
        other.process.wait()
        with lock.alone(str(path), "x", 5):
            pass


def test_a_run_that_waits_gets_it_when_the_other_ends(path):
    with Other(path) as other:
        other.process.stdin.write("\n")
        other.process.stdin.flush()
        with lock.alone(str(path), "x", 5):
            pass


def test_an_error_within_releases_it(path):
    with pytest.raises(ZeroDivisionError), lock.alone(str(path), "x", 0):
        raise ZeroDivisionError
    with lock.alone(str(path), "x", 0):
        pass


def test_readers_go_together_and_keep_a_change_out(path):
    with lock.alone(str(path), "x", 0):
        pass
    with Other(path, "beside"), lock.beside(str(path), 0):
        assert busy(path).startswith("another run works on this host; waited")


def test_a_run_that_was_killed_is_not_named_for_a_reader(path):
    with Other(path) as killed:
        killed.process.kill()
        killed.process.wait()
    assert "provision by bob" in path.read_text()
    with Other(path, "beside"):
        assert busy(path).startswith("another run works on this host; waited")


def test_a_reader_writes_nothing(path):
    with lock.beside(str(path), 0):
        pass
    assert not path.parent.exists()


def test_a_child_of_the_run_does_not_keep_the_lock(path):
    """A server that the run starts would hold it as long as it runs."""
    with lock.alone(str(path), "x", 0):
        child = subprocess.Popen(["sleep", "60"], close_fds=False)
    try:
        with lock.alone(str(path), "x", 0):
            pass
    finally:
        child.kill()
        child.wait()


@pytest.mark.parametrize("kind", ["file", "nothing", "directory"])
def test_a_link_in_its_place_is_not_followed(path, tmp_path, kind):
    target = tmp_path / "target"
    if kind == "file":
        target.write_text("precious")
    elif kind == "directory":
        target.mkdir()
    path.parent.mkdir()
    path.symlink_to(target)
    with pytest.raises(OSError, match="Too many levels of symbolic links"), lock.alone(str(path), "x", 0):
        pass
    assert kind != "file" or target.read_text() == "precious"
    assert kind == "nothing" or target.exists()
    assert kind != "nothing" or not target.exists()


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "1", '{"holder": 1}', '{"holder": "a\\nb", "since": 1, "pid": 1}', "\0" * 9999]
)
def test_whatever_the_file_says_is_one_line(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with path.open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        told = busy(path)
    assert told.startswith("another run works on this host")
    assert "\n" not in told


def test_the_wait_has_an_end(path):
    with Other(path):
        began = time.monotonic()
        busy(path)
        assert time.monotonic() - began < 5


# --- as the modules use it ----------------------------------------------------------------------------------------------


@pytest.fixture
def of_modules(path, monkeypatch):
    monkeypatch.setattr(run, "LOCK", str(path))
    monkeypatch.setattr(lock, "PATIENCE", 0.05)
    monkeypatch.setattr(run, "must_be_root", lambda: None)
    return path


def test_a_module_that_changes_the_host_names_itself_and_its_caller(of_modules):
    said = run.in_turn(lambda: json.loads(of_modules.read_text()), {"caller": "bob@here (provision.yml)"}, "provision")
    assert said["holder"] == "provision by bob@here (provision.yml)"
    assert said["pid"] == os.getpid()


def test_a_module_that_reads_leaves_no_mark(of_modules):
    assert run.in_turn(lambda: {"found": 1}) == {"found": 1}
    assert not of_modules.exists()


def test_what_a_caller_says_is_data(of_modules):
    hostile = "x\n\x1b[2J{{ 1 }}" + "y" * 1000
    said = run.in_turn(lambda: json.loads(of_modules.read_text()), {"caller": hostile}, "provision")
    assert "\n" not in said["holder"]
    assert "\x1b" not in said["holder"]
    assert len(said["holder"]) < 250


# --- a lock file that goes away while somebody waits: a run that removes everything takes it along -----------------------


@contextlib.contextmanager
def removed_meanwhile(path: Path, other: Other) -> Iterator[None]:
    """The run that has the lock removes the directory with it, and ends, a moment from now."""

    def remove() -> None:
        time.sleep(0.1)
        shutil.rmtree(path.parent)
        other.process.stdin.write("\n")
        other.process.stdin.flush()

    thread = threading.Thread(target=remove)
    thread.start()
    try:
        yield
    finally:
        thread.join()


def test_a_run_that_waited_for_a_file_that_is_gone_has_the_new_one(path):
    """Else two runs hold a lock each, on two files of one name."""
    with Other(path) as other, removed_meanwhile(path, other), lock.alone(str(path), "provision by me", 5):
        assert json.loads(path.read_text())["holder"] == "provision by me"
        assert busy(path).startswith("another run works on this host: provision by me, since 20")


def test_a_run_that_waited_waits_again_for_who_was_faster(path):
    with Other(path) as other, removed_meanwhile(path, other):
        until = time.monotonic() + 5
        while path.exists() and time.monotonic() < until:
            time.sleep(0.001)
        with Other(path):
            assert busy(path).startswith("another run works on this host: provision by bob")


def test_a_reader_that_waited_for_a_file_that_is_gone_keeps_a_change_out(path):
    with Other(path) as other:
        replaced: list[Other] = []

        def replace() -> None:
            time.sleep(0.1)
            path.unlink()
            replaced.append(Other(path))
            other.process.stdin.write("\n")
            other.process.stdin.flush()

        thread = threading.Thread(target=replace)
        thread.start()
        try:
            with pytest.raises(HostIsBusy, match="provision by bob"), lock.beside(str(path), 0.5):
                pass
        finally:
            thread.join()
            replaced[0].process.kill()
            replaced[0].process.communicate()


def test_a_reader_does_not_wait_for_a_file_that_is_gone(path):
    with Other(path) as other, removed_meanwhile(path, other), lock.beside(str(path), 5):
        assert not path.parent.exists()


def test_what_waits_leaves_nothing_open(path):
    before = len(list(Path("/proc/self/fd").iterdir()))
    with Other(path):
        for reads in (False, True):
            busy(path, reads=reads)
    with Other(path) as other, removed_meanwhile(path, other), lock.alone(str(path), "x", 5):
        pass
    assert len(list(Path("/proc/self/fd").iterdir())) == before
