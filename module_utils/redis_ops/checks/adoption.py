"""First contact with a server that somebody else set up: what would become of it. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from ..base import commands
from ..base.errors import Problem
from ..model.declaration import KEEP, REPLACE
from ..model.desired import default_value
from ..plan import plan as plans
from ..plan.comparison import ABSENT, Entry
from ..plan.contact import Contact
from ..plan.plan import Plan
from ..server import persistence
from ..view.host import Seen

_WIDEST = 40  # characters of a value in the table


@dataclass(frozen=True)
class Row:
    """One option. theirs: as it is now. keep, replace: as it would be after either answer."""

    option: str
    theirs: str
    keep: str
    replace: str


def problems(seen: Seen) -> Iterator[Problem]:
    """The run stops until somebody says what to do with it."""
    if seen.view.contact is not Contact.FIRST:
        return
    name = seen.declared.name
    changed = [row.option for row in rows(seen) if row.replace != row.theirs]
    would = f"replace would change {', '.join(changed[:8])}{' ...' if len(changed) > 8 else ''}" if changed else ""
    yield Problem(
        seen.where,
        f"no run of this project has managed it, and {_whose(seen)}" + (f"; {would}" if would else ""),
        "adopt: keep (manage what is declared, leave the rest) or adopt: replace (make it what the inventory says)",
        f"say so for instance {name} in redis_server_instances, or with redis_server_adopt; "
        f"{commands.DESCRIBE_SERVERS} writes an inventory that describes it as it is",
    )


def rows(seen: Seen) -> list[Row]:
    """Every option that either answer would change, and those that nobody declares and that replace would reset."""
    kept, replaced = _plan(seen, Contact.KEPT), _plan(seen, Contact.REPLACED)
    found = []
    for entry in replaced.entries:
        name = entry.option.name
        theirs = _theirs(entry, replaced)
        after = theirs if entry.left else replaced.text(entry, entry.want)
        keeps = next((other for other in kept.entries if other.option.name == name), None)
        keep = theirs if keeps is None or keeps.left else kept.text(keeps, keeps.want)
        if len({theirs, keep, after}) > 1:
            found.append(Row(name, *(_short(text) for text in (theirs, keep, after))))
    return found


def tables(seen: Seen) -> list[dict[str, Any]]:
    """For the summary of a run: the instance and its rows; none where nobody has to answer."""
    if seen.view.contact is not Contact.FIRST:
        return []
    return [{"instance": seen.declared.name, "table": _table(rows(seen))}]


def _table(found: list[Row]) -> list[str]:
    """Lines of at most 76 characters."""
    head = Row("option", "now", f"adopt: {KEEP}", f"adopt: {REPLACE}")
    return [
        f"{row.option:<25.25} {row.theirs:<16.16} {row.keep:<16.16} {row.replace:<16.16}".rstrip()
        for row in (head, *found)
    ]


def _plan(seen: Seen, contact: Contact) -> Plan:
    compare, view = seen.view.plan.compare, seen.view
    observed = replace(compare.observed, contact=contact)
    return plans.build(
        seen.declared.desired,
        observed,
        view.instance.name,
        view.instance.where,
        weak=seen.declared.weak,
        assumed=seen.declared.assumed,
    )


def _theirs(entry: Entry, plan: Plan) -> str:
    """What runs, else what the file says, else what the engine has without a file."""
    value = next(
        (value for value in (entry.live, entry.file) if value is not ABSENT),
        default_value(entry.option, plan.desired.engine),
    )
    return plan.text(entry, value)


def _whose(seen: Seen) -> str:
    view = seen.view
    keys, clients = persistence.keys(view.info), int(view.info.get("connected_clients", 1)) - 1
    libraries = persistence.libraries(view.info)
    parts = [f"it has {keys} keys"] if keys else []
    parts += [f"{libraries} libraries of functions"] if libraries else []
    if not parts and view.stored is not None:
        parts.append(f"data lies at {view.stored}")
    parts += [f"{clients} clients"] if clients > 0 else []
    if view.own_file and view.config:
        parts.append(f"a configuration of its own in {view.config.path}")
    return " and ".join(parts) or "it is in use"


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else f"{text[: _WIDEST - 3]}..."
