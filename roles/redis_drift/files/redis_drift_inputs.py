"""What a scheduled check reads that decides what it runs: what was named to it, the project, its Python, its plugins.

Only the standard library: it is installed beside the runner, and works where Ansible does not.
"""

from __future__ import annotations

import configparser
import contextlib
import os
import pwd
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

# Of the project, by their names at its top: nothing of a check reads them. All else counts.
NOT_READ = {".cache", ".git", ".hypothesis", ".mypy_cache", ".pytest_cache", ".ruff_cache", "reports"}
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"  # where the job finds programs
SYSTEM = Path("/usr/share/ansible")  # ansible-core looks there for collections and plugins, whatever its settings say
# Options of ansible-playbook whose directories are read whole, as argparse may abbreviate them, and such settings.
TREES = ("-i", "--inv", "-M", "--mod")
TREE_SETTINGS = re.compile(r"_paths?$|_plugins$|^(inventory|library|module_utils)$")
# Letters of ansible-playbook without a value, then one with, and its value: -i/etc/hosts, -vvCi/etc/hosts
_GLUED = re.compile(r"-[vCDbkKJ]*([ieMtlfcusT])(.+)", re.DOTALL)
_WORDS = re.compile(r"""[^\s"'=:,;@{}\[\]]+""")


@dataclass(frozen=True)
class Input:
    """path: absolute, as it was named. tree: everything below it is read, too.

    kind: 'project'; 'python'; 'given', named on a command line or in ansible.cfg; 'beside', read as it lies beside one
    that is given; 'hook', of the command for notifications; 'own', of the schedule itself; 'link', what a link in a tree
    leads to, and `link` is that.
    """

    path: Path
    tree: bool = False
    kind: str = "given"
    link: Path = Path("/")


@dataclass(frozen=True)
class Job:
    """user: the account that runs it. project: where it starts. command: ansible-playbook and its words. hook: the command
    for notifications. own: files and directories of the schedule itself, read whole. reports: the directory that it
    writes to, and whose last report it reads.
    """

    user: str
    project: str
    command: Sequence[str]
    hook: Sequence[str] = ()
    own: Sequence[str] = ()
    reports: str = ""

    @property
    def home(self) -> str:
        """Of the account, as a ~ in a path means it."""
        return pwd.getpwnam(self.user).pw_dir


def of(job: Job, environment: Mapping[str, str]) -> list[Input]:
    """Everything that decides what the job runs, each once. environment: what the job gets from whoever starts it."""
    found = [
        Input(Path(job.project), tree=True, kind="project"),
        *(Input(Path(path), tree=Path(path).is_dir(), kind="own") for path in job.own),
        *([Input(Path(job.reports), kind="own")] if job.reports else []),
        *_of_python(job),
        *_of_words(job.command[1:], job),
        *_of_settings(job),
        *_of_hook(job),
        *(Input(Path(path)) for path in PATH.split(":")),
        Input(SYSTEM, tree=True),
    ]
    for name, value in environment.items():
        if name.startswith("ANSIBLE_") or name == "PYTHONPATH":
            found += _of_words([value], job, tree=True)
    return list(dict.fromkeys(found))


# --- command lines ----------------------------------------------------------------------------------------------------


def _of_words(words: Sequence[str], job: Job, *, tree: bool = False) -> Iterator[Input]:
    for before, word in zip(("", *words), words):
        glued = _GLUED.match(word)
        is_tree = (
            tree or before.startswith(TREES) or word.startswith(("--inv", "--mod")) or (glued and glued[1] in "iM")
        )
        for path in _paths(word, glued[2] if glued else "", job):
            yield Input(path, tree=bool(is_tree) and path.is_dir())
            if path.is_file():  # an inventory, perhaps
                beside = [path.parent / name for name in ("group_vars", "host_vars")]
                yield from (Input(place, tree=True, kind="beside") for place in beside if place.is_dir())
                yield from map(Input, _interpreter(path))


