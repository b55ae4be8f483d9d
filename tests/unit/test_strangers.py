"""Servers on a host that nobody declared: running, or about to run after the next boot."""

from __future__ import annotations

import os
from dataclasses import replace
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.platform import processes, units
from ansible.module_utils.redis_ops.platform.debian import packages
from ansible.module_utils.redis_ops.platform.processes import Process
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.view import strangers as view
from ansible.module_utils.redis_ops.view.strangers import Stranger, dormant, of_units, strangers

PACKAGE = Unit(
    "redis-server",
    loaded=True,
    enabled=True,
    command=("/usr/bin/redis-server", "/etc/redis/redis.conf"),
    user="redis",
)
OWN = replace(PACKAGE, name="redis-shop", command=("/opt/redis/redis-server", "/srv/shop.conf", "--maxmemory", "2gb"))
OWN = replace(OWN, directory="/srv")
SENTINEL = replace(PACKAGE, name="redis-sentinel", command=("/usr/bin/redis-sentinel", "/etc/redis/sentinel.conf"))
EXPORTER = replace(PACKAGE, name="redis-exporter", command=("/usr/bin/redis_exporter",))
UNCLEAR = replace(PACKAGE, name="redis-wrapped", command=(), unclear="its command can't be read")
VALKEY = replace(PACKAGE, name="valkey-server", command=("/usr/bin/valkey-server", "/etc/valkey/valkey.conf"))
SERVER = Process(7, "redis-server", "redis", "/usr/bin/redis-server", "/var/lib/redis", (("127.0.0.1", 6379),), (), 5)


@pytest.fixture
def found(monkeypatch):
    """The strangers of a host: names of units and aliases -> units, processes, and texts of files."""
    here = SimpleNamespace(units={}, processes=[], files={}, remembered=[])
    monkeypatch.setattr(processes, "all_servers", lambda: here.processes)
    monkeypatch.setattr(units, "candidates", lambda: sorted(here.units))
    monkeypatch.setattr(
        units, "look", lambda names: {name: here.units.get(name, Unit(name)) for name in dict.fromkeys(names)}
    )
    monkeypatch.setattr(view, "read", lambda target: here.files.get(target.path))

    def found(*declared: Unit, systemd: bool = True) -> list[Stranger]:
        return strangers(declared, systemd=systemd)

    found.here = here
    return found


def names(strangers_: list[Stranger]) -> list[str]:
    return [stranger.name for stranger in strangers_]


def test_a_host_with_nothing(found):
    assert found() == []


def test_what_is_declared_is_no_stranger(found):
    found.here.units = {"redis-server": PACKAGE}
    assert found(PACKAGE) == []
    running = replace(PACKAGE, pid=7)
    found.here.units, found.here.processes = {"redis-server": running}, [SERVER]
    assert found(running) == []


def test_a_name_beside_the_unit_s_own_makes_no_stranger_of_it(found):
    """redis.service is the alias of the package's unit."""
    for pid in (0, 7):
        unit = replace(PACKAGE, pid=pid)
        found.here.units = {"redis": unit, "redis-server": unit}
        found.here.processes = [SERVER] if pid else []
        assert found(unit) == []
        assert names(found()) == ["redis-server.service"]


@pytest.mark.parametrize(
    ("unit", "product", "instance", "directory", "memory"),
    [
        (PACKAGE, "redis", "default", "", 0),
        (VALKEY, "valkey", "default", "", 0),
        (OWN, "redis", "", "/srv/data", 2 * 2**30),
        (UNCLEAR, "redis", "", "", 0),
    ],
)
def test_what_starts_at_the_next_boot(found, unit, product, instance, directory, memory):
    found.here.units = {unit.name: unit}
    found.here.files = {"/srv/shop.conf": "dir data\nmaxmemory 1gb\n"}
    [stranger] = found()
    assert (stranger.product, stranger.instance, stranger.directory) == (product, instance, directory)
    assert (stranger.memory, stranger.pid, stranger.ports) == (memory, 0, [])


@pytest.mark.parametrize(
    ("text", "names", "aof"),
    [
        ("maxmemory 1gb\n", ("dump.rdb", "appendonly.aof"), False),
        ("", ("dump.rdb", "appendonly.aof"), False),
        ("dbfilename a.rdb\nappendfilename a.aof\nappendonly yes\n", ("a.rdb", "a.aof"), True),
        ("include /srv/more.conf\n", None, False),
        (None, None, False),
        ("root:$6$secret\n", None, False),
    ],
    ids=["without a name", "empty", "with names", "included", "missing", "no configuration"],
)
def test_how_its_files_are_called(found, tmp_path, text, names, aof):
    unit = replace(OWN, command=("/opt/redis/redis-server", "/srv/shop.conf"), directory=str(tmp_path))
    found.here.units = {unit.name: unit}
    found.here.files = {} if text is None else {"/srv/shop.conf": text}
    running = replace(SERVER, pid=9, unit="redis-shop", directory="/srv/x", place=(1, 2))
    for processes_ in ([], [running]):
        found.here.processes = processes_
        [stranger] = found()
        assert (stranger.store and (stranger.store.rdb.name, stranger.store.old_aof.name), stranger.aof) == (names, aof)
        state = tmp_path.stat()
        asleep = "" if names is None else (state.st_dev, state.st_ino)
        assert stranger.place == ((1, 2) if processes_ else asleep)


