"""The checklist before a load test: the tuning guide's section 7, and whatever would make the test prove nothing.

What is declared is compared by the drift check and by nothing here. check() and judge() read, and change nothing; the
verdicts are pure.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Optional, Union

from .. import drift
from ..base.errors import InvalidInput, Problem
from ..base.findings import Finding, Status, as_records
from ..checks.queues import GOING_TO_PRODUCTION, OWN_INSTANCE, named
from ..checks.room import amount
from ..drift.states import NO_DRIFT
from ..model import load_user
from ..model.limits import SPARE_FILES
from ..plan.comparison import Entry
from ..platform import host, kernel
from ..server.queues.result import Answer
from ..view.declared import Declared
from ..view.instance import Instance
from . import capacity
from .capacity import row
from .seen import Seen, look

ALLOW = "-e redis_loadtest_allow_production=true"
SECTION_7 = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "maxclients", "save")
TOLD = 3  # of what drifted, by name
LOG_ROOM = 128  # entries: slowlog-max-len's default; the guide's 100 is less
LAG = 10  # seconds: min-replicas-max-lag's default
_DOWN = ("server", "program")  # told by running()
_ELSEWHERE = (*_DOWN, "aof.orphans")  # and by aof_files()
_LAST_SAVES = ("rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status")


@dataclass(frozen=True)
class Load:
    """What is going to happen. connections: opened to each instance. production: what the inventory says of the host.
    comes: a load follows the checklist, so that a production host is not even asked.
    """

    connections: int = 0
    production: bool = False
    allowed: bool = False
    comes: bool = True


# --- everything -------------------------------------------------------------------------------------------------------


def check(declared: Declared, wanted: kernel.Wanted, version: str, load: Load) -> dict[str, Any]:
    """A module's result: findings, and the running instances. Of a production host nothing is asked unless it is allowed.

    Raises InvalidInput for what is typed wrong.
    """
    if load.connections < 0:
        problem = Problem("connections", str(load.connections), "0 or more", "give the number of users of the load")
        raise InvalidInput([problem])
    first = production(load)
    if first.status is Status.FAIL:
        return {"findings": as_records([first]), "instances": []}
    scopes = drift.check(declared, wanted, version)
    found, seen = judge(declared.instances(), scopes, wanted, load.connections)
    return {"findings": as_records([first, *found]), "instances": [one.as_record() for one in seen]}


def judge(
    instances: Sequence[Instance], scopes: Sequence[drift.Scope], wanted: kernel.Wanted, connections: int
) -> tuple[list[Finding], list[Seen]]:
    """scopes: of the drift check, the host's first."""
    around, *scopes = scopes
    found = [configuration("host", around), *kernel_rows(around, wanted, kernel.Machine())]
    seen = []
    for instance, scope in zip(instances, scopes):
        one = look(instance, scope)
        found += [running(instance, scope, one), configuration(instance.where, scope)]
        if isinstance(one, Seen):
            seen.append(one)
            found += list(of_instance(one, connections))
    rooms = [one.room for one in seen]
    if rooms:
        found += [*capacity.memory(rooms, host.memory_bytes()), capacity.still_to_come(rooms, capacity.available())]
        found += capacity.disk(rooms)
    return found, seen


def of_instance(seen: Seen, connections: int) -> Iterator[Finding]:
    """Every verdict on one that runs."""
    yield from settings(seen)
    yield open_files(seen)
    yield capacity.connections(seen.room, connections)
    yield quiet(seen)
    yield last_saves(seen)
    yield replication(seen)
    yield bullmq(seen)
    yield slow_log(seen)
    yield aof_files(seen)
    yield capacity.swap(seen.room)


# --- the host ---------------------------------------------------------------------------------------------------------


def production(load: Load) -> Finding:
    """Users of a production host would pay for the test."""
    allowed = not load.production or load.allowed
    marked = "this host is marked as production" + (", and the load is allowed by a flag" if load.allowed else "")
    if not (allowed or load.comes):
        marked += ", and a load test will refuse it; this only looks"
    return row(
        "production",
        "host: production",
        Status.FAIL if load.comes and not allowed else Status.WARN if load.production else Status.PASS,
        "a host that is not marked as production",
        marked if load.production else "not marked as production",
        "a load takes memory, connections and time from whoever uses the server, and may evict their keys",
        "leave it out with --limit '!HOST'" + ("" if allowed else f"; or, if its users may feel the load: {ALLOW}"),
    )


