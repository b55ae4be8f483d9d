"""One instance: its options, and all that stands around them: process, unit, file, users, role, append-only file."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional

from .. import catalog, conffile, host
from ..errors import AccessDenied, CommandRefused, FileUnreadable, RedisOpsError, told
from ..files import Target, is_open, read_optional
from ..findings import Finding
from ..observe import Instance, Snapshot, look, record_of
from ..record import digest
from . import acl, lines, options, unit
from .options import RESTART, RUN, Memory
from .states import Scope, State, found


def check(instance: Instance, open_files: int) -> Scope:
    """open_files: what its service shall grant. Never raises for what a host may be: that is a finding."""
    problems: list[Exception] = []
    snapshot: Optional[Snapshot] = None
    for seen in (instance, replace(instance, config=None)):
        try:
            snapshot = look(seen)
        except (RedisOpsError, OSError) as error:
            problems.append(error)
            if isinstance(error, FileUnreadable):  # what the running server says is worth having without its file
                continue
        break
    looker = _Look(instance, open_files, snapshot)
    found_here = [*map(looker.unreadable, problems), *looker.findings()]
    if snapshot is not None and snapshot.connection is not None:
        snapshot.connection.close()
    return Scope(
        instance.name,
        looker.checked,
        found_here,
        server=str(snapshot.running or snapshot.installed or "") if snapshot else "",
        unknown=sorted(name for name in (looker.live or {}) if catalog.find(name) is None),
    )


@dataclass
class _Look:
    """The checks of one instance. checked: how many have been made."""

    instance: Instance
    open_files: int
    snapshot: Optional[Snapshot]
    checked: int = 0

    def __post_init__(self) -> None:
        self.record = record_of(self.instance)
        self.then = self.record.left()
        self.live = self.snapshot.observed.live if self.snapshot else None
        self.where = self.instance.where

    def findings(self) -> Iterator[Finding]:
        """What cannot be looked at is told where it happens, and does not keep the rest from being looked at."""
        for look_at in (
            self._server,
            self._options,
            self._config_file,
            self._lines,
            self._unit,
            self._process,
            self._users,
            self._append_only_file,
            self._directories,
        ):
            try:
                yield from look_at()
            except (RedisOpsError, OSError) as error:  # noqa: PERF203 - each look fails for itself
                yield self.unreadable(error, look_at.__name__.strip("_"))

    def unreadable(self, problem: Exception, identity: str = "server") -> Finding:
        """What kept us from looking."""
        log = f"look at the log of {self._service_name}" if self._service_name else "see the error"
        let_in = "correct redis_server_secrets, or give redis_drift_login_user and redis_drift_login_password"
        return self._found(
            "file" if isinstance(problem, FileUnreadable) else identity,
            State.UNREADABLE,
            expected="an instance that can be looked at",
            actual=told(problem).removeprefix(f"{self.where}: "),
            why="what cannot be read is never called clean",
            remedy=let_in if isinstance(problem, AccessDenied) else log,
        )

    def _server(self) -> Iterator[Finding]:
        self.checked += 2
        if self.record.is_damaged():
            yield self._found(
                "record",
                State.UNREADABLE,
                expected="what the last run left",
                actual=f"{self.record.path} is not there, or cannot be read as that",
                why="without it nobody can tell who changed what",
                remedy="run provision, which writes it anew",
            )
        if self.snapshot is None:
            return
        if self.snapshot.connection is None:
            yield self._found(
                "server",
                State.UNREADABLE,
                expected=f"{self._service_name or 'a server'} that runs",
                actual="it does not run; what runs cannot be compared",
                why="Redis documentation, PING",
                remedy=f"look at its log, then run provision, which starts it (or systemctl start {self._service_name})",
            )
        elif int(self.snapshot.info.get("loading", 0)):
            yield self._found(
                "server",
                State.UNREADABLE,
                expected="a server that serves",
                actual="it still loads its data",
                why="Redis documentation, INFO persistence",
                remedy="check again when it has",
            )

    def _options(self) -> Iterator[Finding]:
        snapshot = self.snapshot
        if snapshot is None:
            return
        plan = snapshot.plan
        if plan.desired.values and snapshot.observed.file is None and self.instance.config and self.record.applied():
            # one finding says that the file is gone; each of its lines needs none
            entries = tuple(replace(entry, file_differs=False) for entry in plan.entries)
            plan = replace(plan, entries=entries)
        hidden = options.hidden(plan.desired.engine)
        if hidden and snapshot.connection is not None:
            plan = options.told_more(plan, snapshot.connection.config(*hidden))
        self.checked += len(plan.entries) + len(plan.others)
        yield from options.findings(plan, self._memory(), self.where, self._cli())

    def _memory(self) -> Memory:
        running = self.then.values(self.snapshot.plan.desired.engine) if self.then and self.snapshot else {}
        written = host.modified(self.instance.config.path) if self.instance.config else ""
        return Memory(self.record.applied(), running, written)

    def _cli(self) -> str:
        """How a person reaches this server, as a shell takes it."""
        connection = self.snapshot.connection if self.snapshot else None
        asks = ["--askpass"] if (self.live or {}).get("requirepass") else []
        return shlex.join(["redis-cli", *(connection.address.as_options() if connection else []), *asks])

    def _config_file(self) -> Iterator[Finding]:
        config = self.instance.config
        if config is None:
            return
        self.checked += 2
        if self.snapshot and self.snapshot.observed.file is None and not Path(config.path).exists():
            yield self._found(
                "file",
                State.FILE_CHANGED_OUTSIDE if self.record.applied() else State.DECLARED_NOT_APPLIED,
                expected=f"{config.path}",
                actual="no such file; the next start of the server fails",
                why="guide 9",
                remedy=f"{RUN}; a copy is {self.record.last_good_path}",
            )
        for name, target in (("file.mode", config), *self._remembered()):
            if not is_open(target):
                continue
            yield self._found(
                name,
                State.FILE_CHANGED_OUTSIDE,
                expected=f"{target.path} with mode {target.mode:04o}, {target.owner}:{target.group}",
                actual=host.mode_and_owner(target.path),
                why="it may hold a password",
                remedy=RUN if target is config else f"chmod {target.mode:04o} {target.path}",
                since=host.modified(target.path, status=True),
            )

    def _remembered(self) -> list[tuple[str, Target]]:
        """What a run keeps for itself, where it keeps anything."""
        paths = [self.record.path, self.record.last_good_path] if self.record.path else []
        return [
            (f"record.mode.{Path(path).name}", Target(path, 0o600, os.geteuid(), os.getegid()))
            for path in paths
            if Path(path).is_file()
        ]

    def _unit(self) -> Iterator[Finding]:
        service = self.instance.service
        if service is None:
            return
        self.checked += 1
        if not service.enabled():
            yield self._found(
                "unit.boot",
                State.FILE_CHANGED_OUTSIDE,
                expected=f"{service.name} starts at boot",
                actual="not enabled",
                why="after a reboot there would be no server",
                remedy=f"systemctl enable {service.name}, or {RUN}",
            )
        yield from self._limits_file(service.limits_path())
        for deviation in unit.deviations(service):
            self.checked += 1
            if deviation.actual:
                yield self._found(
                    f"unit.{deviation.name}",
                    State.UNMANAGED_SET if deviation.added else State.FILE_CHANGED_OUTSIDE,
                    expected=deviation.expected,
                    actual=deviation.actual,
                    why="systemd documentation, systemd.unit",
                    remedy=deviation.remedy,
                )

    def _limits_file(self, path: str) -> Iterator[Finding]:
        wanted = self.instance.limits
        if wanted is None:
            return
        self.checked += 1
        before = _text(path)
        if before == wanted:
            return
        written = self.record.files().get(path)
        outside = written is not None and (before is None or digest(before) != written)
        yield self._found(
            "unit.limits",
            State.FILE_CHANGED_OUTSIDE if outside else State.DECLARED_NOT_APPLIED,
            expected=f"{path} as provision writes it",
            actual="no such file" if before is None else "another text" + ("" if outside else ", of an earlier run"),
            why="guide 3.1",
            remedy=RUN if outside else "run provision, which writes it",
            since=host.modified(path) if outside and before is not None else "",
        )

    def _process(self) -> Iterator[Finding]:
        snapshot = self.snapshot
        if snapshot is None or self.instance.service is None or snapshot.connection is None:
            return
        self.checked += 3
        pid = int(snapshot.info["process_id"])
        if snapshot.program_replaced:
            yield self._found(
                "process.program",
                State.PENDING_RESTART,
                expected=f"the installed {snapshot.installed} runs",
                actual=f"{snapshot.running} runs from a file that is gone",
                why="the package was replaced under the running server",
                remedy=RESTART,
            )
        limit = snapshot.observed.open_files
        if limit is not None and limit < self.open_files:
            granted = unit.open_files(self.instance.service)
            yield self._found(
                "process.open_files",
                State.LIVE_NOT_PERSISTED if granted == self.open_files else State.PENDING_RESTART,
                expected=f"{self.open_files} open files, maxclients + 1024",
                actual=f"{limit} (/proc/{pid}/limits)",
                why="guide 3.1; Redis documentation, clients",
                remedy=f"prlimit --pid {pid} --nofile={self.open_files}; or {RESTART}",
            )
        owner = host.process_user(pid)
        wanted = (self.instance.config.owner if self.instance.config else None) or owner
        if owner != wanted:
            yield self._found(
                "process.user",
                State.LIVE_NOT_PERSISTED,
                expected=f"runs as {wanted}",
                actual=f"runs as {owner}",
                why="somebody started it past its service",
                remedy=f"stop it, then systemctl start {self._service_name}",
            )

    def _users(self) -> Iterator[Finding]:
        snapshot = self.snapshot
        if snapshot is None or snapshot.connection is None or self.instance.config is None:
            return
        self.checked += 1
        try:
            listed = [str(line) for line in snapshot.connection.call("ACL LIST")]
        except (AccessDenied, CommandRefused) as error:
            yield self._found(
                "acl",
                State.UNREADABLE,
                expected="a user that may ACL LIST",
                actual=str(error),
                why="Redis documentation, ACL",
                remedy="ACL SETUSER <user> +acl|list, see docs/drift.md",
            )
            return
        live = self.live or {}
        path = str(Path(live.get("dir", "/")) / live["aclfile"]) if live.get("aclfile") else ""
        text = read_optional(path) if path else snapshot.observed.file
        if text is None:
            if path:
                yield self._found(
                    "acl.file",
                    State.FILE_CHANGED_OUTSIDE,
                    expected=path,
                    actual="no such file; the next start of the server fails",
                    why="Redis documentation, ACL",
                    remedy="ACL SAVE writes it anew from what runs",
                )
            return  # the configuration file has its own finding
        stored = acl.of_file(text) if path else _users_of(conffile.ConfFile.parse(text))
        start = acl.Start(
            snapshot.plan.desired.engine,
            "" if path else live.get("requirepass", ""),
            live.get("acl-pubsub-default") == "allchannels",
            declared=None if path else str(snapshot.plan.desired.get("requirepass") or ""),
            left=None if path or self.then is None else _users_of(self.then),
        )
        yield from acl.findings(listed, stored, start, self.where, self._cli())

    def _lines(self) -> Iterator[Finding]:
        snapshot = self.snapshot
        text = snapshot.observed.file if snapshot and self.instance.config else None
        if snapshot is None or self.instance.config is None or text is None:
            return
        self.checked += 2
        now = conffile.ConfFile.parse(text)
        yield from lines.findings(now, self.then, self.where, host.modified(self.instance.config.path))
        follows = " ".join(map(str, snapshot.observed.replica_of or ()))
        yield from lines.role(follows, now, self.then, self.where)

    def _append_only_file(self) -> Iterator[Finding]:
        snapshot = self.snapshot
        store = snapshot.store if snapshot else None
        if store is None or self.instance.config is None or (self.live or {}).get("appendonly") != "yes":
            return
        rewriting = ("aof_rewrite_in_progress", "aof_rewrite_scheduled", "loading")
        if snapshot is None or any(int(snapshot.info.get(name, 0)) for name in rewriting):
            return  # its files change under our eyes, or are not there yet
        self.checked += 2
        # a rewrite may have ended between two files: what is still so at a second look is so
        problems = [problem for problem in store.problems() if problem in store.problems()]
        if problems:
            yield self._found(
                "aof.files",
                State.FILE_CHANGED_OUTSIDE,
                expected=f"a complete AOF at {store.aof}",
                actual="; ".join(problems),
                why="guide 2.2",
                remedy="BGREWRITEAOF writes it anew from memory; do it before any restart",
            )
        orphans = [name for name in store.orphans() if name in store.orphans()]
        if orphans:
            yield self._found(
                "aof.orphans",
                State.UNMANAGED_SET,
                expected=f"in {store.aof.parent} only what its manifest lists",
                actual=f"{len(orphans)} more: {', '.join(orphans[:3])}" + (" ..." if len(orphans) > 3 else ""),
                why="Redis documentation, persistence: such files are never read and take space",
                remedy="look at them, then move them away",
            )

    def _directories(self) -> Iterator[Finding]:
        for target in self.instance.directories:
            self.checked += 1
            missing = not Path(target.path).is_dir()
            if missing or host.foreign_owner(target.path, str(target.owner)) or host.anybody_writes(target.path):
                yield self._found(
                    f"directory.{target.path}",
                    State.FILE_CHANGED_OUTSIDE,
                    expected=f"{target.path}, which {target.owner} and nobody else can write",
                    actual="no such directory" if missing else host.mode_and_owner(target.path),
                    why="it holds the data",
                    remedy=RUN
                    if missing
                    else f"chown {target.owner}:{target.group} {target.path}; chmod o-w {target.path}",
                )

    @property
    def _service_name(self) -> str:
        return self.instance.service.name if self.instance.service else ""

    def _found(
        self, identity: str, state: State, *, expected: str, actual: str, why: str, remedy: str, since: str = ""
    ) -> Finding:
        return found(identity, self.where, state, expected=expected, actual=actual, why=why, remedy=remedy, since=since)


def _text(path: str) -> Optional[str]:
    """None when there is none."""
    return host.read(path) if Path(path).exists() else None


def _users_of(parsed: conffile.ConfFile) -> list[Sequence[str]]:
    """Name and rules of each `user` line."""
    return [line.arguments for line in parsed.directives if line.name == "user"]
