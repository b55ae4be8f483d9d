"""Say which inputs of the scheduled drift check somebody else could change, and what to type; one line for each.

A check of root runs what its inputs say: an inventory may hold a template that runs a command. So every file, and every
directory on the way to it from /, has to belong to root or to the account that runs the check, and nobody else may write
to it. A sticky directory such as /tmp is not enough: who comes first makes the name there.

What was looked at here may be another file when it is read. Only somebody who can write to a directory on the way could
do that, and this is what the walk from / excludes. That is why all of the way counts, and not the file alone.

Access control lists need no look of their own: where a file has one, the bits of its group in the mode are the mask, the
most that any further user or group may do (acl(5)). Rights that a server of NFS gives do not show in a mode.

Reads a job as JSON from standard input. exit status: 0 nobody can; 1 somebody can; 2 the job cannot be read.
"""

from __future__ import annotations

import contextlib
import grp
import json
import os
import pwd
import shlex
import stat
import sys
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.dont_write_bytecode = True  # where this is installed, only the playbook writes
from redis_drift_inputs import NOT_READ, PATH, Input, Job, of  # noqa: E402

KEPT = Path("/etc/redis-drift")  # where copies of single inputs go
PROJECT = Path("/opt/ansible-redis")  # where a copy of the project goes
MOST = 500_000  # entries of one tree
LINKS = 40  # on one way, as many as the kernel follows (path_resolution(7))


@dataclass(frozen=True)
class Exposed:
    """One input that somebody else could change. command: a command line that ends that. then: what to do after it."""

    path: Path
    why: str
    command: str
    then: str = ""

    def __str__(self) -> str:
        then = f"; then {self.then}" if self.then else ""
        return f"{shown(self.path)}: {self.why}; look at what it says, then type: {self.command}{then}"


def exposed(
    job: Job,
    environment: Mapping[str, str],
    kinds: Sequence[str] = (),
    *,
    kept: Path = KEPT,
    project: Path = PROJECT,
) -> list[Exposed]:
    """Every input of the job that somebody else could change. environment: what it gets from whoever starts it.

    kinds: of inputs, none for all. kept, project: where the remedies put copies. Raises KeyError for an account that is
    not there, and ValueError for a tree without an end.
    """
    look = _Look(job, {0, pwd.getpwnam(job.user).pw_uid}, kept, project)
    for item in of(job, environment):
        if not kinds or item.kind in kinds:
            look.at(item)
    return list(look.found.values())


