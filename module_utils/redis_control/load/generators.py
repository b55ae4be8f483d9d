"""Load generators, as action plugins talk to them: by a connection plugin of Ansible to each, as the user that connects."""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible import constants
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.plugins.loader import connection_loader

LOCALHOST = "localhost"


@dataclass(frozen=True)
class Said:
    """What a command ended with, and what it wrote. reached: whether there is an answer at all; else err says why not."""

    code: int
    out: str
    err: str
    reached: bool = True


class Generator:
    """A machine that makes load. name: as the inventory calls it. runs: what it is to do, as module redis_load_plan has it."""

    def __init__(self, name: str, connection: Any, runs: Sequence[Mapping[str, Any]] = ()) -> None:
        self.name, self.runs = name, runs
        self.answers = True  # the last command had an answer
        self._connection = connection

    def say(self, script: str, data: bytes | None = None) -> Said:
        """Run a script for the shell there. data: its standard input. A connection that breaks raises nothing."""
        command = f"/bin/sh -c {shlex.quote(script)}"
        try:
            code, out, err = self._connection.exec_command(command, in_data=data, sudoable=False)
        except (AnsibleError, OSError, EOFError) as error:
            self.answers = False
            return Said(255, "", str(error), reached=False)
        self.answers = True
        return Said(code, out.decode(errors="replace"), err.decode(errors="replace"))


def all_of(
    action: ActionBase, names: Sequence[str], task_vars: Mapping[str, Any], runs: Sequence[Mapping[str, Any]] = ()
) -> list[Generator]:
    """A Generator for each name, each with its own of the runs. Nothing is sent yet."""
    return [
        Generator(name, connection(action, name, task_vars), [run for run in runs if run["generator"] == name])
        for name in dict.fromkeys(names)
    ]


def connection(action: ActionBase, name: str, task_vars: Mapping[str, Any]) -> Any:
    """To a host of the inventory, or to one that is not in it, by its name. It opens with the first command.

    The options of a connection come from the variables of the host and the keywords of the task, as for a task that is
    delegated to it.
    """
    hosts, task = task_vars["hostvars"], action._task  # noqa: SLF001 - how an action plugin has its task
    # hostvars have no get() for who is unknown: they answer with an undefined value
    variables = hosts[name] if name in hosts else {"inventory_hostname": name}  # noqa: SIM401
    kind = variables.get("ansible_connection", task.connection)
    found = connection_loader.get(kind, action._play_context, None)  # noqa: SLF001
    known = constants.config.get_plugin_vars("connection", kind)
    keywords = {"remote_user": task.remote_user, "port": task.port}
    found.set_options(
        task_keys={option: value for option, value in keywords.items() if value},
        var_options={option: variables[option] for option in known if option in variables},
    )
    return found
