"""What a look would have found, typed by hand: instances and hosts for the tests of checks, plans and effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Optional

from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.model.declaration import LAYERS, Declaration
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.model.resolve import DesiredInstance, resolve
from ansible.module_utils.redis_ops.plan.comparison import Observed
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.plan.plan import build
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.server.connection import Address
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view import observe
from ansible.module_utils.redis_ops.view.host import HostView, Place, Seen
from ansible.module_utils.redis_ops.view.instance import Instance, InstanceView

GB, MB = 1024**3, 1024**2
REDIS_7 = Engine.parse("redis 7.0.15")
RUNNING = {"redis_version": "7.0.15", "process_id": 7, "role": "master", "connected_clients": 1}


class Server:
    """A connection: it answers INFO with one text after the other, the last one for ever, and takes every setting."""

    address = Address()

    def __init__(self, *infos: Mapping[str, Any], live: Optional[Mapping[str, str]] = None) -> None:
        self.live = dict(live or {})
        self.infos = [dict(info) for info in infos] or [dict(RUNNING)]
        self.sent: list[tuple[str, str]] = []
        self.called: list[tuple[str, ...]] = []
        self.closed = False

    def info(self) -> dict[str, Any]:
        return self.infos.pop(0) if len(self.infos) > 1 else self.infos[0]

    def set_config(self, pairs: Sequence[tuple[str, str]]) -> None:
        self.sent += pairs
        self.live.update(pairs)

    def config(self, *names: str) -> dict[str, str]:
        return {name: value for name, value in self.live.items() if not names or name in names}

    def call(self, *words: str) -> str:
        self.called.append(words)
        return "OK"

    def close(self) -> None:
        self.closed = True


def several(*entries: Mapping[str, Any], engine: Engine = REDIS_7, **given: Any) -> list[DesiredInstance]:
    """Declared instances. given: more fields of a Declaration; settings are those of redis_server_settings."""
    layers = {LAYERS[0]: given.pop("settings", {})}
    systemd, memory = given.pop("systemd", True), given.pop("memory", 0)
    given = {"profiles": {"mine": {}, "queue": {}}, "profile": "mine", **given}
    declaration = Declaration(entries, settings=layers, **given)
    return resolve(declaration, PRODUCTS[engine.name], engine, systemd=systemd, memory=memory)


def typed(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name.replace("_", "-"): value for name, value in settings.items()}


def unit_of(one: DesiredInstance, **changes: Any) -> Unit:
    """The unit of the package."""
    layout = one.layout
    found = Unit(
        layout.service,
        loaded=True,
        enabled=True,
        fragment=f"/usr/lib/systemd/system/{layout.service}.service",
        command=(layout.product.binary, layout.config, "--supervised", "systemd", "--daemonize", "no"),
        user="redis",
        group="redis",
        open_files=65535,
    )
    return replace(found, **changes)


def view_of(
    one: DesiredInstance,
    *,
    unit: Optional[Unit] = None,
    file: Optional[str] = None,
    live: Optional[Mapping[str, str]] = None,
    applied: Optional[Mapping[str, str]] = None,
    contact: Contact = Contact.MANAGED,
    info: Optional[Mapping[str, Any]] = None,
    directories: Sequence[str] = (),
    store: Optional[Store] = None,
    **fields: Any,
) -> InstanceView:
    """One look at it. live: what CONFIG GET says; None: it does not run. fields: more fields of the view."""
    unit = unit_of(one) if unit is None else unit
    layout, engine = one.layout, one.desired.engine
    of_instance = {name: fields.pop(name) for name in ("service", "state", "adopt") if name in fields}
    observed = Observed(file=file, live=live, applied=applied, contact=contact, **fields.pop("observed", {}))
    config = FileSpec(layout.config, 0o640, "redis", "redis")
    instance = Instance(
        layout.instance,
        one.where,
        {**one.settings, **one.secrets},
        **{
            "config": config,
            "binary": layout.product.binary,
            "layout": layout,
            "state": "",
            "adopt": one.adopt,
            "weak": one.weak,
            "assumed": one.assumed,
            "accept_empty": one.accept_empty,
            "accept_eviction": one.accept_eviction,
            **of_instance,
        },
    )
    plan = build(
        DesiredState.parse(instance.settings, engine, one.where),
        observed,
        instance.name,
        instance.where,
        weak=one.weak,
        assumed=one.assumed,
    )
    startup, unclear = observe._startup(unit)
    running = live is not None
    return InstanceView(
        instance,
        plan,
        observed,
        **{
            "installed": engine,
            "store": store or Store.of({"dir": "/nonexistent"}, engine),
            "connection": Server(live=live) if running else None,
            "info": {**(RUNNING if running else {}), **(info or {})},
            "unit": unit,
            "startup": startup,
            "unclear": unclear,
            "config": config,
            "directories": [FileSpec(path) for path in directories],
            **fields,
        },
    )


def seen_of(
    one: DesiredInstance, place: Optional[Place] = None, *, taken_over: Sequence[str] = (), **view: Any
) -> Seen:
    """One of a host's instances. view: what view_of() takes."""
    return Seen(one, view_of(one, **view), Place(free=100 * GB) if place is None else place, taken_over)


def host_of(*seen: Seen, **fields: Any) -> HostView:
    """A host with these instances, which tells nothing of itself unless `fields` says so."""
    known = {"product": PRODUCTS["redis"], "systemd": True, "memory": 0, "open_files": 0, "somaxconn": 0}
    return HostView(**{**known, **fields}, instances=seen)
