"""From what the inventory says to what each instance is. Pure.

Layers, weak to strong: this project's own defaults, the instance's profile, redis_server_settings,
redis_server_group_settings, redis_server_host_settings, the instance's own settings. Secrets have layers of their own
and never travel in settings, which are printed and logged.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, Optional

from .. import catalog
from ..base.engine import Engine
from ..base.errors import InvalidInput, Problem
from ..base.units import format_memory
from ..catalog.option import Trait
from ..platform.layout import Layout
from ..platform.packages import Product
from . import declaration as typed
from .declaration import BASED_ON, DEFAULT_PROFILE, KEEP, Declaration, canonical
from .desired import DesiredState

EXCLUSIVE = catalog.with_trait(Trait.EXCLUSIVE)
OLDEST = {"redis": (6, 2), "valkey": (7, 2)}
DEFAULT_PORT = 6379
MEBIBYTE = 1024**2


@dataclass(frozen=True)
class DesiredInstance:
    """One instance, complete.

    settings: without secrets, as they may be shown. desired: with them. weak: the names of settings that are this
    project's own defaults for its places, such as bind. assumed: those that a profile has which nobody typed.
    adopt, accept_eviction, accept_empty: what a person said of this instance. successor: where it lives after it was
    renamed, while it still lives where `layout` says; None when it is not to be renamed. unrecorded: where an instance with
    the name in `renamed_from` would be, while this host has a record of neither name; None otherwise.
    """

    layout: Layout
    profile: str
    settings: Mapping[str, Any]
    desired: DesiredState
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    weak: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()
    adopt: str = ""
    accept_eviction: bool = False
    accept_empty: bool = False
    successor: Optional[Layout] = None
    unrecorded: Optional[Layout] = None

    @property
    def name(self) -> str:
        """As declared."""
        return (self.successor or self.layout).instance

    @property
    def where(self) -> str:
        return f"instance {self.name}"


class _Layouts(NamedTuple):
    """Where an instance lives now, and `successor` and `unrecorded` as in DesiredInstance."""

    now: Layout
    successor: Optional[Layout] = None
    unrecorded: Optional[Layout] = None


def resolve(
    declaration: Declaration,
    product: Product,
    engine: Engine,
    *,
    systemd: bool,
    memory: int = 0,
    is_managed: Callable[[Layout], bool] = lambda _: False,
    remembered: Collection[str] = (),
) -> list[DesiredInstance]:
    """memory: bytes that this host has, of which `maxmemory: 50%` is a share; 0 when unknown. is_managed: whether a run of
    this project made what lives there. remembered: the names of all instances of which that is true.

    Raises InvalidInput with every problem of every instance.
    """
    if engine.version < OLDEST[engine.name]:
        oldest = Engine(engine.name, OLDEST[engine.name])
        raise InvalidInput(
            [Problem("package", f"{engine} is too old", f"{oldest} or later", "use a newer distribution")]
        )
    problems = typed.problems(declaration)
    if problems and any(problem.where.startswith("redis_server_instances") for problem in problems):
        raise InvalidInput(problems)
    declaration = declaration.whole()
    resolved = []
    for entry in declaration.instances:
        try:
            layouts = _layouts(entry, product, is_managed, systemd=systemd)
            resolved.append(_instance(declaration, entry, layouts, engine, memory))
        except InvalidInput as error:  # noqa: PERF203 - each instance has problems of its own
            problems += error.problems
    problems += _renamed_from_nobody(resolved, declaration, remembered)
    problems += _without_systemd(resolved, systemd=systemd)
    problems += _shared(resolved)
    if problems:
        raise InvalidInput(list(dict.fromkeys(problems)))
    return resolved


def _instance(
    declaration: Declaration,
    entry: Mapping[str, Any],
    layouts: _Layouts,
    engine: Engine,
    memory: int,
) -> DesiredInstance:
    name = str(entry["name"])
    said_profile = str(entry.get("profile") or declaration.profile)
    profile = said_profile or DEFAULT_PROFILE
    layout = layouts.now
    port = entry.get("port")
    ours = canonical(layout.settings(DEFAULT_PORT if port is None else int(port)))
    said = {
        **({} if port is None else {"port": str(port)}),
        **declaration.merged_settings(),
        **canonical(entry.get("settings") or {}),
    }
    said = {option: value for option, value in said.items() if catalog.find(option)}  # the others are reported already
    of_profile = profile_settings(declaration.profiles, profile, engine)
    typed_names = set(said) | (set(of_profile) if said_profile else set())
    settings = _with_memory({**ours, **of_profile, **said}, memory, f"instance {name}")
    secrets = canonical({**declaration.secrets, **(entry.get("secrets") or {})})
    secrets = {option: value for option, value in secrets.items() if catalog.find(option)}
    desired = DesiredState.parse({**settings, **secrets}, engine, f"instance {name}")
    return DesiredInstance(
        layout,
        profile,
        settings,
        desired,
        secrets,
        weak=frozenset(set(ours) - set(of_profile) - set(said)),
        assumed=frozenset(set(of_profile) - typed_names),
        adopt=str(entry.get("adopt") or declaration.adopt),
        accept_eviction=_said(entry, "accept_eviction", declaration.accept_eviction),
        accept_empty=_said(entry, "accept_empty", declaration.accept_empty),
        successor=layouts.successor,
        unrecorded=layouts.unrecorded,
    )


def _layouts(
    entry: Mapping[str, Any], product: Product, is_managed: Callable[[Layout], bool], *, systemd: bool
) -> _Layouts:
    layout = Layout(
        product, str(entry["name"]), systemd, str(entry.get("config") or ""), str(entry.get("service") or "")
    )
    before = replace(layout, instance=str(entry.get("renamed_from") or layout.instance))
    if before == layout:
        return _Layouts(layout)
    if is_managed(before):
        return _Layouts(before, successor=layout)
    # with the file and the unit of the old name, the instance keeps its data whatever its name is
    return _Layouts(layout, unrecorded=before if before.moves_to(layout) and not is_managed(layout) else None)


def _renamed_from_nobody(
    instances: Sequence[DesiredInstance], declaration: Declaration, remembered: Collection[str]
) -> Iterator[Problem]:
    """A name that is typed wrong would make an empty instance beside the one that was meant. On a host that has neither
    that one nor any other, the instance is simply new.
    """
    before = {str(entry["name"]): str(entry.get("renamed_from") or "") for entry in declaration.instances}
    left = sorted({*remembered} - {*before} - {one.layout.instance for one in instances})
    for one in instances:
        old = before[one.name]
        if left and old and one.successor is None and one.name not in remembered:
            yield Problem(
                f"{one.where}: renamed_from",
                f"this host has no record of an instance {old}",
                f"one of those that nobody declares any more: {', '.join(left)}",
                f"correct it; adopt {old} under that name first if somebody else set it up; or remove renamed_from for a new "
                f"and empty instance {one.name}",
            )


def _said(entry: Mapping[str, Any], key: str, otherwise: bool) -> bool:
    return otherwise if entry.get(key) is None else bool(entry[key])


def _with_memory(settings: Mapping[str, Any], memory: int, where: str) -> dict[str, Any]:
    """Maxmemory as an amount, where it is typed as a share of the host's memory. Raises InvalidInput."""
    text = str(settings.get("maxmemory", "")).strip()
    share = re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text)
    if share is None:
        return dict(settings)
    percent = float(share[1])
    expected = "an amount such as 512mb, or a share of the host's memory from 1% to 100%"
    if not 1 <= percent <= 100:
        raise InvalidInput([Problem(f"{where}: maxmemory", f"{text} is not valid", expected, "correct the value")])
    if not memory:
        raise InvalidInput(
            [
                Problem(
                    f"{where}: maxmemory",
                    f"{text} of a memory that this host does not tell",
                    expected,
                    "type an amount",
                )
            ]
        )
    amount = max(int(memory * percent / 100) // MEBIBYTE, 1) * MEBIBYTE  # 0 would be no limit at all
    return {**settings, "maxmemory": format_memory(amount)}


def profile_settings(profiles: Mapping[str, Mapping[str, Any]], name: str, engine: Engine) -> dict[str, Any]:
    """A profile on top of those it is based on. A base that does not exist, or a ring of them, counts as empty here;
    declaration.problems reports it.

    What that server does not have is left out: profiles are written for every version, the inventory is held to what
    it says.
    """
    chain: list[str] = []
    while name in profiles and name not in chain:
        chain.append(name)
        name = str(profiles[name].get(BASED_ON, ""))
    settings: dict[str, Any] = {}
    for step in reversed(chain):
        settings.update(canonical(profiles[step]))
    settings.pop(BASED_ON, None)
    found = {name: catalog.find(name) for name in settings}
    return {name: settings[name] for name, option in found.items() if option is None or option.exists_at(engine)}


def _without_systemd(instances: Sequence[DesiredInstance], *, systemd: bool) -> list[Problem]:
    if systemd:
        return []
    return [
        Problem(
            instance.where,
            "this host has no systemd, and the package's SysV script starts the instance 'default' only",
            "one instance named default",
            "use a host with systemd for several instances",
        )
        for instance in instances
        if not (instance.successor or instance.layout).is_default
    ]


def _shared(instances: Sequence[DesiredInstance]) -> list[Problem]:
    """Two instances must not meet on a port, a file or in one data directory."""
    owners: dict[tuple[str, Any], tuple[str, str]] = {}
    problems = []
    for instance in instances:
        # a server that is kept may have other values than our defaults: checks.shared knows them
        unknown = instance.weak if instance.adopt == KEEP else frozenset()
        for name in EXCLUSIVE:
            value = instance.desired.get(name)
            if not value or name in unknown:
                continue
            # a port is a port, with TLS or without
            key = ("port" if name == "tls-port" else name, value)
            owner = (instance.name, name)
            other, as_what = owners.setdefault(key, owner)
            if (other, as_what) != owner:
                problems.append(
                    Problem(
                        f"{instance.where}: {name}",
                        f"{value} is already the {as_what} of instance {other}",
                        "one of its own for each instance",
                        f"change {name} of one of them",
                    )
                )
    return problems
