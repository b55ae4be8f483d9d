"""What this host remembers of our files: enough to tell a change by somebody else from one that nobody applied yet."""

from __future__ import annotations

from pathlib import PurePosixPath

from ...base.statefile import digest, files_in, keep_private, text_of
from ..state import STATE_DIRECTORY
from .machine import Machine
from .parameters import SYSCTL, TMPFILES

PATH = PurePosixPath(STATE_DIRECTORY.lstrip("/"), "host.json")


def written(machine: Machine) -> dict[str, str]:
    """Path -> SHA-256 of what the last run left there; empty when no run did, or its record is damaged."""
    return files_in(machine.read(PATH))


def digest_of(machine: Machine, path: PurePosixPath) -> str:
    """'' when there is no such file."""
    text = machine.read(path)
    return digest(text) if text else ""


def is_kept(machine: Machine) -> bool:
    """Whether the record says what our files are. Where there are none, there is nothing to remember."""
    found = machine.read(PATH)
    return found == _text(machine) or not (found or files_in(_text(machine)))


def keep(machine: Machine) -> None:
    """Remember our files as they are."""
    keep_private(str(machine.root / PATH), _text(machine))


def _text(machine: Machine) -> str:
    found = {f"/{boot.ours}": digest_of(machine, boot.ours) for boot in (SYSCTL, TMPFILES)}
    return text_of(files={path: sum_ for path, sum_ in found.items() if sum_})
