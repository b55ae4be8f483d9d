"""The one comparator: what is declared against the file, the running server and what was applied last. Pure.

Drift is "the plan is not empty"; check mode, --diff, apply and every report are views of the same Plan.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Optional

from . import catalog, conffile
from .desired import MASK, DesiredState, default_value, known
from .errors import InvalidInput, Problem
from .kinds import Kind, Path, Value
from .settings import Apply, Option, Origin

# maxclients + this many files must be open-able (server.c adjustOpenFilesLimit, CONFIG_MIN_RESERVED_FDS)
RESERVED_FILES = 32
# Where the data lies. Another value does not move the data: the server would start empty beside it.
DATA_LOCATION = ("dir", "dbfilename", "appenddirname", "appendfilename")
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


class Absent(enum.Enum):
    """No value: not in the file, or not told by the server."""

    ABSENT = ""


ABSENT = Absent.ABSENT


class How(enum.Enum):
    """What brings the running server to the wanted value."""

    NOTHING = "nothing"
    LIVE = "CONFIG SET"
    RESTART = "restart"


@dataclass(frozen=True)
class Observed:
    """What was found. Every part may be missing: a machine before its first run has none of them.

    file: text of the configuration file; None: no such file, or none is managed.
    live: CONFIG GET *; None: the server does not run.
    applied: canonical option name -> text, as the last run left it; None: no run yet.
    open_files: limit of the running process. backlog: of its listening socket, as the kernel granted it;
    somaxconn: the most it grants now. stored: whether there is data where file and server say it lies.
    replica_of: (host, port) of the primary that the running server follows.
    real_paths: declared or found path -> the path behind symbolic links.
    """

    file: Optional[str] = None
    live: Optional[Mapping[str, str]] = None
    applied: Optional[Mapping[str, str]] = None
    open_files: Optional[int] = None
    backlog: Optional[int] = None
    somaxconn: int = 0
    highest_database: int = -1  # that has keys
    stored: bool = False
    replica_of: Optional[tuple[str, int]] = None
    real_paths: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Entry:
    """One option: what is wanted, what was found, and what makes them one.

    want: the declared value, or the engine's default where the inventory no longer declares the option.
    """

    option: Option
    want: Value
    declared: bool
    file: Value
    live: Value
    file_differs: bool
    how: How
    reason: str = ""

    @property
    def live_differs(self) -> bool:
        return self.how is not How.NOTHING


@dataclass(frozen=True)
class Plan:
    """Every option that anybody decided, and the file before and after."""

    desired: DesiredState
    entries: tuple[Entry, ...]
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
    """Compare. where: names host and instance in error texts.

    Raises InvalidInput when going on would open the server or leave its data behind.
    """
    engine = desired.engine
    parsed = conffile.ConfFile.parse(observed.file or "")
    in_file = parsed.values(engine)
    live = {
        option.name: conffile.read_value(option, text, engine)
        for name, text in (observed.live or {}).items()
        for option in [catalog.find(name)]
        if option is not None
    }
    left = _left_to_the_file(in_file, observed.applied or {})
    decided = frozenset(desired.values)
    desired = DesiredState(engine, {**left, **desired.values})
    compare = _Comparison(desired, observed, in_file, live, manages_file)
    # without a file there is no declaration of the whole, only of some settings
    withdrawn = _withdrawn(desired, in_file, observed.applied or {}, live) if manages_file else set()
    names = {*desired.values, *withdrawn}
    entries = tuple(compare.entry(option) for option in catalog.OPTIONS if option.name in names)
    problems = [problem for entry in entries for problem in compare.dangers(entry, where)]
    problems += [_included(directive, where) for directive in parsed.directives if directive.name == "include"]
    if problems:
        raise InvalidInput(problems)
    if not manages_file:
        return Plan(desired, entries, decided, None, None, None)
    kept = _kept(parsed, observed, desired)
    running = _as_it_runs(desired, entries)
    return Plan(
        desired,
        entries,
        decided,
        observed.file,
        conffile.render(desired, instance, kept),
        conffile.render(running, instance, kept),
    )


@dataclass(frozen=True)
class _Comparison:
    """The parts that every entry is made of."""

    desired: DesiredState
    observed: Observed
    in_file: Mapping[str, Value]
    live: Mapping[str, Value]
    manages_file: bool

    def entry(self, option: Option) -> Entry:
        declared = option.name in self.desired.values
        want = self.desired.values[option.name] if declared else default_value(option, self.desired.engine)
        file = self.in_file.get(option.name, ABSENT)
        live = self.live.get(option.name, ABSENT)
        file_differs = self.manages_file and (not self._covers(option, want, file) if declared else file is not ABSENT)
        if live is ABSENT and self.observed.live is not None and not option.readable_at(self.desired.engine):
            live_ok = not file_differs  # the server has it and does not tell: what the file has is all one knows
        else:
            # a withdrawn option whose default depends on the host has no value to compare with
            live_ok = live is ABSENT or want is None or self._covers(option, want, live)
        how, reason = self._cut_backlog(option, want) if live_ok else self._how(option, want)
        return Entry(option, want, declared, file, live, file_differs, how, reason)

    def _covers(self, option: Option, want: Value, have: Value) -> bool:
        if have is ABSENT or isinstance(have, conffile.Unreadable):
            return False
        kind = option.kind_at(self.desired.engine)
        if isinstance(kind, Path):
            real = self.observed.real_paths
            return real.get(want, want) == real.get(have, have)
        return kind.covers(want, have)

    def dangers(self, entry: Entry, where: str) -> list[Problem]:
        """What would open the server, or make it start without its data."""
        option = entry.option
        place = f"{where}: {option.name}"
        if option.secret and not entry.declared and [v for v in (entry.live, entry.file) if v not in (ABSENT, "")]:
            return [
                Problem(
                    place,
                    "the server has one that the inventory does not declare",
                    f"redis_server_secrets: {{{option.name}: ...}}",
                    f"declare it, or declare {option.name}: '' to remove it",
                )
            ]
        highest = self.observed.highest_database
        if option.name == "databases" and entry.live_differs and entry.want <= highest:
            return [
                Problem(
                    place,
                    f"database {highest} has keys, and a restart with {entry.want} databases mixes them into another",
                    f"at least {highest + 1}",
                    "move or delete those keys first, or declare more databases",
                )
            ]
        old = self._lies_at(entry)
        decided = option.name in DATA_LOCATION and old is not None and entry.want is not None
        if decided and self.observed.stored and not self._covers(option, entry.want, old):
            return [
                Problem(
                    place,
                    f"data lies at {old}, and {entry.want} would start empty",
                    f"{option.name} {old}",
                    "stop the server, move its files to the new place yourself, and run again",
                )
            ]
        return []

    def _lies_at(self, entry: Entry) -> Value:
        """Where the data is by what the server says, else its file, else the engine's default; None when unknown."""
        if entry.live is not ABSENT:
            return entry.live
        if entry.file is not ABSENT:
            return entry.file
        return None if self.observed.file is None else default_value(entry.option, self.desired.engine)

    def _cut_backlog(self, option: Option, want: Value) -> tuple[How, str]:
        """The one value that a server reports and does not have: the kernel cut it when the server started.

        A restart helps only where the kernel grants more by now.
        """
        granted = self.observed.backlog
        if option.name == "tcp-backlog" and granted is not None and granted < min(want, self.observed.somaxconn):
            return How.RESTART, f"the kernel cut it to {granted} when the server started"
        return How.NOTHING, ""

    def _how(self, option: Option, want: Value) -> tuple[How, str]:
        apply = option.apply_at(self.desired.engine)
        if apply is not Apply.LIVE:
            return How.RESTART, f"Redis reads {option.name} at start only"
        limit = self.observed.open_files
        if option.name == "maxclients" and limit is not None and limit < want + RESERVED_FILES:
            return How.RESTART, f"the running process may open {limit} files"
        return How.LIVE, ""


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


def _included(directive: conffile.Directive, where: str) -> Problem:
    return Problem(
        f"{where}: line {directive.line} of its file",
        f"includes {' '.join(directive.arguments)}, which would no longer be read",
        "one file with all settings",
        "declare the settings of that file and remove the line",
    )


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
