"""The places of a host below a directory of the test, so that what moves, removes and restores instances can run there."""

from __future__ import annotations

import functools
import grp
import os
import pwd
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import aside, removal, restoration
from ansible.module_utils.redis_ops.apply.instances import Result, converge_all
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.model import resolve
from ansible.module_utils.redis_ops.model.declaration import LAYERS, Declaration
from ansible.module_utils.redis_ops.platform import current, host, layout, units
from ansible.module_utils.redis_ops.platform.debian import DEBIAN, packages
from ansible.module_utils.redis_ops.platform.interface import Platform
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS, Layout
from ansible.module_utils.redis_ops.platform.packages import Package, Product
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.view import describe, host_declaration, strangers
from ansible.module_utils.redis_ops.view import host as view_of_host
from ansible.module_utils.redis_ops.view.host_declaration import HostDeclaration

ME, MINE = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
HOST = "web1"


@dataclass
class Stopped:
    """A service of an instance that does not run. It can't be started: `said` is what it was told to do."""

    name: str
    config: str
    home: Path
    said: list[str] = field(default_factory=list)
    at_boot: bool = True
    user: str = ME

    def unit(self) -> Unit:
        return Unit(
            self.name,
            loaded=True,
            enabled=self.at_boot,
            fragment=f"/usr/lib/systemd/system/{self.name}.service",
            command=("/usr/bin/redis-server", self.config),
            user=self.user,
            group=MINE,
        )

    def pid(self) -> int:
        return 0

    def enabled(self) -> bool:
        return self.at_boot

    def masked(self) -> bool:
        return False

    def drop_in_path(self) -> str:
        return str(self.home / f"{self.name}.service.d" / "limits.conf")

    def prepare(self) -> None:
        self.said.append("prepare")

    def forbid(self) -> None:
        self.said.append("forbid")

    def withdraw(self) -> None:
        self.said.append("withdraw")
        self.at_boot = False

    def start(self) -> None:
        raise AssertionError("nobody starts it")

    def stop(self) -> None:
        self.said.append("stop")

    def log(self) -> str:
        return ""


def _below(product: Product, root: str, program: str) -> Product:
    """The same below a directory, with another program and the user of the tests."""
    places = {name: root + getattr(product, name) for name in ("config_dir", "data_dir", "log_dir", "run_dir")}
    return replace(product, binary=program, user=ME, **places)


@dataclass
class Placed:
    """A host whose root is `root`. service_of: makes the service of a name that starts with a file."""

    root: Path
    engine: Engine
    service_of: Callable[[str, str], Any]
    services: dict[str, Any] = field(default_factory=dict)
    platform: Platform = DEBIAN

    @property
    def state(self) -> Path:
        return self.root / "var/lib/ansible-redis"

    def layout(self, name: str, product: str = "") -> Layout:
        """Where an instance of that name is kept."""
        return resolve.Layout(PRODUCTS[product or self.engine.name], name, True)

    def data(self, name: str) -> Path:
        return Path(self.layout(name).settings(0)["dir"])

    def config(self, name: str) -> Path:
        return Path(self.layout(name).config)

    def service(self, name: str) -> Any:
        """The service of an instance."""
        return self._service(self.layout(name).service)

    def declared(self, *entries: Mapping[str, Any], product: str = "", **given: Any) -> HostDeclaration:
        """given: settings for all instances, and fields of Declaration."""
        layers = {LAYERS[0]: given.pop("settings", {})}
        declaration = Declaration(entries, {"mine": {}}, "mine", layers, **given)
        return HostDeclaration(PRODUCTS[product or self.engine.name], declaration)

    def converge(self, *entries: Mapping[str, Any], **given: Any) -> Result:
        """A run that declares these instances."""
        known = {"restart": True, "check": False, "somaxconn": 100_000}
        named = {name: given.pop(name) for name in ("restart", "check", "only") if name in given}
        wanted = self.declared(*entries, **given)
        return converge_all(wanted, self.package, **{**known, **named})

    def remove(
        self, *names: str, data: Sequence[str] = (), entries: Sequence[Mapping[str, Any]] = (), check: bool = False
    ) -> dict[str, Any]:
        """A run that removes these instances. entries: what is still declared."""
        request = removal.Request(names, data, HOST)
        return removal.remove(self.declared(*(entries or [{"name": "other", "port": 7999}])), request, check=check)

    def restore(self, name: str, *entries: Mapping[str, Any], check: bool = False, **given: Any) -> dict[str, Any]:
        """A run that goes back to the first configuration."""
        return restoration.restore(self.declared(*entries, **given), self.package, name, check=check)

    @property
    def package(self) -> Package:
        return Package(PRODUCTS[self.engine.name], "1", self.engine)

    def _service(self, name: str, config: str = "") -> Any:
        if name not in self.services:
            stem = name.partition("@")
            config = config or str(self.config(stem[2] or layout.DEFAULT_INSTANCE))
            self.services[name] = self.service_of(name, config)
        return self.services[name]

    def prepare(self, patch: pytest.MonkeyPatch, program: str) -> None:
        """Let the project take this directory for its host."""
        root = str(self.root)

        @dataclass(frozen=True)
        class Here(Layout):
            def settings(self, port: int) -> Mapping[str, str]:
                return {**super().settings(port), "supervised": "no"}

        products = {name: _below(product, root, program) for name, product in self.platform.products.items()}
        for product in products.values():
            for directory in (product.config_dir, product.data_dir, product.log_dir):
                Path(directory).mkdir(parents=True)
        patch.setattr(current, "PLATFORM", replace(self.platform, products=products, hidden=()))
        for module in (layout, aside, host_declaration, removal):
            patch.setattr(module, "STATE_DIRECTORY", str(self.state))
        patch.setattr(aside, "ASIDE", f"{self.state}/aside")
        for module in (resolve, host_declaration):
            patch.setattr(module, "Layout", Here)
        patch.setattr(host, "has_systemd", lambda: True)
        patch.setattr(host, "grantable_open_files", lambda **_: 1_000_000)
        patch.setattr(host, "installed_engine", lambda *_: self.engine)
        for module in (host_declaration, describe):
            patch.setattr(module, "service_of", lambda name, _: self._service(name))
        patch.setattr(
            HostDeclaration, "units", lambda _, resolved: {one.layout.service: self._unit(one) for one in resolved}
        )
        patch.setattr(view_of_host, "look_at_units", lambda names: {name: self._service(name).unit() for name in names})
        patch.setattr(view_of_host, "strangers", lambda *_, **__: [])
        patch.setattr(strangers, "of_units", list)
        patch.setattr(view_of_host, "must_be_root", lambda: None)
        patch.setattr(packages, "is_untouched", lambda *_: False)
        patch.setattr(packages, "preferences_path", lambda product: str(self.root / f"etc/apt/ansible-{product.name}"))
        patch.setattr(units, "look", lambda names: {name: self._service(name).unit() for name in names})

    def _unit(self, one: resolve.DesiredInstance) -> Unit:
        return self._service(one.layout.service, one.layout.config).unit()


def stopped(root: Path, patch: pytest.MonkeyPatch, engine: str = "redis 7.0.15", platform: Platform = DEBIAN) -> Placed:
    """A host where no server runs."""
    service = functools.partial(Stopped, home=root / "etc/systemd")
    found = Placed(root, Engine.parse(engine), service, platform=platform)
    found.prepare(patch, "/usr/bin/redis-server")
    return found


def renamed(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The same instance with another name."""
    return {**entry, "name": name, "renamed_from": entry["name"]}
