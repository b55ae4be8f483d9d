"""Look at a host before anything is touched: which server it has or will get, and the facts that preflight judges."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import host, observe, persistence, preflight, server, service
from .engine import Engine, parse_version
from .errors import AccessDenied, CommandRefused, InvalidInput, Problem
from .files import read_optional
from .layout import DEFAULT_INSTANCE, Layout, Product
from .queues import has_queue
from .record import foreign_lines, shown
from .resolve import Resolved

POLICY = "/usr/sbin/policy-rc.d"  # whether packages may start services: invoke-rc.d(8), deb-systemd-invoke(1p)
HOSTS_POLICY = f"{POLICY}.host"  # the host's own, while ours is in its place
BAN_MARK = "ansible-redis"


@dataclass(frozen=True)
class Package:
    """The server's Debian package on this host. installed: its version, '' when it is not, or not whole.

    missing: what a run needs and is not there in that version, as apt-get takes it. interrupted: a killed dpkg left
    packages half done, ours or others. banned: a killed run left its ban on starting the server.
    """

    product: Product
    installed: str
    engine: Engine
    missing: Sequence[str] = ()
    interrupted: bool = False
    banned: bool = False

    @property
    def todo(self) -> list[str]:
        """One line each, as what to do. Packages of others that are broken are theirs, unless they are in the way."""
        lines = []
        if self.missing and self.interrupted:
            lines.append("finish what an interrupted dpkg left half done")
        if self.missing:
            lines.append("install " + ", ".join(self.missing))
        if self.banned:
            lines.append(f"lift the ban on starting {self.product.package} that a killed run left in {POLICY}")
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
    needed = {product.package: version, f"{product.name}-tools": version, "python3-redis": ""}
    missing = [f"{name}={wanted}" if wanted else name for name, wanted in needed.items() if not _is_there(name, wanted)]
    interrupted = bool(missing) and host.dpkg_interrupted()
    return Package(product, installed, engine, missing, interrupted, ban_is_left())


def _is_there(package: str, version: str) -> bool:
    """version: '' for any."""
    found = host.package_version(package)
    return found == version if version else bool(found)


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


def facts(
    product: Product,
    instances: Sequence[Resolved],
    with_service: Callable[[Resolved, service.Service], observe.Instance],
    *,
    somaxconn: int,
    systemd: bool,
) -> preflight.HostFacts:
    """with_service: Declared.instance.

    Raises InvalidInput with what the plan of a running or stopped instance forbids, and when a running server lets
    nobody in.
    """
    found: dict[str, preflight.InstanceFacts] = {}
    problems: list[Problem] = []
    for instance in instances:
        name = instance.layout.instance
        try:
            found[name] = _instance_facts(instance, with_service)
        except InvalidInput as error:
            problems += error.problems
        except CommandRefused as error:
            problems.append(
                Problem(
                    instance.where,
                    f"the running server refuses a command that every look at it needs ({error})",
                    "INFO and CONFIG under their own names",
                    f"take rename-command out of {instance.layout.config} and restart the server yourself",
                )
            )
        except AccessDenied as error:
            problems.append(
                Problem(
                    f"{instance.where}: requirepass",
                    f"the running server refuses every password known for it ({error})",
                    "the password it has now",
                    "correct redis_server_secrets, or give redis_server_login_user and redis_server_login_password",
                )
            )
    if problems:
        raise InvalidInput(problems)
    return preflight.HostFacts(
        memory=host.memory_bytes(),
        open_files=host.grantable_open_files(systemd=systemd),
        somaxconn=max(host.somaxconn(), somaxconn),
        systemd=systemd,
        instances=found,
        undeclared=undeclared(product, {instance.layout.instance for instance in instances}) if systemd else (),
    )


def _instance_facts(
    instance: Resolved, with_service: Callable[[Resolved, service.Service], observe.Instance]
) -> preflight.InstanceFacts:
    layout, desired = instance.layout, instance.desired
    unit = service.of(layout.service, str(desired.get("pidfile")))
    pid = unit.pid()
    info: Mapping[str, Any] = {}
    live: Mapping[str, str] = {}
    queue = False
    seen = with_service(instance, unit)
    taken_over = _taken_over(seen)
    # without redis-py, which the run is going to install, a running server is looked at only then
    if server.is_available() or not pid:
        snapshot = observe.observe(seen)
        info, live = snapshot.info, snapshot.observed.live or {}
        if snapshot.connection is not None:
            queue = has_queue(snapshot.connection)
            snapshot.connection.close()
    ports = {name: desired.get(name) for name in ("port", "tls-port") if desired.get(name)}
    store = persistence.Store.of(desired.values, desired.engine)
    on_disk = store.rdb.stat().st_size if store.rdb.exists() else 0
    return preflight.InstanceFacts(
        pid=pid,
        listeners={name: found for name, port in ports.items() for found in [host.tcp_listener(port)] if found},
        free=host.free_bytes(str(desired.get("dir"))),
        data_bytes=int(info.get("used_memory", on_disk)),
        aof_is_on=bool(int(info.get("aof_enabled", 0))),
        missing=[name for name in preflight.READ_FILES if desired.get(name) and not Path(desired.get(name)).exists()],
        foreign_owner=host.foreign_owner(str(desired.get("dir")), layout.product.user),
        used=int(info.get("used_memory", 0)),
        evicts=not live or (live.get("maxmemory-policy") != "noeviction" and live.get("maxmemory") != "0"),
        queue=queue,
        taken_over=taken_over,
    )


def _taken_over(seen: observe.Instance) -> list[str]:
    """The lines that a rewrite keeps and nothing can verify, of those that somebody wrote since the last run."""
    text = read_optional(seen.config.path) if seen.config else ""
    now = observe.parse_file(seen, text or "")
    return [shown(line) for line in foreign_lines(now, observe.record_of(seen).left()) if line.kept]


def undeclared(product: Product, declared: set[str]) -> list[preflight.Undeclared]:
    """The other instances of this host that run, or will after its next boot."""
    layouts = [Layout(product, name, systemd=True) for name in sorted(_known_instances(product) - declared)]
    units = [(layout, service.Systemd(layout.service)) for layout in layouts]
    return [
        preflight.Undeclared(layout.instance, layout.service, pid, host.working_directory(pid) if pid else "")
        for layout, unit in units
        for pid in [unit.pid()]
        if pid or unit.enabled()
    ]


def _known_instances(product: Product) -> set[str]:
    """The package's own instance, and those that an earlier run provisioned."""
    prefix = f"{product.name}-"
    remembered = Path(Layout(product, DEFAULT_INSTANCE, systemd=True).state).parent.glob(f"{prefix}*.json")
    return {DEFAULT_INSTANCE, *(path.stem[len(prefix) :] for path in remembered)}
