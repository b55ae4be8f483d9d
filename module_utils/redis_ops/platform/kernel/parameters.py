"""What may be declared, where each value lives, and what sets it at boot."""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Optional

from ...base.errors import InvalidInput, InvalidValue, Problem
from ...base.units import parse_integer

INT_MAX = 2**31 - 1
UNMANAGED = "unmanaged"


@dataclass(frozen=True)
class Sysctl:
    """One sysctl that may be declared.

    floor: at least the value is wanted, and a higher one is never lowered; otherwise exactly the value is.
    why, source: the comment in our file and the reason in a finding.
    """

    floor: bool
    minimum: int
    maximum: int
    why: str
    source: str


SYSCTLS: Mapping[str, Sysctl] = {
    "vm.overcommit_memory": Sysctl(
        floor=False,
        minimum=0,
        maximum=2,
        why="Saving forks; with 0 or 2 the kernel may refuse the fork although most of the memory will never be copied.",
        source="Redis documentation, administration; the forks of guide 2 and 9",
    ),
    "vm.swappiness": Sysctl(
        floor=False,
        minimum=0,
        maximum=200,
        why="Swap stays a last resort: a data set on disk answers in milliseconds, one that was killed not at all.",
        source="Redis documentation, administration",
    ),
    "net.core.somaxconn": Sysctl(
        floor=True,
        minimum=1,
        maximum=INT_MAX,
        why="The kernel silently cuts tcp-backlog down to this.",
        source="redis.conf, tcp-backlog; guide 3.1, 6.1, 9",
    ),
    "net.ipv4.tcp_max_syn_backlog": Sysctl(
        floor=True,
        minimum=1,
        maximum=INT_MAX,
        why="Half-open connections wait here before they reach tcp-backlog.",
        source="redis.conf, tcp-backlog; guide 3.1, 6.1, 9",
    ),
}

HUGE_PAGES = "transparent_hugepage"
HUGE_PAGES_PATH = PurePosixPath("sys/kernel/mm/transparent_hugepage/enabled")
HUGE_PAGES_WHY = "After a fork, one changed byte copies a whole huge page: latency and memory rise while Redis saves."
HUGE_PAGES_SOURCE = "Redis documentation, latency; the forks of guide 2 and 9"


@dataclass(frozen=True)
class Boot:
    """What sets kernel values at boot: our file, the directories of it from strong to weak, and the unit that reads."""

    ours: PurePosixPath
    directories: Sequence[str]
    unit: str


# Of all sysctl.d files the one with the last name wins. Debian links 99-sysctl.conf to /etc/sysctl.conf: ours is later.
SYSCTL = Boot(
    ours=PurePosixPath("etc/sysctl.d/99-zz-redis.conf"),
    directories=("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"),
    unit="systemd-sysctl.service",
)
# Of several tmpfiles.d lines for one path the first counts, the opposite of sysctl.d: ours is early.
TMPFILES = Boot(
    ours=PurePosixPath("etc/tmpfiles.d/00-redis-transparent-hugepage.conf"),
    directories=("etc/tmpfiles.d", "run/tmpfiles.d", "usr/local/lib/tmpfiles.d", "usr/lib/tmpfiles.d"),
    unit="systemd-tmpfiles-setup.service",
)


@dataclass(frozen=True)
class Parameter:
    """One kernel parameter that is wanted, a sysctl or transparent huge pages, and where it lives."""

    name: str
    path: PurePosixPath
    want: str
    floor: bool
    why: str
    source: str
    boot: Boot

    @property
    def expected(self) -> str:
        return f"at least {self.want}" if self.floor else self.want

    def accepts(self, value: Optional[str]) -> bool:
        return number(value) >= int(self.want) if self.floor else value == self.want


def number(text: Optional[str]) -> int:
    """-1 for what is not a number: it satisfies no floor."""
    return int(text) if text and re.fullmatch(r"[0-9]+", text) else -1


@dataclass(frozen=True)
class Wanted:
    """What somebody asked for, checked."""

    parameters: Sequence[Parameter]
    open_files: int


def parse_wanted(sysctl: Mapping[str, Any], huge_pages: str, open_files: int) -> Wanted:
    """Raises InvalidInput with every problem at once."""
    parameters = []
    problems = []
    for name, raw in sysctl.items():
        try:
            value = _check(name, raw)
        except InvalidValue as error:
            remedy = "see the option 'sysctl' of redis_kernel"
            problems.append(Problem(f"sysctl {name}", repr(raw), error.expected, remedy))
            continue
        known = SYSCTLS[name]
        parameters.append(Parameter(name, sysctl_path(name), str(value), known.floor, known.why, known.source, SYSCTL))
    if open_files < 1:
        problems.append(Problem("open_files", str(open_files), "1 or more", "use maxclients + 1024"))
    if problems:
        raise InvalidInput(problems)
    if huge_pages != UNMANAGED:
        about = (HUGE_PAGES_WHY, HUGE_PAGES_SOURCE, TMPFILES)
        parameters.append(Parameter(HUGE_PAGES, HUGE_PAGES_PATH, huge_pages, False, *about))
    return Wanted(tuple(parameters), open_files)


def sysctl_path(name: str) -> PurePosixPath:
    """Where the kernel shows a parameter: 'vm.swappiness' -> proc/sys/vm/swappiness."""
    return PurePosixPath("proc/sys", *name.split("."))


def _check(name: str, raw: Any) -> int:
    if name not in SYSCTLS:
        near = difflib.get_close_matches(str(name), SYSCTLS, n=1, cutoff=0.5)
        raise InvalidValue(f"{near[0]} (did you mean it?)" if near else f"one of {', '.join(SYSCTLS)}")
    if isinstance(raw, bool):
        raise InvalidValue("a whole number, not yes or no")
    value = parse_integer(str(raw))
    known = SYSCTLS[name]
    if not known.minimum <= value <= known.maximum:
        raise InvalidValue(f"a number from {known.minimum} to {known.maximum}")
    return value
