# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Check what was typed for a load test, on the control node. library/redis_load_validate_input.py documents it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleError
from ansible.module_utils.common.yaml import yaml_load
from ansible.plugins.action import ActionBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import tree  # noqa: E402 - found only now
from ansible.module_utils.redis_control.load import guide, thresholds, validate_input  # noqa: E402
from ansible.module_utils.redis_load import options  # noqa: E402
from ansible.module_utils.redis_load.jobs import config as jobs_config  # noqa: E402
from ansible.module_utils.redis_load.users import config as users_config  # noqa: E402
from ansible.module_utils.redis_ops.base.errors import InvalidInput, Problem, RedisOpsError  # noqa: E402 - found only now

ROLE = "redis_loadtest"
NUMBERS = ("users", "rate", "ramp", "warm_up", "duration")


class ActionModule(ActionBase):
    """Looks at variables only."""

    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails with every problem, one line each, as a report of this project does."""
        result = super().run(tmp, task_vars)
        self.validate_argument_spec({})
        given = dict(task_vars or {})
        specs = {
            path.parent.parent.name: _options(path)
            for path in sorted(tree.HERE.roles.glob("*/meta/argument_specs.yml"))
        }
        known = [name for role in specs.values() for name in role]
        known += [name for path in tree.HERE.roles.glob("*/vars/main/*.yml") for name in yaml_load(path.read_text())]
        known += self._allowed(given)
        names = [name for name in given if name.startswith(tuple(f"{role}_" for role in specs))]
        values, problems = {}, []
        for name in specs[ROLE]:
            try:
                values[name] = _plain(self._templar.template(given[name]))
            except AnsibleError as error:  # noqa: PERF203 - each is told
                problems.append(Problem(name, str(error.message), "a value that can be computed", "correct it"))
        problems += _of_the_programs(specs[ROLE], values)
        problems += _of_the_thresholds(values)
        for_bullmq = values.get("redis_loadtest_bullmq_options") or {}
        if isinstance(for_bullmq, Mapping):
            known_options = self._templar.template(given["__redis_loadtest_bullmq_options"])
            problems += validate_input.bullmq(known_options, for_bullmq, "redis_loadtest_bullmq_options")
        try:
            result.update(changed=False, numbers=validate_input.check(specs[ROLE], values, names, known, problems))
        except RedisOpsError as error:
            lines = str(error).splitlines()
            result.update(failed=True, msg=str(error), exit_code=1, report=[f"FAILED: {line}" for line in lines])
        return result

    def _allowed(self, given: Mapping[str, Any]) -> list[str]:
        """The names that redis_server_allowed_variables lets pass: a list, or one text with commas."""
        allowed = self._templar.template(given.get("redis_server_allowed_variables")) or []
        names = ",".join([allowed] if isinstance(allowed, str) else map(str, allowed)).split(",")
        return [name.strip() for name in names if name.strip()]


def _plain(value: Any) -> Any:
    """Without Ansible's own types, by which a number from an inventory is no int, but of a kind of its own."""
    if isinstance(value, Mapping):
        return {str(name): _plain(item) for name, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    kind = next((kind for kind in (bool, int, float, str) if isinstance(value, kind)), None)
    return value if kind is None else kind(value)


def _options(path: Path) -> dict[str, Any]:
    entries = yaml_load(path.read_text())["argument_specs"].values()
    return {name: spec for entry in entries for name, spec in (entry.get("options") or {}).items()}


def _of_the_programs(specs: Mapping[str, Any], values: Mapping[str, Any]) -> Iterator[Problem]:
    """By what each program itself says of its options."""
    users, jobs = (values.get(f"redis_loadtest_{name}") or {} for name in ("load", "jobs"))
    if isinstance(users, Mapping):
        told = options.mistakes(users_config.Config, {**validate_input.numbers(specs, values, NUMBERS), **users})
        yield from validate_input.mistakes(told, "redis_loadtest_load", users)
    if isinstance(jobs, Mapping):
        yield from validate_input.mistakes(options.mistakes(jobs_config.Config, jobs), "redis_loadtest_jobs", jobs)


def _of_the_thresholds(values: Mapping[str, Any]) -> Iterator[Problem]:
    own, changes = (values.get(f"redis_loadtest_{name}") or {} for name in ("profiles", "targets"))
    if not (isinstance(own, Mapping) and isinstance(changes, Mapping)):
        return  # told already
    name = str(values.get("redis_loadtest_profile"))
    try:
        chosen = thresholds.profile({**guide.PROFILES, **own}, name, "redis_loadtest_profile")
        thresholds.adjusted(guide.THRESHOLDS, chosen, f"profile {name}")
    except InvalidInput as error:
        yield from error.problems
    try:
        thresholds.adjusted(guide.THRESHOLDS, changes, "redis_loadtest_targets")
    except InvalidInput as error:
        yield from error.problems
