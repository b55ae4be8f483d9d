"""What is not yet as wanted, and doing it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Optional, Union

from ...base.errors import ApplyFailed
from .boot import drop_ins, read_sysctl
from .machine import FILE_MODE, NOT_ALLOWED, Machine
from .parameters import SYSCTL, TMPFILES, Parameter, Wanted, number

Refusals = dict[PurePosixPath, OSError]


@dataclass(frozen=True)
class FileChange:
    """after None: removed. mode: before the change, None where there is no file."""

    path: PurePosixPath
    before: str
    after: Optional[str]
    mode: Optional[int]

    def __str__(self) -> str:
        if self.after is None:
            return f"remove /{self.path}"
        if self.mode is not None and self.before == self.after:
            return f"set the mode of /{self.path} to {FILE_MODE:04o} (was {self.mode:04o})"
        return f"write /{self.path}"

    def do(self, machine: Machine) -> None:
        if self.after is None:
            machine.remove_file(self.path)
        else:
            machine.write_file(self.path, self.after)

    def as_diff(self) -> dict[str, str]:
        if self.before == self.after:
            return {"prepared": f"{self}\n"}
        return _diff(f"/{self.path}", self.before, self.after or "")


@dataclass(frozen=True)
class LiveChange:
    """One value that the running kernel is to take."""

    path: PurePosixPath
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"set {self.name} to {self.after} (was {self.before})"

    def do(self, machine: Machine) -> None:
        machine.set_value(self.path, self.after)


Change = Union[FileChange, LiveChange]


@dataclass(frozen=True)
class Plan:
    """Everything that differs, in the order in which it is changed."""

    files: Sequence[FileChange]
    live: Sequence[LiveChange]

    @property
    def changes(self) -> Sequence[Change]:
        """Files first: should a run die between, the next boot is right."""
        return (*self.files, *self.live)

    def without(self, paths: Mapping[PurePosixPath, OSError]) -> Plan:
        return Plan(
            tuple(change for change in self.files if change.path not in paths),
            tuple(change for change in self.live if change.path not in paths),
        )

    def texts(self) -> dict[PurePosixPath, str]:
        """What each path would read afterwards."""
        return {change.path: change.after or "" for change in self.changes}

    def as_diff(self) -> list[dict[str, str]]:
        diff = [change.as_diff() for change in self.files]
        if self.live:
            before = "".join(f"{change.name} = {change.before}\n" for change in self.live)
            after = "".join(f"{change.name} = {change.after}\n" for change in self.live)
            diff.append(_diff("kernel, values in force", before, after))
        return diff


def _diff(header: str, before: str, after: str) -> dict[str, str]:
    return {"before_header": header, "after_header": header, "before": before, "after": after}


def plan(machine: Machine, wanted: Wanted) -> Plan:
    """Everything that is not yet as wanted, whether or not this machine will allow it."""
    targets = _targets(machine, wanted)
    files = []
    for boot in (SYSCTL, TMPFILES):
        after = _render({parameter: value for parameter, value in targets.items() if parameter.boot is boot})
        before, mode = machine.read(boot.ours), machine.mode(boot.ours)
        if mode is not None if after is None else (before, mode) != (after, FILE_MODE):
            files.append(FileChange(boot.ours, before, after, mode))
    live = []
    for parameter, target in targets.items():
        value = machine.value(parameter.path)
        if value and not parameter.accepts(value):
            live.append(LiveChange(parameter.path, parameter.name, value, target))
    return Plan(tuple(files), tuple(live))


def _targets(machine: Machine, wanted: Wanted) -> dict[Parameter, str]:
    """What our files shall say. For a floor: never less than what this host has, or than another file gives it."""
    ours = read_sysctl(machine, [SYSCTL.ours])
    others = read_sysctl(machine, [path for path in drop_ins(machine, SYSCTL) if path != SYSCTL.ours])
    targets = {}
    for parameter in wanted.parameters:
        targets[parameter] = parameter.want
        if parameter.floor:
            kept = ours[parameter.path].value if parameter.path in ours else ""
            elsewhere = others[parameter.path].value if parameter.path in others else ""
            found = [kept if parameter.accepts(kept) else machine.value(parameter.path), elsewhere]
            targets[parameter] = str(max(int(parameter.want), *map(number, found)))
    return targets


HEADER = "# Written by Ansible (role redis_host); the next run undoes changes made here.\n"


def _render(values: Mapping[Parameter, str]) -> Optional[str]:
    """None: nothing to say, so there shall be no file."""
    text = HEADER
    for parameter, value in values.items():
        note = (
            f"# At least {parameter.want} is asked for; a higher value of this host is kept.\n"
            if parameter.floor
            else ""
        )
        line = f"{parameter.name} = {value}" if parameter.boot is SYSCTL else f"w /{parameter.path} - - - - {value}"
        text += f"\n# {parameter.why}\n# {parameter.source}\n{note}{line}\n"
    return text if values else None


def refusals(machine: Machine, wanted: Wanted) -> Refusals:
    """What this machine will not let us change, asked without changing anything."""
    values = {parameter.path: machine.refusal_of_value(parameter.path) for parameter in wanted.parameters}
    files = {boot.ours: machine.refusal_of_file(boot.ours) for boot in (SYSCTL, TMPFILES)}
    return {path: error for path, error in {**values, **files}.items() if error is not None}


def apply(machine: Machine, planned: Plan) -> Refusals:
    """Returns what was refused although `refusals` had not told so."""
    refused: Refusals = {}
    for change in planned.changes:
        error = _attempt(change, machine)
        if error is None:
            continue
        if isinstance(change, FileChange) and error.errno not in NOT_ALLOWED:
            raise ApplyFailed(f"/{change.path}: {error.strerror}; the file is as it was")
        refused[change.path] = error
    return refused


def _attempt(change: Change, machine: Machine) -> Optional[OSError]:
    try:
        change.do(machine)
    except OSError as error:
        return error
    return None
