"""Whether the ansible-core of a run is one that this project supports."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Optional

from ansible.release import __version__

from ..redis_ops.base.errors import Problem
from . import tree

# The only place. tests/unit/test_core_version.py holds requirements.in, the README and the roles' metadata against it.
SUPPORTED = ("2.19", "2.21")
PROJECT = Path(__file__).resolve().parent.parent.parent


def problem(running: str = __version__) -> Optional[Problem]:
    """None when it is. running: a version such as 2.19.14."""
    if ".".join(running.split(".")[:2]) in SUPPORTED:
        return None
    return Problem("ansible-core", f"version {running} runs this", " or ".join(SUPPORTED), _remedy())


def _remedy() -> str:
    """What to type. An installed collection has no Makefile."""
    if tree.HERE.in_collection:
        oldest, newest = SUPPORTED
        return f"install ansible-core {newest}, or {oldest} where Python is 3.11, for the Python that runs this"
    place = shlex.quote(str(PROJECT))
    return f"type make -C {place} runtime, and then call {place}/.venv/bin/ansible-playbook"
