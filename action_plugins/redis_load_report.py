# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Keep snapshots, and judge two of them, on the control node. library/redis_load_report.py documents it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
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

from ansible.module_utils.redis_control import arguments  # noqa: E402 - found only now
from ansible.module_utils.redis_control.load import guide, thresholds  # noqa: E402
from ansible.module_utils.redis_control.report import (  # noqa: E402
    answers,
    checklist,
    load_answers,
    load_document,
    load_record,
    load_results,
    outputs,
    readiness,
    shape,
    text,
)
from ansible.module_utils.redis_control.report.model import Document  # noqa: E402
from ansible.module_utils.redis_ops.base import files  # noqa: E402 - found only now
from ansible.module_utils.redis_ops.base.errors import RedisOpsError, told  # noqa: E402
from ansible.module_utils.redis_ops.base.text import printable  # noqa: E402

# what the role registers for each host
SNAPSHOT, PREFLIGHT, PLAN, ACCOUNT, CHECKS, RESULTS = (
    f"__redis_loadtest_{name}" for name in ("snapshot", "preflight", "plan", "account", "checks", "results")
)
OPEN = "window.json"  # of a window that is not closed yet
WHOLE = "window-*.json"  # of runs that open and close one themselves
FORGOTTEN = 7 * 86400  # seconds after which such a run has not closed it and never will
STAMP = "%Y%m%dT%H%M%SZ"
HISTORY = f"{'[0-9]' * 8}T{'[0-9]' * 6}Z.json"


class ActionModule(ActionBase):
    """Reads what each host of the play registered; writes files on the control node only."""

    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails when there is nothing to keep or to judge. A verdict is for the play to act on."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(arguments.LOAD_REPORT_ARGUMENTS))
        directory = Path(given["directory"]).resolve()
        moments = {"checklist": _check, "before": _open, "after": _add, "cooled": _close}
        try:
            limits = _thresholds(given)
            result.update(moments[given["moment"]](directory, task_vars or {}, given, limits), changed=False)
        except Exception as error:  # noqa: BLE001 - whatever it is, it must not end the run with the exit code of a verdict
            lines = _told(error).splitlines()
            result.update(failed=True, msg="\n".join(lines), exit_code=1, report=[f"FAILED: {line}" for line in lines])
        return result


Answer = dict[str, Any]


def _told(error: Exception) -> str:
    reason = told(error)
    if not isinstance(error, (RedisOpsError, AnsibleError, OSError, ValueError)):
        reason = f"a defect of this module, please report it: {type(error).__name__}: {error}"
    return printable(shape.shortened(reason, answers.ERROR), lines=True)


def _thresholds(given: Mapping[str, Any]) -> list[thresholds.Threshold]:
    known = {**guide.PROFILES, **given["profiles"]}
    chosen = thresholds.profile(known, given["profile"], "redis_loadtest_profile")
    thresholds.adjusted(
        guide.THRESHOLDS, chosen, f"profile {given['profile']}"
    )  # what is wrong in it is said to be in it
    return thresholds.adjusted(guide.THRESHOLDS, {**chosen, **given["targets"]}, "redis_loadtest_targets")


def _check(
    directory: Path, task_vars: Mapping[str, Any], given: Mapping[str, Any], _: Sequence[thresholds.Threshold]
) -> Answer:
    findings = list(_checklist(task_vars, given["accept"]))
    _write(directory / "checklist.json", findings)
    document = readiness.of(
        readiness.build(findings, time=_now().isoformat(timespec="seconds"), inventory=_inventory(task_vars))
    )
    lines = _lines(document, directory / "readiness.html")
    written = outputs.texts(document, lines)
    _publish(directory, "readiness", written)
    if given["whole"] and not document.exit_code:
        return {"summary": document.summary[0]}  # the load comes now, and its report has them
    if given["whole"]:  # whoever publishes the latest report must not find an older one
        _publish(directory, "latest", {end: content for end, content in written.items() if end != "json"})
        (directory / "latest.json").unlink(missing_ok=True)
    return {"exit_code": document.exit_code, "report": lines, "summary": document.summary[0]}


def _open(
    directory: Path, task_vars: Mapping[str, Any], given: Mapping[str, Any], _: Sequence[thresholds.Threshold]
) -> Answer:
    path = _file(directory, given["whole"])
    if path.exists() and not given["whole"]:
        raise RedisOpsError(
            f"{path}: a window is open since {_window(path).get('opened')}; expected none; "
            "end it with -e redis_loadtest_window=end, or remove this file to begin anew"
        )
    snapshots = _snapshots(task_vars)
    down = [
        f"{host} instance {seen['instance']}: {seen['down']}; start it, or leave it out with --limit"
        for host, found in snapshots.items()
        for seen in found
        if "down" in seen
    ]
    if down:
        raise RedisOpsError("\n".join(down))
    for old in directory.glob(WHOLE):
        if time.time() - old.stat().st_mtime > FORGOTTEN:
            old.unlink()
    checks = list(_checklist(task_vars, given["accept"]))
    _write(path, {"opened": _now().isoformat(timespec="seconds"), "before": snapshots, "checklist": checks})
    return {
        "opened": not given["whole"],
        "summary": "the window is open: run the load, then end it with -e redis_loadtest_window=end",
    }


def _add(
    directory: Path, task_vars: Mapping[str, Any], given: Mapping[str, Any], _: Sequence[thresholds.Threshold]
) -> Answer:
    path = _file(directory, given["whole"])
    window = _window(path)
    _write(path, {**window, "after": _snapshots(task_vars, window["before"])})
    return {"summary": "the load is over; one more look when its clients have gone"}


