"""The host restarts, and everything is still in force without anybody's doing."""

from __future__ import annotations

import subprocess

import lab


def test_in_force_after_a_reboot(host, redis, eventually, settled):
    """Kernel, limits, settings, keys; and a run afterwards finds nothing to do."""
    redis.fill(10_000)
    before = redis.identity()
    subprocess.run(["podman", "restart", "--time=30", lab.HOST], check=True, capture_output=True)
    eventually(lambda: subprocess.run([*lab.SSH, "true"], check=False, capture_output=True).returncode == 0)
    eventually(lambda: host.run("systemctl is-system-running").stdout.strip() == "running")

    assert redis.identity() != before
    assert redis.is_full(10_000)
    wanted = ["2147483648", "allkeys-lru", "yes", "everysec", "10000", "511"]
    names = ["maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "maxclients", "tcp-backlog"]
    assert redis.config(*names) == wanted
    assert host.sysctl("net.core.somaxconn") == 16384
    assert host.sysctl("net.ipv4.tcp_max_syn_backlog") == 16385
    assert host.sysctl("vm.overcommit_memory") == 1
    assert "[never]" in host.file("/sys/kernel/mm/transparent_hugepage/enabled").content_string
    limits = host.check_output("cat /proc/$(systemctl show --property MainPID --value redis-server)/limits")
    assert "11024" in next(line for line in limits.splitlines() if line.startswith("Max open files"))
    assert host.check_output("ss -Hltn sport = :6379 | awk '{print $3}' | sort -u") == "511"
    settled()
