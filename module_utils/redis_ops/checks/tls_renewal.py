"""Whether a running server still works with older TLS files than those on disk. Pure.

The server's certificate is seen in a handshake. What else was loaded cannot be asked of a server: there it is the record
of the last load, and without one the time of the file against the start of the server.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Optional

from ..platform.certificates import shown
from ..view.tls import Facts
from ..view.tls_files import CERTIFICATE, KEYS, TlsFile

SLACK = 2.0  # seconds: INFO counts the time since the start in whole seconds


@dataclass(frozen=True)
class Loaded:
    """What a run of ours made the server load. at: seconds since 1970. digests: option -> SHA-256 of the file."""

    at: float
    digests: Mapping[str, str]

    @classmethod
    def of(cls, facts: Facts, now: datetime) -> Loaded:
        """For the record, after a load or a start of the server at `now`. facts: looked at before it."""
        return cls(now.timestamp(), {option: file.sha256 for option, file in facts.files.items() if file.sha256})

    def as_record(self) -> dict[str, str]:
        """As it is remembered: text by name."""
        return {"at": f"{self.at:.3f}", **self.digests}

    @classmethod
    def from_record(cls, record: Any) -> Optional[Loaded]:
        """None for what is no such record."""
        try:
            digests = {str(name): str(digest) for name, digest in dict(record).items() if name != "at"}
            return cls(float(record["at"]), digests)
        except (KeyError, TypeError, ValueError):
            return None


@dataclass(frozen=True)
class Stale:
    """A file that the server does not work with yet. was: what it works with, '' when unknown."""

    option: str
    path: str
    now: str
    was: str = ""

    @property
    def action(self) -> str:
        """What a run does about it, for people."""
        if self.option == CERTIFICATE:
            return f"load the renewed certificate {self.path} ({self.now}{f', was {self.was}' if self.was else ''})"
        return f"load the changed {self.path} ({self.option})"


def started_at(info: Mapping[str, Any]) -> float:
    """When the server started, in seconds since 1970, from its INFO. Raises ValueError."""
    return int(info.get("server_time_usec", "")) / 1e6 - int(info.get("uptime_in_seconds", ""))


def stale(facts: Facts, loaded: Optional[Loaded], started: float, slack: float = SLACK) -> list[Stale]:
    """What the running server has to load again. loaded: the record, None without one. started: when the server did, in
    seconds since 1970. slack: how much earlier that may have been.
    """
    if not facts.options.in_use:
        return []
    known = loaded if loaded is not None and started <= loaded.at + SLACK else None
    return list(_stale(facts, known, started - slack))


def _stale(facts: Facts, known: Optional[Loaded], started: float) -> Iterator[Stale]:
    """known: the record, where it is of this process."""
    for option, file in facts.files.items():
        path = shown(file.path)
        if option == CERTIFICATE and file.certificates:
            leaf, shows = file.certificates[0], facts.served.certificate if facts.served else None
            serial = f"serial {leaf.serial}"
            if shows is not None and shows.sha256 != leaf.sha256:
                yield Stale(option, path, serial, f"serial {shows.serial}")
            # the certificate is the same: what can differ is the chain that comes with it
            elif (shows is None or len(file.certificates) > 1) and _differs(
                file, known, started, by_time=shows is None
            ):
                yield Stale(option, path, serial)
        elif option not in KEYS and file.sha256 and _differs(file, known, started):
            yield Stale(option, path, "")


def _differs(file: TlsFile, known: Optional[Loaded], started: float, *, by_time: bool = True) -> bool:
    """By the record of this process; without one, by whether the file was put in place after the start."""
    if known is not None and file.option in known.digests:
        return known.digests[file.option] != file.sha256
    return by_time and file.changed > started
