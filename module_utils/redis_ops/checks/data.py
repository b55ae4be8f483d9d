"""Whether a start would find the data: nothing starts empty while data of its own lies somewhere. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ..base.errors import Problem
from ..base.findings import Status
from ..plan.comparison import Entry
from ..plan.guards import DATA_LOCATION
from ..server import datasets, persistence
from ..server.datasets import DataSet, Kind
from ..view.facts import Facts
from ..view.host import Seen
from ..view.instance import InstanceView
from .registry import Judgement, check

WHY = "Redis documentation, persistence: a start loads what its configuration names, and nothing else"


def problems(seen: Seen) -> Iterator[Problem]:
    """Why a run stops."""
    if not seen.place.half_renamed:  # its data lies under two names, and the run goes on with that
        yield from starting_empty(seen.view, seen.place.elsewhere)


def starting_empty(view: InstanceView, elsewhere: Sequence[DataSet] = ()) -> Iterator[Problem]:
    """Of a server that does not run, and of one that a restart of this run starts where other data lies. Without a restart
    what runs has its data in memory. elsewhere: data under other names than the configuration has.
    """
    wanted = view.wanted_store
    moves = any(map(_is_place, view.plan.pending_restart))
    if view.instance.accept_empty or (view.connection is not None and not moves):
        return
    stores = [wanted] if view.connection is not None else [view.store, wanted]
    hindrance = next(filter(None, map(datasets.hindrance, stores)), "")
    if hindrance:
        yield Problem(
            f"{view.instance.where}: dir",
            f"what a start would load could not be determined ({hindrance})",
            "files that root may follow, or a running server",
            f"mend that or start it as it is; or go on without its data: accept_empty: true for instance {view.instance.name}",
        )
        return
    there = [found for found in datasets.present(wanted) if found not in view.data]
    lost = there if view.connection is not None else [*view.data, *there, *elsewhere]
    if not lost or _loads_all(view):
        return
    yield Problem(
        f"{view.instance.where}: dir",
        f"the server would start empty, and data lies at {_listed(lost)}",
        f"the data where the configuration names it: {(wanted if moves else view.store).directory}",
        _remedy(view, lost),
    )


def _is_place(entry: Entry) -> bool:
    return entry.option.name in DATA_LOCATION


def _loads_all(view: InstanceView) -> bool:
    """Whether a start loads what it would load without us; or else, with what is declared, data that nothing else that its
    configuration names may be newer than.
    """
    if view.connection is None and view.stored is not None:
        return True
    aof = bool(view.plan.desired.get("appendonly"))
    found = datasets.loaded(view.wanted_store, aof=aof)
    if view.connection is not None:
        return found is not None
    # an AOF may be away for a while, such as one on a disk that is not mounted: to load a dump instead is a person's word
    typed = aof == view.aof or "appendonly" not in view.instance.assumed | view.instance.weak
    return typed and found is not None and all(one == found for one in view.data)


def moving_later(view: InstanceView) -> Iterator[Problem]:
    """Of a running server that is empty now, and whose data gets another place at a restart that this run does not make:
    what clients write until then would lie where the next start does not look.
    """
    for entry in view.plan.pending_restart:
        if _is_place(entry) and view.connection is not None:
            yield Problem(
                f"{view.instance.where}: {entry.option.name}",
                f"the server is empty and writes to {view.plan.text(entry, entry.live)} until its restart, which then loads "
                f"{view.plan.text(entry, entry.want)}",
                "a restart in the same run",
                "allow it with -e redis_server_restart=true (restart: true of redis_config), or stop the server first",
            )


@check("its data", why=WHY, verify="verify.data")
def empty(facts: Facts) -> Iterator[Judgement]:
    """A running server is empty while data of its own lies elsewhere."""
    view, elsewhere = facts.view, facts.place.elsewhere if facts.place else ()
    found = [*_parts(view), *elsewhere]
    if persistence.holds_data(view.info) or view.info.get("role") == "slave" or not found:
        return
    yield Judgement(
        Status.WARN,
        "no other data of this server on the host",
        f"the server is empty, and data lies at {_listed(found)}",
        "if that is its data: stop the server, move the files to "
        f"{view.store.directory} under the names that its configuration has, and start it",
    )


def _parts(view: InstanceView) -> list[DataSet]:
    return [found for found in view.data if found.kind is Kind.PARTS]


def _remedy(view: InstanceView, lost: list[DataSet]) -> str:
    accept = f"or start empty with accept_empty: true for instance {view.instance.name}"
    if any(found.kind is Kind.PARTS for found in lost):
        return (
            "its manifest is gone: bring it back from a copy, or write it anew (one line 'file NAME seq N type b' for the "
            f"base, one 'file NAME seq N type i' for each increment), and check with redis-check-aof; {accept}"
        )
    if lost[0].kind is Kind.DUMP and view.aof:
        return f"declare appendonly: 'no' for one run, which loads the dump, and then 'yes'; {accept}"
    return f"move the files there under the names that the configuration has, or declare dir; {accept}"


def _listed(found: list[DataSet]) -> str:
    return ", ".join(map(str, found[:3])) + (f" and {len(found) - 3} more" if len(found) > 3 else "")