@pytest.mark.parametrize("unit", [SENTINEL, EXPORTER, replace(PACKAGE, enabled=False), replace(PACKAGE, loaded=False)])
def test_what_starts_no_server(found, unit):
    found.here.units = {unit.name: unit}
    assert found() == []


def test_a_running_server_of_a_unit(found):
    running = replace(OWN, pid=9)
    found.here.units = {"redis-shop": running}
    found.here.processes = [replace(SERVER, pid=9, unit="redis-shop", resident=3 * 2**30)]
    [stranger] = found(PACKAGE)
    assert (stranger.name, stranger.pid, stranger.config) == ("redis-shop.service", 9, "/srv/shop.conf")
    assert stranger.memory == 3 * 2**30, "what it has counts when that is more than its limit"


def test_a_running_server_without_a_unit(found):
    found.here.processes = [replace(SERVER, pid=9, unit="", directory="/srv/x")]
    for systemd in (True, False):
        [stranger] = found(systemd=systemd)
        assert (stranger.name, stranger.unit, stranger.directory, stranger.ports) == (
            "process 9",
            None,
            "/srv/x",
            [6379],
        )


def test_a_server_in_a_container_is_another_host_s(found):
    found.here.processes = [replace(SERVER, contained=True)]
    assert found() == []


def test_several_strangers_are_told_once_each(found):
    found.here.units = {"redis-server": replace(PACKAGE, pid=7), "valkey-server": VALKEY, "redis-shop": OWN}
    found.here.processes = [SERVER, replace(SERVER, pid=9, unit="")]
    assert sorted(names(found())) == [
        "process 9",
        "redis-server.service",
        "redis-shop.service",
        "valkey-server.service",
    ]


@pytest.mark.parametrize("text", ["\0", 'dir "x\n', "maxmemory lots\n", "include /nowhere\n", "dir {{ 7*7 }}\n"])
def test_a_file_of_somebody_else_is_no_error(found, text):
    found.here.units = {"redis-shop": OWN}
    found.here.files = {"/srv/shop.conf": text}
    [stranger] = found()
    assert stranger.name == "redis-shop.service"


@pytest.mark.parametrize(
    ("fragment", "untouched", "expected"),
    [
        ("/etc/systemd/system/redis-server.service", True, True),
        ("/usr/lib/systemd/system/redis-server.service", False, True),
        ("/usr/lib/systemd/system/redis-server.service", True, False),
    ],
    ids=["somebody's unit", "somebody's configuration", "a package that nobody uses"],
)
def test_what_neither_runs_nor_starts_at_boot(found, monkeypatch, tmp_path, fragment, untouched, expected):
    config = tmp_path / "redis.conf"
    config.touch()
    unit = replace(PACKAGE, enabled=False, fragment=fragment, command=("/usr/bin/redis-server", str(config)))
    found.here.units = {"redis": unit, "redis-server": unit}
    monkeypatch.setattr(packages, "is_untouched", lambda *_: untouched)
    assert names(dormant()) == (["redis-server.service"] if expected else [])
    assert found() == []


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        ({"enabled": False, "pid": 7}, True),
        ({"enabled": True}, True),
        ({"enabled": False, "fragment": "/etc/systemd/system/redis-shop.service"}, True),
        ({"enabled": False, "fragment": "/usr/lib/systemd/system/redis-shop.service"}, False),
        ({"enabled": True, "loaded": False}, False),
    ],
    ids=["runs", "starts at boot", "somebody's unit", "of a package, unused", "not loaded"],
)
def test_where_the_file_of_a_unit_has_the_data(found, facts, expected):
    found.here.units = {"redis-shop": replace(OWN, **facts)}
    found.here.files = {"/srv/shop.conf": "dir /srv/data\n"}
    assert [one.directory for one in of_units()] == (["/srv/data"] if expected else [])


def test_a_unit_whose_name_says_nothing_is_found_by_its_process(found, monkeypatch):
    found.here.units = {"shop": replace(OWN, name="shop", pid=7)}
    found.here.files = {"/srv/shop.conf": "dir data\n"}
    found.here.processes = [replace(SERVER, unit="shop")]
    monkeypatch.setattr(units, "candidates", list)
    assert [one.directory for one in of_units()] == ["/srv/data"]


@pytest.mark.parametrize("kind", ["fifo", "link to an endless file", "somebody's secret"])
def test_a_file_that_the_server_can_exchange_is_read_as_any_other(monkeypatch, tmp_path, kind):
    """Nothing waits for it, follows it, or takes it for a configuration."""
    path = tmp_path / "redis.conf"
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "somebody's secret":
        path.write_text("root:$6$secret:19000:0:99999:7:::\n")
    else:
        path.symlink_to("/dev/zero")
    stopped = replace(PACKAGE, name="redis-shop", command=("/usr/bin/redis-server", str(path)), user="")
    monkeypatch.setattr(processes, "all_servers", list)
    monkeypatch.setattr(units, "candidates", lambda: ["redis-shop"])
    monkeypatch.setattr(units, "look", lambda names: dict.fromkeys(names, stopped))
    [one] = strangers((), systemd=True)
    assert (one.memory, one.directory) == (0, "")
