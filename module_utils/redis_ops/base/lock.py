"""One run at a time on a host. The kernel releases the lock when its holder ends, however it ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

from .errors import HostIsBusy

PATIENCE = 120.0  # seconds that a run waits for another one
POLL = 0.2


@contextmanager
def alone(path: str, holder: str, patience: float = PATIENCE) -> Iterator[None]:
    """Hold the lock file at `path`, in a directory that only root can write.

    holder: what this run is and where it came from, for others to read.
    Raises HostIsBusy, naming the other run, when the lock is not free within `patience` seconds.
    """
    place = Path(path)
    deadline = time.monotonic() + patience
    descriptor = _locked(place, deadline, patience)
    while not _is_there(place, descriptor):  # the run before removed everything from this host
        os.close(descriptor)
        descriptor = _locked(place, deadline, patience)
    try:
        since = datetime.now(timezone.utc).isoformat(timespec="seconds")
        text = json.dumps({"holder": holder, "since": since, "pid": os.getpid()})
        with contextlib.suppress(OSError):  # the lock holds without a name too, and a full disk must not stop a cleanup
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, text.encode(), 0)
        yield
    finally:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


@contextmanager
def beside(path: str, patience: float = PATIENCE) -> Iterator[None]:
    """Keep out of the way of a run that holds the lock; several of these go together. Writes nothing.

    Raises HostIsBusy like alone().
    """
    descriptor = _shared(Path(path), time.monotonic() + patience, patience)
    try:
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _shared(place: Path, deadline: float, patience: float) -> Optional[int]:
    """The lock of a reader; None where no run was yet, or it may not be read."""
    while True:
        try:
            descriptor = os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:
            return None
        try:
            _wait(descriptor, fcntl.LOCK_SH, deadline, patience)
        except BaseException:
            os.close(descriptor)
            raise
        if _is_there(place, descriptor):
            return descriptor
        os.close(descriptor)


def _locked(place: Path, deadline: float, patience: float) -> int:
    place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(place, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        _wait(descriptor, fcntl.LOCK_EX, deadline, patience)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def _is_there(place: Path, descriptor: int) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(place.lstat(), os.fstat(descriptor))
    return False


def _wait(descriptor: int, kind: int, deadline: float, patience: float) -> None:
    while True:
        with contextlib.suppress(BlockingIOError):
            fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
            return
        if time.monotonic() > deadline:
            raise HostIsBusy(f"{_holder(descriptor)}; waited {patience:g} s; run again when it has ended")
        time.sleep(POLL)


def _holder(descriptor: int) -> str:
    """Who has it, as it said itself. A run that was killed is named in the file until the next one changes something."""
    with contextlib.suppress(ValueError, KeyError, TypeError, OSError):
        found = json.loads(os.pread(descriptor, 4096, 0))
        if Path("/proc", str(int(found["pid"]))).exists():
            told = f"{found['holder']}, since {found['since']}, process {found['pid']}"
            return f"another run works on this host: {re.sub(r'[^ -~]', '?', told)}"
    return "another run works on this host"
