"""The subcommands of the load generator, and what each of them takes."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Optional

from . import options, place, prepare
from .jobs import check as jobs_check
from .jobs import config as jobs_config
from .users import check as users_check
from .users import config as users_config


def start() -> None:
    """Run the subcommand that the arguments of this process name, and end it with its exit status."""
    sys.exit(main())


def main(arguments: Optional[Sequence[str]] = None) -> int:
    """The exit status."""
    parser = argparse.ArgumentParser(prog="redis_load", description="Put a load on a Redis, and measure it.")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _users(commands)
    _jobs(commands)
    _prepare(commands)
    worker = commands.add_parser("work")
    worker.set_defaults(run=_work)
    given = parser.parse_args(arguments)
    status: int = given.run(given)
    return status


def _users(commands: Any) -> None:
    parser = _load(commands, "users", "many users, each with a connection of its own, by k6", users_config.Config)
    parser.add_argument("--start-at", metavar="SECONDS", type=float, default=0, help="as the option start_at")
    parser.set_defaults(run=_carry_out_users)


def _jobs(commands: Any) -> None:
    parser = _load(commands, "jobs", "real BullMQ jobs, see docs/queues.md", jobs_config.Config)
    parser.add_argument("--clean", action="store_true", help="only remove the queue that a killed run left")
    parser.set_defaults(run=_carry_out_jobs)


def _load(commands: Any, name: str, about: str, settings: type) -> argparse.ArgumentParser:
    """A subcommand that puts a load on a server."""
    status = "exit status: 0 it ran to its end; 1 it could not run; 130 it was interrupted, and the result says so"
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=about,
        description=f"Put this load on one Redis: {about}.\n\n{status}",
        epilog=f"options in CONFIG, a JSON object, with their defaults:\n{options.help_of(settings)}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("config", metavar="CONFIG", type=Path, help="the JSON file that says what to do")
    parser.add_argument(
        "--check", action="store_true", help="load nothing; print as JSON whether this machine could; exit 0"
    )
    parser.add_argument(
        "--without-login", action="store_true", help="with --check: a server that asks for a login answers well enough"
    )
    return parser


def _prepare(commands: Any) -> None:
    parser = commands.add_parser(
        "prepare",
        help="make this machine ready for a load",
        description=prepare.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("name", metavar="NAME", help="what this machine is called")
    parser.add_argument("--k6", default="", help="a k6 that is there already")
    parser.add_argument("--k6-sha256", default="", help="the SHA-256 that k6 must have")
    parser.add_argument("--python", default="", help="a Python that is there already, and has the package bullmq")
    parser.set_defaults(run=_make_ready)


def _carry_out_users(given: argparse.Namespace) -> int:
    if given.check:
        return _told(users_check.check(given.config, without_login=given.without_login))
    from .users import run  # noqa: PLC0415 - it needs packages that a check tells the lack of

    return run.carry_out(given.config, start_at=given.start_at)


def _carry_out_jobs(given: argparse.Namespace) -> int:
    if given.check:
        return _told(jobs_check.check(given.config, without_login=given.without_login))
    from .jobs import run  # noqa: PLC0415 - it imports all of BullMQ

    return run.carry_out(given.config, only_clean=given.clean)


def _work(_: argparse.Namespace) -> int:
    from .jobs import run  # noqa: PLC0415 - it imports all of BullMQ

    return run.complete()


def _make_ready(given: argparse.Namespace) -> int:
    here = place.program().parent
    return prepare.prepare(given.name, here, k6=given.k6, python=given.python, sha256=given.k6_sha256)


def _told(answer: dict[str, Any]) -> int:
    print(json.dumps(answer))
    return 0
