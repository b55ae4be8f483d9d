# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Keep snapshots, and judge two of them, on the control node. library/redis_load_report.py documents it."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
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
from ansible.module_utils.redis_ops.load import guide, targets  # noqa: E402
from ansible.module_utils.redis_ops.report import checklist, junit, loadtest, loadtest_page  # noqa: E402

# what the role registers for each host
SNAPSHOT, PREFLIGHT, CHECKS, RESULTS = (
    f"__redis_loadtest_{name}" for name in ("snapshot", "preflight", "checks", "results")
)
OPEN = "window.json"  # of a window that is not closed yet
STAMP = "%Y%m%dT%H%M%SZ"
HISTORY = f"{'[0-9]' * 8}T{'[0-9]' * 6}Z.json"


class ActionModule(ActionBase):
    """Reads what each host of the play registered; writes files on the control node only."""

    _requires_connection = False
    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails when there is nothing to keep or to judge. A verdict is for the play to act on."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(edge.LOAD_REPORT_ARGUMENTS))
        directory = Path(given["directory"]).resolve()
        moments = {"checklist": _check, "before": _open, "after": _add, "cooled": _close}
        try:
            limits = _targets(given)
            result.update(moments[given["moment"]](directory, task_vars or {}, given, limits), changed=False)
        except (RedisOpsError, OSError, ValueError) as error:
            result.update(
                failed=True,
                msg=told(error),
                exit_code=1,
                report=[f"FAILED: {line}" for line in told(error).splitlines()],
            )
        return result


Answer = dict[str, Any]


def _targets(given: Mapping[str, Any]) -> list[targets.Target]:
    known = {**guide.PROFILES, **given["profiles"]}
    chosen = targets.profile(known, given["profile"], "redis_loadtest_profile")
    targets.adjusted(guide.TARGETS, chosen, f"profile {given['profile']}")  # what is wrong in it is said to be in it
    return targets.adjusted(guide.TARGETS, {**chosen, **given["targets"]}, "redis_loadtest_targets")


def _check(
    directory: Path, task_vars: Mapping[str, Any], given: Mapping[str, Any], _: Sequence[targets.Target]
) -> Answer:
    findings = list(_checklist(task_vars, given["accept"]))
    _write(directory / "checklist.json", findings)
    lines = checklist.render(findings)
    if given["whole"] and not checklist.exit_code(findings):
        return {"summary": lines[-1]}  # the load comes now, and its report has them
    return {"exit_code": checklist.exit_code(findings), "report": lines, "summary": lines[-1]}


def _open(
    directory: Path, task_vars: Mapping[str, Any], given: Mapping[str, Any], _: Sequence[targets.Target]
) -> Answer:
    snapshots = _snapshots(task_vars)
    down = [
        f"{host} instance {seen['instance']}: {seen['down']}; start it, or leave it out with --limit"
        for host, found in snapshots.items()
        for seen in found
        if "down" in seen
    ]
    if down:
        raise RedisOpsError("\n".join(down))
    _write(directory / OPEN, {"before": snapshots, "checklist": list(_checklist(task_vars, given["accept"]))})
    return {
        "opened": not given["whole"],
        "summary": "the window is open: run the load, then end it with -e redis_loadtest_window=end",
    }


def _add(directory: Path, task_vars: Mapping[str, Any], _: Mapping[str, Any], __: Sequence[targets.Target]) -> Answer:
    _write(directory / OPEN, {**_window(directory), "after": _snapshots(task_vars)})
    return {"summary": "the load is over; one more look when its clients have gone"}


def _close(
    directory: Path, task_vars: Mapping[str, Any], given: Mapping[str, Any], limits: Sequence[targets.Target]
) -> Answer:
    window = {**_window(directory), "cooled": _snapshots(task_vars)}
    hosts = {
        host: {moment: window.get(moment, {}).get(host, ()) for moment in ("before", "after", "cooled")}
        for host in window["before"]
    }
    now = datetime.now(timezone.utc)
    document = loadtest.build(
        hosts,
        limits,
        time=now.isoformat(timespec="seconds"),
        inventory=", ".join(os.path.relpath(source) for source in task_vars.get("ansible_inventory_sources") or ()),
        label=given["label"],
        runs=list(_runs(task_vars)),
        checklist=window.get("checklist", ()),
    )
    lines = loadtest.render(document, str(directory / "latest.html"))
    record = json.dumps(document, indent=1) + "\n"
    for name, content in {
        "latest.html": _page(document),
        "latest.xml": junit.render(document),
        "latest.txt": "\n".join(lines) + "\n",
        f"{now.strftime(STAMP)}.json": record,
        "latest.json": record,
    }.items():
        files.write(files.Target(str(directory / name), 0o644), content)
    for old in sorted(directory.glob(HISTORY))[: -given["keep"]] if given["keep"] else ():
        old.unlink()
    (directory / OPEN).unlink()
    return {
        "verdict": document["verdict"],
        "exit_code": document["exit_code"],
        "report": lines,
        "summary": lines[-1],
        "directory": str(directory),
    }


def _page(document: Mapping[str, Any]) -> str:
    environment = Environment(
        loader=FileSystemLoader([ROOT / "roles" / role / "templates" for role in ("redis_loadtest", "redis_drift")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    template = environment.get_template("report.html.j2")
    return template.render(page=loadtest_page.view(document))


def _facts(task_vars: Mapping[str, Any], name: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    for host in task_vars["ansible_play_hosts_all"]:
        yield host, task_vars["hostvars"][host].get(name) or {}


def _snapshots(task_vars: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
    """Raises RedisOpsError for a host without one."""
    found = {}
    for host, registered in _facts(task_vars, SNAPSHOT):
        if "snapshots" not in registered:
            raise RedisOpsError(f"{host}: {registered.get('msg') or 'no snapshot'}; nothing was judged")
        found[host] = registered["snapshots"]
    return found


def _checklist(task_vars: Mapping[str, Any], accept: Sequence[str]) -> Iterator[dict[str, Any]]:
    """What was found before the load, of each host and of the generators as they see it."""
    for host, registered in _facts(task_vars, PREFLIGHT):
        for finding in registered.get("findings", ()):
            yield checklist.accepted({"host": host, **finding}, accept)
    for host, registered in _facts(task_vars, CHECKS):
        for done in registered.get("results", ()):
            run = done["item"]
            for finding in checklist.of_generator(run, done):
                yield checklist.accepted({"host": host, **finding}, accept)


def _runs(task_vars: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for host, registered in _facts(task_vars, RESULTS):
        for done in registered.get("results", ()):
            run = done["item"]
            yield {
                "host": host,
                "instance": run["instance"],
                "kind": run["kind"],
                "name": run["generator"],
                **_read(str(done.get("stdout") or "")),
            }


def _read(text: str) -> dict[str, Any]:
    """A program's result, or what it said instead."""
    with contextlib.suppress(ValueError):
        return {"result": dict(json.loads(text)), "said": ""}
    return {"result": None, "said": " ".join(text.split())[-300:]}


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
