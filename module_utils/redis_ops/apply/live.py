"""Change a running server, and put it back when a change fails."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from ..base.errors import ApplyFailed, CommandRefused, RedisOpsError
from ..plan.comparison import Entry
from ..server import connection as server
from ..server import persistence
from ..view.observe import Snapshot

POLL = 0.1  # seconds between two looks at a server that is busy
SAVE_TIMEOUT = 3600.0  # seconds; an hour of writing is a disk that needs a person


@dataclass(frozen=True)
class RunningServer:
    """The server behind `connection`, as `snapshot` found it. where: for error texts."""

    where: str
    snapshot: Snapshot
    connection: server.Connection

    def save(self) -> int:
        """Everything on disk in a dump, whatever the persistence settings are. The number of keys that must come back."""
        before = self.connection.info()
        wait(lambda: not persistence.at_work(self.connection.info(), persistence.SAVES), "a running save to end")
        started = int(before.get("rdb_last_save_time", 0))
        try:
            self.connection.call("BGSAVE")
            wait(lambda: not int(self.connection.info()["rdb_bgsave_in_progress"]), "the save to end")
        except CommandRefused as error:
            raise ApplyFailed(
                f"{self.where}: it cannot save its data, and without that it is not changed: {error}"
            ) from None
        after = self.connection.info()
        if after.get("rdb_last_bgsave_status") != "ok" or int(after["rdb_last_save_time"]) < started:
            raise ApplyFailed(
                f"{self.where}: it could not save its data, and without that it is not changed; see its log"
            )
        return persistence.keys(after, lasting=True)

    def save_at_stop(self) -> None:
        """What is written between the save and the stop counts as well, also where nothing is to be persisted."""
        live = self.connection.config()
        pairs = [] if live.get("save") or live.get("appendonly") == "yes" else [("save", "3600 1")]
        if "nosave" in live.get("shutdown-on-sigterm", ""):
            pairs.append(("shutdown-on-sigterm", "default"))
        self.connection.set_config(pairs)

    def set_live(self) -> None:
        """All at once; then the AOF, for which it takes a while. When that fails, the rest goes back as well."""
        current = self.snapshot.plan
        if any(entry.option.name == "appendonly" and not entry.want for entry in current.live):
            self.save()  # what was safe in the AOF is safe in the dump before the AOF ends
        others = [entry for entry in current.live if not (entry.option.name == "appendonly" and entry.want)]
        self._set([(self._spelled(entry), current.argument(entry)) for entry in others])
        if not (current.switches_aof_on or self._file_turns_to_aof()):
            return
        try:
            if current.switches_aof_on:
                self._set([("appendonly", "yes")])
            wait(self._aof_ready, "the first AOF to be written")
        except RedisOpsError:
            self.take_back()
            raise

    def rewrite_aof(self) -> None:
        """The AOF anew from memory, waited for."""
        self.connection.call("BGREWRITEAOF")
        wait(self._aof_ready, "the AOF to be written")

    def take_back(self) -> None:
        """The live settings as they were."""
        before, entries = self.snapshot.observed.live or {}, self.snapshot.plan.live
        names = [name for name in map(self._spelled, entries) if name in before]
        with contextlib.suppress(RedisOpsError):
            self.connection.set_config([(name, before[name]) for name in names])

    def _spelled(self, entry: Entry) -> str:
        return entry.option.spelled_at(self.snapshot.plan.desired.engine)

    def _file_turns_to_aof(self) -> bool:
        """Whether the file did not rely on the AOF before. One that is on already may not be whole on disk yet: a run
        that was killed, or a person, has just switched it on.
        """
        entries = self.snapshot.plan.entries
        return any(entry.option.name == "appendonly" and entry.want and entry.file_differs for entry in entries)

    def _aof_ready(self) -> bool:
        info = self.connection.info()
        if not persistence.at_work(info, persistence.REWRITES) and info.get("aof_last_bgrewrite_status") != "ok":
            raise ApplyFailed(
                f"{self.where}: the AOF could not be written, and all settings are as before; see the log"
            )
        return persistence.aof_is_on(info)

    def _set(self, pairs: list[tuple[str, str]]) -> None:
        try:
            self.connection.set_config(pairs)
        except CommandRefused as error:
            raise ApplyFailed(
                f"{self.where}: the server refuses the new settings: {error}; nothing was changed"
            ) from None


def wait(done: Callable[[], bool], what: str) -> None:
    """Poll. Raises ApplyFailed when `what` does not come within SAVE_TIMEOUT."""
    deadline = time.monotonic() + SAVE_TIMEOUT
    while not done():
        if time.monotonic() > deadline:
            raise ApplyFailed(f"waited {SAVE_TIMEOUT:g} s for {what}")
        time.sleep(POLL)
