"""A start: what is about to be started, and why it did not come up. Field cases A7 and A23."""

from __future__ import annotations

from dataclasses import replace

import pytest
from ansible.module_utils.redis_ops.apply import starting
from ansible.module_utils.redis_ops.apply.starting import Log
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, ServerUnreachable
from ansible.module_utils.redis_ops.base.files import Target
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.server.persistence import Content
from views import several, unit_of, view_of

[ONE] = several({"name": "default", "settings": {"logfile": ""}})
PACKAGE = unit_of(ONE)


class Service:
    """A service whose unit may be another one after its files were read again. said: what it has of the output."""

    name = "redis-server"

    def __init__(self, unit: Unit = PACKAGE, said: str = "") -> None:
        self._unit, self.said, self.done = unit, said, []

    def unit(self) -> Unit:
        return self._unit

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
    log = Log.of(replace(view, config=Target("/etc/redis/redis.conf")), Service())
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
