"""Every contract test runs against every server: `server` is one that nobody configured."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from servers import MISSING, PROGRAMS, running

MEMORY = "/dev/shm"
ROOM = 4 * 1024**3  # bytes; a whole run has written 60 MB
_MADE: list[Path] = []


def pytest_configure(config):
    """Temporary files in memory, where there is room: these servers and runs wait for the disk most of the time.

    Not for the tests that measure, which no other ones run beside.
    """
    if hasattr(config, "workerinput") or config.option.basetemp or not getattr(config.option, "numprocesses", None):
        return
    with contextlib.suppress(OSError):
        found = os.statvfs(MEMORY)
        if found.f_bavail * found.f_frsize > ROOM and not found.f_flag & os.ST_NOEXEC:
            _MADE.append(Path(tempfile.mkdtemp(prefix="redis-contract-", dir=MEMORY)))
            config.option.basetemp = str(_MADE[0] / "pytest")


def pytest_unconfigure():
    for place in _MADE:
        shutil.rmtree(place, ignore_errors=True)


@pytest.fixture(scope="session", params=PROGRAMS, ids=lambda program: program.version.replace(" ", "-"))
def program(request):
    return request.param


@pytest.fixture(scope="module")
def server(program, tmp_path_factory):
    with running(program, tmp_path_factory.mktemp("server")) as server:
        yield server


def pytest_terminal_summary(terminalreporter):
    for reason in sorted(MISSING):
        terminalreporter.write_line(f"NOT TESTED: {reason}", yellow=True, bold=True)
