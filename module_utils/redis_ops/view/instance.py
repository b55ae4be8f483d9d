"""What one instance is, and what was seen of it."""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, Optional

from ..base.engine import Engine
from ..base.files import FileSpec
from ..base.trees import is_directory
from ..model.conffile import Unreadable
from ..model.desired import default_value
from ..model.desired import known as option_of
from ..model.startup import Startup
from ..plan.comparison import Observed
from ..plan.contact import Contact
from ..plan.eviction import Limit
from ..plan.plan import Plan
from ..platform.layout import Layout
from ..platform.service import Service
from ..platform.units import FileLimit, Unit
from ..server import connection as server
from ..server import datasets, persistence
from ..server.datasets import DataSet
from . import tls
from .record import Record


@dataclass(frozen=True)
class Instance:
    """What one instance is and where it lives.

    where: host and instance, for error texts. config: None when only the running server is managed.
    service: None when somebody else starts it. layout: where its package keeps it; None when a module names every place
    itself, in drop_in (text of the unit's drop-in, None to leave it) and directories (made when missing).
    state: the file that remembers what was applied. credentials: tried in order, before those that the file on the host
    has. weak, assumed: see plan.build. adopt: what a person said about a server that
    somebody else set up, 'keep', 'replace' or ''. successor: where it lives after it is renamed; None when it is not.
    exact: the text that its file shall have, whatever `settings` say; None where these decide.
    accept_empty: whether it may start without data that is there. accept_eviction: whether keys may be evicted that are
    protected now.
    """

    name: str
    where: str
    settings: Mapping[str, Any]
    config: Optional[FileSpec] = None
    binary: str = ""
    service: Optional[Service] = None
    layout: Optional[Layout] = None
    drop_in: Optional[str] = None
    directories: Sequence[FileSpec] = ()
    state: str = ""
    address: Optional[server.Address] = None
    credentials: Sequence[server.Credentials] = ()
    fallback_engine: Optional[Engine] = None
    weak: frozenset[str] = frozenset()
    assumed: frozenset[str] = frozenset()
    adopt: str = ""
    successor: Optional[Layout] = None
    exact: Optional[str] = None
    accept_empty: bool = False
    accept_eviction: bool = False


