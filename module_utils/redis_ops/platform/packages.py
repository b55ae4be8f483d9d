"""The packages of a server, whatever installs them: what is there, what is missing, and what can be asked. Reads only."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Optional, Protocol

from ..base.engine import Engine


@dataclass(frozen=True)
class Product:
    """A server as the packages of a platform install it. user is also the group.

    unit: of the instance that the package brings, without '.service'; with @ and a name behind it, the one of another
    instance. run_dir: of that first instance; another one has the same with - and its name behind it.
    """

    name: str
    package: str
    unit: str
    binary: str
    user: str
    config_dir: str
    data_dir: str
    log_dir: str
    run_dir: str

    @property
    def program(self) -> str:
        """The name of the program, after which its log and its pid file are called."""
        return self.binary.rpartition("/")[2]


@dataclass(frozen=True)
class Package:
    """The packages of a server on this host. installed: the version, '' when it is not installed, or not whole.

    missing: what a run needs and is not there in that version, as the package manager takes it.
    in_the_way: a unit that somebody wrote under a name that the package's unit takes, '' when there is none.
    """

    product: Product
    installed: str
    engine: Engine
    missing: Sequence[str] = ()
    in_the_way: str = ""

    @property
    def todo(self) -> list[str]:
        """One line each, as what to do."""
        return ["install " + ", ".join(self.missing)] if self.missing else []


class PackageManager(Protocol):
    """What a package manager is asked. A package is named as the package manager names it."""

    def package(self, product: Product, version: str) -> Package:
        """version: as the package manager names it, '' for what is installed or else the newest.

        Raises InvalidInput when this host can never have it.
        """

    def candidate(self, product: Product) -> Optional[Engine]:
        """What would be installed now; None when that is not known."""

    def installed(self, package: str) -> str:
        """The installed version, '' when it is not installed, or only in part."""

    def is_untouched(self, package: str, path: str) -> bool:
        """Whether a configuration file is as its package brought it."""

    def is_edited(self, package: str, path: str) -> bool:
        """Whether another file of a package is not as the package brought it. Not so where that is not known."""

    def reinstall(self, package: str) -> str:
        """The command that brings back the files of a package."""

    def leftovers(self, product: Product) -> Sequence[str]:
        """The files that runs of this project write for the package manager."""
