"""Somebody else changes a host in every way there is; the check names each, who and what; a remedy brings all back."""

from __future__ import annotations

import json
import os
from pathlib import Path

import oracle
import pytest

REPORTS = Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"]) / "reports"
# in the order of the file: one life of one host
pytestmark = pytest.mark.usefixtures("host")

CONFIG = "/etc/redis/redis.conf"
DROP_IN = "/etc/systemd/system/redis-server.service.d/override.conf"
LIMITS = "/etc/systemd/system/redis-server@queue.service.d/50-ansible.conf"
AOF = "/var/lib/redis/queue/appendonlydir"

# What somebody types as root on the host -> where it is found, and as what.
BY_HAND = {
    "redis-cli config set maxmemory 7mb": ("default", "option.maxmemory", "live_not_persisted"),
    "redis-cli config set maxmemory-samples 9": ("default", "option.maxmemory-samples", "live_not_persisted"),
    "redis-cli config set lazyfree-lazy-eviction yes": ("default", "option.lazyfree-lazy-eviction", "unmanaged_set"),
    f"sed -i 's/^tcp-keepalive .*/tcp-keepalive 77/' {CONFIG}": (
        "default",
        "option.tcp-keepalive",
        "file_changed_outside",
    ),
    f"echo 'io-threads 2' >>{CONFIG}": ("default", "option.io-threads", "file_changed_outside"),
    f"chmod 0644 {CONFIG}": ("default", "file.mode", "file_changed_outside"),
    "redis-cli acl setuser mallory on nopass ~* +@all": ("default", "acl.mallory", "live_not_persisted"),
    f"mkdir -p {Path(DROP_IN).parent} && printf '[Service]\\nNice=5\\n' >{DROP_IN} && systemctl daemon-reload": (
        "default",
        "unit.drop_ins",
        "unmanaged_set",
    ),
    f"sed -i 's/^LimitNOFILE=.*/LimitNOFILE=4000/' {LIMITS} && systemctl daemon-reload": (
        "queue",
        "unit.limits",
        "file_changed_outside",
    ),
    "prlimit --pid $(systemctl show --property MainPID --value redis-server@queue) --nofile=5000:5000": (
        "queue",
        "process.open_files",
        "pending_restart",
    ),
    f"touch {AOF}/appendonly.aof.99.incr.aof": ("queue", "aof.orphans", "unmanaged_set"),
    "systemctl disable redis-server@queue": ("queue", "unit.boot", "file_changed_outside"),
    "sysctl -qw net.core.somaxconn=256": ("", "kernel.net.core.somaxconn", "live_not_persisted"),
    "sed -i 's/^vm.swappiness.*/vm.swappiness = 30/' /etc/sysctl.d/99-zz-redis.conf": (
        "",
        "kernel.file.99-zz-redis.conf",
        "file_changed_outside",
    ),
    "echo 'vm.overcommit_memory = 0' >/etc/sysctl.d/99-zzz-other.conf": (
        "",
        "kernel.vm.overcommit_memory.boot",
        "unmanaged_set",
    ),
}
# What no run may decide: it takes the hand that made it, or a restart that nobody allowed.
LEFT = {
    "option.lazyfree-lazy-eviction": "redis-cli config set lazyfree-lazy-eviction no",
    "acl.mallory": "redis-cli acl deluser mallory",
    "unit.drop_ins": f"rm {DROP_IN} && systemctl daemon-reload",
    "aof.orphans": f"rm {AOF}/appendonly.aof.99.incr.aof",
    "kernel.vm.overcommit_memory.boot": "rm /etc/sysctl.d/99-zzz-other.conf",
    "process.open_files": "systemctl restart redis-server@queue",
}


def check(**variables):
    """Run the drift check. Its status, its output, and what it found: (instance, id) -> finding."""
    status, output = oracle.play("playbooks/check_drift.yml", redis_drift_reports=str(REPORTS), **variables)
    document = json.loads((REPORTS / "latest.json").read_text())
    assert document["exit_code"] == status, output
    found = {
        (scope["instance"], finding["id"]): finding
        for host in document["hosts"]
        for scope in host["scopes"]
        for finding in scope["findings"]
        if finding["state"] not in ("runtime_owned", "waived")
    }
    assert (status == 2) == bool(found), output
    return status, output, found


def test_what_was_just_provisioned_is_clean(host):
    before = oracle.footprint(host, (6379, ""), (6380, ""))
    status, output, _ = check()
    assert status == 0, output
    assert oracle.footprint(host, (6379, ""), (6380, "")) == before


def test_what_others_change_is_found_and_named(host):
    for command in BY_HAND:
        host.check_output(command)
    before = oracle.footprint(host, (6379, ""), (6380, ""))
    status, output, found = check()
    assert status == 2
    assert {where: finding["state"] for where, finding in found.items()} == {
        (instance, identity): state for instance, identity, state in BY_HAND.values()
    }
    for finding in found.values():
        assert finding["remedy"], finding
        oracle.told(output, finding["id"].removeprefix("option."))
    assert "7mb" in found["default", "option.maxmemory"]["actual"]
    # looking has changed nothing
    assert oracle.footprint(host, (6379, ""), (6380, "")) == before


