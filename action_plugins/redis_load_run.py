# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Run the programs of a load and show how it goes. library/redis_load_run.py documents it."""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import arguments  # noqa: E402 - found only now
from ansible.module_utils.redis_control.load import generators, scripts, show  # noqa: E402
from ansible.module_utils.redis_ops.base.text import printable  # noqa: E402

LOOK = 2.0  # seconds between two looks
BLINK = 0.25  # seconds between two looks at Ctrl-C
SETTLE = 120  # seconds for programs that were told to stop: to end their load, and to remove what it wrote
HURRY = 30  # seconds to tell the programs to stop, when this process is told to end
LINE, SAID = 1000, 1_000_000  # characters of a line, and of all that a generator says at once
INTERRUPT = "REDIS_LOADTEST_INTERRUPT"  # the file that the callback redis_report makes at the first Ctrl-C


class _Told(BaseException):
    """To end, as at a second Ctrl-C, or because whoever started it has gone."""


class ActionModule(ActionBase):
    """Starts programs on load generators, tells them that somebody looks or that they are to stop; writes to the terminal."""

    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Until every program has ended, Ctrl-C, or the time is over. None of these fails: the results will tell."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(arguments.LOAD_RUN_ARGUMENTS))
        if self._task.check_mode:
            result.update(changed=False, stopped=False, programs=[])
            return result
        names = [run["generator"] for run in given["runs"]]
        load = _Load(generators.all_of(self, names, task_vars or {}, given["runs"]), show.Show())
        with _signals():
            try:
                load.start(given["lead"], given["seconds"])
                if not load.follow(given["seconds"]):
                    load.settle()
                result["programs"] = [answer for generator in load.generators for answer in _collected(generator)]
            except _Told:
                signal.alarm(HURRY)  # whatever hangs
                load.abandon()
        result.update(changed=False, stopped=load.stopped)
        return result


class _Load:
    """All programs of a load test, from their start to their end."""

    def __init__(self, its_generators: Sequence[generators.Generator], terminal: show.Show) -> None:
        self.generators, self.stopped = its_generators, False
        self._show, self._parent = terminal, os.getppid()
        self._silent: set[str] = set()  # generators of which it was told that they do not answer

    def start(self, lead: int, seconds: int) -> None:
        """They run by themselves, so that a connection that breaks stops none of them; but not for long unwatched."""
        begin = int(time.time()) + lead if lead else 0
        unwatched = scripts.HELD + 10 * sum(len(generator.runs) for generator in self.generators)
        for generator in self.generators:
            generator.say(scripts.start(generator.runs, begin, unwatched, seconds))

    def follow(self, seconds: int) -> bool:
        """Until all have ended, Ctrl-C, or the time is over. Whether all have ended."""
        end = time.monotonic() + seconds
        with contextlib.closing(self._show):
            while not self.stopped and time.monotonic() < end:
                ended = [self._look(generator) for generator in self.generators]
                if all(ended):
                    return True
                self.stopped = _wait()
                self._end_with_parent()
        return False

    def settle(self) -> None:
        """Tell those that have not ended to stop, and wait until all that answer have cleaned up."""
        end = time.monotonic() + SETTLE
        left = [generator for generator in self.generators if not self._look(generator) and generator.answers]
        for generator in left:
            generator.say(scripts.stop(generator.runs))
        while left and time.monotonic() < end:
            time.sleep(LOOK)
            self._end_with_parent()
            left = [generator for generator in left if not self._look(generator) and generator.answers]

    def abandon(self) -> None:
        """Tell them to stop, and that nobody will fetch what was measured."""
        self.stopped = True
        for generator in self.generators:
            generator.say(scripts.leave(generator.runs))

    def _look(self, generator: generators.Generator) -> bool:
        """Whether all of its programs have ended. What one that does not answer does is not known, so they have not."""
        said = generator.say(scripts.look(generator.runs))
        if not said.reached:
            if generator.name not in self._silent:
                self._show.stays(f"generator {generator.name} does not answer; the load runs on")
            self._silent.add(generator.name)
            return False
        self._silent.discard(generator.name)
        lines = [printable(line[:LINE]) for line in said.out[:SAID].splitlines()]
        if generator is self.generators[0]:
            self._show.lines([line for line in lines if line and line != scripts.DONE])
        return scripts.DONE in lines

    def _end_with_parent(self) -> None:
        if os.getppid() != self._parent:
            raise _Told


def _collected(generator: generators.Generator) -> Iterator[dict[str, Any]]:
    """What each program measured, or said last; of a generator that cannot be reached, why not."""
    for run in generator.runs:
        said = generator.say(scripts.collect(run))
        if said.reached:
            yield {"item": dict(run), "rc": said.code, "stdout": said.out}
        else:
            yield {"item": dict(run), "unreachable": True, "msg": said.err}


def _wait() -> bool:
    """Until the next look. Whether Ctrl-C stops the load."""
    end = time.monotonic() + LOOK
    while time.monotonic() < end:
        if Path(os.environ.get(INTERRUPT, "/nonexistent")).exists():
            return True
        time.sleep(BLINK)
    return False


@contextlib.contextmanager
def _signals() -> Iterator[None]:
    """What ends this process at once ends the load first."""

    def told(*_: object) -> None:
        for number in usual:
            signal.signal(number, signal.SIG_IGN)
        raise _Told

    usual = {number: signal.signal(number, told) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in usual.items():
            signal.signal(number, handler)
