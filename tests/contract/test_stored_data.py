"""Stopped servers and full disks: no start loses the data that is there. Field cases A8, A9, A10 and A24."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, InvalidInput
from instances import OLD_AND_NEW, Lab, Process, lab, laboratory, some, until

__all__ = ["lab"]


def set_aside(lab: Lab) -> list[Path]:
    return sorted(lab.data.rglob("*.set-aside"))


def stopped(lab: Lab, *lines: str, keys: int = 100, home: str = "") -> None:
    """A server of somebody else, with keys, which was stopped in order. home: its `dir`, as its file has it."""
    if home:
        lab.settings["dir"] = home
    lab.begin("save 3600 1", *lines)
    lab.fill(keys)
    lab.service.stop()


# --- where the data is --------------------------------------------------------------------------------------------------


@OLD_AND_NEW
@pytest.mark.parametrize("adopt", ["keep", "replace"])
def test_a_relative_directory_is_that_of_the_unit(lab, adopt):
    """A8: it started empty in another directory, and 10,000 keys stayed behind."""
    stopped(lab, home="./")
    assert (lab.service.home / "dump.rdb").exists()
    with pytest.raises(InvalidInput, match="would start empty"):
        lab.converge({"dir": str(lab.data)}, adopt=adopt)
    assert not lab.service.pid()
    del lab.settings["dir"]
    lab.converge({"maxmemory": "20mb"}, adopt=adopt)
    assert lab.keys() == 100
    lab.bounce()
    assert lab.keys() == 100


@OLD_AND_NEW
@pytest.mark.parametrize("restart", [True, False])
def test_a_directory_that_no_file_names(lab, restart):
    """Without `dir` the data lies where the unit works, and a declared one would start empty."""
    wanted = lab.settings.pop("dir")
    lab.begin("save 3600 1")
    lab.fill(100)
    lab.service.stop()
    assert (lab.service.home / "dump.rdb").exists()
    with pytest.raises(InvalidInput, match="would start empty"):
        lab.converge({"dir": wanted}, adopt="replace", restart=restart)
    assert not lab.service.pid()


PLACES = ["dir", "dbfilename", "appendfilename", "appenddirname"]


def of_other_place(lab: Lab, name: str) -> dict[str, str]:
    other = lab.directory / "other"
    other.mkdir(exist_ok=True)
    return {name: str(other) if name == "dir" else "other"}


@OLD_AND_NEW
@pytest.mark.parametrize("lines", [["save 3600 1"], ["appendonly yes"]], ids=["rdb", "aof"])
@pytest.mark.parametrize("name", PLACES)
def test_an_empty_server_moves_only_with_a_restart(lab, name, lines):
    """The new place waited in the file, or was set live (6.2): what clients wrote was not there after the next boot."""
    if name == "appenddirname" and not lab.multi:
        pytest.skip("Redis 6.2 has none")
    lab.begin(*lines)
    wanted = of_other_place(lab, name)
    before = lab.everything()
    with pytest.raises(InvalidInput, match=f"{name}: the server is empty and writes to "):
        lab.converge(wanted, adopt="keep")
    assert lab.everything() == before
    assert lab.converge(wanted, adopt="keep", restart=True).restarted
    lab.fill(10)
    lab.bounce()
    assert lab.keys() == 10


def kept_elsewhere(lab: Lab, path: Path) -> bytes:
    """A dump with 1000 keys at this path."""
    with laboratory(lab.program, lab.directory / "donor", save="3600 1") as donor:
        donor.begin()
        donor.fill(1000)
        donor.service.stop()
        path.write_bytes((donor.data / "dump.rdb").read_bytes())
    return path.read_bytes()


@OLD_AND_NEW
@pytest.mark.parametrize("name", ["dir", "dbfilename"])
@pytest.mark.parametrize("managed", [True, False])
def test_an_empty_server_that_moves_to_a_dump_loads_it(lab, name, managed):
    """6.2 took the new place live, and its stop wrote an empty dump over the one there."""
    lab.converge({"save": "3600 1"}) if managed else lab.begin("save 3600 1")
    wanted = {"save": "3600 1", **of_other_place(lab, name)}
    there = lab.directory / "other" / "dump.rdb" if name == "dir" else lab.data / "other"
    dump = kept_elsewhere(lab, there)
    with pytest.raises(InvalidInput, match=f"{name}: the server is empty and writes to "):
        lab.converge(wanted, adopt="keep")
    assert there.read_bytes() == dump
    assert lab.converge(wanted, adopt="keep", restart=True).restarted
    assert lab.keys() == 1000
    lab.bounce()
    assert lab.keys() == 1000


@OLD_AND_NEW
def test_an_empty_server_with_an_append_only_file_does_not_move_beside_a_dump(lab):
    lab.begin("appendonly yes", "save 3600 1")
    wanted = of_other_place(lab, "dir")
    dump = kept_elsewhere(lab, lab.directory / "other" / "dump.rdb")
    before = lab.everything()
    for check in (True, False):
        with pytest.raises(InvalidInput, match=r"would start empty, and data lies at \S+other/dump.rdb"):
            lab.converge(wanted, adopt="keep", restart=True, check=check)
    assert lab.everything() == before
    assert (lab.directory / "other" / "dump.rdb").read_bytes() == dump


@OLD_AND_NEW
def test_data_where_no_configuration_is(lab):
    """Somebody removed the file, or the whole of /etc/redis."""
    stopped(lab)
    lab.config_path.unlink()
    lab.converge({"appendonly": "yes"}, adopt="replace")
    assert lab.keys() == 100
    assert lab.get("appendonly") == "yes"
    lab.bounce()
    assert lab.keys() == 100


# --- how much it is -----------------------------------------------------------------------------------------------------


@OLD_AND_NEW
@pytest.mark.parametrize("policy", ["allkeys-lru", "noeviction"])
def test_a_stopped_server_is_judged_when_it_runs_and_stopped_again(lab, policy):
    """How much it holds shows only then. It starts with the limit that it had, so that nothing goes meanwhile."""
    stopped(lab, keys=20_000)
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (lab.config_path, lab.data / "dump.rdb")}
    wanted = {"maxmemory": "2mb", "maxmemory-policy": policy}
    with pytest.raises(ApplyFailed, match="is stopped again; the files are as they were"):
        lab.converge(wanted, adopt="keep")
    assert not lab.service.pid()
    assert {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in before} == before
    lab.converge({"maxmemory": "200mb", "maxmemory-policy": policy}, adopt="keep")
    assert lab.keys() == 20_000
    assert lab.get("maxmemory") == str(200 * 1024**2)


@OLD_AND_NEW
def test_what_somebody_accepts_is_evicted(lab):
    stopped(lab, keys=20_000)
    lab.converge({"maxmemory": "2mb", "maxmemory-policy": "allkeys-lru"}, adopt="keep", accept_eviction=True)
    assert 0 < lab.keys() < 20_000


# --- what a start loads -------------------------------------------------------------------------------------------------


@OLD_AND_NEW
@pytest.mark.parametrize("adopt", ["keep", "replace"])
def test_a_stale_append_only_file_is_not_loaded_and_not_lost(lab, adopt):
    """A9: a newer modification time beat the configuration, and the dump was overwritten at the next stop."""
    stopped(lab, "appendonly no")
    with laboratory(lab.program, lab.directory / "other", appendonly="yes") as other:
        other.converge()
        other.fill(1)
        other.service.stop()
        for path in other.data.iterdir():
            if path.name.startswith("appendonly"):
                path.rename(lab.data / path.name)
    later = time.time() + 3600
    for path in lab.data.rglob("*"):
        if path.name != "dump.rdb":
            os.utime(path, (later, later))
    lab.converge({"appendonly": "yes"}, adopt=adopt)
    assert lab.keys() == 100
    assert lab.get("appendonly") == "yes"
    [kept] = set_aside(lab)
    assert kept.is_dir() == lab.multi
    lab.bounce()
    assert lab.keys() == 100


@OLD_AND_NEW
def test_a_stale_append_only_file_is_set_aside_and_a_neighbour_s_stays(lab, tmp_path):
    """The neighbour went on writing, and its next start found nothing."""
    lab.begin("appendfilename a.aof")
    lab.fill(10)
    for appendonly in ("yes", "no"):
        lab.ask("CONFIG", "SET", "appendonly", appendonly)
        until(lambda: lab.info()["aof_rewrite_in_progress"] == "0", "the first AOF")
    with laboratory(lab.program, tmp_path / "neighbour", appendonly="yes", appendfilename="b.aof") as neighbour:
        neighbour.settings.update(dir=str(lab.data), dbfilename="b.rdb")
        neighbour.begin('save ""')
        neighbour.fill(500)
        lab.converge({"appendonly": "yes"}, adopt="keep")
        neighbour.ask("SET", "later", "x")
        neighbour.bounce()
        assert neighbour.keys() == 501
    assert [path.is_dir() for path in set_aside(lab)] == [lab.multi]
    lab.bounce()
    assert lab.keys() == 10


@OLD_AND_NEW
@pytest.mark.parametrize("commands", [[], [["SELECT", "1"], ["FLUSHALL"]]], ids=["as it began", "emptied"])
@pytest.mark.parametrize("adopt", ["keep", "replace"])
def test_an_append_only_file_without_keys_is_no_data_beside_a_dump(lab, adopt, commands):
    """A backup was put there: the server started without it, and its next stop overwrote it."""
    lab.directory.mkdir(exist_ok=True)
    dump = kept_elsewhere(lab, lab.directory / "copy.rdb")
    lab.begin("appendonly yes", "save 3600 1")
    client = lab.client()
    for command in commands:
        client(*command)
    lab.service.stop()
    (lab.data / "dump.rdb").write_bytes(dump)
    for check in (True, False):
        with pytest.raises(
            InvalidInput, match=r"would start empty, and data lies at \S+dump.rdb .*appendonly: 'no' for one run"
        ):
            lab.converge({"timeout": 5, "appendonly": "yes"}, adopt=adopt, check=check)
    assert not lab.service.pid()
    assert (lab.data / "dump.rdb").read_bytes() == dump
    for appendonly in ("no", "yes"):
        lab.converge({"appendonly": appendonly}, adopt=adopt)
        assert (lab.keys(), lab.get("appendonly")) == (1000, appendonly)
    lab.bounce()
    assert lab.keys() == 1000


@OLD_AND_NEW
def test_a_server_without_keys_starts_with_its_append_only_file(lab):
    lab.begin("appendonly yes")
    lab.converge({"timeout": 5}, adopt="keep")
    lab.service.stop()
    (lab.data / "dump.rdb").unlink(missing_ok=True)
    lab.converge({"timeout": 6}, adopt="keep")
    assert (lab.keys(), lab.get("appendonly")) == (0, "yes")


@OLD_AND_NEW
def test_a_dump_beside_an_append_only_file_that_is_in_use(lab):
    """The configuration says AOF: the dump is somebody's copy, and stays as it is."""
    lab.converge({"appendonly": "yes", "save": ""})
    lab.fill(100)
    lab.service.stop()
    (lab.data / "dump.rdb").write_bytes(b"REDIS0009 of an old copy")
    lab.converge({"appendonly": "yes", "save": "", "timeout": 5})
    assert lab.keys() == 100
    assert (lab.data / "dump.rdb").read_bytes() == b"REDIS0009 of an old copy"


