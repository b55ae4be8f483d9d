#!/usr/bin/python3
"""Bring k6 and BullMQ to this machine, in a virtual environment that the next load test finds again.

It is in ~/.cache/ansible-redis, and there is one for each lock file. Prints what load tests know of this machine, as JSON:
name, directory (where this program is), python and k6 (where they are).

exit status: 0 they are there; 1 they could not be had, and one line says why.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

HOME = Path.home() / ".cache" / "ansible-redis"
OLDEST = (3, 10)  # of Python, for BullMQ


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", metavar="NAME", help="what this machine is called")
    parser.add_argument("--k6", default="", help="a k6 that is there already")
    parser.add_argument("--python", default="", help="a Python that is there already, and has the package bullmq")
    given = parser.parse_args()
    here = Path(__file__).resolve().parent
    answer = {"name": given.name, "directory": str(here), "python": given.python, "k6": given.k6}
    if not (given.python and given.k6):
        lock = here / "requirements.lock"
        place, problem = found(lock)
        if problem:
            return refuse(given.name, problem)
        for name in ("python", "k6"):
            answer[name] = answer[name] or str(place / "bin" / name)
    print(json.dumps(answer))
    return 0


def found(lock: Path) -> tuple[Path, str]:
    """Where they are, and what went wrong, or nothing."""
    # of what it is made
    mark = hashlib.sha256(lock.read_bytes() + sys.version.encode()).hexdigest()[:12]
    place = HOME / f"loadtest-{mark}"
    if (place / "complete").exists():
        return place, ""
    if sys.version_info < OLDEST:
        return place, f"Python {sys.version.split()[0]}; expected {OLDEST[0]}.{OLDEST[1]} or newer"
    problem = make(place, lock)
    if not problem:
        for old in set(HOME.glob("loadtest-*")) - {place}:
            shutil.rmtree(old, ignore_errors=True)
        (place / "complete").touch()
    return place, problem


def make(place: Path, lock: Path) -> str:
    """What went wrong, or nothing."""
    place.parent.mkdir(parents=True, exist_ok=True)
    quiet = ("-qq", "--disable-pip-version-check", "--no-input", "--no-compile")
    commands = (
        [sys.executable, "-m", "venv", "--clear", str(place)],
        [str(place / "bin" / "python"), "-m", "pip", "install", *quiet, "--require-hashes", "-r", str(lock)],
    )
    for command in commands:
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
            needs = "it needs the Debian package python3-venv" if "ensurepip" in done.stdout + done.stderr else ""
            return f"python3 {' '.join(command[1:4])} failed: {needs or said[-1]}"
    return ""


def refuse(name: str, problem: str) -> int:
    print(
        f"k6 and BullMQ cannot be had on {name}: {problem}; mend that, or name your own with redis_loadtest_k6 and "
        "redis_loadtest_python (docs/load-testing.md)",
        file=sys.stderr,
    )
    return 1


if __name__ == "__main__":
    sys.exit(main())
