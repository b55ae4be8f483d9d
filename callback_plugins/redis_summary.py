# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""End a run with what a person wants to know: what changed, what is proved, what the host refused, what is owed, what next."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any

from ansible.plugins.callback import CallbackBase

DOCUMENTATION = r"""
name: redis_summary
type: aggregate
short_description: End a run with what changed, what is verified, what is owed and what to do next
description:
  - Reads the C(actions), C(findings) and C(pending_restart) of this project's modules and prints them after the recap.
requirements:
  - enabled in C(callbacks_enabled), which this project's ansible.cfg does
"""


@dataclass
class Host:
    """What the modules said of one host."""

    actions: list[str] = field(default_factory=list)
    findings: list[dict] = field(default_factory=list)
    owed: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    check_mode: bool = False

    def with_status(self, status: str) -> list[dict]:
        return [finding for finding in self.findings if finding["status"] == status]


class CallbackModule(CallbackBase):
    """Collects results as they come; prints once, at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "redis_summary"
    CALLBACK_NEEDS_ENABLED = True

    def __init__(self) -> None:
        super().__init__()
        self._hosts: dict[str, Host] = defaultdict(Host)

    def v2_runner_on_ok(self, result: Any) -> None:
        self._collect(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._collect(result)
            self._fail(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        host = self._hosts[result._host.get_name()]  # noqa: SLF001 - the callback interface of ansible-core
        told = str(result._result.get("msg") or "no reason given").splitlines()  # noqa: SLF001
        host.errors.append("could not be reached: " + told[0])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        for name in sorted(self._hosts):
            self._show(name, self._hosts[name], stats.summarize(name))

    def _collect(self, result: Any) -> None:
        found = result._result  # noqa: SLF001
        host = self._hosts[result._host.get_name()]  # noqa: SLF001
        parts = [part for part in found.get("results") or [found] if isinstance(part, dict)]
        ours = [part for part in parts if {"actions", "findings"} & part.keys()]
        if not ours and any(part.get("changed") for part in parts):
            # another module: its task says what it did
            host.actions.append(result._task.get_name().rpartition(" | ")[2].lower())  # noqa: SLF001
        for part in ours:
            host.check_mode = host.check_mode or bool(getattr(result._task, "check_mode", False))  # noqa: SLF001
            instance = part.get("instance")
            prefix = f"{instance}: " if instance else ""
            host.actions += [prefix + action for action in part.get("actions", [])]
            host.findings += part.get("findings", [])
            host.owed += [
                f"{prefix}{item['option']} runs {item['running']}, wanted {item['wanted']} ({item['reason']})"
                for item in part.get("pending_restart", [])
            ]

    def _fail(self, result: Any) -> None:
        found = result._result  # noqa: SLF001
        parts = [part for part in found.get("results") or [found] if isinstance(part, dict)]
        # the failed findings of a verification are shown as findings
        texts = [part.get("msg") for part in parts if part.get("failed", True) and "findings" not in part]
        self._hosts[result._host.get_name()].errors += [str(text) for text in texts if text]  # noqa: SLF001

    def _show(self, name: str, host: Host, recap: dict) -> None:
        failed = bool(recap["failures"] or recap["unreachable"])
        passed = host.with_status("PASS")
        # what is owed has a section of its own
        warned = [finding for finding in host.with_status("WARN") if finding["id"] != "verify.settings"]
        verdict = "FAILED" if failed else "would change" if host.check_mode and host.actions else "ok"
        color = "red" if failed else "yellow" if warned or host.owed else "green"
        self._display.display(f"\n{name}: {verdict}", color=color)
        changed = "would change" if host.check_mode else "changed"
        self._section(changed, host.actions or (["nothing"] if not failed else []))
        self._section("would hold" if host.check_mode else "verified", _verified(passed))
        self._section("refused here", [_line(finding) for finding in host.with_status("SKIP")])
        self._section("warning", [_line(finding) for finding in warned], "yellow")
        self._section("failed", [_line(finding) for finding in host.with_status("FAIL")], "red")
        self._section("error", [line for text in host.errors for line in text.splitlines()], "red")
        self._section("owes a restart", host.owed, "yellow")
        self._section("next", [self._next(host, failed=failed)])

    def _next(self, host: Host, *, failed: bool) -> str:
        if failed:
            return "mend what is named above and run again; a run takes up where the last one stopped"
        if host.check_mode:
            return "run again without --check to do this" if host.actions else "nothing to do"
        if host.owed:
            return "allow the restart when it suits you: add -e redis_server_restart=true"
        return "nothing to do; the same command again changes nothing and proves it"

    def _section(self, title: str, lines: list[str], color: str | None = None) -> None:
        for number, line in enumerate(lines):
            self._display.display(f"  {title if not number else '':<15} {line}", color=color)


def _verified(passed: list[dict]) -> list[str]:
    """One line for each thing that was looked at, with the names of its checks."""
    checks: dict[str, dict[str, None]] = defaultdict(dict)
    for finding in passed:
        area, _, name = finding["id"].partition(".")
        subject = finding["subject"] if area == "verify" else area
        checks[subject][name.removesuffix(".boot")] = None
    return [f"{subject}: {', '.join(names)}" for subject, names in checks.items()]


def _line(finding: dict) -> str:
    remedy = f"; {finding['remedy']}" if finding["remedy"] else ""
    return f"{finding['subject']}: {finding['actual']} (expected {finding['expected']}){remedy}"
