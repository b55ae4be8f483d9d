"""No file relies on an AOF that is not whole on disk, whoever switched it on."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import live
from ansible.module_utils.redis_ops.apply.live import RunningServer
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.plan.plan import Observed, build
from ansible.module_utils.redis_ops.view.observe import Snapshot

REDIS = Engine("redis", (7, 0, 15))
WRITING = {"aof_enabled": 1, "aof_rewrite_in_progress": 1, "aof_last_bgrewrite_status": "ok"}
WAITING = {"aof_enabled": 1, "aof_rewrite_scheduled": 1, "aof_last_bgrewrite_status": "ok"}
WHOLE = {"aof_enabled": 1, "aof_last_bgrewrite_status": "ok"}
BROKEN = {"aof_enabled": 1, "aof_last_bgrewrite_status": "err"}


class Connection:
    """A server whose INFO goes on with every look; the last one stays."""

    def __init__(self, *infos: dict[str, Any]) -> None:
        self.infos = list(infos)
        self.sent: list[tuple[str, str]] = []

    def info(self) -> dict[str, Any]:
        return self.infos.pop(0) if len(self.infos) > 1 else self.infos[0]

    def set_config(self, pairs: list[tuple[str, str]]) -> None:
        self.sent += pairs


def set_live(connection: Connection, *, file: str, running: str, declared: str = "yes") -> None:
    desired = DesiredState.parse({"appendonly": declared}, REDIS, "here")
    observed = Observed(file=file, live={"appendonly": running})
    snapshot = Snapshot(build(desired, observed, "default", "here"), observed, REDIS)
    RunningServer("here", snapshot, connection).set_live()


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(live, "POLL", 0)


@pytest.mark.parametrize("file", ["", "appendonly no\n"], ids=["no word of it", "no"])
def test_one_that_is_on_already_is_waited_for(file):
    connection = Connection(WAITING, WRITING, WHOLE)
    set_live(connection, file=file, running="yes")
    assert connection.infos == [WHOLE]
    assert connection.sent == []


def test_one_that_this_run_switches_on_is_waited_for():
    connection = Connection(WRITING, WHOLE)
    set_live(connection, file="appendonly no\n", running="no")
    assert connection.infos == [WHOLE]
    assert connection.sent == [("appendonly", "yes")]


def test_one_that_the_file_relied_on_before_is_not():
    connection = Connection(WRITING, WHOLE)
    set_live(connection, file="appendonly yes\n", running="yes")
    assert connection.infos == [WRITING, WHOLE]


def test_none_is_waited_for_where_none_is_wanted():
    connection = Connection(WRITING, WHOLE)
    set_live(connection, file="appendonly yes\n", running="no", declared="no")
    assert connection.infos == [WRITING, WHOLE]


def test_one_that_could_not_be_written_is_said():
    with pytest.raises(ApplyFailed, match="the AOF could not be written"):
        set_live(Connection(WRITING, BROKEN), file="appendonly no\n", running="yes")
