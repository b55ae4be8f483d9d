"""Playbooks are called by what they do: a verb and a noun. Their names of before work for one release."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import documented_commands
import pytest
import yaml
from ansible.module_utils.redis_ops.base import commands
from checked import finding
from specs import COLLECTION, ROOT
from test_drift_playbooks import Lab

PLAYBOOKS = ROOT / "playbooks"
VERBS = {"check", "clear", "compare", "describe", "judge", "remove", "restore", "run", "schedule", "waive", "write"}
ALIASES = {
    "adopt": "describe_servers",
    "bullmq_options": "write_bullmq_options",
    "compare": "compare_load_tests",
    "drift": "check_drift",
    "loadtest": "run_load_test",
    "preflight": "check_readiness",
    "remove": "remove_instances",
    "restore": "restore_configuration",
    "validate": "judge_load",
}
REMOVED_IN = (0, 2, 0)
every_alias = pytest.mark.parametrize(("old", "new"), ALIASES.items(), ids=list(ALIASES))

# Files that say the old names: the aliases, what changed, and this test
MAY_SAY_THEM = {f"playbooks/{old}.yml" for old in ALIASES} | {"CHANGELOG.md", "tests/unit/test_playbook_names.py"}
OLD = "|".join(sorted(ALIASES, key=len, reverse=True))
IN_FULL = re.compile(rf"playbooks/({OLD})\.yml|playbooks\" / \"({OLD})\.yml|{re.escape(COLLECTION)}\.({OLD})\b")
# Without its directory. Roles have files of tasks that are called so, and these may be named in code.
ALONE = re.compile(rf"(?<![\w/.-])({OLD})\.yml\b")
NO_CODE_OF_ROLES = (".md", "callback_plugins/", "molecule/", "Makefile")


def names() -> set[str]:
    return {path.stem for path in PLAYBOOKS.glob("*.yml")}


def test_a_playbook_is_called_by_a_verb_and_a_noun():
    found = names() - ALIASES.keys()
    assert "provision" in found
    assert {
        name for name in found - {"provision"} if not re.fullmatch(rf"({'|'.join(VERBS)})(_[a-z]+)+", name)
    } == set()
    assert {name.partition("_")[0] for name in found} == VERBS | {"provision"}, "a verb that nothing needs"


def test_every_name_of_before_is_there():
    assert ALIASES.keys() <= names()


@every_alias
def test_an_alias_imports_its_playbook_and_does_nothing_else(old, new):
    text = (PLAYBOOKS / f"{old}.yml").read_text()
    release = ".".join(map(str, REMOVED_IN))
    assert text.startswith(f"---\n# The old name of {new}.yml. Release {release} removes this file.\n")
    [entry] = yaml.safe_load(text)
    assert entry.pop("name")
    assert entry == {"ansible.builtin.import_playbook": f"{new}.yml"}


def test_no_alias_outlives_its_release():
    version = re.search(r'^version = "(.+)"$', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)[1]
    assert tuple(map(int, version.split("."))) < REMOVED_IN, "remove the aliases, and this test of them"


# --- mentions ---------------------------------------------------------------------------------------------------------


def mentions(name: str, text: str) -> list[str]:
    """Old names of playbooks in the text of a file, as they are written there."""
    patterns = [IN_FULL, ALONE] if name.endswith(NO_CODE_OF_ROLES) or name.startswith(NO_CODE_OF_ROLES) else [IN_FULL]
    return [found[0] for pattern in patterns for found in pattern.finditer(text)]


def committed() -> list[str]:
    """The names of the project's files. A copy of them, as the mutation tests make, has no repository."""
    if not (ROOT / ".git").exists():
        return [str(path.relative_to(ROOT)) for path in ROOT.rglob("*") if ".venv" not in path.parts]
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    return listed.stdout.split("\0")


def texts() -> Iterator[tuple[str, str]]:
    """Name and text of every file of the project that may not say the old names."""
    for name in committed():
        path = ROOT / name
        if name and name not in MAY_SAY_THEM and path.suffix != ".png" and path.is_file():
            yield name, path.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.py", "ansible-playbook playbooks/drift.yml -i x", ["playbooks/drift.yml"]),
        ("a.py", 'ROOT / "playbooks" / "remove.yml"', ['playbooks" / "remove.yml']),
        ("a.md", f"`{COLLECTION}.loadtest`", [f"{COLLECTION}.loadtest"]),
        ("a.md", "[validate.yml][validate] and roles/redis_server/tasks/preflight.yml", ["validate.yml"]),
        ("roles/x/tasks/main.yml", "import_tasks: preflight.yml", []),
        ("a.md", "check_drift.yml, playbooks/waive_drift.yml, redis.conf", []),
    ],
)
def test_an_old_name_is_known_when_it_is_seen(name, text, found):
    assert mentions(name, text) == found


