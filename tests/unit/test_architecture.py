"""What keeps the code readable and harmless, read from the code itself."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from ansible.module_utils.redis_ops.server import replies

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
    "edge",
)
LEVEL = {name: level for level, name in enumerate(ROOMS)}

SOURCES = sorted(PACKAGE.rglob("*.py"))
# What runs on the control node and in the roles. Ansible and the operating system may be used there.
AROUND = (
    "module_utils/redis_control",
    "module_utils/redis_load",
    "library",
    "action_plugins",
    "callback_plugins",
    "doc_fragments",
    "roles",
)
EVERYTHING = [*SOURCES, *(path for place in AROUND for path in sorted((ROOT / place).rglob("*.py")))]


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


def each(paths: Iterable[Path]) -> Callable[[Callable[[Path], None]], Callable[[], None]]:
    """One test of a rule for all files, which names each that breaks it: a test for each file takes longer than the rule."""

    def of(rule: Callable[[Path], None]) -> Callable[[], None]:
        @functools.wraps(rule)
        def test() -> None:
            broken = {}
            for path in paths:
                try:
                    rule(path)
                except AssertionError as error:  # noqa: PERF203 - the other files are looked at, too
                    broken[name_of(path)] = str(error)
            assert broken == {}

        del test.__wrapped__  # pytest would ask for its parameter
        return test

    return of


every_source, every_file = each(SOURCES), each(EVERYTHING)


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
def test_the_core_knows_neither_ansible_nor_the_control_node(path):
    assert not [name for name in imports(path) if name.split(".")[0] in ("ansible", "redis_control")]


@every_source
def test_nothing_but_the_standard_library_travels(path):
    outside = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names) - {"redis_ops"}
    assert not outside


@every_source
def test_only_the_wire_opens_connections(path):
    """platform.sockets asks the kernel and tries addresses, platform.openssl reads files, and neither connects to anybody."""
    networked = {"socket", "ssl", "asyncio", "http", "urllib", "socketserver", "ftplib", "smtplib", "telnetlib"}
    used = {name.split(".")[0] for name in imports(path)} & networked
    allowed = {
        "server.wire": {"socket", "ssl"},
        "server.tls": {"socket", "ssl"},
        "platform.sockets": {"socket"},
        "platform.openssl": {"ssl"},
    }
    assert used <= allowed.get(module_of(path), set())
    if used and not module_of(path).startswith("server."):
        called = {ast.unparse(node.func) for node in ast.walk(tree(path)) if isinstance(node, ast.Call)}
        assert not [
            name for name in called if re.search(r"\.(connect|create_connection|wrap_socket|listen|sendto)$", name)
        ]


@every_source
def test_only_the_server_package_knows_the_wire(path):
    if part_of(path) != "server":
        assert "redis_ops.server.wire" not in set(imports(path))


@each(sorted((ROOT / "library").glob("*.py")))
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
    "CLUSTER INFO",
    "CLUSTER MYID",
    "CONFIG GET",
    "ACL LIST",
    "MODULE LIST",
    "LATENCY HISTOGRAM",
    "SLOWLOG GET",
    "CLIENT LIST",
    "SET",
    "GET",
    "DEL",
}
# reads, in server/queues and server/keyspace.py only
OF_QUEUES = {
    "SELECT",  # queues may live in any database; the connection is put back to 0
    "TYPE",  # a name says nothing without it
    "XINFO",  # GROUPS: whether consumers read a stream
    "XREVRANGE",  # the newest events of a queue of BullMQ: how its last jobs ended
    "EXISTS",  # a queue's settings, a lock of a job
    "LLEN",  # jobs by state
    "ZCARD",  # jobs by state
    "ZCOUNT",  # jobs that ended since a moment
    "LRANGE",  # numbers of jobs under way, for their locks
    "LINDEX",  # number of the job next in turn
    "ZRANGE",  # the same, and when the next delayed job is due
    "HGET",  # when a job was added
    "HMGET",  # whether a queue is paused, and its version
}
# of the user of a load, and nowhere else
OF_LOAD_USERS = {
    "load.account": {"ACL USERS", "ACL WHOAMI", "ACL DRYRUN"},
    "apply.load_user": {"ACL SETUSER", "ACL DELUSER", "SELECT", "UNLINK"},
}
WRITES = {"CONFIG SET", "BGSAVE", "BGREWRITEAOF"}  # to change a running server, and in the connection only


def commands(path: Path) -> list[str]:
    """The command of every .call(...), and every command of ._exchange(...); of a tuple for .call_all, its first word in
    capitals.
    """
    found = []
    several = "call_all" in {node.attr for node in ast.walk(tree(path)) if isinstance(node, ast.Attribute)}
    for node in ast.walk(tree(path)):
        if several and isinstance(node, (ast.Tuple, ast.List)) and node.elts:
            first = node.elts[0]
            if isinstance(first, ast.Constant) and isinstance(first.value, str) and first.value.isupper():
                found.append(first.value)
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Attribute):
            continue
        if node.func.attr == "call":
            found.append(_command(path, node.args[0]))
        elif node.func.attr == "_exchange" and isinstance(node.args[0], ast.List):
            found += [_command(path, words.elts[0]) for words in node.args]
    return found


def _command(path: Path, word: ast.expr) -> str:
    assert isinstance(word, ast.Constant), f"{path}:{word.lineno}: a command that cannot be read here"
    return str(word.value).upper()


def test_the_scan_sees_the_commands():
    assert {"XREVRANGE", "LLEN"} <= set(commands(PACKAGE / "server" / "queues" / "bullmq.py"))
    assert {"SCAN", "TYPE", "XINFO", "SELECT"} <= set(commands(PACKAGE / "server" / "queues" / "search.py"))
    expected = {"INFO", "CONFIG GET", "CONFIG SET", "SLOWLOG GET"}
    assert expected <= set(commands(PACKAGE / "server" / "connection.py"))


def test_the_shape_of_every_answer_is_known():
    """What is sent has its shape in the table, so that no caller meets another one."""
    assert READS_AND_OWN_KEY | OF_QUEUES | WRITES | {"AUTH"} == set(replies.SHAPES)


@every_source
def test_commands_are_harmless(path):
    allowed = READS_AND_OWN_KEY | (
        WRITES if part_of(path) == "apply" or module_of(path) == "server.connection" else set()
    )
    allowed |= OF_QUEUES if module_of(path).startswith(("server.queues.", "server.keyspace")) else set()
    allowed |= OF_LOAD_USERS.get(module_of(path), set())
    assert set(commands(path)) <= allowed


@every_source
def test_no_forbidden_command_is_a_word_of_the_code(path):
    words = {
        node.value for node in ast.walk(tree(path)) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert not {word for word in words if word.upper().split(" ")[0] in FORBIDDEN and word.isupper()}


@each(sorted([*PACKAGE.glob("view/*.py"), *PACKAGE.glob("plan/*.py"), *PACKAGE.glob("checks/*.py")]))
def test_looking_writes_nothing(path):
    writes = {"write", "write_text", "write_bytes", "unlink", "mkdir", "chmod", "chown", "rename", "replace", "rmdir"}
    found = {
        node.func.attr
        for node in ast.walk(tree(path))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert not found & writes