@dataclass
class _Look:
    """found: by the path that has to be mended. trees: those that were looked at. copies: directory -> its copy."""

    job: Job
    trusted: set[int]
    kept: Path
    new_project: Path
    found: dict[Path, Exposed] = field(default_factory=dict)
    trees: set[Path] = field(default_factory=set)
    copies: dict[Path, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.project = Path(os.path.realpath(self.job.project))

    def at(self, item: Input) -> None:
        """The way to the input, itself, and what is in it."""
        try:
            real, way = walked(item.path)
        except OSError:
            return  # a circle of links, which nobody can read
        if not self._on_the_way(item, real, way) or item.kind == "project":
            self._in(item, real)

    def _on_the_way(self, item: Input, real: Path, way: Sequence[Path]) -> bool:
        """Whether the input has to go elsewhere, so that what is in it does not matter here."""
        # what leads to the project is told with the project, and moves with it
        inside = item.kind != "project" and real.is_relative_to(self.project)
        moves = item.kind == "python" and self.project in self.copies
        told = {self.project, *self.project.parents} if inside or moves else set()
        for place in way:
            if place in told or place in self.found or self._is_known(place) or not (why := self._why(place)):
                continue
            if _is_shared(place):
                self._add(item, real, f"{shown(place)} on the way to it {why}", self._moved(item, real))
                return True
            owner = f"chown root: {quoted(place)} && " if self._is_foreign(place) else ""
            self._add(Input(place), place, why, (f"{owner}chmod go-w {quoted(place)}", ""))
        return False

    def _in(self, item: Input, real: Path) -> None:
        """The input and what is below it, in one line."""
        if self._is_known(real) or real in self.trees:
            return
        if item.tree:
            self.trees.add(real)
        why, foreign = "", False
        for path in _entries(real, NOT_READ if real == self.project else set()) if item.tree else (real,):
            if path.is_symlink():
                self.at(self._behind(path))
            elif fault := self._why(path):
                foreign = foreign or self._is_foreign(path)
                why = why or (fault if path == real else f"{shown(path)} in it {fault}")
        if why and item.kind == "python" and not real.is_relative_to(self.project):
            self._add(item, real, why, self._moved(item, real))
        elif why:
            deep, name = "-R " if item.tree else "", quoted(real)
            owner = f"chown {deep}{self.job.user}: {name} && " if foreign else ""
            self._add(Input(real), real, why, (f"{owner}chmod {deep}go-w {name}", ""))

    def _behind(self, link: Path) -> Input:
        """What a link in a tree leads to. The way to the link is that of the tree."""
        kind = "python" if link.is_relative_to(self.project / ".venv") else "link"
        return Input(link.parent / link.readlink(), tree=link.is_dir(), kind=kind, link=link)

    def _is_known(self, path: Path) -> bool:
        """Whether it is in a tree that was looked at."""
        inside = path.relative_to(self.project).parts if path.is_relative_to(self.project) else ()
        return not (inside and inside[0] in NOT_READ) and not self.trees.isdisjoint(path.parents)

    def _is_foreign(self, path: Path) -> bool:
        return path.lstat().st_uid not in self.trusted

    def _why(self, path: Path) -> str:
        """Who else can change it; '' for nobody."""
        try:
            seen = path.lstat()
        except OSError:
            return ""  # nobody can put it there who cannot change the way to it
        if seen.st_uid not in self.trusted:
            return f"belongs to {_user(seen.st_uid)}"
        who = [f"group {_group(seen.st_gid)}"] * bool(seen.st_mode & 0o020) + ["anybody"] * bool(seen.st_mode & 0o002)
        return f"can be changed by {' and '.join(who)}, mode {stat.S_IMODE(seen.st_mode):04o}" if who else ""

    def _add(self, item: Input, path: Path, why: str, remedy: tuple[str, str]) -> None:
        """One line for each path, and one for all of Python, which is made anew."""
        key = self.project / ".venv" if item.kind == "python" else path
        trusted = "root" if self.job.user == "root" else f"root and {self.job.user}"
        self.found.setdefault(key, Exposed(path, f"{why}; expected that only {trusted} can change it", *remedy))

    def _moved(self, item: Input, real: Path) -> tuple[str, str]:
        """How to read it in a place where nobody else writes."""
        fresh = f"rm -rf {{0}}/.venv && PATH={PATH} make -C {{0}} runtime"
        if item.kind == "project":
            to = self.copies[self.project] = _free(self.new_project)
            copied = f"cp -aT {quoted(real)} {quoted(to)} && {self._owned(to)}"
            return f"{copied} && {fresh.format(quoted(to))}", f"run this again in {quoted(to)}"
        if item.kind == "python":
            return fresh.format(quoted(self._now(self.project))), ""
        if item.kind == "link":
            link, copy = quoted(self._now(item.link)), quoted(f"{self._now(item.link)}.copy")
            replaced = f"cp -rLT {quoted(real)} {copy} && rm {link} && mv -T {copy} {link}"
            return f"{replaced} && {self._owned(self._now(item.link))}", ""
        parent = self.copies.get(real.parent) or _free(self.kept / (real.parent.name or "inputs"), self.copies.values())
        self.copies[real.parent] = parent
        to = parent / real.name
        made = f"install -d -m 0755 {quoted(parent)}"
        if not real.exists():
            return made, f"give {quoted(to)} in its place, and put it there"
        then = "" if item.kind == "beside" else f"give {quoted(to)} in its place"
        return f"{made} && cp -rLT {quoted(real)} {quoted(to)} && {self._owned(to)}", then

    def _now(self, path: Path) -> Path:
        """Where a path of the project is after the project has moved."""
        new = self.copies.get(self.project)
        return new / path.relative_to(self.project) if new and path.is_relative_to(self.project) else path

    def _owned(self, path: Path) -> str:
        return f"chown -R {self.job.user}: {quoted(path)} && chmod -R go-w {quoted(path)}"


# --- files ------------------------------------------------------------------------------------------------------------


def walked(path: Path) -> tuple[Path, list[Path]]:
    """Where a path leads, and every directory on the way to it from /. A link is followed; the directory that holds it is
    on the way, and what it belongs to does not matter, as nobody changes a link but by making another.

    Raises OSError for a circle of links.
    """
    at, way, links = Path("/"), [Path("/")], 0
    todo = list(reversed(path.parts))
    while todo:
        name = todo.pop()
        if name == "/":
            at = Path("/")
        elif name == "..":
            at = at.parent
        elif (here := at / name).is_symlink():
            links += 1
            if links > LINKS:
                raise OSError(f"{path}: a circle of links")
            todo += reversed(here.readlink().parts)
        else:
            at = here
            way += [at] if todo else []
    return at, list(dict.fromkeys(way))


def _entries(top: Path, skip: set[str]) -> Iterator[Path]:
    """The top and everything below it, links not followed. Raises ValueError where that has no end."""
    yield top
    count = 0
    for at, directories, names in os.walk(top):
        if at == str(top):
            directories[:] = [name for name in directories if name not in skip]
        count += len(directories) + len(names)
        if count > MOST:
            raise ValueError(f"{shown(top)}: more than {MOST} files; expected an inventory or a project; name another")
        yield from (Path(at, name) for name in directories + names)


def _is_shared(directory: Path) -> bool:
    """Whether it is anybody's, as /tmp is, or somebody's home: not to be taken away from them."""
    seen = directory.stat()
    with contextlib.suppress(KeyError):
        if directory.is_relative_to(os.path.realpath(pwd.getpwuid(seen.st_uid).pw_dir)) and seen.st_uid != 0:
            return True
    return bool(seen.st_mode & 0o002) or directory.is_relative_to("/home")


def _free(path: Path, taken: Collection[Path] = ()) -> Path:
    """The path, or one like it that is not there yet."""
    number, name = 1, path
    while name in taken or name.exists():
        number += 1
        name = path.with_name(f"{path.name}-{number}")
    return name


# --- words ------------------------------------------------------------------------------------------------------------


def _user(uid: int) -> str:
    with contextlib.suppress(KeyError):
        return shown(pwd.getpwuid(uid).pw_name)
    return f"uid {uid}"


def _group(gid: int) -> str:
    with contextlib.suppress(KeyError):
        return shown(grp.getgrgid(gid).gr_name)
    return str(gid)


def shown(path: object) -> str:
    """Without what a terminal acts on."""
    return "".join(char if char.isprintable() else "\ufffd" for char in str(path))


def quoted(path: object) -> str:
    """As one word of a shell. What cannot be shown is written as bash reads it in $'...'."""
    text = str(path)
    if text.isprintable():
        return shlex.quote(text)
    return "$'" + "".join(f"\\{byte:03o}" for byte in os.fsencode(text)) + "'"


def main() -> int:
    try:
        found = exposed(Job(**json.load(sys.stdin)), {})
    except (OSError, ValueError, TypeError, KeyError) as error:
        print(f"the inputs cannot be looked at: {error}", file=sys.stderr)
        return 2
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