def _paths(word: str, glued: str, job: Job) -> Iterator[Path]:
    """The files and directories that a word names: those that are there, and those that somebody could put there.

    glued: what stands behind an option of one letter.
    """
    wholes = {word, word.partition("=")[2], word.partition("@")[2], word.partition("=")[2].partition("@")[2], glued}
    wholes.update(whole[1:] for whole in set(wholes) if whole.startswith("@"))
    for text in sorted({*wholes, *_WORDS.findall(word)} - {""}):
        path = Path(job.project, _expanded(text, job))
        is_named = text in wholes and text.startswith(("/", "~"))
        with contextlib.suppress(OSError, ValueError):  # no name of a file: too long, or with a NUL
            if path.is_symlink() or path.exists() or is_named:
                yield path


def _expanded(text: str, job: Job) -> str:
    """As Ansible reads a path, with the home of the account that runs it."""
    text = os.path.expandvars(text)
    if text == "~" or text.startswith("~/"):
        return job.home + text[1:]
    with contextlib.suppress(RuntimeError):  # nobody of that name
        return str(Path(text).expanduser())
    return text


def _of_hook(job: Job) -> Iterator[Input]:
    for number, word in enumerate(job.hook):
        places = [Path("/", word)] if "/" in word or number else [Path(place, word) for place in PATH.split(":")]
        for path in places:
            with contextlib.suppress(OSError, ValueError):
                if path.is_file():
                    yield from (Input(place, kind="hook") for place in (path, *_interpreter(path)))


def _interpreter(script: Path) -> list[Path]:
    """The programs that the first line of a script names."""
    with contextlib.suppress(OSError), script.open("rb") as file:
        first = file.readline(1000)
        if first.startswith(b"#!"):
            return [Path(word) for word in os.fsdecode(first[2:]).split() if word.startswith("/")]
    return []


def _of_settings(job: Job) -> Iterator[Input]:
    """What ansible.cfg names."""
    parser = configparser.RawConfigParser(strict=False)
    with contextlib.suppress(configparser.Error, OSError, ValueError):  # ansible-playbook tells these better
        parser.read(Path(job.project, "ansible.cfg"))
    for section in parser.sections():
        for name, value in parser.items(section):
            yield from _of_words([value], job, tree=bool(TREE_SETTINGS.search(name)))


# --- Python -----------------------------------------------------------------------------------------------------------


def _of_python(job: Job) -> Iterator[Input]:
    """The program, its interpreter, and where that looks for modules outside the project."""
    program, venv = Path(job.project, job.command[0]), Path(job.project, ".venv")
    interpreters = [*_interpreter(program), *sorted(venv.glob("bin/python*"))]
    alone = all(map(_is_isolated, interpreters))
    yield from (Input(path, kind="python") for path in (program, *interpreters))
    for prefix in sorted({Path(os.path.realpath(path)).parent.parent for path in interpreters}):
        for library in (*prefix.glob("lib*/python3*"), *(() if alone else prefix.glob("local/lib/python3*"))):
            yield from _of_library(library, alone=alone)
    for listed in venv.glob("lib*/python3*/site-packages/*.pth"):
        with contextlib.suppress(OSError, ValueError):
            places = [listed.parent / line.strip() for line in listed.read_text().splitlines() if line.strip()]
            yield from (Input(place, tree=True, kind="python") for place in places if place.is_dir())


def _of_library(library: Path, *, alone: bool) -> Iterator[Input]:
    """alone: packages that were installed for this Python are not for this project."""
    yield Input(library, tree=not alone, kind="python")
    with contextlib.suppress(OSError):
        for entry in sorted(library.iterdir()) if alone else ():
            if entry.name not in ("site-packages", "dist-packages"):
                yield Input(entry, tree=entry.is_dir(), kind="python")


def _is_isolated(interpreter: Path) -> bool:
    with contextlib.suppress(OSError, ValueError):
        text = (interpreter.parent.parent / "pyvenv.cfg").read_text()
        return re.search(r"^include-system-site-packages\s*=\s*false", text, re.MULTILINE | re.IGNORECASE) is not None
    return False
