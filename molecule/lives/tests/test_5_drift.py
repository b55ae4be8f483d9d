"""Somebody else changes the file, the server, the kernel and the service: one run puts each back."""

from __future__ import annotations

import lab

CONFIG = "/etc/redis/redis.conf"
SYSCTL = "/etc/sysctl.d/99-zz-redis.conf"
DROP_IN = "/etc/systemd/system/redis-server.service.d/50-ansible.conf"


def test_one_run_puts_everything_back(host, redis, settled):
    """While the server runs: file, live values, kernel and limits. The server does not notice that it is repaired."""
    before, text = redis.identity(), host.file(CONFIG).content
    somaxconn = host.sysctl("net.core.somaxconn")
    redis("config", "set", "maxmemory", "7mb")
    redis("config", "set", "latency-tracking", "no")
    redis("config", "rewrite")
    host.check_output(f"sed -i 's/^hz .*/hz 77/; s/^appendfsync .*//' {CONFIG}; echo lfu-decay-time 9 >>{CONFIG}")
    host.check_output(f"sysctl --quiet --write net.core.somaxconn=128; rm {SYSCTL}")
    host.check_output(f"rm {DROP_IN}; systemctl daemon-reload")
    assert host.file(CONFIG).content != text

    run = lab.play()
    assert run.ok, run.output
    assert host.file(CONFIG).content == text
    assert redis.config("maxmemory", "hz", "appendfsync") == ["2147483648", "10", "everysec"]
    assert redis.config("latency-tracking", "lfu-decay-time") == ["yes", "1"]
    assert host.sysctl("net.core.somaxconn") == somaxconn == 16384
    assert "16384" in host.file(SYSCTL).content_string
    assert host.check_output("systemctl show --property LimitNOFILE --value redis-server") == "11024"
    assert redis.identity() == before
    settled()


def test_permissions_of_the_file(host):
    """The file may hold a password: it is not for everybody to read."""
    host.check_output(f"chmod 644 {CONFIG}; chown root:root {CONFIG}")
    run = lab.play()
    assert run.ok, run.output
    file = host.file(CONFIG)
    assert (file.user, file.group, file.mode) == ("redis", "redis", 0o640)


def test_a_stopped_disabled_and_masked_service(host, redis, settled):
    """It serves again, now and at boot, with its keys; that is all that the run does."""
    redis.fill(10_000)
    host.check_output("systemctl disable --now redis-server; systemctl mask redis-server")
    run = lab.play()
    assert run.ok, run.output
    told = " ".join(run.told("changed"))
    assert "unmasked redis-server" in told
    assert "enabled redis-server" in told
    assert "started redis-server" in told
    assert len(run.told("changed")) == 3, told
    assert host.service("redis-server").is_enabled
    assert redis.is_full(10_000)
    settled()
