"""A node of a cluster keeps its nodes.conf: its identity, its slots and the other nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import AccessDenied, CommandRefused
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.server.cluster import is_of
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view import nodes
from ansible.module_utils.redis_ops.view.instance import Instance
from views import Server, several, view_of

ME, OTHER = "a" * 40, "b" * 40
FLAGS = "127.0.0.1:6379@16379 {} - 0 0 1 connected 0-16383"
MINE = f"{OTHER} {FLAGS.format('master')}\n{ME} {FLAGS.format('myself,master')}\nvars currentEpoch 1 lastVoteEpoch 0\n"
THEIRS = MINE.replace(OTHER, "c" * 40).replace(ME, OTHER)
OLD, NEW = Engine.parse("redis 6.2.14"), Engine.parse("redis 7.0.15")


class Node(Server):
    """A server with this identity, or one that does not tell it."""

    says: Any = ME

    def call(self, *words: str) -> Any:
        if isinstance(self.says, Exception):
            raise self.says
        return self.says if words == ("CLUSTER MYID",) else super().call(*words)


@pytest.mark.parametrize(
    ("text", "mine"),
    [
        (MINE, True),
        (MINE.replace("myself,", ""), False),
        (THEIRS, False),
        (f"{ME} :0 myself\n", True),
        ("", False),
        ("vars currentEpoch 0 lastVoteEpoch 0\n\n \n", False),
    ],
)
def test_a_nodes_file_of_this_node(text, mine):
    assert is_of(text, ME) is mine


def found(
    directory: Path,
    engine: Engine,
    in_file: dict[str, Any],
    live: dict[str, str] | None = None,
    says: Any = ME,
    **settings: str,
) -> Any:
    """The names of the files of this node."""
    server = Node()
    server.says = says
    instance = Instance(
        "x", "here", {"cluster-config-file": settings["name"]} if settings else {}, config=FileSpec("/x")
    )
    store = Store.of({"dir": str(directory)}, engine)
    paths = nodes.own_files(instance, server if live is not None else None, live, in_file, store, engine)
    return None if paths is None else {path.removeprefix(f"{directory.resolve()}/") for path in paths}


ON = {"cluster-enabled": "yes"}


def test_a_server_that_reports_the_name(tmp_path):
    assert found(tmp_path, NEW, {}, {**ON, "cluster-config-file": "a.conf"}) == {"a.conf"}
    assert found(tmp_path, NEW, {}, {**ON, "cluster-config-file": "/srv/a.conf"}) == {"/srv/a.conf"}
    assert found(tmp_path, NEW, {"cluster-enabled": True}, {"cluster-enabled": "no"}) is None


@pytest.mark.parametrize("says", [ME, CommandRefused("ERR unknown command"), AccessDenied("NOPERM")])
def test_a_server_that_does_not_report_the_name(tmp_path, says):
    """Redis 6.2: its own is the one that has its identity, among those that anybody names."""
    for name, text in {"a.conf": MINE, "b.conf": THEIRS, "nodes.conf": THEIRS}.items():
        (tmp_path / name).write_text(text)
    mine = {"a.conf"} if says == ME else set()
    assert found(tmp_path, OLD, {"cluster-config-file": "a.conf"}, ON, says) == mine
    assert found(tmp_path, OLD, {"cluster-config-file": "b.conf"}, ON, says) == set()
    assert found(tmp_path, OLD, {"cluster-config-file": "b.conf"}, ON, says, name="a.conf") == mine
    assert found(tmp_path, OLD, {"cluster-config-file": "gone.conf"}, ON, says) == set()
    (tmp_path / "nodes.conf").write_text(MINE)
    assert found(tmp_path, OLD, {}, ON, says) == ({"nodes.conf"} if mine else set())


def test_a_stopped_node(tmp_path):
    on = {"cluster-enabled": True}
    assert found(tmp_path, NEW, on) is None, "it has no nodes.conf yet"
    (tmp_path / "nodes.conf").touch()
    assert found(tmp_path, NEW, on) == {"nodes.conf"}
    assert found(tmp_path, NEW, {}) is None
    assert found(tmp_path, NEW, {**on, "cluster-config-file": "a.conf"}) is None


def problems(settings: dict[str, str], *own: str, file: str = "", live: dict[str, str] | None = None) -> list[str]:
    """Of a plan for a node, with and without keys. own: where its nodes.conf is."""
    [one] = several({"name": "default", "settings": {"hz": "10", **settings}})
    live = {"dir": "/srv", "cluster-enabled": "yes", **(live or {})}
    lines = "".join(f"{name} {value}\n" for name, value in {"dir": "/srv", "cluster-enabled": "yes"}.items()) + file
    view = view_of(one, file=lines, live=live, contact=Contact.KEPT, observed={"nodes": frozenset(own)})
    return [str(problem) for problem in view.plan.problems]


@pytest.mark.parametrize(
    ("settings", "then"),
    [
        ({"dir": "/other"}, "/other/nodes.conf"),
        ({"cluster-config-file": "other.conf"}, "/srv/other.conf"),
        ({"cluster-config-file": "/other/nodes.conf"}, "/other/nodes.conf"),
    ],
)
def test_another_place_is_another_node(settings, then):
    [text] = problems(settings, "/srv/nodes.conf")
    assert f"its nodes.conf is at /srv/nodes.conf, and a start with {then} would be another node" in text


def test_a_place_that_can_not_be_told():
    [text] = problems({"cluster-config-file": "other.conf"})
    assert "its nodes.conf could not be found (Redis 6.2 does not report its name)" in text
    assert problems({}) == []


@pytest.mark.parametrize(
    ("settings", "own"),
    [
        ({}, "/srv/nodes.conf"),
        ({"timeout": "7"}, "/srv/nodes.conf"),
        ({"cluster-config-file": "nodes.conf", "dir": "/srv"}, "/srv/nodes.conf"),
        ({"cluster-config-file": "./nodes.conf"}, "/srv/nodes.conf"),
        ({"cluster-config-file": "/srv/nodes.conf", "dir": "/other"}, "/srv/nodes.conf"),
    ],
)
def test_the_same_place(settings, own):
    assert problems(settings, own) == []


def test_a_name_that_is_declared_after_the_file_was_edited():
    live = {"cluster-config-file": "a.conf"}
    assert problems({"cluster-config-file": "a.conf"}, "/srv/a.conf", file="cluster-config-file b.conf\n") == []
    assert (
        problems({"cluster-config-file": "a.conf"}, "/srv/a.conf", file="cluster-config-file b.conf\n", live=live) == []
    )