@pytest.mark.parametrize("state", ["stopped in order", "killed"])
def test_an_append_only_file_without_its_manifest(lab, state):
    """A10: 5,000 acknowledged writes were lost, and the run said "aof verified"."""
    if not lab.multi:
        pytest.skip("Redis 6.2 has no manifest")
    wanted = {"appendonly": "yes", "save": "", "appendfsync": "always"}
    lab.converge(wanted)
    lab.fill(100)
    lab.service.kill() if state == "killed" else lab.service.stop()
    [manifest] = (lab.data / "appendonlydir").glob("*.manifest")
    text = manifest.read_text()
    manifest.unlink()
    before = {path.name: path.read_bytes() for path in manifest.parent.iterdir()}
    with pytest.raises(InvalidInput, match="its manifest is gone"):
        lab.converge(wanted)
    with pytest.raises(InvalidInput, match="its manifest is gone"):
        lab.converge(wanted, check=True)
    assert not lab.service.pid(), "nothing is started over it"
    assert {path.name: path.read_bytes() for path in manifest.parent.iterdir()} == before
    manifest.write_text(text)
    lab.converge(wanted)
    assert lab.keys() == 100


# --- functions are data ---------------------------------------------------------------------------------------------------

WITH_FUNCTIONS = some("redis 7.0.15", "redis 8.2.3", "valkey 8.1.1")
LIBRARY = "#!lua name=mine\nredis.register_function('f', function() return 1 end)"


