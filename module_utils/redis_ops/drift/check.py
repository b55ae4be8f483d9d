"""One look at a host and all its instances."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .. import host, kernel, limits, resolve, server
from ..engine import Engine
from ..files import Target
from ..layout import Product
from ..observe import Instance
from ..service import Service
from . import instance, machine, unit
from .states import Scope


@dataclass(frozen=True)
class Declared:
    """What is declared of one host. engine: the server that its program is. logins: instance -> ways in, best first."""

    product: Product
    version: str
    declaration: resolve.Declaration
    wanted: kernel.Wanted
    login: Sequence[server.Credentials] = ()


def check(declared: Declared) -> list[Scope]:
    """The host's scope and one for each instance. Raises InvalidInput for what is typed wrong."""
    systemd, product = host.has_systemd(), declared.product
    engine = host.installed_engine(product.binary)
    resolved = resolve.resolve(declared.declaration, product, engine or _promised(product), systemd=systemd)
    services = unit.see(
        {one.layout.service: str(one.desired.get("pidfile")) for one in resolved}, product.package, systemd=systemd
    )
    scopes = [
        instance.check(_instance(one, services[one.layout.service], declared.login, systemd=systemd), one.open_files)
        for one in resolved
        if engine is not None  # else there is nothing to look at, which the host's scope says
    ]
    around = machine.Host(
        declared.wanted,
        product,
        declared.version,
        [one.layout.instance for one in resolved],
        systemd,
        provisioned=any(Path(one.layout.state).exists() for one in resolved),
    )
    return [machine.check(around), *scopes]


def _promised(product: Product) -> Engine:
    """What the declaration is read for on a host without a server: the newest its package lists have."""
    return host.candidate_engine(product.name, product.package) or Engine(product.name, resolve.OLDEST[product.name])


def _instance(
    one: resolve.Resolved, service: Service, login: Sequence[server.Credentials], *, systemd: bool
) -> Instance:
    layout = one.layout
    owner = {"owner": layout.product.user, "group": layout.product.user}
    password = str(one.desired.get("requirepass") or "")
    settings: Mapping[str, object] = {**one.settings, **one.secrets}
    return Instance(
        layout.instance,
        one.where,
        settings,
        config=Target(layout.config, 0o640, **owner),
        binary=layout.product.binary,
        service=service,
        limits=limits.text(one, systemd=systemd),
        directories=[Target(path, 0o750, **owner) for path in one.directories if path != layout.run_dir],
        state=layout.state,
        credentials=[*login, *([server.Credentials("", password)] if password else [])],
        fallback_engine=one.desired.engine,
    )