def _close(
    directory: Path, task_vars: Mapping[str, Any], given: Mapping[str, Any], limits: Sequence[thresholds.Threshold]
) -> Answer:
    path = _file(directory, given["whole"])
    window = _window(path)
    window["cooled"] = _snapshots(task_vars, window["before"])
    hosts = {
        host: {moment: window.get(moment, {}).get(host, ()) for moment in ("before", "after", "cooled")}
        for host in window["before"]
    }
    record = _record(hosts, limits, task_vars, given, window.get("checklist", ()), list(_runs(task_vars)))
    document = load_document.of(record)
    lines = _lines(document, directory / "latest.html")
    written = outputs.texts(document, lines)
    stamp = datetime.fromisoformat(document.time).strftime(STAMP)
    files.write(files.FileSpec(str(directory / f"{stamp}.json"), 0o644), written["json"])
    _publish(directory, "latest", written)
    for old in sorted(directory.glob(HISTORY))[: -given["keep"]] if given["keep"] else ():
        old.unlink()
    path.unlink()
    return {
        "verdict": document.verdict,
        "exit_code": document.exit_code,
        "report": lines,
        "summary": document.summary[0],
        "directory": str(directory),
    }


def _record(
    hosts: Mapping[str, Any],
    limits: Sequence[thresholds.Threshold],
    task_vars: Mapping[str, Any],
    given: Mapping[str, Any],
    checks: Sequence[Mapping[str, Any]],
    runs: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    return load_record.build(
        hosts,
        limits,
        time=_now().isoformat(timespec="seconds"),
        inventory=_inventory(task_vars),
        label=given["label"],
        runs=runs,
        checklist=checks,
    )


def _inventory(task_vars: Mapping[str, Any]) -> str:
    return ", ".join(os.path.relpath(source) for source in task_vars.get("ansible_inventory_sources") or ())


def _lines(document: Document, report: Path) -> list[str]:
    return text.render(document, str(report), min(Display().columns, text.WIDTH))


def _publish(directory: Path, stem: str, written: Mapping[str, str]) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    for end, content in written.items():
        files.write(files.FileSpec(str(directory / f"{stem}.{end}"), 0o644), content)


def _facts(task_vars: Mapping[str, Any], name: str) -> Iterator[tuple[str, Any]]:
    """What each host registered under this name; {} for nothing. It is data, which no template engine sees."""
    for host in task_vars["ansible_play_hosts_all"]:
        yield host, answers.registered(task_vars["hostvars"], host, name) or {}


def _snapshots(
    task_vars: Mapping[str, Any], before: Mapping[str, Sequence[Mapping[str, Any]]] | None = None
) -> dict[str, Sequence[Any]]:
    """before: the first ones. A host without further ones is one whose instances are down: it costs nobody else's verdict.

    Raises RedisOpsError for a host without a first one.
    """
    found: dict[str, Sequence[Any]] = {}
    for host, registered in _facts(task_vars, SNAPSHOT):
        try:
            found[host] = load_answers.snapshots(registered)
        except shape.WrongShape as wrong:  # noqa: PERF203 - of each host by itself
            reason = load_answers.missing(registered, "snapshots") or f"its snapshot cannot be read: {wrong}"
            if before is None:
                raise RedisOpsError(f"{host}: {reason}; nothing was judged") from None
            found[host] = load_answers.known_down(before.get(host, ()), reason)
    return found


def _checklist(task_vars: Mapping[str, Any], accept: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What was found before the load, of each host and of the generators as they see it."""
    for name in (PREFLIGHT, PLAN, ACCOUNT):
        for host, registered in _facts(task_vars, name):
            for finding in load_answers.findings(registered, host):
                yield checklist.accepted(finding, accept)
    for host, done in _of_programs(task_vars, CHECKS):
        for finding in checklist.of_generator(done["item"], done):
            yield checklist.accepted({"host": host, **finding}, accept)


def _runs(task_vars: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for host, done in _of_programs(task_vars, RESULTS):
        run = done["item"]
        yield {
            "host": host,
            "instance": run["instance"],
            "kind": run["kind"],
            "name": run["generator"],
            **_read(done, run["kind"]),
        }


def _of_programs(task_vars: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """What Ansible says of each program of the plan: the item of the loop is the plan's, the rest its machine's."""
    for host, registered in _facts(task_vars, name):
        # the load of all hosts is one task, whose results each of them has
        said = registered.get("programs", ()) if name == RESULTS else registered.get("results", ())
        yield from ((host, done) for done in said if done["item"].get("host", host) == host)


def _read(done: Mapping[str, Any], kind: str) -> dict[str, Any]:
    """A program's result, or what it said instead."""
    said = done.get("msg") if done.get("unreachable") else done.get("stdout")
    told = " ".join(str(said or "").split())
    try:
        return {"result": load_results.result(said, kind), "said": ""}
    except shape.WrongShape as wrong:
        # a program that was stopped or could not run says so in words
        is_json = told.startswith(("{", "["))
        return {"result": None, "said": printable(f"it cannot be read: {wrong}" if is_json else told[-300:])}


def _file(directory: Path, whole: bool) -> Path:
    """Of this window. Runs at the same time have one each, by the machine and the process of ansible-playbook."""
    return directory / (WHOLE.replace("*", f"{os.uname().nodename}-{os.getppid()}") if whole else OPEN)


def _window(path: Path) -> dict[str, Any]:
    try:
        return dict(json.loads(path.read_text()))
    except FileNotFoundError:
        raise RedisOpsError(
            f"{path}: no window is open; expected a first snapshot; begin with -e redis_loadtest_window=begin"
        ) from None


def _now() -> datetime:
    return datetime.now(timezone.utc)


def _write(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    files.write(files.FileSpec(str(path), 0o600), json.dumps(content, indent=1) + "\n")
