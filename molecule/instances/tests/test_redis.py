"""The production example: a cache that may forget and a queue that must not, on one host."""

import re

import oracle
import pytest

PASSWORD = "molecule-only"
OPTIONS = (
    *("maxmemory", "maxmemory-policy", "appendonly", "save", "slowlog-max-len", "maxclients", "tcp-backlog", "timeout"),
    *("tcp-keepalive", "dir", "logfile", "pidfile", "port", "requirepass", "appendfsync", "auto-aof-rewrite-min-size"),
)
SAVE = "900 1 300 10 60 10000"
# What the two have in common: guide 2.1, 3.1, and the inventory's slowlog-max-len
COMMON = {
    "save": SAVE,
    "slowlog-max-len": "1024",
    "maxclients": "10000",
    "tcp-backlog": "511",
    "timeout": "0",
    "tcp-keepalive": "300",
    "requirepass": PASSWORD,
    "appendfsync": "everysec",
}
WANTED = {
    "cache": {
        **COMMON,
        "port": "6379",
        "maxmemory": "1073741824",
        "maxmemory-policy": "allkeys-lru",
        "appendonly": "no",
        "auto-aof-rewrite-min-size": "67108864",  # Redis' own default: a cache has no AOF
        "dir": "/var/lib/redis/cache",
        "logfile": "/var/log/redis/redis-server-cache.log",
        "pidfile": "/run/redis-cache/redis-server.pid",
    },
    "queue": {
        **COMMON,
        "port": "6380",
        "maxmemory": "536870912",
        "maxmemory-policy": "noeviction",
        "appendonly": "yes",
        "auto-aof-rewrite-min-size": "104857600",
        "dir": "/var/lib/redis/queue",
        "logfile": "/var/log/redis/redis-server-queue.log",
        "pidfile": "/run/redis-queue/redis-server.pid",
    },
}
KEY = "oracle:survives"

each_instance = pytest.mark.parametrize("name", WANTED)


@pytest.fixture(scope="module", autouse=True, params=["provisioned", "restarted"])
def moment(host, request):
    """Every test runs at both moments."""
    if request.param == "restarted":
        for name in WANTED:
            ask(host, name, "set", KEY, name)
        oracle.restart_host(host)
    yield request.param
    oracle.put_kernel_back(host)


def ask(host, name, *arguments):
    return oracle.redis_cli(host, *arguments, port=int(WANTED[name]["port"]), password=PASSWORD)


def unit(name):
    return f"redis-server@{name}.service"


def pid(host, name):
    return int(oracle.unit(host, unit(name), "MainPID")["MainPID"])


@each_instance
def test_data_survives_the_restart(host, name, moment):
    if moment == "restarted":
        assert ask(host, name, "get", KEY) == name
        ask(host, name, "del", KEY)
    assert ask(host, name, "ping") == "PONG"
    assert ask(host, name, "dbsize") == "0"


@each_instance
def test_settings(host, name):
    found = oracle.config(host, OPTIONS, int(WANTED[name]["port"]), PASSWORD)
    assert found == WANTED[name]


@each_instance
def test_nobody_gets_in_without_the_password(host, name):
    answer = host.run(f"redis-cli -p {WANTED[name]['port']} ping")
    assert "NOAUTH" in answer.stdout + answer.stderr


@each_instance
def test_service(host, name):
    names = ("LoadState", "ActiveState", "UnitFileState", "Type", "NRestarts", "LimitNOFILE")
    assert oracle.unit(host, unit(name), *names) == {
        "LoadState": "loaded",
        "ActiveState": "active",
        "UnitFileState": "enabled",
        "Type": "notify",
        "NRestarts": "0",
        "LimitNOFILE": "11024",
    }


@each_instance
def test_process(host, name):
    process = pid(host, name)
    assert oracle.open_files(host, process) == (11024, 11024)
    assert oracle.user_and_group(host, process) == ["redis", "redis"]
    assert f"process_id:{process}" in ask(host, name, "info", "server")


def test_two_processes(host):
    running = {int(process) for process in host.check_output("pgrep -x redis-server").split()}
    assert running == {pid(host, "cache"), pid(host, "queue")}
    assert len(running) == 2


