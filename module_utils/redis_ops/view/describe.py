"""Describe every Redis and Valkey of a host as an inventory would declare it. Reads only.

What is described is what runs and what the next start has, where both agree. Where they don't, the option is left out
and noted, and `adopt: keep` leaves it as it is.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .. import catalog
from ..base.errors import RedisOpsError, told
from ..base.files import FileSpec
from ..base.units import format_memory
from ..catalog.kinds import Memory, Value
from ..catalog.option import Option, Origin
from ..model.conffile import Unreadable, is_configuration
from ..model.declaration import KEEP
from ..model.desired import default_value
from ..model.startup import SUPERVISION
from ..plan.comparison import ABSENT
from ..platform import host, mounts
from ..platform.current import service_of
from ..platform.layout import INSTANCE_NAME, PRODUCTS, Layout
from ..server import connection as server
from .instance import Instance, InstanceView
from .observe import look
from .strangers import Stranger, dormant, strangers

# Of the process and its supervision: the unit gives them, and a declaration would only repeat it.
_OF_THE_UNIT = (*SUPERVISION, "pidfile")


@dataclass
class Description:
    """One server. entry: as redis_server_instances has it. secrets: option -> value, for a vault.

    notes: what could not be described, one line each. product: redis or valkey.
    """

    name: str
    product: str
    entry: dict[str, Any]
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    notes: list[str] = field(default_factory=list)


def describe_all(login: Sequence[server.Credentials]) -> tuple[list[Description], list[str]]:
    """Every server of this host, and what could not be described at all. login: ways in that a person gave."""
    systemd = host.has_systemd()
    found, lost = describe_these(strangers((), systemd=systemd), login, systemd=systemd)
    if systemd:
        lost += [
            f"{stranger.name}: it neither runs nor starts at boot; enable it first if it is needed"
            for stranger in dormant()
        ]
    return found, lost


def describe_these(
    everybody: Sequence[Stranger], login: Sequence[server.Credentials], *, systemd: bool
) -> tuple[list[Description], list[str]]:
    """The same of these servers, which are all that run or start at boot."""
    found: list[Description] = []
    lost: list[str] = []
    product = _product_of(everybody)
    for stranger in everybody:
        if stranger.product != product:
            lost.append(
                f"{stranger.name}: it is {stranger.product}; an inventory has one product for a host, here {product}"
            )
            continue
        if stranger.unit is None and systemd:
            lost.append(f"{stranger.name}: no unit starts it, so that it is gone after a reboot; give it one first")
            continue
        name = _name_of(stranger, {other.name for other in found})
        try:
            found.append(_describe(stranger, name, login, systemd=systemd))
        except (RedisOpsError, OSError) as error:
            lost.append(f"{stranger.name}: {_line(error)}")
    return found, lost


def _product_of(everybody: Sequence[Stranger]) -> str:
    """The one that most of them are."""
    counts = Counter(stranger.product for stranger in everybody)
    return max(PRODUCTS, key=lambda name: counts[name])


def _describe(stranger: Stranger, name: str, login: Sequence[server.Credentials], *, systemd: bool) -> Description:
    instance = _instance(stranger, name, login, systemd=systemd)
    view = look(instance, stranger.unit)
    try:
        _must_be_visible(stranger, view)
        return _of_view(stranger, view)
    finally:
        if view.connection is not None:
            view.connection.close()


def _must_be_visible(stranger: Stranger, view: InstanceView) -> None:
    """Raises RedisOpsError for a server whose files are not those of this host."""
    config = view.instance.config.path if view.instance.config else ""
    for path in filter(None, (config, str(view.store.directory))):
        if stranger.unit is not None and mounts.other(stranger.unit.mounted, path):
            raise RedisOpsError(f"its unit puts other files in the place of {path}, so that they can't be seen here")


def _instance(stranger: Stranger, name: str, login: Sequence[server.Credentials], *, systemd: bool) -> Instance:
    """As it would be declared: its unit and file are named where they are not the package's."""
    usual = Layout(PRODUCTS[stranger.product], name, systemd)
    unit = stranger.unit.name if stranger.unit else usual.service
    config = stranger.config or usual.config
    layout = Layout(
        usual.product,
        name,
        systemd,
        config if config != usual.config else "",
        unit if unit != usual.service else "",
    )
    user = layout.product.user
    return Instance(
        name,
        f"instance {name}",
        {},
        config=FileSpec(layout.config, 0o640, user, user, is_configuration),
        binary=layout.product.binary,
        service=service_of(layout.service, layout.pid_file),
        layout=layout,
        state=layout.state,
        credentials=login,
        adopt=KEEP,
    )


