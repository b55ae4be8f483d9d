"""Check on the control node that what a person confirmed is of this run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..redis_ops.base.errors import Problem
from .validating import ValidatingAction


class RemoveAction(ValidatingAction):
    """Runs redis_remove, unless the deletion of data is confirmed for a host that is not in the run."""

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The module's result, or failure with one line for each problem."""
        self._hosts = list((task_vars or {}).get("ansible_play_hosts_all") or ())
        return super().run(tmp, task_vars)

    def problems(self, arguments: Mapping[str, Any]) -> Iterable[Problem]:
        """A name typed wrong would leave data that somebody believes is gone."""
        yield from super().problems(arguments)
        given = arguments.get("data") or []
        for entry in given if isinstance(given, list) else str(given).split(","):
            host, slash, _ = str(entry).strip().rpartition("/")
            if self._hosts and slash and host not in self._hosts:
                yield Problem(
                    f"redis_server_remove_data: {entry}",
                    "names no host of this run",
                    f"HOST/INSTANCE with one of these hosts: {', '.join(self._hosts[:10])}",
                    "correct it; nothing was removed",
                )
