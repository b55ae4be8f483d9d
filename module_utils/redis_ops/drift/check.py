"""What is other than declared of a host and all its instances."""

from __future__ import annotations

from ..platform import kernel
from ..platform.current import here
from ..platform.packages import Product
from ..view.attempt import Attempt
from ..view.host import HostView
from . import instance, machine
from .states import Scope, State, found


def check(view: HostView, wanted: kernel.Wanted, version: str) -> list[Scope]:
    """The host's scope and one for each instance. version: of the package, '' for any."""
    scopes = [
        instance.check(one) if view.engine is not None or _answers(one) else _not_there(one, view.product)
        for one in view.attempts
    ]
    return [machine.check(view, wanted, version, kernel.Machine()), *scopes]


def _answers(one: Attempt) -> bool:
    """Whether its server was looked at, which may run a program that is not the package's."""
    return one.view is not None and one.view.connection is not None


def _not_there(one: Attempt, product: Product) -> Scope:
    """Its program tells no version: it is not installed, or broken. Nothing can be looked at."""
    unreadable = found(
        "program",
        one.instance.where,
        State.UNREADABLE,
        expected=f"{product.binary} --version answers",
        actual="it does not",
        why="what cannot be read is never called clean",
        remedy=f"run provision, which installs it; where it is installed: {here().packages.reinstall(product.package)}",
    )
    return Scope(one.instance.name, 1, [unreadable])
