"""What a person typed about the instances of a host, and what is wrong with it whatever the host is. Pure.

The control node checks this before it calls any module: a secret in the wrong place must reach no host and no journal.
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .. import catalog
from ..base.errors import Problem
from ..platform.layout import INSTANCE_NAME
from .desired import unknown_option

BASED_ON = "based_on"  # key of a profile, beside the option names
DEFAULT_PROFILE = "guide"  # of instances for which nobody typed one
KEEP, REPLACE = "keep", "replace"  # what may be done with a server that somebody else set up
ADOPT = (KEEP, REPLACE)
# Layers of settings for all instances of a host, weak to strong
LAYERS = ("redis_server_settings", "redis_server_group_settings", "redis_server_host_settings")
# What may be said of one instance
_MAPPINGS = ("settings", "secrets")
_TEXTS = ("name", "profile", "config", "service", "adopt", "renamed_from")
INSTANCE_KEYS = (*_TEXTS, *_MAPPINGS, "port", "accept_eviction", "accept_empty")


@dataclass(frozen=True)
class Declaration:
    """The role's variables, as typed.

    profile: of instances that name none; '' for the default, which a server that is kept as it is does not take.
    settings: for all instances, weak to strong: name of the variable -> its settings.
    adopt, accept_eviction, accept_empty: for instances that say nothing of their own.
    variables: all names that look like a role's; known: those that are one's.
    """

    instances: Sequence[Mapping[str, Any]]
    profiles: Mapping[str, Mapping[str, Any]]
    profile: str
    settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict, repr=False)
    variables: Sequence[str] = ()
    known: Sequence[str] = ()
    adopt: str = ""
    accept_eviction: bool = False
    accept_empty: bool = False

    def whole(self) -> Declaration:
        """The same with an empty mapping for every key that YAML left without a value."""
        return replace(
            self,
            profiles={name: layer or {} for name, layer in (self.profiles or {}).items()},
            settings={name: layer or {} for name, layer in self.settings.items()},
            secrets=self.secrets or {},
        )

    def merged_settings(self) -> dict[str, Any]:
        """The layers for all instances as one, by the canonical name of each option."""
        merged: dict[str, Any] = {}
        for layer in self.settings.values():
            merged.update(canonical(layer))
        return merged


def canonical(layer: Mapping[str, Any]) -> dict[str, Any]:
    """One name for each option, so that a later layer replaces it whatever spelling either uses."""
    found = {}
    for name, value in layer.items():
        option = catalog.find(str(name))
        found[option.name if option else str(name)] = value
    return found


def problems(declaration: Declaration) -> list[Problem]:
    """Everything that is wrong on any host. Never shows a value: it may be a secret."""
    shapes = list(_wrong_shapes(declaration))
    if shapes:
        return shapes
    declaration = declaration.whole()
    found = [
        unknown_variable(name, declaration.known) for name in declaration.variables if name not in declaration.known
    ]
    found += _of_instances(declaration)
    for where, layer in _layers(declaration):
        found += of_layer(where, layer)
    found += _broken_bases(declaration)
    found += [problem for where, layer in _secret_layers(declaration) for problem in _unknown(where, layer)]
    found += [problem for where, layer in _secret_layers(declaration) for problem in _no_secrets(where, layer)]
    return list(dict.fromkeys(found))


def of_layer(where: str, layer: Any) -> list[Problem]:
    """The same for one layer of settings by itself."""
    if layer is None:
        return []
    if not isinstance(layer, Mapping):
        return [Problem(where, f"is {_shape(layer)}", "a mapping, with one 'name: value' a line", "correct it")]
    return [*_twice(where, layer), *_misplaced_secrets(where, layer), *_unknown(where, layer)]


def unknown_variable(name: str, known: Sequence[str]) -> Problem:
    """A name that begins as a role's variables do, and is none of them."""
    role = "_".join(name.split("_")[:2])
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.8)  # the role is the same in all
    hint = (
        f"did you mean {near[0]}?"
        if near
        else "correct it, or name it in redis_server_allowed_variables if it is yours"
    )
    return Problem(name, "no role has this variable", f"one of those that ansible-doc -t role {role} tells", hint)


