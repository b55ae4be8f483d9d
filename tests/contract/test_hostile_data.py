"""The same for the files that a server of the account writes: its AOF, its dumps, its log, its users, its configuration."""

from __future__ import annotations

import os
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.apply import aof
from ansible.module_utils.redis_ops.apply.starting import Log
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.drift import instance as drift
from ansible.module_utils.redis_ops.platform import host
from ansible.module_utils.redis_ops.platform.debian.sysv import SysV
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.server import datasets
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view import observe
from ansible.module_utils.redis_ops.view.attempt import attempt
from ansible.module_utils.redis_ops.view.instance import Instance
from hostile import ACCOUNT, CANARY, Arena, arena_fixture, as_root, told

__all__ = ["arena_fixture"]
pytestmark = as_root

MANIFEST = "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
LONG_AGO = 1_600_000_000
RAN = "20260101T000000Z-0a1b2c3d"  # what an earlier run called its directory


@dataclass
class Stopped:
    """A service that does not run. said: what it has of the server's output. command: what it would start."""

    name: str = "redis-lab"
    said: str = ""
    command: tuple[str, ...] = ()

    def unit(self) -> Unit:
        return Unit(self.name, loaded=True, enabled=True, command=self.command, user=str(ACCOUNT), group=str(ACCOUNT))

    def pid(self) -> int:
        return 0

    def enabled(self) -> bool:
        return True

    def masked(self) -> bool:
        return False

    def drop_in_path(self) -> str:
        return "/nonexistent/limits.conf"

    def log(self) -> str:
        return self.said


@pytest.fixture
def data(arena) -> Path:
    return arena.place / "data"


@pytest.fixture
def stopped(arena, data) -> Instance:
    """An instance of the account that does not run. Its programs belong to root."""
    programs = arena.place.parent / "bin"
    programs.mkdir()
    for name, text in {"redis-server": "echo 'Redis server v=7.0.15 sha=0'", "redis-check-aof": "echo valid"}.items():
        (programs / name).write_text(f"#!/bin/sh\n{text}\n")
        (programs / name).chmod(0o755)
    return Instance(
        name="lab",
        where="here, instance lab",
        settings={"dir": str(data), "appendonly": True},
        config=FileSpec(str(arena.place / "redis.conf"), 0o640, ACCOUNT, ACCOUNT),
        binary=str(programs / "redis-server"),
        service=Stopped(command=(str(programs / "redis-server"), str(arena.place / "redis.conf"))),
        directories=[FileSpec(str(data), 0o750, ACCOUNT, ACCOUNT)],
    )


def lay(arena: Arena, data: Path) -> None:
    """A sound AOF with dead files beside it, and a quarantine of an earlier run."""
    arena.empty()
    arena.put(arena.place / "redis.conf", f"dir {data}\nappendonly yes\n")
    parts = arena.own(arena.own(data) / "appendonlydir")
    arena.put(parts / "appendonly.aof.manifest", MANIFEST)
    for name in ("appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof"):
        arena.put(parts / name, "live")
    for path in (parts / "appendonly.aof.99.incr.aof", data / "appendonly.aof", data / "temp-4100000.rdb"):
        os.utime(arena.put(path, "dead"), (LONG_AGO, LONG_AGO))
    held = data / "aof-quarantine" / RAN / "appendonlydir"
    held.mkdir(parents=True, mode=0o700)
    (data / "aof-quarantine").chmod(0o700)
    for name in ("appendonly.aof.98.incr.aof", "shadow"):
        (held / name).write_text("dead long ago")


# --- quarantine and purge ---------------------------------------------------------------------------------------------

SWAPS = {
    "the quarantine": "swap(place + '/data/aof-quarantine', victim)",
    "a directory in it": "swap(place + '/data/aof-quarantine/" + RAN + "', victim + '/sub')",
    "the AOF's directory": "swap(place + '/data/appendonlydir', victim)",
    "the data directory": "swap(place + '/data', victim)",
    "a dead file": "swap(place + '/data/appendonlydir/appendonly.aof.99.incr.aof', victim + '/shadow')",
    "the manifest": "swap(place + '/data/appendonlydir/appendonly.aof.manifest', victim + '/shadow')",
    "the configuration": "swap(place + '/redis.conf', victim + '/main.conf')",
    "a directory that is made": "replace_drafts(place + '/data', victim)\n"
    "replace_directories(place + '/data', 'aof-quarantine', victim)",
}


@pytest.mark.parametrize("what", SWAPS)
def test_clearing_the_aof(arena, stopped, data, what):
    """B3: everything behind the link was deleted."""

    def clear():
        if what == "a directory that is made":
            (data / "aof-quarantine").rename(data / "aside")
        return aof.clean_all([stopped], compact=False, purge=True, check=False)

    lay(arena, data)
    assert told(clear).startswith("done"), "it does not even work without an attack"
    arena.rounds(SWAPS[what], clear, lambda: lay(arena, data))


def test_every_moment_of_clearing_the_aof(arena, stopped, data, monkeypatch):
    swaps = [
        ("data/aof-quarantine", "."),
        ("data/appendonlydir", "."),
        ("data/appendonlydir/appendonly.aof.manifest", "shadow"),
        ("data/appendonly.aof", "shadow"),
    ]
    host.installed_engine(stopped.binary)  # asked once
    monkeypatch.setattr(host, "run", lambda arguments, **_: subprocess.CompletedProcess(arguments, 0, "", ""))

    def clear():
        return aof.clean_all([stopped], compact=False, purge=True, check=False)

    assert arena.moments(swaps, clear, lambda: lay(arena, data)) > 1000