@each_instance
def test_started_once(host, name):
    started = oracle.starts(host, WANTED[name]["logfile"])
    assert len(started) == oracle.boots(host)
    assert started[-1] == str(pid(host, name))


@each_instance
def test_sandbox_is_no_weaker_than_the_packages_own(host, name):
    ours = oracle.exposure(host, f"systemctl cat {unit(name)}", f"ours@{name}")
    assert ours <= oracle.exposure(host, "cat /lib/systemd/system/redis-server@.service", f"stock@{name}")


def test_packages_own_instance_never_ran(host):
    state = oracle.unit(host, "redis-server.service", "LoadState", "ActiveState", "ExecMainStartTimestamp")
    assert state == {"LoadState": "masked", "ActiveState": "inactive", "ExecMainStartTimestamp": ""}
    left = ("/var/log/redis/redis-server.log", "/var/lib/redis/dump.rdb", "/var/lib/redis/appendonlydir", "/run/redis")
    assert oracle.modes(host, *left) == {}
    assert host.run("dpkg --verify redis-server").stdout == ""  # not even its file was written


def test_only_this_machine_can_reach_them(host):
    addresses = ("127.0.0.1:6379", "[::1]:6379", "127.0.0.1:6380", "[::1]:6380")
    assert oracle.listeners(host) == dict.fromkeys(addresses, 511)


@each_instance
def test_owners_and_modes(host, name):
    wanted = {
        f"/etc/redis/redis-{name}.conf": "640 redis redis",
        f"/etc/systemd/system/redis-server@{name}.service.d/50-ansible.conf": "644 root root",
        f"/var/lib/ansible-redis/redis-{name}.json": "600 root root",
        f"/var/lib/ansible-redis/redis-{name}.conf": "600 root root",
        f"/var/lib/redis/{name}": "750 redis redis",
    }
    assert oracle.modes(host, *wanted) == wanted


def test_nothing_is_world_writable_and_nothing_left_behind(host):
    assert oracle.world_writable(host) == []
    assert oracle.modes(host, "/etc/rc.local", "/usr/sbin/policy-rc.d") == {}
    assert oracle.names(host, "/etc/redis") == ["redis-cache.conf", "redis-queue.conf", "redis.conf"]
    state = [f"redis-{name}.{kind}" for name in ("cache", "queue") for kind in ("conf", "json")]
    # the package's own server is stopped by a mask that is known as this project's
    assert oracle.names(host, "/var/lib/ansible-redis") == sorted(["host.json", "lock", "redis-default.masked", *state])


def test_persistence(host):
    assert "appendonlydir" not in oracle.names(host, "/var/lib/redis/cache")
    directory = "/var/lib/redis/queue/appendonlydir"
    manifest = host.check_output(f"cat {directory}/appendonly.aof.manifest")
    listed = re.findall(r"^file (\S+) seq \d+ type [bi]", manifest, re.MULTILINE)
    assert sorted(oracle.names(host, directory)) == sorted([*listed, "appendonly.aof.manifest"])
    assert host.run(f"redis-check-aof {directory}/appendonly.aof.manifest").rc == 0


def test_where_the_password_is(host):
    """In the configuration, and in the copy of the last one that a server started with: nobody else may read them."""
    found = host.run(f"grep -rlsF {PASSWORD} /etc /var /run /tmp /root /home /opt /srv /usr/local").stdout.split()
    assert oracle.modes(host, *found) == {
        "/etc/redis/redis-cache.conf": "640 redis redis",
        "/etc/redis/redis-queue.conf": "640 redis redis",
        "/var/lib/ansible-redis/redis-cache.conf": "600 root root",
        "/var/lib/ansible-redis/redis-queue.conf": "600 root root",
    }
    assert PASSWORD not in host.check_output("journalctl --no-pager --output=cat")


def test_kernel(host):
    found = oracle.kernel(host, [*oracle.KERNEL_EXACT, *oracle.KERNEL_AT_LEAST])
    assert {name: found[name] for name in oracle.KERNEL_EXACT} == oracle.KERNEL_EXACT
    assert all(found[name] >= value for name, value in oracle.KERNEL_AT_LEAST.items())
    assert oracle.huge_pages(host) == "never"
