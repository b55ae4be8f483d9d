"""How a running server is reached from its own host: where its process listens, and with which credentials."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from typing import Optional

from ..base.engine import Engine
from ..base.errors import InvalidInput, RedisOpsError, ServerUnreachable
from ..catalog.kinds import Value
from ..model import conffile
from ..model.desired import DesiredState
from ..platform import processes
from ..server import connection as server
from .instance import Instance, InstanceView, record_of

_ANY = ("*", "0.0.0.0", "::", "::*")  # noqa: S104 - recognised, not bound


def connection_of(
    instance: Instance,
    in_file: Mapping[str, Value],
    engine: Optional[Engine],
    pid: int,
    renamed: Mapping[str, str],
) -> Optional[server.Connection]:
    """The running server, None when there is none. pid: of its service's process, 0 when that does not run.
    renamed: see Connection.

    Raises RedisOpsError when there is one and it does not answer, AccessDenied when it lets nobody in.
    """
    service = instance.service
    if service is not None and not pid:
        return None
    try:
        return connect(instance, in_file, engine, pid, renamed)
    except ServerUnreachable as error:
        if service is not None:
            raise RedisOpsError(
                f"{instance.where}: {service.name} runs (pid {pid}) but does not answer ({error}); expected a reply "
                f"within {server.Address().timeout:g} s; look at its log"
            ) from None
        if instance.config is None:
            raise
        return None


def connect(
    instance: Instance,
    in_file: Mapping[str, Value],
    engine: Optional[Engine],
    pid: int,
    renamed: Mapping[str, str],
) -> server.Connection:
    """The server at its declared address, at the one its file gives, or at one where its process listens.

    Raises AccessDenied; ServerUnreachable, also when it is another instance's server that answers there.
    """
    addresses = [instance.address] if instance.address else []
    if not addresses:
        declared = _declared(instance, engine)
        known = [address for values in (declared, in_file) if values for address in addresses_of(values)]
        addresses = _where_it_listens(known, pid) if pid else known
    connection = server.connect(addresses, _credentials(instance, in_file), renamed)
    answered = connection.process_id()
    if instance.service is not None and answered != pid:
        connection.close()
        raise ServerUnreachable(f"{connection.address} is another server (pid {answered})")
    return connection


def answers(view: InstanceView) -> None:
    """Raises RedisOpsError when nobody gets in where and how the plan says. It is asked over a new connection.

    What waits for a restart is not there yet.
    """
    instance, plan = view.instance, view.plan
    now = plan.file_running
    values = plan.desired.values if now is None else conffile.ConfFile.parse(now).values(plan.desired.engine)
    if instance.address is None:
        renamed = view.observed.parsed.renamed_commands()
        server.connect(addresses_of(values), _credentials(instance, values), renamed).close()


def _where_it_listens(known: list[server.Address], pid: int) -> list[server.Address]:
    """The known addresses at which the process listens, then every other one at which it does.

    Somebody may have moved the running server to a place that no file has; there, and only there, it listens.
    """
    process = processes.look(pid)
    ports = {port for _, port in process.listeners}
    if not (ports or process.sockets):
        return known  # another container's process, or one that this user may not look at
    # an expired certificate, or one of another authority, is reported elsewhere; it must not keep this look out
    known = [replace(address, tls_verify=False) for address in known]
    there = [
        address
        for address in known
        if (address.unix_socket in process.sockets if address.unix_socket else address.port in ports)
    ]
    tls = next((address for address in known if address.tls), None)
    others = [server.Address(unix_socket=path) for path in process.sockets]
    others += [server.Address(address, port) for address, port in process.addresses]
    if tls is not None:
        others += [replace(tls, host=address, port=port) for address, port in process.addresses]
    return [*there, *others]


def _credentials(instance: Instance, in_file: Mapping[str, Value]) -> list[server.Credentials]:
    """The declared ways in, the one that the file still has, the one that the server was left with, and the open door.

    What waits for a restart is in the file already, and the password of before it in the copy of what runs.
    """
    found = in_file.get("requirepass")
    secret = found.text if isinstance(found, conffile.Unreadable) else found
    running = record_of(instance).left()
    lines = running.directives if running else ()
    left = [line.arguments[0] for line in lines if line.name == "requirepass" and line.arguments]
    passwords = [str(password) for password in (secret, *left[-1:]) if password]
    return [*instance.credentials, *map(_of_default, passwords), server.Credentials()]


def _of_default(password: str) -> server.Credentials:
    return server.Credentials(password=password)


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
