# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Decide which program loads which instance, on the control node. library/redis_load_plan.py documents it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import arguments  # noqa: E402 - found only now
from ansible.module_utils.redis_control.load import plan  # noqa: E402
from ansible.module_utils.redis_control.report import load_answers, shape  # noqa: E402
from ansible.module_utils.redis_ops.base.errors import RedisOpsError  # noqa: E402
from ansible.module_utils.redis_ops.base.findings import as_records  # noqa: E402


class ActionModule(ActionBase):
    """Computes only."""

    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails for what was typed and does not fit the instances."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(arguments.LOAD_PLAN_ARGUMENTS))
        prepared = given.pop("prepared")
        generators: list[dict[str, Any]] = []
        findings = []
        for done in prepared:
            # what runs there is decided by where Ansible sent the task, never by what the machine calls itself
            name = str(done["generator"])
            try:
                generators.append(load_answers.generator(done, name))
            except shape.WrongShape:
                findings.append(plan.unready(name, done))
        try:
            instances = load_answers.instances(given.pop("instances"), "instances")
            runs = plan.runs(instances, generators, **given)
        except (RedisOpsError, shape.WrongShape) as error:
            result.update(failed=True, msg=str(error))
            return result
        findings += [plan.origin(generator) for generator in generators]
        findings += plan.left_out(instances, given["users_on"])
        result.update(changed=False, runs=runs, findings=as_records(findings))
        return result
