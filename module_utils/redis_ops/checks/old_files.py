"""Whether files of an append-only file lie about that no server will read again. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..base import commands
from ..base.findings import Status
from ..view.data_files import DATA_FILES
from ..view.dead_files import DEAD_FILES
from ..view.facts import Facts
from .persistence import shown
from .registry import Judgement, check
from .room import amount


@check(
    "old AOF files",
    why="guide 7; Redis documentation, persistence",
    readiness="checklist.aof_files",
    needs=[DEAD_FILES, DATA_FILES],
    unread="run this again later",
)
def old_files(facts: Facts) -> Iterator[Judgement]:
    """What a killed rewrite left behind takes space, and is easily taken for data."""
    expected, remedy = "none that no server will read again", commands.CLEAR_AOF
    dead, orphans = facts[DEAD_FILES], facts[DATA_FILES].orphans
    if dead:
        size = amount(sum(file.size for file in dead))
        actual = f"{len(dead)} with {size}, such as {dead[0].path}: {dead[0].why}"
        yield Judgement(Status.WARN, expected, actual, remedy)
    elif orphans and (facts.view.observed.live or {}).get("appendonly") == "yes":
        actual = f"{shown(orphans)}; written within the hour, so that nobody can tell yet"
        yield Judgement(Status.WARN, expected, actual, f"wait an hour, then {remedy}")
    else:
        yield Judgement(Status.PASS, expected, "none")
