"""Whether the process of an instance has what its settings ask of the kernel. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.findings import Status
from ..base.states import State
from ..model.drop_in import SPARE_FILES
from ..plan.comparison import RESERVED_FILES
from ..view.facts import Facts
from ..view.instance import InstanceView
from .registry import Judgement, Suite, check

RESTART = "allow the restart when it suits you: run provision with redis_server_restart=true"


def files_needed(view: InstanceView) -> tuple[int, str]:
    """Open files, and what they are made of. A server whose maxclients nobody decided here has the limit that somebody gave
    it, which must hold its clients and Redis' own files.
    """
    maxclients = int(view.plan.desired.get("maxclients"))
    if "maxclients" in view.plan.decided:
        return maxclients + SPARE_FILES, f"maxclients {maxclients} + {SPARE_FILES}"
    return maxclients + RESERVED_FILES, f"maxclients {maxclients} + {RESERVED_FILES}"


@check(
    "open files",
    why="guide 3.1; Redis documentation, clients",
    verify="verify.open_files",
    drift="process.open_files",
    readiness="checklist.open_files",
    warns=[Suite.VERIFY],
)
def open_files(facts: Facts) -> Iterator[Judgement]:
    """Its process may open a file for each client, and Redis' own."""
    view, limit = facts.view, facts.view.observed.open_files
    need, made_of = files_needed(view)
    expected = f"at least {need} open files, {made_of}"
    if limit is None:
        yield Judgement(Status.SKIP, expected, "its process is not this host's", "look there", state=State.IN_SYNC)
        return
    pid = view.info.get("process_id")
    actual = f"{limit} (/proc/{pid}/limits)"
    if limit >= need:
        yield Judgement(Status.PASS, expected, actual)
        return
    granted = view.unit.open_files if view.unit else None
    state = State.LIVE_NOT_PERSISTED if granted is not None and granted >= need else State.PENDING_RESTART
    remedy = f"prlimit --pid {pid} --nofile={need}; or {RESTART}"
    yield Judgement(Status.FAIL, expected, actual, remedy, state=state)


@check(
    "the accept queue",
    why="guide 3.1; redis.conf, tcp-backlog",
    verify="verify.backlog",
    warns=[Suite.VERIFY],
)
def backlog(facts: Facts) -> Iterator[Judgement]:
    """The kernel has granted the accept queue that tcp-backlog asks for."""
    granted, wanted = facts.view.observed.backlog, facts.view.plan.desired.get("tcp-backlog")
    if granted is None or facts.view.instance.service is None:
        return
    yield Judgement(
        Status.PASS if granted >= wanted else Status.FAIL,
        f"an accept queue of {wanted}",
        f"{granted} (ss)",
        "the kernel cut it to net.core.somaxconn: raise that, then allow a restart",
    )
