"""What is to be done: declared against file, running server and what was applied last. Pure.

Drift is "the plan is not empty"; check mode, --diff, apply and every report are views of the same Plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from .. import catalog
from ..base.engine import Engine
from ..base.errors import Problem
from ..catalog.kinds import BufferLimits, Kind, Value
from ..catalog.option import Option, Origin
from ..model import conffile
from ..model.desired import MASK, DesiredState, default_value, known
from .comparison import ABSENT, Absent, Comparison, Entry, How, Observed
from .dangers import DATA_LOCATION, dangers

# How the server is reached and run. A file that somebody else wrote decides it until the inventory does: at the engine's
# default it would listen everywhere.
PLACE = (
    "bind",
    "port",
    "protected-mode",
    "unixsocket",
    "unixsocketperm",
    "logfile",
    "pidfile",
    "daemonize",
    "supervised",
)
# CONFIG SET takes its arguments in this order: the way in to the server last.
_LATE = ("tls-port", "bind", "port", "masterauth", "requirepass")


@dataclass(frozen=True)
class Plan:
    """Every option that anybody decided, and the file before and after.

    others: what the running server reports beside them, against the engine's default; reported, never changed.
    problems: why the plan must not be carried out; empty when it may.
    """

    compare: Comparison
    desired: DesiredState
    entries: tuple[Entry, ...]
    others: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    decided: frozenset[str]  # what the inventory declares; the rest of `desired` is left as the file has it
    file_before: Optional[str]
    file_after: Optional[str]
    file_running: Optional[str]  # what the server runs with until its restart: the way back

    @property
    def live(self) -> list[Entry]:
        """What CONFIG SET changes, in the order to send it."""
        return sorted((entry for entry in self.entries if entry.how is How.LIVE), key=_rank)

    @property
    def pending_restart(self) -> list[Entry]:
        return [entry for entry in self.entries if entry.how is How.RESTART]

    @property
    def file_changed(self) -> bool:
        return self.file_before != self.file_after

    @property
    def switches_aof_on(self) -> bool:
        return any(entry.option.name == "appendonly" and entry.want for entry in self.live)

    @property
    def changed(self) -> bool:
        return self.file_changed or bool(self.live)

    def text(self, entry: Entry, value: Value) -> str:
        """A value for people: masked where secret, '(not set)' where absent."""
        if value is ABSENT:
            return "(not set)"
        if isinstance(value, conffile.Unreadable):
            return MASK if entry.option.secret else value.text
        if value is None:
            return "(default)"
        if entry.option.secret:
            return MASK if value else "(empty)"
        return " ".join(" ".join(words) for words in self._kind(entry).arguments(value)) or "(empty)"

    def argument(self, entry: Entry) -> str:
        """The wanted value as CONFIG SET takes it. Not masked."""
        return self._kind(entry).render(entry.want)

    def applied(self) -> dict[str, str]:
        """What to remember of this state: no secrets. A withdrawn option as long as it owes a restart."""
        return {
            entry.option.name: self.argument(entry)
            for entry in self.entries
            if not entry.option.secret
            and (entry.option.name in self.decided or (not entry.declared and entry.how is How.RESTART))
        }

    def diff(self, path: str = "configuration file") -> list[dict[str, str]]:
        """--diff: the file at `path` and the running server, before and after; secrets masked."""
        diffs = []
        if self.file_changed:
            diffs.append(
                {
                    "before_header": path,
                    "after_header": path,
                    "before": conffile.mask(self.file_before or ""),
                    "after": conffile.mask(self.file_after or ""),
                }
            )
        if self.live:
            diffs.append(
                {
                    "before_header": "running server",
                    "after_header": "running server",
                    "before": "".join(f"{entry.option.name} {self.text(entry, entry.live)}\n" for entry in self.live),
                    "after": "".join(f"{entry.option.name} {self.text(entry, entry.want)}\n" for entry in self.live),
                }
            )
        return diffs

    def _kind(self, entry: Entry) -> Kind:
        return entry.option.kind_at(self.desired.engine)


def build(desired: DesiredState, observed: Observed, instance: str, where: str, *, manages_file: bool = True) -> Plan:
    """Compare. where: names host and instance in the plan's problems."""
    engine = desired.engine
    parsed = conffile.ConfFile.parse(observed.file or "")
    in_file = {name: _whole(known(name), value, engine) for name, value in parsed.values(engine).items()}
    live = {
        option.name: conffile.read_value(option, text, engine)
        for name, text in (observed.live or {}).items()
        for option in [catalog.find(name)]
        if option is not None
    }
    left = _left_to_the_file(in_file, observed.applied or {})
    decided = frozenset(desired.values)
    desired = DesiredState(engine, {**left, **desired.values})
    compare = Comparison(desired, observed, in_file, live, manages_file)
    # without a file there is no declaration of the whole, only of some settings
    withdrawn = _withdrawn(desired, in_file, observed.applied or {}, live) if manages_file else set()
    names = {*desired.values, *withdrawn}
    entries = tuple(compare.entry(option) for option in catalog.OPTIONS if option.name in names)
    beside = live.keys() - names
    others = tuple(compare.entry(option) for option in catalog.OPTIONS if option.name in beside)
    problems = dangers(compare, entries, parsed, where)
    if not manages_file:
        return Plan(compare, desired, entries, others, problems, decided, None, None, None)
    kept = _kept(parsed, observed, desired)
    running = _as_it_runs(desired, entries)
    return Plan(
        compare,
        desired,
        entries,
        others,
        problems,
        decided,
        observed.file,
        conffile.render(desired, instance, kept),
        conffile.render(running, instance, kept),
    )


