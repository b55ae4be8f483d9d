"""A host that checks itself: the timer fires by itself, finds what is there, and goes away again."""

from __future__ import annotations

import json
import subprocess
import time

import oracle
import pytest

pytestmark = pytest.mark.usefixtures("host")

HOST = "redis-lab-drifting"
CHECKOUT = "/opt/ansible-redis"
REPORTS = "/var/log/redis-drift"
EVERY_MINUTE = {
    "redis_drift_schedule_hosts": "redis",
    "redis_drift_schedule_every": 1,
    "redis_drift_schedule_jitter": 0,
    "redis_drift_schedule_project": CHECKOUT,
    "redis_drift_schedule_inventory": f"{CHECKOUT}/itself",
    "redis_drift_textfile_directory": "/run/metrics",
}
ITSELF = {"redis": {"hosts": {HOST: {"ansible_connection": "local"}}}}


@pytest.fixture(scope="module")
def checkout(host):
    """The project on the host, with the distribution's own ansible-core, and an inventory of the host itself."""
    host.check_output("DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ansible-core")
    host.check_output(
        f"mkdir -p {CHECKOUT}/.venv/bin /run/metrics && ln -sf /usr/bin/ansible-playbook {CHECKOUT}/.venv/bin/"
    )
    files = subprocess.run(["git", "ls-files", "-z"], cwd=oracle.PROJECT, check=True, capture_output=True).stdout
    archive = subprocess.run(
        ["tar", "-c", "--null", "--no-recursion", "-T", "-", "-f", "-"],
        cwd=oracle.PROJECT,
        input=files,
        check=True,
        capture_output=True,
    ).stdout
    subprocess.run(["podman", "exec", "-i", HOST, "tar", "-x", "-C", CHECKOUT, "-f", "-"], input=archive, check=True)
    variables = f"{CHECKOUT}/itself/group_vars/redis"
    host.check_output(f"mkdir -p {variables}")
    declared = (oracle.PROJECT / "molecule/drift/inventory/group_vars/redis/redis_server.yml").read_bytes()
    for path, text in {
        f"{CHECKOUT}/itself/hosts.yml": json.dumps(ITSELF).encode(),
        f"{variables}/redis_server.yml": declared,
    }.items():
        subprocess.run(["podman", "exec", "-i", HOST, "tee", path], input=text, check=True, capture_output=True)
    # an archive keeps its owners and modes; the schedule refuses code that others could change
    host.check_output(f"chown -R root: {CHECKOUT} && chmod -R go-w {CHECKOUT}")
    yield
    host.run(f"rm -rf {CHECKOUT} {REPORTS} /run/metrics")


def schedule(**variables):
    status, output = oracle.play("playbooks/schedule_drift.yml", **EVERY_MINUTE, **variables)
    assert status == 0, output
    return output


def last_run(host):
    """What the runner remembers of a run that ended; None before."""
    text = host.run("cat /var/lib/redis-drift/state.json").stdout
    state = json.loads(text) if text else {}
    return state if state.get("last_end") else None


def fired(host, after=0.0):
    """The end of a run that nobody but the timer started."""
    for _ in range(100):
        state = last_run(host)
        if state and state["last_end"] > after:
            return state
        time.sleep(2)
    raise AssertionError(host.run("systemctl status redis-drift.timer; journalctl -u redis-drift").stdout)


@pytest.mark.usefixtures("checkout")
def test_the_timer_fires_and_tells_what_is_there(host):
    schedule()
    assert "changed=0" in schedule()
    state = fired(host)
    assert oracle.unit(host, "redis-drift.timer", "LastTriggerUSec")["LastTriggerUSec"] not in ("", "n/a")
    log = host.check_output("journalctl --unit redis-drift --output=cat --no-pager")
    assert state["exit_code"] == 0, log
    report = json.loads(host.check_output(f"cat {REPORTS}/latest.json"))
    assert (report["verdict"], [found["host"] for found in report["hosts"]]) == ("clean", [HOST])
    metrics = host.check_output("cat /run/metrics/*.prom")
    assert "redis_drift_exit_code 0" in metrics

    oracle.redis_cli(host, "config", "set", "maxmemory", "9mb")
    state = fired(host, after=state["last_end"])
    oracle.redis_cli(host, "config", "set", "maxmemory", "536870912")
    assert state["exit_code"] == 2
    assert "redis_drift_exit_code 2" in host.check_output("cat /run/metrics/*.prom")
    assert oracle.unit(host, "redis-drift.service", "Result")["Result"] == "success"


@pytest.mark.usefixtures("checkout")
def test_it_goes_away_again(host):
    schedule(redis_drift_schedule="absent")
    assert "changed=0" in schedule(redis_drift_schedule="absent")
    assert host.run("systemctl is-active redis-drift.timer").stdout.strip() != "active"
    left = "ls -d /etc/systemd/system/redis-drift* /usr/local/sbin/redis-drift-run /etc/redis-drift.json /var/lib/redis-drift"
    assert host.run(left).stdout == ""
    assert host.file(f"{REPORTS}/latest.json").exists
