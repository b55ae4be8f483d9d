"""Which tests are run against a mutant: those that import its module, the test file of its name first."""

from __future__ import annotations

import ast
import functools
import itertools
import re
from collections.abc import Iterator
from pathlib import Path

PREFIX = "ansible.module_utils."
# So many files at a time, until one of them finds the fault: nearly always the first ones do.
ROUNDS = (2, 4, 6)
STEPS = 4  # so many imports from a test to the module at most
# these start programs that take seconds, Ansible for one, or read files
UNFIT = {
    "test_attacks",
    "test_callback_report",
    "test_collection",
    "test_contributing",
    "test_docs",
    "test_core_version",
    "test_drift_playbooks",
    "test_drift_run",
    "test_drift_trust",
    "test_load_unwatched",
    "test_payload",
    "test_remove_playbook",
    "test_schedule_playbook",
    "test_setup",
    "test_snippets",
}


class Choice:
    """The imports of a tree, read once."""

    def __init__(self, root: Path) -> None:
        self._utils = root / "module_utils"
        self._importers: dict[str, set[str]] = {}
        plugins = [
            path for folder in ("action_plugins", "callback_plugins", "library") for path in root.glob(f"{folder}/*.py")
        ]
        for path in sorted(self._utils.rglob("*.py")) + plugins:
            for name in self._imported(path):
                self._importers.setdefault(name, set()).add(self._name(path))
        self._plugins = {path.stem for path in plugins}
        files = sorted((root / "tests").glob("unit/*.py")) + sorted((root / "tests").glob("*.py"))
        helpers = {path.stem: path for path in files if not path.stem.startswith("test_")}
        self._direct: dict[str, frozenset[str]] = {}
        self._any_way: dict[str, frozenset[str]] = {}
        for path in files:
            if path.stem.startswith("test_") and path.stem not in UNFIT:
                used = [helpers[name] for name in _plain_imports(path) if name in helpers]
                name = path.relative_to(root).as_posix()
                self._direct[name] = self._imported(path)
                self._any_way[name] = self._direct[name].union(*map(self._imported, used), self._mentioned(path))

    def rounds(self, path: str) -> list[list[str]]:
        """The test files to run first, then those to run when the first ones have not found the fault, and so on."""
        module = self._name(self._utils.parent / path)
        tests = [test for test, names in self._direct.items() if module in names]
        tests.sort(key=lambda test: len(self._direct[test]))
        tests += [test for test, names in self._any_way.items() if module in names and test not in tests]
        seen, near = {module}, self._importers.get(module, set())
        for _ in range(STEPS):
            found = [test for test, names in self._any_way.items() if names & near and test not in tests]
            tests += sorted(found, key=lambda test: (-len(self._any_way[test] & near), len(self._any_way[test])))
            seen |= near
            near = {farther for name in near for farther in self._importers.get(name, ())} - seen
        tests.sort(key=lambda test: not _is_named(test, module))
        ends = [0, *itertools.accumulate(ROUNDS)]
        return [tests[start:end] for start, end in itertools.pairwise(ends)]

    def _name(self, path: Path) -> str:
        """The dotted name of a module; the bare one of a plugin."""
        if not path.is_relative_to(self._utils):
            return path.stem
        parts = path.relative_to(self._utils).with_suffix("").parts
        return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)

    def _mentioned(self, path: Path) -> frozenset[str]:
        """The plugins that a test loads by their names."""
        return self._plugins & set(re.findall(r"\w+", path.read_text(encoding="utf-8")))

    @functools.cache  # noqa: B019 - one object a run
    def _imported(self, path: Path) -> frozenset[str]:
        return frozenset(name for name in self._named(path) if self._is_module(name))

    def _named(self, path: Path) -> Iterator[str]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.ImportFrom):
                continue
            module = (node.module or "").removeprefix(PREFIX)
            if node.level and path.is_relative_to(self._utils):
                package = path.relative_to(self._utils).parts[: -node.level]
                module = ".".join([*package, *([node.module] if node.module else [])])
            yield module
            yield from (f"{module}.{alias.name}" for alias in node.names)

    def _is_module(self, name: str) -> bool:
        place = self._utils / name.replace(".", "/")
        return place.with_suffix(".py").is_file() or (place / "__init__.py").is_file()


def _is_named(test: str, module: str) -> bool:
    parts = module.split(".")
    return Path(test).stem in {f"test_{parts[-1]}", f"test_{'_'.join(parts[-2:])}"}


def _plain_imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and not node.level and node.module:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
