"""The server's Debian package on this host: what is installed, what is missing, and what a killed run left."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ..base.engine import Engine, parse_version
from ..base.errors import InvalidInput, Problem
from . import host
from .layout import Product

POLICY = "/usr/sbin/policy-rc.d"  # whether packages may start services: invoke-rc.d(8), deb-systemd-invoke(1p)
HOSTS_POLICY = f"{POLICY}.host"  # the host's own, while ours is in its place
BAN_MARK = "ansible-redis"


@dataclass(frozen=True)
class Package:
    """The server's Debian package on this host. installed: its version, '' when it is not, or not whole.

    missing: what a run needs and is not there in that version, as apt-get takes it. interrupted: a killed dpkg left
    packages half done, ours or others. banned: a killed run left its ban on starting the server.
    in_the_way: a unit that somebody wrote under the name that the package's unit takes as its alias, '' when there is none.
    downgrade: the pinned version is older than the installed one. preferences: what apt shall be told of a pinned version,
    '' for nothing; preferences_now: what a run told it.
    """

    product: Product
    installed: str
    engine: Engine
    missing: Sequence[str] = ()
    interrupted: bool = False
    banned: bool = False
    downgrade: bool = False
    preferences: str = ""
    preferences_now: str = ""
    in_the_way: str = ""

    @property
    def todo(self) -> list[str]:
        """One line each, as what to do. Packages of others that are broken are theirs, unless they are in the way."""
        lines = []
        if self.downgrade:
            lines.append(f"downgrade {self.product.package} from {self.installed}, as redis_server_version says")
        if self.missing and self.interrupted:
            lines.append("finish what an interrupted dpkg left half done")
        if self.missing:
            lines.append("install " + ", ".join(self.missing))
        if self.banned:
            lines.append(f"lift the ban on starting {self.product.package} that a killed run left in {POLICY}")
        if self.preferences != self.preferences_now:
            verb = "write" if self.preferences else "remove"
            lines.append(f"{verb} {preferences_path(self.product)}, which tells apt the pinned version")
        return lines


def package(product: Product, version: str) -> Package:
    """version: as apt names it, '' for what is installed or else the newest.

    Raises InvalidInput when this host can never have it.
    """
    if not Path("/usr/bin/apt-get").exists():
        raise InvalidInput(
            [Problem("this host", "has no apt-get", "Debian or Ubuntu", "provision a Debian or Ubuntu host")]
        )
    installed, known = host.package_version(product.package), host.apt_versions(product.package)
    engine = host.installed_engine(product.binary) or host.candidate_engine(product.name, product.package)
    name, release = host.distribution()
    if version and version != installed and known and version not in known:
        raise InvalidInput(
            [
                Problem(
                    "redis_server_version",
                    f"apt has no {product.package} {version}",
                    "one of " + ", ".join(known),
                    "correct it, or add a source that has it and run apt-get update",
                )
            ]
        )
    if version:
        engine = _pinned(product, version)
    if engine is None:
        raise InvalidInput(
            [
                Problem(
                    f"package {product.package}",
                    f"neither installed nor in the package lists of {name} {release}",
                    "a distribution that has it",
                    "run apt-get update, choose redis_server_product: redis, or add a source that has it",
                )
            ]
        )
    needed = {product.package: version, f"{product.name}-tools": version}
    missing = [f"{name}={wanted}" if wanted else name for name, wanted in needed.items() if not _is_there(name, wanted)]
    interrupted = bool(missing) and host.dpkg_interrupted()
    return Package(
        product,
        installed,
        engine,
        missing,
        interrupted,
        ban_is_left(),
        downgrade=bool(version and installed) and host.is_older(version, installed),
        preferences=_preferences(product, version),
        preferences_now=host.read(preferences_path(product)),
        in_the_way=_in_the_way(product),
    )


def _in_the_way(product: Product) -> str:
    """Debian's redis-server.service has Alias=redis.service: where that is a file, the package's unit can't be enabled."""
    path = Path(f"/etc/systemd/system/{product.name}.service")
    return str(path) if path.is_file() and not path.is_symlink() else ""


def preferences_path(product: Product) -> str:
    """What tells apt about a pinned version, so that no upgrade takes it away (apt_preferences(5))."""
    return f"/etc/apt/preferences.d/ansible-{product.name}"


def _preferences(product: Product, version: str) -> str:
    if not version:
        return ""
    return (
        "# Managed by Ansible: redis_server_version pins this version. Empty it to let apt upgrade again.\n"
        f"Package: {product.package} {product.name}-tools\nPin: version {version}\nPin-Priority: 1001\n"
    )


def _is_there(package: str, version: str) -> bool:
    """version: '' for any."""
    found = host.package_version(package)
    return found == version if version else bool(found)


def is_untouched(package: str, path: str) -> bool:
    """Whether a configuration file is as its package brought it: dpkg keeps the MD5 sum."""
    listed = host.run(["dpkg-query", "--show", "--showformat=${Conffiles}\n", package]).stdout
    expected = re.search(rf"^ {re.escape(path)} ([0-9a-f]{{32}})\b", listed, re.MULTILINE)
    try:
        found = hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        return False
    return expected is not None and found == expected[1]


def ban_is_left() -> bool:
    """Whether a run was killed while the server must not start, or is at work right now."""
    return BAN_MARK in host.read(POLICY) or os.path.lexists(HOSTS_POLICY)


def _pinned(product: Product, version: str) -> Engine:
    """The server in a package of this version, such as 5:7.0.15-1~deb12u1. Raises InvalidInput."""
    try:
        return Engine(product.name, parse_version(version.rpartition(":")[2]))
    except ValueError:
        raise InvalidInput(
            [
                Problem(
                    "redis_server_version",
                    f"{version} is no version of a package",
                    "a version as apt names it, such as 5:7.0.15-1~deb12u1",
                    f"see apt-cache madison {product.package}",
                )
            ]
        ) from None
