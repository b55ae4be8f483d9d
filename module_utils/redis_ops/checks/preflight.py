"""Does what is asked fit this host, and does it lose nothing? Every answer before anything is touched.

Facts come in as a HostView; verdicts go out as Problems (the run stops) and Findings (the run reports).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ..base import commands
from ..base.errors import Problem
from ..base.findings import Finding, Status
from ..plan.contact import Contact
from ..platform.current import here
from ..platform.packages import Package, Product
from ..view.host import HostView, Seen
from . import adoption, data, default_user, eviction, ports, product, renames, replication, room, shared, start, tls
from .unseen import problems as unseen_problems


@dataclass(frozen=True)
class Guard:
    """What stops a run before anything is touched. id: of its findings. why: the guide's section, or the source. judge: pure;
    what must be mended first, on the host with the package that the run installs or finds installed.
    """

    id: str
    why: str
    judge: Callable[[HostView, Package], Iterable[Problem]]


def _each(judge: Callable[[HostView, Seen], Iterable[Problem]]) -> Callable[[HostView, Package], Iterable[Problem]]:
    return lambda view, _: [problem for seen in view.instances for problem in judge(view, seen)]


def problems(view: HostView, package: Package) -> list[Problem]:
    """What must be mended first, all of it. package: what the run installs or finds installed."""
    return list(_stops(view, package))


def stops(view: HostView, package: Package) -> list[Finding]:
    """The same as findings."""
    return [
        Finding(
            id=guard.id,
            subject=problem.where,
            status=Status.FAIL,
            expected=problem.expected,
            actual=problem.what,
            why=guard.why,
            remedy=problem.remedy,
        )
        for problem, guard in _stops(view, package).items()
    ]


def _stops(view: HostView, package: Package) -> dict[Problem, Guard]:
    """Each problem with the first guard that sees it."""
    found: dict[Problem, Guard] = {}
    for guard in GUARDS:
        for problem in guard.judge(view, package):
            found.setdefault(problem, guard)
    return found


def _unseen(view: HostView) -> list[Problem]:
    return [problem for unseen in view.unseen for problem in unseen_problems(unseen, view.at)]


def findings(view: HostView, wanted: Product) -> list[Finding]:
    """What works and is worth knowing."""
    found = [finding for seen in view.instances for finding in _of_instance(seen)]
    found += [finding for seen in view.instances for finding in eviction.findings(seen.view, seen.place.queues)]
    return [
        *found,
        *shared.findings(view),
        *ports.findings(view, wanted),
        *replication.findings(view),
        *room.findings(view),
    ]


def _package(view: HostView, package: Package) -> Iterator[Problem]:
    if view.needs_package and package.missing and package.in_the_way:
        yield Problem(
            f"package {package.product.package}",
            f"{package.in_the_way} is somebody's own unit, whose name the package's unit takes as its alias",
            "no unit of that name",
            f"declare its server ({commands.DESCRIBE_SERVERS} writes the lines), or give the unit another name and run "
            "systemctl daemon-reload",
        )


def _owner(seen: Seen) -> Iterator[Problem]:
    if seen.place.owner and seen.view.config:
        directory, user = seen.view.wanted_store.directory, seen.view.config.owner
        yield Problem(
            f"{seen.where}: dir",
            f"{directory} belongs to {seen.place.owner}",
            f"a directory that {user} can write",
            f"chown {user}: {directory}",
        )


def _aclfile(seen: Seen) -> Iterator[Problem]:
    answer = seen.place.aclfile
    if answer.holds is False and seen.view.changes("aclfile"):
        user = seen.view.config.owner if seen.view.config else "the server"
        yield Problem(
            f"{seen.where}: aclfile",
            f"{seen.view.plan.desired.get('aclfile')} {answer.reason or f'can not be read by {user}'}",
            f"a file that {user} can read",
            "put it there first, with this owner",
        )


def _tls(view: HostView, seen: Seen) -> list[Problem]:
    unit = seen.view.unit
    sandboxed = view.systemd and not (unit is not None and unit.fragment_is_foreign)
    hidden = here().hidden if sandboxed else ()
    facts = seen.view.tls
    if facts is None:
        return []
    # what somebody else's server already does is reported by verify, and stops no other change
    as_it_is = seen.view.contact is Contact.KEPT and not any(map(seen.view.changes, facts.options.files))
    return [] if as_it_is else tls.problems(facts, seen.where, view.at, hidden)


def _hidden(view: HostView, seen: Seen) -> Iterator[Problem]:
    """Directories that the package's unit does not show to the server, or that a reboot removes."""
    unit, layout = seen.view.unit, seen.declared.layout
    if not view.systemd or (unit is not None and unit.fragment_is_foreign):
        return
    for target in seen.view.directories:
        path = target.path
        if any(path == hidden or path.startswith(f"{hidden}/") for hidden in here().hidden):
            yield Problem(
                f"{seen.where}: {path}",
                "the service has its own view of it (ProtectHome, PrivateTmp)",
                "a directory outside " + ", ".join(here().hidden),
                "choose one under " + " or ".join(here().data_roots),
            )
        elif path.startswith("/run/") and path != layout.run_dir:
            yield Problem(
                f"{seen.where}: {path}",
                "is gone after a reboot, and the service would not start",
                f"a directory that stays, or {layout.run_dir}",
                f"choose one under {layout.run_dir}, {' or '.join(here().data_roots)}",
            )


