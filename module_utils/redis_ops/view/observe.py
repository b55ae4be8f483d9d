"""One look at an instance: its unit, its file, its running server and its data; and the plan that follows. Changes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional

from .. import catalog
from ..base.engine import Engine
from ..base.errors import FileRefused, FileUnreadable, InvalidInput, InvalidValue, RedisOpsError, told
from ..base.files import FileSpec, is_open, read
from ..catalog.kinds import Value
from ..model import conffile, drop_in
from ..model.declaration import KEEP, REPLACE
from ..model.desired import DesiredState
from ..model.startup import Startup
from ..model.startup import parse as parse_startup
from ..plan.comparison import Observed
from ..plan.contact import Contact
from ..plan.guards import DATA_LOCATION
from ..plan.plan import build
from ..platform import host, processes, sockets, units
from ..platform.access import account
from ..platform.current import here
from ..platform.units import Unit
from ..server import connection as server
from ..server import datasets, persistence
from . import included, nodes, tls
from .instance import Instance, InstanceView, record_of
from .reach import connection_of


def observe(instance: Instance, unit: Optional[Unit] = None) -> InstanceView:
    """Look, change nothing. Raises AccessDenied; InvalidInput also when the plan must not be carried out."""
    view = look(instance, unit)
    if view.plan.problems:
        raise InvalidInput(view.plan.problems)
    return view


def look(instance: Instance, unit: Optional[Unit] = None) -> InstanceView:
    """The same for a caller that only reports what is there. unit: of its service, when that is known already.

    Raises InvalidInput for what was typed, AccessDenied, and RedisOpsError when a running server does not answer.
    """
    if unit is None and instance.service is not None:
        unit = instance.service.unit()
    if unit is not None and unit.user not in ("", "root"):  # it may own the file, in a directory of root's
        instance = replace(instance, config=owned(instance.config, unit))
    startup, unclear = _startup(unit)
    text = _read(instance.config)
    lines = parse_file(instance, text or "", startup.directory if startup else "/")
    installed = _installed(instance, startup, unit)
    guess = installed or instance.fallback_engine
    in_file = _existing(lines, startup, guess) if guess else {}
    connection = connection_of(instance, in_file, guess, unit.pid if unit else 0, lines.renamed_commands())
    info: Mapping[str, Any] = {}
    live: Optional[dict[str, str]] = None
    if connection is not None:
        info, live = connection.observe()
    engine = server.engine_of(info) if info else guess
    if engine is None:
        raise RedisOpsError(f"{instance.where}: no server runs and none is installed; install one first")
    in_file = _existing(lines, startup, engine)
    desired = _desired(instance, engine)
    if instance.config is not None and text is None:
        in_file = {**_without_a_file(desired, startup, engine), **in_file}
    store = _store(in_file, live, startup, engine)
    observed = replace(
        _observed(instance, unit, startup, engine, text, lines, info, live, in_file, store),
        nodes=nodes.own_files(instance, connection, live, in_file, store, engine),
    )
    plan = build(
        desired,
        observed,
        instance.name,
        instance.where,
        weak=instance.weak,
        assumed=instance.assumed,
        manages_file=instance.config is not None,
        exact=instance.exact,
    )
    process = int(info["process_id"]) if _is_local(instance, unit, info) else 0
    view = InstanceView(
        instance,
        plan,
        observed,
        installed,
        store,
        aof=in_file.get("appendonly") is True,
        connection=connection,
        info=info,
        unit=unit,
        unit_files=units.decisive_lines(unit) if unit else {},
        later_limit=units.later_limit(unit) if unit else None,
        startup=startup,
        unclear=unclear,
        own_file=_is_somebody_s(instance, text),
        program_replaced=process > 0 and host.program_replaced(process),
        started=processes.started_at(process) if process else 0.0,
    )
    return _placed(view)


def _desired(instance: Instance, engine: Engine) -> DesiredState:
    if instance.exact is None:
        return DesiredState.parse(instance.settings, engine, instance.where)
    passwords = {option.name: "" for option in catalog.OPTIONS if option.secret and option.exists_at(engine)}
    return DesiredState(engine, {**passwords, **parse_file(instance, instance.exact).values(engine)})


def parse_file(instance: Instance, text: str, directory: str = "/") -> conffile.ConfFile:
    """The file of an instance, with the files that it includes. Raises FileUnreadable, naming it, when it can't be read."""
    try:
        return conffile.ConfFile.parse(text).including(
            lambda pattern: included.read_all(pattern, instance.config), directory
        )
    except (FileRefused, OSError) as error:
        raise FileUnreadable(f"{instance.where}: {told(error)}") from None
    except InvalidValue as error:
        path, copy = instance.config.path if instance.config else "", record_of(instance).last_good_path
        remedy = (
            f"correct it, or bring the last good one back: cp {copy} {path}" if Path(copy).is_file() else "correct it"
        )
        raise FileUnreadable(f"{instance.where}: {path} is no configuration; {error}; {remedy}") from None


