"""A generated server of somebody else, made real: its files, its process and its keys, without systemd."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import witness
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.model.resolve import DesiredInstance, resolve
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.packages import Package
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.view.host_declaration import HostDeclaration
from ansible.module_utils.redis_ops.view.instance import Instance
from existing import Existing, Stored
from instances import Process, binary_of, until
from ports import free, quiet_port
from servers import Client, Program, Refused

SERVICE = "redis-shop"
MEMORY = 8 * 2**30  # bytes that the host says it has


class HandMade(Process):
    """A unit that a person wrote."""

    def unit(self) -> Unit:
        return replace(super().unit(), fragment=f"/etc/systemd/system/{self.name}.service")


class CannotBe(Exception):
    """The server does not start with this file, whoever manages it."""


@dataclass
class Somebodys:
    """One server. passwords: (user, password) of every way in, best first."""

    existing: Existing
    program: Program
    directory: Path
    service: HandMade
    port: int
    passwords: list[tuple[str, str]] = field(default_factory=list)

    @property
    def config(self) -> Path:
        return Path(self.service.config)

    @property
    def state(self) -> Path:
        return self.directory / "state" / "applied.json"

    def told(self, text: str) -> str:
        """With the names of places in it."""
        places = {
            "PORT": self.port,
            "NEW": self.port + 1,
            "DATA": self.directory / "data",
            "OTHER": self.directory / "other",
            "HOME": self.service.home,
            "LINK": self.directory / "link",
            "SOCKET": self.directory / "s",
            "SECOND": self.directory / "t",
            "USERS": self.directory / "etc" / "users.acl",
            "ETC": self.directory / "etc",
        }
        for name, place in places.items():
            text = text.replace(f"@{name}@", str(place))
        return text

    def make(self) -> None:
        """The files, and the keys: by a server that runs, is changed by hand, and runs on or is stopped."""
        for name in ("etc", "data/a b", "other", "state", "service/data"):
            (self.directory / name).mkdir(parents=True, exist_ok=True)
        (self.directory / "link").symlink_to(self.directory / "data")
        if self.existing.users:
            Path(self.told("@USERS@")).write_text(self.existing.users)
        if self.existing.included:
            Path(self.told("@ETC@/more.conf")).write_text(self.told("\n".join(self.existing.included)) + "\n")
        if self.existing.linked:
            self.config.symlink_to(self.config.with_name("real.conf"))
        self.config.write_text(self.told("\n".join(self.existing.lines)) + "\n")
        self.service.options = tuple(map(self.told, self.existing.options))
        if self.existing.password:
            self.passwords.append((self.existing.user, self.existing.password))
        (self.service.home / "enabled").touch()
        try:
            self.service.start()
        except ApplyFailed as error:
            raise CannotBe(str(error)) from None
        with witness.asking(self.service.pid(), self.passwords) as client:
            if "cluster_enabled:1" in client("INFO", "cluster"):
                client("CLUSTER", "ADDSLOTS", *map(str, range(16384)))

    def fill(self, part: str) -> None:
        with witness.asking(self.service.pid(), self.passwords) as client:
            _wait_for_cluster(client)
            with _writable(client):
                _fill(client, self.existing.stored, part)
                if self.existing.stored.elsewhere:
                    client("SELECT", str(self.existing.databases - 1))
                    client("SET", f"{part}:elsewhere", "x")

    def leave_behind(self) -> None:
        """Data of the persistence that is off, older than what is stored next."""
        with witness.asking(self.service.pid(), self.passwords) as client:
            on = client("CONFIG", "GET", "appendonly")[1] == "yes"
            for value in () if on else ("yes", "no"):
                client("CONFIG", "SET", "appendonly", value)
                until(lambda: _is_idle(client), "a rewrite to end")
            if on:
                client("SAVE")

    def change_by_hand(self) -> None:
        with witness.asking(self.service.pid(), self.passwords) as client:
            for name, value in (self.existing.changed or {}).items():
                with contextlib.suppress(Refused):
                    client("CONFIG", "SET", name, value)
            until(lambda: _is_idle(client), "a rewrite to end")

    def save(self) -> None:
        """What is in memory is on the disk, whatever the server would do at its end."""
        with witness.asking(self.service.pid(), self.passwords) as client:
            until(lambda: _is_idle(client), "a save to end")
            client("SAVE")

    def start(self) -> None:
        until(lambda: self.service.pid() or free(self.port), f"port {self.port} to be free")
        self.service.start()
        with witness.asking(self.service.pid(), self.passwords) as client:
            until(lambda: "loading:0" in client("INFO", "persistence"), "the data to be loaded")
            _wait_for_cluster(client)

    def look(self) -> witness.Facts:
        with witness.asking(self.service.pid(), self.passwords) as client:
            _wait_for_cluster(client)
        return witness.look(self.service.pid(), self.passwords, self.existing.databases)

    def files(self) -> dict[str, Any]:
        return witness.files(self.directory, self.service.output, self.service.home / "pid")

    def settled(self) -> dict[str, Any]:
        """The files that are not the server's own to write: a proof by a key of its own is a line of the AOF."""
        beside = {str(self.directory / name) for name in ("data", "other", "service/data")}
        kept = {".conf", ".json", ".acl", ".before-ansible"}
        return {
            path: found
            for path, found in self.files().items()
            if Path(path).suffix in kept and Path(path).name != "nodes.conf" and path not in beside
        }

    def close(self) -> None:
        self.service.kill()


