"""What a boot will set: every file that it reads, in the order in which the last word is had."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import PurePosixPath

from .machine import Machine
from .parameters import HUGE_PAGES_PATH, SYSCTL, TMPFILES, Boot

SYSCTL_CONF = PurePosixPath("etc/sysctl.conf")


@dataclass(frozen=True)
class BootValue:
    """The value that a boot gives, and the file it takes it from."""

    value: str
    file: PurePosixPath


BootValues = dict[PurePosixPath, BootValue]


def values_at_boot(machine: Machine) -> BootValues:
    """What the files of all kinds would set, were the machine to boot now."""
    return {
        **read_sysctl(machine, drop_ins(machine, SYSCTL)),
        **_read_tmpfiles(machine, drop_ins(machine, TMPFILES)),
    }


def drop_ins(machine: Machine, boot: Boot) -> list[PurePosixPath]:
    """In order of name; a name in a stronger directory hides the same name in a weaker one."""
    strongest: dict[str, PurePosixPath] = {}
    for directory in boot.directories:
        for name in machine.names(directory):
            if name.endswith(".conf"):
                strongest.setdefault(name, PurePosixPath(directory, name))
    return [strongest[name] for name in sorted(strongest)]


def read_sysctl(machine: Machine, paths: Iterable[PurePosixPath]) -> BootValues:
    """What sysctl.d files set, read in this order: the last one wins."""
    return {key: BootValue(value, path) for path in paths for key, value in parse_sysctl(machine.read(path))}


def parse_sysctl(text: str) -> Iterator[tuple[PurePosixPath, str]]:
    """sysctl.d(5). A pattern is left out: it never beats a line that names its parameter, as ours does."""
    for line in text.splitlines():
        name, equals, value = line.strip().partition("=")
        name = name.strip()
        if not equals or name.startswith(("#", ";")):
            continue
        name = name.removeprefix("-")
        first_separator = re.search(r"[./]", name)
        if first_separator and first_separator.group() == ".":
            name = name.translate(str.maketrans("./", "/."))
        if not re.search(r"[*?\[]", name):
            yield PurePosixPath("proc/sys", name.strip("/")), value.strip()


def _read_tmpfiles(machine: Machine, paths: Iterable[PurePosixPath]) -> BootValues:
    # Tried with systemd 252 and 257: of lines with the same path the first counts, w+ or not; a pattern that matches
    # the path is another path; and all of them are written in the order in which they came.
    written: dict[str, BootValue] = {}
    for path in paths:
        for pattern, value in parse_tmpfiles(machine.read(path)):
            written.setdefault(pattern, BootValue(value, path))
    return {HUGE_PAGES_PATH: list(written.values())[-1]} if written else {}


def parse_tmpfiles(text: str) -> Iterator[tuple[str, str]]:
    """The lines of tmpfiles.d(5) that write the mode of transparent huge pages: path or pattern, and what is written."""
    for line in text.splitlines():
        fields = line.split(None, 6)
        if len(fields) < 7 or not fields[0].startswith("w"):
            continue
        path = fields[1].strip("\"'")
        if fnmatchcase(f"/{HUGE_PAGES_PATH}", path):
            yield path, fields[6].replace("\\n", "").strip().strip("\"'")


def nothing_applies(machine: Machine, boot: Boot) -> tuple[str, str]:
    """Why nothing reads our file at boot, and the remedy; two times '' where something does."""
    if machine.has_systemd():
        return (f"{boot.unit} is masked", f"systemctl unmask {boot.unit}") if machine.is_masked(boot.unit) else ("", "")
    sysv = machine.exists("run/initctl") and any(name.endswith("procps") for name in machine.names("etc/rcS.d"))
    if boot is SYSCTL and sysv:
        return "", ""
    return "no systemd here applies it at boot", "run this play after each start"
