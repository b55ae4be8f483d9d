"""Lines of redis.conf that set no option: users, modules, includes, renamed commands, and what no server knows. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Optional

from ..base.findings import Finding
from ..model import conffile
from ..view.record import foreign_lines, shown
from .options import RUN
from .states import State, found

_WHY = {
    "include": "what it includes has the last word at the next start",
    "loadmodule": "a module runs with all rights of the server",
    "rename-command": "a renamed command is one that no check can send",
}


def findings(now: conffile.ConfFile, then: Optional[conffile.ConfFile], where: str, since: str) -> Iterator[Finding]:
    """now: the file. then: what the last run left; None when there was none."""
    for line in foreign_lines(now, then):
        yield found(
            f"file.{line.name}",
            f"{where}: line {line.line} of its file",
            State.UNMANAGED_SET if then is None else State.FILE_CHANGED_OUTSIDE,
            expected="no such line" if then is None else "the lines that the last run left",
            actual=shown(line),
            why=_WHY.get(line.name, "the server does not start with a line that it does not know"),
            remedy="take the line out; provision keeps it as it is" if line.kept else f"take the line out, or {RUN}",
            since=since,
        )


def role(live: str, now: conffile.ConfFile, then: Optional[conffile.ConfFile], where: str) -> Iterator[Finding]:
    """A primary that somebody made a replica: its data was replaced by another server's. The way back, a replica that was
    promoted, is Redis' and Sentinel's to decide.

    live: host and port of the primary that it follows, '' for none.
    """
    in_file = _followed(now)
    if then is None or _followed(then) or not (live or in_file):
        return
    actual = f"follows {live}" if live else f"will follow {' '.join(in_file[-1])} after its next start"
    yield found(
        "role",
        f"{where}: role",
        State.UNMANAGED_SET,
        expected="a primary, as the last run left it",
        actual=actual,
        why="Redis documentation, replication: a replica takes the data of its primary for its own",
        remedy="if nobody meant it: REPLICAOF NO ONE; if it is meant, run provision, which keeps it",
    )


def _followed(parsed: conffile.ConfFile) -> list[Sequence[str]]:
    """Host and port of each line that makes a replica."""
    return [line.arguments for line in parsed.directives if line.name in conffile.FOLLOWS]
