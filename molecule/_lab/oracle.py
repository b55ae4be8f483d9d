"""What the scenarios' tests ask a host, and what the tuning guide says the answer must be.

Nothing here comes from the project under test: the questions go to redis-cli, systemctl, ss, stat, /proc and /sys, and the
expected values were typed by hand from the guide.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
SSH_OPTIONS = "ANSIBLE_SSH_EXTRA_ARGS"  # read by testinfra, too

# As CONFIG GET spells them: memory in bytes, `slave` for `replica`.
GUIDE_9 = {
    "maxmemory": "2147483648",
    "maxmemory-policy": "allkeys-lru",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "auto-aof-rewrite-percentage": "100",
    "auto-aof-rewrite-min-size": "104857600",
    "maxclients": "10000",
    "tcp-backlog": "511",
    "timeout": "0",
    "tcp-keepalive": "300",
    "hz": "10",
    "dynamic-hz": "yes",
    "repl-diskless-sync": "yes",
    "repl-diskless-sync-delay": "5",
    "latency-monitor-threshold": "0",
}
# What sections 1 to 6 add. 2.2 says "disable fsync during rewrite" beside aof-use-rdb-preamble, which does no such thing;
# the option that would do it stays off, because it can lose 30 seconds of writes.
GUIDE_1_TO_6 = {
    "maxmemory-samples": "5",
    "save": "900 1 300 10 60 10000",
    "aof-use-rdb-preamble": "yes",
    "no-appendfsync-on-rewrite": "no",
    "slowlog-log-slower-than": "10000",
    "slowlog-max-len": "100",
    "client-output-buffer-limit": "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60",
}
GUIDE = {**GUIDE_9, **GUIDE_1_TO_6}

KERNEL_EXACT = {"vm.overcommit_memory": 1, "vm.swappiness": 1}
KERNEL_AT_LEAST = {"net.core.somaxconn": 4096, "net.ipv4.tcp_max_syn_backlog": 4096}
HUGE_PAGES = "/sys/kernel/mm/transparent_hugepage/enabled"
RESTARTS = "/var/log/oracle-restarts"  # on the host, a line for each restart by a test
# What a run may touch.
TOUCHED = (
    "find /etc/redis /etc/systemd/system /etc/default /etc/rc?.d /etc/sysctl.d /etc/tmpfiles.d /var/lib/ansible-redis"
    " /var/lib/dpkg/status /usr/sbin/policy-rc.d -printf '%p %y %m %u %g %i %T@ %l\\n' 2>/dev/null | sort"
)


def share_connections():
    """One ssh connection for all questions: testinfra alone makes one for each, which takes most of the time."""
    directory = tempfile.mkdtemp(prefix="oracle-")
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    # a host that restarts may leave without a word
    os.environ[SSH_OPTIONS] = f"-o ControlPath={directory}/%C -o ServerAliveInterval=2 -o ServerAliveCountMax=3"


# --- Redis -----------------------------------------------------------------------------------------------------------


def redis_cli(host, *arguments, port=6379, password=""):
    """Its answer. A refusal fails the test."""
    login = f"REDISCLI_AUTH={shlex.quote(password)} " if password else ""
    answer = host.run(f"{login}redis-cli -e -p {port} {shlex.join(arguments)}")
    assert answer.rc == 0, answer.stdout + answer.stderr
    return answer.stdout.rstrip("\n")


def config(host, names, port=6379, password=""):
    """CONFIG GET of all these names, in one call."""
    lines = redis_cli(host, "config", "get", *names, port=port, password=password).split("\n")
    return dict(zip(lines[::2], lines[1::2]))


def starts(host, log="/var/log/redis/redis-server.log"):
    """The processes that have ever started, by the server's own log, as numbers in their order."""
    return re.findall(r"pid=(\d+), just started", host.check_output(f"cat {log}"))


# --- processes, files, units -----------------------------------------------------------------------------------------


def unit(host, name, *properties):
    """Properties of a systemd unit."""
    text = host.check_output(f"systemctl show {shlex.quote(name)} --property={','.join(properties)}")
    return dict(line.split("=", 1) for line in text.splitlines())


def open_files(host, pid):
    """Soft and hard limit of a process."""
    text = host.check_output(f"cat /proc/{pid}/limits")
    return tuple(map(int, re.search(r"^Max open files +(\d+) +(\d+)", text, re.MULTILINE).groups()))


def user_and_group(host, pid):
    return host.check_output(f"ps -o user=,group= -p {pid}").split()


def listeners(host):
    """What every redis-server listens on: address -> length of its queue."""
    lines = host.check_output("ss -Hltnp").splitlines()
    return {line.split()[3]: int(line.split()[2]) for line in lines if "redis-server" in line}


