"""A Debian without systemd: the package's SysV script does what the unit does elsewhere."""

import oracle
import pytest

CONFIG = "/etc/redis/redis.conf"
KEY = "oracle:survives"


@pytest.fixture(scope="module", autouse=True, params=["provisioned", "restarted"])
def moment(host, request):
    """Every test runs at both moments. After a restart nothing here starts services: somebody does."""
    if request.param == "restarted":
        oracle.redis_cli(host, "set", KEY, "still here")
        oracle.restart_host(host)
        oracle.put_kernel_back(host)
        assert host.run("pgrep -x redis-server").stdout == ""
        host.check_output("service redis-server start")
        host.check_output("for _ in $(seq 50); do redis-cli ping 2>/dev/null && break; sleep 0.1; done")
    return request.param


@pytest.fixture
def pid(host):
    return int(host.check_output("cat /run/redis/redis-server.pid"))


def test_there_is_no_systemd(host):
    assert host.run("command -v systemctl").rc != 0
    assert host.check_output("cat /proc/1/comm") != "systemd"


def test_data_survives_the_restart(host, moment):
    if moment == "restarted":
        assert oracle.redis_cli(host, "get", KEY) == "still here"
        oracle.redis_cli(host, "del", KEY)
    assert oracle.redis_cli(host, "ping") == "PONG"
    assert oracle.redis_cli(host, "dbsize") == "0"


def test_guide(host):
    assert oracle.config(host, oracle.GUIDE) == oracle.GUIDE


def test_only_this_machine_can_reach_it(host):
    assert oracle.listeners(host) == {"127.0.0.1:6379": 511, "[::1]:6379": 511}


def test_the_script_started_it(host, pid):
    assert host.check_output("pgrep -x redis-server") == str(pid)
    assert host.run("service redis-server status").rc == 0
    assert f"process_id:{pid}" in oracle.redis_cli(host, "info", "server")
    wanted = {"daemonize": "yes", "supervised": "no", "pidfile": "/run/redis/redis-server.pid"}
    assert oracle.config(host, wanted) == wanted


def test_it_starts_at_boot(host):
    links = host.check_output("find /etc/rc2.d /etc/rc3.d /etc/rc5.d -name 'S*redis-server'").split()
    assert len(links) == 3


def test_process(host, pid):
    assert oracle.open_files(host, pid) == (11024, 11024)
    assert oracle.user_and_group(host, pid) == ["redis", "redis"]


def test_started_once_and_never_as_the_package_has_it(host, pid):
    started = oracle.starts(host)
    assert len(started) == oracle.boots(host)
    assert started[-1] == str(pid)
    assert host.check_output("grep -c 'Creating AOF base file' /var/log/redis/redis-server.log") == "1"


def test_owners_and_modes(host):
    wanted = {
        CONFIG: "640 redis redis",
        "/etc/default/redis-server": "644 root root",
        "/etc/sysctl.d/99-zz-redis.conf": "644 root root",
        "/var/lib/ansible-redis/redis-default.json": "600 root root",
        "/var/lib/ansible-redis/redis-default.conf": "600 root root",
    }
    assert oracle.modes(host, *wanted) == wanted
    assert oracle.world_writable(host) == []
    left = ("/usr/sbin/policy-rc.d", "/etc/rc.local", "/etc/systemd/system/redis-server.service")
    assert oracle.modes(host, *left) == {}
    assert oracle.names(host, "/etc/redis") == ["redis.conf"]


def test_persistence(host):
    manifest = "/var/lib/redis/appendonlydir/appendonly.aof.manifest"
    checked = host.run(f"redis-check-aof {manifest}")
    assert checked.rc == 0, checked.stdout
