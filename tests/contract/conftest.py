"""Every contract test runs against every server: `server` is one that nobody configured."""

from __future__ import annotations

import pytest
from servers import MISSING, PROGRAMS, running


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
