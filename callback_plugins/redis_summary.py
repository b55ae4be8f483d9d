# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""End a run with what a person wants to know: what changed, what is proved, what the host refused, what is owed, what next."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible import context
from ansible.plugins.callback import CallbackBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import last_words, plays  # noqa: E402 - found only now
from ansible.module_utils.redis_control.report import answers, shape  # noqa: E402
from ansible.module_utils.redis_ops.base import commands  # noqa: E402
from ansible.module_utils.redis_ops.base.findings import failure  # noqa: E402
from ansible.module_utils.redis_ops.base.text import printable  # noqa: E402

DOCUMENTATION = r"""
name: redis_summary
type: aggregate
short_description: End a run with what changed, what is verified, what is owed and what to do next
description:
  - Reads the C(actions), C(findings) and C(pending_restart) of this project's modules and prints them after the recap.
  - Says nothing after a run without a play that provisions, and without a task of the roles C(redis_host) and C(redis_server).
  - The command to type next is the one that was typed, through C(ansible-playbook) or, with E(REDIS_MAKE_ARGS), C(make).
"""

NAMES = "target|redis_server_(remove|remove_data|restore)"  # variables that hold names of hosts and instances
ADOPT = "redis_adopt"  # the module that describes what is there
# What a person does after other modules
AFTER = {
    "redis_remove": "take what was removed out of the inventory; the next provision brings back what is declared",
    "redis_restore": "take adopt out of the inventory; with it, the next provision takes the server over again",
}
# What a run looks at, and the role of the tasks that do, which is their tag as well.
PARTS = {"kernel": "redis_host", "Redis": "redis_server"}
# Modules and task names tell what to do; after it was done, it is told as done.
DONE = {
    "make": "made",
    "write": "wrote",
    "rename": "renamed",
    "remove": "removed",
    "delete": "deleted",
    "save": "saved",
    "disable": "disabled",
    "stop": "stopped",
    "unmask": "unmasked",
    "enable": "enabled",
    "start": "started",
    "restart": "restarted",
    "install": "installed",
    "finish": "finished",
    "move": "moved",
    "downgrade": "downgraded",
}
# Python's names for what people write in YAML
SHAPES = {"list": "a list", "dict": "a mapping (name: value)", "str": "a text", "int": "a number", "bool": "yes or no"}


@dataclass
class Host:
    """What the modules said of one host."""

    looked_at: set[str] = field(default_factory=set)
    actions: list[str] = field(default_factory=list)
    findings: list[dict] = field(default_factory=list)
    verified: dict[str, list[dict]] = field(default_factory=dict)
    owed: dict[str, list[str]] = field(default_factory=dict)
    first_contact: list[dict] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    modules: set[str] = field(default_factory=set)
    errors: list[str] = field(default_factory=list)
    check_mode: bool = False
    unreadable: bool = False
    is_ours: bool = False  # a task of this project's ran on it

    def with_status(self, status: str) -> list[dict]:
        return [finding for finding in self.every_finding if finding["status"] == status]

    @property
    def every_finding(self) -> list[dict]:
        """Of the host, then of each instance as it was seen last."""
        return [*self.findings, *(finding for found in self.verified.values() for finding in found)]

    @property
    def owes(self) -> list[str]:
        """What waits for a restart, one line each."""
        return [line for lines in self.owed.values() for line in lines]


