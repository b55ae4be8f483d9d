"""Files, written so that a reader sees the old text or the new one and never a part of either."""

from __future__ import annotations

import os
import shutil
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional


@dataclass(frozen=True)
class Target:
    """A file to write. mode: permission bits; owner, group: names, or None to leave them."""

    path: str
    mode: int = 0o644
    owner: Optional[str] = None
    group: Optional[str] = None


def write(target: Target, text: str) -> None:
    """Replace the file by a new one with this text. Its directory is made when missing.

    A symbolic link to a file is followed: the link stays, the file behind it is replaced. One to anything else, such as
    the /dev/null of a masked file, is replaced itself.
    """
    real = Path(os.path.realpath(target.path))
    path = real if real.is_file() or not real.exists() else Path(target.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        give(Target(temporary, target.mode, target.owner, target.group))
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def give(target: Target) -> None:
    """Set mode and owner; the owner only where this process may."""
    Path(target.path).chmod(target.mode)
    if os.geteuid() != 0:
        return
    if target.owner:
        shutil.chown(target.path, user=target.owner)
    if target.group:
        shutil.chown(target.path, group=target.group)


@dataclass
class Undo:
    """Remembers files as they were, to put all of them back."""

    _before: dict[str, Optional[str]] = field(default_factory=dict)
    _targets: dict[str, Target] = field(default_factory=dict)

    def write(self, target: Target, text: str) -> None:
        """Write, and remember what was there."""
        path = Path(target.path)
        if target.path not in self._before:
            self._before[target.path] = path.read_text(errors="surrogateescape") if path.exists() else None
            self._targets[target.path] = target
        write(target, text)

    def put_back(self) -> None:
        """Every file as it was; those that were not there go away."""
        for path, text in self._before.items():
            if text is None:
                Path(path).unlink(missing_ok=True)
            else:
                write(self._targets[path], text)
