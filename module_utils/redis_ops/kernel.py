"""Kernel and network settings of a Redis host: in force now, in force after a reboot, and both told truthfully.

What is in force is read from /proc and /sys. What a reboot brings is worked out from every file that the boot reads,
because a file of ours that another file overrides proves nothing.
"""

from __future__ import annotations

import difflib
import errno
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath
from typing import Any, Callable, Optional

from . import files
from .errors import ApplyFailed, InvalidInput, InvalidValue, Problem
from .findings import Finding, Status, as_records
from .units import parse_integer

INT_MAX = 2**31 - 1
UNMANAGED = "unmanaged"


# --- what is known ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Parameter:
    """One kernel parameter that may be declared.

    floor: at least the value is wanted, and a higher one is never lowered; otherwise exactly the value is.
    why, source: the comment in our file and the reason in a finding.
    """

    floor: bool
    minimum: int
    maximum: int
    why: str
    source: str


PARAMETERS: Mapping[str, Parameter] = {
    "vm.overcommit_memory": Parameter(
        floor=False,
        minimum=0,
        maximum=2,
        why="Saving forks; with 0 or 2 the kernel may refuse the fork although most of the memory will never be copied.",
        source="Redis documentation, administration; the forks of guide 2 and 9",
    ),
    "vm.swappiness": Parameter(
        floor=False,
        minimum=0,
        maximum=200,
        why="Swap stays a last resort: a data set on disk answers in milliseconds, one that was killed not at all.",
        source="Redis documentation, administration",
    ),
    "net.core.somaxconn": Parameter(
        floor=True,
        minimum=1,
        maximum=INT_MAX,
        why="The kernel silently cuts tcp-backlog down to this.",
        source="redis.conf, tcp-backlog; guide 3.1, 6.1, 9",
    ),
    "net.ipv4.tcp_max_syn_backlog": Parameter(
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
    """What sets kernel values at boot: our file, the directories it reads from strong to weak, and who reads them."""

    ours: PurePosixPath
    directories: Sequence[str]
    unit: str
    remedy_without: str


# Of all sysctl.d files the one with the last name wins. Debian links 99-sysctl.conf to /etc/sysctl.conf: ours is later.
SYSCTL = Boot(
    ours=PurePosixPath("etc/sysctl.d/99-zz-redis.conf"),
    directories=("etc/sysctl.d", "run/sysctl.d", "usr/local/lib/sysctl.d", "usr/lib/sysctl.d", "lib/sysctl.d"),
    unit="systemd-sysctl.service",
    remedy_without="have whatever starts this machine run 'sysctl --system'",
)
SYSCTL_CONF = PurePosixPath("etc/sysctl.conf")
# Of several tmpfiles.d lines for one path the first counts, the opposite of sysctl.d: ours is early.
TMPFILES = Boot(
    ours=PurePosixPath("etc/tmpfiles.d/00-redis-transparent-hugepage.conf"),
    directories=("etc/tmpfiles.d", "run/tmpfiles.d", "usr/local/lib/tmpfiles.d", "usr/lib/tmpfiles.d"),
    unit="systemd-tmpfiles-setup.service",
    remedy_without="boot the kernel with transparent_hugepage=never, or run this play after each start",
)


@dataclass(frozen=True)
class Knob:
    """One kernel value that is wanted, and where it lives."""

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

    @property
    def reason(self) -> str:
        return f"{self.why} ({self.source})"

    def accepts(self, value: Optional[str]) -> bool:
        if value is None:
            return False
        return _number(value) >= int(self.want) if self.floor else value == self.want


@dataclass(frozen=True)
class Wanted:
    """What somebody asked for, checked."""

    knobs: Sequence[Knob]
    huge_pages_unmanaged: bool
    open_files: int


def parse_wanted(sysctl: Mapping[str, Any], huge_pages: str, open_files: int) -> Wanted:
    """Raises InvalidInput with every problem at once."""
    knobs = []
    problems = []
    for name, raw in sysctl.items():
        try:
            value = _check(name, raw)
        except InvalidValue as error:
            remedy = "see the option 'sysctl' of redis_kernel"
            problems.append(Problem(f"sysctl {name}", repr(raw), error.expected, remedy))
            continue
        known = PARAMETERS[name]
        path = PurePosixPath("proc/sys", *name.split("."))
        knobs.append(Knob(name, path, str(value), known.floor, known.why, known.source, SYSCTL))
    if open_files < 1:
        problems.append(Problem("open_files", str(open_files), "1 or more", "use maxclients + 1024"))
    if problems:
        raise InvalidInput(problems)
    if huge_pages != UNMANAGED:
        about = (HUGE_PAGES_WHY, HUGE_PAGES_SOURCE, TMPFILES)
        knobs.append(Knob(HUGE_PAGES, HUGE_PAGES_PATH, huge_pages, False, *about))
    return Wanted(tuple(knobs), huge_pages == UNMANAGED, open_files)


def _check(name: str, raw: Any) -> int:
    if name not in PARAMETERS:
        near = difflib.get_close_matches(str(name), PARAMETERS, n=1, cutoff=0.5)
        raise InvalidValue(f"{near[0]} (did you mean it?)" if near else f"one of {', '.join(PARAMETERS)}")
    if isinstance(raw, bool):
        raise InvalidValue("a whole number, not yes or no")
    number = parse_integer(str(raw))
    known = PARAMETERS[name]
    if not known.minimum <= number <= known.maximum:
        raise InvalidValue(f"a number from {known.minimum} to {known.maximum}")
    return number


# --- the machine -----------------------------------------------------------------------------------------------------


class Machine:
    """The only thing here that reads and writes. Paths are relative to `root`, so a directory can stand for a host."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def read(self, path: PurePosixPath) -> Optional[str]:
        """None: no such file, or not ours to read."""
        try:
            return (self.root / path).read_text(encoding="utf-8", errors="replace")
        except OSError:
            return None

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def names(self, directory: str) -> list[str]:
        try:
            return [path.name for path in (self.root / directory).iterdir()]
        except OSError:
            return []

    def mode(self, path: PurePosixPath) -> Optional[int]:
        try:
            return (self.root / path).stat().st_mode & 0o7777
        except OSError:
            return None

    def is_masked(self, unit: str) -> bool:
        link = self.root / "etc/systemd/system" / unit
        return link.is_symlink() and str(link.readlink()) == os.devnull

    def refusal_of_value(self, path: PurePosixPath) -> Optional[OSError]:
        """Whether the kernel lets us set this; asks without setting."""
        try:
            os.close(os.open(self.root / path, os.O_WRONLY))
        except OSError as error:
            return error
        return None

    def refusal_of_file(self, path: PurePosixPath) -> Optional[OSError]:
        parent = (self.root / path).parent
        while not parent.exists():
            parent = parent.parent
        if os.access(parent, os.W_OK):
            return None
        read_only = os.statvfs(parent).f_flag & os.ST_RDONLY
        code = errno.EROFS if read_only else errno.EACCES
        return OSError(code, os.strerror(code), str(parent))

    def set_value(self, path: PurePosixPath, value: str) -> None:
        (self.root / path).write_text(f"{value}\n", encoding="ascii")

    def write_file(self, path: PurePosixPath, text: str) -> None:
        target = self.root / path
        if target.is_symlink():  # to /dev/null, for one: then the file behind it is not ours
            target.unlink()
        files.write(files.Target(str(target), FILE_MODE), text)

    def remove_file(self, path: PurePosixPath) -> None:
        (self.root / path).unlink()


FILE_MODE = 0o644
_SELECTED = re.compile(r"\[([^\]]+)\]")


def value_in_force(machine: Machine, path: PurePosixPath) -> Optional[str]:
    """'4096'; of 'always [madvise] never' the one in brackets."""
    text = machine.read(path)
    if text is None:
        return None
    selected = _SELECTED.search(text)
    return selected.group(1) if selected else text.strip()


def container_name(machine: Machine) -> str:
    """'podman', 'docker', 'lxc' ...; '' on a machine that has a kernel of its own."""
    told_by_systemd = machine.read(PurePosixPath("run/systemd/container"))
    if told_by_systemd:
        return told_by_systemd.strip()
    if machine.exists("run/.containerenv"):
        return "podman"
    if machine.exists(".dockerenv"):
        return "docker"
    for variable in (machine.read(PurePosixPath("proc/1/environ")) or "").split("\0"):
        if variable.startswith("container="):
            return variable[len("container=") :]
    return ""


# --- what a boot will set --------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class BootValue:
    value: str
    file: PurePosixPath


BootValues = dict[PurePosixPath, BootValue]


def values_at_boot(machine: Machine, boot: Boot) -> BootValues:
    return _read_sysctl(machine, _drop_ins(machine, SYSCTL)) if boot is SYSCTL else _read_tmpfiles(machine)


def _drop_ins(machine: Machine, boot: Boot) -> list[PurePosixPath]:
    """In order of name; a name in a stronger directory hides the same name in a weaker one."""
    strongest: dict[str, PurePosixPath] = {}
    for directory in boot.directories:
        for name in machine.names(directory):
            if name.endswith(".conf"):
                strongest.setdefault(name, PurePosixPath(directory, name))
    return [strongest[name] for name in sorted(strongest)]


def _read_sysctl(machine: Machine, files: Iterable[PurePosixPath]) -> BootValues:
    found = {}
    for file in files:
        for path, value in parse_sysctl(machine.read(file) or ""):
            found[path] = BootValue(value, file)
    return found


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


def _read_tmpfiles(machine: Machine) -> BootValues:
    # Tried with systemd 252 and 257: of lines with the same path the first counts, w+ or not; a pattern that matches
    # the path is another path; and all of them are written in the order in which they came.
    written: dict[str, BootValue] = {}
    for file in _drop_ins(machine, TMPFILES):
        for path, value in parse_tmpfiles(machine.read(file) or ""):
            written.setdefault(path, BootValue(value, file))
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


def _nothing_applies(machine: Machine, boot: Boot) -> str:
    """'' where something reads our file at boot, otherwise why nothing does."""
    if machine.exists("run/systemd/system"):
        return f"{boot.unit} is masked" if machine.is_masked(boot.unit) else ""
    sysv = machine.exists("run/initctl") and any(name.endswith("procps") for name in machine.names("etc/rcS.d"))
    if boot is SYSCTL and sysv:
        return ""
    return "no systemd here: nothing applies it at boot"


# --- plan and apply --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class FileChange:
    path: PurePosixPath
    before: Optional[str]
    after: Optional[str]
    before_mode: Optional[int] = None

    def __str__(self) -> str:
        if self.before is None:
            return f"/{self.path}: created"
        if self.after is None:
            return f"/{self.path}: removed"
        if self.before == self.after:
            return f"/{self.path}: mode {self.before_mode:04o} -> {FILE_MODE:04o}"
        return f"/{self.path}: updated"


@dataclass(frozen=True)
class LiveChange:
    path: PurePosixPath
    name: str
    before: str
    after: str

    def __str__(self) -> str:
        return f"{self.name}: {self.before} -> {self.after}"


@dataclass(frozen=True)
class Plan:
    files: Sequence[FileChange]
    live: Sequence[LiveChange]

    def without(self, paths: Mapping[PurePosixPath, OSError]) -> Plan:
        return Plan(
            tuple(change for change in self.files if change.path not in paths),
            tuple(change for change in self.live if change.path not in paths),
        )

    def __bool__(self) -> bool:
        return bool(self.files or self.live)

    def as_diff(self) -> list[dict[str, str]]:
        diff = []
        for change in self.files:
            header = f"/{change.path}"
            if change.before == change.after:
                diff.append({"prepared": f"{change}\n"})
                continue
            texts = {"before": change.before or "", "after": change.after or ""}
            diff.append({"before_header": header, "after_header": header, **texts})
        if self.live:
            texts = {
                "before": "".join(f"{change.name} = {change.before}\n" for change in self.live),
                "after": "".join(f"{change.name} = {change.after}\n" for change in self.live),
            }
            header = "kernel, values in force"
            diff.append({"before_header": header, "after_header": header, **texts})
        return diff


Refusals = dict[PurePosixPath, OSError]


def plan(machine: Machine, wanted: Wanted) -> Plan:
    """Everything that is not yet as wanted, whether or not this machine will allow it."""
    targets = _targets(machine, wanted)
    texts = {
        SYSCTL.ours: _render_sysctl([(knob, targets[knob]) for knob in wanted.knobs if knob.boot is SYSCTL]),
        TMPFILES.ours: _render_tmpfiles([knob for knob in wanted.knobs if knob.boot is TMPFILES]),
    }
    changed_files = []
    for path, after in texts.items():
        before, mode = machine.read(path), machine.mode(path)
        if before != after or (after is not None and mode != FILE_MODE):
            changed_files.append(FileChange(path, before, after, mode))
    live = []
    for knob in wanted.knobs:
        value = value_in_force(machine, knob.path)
        if value is not None and not knob.accepts(value):
            live.append(LiveChange(knob.path, knob.name, value, targets[knob]))
    return Plan(tuple(changed_files), tuple(live))


def _targets(machine: Machine, wanted: Wanted) -> dict[Knob, str]:
    """What our file shall say. For a floor: never less than what this host has, or than another file gives it."""
    ours = _read_sysctl(machine, [SYSCTL.ours])
    others = _read_sysctl(machine, [file for file in _drop_ins(machine, SYSCTL) if file != SYSCTL.ours])
    targets = {}
    for knob in wanted.knobs:
        targets[knob] = knob.want
        if knob.floor:
            persisted = ours.get(knob.path)
            kept = (
                persisted.value
                if persisted and knob.accepts(persisted.value)
                else value_in_force(machine, knob.path) or "0"
            )
            elsewhere = others[knob.path].value if knob.path in others else "0"
            targets[knob] = str(max(int(knob.want), _number(kept), _number(elsewhere)))
    return targets


HEADER = "# Written by Ansible (role redis_host); the next run undoes changes made here.\n"


def _render_sysctl(values: Sequence[tuple[Knob, str]]) -> Optional[str]:
    if not values:
        return None
    blocks = []
    for knob, value in values:
        note = f"# At least {knob.want} is asked for; a higher value of this host is kept.\n" if knob.floor else ""
        blocks.append(f"\n# {knob.why}\n# {knob.source}\n{note}{knob.name} = {value}\n")
    return HEADER + "".join(blocks)


def _render_tmpfiles(knobs: Sequence[Knob]) -> Optional[str]:
    if not knobs:
        return None
    return HEADER + "".join(f"\n# {knob.why}\n# {knob.source}\nw /{knob.path} - - - - {knob.want}\n" for knob in knobs)


# what a container says when it may not; anything else a write says is a failure
NOT_ALLOWED = (errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOENT)


def refusals(machine: Machine, wanted: Wanted) -> Refusals:
    """What this machine will not let us change, asked without changing anything."""
    asked: list[tuple[PurePosixPath, Callable[[PurePosixPath], Optional[OSError]]]] = [
        *((knob.path, machine.refusal_of_value) for knob in wanted.knobs),
        *((boot.ours, machine.refusal_of_file) for boot in (SYSCTL, TMPFILES)),
    ]
    return {path: error for path, ask in asked for error in [ask(path)] if error is not None}


def apply(machine: Machine, planned: Plan) -> Refusals:
    """Files first: should the run die between, the next boot is right. Returns what was refused all the same."""
    refused: Refusals = {}
    for file in planned.files:
        error = _attempt(_put_file, machine, file)
        if error is None:
            continue
        if error.errno not in NOT_ALLOWED:
            raise ApplyFailed(f"/{file.path}: {error.strerror}; the file is as it was")
        refused[file.path] = error
    for change in planned.live:
        error = _attempt(machine.set_value, change.path, change.after)
        if error is not None:
            refused[change.path] = error
    return refused


def _put_file(machine: Machine, change: FileChange) -> None:
    if change.after is None:
        machine.remove_file(change.path)
    else:
        machine.write_file(change.path, change.after)


def _attempt(effect: Callable[..., None], *arguments: Any) -> Optional[OSError]:
    try:
        effect(*arguments)
    except OSError as error:
        return error
    return None


# --- the verdict -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Outcome:
    done: Plan
    findings: Sequence[Finding]
    container: str

    def as_result(self) -> dict[str, Any]:
        return {
            "changed": bool(self.done),
            "changes": [str(change) for change in (*self.done.files, *self.done.live)],
            "container": self.container,
            "diff": self.done.as_diff(),
            "findings": as_records(self.findings),
        }


def converge(machine: Machine, wanted: Wanted, *, check: bool) -> Outcome:
    """Plan, apply unless `check`, and judge what is then in force."""
    refused = refusals(machine, wanted)
    planned = plan(machine, wanted).without(refused)
    if not check:
        refused.update(apply(machine, planned))
    container = container_name(machine)
    judge = Judge(machine, refused, container, check)
    return Outcome(planned.without(refused), tuple(judge.findings(wanted)), container)


Verdict = tuple[Status, str, str]  # status, actual, remedy


@dataclass(frozen=True)
class Judge:
    """Reads the machine again, and says what is true of it."""

    machine: Machine
    refused: Refusals
    container: str
    check: bool

    def findings(self, wanted: Wanted) -> Iterator[Finding]:
        for knob in wanted.knobs:
            yield self.now(knob)
            yield self.after_reboot(knob)
        if wanted.huge_pages_unmanaged:
            yield self.huge_pages_left_alone()
        yield from self.open_files(wanted.open_files)
        yield self.swap()

    @property
    def here(self) -> str:
        return f"this container ({self.container})" if self.container else "this host"

    @property
    def owed(self) -> str:
        return "run without --check" if self.check else "see the reason, then run again"

    def now(self, knob: Knob) -> Finding:
        identity = (f"kernel.{knob.name}", f"{knob.name} now")
        status, actual, remedy = self._now(knob)
        return Finding(*identity, status, knob.expected, actual, knob.reason, remedy)

    def _now(self, knob: Knob) -> Verdict:
        value = value_in_force(self.machine, knob.path)
        refusal = self.refused.get(knob.path)
        if value is None:
            return Status.SKIP, f"{self.here} has no /{knob.path}", self._elsewhere(knob)
        if knob.accepts(value):
            return Status.PASS, value, ""
        if refusal is None:
            return Status.FAIL, value, self.owed
        if refusal.errno in NOT_ALLOWED:
            return Status.SKIP, f"{value}; {self._may_not(knob, refusal)}", self._elsewhere(knob)
        return Status.FAIL, f"{value}; the kernel refused the new value: {refusal.strerror}", self.owed

    def after_reboot(self, knob: Knob) -> Finding:
        identity = (f"kernel.{knob.name}.boot", f"{knob.name} after a reboot")
        status, actual, remedy = self._after_reboot(knob)
        return Finding(*identity, status, knob.expected, actual, knob.reason, remedy)

    def _after_reboot(self, knob: Knob) -> Verdict:
        refusal = self.refused.get(knob.path)
        if refusal is not None and refusal.errno in NOT_ALLOWED:
            return Status.SKIP, self._may_not(knob, refusal), self._elsewhere(knob)
        found = values_at_boot(self.machine, knob.boot).get(knob.path)
        if found is None or not knob.accepts(found.value):
            return self._wrong_after_reboot(knob, found)
        gap = _nothing_applies(self.machine, knob.boot)
        if gap:
            return Status.WARN, f"/{found.file} sets {found.value}; {gap}", knob.boot.remedy_without
        late = _read_sysctl(self.machine, [SYSCTL_CONF]).get(knob.path)
        if late and not knob.accepts(late.value):
            # systemd reads this file only where a link in sysctl.d points to it; procps always does, and last
            status = Status.WARN if self.machine.exists("run/systemd/system") else Status.FAIL
            actual = f"/{late.file} sets {late.value}, and 'sysctl --system' reads it last"
            return status, actual, self._take_out(knob, late)
        return Status.PASS, f"{found.value} from /{found.file}", ""

    def _wrong_after_reboot(self, knob: Knob, found: Optional[BootValue]) -> Verdict:
        actual = f"/{found.file} sets {found.value}" if found else "no file sets it"
        if knob.boot.ours in self.refused:
            status = Status.SKIP if self.container else Status.FAIL
            reason = self.refused[knob.boot.ours].strerror
            return status, f"{actual}; /{knob.boot.ours} cannot be written: {reason}", "make it writable"
        if found is None or found.file == knob.boot.ours:
            return Status.FAIL, actual, self.owed
        return Status.FAIL, actual, self._take_out(knob, found)

    def _may_not(self, knob: Knob, refusal: OSError) -> str:
        return f"{self.here} may not set {knob.name}: {refusal.strerror}"

    def _elsewhere(self, knob: Knob) -> str:
        if self.container and knob.name.startswith("net."):
            # these are the container's own: the same command on its host would change the host alone
            return f"start the container with --sysctl {knob.name}={knob.want}"
        is_sysctl = knob.boot is SYSCTL
        command = f"sysctl -w {knob.name}={knob.want}" if is_sysctl else f"echo {knob.want} > /{knob.path}"
        return f"set it on the container's host: {command}" if self.container else f"ask whoever runs it: {command}"

    def _take_out(self, knob: Knob, found: BootValue) -> str:
        return f"take {knob.name} out of /{found.file}"

    def huge_pages_left_alone(self) -> Finding:
        value = value_in_force(self.machine, HUGE_PAGES_PATH)
        status = {None: Status.SKIP, "always": Status.WARN}.get(value, Status.PASS)
        remedy = "set transparent_hugepage to never" if status is Status.WARN else ""
        identity = (f"kernel.{HUGE_PAGES}", f"{HUGE_PAGES} now, left alone as asked")
        actual = value or f"{self.here} has no /{HUGE_PAGES_PATH}"
        return Finding(*identity, status, "madvise or never", actual, HUGE_PAGES_WHY, remedy)

    def open_files(self, need: int) -> Iterator[Finding]:
        why = "Redis lowers maxclients by itself when it gets fewer files than maxclients + 32 (guide 3.1)"
        for name in ("fs.nr_open", "fs.file-max"):
            path = PurePosixPath("proc/sys", *name.split("."))
            value = value_in_force(self.machine, path)
            enough = value is not None and _number(value) >= need
            status = Status.PASS if enough else Status.SKIP if value is None else Status.FAIL
            remedy = "" if enough else f"raise it (sysctl -w {name}=...), or lower maxclients"
            actual = value or f"{self.here} has no /{path}"
            yield Finding(f"kernel.{name}", f"{name} now", status, f"at least {need}", actual, why, remedy)

    def swap(self) -> Finding:
        memory = dict(
            re.findall(r"^(\w+):\s+(\d+) kB", self.machine.read(PurePosixPath("proc/meminfo")) or "", re.MULTILINE)
        )
        swap, ram = int(memory.get("SwapTotal", 0)), int(memory.get("MemTotal", 0))
        status = Status.PASS if swap else Status.SKIP
        actual = f"{swap // 1024} MiB of swap, {ram // 1024} MiB of RAM"
        why = "With swap a peak is slow; without it the kernel kills Redis (Redis documentation, administration)"
        remedy = "" if swap else "none is made here; keep maxmemory well below the RAM, or add swap"
        return Finding("kernel.swap", "swap", status, "some, about as much as RAM", actual, why, remedy)


def _number(text: str) -> int:
    """-1 for what is not a number: it satisfies no floor."""
    return int(text) if re.fullmatch(r"[0-9]+", text) else -1
