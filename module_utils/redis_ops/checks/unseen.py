"""Declared instances that could not be looked at. No run touches what it can't see. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime

from ..base.errors import AccessDenied, CommandRefused, FileRefused, FileUnreadable, InvalidInput, Problem
from ..view.host import Unseen
from . import tls


def problems(unseen: Unseen, now: datetime) -> Iterator[Problem]:
    """Why the run stops."""
    error, where = unseen.error, unseen.where
    if isinstance(error, InvalidInput):
        yield from error.problems
        return
    if isinstance(error, FileRefused):
        yield replace(error.problem, where=f"{where}: {error.problem.where}")
        return
    text = str(error).removeprefix(f"{where}: ")
    if isinstance(error, CommandRefused):
        yield Problem(
            where,
            f"the running server refuses a command that every look at it needs ({error})",
            "INFO and CONFIG",
            f"take rename-command out of {unseen.declared.layout.config} and restart the server yourself",
        )
    elif isinstance(error, AccessDenied):
        yield Problem(
            f"{where}: requirepass",
            f"the running server refuses every password known for it ({error})",
            "the password it has now",
            "correct redis_server_secrets, or give redis_server_login_user and redis_server_login_password",
        )
    else:
        what, _, own = text.partition("; expected ")
        expected, _, remedy = own.partition("; ")
        hints = tls.hindrances(unseen.tls, where, now) if unseen.tls and unseen.tls.options.in_use else []
        usual = "correct the file" if isinstance(error, FileUnreadable) else "look at its log"
        yield Problem(where, what, expected or "an instance that can be looked at", "; ".join(hints) or remedy or usual)
