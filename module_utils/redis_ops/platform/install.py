"""Bring the packages of a server to a host. What a module needs that installs; the others only ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from .current import here
from .debian import DEBIAN
from .debian import install as of_debian
from .packages import Package

INSTALLERS: Mapping[str, Callable[..., dict[str, Any]]] = {DEBIAN.name: of_debian.converge}


def converge(package: Package, *, check: bool) -> dict[str, Any]:
    """What was done, or in check mode would be. package: as this platform describes it. Raises ApplyFailed."""
    return INSTALLERS[here().name](package, check=check)
