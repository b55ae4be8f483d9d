"""Files, written so that a reader sees the old text or the new one and never a part of either.

Everything here may lie in a directory that another user can change: see paths.py for how it is reached. A file is read
when it is a regular one that belongs to root, to whoever runs this, to the service's user, or to the owner of the directory
that it lies in. A file of root's in a directory that somebody else can change may have been moved or linked there to be
read or given away, so it must have one name only, and be of its kind where the caller knows one.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Optional, Union

from . import drafts
from .errors import FileRefused
from .owners import allows, first_group, group_number, trusted, user_name, user_number
from .paths import Place, naming, reach
from .trees import make_directory

# bytes of a configuration, a manifest or a file of ACL users. A stock redis.conf has a fortieth of it; parsed, it takes up to
# 150 times as much memory
LIMIT = 4 * 2**20
TAIL = 2**20  # bytes from the end of a log
UNFINISHED = 3600.0  # seconds until a draft is a killed run's, where no lock keeps two runs apart
_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY


@dataclass(frozen=True)
class FileSpec:
    """A file: where it is and whose. mode: permission bits; owner, group: names or numbers, or None to leave them.

    kind: whether a text is one of such a file. It is asked of a file of root's that another user can have put there.
    """

    path: str
    mode: int = 0o644
    owner: Union[str, int, None] = None
    group: Union[str, int, None] = None
    kind: Optional[Callable[[str], bool]] = None


def read(target: FileSpec, limit: int = LIMIT, *, for_owner: bool = False) -> Optional[str]:
    """The text of a file, None when there is none; bytes that are not UTF-8 as surrogates.

    for_owner: the path is one that the server names, so that its user must be able to read the file too.
    Raises FileRefused for what is not to be read, or is larger than `limit` bytes; OSError with the path.
    """
    with reach(target.path, target.owner) as place, _opened(place, target) as found:
        if for_owner and found is not None:
            _must_be_within_reach(place, target, found.state)
        return None if found is None else found.text(limit)


def head(target: FileSpec, size: int) -> bytes:
    """The first bytes of a file, at most `size`; b'' when there is none. Raises FileRefused, OSError with the path."""
    with reach(target.path, target.owner) as place, _opened(place, target) as found, naming(target.path):
        return _bytes(found.descriptor, size) if found is not None else b""


def read_any(path: str) -> Optional[str]:
    """The text of a file on the control node, whoever wrote it there; None when there is none. Not for a managed host."""
    found = Path(path)
    return found.read_text("utf-8", errors="surrogateescape") if found.exists() else None


def tail(target: FileSpec, start: int, limit: int = TAIL) -> str:
    """What a log has from byte `start` on, at most its last `limit` bytes; '' when there is none. To be shown to people.

    Raises FileRefused also for a file of root's where another user can have put it, and for one that the user of the
    server, who names the path, could not read; OSError with the path.
    """
    with reach(target.path, target.owner) as place, _opened(place, target) as found:
        if found is None:
            return ""
        if found.strange:
            raise FileRefused(target.path, "belongs to root", "a log of the server's own user", "look at it yourself")
        _must_be_within_reach(place, target, found.state)
        start = start if start <= found.state.st_size else 0  # it was rotated
        with naming(target.path):
            os.lseek(found.descriptor, max(start, found.state.st_size - limit), os.SEEK_SET)
            return _decoded(_bytes(found.descriptor, limit))


def look(path: str, owner: Union[str, int, None] = None) -> Optional[os.stat_result]:
    """What is at the end of a path: size, time, mode and owner; None when there is nothing. Its content is not trusted.

    Raises FileRefused for a link of another user; OSError with the path.
    """
    with reach(path, owner) as place:
        if not place.names:
            return os.fstat(place.directory.descriptor)
        found = place.directory.look(place.names[0]) if len(place.names) == 1 else None
        if found is not None and stat.S_ISLNK(found.st_mode):
            raise _changed(path)
        return found


def is_open(target: FileSpec) -> bool:
    """Whether the file is there with another mode or owner than it is given."""
    found = look(target.path, target.owner)
    if found is None:
        return False
    if stat.S_IMODE(found.st_mode) != target.mode:
        return True
    return os.geteuid() == 0 and (user_number(target.owner), group_number(target.group)) not in [
        (user, group) for user in (None, found.st_uid) for group in (None, found.st_gid)
    ]


def write(target: FileSpec, text: str, *, follow: bool = True) -> None:
    """Replace the file by a new one with this text. Its directory is made when missing.

    follow: a symbolic link of root's to a file stays, and the file behind it is replaced; one to anything else, such as the
    /dev/null of a masked file, is replaced itself. Raises FileRefused for a link of another user; OSError with the path.
    """
    with destination(target, follow=follow) as place:
        drafts.sweep(place.directory, place.names[0], user_number(target.owner), older_than=UNFINISHED)
        draft = drafts.write(place, text, target.mode, target.owner, target.group)
        try:
            drafts.put_in_place(place, draft)
        except BaseException:
            drafts.remove(place, draft.name)
            raise


def sweep(target: FileSpec) -> None:
    """Remove what a killed run left beside this file, and beside the one that a link there leads to. Raises nothing."""
    for place in _ends(target):
        drafts.sweep(place.directory, place.names[0], user_number(target.owner))


def drafts_left(target: FileSpec) -> bool:
    """Whether sweep() has something to remove. Raises nothing."""
    owner = user_number(target.owner)
    return any(any(drafts.left(place.directory, place.names[0], owner)) for place in _ends(target))


def _ends(target: FileSpec) -> Iterator[Place]:
    """Where a file is, and where a link there leads to; neither where its directory is missing. Raises nothing."""
    for follow in (False, True):
        with contextlib.suppress(OSError, FileRefused), reach(target.path, target.owner, follow=follow) as place:
            if len(place.names) == 1:
                yield place


@contextmanager
def destination(target: FileSpec, *, follow: bool = True) -> Iterator[Place]:
    """Where to write: an open directory and one name in it. Raises FileRefused; OSError."""
    with reach(target.path, target.owner, follow=follow) as place:
        missing = len(place.names) > 1
    if missing:
        make_directory(os.path.dirname(target.path), 0o755)  # noqa: PTH120 - a text
    with reach(target.path, target.owner, follow=follow) as place:
        found = place.directory.look(place.names[0]) if place.names else None
        if not follow or (place.names and (found is None or stat.S_ISREG(found.st_mode))):
            _must_be_replaceable(place, target, found)
            yield place
            return
    with destination(target, follow=False) as place:
        yield place


def _must_be_replaceable(place: Place, target: FileSpec, found: Optional[os.stat_result]) -> None:
    if len(place.names) != 1:
        what = "a directory" if not place.names else "a path whose directory is gone"
        raise FileRefused(target.path, what, "a file or nothing", "move it away")
    if place.movers is None:
        return
    if found is None:
        if not place.lent_to(place.directory.uid):
            raise place.refusal()
        return
    with _opened(place, target):
        pass


@dataclass(frozen=True)
class _Opened:
    """A regular file that may be read. strange: it is root's, where another user can have put it."""

    path: str
    descriptor: int
    state: os.stat_result
    strange: bool

    def text(self, limit: int) -> str:
        with naming(self.path):
            found = _bytes(self.descriptor, limit + 1)
        if len(found) > limit:
            raise FileRefused(self.path, "is too large", f"at most {limit} bytes", "look at what wrote it")
        return _decoded(found)


