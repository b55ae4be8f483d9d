"""Change one instance. The only effects on a Redis and its service.

Order of a change, so that a run killed at any point leaves something the next run understands, and no point loses a
key: the installed server reads the new file; CONFIG SET takes all live settings at once; an AOF is switched on through
the running server and waited for; only then the file is replaced. A restart comes last, where it is allowed.
"""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Optional

from ..base.errors import AccessDenied, ApplyFailed, RedisOpsError, ServerUnreachable, told
from ..base.files import Target, Undo, give, read_optional, sweep
from ..model import conffile
from ..model.desired import MASK, DesiredState
from ..plan import plan
from ..platform import host
from ..platform.service import LOAD_TIMEOUT, START_TIMEOUT, Service
from ..server import persistence
from ..view.observe import Instance, Snapshot, connect, observe, record_of
from . import linter
from .live import POLL, RunningServer, wait

DEATH_GRACE = 10.0  # seconds without a process after a start until it counts as dead


@dataclass
class Outcome:
    """What a run did, or in check mode would do. actions: one line each, for people, as what to do: 'write ...'."""

    changed: bool
    actions: list[str]
    diff: list[dict[str, str]]
    pending_restart: list[dict[str, str]]
    restarted: bool = False


def converge(instance: Instance, *, restart: bool, check: bool, fresh: bool = False) -> Outcome:
    """Bring the instance to its desired state, or in check mode tell what that would take.

    restart: whether settings that need one may have it. fresh: the package is new, and a mask on its unit is ours.
    Raises RedisOpsError; its text says what was put back.
    """
    if instance.config and not check:
        sweep(instance.config.path)
    snapshot = observe(instance)
    outcome = _foresee(instance, snapshot, restart=restart, fresh=fresh)
    if check:
        _foresee_refusal(instance, snapshot)
    if check or not outcome.changed:
        return outcome
    change = _Change(instance, snapshot, Undo())
    try:
        if snapshot.connection is None and instance.service is not None:
            change.start()
        else:
            change.apply()
        if outcome.restarted:
            change.restart()
        after = observe(instance)
        _verify_applied(instance, after)
        record_of(instance).keep(after.plan)
        record_of(instance).keep_running(after.plan)
    except (RedisOpsError, OSError) as error:
        raise ApplyFailed(_without_secrets(told(error), snapshot.plan)) from None
    outcome.pending_restart = after.owed_restarts()
    return outcome


def _foresee(instance: Instance, snapshot: Snapshot, *, restart: bool, fresh: bool) -> Outcome:
    """The actions that the plan and the service need, before any of them is done."""
    current = snapshot.plan
    actions = [f"make {target.path}" for target in snapshot.missing_directories]
    diff = current.diff(instance.config.path) if instance.config else current.diff()
    if current.file_changed and instance.config:
        actions.append(f"write {instance.config.path}{_undone(snapshot, record_of(instance).last_good())}")
    elif snapshot.config_is_open and instance.config:
        actions.append(f"set mode {instance.config.mode:04o} and owner of {instance.config.path}")
    if _limits_change(instance, snapshot) and instance.service:
        path = instance.service.limits_path()
        actions.append(f"write {path}")
        diff.append(
            {
                "before_header": path,
                "after_header": path,
                "before": snapshot.limits_before or "",
                "after": instance.limits or "",
            }
        )
    actions += [
        f"set {entry.option.name} to {current.text(entry, entry.want)} (was {current.text(entry, entry.live)})"
        for entry in current.live
    ]
    service = instance.service
    if service and service.masked() and not fresh:
        actions.append(f"unmask {service.name}")
    if service and not service.enabled():
        actions.append(f"enable {service.name} at boot")
    owed = snapshot.owed_restarts()
    if service and snapshot.connection is None:
        actions.append(f"start {service.name}")
    restarted = bool(owed and restart and service and snapshot.connection)
    if restarted and service:
        actions.append(f"restart {service.name} for " + ", ".join(item["option"] for item in owed))
    if not actions and not record_of(instance).is_kept(current):
        actions.append(f"write {instance.state}")  # a run was killed before it could
    return Outcome(bool(actions), actions, diff, [] if restarted else owed, restarted)


