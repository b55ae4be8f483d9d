"""One option compared: what is declared against the file and the running server. The only equality there is. Pure."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Optional

from ..catalog.kinds import Path, Value
from ..catalog.option import Apply, Option
from ..model import conffile
from ..model.desired import DesiredState, default_value
from .contact import Contact

# maxclients + this many files must be open-able (server.c adjustOpenFilesLimit, CONFIG_MIN_RESERVED_FDS)
RESERVED_FILES = 32


class Absent(enum.Enum):
    """No value: not in the file, or not told by the server."""

    ABSENT = ""


ABSENT = Absent.ABSENT


class How(enum.Enum):
    """What brings the running server to the wanted value."""

    NOTHING = "nothing"
    LIVE = "CONFIG SET"
    RESTART = "restart"


@dataclass(frozen=True)
class Observed:
    """What was found. Every part may be missing: a machine before its first run has none of them.

    contact: how far this project has come with the instance.
    file: text of the configuration file; None: no such file, or none is managed.
    lines: that file with the files that it includes in their places; None: as `file` is.
    live: CONFIG GET *; None: the server does not run.
    applied: canonical option name -> text, as the last run left it; None: no run yet.
    open_files: limit of the running process. backlog: of its listening socket, as the kernel granted it;
    somaxconn: the most it grants now. stored: whether there is data where file and server say it lies.
    directory: where that is; '' where nobody says.
    replica_of: (host, port) of the primary that the running server follows.
    real_paths: declared or found path -> the path behind symbolic links.
    commanded: canonical option name -> value that the command of the next start gives.
    nodes: where a start finds the nodes.conf of this node of a cluster; empty when that can't be told; None for no node.
    """

    file: Optional[str] = None
    lines: Optional[conffile.ConfFile] = None
    live: Optional[Mapping[str, str]] = None
    applied: Optional[Mapping[str, str]] = None
    open_files: Optional[int] = None
    backlog: Optional[int] = None
    somaxconn: int = 0
    highest_database: int = -1  # that has keys
    stored: bool = False
    directory: str = ""
    replica_of: Optional[tuple[str, int]] = None
    real_paths: Mapping[str, str] = field(default_factory=dict)
    contact: Contact = Contact.MANAGED
    commanded: Mapping[str, Value] = field(default_factory=dict)
    nodes: Optional[frozenset[str]] = None

    @property
    def parsed(self) -> conffile.ConfFile:
        """The configuration file as the server reads it. Raises InvalidValue when `file` is none."""
        return self.lines or conffile.ConfFile.parse(self.file or "")


@dataclass(frozen=True)
class Entry:
    """One option: what is wanted, what was found, and what makes them one.

    want: the declared value, or the engine's default where the inventory no longer declares the option.
    left: nobody declares it, and the value in the file stays; what runs is then not changed either.
    """

    option: Option
    want: Value
    declared: bool
    file: Value
    live: Value
    file_differs: bool
    live_differs: bool
    how: How
    reason: str = ""
    left: bool = False


@dataclass(frozen=True)
class Comparison:
    """What is declared against what was found, one option at a time."""

    desired: DesiredState
    observed: Observed
    in_file: Mapping[str, Value]
    live: Mapping[str, Value]
    manages_file: bool
    left: frozenset[str] = frozenset()

    def entry(self, option: Option) -> Entry:
        declared = option.name in self.desired.values
        want = self.desired.values[option.name] if declared else self._without_declaration(option)
        file = self.in_file.get(option.name, ABSENT)
        live = self.live.get(option.name, ABSENT)
        left = option.name in self.left
        file_differs = (
            self.manages_file and not left and (not self.covers(option, want, file) if declared else file is not ABSENT)
        )
        if live is ABSENT and self.observed.live is not None and not option.readable_at(self.desired.engine):
            live_ok = not file_differs  # the server has it and does not tell: what the file has is all one knows
        else:
            # a withdrawn option whose default depends on the host has no value to compare with
            live_ok = live is ABSENT or want is None or self.covers(option, want, live) or self._is_a_cluster_s(option)
        if left:
            commanded = self.observed.commanded.get(option.name, want)
            live_ok = live_ok or self.covers(option, commanded, live)
            return Entry(option, want, declared, file, live, file_differs, not live_ok, How.NOTHING, left=True)
        how, reason = self._cut_backlog(option, want) if live_ok else self._how(option, want)
        return Entry(option, want, declared, file, live, file_differs, how is not How.NOTHING, how, reason)

    def _without_declaration(self, option: Option) -> Value:
        """What the command of the server gives, else the engine's default."""
        if option.name in self.observed.commanded:
            return self.observed.commanded[option.name]
        return default_value(option, self.desired.engine)

    def _is_a_cluster_s(self, option: Option) -> bool:
        """A cluster node has one database, whatever its file says (cluster.c, clusterInit)."""
        return option.name == "databases" and self.live.get("cluster-enabled") is True

    def covers(self, option: Option, want: Value, have: Value) -> bool:
        if have is ABSENT or isinstance(have, conffile.Unreadable):
            return False
        kind = option.kind_at(self.desired.engine)
        if isinstance(kind, Path):
            real = self.observed.real_paths
            return real.get(want, want) == real.get(have, have)
        return kind.covers(want, have)

    def agree(self, option: Option, one: Value, other: Value) -> bool:
        """Whether either of two values does what the other asks, whichever of them was wanted."""
        return self.covers(option, one, other) or self.covers(option, other, one)

    def _cut_backlog(self, option: Option, want: Value) -> tuple[How, str]:
        """The one value that a server reports and does not have: the kernel cut it when the server started.

        A restart helps only where the kernel grants more by now.
        """
        granted = self.observed.backlog
        if option.name == "tcp-backlog" and granted is not None and granted < min(want, self.observed.somaxconn):
            return How.RESTART, f"the kernel cut it to {granted} when the server started"
        return How.NOTHING, ""

    def _how(self, option: Option, want: Value) -> tuple[How, str]:
        apply = option.apply_at(self.desired.engine)
        if apply is Apply.PLACE:
            return How.RESTART, f"set live, {option.name} would leave the data behind"
        if apply is not Apply.LIVE:
            return How.RESTART, f"Redis reads {option.name} at start only"
        if option.name == "bind" and not want and not self.desired.engine.reached("redis 7.0"):
            # config.c of 6.2: no words are "Too many bind addresses"; and its protected mode asks for no address at all
            return How.RESTART, "Redis 6.2 gives up its addresses at a start only"
        limit = self.observed.open_files
        if option.name == "maxclients" and limit is not None and limit < want + RESERVED_FILES:
            return How.RESTART, f"the running process may open {limit} files"
        return How.LIVE, ""
