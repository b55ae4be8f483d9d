"""The progress of a load, on the terminal of who started it."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ansible.utils.display import Display

PLAIN = 10.0  # seconds between two lines where there is no terminal


class Show:
    """One line that rewrites itself on a terminal; elsewhere a line now and then."""

    def __init__(self) -> None:
        self._display = Display()
        self._columns = columns()
        self._due = 0.0
        self._last: list[str] = []

    def lines(self, lines: Sequence[str]) -> None:
        """What the programs say now."""
        if not lines or lines == self._last:
            return
        self._last = list(lines)
        if self._columns:
            text = "  |  ".join(lines)
            self._display.display(f"\r\033[K{text[: self._columns - 1]}", newline=False, screen_only=True)
        elif time.monotonic() >= self._due:
            self._due = time.monotonic() + PLAIN
            for line in lines:
                self._display.display(line)

    def stays(self, line: str) -> None:
        """A line that is not rewritten."""
        self.close()
        self._last = []
        self._display.display(line)

    def close(self) -> None:
        """Whatever comes next begins a line of its own."""
        if self._columns and self._last:
            self._display.display("", screen_only=True)


def columns() -> int:
    """Of the terminal of ansible-playbook, whose child this is without one; 0 where there is none."""
    try:
        terminal = os.open(f"/proc/{os.getppid()}/fd/1", os.O_WRONLY | os.O_NOCTTY)
    except OSError:
        return 0
    try:
        return os.get_terminal_size(terminal).columns if os.isatty(terminal) else 0
    finally:
        os.close(terminal)
