"""What a restart would change that nobody declares: only the running server has it, or only its file. Reads ACL LIST and the
file of users, and MODULE LIST.

CONFIG SET, ACL SETUSER, REPLICAOF and MODULE LOAD change a server and no file. A restart takes them back: a password that
was only set live opens the server, a promoted replica drops its keys for those of its old primary, an AOF that was switched
off live is loaded as old as it is, and data of a module that is gone can't be loaded (Redis documentation, CONFIG REWRITE;
rdb.c and aof.c as in server/datasets.py). An option that is read at the start only and was edited in the file comes in: with
fewer databases than the data has the server does not start, and an aclfile brings other users.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Optional

from .. import catalog
from ..base.errors import AccessDenied, CommandRefused, Problem
from ..base.findings import Status
from ..base.text import printable
from ..catalog.kinds import Value
from ..catalog.option import Option, Trait
from ..model import conffile
from ..model.desired import default_value, known
from ..model.startup import SUPERVISION
from ..plan.comparison import ABSENT
from ..plan.guards import DATA_LOCATION
from ..server.cluster import CONFIG_FILE
from ..server.persistence import Store, keys
from ..view.facts import Facts
from ..view.instance import InstanceView
from ..view.modules import loaded
from . import undone_users
from .registry import Judgement, check

_SHOWN = 5  # names of users in one text
WHY = "Redis documentation, CONFIG REWRITE: what is set live is gone after a restart"


def problems(view: InstanceView) -> Iterator[Problem]:
    """Why a run does not restart the server."""
    for name, what, remedy in _undone(view):
        yield Problem(f"{view.instance.where}: {name}", what, "a restart that changes nothing else", remedy)


@check("its next start", why=WHY, verify="verify.next_start")
def next_start(facts: Facts) -> Iterator[Judgement]:
    """The same of a server that is not restarted now, and will be one day."""
    if facts.view.instance.config is None:
        return
    for name, what, remedy in _undone(facts.view):
        yield Judgement(Status.WARN, "a next start that changes nothing else", what, remedy, part=name)


def _undone(view: InstanceView) -> Iterator[tuple[str, str, str]]:
    """Option, what a restart does to it, and the remedy."""
    if view.connection is None or view.observed.live is None or view.plan.file_after is None:
        return
    lines = _next_lines(view)
    values = {**lines.values(view.plan.desired.engine), **view.observed.commanded}
    yield from _role(view, lines)
    yield from _own_keys(view)
    yield from _node(view, values)
    yield from _modules(view, lines)
    if not view.goes_back:
        yield from _options(view, values)
        yield from _location(view, values)
        yield from undone_users.undone(view, lines, values)


def _next_lines(view: InstanceView) -> conffile.ConfFile:
    """Of the file that the next start reads, after this run."""
    after = view.plan.file_after
    return view.observed.parsed if after == view.observed.file else conffile.ConfFile.parse(after or "")


def _role(view: InstanceView, lines: conffile.ConfFile) -> Iterator[tuple[str, str, str]]:
    """Whom it follows. Of a cluster's node nodes.conf has it."""
    found = [line.arguments for line in lines.directives if line.name in conffile.FOLLOWS]
    then = _primary(found[-1]) if found else None
    now = view.observed.replica_of
    if then == now or view.plan.compare.live.get("cluster-enabled") is True:
        return
    if view.goes_back and then is None:
        return
    remedy = "send it REPLICAOF as it shall be"
    if not view.goes_back:
        remedy = f"let the server write its file (CONFIG REWRITE), or {remedy}"
    yield "replicaof", f"it {_following(now)}, and its next start {_following(then)}", remedy


def _own_keys(view: InstanceView) -> Iterator[tuple[str, str, str]]:
    """Of a replica that takes writes: the first thing after a restart is a full sync, which drops what its primary lacks.

    INFO does not say which keys are its own, so that any key counts. A replica in a cluster sends every write to its primary.
    """
    live, there = view.plan.compare.live, keys(view.info)
    clustered, read_only = live.get("cluster-enabled") is True, live.get("replica-read-only") is not False
    if view.observed.replica_of is None or clustered or read_only or not there or view.instance.accept_empty:
        return
    remedy = (
        "move its own keys to another server, or set replica-read-only yes on the running server and let it sync first"
    )
    yield (
        "replica-read-only",
        f"it is a replica that takes writes and has {there:,} keys; its next start drops those that its primary lacks",
        f"{remedy}; or accept that they go: accept_empty: true for instance {view.instance.name}",
    )


def _node(view: InstanceView, values: Mapping[str, Value]) -> Iterator[tuple[str, str, str]]:
    """The name of nodes.conf. Its directory is that of the data, see _location()."""
    nodes = view.observed.nodes
    name = str(values.get(CONFIG_FILE) or default_value(known(CONFIG_FILE), view.plan.desired.engine))
    directory = str(view.store.directory)
    then = str(Path(view.observed.real_paths.get(directory, directory), name))
    if nodes is None or then in nodes:
        return
    now = ", ".join(map(printable, sorted(nodes)))
    what = (
        f"the nodes.conf of this node is {now}"
        if now
        else "which nodes.conf is that of this node could not be determined (Redis 6.2 does not report its name)"
    )
    yield (
        CONFIG_FILE,
        f"{what}, and its next start reads {printable(then)}, with which it would be another node of no cluster",
        f"declare {CONFIG_FILE} with the name that the running server has, or let the server write its file (CONFIG REWRITE)",
    )


