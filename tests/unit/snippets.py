"""Every piece of input that the documents show: fenced blocks, commands and variables in backticks, EXAMPLES of modules.

A fence says what it holds: `yaml`, `json`, `sh` (commands for a shell), `redis` (commands for a server), `ini` (ansible.cfg)
are input, which is checked; `text` is output or a drawing, which is not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from specs import MODULES, ROOT, module_at

INPUT = ("yaml", "json", "sh", "redis", "ini")
OUTPUT = "text"
MADE = {"reports", "node_modules"}  # by commands, not by people


@dataclass(frozen=True)
class Snippet:
    """A piece of a file, of one of the kinds of INPUT. line: where it begins, counted from 1."""

    path: Path
    line: int
    kind: str
    text: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(ROOT)}:{self.line}"


def documents() -> list[Path]:
    """Every page that people have written."""

    def ours(path: Path) -> bool:
        folders = path.relative_to(ROOT).parts[:-1]
        return not any(name in MADE or (name.startswith(".") and name != ".github") for name in folders)

    return sorted(path for path in ROOT.rglob("*.md") if ours(path))


def fenced(path: Path) -> Iterator[Snippet]:
    """Every fenced block of a page. kind: the word behind the fence, '' where there is none."""
    opened: Snippet | None = None
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if not line.startswith("```"):
            if opened:
                opened = Snippet(path, opened.line, opened.kind, f"{opened.text}{line}\n")
        elif opened:
            yield opened
            opened = None
        else:
            opened = Snippet(path, number + 1, line[3:].strip(), "")
    assert opened is None, f"{path}: a fence is not closed"


def without_fences(path: Path) -> str:
    """The page with an empty line for each line of a block, so that lines keep their numbers."""
    text = path.read_text(encoding="utf-8")
    return re.sub(r"^```.*?^```$", lambda block: "\n" * block[0].count("\n"), text, flags=re.MULTILINE | re.DOTALL)


def indented(path: Path) -> list[int]:
    """The lines on which a block begins that is marked by four blanks, which says nothing of what it holds."""
    lines = without_fences(path).splitlines()
    return [
        number
        for number, line in enumerate(lines, start=1)
        if line.startswith("    ") and not "".join(lines[number - 2 : number - 1])
    ]


def in_backticks(path: Path) -> Iterator[Snippet]:
    """Every piece of code in the text of a page. kind: yaml for variables of a role, sh for all else."""
    text = without_fences(path)
    for found in re.finditer(r"(?<!`)`([^`]+)`(?!`)", text):
        code = " ".join(found[1].split()).replace("\\|", "|")
        kind = "yaml" if re.match(r"redis_(server|host|drift|loadtest)_\w+: ", code) else "sh"
        yield Snippet(path, text.count("\n", 0, found.start()) + 1, kind, code)


def of_modules() -> list[Snippet]:
    """The EXAMPLES of each module."""
    return [Snippet(path, 1, "yaml", module_at(path).EXAMPLES) for path in MODULES]


def of_playbooks() -> Iterator[Snippet]:
    """The commands at the head of each playbook."""
    for path in sorted((ROOT / "playbooks").glob("*.yml")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if found := re.match(r"#\s+(ansible-playbook .*?)(?:  .*)?$", line):
                yield Snippet(path, number, "sh", found[1])
