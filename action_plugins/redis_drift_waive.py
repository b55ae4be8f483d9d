# Copyright: ansible-redis contributors. MIT license, see LICENSE.
"""Accept for a while what the last drift check found. library/redis_drift_waive.py documents it."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta, timezone
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import ansible.module_utils
import yaml
from ansible.plugins.action import ActionBase

ROOT = Path(__file__).resolve().parent.parent
if str(ROOT / "module_utils") not in ansible.module_utils.__path__:
    ansible.module_utils.__path__.append(str(ROOT / "module_utils"))

from ansible.module_utils.redis_control import arguments  # noqa: E402 - found only now
from ansible.module_utils.redis_control.figures import many  # noqa: E402 - found only now
from ansible.module_utils.redis_control.report import answers, document, shape, waivers  # noqa: E402
from ansible.module_utils.redis_ops.base import commands, files  # noqa: E402 - found only now
from ansible.module_utils.redis_ops.base.errors import InvalidInput, Problem, RedisOpsError, told  # noqa: E402

HEAD = (
    "---\n# Drift that is accepted for a while; docs/drift.md. "
    f"`{commands.WAIVE_DRIFT}` adds to the end.\n{waivers.VARIABLE}:\n"
)


# Names of hosts, users and files come from elsewhere. Ansible takes a plain text in a file of variables for a template,
# and runs what is in it; one with this tag it takes for data.
DATA = "!unsafe"


class _Writer(yaml.SafeDumper):
    """Without anchors: each waiver is read, and removed, on its own. Every text is data."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002 - PyYAML's signature
        return True


class _Reader(yaml.SafeLoader):
    """Reads texts with and without the tag alike."""


class _Data(str):  # noqa: SLOT000 - a name for the writer to know it by
    """A text that is never a template."""


_Writer.add_representer(_Data, lambda writer, text: writer.represent_scalar(DATA, str(text)))
_Reader.add_constructor(DATA, lambda reader, node: reader.construct_scalar(node))


class ActionModule(ActionBase):
    """Reads the last report and the inventory; writes one file of it, on the control node."""

    _requires_connection = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails, and writes nothing, where it cannot keep every word that is there."""
        result = super().run(tmp, task_vars)
        _, given = self.validate_argument_spec(dict(arguments.DRIFT_WAIVE_ARGUMENTS))
        try:
            found = _findings(given, task_vars or {})
            if not found:
                return {
                    **result,
                    "changed": False,
                    "exit_code": 0,
                    "report": ["nothing to waive: the last check found no drift here"],
                }
            expires = datetime.now(timezone.utc).date() + timedelta(days=given["days"])
            before = files.read_any(given["file"])
            known = read(before, given["file"])
            _is_all(known, {item["host"] for item in found}, task_vars or {}, given["file"])
            new = waivers.propose(
                ((*document.key(item), item["actual"]) for item in found), given["reason"].strip(), expires
            )
            after = extended(before, new, given["file"])
            if not self._task.check_mode:
                files.write(files.FileSpec(given["file"]), after)
        except (RedisOpsError, OSError) as error:
            lines = told(error).splitlines()
            return {
                **result,
                "failed": True,
                "msg": "\n".join(lines),
                "exit_code": 1,
                "report": ["FAILED: no waiver was written", *lines],
            }
        result.update(
            changed=True,
            exit_code=0,
            report=list(_report(new, found, given["file"], "would write" if self._task.check_mode else "wrote")),
            diff={
                "before": before or "",
                "after": after,
                "before_header": given["file"],
                "after_header": given["file"],
            },
        )
        return result


def _findings(given: Mapping[str, Any], task_vars: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The drift of the last report on hosts of this play. Raises InvalidInput for what was not said well."""
    path = Path(given["reports"]).resolve() / "latest.json"
    last = document.parse(files.read_any(str(path)) or "")
    problems = []
    if not given["reason"].strip():
        problems.append(
            Problem(
                "redis_drift_reason",
                "is empty",
                "why this drift is accepted",
                commands.WAIVE_DRIFT_EXAMPLE,
            )
        )
    if "_raw_params" in task_vars:
        problems.append(
            Problem(
                "-e",
                str(task_vars["_raw_params"]),
                "no words without a name",
                "quote twice: -e \"redis_drift_reason='a b'\"",
            )
        )
    if given["days"] < 1:
        problems.append(Problem("redis_drift_days", str(given["days"]), "1 or more", "say for how many days"))
    if not last:
        problems.append(
            Problem(
                str(path),
                "is not there, or no report",
                "the report of a check",
                f"run the check first: {commands.CHECK_DRIFT}",
            )
        )
    elif last["inventory"] != given["inventory"]:
        problems.append(
            Problem(
                str(path),
                f"is about {last['inventory']}",
                f"a check of {given['inventory']}",
                "check that inventory first",
            )
        )
    if problems:
        raise InvalidInput(problems)
    hosts = {shape.unique(host) for host in task_vars["ansible_play_hosts_all"]}
    return [item for item in document.drifted(last) if item["host"] in hosts and _is_meant(item, given["ids"])]