def _unread(seen: Seen) -> Iterator[Finding]:
    """Files that a start needs, where it can't be told whether the server may read them."""
    answers = {"aclfile": seen.place.aclfile}
    if seen.view.tls is not None and seen.view.tls.options.in_use:
        answers.update({option: file.readable for option, file in seen.view.tls.files.items()})
    for option, answer in answers.items():
        if answer.holds is None and seen.view.changes(option):
            yield Finding(
                f"preflight.{option}",
                seen.where,
                Status.SKIP,
                f"a file of {option} that the server can read",
                f"could not be determined: {answer.reason}",
                f"a server that cannot read its {option} does not start",
                "nothing to do where the run makes the user; else see whether it may read the file",
            )


def _of_instance(seen: Seen) -> list[Finding]:
    desired = seen.view.plan.desired
    found = list(_unread(seen))

    def warn(name: str, expected: str, actual: str, why: str, remedy: str) -> None:
        found.append(Finding(f"preflight.{name}", seen.where, Status.WARN, expected, actual, why, remedy))

    if not desired.get("maxmemory"):
        warn(
            "maxmemory",
            "a limit",
            "maxmemory 0: no limit",
            "guide 1.1; without a limit the kernel decides what dies",
            "declare maxmemory",
        )
    if not desired.get("appendonly") and not desired.get("save"):
        warn("persistence", "RDB or AOF", "neither", "guide 2", "declare save or appendonly, unless losing all is fine")
    if desired.get("appendonly") and desired.get("no-appendfsync-on-rewrite"):
        warn(
            "fsync",
            "no-appendfsync-on-rewrite no",
            "yes",
            "redis.conf: up to 30 s of writes can be lost in a crash during a rewrite",
            "use it only where latency counts more than data",
        )
    policy = desired.get("maxmemory-policy")
    if policy != "noeviction" and "queue" in (seen.declared.profile, seen.declared.name):
        warn(
            "eviction",
            "maxmemory-policy noeviction",
            policy,
            "BullMQ documentation, going to production: the only policy under which queues are correct",
            "use profile queue as it is",
        )
    if seen.taken_over:
        warn(
            "kept",
            "a file with settings only",
            f"the file has {', '.join(seen.taken_over)}: kept, and vouched for by nobody",
            "a renamed command may be one that the checks here need; a module runs in the server",
            "take the line out, or know what it is for; this is told once",
        )
    return found


_LOST = "no run loses a key that it was not told to lose"
_START = "Redis documentation, configuration: a server starts with what it can read and reach"
GUARDS: tuple[Guard, ...] = (
    Guard("guard.unseen", "what can't be seen is not touched", lambda view, _: _unseen(view)),
    Guard("guard.plan", _LOST, _each(lambda _, seen: seen.view.plan.problems)),
    Guard(
        "guard.first_contact",
        "what somebody else set up stays until a person decides",
        _each(lambda _, seen: adoption.problems(seen)),
    ),
    Guard("guard.start", start.WHY, _each(lambda _, seen: start.problems(seen))),
    Guard("guard.eviction", eviction.WHY, _each(lambda _, seen: eviction.problems(seen.view, seen.place.queues))),
    Guard("guard.data", data.WHY, _each(lambda _, seen: data.problems(seen))),
    Guard("guard.rename", _LOST, _each(renames.problems)),
    Guard("guard.owner", _START, _each(lambda _, seen: _owner(seen))),
    Guard("guard.aclfile", _START, _each(lambda _, seen: _aclfile(seen))),
    Guard("guard.default_user", "Redis documentation, ACL", _each(lambda _, seen: default_user.problems(seen.view))),
    Guard("guard.tls", "redis.conf, TLS/SSL", _each(_tls)),
    Guard("guard.hidden", "systemd documentation, systemd.exec", _each(_hidden)),
    Guard("guard.product", _LOST, lambda view, package: product.problems(view, package.engine)),
    Guard("guard.package", "systemd documentation, systemd.unit: aliases", _package),
    Guard("guard.shared", _LOST, lambda view, _: shared.problems(view)),
    Guard("guard.ports", "one process listens on a port", lambda view, _: ports.problems(view)),
    Guard("guard.replication", replication.WHY, lambda view, _: replication.problems(view)),
    Guard("guard.room", "guide 1.1, 2, 3.1", lambda view, _: room.problems(view)),
)
