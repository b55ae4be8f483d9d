"""appendonly no -> yes, and back, from every state of the disk: no path loses a key.

A server that starts with `appendonly yes` and finds no AOF starts empty, and its next save overwrites the dump.
"""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.base.change import Change
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from instances import OLD_AND_NEW, ONE, Lab, lab, some

__all__ = ["lab"]

KEYS = 10_000
OFF = {"appendonly": "no", "save": "3600 1"}
ON = {**OFF, "appendonly": "yes"}


def kept(lab: Lab, keys: int = KEYS) -> bool:
    """The keys are there now, after a crash, and after an orderly restart."""
    assert lab.keys() == keys
    assert "appendonly yes" in lab.lines
    assert lab.get("appendonly") == "yes"
    lab.service.kill()
    lab.start()
    assert lab.keys() == keys
    lab.bounce()
    assert lab.keys() == keys
    assert not lab.converge(ON).changed
    return True


def test_on_a_running_server(lab):
    lab.converge(OFF)
    lab.fill(KEYS)
    pid = lab.service.pid()
    lab.converge(ON)
    assert lab.service.pid() == pid
    info = lab.info()
    assert (info["aof_enabled"], info["aof_rewrite_in_progress"], info["aof_rewrite_scheduled"]) == ("1", "0", "0")
    assert kept(lab)


def test_on_a_server_that_still_writes_its_first_aof(lab, monkeypatch):
    """A run was killed while it switched it on."""
    lab.converge(OFF)
    lab.fill(KEYS)
    lab.ask("CONFIG", "SET", "rdb-key-save-delay", "100")  # microseconds for each key: a second
    lab.ask("CONFIG", "SET", "appendonly", "yes")
    committed, commit = [], Change.commit

    def watched(change):
        info = lab.info()
        committed.append((lab.text, info["aof_rewrite_in_progress"] + info["aof_rewrite_scheduled"]))
        commit(change)

    before = lab.text
    monkeypatch.setattr(Change, "commit", watched)
    lab.converge(ON)
    assert committed == [(before, "00")]
    assert kept(lab)


def test_on_a_stopped_server_with_a_dump(lab):
    lab.converge(OFF)
    lab.fill(KEYS)
    lab.service.stop()
    assert (lab.data / "dump.rdb").exists()
    lab.converge(ON)
    assert kept(lab)


@ONE
def test_on_a_machine_whose_dump_is_older_than_its_first_run(lab):
    lab.begin("save 3600 1")
    lab.fill(KEYS)
    lab.service.stop()
    lab.config_path.unlink()
    lab.converge(ON)
    assert kept(lab)


@OLD_AND_NEW
def test_on_a_stopped_server_with_an_aof_from_before_it_was_switched_off(lab):
    lab.converge(ON)
    lab.fill(100)
    lab.converge(OFF)
    lab.fill(KEYS)
    lab.service.stop()
    lab.converge(ON)
    assert kept(lab)


@ONE
def test_on_a_running_server_with_an_aof_from_before_it_was_switched_off(lab):
    lab.converge(ON)
    lab.fill(100)
    lab.converge(OFF)
    lab.fill(KEYS)
    lab.converge(ON)
    assert kept(lab)


@OLD_AND_NEW
def test_while_a_dump_is_being_written(lab):
    lab.converge(OFF)
    lab.fill(KEYS)
    lab.ask("CONFIG", "SET", "rdb-key-save-delay", "20")
    lab.ask("BGSAVE")
    assert lab.info()["rdb_bgsave_in_progress"] == "1"
    lab.ask("CONFIG", "SET", "rdb-key-save-delay", "0")  # of the rewrite; the dump's child has its own copy
    lab.converge(ON)
    assert kept(lab)


@ONE
def test_together_with_a_restart(lab):
    lab.converge(OFF)
    lab.fill(1)
    lab.ask("FLUSHALL")
    lab.converge({**ON, "databases": 32}, restart=True)
    lab.fill(KEYS)
    lab.converge(ON)
    assert lab.keys() == KEYS


@OLD_AND_NEW
def test_a_stopped_server_whose_aof_is_the_newest_keeps_it(lab):
    lab.converge({"appendonly": "yes", "save": ""})
    lab.ask("SET", "in", "dump")
    lab.ask("BGSAVE")
    lab.fill(KEYS)
    lab.ask("DEL", "in")
    lab.service.stop()
    lab.converge(ON)
    assert kept(lab)


@some("redis 7.0.15", "valkey 9.1.2")
def test_a_stopped_server_after_an_upgrade_from_6_2_keeps_its_aof(lab):
    """The first start of 7.0 takes the one file over into its directory."""
    lab.write_file("appendonly yes", "save 3600 1")
    commands = "".join(
        f"*3\r\n$3\r\nSET\r\n${len(f'key:{number}')}\r\nkey:{number}\r\n$1\r\nx\r\n" for number in range(KEYS)
    )
    (lab.data / "dump.rdb").write_bytes(_empty_dump())
    (lab.data / "appendonly.aof").write_bytes(f"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n{commands}".encode())
    lab.converge(ON)
    assert kept(lab)


def _empty_dump() -> bytes:
    """RDB version 9 without a key; checksum 0 is not checked."""
    return b"REDIS0009\xff" + bytes(8)


@OLD_AND_NEW
def test_on_an_empty_server_that_writes_its_aof_as_commands(lab):
    lab.converge(OFF)
    lab.converge({**ON, "aof-use-rdb-preamble": "no"})
    lab.fill(10)
    lab.service.kill()
    lab.start()
    assert lab.keys() == 10


@some("redis 7.0.15", "valkey 9.1.2")
def test_one_that_cannot_be_written_leaves_everything_as_it_was(lab):
    lab.converge(OFF)
    lab.fill(10)
    (lab.data / "appendonlydir").write_text("not a directory")
    config, text = lab.config(), lab.text
    with pytest.raises(ApplyFailed):
        lab.converge({**ON, "timeout": 77})
    assert lab.config() == config
    assert lab.text == text
    assert lab.keys() == 10


@OLD_AND_NEW
def test_switching_it_off_leaves_no_time_without_the_data_on_disk(lab):
    lab.converge(ON)
    lab.fill(KEYS)
    lab.converge(OFF)
    lab.service.kill()
    lab.start()
    assert lab.keys() == KEYS


@ONE
def test_a_run_in_check_mode_switches_nothing(lab):
    lab.converge(OFF)
    lab.fill(10)
    before = lab.everything()
    assert any("appendonly" in action for action in lab.converge(ON, check=True).actions)
    assert lab.everything() == before
    assert lab.info()["aof_enabled"] == "0"