def _of_view(stranger: Stranger, view: InstanceView) -> Description:
    layout = view.instance.layout or Layout(PRODUCTS[stranger.product], view.instance.name, systemd=True)
    description = Description(view.instance.name, stranger.product, {"name": view.instance.name})
    entry, notes = description.entry, description.notes
    entry.update({"config": layout.given_config} if layout.given_config else {})
    entry.update({"service": layout.given_service} if layout.given_service else {})
    entry["adopt"] = KEEP
    settings: dict[str, Any] = {}
    for option, value, text in _values(view, notes):
        if option.secret:
            description.secrets[option.name] = text
        elif option.name == "port" and value:
            entry["port"] = value
        else:
            settings[option.name] = text
    entry.update({"settings": settings} if settings else {})
    notes += _of_lines(view)
    if view.connection is None:
        notes.append("it does not run: described is what its next start has")
    if view.unclear:
        notes.append(f"its unit: {view.unclear}")
    return description


def _values(view: InstanceView, notes: list[str]) -> Iterator[tuple[Option, Value, str]]:
    """Every option that is other than a server without a configuration has it: option, value and text."""
    engine = view.plan.desired.engine
    in_file, live = view.plan.compare.in_file, view.plan.compare.live
    commanded = view.observed.commanded
    for option in catalog.options_at(engine):
        name = option.name
        if option.origin is not Origin.DECLARED or option.file_only or name in _OF_THE_UNIT:
            continue
        boot = commanded.get(name, in_file.get(name, default_value(option, engine)))
        runs = live.get(name, ABSENT)
        if isinstance(boot, Unreadable):
            notes.append(f"{name}: the file's value is not one that this project knows")
        elif not _agree(view, option, boot, runs):
            notes.append(_disagreement(option, view, boot, runs))
        elif name in commanded:
            notes.append(f"{name} is given by the unit's command, and stays there")
        elif name in in_file and boot != default_value(option, engine):
            yield option, boot, _text(option, boot, view)


def _agree(view: InstanceView, option: Option, boot: Value, runs: Value) -> bool:
    """Whether what runs is what the next start has. A server may have another name for the same directory."""
    if runs is ABSENT or boot is None:
        return True
    if option.name == "dir":
        return str(view.store.directory) == str(runs) or view.plan.compare.covers(option, boot, runs)
    return view.plan.compare.agree(option, boot, runs)


def _disagreement(option: Option, view: InstanceView, boot: Value, runs: Value) -> str:
    if option.secret:
        return f"{option.name}: the running server has another value than its file"
    kind = option.kind_at(view.plan.desired.engine)
    texts = [_shown(kind, value) for value in (runs, boot)]
    return f"{option.name} runs {texts[0]}, and the next start has {texts[1]}: declare the one that you want"


def _shown(kind: Any, value: Value) -> str:
    if isinstance(value, Unreadable):
        return value.text
    return str(kind.render(value)) or "(empty)"


def _text(option: Option, value: Value, view: InstanceView) -> str:
    kind = option.kind_at(view.plan.desired.engine)
    if isinstance(kind, Memory) and isinstance(value, int):
        return format_memory(value)
    return kind.render(value)


def _of_lines(view: InstanceView) -> Iterator[str]:
    """Lines of the file that set no option: they stay, and no inventory has them."""
    lines = view.observed.parsed.directives
    counts = {name: sum(line.name == name for line in lines) for name in ("user", "loadmodule", "rename-command")}
    if counts["user"]:
        yield f"{counts['user']} ACL users in its file: kept, not declared"
    if counts["loadmodule"]:
        yield f"{counts['loadmodule']} modules: kept, not declared"
    if counts["rename-command"]:
        yield f"{counts['rename-command']} renamed commands: kept, not declared"
    unknown = sorted({line.name for line in lines if catalog.find(line.name) is None})
    if unknown:
        yield f"lines that this project does not know, kept: {', '.join(unknown[:5])}"
    if any(line.source for line in lines):
        sources = sorted({line.source for line in lines if line.source})
        yield f"it includes {', '.join(sources[:5])}: described as part of it"
    if view.observed.replica_of:
        yield f"it follows {' port '.join(map(str, view.observed.replica_of))}: kept, the server's own to decide"


def _name_of(stranger: Stranger, taken: Iterable[str]) -> str:
    """Its instance name where it has one, else what its unit is called."""
    unit = stranger.unit.name if stranger.unit else ""
    templates = "|".join(re.escape(product.unit) for product in PRODUCTS.values())
    templated = re.fullmatch(rf"(?:{templates})@(.+)", unit)
    words = stranger.instance or (templated[1] if templated else unit)
    name = re.sub(r"[^a-z0-9_-]+", "-", re.sub(r"^(redis|valkey)[-_]?(server[-_]?)?", "", words.lower())).strip("-_")
    name = (stranger.instance or name or "redis")[:32]
    if INSTANCE_NAME.fullmatch(name) is None:
        name = "redis"
    number = 2
    base = name
    while name in set(taken):
        name, number = f"{base[:29]}-{number}", number + 1
    return name


def _line(error: Exception) -> str:
    return " ".join(told(error).split()) or "it can't be described"


def as_records(found: Sequence[Description]) -> list[Mapping[str, Any]]:
    """Without secrets."""
    return [{"name": one.name, "product": one.product, "entry": one.entry, "notes": one.notes} for one in found]
