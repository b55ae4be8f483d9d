"""Each module sends to a host what it needs, and nothing else."""

from __future__ import annotations

import ast
import functools
import io
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
UTILS = ROOT / "module_utils"
PREFIX = "ansible.module_utils."
MODULES = sorted((ROOT / "library").glob("*.py"))
KIB = 1024
# The most that a module may send, in KiB as a zip file; Ansible sends it in base64, which takes a third more.
MOST = {
    "redis_kernel": 50,
    "redis_package": 50,
    "redis_drift": 250,
    "redis_config": 245,
    "redis_instances": 280,
    "redis_restore": 282,
    "redis_load_preflight": 280,
    "redis_preflight": 300,
    "redis_verify": 238,
}
MOST_OF_OTHERS = 222
ON_CONTROL_NODE = 15  # of a module that only says that its action plugin is missing


def found(dotted: str) -> Path | None:
    """The file of a module or package below module_utils."""
    path = UTILS / dotted.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@functools.cache
def imports(path: Path) -> frozenset[Path]:
    """The files that a file imports, with the packages they are in."""
    names = {name for node in ast.walk(ast.parse(path.read_text())) for name in named(node, path)}
    parts = (name.split(".")[:count] for name in names for count in range(1, name.count(".") + 2))
    return frozenset(file for part in parts if (file := found(".".join(part))) is not None)


def named(node: ast.AST, path: Path) -> Iterator[str]:
    if not isinstance(node, ast.ImportFrom):
        return
    module = (node.module or "").removeprefix(PREFIX)
    if node.level:
        package = path.relative_to(UTILS).parts[: -node.level]
        module = ".".join([*package, *([node.module] if node.module else [])])
    elif not (node.module or "").startswith(PREFIX):
        return
    yield from (f"{module}.{alias.name}" for alias in node.names)


def payload(module: Path) -> set[Path]:
    """The files of ours that Ansible sends with a module."""
    sent: set[Path] = set()
    todo = [module]
    while todo:
        new = imports(todo.pop()) - sent
        sent |= new
        todo += new
    return sent


def is_of_control_node(module: Path) -> bool:
    return "only_on_control_node" in module.read_text()


def kib(files: set[Path]) -> int:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(files):
            archive.write(file, file.relative_to(UTILS))
    return len(packed.getvalue()) // KIB


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_the_size_of_what_is_sent(module):
    most = ON_CONTROL_NODE if is_of_control_node(module) else MOST.get(module.stem, MOST_OF_OTHERS)
    size = kib(payload(module))
    print(f"{module.stem}: {len(payload(module))} files, {size} KiB")
    assert most / 2 < size <= most or size <= ON_CONTROL_NODE, "correct the bound when a module needs much less or more"


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.stem)
def test_nothing_of_the_control_node_is_sent(module):
    if not is_of_control_node(module):
        assert [file for file in payload(module) if file.is_relative_to(UTILS / "redis_control")] == []


def test_the_scan_sees_what_is_sent():
    sent = {file.relative_to(UTILS).as_posix() for file in payload(ROOT / "library" / "redis_instances.py")}
    assert {"redis_ops/__init__.py", "redis_ops/apply/converge.py", "redis_ops/base/errors.py"} <= sent
