# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Show a load while it runs, on the terminal of who started it. library/redis_load_follow.py documents it."""

from __future__ import annotations

import os
import shlex
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_ops import edge  # noqa: E402 - found only now

LOOK = 2.0  # seconds between two looks
PLAIN = 10.0  # seconds between two lines where there is no terminal
DONE = "all programs have ended"
INTERRUPT = "REDIS_LOADTEST_INTERRUPT"  # the file that the callback redis_report makes at the first Ctrl-C


class ActionModule(ActionBase):
    """Reads on the load generator, writes to the terminal only."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Until every program has ended, Ctrl-C, or the time is over. None of these fails: the results will tell."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(edge.LOAD_FOLLOW_ARGUMENTS))
        show, end = _Show(), time.monotonic() + given["seconds"]
        looks = _command(given["progress"], given["ended"])
        stopped = False
        while not stopped and time.monotonic() < end:
            said = self._low_level_execute_command(looks, sudoable=False)["stdout"].splitlines()
            show.lines([line for line in said if line and line != DONE])
            if DONE in said:
                break
            stopped = _interrupted()
            time.sleep(LOOK)
        show.end()
        result.update(changed=False, stopped=stopped)
        return result


def _command(progress: Sequence[str], ended: Sequence[str]) -> str:
    """The last line of each program, and whether all have ended."""
    last = "; ".join(f"tail -n 1 {shlex.quote(path)} 2>/dev/null; echo" for path in progress)
    over = " && ".join(f"test -e {shlex.quote(path)}" for path in ended)
    return f"{last}; {over} && echo {shlex.quote(DONE)} || true"


def _interrupted() -> bool:
    return Path(os.environ.get(INTERRUPT, "/nonexistent")).exists()


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
