"""What is wrong with a command that a document shows. Nothing of it is run but the --help of this project's programs.

A word in capitals, such as HOST, stands for what the reader has.
"""

from __future__ import annotations

import functools
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ansible.cli import CLI
from ansible.cli.doc import DocCLI
from ansible.cli.galaxy import GalaxyCLI
from ansible.cli.playbook import PlaybookCLI
from ansible.cli.vault import VaultCLI
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from specs import COLLECTION, ROLES, ROOT, specs

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
TARGETS = dict(re.findall(r"^([a-z-]+):(?!=).*\n((?:\t.*\n)*)", MAKEFILE, re.MULTILINE))
TARGETS.update(dict.fromkeys(re.search(r"^SETUPS := (.*)$", MAKEFILE, re.MULTILINE)[1].split(), ""))
PROGRAMS = [ROOT / "roles" / name / "files" for name in ("redis_drift", "redis_loadtest")]
SHELL = {"for", "do", "done", "cd"}
# Programs that are not this project's, so that a name mistyped is found. test_runner.py runs what is shown of the first two.
OTHERS = {"ansible-builder", "ansible-runner", "git", "k6", "setfacl", "ssh", "sudo", "useradd"}
OF_THE_READER = "site.yml"  # a playbook of the reader's own
VARIABLES = {name: spec for role in ROLES for name, spec in specs(role).items()}


def stands_for_something(word: str) -> bool:
    """Whether a word is one that the reader replaces."""
    return re.fullmatch(r"[A-Z][A-Z_]*(/[A-Z_]+)*", word) is not None


def commands(script: str) -> Iterator[list[str]]:
    """The words of each command of a script, without assignments before them and words such as `do`."""
    for line in re.sub(r"\\\n", " ", script).splitlines():
        words: list[str] = []
        for word in [*_words(line), ";"]:
            if re.fullmatch(r"[;&|]+", word):
                if words and words[0] != "for":
                    yield words
                words = []
            elif words or not (word in ("do", "then") or re.match(r"\w+=", word)):
                words.append(word)


def _words(line: str) -> list[str]:
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";&|")
    lexer.whitespace_split = True
    return list(lexer)


def problems(script: str, beside: Path = ROOT) -> list[str]:
    """One line for everything that is wrong. beside: the directory of the document, where paths may begin as well."""
    in_comments = "\n".join(re.findall(r"#(?: |.*: )((?:make|ansible-playbook) .*)$", script, re.MULTILINE))
    return [problem for words in commands(f"{script}\n{in_comments}") for problem in problems_of_words(words, beside)]


def is_ours(text: str) -> bool:
    """Whether a piece of code in a text is a command of this project, and more than the name of a program."""
    words = text.split()
    name = words[0].removeprefix(".venv/bin/") if words else ""
    return len(words) > 1 and (name in JUDGES or _program(name) is not None)


def problems_of_words(words: Sequence[str], beside: Path = ROOT) -> list[str]:
    """The same for one command, as a list of its words."""
    name = words[0].removeprefix(".venv/bin/")
    if name in JUDGES:
        return list(JUDGES[name](words[1:], beside))
    if "/" in name or name.endswith(".py") or _program(name):
        return list(_of_program(words, beside))
    return [] if name in SHELL | OTHERS else [f"{name}: no program of this project, nor a known one of others"]


# --- make -------------------------------------------------------------------------------------------------------------


def _make(words: Sequence[str], beside: Path) -> Iterator[str]:
    words = [word for word in words if word != "..."]
    if words[:1] == ["-C"]:
        words = words[2:]
    targets = [word for word in words if "=" not in word]
    yield from (f"make {word}: no such target" for word in targets if word not in TARGETS)
    recipes = "".join(TARGETS.get(word, "") for word in targets)
    for word in words:
        name, given, value = word.partition("=")
        if given and name not in ("PYTHON", *re.findall(r"\$\((\w+)\)", recipes)) and name != "REASON":
            yield f"make {' '.join(targets)}: nothing in it uses {name}"
        if name == "ARGS":
            [playbook] = re.findall(r"ansible-playbook (\S+)", recipes)
            yield from _ansible_playbook([playbook, *_words(value)], beside)
        if name == "SCENARIO" and not (ROOT / "molecule" / value / "molecule.yml").exists():
            yield f"make {' '.join(targets)}: no scenario {value}"


# --- Ansible ----------------------------------------------------------------------------------------------------------


class _Refused(Exception):
    """What a parser of options does not take."""


def _parsed(kind: type[CLI], name: str, words: Sequence[str]) -> object:
    """The options as the program itself reads them. Raises _Refused."""
    cli = kind([name, *words])
    cli.init_parser()

    def refuse(message: str) -> None:
        raise _Refused(message)

    for parser in [cli.parser, *_below(cli.parser)]:
        parser.error = refuse
    return cli.parser.parse_args(list(words))


def _below(parser: object) -> list[object]:
    return [
        found for action in parser._actions if isinstance(action.choices, dict) for found in action.choices.values()
    ]


