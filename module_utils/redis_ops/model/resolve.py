"""From what the inventory says to what each instance is. Pure.

Layers, weak to strong: what the package's service needs, the instance's profile, redis_server_settings, the instance's
own settings. Secrets have layers of their own and never travel in settings, which are printed and logged.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import catalog
from ..base.engine import Engine
from ..base.errors import InvalidInput, Problem
from ..platform.layout import INSTANCE_NAME, Layout, Product
from .desired import DesiredState

OLDEST = {"redis": (6, 2), "valkey": (7, 2)}
# beside maxclients: replication, persistence, modules, cluster bus and the server's own files
SPARE_FILES = 1024
DEFAULT_PORT = 6379
BASED_ON = "based_on"  # key of a profile, beside the option names


@dataclass(frozen=True)
class Declaration:
    """The role's variables, as typed. variables: all names that look like a role's; known: those that are one's."""

    instances: Sequence[Mapping[str, Any]]
    profiles: Mapping[str, Mapping[str, Any]]
    profile: str
    settings: Mapping[str, Any]
    secrets: Mapping[str, Any]
    variables: Sequence[str] = ()
    known: Sequence[str] = ()


@dataclass(frozen=True)
class Resolved:
    """One instance, complete. settings: without secrets, as they may be shown. desired: with them."""

    layout: Layout
    profile: str
    settings: Mapping[str, Any]
    desired: DesiredState
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)

    @property
    def where(self) -> str:
        return f"instance {self.layout.instance}"

    @property
    def directories(self) -> list[str]:
        """Directories that this instance's files lie in, its own first."""
        files = [str(self.desired.get(name) or "") for name in ("logfile", "unixsocket")]
        parents = [file.rpartition("/")[0] for file in files if file.startswith("/")]
        return list(dict.fromkeys([str(self.desired.get("dir")), *parents]))

    @property
    def open_files(self) -> int:
        """LimitNOFILE of its service."""
        return int(self.desired.get("maxclients")) + SPARE_FILES


def resolve(declaration: Declaration, product: Product, engine: Engine, *, systemd: bool) -> list[Resolved]:
    """Raises InvalidInput with every problem of every instance."""
    if engine.version < OLDEST[engine.name]:
        oldest = Engine(engine.name, OLDEST[engine.name])
        raise InvalidInput(
            [Problem("package", f"{engine} is too old", f"{oldest} or later", "use a newer distribution")]
        )
    declaration = _whole(declaration)
    problems = list(_shape_problems(declaration, systemd=systemd))
    resolved = []
    for entry in declaration.instances:
        name = str(entry["name"])
        profile = str(entry.get("profile") or declaration.profile)
        layout = Layout(product, name, systemd)
        port = entry.get("port")
        settings = {
            **_canonical(layout.settings(DEFAULT_PORT if port is None else int(port))),
            **_canonical(profile_settings(declaration.profiles, profile), engine),
            **_canonical(declaration.settings),
            **_canonical(entry.get("settings") or {}),
        }
        secrets = {**declaration.secrets, **(entry.get("secrets") or {})}
        try:
            desired = DesiredState.parse({**settings, **secrets}, engine, f"instance {name}")
        except InvalidInput as error:
            problems.extend(error.problems)
        else:
            resolved.append(Resolved(layout, profile, settings, desired, secrets))
    problems.extend(_shared(resolved))
    if problems:
        raise InvalidInput(list(dict.fromkeys(problems)))
    return resolved


def _whole(declaration: Declaration) -> Declaration:
    """The same with an empty mapping for every key that YAML left without a value."""
    return replace(
        declaration,
        profiles={name: layer or {} for name, layer in (declaration.profiles or {}).items()},
        settings=declaration.settings or {},
        secrets=declaration.secrets or {},
    )


def profile_settings(profiles: Mapping[str, Mapping[str, Any]], name: str) -> dict[str, Any]:
    """A profile on top of those it is based on. A base that does not exist, or a ring of them, counts as empty here;
    _shape_problems reports it.
    """
    chain: list[str] = []
    while name in profiles and name not in chain:
        chain.append(name)
        name = str(profiles[name].get(BASED_ON, ""))
    settings: dict[str, Any] = {}
    for step in reversed(chain):
        settings.update(_canonical(profiles[step]))
    settings.pop(BASED_ON, None)
    return settings


def _canonical(layer: Mapping[str, Any], engine: Engine | None = None) -> dict[str, Any]:
    """One name for each option, so that a later layer replaces it whatever spelling either uses.

    With an engine: what that server does not have is left out. Profiles are written for every version; the inventory
    is held to what it says.
    """
    found = {}
    for name, value in layer.items():
        option = catalog.find(str(name))
        if option is None:
            found[str(name)] = value
        elif engine is None or option.exists_at(engine):
            found[option.name] = value
    return found