def test_nothing_else_says_an_old_name():
    assert {name: found for name, text in texts() if (found := mentions(name, text))} == {}


# --- commands that are printed ----------------------------------------------------------------------------------------

COMMANDS = ROOT / "module_utils" / "redis_ops" / "base" / "commands.py"
TOLD = [getattr(commands, name) for name in vars(commands) if name.isupper() and name != "DECLARE"]
TARGETS = re.findall(r"^([a-z]+): runtime ##", (ROOT / "Makefile").read_text(), re.MULTILINE)
COMMAND = re.compile(rf"\bmake ({'|'.join(TARGETS)})\b|\bplaybooks/")
PYTHON = [
    path
    for name in ("module_utils", "library", "action_plugins", "callback_plugins")
    for path in (ROOT / name).rglob("*.py")
]


@pytest.mark.parametrize("command", TOLD)
def test_a_command_that_is_printed_exists(command):
    assert documented_commands.problems(command) == []


def spoken(path: Path) -> Iterator[str]:
    """The texts in a Python file that are neither docstrings nor the documentation of a plugin."""
    tree = ast.parse(path.read_text())
    silent = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    silent |= (
        {id(node.value) for node in tree.body if isinstance(node, ast.Assign)}
        if path.parent.name == "library"
        else set()
    )
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in silent:
            yield node.value


def test_commands_are_known_when_they_are_seen(tmp_path):
    (tmp_path / "a.py").write_text('"""Docs of make drift."""\nX = f"then make drift {1}"\n')
    assert [text for text in spoken(tmp_path / "a.py") if COMMAND.search(text)] == ["then make drift "]


def test_a_command_stands_in_one_place():
    others = [path for path in PYTHON if path != COMMANDS]
    assert {path.name: text for path in others for text in spoken(path) if COMMAND.search(text)} == {}


# --- ansible-playbook -------------------------------------------------------------------------------------------------


def run(*words: str, inventory: Path) -> tuple[int, str]:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", str(inventory), *words],
        cwd=ROOT,
        env={**os.environ, "LC_ALL": "C.UTF-8", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, done.stdout


@pytest.fixture
def inventory(tmp_path):
    path = tmp_path / "hosts.yml"
    path.write_text("redis: {hosts: {redis1: }}\nweb: {hosts: {web1: }}\n")
    return path


def test_an_alias_has_the_plays_and_tasks_of_its_playbook(inventory):
    def listed(files: list[str]) -> list[str]:
        status, said = run("--list-tasks", *(f"playbooks/{name}.yml" for name in files), inventory=inventory)
        assert status == 0, said
        return [plays.partition("\n")[2] for plays in said.split("\nplaybook: ")[1:]]

    assert len(listed(list(ALIASES))) == len(ALIASES)
    assert listed(list(ALIASES)) == listed(list(ALIASES.values()))


@pytest.mark.parametrize(
    ("old", "words"),
    [
        ("drift", ["--limit", "web1"]),  # owes a report
        ("loadtest", ["--check", "--tags", "nosuch"]),
        ("bullmq_options", ["-e", "target=app_server"]),  # owes that a task ran
        ("remove", []),  # refuses
    ],
)
def test_an_alias_ends_as_its_playbook_does(old, words, inventory):
    ended = [run(f"playbooks/{name}.yml", *words, inventory=inventory) for name in (old, ALIASES[old])]
    assert ended[0] == ended[1]
    assert ended[0][0] != 0


def test_a_schedule_that_was_installed_with_an_old_name_gets_its_report_and_exit_code(tmp_path):
    """What /etc/redis-drift.json of a machine says stays as it was installed."""
    lab = Lab(tmp_path)
    lab.finds("redis1", finding("option.hz"))
    status, said = lab.play("drift.yml")
    assert (status, "DRIFT: " in said) == (2, True), said
    assert lab.document()["counts"]["live_not_persisted"] == 1
