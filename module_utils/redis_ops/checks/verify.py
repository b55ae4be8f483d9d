"""Prove that an instance is what was declared and does its work. Reads, and one key of its own."""

from __future__ import annotations

import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Optional

from ..base.errors import RedisOpsError
from ..base.findings import Finding, Status
from ..plan.comparison import RESERVED_FILES, How
from ..plan.contact import Contact
from ..platform import host
from ..server.connection import Connection
from ..server.queues.result import Answer, Budget
from ..server.queues.search import search
from ..view.host import Place
from ..view.instance import Instance, InstanceView
from . import data, replication, start, tls_findings, undone

BRIEFLY = Budget(seconds=2)  # of every run that verifies; a change that evicts is searched for longer
KEY_PREFIX = "redis_ops:verify:"
SLOW_CLOCK = "slow-clocksource"  # what --check-system calls it
CLOCKS = "/sys/devices/system/clocksource/clocksource0"
FAST_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter")  # read without a system call


def verify(snapshot: InstanceView, place: Optional[Place] = None) -> list[Finding]:
    """Every check that applies. A server that does not answer is a FAIL, not an error.

    place: what the host offers to the instance, None where that was not looked at.
    """
    instance, connection = snapshot.instance, snapshot.connection
    if connection is None:
        return [
            Finding(
                "verify.running",
                instance.where,
                Status.FAIL,
                "a server that answers",
                "nothing answers at its address",
                "Redis documentation, PING",
                _look_at_log(instance),
            )
        ]
    found = [_settings(instance, snapshot), _ping(instance, connection), _own_key(instance, snapshot, connection)]
    found += replication.link(snapshot, connection)
    found += _persistence(instance, snapshot)
    found += start.findings(snapshot)
    found += undone.findings(snapshot) if instance.config is not None else ()
    found += data.findings(snapshot, place.elsewhere if place else ())
    found += tls_findings.findings(snapshot.tls, instance.where, snapshot.at) if snapshot.tls else []
    found += _process(instance, snapshot)
    found += _queue_on_evicting(instance, snapshot, connection)
    found += _check_system(instance, snapshot)
    return found


def _settings(instance: Instance, snapshot: InstanceView) -> Finding:
    current = snapshot.plan
    wrong = [entry for entry in current.entries if entry.file_differs or entry.how is How.LIVE]
    declared = len(current.desired.values)
    if wrong:
        told = "; ".join(
            f"{entry.option.name} wanted {current.text(entry, entry.want)}, "
            f"running {current.text(entry, entry.live)}, file {current.text(entry, entry.file)}"
            for entry in wrong
        )
        return _finding("settings", instance, Status.FAIL, f"{declared} declared settings in force", told, "run again")
    owed = snapshot.owed_restarts()
    if owed:
        told = "; ".join(f"{item['option']}: runs {item['running']}, file {item['wanted']}" for item in owed)
        return _finding(
            "settings",
            instance,
            Status.WARN,
            f"{declared} declared settings in force",
            f"waiting for a restart: {told}",
            "allow it when it suits you, with redis_server_restart",
        )
    return _finding("settings", instance, Status.PASS, f"{declared} declared settings in force", "CONFIG GET agrees")


def _ping(instance: Instance, connection: Connection) -> Finding:
    try:
        answer = connection.call("PING")
    except RedisOpsError as error:
        return _finding("ping", instance, Status.FAIL, "PONG", str(error), _look_at_log(instance))
    good = answer == "PONG"
    return _finding("ping", instance, Status.PASS if good else Status.FAIL, "PONG", "PONG" if good else str(answer))


def _own_key(instance: Instance, snapshot: InstanceView, connection: Connection) -> Finding:
    expected = "one own key written, read and deleted"
    if snapshot.info.get("role") == "slave":
        return _finding("key", instance, Status.SKIP, expected, "a replica takes no writes")
    key, value = KEY_PREFIX + secrets.token_hex(8), secrets.token_hex(8)
    try:
        connection.call("SET", key, value, "EX", "60")
        try:
            read = connection.call("GET", key)
        finally:
            deleted = connection.call("DEL", key)
    except RedisOpsError as error:
        if str(error).startswith("MOVED"):
            return _finding("key", instance, Status.SKIP, expected, "a cluster node, and the key's slot is another's")
        remedy = "raise maxmemory or lower what is stored" if "OOM" in str(error) else _look_at_log(instance)
        return _finding("key", instance, Status.FAIL, expected, str(error), remedy)
    good = read == value and deleted == 1
    return _finding(
        "key", instance, Status.PASS if good else Status.FAIL, expected, "done" if good else f"read {read!r}"
    )


def _persistence(instance: Instance, snapshot: InstanceView) -> Iterator[Finding]:
    info = snapshot.info
    if instance.config is None:
        return  # a server elsewhere: its files cannot be seen from here
    live, store = snapshot.observed.live or {}, snapshot.store
    if live.get("appendonly") == "yes":
        problems = [] if int(info.get("aof_enabled", 0)) else ["the server says it is off"]
        if info.get("aof_last_write_status") != "ok":
            problems.append("the last write to it failed")
        problems += store.problems()
        yield _finding(
            "aof",
            instance,
            Status.FAIL if problems else Status.PASS,
            f"a complete AOF at {store.aof}",
            "; ".join(problems) or "all its files are there",
            "BGREWRITEAOF writes it anew from memory; do it before any restart" if problems else "",
        )
    if live.get("save"):
        good = info.get("rdb_last_bgsave_status") == "ok"
        there = "dump is there" if store.has_dump() else "none due yet"
        yield _finding(
            "rdb",
            instance,
            Status.PASS if good else Status.FAIL,
            f"snapshots at {store.rdb}",
            there if good else "the last one failed",
            "" if good else "look for space and permissions in the log; writes are refused meanwhile",
        )


