"""Files and directories moved and removed by name, in directories that another user can change. Links are not followed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Sequence
from typing import Union

from .files import FileSpec, destination
from .paths import Directory, naming, open_directory, reach

Owner = Union[str, int, None]


def is_there(path: str) -> bool:
    """Whether there is anything of that name. Raises FileRefused for a link of another user on the way; OSError."""
    with reach(path, follow=False) as place:
        return not place.names or (len(place.names) == 1 and place.directory.look(place.names[0]) is not None)


def remove_file(path: str, owner: Owner = None) -> bool:
    """Whether there was one. Raises FileRefused for a link of another user on the way; OSError with the path."""
    with reach(path, owner, follow=False) as place:
        if len(place.names) != 1 or place.directory.look(place.names[0]) is None:
            return False
        with naming(path):
            os.unlink(place.names[0], dir_fd=place.directory.descriptor)
            place.directory.sync()
        return True


def remove_with_link(target: FileSpec) -> bool:
    """Remove a file that this project wrote. Where a link of root's leads to it, both go: the file may hold passwords.

    Whether there was one. Raises FileRefused for a link of another user; OSError with the path.
    """
    with reach(target.path, target.owner) as place:
        found = place.directory.look(place.names[0]) if len(place.names) == 1 else None
    if found is not None and stat.S_ISREG(found.st_mode):
        with destination(target) as place, naming(target.path), contextlib.suppress(FileNotFoundError):
            os.unlink(place.names[0], dir_fd=place.directory.descriptor)
            place.directory.sync()
    return remove_file(target.path, target.owner) or found is not None


def move(names: Sequence[str], source: str, target: str, owner: Owner = None) -> None:
    """Move these names of one directory to another of the same file system. Each is moved whole, or not at all.

    Raises FileRefused; OSError with the path, also when a directory is missing, or a name is taken in `target`.
    """
    with open_directory(source, owner) as here, open_directory(target, owner) as there:
        for name in names:
            _must_be_free(there, name)
            with naming(here.at(name)):
                os.rename(name, name, src_dir_fd=here.descriptor, dst_dir_fd=there.descriptor)
        there.sync()
        here.sync()


def is_one_file_system(source: str, target: str) -> bool:
    """Whether a name of one directory can move to another, which may not be there yet. Raises FileRefused, OSError."""
    with open_directory(source) as here, reach(target) as place:
        devices = {os.fstat(directory.descriptor).st_dev for directory in (here, place.directory)}
    return len(devices) == 1


def rename(path: str, name: str) -> None:
    """Give a file another name in its directory. Nothing happens where there is none.

    Raises FileRefused; OSError with the path, also when the name is taken.
    """
    with reach(path, follow=False) as place:
        if len(place.names) != 1 or place.directory.look(place.names[0]) is None:
            return
        _must_be_free(place.directory, name)
        descriptor = place.directory.descriptor
        with naming(path):
            os.rename(place.names[0], name, src_dir_fd=descriptor, dst_dir_fd=descriptor)
            place.directory.sync()


def names_in(path: str, owner: Owner = None) -> list[str]:
    """What a directory holds, sorted; nothing where there is none. Raises FileRefused, OSError."""
    try:
        with open_directory(path, owner) as directory:
            return sorted(directory.names())
    except FileNotFoundError:
        return []


def _must_be_free(directory: Directory, name: str) -> None:
    """Raises FileExistsError: rename(2) would replace what has the name."""
    if directory.look(name) is not None:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), directory.at(name))
