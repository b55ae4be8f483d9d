"""The directory of a run on a load generator: who works in it, who watches it, and when it goes.

It is in the home directory of the user that connects, mode 0700, so that no other user of the machine can look into it or
put anything there before. Whoever watches the run renews the file `watched` in it, which says for how many seconds that is
good. A program that nobody watches any more ends, and the last one removes the directory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

HELD = 60  # seconds that a load runs on unwatched, unless the file says otherwise
SLACK = 10  # seconds: several times as long as two looks of who watches lie apart
LOCK, WATCHED = "lock", "watched"
RUNS = "runs"  # the directories of all runs of a user, in ~/.cache/ansible-redis


def program() -> Path:
    """What Python is given to start this program again: the zipapp, or the directory of the package."""
    package = Path(__file__).resolve().parent
    return package.parent if package.parent.is_file() else package


def told_to_stop(file: Path) -> bool:
    """Somebody says so, or whoever started it has taken its directory away, or looks no more."""
    return file.exists() or not file.parent.exists() or unwatched(file.parent)


def unwatched(directory: Path) -> bool:
    """Whether the time is over that somebody watched for. Without the file nobody has to, as where this is run by hand."""
    age, good_for = _watched(directory)
    return age > good_for


def _watched(directory: Path) -> tuple[float, int]:
    """Its age, and for how long it is good, in seconds."""
    watched = directory / WATCHED
    try:
        age, text = time.time() - watched.stat().st_mtime, watched.read_text().strip()
    except OSError:
        return 0, HELD
    return age, int(text) if text.isdecimal() else HELD  # empty while it is being written


def forget(path: Path, stop: str) -> None:
    """Remove a configuration, which may hold a password, from the directory of a run, where nobody reads it again."""
    if stop and path.resolve().parent == Path(stop).resolve().parent:
        path.unlink()


@contextlib.contextmanager
def working_in(stop: str) -> Iterator[None]:
    """While a program works in the directory of its file `stop`; '' for a program that is run by hand.

    Whoever leaves it last removes it, unless somebody still watches: then the results are fetched.
    """
    if not stop:
        yield
        return
    directory = Path(stop).parent
    try:
        with _locked(directory, fcntl.LOCK_SH):
            yield
    finally:
        if unwatched(directory):
            remove(directory)


def remove(directory: Path) -> bool:
    """Unless a program works in it. Whether it has gone."""
    try:
        with _locked(directory, fcntl.LOCK_EX | fcntl.LOCK_NB):
            shutil.rmtree(directory, ignore_errors=True)
    except BlockingIOError:
        return False
    except OSError:
        pass  # it has gone already
    return not directory.exists()


def remove_dead(runs: Path, own: Path) -> None:
    """Directories that killed runs have left: no program works in them, and nobody watches, or would be told anything."""
    for directory in sorted(runs.iterdir()) if runs.is_dir() else ():
        if directory != own and directory.is_dir() and not directory.is_symlink() and _is_dead(directory):
            remove(directory)


def _is_dead(directory: Path) -> bool:
    """A program that was killed with its shell has said something, and has not ended: what it measured will not come."""
    age, good_for = _watched(directory)
    begun = [path for path in directory.glob("*.progress") if not path.with_suffix(".ended").exists()]
    return age > good_for or (age > SLACK and bool(begun))


@contextlib.contextmanager
def _locked(directory: Path, how: int) -> Iterator[None]:
    """Raises BlockingIOError where another program is in the way."""
    lock = os.open(directory / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, how)
        yield
    finally:
        os.close(lock)