def _wait_for_cluster(client: Client) -> None:
    """A node of one serves two seconds after its start."""
    if "cluster_enabled:1" in client("INFO", "cluster"):
        until(lambda: "cluster_state:ok" in client("CLUSTER", "INFO"), "the cluster to serve")


def _is_idle(client: Client) -> bool:
    info = client("INFO", "persistence")
    busy = ("rdb_bgsave_in_progress:1", "aof_rewrite_in_progress:1", "aof_rewrite_scheduled:1")
    return not any(word in info for word in busy)


@contextlib.contextmanager
def _writable(client: Client) -> Iterator[None]:
    """Also where a replica has to be there for a write, or memory for it."""
    open_to_all = {"min-replicas-to-write": "0", "maxmemory": "0", "replica-read-only": "no"}
    before = {}
    for name, value in open_to_all.items():
        before[name] = client("CONFIG", "GET", name)[1]
        client("CONFIG", "SET", name, value)
    yield
    for name, value in before.items():
        client("CONFIG", "SET", name, value)


def _fill(client: Client, stored: Stored, part: str) -> None:
    for number in range(stored.many):
        client("SET", f"{part}:{number}", "x" * stored.size)
    for number in range(stored.expiring):
        client("SET", f"{part}:session:{number}", "y" * stored.size, "EX", "36000")
    if stored.queue == "bull":
        client("HSET", "bull:mail:meta", "opts.maxLenEvents", "10000")
        client("LPUSH", "bull:mail:wait", "1")
        client("HSET", "bull:mail:1", "name", "send", "data", "{}", "timestamp", "1")
    if stored.queue == "sidekiq":
        client("SADD", "queues", "default")
        client("LPUSH", "queue:default", '{"class":"Mail","jid":"1"}')
    if stored.queue == "celery":
        client("LPUSH", "celery", "{}")
        client("SADD", "_kombu.binding.celery", "celery")


@dataclass(frozen=True)
class Here(HostDeclaration):
    """A host that has this one server: what is declared of it, with the service that a test started."""

    server: Somebodys | None = None

    def resolved(self, engine: Engine | None) -> list[DesiredInstance]:
        assert engine is not None
        return resolve(self.declaration, self.product, engine, systemd=True, memory=MEMORY)

    def units(self, resolved: Sequence[DesiredInstance]) -> dict[str, Unit]:
        return {one.layout.service: self.service(one).unit() for one in resolved}

    def service(self, one: DesiredInstance) -> HandMade:
        del one
        assert self.server is not None
        return self.server.service

    def instance(self, one: DesiredInstance) -> Instance:
        assert self.server is not None
        built = super().instance(one)
        config = FileSpec(str(self.server.config), 0o640)
        return replace(built, config=config, binary=self.server.service.binary, state=str(self.server.state))


def package_of(program: Program) -> Package:
    """It is installed."""
    return Package(PRODUCTS[program.engine.name], "1", program.engine)


@contextlib.contextmanager
def server_of(existing: Existing, program: Program) -> Iterator[Somebodys]:
    """In a directory with a short name: the path of a unix socket has 107 bytes at most. Raises CannotBe."""
    directory = Path(tempfile.mkdtemp(prefix="any", dir="/tmp"))
    home = directory / "service"
    home.mkdir()
    binary = binary_of(program, home)
    service = HandMade(SERVICE, binary, str(directory / "etc" / "redis.conf"), home)
    found = Somebodys(existing, program, directory, service, quiet_port(together=2))
    try:
        found.make()
        yield found
    finally:
        found.close()
        shutil.rmtree(directory, ignore_errors=True)