@contextmanager
def _opened(place: Place, target: FileSpec) -> Iterator[Optional[_Opened]]:
    """The file at a place, None when there is none. Raises FileRefused, OSError."""
    if not place.names:
        raise FileRefused(place.path, "is a directory", "a file", "move it away")
    state = place.directory.look(place.names[0])
    descriptor = None
    # looked at before it is opened: to open a device may do something
    if len(place.names) == 1 and state is not None:
        _must_be_regular(place, state)
        with contextlib.suppress(FileNotFoundError):
            descriptor = _open(place)
    if descriptor is None:
        yield None
        return
    try:
        yield _accepted(place, target, descriptor)
    finally:
        os.close(descriptor)


def _open(place: Place) -> int:
    with naming(place.path):
        try:
            return os.open(place.names[0], _READ, dir_fd=place.directory.descriptor)
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise _changed(place.path) from None
            raise


def _accepted(place: Place, target: FileSpec, descriptor: int) -> _Opened:
    state = os.fstat(descriptor)
    _must_be_regular(place, state)
    roots, directory = state.st_uid in trusted(), place.directory
    if not roots and state.st_uid not in (user_number(target.owner), directory.uid):
        raise FileRefused(
            target.path,
            f"belongs to {user_name(state.st_uid)}",
            f"a file of {target.owner if target.owner is not None else user_name(directory.uid)} or of root",
            f"look at it, then give it its owner: chown {target.owner or 'root'} {target.path}",
        )
    found = _Opened(target.path, descriptor, state, roots and directory.shared)
    if found.strange and state.st_nlink > 1:
        raise FileRefused(
            target.path,
            f"a file of root's with {state.st_nlink} names where another user can write",
            "one name",
            "look for the others with find -samefile, and remove what should not be there",
        )
    if not place.lent_to(state.st_uid):
        if not roots or target.kind is None or not _is_within_reach(place, target, state):
            raise place.refusal()
        if not target.kind(found.text(LIMIT)):
            raise place.refusal()
        os.lseek(descriptor, 0, os.SEEK_SET)
    elif found.strange and target.kind is not None:
        text = found.text(LIMIT)
        if text.strip() and not target.kind(text):
            raise FileRefused(
                target.path,
                "a file of root's that is none of its kind, where another user can have put it",
                "a configuration of the server",
                "look at it, and move it away",
            )
        os.lseek(descriptor, 0, os.SEEK_SET)
    return found


def _must_be_within_reach(place: Place, target: FileSpec, state: os.stat_result) -> None:
    if not _is_within_reach(place, target, state):
        raise FileRefused(
            target.path,
            f"is not readable for {target.owner}",
            "a file that the server can read",
            f"let {target.owner} read it, or correct the path in the server's configuration",
        )


def _is_within_reach(place: Place, target: FileSpec, state: os.stat_result) -> bool:
    """Whether the service's user, where one is known, can read it anyway."""
    user = user_number(target.owner)
    if user is None or user in trusted():
        return True
    group = first_group(user) if target.group is None else group_number(target.group)
    return allows(state, 4, user, group) and all(allows(found, 1, user, group) for found in place.way)


def _must_be_regular(place: Place, state: os.stat_result) -> None:
    if not stat.S_ISREG(state.st_mode):
        raise FileRefused(place.path, "is no regular file", "a regular file", "move it away")


def _changed(path: str) -> FileRefused:
    return FileRefused(path, "became a symbolic link while it was opened", "a file", "look at who can write there")


def _bytes(descriptor: int, limit: int) -> bytes:
    """At most `limit` bytes from where the descriptor stands."""
    parts, left = [], limit
    while left and (part := os.read(descriptor, min(left, 2**20))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _decoded(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
