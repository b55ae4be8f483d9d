"""Whose a file or directory is, and who else can change it."""

from __future__ import annotations

import grp
import os
import pwd
import stat
from typing import Optional, Union

from .errors import ApplyFailed, InvalidInput, Problem


def trusted() -> frozenset[int]:
    """Root, and whoever runs this."""
    return frozenset({0, os.geteuid()})


def others_change(found: os.stat_result) -> bool:
    """Whether somebody else can change what the names in this directory stand for."""
    group = bool(found.st_mode & stat.S_IWGRP) and found.st_gid not in (0, os.getegid())
    return found.st_uid not in trusted() or group or bool(found.st_mode & stat.S_IWOTH)


def allows(found: os.stat_result, bits: int, user: int, group: Optional[int]) -> bool:
    """Whether the mode of a file lets a user do something. bits: 4 to read, 2 to write, 1 to execute or to pass through."""
    shift = 6 if found.st_uid == user else 3 if found.st_gid == group else 0
    return found.st_mode >> shift & bits == bits


def first_group(user: int) -> int:
    """The group that a user's processes have; its own number where the user has no entry."""
    try:
        return pwd.getpwuid(user).pw_gid
    except KeyError:
        return user


def user_number(user: Union[str, int, None]) -> Optional[int]:
    """The number of a user; None for one that is not given, or does not exist yet. A unit may have User=1001."""
    if user is None or isinstance(user, int) or user.isdecimal():
        return None if user is None else int(user)
    try:
        return pwd.getpwnam(user).pw_uid
    except KeyError:
        return None


def group_number(group: Union[str, int, None]) -> Optional[int]:
    """The same for a group."""
    if group is None or isinstance(group, int) or group.isdecimal():
        return None if group is None else int(group)
    try:
        return grp.getgrnam(group).gr_gid
    except KeyError:
        return None


def user_name(number: int) -> str:
    """The name of a user, the number where there is no name."""
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def give(descriptor: int, mode: int, owner: Union[str, int, None], group: Union[str, int, None]) -> None:
    """Set owner and mode of what is open; the owner only where this process may. Raises ApplyFailed for an unknown one."""
    if os.geteuid() == 0:
        numbers = {"user": (owner, user_number(owner)), "group": (group, group_number(group))}
        for kind, (name, number) in numbers.items():
            if name is not None and number is None:
                raise ApplyFailed(f"{kind} {name} does not exist; expected one of this host; create it or name another")
        if (owner, group) != (None, None):
            uid, gid = (-1 if number is None else number for _, number in numbers.values())
            os.fchown(descriptor, uid, gid)
    os.fchmod(descriptor, mode)


def must_be_root() -> None:
    """Raises InvalidInput. Everything else that a run says would be wrong: it sees no process, file or socket of others."""
    if os.geteuid() != 0:
        raise InvalidInput(
            [Problem("this host", "the run is not root", "root's rights", "run with become: true, or --become")]
        )
