"""Change a running server, and put it back when a change fails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from ..base.errors import AccessDenied, ApplyFailed, CommandRefused, RedisOpsError, ServerUnreachable
from ..plan.comparison import Entry
from ..server import connection as server
from ..server import persistence
from ..view.instance import InstanceView

POLL = 0.1  # seconds between two looks at a server that is busy
RETRIES = 30.0  # seconds in which a server that failed before must have begun again
SAVE_TIMEOUT = 3600.0  # seconds; an hour of writing is a disk that needs a person


@dataclass(frozen=True)
class RunningServer:
    """The server behind `connection`, as `view` found it. where: for error texts."""

    where: str
    view: InstanceView
    connection: server.Connection

    def save(self) -> persistence.Content:
        """Write everything to a dump, whatever the persistence settings are. Returns what must come back."""
        before = self.connection.info()
        wait(lambda: not persistence.at_work(self.connection.info(), persistence.SAVES), "a running save to end")
        started = int(before.get("rdb_last_save_time", 0))
        try:
            self.connection.call("BGSAVE")
            wait(lambda: not int(self.connection.info().get("rdb_bgsave_in_progress", 0)), "the save to end")
        except CommandRefused as error:
            raise ApplyFailed(
                f"{self.where}: it cannot save its data, and the run does not go on without that: {error}"
            ) from None
        after = self.connection.info()
        if after.get("rdb_last_bgsave_status") != "ok" or int(after.get("rdb_last_save_time", 0)) < started:
            raise ApplyFailed(
                f"{self.where}: it could not save its data, and the run does not go on without that; see its log"
            )
        return persistence.Content.of(after)

    def save_at_stop(self) -> bool:
        """What is written between the save and the stop counts as well, also where nothing is to be persisted. Returns
        whether that is in an AOF.
        """
        live = self.connection.config()
        pairs = [] if live.get("save") or live.get("appendonly") == "yes" else [("save", "3600 1")]
        if "nosave" in live.get("shutdown-on-sigterm", ""):
            pairs.append(("shutdown-on-sigterm", "default"))
        self.connection.set_config(pairs)
        return live.get("appendonly") == "yes"

    def switch_aof(self, *, on: bool) -> None:
        """With everything on disk either way. Raises RedisOpsError."""
        if not on:
            self.save()  # what was safe in the AOF is safe in the dump before the AOF ends
            self._set([("appendonly", "no")])
            return
        rewrite = Rewrite.begin(self.where, self.connection)
        self._set([("appendonly", "yes")])
        wait(rewrite.is_complete, "the first AOF to be written")

    def set_live(self) -> None:
        """All at once; then the AOF, for which it takes a while. When that fails, the rest goes back as well."""
        current = self.view.plan
        if any(entry.option.name == "appendonly" and not entry.want for entry in current.live):
            self.save()  # what was safe in the AOF is safe in the dump before the AOF ends
        others = [entry for entry in current.live if not (entry.option.name == "appendonly" and entry.want)]
        self._set([(self._spelled(entry), current.argument(entry)) for entry in others])
        if not (current.switches_aof_on or self._file_turns_to_aof()):
            return
        try:
            rewrite = Rewrite.begin(self.where, self.connection)
            if current.switches_aof_on:
                self._set([("appendonly", "yes")])
            wait(rewrite.is_complete, "the first AOF to be written")
        except RedisOpsError:
            self.take_back()
            raise

    def rewrite_aof(self) -> None:
        """Write the AOF anew from memory, and wait for it."""
        rewrite = Rewrite.begin(self.where, self.connection)
        self.connection.call("BGREWRITEAOF")
        wait(rewrite.is_complete, "the AOF to be written")

    def take_back(self) -> bool:
        """Set the live settings as they were, one by one where all together are refused. Whether all of them are back."""
        before, entries = self.view.observed.live or {}, self.view.plan.live
        pairs = [(name, before[name]) for name in map(self._spelled, entries) if name in before]
        with contextlib.suppress(RedisOpsError):
            self.connection.set_config(pairs)
            return True
        done = 0
        for pair in pairs:
            with contextlib.suppress(RedisOpsError):
                self.connection.set_config([pair])
                done += 1
        return done == len(pairs)

    def _spelled(self, entry: Entry) -> str:
        return entry.option.spelled_at(self.view.plan.desired.engine)

    def _file_turns_to_aof(self) -> bool:
        """Whether the file did not rely on the AOF before. One that is on already may not be whole on disk yet: a run
        that was killed, or a person, has just switched it on.
        """
        entries = self.view.plan.entries
        return any(entry.option.name == "appendonly" and entry.want and entry.file_differs for entry in entries)

    def _set(self, pairs: list[tuple[str, str]]) -> None:
        try:
            self.connection.set_config(pairs)
        except CommandRefused as error:
            raise ApplyFailed(
                f"{self.where}: the server refuses the new settings: {error}; nothing was changed"
            ) from None
        except (AccessDenied, ServerUnreachable) as error:  # it may have taken some of them, or all
            back = "its old settings are back" if self.take_back() else "some of its new settings may be in force"
            raise ApplyFailed(f"{self.where}: {error}; {back}") from None


@dataclass
class Rewrite:
    """A rewrite of the AOF that is waited for.

    failed: a rewrite before it had failed, so that one failure says nothing. ran: it was seen at work. began: since when it
    could have begun, a reading of time.monotonic().
    """

    where: str
    connection: server.Connection
    failed: bool
    ran: bool = False
    began: float = field(default_factory=time.monotonic)

    @classmethod
    def begin(cls, where: str, connection: server.Connection) -> Rewrite:
        """Before it is asked for."""
        return cls(where, connection, connection.info().get("aof_last_bgrewrite_status") != "ok")

    def is_complete(self) -> bool:
        """Raises ApplyFailed when it failed. A server schedules a failed first rewrite again and again."""
        info = self.connection.info()
        running = bool(int(info.get("aof_rewrite_in_progress", 0)))
        if int(info.get("rdb_bgsave_in_progress", 0)):
            self.began = time.monotonic()  # the rewrite begins after the save
        ended = self.ran and not running
        self.ran = self.ran or running
        if info.get("aof_last_bgrewrite_status") == "ok":
            self.failed = False
        elif not running and (ended or not self.failed or time.monotonic() - self.began > RETRIES):
            raise ApplyFailed(
                f"{self.where}: the AOF could not be written, and all settings are as before; see the server's log; "
                "most often the disk is full"
            )
        return persistence.aof_is_on(info)


def wait(done: Callable[[], bool], what: str) -> None:
    """Poll. Raises ApplyFailed when `what` does not come within SAVE_TIMEOUT."""
    deadline = time.monotonic() + SAVE_TIMEOUT
    while not done():
        if time.monotonic() > deadline:
            raise ApplyFailed(f"waited {SAVE_TIMEOUT:g} s for {what}")
        time.sleep(POLL)
