"""What a plan must not do: open the server, or make it start without its data. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath as Path

from .. import catalog
from ..base.errors import Problem
from ..base.text import printable
from ..catalog.kinds import Value
from ..catalog.option import Trait
from ..model import conffile
from ..model.desired import default_value, known
from .comparison import ABSENT, Comparison, Entry

DATA_LOCATION = catalog.with_trait(Trait.DATA_LOCATION)
NODE_LOCATION = catalog.with_trait(Trait.NODE_LOCATION)


def problems(
    compare: Comparison, entries: Sequence[Entry], parsed: conffile.ConfFile, where: str, *, exact: bool = False
) -> tuple[Problem, ...]:
    """Why the entries must not be brought about; empty when they may. where: names host and instance.
    exact: whether the file gets a text as it is, which may include others.
    """
    found = [problem for entry in entries for problem in _of_entry(compare, entry, f"{where}: {entry.option.name}")]
    included = [] if exact else [directive for directive in parsed.directives if directive.name == "include"]
    return (*found, *(_included(directive, where) for directive in included))


def _of_entry(compare: Comparison, entry: Entry, place: str) -> list[Problem]:
    option = entry.option
    if option.secret and not entry.declared and [v for v in (entry.live, entry.file) if v not in (ABSENT, "")]:
        return [
            Problem(
                place,
                "the server has one that the inventory does not declare",
                f"redis_server_secrets: {{{option.name}: ...}}",
                f"declare it, or declare {option.name}: '' to remove it",
            )
        ]
    highest = compare.observed.highest_database
    if option.name == "databases" and entry.live_differs and entry.want <= highest:
        return [
            Problem(
                place,
                f"database {highest} has keys, and a restart with {entry.want} databases mixes them into another",
                f"at least {highest + 1}",
                "move or delete those keys first, or declare more databases",
            )
        ]
    if option.name == "databases" and compare.observed.live is None and compare.observed.stored:
        return _fewer_databases(compare, entry, place)
    old = _lies_at(compare, entry)
    decided = option.name in DATA_LOCATION and old is not None and entry.want is not None
    if decided and compare.observed.stored and not compare.covers(option, entry.want, old):
        return [
            Problem(
                place,
                f"data lies at {old}, and {entry.want} would start empty",
                f"{option.name} {old}",
                "stop the server, move its files to the new place yourself, and run again",
            )
        ]
    return _other_node(compare, entry, place)


def _other_node(compare: Comparison, entry: Entry, place: str) -> list[Problem]:
    """Of a node of a cluster, also of one without any key."""
    nodes = compare.observed.nodes
    changes = not entry.left and (entry.file_differs or entry.live_differs)
    if nodes is None or entry.option.name not in NODE_LOCATION or not changes:
        return []
    then = _next_nodes_file(compare)
    if then in nodes:
        return []
    now = ", ".join(map(printable, sorted(nodes)))
    what = f"is at {now}" if now else "could not be found (Redis 6.2 does not report its name)"
    return [
        Problem(
            place,
            f"this is a node of a cluster, its nodes.conf {what}, and a start with {printable(then)} would be another node, "
            "without its slots",
            f"{entry.option.name} as it is" if now else "the nodes.conf that has the identity of this node",
            "take the declaration out; or stop the server, move its files to the new place yourself, and run again",
        )
    ]


def _next_nodes_file(compare: Comparison) -> str:
    """The path of nodes.conf with everything that is declared."""
    observed = compare.observed
    values = {**compare.desired.values, **observed.commanded}
    directory = str(values.get("dir") or compare.live.get("dir") or observed.directory)
    name = values.get("cluster-config-file") or default_value(known("cluster-config-file"), compare.desired.engine)
    return str(Path(observed.real_paths.get(directory, directory), str(name)))


def _fewer_databases(compare: Comparison, entry: Entry, place: str) -> list[Problem]:
    """Of a server that does not run: which databases have keys is not known, and a start with fewer refuses their data."""
    had = default_value(entry.option, compare.desired.engine) if entry.file is ABSENT else entry.file
    if isinstance(had, conffile.Unreadable) or entry.want >= had or compare.desired.get("cluster-enabled"):
        return []
    return [
        Problem(
            place,
            f"the server is stopped, and which of its {had} databases have keys could not be determined; it would not start "
            f"with {entry.want} if a higher one has",
            f"at least {had}, or a running server",
            f"start it as it is and run again, or declare {had} databases",
        )
    ]


def _lies_at(compare: Comparison, entry: Entry) -> Value:
    """Where the data is by what the server says, else its file, else the engine's default; None when unknown."""
    if entry.live is not ABSENT:
        return entry.live
    if entry.file is not ABSENT:
        return entry.file
    if entry.option.name == "dir" and compare.observed.directory:
        return compare.observed.directory
    return None if compare.observed.file is None else default_value(entry.option, compare.desired.engine)


def _included(directive: conffile.Directive, where: str) -> Problem:
    return Problem(
        f"{where}: line {directive.line} of its file",
        f"includes {' '.join(directive.arguments)}, which would no longer be read",
        "one file with all settings",
        "declare the settings of that file and remove the line",
    )
