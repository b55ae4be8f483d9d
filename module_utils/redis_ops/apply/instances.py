"""All instances of a host in one run: look, guard, change one after the other, prove."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from .. import catalog
from ..base.errors import ApplyFailed, InvalidInput, Problem, RedisOpsError, told
from ..base.findings import Finding, as_records, failures
from ..base.text import printable
from ..catalog.option import Trait
from ..checks import data, preflight, undone
from ..checks.verify import verify
from ..platform import sockets
from ..platform.packages import Package
from ..server.queues.result import Search
from ..view import host as view_of_host
from ..view.host import HostView, Seen
from ..view.host_declaration import HostDeclaration
from ..view.instance import InstanceView
from ..view.observe import observe
from . import aside
from .converge import converge
from .foresee import Outcome
from .rename import foresee_rename, must_be_possible, rename, what

_PORTS = catalog.with_trait(Trait.CLIENT_PORT)


@dataclass
class Done:
    """What became of one instance. findings: None when it was not verified, as in check mode."""

    name: str
    outcome: Outcome
    findings: Optional[list[Finding]] = None

    def as_record(self) -> dict[str, Any]:
        """As the module returns it."""
        return {"instance": self.name, **vars(self.outcome), "findings": as_records(self.findings or ())}


@dataclass
class Result:
    """What a run did on a host. error: why it ended before its end, '' when it did not. restart_later: a restart is owed
    and allowed, and was left for later.
    """

    done: list[Done] = field(default_factory=list)
    error: str = ""
    restart_later: bool = False

    def as_record(self) -> dict[str, Any]:
        """As the module returns it."""
        found: dict[str, Any] = {
            "restart_later": self.restart_later,
            "changed": any(one.outcome.changed for one in self.done),
            "diff": [part for one in self.done for part in one.outcome.diff],
            "converged": [one.as_record() for one in self.done],
        }
        failed = [line for one in self.done for line in failures(one.findings or ())]
        if self.error or failed:
            found.update(failed=True, msg="\n".join([*([self.error] if self.error else []), *failed]))
        return found


def converge_all(
    declared: HostDeclaration,
    package: Package,
    *,
    restart: bool,
    rolling: bool = False,
    check: bool,
    somaxconn: int,
    only: Sequence[str] = (),
) -> Result:
    """only: the names of the instances to change; () for all. somaxconn: what the host role sets.
    rolling: leave restarts to a later run, which check mode foresees.

    An instance that fails ends the run: what comes after it is left as it is, and the result says so.
    Raises InvalidInput with everything that must be mended first; then nothing was touched.
    """
    seen = view_of_host.look_before_change(declared, package, somaxconn=somaxconn)
    try:
        problems = preflight.problems(seen, package)
        if not restart:
            problems += _moving_later(seen)
        if problems:
            raise InvalidInput(problems)
        now = restart and (check or not rolling)
        result = _converge(declared, seen, restart=now, check=check, only=only, rolling=restart and not now)
        result.restart_later = restart and not now and any(one.outcome.pending_restart for one in result.done)
        return result
    finally:
        seen.close()


def settled(declared: HostDeclaration, view: HostView, *, restart: bool, check: bool) -> Optional[Result]:
    """What a run would return that has nothing to do, verification included; None where there is anything to do, to refuse
    or to report as failed.

    view: a look with the places of the instances, on a host with the packages. check: leave out the verification, which
    writes a key of its own. Changes nothing else.
    """
    if not restart and _moving_later(view):
        return None
    foreseen = _converge(declared, view, restart=restart, check=True, only=(), rolling=False)
    if foreseen.error or any(one.outcome.changed for one in foreseen.done):
        return None
    if any(aside.has_drafts(seen.view.instance) for seen in view.instances):
        return None
    if not check:
        for one, seen in zip(foreseen.done, view.instances):
            one.findings = verify(seen.view, seen.place)
    return None if foreseen.as_record().get("failed") else foreseen


def _moving_later(view: HostView) -> list[Problem]:
    return [problem for seen in view.instances for problem in data.moving_later(seen.view)]


def _converge(
    declared: HostDeclaration, view: HostView, *, restart: bool, check: bool, only: Sequence[str], rolling: bool
) -> Result:
    result = Result()
    wanted = [seen for seen in view.instances if not only or seen.declared.name in only]
    turn = list(wanted) if check else list(in_turn(wanted))
    for number, seen in enumerate(turn):
        name = seen.declared.name
        try:
            stale = not check and any(one.outcome.changed for one in result.done)
            current = observe(seen.view.instance) if stale else seen.view
            queues = None if stale else seen.place.queues
            outcome, after = _change(declared, current, queues, restart=restart, check=check, rolling=rolling)
        except (RedisOpsError, OSError) as error:
            result.error = "\n".join([_named(error, seen), *_given_up(seen, turn[number + 1 :])])
            break
        result.done.append(Done(name, outcome, None if check else verify(after, seen.place)))
        if after.connection is not None and after is not seen.view:
            after.connection.close()
    return result


def _given_up(failed: Seen, rest: Sequence[Seen]) -> Iterator[str]:
    """What became of an instance that failed and of those behind it."""
    moved = {seen.declared.name: text for seen in (failed, *rest) if (text := _step_back(seen))}
    left = ", ".join(seen.declared.name for seen in rest if seen.declared.name not in moved)
    if left:
        yield f"not reached, and as before: instance {left}"
    yield from moved.values()


def _named(error: Exception, seen: Seen) -> str:
    """The text of an error; one of the system does not say which instance it is about."""
    return f"{seen.where}: {told(error)}" if isinstance(error, OSError) else str(error)


def _change(
    declared: HostDeclaration,
    view: InstanceView,
    queues: Optional[Search],
    *,
    restart: bool,
    check: bool,
    rolling: bool,
) -> tuple[Outcome, InstanceView]:
    """One instance, with its new name where it gets one and may stop for it, or does not run. queues: see converge()."""
    old, new = view.instance.layout, view.instance.successor
    if old is None or new is None or (old.moves_to(new) and view.connection is not None and not restart):
        return converge(view.instance, restart=restart, check=check, seen=view, queues=queues, rolling=rolling)
    if check:
        must_be_possible(view, new)
        # a run before this one may have moved the data
        begun = replace(view.instance, accept_empty=view.instance.accept_empty or bool(view.record.renaming()))
        outcome, after = converge(begun, restart=restart, check=True, seen=replace(view, instance=begun))
        return foresee_rename(view, outcome, new), after
    if taken_back := list(undone.problems(view)):
        raise InvalidInput(taken_back)
    had = rename(view, new)
    [instance] = [one for one in declared.instances() if one.name == new.instance]
    outcome, after = converge(instance, restart=True, check=False)
    missing = had.missing(after.info)
    if missing:
        raise ApplyFailed(
            f"{instance.where}: it started without {missing}; look at what lies in {after.store.directory}"
        )
    return replace(
        outcome, changed=True, actions=[what(old, new), *outcome.actions], restarted=old.moves_to(new)
    ), after


def in_turn(instances: Sequence[Seen]) -> Iterator[Seen]:
    """Those that give a port away before those that take it. Of a ring, one moves to a spare port first."""
    waiting = list(instances)
    while waiting:
        free = [seen for seen in waiting if not _holders(seen, waiting)]
        if not free:
            _step_aside(waiting[0])
            free = [
                seen for seen in waiting if not _holders(seen, [other for other in waiting if other is not waiting[0]])
            ]
        seen = free[0] if free else waiting[0]
        waiting.remove(seen)
        yield seen


def _holders(seen: Seen, others: Sequence[Seen]) -> list[Seen]:
    """Those of the others that listen where this one shall."""
    pids = {listener.pid for listener in seen.place.listeners.values()}
    return [other for other in others if other is not seen and other.view.unit and other.view.unit.pid in pids]


def _step_aside(seen: Seen) -> None:
    """Let a running server listen on spare ports. Its next look finds it there."""
    connection, live = seen.view.connection, seen.view.observed.live or {}
    if connection is None:
        return
    with contextlib.suppress(RedisOpsError):
        connection.set_config([(name, str(sockets.spare_port())) for name in _PORTS if live.get(name, "0") != "0"])


def _step_back(seen: Seen) -> str:
    """Let it listen where it did when it was looked at, unless it is where it shall be. Where it listens instead, '' for
    nowhere else: of a ring, another instance may have its port by now.
    """
    connection, live, wanted = seen.view.connection, seen.view.observed.live or {}, seen.view.instance.settings
    if connection is None:
        return ""
    with contextlib.suppress(RedisOpsError):
        now = connection.config(*_PORTS)
        moved = [name for name in now if name in live and now[name] not in (live[name], str(wanted.get(name)))]
        try:
            connection.set_config([(name, live[name]) for name in moved])
        except RedisOpsError:
            ports = ", ".join(
                f"{name} {printable(now[name])} and no longer on {printable(live[name])}" for name in moved
            )
            return f"{seen.where}: it listens on {ports}, which is taken; run this again once the cause is gone"
    return ""