@WITH_FUNCTIONS
@pytest.mark.parametrize("lines", [["save 3600 1"], ["appendonly yes"]], ids=["rdb", "aof"])
@pytest.mark.parametrize("name", PLACES)
def test_a_server_with_functions_and_no_keys_does_not_move(lab, name, lines):
    """It counted as empty, and its next start had no function."""
    lab.begin(*lines)
    lab.ask("FUNCTION", "LOAD", LIBRARY)
    for restart in (True, False):
        with pytest.raises(InvalidInput, match=rf"{name}: data lies at \S+, and \S+ would start empty"):
            lab.converge(of_other_place(lab, name), adopt="keep", restart=restart)
    lab.converge({"databases": 20}, adopt="keep", restart=True)
    assert lab.ask("FUNCTION", "LIST")


@WITH_FUNCTIONS
def test_a_stopped_server_with_functions_does_not_start_empty(lab):
    lab.begin("save 3600 1")
    lab.ask("FUNCTION", "LOAD", LIBRARY)
    lab.service.stop()
    lab.write_file("save 3600 1", "appendonly yes")
    with pytest.raises(InvalidInput, match="would start empty, and data lies at"):
        lab.converge({"appendonly": "yes"}, adopt="keep")


@WITH_FUNCTIONS
def test_a_restart_that_loses_functions_fails(lab, monkeypatch):
    """Whatever the reason: here somebody puts an older dump there while it is stopped."""
    lab.begin("save 3600 1")
    lab.fill(10)
    lab.ask("SAVE")
    older = (lab.data / "dump.rdb").read_bytes()
    lab.ask("FUNCTION", "LOAD", LIBRARY)
    stop = Process.stop

    def stop_and_swap(service: Process) -> None:
        stop(service)
        (lab.data / "dump.rdb").write_bytes(older)

    monkeypatch.setattr(Process, "stop", stop_and_swap)
    with pytest.raises(ApplyFailed, match="it started without 1 of its 1 libraries of functions"):
        lab.converge({"databases": 20}, adopt="keep", restart=True)


