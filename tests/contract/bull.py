"""The BullMQ that fills queues in tests: the Python package, of this environment or of the one that a variable names."""

from __future__ import annotations

import functools
import importlib.util
import os
import subprocess
import sys

import pytest
from servers import MISSING, MUST_HAVE_ALL


@functools.cache
def _python() -> str:
    """An interpreter that has it, '' when there is none."""
    named = os.environ.get("REDIS_OPS_BULLMQ_PYTHON", "")
    if named and subprocess.run([named, "-c", "import bullmq"], capture_output=True, check=False).returncode == 0:
        return named
    return sys.executable if importlib.util.find_spec("bullmq") else ""


def python() -> str:
    """Skips the test where there is none, and says so in the end."""
    if not _python():
        reason = (
            "BullMQ: the Python package bullmq is not here; REDIS_OPS_BULLMQ_PYTHON may name an interpreter that has it"
        )
        MISSING.add(reason)
        if MUST_HAVE_ALL:
            pytest.fail(reason)
        pytest.skip(reason)
    return _python()


PREAMBLE = """\
import asyncio, json, os, sys, warnings
warnings.simplefilter("ignore")
from bullmq import Queue, Worker
port, name = int(sys.argv[1]), sys.argv[2]
connection = {"host": "127.0.0.1", "port": port, "socket_timeout": 15}
"""


def run(port: int, queue: str, script: str) -> str:
    """What a script prints, whose main() is a coroutine."""
    text = f"{PREAMBLE}{script}\nasyncio.run(main())\n"
    result = subprocess.run(
        [python(), "-c", text, str(port), queue], capture_output=True, text=True, timeout=60, check=False
    )
    assert result.returncode == 0, result.stderr
    return result.stdout