def _wrong_shapes(declaration: Declaration) -> Iterator[Problem]:
    """YAML that means something else than was meant."""
    maps: dict[str, Any] = {**declaration.settings, "redis_server_secrets": declaration.secrets}
    maps["redis_server_profiles"] = declaration.profiles
    if isinstance(declaration.profiles, Mapping):
        maps.update({f"profile {name}": layer for name, layer in declaration.profiles.items()})
    for where, value in maps.items():
        if not isinstance(value, Mapping) and value is not None:
            yield Problem(where, f"is {_shape(value)}", "a mapping, with one 'name: value' a line", "correct it")
    for where, value in (
        ("redis_server_profile", declaration.profile),
        ("redis_server_adopt", declaration.adopt),
        *((f"profile {name}: {BASED_ON}", layer.get(BASED_ON)) for name, layer in _mappings(declaration.profiles)),
    ):
        yield from _no_text(where, value)
    if isinstance(declaration.instances, (str, Mapping)) or not isinstance(declaration.instances, Sequence):
        yield Problem("redis_server_instances", f"is {_shape(declaration.instances)}", "a list", "correct it")
        return
    for number, entry in enumerate(declaration.instances, start=1):
        yield from _wrong_instance(f"redis_server_instances, number {number}", entry)


def _mappings(layers: Any) -> list[tuple[str, Mapping[str, Any]]]:
    """Those layers that are mappings."""
    found = layers.items() if isinstance(layers, Mapping) else ()
    return [(name, layer) for name, layer in found if isinstance(layer, Mapping)]


def _wrong_instance(where: str, entry: Any) -> Iterator[Problem]:
    if not isinstance(entry, Mapping) or not entry.get("name"):
        yield Problem(where, "has no name", "a mapping with a name, such as {name: cache, port: 6379}", "name it")
        return
    for key in _MAPPINGS:
        if entry.get(key) is not None and not isinstance(entry[key], Mapping):
            yield Problem(f"{where}: {key}", f"is {_shape(entry[key])}", "a mapping", "correct it")
    for key in _TEXTS:
        yield from _no_text(f"{where}: {key}", entry.get(key))
    for key in entry:
        if key not in INSTANCE_KEYS:
            yield Problem(
                f"{where}: {key}",
                "is nothing that can be said of an instance",
                f"one of {', '.join(INSTANCE_KEYS)}",
                "an option of Redis belongs into its settings, a password into its secrets",
            )


def _no_text(where: str, value: object) -> Iterator[Problem]:
    if value is not None and not isinstance(value, (str, int, float)):
        yield Problem(where, f"is {_shape(value)}", "a single value", "correct it")


def _shape(value: object) -> str:
    if isinstance(value, Mapping):
        return "a mapping"
    return "a list" if isinstance(value, (list, tuple)) else "no mapping" if value is None else "a single value"


def _of_instances(declaration: Declaration) -> list[Problem]:
    names = [str(entry["name"]) for entry in declaration.instances]
    found = []
    if not names:
        found.append(Problem("redis_server_instances", "is empty", "at least one instance", "add one"))
    found += [
        Problem(f"instance {name}", "is declared twice", "one name for each instance", "rename one")
        for name, count in Counter(names).items()
        if count > 1
    ]
    for entry in declaration.instances:
        found += _of_instance(declaration, entry)
    found += _of_renames(declaration, names)
    if declaration.adopt not in ("", *ADOPT):
        found.append(Problem("redis_server_adopt", "is no answer", f"one of {', '.join(ADOPT)}", "correct it"))
    return found


