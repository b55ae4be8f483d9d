# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Make the reports of a drift check, on the control node. library/redis_drift_report.py documents it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.plugins.action import ActionBase
from jinja2 import Environment, FileSystemLoader, StrictUndefined

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_ops import edge, files  # noqa: E402 - found only now
from ansible.module_utils.redis_ops.errors import RedisOpsError, told  # noqa: E402
from ansible.module_utils.redis_ops.report import document, junit, prometheus, text, waivers  # noqa: E402

RESULT = "__redis_drift_check"  # what the role registers for each host
STAMP = "%Y%m%dT%H%M%SZ"
HISTORY = "[0-9]" * 8 + "T*.json"


class ActionModule(ActionBase):
    """Reads what each host of the play registered; writes files on the control node only."""

    _requires_connection = False
    BYPASS_HOST_LOOP = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails when there is no report. That something drifted is for the play to act on."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(edge.DRIFT_REPORT_ARGUMENTS))
        try:
            made = self._report(task_vars or {}, Path(given["directory"]).resolve(), given["keep"])
        except (RedisOpsError, OSError) as error:
            lines = told(error).splitlines()
            result.update(failed=True, msg="\n".join(lines), exit_code=document.FAILED)
            result["report"] = [f"FAILED: the check has no report: {line}" for line in lines]
            return result
        result.update(made, changed=False)
        return result

    def _report(self, task_vars: Mapping[str, Any], directory: Path, keep: int) -> dict[str, Any]:
        now = datetime.now(timezone.utc)
        made = document.build(
            list(_results(task_vars)),
            _previous(directory / "latest.json"),
            time=now.isoformat(timespec="seconds"),
            seconds=_seconds_since_start(),
            inventory=", ".join(_inventories(task_vars)),
            today=now.date(),
        )
        page = _page(made)
        history = json.dumps(made, indent=1) + "\n"
        directory.mkdir(parents=True, exist_ok=True)
        lines = text.render(made, str(directory / "latest.html"))
        for name, content in {
            f"{now.strftime(STAMP)}.json": history,
            "latest.html": page,
            "latest.xml": junit.render(made),
            "latest.prom": prometheus.render(made),
            "latest.txt": "\n".join(lines) + "\n",
            "latest.json": history,  # last: the next check takes it for the one before
        }.items():
            files.write(files.Target(str(directory / name), 0o644), content)
        for old in sorted(directory.glob(HISTORY))[:-keep] if keep else ():
            old.unlink()
        off = document.drifted(made)
        return {
            "report": lines,
            "verdict": made["verdict"],
            "summary": " ".join(text.summary(made)),
            "exit_code": made["exit_code"],
            "counts": made["counts"],
            "directory": str(directory),
            "drifted": {
                host: sorted({item["instance"] for item in off if item["host"] == host})
                for host in sorted({item["host"] for item in off})
            },
        }


def _results(task_vars: Mapping[str, Any]) -> Iterator[document.HostResult]:
    """Raises InvalidInput for waivers that cannot be read: a waiver misread hides drift."""
    for host in task_vars["ansible_play_hosts_all"]:
        facts = task_vars["hostvars"][host]
        found = facts.get(RESULT) or {"msg": "the check did not run on it"}
        yield document.HostResult(
            host,
            found.get("scopes") or (),
            "" if "scopes" in found else str(found.get("msg") or "no reason given"),
            bool(found.get("unreachable")),
            waivers.parse(facts.get(waivers.VARIABLE), f"{host}: {waivers.VARIABLE}"),
        )


def _previous(path: Path) -> Mapping[str, Any]:
    """The document of the check before; {} when there is none that can be read."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and found.get("schema") == document.SCHEMA else {}


def _inventories(task_vars: Mapping[str, Any]) -> list[str]:
    return [os.path.relpath(source) for source in task_vars.get("ansible_inventory_sources") or ()]


def _page(made: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader(ROOT / "roles" / "redis_drift" / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2").render(report=made, drifted=document.drifted(made))


def _seconds_since_start() -> float:
    """Of ansible-playbook, whose child this process is; proc(5)."""
    ticks = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return max(up - ticks / os.sysconf("SC_CLK_TCK"), 0.0)
