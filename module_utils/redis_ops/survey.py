"""Look at a host before anything is touched: which server it has or will get, and the facts that preflight judges."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import conffile, host, observe, persistence, preflight, server, service
from .engine import Engine
from .errors import AccessDenied, InvalidInput, Problem
from .files import Target
from .findings import Finding, Status
from .layout import Product
from .resolve import Resolved


@dataclass(frozen=True)
class Package:
    """The server's Debian package on this host. installed: its version, '' when it is not. available: apt has it."""

    product: Product
    installed: str
    available: bool
    engine: Engine


def package(product: Product) -> Package:
    """Raises InvalidInput when this host can never have it."""
    if not Path("/usr/bin/apt-get").exists():
        raise InvalidInput(
            [Problem("this host", "has no apt-get", "Debian or Ubuntu", "provision a Debian or Ubuntu host")]
        )
    installed = host.package_version(product.package)
    candidate = host.candidate_engine(product.name, product.package)
    engine = host.installed_engine(product.binary) or candidate
    if engine is None:
        name, version = host.distribution()
        raise InvalidInput(
            [
                Problem(
                    f"package {product.package}",
                    f"neither installed nor in the package lists of {name} {version}",
                    "a distribution that has it",
                    "run apt-get update, choose redis_server_product: redis, or add a source that has it",
                )
            ]
        )
    return Package(product, installed, available=bool(installed) or host.apt_knows(product.package), engine=engine)


def facts(
    instances: Sequence[Resolved], logins: Mapping[str, Sequence[server.Credentials]], *, somaxconn: int, systemd: bool
) -> preflight.HostFacts:
    """logins: instance name -> what to try. Raises InvalidInput when a running server lets none of them in."""
    live = int(host.read("/proc/sys/net/core/somaxconn").strip() or 0)
    found: dict[str, preflight.InstanceFacts] = {}
    problems: list[Problem] = []
    for instance in instances:
        name = instance.layout.instance
        try:
            found[name] = _instance_facts(instance, logins.get(name, ()))
        except AccessDenied as error:
            problems.append(
                Problem(
                    f"{instance.where}: requirepass",
                    f"the running server refuses every password known for it ({error})",
                    "the password it has now",
                    "correct redis_server_secrets, or give redis_server_login_user and redis_server_login_password",
                )
            )
    if problems:
        raise InvalidInput(problems)
    return preflight.HostFacts(
        memory=host.memory_bytes(),
        open_files=host.grantable_open_files(systemd=systemd),
        somaxconn=max(live, somaxconn),
        systemd=systemd,
        instances=found,
    )


def _instance_facts(instance: Resolved, logins: Sequence[server.Credentials]) -> preflight.InstanceFacts:
    layout, desired = instance.layout, instance.desired
    unit = service.of(layout.service, str(desired.get("pidfile")))
    info: Mapping[str, Any] = {}
    pid = unit.pid()
    if pid:
        subject = observe.Instance(
            layout.instance, instance.where, {}, config=Target(layout.config), service=unit, credentials=logins
        )
        text = observe.read_optional(layout.config) or ""
        in_file = conffile.ConfFile.parse(text).values(desired.engine)
        connection = observe.connect(subject, {**desired.values, **in_file}, desired.engine)
        if connection is not None:
            info = connection.info()
            connection.close()
    port = desired.get("port") or desired.get("tls-port")
    store = persistence.Store.of(desired.values, desired.engine)
    on_disk = store.rdb.stat().st_size if store.rdb.exists() else 0
    return preflight.InstanceFacts(
        pid=pid,
        listener=host.tcp_listener(port) if port else None,
        free=host.free_bytes(str(desired.get("dir"))),
        data_bytes=int(info.get("used_memory", on_disk)),
        aof_is_on=bool(int(info.get("aof_enabled", 0))),
    )


def findings(found: Package, instances: Sequence[Resolved]) -> list[Finding]:
    """What the host shows beside the instances."""
    unit = _undeclared_default(found.product, instances)
    if not unit:
        return []
    return [
        Finding(
            "preflight.undeclared",
            unit,
            Status.WARN,
            "only declared instances run",
            "the package's own instance runs, and nobody declared it",
            "it is not configured, tuned or watched",
            f"declare it as instance default, or run: systemctl disable --now {unit}",
        )
    ]


def _undeclared_default(product: Product, instances: Sequence[Resolved]) -> str:
    """The unit of the package's own instance when it runs and nobody declared it, else ''."""
    if any(instance.layout.is_default for instance in instances) or not host.has_systemd():
        return ""
    return product.package if service.Systemd(product.package).pid() else ""
