"""Look at a host before anything is touched: which server it has or will get, and the facts that preflight judges."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..base.errors import AccessDenied, CommandRefused, InvalidInput, Problem
from ..base.files import read_optional
from ..model.resolve import Resolved
from ..platform import host, service
from ..platform.layout import DEFAULT_INSTANCE, Layout, Product
from ..server import connection as server
from ..server import persistence
from ..server.queues import has_queue
from . import facts as preflight
from . import observe
from .record import foreign_lines, shown


def facts(
    product: Product,
    instances: Sequence[Resolved],
    with_service: Callable[[Resolved, service.Service], observe.Instance],
    *,
    somaxconn: int,
    systemd: bool,
) -> preflight.HostFacts:
    """with_service: Declared.instance.

    Raises InvalidInput with what the plan of a running or stopped instance forbids, and when a running server lets
    nobody in.
    """
    found: dict[str, preflight.InstanceFacts] = {}
    problems: list[Problem] = []
    for instance in instances:
        name = instance.layout.instance
        try:
            found[name] = _instance_facts(instance, with_service)
        except InvalidInput as error:
            problems += error.problems
        except CommandRefused as error:
            problems.append(
                Problem(
                    instance.where,
                    f"the running server refuses a command that every look at it needs ({error})",
                    "INFO and CONFIG under their own names",
                    f"take rename-command out of {instance.layout.config} and restart the server yourself",
                )
            )
        except AccessDenied as error:
            problems.append(
                Problem(
                    f"{instance.where}: requirepass",
                    f"the running server refuses every password known for it ({error})",
                    "the password it has now",
                    "correct redis_server_secrets, or give redis_server_login_user and redis_server_login_password",
                )
            )
    if problems:
        raise InvalidInput(problems)
    return preflight.HostFacts(
        memory=host.memory_bytes(),
        open_files=host.grantable_open_files(systemd=systemd),
        somaxconn=max(host.somaxconn(), somaxconn),
        systemd=systemd,
        instances=found,
        undeclared=undeclared(product, {instance.layout.instance for instance in instances}) if systemd else (),
    )


def _instance_facts(
    instance: Resolved, with_service: Callable[[Resolved, service.Service], observe.Instance]
) -> preflight.InstanceFacts:
    layout, desired = instance.layout, instance.desired
    unit = service.of(layout.service, str(desired.get("pidfile")))
    pid = unit.pid()
    info: Mapping[str, Any] = {}
    live: Mapping[str, str] = {}
    queue = False
    seen = with_service(instance, unit)
    taken_over = _taken_over(seen)
    # without redis-py, which the run is going to install, a running server is looked at only then
    if server.is_available() or not pid:
        snapshot = observe.observe(seen)
        info, live = snapshot.info, snapshot.observed.live or {}
        if snapshot.connection is not None:
            queue = has_queue(snapshot.connection)
            snapshot.connection.close()
    ports = {name: desired.get(name) for name in ("port", "tls-port") if desired.get(name)}
    store = persistence.Store.of(desired.values, desired.engine)
    on_disk = store.rdb.stat().st_size if store.rdb.exists() else 0
    return preflight.InstanceFacts(
        pid=pid,
        listeners={name: found for name, port in ports.items() for found in [host.tcp_listener(port)] if found},
        free=host.free_bytes(str(desired.get("dir"))),
        data_bytes=int(info.get("used_memory", on_disk)),
        aof_is_on=bool(int(info.get("aof_enabled", 0))),
        missing=[name for name in preflight.READ_FILES if desired.get(name) and not Path(desired.get(name)).exists()],
        foreign_owner=host.foreign_owner(str(desired.get("dir")), layout.product.user),
        used=int(info.get("used_memory", 0)),
        evicts=not live or (live.get("maxmemory-policy") != "noeviction" and live.get("maxmemory") != "0"),
        queue=queue,
        taken_over=taken_over,
    )


def _taken_over(seen: observe.Instance) -> list[str]:
    """The lines that a rewrite keeps and nothing can verify, of those that somebody wrote since the last run."""
    text = read_optional(seen.config.path) if seen.config else ""
    now = observe.parse_file(seen, text or "")
    return [shown(line) for line in foreign_lines(now, observe.record_of(seen).left()) if line.kept]


def undeclared(product: Product, declared: set[str]) -> list[preflight.Undeclared]:
    """The other instances of this host that run, or will after its next boot."""
    layouts = [Layout(product, name, systemd=True) for name in sorted(_known_instances(product) - declared)]
    units = [(layout, service.Systemd(layout.service)) for layout in layouts]
    return [
        preflight.Undeclared(layout.instance, layout.service, pid, host.working_directory(pid) if pid else "")
        for layout, unit in units
        for pid in [unit.pid()]
        if pid or unit.enabled()
    ]


def _known_instances(product: Product) -> set[str]:
    """The package's own instance, and those that an earlier run provisioned."""
    prefix = f"{product.name}-"
    remembered = Path(Layout(product, DEFAULT_INSTANCE, systemd=True).state).parent.glob(f"{prefix}*.json")
    return {DEFAULT_INSTANCE, *(path.stem[len(prefix) :] for path in remembered)}
