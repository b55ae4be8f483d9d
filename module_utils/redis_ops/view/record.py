"""What this host remembers of an instance between two runs."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from .. import catalog
from ..base.errors import InvalidValue
from ..base.files import Target, read_optional, write
from ..base.statefile import digest, files_in, keep_private, text_of
from ..model.conffile import ConfFile, Directive
from ..plan.plan import Plan

FOLLOWS = ("replicaof", "slaveof")  # one option under two names
_COMPARED_ELSEWHERE = ("user", *FOLLOWS)  # by what they mean, not as lines


@dataclass(frozen=True)
class Record:
    """path: the record of the applied settings, without secrets; '' to keep none. beside: path -> text of what a run
    writes beside the configuration file.

    Beside it lies a file with what the server runs with: what a start that fails goes back to. It has the secrets. Both have mode 0600.
    """

    path: str
    beside: Mapping[str, str] = field(default_factory=dict)

    @property
    def last_good_path(self) -> str:
        return str(Path(self.path).with_suffix(".conf"))

    def applied(self) -> Optional[dict[str, str]]:
        """What the last run left; None when there was none or its record is damaged."""
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            text = read_optional(self.path) if self.path else None
            return dict(json.loads(text)["settings"]) if text else None
        return None

    def files(self) -> dict[str, str]:
        """Path -> SHA-256 of what the last run wrote there."""
        with contextlib.suppress(OSError):
            return files_in(read_optional(self.path) or "") if self.path else {}
        return {}

    def is_damaged(self) -> bool:
        """Whether a run was here and the record of it says nothing, or is gone."""
        there = bool(self.path) and (Path(self.path).exists() or Path(self.last_good_path).exists())
        return there and self.applied() is None

    def last_good(self) -> Optional[str]:
        with contextlib.suppress(OSError):
            return read_optional(self.last_good_path) if self.path else None
        return None

    def left(self) -> Optional[ConfFile]:
        """The configuration as the last run left it; None when there was none or its copy is damaged."""
        text = self.last_good()
        with contextlib.suppress(InvalidValue):
            return None if text is None else ConfFile.parse(text)
        return None

    def is_kept(self, current: Plan) -> bool:
        """Whether it says what is applied, and the way back what runs."""
        if not self.path:
            return True
        way_back = current.file_running is None or self.last_good() == current.file_running
        return way_back and read_optional(self.path) == self._text(current)

    def keep(self, current: Plan, writer: Callable[[Target, str], None] = write) -> None:
        """What is applied. writer: one that can undo it, while the change is not over."""
        if self.path:
            keep_private(self.path, self._text(current), writer)

    def keep_running(self, current: Plan) -> None:
        """Before the file changes under a running server: the way back, also for a run after one that was killed."""
        if self.path and current.file_running is not None:
            keep_private(self.last_good_path, current.file_running)

    def _text(self, current: Plan) -> str:
        files = {path: digest(text) for path, text in self.beside.items()}
        return text_of(settings=current.applied(), files=files)


def foreign_lines(now: ConfFile, left: Optional[ConfFile]) -> list[Directive]:
    """The lines that set no option, of those that somebody wrote since the last run."""
    known = {(line.name, line.arguments) for line in left.directives} if left else set()
    return [line for line in now.directives if _sets_nothing(line) and (line.name, line.arguments) not in known]


def _sets_nothing(line: Directive) -> bool:
    option = catalog.find(line.name)
    return line.name not in _COMPARED_ELSEWHERE and (option is None or option.file_only)


def shown(line: Directive) -> str:
    """Not whole: what a command was renamed to is often meant to be a secret."""
    return " ".join([line.name, *line.arguments[:1]])
