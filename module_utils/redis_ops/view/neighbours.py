"""Who else keeps its data in a directory of this host. Reads only."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.errors import RedisOpsError
from ..platform import host, processes
from ..platform.places import Identity, identity, working_place
from . import strangers
from .instance import Instance, InstanceView
from .observe import look


@dataclass(frozen=True)
class Neighbour:
    """A server, or an instance that does not run.

    name: for people. places: what its data directories really are; none where that could not be determined. above: the
    directories that these are in.
    """

    name: str
    places: Collection[Identity]
    above: Collection[Identity] = ()


def neighbours(leaving: Sequence[InstanceView], others: Sequence[Instance]) -> list[Neighbour]:
    """All but those that leave. others: the other instances that this project knows. Servers in containers count: they may
    have a directory of the host.
    """
    units = [view.unit for view in leaving if view.unit is not None]
    names, pids = {unit.name for unit in units}, {unit.pid for unit in units}
    return [*_running(pids), *_of_units(names), *map(_of_instance, others)]


def _running(leaving: Collection[int]) -> Iterator[Neighbour]:
    for found in processes.all_servers():
        if found.pid not in leaving and found.place:
            name = f"{found.unit}.service (pid {found.pid})" if found.unit else f"process {found.pid}"
            above = () if found.contained else _above(found.directory)
            yield Neighbour(f"{name}, which runs", [found.place], above)


def _of_units(leaving: Collection[str]) -> Iterator[Neighbour]:
    for found in strangers.of_units() if host.has_systemd() else ():
        known = [found.place] if found.place else []
        # of one that runs, the process tells as well
        if found.unit is not None and found.unit.name not in leaving and (known or not found.unit.pid):
            yield Neighbour(found.name, known, _above(found.directory))


def _of_instance(instance: Instance) -> Neighbour:
    unit = instance.service.unit() if instance.service is not None else None
    at_work = working_place(unit.pid) if unit is not None and unit.pid else ""
    places, above = [at_work] if at_work else [], []
    try:
        view = look(instance, unit)
    except (RedisOpsError, OSError):
        return Neighbour(instance.where, places)
    if view.connection is not None:
        view.connection.close()
    for directory in (str(view.store.directory), str(view.wanted_store.directory)):
        places.append(identity(directory))
        above += _above(directory)
    return Neighbour(instance.where, places, above)


def _above(directory: str) -> list[Identity]:
    return [identity(str(parent)) for parent in Path(directory).parents] if directory else []
