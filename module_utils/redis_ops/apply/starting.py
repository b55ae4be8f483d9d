"""Start a server and wait until it serves; when it does not, its own last words say why."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Optional

from ..base.errors import ApplyFailed, FileRefused, InvalidValue, RedisOpsError, ServerUnreachable, plain, told
from ..base.files import Target, look, read, tail
from ..model.conffile import ConfFile
from ..model.startup import parse
from ..platform.service import LOAD_TIMEOUT, START_TIMEOUT, Service
from ..server import persistence
from ..view.instance import InstanceView
from ..view.reach import connect
from . import live

DEATH_GRACE = 10.0  # seconds without a process after a start until it counts as dead
LINES = 3  # of a server's log that explain why it did not start
WAYS_IN = ("port", "tls-port", "bind", "requirepass", "protected-mode", "tls-auth-clients")
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
    instance, service = view.instance, view.instance.service
    if service is None or view.config is None:
        raise ApplyFailed("this needs a service and a configuration file")
    engine = view.plan.desired.engine
    lines = ConfFile.parse(read(view.config) or "")
    values, renamed = lines.values(engine), lines.renamed_commands()
    plain = replace(instance, settings={})
    began = time.monotonic()
    while True:
        try:
            connection = connect(plain, values, engine, service.pid(), renamed)
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


@dataclass
class Log:
    """What a server writes from now on: its log file, and what its service keeps of its output."""

    target: Optional[Target]
    service: Service
    offset: int = 0

    @classmethod
    def of(cls, view: InstanceView, service: Service) -> Log:
        """The log of an instance, as it is before a start."""
        path = str(view.plan.desired.get("logfile") or "")
        target = replace(view.config or Target(""), path=path, kind=None) if path else None
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
