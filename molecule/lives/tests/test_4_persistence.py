"""D2: the AOF is switched on, and nobody loses a key. A Redis that starts with AOF on and finds none starts empty."""

from __future__ import annotations

import shlex

import lab
import pytest

CONFIG = "/etc/redis/redis.conf"
MANIFEST = "/var/lib/redis/appendonlydir/appendonly.aof.manifest"


def without_aof(redis) -> None:
    """10,000 keys in a server that writes snapshots only."""
    run = lab.play(redis_server_profile="cache")
    assert run.ok, run.output
    assert redis.config("appendonly") == "no"
    redis.fill(10_000)


def test_aof_on_in_a_running_server(host, redis, file, settled):
    """No restart; and after one, by somebody else, every key comes out of the AOF."""
    without_aof(redis)
    host.check_output("rm -r /var/lib/redis/appendonlydir")
    before = redis.identity()
    run = lab.play()
    assert run.ok, run.output
    assert redis.identity() == before
    assert redis.is_full(10_000)
    assert "appendonly yes" in file()
    assert host.file(MANIFEST).exists
    host.check_output("systemctl restart redis-server")
    assert redis.is_full(10_000)
    settled()


@pytest.mark.parametrize("left_behind", ["a dump", "a dump and an older AOF"])
def test_aof_on_in_a_stopped_server(host, redis, left_behind):
    """Its keys are in the dump, and the file says appendonly no. What lies in an older AOF is not the truth."""
    without_aof(redis)
    host.check_output("systemctl stop redis-server")
    if left_behind == "a dump":
        host.check_output("rm -r /var/lib/redis/appendonlydir")
    else:
        assert host.file(MANIFEST).exists
    run = lab.play()
    assert run.ok, run.output
    assert redis.is_full(10_000)
    assert redis.config("appendonly") == "yes"
    host.check_output("systemctl restart redis-server")
    assert redis.is_full(10_000)


def test_aof_that_is_still_being_written(host, redis, eventually, settled):
    """A run was killed while it switched the AOF on: the next one waits for it before the file relies on it."""
    without_aof(redis)
    host.check_output("rm -r /var/lib/redis/appendonlydir")
    redis("config", "set", "rdb-key-save-delay", "2000")  # microseconds for each key: 20 seconds
    redis("config", "set", "appendonly", "yes")
    watch = f"while ! grep -q '^appendonly yes' {CONFIG}; do :; done; test -e {MANIFEST}; echo $? >/run/lives.watch"
    host.check_output("rm -f /run/lives.watch")
    host.check_output(f"nohup sh -c {shlex.quote(watch)} >/dev/null 2>&1 &")
    run = lab.play()
    redis("config", "set", "rdb-key-save-delay", "0")
    eventually(lambda: host.file(MANIFEST).exists)
    assert run.ok, run.output
    assert host.file("/run/lives.watch").content_string.strip() == "0", "the file relied on an AOF that was not there"
    assert redis.is_full(10_000)
    settled()
