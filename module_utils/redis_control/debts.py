"""The answers that a run owes: for each job that its plays begin, whether there is one, or why there needs to be none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from . import plays

_NO_HOST = "its tasks ran on no host; look at the inventory (group redis, or -e target), --limit and --tags"
_NO_REPORT = "hosts were looked at, and a condition left the report out; give the role a condition that is the same for every host"


@dataclass
class Debt:
    """What is owed for a job. hosts: that it is to look at. looked: on which of them the look has ended, well or not.
    passed: those that a condition left out. paid: there is an answer. report: the last one, {} for none. reason: of the first
    failure.
    """

    job: plays.Job
    hosts: dict[str, None] = field(default_factory=dict)
    looked: set[str] = field(default_factory=set)
    passed: set[str] = field(default_factory=set)
    paid: bool = False
    report: Mapping[str, Any] = field(default_factory=dict)
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether an answer is missing that nobody decided against."""
        return not (self.paid or self._is_forgiven)

    @property
    def _is_forgiven(self) -> bool:
        """Every host decided against the job, and none was looked at or failed before it could decide."""
        if self.looked or self.reason or not self.passed:
            return False
        return not self.job.looks or (bool(self.hosts) and self.hosts.keys() <= self.passed)

    @property
    def told(self) -> Iterator[str]:
        """Lines that say what is missing."""
        yield f"FAILED: {self.job.without}: {self.reason or (_NO_REPORT if self.looked else _NO_HOST)}"
        left = [host for host in self.hosts if host not in self.looked]
        if left:
            yield f"not looked at: {', '.join(left)}"


@dataclass
class Debts:
    """Of one playbook. now: of the job of the play or role that runs; None for one that owes nothing."""

    all: list[Debt] = field(default_factory=list)
    now: Debt | None = None
    _play: Any = None

    def begin(self, play: Any) -> None:
        """A play starts."""
        self._play, self.now = play, None

    def of(self, tasks: Sequence[Any]) -> None:
        """tasks: of the play, or the one that starts, which a role may have brought at run time."""
        job = plays.job(tasks)
        if job is None or self._play is None:
            return
        if self.now is None:
            hosts = plays.hosts(self._play) if job.looks else []
            before = next((debt for debt in reversed(self.all) if debt.job == job), None)
            # a play that finds its hosts missing answers for the one that would look at them
            if before is None or (before.paid and hosts):
                before = Debt(job)
                self.all.append(before)
            self.now = before
        if self.now.job == job and job.looks and any(map(plays.looks, tasks)):
            self.now.hosts.update(dict.fromkeys(plays.hosts(self._play)))

    def ended(self, task: Any, host: str) -> None:
        """A task has ended on a host."""
        if self.now and plays.action(task) in plays.LOOKS:
            self.now.looked.add(host)

    def skipped(self, task: Any, host: str) -> None:
        """A condition left a task out on a host."""
        if self.now is None or not plays.passes_over(task, self.now.job):
            return
        if plays.action(task) in plays.LOOKS or plays.job([task]) == self.now.job:
            self.now.passed.add(host)

    def failed(self, reason: str) -> None:
        """The first failure is the cause, those after it are its consequences."""
        if self.now:
            self.now.reason = self.now.reason or reason

    def open(self) -> list[Debt]:
        """What is missing, in the order of the plays."""
        return [debt for debt in self.all if debt.is_open]
