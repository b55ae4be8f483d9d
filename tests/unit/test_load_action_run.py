"""A load is shown while it runs: each line once, until all programs have ended, Ctrl-C, or the end of patience."""

from __future__ import annotations

import os
import pty
import signal
import struct
import subprocess
import sys
import termios
from fcntl import ioctl
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
from ansible.errors import AnsibleConnectionFailure
from ansible.module_utils.redis_control.load import generators, scripts, show
from attacks import NOT_TEXT, TERMINAL

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "action_plugins"))
import redis_load_run as follow


class Load:
    """Programs on a generator, which is this machine: what they do between one look at them and the next."""

    def __init__(self, directory, monkeypatch, columns=0):
        self.shown, self.now, self._steps, self.scripts = [], 0.0, [], []
        self.directory, self.breaks, self.asked = directory, 0, []
        self.progress = [directory / f"{number} of two.progress" for number in (1, 2)]
        self.ended = [path.with_suffix(".ended") for path in self.progress]
        self.interrupt = directory / "interrupt"
        monkeypatch.setenv(follow.INTERRUPT, str(self.interrupt))
        monkeypatch.setattr(show, "Display", lambda: SimpleNamespace(display=self._display))
        monkeypatch.setattr(show, "columns", lambda: columns)
        clock = SimpleNamespace(monotonic=lambda: self.now, sleep=self._sleep, time=lambda: 1000.7)
        for module in (follow, show):
            monkeypatch.setattr(module, "time", clock)
        monkeypatch.setattr(generators, "connection", lambda *_: self)
        monkeypatch.setattr(scripts, "start", lambda *told: self.scripts.append(told) or ":")

    def then(self, *steps):
        """Each is done while the task sleeps."""
        self._steps += steps
        return self

    def says(self, *lines):
        return lambda: [path.write_text(f"before\n{line}\n") for path, line in zip(self.progress, lines)]

    def ends(self, *which):
        return lambda: [self.ended[number].touch() for number in which]

    def follow(self, seconds=60, *, check_mode=False):
        runs = [
            {"generator": "load1", "directory": str(self.directory), "progress": str(progress), "ended": str(ended)}
            | {"result": str(progress.with_suffix(".result"))}
            for progress, ended in zip(self.progress, self.ended)
        ]
        given = {"runs": runs, "seconds": seconds}
        action = follow.ActionModule(MagicMock(args=given, async_val=0, check_mode=check_mode), *[MagicMock()] * 5)
        return action.run(task_vars={})

    def exec_command(self, command, in_data, sudoable):
        """As a connection plugin has it."""
        assert (in_data, sudoable) == (None, False)
        looks = scripts.DONE in command
        if looks:
            self.asked.append(self.now)
        if self.breaks:
            self.breaks -= looks
            raise AnsibleConnectionFailure("Broken pipe")
        done = subprocess.run(["sh", "-c", command], capture_output=True, check=False)
        assert done.stderr == b"" or not looks
        return done.returncode, done.stdout, done.stderr

    def _sleep(self, seconds):
        self.now += seconds
        if self._steps and self.now % follow.LOOK == 0:
            self._steps.pop(0)()

    def _display(self, text, newline=True, screen_only=False):
        self.shown.append((text, newline, screen_only))


@pytest.fixture
def load(tmp_path, monkeypatch):
    return Load(tmp_path, monkeypatch)


def test_without_a_terminal_a_line_now_and_then_and_none_twice(load):
    load.then(load.says("10 s left", "jobs 1"), *[lambda: None] * 5, load.says("0 s left", "jobs 9"), load.ends(0, 1))
    result = load.follow()
    assert (result["stopped"], result["changed"], result.get("failed")) == (False, False, None)
    assert load.shown == [(line, True, False) for line in ("10 s left", "jobs 1", "0 s left", "jobs 9")]


def test_too_often_is_left_out(load):
    load.then(*(load.says(f"{left} s left") for left in range(20, 0, -2)), load.ends(0, 1))
    load.follow()
    assert [text for text, *_ in load.shown] == ["20 s left", "10 s left"]


def test_on_a_terminal_one_line_that_rewrites_itself(tmp_path, monkeypatch):
    load = Load(tmp_path, monkeypatch, columns=20)
    load.then(load.says("users", "jobs"), load.says("users " * 9), lambda: None, load.ends(0, 1))
    load.follow()
    assert load.shown == [
        ("\r\033[Kusers  |  jobs", False, True),
        ("\r\033[Kusers users users u", False, True),
        ("", True, True),  # whatever comes next begins a line of its own
    ]


def test_it_goes_on_until_all_have_ended(load):
    load.then(load.ends(1), *[lambda: None] * 7, load.ends(0))
    assert load.follow()["stopped"] is False
    assert load.now == 9 * follow.LOOK


