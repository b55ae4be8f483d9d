"""What is claimed of Valkey on Debian 13: provisioned, proved again without a change, checked for drift, and loaded."""

from __future__ import annotations

import load
import oracle
import pytest

# guide 1.1, 2.1, 2.2, 3.1 as the profile session has them; the policy protects keys without a TTL
SESSION = {"appendonly": "yes", "appendfsync": "everysec", "maxclients": "10000", "tcp-backlog": "511", "timeout": "0"}
PORTS = {"default": 6379, "queue": 6380}


def ask(host, name, *words):
    """Its own valkey-cli, which a host with nothing but Valkey has."""
    answer = host.run(f"REDISCLI_AUTH={load.PASSWORD} valkey-cli -e -p {PORTS[name]} {' '.join(words)}")
    assert answer.rc == 0, answer.stdout + answer.stderr
    return answer.stdout.rstrip("\n")


def config(host, name, *options):
    lines = ask(host, name, "config", "get", *options).split("\n")
    return dict(zip(lines[::2], lines[1::2]))


def test_it_is_valkey_and_nothing_of_redis(host):
    assert "server_name:valkey" in ask(host, "default", "info", "server")
    assert host.run("dpkg-query -W -f '${Package}\n' redis-server").rc != 0
    assert host.run("pgrep -x redis-server").rc == 1


@pytest.mark.parametrize(("name", "policy"), [("default", "volatile-lru"), ("queue", "noeviction")])
def test_it_runs_as_declared(host, name, policy):
    wanted = {**SESSION, "maxmemory": str(64 * 1024**2), "maxmemory-policy": policy}
    assert config(host, name, *wanted) == wanted


@pytest.mark.parametrize("name", PORTS)
def test_its_process_has_what_the_guide_asks_for(host, name):
    pid = int(
        dict(line.split(":", 1) for line in ask(host, name, "info", "server").split() if ":" in line)["process_id"]
    )
    assert min(map(int, oracle.open_files(host, pid))) >= 10_000 + 1024
    assert oracle.user_and_group(host, pid) == ["valkey", "valkey"]


def test_the_kernel_is_set_up(host):
    assert oracle.kernel(host, oracle.KERNEL_AT_LEAST).keys() == oracle.KERNEL_AT_LEAST.keys()
    for name, least in oracle.KERNEL_AT_LEAST.items():
        assert int(oracle.kernel(host, [name])[name]) >= least


def test_a_second_run_changes_nothing_and_proves_it(host):
    before = [ask(host, name, "info", "server").split("process_id:")[1].split()[0] for name in PORTS]
    status, output = oracle.provision()
    assert status == 0, output
    assert "changed=0" in output
    for name in PORTS:
        oracle.told(output, f"instance {name}: settings, ping, key")
    assert [ask(host, name, "info", "server").split("process_id:")[1].split()[0] for name in PORTS] == before


def test_data_survives_a_restart(host):
    ask(host, "queue", "set", "kept", "1")
    status, output = oracle.provision(
        redis_server_settings={"bind": "127.0.0.1 10.99.14.11", "databases": 32}, redis_server_restart=True
    )
    assert status == 0, output
    assert config(host, "queue", "databases") == {"databases": "32"}
    assert ask(host, "queue", "get", "kept") == "1"
    ask(host, "queue", "del", "kept")
    status, output = oracle.provision(redis_server_restart=True)
    assert status == 0, output


def test_drift_is_found_and_mended(host):
    status, output = load.play("check_drift.yml")
    assert status == 0, output
    assert "clean: " in output
    ask(host, "default", "config", "set", "maxmemory-policy", "noeviction")
    status, output = load.play("check_drift.yml")
    assert status == 2, output
    oracle.told(output, "maxmemory-policy", "volatile-lru", "noeviction")
    status, output = oracle.provision()
    assert status == 0, output
    status, output = load.play("check_drift.yml")
    assert status == 0, output


def test_it_carries_a_load(host):
    status, output = load.play("run_load_test.yml", **load.SHORT)
    found = load.document(status, output)
    assert found["verdict"] == "PASS" or load.only_busy(found), output
    sessions, queue = (load.instance(found, name) for name in PORTS)
    assert load.missed(sessions) <= load.WAITS
    assert sessions["metrics"]["operations"] > 1000
    assert queue["loads"]["jobs"], "the jobs have run on Valkey"
    for name in PORTS:
        assert ask(host, name, "acl", "users").splitlines() == ["default"]
        assert ask(host, name, "dbsize") == "0"