def _shape_problems(declaration: Declaration, *, systemd: bool) -> Sequence[Problem]:
    problems = [
        unknown_variable(name, declaration.known) for name in declaration.variables if name not in declaration.known
    ]
    names = [str(entry["name"]) for entry in declaration.instances]
    if not names:
        problems.append(Problem("redis_server_instances", "is empty", "at least one instance", "add one"))
    problems += [
        Problem(f"instance {name}", "is declared twice", "one name for each instance", "rename one")
        for name, count in Counter(names).items()
        if count > 1
    ]
    for entry in declaration.instances:
        name = str(entry["name"])
        place = f"instance {name}"
        if INSTANCE_NAME.fullmatch(name) is None:
            problems.append(
                Problem(place, "is no instance name", "lower-case letters, digits, - and _, 32 at most", "rename it")
            )
        if not systemd and not Layout(Product("redis"), name, systemd).is_default:
            problems.append(
                Problem(
                    place,
                    "this host has no systemd, and the package's SysV script starts the instance 'default' only",
                    "one instance named default",
                    "use a host with systemd for several instances",
                )
            )
        profile = str(entry.get("profile") or declaration.profile)
        if profile not in declaration.profiles:
            near = difflib.get_close_matches(profile, declaration.profiles, n=1)
            known = ", ".join(sorted(declaration.profiles))
            hint = f"did you mean {near[0]}?" if near else "add it to redis_server_profiles"
            problems.append(Problem(place, f"profile {profile} does not exist", f"one of {known}", hint))
        own = entry.get("settings") or {}
        problems += _misplaced_secrets(place, own, f"secrets of instance {name}")
        problems += _twice(place, own)
    problems += _twice("redis_server_settings", declaration.settings)
    problems += _misplaced_secrets("redis_server_settings", declaration.settings, "redis_server_secrets")
    for profile, layer in declaration.profiles.items():
        problems += _broken_base(declaration.profiles, profile)
        problems += _twice(f"profile {profile}", layer)
        problems += _misplaced_secrets(f"profile {profile}", layer, "redis_server_secrets")
    return problems


def unknown_variable(name: str, known: Sequence[str]) -> Problem:
    """A name that begins as a role's variables do, and is none of them."""
    role = "_".join(name.split("_")[:2])
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)  # the role is the same in all
    hint = f"did you mean {near[0]}?" if near else "correct it, or give a variable of your own another name"
    return Problem(name, "no role has this variable", f"one of those that ansible-doc -t role {role} tells", hint)


def _broken_base(profiles: Mapping[str, Mapping[str, Any]], profile: str) -> list[Problem]:
    place, seen = f"profile {profile}: {BASED_ON}", [profile]
    while base := str(profiles[seen[-1]].get(BASED_ON, "")):
        if base not in profiles:
            known = ", ".join(sorted(profiles))
            return [Problem(place, f"profile {base} does not exist", f"one of {known}", "correct the name")]
        if base in seen:
            ring = " -> ".join([*seen, base])
            return [Problem(place, f"{ring} never ends", "a profile that is based on itself nowhere", "break the ring")]
        seen.append(base)
    return []


def _misplaced_secrets(where: str, settings: Mapping[str, Any], right_place: str) -> list[Problem]:
    options = [(name, catalog.find(str(name))) for name in settings]
    return [
        Problem(f"{where}: {name}", "is a secret, and settings are printed and logged", right_place, "move it there")
        for name, option in options
        if option is not None and option.secret
    ]


def _twice(where: str, settings: Mapping[str, Any]) -> list[Problem]:
    """One option under two of its names in one layer: no order says which wins."""
    names: dict[str, list[str]] = {}
    for name in settings:
        option = catalog.find(str(name))
        names.setdefault(option.name if option else str(name), []).append(str(name))
    return [
        Problem(where, f"{' and '.join(same)} are the same option", "each option once", "remove one of them")
        for same in names.values()
        if len(same) > 1
    ]


def _shared(instances: Sequence[Resolved]) -> list[Problem]:
    """Two instances must not meet on a port, a file or in one data directory."""
    owners: dict[tuple[str, Any], tuple[str, str]] = {}
    problems = []
    for instance in instances:
        for name in ("port", "tls-port", "unixsocket", "logfile", "pidfile", "dir"):
            value = instance.desired.get(name)
            if not value:
                continue
            # a port is a port, with TLS or without
            key = ("port" if name == "tls-port" else name, value)
            owner = (instance.layout.instance, name)
            other, as_what = owners.setdefault(key, owner)
            if (other, as_what) != owner:
                problems.append(
                    Problem(
                        f"instance {instance.layout.instance}: {name}",
                        f"{value} is already the {as_what} of instance {other}",
                        "one of its own for each instance",
                        f"change {name} of one of them",
                    )
                )
    return problems
