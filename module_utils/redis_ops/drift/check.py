"""One look at a host and all its instances."""

from __future__ import annotations

from pathlib import Path

from .. import host, kernel
from ..declared import Declared
from . import instance, machine, unit
from .states import Scope


def check(declared: Declared, wanted: kernel.Wanted, version: str) -> list[Scope]:
    """The host's scope and one for each instance. version: of the package, '' for any.

    Raises InvalidInput for what is typed wrong.
    """
    systemd, product, engine = host.has_systemd(), declared.product, declared.engine()
    resolved = declared.resolved(engine)
    services = unit.see(
        {one.layout.service: str(one.desired.get("pidfile")) for one in resolved}, product.package, systemd=systemd
    )
    scopes = [
        instance.check(declared.instance(one, services[one.layout.service]), one.open_files)
        for one in resolved
        if engine is not None  # else there is nothing to look at, which the host's scope says
    ]
    around = machine.Host(
        wanted,
        product,
        version,
        [one.layout.instance for one in resolved],
        systemd,
        provisioned=any(Path(one.layout.state).exists() for one in resolved),
    )
    return [machine.check(around, kernel.Machine()), *scopes]
