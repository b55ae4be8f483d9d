"""What is other about the systemd unit of an instance."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..base.findings import Finding
from ..base.statefile import digest
from ..plan.contact import Contact
from ..platform import host
from ..platform.current import here
from ..platform.units import Unit
from .look import Look
from .options import RUN
from .states import State


@dataclass(frozen=True)
class Deviation:
    """One thing that is checked of a unit. actual: '' when it is as expected. added: somebody added to it."""

    name: str
    expected: str
    actual: str
    remedy: str
    added: bool = False


def deviations(unit: Unit, package: str) -> Iterator[Deviation]:
    """What makes the unit another than the package's with our drop-in."""
    name = f"{unit.name}.service"
    yield Deviation(
        "file",
        "the unit of the package",
        f"{unit.fragment or 'none'} stands before it" if unit.fragment_is_foreign or not unit.fragment else "",
        f"remove {unit.fragment} and run systemctl daemon-reload" if unit.fragment else f"reinstall {package}",
    )
    yield Deviation(
        "text",
        "the unit file as the package brings it",
        f"{unit.fragment} was edited" if here().packages.is_edited(package, unit.fragment) else "",
        f"put the change into a drop-in (systemctl edit {name}); {here().packages.reinstall(package)}",
    )
    yield Deviation(
        "drop_ins",
        "no drop-in but ours",
        ", ".join(unit.foreign_drop_ins),
        f"remove it and run systemctl daemon-reload, or waive it: systemctl cat {name} shows it",
        added=True,
    )
    yield _reload(unit)


def _reload(unit: Unit) -> Deviation:
    return Deviation(
        "reload",
        "systemd has read the unit's files",
        "they changed since" if unit.needs_reload else "",
        "systemctl daemon-reload, or run provision",
    )


def findings(look: Look) -> Iterator[Finding]:
    """What is other about the service of an instance."""
    service, unit = look.instance.service, look.unit
    if service is None or unit is None:
        return
    yield from _drop_in(look, service.drop_in_path())
    package = look.instance.layout.product.package if look.instance.layout else ""
    kept = look.snapshot is not None and look.snapshot.contact is Contact.KEPT
    systemd = unit.loaded and not unit.is_script
    for deviation in ([_reload(unit)] if kept else deviations(unit, package)) if systemd else ():
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


def _drop_in(look: Look, path: str) -> Iterator[Finding]:
    wanted = look.snapshot.drop_in if look.snapshot else None
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


def _text(path: str) -> Optional[str]:
    """None when there is none."""
    return host.read(path) if Path(path).exists() else None