def _ansible_playbook(words: Sequence[str], beside: Path) -> Iterator[str]:
    words = [word for word in words if word != "..."]
    try:
        options = _parsed(PlaybookCLI, "ansible-playbook", words)
    except _Refused as refused:
        yield f"ansible-playbook {' '.join(words)}: {refused}"
        return
    files = {name: _playbook(name) for name in options.args if name != OF_THE_READER}
    texts = [path.read_text(encoding="utf-8") for path in files.values() if path.is_file()]
    yield from (f"ansible-playbook {name}: no such playbook" for name, path in files.items() if not path.is_file())
    for place in options.inventory or []:
        if not stands_for_something(place) and not any((at / place).exists() for at in (ROOT, beside)):
            yield f"-i {place}: no such inventory"
        opened = options.ask_vault_pass or options.vault_password_files or options.vault_ids
        if _is_vaulted(ROOT / place) and not opened:
            yield f"-i {place}: is vaulted, and nothing opens it; add --ask-vault-pass"
    for given in options.extra_vars or []:
        yield from _extra(given, "".join(texts))


def _playbook(name: str) -> Path:
    """The file of a playbook, by its path or by its name in the collection."""
    in_collection = name.removeprefix(f"{COLLECTION}.")
    return ROOT / name if in_collection == name else ROOT / "playbooks" / f"{in_collection}.yml"


def _is_vaulted(inventory: Path) -> bool:
    files = [path for path in inventory.rglob("*.yml") if path.is_file()]
    return any(path.read_text(encoding="utf-8").startswith("$ANSIBLE_VAULT") for path in files)


def of_extra_variables(words: str) -> list[str]:
    """The same for `-e NAME=VALUE` without its command."""
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "playbooks").glob("*.yml")]
    return [problem for word in _words(words) if word != "-e" for problem in _extra(word, "".join(texts))]


def _extra(given: str, playbooks: str) -> Iterator[str]:
    """given: what stands behind -e. playbooks: their text, which may have variables of its own."""
    if given.startswith("@"):
        return  # a file of the reader's
    try:
        values = json.loads(given) if given.startswith("{") else dict(word.split("=", 1) for word in shlex.split(given))
    except ValueError:
        yield f"-e {given}: is neither NAME=VALUE nor JSON"
        return
    for name, value in values.items():
        if name not in VARIABLES:
            if not re.search(rf"\{{\{{ {name}\b", playbooks):
                yield f"-e {name}: neither a role nor the playbook has this variable"
        elif not (isinstance(value, str) and stands_for_something(value)):
            checked = ArgumentSpecValidator({name: VARIABLES[name]}).validate({name: value})
            yield from (f"-e {given}: {message}" for message in checked.error_messages)


def _ansible_vault(words: Sequence[str], beside: Path) -> Iterator[str]:
    try:
        options = _parsed(VaultCLI, "ansible-vault", words)
    except _Refused as refused:
        yield f"ansible-vault {' '.join(words)}: {refused}"
        return
    for name in options.args:
        if not any((at / name).is_file() for at in (ROOT, beside)):
            yield f"ansible-vault: no file {name}"


def _ansible_galaxy(words: Sequence[str], _: Path) -> Iterator[str]:
    try:
        _parsed(GalaxyCLI, "ansible-galaxy", words)
    except _Refused as refused:
        yield f"ansible-galaxy {' '.join(words)}: {refused}"


def _ansible_doc(words: Sequence[str], _: Path) -> Iterator[str]:
    try:
        options = _parsed(DocCLI, "ansible-doc", words)
    except _Refused as refused:
        yield f"ansible-doc {' '.join(words)}: {refused}"
        return
    place = "roles" if options.type == "role" else "library"
    for name in options.args:
        if not list((ROOT / place).glob(f"{name.removeprefix(f'{COLLECTION}.')}*")):
            yield f"ansible-doc: nothing in {place}/ is called {name}"


# --- programs ---------------------------------------------------------------------------------------------------------


def _pytest(words: Sequence[str], _: Path) -> Iterator[str]:
    for word in words:
        if "/" in word and not (ROOT / word.partition("::")[0]).exists():
            yield f"pytest {word}: no such file"


def _program(name: str) -> Path | None:
    """The file of a program of this project: by its path, or as what it is called where a role puts it."""
    if "/" in name:
        found = ROOT / name
        if (found / "__main__.py").is_file():
            return found / "__main__.py"
        return found if found.is_file() and (found.suffix == ".py" or found.stat().st_mode & 0o100) else None
    files = [place / f"{name.removesuffix('.py').replace('-', '_')}.py" for place in PROGRAMS]
    return next((path for path in files if path.is_file()), None)


def _of_program(words: Sequence[str], _: Path) -> Iterator[str]:
    path = _program(words[0])
    if path is None:
        yield f"{words[0]}: no such program"
        return
    options = [word.partition("=")[0] for word in words[1:] if word.startswith("-")]
    if options:
        known = _help(path, *(words[1:2] if path.name == "__main__.py" else ()))
        for option in options:
            if not re.search(rf"(?<![\w-]){re.escape(option)}(?![\w-])", known):
                yield f"{words[0]}: no option {option}"


@functools.cache
def _help(path: Path, *command: str) -> str:
    """What a program, or a command of it, says of its options; of a script for the shell its comments."""
    if path.suffix != ".py":
        return "".join(line for line in path.read_text(encoding="utf-8").splitlines() if line.startswith("#"))
    run = subprocess.run(
        [sys.executable, str(path), *command, "--help"], capture_output=True, text=True, check=True, timeout=60
    )
    return run.stdout


JUDGES: dict[str, Callable[[Sequence[str], Path], Iterator[str]]] = {
    "ansible-doc": _ansible_doc,
    "ansible-galaxy": _ansible_galaxy,
    "ansible-playbook": _ansible_playbook,
    "ansible-vault": _ansible_vault,
    "make": _make,
    "pytest": _pytest,
    "python3": _of_program,
    "python": _of_program,
}
