"""Several hosts, several runs and several calls of the role at a time."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import hosts
import plays
import pytest
import yaml
from hosts import Host
from plays import Inventory
from setups import packaged

LOCK = "/var/lib/ansible-redis/lock"
# Holds the lock as a run does, until it is killed
HOLDER = f"""
import fcntl, json, os, time
os.makedirs("{LOCK.rpartition("/")[0]}", 0o700, exist_ok=True)
file = open("{LOCK}", "w")
fcntl.flock(file, fcntl.LOCK_EX)
json.dump({{"holder": "provision by ann@laptop", "since": "2026-01-01T10:00:00+00:00", "pid": os.getpid()}}, file)
file.flush()
time.sleep(3600)
"""


def hold_the_lock(host: Host) -> None:
    host.put("/root/holder.py", HOLDER)
    host.script("nohup python3 /root/holder.py >/dev/null 2>&1 &")
    host.eventually(f"grep -q ann {LOCK}")


def release(host: Host) -> None:
    """The holder dies without a last word."""
    host.script("pkill -9 -f /root/holder.py")


# --- one run at a time -----------------------------------------------------------------------------------------------


@pytest.mark.host(setup=hold_the_lock, alone=True)
def test_a_run_stops_and_names_the_one_that_works(host):
    """A25. It waits for two minutes, names who holds the lock and since when, and the host is as it was."""
    run = plays.provision(host)
    assert not run.ok
    assert run.says("provision by ann@laptop", "2026-01-01T10:00:00", title="error"), str(run)
    assert host.run("pgrep redis-server").rc != 0


@pytest.mark.host(setup=hold_the_lock, alone=True)
def test_a_run_waits_for_the_one_that_works(host):
    """A25: the lock is free when its holder dies."""
    with plays.playing("provision.yml", Inventory.of(host)) as process:
        time.sleep(8)
        assert host.run("test -e /etc/systemd/system/redis-server.service.d").rc != 0
        release(host)
        output = process.communicate(timeout=300)[0]
    assert plays.Play(process.returncode, output).on(host).ok, output


@pytest.mark.host(alone=True)
def test_two_runs_at_once(host):
    """The second of A25: with different settings, and both end well."""
    first, second = (Inventory.of(host, redis_server_settings={"hz": hz, "maxmemory": "300mb"}) for hz in (20, 30))
    with plays.playing("provision.yml", first) as one, plays.playing("provision.yml", second) as other:
        outputs = [process.communicate(timeout=300)[0] for process in (one, other)]
    for process, output in zip((one, other), outputs):
        assert plays.Play(process.returncode, output).on(host).ok, output
    assert host.config("hz") in ("20", "30")
    assert f"hz {host.config('hz')}" in host.check_output("cat /etc/redis/redis.conf")


# --- restarts --------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def fleet() -> Iterator[list[Host]]:
    found = hosts.start(*["bookworm"] * 3)
    try:
        assert plays.play("provision.yml", *found).rc == 0
        yield found
    finally:
        hosts.remove(found)


def pids(fleet: list[Host]) -> list[str]:
    return [host.check_output("systemctl show --property MainPID --value redis-server") for host in fleet]


def test_the_first_restart_that_fails_stops_the_others(fleet):
    """A22: a setting that keeps a server from starting takes one host's server down for a moment, not all."""
    before = pids(fleet)
    run = plays.play(
        "provision.yml", *fleet, redis_server_settings={"unixsocket": "/proc/redis.sock"}, redis_server_restart=True
    )
    assert run.rc != 0
    assert run.on(fleet[0]).says("socket", "the old settings serve", title="error"), run.output
    after = pids(fleet)
    assert after[1:] == before[1:]
    for host in fleet:
        host.serves()


def test_one_host_restarts_after_the_other(fleet):
    """A22: the servers of two hosts are never down at the same time."""
    before = pids(fleet)
    run = plays.play("provision.yml", *fleet, redis_server_settings={"databases": 32}, redis_server_restart=True)
    assert run.rc == 0, run.output
    assert not set(pids(fleet)) & set(before)
    names = "--property=InactiveEnterTimestampMonotonic --property=ActiveEnterTimestampMonotonic"
    down = []
    for host in fleet:
        lines = host.check_output(f"systemctl show {names} redis-server").splitlines()
        times = {name: int(value) for name, value in (line.split("=") for line in lines)}
        down.append((times["InactiveEnterTimestampMonotonic"], times["ActiveEnterTimestampMonotonic"]))
    down.sort()  # containers have one clock
    assert all(end < begin for (_, end), (begin, _) in zip(down, down[1:])), down