def modes(host, *paths):
    """Path -> 'mode owner group', of those that exist."""
    lines = host.run(f"stat -c '%n %a %U %G' {shlex.join(paths)}").stdout.splitlines()
    return dict(line.split(" ", 1) for line in lines)


def names(host, directory):
    return host.run(f"ls -A {directory}").stdout.split()


def exposure(host, source, name):
    """What systemd makes of a unit's sandbox, 0 to 10. source: a command that prints the unit."""
    unit_file = f"/tmp/oracle/{name}.service"
    text = host.check_output(
        f"mkdir -p /tmp/oracle && {source} >{unit_file} && systemd-analyze security --no-pager --offline=true {unit_file};"
        " rm -rf /tmp/oracle"
    )
    return float(re.search(r"exposure level for \S+: (\d+\.\d+)", text).group(1))


def world_writable(host):
    """Files that anybody could write, where this project and the package write."""
    places = "/etc /var/lib/redis /var/log/redis /var/lib/ansible-redis /run/redis*"
    return host.run(f"find {places} -perm -o+w ! -type l 2>/dev/null").stdout.split()


def kernel(host, parameters):
    """Values from /proc/sys."""
    paths = ["/proc/sys/" + name.replace(".", "/") for name in parameters]
    return dict(zip(parameters, map(int, host.check_output("cat " + " ".join(paths)).split())))


def huge_pages(host):
    return re.search(r"\[(\w+)\]", host.check_output(f"cat {HUGE_PAGES}")).group(1)


# --- the life of a host ----------------------------------------------------------------------------------------------


def restart_host(host):
    """Boot it again: all processes end, /run is empty, and every kernel value is what the boot makes of it.

    Values that containers share with their machine would survive, and prove nothing: they are set wrong before.
    """
    name = host.check_output("hostname")
    command = host.run("cat /proc/1/comm").stdout.strip()
    host.run(f"sysctl -qw vm.overcommit_memory=0 vm.swappiness=60; echo madvise >{HUGE_PAGES}")
    host.check_output(f"echo restarted >>{RESTARTS}")
    subprocess.run(["podman", "restart", "--time=10", name], check=True, capture_output=True, timeout=60)
    _wait_for(host, "systemctl is-system-running" if command == "systemd" else "echo running")


def boots(host):
    """How often the host has started, with the first time."""
    return 1 + int(host.run(f"grep -c restarted {RESTARTS} 2>/dev/null").stdout or 0)


def put_kernel_back(host):
    """For whoever comes next, when a test has failed between the two halves of restart_host."""
    host.run(f"sysctl -qw vm.overcommit_memory=1 vm.swappiness=1; echo never >{HUGE_PAGES}")


def _wait_for(host, command):
    state = ""
    for _ in range(100):
        with contextlib.suppress(RuntimeError):  # ssh is not back yet
            state = host.run(command).stdout.strip()
            if state == "running":
                return
        time.sleep(0.3)
    raise AssertionError(f"the host did not come back: {state}")


# --- the project's own commands --------------------------------------------------------------------------------------


def provision(*options, inventory="", **variables):
    """Run provision.yml against the scenario's host with these extra variables. Its status and all of its output."""
    return play("provision.yml", *options, inventory=inventory, **variables)


def play(playbook, *options, inventory="", **variables):
    """The same with any playbook."""
    inventory = inventory or f"{os.environ['MOLECULE_SCENARIO_DIRECTORY']}/inventory/"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as extra:  # not in argv, where secrets would show
        json.dump(variables, extra)
        extra.flush()
        result = subprocess.run(
            ["ansible-playbook", f"--inventory={inventory}", *options, playbook, f"--extra-vars=@{extra.name}"],
            cwd=PROJECT,
            env={name: value for name, value in os.environ.items() if name != SSH_OPTIONS},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
    return result.returncode, result.stdout + result.stderr


def told(output, *parts):
    """Fails unless one line of the output has all these parts. What a report continues further in is the same line."""
    lines = re.sub(r"\n {8,}", " ", output).splitlines()
    assert any(all(part in line for part in parts) for line in lines), f"{parts} not in:\n{output}"


def footprint(host, *servers):
    """Everything that a run could have changed: files with their times, each server's configuration and process.

    servers: (port, password).
    """
    return {
        "files": host.run(TOUCHED).stdout.splitlines(),
        "servers": host.run("pgrep -x redis-server").stdout.split(),
        "config": [config(host, ["*"], port, password) for port, password in servers],
        "kernel": kernel(host, [*KERNEL_EXACT, *KERNEL_AT_LEAST]),
    }
