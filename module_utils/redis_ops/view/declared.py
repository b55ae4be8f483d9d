"""The instances that are declared of a host, ready to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..base.engine import Engine
from ..base.files import Target
from ..model import limits
from ..model.resolve import OLDEST, Declaration, Resolved, resolve
from ..platform import host, service
from ..platform.layout import Product
from ..server import connection as server
from .observe import Instance


@dataclass(frozen=True)
class Declared:
    """What is declared of one host. login: ways in, best first, before those that the declaration itself names."""

    product: Product
    declaration: Declaration
    login: Sequence[server.Credentials] = ()

    def engine(self) -> Engine | None:
        """The server that is installed; None when there is none."""
        return host.installed_engine(self.product.binary)

    def resolved(self, engine: Engine | None) -> list[Resolved]:
        """Raises InvalidInput for what is typed wrong. engine: None to read it for what this host would get."""
        product = self.product
        engine = (
            engine or host.candidate_engine(product.name, product.package) or Engine(product.name, OLDEST[product.name])
        )
        return resolve(self.declaration, product, engine, systemd=host.has_systemd())

    def instance(self, one: Resolved, unit: service.Service) -> Instance:
        """One of them, with its service."""
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
            service=unit,
            limits=limits.text(one, systemd=layout.systemd),
            directories=[Target(path, 0o750, **owner) for path in one.directories if path != layout.run_dir],
            state=layout.state,
            credentials=[*self.login, *([server.Credentials("", password)] if password else [])],
            fallback_engine=one.desired.engine,
        )

    def instances(self) -> list[Instance]:
        """All of them, on a host that has the server."""
        found = self.resolved(self.engine())
        return [self.instance(one, service.of(one.layout.service, str(one.desired.get("pidfile")))) for one in found]
