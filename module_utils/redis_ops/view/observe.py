"""One instance as it is: its file, its running server, its service; and the plan that follows. Changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..base.engine import Engine
from ..base.errors import FileUnreadable, InvalidInput, InvalidValue, RedisOpsError, ServerUnreachable, told
from ..base.files import Target, is_open, read_optional
from ..catalog.kinds import Value
from ..model import conffile
from ..model.desired import DesiredState
from ..plan.comparison import Observed
from ..plan.dangers import DATA_LOCATION
from ..plan.plan import Plan, build
from ..platform import host
from ..platform.service import Service
from ..server import connection as server
from ..server import persistence
from .record import Record

_ANY = ("*", "0.0.0.0", "::", "::*")  # noqa: S104 - recognised, not bound


@dataclass(frozen=True)
class Instance:
    """What one instance is and where it lives.

    where: host and instance, for error texts. config: None when only the running server is managed.
    service: None when somebody else starts it. limits: text of the service's limits file, None to leave it.
    directories: made when missing. state: file that remembers what was applied. credentials: tried in order, before
    those that the file on the host still has.
    """

    name: str
    where: str
    settings: Mapping[str, Any]
    config: Optional[Target] = None
    binary: str = ""
    service: Optional[Service] = None
    limits: Optional[str] = None
    directories: Sequence[Target] = ()
    state: str = ""
    address: Optional[server.Address] = None
    credentials: Sequence[server.Credentials] = ()
    fallback_engine: Optional[Engine] = None


@dataclass
class Snapshot:
    """What was found, and the plan that follows from it. connection: None when the server does not run."""

    plan: Plan
    observed: Observed
    installed: Optional[Engine]
    connection: Optional[server.Connection] = None
    info: Mapping[str, Any] = field(default_factory=dict)
    limits_before: Optional[str] = None
    missing_directories: Sequence[Target] = ()
    program_replaced: bool = False
    store: Optional[persistence.Store] = None
    config_is_open: bool = False

    @property
    def running(self) -> Optional[Engine]:
        return server.engine_of(self.info) if self.info else None

    def owed_restarts(self) -> list[dict[str, str]]:
        """What only a restart brings: option, running, wanted, reason."""
        owed = [
            {
                "option": entry.option.name,
                "running": self.plan.text(entry, entry.live),
                "wanted": self.plan.text(entry, entry.want),
                "reason": entry.reason,
            }
            for entry in self.plan.pending_restart
        ]
        if self.program_replaced:
            owed.append(
                {
                    "option": "(server program)",
                    "running": f"{self.running} from a file that is gone",
                    "wanted": f"the installed {self.installed}",
                    "reason": "the package was replaced under the running server",
                }
            )
        return owed


def observe(instance: Instance) -> Snapshot:
    """Look, change nothing. Raises AccessDenied; InvalidInput also when the plan must not be carried out."""
    snapshot = look(instance)
    if snapshot.plan.problems:
        raise InvalidInput(snapshot.plan.problems)
    return snapshot


def look(instance: Instance) -> Snapshot:
    """The same for one who only tells what is there. Raises InvalidInput for what was typed, AccessDenied."""
    text = _read(instance.config)
    parsed = parse_file(instance, text or "")
    installed = host.installed_engine(instance.binary) if instance.binary else None
    guess = installed or instance.fallback_engine
    in_file = parsed.values(guess) if guess else {}
    connection = connection_of(instance, in_file, guess)
    info: Mapping[str, Any] = {}
    live: Optional[dict[str, str]] = None
    if connection is not None:
        info, live = connection.observe()
    engine = server.engine_of(info) if info else guess
    if engine is None:
        raise RedisOpsError(f"{instance.where}: no server runs and none is installed; install one first")
    desired = DesiredState.parse(instance.settings, engine, instance.where)
    located = {**in_file, **{name: live[name] for name in DATA_LOCATION if live and name in live}}
    store = persistence.Store.of(located, engine)
    stored = store.exists() or persistence.keys(info) > 0
    applied = record_of(instance).applied()
    observed = Observed(
        file=text,
        live=live,
        applied=applied,
        open_files=host.open_files_limit(str(info["process_id"])) if _is_local(instance, info) else None,
        backlog=host.listen_backlog(int(info["tcp_port"])) if _is_local(instance, info) and info["tcp_port"] else None,
        somaxconn=host.somaxconn(),
        highest_database=persistence.highest_database(info),
        stored=stored if instance.config else False,
        replica_of=_primary(info),
        real_paths=host.real_paths(
            [str(values["dir"]) for values in (desired.values, located, in_file, applied or {}) if "dir" in values]
        ),
    )
    return Snapshot(
        plan=build(desired, observed, instance.name, instance.where, manages_file=instance.config is not None),
        observed=observed,
        installed=installed,
        connection=connection,
        info=info,
        limits_before=read_optional(instance.service.limits_path()) if instance.service else None,
        store=store,
        config_is_open=instance.config is not None and is_open(instance.config),
        program_replaced=_is_local(instance, info) and host.program_replaced(int(info["process_id"])),
        missing_directories=[target for target in instance.directories if not Path(target.path).is_dir()],
    )


def record_of(instance: Instance) -> Record:
    """What this host remembers of the instance; to be kept: also what is written beside its configuration."""
    limits = {instance.service.limits_path(): instance.limits} if instance.service and instance.limits else {}
    return Record(instance.state, limits)


def _read(config: Optional[Target]) -> Optional[str]:
    """The text of the configuration file, None when there is none. Raises FileUnreadable."""
    try:
        return read_optional(config.path) if config else None
    except OSError as error:
        raise FileUnreadable(told(error)) from None


def parse_file(instance: Instance, text: str) -> conffile.ConfFile:
    """The file of an instance. Raises FileUnreadable, naming it, when it cannot be read as one."""
    try:
        return conffile.ConfFile.parse(text)
    except InvalidValue as error:
        path, copy = instance.config.path if instance.config else "", record_of(instance).last_good_path
        remedy = (
            f"correct it, or bring the last good one back: cp {copy} {path}" if Path(copy).is_file() else "correct it"
        )
        raise FileUnreadable(f"{instance.where}: {path} is no configuration; {error}; {remedy}") from None


def connection_of(
    instance: Instance, in_file: Mapping[str, Value], engine: Optional[Engine]
) -> Optional[server.Connection]:
    """The running server, None when there is none. Raises RedisOpsError when there is one and it does not answer."""
    service = instance.service
    pid = service.pid() if service else 0
    if service is not None and not pid:
        return None
    try:
        return connect(instance, in_file, engine)
    except ServerUnreachable as error:
        if service is not None:
            raise RedisOpsError(
                f"{instance.where}: {service.name} runs (pid {pid}) but does not answer ({error}); expected a reply "
                f"within {server.Address().timeout:g} s; look at its log, then restart it yourself"
            ) from None
        if instance.config is None:
            raise
        return None


def connect(instance: Instance, in_file: Mapping[str, Value], engine: Optional[Engine]) -> server.Connection:
    """The server at its declared address, at the one its file gives, or at the one its process has.

    Raises AccessDenied; ServerUnreachable, also when it is another instance's server that answers there.
    """
    pid = instance.service.pid() if instance.service else 0
    addresses = [instance.address] if instance.address else []
    if not addresses:
        declared = _declared(instance, engine)
        addresses = [address for values in (declared, in_file) if values for address in addresses_of(values)]
        # somebody may have moved the running server to a port that no file has; there, and only there, it listens
        ports = host.tcp_ports(pid) if pid else []
        known = [address for address in addresses if address.unix_socket or address.port in ports or not ports]
        addresses = known + [server.Address(port=port) for port in ports]
    connection = server.connect(addresses, _credentials(instance, in_file))
    answered = connection.process_id()
    if instance.service is not None and answered != pid:
        connection.close()
        raise ServerUnreachable(f"{connection.address} is another server (pid {answered})")
    return connection


def _credentials(instance: Instance, in_file: Mapping[str, Value]) -> list[server.Credentials]:
    """The declared ways in, the one that the file still has, and the open door."""
    found = in_file.get("requirepass")
    secret = found.text if isinstance(found, conffile.Unreadable) else found
    return [
        *instance.credentials,
        *([server.Credentials(password=str(secret))] if secret else []),
        server.Credentials(),
    ]


def _declared(instance: Instance, engine: Optional[Engine]) -> Mapping[str, Value]:
    if engine is None:
        return {}
    with contextlib.suppress(InvalidInput):
        return DesiredState.parse(instance.settings, engine, instance.where).values
    return {}


def addresses_of(values: Mapping[str, Value]) -> list[server.Address]:
    """Where a server with these settings can be reached from its own host."""
    values = {name: value for name, value in values.items() if not isinstance(value, conffile.Unreadable)}
    bound = [word.lstrip("-") for word in values.get("bind", ()) if word.lstrip("-") not in _ANY]
    name = "127.0.0.1" if "127.0.0.1" in bound or not bound else bound[0]
    found = []
    if values.get("port"):
        found.append(server.Address(name, values["port"]))
    if values.get("unixsocket"):
        found.append(server.Address(unix_socket=values["unixsocket"]))
    if values.get("tls-port"):
        found.append(
            server.Address(
                name,
                values["tls-port"],
                tls=True,
                tls_ca_file=values.get("tls-ca-cert-file", ""),
                tls_cert_file=values.get("tls-client-cert-file", "") or values.get("tls-cert-file", ""),
                tls_key_file=values.get("tls-client-key-file", "") or values.get("tls-key-file", ""),
                tls_key_password=values.get("tls-client-key-file-pass", "") or values.get("tls-key-file-pass", ""),
                tls_check_name=False,  # its certificate names the host, not its loopback address
            )
        )
    return found


def _is_local(instance: Instance, info: Mapping[str, Any]) -> bool:
    """Whether the process that answered is this host's: a remote server's pid is somebody else's here."""
    return instance.service is not None and int(info.get("process_id", 0)) == instance.service.pid() != 0


def _primary(info: Mapping[str, Any]) -> Optional[tuple[str, int]]:
    if info.get("role") != "slave":
        return None
    return str(info["master_host"]), int(info["master_port"])
