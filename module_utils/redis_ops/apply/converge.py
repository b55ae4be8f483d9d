"""Change one instance. The only effects on a Redis and its service.

Order of a change, so that a run killed at any point leaves something the next run understands, and no point loses a
key: the installed server reads the new file; CONFIG SET takes all live settings at once; an AOF is switched on through
the running server and waited for; only then the file is replaced. A restart comes last, where it is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Optional

from ..base.change import Change
from ..base.errors import ApplyFailed, InvalidInput, RedisOpsError, told
from ..base.files import FileSpec
from ..base.trees import make_directory
from ..checks import data, default_user, eviction, tls_renewal, undone
from ..checks import start as starts
from ..model import conffile
from ..model.desired import MASK
from ..plan import plan
from ..plan.eviction import Cause
from ..platform.service import Service
from ..server import cluster
from ..server.cluster import State
from ..server.datasets import Kind
from ..server.persistence import Content
from ..server.queues.result import NOT_LOOKED, Search
from ..view.host import queues_of
from ..view.instance import Instance, InstanceView
from ..view.observe import look, observe
from ..view.reach import answers
from . import aside, going_back, renewal, starting, trial
from .foresee import Outcome, foresee, is_taken_over, stale_files
from .live import RunningServer, wait


def converge(
    instance: Instance,
    *,
    restart: bool,
    check: bool,
    seen: Optional[InstanceView] = None,
    queues: Optional[Search] = None,
    rolling: bool = False,
) -> tuple[Outcome, InstanceView]:
    """Bring the instance to its desired state, or in check mode say what that would take.

    restart: whether settings that need one may have it. seen: a look at it that is still true. queues: the search of that
    look; None to search where it matters.
    rolling: another run makes the restarts right after this one.
    Returns also what was seen last. Raises RedisOpsError; its text says what was put back.
    """
    if not check:
        aside.sweep_drafts(instance)
    view = observe(instance) if seen is None else seen
    problems = [*view.plan.problems, *(data.starting_empty(view) if instance.service else ())]
    problems += default_user.problems(view)
    problems += [] if check else eviction.problems(view, queues_of(view) if queues is None else queues)
    if not (restart or rolling):
        problems += data.moving_later(view)
    elif instance.service is not None and view.owed_restarts():
        problems += undone.problems(view)
    if problems:
        raise InvalidInput(problems)
    outcome = foresee(view, restart=restart)
    if check:
        trial.foresee_refusal(view)
    if check or not outcome.changed:
        return outcome, view
    try:
        with Change() as files:
            change = _Change(instance, view, files)
            if view.connection is None and instance.service is not None:
                change.start()
            else:
                change.apply()
            if outcome.restarted:
                change.restart()
        after = observe(instance)
        _verify_applied(after)
        after.record.keep(after.plan, loaded=change.loaded)
        after.record.keep_running(after.plan)
        after.record.forget_mask()
        change.wait_for_cluster()
    except (RedisOpsError, OSError) as error:
        raise ApplyFailed(_without_secrets(told(error), view.plan)) from None
    outcome.pending_restart = after.owed_restarts()
    return outcome, after


@dataclass
class _Change:
    """The effects, in their order. loaded: of the TLS files, when this change made the server load them. aof: whether its
    data lies in an AOF, where a stop has told. first_record: what a first contact has noted, see Record.note_origin().
    started: the look before the server was started; None where it was not. cluster: what a node said of its cluster before
    it was stopped.
    """

    instance: Instance
    view: InstanceView
    files: Change
    loaded: Optional[Mapping[str, str]] = None
    aof: Optional[bool] = None
    first_record: str = ""
    started: Optional[InstanceView] = None
    cluster: Optional[State] = None

    def start(self) -> None:
        """From stopped to serving. It starts as it would have without us, and the running server then switches."""
        self._make_directories()
        first = self.view.plan.file_after or ""
        if self.view.stored is not None and _loads_other(self.view):
            first = going_back.with_values(self.view, first, appendonly=self.view.aof)
        limited = not self.instance.accept_eviction and eviction.risk_of(self.view, NOT_LOOKED).cause is Cause.UNSEEN
        if limited:
            now = self.view.limit_now
            first = going_back.with_values(
                self.view, first, **{"maxmemory": now.maxmemory, "maxmemory-policy": now.policy}
            )
        self._stage_unit()
        if first != self.view.observed.file:
            self._lint(first)
            self._keep_first_copy()
            self._stage_config(first)
        self._commit()
        self._start(had=Content(), was_running=False)
        stopped, self.view = self.view, observe(self.instance)
        if limited:
            self._must_hold(stopped)
        self.apply()

    def apply(self) -> None:
        """Live settings, then the files, which are on the disk by then. When they can't be put in place, the settings go
        back as well, whatever becomes of the files.
        """
        self._make_directories()
        current, connection = self.view.plan, self.view.connection
        if current.file_changed:
            self._lint(current.file_after or "")
            self._keep_first_copy()
        self._stage(current)
        running = RunningServer(self.instance.where, self.view, connection) if connection is not None else None
        if running is not None:
            wait(lambda: not int(running.connection.info().get("loading", 0)), "the server to load its data")
            if current.switches_aof_on:
                self._set_aside()
            running.set_live()
        try:
            if running is not None:
                self._renew(running)
                self._must_answer()
            self._commit()
        except (RedisOpsError, OSError) as error:
            live = running is None or running.take_back()
            what = "the running server has its old settings" if live else "the running server kept some new settings"
            raise ApplyFailed(f"{self.instance.where}: {told(error)}; {what}") from None
        if self.instance.service is not None:
            self.instance.service.prepare()

    def _must_hold(self, stopped: InstanceView) -> None:
        """What it loaded stays under the declared limit and policy. stopped: the look before it was started.

        Raises ApplyFailed.
        """
        for problem in eviction.problems(self.view, queues_of(self.view)):
            raise ApplyFailed(f"{problem}; {self._step_back(stopped)}")

    def _step_back(self, stopped: InstanceView) -> str:
        """Stop the server that was started for a look, and put the files back. Not where a stop loses what somebody has
        written by now: an AOF has it already.
        """
        connection = self.view.connection
        info = connection.info() if connection is not None else {}
        unsaved = not info.get("aof_enabled") and int(info.get("rdb_changes_since_last_save", 1))
        if connection is None or unsaved:
            return "the server runs with the limit and the policy that it had"
        connection.set_config([("save", "")])  # it would write the same dump again
        connection.close()
        service = _required(self.instance.service)
        service.stop()
        if stopped.unit is None or not stopped.unit.enabled:
            service.withdraw()
        result = self.files.put_back()
        if stopped.config and not result.failed:
            aside.drop_copies(stopped.config, stopped.observed.file)
        return f"the server was started for a look at its data, and is stopped again; {result}"

    def _must_answer(self) -> None:
        """The declared way in lets us in, before anything else relies on it. Raises RedisOpsError."""
        if {entry.option.name for entry in self.view.plan.live} & set(starting.ADMITTING):
            answers(self.view)

    def _renew(self, running: RunningServer) -> None:
        """Load TLS files that were renewed at the same path. A wrong pair is refused before the server sees it."""
        facts, current = self.view.tls, self.view.plan
        set_now = any(entry.option.name.startswith("tls-") for entry in current.live)
        if facts is None or not facts.options.in_use or not (set_now or stale_files(self.view)):
            return
        live = running.connection.config("tls-cert-file")["tls-cert-file"]
        began = datetime.now(timezone.utc)
        renewal.renew(running.connection, facts, live, self.instance.where)
        renewal.confirm(look(self.instance).tls or facts, self.instance.where)
        self.loaded = tls_renewal.Loaded.of(facts, began).as_record()

    def restart(self) -> None:
        """Stop in order with everything on disk, start, and go back to the old files when that fails."""
        service = _required(self.instance.service)
        connection = self.view.connection
        had = Content()
        if connection is not None:
            running = RunningServer(self.instance.where, self.view, connection)
            self.cluster = cluster.state(connection) if self.view.observed.nodes is not None else None
            had = running.save()
            self.aof = running.save_at_stop()
            connection.close()
        try:
            service.stop()
        except ApplyFailed as error:
            raise ApplyFailed(f"{self.instance.where}: {self._go_back(was_running=True)}: {error}") from None
        self._start(had=had, was_running=True)

    def _start(self, *, had: Content, was_running: bool) -> None:
        began = datetime.now(timezone.utc)
        self.started = self.view
        try:
            starting.start(self.view, had=had)
            if self.view.tls is not None:
                self.loaded = tls_renewal.Loaded.of(self.view.tls, began).as_record()
        except ApplyFailed as error:
            raise ApplyFailed(f"{self.instance.where}: {self._go_back(was_running=was_running)}: {error}") from None

    def wait_for_cluster(self) -> None:
        """Until a node that was started serves as before. Raises ApplyFailed."""
        if self.started is not None:
            starting.wait_for_cluster(self.started, self.cluster)

    def _go_back(self, *, was_running: bool) -> str:
        """Put the old files back, and the old server when there was one. Says how that went."""
        back = going_back.Back(self.view, self.files, self.first_record, self._switch_aof)
        return back.to_what_ran(aof=self.aof) if was_running else back.to_what_was_there()

    def _switch_aof(self, on: bool) -> None:
        """Of a server that was just started. Raises RedisOpsError, OSError."""
        self.view = look(self.instance)
        if self.view.connection is None:
            raise ApplyFailed("the server does not answer")
        if on:
            self._set_aside()
        RunningServer(self.instance.where, self.view, self.view.connection).switch_aof(on=on)
        self.view.connection.close()

    def _make_directories(self) -> None:
        for target in self.view.missing_directories:
            make_directory(target.path, target.mode, target.owner, target.group)

    def _set_aside(self) -> None:
        """An AOF that the server has not loaded must not become part of the new one."""
        if self.view.info.get("aof_enabled"):
            return
        owner = self.view.config.owner if self.view.config else None
        for found in self.view.data:
            if found.kind is Kind.OLD_AOF:
                aside.set_aside(str(found.path), owner)
            elif found.kind is not Kind.DUMP:
                aside.set_parts_aside(self.view.store, owner)

    def _keep_first_copy(self) -> None:
        if self.view.config and is_taken_over(self.view):
            aside.keep_copy(self.view.config, self.view.observed.file)

    def _lint(self, text: str) -> None:
        if self.view.config and self.view.installed:
            trial.run(self.view, text)

    def _stage(self, current: plan.Plan) -> None:
        """Every file, in the order in which they are put in place: the way back before the configuration changes, what is
        applied last, while the file that still named what is withdrawn is known.
        """
        record = self.view.record
        record.keep_running(current, self.files.stage)
        self._note_origin()
        self._stage_unit()
        if current.file_changed:
            self._stage_config(current.file_after or "")
        elif self.view.config_is_open:
            self._stage_config(current.file_before or "")  # a new file: one that is there is never given away
        record.keep(current, self.files.stage)

    def _stage_config(self, text: str) -> None:
        if self.view.config:
            self._note_origin()
            self.files.stage(self.view.config, text)

    def _note_origin(self) -> None:
        """Whose the server is stays known as long as a file of ours may be there."""
        record, config = self.view.record, self.view.config
        if config:
            self.first_record = record.note_origin(self.view.contact, self.files.stage) or self.first_record
            self.files.bind(record.path, config.path)

    def _stage_unit(self) -> None:
        """The drop-in of this project, and unit files of others that a person said to replace."""
        for path in starts.replaced_files(self.view):
            aside.move_away(path, _required(self.instance.service).name, self.files)
        if self.instance.service and self.view.drop_in is not None and self.view.drop_in_before != self.view.drop_in:
            self.files.stage(FileSpec(self.instance.service.drop_in_path()), self.view.drop_in)

    def _commit(self) -> None:
        """Put all files in place, or none. Raises ApplyFailed."""
        try:
            self.files.commit()
        except (OSError, RedisOpsError) as error:
            raise ApplyFailed(f"{told(error)}; {self.files.put_back()}") from None


def _loads_other(view: InstanceView) -> bool:
    """Whether a start with the new file would load other data than one with the existing file, or none."""
    return view.stored != view.stored_as(aof=view.plan.desired.get("appendonly"))


def _verify_applied(after: InstanceView) -> None:
    left = after.plan
    if not left.changed:
        return
    names = ", ".join(entry.option.name for entry in left.live) or "the file"
    raise ApplyFailed(f"{after.instance.where}: {names} still differs after it was applied; somebody else changes it")


def _without_secrets(text: str, current: plan.Plan) -> str:
    """An error text may quote a line of a file."""
    hidden = conffile.secrets_in(current.file_before or "") | conffile.secrets_in(current.file_after or "")
    hidden |= {entry.want for entry in current.entries if entry.option.secret and isinstance(entry.want, str)}
    for secret in sorted(filter(None, hidden), key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def _required(value: Optional[Service]) -> Service:
    if value is None:
        raise ApplyFailed("this needs a service")
    return value
