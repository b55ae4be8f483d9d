"""What preflight judges, as it was found on a host."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from ..platform.host import Listener

# Files that the server reads and does not write: it does not start without them, or serves no TLS.
READ_FILES = (
    "aclfile",
    "tls-cert-file",
    "tls-key-file",
    "tls-client-cert-file",
    "tls-client-key-file",
    "tls-ca-cert-file",
    "tls-ca-cert-dir",
    "tls-dh-params-file",
)


@dataclass(frozen=True)
class InstanceFacts:
    """What the host says of one instance.

    pid: of its running server, 0 when stopped. listeners: port or tls-port -> who has it. free: bytes where its data goes.
    data_bytes: what an AOF written now would hold. foreign_owner: who owns the data directory, when not the server.
    used, evicts, queue: what the running server holds, whether it may evict, and whether a BullMQ queue is in it.
    missing: those of READ_FILES that are declared and not there. taken_over: rename-command and loadmodule lines of its
    file that were not there when the last run left it.
    """

    pid: int = 0
    listeners: Mapping[str, Listener] = field(default_factory=dict)
    free: int = 0
    data_bytes: int = 0
    aof_is_on: bool = False
    missing: Sequence[str] = ()
    foreign_owner: str = ""
    used: int = 0
    evicts: bool = True
    queue: bool = False
    taken_over: Sequence[str] = ()


@dataclass(frozen=True)
class Undeclared:
    """An instance that an earlier run or the package brought and nobody declares. pid: 0 when it only waits for a boot."""

    instance: str
    service: str
    pid: int
    directory: str

    @property
    def remedy(self) -> str:
        stays = f" (its keys stay in {self.directory})" if self.directory else ""
        return f"declare instance {self.instance} again, or run: systemctl disable --now {self.service}{stays}"


@dataclass(frozen=True)
class HostFacts:
    """memory and open_files: 0 when unknown. somaxconn: what it is, or will be once the host role has run."""

    memory: int
    open_files: int
    somaxconn: int
    systemd: bool
    instances: Mapping[str, InstanceFacts] = field(default_factory=dict)
    undeclared: Sequence[Undeclared] = ()
