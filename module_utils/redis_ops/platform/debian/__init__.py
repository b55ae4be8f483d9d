"""Debian and Ubuntu: where their packages of Redis and Valkey keep everything."""

from __future__ import annotations

from ..interface import Platform
from ..packages import Product
from . import packages
from .sysv import SysV


def _product(name: str) -> Product:
    return Product(
        name,
        package=f"{name}-server",
        unit=f"{name}-server",
        binary=f"/usr/bin/{name}-server",
        user=name,
        config_dir=f"/etc/{name}",
        data_dir=f"/var/lib/{name}",
        log_dir=f"/var/log/{name}",
        run_dir=f"/run/{name}",
    )


DEBIAN = Platform(
    "debian",
    products={name: _product(name) for name in ("redis", "valkey")},
    packages=packages,
    script=SysV,
    script_limit="ULIMIT={files}\n",  # the script reads /etc/default/NAME
    # ProtectHome and PrivateTmp of the package's unit
    hidden=("/home", "/root", "/run/user", "/tmp", "/var/tmp"),  # noqa: S108 - refused, not used
    data_roots=("/var/lib", "/srv"),
    key_group="ssl-cert",
)
