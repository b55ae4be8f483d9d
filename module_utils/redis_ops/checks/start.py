"""Whether the next start runs the file that this project writes, as the user that it expects. Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Sequence

from ..base.errors import Problem
from ..base.findings import Status
from ..model import conffile, drop_in
from ..model.declaration import REPLACE
from ..platform import mounts
from ..platform.units import Unit
from ..view.facts import Facts
from ..view.host import Seen
from ..view.instance import InstanceView
from .registry import Judgement, check

WHY = "systemd documentation, systemd.unit: the last drop-in wins"


def problems(seen: Seen) -> Iterator[Problem]:
    """Why a run stops: it would write a file that nobody starts with, or settings that the command overrides."""
    unit = seen.view.unit
    given = seen.declared.layout.given_service
    if given and unit is not None and not unit.loaded and not unit.unclear:
        yield Problem(f"{seen.where}: service", f"this host has no unit {given}", "a unit of this host", "correct it")
    if unit is None or not _is_known(unit):
        return
    if set(seen.view.unit_files) <= set(replaced_files(seen.view)) and seen.view.unit_files:
        return
    for where, what, expected, remedy in _deviations(seen.view, unit):
        yield Problem(f"{seen.where}: {where}", what, expected, remedy)


@check("its start", why=WHY, verify="verify.start", drift="unit.start", stopped=True)
def start(facts: Facts) -> Iterator[Judgement]:
    """The same of a server that was provisioned; and that it runs with this file."""
    view, unit = facts.view, facts.view.unit
    if unit is None or not _is_known(unit) or view.config is None:
        return
    wrong = list(_deviations(view, unit))
    running = str(view.info.get("config_file", ""))
    if view.connection is not None and not view.runs_ours:
        told = running or "no configuration file"
        wrong.append(
            ("config_file", f"the running server read {told}", view.config.path, "restart it through its service")
        )
    for where, what, expected, remedy in wrong:
        yield Judgement(Status.FAIL, expected, what, remedy, part=where)
    prepared = [path for path, names in view.unit_files.items() if "ExecStartPre" in names]
    if prepared:
        yield Judgement(
            Status.WARN,
            f"a start that reads {view.config.path} as it is now",
            f"ExecStartPre= in {', '.join(prepared)} runs first, and what it does to the file and the data is not known",
            "see that it writes neither",
            part=f"{unit.name}.service",
        )
    elif not wrong:
        yield Judgement(
            Status.PASS, f"{unit.name} starts the server with {view.config.path}", "unit, process and file agree"
        )


@check(
    "open files at the next start",
    why="guide 3.1; systemd documentation, systemd.unit: the last drop-in wins",
    drift="unit.open_files",
    stopped=True,
)
def later_limit(facts: Facts) -> Iterator[Judgement]:
    """No drop-in of others takes the limit on open files back at the next start."""
    later = facts.view.later_limit
    if later is None:
        return
    yield Judgement(
        Status.FAIL if limit_is_too_low(facts.view) else Status.PASS,
        f"{drop_in.open_files(facts.view.plan.desired)} open files, maxclients + {drop_in.SPARE_FILES}",
        f"{later.path} grants {later.open_files} at the next start",
        f"remove LimitNOFILE from {later.path} and run systemctl daemon-reload",
    )


def replaced_files(view: InstanceView) -> list[str]:
    """The unit files of others that a run moves away, because a person said adopt: replace."""
    if view.instance.adopt != REPLACE or view.unit is None:
        return []
    wrong = bool(list(_deviations(view, view.unit))) or limit_is_too_low(view)
    own = view.unit.fragment if view.instance.layout and view.instance.layout.given_service else ""
    return sorted(set(view.unit_files) - {own}) if wrong else []


def limit_is_too_low(view: InstanceView) -> bool:
    """Whether a drop-in of others overrides this project's limit on open files."""
    return view.later_limit is not None and view.later_limit.open_files < drop_in.open_files(view.plan.desired)


def _is_known(unit: Unit) -> bool:
    """Whether init has the unit, or can't tell. One that is not there yet comes with the package."""
    return unit.loaded or bool(unit.unclear)


def _deviations(view: InstanceView, unit: Unit) -> Iterator[tuple[str, str, str, str]]:
    """What of the next start is other than expected: where, what, expected, remedy."""
    config = view.config.path if view.config else ""
    files = ", ".join(view.unit_files) or unit.fragment
    away = (
        f"remove the lines from {files} and run systemctl daemon-reload, or say adopt: replace"
        if files
        else f"see systemctl status {unit.name}.service"
    )
    if view.unclear or view.startup is None:
        told = view.unclear or f"{unit.name}.service has no command that can be read"
        yield (f"{unit.name}.service", told, f"{posixpath.basename(view.instance.binary) or 'a server'} {config}", away)
        return
    if not view.starts_ours:
        runs = view.startup.config or "no configuration file"
        name = view.instance.name
        yield (
            f"{unit.name}.service",
            f"its next start reads {runs} (see {files}), not {config}",
            f"a unit that starts {config}",
            f"declare config: {runs} for instance {name}, or {away}",
        )
    yield from _hidden(view, unit, files)
    for option in _overriding(view):
        yield (
            f"{unit.name}.service",
            f"its command has --{option}, which wins over the file at the next start",
            "a command without options that are declared",
            f"take --{option} out of {files} and run systemctl daemon-reload, or take {option} out of the inventory",
        )


def _hidden(view: InstanceView, unit: Unit, files: str) -> Iterator[tuple[str, str, str, str]]:
    """Files of this host that the server does not see, because its unit puts others in their place."""
    config = view.config.path if view.config else ""
    for path in dict.fromkeys(filter(None, (config, str(view.store.directory)))):
        if place := mounts.other(unit.mounted, path):
            yield (
                f"{unit.name}.service",
                f"its server has files of its own at {place} (see {files}), so that it does not see {path} of this host",
                "a unit that sees the files of this host",
                "take BindPaths=, RootDirectory= or the like out of it and mount the files for all (/etc/fstab), or leave it out",
            )


def _overriding(view: InstanceView) -> Sequence[str]:
    """The options of the command that give a declared setting another value."""
    if view.startup is None:
        return []
    engine, plan, options = view.plan.desired.engine, view.plan, view.startup.overriding
    given = conffile.ConfFile(options).values(engine)
    written = conffile.ConfFile.parse(plan.file_after or "")
    together = conffile.ConfFile((*written.directives, *options)).values(engine)
    wrong = []
    for entry in plan.entries:
        name = entry.option.name
        if name in given and name in plan.decided and not plan.compare.covers(entry.option, entry.want, together[name]):
            wrong.append(name)
    return wrong
