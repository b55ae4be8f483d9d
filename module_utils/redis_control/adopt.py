"""Write the inventory that describes the servers of a host."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from ansible.plugins.action import ActionBase

from ..redis_ops.base import commands, seal
from .report import adopt_answers, answers
from .report.shape import WrongShape

NAME = re.compile(r"[A-Za-z0-9_.:-]+")  # of a host, as a file name
PLAIN = re.compile(r"[A-Za-z0-9/_.+-][A-Za-z0-9/_.,@+ -]*")  # what may stand without quotes where YAML reads it as text
WORDS = ("y", "n")  # yes and no to YAML 1.1, though not to PyYAML
HEAD = (
    f"---\n# Written by `{commands.DESCRIBE_SERVERS}`: the Redis servers of this host as they are. `adopt: keep` leaves "
    "everything as it is that is not\n# declared here. Edit it as you like; "
    f"`{commands.CHECK}` says what would change.\n"
)
KERNEL = """\

# The kernel of this host stays as it is. Remove these lines to let the role redis_host tune it.
redis_host_sysctl: {}
redis_host_transparent_hugepage: unmanaged
"""


class AdoptAction(ActionBase):
    """Runs the module on the host, then writes files on the control node."""

    TRANSFERS_FILES = False

    def run(self, tmp: Any = None, task_vars: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Fails when a file is there already, when a password has no vault to go to, and for a host name that is no name."""
        result: dict[str, Any] = super().run(tmp, task_vars)
        variables = dict(task_vars or {})
        arguments = dict(self._task.args)
        key = secrets.token_hex(32)
        said = self._execute_module(module_args={**arguments, "seal": key}, task_vars=variables)
        if said.get("failed") or said.get("unreachable"):
            said.pop("sealed", None)
            result.update(said)
            return result
        try:
            found = adopt_answers.described(said)
            passwords = adopt_answers.secrets_of(_opened(found.pop("sealed"), key), found["instances"])
            result.update(changed=False, **found)
            result.update(self._write(str(variables["inventory_hostname"]), arguments, found, passwords))
        except WrongShape as wrong:
            result.update(failed=True, msg=answers.unusable(wrong))
        except (OSError, ValueError) as error:
            result.update(failed=True, msg=str(error))
        return result

    def _write(
        self,
        host: str,
        arguments: Mapping[str, Any],
        found: Mapping[str, Any],
        passwords: Mapping[str, Mapping[str, str]],
    ) -> dict[str, Any]:
        if NAME.fullmatch(host) is None or host.startswith("."):
            raise ValueError(
                f"{host!r} can't be the name of a file; expected letters, digits, . _ : and -; rename the host"
            )
        instances = found.get("instances") or []
        if not instances:
            return {"changed": False, "written": [], "actions": [], "findings": _findings(found)}
        place = Path(str(arguments["directory"]), host)
        texts = {place / "redis.yml": text_of(instances, secret=bool(passwords))}
        if passwords:
            texts[place / "redis_vault.yml"] = self._vaulted(passwords)
        present = [str(path) for path in texts if path.exists()]
        if present:
            raise ValueError(f"{', '.join(present)} exists; expected no such file; move it away, and run again")
        diff = [{"before": "", "after": texts[place / "redis.yml"], "after_header": str(place / "redis.yml")}]
        if not self._task.check_mode:
            _write_all(texts)
        actions = [f"write {path}" for path in texts]
        return {
            "changed": True,
            "written": list(map(str, texts)),
            "actions": actions,
            "diff": diff,
            "findings": _findings(found),
        }

    def _vaulted(self, passwords: Mapping[str, Mapping[str, str]]) -> str:
        vault = self._loader._vault  # noqa: SLF001 - ansible-core has no public way to the vault of a run
        if not vault.secrets:
            raise ValueError(
                "a server of this host has a password, and the run has no vault to put it in; expected --ask-vault-pass or "
                "--vault-password-file; give one of them"
            )
        lines = ["---"]
        for name, found in passwords.items():
            lines.append(f"{variable_of(name)}:")
            lines += [f"  {option}: !unsafe {json.dumps(text)}" for option, text in found.items()]
        encrypted: bytes = vault.encrypt("\n".join(lines) + "\n")
        return encrypted.decode()


