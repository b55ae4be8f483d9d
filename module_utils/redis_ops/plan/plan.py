"""What is to be done: declared against file, running server and what was applied last. Pure.

Drift is "the plan is not empty"; check mode, --diff, apply and every report are views of the same Plan.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Optional

from .. import catalog
from ..base.errors import Problem
from ..catalog.kinds import Kind, Value
from ..catalog.option import Origin
from ..model import conffile, default_user
from ..model.desired import MASK, DesiredState, default_value, known
from . import classes, guards
from .comparison import ABSENT, Absent, Comparison, Entry, How, Observed
from .contact import left as left_by
from .guards import DATA_LOCATION
from .order import in_order
from .way_back import following, outlasting, way_back


@dataclass(frozen=True)
class Plan:
    """Every option that anybody decided, in the order in which CONFIG SET takes them, and the file before and after.

    others: what the running server reports beside them, against the engine's default; reported, never changed.
    decided: the options that the inventory decides, this project's own defaults among them where they count.
    problems: why the plan must not be carried out; empty when it may.
    """

    compare: Comparison
    desired: DesiredState
    entries: tuple[Entry, ...]
    others: tuple[Entry, ...]
    problems: tuple[Problem, ...]
    decided: frozenset[str]
    file_before: Optional[str]
    file_after: Optional[str]
    file_running: Optional[str]  # what the server runs with once CONFIG SET is done, until its restart
    way_back: Optional[str]  # what it ran with before: what a start that fails goes back to

    @property
    def live(self) -> list[Entry]:
        """What CONFIG SET changes, in the order to send it."""
        return [entry for entry in self.entries if entry.how is How.LIVE]

    @property
    def settled(self) -> frozenset[str]:
        """The options whose value a run decides, after it if not now; others stay as they are."""
        return frozenset(entry.option.name for entry in self.entries if not entry.left)

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
        """What to remember of this state: no secrets. A withdrawn option as long as it owes a restart.

        Of a server that is kept as it is, only what a run has changed: the rest is not ours to take back later.
        """
        return {
            entry.option.name: self._kind(entry).render(self.desired.values.get(entry.option.name, entry.want))
            for entry in self.entries
            if not entry.option.secret
            and (entry.option.name in self.decided or (not entry.declared and entry.how is How.RESTART))
            and self._is_ours(entry)
        }

    def _is_ours(self, entry: Entry) -> bool:
        observed = self.compare.observed
        changed = entry.file_differs or entry.live_differs or entry.option.name in (observed.applied or {})
        return changed or not observed.contact.keeps_undeclared

    @property
    def changes_nothing_of_others(self) -> bool:
        """Whether somebody else's server is as it is declared, so that there is nothing to remember."""
        return self.compare.observed.contact.keeps_undeclared and not self.changed and not self.applied()

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


def build(
    desired: DesiredState,
    observed: Observed,
    instance: str,
    where: str,
    *,
    weak: frozenset[str] = frozenset(),
    assumed: frozenset[str] = frozenset(),
    manages_file: bool = True,
    exact: Optional[str] = None,
) -> Plan:
    """Compare. where: names host and instance in the plan's problems.

    weak: those of `desired` that are this project's own defaults for its places: what somebody else's configuration says
    wins over them. exact: the text of the file, which `desired` was read from. assumed: those of a profile that nobody typed: a server that is kept as it is does not take them.
    """
    engine, contact = desired.engine, observed.contact
    parsed = observed.parsed
    written = parsed.values(engine)
    in_file = {name: classes.whole(known(name), value, desired) for name, value in written.items()}
    live = {
        option.name: conffile.read_value(option, text, engine)
        for name, text in (observed.live or {}).items()
        for option in [catalog.find(name)]
        if option is not None
    }
    not_said = weak | assumed if contact.keeps_undeclared else weak
    typed = {name: value for name, value in desired.values.items() if name not in not_said}
    stays = left_by(contact, in_file, observed.applied or {}, DATA_LOCATION) if manages_file and exact is None else {}
    stays = {name: value for name, value in stays.items() if name not in typed}
    # what somebody else's server understands and we don't
    unreadable = frozenset(
        name for name, value in stays.items() if isinstance(value, conffile.Unreadable) and not contact.takes_defaults
    )
    # no file and no server: nobody else has said anything that could win, and data may lie where the defaults say
    takes_defaults = contact.takes_defaults or (observed.file is None and observed.live is None)
    ours = {name: desired.values[name] for name in weak if name in desired.values} if takes_defaults else {}
    left = {
        name: value
        for name, value in stays.items()
        if value != ours.get(name, ABSENT) and not isinstance(value, conffile.Unreadable)
    }
    parted = classes.parted(written, typed, observed, engine) if manages_file and exact is None else {}
    desired = DesiredState(engine, {**ours, **left, **parted, **typed})
    decided = frozenset(desired.values) - frozenset(left) - frozenset(parted)
    asked = classes.asked(desired, written, observed)
    compare = Comparison(asked, observed, in_file, live, manages_file, frozenset(left))
    # without a file there is no declaration of the whole, only of some settings
    withdrawn = _withdrawn(desired, in_file, observed, live) - unreadable if manages_file else set()
    names = {*desired.values, *withdrawn}
    entries = in_order(tuple(compare.entry(option) for option in catalog.OPTIONS if option.name in names), live)
    beside = live.keys() - names
    others = tuple(compare.entry(option) for option in catalog.OPTIONS if option.name in beside)
    problems = guards.problems(compare, entries, parsed, where, exact=exact is not None)
    if not manages_file:
        return Plan(compare, desired, entries, others, problems, decided, None, None, None, None)
    kept = [*_kept(parsed, observed, in_file, desired, decided), *parsed.lines_of(unreadable)]
    in_new_file = classes.in_file(desired, asked, written, observed)
    running = _as_it_runs(in_new_file, entries)
    after = conffile.render(in_new_file, instance, kept) if exact is None else exact
    if contact.keeps_undeclared and _says_the_same(parsed, entries, kept, unreadable):
        after = after if observed.file is None else observed.file
    return Plan(
        compare,
        desired,
        entries,
        others,
        problems,
        decided,
        observed.file,
        after,
        conffile.render(running, instance, kept),
        way_back(compare, desired, entries, instance, unreadable),
    )


