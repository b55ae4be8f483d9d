"""Whether an instance saves what it says it saves. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ..base.findings import Status
from ..base.states import State
from ..server.persistence import AT_WORK, REWRITES, at_work
from ..view.data_files import DATA_FILES
from ..view.facts import Facts, NotRead
from .registry import Judgement, check

REWRITE = "BGREWRITEAOF writes it anew from memory; do it before any restart"
CHANGING = (*REWRITES, "loading")  # while one of these goes on, the files of an AOF change
LAST_SAVES = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")


def failed(info: Mapping[str, Any]) -> list[str]:
    """Those of the last saves that failed. After one the server refuses writes (redis.conf, stop-writes-on-bgsave-error)."""
    return [name for name in LAST_SAVES if info.get(name, "ok") != "ok"]


@check("its append-only file", why="guide 2.2", verify="verify.aof", drift="aof.files", needs=[DATA_FILES])
def aof(facts: Facts) -> Iterator[Judgement]:
    """Its AOF is on and whole. While a rewrite changes the files, only what the server says counts."""
    view = facts.view
    info, live = view.info, view.observed.live or {}
    if view.instance.config is None or live.get("appendonly") != "yes":
        return
    expected = f"a complete AOF at {view.store.aof}"
    problems = [] if int(info.get("aof_enabled", 0)) else ["the server says it is off"]
    if "aof_last_write_status" in failed(info):
        problems.append("the last write to it failed")
    changing = at_work(info, CHANGING)
    if not changing:
        problems += facts[DATA_FILES].problems
    if problems:
        yield Judgement(Status.FAIL, expected, "; ".join(problems), REWRITE)
    elif not changing:
        yield Judgement(Status.PASS, expected, "all its files are there")


@check(
    "what lies beside its append-only file",
    why="Redis documentation, persistence: such files are never read and take space",
    drift="aof.orphans",
    needs=[DATA_FILES],
)
def orphans(facts: Facts) -> Iterator[Judgement]:
    """Nothing lies there that its manifest does not list. While its files change nobody can tell."""
    view = facts.view
    if view.instance.config is None or (view.observed.live or {}).get("appendonly") != "yes":
        return
    if at_work(view.info, CHANGING):
        return
    try:
        found = facts[DATA_FILES].orphans
    except NotRead:
        return  # the check of the append-only file says why
    yield Judgement(
        Status.WARN if found else Status.PASS,
        f"in {view.store.aof.parent} only what its manifest lists",
        shown(found) if found else "nothing else",
        "look at them, then move them away",
        state=State.UNMANAGED_SET,
    )


@check("its snapshots", why="guide 2.1", verify="verify.rdb", needs=[DATA_FILES])
def rdb(facts: Facts) -> Iterator[Judgement]:
    """Its last snapshot succeeded."""
    view = facts.view
    if view.instance.config is None or not (view.observed.live or {}).get("save"):
        return
    expected = f"snapshots at {view.store.rdb}"
    if "rdb_last_bgsave_status" in failed(view.info):
        remedy = "look for space and permissions in the log; writes are refused meanwhile"
        yield Judgement(Status.FAIL, expected, "the last one failed", remedy)
    else:
        yield Judgement(Status.PASS, expected, "dump is there" if facts[DATA_FILES].has_dump else "none due yet")


@check(
    "saves and rewrites",
    why="Redis documentation, INFO persistence; latency: fork",
    readiness="checklist.quiet",
)
def quiet(facts: Facts) -> Iterator[Judgement]:
    """A fork that is under way would be measured with the load."""
    work = list(dict.fromkeys(text for name, text in AT_WORK.items() if int(facts.view.info.get(name, 0))))
    yield Judgement(
        Status.FAIL if work else Status.PASS,
        "none runs or is scheduled, and nothing is loaded",
        ", ".join(work) or "none",
        f"wait until {facts.view.cli} INFO persistence tells its end, then run this again",
    )


@check("last saves", why="guide 2; Redis documentation, INFO persistence", readiness="checklist.last_saves")
def last_saves(facts: Facts) -> Iterator[Judgement]:
    """None of the last saves, rewrites and writes of the AOF failed."""
    names = failed(facts.view.info)
    again = "BGSAVE" if names[:1] == ["rdb_last_bgsave_status"] else "BGREWRITEAOF"
    yield Judgement(
        Status.FAIL if names else Status.PASS,
        "the last save, rewrite and write of the AOF succeeded",
        f"failed: {', '.join(names)}" if names else "ok",
        f"look for space and permissions in its log, then {facts.view.cli} {again}",
    )


def shown(orphans: Sequence[str]) -> str:
    """A few names, and how many there are."""
    return f"{len(orphans)} more: {', '.join(orphans[:3])}" + (" ..." if len(orphans) > 3 else "")
