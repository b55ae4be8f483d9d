"""Runs of ansible-playbook, started and read by the tests."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path


@contextlib.contextmanager
def started(command: Sequence[str], project: Path, environment: Mapping[str, str]) -> Iterator[subprocess.Popen[str]]:
    """A run that goes on, killed at the end with everything that it started. Its output is one text."""
    process = subprocess.Popen(
        command,
        cwd=project,
        env=environment,
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


def section(lines: Iterable[str], title: str) -> list[str]:
    """Of the summary of a host, the lines of one section. lines: without the first, which has the host's name."""
    found, inside = [], False
    for line in lines:
        inside = line[2:16].strip() == title if line[2:16].strip() else inside
        if inside:
            found.append(line[18:])
    return found
