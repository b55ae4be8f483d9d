"""A start: what is about to be started, and why it did not come up. Field cases A7 and A23."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import starting
from ansible.module_utils.redis_ops.apply.starting import Log
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, CommandRefused, ServerUnreachable
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.server.cluster import State
from ansible.module_utils.redis_ops.server.persistence import Content
from views import Server, several, unit_of, view_of

[ONE] = several({"name": "default", "settings": {"logfile": ""}})
PACKAGE = unit_of(ONE)


class Service:
    """A service whose unit may be another one after its files were read again. said: what it has of the output."""

    name = "redis-server"

    def __init__(self, unit: Unit = PACKAGE, said: str = "") -> None:
        self._unit, self.said, self.done = unit, said, []

    def unit(self) -> Unit:
        return self._unit

    def pid(self) -> int:
        return 7

    def prepare(self) -> None:
        self.done.append("prepare")

    def start(self) -> None:
        self.done.append("start")

    def log(self) -> str:
        return self.said


NOTHING = Content()


def start(service: Service, monkeypatch, *, had: Content = NOTHING, **info) -> None:
    monkeypatch.setattr(starting, "wait_until_serving", lambda _: info)
    starting.start(view_of(ONE, service=service), had=had)


def test_the_unit_is_read_again_before_the_start(monkeypatch):
    service = Service()
    start(service, monkeypatch)
    assert service.done == ["prepare", "start"]


@pytest.mark.parametrize(
    ("unit", "told"),
    [
        (
            replace(PACKAGE, command=("/usr/bin/redis-server", "/srv/my.conf")),
            "with /srv/my.conf since systemd has read",
        ),
        (replace(PACKAGE, command=("/bin/sh", "-c", "x")), "with another command since systemd has read"),
        (replace(PACKAGE, unclear="its command has a variable"), "with another command"),
        (replace(PACKAGE, command=()), "with another command"),
    ],
)
def test_a_drop_in_that_systemd_had_not_read_when_it_was_looked_at(monkeypatch, unit, told):
    service = Service(replace(unit, drop_ins=("/etc/systemd/system/redis-server.service.d/new.conf",)))
    with pytest.raises(ApplyFailed) as raised:
        start(service, monkeypatch)
    assert told in str(raised.value)
    assert "new.conf" in str(raised.value)
    assert service.done == ["prepare"], "it was not started"


def test_a_server_that_comes_back_without_its_keys(monkeypatch):
    start(Service(), monkeypatch, had=Content(keys=5), db0={"keys": 3})
    start(Service(), monkeypatch)
    with pytest.raises(ApplyFailed, match="it started without its 5 keys"):
        start(Service(), monkeypatch, had=Content(keys=5))


def test_a_server_that_comes_back_with_fewer_functions(monkeypatch):
    for there in (2, 3):
        start(Service(), monkeypatch, had=Content(libraries=2), number_of_libraries=there)
    for there in ({"number_of_libraries": 1}, {}):
        with pytest.raises(ApplyFailed, match=r"it started without [12] of its 2 libraries of functions"):
            start(Service(), monkeypatch, had=Content(keys=1, libraries=2), db0={"keys": 1}, **there)


LOADING = "1:M 23 Nov 2026 12:00:00 * DB loaded from disk: 0.001 seconds"
BAD = "1:M 23 Nov 2026 12:00:00 # Bad file format reading the append only file: make a backup of your AOF file"


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        ("", ""),
        (LOADING, ""),
        (f"{LOADING}\n{BAD}", BAD),
        ("Job for redis-server.service failed because the control process exited with error code.", ""),
        (f"{BAD}\nredis-server.service: Failed with result 'exit-code'.", BAD),
        ("# one error\n# two errors\n# three errors\n# four errors", "# two errors; # three errors; # four errors"),
        ("# an error\n# an error", "# an error"),
        ("# Wrong signature trying to load DB from file", "# Wrong signature trying to load DB from file"),
        ("# error \x1b[2J\x07", r"# error \x1b[2J\x07"),
    ],
)
def test_the_last_complaints_of_the_server_s_own_log(said, reason):
    assert Log(None, Service(said=said)).reason() == reason


def test_only_what_it_says_since_the_start_counts(tmp_path):
    path = tmp_path / "redis.log"
    path.write_text("# an old error\n")
    [one] = several({"name": "default", "settings": {"logfile": str(path)}})
    view = view_of(one)
    log = Log.of(replace(view, config=FileSpec("/etc/redis/redis.conf")), Service())
    assert log.reason() == ""
    with path.open("a") as file:
        file.write("# a new error\n")
    assert log.reason() == "# a new error"


def test_the_reason_of_a_failed_start_is_the_server_s_own(monkeypatch):
    def unreachable(_):
        raise ServerUnreachable("Connection refused")

    for said, told in ((BAD, BAD), ("", "Connection refused")):
        service = Service(said=said)
        monkeypatch.setattr(starting, "wait_until_serving", unreachable)
        with pytest.raises(ApplyFailed) as raised:
            starting.start(view_of(ONE, service=service), had=NOTHING)
        assert str(raised.value) == told


class Cluster(Server):
    """A node that says one thing after the other about its cluster, the last one for ever."""

    says: tuple[Any, ...] = ()

    def call(self, *words: str) -> Any:
        assert words == ("CLUSTER INFO",)
        super().call(*words)
        said, self.says = self.says[0], self.says[1:] or self.says
        if isinstance(said, Exception):
            raise said
        return said


def says(state: str, slots: int = 16384) -> str:
    return f"cluster_state:{state}\r\ncluster_slots_assigned:{slots}\r\ncluster_known_nodes:1\r\n"


def asked(monkeypatch, before: State | None, *said: Any, node: bool = True) -> int:
    """How often a node was asked after its start. said: what it answers."""
    server = Cluster()
    server.says = said
    monkeypatch.setattr(starting, "connect", lambda *_: server)
    monkeypatch.setattr(starting, "read", lambda _: "")
    monkeypatch.setattr(starting.live, "POLL", 0.001)
    monkeypatch.setattr(starting, "CLUSTER_TIMEOUT", 0.05)
    nodes = frozenset({"/srv/nodes.conf"}) if node else None
    try:
        starting.wait_for_cluster(view_of(ONE, service=Service(), observed={"nodes": nodes}), before)
    finally:
        assert server.closed is bool(server.called)
    return len(server.called)


SERVED, DOWN = State(ok=True, slots=16384), State(ok=False, slots=16384)


@pytest.mark.parametrize(
    ("before", "said", "times"),
    [
        pytest.param(SERVED, [says("ok")], 1, id="serves"),
        pytest.param(SERVED, [says("fail"), says("fail"), says("ok")], 3, id="serves soon"),
        pytest.param(SERVED, [says("fail", 16), says("ok", 16)], 2, id="without all slots"),
        pytest.param(None, [says("fail"), says("ok")], 2, id="did not run"),
        pytest.param(None, [says("fail", 16383)], 1, id="did not run and can't serve"),
        pytest.param(None, [CommandRefused("ERR unknown command 'CLUSTER'")], 1, id="does not tell"),
        pytest.param(SERVED, [CommandRefused("ERR unknown command 'CLUSTER'")], 1, id="tells no longer"),
        pytest.param(DOWN, [says("fail")], 0, id="was down before"),
    ],
)
def test_a_node_is_waited_for_until_it_serves(monkeypatch, before, said, times):
    assert asked(monkeypatch, before, *said) == times


def test_only_a_node_is_asked(monkeypatch):
    assert asked(monkeypatch, None, says("fail"), node=False) == 0


def test_a_node_that_does_not_serve_again(monkeypatch):
    with pytest.raises(
        ApplyFailed, match=r"0\.05 s after its restart the server runs with its new settings, and cluster_state"
    ):
        asked(monkeypatch, SERVED, says("fail"))
    assert asked(monkeypatch, None, says("fail")) > 1, "nobody knows whether it served before"