def _startup(unit: Optional[Unit]) -> tuple[Optional[Startup], str]:
    """How the service starts next, and why that can't be told."""
    if unit is None or not unit.loaded or not unit.command:
        return None, unit.unclear if unit else ""
    if unit.unclear:
        return None, unit.unclear
    try:
        return parse_startup(unit.command, unit.directory), ""
    except InvalidValue as error:
        return None, f"its command ({unit.command[0]} ...) is not {error.expected}"


def _installed(instance: Instance, startup: Optional[Startup], unit: Optional[Unit]) -> Optional[Engine]:
    """The program that the next start runs, asked as the user who runs it then."""
    if startup and startup.program.startswith("/") and startup.program != instance.binary:
        return host.installed_engine(startup.program, unit.user if unit else "")
    return host.installed_engine(instance.binary) if instance.binary else None


def _existing(lines: conffile.ConfFile, startup: Optional[Startup], engine: Engine) -> dict[str, Value]:
    """What a start with the existing file and command has: the options of the command come behind the lines of the file."""
    return conffile.ConfFile((*lines.directives, *(startup.options if startup else ()))).values(engine)


def _without_a_file(desired: DesiredState, startup: Optional[Startup], engine: Engine) -> Mapping[str, Value]:
    """Where the data is when no configuration says it: where it is going to be. What lies there says how to load it."""
    where = {name: desired.values[name] for name in DATA_LOCATION if name in desired.values}
    present = datasets.present(_store(where, None, startup, engine))
    return {**where, "appendonly": bool(present) and present[0].kind is not datasets.Kind.DUMP}


def _store(
    in_file: Mapping[str, Value], live: Optional[Mapping[str, str]], startup: Optional[Startup], engine: Engine
) -> persistence.Store:
    """Where the data is: by what runs, else as the next start resolves it from its working directory."""
    told_live = {name: live[name] for name in DATA_LOCATION if live and name in live}
    return persistence.Store.of({**in_file, **told_live}, engine, startup.directory if startup else "/")


def _observed(
    instance: Instance,
    unit: Optional[Unit],
    startup: Optional[Startup],
    engine: Engine,
    text: Optional[str],
    lines: conffile.ConfFile,
    info: Mapping[str, Any],
    live: Optional[Mapping[str, str]],
    in_file: Mapping[str, Value],
    store: persistence.Store,
) -> Observed:
    local = _is_local(instance, unit, info)
    applied = record_of(instance).applied()
    has_data = bool(datasets.present(store)) or persistence.holds_data(info)
    return Observed(
        file=text,
        lines=lines,
        live=live,
        applied=applied,
        open_files=host.open_files_limit(str(info["process_id"])) if local else None,
        backlog=sockets.listen_backlog(int(info["tcp_port"])) if local and info.get("tcp_port") else None,
        somaxconn=host.somaxconn(),
        highest_database=persistence.highest_database(info),
        stored=has_data if instance.config else False,
        directory=str(store.directory) if text is not None else "",
        replica_of=_primary(info),
        real_paths=host.real_paths(
            _paths(instance, live, in_file, applied or {}, store), startup.directory if startup else "/"
        ),
        commanded=startup.values(engine) if startup else {},
        contact=_contact(instance, text, has_data=has_data, clients=int(info.get("connected_clients", 1)) - 1),
    )


def _paths(
    instance: Instance,
    live: Optional[Mapping[str, str]],
    in_file: Mapping[str, Value],
    applied: Mapping[str, str],
    store: persistence.Store,
) -> list[str]:
    found = [instance.settings.get("dir"), (live or {}).get("dir"), in_file.get("dir"), applied.get("dir")]
    return [str(path) for path in (*found, store.directory) if path]


def _contact(instance: Instance, text: Optional[str], *, has_data: bool, clients: int) -> Contact:
    """clients: connected to the running server, this look left out."""
    if instance.config is None or instance.exact is not None:
        return Contact.MANAGED
    origin = record_of(instance).origin()
    said = {KEEP: Contact.KEPT, REPLACE: Contact.REPLACED}.get(instance.adopt)
    if origin is Contact.KEPT and said is Contact.REPLACED:
        return said
    if origin is Contact.REPLACED and said is not None and record_of(instance).applied() is None:
        return said  # no run has finished here, so that nothing was replaced
    if origin is not None or (text or "").startswith(conffile.HEADER_START):
        return origin or Contact.MANAGED
    if not (has_data or clients > 0 or _is_somebody_s(instance, text)):
        return Contact.FRESH
    return said or Contact.FIRST


