# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Make load generators ready for a load test. library/redis_load_generators.py documents it."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import arguments  # noqa: E402 - found only now
from ansible.module_utils.redis_control.load import archive, generators, scripts  # noqa: E402


class ActionModule(ActionBase):
    """Brings a program to load generators and runs it there."""

    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails where the program cannot be brought, and says of each machine why. What it brought is returned then, too."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(arguments.LOAD_GENERATORS_ARGUMENTS))
        program = archive.archive()
        found = generators.all_of(self, given["names"], task_vars or {})
        brought = {generator.name: generator.say(scripts.BRING, program) for generator in found}
        places = {name: said.out.strip() for name, said in brought.items() if said.code == 0}
        result.update(
            changed=False,
            run_id=PurePosixPath(next(iter(places.values()), "")).name,
            directories=[{"generator": name, "path": path} for name, path in places.items()],
        )
        failed = [f"generator {name}: {_last(said)}" for name, said in brought.items() if said.code]
        if failed:
            result.update(failed=True, msg="\n".join(failed))
        else:
            result["prepared"] = [_prepared(generator, places[generator.name], given) for generator in found]
        return result


def _prepared(generator: generators.Generator, directory: str, given: Mapping[str, Any]) -> dict[str, Any]:
    python = sys.executable if generator.name == generators.LOCALHOST else "python3"
    words = [f"--k6={given['k6']}", f"--k6-sha256={given['k6_sha256']}", f"--python={given['python']}", generator.name]
    said = generator.say(scripts.prepare(directory, python, words))
    return {"generator": generator.name, "rc": said.code, "stdout": said.out, "stderr": said.err}


def _last(said: generators.Said) -> str:
    lines = said.err.strip().splitlines() or ["it said nothing"]
    return lines[-1]
