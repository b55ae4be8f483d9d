"""One instance: its options, its lines, its users and its process; and by disk and unit what stands around them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

from .. import catalog
from ..base.errors import AccessDenied, CommandRefused, RedisOpsError
from ..base.findings import Finding
from ..checks import limits, persistence, process, start, tls_findings
from ..checks.limits import RESTART
from ..checks.registry import Check, Suite, needs, of_instance
from ..model import conffile
from ..plan.contact import Contact
from ..platform import host
from ..view.attempt import Attempt
from ..view.facts import Facts
from ..view.users import listed, of_aclfile
from . import disk, lines, options, unit, users
from .look import Look
from .options import Memory
from .states import Scope, State

# What other suites judge as well
CHECKS: tuple[Check, ...] = (
    persistence.aof,
    persistence.orphans,
    start.start,
    start.later_limit,
    tls_findings.encryption,
    process.boot,
    limits.open_files,
    process.user,
)


def check(tried: Attempt) -> Scope:
    """Never raises for what a host may be: that is a finding."""
    look = Look(tried.instance, tried.unit, tried.view)
    found_here = [*map(look.unreadable, tried.problems), *_findings(look)]
    snapshot = tried.view
    return Scope(
        tried.instance.name,
        look.checked,
        found_here,
        server=str(snapshot.running or snapshot.installed or "") if snapshot else "",
        unknown=sorted(name for name in (look.live or {}) if catalog.find(name) is None),
    )


def _findings(look: Look) -> Iterator[Finding]:
    """What cannot be looked at is told where it happens, and does not keep the rest from being looked at."""
    looks: Mapping[str, Callable[[Look], Iterator[Finding]]] = {
        "server": _server,
        "options": _options,
        "config_file": disk.config_file,
        "lines": _lines,
        "unit": unit.findings,
        "process": _process,
        "users": _users,
        "directories": disk.directories,
        "checks": _checks,
    }
    for identity, findings in looks.items():
        try:
            yield from findings(look)
        except (RedisOpsError, OSError) as error:  # noqa: PERF203 - each look fails for itself
            yield look.unreadable(error, identity)


def _server(look: Look) -> Iterator[Finding]:
    look.checked += 3
    if look.record.is_damaged():
        yield look.found(
            "record",
            State.UNREADABLE,
            expected="what the last run left",
            actual=f"{look.record.path} is not there, or cannot be read as that",
            why="without it nobody can tell who changed what",
            remedy="run provision, which writes it anew",
        )
    if look.snapshot is None:
        return
    if look.snapshot.contact is Contact.FIRST:
        yield look.found(
            "contact",
            State.DECLARED_NOT_APPLIED,
            expected="a server that a run of this project manages",
            actual="somebody else set it up, and nobody has said what to do with it",
            why="what is declared was never compared with what is kept",
            remedy="run provision, which asks (adopt: keep or replace)",
        )
    if look.snapshot.connection is None:
        yield look.found(
            "server",
            State.UNREADABLE,
            expected=f"{look.service_name or 'a server'} that runs",
            actual="it does not run; what runs cannot be compared",
            why="Redis documentation, PING",
            remedy=f"look at its log, then run provision, which starts it (or systemctl start {look.service_name})",
        )
    elif int(look.snapshot.info.get("loading", 0)):
        yield look.found(
            "server",
            State.UNREADABLE,
            expected="a server that serves",
            actual="it still loads its data",
            why="Redis documentation, INFO persistence",
            remedy="check again when it has",
        )


def _options(look: Look) -> Iterator[Finding]:
    snapshot = look.snapshot
    if snapshot is None:
        return
    plan = snapshot.plan
    if plan.desired.values and snapshot.observed.file is None and look.instance.config and look.record.applied():
        # one finding says that the file is gone; each of its lines needs none
        entries = tuple(replace(entry, file_differs=False) for entry in plan.entries)
        plan = replace(plan, entries=entries)
    hidden = options.hidden(plan.desired.engine)
    if hidden and snapshot.connection is not None:
        plan = options.told_more(plan, snapshot.connection.config(*hidden))
    look.checked += len(plan.entries) + len(plan.others)
    yield from options.findings(plan, _memory(look), look.where, look.cli)


def _memory(look: Look) -> Memory:
    running = look.then.values(look.snapshot.plan.desired.engine) if look.then and look.snapshot else {}
    written = host.modified(look.instance.config.path) if look.instance.config else ""
    return Memory(look.record.applied(), running, written)


def _process(look: Look) -> Iterator[Finding]:
    snapshot = look.snapshot
    if snapshot is None or look.instance.service is None or snapshot.connection is None:
        return
    look.checked += 1
    if snapshot.program_replaced:
        yield look.found(
            "process.program",
            State.PENDING_RESTART,
            expected=f"the installed {snapshot.installed} runs",
            actual=f"{snapshot.running} runs from a file that is gone",
            why="the package was replaced under the running server",
            remedy=RESTART,
        )


def _users(look: Look) -> Iterator[Finding]:
    snapshot = look.snapshot
    if snapshot is None or snapshot.connection is None or look.instance.config is None:
        return
    look.checked += 1
    try:
        running = listed(snapshot)
    except (AccessDenied, CommandRefused) as error:
        yield look.found(
            "acl",
            State.UNREADABLE,
            expected="a user that may ACL LIST",
            actual=str(error),
            why="Redis documentation, ACL",
            remedy="ACL SETUSER <user> +acl|list, see docs/drift.md",
        )
        return
    live = look.live or {}
    path = live.get("aclfile", "")
    if path:
        stored = of_aclfile(snapshot, path)
    else:
        stored = None if snapshot.observed.file is None else _users_of(conffile.ConfFile.parse(snapshot.observed.file))
    if stored is None:
        if path:
            yield look.found(
                "acl.file",
                State.FILE_CHANGED_OUTSIDE,
                expected=str(snapshot.store.directory / path),
                actual="no such file; the next start of the server fails",
                why="Redis documentation, ACL",
                remedy="ACL SAVE writes it anew from what runs",
            )
        return  # the configuration file has its own finding
    start = users.Start(
        snapshot.plan.desired.engine,
        "" if path else live.get("requirepass", ""),
        live.get("acl-pubsub-default") == "allchannels",
        declared=None if path else str(snapshot.plan.desired.get("requirepass") or ""),
        left=None if path or look.then is None else _users_of(look.then),
        now=time.time(),
    )
    yield from users.findings(running, stored, start, look.where, look.cli)


def _lines(look: Look) -> Iterator[Finding]:
    snapshot = look.snapshot
    text = snapshot.observed.file if snapshot and look.instance.config else None
    if snapshot is None or look.instance.config is None or text is None:
        return
    if look.then is None and snapshot.contact is Contact.KEPT:
        return  # its lines are somebody else's, and no run has changed them
    look.checked += 2
    now = conffile.ConfFile.parse(text)
    yield from lines.findings(now, look.then, look.where, host.modified(look.instance.config.path))
    follows = " ".join(map(str, snapshot.observed.replica_of or ()))
    yield from lines.role(follows, now, look.then, look.where)


def _checks(look: Look) -> Iterator[Finding]:
    if look.snapshot is None:
        return
    facts = Facts.of(look.snapshot, needs(CHECKS, Suite.DRIFT))
    for finding in of_instance(CHECKS, Suite.DRIFT, facts):
        look.checked += 1
        if finding.state != State.IN_SYNC.value:
            yield finding


def _users_of(parsed: conffile.ConfFile) -> list[Sequence[str]]:
    """Name and rules of each `user` line."""
    return [line.arguments for line in parsed.directives if line.name == "user"]
