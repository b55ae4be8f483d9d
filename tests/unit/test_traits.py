"""What an option means to this project stands in the catalogue, and nowhere else."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.catalog.kinds import Path as PathKind
from ansible.module_utils.redis_ops.catalog.option import Apply, Option, Trait
from test_architecture import EVERYTHING, PACKAGE, name_of, tree

MEMBERS = {
    Trait.DATA_LOCATION: {"dir", "dbfilename", "appenddirname", "appendfilename"},
    Trait.NODE_LOCATION: {"dir", "cluster-config-file"},
    Trait.KEEPS_DATA: {"appendonly", "maxmemory", "maxmemory-policy", "save"},
    Trait.WAY_IN: {"port", "tls-port", "unixsocket"},
    Trait.CLIENT_PORT: {"port", "tls-port"},
    Trait.GUARD: {"requirepass", "protected-mode", "tls-auth-clients"},
    Trait.ADMITS: {"port", "tls-port", "bind", "requirepass", "protected-mode", "tls-auth-clients"},
    Trait.EXCLUSIVE: {"port", "tls-port", "unixsocket", "logfile", "pidfile", "dir"},
    Trait.STAYS: {
        *("bind", "port", "unixsocket", "unixsocketperm", "unixsocketgroup", "rdma-bind", "rdma-port"),
        *("logfile", "pidfile", "daemonize", "supervised", "databases"),
        *("masterauth", "masteruser", "replica-announced", "replica-announce-ip", "replica-announce-port"),
        *("replica-priority", "replica-read-only", "min-replicas-to-write", "min-replicas-max-lag"),
    },
    Trait.SUPERVISION: {"supervised", "daemonize"},
    Trait.KEPT_LINE: {"replicaof", "user", "loadmodule", "rename-command"},
    Trait.TLS_FILE: {
        *("tls-cert-file", "tls-key-file", "tls-client-cert-file", "tls-client-key-file"),
        *("tls-ca-cert-file", "tls-ca-cert-dir", "tls-dh-params-file"),
    },
    Trait.PRIVATE_KEY: {"tls-key-file", "tls-client-key-file"},
}

# Collections that are no trait of an option: module and symbol -> why they stay where they are.
CHOICES = {
    ("checks/room.py", "_unknown"): "pairs each fact of a host with the change that needs it",
    ("checks/undone.py", "_location"): "pairs each part of the data location with what a Store says of it",
    ("drift/lines.py", "_WHY"): "texts of one finding",
    ("checks/capacity.py", "_as_declared"): "the values of one server",
    ("load/checklist.py", "SECTION_7"): "what section 7 of the guide asks to look at",
    ("load/checklist.py", "as_record"): "keys of a record that happen to be called like options",
    ("platform/layout.py", "Layout.settings"): "the values that a package's service needs",
    ("server/replies.py", "NUMBERS"): "what this code counts with; a test compares it with the code",
    ("view/describe.py", "_of_lines"): "lines with a text each",
}
_NAMES = {name for option in catalog.OPTIONS for name in option.names}


@pytest.mark.parametrize("trait", Trait.__members__.values(), ids=str)
def test_the_options_that_have_a_trait(trait):
    if trait is not Trait.NONE:
        assert set(catalog.with_trait(trait)) == MEMBERS[trait]


def of_table(names: list[str]) -> list[Option]:
    return [option for option in catalog.OPTIONS if option.name in names]


def test_what_one_trait_says_of_another():
    ways_in = set(catalog.with_trait(Trait.WAY_IN))
    assert set(catalog.with_trait(Trait.CLIENT_PORT)) <= ways_in <= set(catalog.with_trait(Trait.EXCLUSIVE))
    assert all(map(catalog.stays, of_table([*ways_in, *catalog.with_trait(Trait.GUARD)])))
    assert set(catalog.with_trait(Trait.PRIVATE_KEY)) <= set(catalog.with_trait(Trait.TLS_FILE))


def test_a_path_of_tls_is_a_file_of_tls():
    paths = {option.name for option in catalog.OPTIONS if option.group == "tls" and isinstance(option.kind, PathKind)}
    assert paths == set(catalog.with_trait(Trait.TLS_FILE))


def test_an_option_whose_place_this_project_leaves_alone_is_where_data_lies():
    by_choice = {
        option.name
        for option in catalog.OPTIONS
        for engine in option._engines_with_facts()
        if option.apply_at(engine) is Apply.PLACE
    }
    assert by_choice
    assert by_choice <= set(catalog.with_trait(Trait.DATA_LOCATION))


def test_a_line_that_a_rewrite_keeps_is_none_that_an_inventory_declares():
    for option in of_table(list(catalog.with_trait(Trait.KEPT_LINE))):
        assert option.file_only or option.origin.value == "runtime"


@pytest.mark.parametrize(
    ("name", "expected"), [("replicaof", True), ("slaveof", True), ("USER", True), ("port", False), ("nothing", False)]
)
def test_a_trait_is_found_under_every_name(name, expected):
    assert catalog.has_trait(name, Trait.KEPT_LINE) is expected


@pytest.mark.parametrize(
    ("name", "expected"), [("bind", True), ("aclfile", True), ("cluster-enabled", True), ("maxmemory", False)]
)
def test_an_option_stays_by_its_trait_or_by_its_group(name, expected):
    assert catalog.stays(catalog.find(name)) is expected


# --- side tables ------------------------------------------------------------------------------------------------------


def constants(module: ast.Module) -> dict[str, str]:
    """Name -> text, of assignments such as KEY = "x" and A, B = "x", "y"."""
    found: dict[str, str] = {}
    for node in module.body:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts))
            for name, value in pairs:
                if isinstance(name, ast.Name) and isinstance(value, ast.Constant) and isinstance(value.value, str):
                    found[name.id] = value.value
    return found


def members(node: ast.AST, known: dict[str, str]) -> Iterator[str]:
    """The texts that a literal collection has, also inside of its members, and those of "a b c".split()."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.Name) and node.id in known:
        yield known[node.id]
    elif isinstance(node, (ast.Tuple, ast.List, ast.Set)):
        for element in node.elts:
            yield from members(element, known)
    elif isinstance(node, ast.Dict):
        for key in filter(None, node.keys):
            yield from members(key, known)
    elif isinstance(node, ast.Starred):
        yield from members(node.value, known)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "split":
        yield from " ".join(members(node.func.value, known)).split()