def _undone(snapshot: Snapshot, last_good: Optional[str]) -> str:
    """Which edits of the file by others this run puts back: what is not there as the last run left it.

    last_good: what a restart that failed put there is nobody's edit.
    """
    applied, engine = snapshot.observed.applied, snapshot.plan.desired.engine
    if applied is None or snapshot.observed.file == last_good:
        return ""
    found = conffile.ConfFile.parse(snapshot.observed.file or "").values(engine)
    wrong = {
        entry.option.name: entry.option
        for entry in snapshot.plan.entries
        if entry.file_differs and not entry.option.secret
    }
    left = {
        name: conffile.read_value(option, applied[name], engine) for name, option in wrong.items() if name in applied
    }
    names = [name for name in wrong if found.get(name) != left.get(name)]
    return f" (somebody else changed {', '.join(names)} there)" if names else ""


def lint(instance: Instance, text: str, beside: str) -> None:
    """Let the installed server read `text`. Raises ApplyFailed."""
    owner = instance.config.owner if instance.config else None
    linter.check(text, instance.binary, beside, str(owner) if owner else None)


def _foresee_refusal(instance: Instance, snapshot: Snapshot) -> None:
    """In check mode, what the installed server would say of the new file; beside nothing of the host's own.

    Raises ApplyFailed.
    """
    text = snapshot.plan.file_after
    if not (text and snapshot.plan.file_changed and snapshot.installed) or snapshot.missing_directories:
        return
    with tempfile.TemporaryDirectory() as directory:
        owner = instance.config.owner if instance.config else None
        give(Target(directory, 0o700, owner))
        lint(instance, text, f"{directory}/redis.conf")


@dataclass
class _Change:
    """The effects, in their order."""

    instance: Instance
    snapshot: Snapshot
    undo: Undo

    def start(self) -> None:
        """From stopped to serving."""
        self._make_directories()
        desired = self.snapshot.plan.desired
        first = self.snapshot.plan.file_after or ""
        if self._would_start_without_data():
            # as it was; the running server then switches, with everything on disk, and the file says so last
            first = self._with_aof(first, on=not desired.get("appendonly"))
        self._lint(first)
        self._write_config(first)
        self._write_limits()
        self._start(had_keys=0, was_running=False)
        self.snapshot = observe(self.instance)
        self.apply()

    def apply(self) -> None:
        """Live settings, then the file. When the file cannot be written, the settings go back as well."""
        self._make_directories()
        current, connection = self.snapshot.plan, self.snapshot.connection
        if current.file_changed:
            self._lint(current.file_after or "")
        if connection is not None:
            wait(lambda: not int(connection.info().get("loading", 0)), "the server to load its data")
            RunningServer(self.instance.where, self.snapshot, connection).set_live()
        try:
            record_of(self.instance).keep_running(current)
            if current.file_changed:
                self._write_config(current.file_after or "")
            elif self.snapshot.config_is_open and self.instance.config:
                give(self.instance.config)
            self._write_limits()
            # now, while the file that still named what is withdrawn is known
            record_of(self.instance).keep(current, self.undo.write)
        except OSError:
            self.undo.put_back()
            if connection is not None:
                RunningServer(self.instance.where, self.snapshot, connection).take_back()
            raise
        if self.instance.service is not None:
            self.instance.service.prepare()

    def restart(self) -> None:
        """Stop in order with everything on disk, start, and go back to the old files when that fails."""
        service = _required(self.instance.service)
        connection = self.snapshot.connection
        had_keys = 0
        if connection is not None:
            running = RunningServer(self.instance.where, self.snapshot, connection)
            had_keys = running.save()
            running.save_at_stop()
            connection.close()
        try:
            service.stop()
        except ApplyFailed as error:
            raise ApplyFailed(f"{self.instance.where}: {self._go_back(was_running=True)}: {error}") from None
        self._start(had_keys=had_keys, was_running=True)

    def _start(self, *, had_keys: int, was_running: bool) -> None:
        service = _required(self.instance.service)
        log = _Log(self.snapshot.plan.desired, service)
        try:
            service.prepare()
            service.start()
            found = persistence.keys(self._wait_until_serving())
            if had_keys and not found:
                raise ApplyFailed(f"it started without its {had_keys} keys")
        except (ApplyFailed, ServerUnreachable, AccessDenied) as error:
            reason = log.reason() or str(error)
            raise ApplyFailed(f"{self.instance.where}: {self._go_back(was_running=was_running)}: {reason}") from None

    def _go_back(self, *, was_running: bool) -> str:
        """Put the old files back, and the old server when there was one. Says how that went."""
        service = _required(self.instance.service)
        with contextlib.suppress(RedisOpsError):
            service.stop()
        last_good = record_of(self.instance).last_good()
        if last_good is not None and self.instance.config:
            # a run before this one may have written a file that nobody ever started with: not one to go back to
            on = bool(self._values(read_optional(self.instance.config.path) or "").get("appendonly"))
            self.undo.goes_back_to(self.instance.config, last_good if was_running else self._with_aof(last_good, on=on))
        self.undo.put_back()
        if last_good is None and not was_running:
            with contextlib.suppress(RedisOpsError):
                service.forbid()  # what is back is not ours: the package's own settings must not run
            return "the server did not start; the files are as they were, and it stays stopped"
        try:
            service.prepare()
            service.start()
            self._wait_until_serving()
        except RedisOpsError as error:
            return f"the server did not start with the new settings, nor with the old ones ({error})"
        return "the server did not start with the new settings; the old file is back and the old settings serve"

    def _wait_until_serving(self) -> Mapping[str, Any]:
        """INFO of the server once it has loaded its data."""
        text = read_optional(_required(self.instance.config).path) or ""
        values = self._values(text)
        instance = replace(self.instance, settings={})
        service = _required(self.instance.service)
        began = time.monotonic()
        while True:
            try:
                connection = connect(instance, values, self.snapshot.plan.desired.engine)
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
            time.sleep(POLL)

    def _would_start_without_data(self) -> bool:
        desired = self.snapshot.plan.desired
        store = persistence.Store.of(desired.values, desired.engine)
        was_on = self._values(self.snapshot.observed.file or "").get("appendonly") is True
        return store.starts_without_data(aof=desired.get("appendonly"), aof_was_on=was_on)

    def _values(self, text: str) -> Mapping[str, Any]:
        return conffile.ConfFile.parse(text).values(self.snapshot.plan.desired.engine)

    def _with_aof(self, text: str, *, on: bool) -> str:
        """The same configuration with AOF on or off."""
        engine = self.snapshot.plan.desired.engine
        values = {**self._values(text), "appendonly": on}
        return conffile.render(DesiredState(engine, values), self.instance.name, conffile.ConfFile.parse(text).kept())

    def _make_directories(self) -> None:
        for target in self.snapshot.missing_directories:
            Path(target.path).mkdir(parents=True, exist_ok=True)
            give(target)

    def _lint(self, text: str) -> None:
        if self.instance.config and self.snapshot.installed:
            lint(self.instance, text, self.instance.config.path)

    def _write_config(self, text: str) -> None:
        if self.instance.config:
            self.undo.write(self.instance.config, text)

    def _write_limits(self) -> None:
        if self.instance.service and _limits_change(self.instance, self.snapshot):
            self.undo.write(Target(self.instance.service.limits_path()), self.instance.limits or "")


