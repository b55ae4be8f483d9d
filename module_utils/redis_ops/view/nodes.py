"""Where a node of a cluster has its nodes.conf. Changes nothing."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from pathlib import Path
from typing import Optional

from ..base.engine import Engine
from ..base.errors import FileRefused
from ..base.files import FileSpec, read
from ..catalog.kinds import Value
from ..model.desired import default_value, known
from ..platform import host
from ..server import cluster
from ..server.cluster import CONFIG_FILE
from ..server.connection import Connection
from ..server.persistence import Store, is_there
from .instance import Instance


def own_files(
    instance: Instance,
    connection: Optional[Connection],
    live: Optional[Mapping[str, str]],
    in_file: Mapping[str, Value],
    store: Store,
    engine: Engine,
) -> Optional[frozenset[str]]:
    """The paths at which a start finds the nodes.conf of this node; empty when that can't be told. None for what is no node,
    and for a stopped one that has no such file.

    Redis 6.2 does not report the name. There, what the known names lead to is its own when it has the node's identity.
    """
    if instance.config is None:
        return None
    directory = host.real_paths([str(store.directory)])[str(store.directory)]
    default = default_value(known(CONFIG_FILE), engine)
    in_use = _path(directory, in_file.get(CONFIG_FILE, default))
    if connection is None or live is None:
        return frozenset([in_use]) if in_file.get("cluster-enabled") is True and _may_be_there(in_use) else None
    if live.get("cluster-enabled") != "yes":
        return None
    if CONFIG_FILE in live:
        return frozenset([_path(directory, live[CONFIG_FILE])])
    declared = _path(directory, instance.settings.get(CONFIG_FILE, default))
    candidates = {in_use, declared, _path(directory, default)}
    node = cluster.identity(connection)
    return frozenset(path for path in candidates if node and _is_of(path, node, instance.config))


def _path(directory: str, name: Value) -> str:
    return str(Path(directory, str(name)))


def _may_be_there(path: str) -> bool:
    """True also where it can't be looked at."""
    with contextlib.suppress(OSError, FileRefused):
        return is_there(Path(path))
    return True


def _is_of(path: str, node: str, config: FileSpec) -> bool:
    with contextlib.suppress(OSError, FileRefused):
        return cluster.is_of(read(FileSpec(path, owner=config.owner)) or "", node)
    return False
