"""What a server that does not come back with its new configuration is started with. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Optional

from .. import catalog
from ..catalog.kinds import Value
from ..model import conffile
from ..model.desired import DesiredState, default_value
from .comparison import ABSENT, Comparison, Entry, How
from .guards import DATA_LOCATION


def way_back(
    compare: Comparison, desired: DesiredState, entries: Sequence[Entry], instance: str, unreadable: frozenset[str]
) -> str:
    """The configuration that the running server has before anything changes: the file of somebody else itself, where it
    says all of that and no run of this project has finished. unreadable: the options whose lines stay as they are.
    """
    observed, engine = compare.observed, desired.engine
    parsed, contact = observed.parsed, observed.contact
    theirs = observed.applied is None and not contact.takes_defaults
    lines = outlasting(parsed, everything=theirs or contact.keeps_undeclared)
    if observed.live is not None:
        clustered = compare.live.get("cluster-enabled") is True
        lines = following(lines, None if clustered else observed.replica_of)
    values = dict(desired.values)
    for entry in entries:
        name, ran = entry.option.name, _ran_with(entry)
        told = ran in (values.get(name, ABSENT), compare.in_file.get(name, ABSENT))
        if ran is ABSENT or (ran == default_value(entry.option, engine) and not told):
            values.pop(name, None)
        else:
            values[name] = ran
    if theirs and observed.file is not None and _is_told(values, compare, entries, lines):
        return observed.file
    return conffile.render(DesiredState(engine, values), instance, [*lines, *parsed.lines_of(unreadable)])


def _ran_with(entry: Entry) -> Value:
    """ABSENT for the default. Where CONFIG SET moves the data, it is at the new place by the time of a restart."""
    if entry.left or (entry.option.name in DATA_LOCATION and entry.how is How.LIVE):
        return entry.want
    known = (value for value in (entry.live, entry.file) if value is not ABSENT)
    ran = next(known, ABSENT)
    return ABSENT if isinstance(ran, conffile.Unreadable) else ran


def _is_told(
    values: Mapping[str, Value], compare: Comparison, entries: Sequence[Entry], lines: Sequence[conffile.Directive]
) -> bool:
    """Whether the file gives the options these values, and has these lines."""
    engine, parsed = compare.desired.engine, compare.observed.parsed
    same = []
    for option in (entry.option for entry in entries):
        default = default_value(option, engine)
        says, ran = (found.get(option.name, default) for found in (compare.in_file, values))
        known = not any(value is None or isinstance(value, conffile.Unreadable) for value in (says, ran))
        same.append(says == ran or (known and compare.agree(option, says, ran)))
    written = {(line.name, line.arguments) for line in outlasting(parsed, everything=True)}
    return all(same) and written == {(line.name, line.arguments) for line in lines}


def following(lines: Sequence[conffile.Directive], primary: Optional[tuple[str, int]]) -> list[conffile.Directive]:
    """The lines with the primary that the server follows; None for no one."""
    first = [conffile.Directive("replicaof", (primary[0], str(primary[1])), 0)] if primary is not None else []
    return first + [line for line in lines if line.name not in conffile.FOLLOWS]


def outlasting(parsed: conffile.ConfFile, *, everything: bool) -> list[conffile.Directive]:
    """The lines that set no option and outlast a new file. everything: as in a file that somebody else keeps, also those
    that nobody knows, such as options of a module, and a default user without a password, which beats requirepass.
    """
    kept = [line for line in parsed.directives if line.kept or (everything and line.is_default_user)]
    return kept + [line for line in parsed.directives if everything and catalog.find(line.name) is None]