@dataclass
class _Log:
    """What the server writes from now on: its log file, and what its service keeps of its output."""

    desired: DesiredState
    service: Service
    _offset: int = 0

    def __post_init__(self) -> None:
        self._offset = len(self._text())

    def reason(self) -> str:
        """The last complaint."""
        text = self._text()[self._offset :] + "\n" + self.service.log()
        words = ("fatal", "error", "fail", "can't", "could not", "cannot", "refus", "no such", "denied", "in use")
        told = [line.strip() for line in text.splitlines() if any(word in line.lower() for word in words)]
        # systemd's own lines say that it failed, never why
        own = [line for line in told if self.service.name not in line]
        return own[-1] if own else ""

    def _text(self) -> str:
        path = self.desired.get("logfile")
        return host.read(path) if path else ""


def _verify_applied(instance: Instance, after: Snapshot) -> None:
    left = after.plan
    if not left.changed:
        return
    names = ", ".join(entry.option.name for entry in left.live) or "the file"
    raise ApplyFailed(f"{instance.where}: {names} still differs after it was applied; somebody else changes it")


def _limits_change(instance: Instance, snapshot: Snapshot) -> bool:
    return instance.service is not None and instance.limits is not None and snapshot.limits_before != instance.limits


def _without_secrets(text: str, current: plan.Plan) -> str:
    """An error text may quote a line of a file."""
    hidden = conffile.secrets_in(current.file_before or "") | conffile.secrets_in(current.file_after or "")
    hidden |= {entry.want for entry in current.entries if entry.option.secret and isinstance(entry.want, str)}
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _required(value: Any) -> Any:
    if value is None:
        raise ApplyFailed("this needs a service and a configuration file")
    return value
