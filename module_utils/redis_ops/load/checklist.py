"""The checklist before a load test: the tuning guide's section 7, and whatever would make the test prove nothing.

What is declared is compared by the drift check and by nothing here. check() and judge() read, and change nothing; the
verdicts are pure.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .. import drift
from ..base import commands
from ..base.errors import InvalidInput, Problem, told
from ..base.findings import Finding, Status, as_records
from ..checks import capacity, limits, old_files, persistence, queue_eviction, replication, slow_log
from ..checks.capacity import row
from ..checks.registry import Check, Suite, needs, of_instance
from ..drift.states import NO_DRIFT
from ..model import load_user
from ..plan.comparison import Entry
from ..plan.eviction import Limit
from ..platform import host, kernel
from ..server.queues.result import NOT_LOOKED
from ..view.attempt import Attempt
from ..view.facts import Facts, NotRead
from ..view.host import looking
from ..view.host_declaration import HostDeclaration
from ..view.queues import QUEUES
from ..view.room import ROOM, Room, available

ALLOW = "-e redis_loadtest_allow_production=true"
SECTION_7 = ("maxmemory", "maxmemory-policy", "appendonly", "appendfsync", "maxclients", "save")
TOLD = 3  # of what drifted, by name
CHECKS: tuple[Check, ...] = (
    limits.open_files,
    capacity.connections,
    persistence.quiet,
    persistence.last_saves,
    replication.in_step,
    queue_eviction.thoroughly,
    slow_log.slow_log,
    old_files.old_files,
    capacity.swap,
)
_DOWN = ("server", "program")  # told by running()
_ELSEWHERE = (*_DOWN, "aof.orphans")  # and by aof_files()


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


def check(declared: HostDeclaration, wanted: kernel.Wanted, version: str, load: Load) -> dict[str, Any]:
    """A module's result: findings, and the running instances. Of a production host nothing is asked unless it is allowed.

    Raises InvalidInput for what is typed wrong.
    """
    if load.connections < 0:
        problem = Problem("connections", str(load.connections), "0 or more", "give the number of users of the load")
        raise InvalidInput([problem])
    first = production(load)
    if first.status is Status.FAIL:
        return {"findings": as_records([first]), "instances": []}
    with looking(declared) as view:
        found, seen = judge(view.attempts, drift.check(view, wanted, version), wanted, load.connections)
    return {"findings": as_records([first, *found]), "instances": [as_record(one) for one in seen]}


def judge(
    attempts: Sequence[Attempt], scopes: Sequence[drift.Scope], wanted: kernel.Wanted, load: int
) -> tuple[list[Finding], list[Facts]]:
    """The findings, and what was seen of each instance that runs. scopes: of the drift check, the host's first. load:
    connections that it opens to each instance.
    """
    around, *scopes = scopes
    found = [configuration("host", around), *kernel_rows(around, wanted, kernel.Machine())]
    seen = []
    for tried, scope in zip(attempts, scopes):
        where = tried.instance.where
        found += [running(tried, scope), configuration(where, scope)]
        if tried.view is not None and tried.view.connection is not None and not tried.problems:
            facts = Facts.of(tried.view, [ROOM, *needs(CHECKS, Suite.READINESS)], load=load)
            found += [*settings(facts, scope), *of_instance(CHECKS, Suite.READINESS, facts)]
            seen.append(facts)
    rooms = [room for facts in seen for room in _room(facts)]
    if rooms:
        found += [*capacity.memory(rooms, host.memory_bytes()), capacity.still_to_come(rooms, available())]
        found += capacity.disk(rooms)
    return found, seen


def _room(facts: Facts) -> list[Room]:
    """Empty where it could not be read, which the checks of the instance say."""
    with contextlib.suppress(NotRead):
        return [facts[ROOM]]
    return []


def as_record(facts: Facts) -> dict[str, Any]:
    """What the plan of a load is made of. port: the one without TLS, if it has both; 0 with a unix socket only."""
    config, queues = facts.view.observed.live or {}, NOT_LOOKED
    plain, tls = (int(config.get(name, 0)) for name in ("port", "tls-port"))
    with contextlib.suppress(NotRead):
        queues = facts[QUEUES]
    return {
        "name": facts.view.instance.name,
        "run_id": str(facts.view.info.get("run_id", "")),
        "port": plain or tls,
        "tls": not plain and tls > 0,
        "bind": config.get("bind", ""),
        "unix_socket": config.get("unixsocket", ""),
        "evicts": Limit.of(config).evicts,
        "maxclients": int(config.get("maxclients", 0)),
        "has_queues": bool(queues.found),
    }


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
    remedies += [f"{commands.CHECK_DRIFT} tells the rest"] if len(off) > TOLD else []
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
    for parameter in wanted.parameters:
        value, drifts = machine.value(parameter.path), off.get(f"kernel.{parameter.name}")
        status = Status.PASS if value else Status.SKIP
        actual, remedy = value or "this host has none", "use a kernel that has it"
        if drifts is not None:
            status = Status.FAIL if drifts.state not in NO_DRIFT else Status.SKIP
            actual, remedy = drifts.actual, drifts.remedy
        why = f"{parameter.why} ({parameter.source})"
        yield row(
            f"kernel.{parameter.name}", f"host: {parameter.name}", status, parameter.expected, actual, why, remedy
        )


# --- an instance ------------------------------------------------------------------------------------------------------


def running(tried: Attempt, scope: drift.Scope) -> Finding:
    """Nothing is measured of one that is down, or that lets nobody look."""
    instance, where = tried.instance, tried.instance.where
    drifts = next((finding for finding in scope.findings if finding.id in _DOWN), None)
    runs = tried.view is not None and tried.view.connection is not None
    good = runs and not tried.problems and drifts is None
    service = instance.service.name if instance.service else "the server"
    hidden = [told(error).removeprefix(f"{where}: ") for error in tried.problems[:1]]
    actual = drifts.actual if drifts else next(iter(hidden), "it does not run")
    return row(
        "running",
        f"{where}: server",
        Status.PASS if good else Status.FAIL,
        drifts.expected if drifts else "a server that runs and can be looked at",
        scope.server if good else actual,
        "Redis documentation, PING",
        drifts.remedy if drifts else f"look at the log of {service}, then run provision, which starts it",
    )


def settings(facts: Facts, scope: drift.Scope) -> Iterator[Finding]:
    """The settings of the guide's checklist, as CONFIG GET tells them."""
    plan = facts.view.plan
    off = {finding.id: finding for finding in drifted(scope)}
    entries: Mapping[str, Entry] = {entry.option.name: entry for entry in (*plan.entries, *plan.others)}
    for name in SECTION_7:
        subject, why = f"{facts.where}: {name}", "guide 7"
        entry, drifts = entries.get(name), off.get(f"option.{name}")
        if name == "maxmemory" and not Limit.of(facts.view.observed.live or {}).maxmemory:
            unlimited = "0: no limit, so the kernel decides what dies"
            remedy = "declare maxmemory, such as maxmemory: 512mb, and run provision"
            yield row(f"settings.{name}", subject, Status.FAIL, "a limit", unlimited, "guide 1.1, 7", remedy)
        elif drifts is not None:
            yield row(f"settings.{name}", subject, Status.FAIL, drifts.expected, drifts.actual, why, drifts.remedy)
        elif entry is not None:
            expected = plan.text(entry, entry.want) + ("" if entry.declared else ", the default")
            yield row(f"settings.{name}", subject, Status.PASS, expected, plan.text(entry, entry.live), why)
