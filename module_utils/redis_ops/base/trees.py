"""Directories: made, measured and removed through descriptors, in directories that another user can change."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from typing import Union

from . import drafts
from .errors import FileRefused
from .owners import give, others_change
from .paths import Directory, naming, reach

DEPTH = 50  # directories within each other; no server makes more, and each takes a descriptor
_PARENT_MODE = 0o755


def is_directory(path: str, owner: Union[str, int, None] = None) -> bool:
    """Whether there is one at the end of the path. Raises FileRefused for a link of another user on the way."""
    with reach(path, owner) as place:
        return not place.names


def make_directory(
    path: str, mode: int, owner: Union[str, int, None] = None, group: Union[str, int, None] = None
) -> None:
    """Make it, and the directories above it that are missing as root's with mode 0755. One that is there stays as it is.

    Raises FileRefused when something else, or another user's directory, is or appears in its place; OSError with the path;
    ApplyFailed when there is no such user.
    """
    with contextlib.ExitStack() as stack:
        place = stack.enter_context(reach(path, owner))
        if not place.names:
            return
        if not place.lent_to(place.directory.uid):
            raise place.refusal()
        here = place.directory
        *above, last = place.names
        for name in above:
            here = make_inside(here, name, _PARENT_MODE, 0, 0)
            stack.callback(os.close, here.descriptor)
        stack.callback(os.close, make_inside(here, last, mode, owner, group).descriptor)


def make_inside(
    parent: Directory, name: str, mode: int, owner: Union[str, int, None] = None, group: Union[str, int, None] = None
) -> Directory:
    """A new directory in `parent`, open: the caller closes its descriptor. Raises as make_directory().

    mkdir(2) returns no descriptor: in a directory that somebody else can change, what is opened afterwards by its name may
    be another directory of root's, which would then be given away. So it is made inside one that nobody else can write,
    and moved to its name when it has its owner.
    """
    drafts.sweep(parent, name)
    draft = drafts.new_name(name)
    with naming(parent.at(name)), _workshop(parent, draft) as workshop:
        os.mkdir(draft, 0o700, dir_fd=workshop.descriptor)
        descriptor = os.open(draft, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=workshop.descriptor)
        try:
            give(descriptor, mode, owner, group)
            os.rename(draft, name, src_dir_fd=workshop.descriptor, dst_dir_fd=parent.descriptor)
            parent.sync()
        except BaseException as error:
            os.close(descriptor)
            with contextlib.suppress(OSError):
                os.rmdir(draft, dir_fd=workshop.descriptor)
            if isinstance(error, OSError) and error.errno in (errno.ENOTDIR, errno.ENOTEMPTY, errno.EEXIST):
                raise _appeared(parent.at(name)) from None
            raise
    return Directory(descriptor, parent.at(name), os.fstat(descriptor).st_uid, parent.shared)


@contextlib.contextmanager
def _workshop(parent: Directory, draft: str) -> Iterator[Directory]:
    """A directory on the same file system that nobody else can change: `parent`, or one called `draft` in it."""
    if not parent.shared:
        yield parent
        return
    os.mkdir(draft, 0o700, dir_fd=parent.descriptor)
    try:
        with parent.inside(draft) as workshop:
            if others_change(os.fstat(workshop.descriptor)):
                raise _appeared(workshop.path)
            yield workshop
    finally:
        with contextlib.suppress(OSError):
            os.rmdir(draft, dir_fd=parent.descriptor)


def _appeared(path: str) -> FileRefused:
    return FileRefused(path, "appeared while it was made", "a name that nobody else uses", "look at it, then run again")


def remove(directory: Directory, name: str) -> None:
    """Remove a file, or a directory with everything in it. A link is removed, never followed; and nothing is removed that
    lies on another file system.

    Raises OSError with the path; FileRefused for what is deeper than DEPTH or another file system.
    """
    _remove(directory, name, os.fstat(directory.descriptor).st_dev, 0)


def _remove(directory: Directory, name: str, device: int, depth: int) -> None:
    found = directory.look(name)
    if found is None:
        return
    with naming(directory.at(name)):
        if not stat.S_ISDIR(found.st_mode):
            os.unlink(name, dir_fd=directory.descriptor)
            return
    if depth == DEPTH:
        raise FileRefused(directory.at(name), f"lies more than {DEPTH} directories deep", "less", "remove it yourself")
    with directory.inside(name) as inner:
        if os.fstat(inner.descriptor).st_dev != device:
            raise FileRefused(inner.path, "is another file system", "files of this one", "unmount or empty it yourself")
        for entry in inner.names():
            _remove(inner, entry, device, depth + 1)
    with naming(directory.at(name)):
        os.rmdir(name, dir_fd=directory.descriptor)


def remove_empty(directory: Directory, name: str, depth: int = 0) -> None:
    """Remove a directory and those in it that hold no file. Raises nothing for one that holds any."""
    with contextlib.suppress(OSError):
        with directory.inside(name) as inner:
            for entry in inner.names() if depth < DEPTH else ():
                remove_empty(inner, entry, depth + 1)
        os.rmdir(name, dir_fd=directory.descriptor)


def size(directory: Directory, name: str, depth: int = 0) -> int:
    """The bytes of a file, or of all regular files in a directory."""
    found = directory.look(name)
    if found is None or not stat.S_ISDIR(found.st_mode):
        return found.st_size if found and stat.S_ISREG(found.st_mode) else 0
    if depth == DEPTH:
        return 0
    with directory.inside(name) as inner:
        return sum(size(inner, entry, depth + 1) for entry in inner.names())