def drifted(scope: drift.Scope) -> list[Finding]:
    """What the drift check says is off."""
    return [finding for finding in scope.findings if finding.state not in NO_DRIFT]


def configuration(where: str, scope: drift.Scope) -> Finding:
    """Nothing is off: else what is measured is not what is declared."""
    off = [finding for finding in drifted(scope) if finding.id not in _ELSEWHERE and not _of_a_load(finding)]
    down = any(finding.id in _DOWN for finding in scope.findings)
    clean = "what does not run cannot be compared" if down else f"{scope.checked} things compared, none drifted"
    remedies = list(dict.fromkeys(finding.remedy for finding in off[:TOLD] if finding.remedy))
    remedies += ["make drift tells the rest"] if len(off) > TOLD else []
    named = "; ".join(f"{finding.id.removeprefix('option.')} {finding.actual}" for finding in off[:TOLD])
    counted = f"{len(off)} of {scope.checked} drifted: {named}" + ("; ..." if len(off) > TOLD else "")
    return row(
        "configuration",
        f"{where}: configuration",
        Status.FAIL if off else Status.SKIP if down else Status.PASS,
        "as declared, in file and force",
        counted if off else clean,
        "guide 7; what drifted is not what would be measured",
        "; ".join(remedies),
    )


def _of_a_load(finding: Finding) -> bool:
    """The user of a load test that was killed: this one removes it."""
    return finding.id.startswith("acl.") and load_user.until(finding.id.removeprefix("acl.")) is not None


def kernel_rows(scope: drift.Scope, wanted: kernel.Wanted, machine: kernel.Machine) -> Iterator[Finding]:
    """Each kernel value with what the drift check said of it. scope: the host's."""
    off = {finding.id: finding for finding in scope.findings}
    for knob in wanted.knobs:
        value, drifts = machine.value(knob.path), off.get(f"kernel.{knob.name}")
        status = Status.PASS if value else Status.SKIP
        actual, remedy = value or "this host has none", "use a kernel that has it"
        if drifts is not None:
            status = Status.FAIL if drifts.state not in NO_DRIFT else Status.SKIP
            actual, remedy = drifts.actual, drifts.remedy
        why = f"{knob.why} ({knob.source})"
        yield row(f"kernel.{knob.name}", f"host: {knob.name}", status, knob.expected, actual, why, remedy)


# --- an instance ------------------------------------------------------------------------------------------------------


def running(instance: Instance, scope: drift.Scope, seen: Union[Seen, str, None]) -> Finding:
    """Nothing is measured of one that is down, or that lets nobody look."""
    drifts = next((finding for finding in scope.findings if finding.id in _DOWN), None)
    good = isinstance(seen, Seen) and drifts is None
    service = instance.service.name if instance.service else "the server"
    actual = drifts.actual if drifts else seen if isinstance(seen, str) else "it does not run"
    return row(
        "running",
        f"{instance.where}: server",
        Status.PASS if good else Status.FAIL,
        drifts.expected if drifts else "a server that runs and can be looked at",
        scope.server if good else actual,
        "Redis documentation, PING",
        drifts.remedy if drifts else f"look at the log of {service}, then run provision, which starts it",
    )


def settings(seen: Seen) -> Iterator[Finding]:
    """The settings of the guide's checklist, as CONFIG GET tells them."""
    plan = seen.snapshot.plan
    off = {finding.id: finding for finding in drifted(seen.drift)}
    entries: Mapping[str, Entry] = {entry.option.name: entry for entry in (*plan.entries, *plan.others)}
    for name in SECTION_7:
        subject, why = f"{seen.where}: {name}", "guide 7"
        entry, drifts = entries.get(name), off.get(f"option.{name}")
        if name == "maxmemory" and not seen.room.maxmemory:
            unlimited = "0: no limit, so the kernel decides what dies"
            remedy = "declare maxmemory, such as maxmemory: 512mb, and run provision"
            yield row(f"settings.{name}", subject, Status.FAIL, "a limit", unlimited, "guide 1.1, 7", remedy)
        elif drifts is not None:
            yield row(f"settings.{name}", subject, Status.FAIL, drifts.expected, drifts.actual, why, drifts.remedy)
        elif entry is not None:
            expected = plan.text(entry, entry.want) + ("" if entry.declared else ", the default")
            yield row(f"settings.{name}", subject, Status.PASS, expected, plan.text(entry, entry.live), why)


