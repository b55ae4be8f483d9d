"""What dpkg and apt say of the packages of a server: installed, missing, edited, or left half done by a killed run.

This module is the PackageManager of Debian. Reads only.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ...base.engine import Engine, parse_version
from ...base.errors import InvalidInput, Problem
from .. import host
from ..packages import Package, Product

POLICY = "/usr/sbin/policy-rc.d"  # whether packages may start services: invoke-rc.d(8), deb-systemd-invoke(1p)
HOSTS_POLICY = f"{POLICY}.host"  # the host's own, while ours is in its place
INHIBITOR_MARK = "ansible-redis"
# What a distribution's own package would install; used only before its package lists were ever fetched.
# (ID, VERSION_ID) of /etc/os-release -> product -> version
DISTRIBUTION_VERSIONS = {
    ("debian", "12"): {"redis": "7.0.15"},
    ("debian", "13"): {"redis": "8.0.2", "valkey": "8.1.1"},
    ("ubuntu", "22.04"): {"redis": "6.0.16"},
    ("ubuntu", "24.04"): {"redis": "7.0.15", "valkey": "7.2.8"},
}


@dataclass(frozen=True)
class DebianPackage(Package):
    """The packages of a server on this host, and what their installation has to know.

    interrupted: a killed dpkg left packages half done, ours or others. inhibited: a killed run left its inhibitor on
    starting the server. downgrade: the pinned version is older than the installed one. preferences: what apt shall be told of a pinned
    version, '' for nothing; preferences_now: what a run told it.
    """

    interrupted: bool = False
    inhibited: bool = False
    downgrade: bool = False
    preferences: str = ""
    preferences_now: str = ""

    @property
    def todo(self) -> list[str]:
        """One line each, as what to do. Packages of others that are broken are theirs, unless they are in the way."""
        lines = []
        if self.downgrade:
            lines.append(f"downgrade {self.product.package} from {self.installed}, as redis_server_version says")
        if self.missing and self.interrupted:
            lines.append("finish what an interrupted dpkg left half done")
        lines += super().todo
        if self.inhibited:
            lines.append(f"remove the inhibitor on starting {self.product.package} that a killed run left in {POLICY}")
        if self.preferences != self.preferences_now:
            verb = "write" if self.preferences else "remove"
            lines.append(f"{verb} {preferences_path(self.product)}, which tells apt the pinned version")
        return lines


def package(product: Product, version: str) -> DebianPackage:
    """See PackageManager. Raises InvalidInput."""
    if not Path("/usr/bin/apt-get").exists():
        raise InvalidInput(
            [Problem("this host", "has no apt-get", "Debian or Ubuntu", "provision a Debian or Ubuntu host")]
        )
    found, known = installed(product.package), versions(product.package)
    engine = host.installed_engine(product.binary) or candidate(product)
    name, release = host.distribution()
    if version and version != found and known and version not in known:
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
    interrupted = bool(missing) and is_interrupted()
    return DebianPackage(
        product,
        found,
        engine,
        missing,
        interrupted=interrupted,
        inhibited=inhibitor_is_left(),
        downgrade=bool(version and found) and _is_older(version, found),
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
    found = installed(package)
    return found == version if version else bool(found)


def candidate(product: Product) -> Optional[Engine]:
    """What apt would install, by its lists; without lists, what this distribution is known to have."""
    policy = host.run(["apt-cache", "policy", product.package]).stdout
    found = re.search(r"Candidate: (?:\d+:)?(\d+(?:\.\d+)*)", policy)
    version = found.group(1) if found else DISTRIBUTION_VERSIONS.get(host.distribution(), {}).get(product.name)
    return Engine(product.name, parse_version(version)) if version else None


def installed(package: str) -> str:
    """The installed version of a package, '' when it is not installed, or only in part."""
    result = host.run(["dpkg-query", "--show", "--showformat=${db:Status-Status} ${Version}", package])
    status, _, version = result.stdout.partition(" ")
    return version if status == "installed" else ""


def versions(package: str) -> list[str]:
    """The versions of a package that apt could install from the lists it has, newest first."""
    rows = (line.split("|") for line in host.run(["apt-cache", "madison", package]).stdout.splitlines())
    return list(dict.fromkeys(row[1].strip() for row in rows if len(row) == 3))


def is_interrupted() -> bool:
    """Whether a killed dpkg, or one that is at work right now, has left packages half done."""
    return any(Path("/var/lib/dpkg/updates").glob("[0-9]*")) or bool(host.run(["dpkg", "--audit"]).stdout.strip())


def _is_older(version: str, other: str) -> bool:
    return host.run(["dpkg", "--compare-versions", version, "lt", other]).returncode == 0


def reinstall(package: str) -> str:
    """The command that brings back the files of a package."""
    return f"apt-get install --reinstall {package}"


def leftovers(product: Product) -> list[str]:
    """The files that runs of this project write for apt."""
    return [preferences_path(product)]


def is_edited(package: str, path: str) -> bool:
    """Whether a packaged file is another than dpkg installed."""
    expected = _packaged_digests(package).get(path.removeprefix("/usr").lstrip("/"))
    if expected is None or not Path(path).exists():
        return False
    found = hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()  # the one that dpkg keeps
    return found != expected


def _packaged_digests(package: str) -> dict[str, str]:
    """Path without /usr, which may be the same directory -> MD5 sum."""
    listed = host.read(f"/var/lib/dpkg/info/{package}.md5sums").splitlines()
    rows: Sequence[list[str]] = [line.split(None, 1) for line in listed]
    return {row[1].removeprefix("usr/"): row[0] for row in rows if len(row) == 2}


def is_untouched(package: str, path: str) -> bool:
    """Whether a configuration file is as its package brought it: dpkg keeps the MD5 sum."""
    listed = host.run(["dpkg-query", "--show", "--showformat=${Conffiles}\n", package]).stdout
    expected = re.search(rf"^ {re.escape(path)} ([0-9a-f]{{32}})\b", listed, re.MULTILINE)
    try:
        found = hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()
    except OSError:
        return False
    return expected is not None and found == expected[1]


def inhibitor_is_left() -> bool:
    """Whether a run was killed while the server must not start, or is at work right now."""
    return INHIBITOR_MARK in host.read(POLICY) or os.path.lexists(HOSTS_POLICY)


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