def test_a_waiver_holds_until_it_expires():
    about = {"id": "option.maxmemory*", "hosts": "redis-lab-*", "reason": "a trial"}
    _, _, found = check(redis_drift_waivers=[{**about, "expires": "2099-12-31"}])
    assert not [identity for _, identity in found if identity.startswith("option.maxmemory")]
    _, output, found = check(redis_drift_waivers=[{**about, "expires": "2020-01-01"}])
    assert "expired on 2020-01-01" in found["default", "option.maxmemory"]["actual"]
    assert "expired on 2020-01-01" in output


def test_a_waiver_without_a_reason_is_refused():
    status, output = oracle.play(
        "playbooks/check_drift.yml",
        redis_drift_reports=str(REPORTS),
        redis_drift_waivers=[{"id": "*", "hosts": "*", "expires": "2099-12-31"}],
    )
    assert status == 1
    oracle.told(output, "waiver 1", "has no reason")


def test_what_drifted_is_mended_and_nothing_else(host):
    """A run puts back what is declared; what nobody declared it names again; and no server restarts."""
    processes = host.check_output("pgrep -x redis-server").split()
    _, output, found = check(redis_drift_remediate=True)
    assert {identity for _, identity in found} == set(LEFT), output
    assert host.check_output("pgrep -x redis-server").split() == processes
    assert oracle.config(host, ["maxmemory", "tcp-keepalive"]) == {"maxmemory": "536870912", "tcp-keepalive": "300"}
    for command in LEFT.values():
        host.check_output(command)
    status, output, _ = check()
    assert status == 0, output


def test_what_is_declared_and_not_yet_applied():
    """Somebody changes the inventory: not the same as somebody who changes the server."""
    _, _, found = check(redis_server_settings={"timeout": 30, "databases": 20})
    assert {identity: finding["state"] for (_, identity), finding in found.items()} == {
        "option.timeout": "declared_not_applied",
        "option.databases": "declared_not_applied",
    }
    status, output = oracle.provision(redis_server_settings={"databases": 20})
    assert status == 0, output
    _, _, found = check(redis_server_settings={"databases": 20})
    assert {identity: finding["state"] for (_, identity), finding in found.items()} == {
        "option.databases": "pending_restart"
    }
    status, output = oracle.provision()
    assert status == 0, output
    assert check()[0] == 0


@pytest.mark.parametrize(
    ("harm", "mend", "told"),
    [
        pytest.param("systemctl stop redis-server", "systemctl start redis-server", "it does not run", id="stopped"),
        pytest.param(
            "kill -STOP $(systemctl show --property MainPID --value redis-server)",
            "kill -CONT $(systemctl show --property MainPID --value redis-server)",
            "does not answer",
            id="hung",
        ),
        pytest.param(
            f"mv {CONFIG} {CONFIG}.away && mkdir {CONFIG}",
            f"rmdir {CONFIG} && mv {CONFIG}.away {CONFIG}",
            CONFIG,
            id="unreadable file",
        ),
        pytest.param(
            f"cp -p {CONFIG} {CONFIG}.away && echo 'save \"60' >>{CONFIG}",
            f"mv {CONFIG}.away {CONFIG}",
            "closed quotes in line",
            id="broken file",
        ),
        pytest.param(
            "redis-cli config set requirepass other",
            "redis-cli -a other config set requirepass ''",
            "Authentication required",
            id="password",
        ),
        pytest.param(
            "cp -p /var/lib/ansible-redis/redis-default.json /root/ && truncate -s 20 /var/lib/ansible-redis/redis-default.json",
            "cp -p /root/redis-default.json /var/lib/ansible-redis/",
            "redis-default.json",
            id="half a record",
        ),
    ],
)
def test_what_cannot_be_looked_at_is_never_clean(host, harm, mend, told):
    host.check_output(harm)
    try:
        status, output, found = check()
    finally:
        host.check_output(mend)
    assert status == 2
    unreadable = [finding for finding in found.values() if finding["state"] == "unreadable"]
    assert [finding for finding in unreadable if told in finding["actual"]], output
    assert "Traceback" not in output
    assert check()[0] == 0


def test_a_host_that_cannot_be_reached_is_never_clean(tmp_path):
    inventory = tmp_path / "hosts.yml"
    nowhere = {"ansible_host": "10.99.10.250", "ansible_ssh_common_args": "-o ConnectTimeout=2"}
    inventory.write_text(json.dumps({"redis": {"hosts": {"redis-lab-nowhere": nowhere}}}))
    status, output = oracle.play(
        "playbooks/check_drift.yml", inventory=str(inventory), redis_drift_reports=str(tmp_path)
    )
    assert status == 1
    oracle.told(output, "redis-lab-nowhere", "NOT CHECKED")
    assert json.loads((tmp_path / "latest.json").read_text())["last_success"] == ""
