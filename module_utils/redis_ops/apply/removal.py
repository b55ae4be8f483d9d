"""Remove an instance for good: its service, its files with passwords, and what this host remembers of it.

Its data stays, saved, unless a person typed its name once more. The record goes last, so that a run that was killed can
be done again.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from ..base import moves, trees
from ..base.errors import ApplyFailed, InvalidInput, Problem, RedisOpsError, told
from ..base.paths import open_directory
from ..model.conffile import HEADER_START
from ..plan.contact import Contact
from ..platform.current import here
from ..platform.layout import PRODUCTS
from ..platform.places import identity
from ..platform.state import LOCK, STATE_DIRECTORY
from ..server import datasets, persistence
from ..view.host_declaration import HostDeclaration, is_managed, remembered
from ..view.instance import Instance, InstanceView, record_of
from ..view.neighbours import Neighbour, neighbours
from ..view.observe import look
from . import aside
from .live import RunningServer
from .quarantine import QUARANTINE

ALL = "all"
Step = tuple[str, Callable[[], object]]


@dataclass(frozen=True)
class Request:
    """What a person typed. names: of instances, or 'all' for everything that this project has on the host.
    data: 'HOST/INSTANCE' for each instance whose data goes as well. host: the name of this host in the inventory.
    """

    names: Sequence[str]
    data: Sequence[str]
    host: str

    @property
    def whole(self) -> bool:
        """Whether nothing of this project stays on the host."""
        return ALL in self.names

    def deletes(self, name: str) -> bool:
        """Whether the data of the instance goes as well."""
        return f"{self.host}/{name}" in self.data


def remove(declared: HostDeclaration, request: Request, *, check: bool) -> dict[str, Any]:
    """The module's result.

    Raises InvalidInput, and RedisOpsError for a server that can't be looked at, before anything is touched; ApplyFailed.
    """
    views = [look(instance) for instance in _instances(declared, request)]
    leaving = [view for view in views if request.deletes(view.instance.name) and _data(view)]
    if leaving and (problems := list(_shared(leaving, neighbours(leaving, _others(declared, leaving)), request))):
        raise InvalidInput(problems)
    done: list[dict[str, Any]] = []
    for view in views:
        try:
            done.append(_remove(view, request, check=check))
        except (OSError, RedisOpsError) as error:  # noqa: PERF203 - the first failure ends it
            gone = ", ".join(one["instance"] for one in done)
            if check or not gone:
                raise
            raise ApplyFailed(f"{told(error)}\nremoved before that: instance {gone}") from None
    actions = []
    if request.whole:
        actions = [what for what, _ in _of_host()]
        if not check:
            _carry_out("this host", [*_of_host(), ("forget the lock", _forget_all)])  # this run has made it
    return {"changed": bool(done or actions), "removed": done, "actions": actions}


def _remove(view: InstanceView, request: Request, *, check: bool) -> dict[str, Any]:
    """One instance, as the module returns it."""
    steps = list(_steps(view, request))
    if not check:
        aside.sweep_drafts(view.instance)
        _carry_out(view.instance.where, steps)
    left = [] if request.deletes(view.instance.name) else _data(view)
    return {"instance": view.instance.name, "actions": [what for what, _ in steps], "left": left}


def _instances(declared: HostDeclaration, request: Request) -> list[Instance]:
    """Those that are to go: as they are declared, else as this host remembers them. Raises InvalidInput."""
    found = _managed(declared)
    by_name = {instance.name: instance for instance in reversed(found)}  # the declared product's before the other's
    wanted = found if request.whole else [by_name[name] for name in dict.fromkeys(request.names) if name in by_name]
    problems = [*_wrong_names(request, by_name), *_wrong_confirmations(request, wanted)]
    if problems:
        raise InvalidInput(problems)
    return wanted


def _managed(declared: HostDeclaration) -> list[Instance]:
    """All of this project's, of the declared product first."""
    found = {layout.instance: declared.undeclared(layout) for layout in remembered(declared.product)}
    resolved = declared.resolved(declared.engine())
    found.update({one.layout.instance: declared.instance(one) for one in resolved if is_managed(one.layout)})
    others = [product for product in PRODUCTS.values() if product != declared.product]
    return [*found.values(), *(declared.undeclared(layout) for other in others for layout in remembered(other))]


def _wrong_names(request: Request, known: Collection[str]) -> Iterator[Problem]:
    for name in request.names:
        if name == ALL and ALL in known:
            yield Problem(
                f"redis_server_remove: {ALL}",
                f"is every instance, and also the name of one: {', '.join(sorted(known))}",
                "a name that means one thing",
                f"give instance {ALL} another name first, with renamed_from: {ALL}",
            )
        elif name not in (ALL, *known):
            yield Problem(
                f"instance {name}",
                "is none that this project manages on this host",
                f"one of these: {', '.join(sorted(known)) or 'none'}",
                "correct the name; a server that somebody else set up is theirs to remove",
            )


def _wrong_confirmations(request: Request, wanted: Sequence[Instance]) -> Iterator[Problem]:
    """Those of another host are for another host. One that is wrong here must not pass for one that was obeyed."""
    names = [instance.name for instance in wanted]
    for entry in request.data:
        of_host, slash, name = entry.rpartition("/")
        if slash and of_host and (of_host != request.host or names.count(name) == 1):
            continue
        wrong = "is no confirmation"
        if slash and of_host == request.host:
            wrong = "means two instances" if name in names else "is no instance that this run removes"
        yield Problem(
            f"redis_server_remove_data: {entry}",
            wrong,
            f"HOST/INSTANCE, of {', '.join(f'{request.host}/{name}' for name in dict.fromkeys(names)) or 'no instance'}",
            "correct it; nothing was removed",
        )


