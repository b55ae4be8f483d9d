"""What keeps the code readable and harmless, read from the code itself."""

from __future__ import annotations

import ast
import functools
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "module_utils" / "redis_ops"

# From the leaves up. An import goes down, or stays in its own room.
ROOMS = (
    "base",
    "catalog",
    "platform",
    "model",
    "server",
    "plan",
    "view",
    "checks",
    "apply",
    "drift",
    "load",
    "report",
    "edge",
)
LEVEL = {name: level for level, name in enumerate(ROOMS)}

SOURCES = sorted(PACKAGE.rglob("*.py"))
EVERYTHING = [
    *SOURCES,
    *sorted((ROOT / "library").glob("*.py")),
    *sorted((ROOT / "callback_plugins").glob("*.py")),
    *sorted((ROOT / "doc_fragments").glob("*.py")),
]


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def part_of(path: Path) -> str:
    """The room of redis_ops that a file is in."""
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def module_of(path: Path) -> str:
    """Room and name, such as 'server.connection'."""
    return ".".join(path.relative_to(PACKAGE).with_suffix("").parts)


@functools.cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(), str(path))


every_source = pytest.mark.parametrize("path", SOURCES, ids=name_of)
every_file = pytest.mark.parametrize("path", EVERYTHING, ids=name_of)


def imports(path: Path) -> Iterator[str]:
    """Absolute names, those of this package as 'redis_ops.x'."""
    package = ["redis_ops", *path.relative_to(PACKAGE).parent.parts] if path.is_relative_to(PACKAGE) else []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            stem = ".".join([*base, *([node.module] if node.module else [])])
            # `from . import x` names a module, `from .x import y` names one already
            yield from ([stem] if node.module else (f"{stem}.{alias.name}" for alias in node.names))


def test_every_room_has_its_level():
    assert {part_of(path) for path in SOURCES} - {"__init__"} <= set(LEVEL)


@every_source
def test_imports_go_down(path):
    own = part_of(path)
    used = {name.split(".")[1] for name in imports(path) if name.startswith("redis_ops.")} - {own}
    upward = sorted(name for name in used if LEVEL[name] >= LEVEL.get(own, len(ROOMS)))
    assert not upward, f"{own} imports {upward}"


@every_source
def test_the_core_does_not_know_ansible(path):
    assert not [name for name in imports(path) if name.split(".")[0] == "ansible"]


@every_source
def test_only_the_connection_knows_redis_py(path):
    known = any(name.split(".")[0] == "redis" for name in imports(path))
    assert known == (module_of(path) == "server.connection")


@every_source
def test_nothing_but_the_standard_library_travels(path):
    outside = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"redis_ops", "redis"}
    assert not outside


@pytest.mark.parametrize("path", sorted((ROOT / "library").glob("*.py")), ids=name_of)
def test_a_module_names_no_option_of_redis(path):
    """Thin: parameters in, result out. What is right for Redis is decided in the core."""
    assert {name.split(".")[0] for name in imports(path)} <= {"__future__", "ansible", "os"}
    conditions = [ast.unparse(node.test) for node in ast.walk(tree(path)) if isinstance(node, ast.If)]
    assert not [text for text in conditions if "redis" in text.lower()]


# --- what is sent to a server -----------------------------------------------------------------------------------------

FORBIDDEN = {"KEYS", "MONITOR", "FLUSHALL", "FLUSHDB", "DEBUG", "SAVE", "SHUTDOWN", "SWAPDB", "EVAL", "SORT"}
READS_AND_OWN_KEY = {
    "INFO",
    "PING",
    "SCAN",
    "CONFIG GET",
    "ACL LIST",
    "LATENCY HISTOGRAM",
    "SLOWLOG GET",
    "CLIENT LIST",
    "SET",
    "GET",
    "DEL",
}
# reads, in queues only
OF_QUEUES = {"LLEN", "LRANGE", "LINDEX", "ZCARD", "ZRANGE", "ZCOUNT", "HGET", "HMGET", "EXISTS"}
WRITES = {"CONFIG SET", "BGSAVE", "BGREWRITEAOF"}  # to change a running server, and in the connection only


def commands(path: Path) -> list[str]:
    """The command of every .call(...) and .execute_command(...)."""
    found = []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            if node.func.attr not in ("call", "execute_command"):
                continue
            first = node.args[0]
            if isinstance(first, ast.Constant):
                found.append(str(first.value).upper())
            else:
                assert isinstance(first, ast.Starred), f"{path}:{node.lineno}: a command that cannot be read here"
                assert module_of(path) == "server.connection", (
                    f"{path}:{node.lineno}: a command that cannot be read here"
                )
    return found


def test_the_scan_sees_the_commands():
    assert "SCAN" in commands(PACKAGE / "server" / "queues.py")
    assert {"INFO", "CONFIG GET", "CONFIG SET"} <= set(commands(PACKAGE / "server" / "connection.py"))


@every_source
def test_commands_are_harmless(path):
    allowed = READS_AND_OWN_KEY | (
        WRITES if part_of(path) == "apply" or module_of(path) == "server.connection" else set()
    )
    allowed |= OF_QUEUES if module_of(path) == "server.queues" else set()
    assert set(commands(path)) <= allowed


@every_source
def test_no_forbidden_command_is_a_word_of_the_code(path):
    words = {
        node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not {word for word in words if word.upper().split(" ")[0] in FORBIDDEN and word.isupper()}


@pytest.mark.parametrize(
    "path", sorted([*PACKAGE.glob("view/*.py"), *PACKAGE.glob("plan/*.py"), *PACKAGE.glob("checks/*.py")]), ids=name_of
)
def test_looking_writes_nothing(path):
    writes = {"write", "write_text", "write_bytes", "unlink", "mkdir", "chmod", "chown", "rename", "replace", "rmdir"}
    found = {
        node.func.attr
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not found & writes


@every_source
def test_no_shell(path):
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.keyword) and node.arg == "shell":
            pytest.fail(f"line {node.value.lineno}: shell=")
        if isinstance(node, ast.Attribute) and node.attr in ("system", "popen", "eval", "exec"):
            pytest.fail(f"line {node.lineno}: {node.attr}")


# --- shape ------------------------------------------------------------------------------------------------------------


@every_file
def test_public_classes_and_functions_say_what_they_are_for(path):
    module = tree(path)
    assert ast.get_docstring(module) or name_of(path).endswith("redis_ops/__init__.py") or not module.body
    silent = [
        node.name
        for node in module.body
        if isinstance(node, (ast.ClassDef, ast.FunctionDef))
        and not node.name.startswith("_")
        and node.name != "main"
        and not ast.get_docstring(node)
    ]
    assert silent == []


def lines_of(path: Path) -> int:
    return len(path.read_text().splitlines())


@every_file
def test_a_file_is_read_in_one_sitting(path):
    assert lines_of(path) <= 400


@pytest.mark.parametrize("path", sorted(ROOT.glob("roles/*/tasks/*.yml")), ids=name_of)
def test_a_file_of_tasks_is_read_at_a_glance(path):
    assert lines_of(path) <= 80