def test_in_check_mode_nothing_is_started(load):
    result = load.follow(check_mode=True)
    assert (result["stopped"], result["programs"], load.scripts, load.asked) == (False, [], [], [])


def test_ctrl_c_ends_it(load):
    load.then(lambda: None, load.interrupt.touch, lambda: None, load.ends(0, 1))
    assert load.follow()["stopped"] is True
    assert load.now == 4 * follow.LOOK  # two of them until all had cleaned up
    assert (load.directory / "stop").exists()
    assert (load.directory / "watched").read_text() == "60\n"  # there will be a report


def test_ctrl_c_that_comes_with_the_end_of_all_stops_nothing(load):
    load.then(load.ends(0, 1)).interrupt.touch()
    load.ends(0, 1)()
    assert load.follow()["stopped"] is False


def test_programs_that_never_end_do_not_hold_it_for_ever(load):
    assert load.follow(seconds=7)["stopped"] is False
    assert load.now == 4 * follow.LOOK + follow.SETTLE
    assert (load.directory / "stop").exists()


def test_a_connection_that_breaks_is_told_once_and_stops_nothing(load):
    load.then(load.says("20 s left"), lambda: setattr(load, "breaks", 3), *[lambda: None] * 3, load.ends(0, 1))
    result = load.follow()
    assert (result["stopped"], result.get("failed"), result.get("unreachable")) == (False, None, None)
    assert [text for text, *_ in load.shown] == ["20 s left", "generator load1 does not answer; the load runs on"]
    assert load.asked == [number * follow.LOOK for number in range(7)]
    assert not (load.directory / "stop").exists()


def test_one_that_stays_broken_is_asked_until_the_time_is_over(load):
    load.breaks = 99
    assert load.follow(seconds=60)["stopped"] is False
    assert (load.now, len(load.shown)) == (60, 1)


def test_a_stop_that_cannot_be_told_is_no_failure(load):
    load.then(lambda: None, load.interrupt.touch)
    load.breaks = 99
    assert load.follow()["stopped"] is True


def test_each_look_says_that_somebody_looks(load):
    load.then(lambda: None, load.ends(0, 1))
    load.follow()
    assert (load.directory / "watched").read_text() == "60\n"


def test_whoever_started_it_has_gone(load, monkeypatch):
    """Killed, so that it could tell nobody."""
    parents = iter([4711, 4711, 1])
    monkeypatch.setattr(os, "getppid", lambda: next(parents, 1))
    try:
        assert load.follow()["stopped"] is True
    finally:
        signal.alarm(0)
    assert (load.directory / "stop").exists()
    assert (load.directory / "watched").read_text() == "0\n"  # so the programs leave nothing for anybody to fetch


def test_told_to_end_it_stops_the_load_first(load):
    usual = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    load.then(lambda: None, lambda: signal.raise_signal(signal.SIGTERM))
    try:
        assert load.follow()["stopped"] is True
        assert 0 < signal.alarm(0) <= follow.HURRY
    finally:
        signal.alarm(0)
    assert (load.directory / "stop").exists()
    assert (load.directory / "watched").read_text() == "0\n"
    assert {number: signal.getsignal(number) for number in usual} == usual


def test_no_ctrl_c_without_the_callback(load, monkeypatch):
    monkeypatch.delenv(follow.INTERRUPT)
    load.interrupt.touch()
    assert load.follow(seconds=4)["stopped"] is False


@pytest.mark.parametrize("columns", [0, 77])
def test_the_terminal_is_that_of_the_parent(columns, monkeypatch):
    """Which is ansible-playbook: an action runs in a child that has none."""
    main, other = pty.openpty()
    ioctl(other, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
    with subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=other if columns else subprocess.PIPE) as parent:
        monkeypatch.setattr(os, "getppid", lambda: parent.pid)
        assert show.columns() == columns
        parent.stdin.close()
        parent.wait()
    assert show.columns() == 0  # a parent that has gone
    os.close(main)
    os.close(other)


@pytest.mark.parametrize("text", [*TERMINAL, *NOT_TEXT, "x" * 100_000])
@pytest.mark.parametrize("columns", [0, 80])
def test_what_a_generator_says_moves_no_cursor(tmp_path, monkeypatch, text, columns):
    load = Load(tmp_path, monkeypatch, columns=columns)
    load._execute = lambda command, sudoable: {"stdout": f"{text}\n{follow.DONE}\n"}  # noqa: ARG005
    load.follow()
    for shown, _, _ in load.shown:
        assert shown.removeprefix("\r\033[K").isprintable()
        assert len(shown) < 2000
