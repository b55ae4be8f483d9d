"""Check what was typed before any module is called with it: a secret in the wrong place must reach no host and no journal."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Iterable, Mapping
from typing import Any

from ansible.plugins.action import ActionBase

from ..redis_ops.base.errors import Problem
from ..redis_ops.base.text import printable
from ..redis_ops.edge.arguments import ARGUMENTS, declaration_of
from ..redis_ops.model import declaration
from . import core_version, plays


class TypedAction(ActionBase):
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
        result.update(self._execute_module(module_args=arguments, task_vars=dict(task_vars or {})))
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


def caller(variables: Mapping[str, Any]) -> str:
    """Who runs this, and from where."""
    playbook = variables.get("ansible_playbook_name") or variables.get("ansible_play_name") or "ansible"
    return f"{getpass.getuser()}@{socket.gethostname()} ({playbook})"
