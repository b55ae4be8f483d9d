"""Whether jobs can be put on a server from here. Adds no job."""

from __future__ import annotations

import importlib.metadata
import sys
import time
from pathlib import Path
from typing import Any

from ..check import FAIL, NOBODY, PASS, Finding, clock, fits, mistakes, row, server
from ..errors import Problem
from ..machine import available, cores
from .config import load

DOCUMENT = "docs/queues.md"


def check(path: Path, *, without_login: bool = False) -> dict[str, Any]:
    """As users/check.py has it, with the version of bullmq instead of that of k6."""
    now, who = time.time(), NOBODY
    version, library = _library()
    found = [library]
    try:
        config = load(path)
    except Problem as problem:
        found += mistakes(path, str(problem), DOCUMENT)
    else:
        found.append(fits(path, DOCUMENT))
        if version:
            who, answers = server(config.options(), without_login=without_login)
            found.append(answers)
    found.append(clock(now))
    return {"time": now, "findings": found, "bullmq": version, **who, "cores": cores(), "memory_available": available()}


def _library() -> tuple[str, Finding]:
    about = ("bullmq", "BullMQ")
    expected = "a Python with the package bullmq"
    try:
        import bullmq  # noqa: F401, PLC0415 - whether it can be

        version = importlib.metadata.version("bullmq")
    except ImportError as missing:
        remedy = "name one in redis_loadtest_python, or leave that empty to have it brought"
        return "", row(*about, FAIL, expected, f"{sys.executable}: {missing}", DOCUMENT, remedy)
    return version, row(*about, PASS, expected, f"bullmq {version}", DOCUMENT)
