"""What this host remembers of our files: enough to tell a change by somebody else from one that nobody applied yet."""

from __future__ import annotations

import contextlib
import hashlib
import json
from pathlib import PurePosixPath

from .. import files
from .knobs import SYSCTL, TMPFILES
from .machine import Machine

PATH = PurePosixPath("var/lib/ansible-redis/host.json")
SCHEMA = 1


def written(machine: Machine) -> dict[str, str]:
    """Path -> SHA-256 of what the last run left there; empty when no run did, or its record is damaged."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return dict(json.loads(machine.read(PATH))["files"])
    return {}


def digest_of(machine: Machine, path: PurePosixPath) -> str:
    """'' when there is no such file."""
    text = machine.read(path)
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest() if text else ""


def is_kept(machine: Machine) -> bool:
    """Whether the record says what our files are."""
    return machine.read(PATH) == _text(machine)


def keep(machine: Machine) -> None:
    """Remember our files as they are."""
    (machine.root / PATH.parent).mkdir(parents=True, exist_ok=True, mode=0o700)
    files.write(files.Target(str(machine.root / PATH), 0o600), _text(machine))


def _text(machine: Machine) -> str:
    found = {f"/{boot.ours}": digest_of(machine, boot.ours) for boot in (SYSCTL, TMPFILES)}
    return (
        json.dumps({"schema": SCHEMA, "files": {path: sum_ for path, sum_ in found.items() if sum_}}, indent=2) + "\n"
    )
