"""Start a server and wait until it serves; when it does not, its own last words say why."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from .. import catalog
from ..base.errors import ApplyFailed, FileRefused, InvalidValue, RedisOpsError, ServerUnreachable, plain, told
from ..base.files import FileSpec, look, read, tail
from ..catalog.option import Trait
from ..model.conffile import ConfFile
from ..model.startup import parse
from ..platform.service import LOAD_TIMEOUT, START_TIMEOUT, Service
from ..server import cluster, persistence
from ..server.cluster import State
from ..server.connection import Connection
from ..view.instance import InstanceView
from ..view.reach import connect
from . import live

CLUSTER_TIMEOUT = 30.0  # seconds until a node that was started must serve its slots
DEATH_GRACE = 10.0  # seconds without a process after a start until it counts as dead
LINES = 3  # of a server's log that explain why it did not start
ADMITTING = catalog.with_trait(Trait.ADMITS)
_COMPLAINTS = (
    *("fatal", "error", "fail", "can't", "could not", "cannot", "refus", "no such", "denied", "in use", "bad file"),
    *("invalid", "unable", "corrupt", "not valid", "wrong", "bad "),
)


def start(view: InstanceView, *, had: persistence.Content) -> None:
    """had: what must come back. Raises ApplyFailed with the reason from the log."""
    service = view.instance.service
    if service is None:
        raise ApplyFailed("this needs a service")
    log = Log.of(view, service)
    try:
        service.prepare()
        _must_start_ours(view, service)
        service.start()
        missing = had.missing(wait_until_serving(view))
        if missing:
            raise ApplyFailed(f"it started without {missing}")
    except (RedisOpsError, OSError) as error:
        raise ApplyFailed(log.reason() or told(error)) from None


def _must_start_ours(view: InstanceView, service: Service) -> None:
    """Systemd has just read files that it may not have read when it was looked at. Raises ApplyFailed."""
    unit = service.unit()
    try:
        config = parse(unit.command, unit.directory).config if not unit.unclear else ""
    except InvalidValue:
        config = ""
    wanted = view.config.path if view.config else ""
    if os.path.realpath(config) != os.path.realpath(wanted):
        files = ", ".join(unit.foreign_drop_ins) or unit.fragment
        raise ApplyFailed(
            f"{unit.name}.service starts the server with {config or 'another command'} since systemd has read its files "
            f"again ({files}), not with {wanted}"
        )


def wait_until_serving(view: InstanceView) -> Mapping[str, Any]:
    """INFO of the server once it has loaded its data. Raises RedisOpsError when it does not serve."""
    service, way_in = _way_in(view)
    began = time.monotonic()
    while True:
        try:
            connection = way_in()
            info = connection.info()
            connection.close()
            if not int(info.get("loading", 0)):
                return info
        except ServerUnreachable:
            # a SysV script ends well although the server died right after
            if not service.pid() and time.monotonic() - began > DEATH_GRACE:
                raise
            if time.monotonic() - began > START_TIMEOUT:
                raise
        if time.monotonic() - began > LOAD_TIMEOUT:
            raise ServerUnreachable(f"not serving after {LOAD_TIMEOUT:g} s")
        time.sleep(live.POLL)


def wait_for_cluster(view: InstanceView, before: Optional[State]) -> None:
    """Until a node that was started serves its slots. It does not for its first two seconds (cluster.c,
    CLUSTER_WRITABLE_DELAY), and for longer where it must meet other nodes again.

    view: as it was before the start. before: its state then, None where it did not run or did not tell. A node whose cluster
    was down is not waited for. Raises ApplyFailed when it was not down before and stays so.
    """
    if view.observed.nodes is None or (before is not None and not before.ok):
        return
    connection = _way_in(view)[1]()
    try:
        began = time.monotonic()
        now = cluster.state(connection)
        while now is not None and not now.ok and (before is not None or now.slots == cluster.SLOTS):
            if time.monotonic() - began > CLUSTER_TIMEOUT:
                break
            time.sleep(live.POLL)
            now = cluster.state(connection)
    finally:
        connection.close()
    if before is not None and now is not None and not now.ok:
        raise ApplyFailed(
            f"{view.instance.where}: {CLUSTER_TIMEOUT:g} s after its restart the server runs with its new settings, and "
            "cluster_state is not ok, as it was before; see CLUSTER INFO and CLUSTER NODES for the nodes that it does not reach"
        )


def _way_in(view: InstanceView) -> tuple[Service, Callable[[], Connection]]:
    """The service, and how to connect to what it started with the file that is there. Raises RedisOpsError."""
    instance, service = view.instance, view.instance.service
    if service is None or view.config is None:
        raise ApplyFailed("this needs a service and a configuration file")
    engine = view.plan.desired.engine
    lines = ConfFile.parse(read(view.config) or "")
    values, renamed = lines.values(engine), lines.renamed_commands()
    plain = replace(instance, settings={})
    return service, lambda: connect(plain, values, engine, service.pid(), renamed)


@dataclass
class Log:
    """What a server writes from now on: its log file, and what its service keeps of its output."""

    target: Optional[FileSpec]
    service: Service
    offset: int = 0

    @classmethod
    def of(cls, view: InstanceView, service: Service) -> Log:
        """The log of an instance, as it is before a start."""
        path = str(view.plan.desired.get("logfile") or "")
        target = replace(view.config or FileSpec(""), path=path, kind=None) if path else None
        log = cls(target, service)
        with contextlib.suppress(OSError, FileRefused):
            found = look(path, target.owner) if target else None
            log.offset = found.st_size if found else 0
        return log

    def reason(self) -> str:
        """The last complaints, fit to be shown; '' when there are none.

        systemd's own lines say that it failed, never why.
        """
        text = self._text() + "\n" + self.service.log()
        complaints = [line.strip() for line in text.splitlines() if any(word in line.lower() for word in _COMPLAINTS)]
        own = [line for line in complaints if self.service.name not in line]
        return plain("; ".join(dict.fromkeys(own[-LINES:])))

    def _text(self) -> str:
        """Nothing of a log that another user may have put there: what it says is printed."""
        with contextlib.suppress(OSError, FileRefused):
            return tail(self.target, self.offset) if self.target else ""
        return ""
