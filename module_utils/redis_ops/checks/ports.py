"""Whether an instance can listen where it is declared to, and stays reachable. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from .. import catalog
from ..base import commands
from ..base.errors import Problem
from ..base.findings import Finding, Status
from ..catalog.option import Trait
from ..platform.layout import PRODUCTS
from ..platform.packages import Product
from ..platform.sockets import Listener
from ..view.host import HostView, Seen
from ..view.strangers import Stranger
from . import renames


def problems(view: HostView) -> Iterator[Problem]:
    """What must be mended first. Ports that change hands between instances of this host are no problem."""
    ours = {seen.view.unit.pid for seen in view.instances if seen.view.unit}
    for seen in view.instances:
        # nobody is asked to stop the server whose keys the instance shall have
        listeners = {} if renames.is_unrecorded(view, seen) else seen.place.listeners
        for name, listener in listeners.items():
            if listener.pid not in ours or not listener.pid:
                port = seen.view.plan.desired.get(name)
                yield _taken(f"{seen.where}: {name}", port, listener, view.strangers)
        if seen.place.absent_addresses:
            yield Problem(
                f"{seen.where}: bind",
                f"this host has no address {', '.join(seen.place.absent_addresses)}",
                "addresses of this host",
                "see ip -brief address; a leading - lets the server start without one (bind -10.0.0.5)",
            )
        yield from _no_way_in(seen)


def findings(view: HostView, product: Product) -> Iterator[Finding]:
    """Servers that run, or will after the next boot, and that nobody declared."""
    for stranger in view.strangers:
        ports = f" on port {', '.join(map(str, stranger.ports))}" if stranger.ports else ""
        yield Finding(
            "preflight.undeclared",
            stranger.name,
            Status.WARN,
            "only declared instances run",
            f"it runs{ports}, and nobody declares it"
            if stranger.pid
            else "it starts at the next boot, and nobody declares it",
            "an instance that is not declared is not configured, tuned or watched",
            remedy_of(stranger, product),
        )


def remedy_of(stranger: Stranger, product: Product) -> str:
    """What to do about a server that nobody declared."""
    if stranger.unit is None:
        stop = f"nothing starts it at boot, so stop it if nobody needs it: {stranger.stop}"
        return f"{commands.DESCRIBE_SERVERS} describes it; {stop}"
    if stranger.instance and stranger.product == product.name:
        return f"declare instance {stranger.instance} again, or run: {stranger.stop}"
    return f"{commands.DECLARE}, or run: {stranger.stop}"


def _taken(place: str, port: int, listener: Listener, strangers: Sequence[Stranger]) -> Problem:
    for stranger in strangers:
        if stranger.pid and stranger.pid == listener.pid:
            whose = f"instance {stranger.instance}" if stranger.instance else "somebody else's server"
            return Problem(
                place,
                f"{port} is taken by {stranger.name}: {whose}, which the inventory does not declare",
                "a free port",
                remedy_of(stranger, PRODUCTS[stranger.product]),
            )
    told = f"{port} is taken by {listener.name}" + (f" (pid {listener.pid})" if listener.pid else "")
    return Problem(place, told, "a free port", "stop that process or choose another port")


def _no_way_in(seen: Seen) -> Iterator[Problem]:
    desired = seen.view.plan.desired
    if not any(desired.get(name) for name in catalog.with_trait(Trait.WAY_IN)):
        yield Problem(
            f"{seen.where}: port",
            "port and tls-port are 0 and there is no unixsocket, so nobody could connect",
            "one way in",
            "declare port, tls-port or unixsocket",
        )
