"""One look at a host and all its instances: everything that guards judge. Changes nothing."""

from __future__ import annotations

import contextlib
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

from .. import catalog
from ..base.answer import YES, Answer, no
from ..base.engine import Engine
from ..base.errors import FileUnreadable, RedisOpsError, told
from ..base.files import FileSpec, read
from ..base.owners import must_be_root
from ..catalog.option import Trait
from ..model.conffile import HEADER_START
from ..model.resolve import DesiredInstance
from ..plan.contact import Contact
from ..plan.eviction import widens
from ..platform import access, host, sockets
from ..platform.packages import Package, Product
from ..platform.places import Identity, identity
from ..platform.sockets import Listener
from ..platform.units import look as look_at_units
from ..server import datasets
from ..server.datasets import DataSet
from ..server.queues.result import NOT_LOOKED, Search
from ..server.queues.search import search
from . import observe, tls
from .attempt import Attempt, attempt
from .host_declaration import HostDeclaration, is_managed
from .instance import Instance, InstanceView
from .record import foreign_lines, shown
from .strangers import Stranger, strangers


@dataclass(frozen=True)
class Place:
    """What the host offers to one instance.

    listeners: port or tls-port -> who has it. free: bytes, inodes: files that fit where its data goes; inodes is None
    where the file system has no limit. aclfile: whether the server's user can read it. absent_addresses: those of `bind`
    that no interface has. owner: who owns the data directory, when the server's user can't write it.
    elsewhere: data of the instance that its configuration does not name. queues: a search for job queues, made only where
    the change lets keys be evicted that are protected now. name_taken: what has the name already that the instance gets.
    unrecorded: what is on this host of the instance that `renamed_from` names, where no run has left a record of it.
    half_renamed: the name that a run which ended early began to give it, '' for none. directory: what its data directory
    really is.
    """

    listeners: Mapping[str, Listener] = field(default_factory=dict)
    free: int = 0
    inodes: Optional[int] = None
    aclfile: Answer = YES
    absent_addresses: Sequence[str] = ()
    owner: str = ""
    elsewhere: Sequence[DataSet] = ()
    queues: Search = NOT_LOOKED
    name_taken: str = ""
    unrecorded: str = ""
    half_renamed: str = ""
    directory: Identity = ""


@dataclass(frozen=True)
class Seen:
    """One declared instance. place: empty where nothing is going to change. taken_over: rename-command and loadmodule lines
    of its file that were not there when the last run left it.
    """

    declared: DesiredInstance
    view: InstanceView
    place: Place = field(default_factory=Place)
    taken_over: Sequence[str] = ()

    @property
    def where(self) -> str:
        return self.declared.where


@dataclass(frozen=True)
class Unseen:
    """A declared instance that could not be looked at, and why. tls: of its file and declaration, where it has any."""

    declared: DesiredInstance
    error: RedisOpsError
    tls: Optional[tls.Facts] = None

    @property
    def where(self) -> str:
        return self.declared.where


@dataclass(frozen=True)
class HostView:
    """instances, unseen: those of the declared instances that could be looked at, and those that could not. attempts: all
    of them, in the order of the declaration. memory, open_files: 0 when unknown. somaxconn: what it is, or will be once
    the host role has run. engine: of the installed server, None for none. provisioned: a run of this project was here.
    """

    product: Product
    systemd: bool
    memory: int
    open_files: int
    somaxconn: int
    instances: Sequence[Seen] = ()
    strangers: Sequence[Stranger] = ()
    unseen: Sequence[Unseen] = ()
    attempts: Sequence[Attempt] = ()
    engine: Optional[Engine] = None
    provisioned: bool = False
    at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))

    @property
    def needs_package(self) -> bool:
        """Whether any instance runs the package's program. One that somebody compiled does not."""
        return any(
            view.startup is None
            or view.startup.program in (view.instance.binary, posixpath.basename(view.instance.binary))
            for view in (seen.view for seen in self.instances)
        )

    def close(self) -> None:
        """End the connections that the look opened."""
        for seen in self.instances:
            if seen.view.connection is not None:
                seen.view.connection.close()
        for one in self.attempts:
            one.close()


@contextlib.contextmanager
def looking(declared: HostDeclaration) -> Iterator[HostView]:
    """The look of a module that changes nothing. Its connections end with the block.

    Raises InvalidInput with everything that is typed wrong.
    """
    view = look(declared, declared.engine())
    try:
        yield view
    finally:
        view.close()


def look_before_change(declared: HostDeclaration, package: Package, *, somaxconn: int) -> HostView:
    """With what the host offers to each instance, which guards judge. somaxconn: what the host role sets.

    Raises InvalidInput with everything that is typed wrong, and for a run without root's rights.
    """
    must_be_root()
    return look(declared, package.engine, places=True, somaxconn=somaxconn)


def look(declared: HostDeclaration, engine: Optional[Engine], *, places: bool = False, somaxconn: int = 0) -> HostView:
    """engine: the server that is installed, or that the run installs. places: whether to see what the host offers.

    Raises InvalidInput with everything that is typed wrong. Never raises for what the host or a server may be.
    """
    systemd = host.has_systemd()
    resolved = declared.resolved(engine)
    units = declared.units(resolved)
    attempts = [attempt(declared.instance(one), units[one.layout.service]) for one in resolved]
    seen: list[Seen] = []
    unseen: list[Unseen] = []
    for one, tried in zip(resolved, attempts):
        try:
            seen.append(_seen(declared, one, tried, places=places))
        except RedisOpsError as error:  # noqa: PERF203 - each instance fails for itself
            unseen.append(Unseen(one, error, _tls_of(one, tried.instance)))
    return HostView(
        declared.product,
        systemd,
        host.memory_bytes(),
        host.grantable_open_files(systemd=systemd),
        max(host.somaxconn(), somaxconn),
        seen,
        strangers([unit for unit in units.values() if unit.loaded or unit.pid], systemd=systemd),
        unseen,
        attempts,
        engine,
        provisioned=any(is_managed(one.layout) for one in resolved),
    )