def _whole(option: Option, value: Value, engine: Engine) -> Value:
    """A file may name some classes of clients only, as CONFIG REWRITE does; a server that reads it has all of them."""
    kind, default = option.kind_at(engine), option.default_at(engine)
    if not isinstance(kind, BufferLimits) or isinstance(value, conffile.Unreadable):
        return value
    return kind.parse(f"{default} {kind.render(value)}")


def _left_to_the_file(in_file: Mapping[str, Value], applied: Mapping[str, str]) -> dict[str, Value]:
    """What nobody has to declare, and nobody may lose by not doing so: where the data lies; and how the server is
    reached, as long as no run of ours decided it.
    """
    return {
        name: value
        for name, value in in_file.items()
        if not isinstance(value, conffile.Unreadable)
        and (name in DATA_LOCATION or (name not in applied and (name in PLACE or name.startswith("tls-"))))
    }


def _withdrawn(
    desired: DesiredState, in_file: Mapping[str, Value], applied: Mapping[str, str], live: Mapping[str, Value]
) -> set[str]:
    """Options that somebody set and the inventory does not: to go back to the engine's default.

    An option that only the running server has, and no file or run of ours ever named, is left alone. Secrets are
    looked for everywhere: a password must not go away because nobody mentioned it.
    """
    remembered = {name for name in applied if catalog.find(name) is not None}
    secret = {name for name, value in live.items() if known(name).secret and value}
    return {
        name
        for name in {*in_file, *remembered, *secret} - set(desired.values)
        if known(name).origin is Origin.DECLARED and known(name).exists_at(desired.engine)
    }


def _kept(parsed: conffile.ConfFile, observed: Observed, desired: DesiredState) -> list[conffile.Directive]:
    """Lines to carry over. What the server says it follows beats what its file says it followed."""
    clustered = desired.get("cluster-enabled")  # then nodes.conf has it, and the file must not
    password = "requirepass" in desired.values  # the default user's line would beat it
    kept = [directive for directive in parsed.kept() if not (directive.opens_default and password)]
    if observed.live is None and not clustered:
        return kept
    kept = [directive for directive in kept if directive.name not in ("replicaof", "slaveof")]
    if observed.replica_of is not None and not clustered:
        host, port = observed.replica_of
        kept.insert(0, conffile.Directive("replicaof", (host, str(port)), 0))
    return kept


def _as_it_runs(desired: DesiredState, entries: Sequence[Entry]) -> DesiredState:
    """With every option that waits for a restart at the value it has until then."""
    values = dict(desired.values)
    for entry in entries:
        if entry.how is not How.RESTART or isinstance(entry.live, (Absent, conffile.Unreadable)):
            continue
        if entry.live == default_value(entry.option, desired.engine):
            values.pop(entry.option.name, None)
        else:
            values[entry.option.name] = entry.live
    return DesiredState(desired.engine, values)


def _rank(entry: Entry) -> int:
    """Room comes before what needs it, for servers that take one setting at a time.

    A limit that is raised goes before the policy, or writes are refused under the new policy and the old limit; one
    that is lowered after it.
    """
    name = entry.option.name
    if name == "maxmemory":
        return -2 if entry.want == 0 or (isinstance(entry.live, int) and 0 < entry.live < entry.want) else 0
    if name == "maxmemory-policy":
        return -1
    return _LATE.index(name) + 1 if name in _LATE else 0
