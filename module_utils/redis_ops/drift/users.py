"""ACL users of the running server against those of its files. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from ..base.engine import Engine
from ..base.findings import Finding
from ..base.shell import quoted
from ..model import acl, load_user
from .states import State, found

_TAKES_BACK = "ACL LOAD, or a restart, takes it back"


@dataclass(frozen=True)
class Start:
    """What decides about a user that the files do not tell everything of.

    password: requirepass as it runs, '' where it has no effect. opened: acl-pubsub-default is allchannels.
    declared: requirepass as it is declared; None where an aclfile decides. left: name and rules of each user in the file
    as the last run left it; None when there was none, or an aclfile has the users. now: seconds since 1970.
    """

    engine: Engine
    password: str = ""
    opened: bool = False
    declared: Optional[str] = None
    left: Optional[Sequence[Sequence[str]]] = None
    now: float = 0.0


def findings(
    running: Sequence[str], stored: Sequence[Sequence[str]], start: Start, where: str, cli: str = "redis-cli"
) -> Iterator[Finding]:
    """running: the lines of ACL LIST. stored: name and rules of each user in the file that the server starts with."""
    lives, files = acl.listed(running), acl.users(stored, opened=start.opened)
    files.setdefault("default", acl.default_user(start.password))
    before = None if start.left is None else acl.users(start.left, opened=start.opened)
    opened = _is_open(lives.get("default"), start)
    if opened:
        yield found(
            "acl.default",
            f"{where}: ACL user default",
            State.LIVE_NOT_PERSISTED,
            expected="let in by the declared requirepass only",
            actual=opened,
            why="Redis documentation, ACL: a line `user default` beats requirepass",
            remedy=f"in {cli}: ACL SETUSER default resetpass >PASSWORD with the declared one; then run provision, which mends the file",
        )
    for name in sorted(lives.keys() | files.keys()):
        live, file = lives.get(name), files.get(name)
        remove = f"{cli} ACL DELUSER {quoted(name)}"
        if name == "default" and opened:
            continue
        if load_user.until(name) is not None:
            yield _of_a_load(name, start.now, where, cli, saved=file is not None)
            continue
        if live is None or file is None:
            actual = "in the file only" if live is None else "in the running server only"
        elif differs := live.differences(file, start.engine):
            actual = f"running and file differ in {', '.join(differs)}"
        else:
            yield from _saved(name, file, before, start, where, remove)
            continue
        yield found(
            f"acl.{name}",
            f"{where}: ACL user {name}",
            State.LIVE_NOT_PERSISTED,
            expected="the same running and in the file",
            actual=actual,
            why="Redis documentation, ACL: a restart reads the file",
            remedy=f"{_TAKES_BACK if file else remove + ', which takes it back'}; CONFIG REWRITE or ACL SAVE keeps what runs",
        )


def _of_a_load(name: str, now: float, where: str, cli: str, *, saved: bool) -> Finding:
    """The user of a load test of this project, which is in the memory of a server for the time of its run."""
    over = (load_user.until(name) or 0.0) < now
    state = State.LIVE_NOT_PERSISTED if over or saved else State.RUNTIME_OWNED
    actual = "left behind by a load test that was killed" if over else "of a load test that may be under way"
    remedy = (
        f"{cli} ACL DELUSER {quoted(name)}; the next load test does that, too"
        if over
        else "wait until the load test has ended, which removes it"
    )
    if saved:
        actual += "; CONFIG REWRITE or ACL SAVE by somebody has written it to the file"
        remedy = f"{cli} ACL DELUSER {quoted(name)}, and take its line out of the file"
    return found(
        f"acl.{name}",
        f"{where}: ACL user {name}",
        state,
        expected="no user of a load test that is over",
        actual=actual,
        why="a load test makes it in memory, with a random password that only its own load has",
        remedy=remedy,
    )


def _saved(
    name: str, file: acl.User, before: Optional[Mapping[str, acl.User]], start: Start, where: str, remove: str
) -> Iterator[Finding]:
    """What runs and is in the file may still be none of what was there when the last run ended."""
    if before is None or name == "default":
        return
    known = before.get(name)
    differs = ["new"] if known is None else file.differences(known, start.engine)
    if differs:
        yield found(
            f"acl.{name}",
            f"{where}: ACL user {name}",
            State.FILE_CHANGED_OUTSIDE,
            expected="the users that the last run left",
            actual="a new user" if known is None else f"changed in {', '.join(differs)}, and saved",
            why="Redis documentation, ACL",
            remedy=f"if nobody meant it: {remove}; and take its line out of the file; provision keeps it as it is",
        )


def _is_open(live: Optional[acl.User], start: Start) -> str:
    """Whether somebody gets in past the declared password; why, or ''."""
    if not start.declared or live is None or not live.enabled:
        return ""
    if live.nopass:
        return "anybody gets in without a password (nopass)"
    more = live.passwords - acl.default_user(start.declared).passwords
    return (
        f"{len(more)} other password{'' if len(more) == 1 else 's'} would do"
        if more and not _rotates(live, start)
        else ""
    )


def _rotates(live: acl.User, start: Start) -> bool:
    """The password that runs is another than the declared one, which the option requirepass tells by itself."""
    return live.passwords == acl.default_user(start.password).passwords