def _of_instance(declaration: Declaration, entry: Mapping[str, Any]) -> Iterator[Problem]:
    name = str(entry["name"])
    place = f"instance {name}"
    if INSTANCE_NAME.fullmatch(name) is None:
        yield Problem(place, "is no instance name", "lower-case letters, digits, - and _, 32 at most", "rename it")
    profile = str(entry.get("profile") or declaration.profile or DEFAULT_PROFILE)
    if profile not in declaration.profiles:
        near = difflib.get_close_matches(profile, declaration.profiles, n=1)
        known = ", ".join(sorted(declaration.profiles)) or "those in redis_server_profiles, which has none"
        hint = f"did you mean {near[0]}?" if near else "add it to redis_server_profiles"
        yield Problem(place, f"profile {profile} does not exist", f"one of {known}", hint)
    if (entry.get("adopt") or "") not in ("", *ADOPT):
        yield Problem(f"{place}: adopt", "is no answer", f"one of {', '.join(ADOPT)}", "correct it")
    for key in ("config", "service", "renamed_from"):
        text = entry.get(key)
        if text is not None and _is_wrong(key, str(text)):
            expected = {
                "config": "an absolute path",
                "service": "the name of a unit",
                "renamed_from": "an instance name",
            }
            yield Problem(f"{place}: {key}", "is not valid", expected[key], "correct it")


def _of_renames(declaration: Declaration, names: Sequence[str]) -> Iterator[Problem]:
    """A name that is given up must be nobody's else."""
    before = [str(entry["renamed_from"]) for entry in declaration.instances if entry.get("renamed_from")]
    for entry in declaration.instances:
        old = str(entry.get("renamed_from") or "")
        if old == str(entry["name"]):
            yield Problem(
                f"instance {old}: renamed_from", "is its own name", "the name that it had before", "remove renamed_from"
            )
        elif old and (old in names or before.count(old) > 1):
            yield Problem(
                f"instance {entry['name']}: renamed_from",
                f"{old} is also the name of another instance, now or before",
                "the name of one instance that is no longer declared",
                "rename one instance in each run",
            )


def _is_wrong(key: str, text: str) -> bool:
    if key == "config":
        return not text.startswith("/") or any(ord(char) < 32 for char in text)
    if key == "service":
        return not text or not set(text) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:_.@-")
    return INSTANCE_NAME.fullmatch(text) is None


def _layers(declaration: Declaration) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield from declaration.settings.items()
    for entry in declaration.instances:
        yield f"instance {entry['name']}", entry.get("settings") or {}
    for name, layer in declaration.profiles.items():
        yield f"profile {name}", {key: value for key, value in layer.items() if key != BASED_ON}


def _secret_layers(declaration: Declaration) -> Iterator[tuple[str, Mapping[str, Any]]]:
    yield "redis_server_secrets", declaration.secrets
    for entry in declaration.instances:
        yield f"secrets of instance {entry['name']}", entry.get("secrets") or {}


def _unknown(where: str, layer: Mapping[str, Any]) -> list[Problem]:
    names = map(str, layer)
    return [unknown_option(f"{where}: {name}", name) for name in names if catalog.find(name) is None]


def _misplaced_secrets(where: str, settings: Mapping[str, Any]) -> list[Problem]:
    right_place = f"secrets of {where}" if where.startswith("instance ") else "redis_server_secrets"
    options = [(name, catalog.find(str(name))) for name in settings]
    return [
        Problem(f"{where}: {name}", "is a secret, and settings are printed and logged", right_place, "move it there")
        for name, option in options
        if option is not None and option.secret
    ]


def _no_secrets(where: str, secrets: Mapping[str, Any]) -> list[Problem]:
    """Among secrets, a plain setting would be hidden from every diff and report."""
    options = [(name, catalog.find(str(name))) for name in secrets]
    return [
        Problem(
            f"{where}: {name}", "is no secret", "an option such as requirepass or masterauth", "move it to settings"
        )
        for name, option in options
        if option is not None and not option.secret
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


def _broken_bases(declaration: Declaration) -> Iterator[Problem]:
    for profile in declaration.profiles:
        place, seen = f"profile {profile}: {BASED_ON}", [profile]
        while base := str(declaration.profiles[seen[-1]].get(BASED_ON, "")):
            if base not in declaration.profiles:
                known = ", ".join(sorted(declaration.profiles))
                yield Problem(place, f"profile {base} does not exist", f"one of {known}", "correct the name")
                break
            if base in seen:
                ring = " -> ".join([*seen, base])
                yield Problem(
                    place, f"{ring} never ends", "a profile that is based on itself nowhere", "break the ring"
                )
                break
            seen.append(base)
