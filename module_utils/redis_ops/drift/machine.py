"""The host around its instances: kernel and huge pages now and at the next boot, package, and what nobody declares."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from ..base.findings import Finding, Status
from ..checks.ports import remedy_of
from ..platform import host, kernel
from ..platform.current import here
from ..view.host import HostView
from .options import RUN
from .states import Scope, State, found


@dataclass(frozen=True)
class Host:
    """What is declared of the host itself, and what was seen of it. version: of the package, '' for any."""

    view: HostView
    wanted: kernel.Wanted
    version: str


def check(view: HostView, wanted: kernel.Wanted, version: str, machine: kernel.Machine) -> Scope:
    """The host's own scope. machine: where its kernel values and their files are."""
    declared = Host(view, wanted, version)
    at_boot = kernel.values_at_boot(machine)
    seen = [
        *_kernel(declared, machine, at_boot),
        *_boot(declared, machine, at_boot),
        *_package(declared),
        *_undeclared(view),
    ]
    # each value now and after a boot; package; undeclared instances
    return Scope("", 2 * len(wanted.parameters) + 2, seen)


def _kernel(declared: Host, machine: kernel.Machine, at_boot: kernel.BootValues) -> Iterator[Finding]:
    """What a run would change is the drift; what this machine refuses is its owner's."""
    planned = kernel.plan(machine, declared.wanted)
    refused = kernel.refusals(machine, declared.wanted)
    parameters = {parameter.path: parameter for parameter in declared.wanted.parameters}
    written = kernel.written(machine)
    for change in planned.live:
        parameter = parameters[change.path]
        last = at_boot.get(parameter.path)
        right_at_boot = last is not None and parameter.accepts(last.value)
        state = State.LIVE_NOT_PERSISTED if right_at_boot else _of_file(machine, parameter.boot.ours, written, declared)
        mine = change.path not in refused
        yield found(
            f"kernel.{change.name}",
            f"host: {change.name}",
            state if mine else State.RUNTIME_OWNED,
            expected=change.after,
            actual=f"{change.before} in force"
            + ("" if mine else f"; not to be set here: {refused[change.path].strerror}"),
            why=f"{parameter.why} ({parameter.source})",
            remedy=RUN if mine else "whoever runs this container's host sets it",
            values={"declared": change.after, "running": change.before},
        )
    for file in planned.files:
        path = file.path
        if path in refused:
            continue
        state = _of_file(machine, path, written, declared)
        yield found(
            f"kernel.file.{path.name}",
            f"host: /{path}",
            state,
            expected="as provision writes it",
            actual="no such file" if file.mode is None else "another text or mode",
            why="in force again after a reboot",
            remedy=RUN,
            since=host.modified(str(machine.root / path)) if state is State.FILE_CHANGED_OUTSIDE else "",
        )


def _of_file(machine: kernel.Machine, path: PurePosixPath, written: dict[str, str], declared: Host) -> State:
    """Whether somebody changed our file, or the inventory went ahead of it."""
    if not declared.view.provisioned:
        return State.DECLARED_NOT_APPLIED
    untouched = written.get(f"/{path}") == kernel.digest_of(machine, path)
    return State.DECLARED_NOT_APPLIED if untouched else State.FILE_CHANGED_OUTSIDE


def _boot(declared: Host, machine: kernel.Machine, at_boot: kernel.BootValues) -> Iterator[Finding]:
    """A file of somebody else that has the last word at boot; and limits of the kernel that are too small."""
    for parameter in declared.wanted.parameters:
        last = at_boot.get(parameter.path)
        if last is not None and last.file != parameter.boot.ours and not parameter.accepts(last.value):
            yield found(
                f"kernel.{parameter.name}.boot",
                f"host: {parameter.name} after a reboot",
                State.UNMANAGED_SET,
                expected=parameter.expected,
                actual=f"{last.value} from /{last.file}",
                why=f"{parameter.why} ({parameter.source})",
                remedy=f"take {parameter.name} out of /{last.file}",
                since=host.modified(str(machine.root / last.file)),
            )
    for verdict in kernel.open_files(machine, declared.wanted.open_files):
        if verdict.status is Status.FAIL:
            yield found(
                verdict.id,
                f"host: {verdict.subject}",
                State.DECLARED_NOT_APPLIED,
                expected=verdict.expected,
                actual=verdict.actual,
                why=verdict.why,
                remedy=verdict.remedy,
            )


def _package(declared: Host) -> Iterator[Finding]:
    installed = here().packages.installed(declared.view.product.package)
    wanted = declared.version
    if installed and wanted in ("", installed):
        return
    yield found(
        "package",
        f"host: package {declared.view.product.package}",
        State.DECLARED_NOT_APPLIED,
        expected=wanted or "installed",
        actual=installed or "not installed",
        why="the version that is declared",
        remedy="run provision, which installs it",
    )


def _undeclared(view: HostView) -> Iterator[Finding]:
    for other in view.strangers:
        yield found(
            f"undeclared.{other.instance or other.name}",
            f"host: {other.name}",
            State.UNMANAGED_SET,
            expected="only declared instances",
            actual="it runs, and nobody declares it" if other.pid else "it starts at boot, and nobody declares it",
            why="an instance that is not declared is not configured, tuned or watched",
            remedy=remedy_of(other, view.product),
        )
