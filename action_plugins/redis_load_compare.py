# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Compare two sets of load tests, on the control node. library/redis_load_compare.py documents it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import arguments  # noqa: E402 - found only now
from ansible.module_utils.redis_control.load import compare, runs  # noqa: E402
from ansible.module_utils.redis_control.report import comparison_document, outputs, text  # noqa: E402
from ansible.module_utils.redis_ops.base import files  # noqa: E402 - found only now
from ansible.module_utils.redis_ops.base.errors import Problem, RedisOpsError, told  # noqa: E402

DATED = f"{'[0-9]' * 8}T{'[0-9]' * 6}Z.json"  # latest.json is a copy of one of them


class ActionModule(ActionBase):
    """Reads reports and writes the comparison, all on the control node."""

    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails when the runs cannot be compared. A verdict is for the play to act on."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(arguments.LOAD_COMPARE_ARGUMENTS))
        directory = Path(given["directory"]).resolve()
        try:
            document = comparison_document.of(_compared(directory, given))
            lines = text.render(document, str(directory / "compare.html"), min(Display().columns, text.WIDTH))
            for end, content in outputs.texts(document, lines).items():
                files.write(files.FileSpec(str(directory / f"compare.{end}"), 0o644), content)
        except (RedisOpsError, OSError) as error:
            problems = told(error).splitlines()
            result.update(
                failed=True,
                msg="\n".join(problems),
                exit_code=1,
                report=[*problems, "FAILED: nothing was compared"],
            )
            return result
        result.update(
            changed=False,
            verdict=document.verdict,
            exit_code=document.exit_code,
            report=lines,
            summary=document.summary[0],
        )
        return result


def _compared(directory: Path, given: Mapping[str, Any]) -> dict[str, Any]:
    """Raises RedisOpsError with all that is wrong with what was given."""
    by_label = any(isinstance(given[side], str) for side in "ab")
    known, unread = _read(sorted(directory.glob(DATED))) if by_label else ([], [])
    problems: list[str] = []
    a, b = (_side(side, given[side], known, problems) for side in "ab")
    if problems:
        raise RedisOpsError("\n".join(problems))
    time = datetime.now(timezone.utc).isoformat(timespec="seconds")
    return compare.build(a, b, effect=given["effect"], time=time, unread=unread)


def _side(side: str, wanted: Any, known: Sequence[runs.Run], problems: list[str]) -> compare.Side:
    where = f"redis_loadtest_compare_{side}"
    if isinstance(wanted, str):
        found = [run for run in known if wanted and run.label == wanted]
        problems += [] if found else [str(runs.unknown(known, wanted, where))]
        return compare.Side(wanted, found)
    if isinstance(wanted, list) and wanted and all(isinstance(name, str) for name in wanted):
        found, unread = _read([Path(name) for name in wanted])
        problems += [f"{where}: {text}" for text in unread]
        return compare.Side(side, found)
    remedy = f'such as -e \'{{"{where}": ["reports/loadtest/20261123T120000Z.json"]}}\''
    problems.append(str(Problem(where, repr(wanted), "a label of runs, or a list of files", remedy)))
    return compare.Side(side, [])


def _read(paths: Sequence[Path]) -> tuple[list[runs.Run], list[str]]:
    """The reports, and what is wrong with those that are none."""
    found = [_run(path) for path in paths]
    return [run for run in found if isinstance(run, runs.Run)], [text for text in found if isinstance(text, str)]


def _run(path: Path) -> runs.Run | str:
    try:
        return runs.read(path.name, json.loads(path.read_bytes()))
    except (RedisOpsError, OSError) as error:
        return told(error)
    except ValueError as error:
        return f"{path}: {error}; expected JSON; leave it out"
