# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""End a check with its report, and with an exit code that tells "it drifted" from "it could not be checked"."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible import constants
from ansible.plugins.callback import CallbackBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import debts, last_words, plays  # noqa: E402 - found only now
from ansible.module_utils.redis_control.report import answers, shape  # noqa: E402
from ansible.module_utils.redis_ops.base.text import printable  # noqa: E402

DOCUMENTATION = r"""
name: redis_report
type: aggregate
short_description: End a check with its report and its exit code
description:
  - Prints the C(report) of the last report module of a run after the recap. Only a module whose work is done on the control
    node reports; what a host says is never taken for a report.
  - Ansible ends with 2 when any task failed, whatever the reason. A report with another C(exit_code), such as V(1) for a check
    that itself failed somewhere, or V(3) for a measurement that cannot be trusted, ends the run with that.
  - While M(redis_load_run) runs, the first Ctrl-C ends the load and lets the run go on to its report; the second ends the run.
  - A play with a job that owes a report, such as a drift check, ends with 1 where it has none, as where no host matched; never
    with 0 or 2. So does a play that clears AOF files, or writes the options of BullMQ, of which no task ran on any host. The
    roles and tasks of the play tell its job, not the name of its file.
"""


COLORS = {"clean:": "green", "DRIFT:": "yellow", "FAILED:": "red", "PASS:": "green", "FAIL:": "red", "INVALID:": "red"}
COLORS |= {"READY:": "green", "NOT READY:": "red"}
COLORS |= {"WORSE:": "red", "BETTER:": "green", "NOT WORSE:": "green", "CANNOT TELL:": "yellow"}
FOLLOW = "redis_load_run"  # the task during which Ctrl-C ends the load, and not the run
# Names the file that tells this task so. It is in the directory that Ansible makes for this run, which nobody else reads.
INTERRUPT = "REDIS_LOADTEST_INTERRUPT"
ANSIBLE_S_OWN = (0, 2)  # with which it ends by itself, as a report's 2 fails a task
NO_ANSWER = 1
COMMAND_FAILED = "non-zero return code"  # which says nothing


class CallbackModule(CallbackBase):
    """Keeps the last report."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "redis_report"

    def __init__(self) -> None:
        super().__init__()
        self.disabled = not last_words.is_first(self.CALLBACK_NAME)
        self._interrupted: Path | None = None
        self._usual: Any = signal.SIG_DFL
        self._play: Any = None
        self._plays = 0
        self._begin()

    def _begin(self) -> None:
        self._debts = debts.Debts()
        self._others: list[Mapping[str, Any]] = []  # reports of plays that owe none
        self._chosen: Callable[[Any], list[Any]] = plays.chosen
        self._opened = ""  # a window of judge_load.yml: what to do next

    def v2_playbook_on_start(self, playbook: Any) -> None:
        """Raises SystemExit, as the next ones do, where the report would not be true: before anything runs."""
        self._begin()
        found = [(play, plays.chosen(play)) for play in playbook.get_plays()]
        if not any(tasks for _, tasks in found):
            self._chosen = plays.untagged
            found = [(play, plays.untagged(play)) for play, _ in found]
        for play, tasks in found:
            self._refuse(play, tasks)

    def _refuse(self, play: Any, tasks: Sequence[Any]) -> None:
        problem = plays.refusal(play, tasks)
        if problem:
            self._display.error(printable(str(problem)), wrap_text=False)
            raise SystemExit(NO_ANSWER)

    def v2_playbook_on_task_start(self, task: Any, is_conditional: bool) -> None:
        del is_conditional
        self._refuse(self._play, [task])  # of a role that a play includes at run time
        self._debts.of([task])
        self._give_back()
        if plays.action(task) == FOLLOW:
            self._interrupted = Path(constants.DEFAULT_LOCAL_TMP, "redis-loadtest-interrupt")
            os.environ[INTERRUPT] = str(self._interrupted)  # for the process of the task
            self._usual = signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, *_: Any) -> None:
        """The first time. What is in the way of the second one is taken away."""
        Path(os.environ[INTERRUPT]).touch()
        signal.signal(signal.SIGINT, self._usual)
        self._display.display("\nthe load is being stopped, its keys are removed, and there will be a report")

    def _give_back(self) -> None:
        if self._interrupted:
            signal.signal(signal.SIGINT, self._usual)
            self._interrupted.unlink(missing_ok=True)
            self._interrupted = None

    def v2_playbook_on_play_start(self, play: Any) -> None:
        is_next_batch = self._play is not None and plays.is_next_batch(self._play, play)
        self._play = play
        if not is_next_batch:
            self._plays += 1
            os.environ[plays.PLAY] = f"{os.getpid()}-{self._plays}"
            self._debts.begin(play)
        found = self._chosen(play)
        self._refuse(play, found)
        self._debts.of(found)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._ended(result)
        debt = self._debts.now
        if debt and not debt.job.reports:
            debt.paid = True

    def v2_runner_on_skipped(self, result: Any) -> None:
        self._debts.skipped(result._task, result._host.get_name())  # noqa: SLF001

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._why(result)
        self._ended(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        task = result._task  # noqa: SLF001
        if not task.ignore_unreachable:
            self._why(result)
        self._debts.ended(task, result._host.get_name())  # noqa: SLF001

    def v2_playbook_on_stats(self, stats: Any) -> None:
        del stats
        self._give_back()
        reports = [*self._others, *(debt.report for debt in self._debts.all if debt.report)]
        for report in reports:
            self._say("")
            for line in report["report"]:
                self._say(line, next((color for word, color in COLORS.items() if line.startswith(word)), None))
        if self._opened:
            self._say(f"\n{self._opened}")
        missing = self._debts.open()
        for debt in missing:
            self._say("")
            for line in debt.told:
                self._say(printable(line), COLORS["FAILED:"])
        codes = [NO_ANSWER] * bool(missing) + [report["exit_code"] for report in reports]
        codes = [code for code in codes if code not in ANSIBLE_S_OWN]
        if codes:
            raise SystemExit(NO_ANSWER if NO_ANSWER in codes else codes[-1])

    def _say(self, line: str, color: str | None = None) -> None:
        self._display.display(line, color=color, stderr=last_words.belong_on_stderr())

    def _why(self, result: Any) -> None:
        found = result._result  # noqa: SLF001
        results = found.get("results")
        parts = [part for part in results if isinstance(part, dict)] if isinstance(results, list) else []
        parts = [part for part in parts if part.get("failed")]
        first = (parts or [found])[0]
        said = first.get("stderr") if first.get("msg") == COMMAND_FAILED else ""
        told = " ".join(shape.shortened(str(said or first.get("msg") or "no reason given"), answers.ERROR).split())
        self._debts.failed(printable(f"{result._host.get_name()}: {told}"))  # noqa: SLF001

    def _ended(self, result: Any) -> None:
        task, found = result._task, result._result  # noqa: SLF001
        self._debts.ended(task, result._host.get_name())  # noqa: SLF001
        if plays.action(task) not in answers.REPORTERS:
            return
        debt = self._debts.now
        if {"report", "exit_code"} <= found.keys():
            report = answers.report(found, "")
            if debt is None:
                self._others = [report]
            else:
                debt.paid, debt.report = True, report
        elif found.get("opened"):  # there is no verdict before its end
            self._opened = printable(str(found["summary"]))
            if debt:
                debt.paid = True