def _others(declared: HostDeclaration, leaving: Sequence[InstanceView]) -> list[Instance]:
    """The instances that keep their data: those that this host remembers, and those that are declared."""
    declared_ones = [declared.instance(one) for one in declared.resolved(declared.engine())]
    by_state = {instance.state: instance for instance in (*_managed(declared), *declared_ones)}
    gone = {view.instance.state for view in leaving}
    return [instance for state, instance in by_state.items() if state not in gone]


def _shared(leaving: Sequence[InstanceView], others: Sequence[Neighbour], request: Request) -> Iterator[Problem]:
    """Data that would be deleted beside that of another server. Whose a file is can't be told for certain then."""
    for view in leaving:
        directory, own = str(view.store.directory), _has_its_name(view)
        place = identity(directory)
        for other in others:
            if place in other.places or (own and place in other.above):
                found = f"{directory} has the data of {other.name}, as well"
            elif not other.places and not own:
                found = f"whether {other.name} has its data in {directory} could not be determined"
            else:
                continue
            yield Problem(
                f"redis_server_remove_data: {request.host}/{view.instance.name}",
                found,
                "a directory that no other server uses",
                f"move the data of that server first, or leave out {request.host}/{view.instance.name}, and delete the files "
                "yourself; nothing was removed",
            )
            break


def _steps(view: InstanceView, request: Request) -> Iterator[Step]:
    """The data goes while the file still says where it is."""
    service, config, record = view.instance.service, view.config, record_of(view.instance)
    deletes = request.deletes(view.instance.name)
    if view.connection is not None and not deletes:
        yield f"save {persistence.keys(view.info)} keys", partial(_save, view)
    if service is not None:
        if record.is_masked():
            yield f"unmask {service.name}", service.prepare
        if service.enabled() or record.is_masked():
            yield f"disable {service.name} at boot", service.withdraw
        if view.connection is not None:
            yield f"stop {service.name}", service.stop
        yield from _files([service.drop_in_path()])
    if deletes:
        for path in _data(view):
            yield f"delete {path}", partial(_delete, view, path)
    if config is not None and _is_ours(view):
        if moves.is_there(config.path):
            yield f"remove {config.path}", partial(moves.remove_with_link, config)
        yield from _files(aside.copies(config))
    yield from _files([record.last_good_path, record.mask_path, record.path])


def _is_ours(view: InstanceView) -> bool:
    """Whether a run wrote the configuration. Of a first start that failed, what was there before is back."""
    written = (view.observed.file or "").startswith(HEADER_START)
    return view.contact is not Contact.KEPT and (written or record_of(view.instance).exists())


def _save(view: InstanceView) -> None:
    if view.connection is not None:
        running = RunningServer(view.instance.where, view, view.connection)
        running.save()
        running.save_at_stop()
        view.connection.close()


def _files(paths: Sequence[str]) -> Iterator[Step]:
    for path in paths:
        if moves.is_there(path):
            yield f"remove {path}", partial(moves.remove_file, path)


def _data(view: InstanceView) -> list[str]:
    """The paths of its data: its directory where that has its name, else the files in it that are its own. A server that
    runs writes a dump before it stops.
    """
    store, config = view.store, view.config
    if view.observed.file is None and view.connection is None and "dir" not in view.plan.desired.values:
        return []  # nothing says where it is
    directory = str(store.directory)
    names = {*moves.names_in(directory, config.owner if config else None)}
    names |= {store.rdb.name} if view.connection is not None else set()
    if _has_its_name(view):
        return [directory] if names else []
    own = {store.rdb.name, store.old_aof.name, QUARANTINE, view.cluster_file}
    parts = store.aof.parent.name if store.aof != store.old_aof else ""
    found = [f"{directory}/{name}" for name in sorted(names & {*own, parts})]
    if datasets.others_parts(store):  # of another server, which shares the directory
        found.remove(str(store.aof.parent))
        found += [f"{store.aof.parent}/{name}" for name in datasets.own_parts(store)]
    return found


def _has_its_name(view: InstanceView) -> bool:
    """Whether its data directory is the one that the package keeps for an instance of its name alone."""
    layout = view.instance.layout
    return layout is not None and not layout.is_default and str(view.store.directory) == layout.settings(0)["dir"]


def _delete(view: InstanceView, path: str) -> None:
    parent, _, name = path.rpartition("/")
    with open_directory(parent, view.config.owner if view.config else None) as directory:
        trees.remove(directory, name)


def _of_host() -> Iterator[Step]:
    """What is left when the last instance is gone."""
    yield from _files([path for product in PRODUCTS.values() for path in here().packages.leftovers(product)])
    if set(moves.names_in(STATE_DIRECTORY)) - {LOCK}:
        yield f"remove {STATE_DIRECTORY}", _forget_all


def _forget_all() -> None:
    parent, _, name = STATE_DIRECTORY.rpartition("/")
    with open_directory(parent) as directory:
        trees.remove(directory, name)


def _carry_out(where: str, steps: Sequence[Step]) -> None:
    for number, (what, effect) in enumerate(steps):
        try:
            effect()
        except (OSError, RedisOpsError) as error:  # noqa: PERF203 - the first failure ends it
            before = ", ".join(step for step, _ in steps[:number]) or "nothing"
            raise ApplyFailed(f"{where}: {what}: {told(error)}; done before: {before}; run it again") from None
