"""systemd units as they were at one moment: one look for all of a host's instances, and what is other about them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Optional

from ..base.findings import Finding
from ..base.statefile import digest
from ..platform import host
from ..platform.service import Service, Systemd, SysV
from .look import Look
from .options import RUN
from .states import State

PROPERTIES = ("Id", "MainPID", "UnitFileState", "FragmentPath", "DropInPaths", "NeedDaemonReload", "LimitNOFILE")
# where packages and distributions keep units; /etc and /run are for people
_VENDOR = ("/usr/lib/systemd/", "/lib/systemd/")


@dataclass(frozen=True)
class Deviation:
    """One thing that is checked of a unit. actual: '' when it is as expected. added: somebody added to it."""

    name: str
    expected: str
    actual: str
    remedy: str
    added: bool = False


@dataclass(frozen=True)
class SeenUnit(Systemd):
    """A unit that answers from one `systemctl show`."""

    properties: Mapping[str, str] = field(default_factory=dict)
    package: str = ""

    def _show(self, name: str) -> str:
        return self.properties.get(name, "")


def see(services: Mapping[str, str], package: str, *, systemd: bool) -> dict[str, Service]:
    """services: name of each service -> its pid file. package: the Debian package that brings the units."""
    if not systemd:
        return {name: SysV(name, pid_file) for name, pid_file in services.items()}
    shown = host.run(
        ["systemctl", "show", f"--property={','.join(PROPERTIES)}", *(f"{name}.service" for name in services)]
    ).stdout
    found = {}
    for block in shown.split("\n\n"):
        properties = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        found[properties.get("Id", "").removesuffix(".service")] = properties
    return {name: SeenUnit(name, found.get(name, {}), package) for name in services}


def open_files(service: Service) -> Optional[int]:
    """What the unit grants to its process; None when nothing tells."""
    text = service.properties.get("LimitNOFILE", "") if isinstance(service, SeenUnit) else ""
    return int(text) if text.isdigit() else None


def deviations(service: Service) -> Iterator[Deviation]:
    """What makes the unit another than the package's with our drop-in."""
    if not isinstance(service, SeenUnit):
        return
    fragment = service.properties.get("FragmentPath", "")
    name = f"{service.name}.service"
    yield Deviation(
        "file",
        "the unit of the package",
        "" if fragment.startswith(_VENDOR) else f"{fragment or 'none'} stands before it",
        f"remove {fragment} and run systemctl daemon-reload" if fragment else f"reinstall {service.package}",
    )
    yield Deviation(
        "text",
        "the unit file as the package brings it",
        f"{fragment} was edited" if _is_edited(fragment, service.package) else "",
        f"put the change into a drop-in (systemctl edit {name}); apt-get install --reinstall {service.package}",
    )
    others = [
        path
        for path in service.properties.get("DropInPaths", "").split()
        if path != service.limits_path() and not path.startswith(_VENDOR)
    ]
    yield Deviation(
        "drop_ins",
        "no drop-in but ours",
        ", ".join(others),
        f"remove it and run systemctl daemon-reload, or waive it: systemctl cat {name} shows it",
        added=True,
    )
    yield Deviation(
        "reload",
        "systemd has read the unit's files",
        "they changed since" if service.properties.get("NeedDaemonReload") == "yes" else "",
        "systemctl daemon-reload, or run provision",
    )


def findings(look: Look) -> Iterator[Finding]:
    """What is other about the service of an instance."""
    service = look.instance.service
    if service is None:
        return
    look.checked += 1
    if not service.enabled():
        yield look.found(
            "unit.boot",
            State.FILE_CHANGED_OUTSIDE,
            expected=f"{service.name} starts at boot",
            actual="not enabled",
            why="after a reboot there would be no server",
            remedy=f"systemctl enable {service.name}, or {RUN}",
        )
    yield from _limits_file(look, service.limits_path())
    for deviation in deviations(service):
        look.checked += 1
        if deviation.actual:
            yield look.found(
                f"unit.{deviation.name}",
                State.UNMANAGED_SET if deviation.added else State.FILE_CHANGED_OUTSIDE,
                expected=deviation.expected,
                actual=deviation.actual,
                why="systemd documentation, systemd.unit",
                remedy=deviation.remedy,
            )


def _limits_file(look: Look, path: str) -> Iterator[Finding]:
    wanted = look.instance.limits
    if wanted is None:
        return
    look.checked += 1
    before = _text(path)
    if before == wanted:
        return
    written = look.record.files().get(path)
    outside = written is not None and (before is None or digest(before) != written)
    yield look.found(
        "unit.limits",
        State.FILE_CHANGED_OUTSIDE if outside else State.DECLARED_NOT_APPLIED,
        expected=f"{path} as provision writes it",
        actual="no such file" if before is None else "another text" + ("" if outside else ", of an earlier run"),
        why="guide 3.1",
        remedy=RUN if outside else "run provision, which writes it",
        since=host.modified(path) if outside and before is not None else "",
    )


def _is_edited(path: str, package: str) -> bool:
    """Whether a packaged file is another than dpkg installed."""
    expected = _packaged_digests(package).get(path.removeprefix("/usr").lstrip("/"))
    if expected is None or not Path(path).exists():
        return False
    found = hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()  # the one that dpkg keeps
    return found != expected


def _packaged_digests(package: str) -> dict[str, str]:
    """Path without /usr, which may be the same directory -> MD5 sum."""
    rows: Sequence[list[str]] = [
        line.split(None, 1) for line in host.read(f"/var/lib/dpkg/info/{package}.md5sums").splitlines()
    ]
    return {row[1].removeprefix("usr/"): row[0] for row in rows if len(row) == 2}


def _text(path: str) -> Optional[str]:
    """None when there is none."""
    return host.read(path) if Path(path).exists() else None