def _primary(arguments: Sequence[str]) -> Optional[tuple[str, int]]:
    if len(arguments) != 2 or not arguments[1].isdecimal():
        return None  # no one
    return arguments[0], int(arguments[1])


def _following(primary: Optional[tuple[str, int]]) -> str:
    return f"follows {printable(primary[0])} port {primary[1]}" if primary else "is a primary"


def _modules(view: InstanceView, lines: conffile.ConfFile) -> Iterator[tuple[str, str, str]]:
    """Modules that no line loads. Before 7.0 a server does not say where they come from, so that they are counted."""
    try:
        modules = loaded(view)
    except AccessDenied as error:
        yield (
            "loadmodule",
            f"whether its next start has its modules can't be told: {error}",
            "allow its user MODULE LIST",
        )
        return
    except CommandRefused:
        return  # taken away with rename-command, so that nobody loads one
    given = (*lines.directives, *(view.startup.options if view.startup else ()))
    written = {line.arguments[0] for line in given if line.name == "loadmodule" and line.arguments}
    if all("path" in module for module in modules):
        # what is built in has no path; Valkey 9.1 lists its engine for Lua with the path "lua"
        lost = [module.get("name", "") for module in modules if "/" in module["path"] and module["path"] not in written]
    else:
        lost = [module.get("name", "") for module in modules] if len(modules) > len(written) else []
    if lost:
        names = ", ".join(sorted(map(printable, lost))[:_SHOWN])
        yield (
            "loadmodule",
            f"no line of its file loads modules that the running server has: {names}",
            "write the lines that load them into its file, or unload them",
        )


def _options(view: InstanceView, values: Mapping[str, Value]) -> Iterator[tuple[str, str, str]]:
    engine, compare = view.plan.desired.engine, view.plan.compare
    settled = view.plan.settled
    for option in catalog.options_at(engine):
        name, runs = option.name, compare.live.get(option.name, ABSENT)
        if name in settled or not _is_guarded(option) or _is_of_cluster(view, name) or _is_of_node(view, name):
            continue
        boot = values.get(name, default_value(option, engine))
        if (
            runs is ABSENT
            or boot is None
            or isinstance(runs, conffile.Unreadable)
            or isinstance(boot, conffile.Unreadable)
        ):
            continue
        if compare.agree(option, boot, runs):
            continue
        yield (
            name,
            _differs(view, option, runs, boot),
            f"declare {name}, or let the server write its file (CONFIG REWRITE)",
        )


def _location(view: InstanceView, values: Mapping[str, Value]) -> Iterator[tuple[str, str, str]]:
    """Data sets under another name, which the next start would load or begin empty."""
    settled = view.plan.settled
    live, engine = view.plan.compare.live, view.plan.desired.engine
    runs = {name: live[name] for name in DATA_LOCATION if name in live}
    boot = {name: values[name] for name in DATA_LOCATION if name in values and name not in settled}
    boot.update({name: runs[name] for name in settled & runs.keys()})
    now = Store.of(runs, engine)
    then = Store.of(boot, engine, view.startup.directory if view.startup else "/")
    real = view.observed.real_paths
    pairs = {
        "dir": (now.directory, then.directory),
        "dbfilename": (now.rdb.name, then.rdb.name),
        "appendfilename": (now.old_aof.name, then.old_aof.name),
        "appenddirname": (now.aof.parent.name, then.aof.parent.name),
    }
    for name, (old, new) in pairs.items():
        if name in runs and real.get(str(old), str(old)) != real.get(str(new), str(new)):
            yield (
                name,
                f"the server's data is at {printable(str(old))}, and its next start looks at {printable(str(new))}",
                f"declare {name}, or let the server write its file (CONFIG REWRITE)",
            )


def _is_guarded(option: Option) -> bool:
    return (catalog.stays(option) or option.secret or Trait.KEEPS_DATA in option.traits) and option.name not in (
        *SUPERVISION,
        "logfile",
    )


def _is_of_cluster(view: InstanceView, name: str) -> bool:
    """A node of a cluster has one database, whatever its file says."""
    return name == "databases" and view.plan.compare.live.get("cluster-enabled") is True


def _is_of_node(view: InstanceView, name: str) -> bool:
    """The place of nodes.conf is judged by _node()."""
    return name == CONFIG_FILE and view.observed.nodes is not None


def _differs(view: InstanceView, option: Option, runs: Value, boot: Value) -> str:
    if option.secret:
        return "the running server has another one than its next start" if boot else "only the running server has one"
    kind = option.kind_at(view.plan.desired.engine)
    texts = [printable(kind.render(value)) or "(empty)" for value in (runs, boot)]
    return f"the server runs with {texts[0]}, and its next start has {texts[1]}"