def symbols(module: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    """Every node with the name that it is assigned to, or with the function that it stands in."""

    def inside(node: ast.AST, name: str) -> Iterator[tuple[str, ast.AST]]:
        for child in ast.iter_child_nodes(node):
            here = name
            if isinstance(child, (ast.FunctionDef, ast.ClassDef)):
                here = f"{name}.{child.name}".lstrip(".")
            elif not name and isinstance(child, (ast.Assign, ast.AnnAssign)):
                target = child.targets[0] if isinstance(child, ast.Assign) else child.target
                here = ast.unparse(target)
            yield here, child
            yield from inside(child, here)

    yield from inside(module, "")


def side_tables(module: ast.Module) -> set[str]:
    """The symbols that have a literal collection with three or more names of options."""
    known = constants(module)
    return {
        symbol
        for symbol, node in symbols(module)
        if isinstance(node, (ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Call))
        and len(_NAMES.intersection(members(node, known))) >= 3
    }


def test_no_module_has_a_table_of_options_of_its_own():
    found = {
        (path.relative_to(PACKAGE).as_posix() if path.is_relative_to(PACKAGE) else name_of(path), symbol)
        for path in EVERYTHING
        if not path.is_relative_to(PACKAGE / "catalog")
        for symbol in side_tables(tree(path))
    }
    assert not found - CHOICES.keys(), "give the options of the catalogue a trait, or say here why this is none"
    assert not CHOICES.keys() - found, "these are gone"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('PLACES = frozenset({"dir", "logfile", "pidfile"})', {"PLACES"}),
        ('PLACES = ("dir", "logfile")', set()),
        ('PLACES = (*("dir", "logfile"), "pidfile")', {"PLACES"}),
        ('PLACES: dict = {"dir": 1, "logfile": 2, "slaveof": 3}', {"PLACES"}),
        ('A, B = "dir", "logfile"\nC = "pidfile"\nPLACES = [A, B, C]', {"PLACES"}),
        ('PLACES = "dir logfile pidfile".split()', {"PLACES"}),
        ('class A:\n  def b(self):\n    return [("dir", 1), ("logfile", 2), ("pidfile", 3)]', {"A.b"}),
        ('PLACES = ("dir", "dir", "dir")', set()),
        ('TEXT = "dir logfile pidfile"', set()),
    ],
)
def test_a_table_is_recognised(text, expected):
    assert side_tables(ast.parse(text)) == expected
