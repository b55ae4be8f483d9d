# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Make the reports of a drift check, on the control node. library/redis_drift_report.py documents it."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import ansible.module_utils
from ansible.errors import AnsibleError
from ansible.plugins.action import ActionBase
from ansible.utils.display import Display

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import arguments, plays  # noqa: E402 - found only now
from ansible.module_utils.redis_control.report import answers, document, drift_document, outputs, shape, text, waivers  # noqa: E402
from ansible.module_utils.redis_control.verdicts import DRIFT_CHECK, FAILED  # noqa: E402
from ansible.module_utils.redis_ops.base import files  # noqa: E402 - found only now
from ansible.module_utils.redis_ops.base.errors import RedisOpsError  # noqa: E402
from ansible.module_utils.redis_ops.base.text import printable  # noqa: E402

RESULT = "__redis_drift_check"  # what the role registers for each host
REPORT = "__redis_drift_report"  # what it registers for all hosts of a batch
LATEST, PAGE = "latest.json", "latest.html"
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
        lines: list[str] = []
        directory, width = Path(), min(Display().columns, text.WIDTH)
        try:
            _, given = self.validate_argument_spec(dict(arguments.DRIFT_REPORT_ARGUMENTS))
            directory = Path(given["directory"]).resolve()
            made = _record(task_vars or {}, directory)
            report = drift_document.of(made)
            lines = text.render(report, width=width)
            to_come = _to_come(task_vars or {})
            if not to_come:  # the next check compares itself with a report of all hosts
                told = text.render(report, str(directory / PAGE), width)
                with _alone(directory):
                    _write(outputs.texts(report, told), made["time"], directory, given["keep"])
                lines = told
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the run as "drift" or "clean"
            problems = _told(error, directory).splitlines()
            lines += [f"FAILED: the check has no report: {problem}" for problem in problems]
            result.update(failed=True, msg="\n".join(problems), exit_code=DRIFT_CHECK.codes[FAILED], report=lines)
            return result
        off, held = document.drifted(made), _held_back(made)
        result.update(
            changed=False,
            report=lines,
            verdict=made["verdict"],
            summary=" ".join(report.summary),
            exit_code=made["exit_code"],
            counts=made["counts"],
            directory=str(directory),
            to_come=to_come,
            play=plays.now(),
            drifted={
                host: sorted({item["instance"] for item in off if item["host"] == host} - held.get(host, set()))
                for host in sorted({item["host"] for item in off})
            },
            held_back=[f"{host} {name or '(host)'}" for host, names in held.items() for name in sorted(names)],
        )
        return result


def _held_back(made: Mapping[str, Any]) -> dict[str, set[str]]:
    """Host -> instances that drifted and have a waiver too: provision of the whole would put back what it accepts."""
    found: dict[str, set[str]] = {}
    for host in made["hosts"]:
        for scope in host["scopes"]:
            states = {finding["state"] for finding in scope["findings"]}
            if "waived" in states and any(map(document.is_drift, scope["findings"])):
                found.setdefault(host["host"], set()).add(scope["instance"])
    return found


def _record(task_vars: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    now = datetime.now(timezone.utc)
    return document.build(
        list(_results(task_vars)),
        document.parse(files.read_any(str(directory / LATEST)) or ""),
        time=now.isoformat(timespec="seconds"),
        seconds=_seconds_since_start(),
        inventory=", ".join(_inventories(task_vars)),
        today=now.date(),
        limit=str(task_vars.get("ansible_limit") or ""),
    )


def _write(texts: Mapping[str, str], time: str, directory: Path, keep: int) -> None:
    """texts: as outputs.texts makes them. latest.json is last, because the next check takes it for the one before."""
    pages = {f"latest.{end}": content for end, content in texts.items() if end != "json"}
    stamp = datetime.fromisoformat(time).strftime(STAMP)
    for name, content in {**pages, f"{stamp}.json": texts["json"], LATEST: texts["json"]}.items():
        files.write(files.FileSpec(str(directory / name), 0o644), content)
    for old in sorted(directory.glob(HISTORY))[:-keep] if keep else ():
        old.unlink()


def _results(task_vars: Mapping[str, Any]) -> Iterator[document.HostResult]:
    """Of each host of the play what it answered, and its waivers: data, which no template engine sees."""
    declared, hostvars = task_vars["groups"].get("redis", ()), task_vars["hostvars"]
    for host in (host for host in task_vars["ansible_play_hosts_all"] if host in declared):
        registered = answers.registered(hostvars, host, RESULT)
        said = answers.drift(registered if plays.is_of_now(registered) else None)
        accepted, invalid = waivers.read(answers.registered(hostvars, host, waivers.VARIABLE))
        yield document.HostResult(
            host,
            said.scopes,
            said.error,
            said.unreachable,
            accepted,
            said.unreadable,
            invalid,
        )


def _to_come(task_vars: Mapping[str, Any]) -> list[str]:
    """The hosts that later batches of this play look at; `serial` makes batches.

    A host of an earlier batch has registered what it answered, or the report of that batch, or is no longer in the play.
    """
    left, batch = set(task_vars["ansible_play_hosts"]), set(task_vars["ansible_play_batch"])
    hostvars = task_vars["hostvars"]
    found = [(host, answers.registered(hostvars, host, name)) for host in left for name in (RESULT, REPORT)]
    seen = {host for host, answer in found if answer is not None and plays.is_of_now(answer)}
    return sorted(left - batch - seen)


def _inventories(task_vars: Mapping[str, Any]) -> list[str]:
    return [os.path.relpath(source) for source in task_vars.get("ansible_inventory_sources") or ()]


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """One report at a time: somebody may look while the schedule does."""
    directory.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _told(error: Exception, directory: Path) -> str:
    if isinstance(error, OSError):
        where = printable(str(error.filename or directory))
        return f"{where}: {error.strerror}; expected room and leave to write; mend that, or name another redis_drift_reports"
    if isinstance(error, (RedisOpsError, AnsibleError)):
        return printable(str(error), lines=True)
    told = printable(shape.shortened(str(error), answers.TEXT))
    return f"a defect of this module, please report it: {type(error).__name__}: {told}"


def _seconds_since_start() -> float:
    """Of ansible-playbook, whose child this process is; proc(5)."""
    ticks = int(Path(f"/proc/{os.getppid()}/stat").read_text().rpartition(")")[2].split()[19])
    up = float(Path("/proc/uptime").read_text().split()[0])
    return max(up - ticks / os.sysconf("SC_CLK_TCK"), 0.0)