def _withdrawn(
    desired: DesiredState, in_file: Mapping[str, Value], observed: Observed, live: Mapping[str, Value]
) -> set[str]:
    """Options that somebody set and the inventory does not declare: they go back to the engine's default.

    An option that only the running server has, and that no file and no run of ours ever named, stays. Secrets are looked
    for everywhere: a password must not go away because nobody mentioned it. Of a server that is kept as it is, only
    what an earlier run declared can be withdrawn.
    """
    found = {name for name in observed.applied or {} if catalog.find(name) is not None}
    if not observed.contact.keeps_undeclared:
        found |= {*in_file, *(name for name, value in live.items() if known(name).secret and value)}
    return {
        name
        for name in found - set(desired.values)
        if known(name).origin is Origin.DECLARED and known(name).exists_at(desired.engine)
    }


def _says_the_same(
    parsed: conffile.ConfFile,
    entries: Sequence[Entry],
    kept: Sequence[conffile.Directive],
    unreadable: frozenset[str],
) -> bool:
    """Whether a file that somebody else wrote needs no change: its options and the lines that outlive a rewrite are right."""
    before = [*outlasting(parsed, everything=True), *parsed.lines_of(unreadable)]
    return not any(entry.file_differs for entry in entries) and _as_set(before) == _as_set(kept)


def _as_set(lines: Sequence[conffile.Directive]) -> set[tuple[str, tuple[str, ...]]]:
    """Who a server follows is its own to decide, and no reason to write its file."""
    return {(line.name, line.arguments) for line in lines if line.name not in conffile.FOLLOWS}


def _kept(
    parsed: conffile.ConfFile,
    observed: Observed,
    in_file: Mapping[str, Value],
    desired: DesiredState,
    decided: frozenset[str],
) -> list[conffile.Directive]:
    """Lines to carry over. What the server says it follows beats what its file says it followed."""
    clustered = desired.get("cluster-enabled")  # then nodes.conf has it, and the file must not
    kept = outlasting(parsed, everything=observed.contact.keeps_undeclared)
    if "requirepass" in decided:
        found = [_with_password(line, in_file, desired, observed) if line.is_default_user else line for line in kept]
        kept = [line for line in found if line is not None]
    if observed.live is None and not clustered:
        return kept
    return following(kept, None if clustered else observed.replica_of)


def _with_password(
    line: conffile.Directive, in_file: Mapping[str, Value], desired: DesiredState, observed: Observed
) -> Optional[conffile.Directive]:
    """The default user's line as the next start needs it to let in who gets in now: CONFIG SET requirepass replaces the
    passwords, and no other rule. None where requirepass says all of it.
    """
    name, *rules = line.arguments
    password = str(desired.get("requirepass") or "")
    has = in_file.get("requirepass") if observed.live is None else observed.live.get("requirepass")
    found, wanted = default_user.passwords(rules), default_user.wanted(password)
    keeps, whole = observed.contact.keeps_undeclared, default_user.is_unrestricted(rules)
    if str(has or "") == password and (not password or (keeps and found is not None and found >= (wanted or found))):
        return line  # nothing sets it: the passwords are those of the line
    if found == wanted and (keeps or not whole):
        return line
    return None if whole else replace(line, arguments=(name, *default_user.with_password(rules, password)))


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
