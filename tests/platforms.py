"""A distribution that does not exist: other paths, another user, another unit and another package manager than Debian's."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.platform.interface import Platform
from ansible.module_utils.redis_ops.platform.packages import Package, Product

# What nothing may say on another platform than Debian
DEBIANS = re.compile(
    r"debian|ubuntu|dpkg|\bapt\b|apt-(get|cache)|policy-rc|ssl-cert|ULIMIT=|/etc/(redis|valkey|default|init\.d|apt)|"
    r"/var/(lib|log)/(redis|valkey)|/run/(redis|valkey)|/usr/bin|(redis|valkey)-(tools|server@|server\.service)",
    re.IGNORECASE,
)


@dataclass
class Nest:
    """Its package manager. asked: of what; put: what it was told to install."""

    version: str = "7-1.osprey"
    edited: bool = False
    asked: list[str] = field(default_factory=list)
    put: list[str] = field(default_factory=list)

    def package(self, product: Product, version: str) -> Package:
        missing = () if self.version else (f"{product.package}={version or 'new'}",)
        return Package(product, self.version, Engine(product.name, (7, 0, 15)), missing)

    def candidate(self, product: Product) -> Engine | None:
        return Engine(product.name, (7, 0, 15))

    def installed(self, package: str) -> str:
        self.asked.append(package)
        return self.version

    def is_untouched(self, package: str, path: str) -> bool:
        self.asked += [package, path]
        return False

    def is_edited(self, package: str, path: str) -> bool:
        self.asked += [package, path]
        return self.edited

    def reinstall(self, package: str) -> str:
        return f"nest put --again {package}"

    def leftovers(self, product: Product) -> list[str]:
        return [f"{product.config_dir}.pinned"]

    def converge(self, package: Package, *, check: bool) -> dict[str, Any]:
        """The effect of an installer."""
        if not check:
            self.put += package.missing
        return {"changed": bool(package.todo), "actions": package.todo, "diff": []}


@dataclass(frozen=True)
class Script:
    """A service of its own init."""

    name: str
    pid_file: str


def _product(name: str) -> Product:
    return Product(
        name,
        package=f"bird-{name}",
        unit=f"bird-{name}d",
        binary=f"/opt/birds/{name}-server",
        user="birds",
        config_dir=f"/opt/birds/settings/{name}",
        data_dir=f"/srv/birds/{name}",
        log_dir=f"/srv/logs/{name}",
        run_dir=f"/run/birds-{name}",
    )


def osprey(nest: Nest | None = None) -> Platform:
    """The distribution, with this package manager."""
    return Platform(
        "osprey",
        products={name: _product(name) for name in ("redis", "valkey")},
        packages=nest or Nest(),
        script=Script,
        script_limit="open-files = {files}\n",
        hidden=("/opt/private",),
        data_roots=("/srv", "/data"),
        key_group="keepers",
    )
