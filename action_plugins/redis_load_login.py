# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Decide what a load logs in with, on the control node. library/redis_load_login.py documents it."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import arguments, validating  # noqa: E402 - found only now
from ansible.module_utils.redis_control.report import checklist  # noqa: E402
from ansible.module_utils.redis_control.verdicts import READY  # noqa: E402
from ansible.module_utils.redis_ops.base.findings import as_records  # noqa: E402
from ansible.module_utils.redis_ops.load import account  # noqa: E402
from ansible.module_utils.redis_ops.model import load_user  # noqa: E402

MODULE = "redis_load_user"
RANDOM = 32  # bytes of a password


class ActionModule(ActionBase):
    """Makes passwords, which only the load generators get."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails only where the module does."""
        result = super().run(tmp, task_vars)
        wrong = validating.of_declaration(self._task.args.get("declaration"))
        if wrong:
            result.update(failed=True, msg="\n".join(map(str, wrong)))
            return result
        _, given = self.validate_argument_spec(dict(arguments.LOAD_LOGIN_ARGUMENTS))
        if given["own"]:
            names = dict.fromkeys(run["instance"] for run in given["runs"])
            result.update(changed=False, logins={}, findings=as_records(account.of_own(names, given["own_user"])))
            return result
        wanted = account.of_runs(given["runs"])
        passwords = {one.instance: secrets.token_hex(RANDOM) for one in wanted}
        accounts = [asdict(replace(one, sha256=load_user.digest(passwords[one.instance]))) for one in wanted]
        result.update(self._module(given, accounts, task_vars))
        made = result.get("users")
        made = made if isinstance(made, Mapping) else {}  # the host says it
        result["logins"] = {
            instance: {"username": name, "password": password}
            for instance, password in passwords.items()
            if isinstance(name := made.get(instance), str)
        }
        return result

    def _module(
        self, given: Mapping[str, Any], accounts: Sequence[Mapping[str, Any]], task_vars: Mapping[str, Any] | None
    ) -> dict[str, Any]:
        state = given["state"] if given["state"] == "absent" or self._goes(given) else "possible"
        arguments = {name: given[name] for name in ("declaration", "run_id", "seconds")}
        answer: dict[str, Any] = self._execute_module(
            module_name=self._beside(MODULE),
            module_args={**arguments, "state": state, "accounts": accounts},
            task_vars=task_vars,
        )
        return answer

    def _beside(self, module: str) -> str:
        """The name of a module of this project, with the collection's name where this task has it."""
        return "".join([*str(self._task.action).rpartition(".")[:2], module])

    def _goes(self, given: Mapping[str, Any]) -> bool:
        """Whether a load follows, and nothing that was found keeps it away."""
        found = [checklist.accepted(finding, given["accept"]) for finding in given["findings"]]
        return given["comes"] and not self._task.check_mode and checklist.verdict(found) == READY
