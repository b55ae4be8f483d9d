"""The instances that are declared of a host, ready to be looked at."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from ..base.engine import Engine
from ..base.files import FileSpec
from ..base.moves import names_in
from ..model.conffile import is_configuration
from ..model.declaration import Declaration
from ..model.resolve import OLDEST, DesiredInstance, resolve
from ..plan.guards import DATA_LOCATION
from ..platform import host, service, units
from ..platform.current import here, service_of
from ..platform.layout import Layout
from ..platform.packages import Product
from ..platform.state import STATE_DIRECTORY
from ..platform.units import Unit
from ..server import connection as server
from ..server.persistence import MULTI_PART_AOF
from .instance import Instance
from .record import Record


@dataclass(frozen=True)
class Exact:
    """A configuration file that shall have this text."""

    path: str
    text: str


@dataclass(frozen=True)
class HostDeclaration:
    """What is declared of one host. login: ways in, best first, before those that the declaration itself names. exact:
    name of an instance -> its file, whatever is declared of it.
    """

    product: Product
    declaration: Declaration
    login: Sequence[server.Credentials] = ()
    exact: Mapping[str, Exact] = field(default_factory=dict)

    def engine(self) -> Engine | None:
        """The server that is installed; None when there is none."""
        return host.installed_engine(self.product.binary)

    def resolved(self, engine: Engine | None) -> list[DesiredInstance]:
        """Raises InvalidInput for what is typed wrong. engine: None to read it for what this host would get."""
        product = self.product
        engine = engine or here().packages.candidate(product) or Engine(product.name, OLDEST[product.name])
        return resolve(
            self.declaration,
            product,
            engine,
            systemd=host.has_systemd(),
            memory=host.memory_bytes(),
            is_managed=is_managed,
            remembered=[layout.instance for layout in remembered(product) if is_managed(layout)],
        )

    def units(self, resolved: Sequence[DesiredInstance]) -> Mapping[str, Unit]:
        """The unit of each instance, by the name of its service."""
        if host.has_systemd():
            return units.look(one.layout.service for one in resolved)
        found = [self.service(one) for one in resolved]
        return {one.name: one.unit() for one in found}

    def service(self, one: DesiredInstance) -> service.Service:
        """What starts it."""
        return service_of(one.layout.service, str(one.desired.get("pidfile") or one.layout.pid_file))

    def instance(self, one: DesiredInstance) -> Instance:
        """One of them, with its service."""
        layout = one.layout
        exact = self.exact.get(one.name)
        user = layout.product.user
        password = str(one.desired.get("requirepass") or "")
        settings: Mapping[str, object] = {**one.settings, **one.secrets}
        return Instance(
            layout.instance,
            one.where,
            settings,
            config=FileSpec(exact.path if exact else layout.config, 0o640, user, user, is_configuration),
            binary=layout.product.binary,
            service=self.service(one),
            layout=layout,
            state=layout.state,
            credentials=[*self.login, *([server.Credentials("", password)] if password else [])],
            fallback_engine=one.desired.engine,
            weak=one.weak,
            assumed=one.assumed,
            adopt="" if exact else one.adopt,
            accept_empty=one.accept_empty,
            accept_eviction=one.accept_eviction,
            successor=one.successor,
            exact=exact.text if exact else None,
        )

    def undeclared(self, layout: Layout) -> Instance:
        """One that nobody declares any more, where the last run left it."""
        product = layout.product
        engine = host.installed_engine(product.binary) or Engine(product.name, OLDEST[product.name])
        applied = Record(layout.state).applied() or {}
        found = {name: applied[name] for name in DATA_LOCATION if name in applied}
        return Instance(
            layout.instance,
            f"instance {layout.instance}",
            {name: value for name, value in found.items() if name != "appenddirname" or engine.reached(MULTI_PART_AOF)},
            config=FileSpec(layout.config, 0o640, product.user, product.user, is_configuration),
            binary=product.binary,
            service=service_of(layout.service, layout.pid_file),
            layout=layout,
            state=layout.state,
            credentials=self.login,
            fallback_engine=engine,
        )

    def instances(self) -> list[Instance]:
        """All of them, on a host that has the server."""
        return [self.instance(one) for one in self.resolved(self.engine())]


def remembered(product: Product) -> list[Layout]:
    """Where those instances live that a run of this project managed, or masked because their first start failed."""
    found = {}
    for name in names_in(STATE_DIRECTORY):
        stem, dot, end = name.rpartition(".")
        of_product, dash, instance = stem.partition("-")
        if dot and dash and end in ("json", "masked") and of_product == product.name:
            usual = Layout(product, instance, host.has_systemd())
            config, service_name = Record(usual.state).given_places()
            found[instance] = replace(usual, given_config=config, given_service=service_name)
    return list(found.values())


def is_managed(layout: Layout) -> bool:
    """Whether a run of this project made what lives there. One that changes nothing of a server leaves no record."""
    return Record(layout.state).exists()