def _opened(sealed: str, key: str) -> dict[str, Any]:
    """The secrets of a host. Raises ValueError."""
    return seal.open_sealed(sealed, key) if sealed else {}


def variable_of(instance: str) -> str:
    """The name of the vaulted variable with the secrets of an instance."""
    return f"vault_redis_{instance.replace('-', '_')}"


def text_of(instances: list[dict[str, Any]], *, secret: bool) -> str:
    """The file of host_vars. What a host said is data in it: marked, so that nothing of it is ever a template."""
    parts = [HEAD]
    products = {str(one["product"]) for one in instances}
    if products != {"redis"}:
        parts.append(f"redis_server_product: {min(products)}\n")
    parts.append("redis_server_instances:\n")
    for one in instances:
        parts += [f"  # {note}\n" for note in map(_comment, one.get("notes") or ())]
        entry = dict(one["entry"])
        settings = entry.pop("settings", {})
        first = "- "
        for name, value in entry.items():
            parts.append(f"  {first}{name}: {scalar(value)}\n")
            first = "  "
        if settings:
            parts.append("    settings:\n")
            parts += [f"      {name}: {scalar(value)}\n" for name, value in settings.items()]
        if secret:
            parts.append(f'    secrets: "{{{{ {variable_of(str(one["name"]))} | default({{}}) }}}}"\n')
    return "".join([*parts, KERNEL])


def scalar(value: object) -> str:
    """One value as YAML reads it back, and as Ansible never takes for a template."""
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    if isinstance(value, int):
        return str(value)
    text = str(value)
    if "{" in text:
        return f"!unsafe {json.dumps(text)}"
    return text if _is_plain(text) else json.dumps(text)


def _is_plain(text: str) -> bool:
    """Whether YAML reads the text back as it is, without quotes."""
    if PLAIN.fullmatch(text) is None or text.lower() in WORDS:
        return False
    try:
        return bool(yaml.safe_load(f"a: {text}") == {"a": text})
    except (yaml.YAMLError, ValueError):  # ValueError: a date with a month of 13
        return False


def _comment(note: object) -> str:
    """Printable, on one line."""
    return re.sub(r"[^\x20-\x7e]", "?", " ".join(str(note).split()))[:300]


def _findings(found: Mapping[str, Any]) -> list[dict[str, str]]:
    """What was described, and what could not be, for the summary of the run."""
    notes = [
        (f"instance {one['name']}", note) for one in found.get("instances") or () for note in one.get("notes") or ()
    ]
    notes += [("not described", line) for line in found.get("undescribed") or ()]
    described = [_finding("PASS", f"instance {one['name']}", "described", "") for one in found.get("instances") or ()]
    return [
        *described,
        *(_finding("WARN", subject, _comment(note), "read it before you declare more") for subject, note in notes),
    ]


def _finding(status: str, subject: str, actual: str, remedy: str) -> dict[str, str]:
    return {
        "id": "adopt.described",
        "subject": subject,
        "status": status,
        "expected": "a server that the inventory describes whole",
        "actual": actual,
        "why": "what is not declared stays as it is (adopt: keep)",
        "remedy": remedy,
    }


def _write_all(texts: Mapping[Path, str]) -> None:
    """All of them or none: half of a description would keep the next run from writing it. Raises OSError."""
    written: list[Path] = []
    try:
        for path, text in texts.items():
            _write(path, text)
            written.append(path)
    except OSError:
        for path in written:
            path.unlink(missing_ok=True)
        raise


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
    except OSError:
        path.unlink(missing_ok=True)
        raise
