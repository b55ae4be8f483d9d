"""Runs tests against a mutant, in a copy of the project and a process of its own."""

from __future__ import annotations

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import settings

from .mutants import Mutant

CPU_SECONDS = 60  # a mutant that loops is ended, and counts as killed
WALL_SECONDS = 300
OUTPUT = ".output"
# what this process has imported already cannot have its assertions rewritten, and needs no rewriting
ARGUMENTS = ("-x", "-q", "--tb=short", "-p", "no:cacheprovider", "-W", "ignore::pytest.PytestAssertRewriteWarning")


class FirstFailure:
    """A plugin of pytest that remembers the first test that failed."""

    def __init__(self) -> None:
        self.node = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.node:
            self.node = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.node:
            self.node = report.nodeid


def copy_of(root: Path, place: Path) -> Path:
    """A copy of what git would commit, and a link to the virtual environment."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=True,
        text=True,
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (root / name).is_file() or (root / name).is_symlink():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(root / name, place / name, follow_symlinks=False)
    if (root / ".venv").exists() and not (place / ".venv").exists():
        (place / ".venv").symlink_to((root / ".venv").resolve())
    return place


def killer(tree: Path, mutant: Mutant, rounds: Sequence[Sequence[str]]) -> str:
    """The test that fails with the mutant, "time" where the tests do not end, "" where all of them pass."""
    file = tree / mutant.path
    original = file.read_text(encoding="utf-8")
    try:
        _write(file, mutant.code)
        return next(filter(None, (failure(tree, tests) for tests in rounds if tests)), "")
    finally:
        _write(file, original)


def _write(file: Path, code: str) -> None:
    # compiled code is found by time and size, which may be the same for two mutants
    for compiled in file.parent.glob(f"__pycache__/{file.stem}.*"):
        compiled.unlink()
    file.write_text(code, encoding="utf-8")


def failure(tree: Path, tests: Sequence[str]) -> str:
    """What fails first among these tests, "time" where they do not end, "" where they pass."""
    told, tell = os.pipe()
    child = os.fork()
    if not child:
        os.close(told)
        _run(tree, tests, tell)
    os.close(tell)
    status = _end_of(child)
    with os.fdopen(told, encoding="utf-8", errors="replace") as stream:
        node = stream.read()
    if status is None or os.WIFSIGNALED(status):
        return "time"
    code = os.waitstatus_to_exitcode(status)
    if code == pytest.ExitCode.OK:
        return ""
    if code == pytest.ExitCode.USAGE_ERROR:
        return "import"  # of a file that all tests need
    if not node:
        raise RuntimeError(
            f"pytest ended with {code}:\n{(tree / OUTPUT).read_text(encoding='utf-8', errors='replace')}"
        )
    return node


def _end_of(child: int) -> int | None:
    """How the child ended, or nothing when it had to be ended."""
    end = time.monotonic() + WALL_SECONDS
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status
        time.sleep(0.01)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return None


def _run(tree: Path, tests: Sequence[str], tell: int) -> NoReturn:
    code: int = pytest.ExitCode.INTERNAL_ERROR
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 5))
        os.chdir(tree)
        sys.path.insert(0, str(tree))
        with (tree / OUTPUT).open("w", encoding="utf-8") as output:
            os.dup2(output.fileno(), 1)
            os.dup2(output.fileno(), 2)
        # the same examples in each run: a mutant that only some examples find would come and go
        settings.register_profile("mutants", deadline=None, derandomize=True, database=None)
        settings.load_profile("mutants")
        seen = FirstFailure()
        code = pytest.main([*ARGUMENTS, *tests], [seen])
        os.write(tell, seen.node.encode())
    except BaseException:  # noqa: BLE001 - nothing of the parent's may run in this process
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
