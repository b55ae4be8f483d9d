"""Where an instance is kept: names, paths and units, after the packages of the platform."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from .current import here
from .packages import Product
from .state import STATE_DIRECTORY

DEFAULT_INSTANCE = "default"  # the one that the package itself brings
INSTANCE_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


class _Products(Mapping[str, Product]):
    def __getitem__(self, name: str) -> Product:
        return here().products[name]

    def __iter__(self) -> Iterator[str]:
        return iter(here().products)

    def __len__(self) -> int:
        return len(here().products)


PRODUCTS: Mapping[str, Product] = _Products()  # name -> how this platform packages it


@dataclass(frozen=True)
class Layout:
    """The places of one instance. The names are those of the package's own unit, template unit and logrotate file.

    given_config, given_service: where somebody else set the instance up, its file and its unit; '' for the package's.
    """

    product: Product
    instance: str
    systemd: bool
    given_config: str = ""
    given_service: str = ""

    @property
    def is_default(self) -> bool:
        return self.instance == DEFAULT_INSTANCE

    @property
    def config(self) -> str:
        suffix = "" if self.is_default else f"-{self.instance}"
        return self.given_config or f"{self.product.config_dir}/{self.product.name}{suffix}.conf"

    @property
    def service(self) -> str:
        """The unit, without '.service'."""
        if self.given_service:
            return self.given_service.removesuffix(".service")
        return self.product.unit if self.is_default else f"{self.product.unit}@{self.instance}"

    @property
    def run_dir(self) -> str:
        return self.product.run_dir + ("" if self.is_default else f"-{self.instance}")

    @property
    def pid_file(self) -> str:
        """Of the package's service."""
        return f"{self.run_dir}/{self.product.program}.pid"

    @property
    def state(self) -> str:
        """Where the last applied settings of this instance are kept; readable by root only."""
        return f"{STATE_DIRECTORY}/{self.product.name}-{self.instance}.json"

    @property
    def mask(self) -> str:
        """A mark that the mask on this instance's unit is this project's own."""
        return posixpath.splitext(self.state)[0] + ".masked"

    def settings(self, port: int) -> Mapping[str, str]:
        """The settings that the package's service depends on: the weakest layer, under profile and inventory.

        Several instances share the package's data and log directory, which its sandbox lets them write, each in a
        directory or file of its own. Under systemd the unit passes `--supervised systemd --daemonize no`, under SysV
        the script waits for a daemon: the file says the same as whoever starts it.
        """
        product = self.product
        suffix = "" if self.is_default else f"-{self.instance}"
        return {
            "port": str(port),
            "bind": "127.0.0.1 -::1",
            "protected-mode": "yes",
            "dir": product.data_dir if self.is_default else f"{product.data_dir}/{self.instance}",
            "logfile": f"{product.log_dir}/{product.program}{suffix}.log",
            "pidfile": self.pid_file,
            "daemonize": "no" if self.systemd else "yes",
            "supervised": "systemd" if self.systemd else "no",
        }

    def moves_to(self, other: Layout) -> bool:
        """Whether an instance that gets this other layout has another service or file then."""
        return (self.service, self.config) != (other.service, other.config)

    def usual_directories(self) -> list[str]:
        """Where this package keeps the data of the instance, and where the other product's does."""
        return [replace(self, product=product).settings(0)["dir"] for product in PRODUCTS.values()]

    def packaged_paths(self) -> tuple[str, ...]:
        """What the package's sandbox lets this instance write."""
        product = self.product
        return (product.data_dir, product.log_dir, self.run_dir, product.config_dir)

    def extra_write_paths(self, *files_and_dirs: str) -> list[str]:
        """Those of the given directories that the sandbox would keep read-only."""
        return sorted(
            {path for path in files_and_dirs if path and not any(_within(path, root) for root in self.packaged_paths())}
        )


def _within(path: str, root: str) -> bool:
    return path == root or posixpath.commonpath([path, root]) == root