def test_a_server_that_may_start_empty(lab):
    if not lab.multi:
        pytest.skip("Redis 6.2 has no manifest")
    wanted = {"appendonly": "yes", "save": ""}
    lab.converge(wanted)
    lab.fill(10)
    lab.service.stop()
    [manifest] = (lab.data / "appendonlydir").glob("*.manifest")
    manifest.unlink()
    lab.converge(wanted, accept_empty=True)
    assert lab.keys() == 0


# --- a full disk --------------------------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(lab) -> Iterator[Path]:
    """A file system of 2 MB in the place of the data directory."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    lab.data.mkdir(parents=True)
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(lab.data)], capture_output=True, check=False
    )
    if mounted.returncode != 0:
        pytest.skip("this container may not mount a file system")
    yield lab.data
    lab.service.kill()
    subprocess.run(["umount", "--lazy", str(lab.data)], check=True)


def large(lab: Lab) -> None:
    """4 MB that can not be made smaller."""
    script = "math.randomseed(1) local t = {} for i = 1, 100000 do t[i] = string.char(math.random(0, 255)) end "
    script += "local s = table.concat(t) for i = 1, 40 do redis.call('SET', 'key:' .. i, s .. i) end"
    lab.ask("EVAL", script, "0")


def seconds(work: Any) -> float:
    began = time.monotonic()
    with pytest.raises(ApplyFailed, match="most often the disk is full"):
        work()
    return time.monotonic() - began


@OLD_AND_NEW
@pytest.mark.parametrize("before", [0, 1], ids=["the first failure", "after an earlier failure"])
@pytest.mark.usefixtures("small_disk")
def test_an_append_only_file_that_does_not_fit(lab, before):
    """A24: the run hung for up to an hour."""
    lab.converge({"save": "", "rdbcompression": "no"})
    large(lab)
    wanted = {"save": "", "rdbcompression": "no", "appendonly": "yes", "timeout": 5}
    text, config = lab.text, lab.config()
    for _ in range(before + 1):
        assert seconds(lambda: lab.converge(wanted)) < 40
        assert lab.get("appendonly") == "no"
        assert lab.get("timeout") == "0"
        assert lab.text == text
    changed = {name for name, value in lab.config().items() if config.get(name) != value}
    assert changed == set()
    assert lab.keys() == 40
    assert lab.ask("SET", "key:1", "x") == "OK", "writes are accepted"
