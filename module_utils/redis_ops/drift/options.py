"""Every option that the server reports, classified from the plan. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Optional

from .. import catalog
from ..base.engine import Engine
from ..base.findings import Finding
from ..base.shell import quoted
from ..catalog.kinds import Value
from ..catalog.option import Apply, Option, Origin
from ..checks.limits import RESTART
from ..model import conffile
from ..model.desired import MASK, default_value
from ..plan.comparison import ABSENT, Absent, Entry, How
from ..plan.plan import Plan
from ..server.connection import MULTI_CONFIG
from .states import State, found

RUN = "run provision, which puts it back"


@dataclass(frozen=True)
class Memory:
    """What the last run left. applied: option -> text, None when there was no run. running: option -> value that the
    server ran with then, secrets among them. written: when the configuration file was last written to.
    """

    applied: Optional[Mapping[str, str]] = None
    running: Mapping[str, Value] = field(default_factory=dict)
    written: str = ""

    def last(self, option: Option, plan: Plan) -> Value:
        """The value that was declared then; ABSENT when it was not."""
        if option.secret:  # remembered only where it is needed anyway
            return self.running.get(option.name, "" if self.running else ABSENT)
        text = (self.applied or {}).get(option.name)
        return ABSENT if text is None else conffile.read_value(option, text, plan.desired.engine)

    def ran(self, option: Option, plan: Plan) -> Value:
        """The value that the server ran with then."""
        return self.running.get(option.name, default_value(option, plan.desired.engine))


def hidden(engine: Engine) -> list[str]:
    """The names of the options that a server tells only who asks for them by name."""
    if not engine.reached(MULTI_CONFIG):
        return []
    options = catalog.options_at(engine)
    return [option.spelled_at(engine) for option in options if not (option.readable_at(engine) or option.file_only)]


def told_more(plan: Plan, reported: Mapping[str, str]) -> Plan:
    """The plan with what a server reports beside CONFIG GET *."""
    engine = plan.desired.engine
    more = {option.name: (option, text) for name, text in reported.items() for option in [catalog.find(name)] if option}
    live = {name: conffile.read_value(option, text, engine) for name, (option, text) in more.items()}
    compare = replace(plan.compare, live={**plan.compare.live, **live})
    known = {entry.option.name for entry in (*plan.entries, *plan.others)}
    entries = tuple(compare.entry(entry.option) if entry.option.name in more else entry for entry in plan.entries)
    others = tuple(compare.entry(option) for name, (option, _) in more.items() if name not in known)
    return replace(plan, compare=compare, entries=entries, others=(*plan.others, *others))


def findings(plan: Plan, memory: Memory, where: str, cli: str) -> Iterator[Finding]:
    """One for each option that is not in sync. where: 'instance cache'. cli: how a person reaches this server."""
    for entry in (*plan.entries, *plan.others):
        state = state_of(entry, plan, memory)
        if state is not State.IN_SYNC:
            yield _finding(entry, state, plan, memory, where, cli)


def state_of(entry: Entry, plan: Plan, memory: Memory) -> State:
    """Which of the four knew what: the inventory, the file, the server, and the last run."""
    moved = _is_left(entry, plan) and _moved(entry, plan, memory)
    if not (entry.live_differs or entry.file_differs or moved) or _says_the_default(entry, plan):
        return State.IN_SYNC
    if entry.option.origin is Origin.RUNTIME:
        return State.RUNTIME_OWNED  # but for a primary that was made a replica, which lines.role tells
    if isinstance(entry.live, conffile.Unreadable):
        return State.UNREADABLE
    if moved:
        return State.FILE_CHANGED_OUTSIDE
    judge = _declared if entry.option.name in plan.decided else _live if entry.declared else _undeclared
    return judge(entry, plan, memory)


def _says_the_default(entry: Entry, plan: Plan) -> bool:
    """Nobody declares it, and the file says what is so without a line: CONFIG REWRITE writes such lines."""
    if entry.declared or entry.live_differs or isinstance(entry.file, (Absent, conffile.Unreadable)):
        return False
    return entry.want is not None and plan.compare.covers(entry.option, entry.file, entry.want)


def _declared(entry: Entry, plan: Plan, memory: Memory) -> State:
    if not plan.compare.covers(entry.option, entry.want, memory.last(entry.option, plan)):
        return State.DECLARED_NOT_APPLIED
    return State.FILE_CHANGED_OUTSIDE if entry.file_differs else _live(entry, plan, memory)


def _undeclared(entry: Entry, plan: Plan, memory: Memory) -> State:
    if memory.last(entry.option, plan) is not ABSENT and not entry.option.secret:
        waits = entry.how is How.RESTART and not entry.file_differs
        return State.PENDING_RESTART if waits else State.DECLARED_NOT_APPLIED
    if entry.file is not ABSENT and memory.applied is not None:
        return State.FILE_CHANGED_OUTSIDE
    return State.UNMANAGED_SET


def _is_left(entry: Entry, plan: Plan) -> bool:
    """Nobody declares it, and the file decides: provision leaves it alone."""
    return entry.declared and entry.option.name not in plan.decided


def _moved(entry: Entry, plan: Plan, memory: Memory) -> bool:
    """Then the file is what must not have moved since our last run, whether or not the server follows it."""
    ran = memory.ran(entry.option, plan)
    return bool(memory.running) and ran is not None and not plan.compare.covers(entry.option, entry.file, ran)


def _live(entry: Entry, plan: Plan, memory: Memory) -> State:
    """The file is right and the server is not: it was set by hand, or it waits for its restart since our last run."""
    if entry.how is How.LIVE:
        return State.LIVE_NOT_PERSISTED
    if entry.left and not memory.running and entry.option.apply_at(plan.desired.engine) is Apply.LIVE:
        return State.LIVE_NOT_PERSISTED  # no run has written the file that it would wait for
    by_hand = memory.running and not plan.compare.covers(entry.option, memory.ran(entry.option, plan), entry.live)
    return State.LIVE_NOT_PERSISTED if by_hand else State.PENDING_RESTART


def _finding(entry: Entry, state: State, plan: Plan, memory: Memory, where: str, cli: str) -> Finding:
    option = entry.option
    default = default_value(option, plan.desired.engine)
    values = {
        "declared": plan.text(entry, entry.want) if option.name in plan.decided else "(not declared)",
        "file": plan.text(entry, entry.file),
        "running": plan.text(entry, entry.live),
        "default": plan.text(entry, default),
        "applied": plan.text(entry, memory.last(option, plan)) if memory.applied is not None else "(no run yet)",
    }
    wanted = values["declared"] if entry.declared else f"{values['default']}, the default"
    if _is_left(entry, plan):
        ran = memory.ran(option, plan) if state is State.FILE_CHANGED_OUTSIDE else entry.file
        wanted = f"{plan.text(entry, ran)}, as the last run left it"
    off = []
    if entry.live_differs:
        reason = f" ({entry.reason})" if entry.reason else ""
        off.append(f"running {values['running']}{_share(entry)}{reason}")
    if entry.file_differs or not off:
        off.append(f"file {values['file']}")
    guide = catalog.GROUPS[option.group].guide
    return found(
        f"option.{option.name}",
        f"{where}: {option.name}",
        state,
        expected=wanted,
        actual=", ".join(off),
        why=f"guide {guide}" if guide else "Redis documentation, configuration",
        remedy=_remedy(entry, state, plan, cli),
        values=values,
        since=memory.written if state is State.FILE_CHANGED_OUTSIDE else "",
    )


def _share(entry: Entry) -> str:
    """By how much a number is off."""
    want, live = entry.want, entry.live
    numbers = isinstance(want, int) and isinstance(live, int) and not isinstance(want, bool)
    if not numbers or want <= 0 or live <= 0:
        return ""
    return f", {live / want:.3g} times that" if live > want else f", {100 * live / want:.2g} % of that"


def _as_it_is(entry: Entry, plan: Plan) -> str:
    have = entry.live if entry.live_differs else entry.file
    return f"{entry.option.name}: {plan.text(entry, have)}"


def _remedy(entry: Entry, state: State, plan: Plan, cli: str) -> str:
    option, live = entry.option, entry.how is How.LIVE
    value = MASK if option.secret else plan.argument(entry) if entry.want is not None else ""
    command = f"{cli} CONFIG SET {option.spelled_at(plan.desired.engine)} {quoted(value)}"
    declare = "declare it in redis_server_secrets" if option.secret else f"declare {_as_it_is(entry, plan)}"
    at_once = f"{command}, or {RUN}" if live and not option.secret else RUN
    owed = "; a restart is owed" if entry.how is How.RESTART and entry.live_differs else ""
    start = "take it out of whatever starts the server, and restart it"
    if _is_left(entry, plan) and state is State.LIVE_NOT_PERSISTED:
        return f"{declare}: a restart takes it back, and provision leaves what nobody declares"
    return {
        State.PENDING_RESTART: RESTART,
        State.LIVE_NOT_PERSISTED: f"{at_once}; to keep it: {declare}",
        State.FILE_CHANGED_OUTSIDE: f"{declare}, or what it was; provision leaves to the file what nobody declares"
        if _is_left(entry, plan)
        else f"{RUN}; to keep it: {declare}",
        State.DECLARED_NOT_APPLIED: f"run provision, which applies it{owed}",
        State.UNMANAGED_SET: declare if option.secret else f"{declare}, or {command if live else start}",
        State.RUNTIME_OWNED: "",
        State.UNREADABLE: "see whether this version of the project knows this version of the server",
    }[state]
