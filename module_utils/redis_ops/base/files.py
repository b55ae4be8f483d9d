"""Files, written so that a reader sees the old text or the new one and never a part of either."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional, Union


@dataclass(frozen=True)
class Target:
    """A file to write. mode: permission bits; owner, group: names or numbers, or None to leave them."""

    path: str
    mode: int = 0o644
    owner: Union[str, int, None] = None
    group: Union[str, int, None] = None


def write(target: Target, text: str) -> None:
    """Replace the file by a new one with this text. Its directory is made when missing.

    A symbolic link to a file is followed: the link stays, the file behind it is replaced. One to anything else, such as
    the /dev/null of a masked file, is replaced itself; and so is, where root writes, one that somebody else made.
    """
    real = Path(os.path.realpath(target.path))
    path = real if _is_followed(Path(target.path), real) else Path(target.path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with draft(path, text) as temporary:
        give(Target(str(temporary), target.mode, target.owner, target.group))
        temporary.replace(path)


def _is_followed(path: Path, real: Path) -> bool:
    mine = not path.is_symlink() or path.lstat().st_uid == os.geteuid()
    return mine and (real.is_file() or not real.exists())


@contextmanager
def draft(path: Path, text: str) -> Iterator[Path]:
    """A file with this text beside `path`, mode 0600, gone afterwards.

    It always has the same name, so that one that a killed run left behind is overwritten or swept, never collected.
    """
    temporary = _draft_of(path)
    temporary.unlink(missing_ok=True)
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def sweep(path: str) -> None:
    """Remove what a killed run left beside this file: it may hold secrets."""
    _draft_of(Path(os.path.realpath(path))).unlink(missing_ok=True)


def _draft_of(path: Path) -> Path:
    return path.parent / f".{path.name}.draft"


def read_optional(path: str) -> Optional[str]:
    """The text of a file; None when there is none."""
    found = Path(path)
    return found.read_text(errors="surrogateescape") if found.exists() else None


def give(target: Target) -> None:
    """Set mode and owner; the owner only where this process may."""
    Path(target.path).chmod(target.mode)
    if os.geteuid() != 0:
        return
    if target.owner is not None:
        shutil.chown(target.path, user=target.owner)
    if target.group is not None:
        shutil.chown(target.path, group=target.group)


def is_open(target: Target) -> bool:
    """Whether the file is there with another mode or owner than it is given."""
    path = Path(target.path)
    if not path.exists():
        return False
    found = path.stat()
    if stat.S_IMODE(found.st_mode) != target.mode:
        return True
    return os.geteuid() == 0 and (_number(target.owner, "passwd"), _number(target.group, "group")) not in [
        (user, group) for user in (None, found.st_uid) for group in (None, found.st_gid)
    ]


def _number(name: Union[str, int, None], table: str) -> Optional[int]:
    """The number of a user or group; None for one that need not be set, or does not exist yet."""
    if name is None or isinstance(name, int):
        return name
    try:
        return pwd.getpwnam(name).pw_uid if table == "passwd" else grp.getgrnam(name).gr_gid
    except KeyError:
        return None


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
            self._targets[target.path] = _as_it_is(target)
        write(target, text)

    def goes_back_to(self, target: Target, text: str) -> None:
        """Let `text` be what put_back() leaves, whatever is there now."""
        self._before[target.path] = text
        self._targets[target.path] = target

    def put_back(self) -> None:
        """Every file as it was; those that were not there go away."""
        for path, text in self._before.items():
            if text is None:
                Path(path).unlink(missing_ok=True)
            else:
                write(self._targets[path], text)


def _as_it_is(target: Target) -> Target:
    """The target with the mode and owner that its file has now."""
    path = Path(target.path)
    if not path.exists():
        return target
    found = path.stat()
    return Target(target.path, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
