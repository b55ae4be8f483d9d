"""Where a service sees other files than its host (systemd.exec(5), paths and sandboxing). Pure.

A path in such a place names one file to us and another one to the server.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Optional

# Those that put other files in the place of the host's
PLACED = ("RootDirectory", "RootImage", "BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem", "MountImages")
PROPERTIES = (*PLACED, "PrivateTmp", "ProtectHome")
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - recognised, not used
_HOMES = ("/home", "/root", "/run/user")


def of(properties: Mapping[str, str]) -> dict[str, bool]:
    """Directory or file -> whether the service finds there what the host has there."""
    found: dict[str, bool] = {}
    if any(properties.get(name) for name in ("RootDirectory", "RootImage")):
        found["/"] = properties.get("RootDirectory") == "/"
    if properties.get("PrivateTmp", "no") not in ("no", ""):
        found.update(dict.fromkeys(_TEMPORARY, False))
    if properties.get("ProtectHome") in ("yes", "tmpfs"):
        found.update(dict.fromkeys(_HOMES, False))
    for word in properties.get("TemporaryFileSystem", "").split():
        found[posixpath.normpath(word.partition(":")[0])] = False
    for word in _words(properties, "MountImages"):
        found[posixpath.normpath(word.partition(":")[2].partition(":")[0] or word)] = False
    for word in [*_words(properties, "BindPaths"), *_words(properties, "BindReadOnlyPaths")]:
        source, _, rest = word.removeprefix("-").partition(":")
        target = rest.partition(":")[0] or source
        found[posixpath.normpath(target)] = posixpath.normpath(source) == posixpath.normpath(target)
    return found


def other(mounted: Mapping[str, bool], path: str) -> Optional[str]:
    """The place that hides the host's file or directory from the service; None when it sees it with all that is in it."""
    above = [place for place in mounted if _is_in(path, place)]
    nearest = max(above, key=len, default="")
    if nearest and not mounted[nearest]:
        return nearest
    return next((place for place, same in mounted.items() if not same and _is_in(place, path)), None)


def _is_in(path: str, place: str) -> bool:
    return path == place or path.startswith(place.rstrip("/") + "/")


def _words(properties: Mapping[str, str], name: str) -> list[str]:
    return properties.get(name, "").split()
