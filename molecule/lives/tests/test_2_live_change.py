"""Mutable settings change under a client that writes without pause."""

from __future__ import annotations

import lab

WRITER = lab.PROJECT / "molecule/lives/tests/writer.py"
CHANGES = {
    "maxmemory": "1gb",
    "maxmemory-policy": "volatile-lru",
    "hz": 25,
    "timeout": 3600,
    "slowlog-max-len": 512,
    "slowlog-log-slower-than": 5000,
    "maxclients": 9000,
    "save": "600 5",
}
ANSWERS = ["1073741824", "volatile-lru", "25", "3600", "512", "5000", "9000", "600 5"]
IN_FILE = ["maxmemory 1gb", "maxmemory-policy volatile-lru", "hz 25", "timeout 3600", "slowlog-max-len 512"]
IN_FILE += ["slowlog-log-slower-than 5000", "maxclients 9000", "save 600 5"]


def test_the_client_does_not_notice(redis, file):
    """No failed operation, no reconnect; the same process has the new values, and so has the file."""
    before = redis.identity()
    with lab.OnHost(WRITER) as writer:
        change = lab.play(redis_server_settings=CHANGES)
        client = writer.close()
    assert change.ok, change.output
    assert client["failed"] == 0, client
    assert client["connections"] == 1
    assert client["written"] > 1000
    assert redis("get", f"writer:{client['written'] % 1000}") == str(client["written"])
    assert redis.identity() == before
    assert redis.config(*CHANGES) == ANSWERS
    assert set(IN_FILE) <= set(file())
    assert not change.told("owes a restart")


def test_withdrawn_settings_go_back(redis, file, settled):
    """D7: an edit of the inventory counts on a host that has been provisioned before; so does taking a line out."""
    before = redis.identity()
    outside_the_profile = {"lazyfree-lazy-expire": "yes", "busy-reply-threshold": 9000}
    assert lab.play(redis_server_settings=outside_the_profile).ok
    assert redis.config("lazyfree-lazy-expire", "busy-reply-threshold", "hz") == ["yes", "9000", "10"]
    withdrawn = lab.play()
    assert withdrawn.ok, withdrawn.output
    assert redis.config("lazyfree-lazy-expire", "busy-reply-threshold") == ["no", "5000"]
    assert not [line for line in file() if line.startswith(("lazyfree", "busy-reply"))]
    assert redis.identity() == before
    settled()


def test_a_value_that_the_server_refuses_changes_nothing(host, redis):
    """An address that this host does not have passes every check; only the server can tell."""
    before, text = redis.identity(), host.file("/etc/redis/redis.conf").content
    refused = lab.play(redis_server_settings={"bind": "127.0.0.1 192.0.2.1", "hz": 33})
    assert not refused.ok
    assert "Traceback" not in refused.output
    assert len(refused.told("error")) == 1
    assert "192.0.2.1" in refused.told("error")[0] or "bind" in refused.told("error")[0].lower()
    assert redis.config("hz", "bind") == ["10", "127.0.0.1 -::1"]
    assert host.file("/etc/redis/redis.conf").content == text
    assert redis.identity() == before
