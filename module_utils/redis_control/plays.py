"""Which jobs of this project a play does. The tasks of the play tell: a playbook and its file may have any name."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from ansible.module_utils.parsing.convert_bool import boolean
from ansible.playbook.block import Block
from ansible.playbook.role_include import IncludeRole

from ..redis_ops.base.errors import Problem
from . import tree
from .report.answers import REPORTERS

MODULES = frozenset(path.stem for path in tree.HERE.modules.glob("*.py"))
ROLES = frozenset(path.name for path in tree.HERE.roles.iterdir())
# The file of tasks with which the main.yml of a role does its job.
MAIN = {"redis_drift": "report", "redis_server": "converge"}


# Names the play that runs, for the processes of its tasks; the callback redis_report sets it.
PLAY = "REDIS_OPS_PLAY"


@dataclass(frozen=True)
class Entry:
    """A role, and the file of its tasks where a play enters it."""

    role: str
    file: str


@dataclass(frozen=True)
class Job:
    """A job that owes an answer. without: what is so without one.

    reports: whether the answer is a report. Where it is none, the first task that ends well on any host is the answer.
    looks: whether it looks at the hosts of the play. batches: whether it may do so in batches, which `serial` makes.
    """

    entry: Entry
    without: str
    reports: bool = True
    looks: bool = False
    batches: bool = True


# A job comes before those that are a part of it.
JOBS = (
    Job(Entry("redis_loadtest", "loadtest"), "there is no verdict", looks=True, batches=False),
    Job(Entry("redis_loadtest", "validate"), "nothing was checked", looks=True, batches=False),
    Job(Entry("redis_loadtest", "preflight"), "nothing was checked", looks=True, batches=False),
    Job(Entry("redis_loadtest", "compare"), "nothing was compared"),
    Job(Entry("redis_loadtest", "bullmq_options"), "nothing was written", reports=False),
    Job(Entry("redis_drift", "report"), "nothing was checked", looks=True),
    Job(Entry("redis_drift", "waive"), "no waiver was written"),
    Job(Entry("redis_server", "clear_aof"), "nothing was looked at", reports=False),
)
# The modules whose answer a report takes for that of each host.
LOOKS = frozenset({"redis_drift", "redis_load_preflight", "redis_snapshot"})
# What a play enters that provisions a whole host.
PROVISION = frozenset({Entry("redis_host", "main"), Entry("redis_server", "converge")})
RESTARTS = Entry("redis_server", "converge")


def now() -> str:
    """What names the play that runs; '' where no callback has said so."""
    return os.environ.get(PLAY, "")


def is_of_now(registered: Any) -> bool:
    """Whether an answer that a host registered is of the play that runs. One that ansible-core made itself, as for a host that
    can't be reached, names no play and counts: it is never a good one.
    """
    play = registered.get("play") if isinstance(registered, Mapping) else None
    return play is None or play == now()


def action(task: Any) -> str:
    """The module of a task, without the name of a collection."""
    return str(task.action).rpartition(".")[2]


def role(task: Any) -> str:
    """The role of a task, without the name of a collection; '' for none."""
    before, separator, _ = str(task.get_name()).partition(" : ")
    return before.rpartition(".")[2] if separator else ""


def looks(task: Any) -> bool:
    """Whether a task looks at the hosts of its play, or brings a role that may."""
    return isinstance(task, IncludeRole) or action(task) in LOOKS


def tasks(blocks: Iterable[Any]) -> Iterator[Any]:
    """Every task of these blocks, at any depth. What is included at run time is not among them."""
    for part in blocks:
        if isinstance(part, Block):
            yield from tasks([*part.block, *part.rescue, *part.always])
        else:
            yield part


def chosen(play: Any) -> list[Any]:
    """The tasks of a play that the tags of this run choose.

    A task with the tag `never` has to be chosen by another tag of its own.
    """
    return [task for task in tasks(play.compile()) if "always" not in task.tags and _is_chosen(play, task)]


def untagged(play: Any) -> list[Any]:
    """All tasks of a play that no tag leaves out by itself: where the tags of a run choose none in any play, as a mistyped
    tag does, these are what it was meant for.
    """
    return [task for task in tasks(play.compile()) if "never" not in task.tags]


def _is_chosen(play: Any, task: Any) -> bool:
    return not task.implicit and bool(task.evaluate_tags(play.only_tags, play.skip_tags, {}))


def passes_over(task: Any, owed: Job) -> bool:
    """Whether a host decides against a job where the condition of this task is not met. What looks at hosts decides for each
    of them; a report is made once, and a condition on it says nothing about the others.
    """
    if isinstance(task, IncludeRole) or not owed.reports:
        return True
    return action(task) in (LOOKS if owed.looks else REPORTERS)


def entries(found: Iterable[Any]) -> set[Entry]:
    """Where tasks enter the roles of this project. Roles of others with the same names have no module of this one."""
    return {entry for task in found for entry in _entry(task)}


def job(found: Iterable[Any]) -> Job | None:
    """The job that these tasks do; None for tasks that owe no answer."""
    entered = entries(found)
    return next((one for one in JOBS if one.entry in entered), None)


def hosts(play: Any) -> list[str]:
    """The hosts of a play, those of batches to come among them."""
    return list(play.get_variable_manager().get_vars(play=play, include_hostvars=False)["ansible_play_hosts_all"])


def is_next_batch(before: Any, play: Any) -> bool:
    """Whether `serial` starts the same play once more. ansible-core hands out a copy with the same tasks for each batch."""
    parts = [[*one.pre_tasks, *one.roles, *one.tasks, *one.post_tasks] for one in (before, play)]
    return bool(play.serial) and bool(parts[1]) and all(one is other for one, other in zip_longest(*parts))


def refusal(play: Any, found: Sequence[Any]) -> Problem | None:
    """Why the report of a play would not be true of every host, or its restarts not one after the other, by the way in
    which Ansible runs the play.

    found: the tasks of the play, or one of them that it included at run time.
    """
    done = job(found)
    strategy = str(play.strategy)
    harm = ""
    if RESTARTS in entries(found):
        harm = "several could restart their servers at the same time"
    elif done and done.reports:
        harm = "the report would be made before all have answered"
    if harm and strategy.endswith(("free", "host_pinned")):
        return Problem(
            f"strategy {strategy}",
            f"each host goes its own way, and {harm}",
            "strategy linear",
            "remove strategy from the play and from ansible.cfg, or set ANSIBLE_STRATEGY=linear",
        )
    if done and not done.batches and play.serial:
        return Problem(
            "serial",
            "the play runs in batches, and a load test judges all of its hosts at once",
            "a play without serial",
            "remove serial, and choose hosts with --limit",
        )
    return next((problem for problem in map(once, found) if problem), None)


def once(task: Any) -> Problem | None:
    """Why the answer of one host must not be registered for every host."""
    if action(task) not in LOOKS or not boolean(task.run_once, strict=False):
        return None
    return Problem(
        "run_once",
        "one host is looked at, and its answer would count for every host",
        "a look at each host",
        "remove run_once from the play, or from the task that takes the role",
    )


def _entry(task: Any) -> Iterator[Entry]:
    if isinstance(task, IncludeRole):
        name = str(task.args.get("name") or task.args.get("role")).rpartition(".")[2]
        file = Path(str(task.args.get("tasks_from") or MAIN.get(name, "main"))).stem
    else:
        name, file = role(task), Path(str(task.get_path()).rpartition(":")[0]).stem
    if name in ROLES and (isinstance(task, IncludeRole) or action(task) in MODULES):
        yield Entry(name, file)