def _process(instance: Instance, snapshot: InstanceView) -> Iterator[Finding]:
    service = instance.service
    if service is None:
        return
    enabled = service.enabled()
    # what somebody else set up and is kept as it is is theirs: it is reported, and fails nothing
    wrong = Status.WARN if snapshot.contact is Contact.KEPT else Status.FAIL
    yield _finding(
        "boot",
        instance,
        Status.PASS if enabled else wrong,
        f"{service.name} starts at boot",
        "enabled" if enabled else "not enabled",
        "" if enabled else f"systemctl enable {service.name}" if wrong is Status.WARN else "run again",
    )
    limit, maxclients = snapshot.observed.open_files, snapshot.plan.desired.get("maxclients")
    if limit is not None:
        need = maxclients + RESERVED_FILES
        yield _finding(
            "open_files",
            instance,
            Status.PASS if limit >= need else Status.WARN,
            f"at least {need} open files for maxclients {maxclients}",
            f"{limit} (/proc/PID/limits)",
            "" if limit >= need else "allow a restart, with redis_server_restart",
        )
    granted, backlog = snapshot.observed.backlog, snapshot.plan.desired.get("tcp-backlog")
    if granted is not None:
        yield _finding(
            "backlog",
            instance,
            Status.PASS if granted >= backlog else Status.WARN,
            f"an accept queue of {backlog}",
            f"{granted} (ss)",
            "" if granted >= backlog else "the kernel cut it to net.core.somaxconn: raise that, then allow a restart",
        )
    owner = host.process_user(int(snapshot.info["process_id"]))
    yield _finding(
        "user",
        instance,
        wrong if owner == "root" else Status.PASS,
        "a process without root's rights",
        f"runs as {owner}",
        "start it through a service with User=redis" if owner == "root" else "",
    )


def _queue_on_evicting(instance: Instance, snapshot: InstanceView, connection: Connection) -> Iterator[Finding]:
    """Queues lose jobs without a word where keys are evicted."""
    policy = (snapshot.observed.live or {}).get("maxmemory-policy", "")
    if policy == "noeviction" or not (snapshot.observed.live or {}).get("maxmemory", "0").strip("0"):
        return
    queues = search(connection, BRIEFLY)
    if queues.answer is Answer.NONE:
        return
    found = queues.answer is Answer.FOUND
    yield _finding(
        "eviction",
        instance,
        (Status.WARN if snapshot.contact is Contact.KEPT else Status.FAIL) if found else Status.SKIP,
        "no job queue where keys are evicted",
        f"{queues.found[0]} lives here under {policy}" if found else f"it could not be determined: {queues.reason}",
        "give queues an instance of their own with profile queue (noeviction)"
        if found
        else "make sure yourself that no queue lives here",
    )


def _check_system(instance: Instance, snapshot: InstanceView) -> Iterator[Finding]:
    """The server's own view of the kernel, from Redis 7.0 on."""
    if not snapshot.installed or not snapshot.installed.reached("redis 7.0") or not Path(instance.binary).exists():
        return
    result = host.run([instance.binary, "--check-system"], timeout=30)
    text = (result.stdout + result.stderr).strip()
    failed = re.findall(r"^\[([\w-]+)\].*(?:WARNING|FAILED)", text, re.MULTILINE)
    if result.returncode != 0 and not failed:
        failed = [text.rpartition("\n")[2] or f"status {result.returncode}"]
    clock = host.read(f"{CLOCKS}/current_clocksource").strip()
    if clock in FAST_CLOCKS:
        # it measures for a moment; beside other work on a virtual machine a fast clock then seems slow, now and then
        failed = [name for name in failed if name != SLOW_CLOCK]
    yield _finding(
        "check_system",
        instance,
        Status.WARN if failed else Status.PASS,
        f"{instance.binary} --check-system finds nothing",
        ", ".join(failed) or "nothing",
        "; ".join(_system_remedies(failed, clock, host.read(f"{CLOCKS}/available_clocksource").split())),
    )


def _system_remedies(failed: Sequence[str], clock: str, available: Sequence[str]) -> Iterator[str]:
    if SLOW_CLOCK in failed:
        fast = next((name for name in available if name in FAST_CLOCKS), "")
        yield f"the clock {clock or 'of this machine'} is slow: " + (
            f"echo {fast} >{CLOCKS}/current_clocksource, and clocksource={fast} on the kernel's command line"
            if fast
            else "it has no fast one, so ask whoever runs it"
        )
    if set(failed) - {SLOW_CLOCK}:
        yield "the kernel findings above say what this host may change"


def _look_at_log(instance: Instance) -> str:
    service = instance.service.name if instance.service else "the server"
    return f"look at the log of {service}"


def _finding(name: str, instance: Instance, status: Status, expected: str, actual: str, remedy: str = "") -> Finding:
    why = {
        "settings": "guide 9",
        "aof": "guide 2.2",
        "rdb": "guide 2.1",
        "open_files": "guide 3.1; Redis documentation, clients",
        "backlog": "guide 3.1; redis.conf, tcp-backlog",
        "eviction": "BullMQ documentation, going to production",
        "check_system": "Redis documentation, administration",
    }.get(name, "Redis documentation")
    return Finding(f"verify.{name}", instance.where, status, expected, actual, why, remedy)
