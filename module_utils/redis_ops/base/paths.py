"""Paths in directories that another user can change, walked by descriptor and never used twice.

A path is a promise only where nobody else can change what its names stand for. In /var/lib/redis the account `redis` can
put a link, another directory or another file in the place of any name at any moment. So a path is walked from '/' one name
at a time, each opened from the directory before it and looked at through its descriptor. What is done afterwards is done
relative to the last descriptor.

Which symbolic links are followed:

- A link that belongs to another user than root or whoever runs this is never followed.
- A link of root's in a directory that nobody else can change is followed.
- A link of root's in a directory that somebody else can change may have been moved there: whoever can write a directory
  can rename a link of root's into it. It is followed, but what is behind it must belong to a user who can have moved it,
  or to the service's user. Then nothing is won by moving it. See Place.movers.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Optional, Union

from .errors import FileRefused
from .owners import others_change, trusted, user_name, user_number

LINKS = 40  # followed on one path, as many as the kernel follows (path_resolution(7))
NAMES = 100_000  # in one directory; more would be there to use up memory
_LOOK = os.O_PATH | os.O_NOFOLLOW
_LIST = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW


@dataclass(frozen=True)
class Directory:
    """An open directory. path: where it is, links resolved; for messages only. uid: its owner.

    shared: whether somebody else than root and whoever runs this can change what its names stand for.
    """

    descriptor: int
    path: str
    uid: int
    shared: bool

    def names(self) -> list[str]:
        """The names in it, sorted. Raises FileRefused when there are more than NAMES."""
        found: list[str] = []
        with naming(self.path), os.scandir(self.descriptor) as entries:
            for entry in entries:
                found.append(entry.name)
                if len(found) > NAMES:
                    raise FileRefused(self.path, f"holds more than {NAMES} names", "fewer", "look at what fills it")
        return sorted(found)

    def look(self, name: str) -> Optional[os.stat_result]:
        """What a name stands for, links not followed; None when there is nothing."""
        with naming(self.at(name)):
            try:
                return os.stat(name, dir_fd=self.descriptor, follow_symlinks=False)
            except FileNotFoundError:
                return None

    @contextmanager
    def inside(self, name: str) -> Iterator[Directory]:
        """A directory in it. Raises OSError, NotADirectoryError also for a link."""
        with naming(self.at(name)):
            descriptor = os.open(name, _LIST, dir_fd=self.descriptor)
        try:
            found = os.fstat(descriptor)
            yield Directory(descriptor, self.at(name), found.st_uid, self.shared or others_change(found))
        finally:
            os.close(descriptor)

    def at(self, name: str) -> str:
        """The path of a name in it, for messages."""
        return f"{self.path.rstrip('/')}/{name}"

    def sync(self) -> None:
        """Bring its names to the disk."""
        os.fsync(self.descriptor)


@dataclass(frozen=True)
class Place:
    """Where a path leads: as far as there are directories, and the names that are left.

    names: empty when the path is that directory; one when it is another file in it, or nothing; more when directories are
    missing. way: the directories from '/' to that one. movers: the users who may have chosen where a link on the way leads;
    None when nobody else can have.
    """

    path: str
    directory: Directory
    names: tuple[str, ...]
    way: tuple[os.stat_result, ...] = ()
    movers: Optional[frozenset[int]] = None

    def lent_to(self, uid: int) -> bool:
        """Whether something of this user may be at the end of the path without anybody having won by it."""
        return self.movers is None or uid in self.movers

    def refusal(self) -> FileRefused:
        """What to raise when it is not."""
        return FileRefused(
            self.path,
            "a symbolic link that another user can have moved leads to a place of somebody else",
            "a link in a directory that root alone can change, or a place of the service's user",
            "put the link's target in the place of the link",
        )


@contextmanager
def reach(path: str, owner: Union[str, int, None] = None, *, follow: bool = True) -> Iterator[Place]:
    """Walk to a path. owner: the service's user. follow: whether a link at the very end is followed.

    Raises FileRefused for a link of another user; OSError with the path.
    """
    walk = _Walk(path, user_number(owner))
    try:
        with naming(path):
            names = walk.down(follow=follow)
            directory = walk.taken()
        try:
            yield Place(path, directory, tuple(names), walk.way(), walk.movers)
        finally:
            os.close(directory.descriptor)
    finally:
        walk.close()


@contextmanager
def open_directory(path: str, owner: Union[str, int, None] = None) -> Iterator[Directory]:
    """A directory by its path. Raises FileNotFoundError, NotADirectoryError; as reach()."""
    with reach(path, owner) as place:
        if place.names:
            there = place.directory.look(place.names[0]) is not None
            code = errno.ENOTDIR if there else errno.ENOENT
            raise OSError(code, os.strerror(code), path)
        if not place.lent_to(place.directory.uid):
            raise place.refusal()
        yield place.directory


@dataclass(frozen=True)
class _Step:
    """One directory on the way. certain: nobody else can have put another one in its place."""

    descriptor: int
    path: str
    found: os.stat_result
    certain: bool

    @property
    def shared(self) -> bool:
        return not self.certain or others_change(self.found)

    def holds_certainly(self, found: os.stat_result) -> bool:
        """Whether a directory in it is where root put it. In a sticky one, such as /tmp, nobody can rename it; and to move
        a directory there from elsewhere one must be able to write the directory itself (rename(2), EACCES).
        """
        if not self.certain:
            return False
        sticky = bool(self.found.st_mode & stat.S_ISVTX) and self.found.st_uid in trusted()
        return not others_change(self.found) or (sticky and found.st_uid in trusted())


class _Walk:
    """The way down from '/'. movers: see Place."""

    def __init__(self, path: str, owner: Optional[int]) -> None:
        self.movers: Optional[frozenset[int]] = None
        self._path = path if path.startswith("/") else f"{os.getcwd()}/{path}"  # noqa: PTH109 - a text
        self._owner = owner
        self._links = 0
        root = os.open("/", _LOOK | os.O_DIRECTORY)
        self._steps = [_Step(root, "/", os.fstat(root), certain=True)]

    def down(self, *, follow: bool) -> list[str]:
        """Go as far as there are directories. Returns the names that are left."""
        left = _names(self._path)[::-1]
        while left:
            name = left.pop()
            if name == "..":
                if len(self._steps) > 1:
                    os.close(self._steps.pop().descriptor)
                continue
            try:
                descriptor = self._open(name)
            except FileNotFoundError:
                if ".." in left:
                    raise
                return [name, *reversed(left)]
            found = os.fstat(descriptor)
            if stat.S_ISDIR(found.st_mode):
                self._enter(descriptor, name, found)
                continue
            try:
                if not stat.S_ISLNK(found.st_mode) or not (left or follow):
                    return [name, *reversed(left)]
                left.extend(self._behind(descriptor, name, found)[::-1])
            finally:
                os.close(descriptor)
        return []

    def taken(self) -> Directory:
        """The last directory, opened to be listed and changed."""
        here = self._here
        return Directory(os.open(".", _LIST, dir_fd=here.descriptor), here.path, here.found.st_uid, here.shared)

    def way(self) -> tuple[os.stat_result, ...]:
        """The directories from '/' to the last."""
        return tuple(step.found for step in self._steps)

    def close(self) -> None:
        for step in self._steps:
            os.close(step.descriptor)
        self._steps = []

    @property
    def _here(self) -> _Step:
        return self._steps[-1]

    def _open(self, name: str) -> int:
        """What a name stands for, not followed. O_DIRECTORY first: without it a place that systemd mounts when it is used
        would be entered unmounted (open(2), O_PATH).
        """
        try:
            return os.open(name, _LOOK | os.O_DIRECTORY, dir_fd=self._here.descriptor)
        except NotADirectoryError:
            return os.open(name, _LOOK, dir_fd=self._here.descriptor)

    def _enter(self, descriptor: int, name: str, found: os.stat_result) -> None:
        path = f"{self._here.path.rstrip('/')}/{name}"
        self._steps.append(_Step(descriptor, path, found, self._here.holds_certainly(found)))

    def _behind(self, descriptor: int, name: str, found: os.stat_result) -> list[str]:
        """The names that a link stands for. Raises FileRefused when it is not to be followed."""
        link = f"{self._here.path.rstrip('/')}/{name}"
        self._links += 1
        if self._links > LINKS:
            raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), self._path)
        # two names: whoever may link to a link of root's can have put it here, where fs.protected_hardlinks is off
        if found.st_uid not in trusted() or (self._here.shared and found.st_nlink > 1):
            raise FileRefused(
                link,
                f"a symbolic link that belongs to {user_name(found.st_uid)}",
                "none, or one that root made",
                f"remove it, or make it root's when you want it: chown -h root {link}",
            )
        if self._here.shared:
            users = {self._here.found.st_uid, *(() if self._owner is None else (self._owner,))}
            who = frozenset(users - trusted())
            self.movers = who if self.movers is None else self.movers & who
        target = os.readlink("", dir_fd=descriptor)
        if target.startswith("/"):
            for step in self._steps[1:]:
                os.close(step.descriptor)
            del self._steps[1:]
        return _names(target)


def _names(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


@contextmanager
def naming(path: str) -> Iterator[None]:
    """An OSError from here names this path, which a call on a descriptor does not know."""
    try:
        yield
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), path) from None