def open_files(seen: Seen) -> Finding:
    """What the process may open, with what the drift check said of it."""
    limit, drifts = seen.room.open_files, {f.id: f for f in drifted(seen.drift)}.get("process.open_files")
    expected = f"at least {seen.snapshot.plan.desired.get('maxclients') + SPARE_FILES}, maxclients + {SPARE_FILES}"
    subject, why = f"{seen.where}: open files", "guide 3.1; Redis documentation, clients"
    if drifts is not None:
        return row("open_files", subject, Status.FAIL, drifts.expected, drifts.actual, drifts.why, drifts.remedy)
    if limit is None:
        return row("open_files", subject, Status.SKIP, expected, "its process is not this host's", why, "look there")
    return row("open_files", subject, Status.PASS, expected, f"{limit} (/proc/{seen.room.pid}/limits)", why)


def quiet(seen: Seen) -> Finding:
    """A fork that is under way would be measured with the load."""
    work = seen.at_work
    return row(
        "quiet",
        f"{seen.where}: saves and rewrites",
        Status.FAIL if work else Status.PASS,
        "none runs or is scheduled, and nothing is loaded",
        ", ".join(work) or "none",
        "Redis documentation, INFO persistence; latency: fork",
        f"wait until {seen.cli} INFO persistence tells its end, then run this again",
    )


def last_saves(seen: Seen) -> Finding:
    """After a failed save or write of the AOF the server refuses writes (redis.conf, stop-writes-on-bgsave-error)."""
    failed = [name for name in _LAST_SAVES if seen.info.get(name, "ok") != "ok"]
    return row(
        "last_saves",
        f"{seen.where}: last saves",
        Status.FAIL if failed else Status.PASS,
        "the last save, rewrite and write of the AOF succeeded",
        f"failed: {', '.join(failed)}" if failed else "ok",
        "guide 2; Redis documentation, INFO persistence",
        f"look for space and permissions in its log, then {seen.cli} "
        + ("BGSAVE" if failed[:1] == ["rdb_last_bgsave_status"] else "BGREWRITEAOF"),
    )


def replication(seen: Seen) -> Finding:
    """Replicas that lag have the primary send them everything anew, in the middle of the test."""
    subject, why = f"{seen.where}: replication", "guide 7; Redis documentation, replication"
    if seen.info.get("role") == "slave":
        primary = f"a replica of {seen.info.get('master_host')}:{seen.info.get('master_port')}"
        read_only = seen.config.get("replica-read-only", "yes") == "yes"
        actual = f"{primary}, link {seen.info.get('master_link_status')}"
        actual += ", which refuses writes" if read_only else ", whose writes its primary will not have"
        remedy = "load the primary: --limit to its host"
        status = Status.FAIL if read_only else Status.WARN
        return row("replication", subject, status, "a primary", actual, why, remedy)
    replicas = [value for name, value in seen.info.items() if re.fullmatch(r"slave\d+", name)]
    most = int(seen.config.get("min-replicas-max-lag") or 0) or LAG
    backlog = int(seen.config.get("repl-backlog-size", 0))
    offset = int(seen.info.get("master_repl_offset", 0))
    behind = [_behind(replica, offset, most, backlog) for replica in replicas]
    wanted = int(seen.config.get("min-replicas-to-write") or 0) if seen.config.get("min-replicas-max-lag") != "0" else 0
    few = int(seen.info.get("min_slaves_good_slaves", wanted)) < wanted
    worst = max((lag for _, lag, _ in behind), default=0), max((gap for _, _, gap in behind), default=0)
    off = [text for text, _, _ in behind if text]
    off += [f"fewer than min-replicas-to-write {wanted} in step, so it refuses writes"] if few else []
    good = f"{len(replicas)} in step, {worst[0]} s and {amount(worst[1])} behind at most" if replicas else "no replica"
    return row(
        "replication",
        subject,
        Status.FAIL if off else Status.PASS,
        f"each replica online, at most {most} s and {amount(backlog)} (repl-backlog-size) behind",
        "; ".join(off) or good,
        why,
        f"wait until {seen.cli} INFO replication has each online and near, or mend that replica",
    )


