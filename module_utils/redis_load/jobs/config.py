"""What the load of jobs is told: the options, and the names of its queue and keys."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import options
from ..options import option, required

# of redis-py, which BullMQ for Python takes
CONNECTION = (
    *("host", "port", "db", "username", "password", "unix_socket_path", "ssl"),
    *("ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_check_hostname"),
)
RUN = (r"[A-Za-z0-9_-]{1,64}", "up to 64 letters, digits, - and _")
PREFIX = (r"[A-Za-z0-9_.{}-]{1,64}", "up to 64 letters, digits, -, _, dots and braces")
MILLION = 1e6
WARM_UP = 20  # jobs that load the scripts and open the connections, and are not measured
OF_A_JOB = ("", ":lock", ":logs")  # ends of the names of its keys: its data, its worker's lock, what it wrote down
BLOCKED = 5  # seconds that an idle worker waits for a job; drainDelay of BullMQ


@dataclass(frozen=True)
class Config:
    """What the file says, see docs/queues.md."""

    run: str = required(str, "name of this run, which is in the name of its queue", pattern=RUN)
    connection: Mapping[str, Any] = required(dict, "to the server, as redis-py takes it", names=CONNECTION, secret=True)
    rate: float = required(float, "jobs a second", least=0, most=MILLION, above=True)
    seconds: float = required(float, "how long they are added", least=0, most=MILLION, above=True)
    workers: int = option(1, "processes that complete jobs", 1, MILLION)
    concurrency: int = option(4, "jobs that each of them has at once", 1, MILLION)
    payload_bytes: int = option(512, "data of a job", 0, 1e7)
    work_ms: float = option(0.0, "milliseconds that the work of a job waits", 0, 1e7)
    baseline_jobs: int = option(100, "jobs that do not meet, before the load; 0 for none", 0, 1e7)
    connections: int = option(8, "connections of the producer", 1, MILLION)
    add_timeout: float = option(10.0, "seconds until an add counts as refused", 0, MILLION, above=True)
    drain_seconds: float = option(30.0, "seconds that workers have for what is left", 0, MILLION, above=True)
    prefix: str = option("loadtest", "how all keys begin", pattern=PREFIX)
    job_options: Mapping[str, Any] = option({}, "of BullMQ, for each job")
    worker_options: Mapping[str, Any] = option({}, "of BullMQ, for each worker")
    result: str = option("", "the JSON file to write; empty for standard output")
    progress: str = option("", "file for the progress; empty for standard error")
    stop: str = option("", "file that ends this run, as that of users does")

    @property
    def queue(self) -> str:
        """Its name."""
        return f"redis-ops-load-{self.run}"

    @property
    def jobs(self) -> int:
        """As many as are added at most, and so the highest id that BullMQ gives to one."""
        return WARM_UP + self.baseline_jobs + round(self.rate * self.seconds)

    def options(self) -> dict[str, Any]:
        """As redis-py takes them. A reply may take longer than a worker that is idle waits for a job."""
        return {**self.connection, "socket_timeout": BLOCKED + 10, "socket_connect_timeout": 5}


def load(path: Path) -> Config:
    """The configuration that a file holds. Raises Problem with everything that is wrong with it."""

    def wrong(_: Config) -> Iterator[str]:
        if options.readable_by_others(path):
            yield "it may hold a password; expected mode 0600"

    return options.read(path, Config, wrong)


def keys_of_jobs(config: Config, last: int) -> Iterator[str]:
    """The names of all keys that jobs up to the id `last` can have. A walk through the keys of others would find no more."""
    for number in range(1, last + 1):
        for end in OF_A_JOB:
            yield f"{config.prefix}:{config.queue}:{number}{end}"
