"""The platform of this host. The only place that chooses one."""

from __future__ import annotations

from . import host
from .debian import DEBIAN
from .interface import Platform
from .service import Service, Systemd

PLATFORM = DEBIAN


def here() -> Platform:
    """The platform of this host."""
    return PLATFORM


def service_of(name: str, pid_file: str) -> Service:
    """The service of this name on this host."""
    return Systemd(name) if host.has_systemd() else here().script(name, pid_file)