def test_as_many_as_somebody_says(fleet):
    run = plays.play(
        "provision.yml",
        *fleet,
        redis_server_settings={"databases": 8},
        redis_server_restart=True,
        redis_server_serial=3,
    )
    assert run.rc == 0, run.output
    assert [host.config("databases") for host in fleet] == ["8"] * 3
    assert run.output.count("TASK [redis_server : Restart | Apply what waits") == 1, run.output


# --- layers ----------------------------------------------------------------------------------------------------------


@pytest.mark.host(alone=True)
def test_a_group_below_keeps_what_the_one_above_says(host):
    """A21: key by key; and a share of the memory as the second."""
    inventory = Inventory.of(host)
    child = {
        "hosts": {host.name: {"redis_server_host_settings": {"timeout": 60}}},
        "vars": {"redis_server_group_settings": {"hz": 20}},
    }
    top = {"bind": "0.0.0.0", "maxmemory": "10%", "hz": 15}
    inventory.write({"children": {"frontend": child}, "vars": {"redis_server_settings": top}})
    run = plays.run("provision.yml", inventory).on(host)
    assert run.ok, str(run)
    assert [host.config(name) for name in ("bind", "hz", "timeout")] == ["0.0.0.0", "20", "60"]
    memory = host.memory()
    assert 0.09 * memory < int(host.config("maxmemory")) <= 0.1 * memory


# --- calls of the role -----------------------------------------------------------------------------------------------


def playbook(directory: Path, *tasks: object, roles: object = ()) -> str:
    path = directory / "site.yml"
    play = {
        "name": "Own",
        "hosts": "redis",
        "become": True,
        "gather_facts": False,
        "roles": list(roles),
        "tasks": list(tasks),
    }
    path.write_text(yaml.safe_dump([play], sort_keys=False))
    return str(path)


def called(**variables: object) -> dict[str, object]:
    return {"name": "Call", "ansible.builtin.include_role": {"name": "redis_server"}, "vars": variables}


@pytest.mark.host(alone=True)
def test_two_calls_of_the_role_in_one_play(host, tmp_path):
    """A14: the second call has its own declaration, and what it calls verified is."""
    first = {"role": "redis_server", "redis_server_settings": {"bind": "0.0.0.0", "maxmemory": "300mb"}}
    second = {"role": "redis_server", "redis_server_settings": {"bind": "127.0.0.1", "maxmemory": "200mb"}}
    run = plays.play(playbook(tmp_path, roles=[first, second]), host).on(host)
    assert run.ok, run.output
    assert host.facts()["listeners"] == ["127.0.0.1:6379"]
    assert host.config("maxmemory") == str(200 * 1024**2)


@pytest.mark.host(alone=True)
def test_the_role_in_a_loop(host, tmp_path):
    """The second of A14: instances one after the other, each call with all that are there by then."""
    names = ["default", "cache", "queue"]
    instances = [{"name": name, "port": 6379 + number} for number, name in enumerate(names)]
    loop = {
        **called(redis_server_instances="{{ item }}", redis_server_settings={"maxmemory": "100mb"}),
        "loop": [instances[:1], instances[:2], instances],
    }
    run = plays.play(playbook(tmp_path, loop), host).on(host)
    assert run.ok, run.output
    assert host.facts()["listeners"] == sorted(f"{ip}:{6379 + n}" for ip in ("127.0.0.1", "[::1]") for n in range(3))


@pytest.mark.host(setup=packaged("hz 20", "# theirs", keys=100), alone=True)
def test_a_run_that_begins_in_the_middle(host, untouched):
    """Whoever leaves the preflight out does not get past its guards."""
    for options in (
        ("--skip-tags", "redis_host"),
        ("--tags", "redis_server"),
    ):
        run = plays.provision(host, options=options)
        assert not run.ok, str(run)
    begun = plays.provision(
        host,
        options=(
            "--start-at-task",
            "redis_server : Converge | Bring each instance to its declared settings, and verify it",
        ),
    )
    assert not begun.ok, begun.output
    assert "adopt: keep" in begun.output
    untouched()


@pytest.mark.host(setup=packaged(keys=10), alone=True)
def test_a_run_without_the_rights_of_root(host):
    """It says that first: everything else that it sees would be wrong."""
    host.script(
        "usermod -s /bin/sh ops; mkdir -p /srv/.ssh; cp /root/.ssh/authorized_keys /srv/.ssh; chown -R ops: /srv"
    )
    before = host.facts()
    run = plays.provision(host, ansible_user="ops", ansible_become=False)
    assert not run.ok
    assert run.says("not root", "become", title="error"), str(run)
    assert len(run.told("error")) == 1, str(run)
    assert host.facts()["processes"] == before["processes"]


# --- the end of the first --------------------------------------------------------------------------------------------
