"""Names that a run gives to what it has not finished, and the removal of those that a killed run left.

A draft lies beside the file that it is going to be, because only there a rename can put it in place.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Optional, Union

from .errors import FileRefused
from .owners import give, trusted
from .paths import Directory, Place, naming

DRAFT = ".draft"  # what is going to be the file or directory
BEFORE = ".before"  # the file as it was, until the change is over
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW


def new_name(name: str, end: str = DRAFT) -> str:
    """A name that nobody can have guessed, known as one of ours by its shape."""
    return f".{name}.{secrets.token_hex(8)}{end}"


@dataclass(frozen=True)
class Draft:
    """A file that is on disk beside the one that it is going to be. name: what it is called; state: what it is."""

    name: str
    state: os.stat_result


class Left(NamedTuple):
    """What a killed run left: its name in its directory, and what it is."""

    name: str
    state: os.stat_result


def write(
    place: Place,
    text: str,
    mode: int,
    owner: Union[str, int, None] = None,
    group: Union[str, int, None] = None,
    end: str = DRAFT,
) -> Draft:
    """Write the draft of the file at `place`. Raises OSError with its path, and leaves nothing then."""
    name = new_name(place.names[0], end)
    with naming(place.path):
        descriptor = os.open(name, _CREATE, 0o600, dir_fd=place.directory.descriptor)
        try:
            give(descriptor, mode, owner, group)
            with os.fdopen(descriptor, "wb", closefd=False) as file:
                file.write(text.encode("utf-8", "surrogateescape"))
            os.fsync(descriptor)
            return Draft(name, os.fstat(descriptor))
        except BaseException:
            remove(place, name)
            raise
        finally:
            os.close(descriptor)


def put_in_place(place: Place, draft: Draft) -> None:
    """Give a draft its name, on disk. Raises FileRefused when something else has the name then; OSError with the path."""
    rename(place, draft.name, place.names[0])
    found = place.directory.look(place.names[0])
    if found is None or not is_it(found, draft):
        raise FileRefused(place.path, "was changed by somebody else at this moment", "one writer", "run again")


def is_it(found: os.stat_result, draft: Draft) -> bool:
    """Whether a file is this draft, under whatever name, and nobody wrote to it since."""
    return os.path.samestat(found, draft.state) and (found.st_mtime_ns, found.st_size) == (
        draft.state.st_mtime_ns,
        draft.state.st_size,
    )


def rename(place: Place, old: str, new: str) -> None:
    """Give a file beside a place another name, on disk. Raises OSError with the path of the place."""
    with naming(place.path):
        os.rename(old, new, src_dir_fd=place.directory.descriptor, dst_dir_fd=place.directory.descriptor)
        place.directory.sync()


def remove(place: Place, name: str) -> None:
    """Remove a file beside a place, if that can be."""
    with contextlib.suppress(OSError):
        os.unlink(name, dir_fd=place.directory.descriptor)


def left(directory: Directory, name: str, owner: Optional[int] = None, *, older_than: float = 0.0) -> Iterator[Left]:
    """What killed runs left of a file or directory. older_than: seconds since it was made.

    Only what root, whoever runs this or `owner` has made. Raises nothing: what can't be seen harms no run.
    """
    ours = re.compile(rf"\.{re.escape(name)}\.(?:[0-9a-f]{{16}}\.)?(?:draft|before)")
    names: list[str] = []
    with contextlib.suppress(OSError, FileRefused):
        names = directory.names()
    for found in filter(ours.fullmatch, names):
        with contextlib.suppress(OSError):
            state = directory.look(found)
            # st_ctime: a second name for an old file is new
            if state is None or state.st_uid not in {*trusted(), owner} or time.time() - state.st_ctime < older_than:
                continue
            yield Left(found, state)


def sweep(directory: Directory, name: str, owner: Optional[int] = None, *, older_than: float = 0.0) -> None:
    """Remove what left() finds: it may hold secrets. No directory with a file in it. Raises nothing."""
    for found in left(directory, name, owner, older_than=older_than):
        with contextlib.suppress(OSError):
            if stat.S_ISREG(found.state.st_mode):
                os.unlink(found.name, dir_fd=directory.descriptor)
            elif stat.S_ISDIR(found.state.st_mode):
                _remove_empty(directory, found.name)


def _remove_empty(directory: Directory, name: str) -> None:
    """A draft of a directory, and the workshop that it was made in."""
    with directory.inside(name) as workshop:
        for inner in workshop.names():
            os.rmdir(inner, dir_fd=workshop.descriptor)
    os.rmdir(name, dir_fd=directory.descriptor)
