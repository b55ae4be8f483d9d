"""Settings that Redis reads at start only: told, allowed, and taken back when the server does not come up with them."""

from __future__ import annotations

import lab

CONFIG = "/etc/redis/redis.conf"
OWED = "databases runs 16, wanted 8"


def test_told_then_allowed(host, redis, file, settled):
    """A restart that is owed is told by every run until it is allowed; then the keys are still there."""
    redis.fill(10_000)
    before = redis.identity()
    settings = {"databases": 8}
    first = lab.play(redis_server_settings=settings)
    assert first.ok, first.output
    assert OWED in " ".join(first.told("owes a restart"))
    assert redis.config("databases") == "16"
    assert "databases 8" in file()
    assert redis.identity() == before

    again = settled(redis_server_settings=settings)
    assert OWED in " ".join(again.told("owes a restart"))
    assert redis.identity() == before

    allowed = lab.play(redis_server_settings=settings, redis_server_restart=True)
    assert allowed.ok, allowed.output
    assert "restarted redis-server for databases" in " ".join(allowed.told("changed"))
    assert not allowed.told("owes a restart")
    assert redis.config("databases") == "8"
    assert redis.is_full(10_000)
    assert host.service("redis-server").is_running
    assert redis.identity()[0] != before[0]

    after = redis.identity()
    owes_nothing = settled(redis_server_settings=settings, redis_server_restart=True)
    assert not owes_nothing.told("owes a restart")
    assert redis.identity() == after


def test_a_broken_value_is_taken_back(host, redis, settled):
    """A value that parses and keeps the server from starting: the old file and the old server are back."""
    assert lab.play(redis_server_restart=True).ok
    redis.fill(10_000)
    before = host.file(CONFIG)
    text, mode, owner = before.content, before.mode, before.user
    broken = lab.play(redis_server_settings={"unixsocket": "/proc/redis.sock"}, redis_server_restart=True)
    assert not broken.ok
    assert "Traceback" not in broken.output
    error = broken.told("error")
    assert len(error) == 1
    assert "the old file is back" in error[0]
    assert "socket" in error[0].lower(), error
    after = host.file(CONFIG)
    assert (after.content, after.mode, after.user) == (text, mode, owner)
    assert host.service("redis-server").is_running
    assert redis.config("unixsocket") == ""
    assert redis.is_full(10_000)
    # the unit may still write to the directory of the socket; the next run takes that back
    assert lab.play(redis_server_restart=True).ok
    settled(redis_server_restart=True)