class CallbackModule(CallbackBase):
    """Collects results as they come; prints once, at the end."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "aggregate"
    CALLBACK_NAME = "redis_summary"

    def __init__(self) -> None:
        super().__init__()
        self.disabled = not last_words.is_first(self.CALLBACK_NAME)
        self._hosts: dict[str, Host] = defaultdict(Host)
        self._is_report = False
        self._looks_at_all = False
        self._is_ours = False

    def v2_playbook_on_play_start(self, play: Any) -> None:
        self._looks_at_all |= plays.entries(plays.tasks(play.compile())) >= plays.PROVISION

    def v2_runner_on_ok(self, result: Any) -> None:
        self._collect(result)

    def v2_runner_on_failed(self, result: Any, ignore_errors: bool = False) -> None:
        if not ignore_errors:
            self._collect(result)
            self._fail(result)

    def v2_runner_on_unreachable(self, result: Any) -> None:
        host = self._host_of(result)
        told = answers.failure(result._result).splitlines()  # noqa: SLF001
        host.errors.append("could not be reached: " + told[0])

    def v2_playbook_on_stats(self, stats: Any) -> None:
        if not (self._looks_at_all or self._is_ours):
            return
        if self._is_report and not any(host.actions for host in self._hosts.values()):
            return  # a check ends with its report, see redis_report
        # hosts of other plays have other things to say
        for name in sorted(name for name, host in self._hosts.items() if host.is_ours or host.errors):
            self._show(name, self._hosts[name], stats.summarize(name))

    def _host_of(self, result: Any) -> Host:
        task = result._task  # noqa: SLF001 - the callback interface of ansible-core
        self._is_ours |= plays.role(task) in PARTS.values() or plays.action(task) == ADOPT
        host = self._hosts[result._host.get_name()]  # noqa: SLF001 - the callback interface of ansible-core
        host.is_ours |= plays.role(task) in PARTS.values() or plays.action(task) in plays.MODULES
        return host

    def _collect(self, result: Any) -> None:
        found = result._result  # noqa: SLF001
        # whatever a host calls a report is none
        self._is_report |= "report" in found and plays.action(result._task) in answers.REPORTERS  # noqa: SLF001
        host = self._host_of(result)
        host.modules.add(plays.action(result._task))  # noqa: SLF001
        check = bool(getattr(result._task, "check_mode", False))  # noqa: SLF001
        parts = _parts(found)
        ours = [part for part in parts if {"actions", "findings"} & part.keys()]
        if not ours and any(part.get("changed") for part in parts):
            # another module: its task says what it did
            told = result._task.get_name().rpartition(" | ")[2].lower()  # noqa: SLF001
            host.actions.append(_tense(told, check=check))
        for part in ours:
            try:
                self._add(host, answers.changes(part), check=check)
            except shape.WrongShape as wrong:  # noqa: PERF203 - each answer by itself
                if plays.action(result._task) in plays.MODULES:  # noqa: SLF001
                    host.unreadable = True
                    host.errors.append(answers.unusable(wrong))

    def _add(self, host: Host, part: Mapping[str, Any], *, check: bool) -> None:
        host.check_mode = host.check_mode or check
        instance = part.get("instance")
        prefix = f"{instance}: " if instance else ""
        host.actions += [prefix + _tense(action, check=check) for action in part.get("actions", [])]
        host.left += [f"{prefix}data in {path}" for path in part.get("left", [])]
        if instance:
            host.looked_at.add("Redis")
        elif any(finding["id"].startswith("kernel.") for finding in part.get("findings", [])):
            host.looked_at.add("kernel")
        # a later look at the same instance is the one that counts
        host.owed[prefix] = [
            f"{prefix}{item['option']} runs {item['running']}, wanted {item['wanted']} ({item['reason']})"
            for item in part.get("pending_restart", [])
        ]
        if instance:
            host.verified[instance] = part.get("findings", [])
        else:
            host.findings += part.get("findings", [])

    def _fail(self, result: Any) -> None:
        found = result._result  # noqa: SLF001
        # the failed findings of a verification are shown as findings
        host = self._hosts[result._host.get_name()]  # noqa: SLF001
        failed = [part for part in _results(found) if part.get("failed", True) and "findings" not in part]
        told = [_plain(_without_findings(part)) for part in failed if part.get("msg")]
        host.errors += [text for text in told if text]
        try:
            host.first_contact = answers.tables(found)
        except shape.WrongShape as wrong:
            host.errors.append(answers.unusable(wrong))

    def _show(self, name: str, host: Host, recap: dict) -> None:
        failed = bool(recap["failures"] or recap["unreachable"] or host.unreadable)
        passed = host.with_status("PASS")
        # what is owed has a section of its own
        warned = [finding for finding in host.with_status("WARN") if finding["id"] != "verify.settings"]
        passed_over = _passed_over(host) if self._looks_at_all and not failed else []
        verdict = "FAILED" if failed else "would change" if host.check_mode and host.actions else "ok"
        if len(passed_over) == len(PARTS):
            verdict = "nothing was looked at"
        color = "red" if failed else "yellow" if warned or host.owes or passed_over else "green"
        self._say(f"\n{shape.unique(name)}: {verdict}", color)
        changed = "would change" if host.check_mode else "changed"
        self._section(changed, host.actions or (["nothing"] if not failed else []))
        self._section("would be right" if host.check_mode else "verified", _verified(passed))
        skipped = host.with_status("SKIP")
        refused = [finding for finding in skipped if finding["id"].startswith("kernel.")]
        self._section("refused here", [_line(finding) for finding in refused])
        self._section("not judged", [_line(finding) for finding in skipped if finding not in refused], "yellow")
        self._section("warning", [_line(finding) for finding in warned], "yellow")
        self._section("failed", [_line(finding) for finding in host.with_status("FAIL")], "red")
        self._section("error", [line for text in host.errors for line in text.splitlines()], "red")
        self._section("left as it is", host.left)
        for table in host.first_contact:
            self._table(table)
        self._section("owes a restart", host.owes, "yellow")
        self._section("not looked at", passed_over, "yellow")
        self._section("next", [_next(host, failed=failed, whole=not passed_over)])

    def _say(self, line: str, color: str | None = None) -> None:
        self._display.display(line, color=color, stderr=last_words.belong_on_stderr())

    def _section(self, title: str, lines: list[str], color: str | None = None) -> None:
        for number, line in enumerate(lines):
            self._say(f"  {title if not number else '':<15} {printable(line)}", color)

    def _table(self, table: Mapping[str, Any]) -> None:
        """What either answer would change on first contact."""
        self._say(f"\n  instance {printable(str(table['instance']))}: what either answer would change")
        for line in table["table"]:
            self._say(f"    {printable(line)}")
        self._say("")


def _results(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of a loop, or the one result."""
    return _mappings(found.get("results")) or [dict(found)]


