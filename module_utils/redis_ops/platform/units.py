"""Services as the host's init will start them next: systemd units with all their drop-ins. Reads only."""

from __future__ import annotations

import pwd
import re
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple, Optional

from . import command, host, mounts
from .command import Command

PROPERTIES = (
    *("Id", "Names", "LoadState", "UnitFileState", "FragmentPath", "DropInPaths", "NeedDaemonReload", "MainPID"),
    *("ExecStart", "User", "Group", "WorkingDirectory", "Environment", "EnvironmentFiles", "LimitNOFILE"),
    *mounts.PROPERTIES,
)
# Where packages and distributions keep units. /etc and /run are for people.
VENDOR = ("/usr/lib/systemd/", "/lib/systemd/")
# What a drop-in may say that decides which server starts, as whom and with which limits
DECISIVE = (
    "ExecStart",
    "User",
    "Group",
    "WorkingDirectory",
    "EnvironmentFile",
    "Environment",
    "LimitNOFILE",
    "ExecStartPre",
    *mounts.PLACED,
)


@dataclass(frozen=True)
class Unit:
    """One service. name: without '.service'.

    loaded: init knows it and may start it. fragment, drop_ins: the files it is made of.
    command: its words, variables replaced; () when there is none. unclear: why the command can't be told, '' when it can.
    user, group: '' is root's. directory: where the server works when it reads its file.
    open_files: LimitNOFILE, None when unknown. pid: of its main process, 0 when it does not run.
    mounted: directory -> whether the service finds there what the host has there; others are the host's.
    is_script: a script starts it, and systemd knows nothing of it.
    """

    name: str
    loaded: bool = False
    masked: bool = False
    enabled: bool = False
    fragment: str = ""
    drop_ins: tuple[str, ...] = ()
    needs_reload: bool = False
    command: tuple[str, ...] = ()
    unclear: str = ""
    user: str = ""
    group: str = ""
    directory: str = "/"
    open_files: Optional[int] = None
    pid: int = 0
    mounted: Mapping[str, bool] = field(default_factory=dict)
    is_script: bool = False

    @property
    def foreign_drop_ins(self) -> tuple[str, ...]:
        """The drop-ins that neither the distribution nor this project brought."""
        return tuple(path for path in self.drop_ins if not path.startswith(VENDOR) and path != drop_in(self.name))

    @property
    def fragment_is_foreign(self) -> bool:
        """Whether somebody wrote the unit itself. The link to /dev/null of a mask is no unit."""
        return bool(self.fragment) and not self.masked and not self.fragment.startswith(VENDOR)


def drop_in(name: str) -> str:
    """The drop-in of this project for a unit."""
    return f"/etc/systemd/system/{name}.service.d/50-ansible.conf"


class FileLimit(NamedTuple):
    """LimitNOFILE of a file."""

    path: str
    open_files: int


def later_limit(unit: Unit) -> Optional[FileLimit]:
    """The last LimitNOFILE of those drop-ins of others that systemd reads after this project's; None where there is none."""
    ours = Path(drop_in(unit.name)).name
    later = [path for path in unit.foreign_drop_ins if Path(path).name > ours]
    found = [limit for path in later for limit in _limits(path, "LimitNOFILE")]
    return found[-1] if found else None


def decisive_lines(unit: Unit) -> dict[str, list[str]]:
    """Drop-in of others, or unit file of others -> the names of its lines that decide which server starts, and as whom."""
    paths = [*unit.foreign_drop_ins, *([unit.fragment] if unit.fragment_is_foreign else [])]
    found = {path: sorted({name for name, _ in _directives(path) if name in DECISIVE}) for path in paths}
    return {path: names for path, names in found.items() if names}


def _limits(path: str, name: str) -> list[FileLimit]:
    found = []
    for key, value in _directives(path):
        hard = value.rpartition(":")[2]
        if key == name:
            found.append(FileLimit(path, int(hard) if hard.isdigit() else sys.maxsize))
    return found


def _directives(path: str) -> list[tuple[str, str]]:
    return command.directives(host.read(path))


def look(names: Iterable[str]) -> dict[str, Unit]:
    """Each name, without '.service' -> its unit, from one call of systemctl."""
    wanted = list(dict.fromkeys(names))
    if not wanted:
        return {}
    shown = host.run(
        ["systemctl", "show", f"--property={','.join(PROPERTIES)}", *(f"{name}.service" for name in wanted)]
    ).stdout
    blocks = [_properties(block) for block in re.split(r"\n\n+", shown.strip("\n"))]
    if len(blocks) != len(wanted) or not all(block.get("LoadState") for block in blocks):
        return {name: Unit(name, unclear="systemctl show does not tell") for name in wanted}
    return {name: _unit(name, properties) for name, properties in zip(wanted, blocks)}


