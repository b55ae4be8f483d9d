"""What differs between distributions, as the rest of this project asks for it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .packages import PackageManager, Product
from .service import Service


@dataclass(frozen=True)
class Platform:
    """A distribution, or a family of them that packages Redis and Valkey in the same way.

    products: name -> how it is packaged. script: makes the service of an instance where there is no systemd, from the name
    of the service and the path of its pid file. script_limit: what such a service reads, with {files} for its open files.
    hidden: directories that the unit of a package does not show to the server. data_roots: where data may be kept.
    key_group: the group of those who may read private keys.
    """

    name: str
    products: Mapping[str, Product]
    packages: PackageManager
    script: Callable[[str, str], Service]
    script_limit: str
    hidden: tuple[str, ...]
    data_roots: tuple[str, ...]
    key_group: str