@pytest.mark.parametrize("owner", [ACCOUNT, None], ids=["declared", "of the directory"])
def test_the_server_s_own_check_runs_as_its_user(arena, stopped, data, owner):
    """It opens by their paths what the account has written, and root must not parse it."""
    lay(arena, data)
    tool = Path(stopped.binary).with_name("redis-check-aof")
    tool.write_text('#!/bin/sh\n[ "$(id -u)" != 0 ]\n')
    config = replace(stopped.config, owner=owner, group=owner)
    done = told(lambda: aof.clean_all([replace(stopped, config=config)], compact=False, purge=False, check=True))
    assert done.startswith("done"), done


@pytest.mark.parametrize("kind", ["a link", "the account's", "root's own"])
def test_a_quarantine_that_no_run_made(arena, stopped, data, kind):
    """The account can rename any directory in its own to it, root's too."""
    lay(arena, data)
    held = data / "aof-quarantine"
    held.rename(data / "aside")
    if kind == "a link":
        arena.link(held, arena.victim)
    elif kind == "the account's":
        arena.own(held)
    else:
        held.mkdir(mode=0o700)
        (held / "backup").write_text(CANARY)
    before = arena.untouched()
    said = told(lambda: aof.clean_all([stopped], compact=False, purge=True, check=False))
    assert "nothing was moved or deleted" in said, said
    assert str(held) in said
    assert (data / "appendonly.aof").exists()
    assert arena.untouched() == before
    assert kind != "root's own" or (held / "backup").read_text() == CANARY


# --- looking ----------------------------------------------------------------------------------------------------------


def look(stopped: Instance) -> object:
    """All that a run or a drift check makes of it without a server."""
    store = Store.of({"dir": stopped.settings["dir"]}, Engine.parse("redis 7.0.15"))
    return (
        told(lambda: vars(observe.look(stopped).plan)),
        told(lambda: datasets.present(store)),
        told(lambda: datasets.elsewhere(store, [str(store.directory.parent)])),
        told(store.problems),
        told(store.orphans),
        told(lambda: aof.scan(store, now=time.time())),
        told(lambda: drift.check(attempt(stopped))),
        told(lambda: host.mode_and_owner(stopped.config.path)),
        told(lambda: (host.free_bytes(str(store.directory)), host.foreign_owner(str(store.directory), "nobody"))),
    )


@pytest.mark.parametrize("what", ["the AOF's directory", "the manifest", "the configuration"])
def test_looking_at_it(arena, stopped, data, what):
    """B8: a link in the place of the manifest brought a line of /etc/shadow into a report."""
    lay(arena, data)
    arena.rounds(SWAPS[what], lambda: look(stopped))


@pytest.mark.parametrize("path", ["data/appendonlydir/appendonly.aof.manifest", "data/dump.rdb", "redis.conf"])
@pytest.mark.parametrize("kind", ["link", "fifo", "hard link"])
def test_what_stays_in_the_place_of_a_file(arena, stopped, data, path, kind):
    lay(arena, data)
    place = arena.place / path
    place.unlink(missing_ok=True)
    if kind == "link":
        arena.link(place, arena.victim / "shadow")
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        os.link(arena.victim / "shadow", place)
    before = arena.untouched()
    said = str(look(stopped))
    assert CANARY not in said
    assert "defect" not in said
    assert arena.untouched() == before


@pytest.mark.parametrize(
    "text", ["not a manifest", "x" * 100, "file ../../roots/shadow seq 1 type b", "file a seq 1\n"]
)
def test_an_error_names_a_line_of_the_manifest_by_its_number(arena, stopped, data, text):
    """It may be any file of the account's that root is not to show, such as a key."""
    lay(arena, data)
    arena.put(data / "appendonlydir" / "appendonly.aof.manifest", f"# a comment\n{text} {CANARY}\n")
    said = str(look(stopped))
    assert CANARY not in said
    assert "in line 2" in said


def test_every_moment_of_looking_at_it(arena, stopped, data):
    swaps = [
        ("redis.conf", "main.conf"),
        ("data", "."),
        ("data/appendonlydir", "."),
        ("data/appendonlydir/appendonly.aof.manifest", "shadow"),
    ]
    store = Store.of({"dir": str(data)}, Engine.parse("redis 7.0.15"))

    def glance():
        done = (told(store.problems), told(store.orphans), told(lambda: aof.scan(store, now=time.time())))
        return *done, told(lambda: observe._read(stopped.config)), host.modified(stopped.config.path)

    assert arena.moments(swaps, glance, lambda: lay(arena, data)) > 1000


# --- the log ----------------------------------------------------------------------------------------------------------


def test_the_log_of_the_server(arena):
    """Its last complaint is printed."""
    path = arena.place / "redis.log"

    def reason():
        log = Log(FileSpec(str(path), owner=ACCOUNT), Stopped())
        with path.open("a") as file:
            file.write("# Fatal error: something\n")
        return log.reason()

    arena.put(path, "")
    assert told(reason) == "done: '# Fatal error: something'"

    def reason_of_what_is_there():
        log = Log(FileSpec(str(path), owner=ACCOUNT), Stopped())
        log.offset = 0
        return log.reason()

    arena.rounds("swap(place + '/redis.log', victim + '/shadow')", reason_of_what_is_there)


def test_a_complaint_acts_on_no_terminal():
    log = Log(None, Stopped(said="error: \x1b]0;title\x07\x1b[2J gone"))
    assert log.reason() == r"error: \x1b]0;title\x07\x1b[2J gone"


# --- the pid file -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["link", "fifo", "large"])
def test_a_pid_file_that_is_none(arena, kind):
    path = arena.place / "redis.pid"
    if kind == "link":
        arena.link(path, Path("/proc/self/stat"))
    elif kind == "fifo":
        os.mkfifo(path)
    else:
        arena.put(path, "1" * 10_000)
    assert SysV("redis-server", str(path)).pid() == 0
