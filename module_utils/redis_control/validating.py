"""Check what was typed before any module is called with it: a secret in the wrong place must reach no host and no journal."""

from __future__ import annotations

import getpass
import re
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase

from ..redis_ops.base.errors import Problem
from ..redis_ops.base.text import printable
from ..redis_ops.edge.arguments import ARGUMENTS, declaration_of
from ..redis_ops.model import declaration
from . import core_version, plays
from .report import shape
from .report.answers import TEXT

# What says nothing of why a module did not start
_NOISE = re.compile(r"Shared connection to .* closed|sudo: (?:unable to resolve host|setrlimit)")


class ValidatingAction(ActionBase):
    """Runs the module of the same name, if nothing is wrong with what was typed."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The module's result, or failure with one line for each problem."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        arguments = dict(self._task.args)
        # where the configuration of others keeps the callbacks from saying so first
        refused = core_version.problem() or plays.once(self._task)
        problems = [str(problem) for problem in ([refused] if refused else self.problems(arguments))]
        if problems:
            result.update(failed=True, msg=printable("\n".join(problems), lines=True))
            return result
        if "declaration" in arguments:
            arguments["caller"] = caller(task_vars or {})
        try:
            result.update(self._execute_module(module_args=arguments, task_vars=dict(task_vars or {})))
            said = "\n".join(str(result.get(f"module_{stream}") or "") for stream in ("stderr", "stdout"))
        except AnsibleError as error:
            said = str(error)
            if not refused_by_become(said):
                raise
            result["failed"] = True
        not_root = refused_by_become(said) if result.get("failed") else None
        if not_root:
            result["msg"] = printable(str(not_root))
        result["play"] = plays.now()
        return result

    def problems(self, arguments: Mapping[str, Any]) -> Iterable[Problem]:
        """What is wrong on any host."""
        if "declaration" in arguments:
            return of_declaration(arguments["declaration"])
        return declaration.of_layer("settings", arguments.get("settings"))


def of_declaration(given: Any) -> list[Problem]:
    """given: the parameter `declaration` of a module, as it was typed."""
    if not isinstance(given, Mapping):
        return [Problem("declaration", "is no mapping", "what redis_server_declaration holds", "pass that variable")]
    known = ARGUMENTS["declaration"]["options"]
    foreign = [
        Problem(f"declaration: {name}", "is no part of a declaration", f"one of {', '.join(known)}", "correct it")
        for name in given
        if name not in known
    ]
    missing = [name for name in ("instances", "profiles") if name not in given]
    if missing:
        return [Problem("declaration", f"lacks {', '.join(missing)}", "what redis_server_declaration holds", "add it")]
    return [*foreign, *declaration.problems(declaration_of(given))]


def refused_by_become(said: str) -> Problem | None:
    """Why sudo, su or doas did not start a module, in its own words; None where it said nothing.

    said: what came from the host in place of an answer, or an error of ansible-core that quotes it. ansible-core itself knows
    the words of sudo in English only.
    """
    told = [line.strip() for line in said.splitlines() if line.strip() and not _NOISE.match(line.strip())]
    # after a warning of sudo something else may have failed, and says so last
    if not told or not re.match(r"(?:sudo|su|doas): ", told[-1]):
        return None
    return Problem(
        "become",
        f'the host said "{shape.shortened(told[-1], TEXT)}"',
        "that the account may become root without a question and without a terminal",
        "give the password with --ask-become-pass, or correct the host's sudoers",
    )


def caller(variables: Mapping[str, Any]) -> str:
    """Who runs this, and from where."""
    playbook = variables.get("ansible_playbook_name") or variables.get("ansible_play_name") or "ansible"
    return f"{getpass.getuser()}@{socket.gethostname()} ({playbook})"