def _parts(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The results of a task: one for each item of a loop, and in it one for each instance, and itself."""
    return [
        one
        for part in _results(found)
        for one in (*_mappings(part.get("converged")), *_mappings(part.get("removed")), part)
    ]


def _mappings(value: object) -> list[dict[str, Any]]:
    return [part for part in value if isinstance(part, dict)] if isinstance(value, list) else []


def _without_findings(part: Mapping[str, Any]) -> str:
    """Why a module failed, without the lines that tell failed findings of its instances."""
    told = set()
    for one in _mappings(part.get("converged")):
        with contextlib.suppress(shape.WrongShape):
            told |= {
                failure(item["subject"], item["actual"], item["expected"], item["remedy"])
                for item in answers.changes(one).get("findings", [])
            }
    return "\n".join(line for line in answers.failure(part).splitlines() if line not in told)


def _next(host: Host, *, failed: bool, whole: bool) -> str:
    if failed:
        return "mend what is named above and run again; a run takes up where the last one stopped"
    if host.check_mode and host.actions:
        return f"do this: {command()}"
    if host.owes:
        return f"allow the restart when it suits you: {command('-e', 'redis_server_restart=true')}"
    after = [told for module, told in AFTER.items() if module in host.modules]
    if after:
        return after[0]
    if not whole:
        return f"look at all of it: run again without {_selection()}"
    return _all_done({finding["id"].partition(".")[0] for finding in host.every_finding})


def _all_done(areas: set[str]) -> str:
    if "adopt" in areas:
        return f"read the files, then: {commands.CHECK}"
    if "verify" in areas:
        return "nothing to do; the same command again changes nothing and proves it"
    return "nothing to do"


def command(*added: str) -> str:
    """What to type to run this again for good and with `added`: what was typed, without check mode."""
    through_make = os.environ.get("REDIS_MAKE_ARGS")  # the Makefile sets it, to the ARGS it was given
    typed = sys.argv[1:] if through_make is None else shlex.split(through_make)
    words = [*_shown(typed), *added]
    if through_make is None:
        return shlex.join(["ansible-playbook", *words])
    return commands.PROVISION + (f" ARGS={shlex.quote(shlex.join(words))}" if words else "")


def _shown(typed: Sequence[str]) -> list[str]:
    """Without check mode, and without the values of extra variables, which may be secret, unless a file has them."""
    shown: list[str] = []
    for word in typed:
        option, value = re.fullmatch(r"(-e|--extra-vars=|)(.*)", word, re.DOTALL).groups()
        if option or shown[-1:] in (["-e"], ["--extra-vars"]):
            harmless = re.fullmatch(rf"@.*|\w+=(true|false|yes|no)|({NAMES})=[\w./,-]+|", value, re.DOTALL)
            shown.append(word if harmless else option + "...")
        elif word not in ("-C", "--check", "-D", "--diff", "-CD", "-DC"):
            shown.append(word)
    return shown


def _selection() -> str:
    """The options that left tasks out, as they are typed; '' when none did."""
    given = context.CLIARGS
    tags = [tag for tag in given.get("tags") or () if tag != "all"]
    words = {"--tags": ",".join(tags), "--skip-tags": ",".join(given.get("skip_tags") or ())}
    words["--start-at-task"] = given.get("start_at_task") or ""
    return shlex.join(word for option, value in words.items() if value for word in (option, value))


def _passed_over(host: Host) -> list[str]:
    """What this run was told to leave out."""
    selection = _selection()
    return [
        f"{part}: {selection} leaves out the tasks with the tag {tag}"
        for part, tag in PARTS.items()
        if selection and part not in host.looked_at
    ]


def _tense(action: str, *, check: bool) -> str:
    """'write FILE' -> 'wrote FILE', once it is true."""
    verb, blank, rest = action.partition(" ")
    return action if check else DONE.get(verb, verb) + blank + rest


def _plain(text: str) -> str:
    """An error of ansible-core's own as this project tells errors, without the names of its classes."""

    def told(found: re.Match) -> str:
        name, have, want = found.groups()
        return f"{name}: is {SHAPES.get(have, have)}; expected {SHAPES.get(want, want)}; correct the value"

    text = re.sub(r"^Validation of arguments failed:\n", "", text)
    text = re.sub(r"argument '(\S+)' is of type (\w+) and we were unable to convert to (\w+): .*", told, text)
    return re.sub(r"<class '(?:\w+\.)*_?(?:AnsibleTagged)?(\w+)'>", lambda found: found[1].lower(), text)


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
