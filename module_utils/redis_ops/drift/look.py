"""What every look at one instance has at hand."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

from ..base.errors import AccessDenied, FileUnreadable, told
from ..base.findings import Finding
from ..platform.units import Unit
from ..view.instance import Instance, InstanceView, record_of
from .states import State, found


@dataclass
class Look:
    """unit: None when no service starts it. snapshot: None where nothing could be looked at. checked: how many checks
    have been made. record, then: what the last run left, and the configuration of that, None where there is none.
    """

    instance: Instance
    unit: Optional[Unit]
    snapshot: Optional[InstanceView]
    checked: int = 0

    def __post_init__(self) -> None:
        self.record = record_of(self.instance)
        self.then = self.record.left()
        self.live = self.snapshot.observed.live if self.snapshot else None
        self.where = self.instance.where

    def unreadable(self, problem: Exception, identity: str = "server") -> Finding:
        """What kept us from looking."""
        log = f"look at the log of {self.service_name}" if self.service_name else "see the error"
        let_in = "correct redis_server_secrets, or give redis_drift_login_user and redis_drift_login_password"
        return self.found(
            "file" if isinstance(problem, FileUnreadable) else identity,
            State.UNREADABLE,
            expected="an instance that can be looked at",
            actual=told(problem).removeprefix(f"{self.where}: "),
            why="what cannot be read is never called clean",
            remedy=let_in if isinstance(problem, AccessDenied) else log,
        )

    @property
    def cli(self) -> str:
        """How a person reaches this server, as a shell takes it."""
        return self.snapshot.cli if self.snapshot else "redis-cli"

    @property
    def service_name(self) -> str:
        return self.instance.service.name if self.instance.service else ""

    def found(
        self, identity: str, state: State, *, expected: str, actual: str, why: str, remedy: str, since: str = ""
    ) -> Finding:
        return found(identity, self.where, state, expected=expected, actual=actual, why=why, remedy=remedy, since=since)
