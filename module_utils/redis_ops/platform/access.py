"""Whether another user could read a file: by its mode bits, and where root asks, by trying it as that user.

Mode bits do not show access lists (acl(5)) or security modules. So the answer comes from a child process that becomes the
user and opens the file; the bits then say which directory or file stands in the way.
"""

from __future__ import annotations

import errno
import grp
import os
import posixpath
import pwd
import select
import signal
import stat
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional

from ..base.answer import YES, Answer, no, unknown

TIMEOUT = 5.0  # seconds for all files of one question: a network file system may not answer
_LINKS = 40  # the kernel's own limit, path_resolution(7)


@dataclass(frozen=True)
class Account:
    """A user as the kernel knows it. groups: all of them by number, first the one that `group` names."""

    name: str
    uid: int
    groups: tuple[int, ...]
    group: str = ""


@dataclass(frozen=True)
class Step:
    """A link, directory or file on the way to a file. status: of itself, not of what it points at."""

    path: str
    status: os.stat_result

    @property
    def is_directory(self) -> bool:
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_link(self) -> bool:
        return stat.S_ISLNK(self.status.st_mode)


NOBODY_YET = Account("a new user", -1, ())  # owns nothing and is in no group


def account(name: str) -> Optional[Account]:
    """A user of this host with the groups that a service run as it gets; None when there is no such user."""
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    groups = (entry.pw_gid, *(number for number in os.getgrouplist(name, entry.pw_gid) if number != entry.pw_gid))
    return Account(name, entry.pw_uid, groups, _group_name(entry.pw_gid))


def way(path: str) -> list[Step]:
    """Each directory, link and the file that the kernel passes to open an absolute path. Raises OSError."""
    rest = [part for part in reversed(path.split("/")) if part]
    here, steps, links = "/", [Step("/", os.lstat("/"))], 0
    while rest:
        part = rest.pop()
        place = posixpath.normpath(posixpath.join(here, part))
        step = Step(place, os.lstat(place))
        steps.append(step)
        if step.is_link:
            links += 1
            if links > _LINKS:
                raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), path)
            target = os.readlink(place)  # noqa: PTH115 - its text, byte for byte
            here = "/" if target.startswith("/") else here
            rest += [name for name in reversed(target.split("/")) if name]
        else:
            here = place
    return steps


@dataclass(frozen=True)
class Closed:
    """A directory or file whose mode bits keep somebody out. group: the one that they let pass, '' for none."""

    path: str
    is_directory: bool
    group: str


def closed(steps: Sequence[Step], who: Account) -> list[Closed]:
    """What keeps this user out on the way; nothing where the bits let it pass, which an access list may undo."""
    found = [step for step in steps if who.uid and not step.is_link and not _permits(step, who)]
    return [Closed(step.path, step.is_directory, _group_let_in(step)) for step in found]


def _group_let_in(step: Step) -> str:
    let_in = step.status.st_mode & (stat.S_IXGRP if step.is_directory else stat.S_IRGRP)
    return _group_name(step.status.st_gid) if let_in else ""


def _group_name(number: int) -> str:
    """Its number where it has no name."""
    try:
        return grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def _permits(step: Step, who: Account) -> bool:
    """Whether the user may search the directory or read the file. The kernel looks at one class of bits only."""
    status = step.status
    shift = 6 if status.st_uid == who.uid else 3 if status.st_gid in who.groups else 0
    return bool(status.st_mode >> shift & (0o1 if step.is_directory else 0o4))


def readable(paths: Sequence[str], who: Optional[Account]) -> list[Answer]:
    """For each absolute path, whether this user could read the file. who: None for one that is not there yet.

    A file that does not exist cannot be read. Only root, and the user itself, get more than an unknown.
    """
    if who is None:
        return [_for_a_new_user(path) for path in paths]
    if os.geteuid() == who.uid:
        return [_answer(path, who, _try(path)) for path in paths]
    if os.geteuid() == 0:
        return [_answer(path, who, error) for path, error in zip(paths, _as_user(paths, who))]
    return [unknown(f"only root can tell whether {who.name} may read {path}") for path in paths]


def _for_a_new_user(path: str) -> Answer:
    """By the bits for everybody; those of a group do not count, for the user may become a member of it."""
    try:
        steps = way(path)
    except OSError as error:
        return no(f"{path}: {error.strerror}")
    shut = closed(steps, NOBODY_YET)
    alone = [place.path for place in shut if not place.group]
    if alone:
        return no(f"{alone[0]} is closed to everybody but its owner")
    return unknown("the user of the service does not exist yet, nor its groups") if shut else YES


def _answer(path: str, who: Account, error: Optional[int]) -> Answer:
    if error is None:
        return unknown(f"it could not be tried as {who.name}")
    if error == 0:
        return YES
    return no(f"{who.name} cannot read {path}: {os.strerror(error)}")


def _try(path: str) -> int:
    """0 when this process can read the file, else the error number."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        return error.errno or errno.EIO
    os.close(descriptor)
    return 0


def _as_user(paths: Sequence[str], who: Account) -> list[Optional[int]]:
    """For each path the error number of opening it as this user, 0 for none; None where no answer came in time."""
    receives, sends = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            os.close(receives)
            os.setgroups(list(who.groups))
            os.setresgid(who.groups[0], who.groups[0], who.groups[0])
            os.setresuid(who.uid, who.uid, who.uid)
            for path in paths:
                os.write(sends, struct.pack("=i", _try(path)))
        finally:
            os._exit(0)
    os.close(sends)
    try:
        said = _receive(receives, 4 * len(paths))
    finally:
        os.close(receives)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    found: list[Optional[int]] = [number for (number,) in struct.iter_unpack("=i", said[: len(said) // 4 * 4])]
    return found + [None] * (len(paths) - len(found))


def _receive(descriptor: int, size: int) -> bytes:
    """What comes until `size` bytes, the end or TIMEOUT."""
    said, deadline = b"", time.monotonic() + TIMEOUT
    while len(said) < size and select.select([descriptor], [], [], max(0.0, deadline - time.monotonic()))[0]:
        part = os.read(descriptor, size - len(said))
        if not part:
            break
        said += part
    return said
