"""The two test hosts of the benchmarks, the runs on them, and the table that comes out."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

PROJECT = Path(__file__).resolve().parents[1]
INVENTORY = PROJECT / "benchmarks/inventory"
PROVISION = PROJECT / "provision.yml"
BASELINE = PROJECT / "benchmarks/baseline.yml"
WRITER = PROJECT / "molecule/lives/tests/writer.py"
OURS, THEIRS = re.findall(r"ansible_host: (\S+)", (INVENTORY / "hosts.yml").read_text())
STATE = PROJECT / ".cache/benchmarks"
_LOCK = Path("/run/lock/redis-lab.lock")  # shared with scripts/molecule: what runs beside a measurement is in it


@dataclass(frozen=True)
class Run:
    """A run that ended well."""

    seconds: float
    executed: int
    skipped: int
    changed: int


@contextlib.contextmanager
def hosts() -> Iterator[None]:
    """Two Debian 12 hosts with systemd, one converged by each playbook. They are removed in the end."""
    with turn():
        shell("scripts/build-image", "bookworm")
        try:
            for step in ("create", "prepare"):
                shell("ansible-playbook", f"--inventory={INVENTORY}", f"molecule/_lab/{step}.yml")
            run(PROVISION)
            run(BASELINE)
            yield
        finally:
            shell("ansible-playbook", f"--inventory={INVENTORY}", "molecule/_lab/destroy.yml")


@contextlib.contextmanager
def turn() -> Iterator[None]:
    """No other benchmark and no scenario of Molecule runs meanwhile."""
    if os.geteuid() != 0:
        sys.exit("the test hosts are systemd containers and need root: run this as root or through sudo")
    STATE.mkdir(parents=True, exist_ok=True)
    with _LOCK.open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            print("another run has the test hosts; waiting for it to end", file=sys.stderr, flush=True)
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def run(playbook: Path, *options: str, variables: Optional[Mapping[str, Any]] = None) -> Run:
    """Run a playbook against its host, and time it from the outside."""
    command = ["ansible-playbook", f"--inventory={INVENTORY}", *options, str(playbook)]
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(dict(variables or {}), file)
        file.flush()
        start = time.monotonic()
        output = shell(*command, f"--extra-vars=@{file.name}")
        seconds = time.monotonic() - start
    found = re.search(r"^redis-bench-\S+ +: ok=(\d+) +changed=(\d+) .*skipped=(\d+)", output, re.MULTILINE)
    if found is None:
        sys.exit(f"no recap in the output of {shlex.join(command)}:\n{output}")
    executed, changed, skipped = map(int, found.groups())
    return Run(seconds, executed, skipped, changed)


@contextlib.contextmanager
def on_host(address: str, program: Path, *arguments: str) -> Iterator[dict[str, Any]]:
    """Run a Python program on a host while the block lasts. Its answer is in the yielded dictionary afterwards."""
    ssh = ["ssh", "-i", str(STATE / "id_ed25519"), "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR"]
    ssh += ["-o", "StrictHostKeyChecking=no", f"root@{address}"]
    words = ["python3", "-u", "-c", program.read_text(), *arguments]
    process = subprocess.Popen([*ssh, shlex.join(words)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    answer: dict[str, Any] = {}
    try:
        process.stdin.write("\n")
        process.stdin.flush()
        if process.stdout.readline() != "ready\n":
            sys.exit(f"{program.name} did not start on {address}")
        yield answer
        answer.update(json.loads(process.communicate()[0]))
    finally:
        process.kill()
        process.wait()


def cpu() -> float:
    """Seconds of processor time that this process and those that it waited for have used."""
    spent = os.times()
    return spent.user + spent.system + spent.children_user + spent.children_system


def slope(points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """What one more costs, and what none costs, by least squares. points: (how many, cost)."""
    fit = statistics.linear_regression([x for x, _ in points], [y for _, y in points])
    return fit.slope, fit.intercept


def median(values: Sequence[float]) -> float:
    return statistics.median(values)


def table(header: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print it: the first column to the left, numbers to the right."""
    texts = [[str(cell) for cell in row] for row in [header, *rows]]
    widths = [max(map(len, column)) for column in zip(*texts)]
    for row in texts:
        cells = [cell.rjust(width) for cell, width in zip(row, widths)]
        print("  ".join([row[0].ljust(widths[0]), *cells[1:]]).rstrip())


def shell(*command: str) -> str:
    """Run it at the top of the project, with the settings of the test hosts. Stops with its output when it fails."""
    result = subprocess.run(
        ["bash", "-c", '. molecule/_lab/env.sh && exec "$@"', "bash", *command],
        cwd=PROJECT,
        env={
            **os.environ,
            "MOLECULE_EPHEMERAL_DIRECTORY": str(STATE),
            "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
            "ANSIBLE_PRIVATE_KEY_FILE": str(STATE / "id_ed25519"),
            "ANSIBLE_FORCE_COLOR": "false",
            "LC_ALL": "C.UTF-8",
        },
        text=True,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    if result.returncode != 0:
        sys.exit(f"{shlex.join(command)} failed:\n{result.stdout}")
    return result.stdout
