"""What an instance has on disk: its configuration file and its directories."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..base import files
from ..base.files import FileSpec, is_open
from ..base.findings import Finding
from ..base.shell import quoted
from ..base.trees import is_directory
from ..platform import host
from .look import Look
from .options import RUN
from .states import State


def config_file(look: Look) -> Iterator[Finding]:
    """Whether it is there, and what may hold a password is closed."""
    config = look.snapshot.config if look.snapshot else look.instance.config
    if config is None:
        return
    look.checked += 2
    if look.snapshot and look.snapshot.observed.file is None and files.look(config.path, config.owner) is None:
        yield look.found(
            "file",
            State.FILE_CHANGED_OUTSIDE if look.record.applied() else State.DECLARED_NOT_APPLIED,
            expected=f"{config.path}",
            actual="no such file; the next start of the server fails",
            why="guide 9",
            remedy=f"{RUN}; a copy is {look.record.last_good_path}",
        )
    for name, target in (("file.mode", config), *_remembered(look)):
        if not is_open(target) or (target is config and look.snapshot is not None and not look.snapshot.config_is_open):
            continue
        yield look.found(
            name,
            State.FILE_CHANGED_OUTSIDE,
            expected=f"{target.path} with mode {target.mode:04o}, {target.owner}:{target.group}",
            actual=host.mode_and_owner(target.path),
            why="it may hold a password",
            remedy=RUN if target is config else f"chmod {target.mode:04o} {quoted(target.path)}",
            since=host.modified(target.path, status=True),
        )


def _remembered(look: Look) -> list[tuple[str, FileSpec]]:
    """What a run keeps for itself, where it keeps anything."""
    paths = [look.record.path, look.record.last_good_path] if look.record.path else []
    return [
        (f"record.mode.{Path(path).name}", FileSpec(path, 0o600, os.geteuid(), os.getegid()))
        for path in paths
        if Path(path).is_file()
    ]


def directories(look: Look) -> Iterator[Finding]:
    """Whether they are there, and the server's alone."""
    for target in look.snapshot.directories if look.snapshot else ():
        look.checked += 1
        missing = not is_directory(target.path, target.owner)
        if missing or host.foreign_owner(target.path, str(target.owner)) or host.anybody_writes(target.path):
            yield look.found(
                f"directory.{target.path}",
                State.FILE_CHANGED_OUTSIDE,
                expected=f"{target.path}, which {target.owner} and nobody else can write",
                actual="no such directory" if missing else host.mode_and_owner(target.path),
                why="it holds the data",
                remedy=RUN
                if missing
                else f"chown {target.owner}:{target.group} {quoted(target.path)}; chmod o-w {quoted(target.path)}",
            )