def _behind(replica: Mapping[str, Any], offset: int, most: int, backlog: int) -> tuple[str, int, int]:
    """What is wrong with a replica, '' for nothing; the seconds and the bytes that it is behind."""
    lag, gap = int(replica.get("lag", 0)), max(offset - int(replica.get("offset", 0)), 0)
    name, state = f"{replica.get('ip')}:{replica.get('port')}", str(replica.get("state"))
    if state != "online":
        return f"{name} is {state}", 0, 0
    return f"{name} is {lag} s and {amount(gap)} behind" if lag > most or gap > backlog else "", lag, gap


def bullmq(seen: Seen) -> Finding:
    """Queues lose jobs without a word where keys are evicted."""
    policy, found = str(seen.config.get("maxmemory-policy")), seen.queues
    remedy = OWN_INSTANCE
    if found.found:
        status = Status.FAIL if seen.evicts else Status.PASS
        names = named([str(queue) for queue in found.found])
        actual = f"{names} under {policy}" + (": jobs can vanish" if seen.evicts else "")
        remedy += f"; until then {seen.cli} CONFIG SET maxmemory-policy noeviction"
    elif not seen.evicts:
        status, actual = Status.PASS, "nothing is evicted here"
    elif found.answer is Answer.UNKNOWN:
        status, actual = Status.SKIP, f"it could not be determined: {found.reason}"
        remedy = "let the user that looks SCAN, see docs/queues.md, or make sure yourself that no queue lives here"
    else:
        status, actual = Status.PASS, f"no queue, under {policy}"
    expected = "no job queue where keys are evicted"
    return row("queues", f"{seen.where}: queues", status, expected, actual, GOING_TO_PRODUCTION, remedy)


def slow_log(seen: Seen) -> Finding:
    """Old entries do no harm: ids only rise, so what the load adds is told from them."""
    subject, why = f"{seen.where}: slow log", "guide 5.3, 7; Redis documentation, SLOWLOG"
    expected = f"switched on, and not full where it has room for fewer than {LOG_ROOM} entries"
    if "slowlog" in seen.untold:
        refused = "let the user that looks SLOWLOG GET: ACL SETUSER <user> +slowlog|get"
        return row("slowlog", subject, Status.SKIP, expected, seen.untold["slowlog"], why, refused)
    threshold, room, entries = seen.slowlog["threshold"], seen.slowlog["room"], len(seen.slowlog["entries"])
    if threshold < 0 or not room:
        off = f"off (slowlog-log-slower-than {threshold}, slowlog-max-len {room}): slow commands will not be seen"
        remedy = "declare slowlog-log-slower-than: 10000 and slowlog-max-len: 1024, and run provision"
        return row("slowlog", subject, Status.WARN, expected, off, why, remedy)
    if entries >= room and room < LOG_ROOM:
        full = f"full with {room} entries: of more new ones than that only the last are kept"
        return row(
            "slowlog", subject, Status.WARN, expected, full, why, "declare slowlog-max-len: 1024 and run provision"
        )
    old = f"{entries} old entries, which are not counted: ids are compared" if entries else "no entry"
    return row("slowlog", subject, Status.PASS, expected, f"{old}; room for {room}", why)


def aof_files(seen: Seen) -> Finding:
    """What a killed rewrite left behind takes space, and is easily taken for data."""
    subject, why = f"{seen.where}: old AOF files", "guide 7; Redis documentation, persistence"
    expected, remedy = "none that no server will read again", "ansible-playbook playbooks/clear_aof.yml"
    young: Optional[Finding] = next((f for f in drifted(seen.drift) if f.id == "aof.orphans"), None)
    if "dead" in seen.untold:
        return row("aof_files", subject, Status.SKIP, expected, seen.untold["dead"], why, "run this again later")
    if seen.dead:
        size = sum(file.size for file in seen.dead)
        actual = f"{len(seen.dead)} with {amount(size)}, such as {seen.dead[0].path}: {seen.dead[0].why}"
        return row("aof_files", subject, Status.WARN, expected, actual, why, remedy)
    if young is not None:
        actual = f"{young.actual}; written within the hour, so that nobody can tell yet"
        return row("aof_files", subject, Status.WARN, expected, actual, why, f"wait an hour, then {remedy}")
    return row("aof_files", subject, Status.PASS, expected, "none", why)
