"""One look at a host and all its instances."""

from __future__ import annotations

from pathlib import Path

from ..model.resolve import Resolved
from ..platform import host, kernel
from ..platform.current import here
from ..view.declared import Declared
from . import instance, machine
from .states import Scope, State, found


def check(declared: Declared, wanted: kernel.Wanted, version: str) -> list[Scope]:
    """The host's scope and one for each instance. version: of the package, '' for any.

    Raises InvalidInput for what is typed wrong.
    """
    systemd, product, engine = host.has_systemd(), declared.product, declared.engine()
    resolved = declared.resolved(engine)
    units = declared.units(resolved)
    scopes = [
        instance.check(declared.instance(one), units[one.layout.service]) if engine is not None else _not_there(one)
        for one in resolved
    ]
    around = machine.Host(
        wanted,
        product,
        version,
        list(units.values()),
        systemd,
        provisioned=any(Path(one.layout.state).exists() for one in resolved),
    )
    return [machine.check(around, kernel.Machine()), *scopes]


def _not_there(one: Resolved) -> Scope:
    """Its program tells no version: it is not installed, or broken. Nothing can be looked at."""
    binary = one.layout.product.binary
    unreadable = found(
        "program",
        one.where,
        State.UNREADABLE,
        expected=f"{binary} --version answers",
        actual="it does not",
        why="what cannot be read is never called clean",
        remedy="run provision, which installs it; where it is installed: "
        f"{here().packages.reinstall(one.layout.product.package)}",
    )
    return Scope(one.name, 1, [unreadable])
