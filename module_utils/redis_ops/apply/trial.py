"""Let the program that the next start runs read a new configuration, before it counts."""

from __future__ import annotations

import posixpath
import re

from ..model import conffile
from ..view.instance import InstanceView
from . import validation


def run(view: InstanceView, text: str) -> None:
    """Raises ApplyFailed when the program does not accept `text`."""
    config = view.config
    if config is None:
        return
    program = view.startup.program if view.startup and view.startup.program.startswith("/") else view.instance.binary
    text = from_anywhere(text, view.startup.directory if view.startup else "/")
    validation.validate_config(text, program, config.owner)


def foresee_refusal(view: InstanceView) -> None:
    """In check mode, what the program would say of the new file. Raises ApplyFailed."""
    text = view.plan.file_after
    if text and view.plan.file_changed and view.installed and not view.missing_directories:
        run(view, text)


def from_anywhere(text: str, directory: str) -> str:
    """The same with an absolute `dir`: the trial does not work where the service does. directory: where that is."""

    def absolute(line: re.Match[str]) -> str:
        words = conffile.split_arguments(line[1]) or [""]
        return f"dir {conffile.quote(posixpath.join(directory, words[0]))}"

    return re.sub(r"^dir (.+)$", absolute, text, flags=re.MULTILINE)
