# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Show a load while it runs, on the terminal of who started it. library/redis_load_follow.py documents it."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import arguments  # noqa: E402 - found only now
from ansible.module_utils.redis_ops.base.text import printable  # noqa: E402

LOOK = 2.0  # seconds between two looks
BLINK = 0.25  # seconds between two looks at Ctrl-C
PLAIN = 10.0  # seconds between two lines where there is no terminal
HELD = 60  # seconds that a load runs on unwatched: redis_load/place.py
HURRY = 30  # seconds to tell the programs to stop, when this process is told to end
LINE, SAID = 1000, 1_000_000  # characters of a line, and of all that a generator says at once
DONE = "all programs have ended"
INTERRUPT = "REDIS_LOADTEST_INTERRUPT"  # the file that the callback redis_report makes at the first Ctrl-C


class _Told(BaseException):
    """To end, as at a second Ctrl-C, or because whoever started it has gone."""


@dataclass
class _Generator:
    """Where programs run."""

    name: str
    connection: Any
    look: str  # the commands
    stop: str
    leave: str  # the same, and nobody will fetch what was measured
    answers: bool = True


class ActionModule(ActionBase):
    """Says to the load generators that somebody looks, or that they are to stop; writes to the terminal."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Until every program has ended, Ctrl-C, or the time is over. None of these fails: the results will tell."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(arguments.LOAD_FOLLOW_ARGUMENTS))
        generators = self._generators(given["runs"], task_vars or {})
        show, end, parent = _Show(), time.monotonic() + given["seconds"], os.getppid()
        stopped = abandoned = False
        with _signals(), contextlib.ExitStack() as stack:
            stack.callback(show.end)
            try:
                while not stopped and time.monotonic() < end:
                    if self._look(generators, show):
                        break
                    stopped = _wait()
                    if os.getppid() != parent:
                        raise _Told
            except _Told:
                signal.alarm(HURRY)  # whatever hangs
                stopped = abandoned = True
            for generator in generators if stopped else ():
                self._say(generator, generator.leave if abandoned else generator.stop)
        result.update(changed=False, stopped=stopped)
        return result

    def _look(self, generators: Sequence[_Generator], show: _Show) -> bool:
        """Whether all have ended. What a generator that does not answer does is not known, so it has not."""
        ended = True
        for first, generator in zip((True, *[False] * len(generators)), generators):
            said = self._say(generator, generator.look)
            if said is None:
                if generator.answers:
                    show.stays(f"generator {generator.name} does not answer; the load runs on")
            elif first:
                show.lines([line for line in said if line and line != DONE])
            generator.answers = said is not None
            ended = ended and DONE in (said or ())
        return ended

    def _say(self, generator: _Generator, command: str) -> list[str] | None:
        """What it answers; nothing where the connection is broken, which stops no load."""
        self._connection = generator.connection
        with contextlib.suppress(AnsibleError, OSError, EOFError):
            said: str = self._low_level_execute_command(command, sudoable=False)["stdout"]
            return [printable(line[:LINE]) for line in said[:SAID].splitlines()]
        return None

    def _generators(self, runs: Sequence[Mapping[str, Any]], task_vars: Mapping[str, Any]) -> list[_Generator]:
        """The first one is whom this task is delegated to."""
        found: list[_Generator] = []
        for name in dict.fromkeys(run["generator"] for run in runs):
            theirs = [run for run in runs if run["generator"] == name]
            connection = self._to(name, task_vars) if found else self._connection
            directory = theirs[0]["directory"]
            stop, watched = (shlex.quote(f"{directory}/{file}") for file in ("stop", "watched"))
            ends = f": > {stop}"
            found.append(_Generator(name, connection, _command(theirs), ends, f"echo 0 > {watched}; {ends}"))
        return found

    def _to(self, name: str, task_vars: Mapping[str, Any]) -> Any:
        """As ansible-core makes one for a task (2.19, task_executor.py). It opens with the first command."""
        variables = task_vars["hostvars"][name]
        kind = variables.get("ansible_connection", self._task.connection)
        connection = self._shared_loader_obj.connection_loader.get(kind, self._play_context, None)
        keys = {**self._task.dump_attrs(), "timeout": self._play_context.timeout}
        del keys["retries"]
        options = connection._resolve_option_variables(variables, self._templar)  # noqa: SLF001
        connection.set_options(task_keys=keys, var_options=options)
        return connection


def _command(runs: Sequence[Mapping[str, str]]) -> str:
    """Say that somebody looks; the last line of each program, and whether all have ended."""
    watched = shlex.quote(f"{runs[0]['directory']}/watched")
    last = "; ".join(f"tail -n 1 {shlex.quote(run['progress'])} 2>/dev/null; echo" for run in runs)
    over = " && ".join(f"test -e {shlex.quote(run['ended'])}" for run in runs)
    return f"{{ echo {HELD} > {watched}; }} 2>/dev/null; {last}; {over} && echo {shlex.quote(DONE)} || true"


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


class _Show:
    """One line that rewrites itself on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._display = Display()
        self._columns = _columns()
        self._due = 0.0
        self._last: list[str] = []

    def lines(self, lines: list[str]) -> None:
        if not lines or lines == self._last:
            return
        self._last = lines
        if self._columns:
            text = "  |  ".join(lines)
            self._display.display(f"\r\033[K{text[: self._columns - 1]}", newline=False, screen_only=True)
        elif time.monotonic() >= self._due:
            self._due = time.monotonic() + PLAIN
            for line in lines:
                self._display.display(line)

    def stays(self, line: str) -> None:
        self.end()
        self._last = []
        self._display.display(line)

    def end(self) -> None:
        if self._columns and self._last:
            self._display.display("", screen_only=True)


def _columns() -> int:
    """Of the terminal of ansible-playbook, whose child this is without one; 0 where there is none."""
    try:
        terminal = os.open(f"/proc/{os.getppid()}/fd/1", os.O_WRONLY | os.O_NOCTTY)
    except OSError:
        return 0
    try:
        return os.get_terminal_size(terminal).columns if os.isatty(terminal) else 0
    finally:
        os.close(terminal)
