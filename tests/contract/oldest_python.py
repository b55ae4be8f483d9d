"""Python 3.9, the floor on the target, wherever this machine has it."""

from __future__ import annotations

import functools
import shutil
import subprocess
from pathlib import Path

import pytest
from servers import MISSING, MUST_HAVE_ALL


def python_3_9() -> str:
    """Without one the test is skipped, or fails where everything must be there."""
    found = _found()
    if not found:
        reason = "Python 3.9, the floor on the target: install python3.9 or pyenv's 3.9"
        MISSING.add(reason)
        if MUST_HAVE_ALL:
            pytest.fail(reason)
        pytest.skip(reason)
    return found


@functools.cache
def _found() -> str:
    places = [
        *Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"),
        *Path("/opt/hostedtoolcache").glob("Python/3.9.*/*/bin/python3.9"),  # GitHub's setup-python
    ]
    candidates = filter(None, [shutil.which("python3.9"), *map(str, sorted(places))])
    return next(filter(_runs, candidates), "")


def _runs(path: str) -> bool:
    """A shim may stand for a version that is not chosen."""
    return subprocess.run([path, "-c", ""], capture_output=True, check=False).returncode == 0