def _seen(declared: HostDeclaration, one: DesiredInstance, tried: Attempt, *, places: bool) -> Seen:
    """Raises RedisOpsError for what could not be looked at."""
    try:
        view = tried.seen()
        if not places:
            return Seen(one, view)
        place = replace(_place(view), unrecorded=_unrecorded(declared, one))
        return Seen(one, view, place, _taken_over(view))
    except OSError as error:
        raise FileUnreadable(f"{one.where}: {told(error)}") from None


def _tls_of(one: DesiredInstance, instance: Instance) -> Optional[tls.Facts]:
    """The TLS of an instance that could not be looked at: as its file has it, then as it is declared."""
    values = dict(one.desired.values)
    with contextlib.suppress(RedisOpsError, OSError):
        text = read(FileSpec(one.layout.config)) or ""
        values = {**observe.parse_file(instance, text).values(one.desired.engine), **values}
    return observe.tls_of(values, Path("/"), instance.config)


def _place(view: InstanceView) -> Place:
    desired = view.plan.desired
    ports = {name: desired.get(name) for name in catalog.with_trait(Trait.CLIENT_PORT) if desired.get(name)}
    user = str(view.config.owner) if view.config else ""
    directory = str(view.wanted_store.directory)
    addresses = [word.lstrip("-") for word in desired.get("bind") or () if not word.startswith("-")]
    record = view.record
    last = [str(value) for value in [(record.applied() or {}).get("dir")] if value]
    usual = view.instance.layout.usual_directories() if view.instance.layout else []
    started = [view.startup.directory] if view.startup and view.startup.directory != "/" else []
    return Place(
        listeners={name: found for name, port in ports.items() for found in [sockets.tcp_listener(port)] if found},
        free=host.free_bytes(directory),
        inodes=host.free_inodes(directory),
        aclfile=_aclfile(view, user),
        absent_addresses=sockets.missing_addresses(addresses),
        owner=host.foreign_owner(directory, user),
        elsewhere=datasets.elsewhere(view.store, [*last, *usual, *started]),
        queues=queues_of(view),
        name_taken=_name_taken(view),
        half_renamed=_half_renamed(view),
        directory=identity(directory),
    )


def _name_taken(view: InstanceView) -> str:
    """What already has the name that the instance shall get; '' when nothing has."""
    old, new, config = view.instance.layout, view.instance.successor, view.config
    if old is None or new is None or config is None:
        return ""
    if is_managed(new):
        return f"instance {new.instance} is there already"
    if not old.moves_to(new):
        return ""
    text = read(replace(config, path=new.config)) if new.config != old.config else None
    # ours: a run that was killed on its way wrote it
    if text is not None and not text.startswith(HEADER_START):
        return f"{new.config} is there already"
    unit = look_at_units([new.service])[new.service] if new.service != old.service else None
    return f"{new.service} runs already" if unit is not None and unit.pid else ""


def _unrecorded(declared: HostDeclaration, one: DesiredInstance) -> str:
    """What is there of an instance without a record that shall be renamed; '' for nothing but what the package brings."""
    layout = one.unrecorded
    if layout is None:
        return ""
    instance = replace(declared.undeclared(layout), settings={"dir": layout.settings(0)["dir"]})
    try:
        view = observe.look(instance)
    except (RedisOpsError, OSError) as error:
        return f"it could not be looked at: {told(error)}"
    if view.connection is not None:
        view.connection.close()
    unit = view.unit
    if view.own_file:
        return f"{layout.config} is there"
    if view.data:
        return f"{view.data[0]} is there"
    if unit is not None and (unit.fragment_is_foreign or view.unclear or (view.startup and not view.starts_ours)):
        return f"{layout.service}.service is there"
    return f"{layout.service}.service runs, and is in use" if view.contact is not Contact.FRESH else ""


def _half_renamed(view: InstanceView) -> str:
    """A record that has the new name already says the name that the instance has."""
    layout, begun = view.instance.layout, view.record.renaming()
    return begun if layout is not None and begun != layout.instance else ""


def queues_of(view: InstanceView) -> Search:
    """Searched for only where it matters: the search takes up to ten seconds on a server with millions of keys."""
    now = view.limit_now
    if view.connection is None or not any(widens(now, wanted) for wanted in view.limits_wanted):
        return NOT_LOOKED
    return search(view.connection)


def _aclfile(view: InstanceView, user: str) -> Answer:
    """Whether the server's user can read it. A relative path is beside the data."""
    path = str(view.plan.desired.get("aclfile") or "")
    if not path:
        return YES
    there = Path(view.store.directory, path)
    if not there.exists():
        return no("does not exist")
    [answer] = access.readable([str(there)], access.account(user))
    return answer


def _taken_over(view: InstanceView) -> list[str]:
    """The lines that a rewrite keeps and nothing can verify, of those that somebody wrote since the last run."""
    now = view.observed.parsed if view.observed.file else None
    return [shown(line) for line in foreign_lines(now, view.record.left()) if line.kept] if now else []