@dataclass
class InstanceView:
    """What was found of an instance, and the plan that follows from it.

    connection: None when the server does not run. unit: None when no service starts it. unit_files: drop-ins and unit
    files of others -> their lines that decide which server starts. later_limit: the one that overrides ours.
    startup: the command of its next start; None when there is none, or when `unclear` says why it can't be told.
    config: the file that this project writes, with the owner that the unit asks for. drop_in: the text of the unit's
    drop-in, None to leave it. store: where its data is, by what runs or else by what its configuration says.
    tls: None where it has none. at: when it was looked at, in UTC. started: when its process
    began, in seconds since 1970; 0 where that can't be told.
    aof: whether its configuration says appendonly yes. own_file: a person wrote the configuration file.
    """

    instance: Instance
    plan: Plan
    observed: Observed
    installed: Optional[Engine]
    store: persistence.Store
    aof: bool = False
    connection: Optional[server.Connection] = None
    info: Mapping[str, Any] = field(default_factory=dict)
    unit: Optional[Unit] = None
    unit_files: Mapping[str, Sequence[str]] = field(default_factory=dict)
    later_limit: Optional[FileLimit] = None
    startup: Optional[Startup] = None
    unclear: str = ""
    config: Optional[FileSpec] = None
    drop_in: Optional[str] = None
    drop_in_before: Optional[str] = None
    directories: Sequence[FileSpec] = ()
    program_replaced: bool = False
    config_is_open: bool = False
    tls: Optional[tls.Facts] = None
    at: datetime = field(default_factory=lambda: datetime.now(timezone.utc))
    own_file: bool = False
    started: float = 0.0

    @property
    def contact(self) -> Contact:
        """How far this project has come with it."""
        return self.observed.contact

    @property
    def goes_back(self) -> bool:
        """Whether it gets its first configuration back, with the limits that it had."""
        return self.instance.exact is not None

    @property
    def limits_wanted(self) -> tuple[Limit, ...]:
        """Maxmemory and its policy as the running server has them after a run, and as its next start has them. They differ
        where a value that nobody declares was only set live: a run leaves it, and the file has another.
        """
        desired, live = self.plan.desired, self.plan.compare.live
        at_start = {name: desired.get(name) for name in _LIMIT}
        after_run = {
            name: live[name]
            for name in _LIMIT
            if name not in self.plan.settled and not isinstance(live.get(name, Unreadable("")), Unreadable)
        }
        limits = [
            Limit(int(one["maxmemory"]), str(one["maxmemory-policy"])) for one in ({**at_start, **after_run}, at_start)
        ]
        return tuple(dict.fromkeys(limits))

    @property
    def limit_now(self) -> Limit:
        """The same as they are: of the running server, else of its next start without us."""
        compare, wanted = self.plan.compare, self.limits_wanted[0]
        known = {**compare.in_file, **self.observed.commanded, **compare.live}
        engine = self.plan.desired.engine
        now = {name: known.get(name, default_value(option_of(name), engine)) for name in _LIMIT}
        if any(isinstance(value, Unreadable) for value in now.values()):
            return Limit(0, "noeviction") if wanted.maxmemory else wanted
        return Limit(int(now["maxmemory"] or 0), str(now["maxmemory-policy"]))

    def changes(self, name: str) -> bool:
        """Whether a run gives this option another value, or starts the server with it. What nobody declares may be other
        than its file says: the server has lowered it, or somebody has changed it. A run leaves that.
        """
        entry = next((entry for entry in self.plan.entries if entry.option.name == name), None)
        differs = entry is not None and not entry.left and (entry.file_differs or entry.live_differs)
        return differs or (entry is not None and self.connection is None)

    @property
    def starts_ours(self) -> bool:
        """Whether the next start reads the file that this project writes."""
        return self.config is not None and self.startup is not None and _is_same(self.startup.config, self.config.path)

    @property
    def runs_ours(self) -> bool:
        """Whether the running server has read that file."""
        return self.config is not None and _is_same(str(self.info.get("config_file", "")), self.config.path)

    @property
    def running(self) -> Optional[Engine]:
        """The server that answered; None when none runs."""
        return server.engine_of(self.info) if self.info else None

    @property
    def wanted_store(self) -> persistence.Store:
        """Where its data is by what is declared."""
        beside = self.startup.directory if self.startup else "/"
        return persistence.Store.of(self.plan.desired.values, self.plan.desired.engine, beside)

    @property
    def data(self) -> list[DataSet]:
        """Every data set that its configuration names."""
        return datasets.present(self.store)

    @property
    def stored(self) -> Optional[DataSet]:
        """What a start with the existing configuration would load."""
        return datasets.loaded(self.store, aof=self.aof)

    def stored_as(self, *, aof: bool) -> Optional[DataSet]:
        """What a start with this appendonly would load."""
        return datasets.loaded(self.store, aof=aof)

    @property
    def cluster_file(self) -> str:
        """The file beside its data in which a node of a cluster keeps its id; '' for a server that is none."""
        compare = self.plan.compare
        known = {**self.plan.desired.values, **compare.in_file, **self.observed.commanded, **compare.live}
        if known.get("cluster-enabled") is not True:
            return ""
        return str(known.get("cluster-config-file") or self.plan.desired.get("cluster-config-file") or "")

    @property
    def missing_directories(self) -> list[FileSpec]:
        """Those that a run has to make. The one of the configuration is made as Debian's packages make it: CONFIG REWRITE
        writes there. Where no server is installed, its package makes it.
        """
        wanted = list(self.directories)
        if self.config is not None and self.installed:
            mode = 0o755 if self.config.owner is None else 0o2770
            wanted.insert(0, FileSpec(str(Path(self.config.path).parent), mode, self.config.owner, self.config.group))
        return [target for target in wanted if not is_directory(target.path, target.owner)]

    @property
    def record(self) -> Record:
        """What this host remembers of the instance; to be kept: also what is written beside its configuration."""
        return record_of(self.instance, self.drop_in)

    @property
    def cli(self) -> str:
        """How a person reaches the running server, as a shell takes it."""
        asks = ["--askpass"] if (self.observed.live or {}).get("requirepass") else []
        return shlex.join(["redis-cli", *(self.connection.address.as_options() if self.connection else []), *asks])

    def owed_restarts(self) -> list[dict[str, str]]:
        """What only a restart brings: option, running, wanted, reason."""
        owed = [
            {
                "option": entry.option.name,
                "running": self.plan.text(entry, entry.live),
                "wanted": self.plan.text(entry, entry.want),
                "reason": entry.reason,
            }
            for entry in self.plan.pending_restart
        ]
        if self.unit is not None and self.info.get("config_file") and self.config and not self.runs_ours:
            owed.append(
                {
                    "option": "(configuration file)",
                    "running": str(self.info.get("config_file")),
                    "wanted": self.config.path,
                    "reason": "the server was started with another file",
                }
            )
        if self.instance.exact is not None and self.plan.file_changed:
            owed.append(
                {
                    "option": "(configuration file)",
                    "running": "as this project wrote it",
                    "wanted": "as it was before",
                    "reason": "only a start reads all of it",
                }
            )
        old, new = self.instance.layout, self.instance.successor
        if old is not None and new is not None and old.moves_to(new):
            owed.append(
                {
                    "option": "(name of the instance)",
                    "running": old.instance,
                    "wanted": new.instance,
                    "reason": "it runs as another service then",
                }
            )
        if self.program_replaced:
            owed.append(
                {
                    "option": "(server program)",
                    "running": f"{self.running} from a file that is gone",
                    "wanted": f"the installed {self.installed}",
                    "reason": "the package was replaced under the running server",
                }
            )
        return owed


_LIMIT = ("maxmemory", "maxmemory-policy")


def _is_same(one: str, other: str) -> bool:
    return bool(one) and os.path.realpath(one) == os.path.realpath(other)


def record_of(instance: Instance, drop_in: Optional[str] = None) -> Record:
    """drop_in: the text of the one that belongs to the record."""
    beside = {instance.service.drop_in_path(): drop_in} if instance.service and drop_in else {}
    layout = instance.layout
    places = {"config": layout.given_config, "service": layout.given_service} if layout else {}
    return Record(instance.state, beside, {name: place for name, place in places.items() if place}, instance.config)
