# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Keep snapshots, and judge two of them, on the control node. library/redis_load_report.py documents it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_ops import edge, files  # noqa: E402 - found only now
from ansible.module_utils.redis_ops.errors import RedisOpsError, told  # noqa: E402
from ansible.module_utils.redis_ops.load import targets  # noqa: E402
from ansible.module_utils.redis_ops.report import loadtest  # noqa: E402

RESULT = "__redis_loadtest_snapshot"  # what the role registers for each host
OPEN = "window.json"  # of a window that is not closed yet


class ActionModule(ActionBase):
    """Reads what each host of the play registered; writes files on the control node only."""

    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails when there is nothing to keep or to judge. A verdict is for the play to act on."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(edge.LOAD_REPORT_ARGUMENTS))
        directory = Path(given["directory"]).resolve()
        try:
            if given["moment"] == "before":
                made = _open(directory, _snapshots(task_vars or {}))
            elif given["moment"] == "cooled":
                made = _close(directory, _snapshots(task_vars or {}), task_vars or {}, given["targets"])
            else:
                made = _add(directory, _snapshots(task_vars or {}))
        except (RedisOpsError, OSError, ValueError) as error:
            result.update(
                failed=True,
                msg=told(error),
                exit_code=1,
                report=[f"FAILED: {line}" for line in told(error).splitlines()],
            )
            return result
        result.update(made, changed=False)
        return result


def _open(directory: Path, snapshots: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    _write(directory / OPEN, {"before": snapshots})
    return {
        "opened": True,
        "summary": "the window is open: run the load, then end it with -e redis_loadtest_window=end",
    }


def _add(directory: Path, snapshots: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
    window = _window(directory)
    _write(directory / OPEN, {**window, "after": snapshots})
    return {"summary": "the load is over; one more look when its clients have gone"}


def _close(
    directory: Path, snapshots: Mapping[str, Sequence[Any]], task_vars: Mapping[str, Any], limits: Mapping[str, Any]
) -> dict[str, Any]:
    window = {**_window(directory), "cooled": snapshots}
    hosts = {
        host: {moment: window.get(moment, {}).get(host, ()) for moment in ("before", "after", "cooled")}
        for host in window["before"]
    }
    now = datetime.now(timezone.utc)
    sources = task_vars.get("ansible_inventory_sources") or ()
    document = loadtest.build(
        hosts,
        targets.adjusted(limits),
        time=now.isoformat(timespec="seconds"),
        inventory=", ".join(map(str, sources)),
    )
    lines = loadtest.render(document, str(directory / "latest.json"))
    files.write(files.Target(str(directory / "latest.txt")), "\n".join(lines) + "\n")
    _write(directory / f"{now.strftime('%Y%m%dT%H%M%SZ')}.json", document)
    _write(directory / "latest.json", document)
    (directory / OPEN).unlink()
    return {
        "verdict": document["verdict"],
        "exit_code": document["exit_code"],
        "report": lines,
        "summary": lines[-1],
        "directory": str(directory),
    }


def _snapshots(task_vars: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Raises RedisOpsError for a host without one."""
    found = {}
    for host in task_vars["ansible_play_hosts_all"]:
        registered = task_vars["hostvars"][host].get(RESULT) or {}
        if "snapshots" not in registered:
            raise RedisOpsError(f"{host}: {registered.get('msg') or 'no snapshot'}; nothing was judged")
        found[host] = registered["snapshots"]
    return found


def _window(directory: Path) -> dict[str, Any]:
    try:
        return dict(json.loads((directory / OPEN).read_text()))
    except FileNotFoundError:
        raise RedisOpsError(
            f"{directory / OPEN}: no window is open; expected a first snapshot; begin with -e redis_loadtest_window=begin"
        ) from None


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(files.Target(str(path), 0o600), json.dumps(content, indent=1) + "\n")
