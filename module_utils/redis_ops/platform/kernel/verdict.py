"""What is true of the machine, one finding for each cause: values that are wrong for one reason are told together."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from string import Template
from typing import NamedTuple, Optional

from ...base.findings import Finding, Status
from .boot import SYSCTL_CONF, BootValue, BootValues, nothing_applies, read_sysctl, values_at_boot
from .machine import NOT_ALLOWED, Machine
from .parameters import (
    HUGE_PAGES,
    HUGE_PAGES_PATH,
    HUGE_PAGES_WHY,
    SYSCTL,
    TMPFILES,
    Parameter,
    Wanted,
    number,
    sysctl_path,
)
from .plan import Refusals


class Matter(NamedTuple):
    """What a verdict is about: the value now, at the next boot, or what may not be set at all."""

    suffix: str  # of the finding's id
    text: str


NOW = Matter("", " now")
BOOT = Matter(".boot", " after a reboot")
REFUSED = Matter(".refused", "")


class Verdict(NamedTuple):
    """On one parameter. Parameters of which all else is equal have one cause, so the texts name none of them.

    In actual and remedy stand for it: $names; $values or $files that were found; $commands on a host and $options of a
    container that set it.
    """

    matter: Matter
    status: Status
    actual: str
    remedy: str = ""


def findings(machine: Machine, wanted: Wanted, refused: Refusals) -> Iterator[Finding]:
    """One finding for each parameter that is right, and one for each cause that is not."""
    judge = Judge(machine, refused, machine.container(), values_at_boot(machine))
    causes: dict[object, list[tuple[Parameter, Verdict, str]]] = {}
    for parameter in wanted.parameters:
        for verdict, value in judge.parameter(parameter):
            # what is right is counted, and needs no sentence for several
            key = (parameter, verdict) if verdict.status is Status.PASS else verdict
            causes.setdefault(key, []).append((parameter, verdict, value))
    for told in causes.values():
        yield _finding([parameter for parameter, _, _ in told], told[0][1], [value for _, _, value in told])
    if all(parameter.name != HUGE_PAGES for parameter in wanted.parameters):
        yield judge.huge_pages_left_alone()
    yield from open_files(machine, wanted.open_files)
    yield judge.swap()


def open_files(machine: Machine, need: int) -> Iterator[Finding]:
    """One finding for each limit of the kernel on open files. need: of one server, with room for its own files."""
    why = "Redis lowers maxclients by itself when it gets fewer files than maxclients + 32 (guide 3.1)"
    for name in ("fs.nr_open", "fs.file-max"):
        value = machine.value(sysctl_path(name))
        status = Status.SKIP if not value else Status.PASS if number(value) >= need else Status.FAIL
        remedy = "" if status is Status.PASS else f"raise it (sysctl -w {name}=...), or lower maxclients"
        actual = value or f"{_here(machine.container())} has none"
        yield Finding(f"kernel.{name}", f"{name} now", status, f"at least {need}", actual, why, remedy)


def _here(container: str) -> str:
    return f"this container ({container})" if container else "this host"


def _finding(parameters: Sequence[Parameter], verdict: Verdict, values: Sequence[str]) -> Finding:
    one = f"kernel.{parameters[0].name}{verdict.matter.suffix}"
    sysctls = [f"{parameter.name}={parameter.want}" for parameter in parameters if parameter.boot is SYSCTL]
    words = {
        "values": _joined(values),
        "files": " and ".join(dict.fromkeys(values)),
        "names": ", ".join(parameter.name for parameter in parameters),
        "options": " ".join(f"--sysctl {setting}" for setting in sysctls),
        "commands": "; ".join(
            [
                *(["sysctl -w " + " ".join(sysctls)] if sysctls else []),
                *(
                    f"echo {parameter.want} > /{parameter.path}"
                    for parameter in parameters
                    if parameter.boot is TMPFILES
                ),
            ]
        ),
    }
    return Finding(
        one if len(parameters) == 1 else f"kernel{verdict.matter.suffix or '.now'}",
        f"{words['names']}{verdict.matter.text}",
        verdict.status,
        _joined([parameter.expected for parameter in parameters]),
        Template(verdict.actual).safe_substitute(words),
        " ".join(dict.fromkeys(f"{parameter.why} ({parameter.source})" for parameter in parameters)),
        Template(verdict.remedy).safe_substitute(words),
    )


def _joined(texts: Sequence[str]) -> str:
    """One for each parameter; said once when it is the same for all."""
    return texts[0] if len(set(texts)) == 1 else ", ".join(texts)


def _not_taken(refusal: Optional[OSError]) -> Verdict:
    if refusal is None:
        return Verdict(NOW, Status.FAIL, "$values, although it was set", "find what sets it back, then run again")
    actual = f"$values; the kernel refused the new value: {refusal.strerror}"
    return Verdict(NOW, Status.FAIL, actual, "ask for a value that this kernel takes")


@dataclass(frozen=True)
class Judge:
    """Judges one parameter after another on one machine."""

    machine: Machine
    refused: Refusals
    container: str
    at_boot: BootValues

    @property
    def here(self) -> str:
        return _here(self.container)

    def parameter(self, parameter: Parameter) -> Iterator[tuple[Verdict, str]]:
        """Each verdict, with what was found."""
        value = self.machine.value(parameter.path)
        refusal = self.refused.get(parameter.path)
        forbidden = refusal if refusal and refusal.errno in NOT_ALLOWED else None
        if not value:
            yield Verdict(REFUSED, Status.SKIP, f"{self.here} has none", "use a kernel that has it"), value
            return
        if parameter.accepts(value):
            yield Verdict(NOW, Status.PASS, f"{self.machine.note(parameter.path)}$values"), value
        elif not forbidden:
            yield _not_taken(refusal), value
        if forbidden:  # tells of a right value as well: nothing here can keep it
            actual = f"$values; {self.here} may not set that: {forbidden.strerror}"
            yield Verdict(REFUSED, Status.SKIP, actual, self._elsewhere(parameter)), value
        else:
            yield self._after_reboot(parameter)

    def _after_reboot(self, parameter: Parameter) -> tuple[Verdict, str]:
        found = self.at_boot.get(parameter.path)
        if found is None or not parameter.accepts(found.value):
            return self._wrong_after_reboot(parameter, found)
        gap, remedy = nothing_applies(self.machine, parameter.boot)
        if gap:
            actual = f"{self.machine.note(found.file)}written to $files, but {gap}"
            return Verdict(BOOT, Status.WARN, actual, remedy), f"/{found.file}"
        late = read_sysctl(self.machine, [SYSCTL_CONF]).get(parameter.path)
        if late and not parameter.accepts(late.value):
            # systemd reads this file only where a link in sysctl.d points to it; procps always does, and last
            status = Status.WARN if self.machine.has_systemd() else Status.FAIL
            actual = f"$values from /{late.file}, which 'sysctl --system' reads last"
            return Verdict(BOOT, status, actual, f"take $names out of /{late.file}"), late.value
        actual = f"{self.machine.note(found.file)}$values from /{found.file}"
        return Verdict(BOOT, Status.PASS, actual), found.value

    def _wrong_after_reboot(self, parameter: Parameter, found: Optional[BootValue]) -> tuple[Verdict, str]:
        actual = f"$values from /{found.file}" if found else "no file sets it"
        value = found.value if found else ""
        refusal = self.refused.get(parameter.boot.ours)
        if refusal is not None:
            status = Status.SKIP if self.container else Status.FAIL
            actual += f"; /{parameter.boot.ours} cannot be written: {refusal.strerror}"
            return Verdict(BOOT, status, actual, "make it writable"), value
        if found is None or found.file == parameter.boot.ours:
            return Verdict(BOOT, Status.FAIL, f"{actual}, although it was written", "run again"), value
        return Verdict(BOOT, Status.FAIL, actual, f"take $names out of /{found.file}"), value

    def _elsewhere(self, parameter: Parameter) -> str:
        if not self.container:
            return "ask whoever runs it: $commands"
        # net.* are the container's own: the same command on its host would change the host alone
        own = parameter.name.startswith("net.")
        return "start the container with $options" if own else "on the container's host, for good: $commands"

    def huge_pages_left_alone(self) -> Finding:
        value = self.machine.value(HUGE_PAGES_PATH)
        status = {"": Status.SKIP, "always": Status.WARN}.get(value, Status.PASS)
        remedy = "set transparent_hugepage to never" if status is Status.WARN else ""
        identity = (f"kernel.{HUGE_PAGES}", f"{HUGE_PAGES} now, left alone as asked")
        actual = value or f"{self.here} has none"
        return Finding(*identity, status, "madvise or never", actual, HUGE_PAGES_WHY, remedy)

    def swap(self) -> Finding:
        found = re.search(r"^SwapTotal:\s+(\d+) kB", self.machine.read(PurePosixPath("proc/meminfo")), re.MULTILINE)
        swap = int(found.group(1)) // 1024 if found else 0
        actual = f"{swap} MiB" if swap else "none: without it the kernel kills Redis at a peak above the RAM"
        why = "With swap a peak is slow; without it the kernel kills Redis (Redis documentation, administration)"
        return Finding("kernel.swap", "swap", Status.PASS, "any", actual, why)
