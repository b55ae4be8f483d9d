"""What a start that fails goes back to is what ran, and no switch of the AOF on a stopped server loses a key."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, InvalidInput
from instances import OLD_AND_NEW, ONE, lab

__all__ = ["lab"]

BROKEN = {"unixsocket": "/nowhere/redis.sock"}
AOF = {"appendonly": "yes"}
DUMP = {"appendonly": "no", "save": ""}


@OLD_AND_NEW
@pytest.mark.parametrize("killed", [False, True], ids=["stopped", "killed"])
def test_switching_the_aof_off_on_a_stopped_server_keeps_its_keys(lab, killed):
    lab.converge(AOF)
    lab.fill(1000)
    if killed:
        lab.service.kill()
    else:
        lab.service.stop()
    lab.converge(DUMP)
    assert lab.keys() == 1000
    assert lab.get("appendonly") == "no"
    assert not lab.converge(DUMP).changed


@ONE
def test_the_way_back_does_not_load_an_aof_that_was_left_behind(lab):
    lab.converge(AOF)
    lab.fill(10)
    pending = {**DUMP, "databases": 32}
    assert lab.converge(pending).pending_restart
    lab.fill(5000)
    with pytest.raises(ApplyFailed, match="the old file is back"):
        lab.converge({**pending, **BROKEN}, restart=True)
    assert lab.keys() == 5000
    assert lab.get("databases") == "16"
    assert lab.get("appendonly") == "no"


@ONE
def test_the_way_back_keeps_what_was_set_live_since(lab):
    lab.converge({"maxmemory": "50mb"})
    assert lab.converge({"maxmemory": "200mb", "databases": 32}).pending_restart
    with pytest.raises(ApplyFailed, match="the old file is back"):
        lab.converge({"maxmemory": "200mb", "databases": 32, **BROKEN}, restart=True)
    assert lab.get("maxmemory") == str(200 * 1024**2)
    assert lab.get("databases") == "16"


@ONE
def test_a_server_that_was_here_before_us_comes_back(lab):
    lab.begin("appendonly yes", "databases 8")
    lab.fill(100)
    assert lab.converge({**AOF, **BROKEN}).pending_restart
    with pytest.raises(ApplyFailed, match="the old file is back"):
        lab.converge({**AOF, **BROKEN}, restart=True)
    assert lab.service.pid()
    assert lab.keys() == 100
    assert lab.get("databases") == "8"


@ONE
def test_keys_that_expire_during_a_restart_are_not_missed(lab):
    lab.converge()
    lab.ask("SET", "lock", "1", "PX", "1")
    assert lab.converge({"databases": 32}, restart=True).restarted
    assert lab.get("databases") == "32"


@ONE
def test_fewer_databases_do_not_mix_the_keys_of_two(lab):
    lab.converge({**AOF, "databases": 48})
    client = lab.client()
    client("SELECT", "40")
    client("SET", "user:1", "BOB")
    with pytest.raises(InvalidInput, match="database 40 has keys"):
        lab.converge(AOF, restart=True)
    assert lab.get("databases") == "48"
