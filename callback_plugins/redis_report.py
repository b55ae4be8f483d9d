# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""End a check with its report, and with an exit code that tells "it drifted" from "it could not be checked"."""

from __future__ import annotations

from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: redis_report
type: aggregate
short_description: End a check with its report and its exit code
description:
  - Prints the C(report) of the last report module of a run after the recap.
  - Ansible ends with 2 when any task failed, whatever the reason. A report with another C(exit_code), such as V(1) for a check
    that itself failed somewhere, or V(3) for a measurement that cannot be trusted, ends the run with that.
requirements:
  - enabled in C(callbacks_enabled), which this project's ansible.cfg does
"""


COLORS = {"clean:": "green", "DRIFT:": "yellow", "FAILED:": "red", "PASS:": "green", "FAIL:": "red", "INVALID:": "red"}
ANSIBLE_S_OWN = (0, 2)  # with which it ends by itself, as a report's 2 fails a task


class CallbackModule(CallbackBase):
    """Keeps the last report."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "redis_report"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._last: dict[str, Any] = {}

    def v2_runner_on_ok(self, result: Any) -> None:
        self._keep(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        del ignore_errors
        self._keep(result)

    def v2_playbook_on_stats(self, stats: Any) -> None:
        del stats
        if not self._last:
            return
        self._display.display("")
        for line in self._last["report"]:
            color = next((color for word, color in COLORS.items() if line.startswith(word)), None)
            self._display.display(line, color=color)
        if self._last["exit_code"] not in ANSIBLE_S_OWN:
            raise SystemExit(self._last["exit_code"])

    def _keep(self, result: Any) -> None:
        found = result._result  # noqa: SLF001 - the callback interface of ansible-core
        if {"report", "exit_code"} <= found.keys():
            self._last = found