def _is_meant(item: Mapping[str, Any], patterns: Sequence[str]) -> bool:
    """What could not be looked at has to be named: no pattern waives a server that is down."""
    if item["state"] == "unreadable":
        return item["id"] in patterns
    return any(fnmatchcase(item["id"], pattern) for pattern in patterns)


def read(written: str | None, path: str) -> list[waivers.Waiver]:
    """The waivers of the file as it is. Raises InvalidInput for a file that holds anything else."""
    return waivers.parse(_mapping(written or "", path).get(waivers.VARIABLE), path)


def _mapping(written: str, path: str) -> Mapping[str, Any]:
    try:
        loaded = yaml.load(written, _Reader) or {}  # noqa: S506 - a SafeLoader
    except yaml.YAMLError as error:
        # without the line itself, which might hold a secret
        mark = getattr(error, "problem_mark", None)
        place = f"{path}:{mark.line + 1}:{mark.column + 1}" if mark else path
        what = getattr(error, "problem", None) or "cannot be read"
        raise InvalidInput([Problem(place, what, "plain YAML", "correct it")]) from None
    if not isinstance(loaded, dict):
        raise InvalidInput([Problem(path, "is no mapping", f"{waivers.VARIABLE}: and a list", "correct it")])
    return loaded


def _is_all(known: Sequence[waivers.Waiver], hosts: set[str], task_vars: Mapping[str, Any], path: str) -> None:
    """Raises InvalidInput where a host has waivers from elsewhere, which this file would hide."""
    hostvars = task_vars["hostvars"]
    for host in sorted(hosts & set(hostvars)):
        raw = answers.registered(hostvars, host, waivers.VARIABLE)
        if waivers.parse(raw, f"{host}: {waivers.VARIABLE}") != known:
            problem = Problem(
                f"{host}: {waivers.VARIABLE}", "is set in another place too", f"{path} alone", "move it there"
            )
            raise InvalidInput([problem])


def extended(written: str | None, new: Sequence[Mapping[str, Any]], path: str) -> str:
    """The file with these waivers at its end, and every other character kept. Raises InvalidInput where that cannot be."""
    added = yaml.dump(
        [_as_data(waiver) for waiver in new],
        Dumper=_Writer,
        sort_keys=False,
        allow_unicode=True,
        default_flow_style=None,
        width=110,
    )
    if not (written or "").strip():
        return HEAD + textwrap.indent(added, "  ")
    start = re.sub(rf"^({waivers.VARIABLE}:)[ ]*(?:\[\]|null|~)", r"\1", written, flags=re.MULTILINE).rstrip("\n")
    indent = re.search(rf"^{waivers.VARIABLE}:.*\n(?:[ ]*(?:#.*)?\n)*([ ]*)- ", f"{start}\n", re.MULTILINE)
    after = f"{start}\n{textwrap.indent(added, indent[1] if indent else '  ')}"
    before = _mapping(written, path)
    wanted = {**before, waivers.VARIABLE: [*(before.get(waivers.VARIABLE) or []), *new]}
    try:
        understood = yaml.load(after, _Reader) == wanted  # noqa: S506 - a SafeLoader
    except yaml.YAMLError:
        understood = False
    if not understood:
        expected = f"{waivers.VARIABLE} as its last key, with a dash for each"
        raise InvalidInput(
            [Problem(path, "cannot be extended by this command", expected, f"add this yourself:\n{added}")]
        )
    return after


def _as_data(value: Any) -> Any:
    if isinstance(value, str):
        return _Data(value)
    if isinstance(value, Mapping):
        return {name: _as_data(item) for name, item in value.items()}
    return list(map(_as_data, value)) if isinstance(value, list) else value


def _report(
    new: Sequence[Mapping[str, Any]], found: Sequence[Mapping[str, Any]], path: str, wrote: str
) -> Iterator[str]:
    for item in new:
        where = ", ".join(item["hosts"]) + "".join(f" {instance}" for instance in item["instances"])
        yield f"  {item['id']} on {where.strip()}"
    until: date = new[0]["expires"]
    yield ""
    yield f"{wrote} {many(len(new), 'waiver')} for {many(len(found), 'finding')}, until {until.isoformat()}: {path}"
    yield "read it, narrow or remove what you do not mean, commit it; the next check shows the rest"
