"""Changing one instance never touches the other, and its secret is seen nowhere on the way."""

import oracle
import pytest

PASSWORD = "molecule-only"
ROTATED = "oracle-rotated"
ARGV = "/tmp/oracle-argv"
# Collects what `ps` could have shown to anybody, for as long as its own file exists.
WATCH = f"""
import glob, os, time
seen = set()
while os.path.exists({ARGV!r} + ".on"):
    for path in glob.glob("/proc/[0-9]*/cmdline"):
        try:
            seen.add(open(path, "rb").read().replace(b"\\0", b" "))
        except OSError:
            pass
    time.sleep(0.01)
open({ARGV!r}, "wb").write(b"\\n".join(sorted(seen)))
"""


def cache_state(host):
    """All that the cache is: its process, its files with their times, its configuration."""
    files = "/etc/redis/redis-cache.conf /var/lib/ansible-redis/redis-cache.json /var/lib/redis/cache"
    unit = "redis-server@cache.service"
    return {
        "unit": oracle.unit(host, unit, "MainPID", "ActiveEnterTimestampMonotonic", "NRestarts"),
        "files": host.check_output(f"find {files} /etc/systemd/system/{unit}.d -printf '%p %i %T@ %C@ %m %u %g\\n'"),
        "config": oracle.config(host, ["*"], 6379, PASSWORD),
    }


def queue_state(host, password):
    return oracle.config(host, ["maxmemory", "maxmemory-policy", "requirepass"], 6380, password)


@pytest.fixture(scope="module")
def change(host):
    """The queue gets less memory and another password, with everything that Ansible can say about it; and back again."""
    found = {
        "before": cache_state(host),
        "pid": oracle.unit(host, "redis-server@queue.service", "MainPID"),
    }
    host.check_output(f"touch {ARGV}.on; cat >{ARGV}.py <<'WATCH'{WATCH}WATCH")
    host.check_output(f"nohup python3 {ARGV}.py >/dev/null 2>&1 & echo started")
    found["status"], found["output"] = oracle.provision(
        "-vvv",
        "--diff",
        redis_server_instances=[
            {"name": "cache", "port": 6379, "profile": "cache", "settings": {"maxmemory": "1gb"}},
            {
                "name": "queue",
                "port": 6380,
                "profile": "queue",
                "settings": {"maxmemory": "256mb"},
                "secrets": {"requirepass": ROTATED},
            },
        ],
    )
    argv = f"rm {ARGV}.on; for _ in $(seq 50); do [ -e {ARGV} ] && break; sleep 0.1; done; cat {ARGV}; rm {ARGV}*"
    found["argv"] = host.check_output(argv)
    found["after"] = cache_state(host)
    found["queue"] = queue_state(host, ROTATED)
    found["pid after"] = oracle.unit(host, "redis-server@queue.service", "MainPID")
    found["back"] = oracle.provision()
    return found


def test_it_is_done(change):
    assert change["status"] == 0, change["output"]
    assert change["queue"] == {
        "maxmemory": "268435456",
        "maxmemory-policy": "noeviction",
        "requirepass": ROTATED,
    }


def test_without_a_restart(change):
    assert change["pid after"] == change["pid"]


def test_the_other_instance_is_what_it_was(change):
    assert change["after"] == change["before"]


def test_neither_password_is_in_the_output(change):
    assert "maxmemory 256mb" in change["output"]  # there was a diff to look at
    assert ROTATED not in change["output"]
    assert PASSWORD not in change["output"]


def test_neither_password_is_in_an_argument_list(change):
    assert "redis-server" in change["argv"]
    assert ROTATED not in change["argv"]
    assert PASSWORD not in change["argv"]


def test_neither_password_is_anywhere_else(host, change):
    assert change["status"] == 0
    files = host.run(f"grep -rlsF {ROTATED} /etc /var /run /tmp /root /home /opt /srv /usr/local").stdout
    assert files == ""  # the old value is back, and left nothing
    journal = host.check_output("journalctl --no-pager --output=cat")
    assert ROTATED not in journal
    assert PASSWORD not in journal


def test_the_inventory_rules_again(host, change):
    status, output = change["back"]
    assert status == 0, output
    assert queue_state(host, PASSWORD) == {
        "maxmemory": "536870912",
        "maxmemory-policy": "noeviction",
        "requirepass": PASSWORD,
    }
    assert oracle.unit(host, "redis-server@queue.service", "MainPID") == change["pid"]
