"""Where the Debian packages of Redis and Valkey keep an instance: names, paths and units."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping
from dataclasses import dataclass

DEFAULT_INSTANCE = "default"  # the one that the package itself brings
INSTANCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


@dataclass(frozen=True)
class Product:
    """A server as its Debian package installs it. user is also the group."""

    name: str

    @property
    def package(self) -> str:
        return f"{self.name}-server"

    @property
    def binary(self) -> str:
        return f"/usr/bin/{self.name}-server"

    @property
    def user(self) -> str:
        return self.name

    @property
    def config_dir(self) -> str:
        return f"/etc/{self.name}"


PRODUCTS = {name: Product(name) for name in ("redis", "valkey")}


@dataclass(frozen=True)
class Layout:
    """The places of one instance. The names are those of the package's own unit, template unit and logrotate file."""

    product: Product
    instance: str
    systemd: bool

    @property
    def is_default(self) -> bool:
        return self.instance == DEFAULT_INSTANCE

    @property
    def config(self) -> str:
        suffix = "" if self.is_default else f"-{self.instance}"
        return f"{self.product.config_dir}/{self.product.name}{suffix}.conf"

    @property
    def service(self) -> str:
        return self.product.package if self.is_default else f"{self.product.package}@{self.instance}"

    @property
    def run_dir(self) -> str:
        return f"/run/{self.product.name}" + ("" if self.is_default else f"-{self.instance}")

    @property
    def state(self) -> str:
        """Where the last applied settings of this instance are kept; readable by root only."""
        return f"/var/lib/ansible-redis/{self.product.name}-{self.instance}.json"

    def settings(self, port: int) -> Mapping[str, str]:
        """The settings that the package's service depends on: the weakest layer, under profile and inventory.

        Several instances share the package's data and log directory, which its sandbox lets them write, each in a
        directory or file of its own. Under systemd the unit passes `--supervised systemd --daemonize no`, under SysV
        the script waits for a daemon: the file says the same as whoever starts it.
        """
        name = self.product.name
        suffix = "" if self.is_default else f"-{self.instance}"
        return {
            "port": str(port),
            "bind": "127.0.0.1 -::1",
            "protected-mode": "yes",
            "dir": f"/var/lib/{name}" if self.is_default else f"/var/lib/{name}/{self.instance}",
            "logfile": f"/var/log/{name}/{name}-server{suffix}.log",
            "pidfile": f"{self.run_dir}/{name}-server.pid",
            "daemonize": "no" if self.systemd else "yes",
            "supervised": "systemd" if self.systemd else "no",
        }

    def packaged_paths(self) -> tuple[str, ...]:
        """What the package's sandbox lets this instance write."""
        name = self.product.name
        return (f"/var/lib/{name}", f"/var/log/{name}", self.run_dir, self.product.config_dir)

    def extra_write_paths(self, *files_and_dirs: str) -> list[str]:
        """Those of the given directories that the sandbox would keep read-only."""
        return sorted(
            {path for path in files_and_dirs if path and not any(_within(path, root) for root in self.packaged_paths())}
        )


def _within(path: str, root: str) -> bool:
    return path == root or posixpath.commonpath([path, root]) == root