def _is_somebody_s(instance: Instance, text: Optional[str]) -> bool:
    """Whether a person wrote the configuration: it is not the one that the package brought."""
    if text is None or instance.config is None:
        return False
    package = instance.layout.product.package if instance.layout else ""
    return not (package and here().packages.is_untouched(package, instance.config.path))


def _placed(view: InstanceView) -> InstanceView:
    """With the files and directories of the instance, as its unit's user needs them."""
    instance = view.instance
    config = owned(instance.config, view.unit)
    if instance.layout is None:
        text, directories = instance.drop_in, instance.directories
    else:
        layout, owner = instance.layout, config or FileSpec("")
        paths = _directories(view)
        kept = view.contact is Contact.KEPT
        text = drop_in.text(layout, view.plan.desired, paths, kept=kept) if _drop_in_is_ours(view) else None
        directories = [FileSpec(path, 0o750, owner.owner, owner.group) for path in paths if path != layout.run_dir]
    return replace(
        view,
        tls=tls_of(view.plan.desired.values, view.store.directory, config, view),
        config=config,
        drop_in=text,
        drop_in_before=read(FileSpec(instance.service.drop_in_path())) if instance.service else None,
        directories=directories,
        config_is_open=config is not None and view.contact is not Contact.KEPT and is_open(config),
    )


def tls_of(
    values: Mapping[str, Value], directory: Path, config: Optional[FileSpec], view: Optional[InstanceView] = None
) -> Optional[tls.Facts]:
    """The TLS of an instance with these settings; None where it has none. view: of the running server."""
    options = tls.Options.of({**values, "dir": str(directory)})
    if not (options.files or options.in_use):
        return None
    user = str(config.owner) if config and config.owner else "root"
    return tls.look(options, user, account(user), _served_at(view) if view else None)


def _served_at(view: InstanceView) -> Optional[tuple[str, int]]:
    """Host and port at which the running server speaks TLS."""
    port = view.plan.compare.live.get("tls-port")
    if view.connection is None or view.unit is None or not isinstance(port, int) or not port:
        return None
    there = [address for address, found in processes.look(view.unit.pid).addresses if found == port]
    return (there[0], port) if there else None


def _directories(view: InstanceView) -> list[str]:
    """Where the files of the instance lie, its data first."""
    files = [str(view.plan.desired.get(name) or "") for name in ("logfile", "unixsocket")]
    parents = [file.rpartition("/")[0] for file in files if file.startswith("/")]
    return list(dict.fromkeys([str(view.wanted_store.directory), *filter(None, parents)]))


def _drop_in_is_ours(view: InstanceView) -> bool:
    """A server that is kept as it is keeps its unit, unless a declared maxclients needs more open files. One that goes back
    to its first configuration has its own again.
    """
    if view.instance.exact is not None:
        return False
    if view.contact is not Contact.KEPT:
        return view.contact is not Contact.FIRST
    granted = view.unit.open_files if view.unit else None
    need = drop_in.open_files(view.plan.desired)
    ours = view.instance.service is not None and Path(view.instance.service.drop_in_path()).exists()
    return "maxclients" in view.plan.decided and (ours or (granted is not None and granted < need))


def owned(config: Optional[FileSpec], unit: Optional[Unit]) -> Optional[FileSpec]:
    """The file with the owner that its service runs as. A unit without a user runs as root."""
    if config is None or unit is None or not unit.loaded or not unit.command:
        return config
    user = unit.user or "root"
    return replace(config, owner=user, group=unit.group or user)


def _read(config: Optional[FileSpec]) -> Optional[str]:
    """The text of the configuration file, None when there is none. Raises FileUnreadable."""
    try:
        return read(config) if config else None
    except (OSError, FileRefused) as error:
        raise FileUnreadable(told(error)) from None


def _is_local(instance: Instance, unit: Optional[Unit], info: Mapping[str, Any]) -> bool:
    """Whether the process that answered is this host's: a remote server's pid is somebody else's here."""
    return instance.service is not None and unit is not None and int(info.get("process_id", 0)) == unit.pid != 0


def _primary(info: Mapping[str, Any]) -> Optional[tuple[str, int]]:
    if info.get("role") != "slave":
        return None
    return str(info["master_host"]), int(info["master_port"])
