"""A run that is killed at any point is finished by the next one."""

from __future__ import annotations

import itertools

import lab
import pytest

KILLER = lab.PROJECT / "molecule/lives/tests/killer.py"
# the packages must not start their server for as long as they are installed
POLICY = "/usr/sbin/policy-rc.d"
CONFIG = "/etc/redis/redis.conf"
# In the order in which a first run comes by them. Shell conditions on the host.
MOMENTS = {
    "apt is at work": f"test -e {POLICY}",
    "the configuration is ours": f"grep -q ^maxmemory {CONFIG}",
    "the server starts": "pidof redis-server",
}


def killed_at_task(number: int) -> lab.Play:
    """Run, and kill -9 everything when the task of that number begins. Shorter runs end by themselves."""
    with lab.playing({}) as process:
        output, seen = "", 0
        for line in process.stdout:
            output += line
            seen += line.startswith("TASK [")
            if seen == number:
                break
        else:
            return lab.Play(process.wait(), output)
    return lab.Play(-9, output)


def killed_when(condition: str, **variables) -> list[str]:
    """Run, and kill -9 the module when the condition holds on the host. What was killed there; nothing if it never held."""
    with lab.OnHost(KILLER, condition) as killer:
        lab.play(**variables)
        return killer.close()


def never_with_foreign_settings(host, redis) -> None:
    """A server that runs on a half-done host is one that we configured."""
    if host.run("pidof redis-server").rc == 0:
        host.run("for i in $(seq 50); do redis-cli ping | grep -q PONG && break; sleep 0.1; done")
        assert redis.config("maxmemory") == "2147483648"


def purge(host) -> None:
    """Back to a bare host."""
    host.check_output(
        f"systemctl stop redis-server; rm -f {POLICY}; dpkg --purge --force-all redis-server redis-tools &&"
        f" rm -rf /etc/redis /var/lib/redis /var/log/redis /var/lib/ansible-redis /etc/sysctl.d/99-zz-redis.conf"
        " /etc/systemd/system/redis* /etc/systemd/system/multi-user.target.wants/redis*; systemctl daemon-reload"
    )


def in_force(host, redis) -> None:
    """The ends of the whole chain: kernel, limits, service, settings."""
    assert host.sysctl("net.core.somaxconn") == 16384
    service = host.service("redis-server")
    assert service.is_running
    assert service.is_enabled
    limits = host.check_output("cat /proc/$(systemctl show --property MainPID --value redis-server)/limits")
    assert "11024" in next(line for line in limits.splitlines() if line.startswith("Max open files"))
    assert redis.config("maxmemory", "maxmemory-policy", "appendonly") == ["2147483648", "allkeys-lru", "yes"]
    assert host.file(CONFIG).mode == 0o640


def test_killed_at_every_task(host, redis, settled):
    """The first run is killed at its first task, the second at its second, and so on: the last one gets through."""
    purge(host)
    for number in itertools.count(1):
        run = killed_at_task(number)
        if run.rc != -9:
            break
        never_with_foreign_settings(host, redis)
    assert run.ok, run.output
    assert number > 5
    in_force(host, redis)
    settled()


def test_killed_in_the_middle_of_tasks(host, redis):
    """The machine dies while a module works, between its effects."""
    purge(host)
    killed = []
    for moment, condition in MOMENTS.items():
        if host.run(condition).rc == 0:
            continue  # the run before was killed that much later
        if killed_when(condition):  # a run on a busy machine may be over before the killer looks
            killed.append(moment)
        never_with_foreign_settings(host, redis)
    assert killed
    run = lab.play()
    assert run.ok, run.output
    in_force(host, redis)


def test_no_trial_files_are_left_behind(host):
    """They may hold a password."""
    assert host.check_output("find /etc/redis /var/lib/ansible-redis -name '.*'") == ""


def test_no_inhibitor_is_left_behind(host):
    """The package could not start its server later, and nobody would know why."""
    left = host.file(POLICY).exists
    host.check_output(f"rm -f {POLICY}")
    assert not left


def test_killed_in_the_middle_of_a_restart(redis):
    """The server is down and the file is new: the next run starts it, with its keys."""
    redis.fill(10_000)
    for databases in range(8, 13):  # until the killer was there in time
        variables = {"redis_server_settings": {"databases": databases}, "redis_server_restart": True}
        if killed_when("! pidof redis-server", **variables):
            break
    else:
        pytest.fail("no restart was interrupted")
    run = lab.play(**variables)
    assert run.ok, run.output
    assert redis.is_full(10_000)
    assert redis.config("databases") == str(databases)
    run = lab.play(redis_server_restart=True)
    assert run.ok, run.output
    assert redis.config("databases") == "16"


@pytest.fixture
def _repaired_afterwards(host):
    yield
    purge(host)
    assert lab.play().ok


@pytest.mark.usefixtures("_repaired_afterwards")
def test_killed_in_the_middle_of_an_installation(host, redis, settled):
    """The machine dies while dpkg works: the package is neither there nor not. What the host itself forbids stays so."""
    purge(host)
    host.check_output(f"printf '#!/bin/sh\\n# of the host\\nexit 101\\n' >{POLICY}; chmod 755 {POLICY}")
    own = host.file(POLICY).content
    assert killed_when("test -e /lib/systemd/system/redis-server.service")
    never_with_foreign_settings(host, redis)
    run = lab.play()
    assert run.ok, run.output
    assert host.file(POLICY).content == own
    in_force(host, redis)
    settled()