def of_process(pid: int) -> str:
    """The unit that a process belongs to, without '.service'; '' when it belongs to none."""
    found = re.findall(r"/([^/\n]+)\.service$", host.read(f"/proc/{pid}/cgroup"), re.MULTILINE)
    return str(found[-1]) if found else ""


def candidates() -> list[str]:
    """The services on this host whose names say that they are a Redis or a Valkey; templates are left out."""
    listed = host.run(
        ["systemctl", "list-unit-files", "--type=service", "--no-legend", "--no-pager", "--full", "*redis*", "*valkey*"]
    ).stdout
    running = host.run(
        [
            "systemctl",
            "list-units",
            "--type=service",
            "--all",
            "--plain",
            "--no-legend",
            "--full",
            "*redis*",
            "*valkey*",
        ]
    ).stdout
    names = re.findall(r"^\s*(\S+)\.service\b", f"{listed}\n{running}", re.MULTILINE)
    return sorted({name for name in names if not name.endswith("@")})


def _properties(block: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for line in block.splitlines():
        name, equals, value = line.partition("=")
        if equals:  # a property such as EnvironmentFiles comes once for each of its values
            found[name] = f"{found[name]}\n{value}" if found.get(name) else value
    return found


def _unit(name: str, properties: Mapping[str, str]) -> Unit:
    drop_ins = tuple(properties.get("DropInPaths", "").split())
    fragment, user = properties.get("FragmentPath", ""), _user(properties.get("User", ""))
    words, unclear = _command(properties, [fragment, *drop_ins])
    limit = properties.get("LimitNOFILE", "")
    state = properties.get("LoadState", "")
    if state not in ("loaded", "masked", "not-found"):
        unclear = f"systemd can't load it ({state})"
    return Unit(
        properties.get("Id", "").removesuffix(".service") or name,  # an alias has the name of its unit
        loaded=state == "loaded",
        masked=state == "masked",
        enabled=properties.get("UnitFileState", "") in ("enabled", "alias"),
        fragment=fragment,
        drop_ins=drop_ins,
        needs_reload=properties.get("NeedDaemonReload") == "yes",
        command=words,
        unclear=unclear,
        user=user,
        group=properties.get("Group", ""),
        directory=_directory(properties.get("WorkingDirectory", ""), user),
        open_files=_open_files(limit),
        pid=int(properties.get("MainPID") or 0),
        mounted=mounts.of(properties),
    )


def _user(text: str) -> str:
    """The name of a user that is given by its number, where it has one."""
    try:
        return pwd.getpwuid(int(text)).pw_name if text.isdigit() else text
    except KeyError:
        return text


def _open_files(text: str) -> Optional[int]:
    return sys.maxsize if text == "infinity" else int(text) if text.isdigit() else None


def _directory(text: str, user: str) -> str:
    """'' is the root directory, '~' the user's home; '!/path' and '-/path' mark one that may be missing."""
    path = text.lstrip("!-") or "/"
    if path != "~":
        return path
    try:
        return pwd.getpwnam(user or "root").pw_dir
    except KeyError:
        return "/"


def _command(properties: Mapping[str, str], files: Iterable[str]) -> Command:
    lines = [value for path in files if path for name, value in _directives(path) if name == "ExecStart"]
    environment, missing = _environment(properties)
    found = command.command_of(properties.get("ExecStart", ""), lines, environment)
    if missing and "$" in properties.get("ExecStart", ""):
        return Command(found.words, f"its environment file {missing} can't be read")
    return found


def _environment(properties: Mapping[str, str]) -> tuple[dict[str, Optional[str]], str]:
    """The variables of a unit, files after Environment=, and a file that can't be read."""
    found = command.assignments(properties.get("Environment", ""))
    missing = ""
    for line in properties.get("EnvironmentFiles", "").splitlines():
        pattern = re.sub(r" \(ignore_errors=(yes|no)\)$", "", line)
        paths = host.matching(pattern)
        for path in paths:
            found.update(command.environment_of(host.read(path)))
        if not paths and line.endswith("=no)"):
            missing = pattern
    return found, missing
