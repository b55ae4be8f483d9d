#!/usr/bin/env python3
"""What the search for job queues costs: how long it takes, and how long a client beside it waits for PING, with many keys
and a queue found by its well-known name, by its shape, or not there at all. Servers of scripts/fetch-servers, on loopback.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "contract")]

import conftest  # noqa: E402, F401 - the name ansible.module_utils.redis_ops
import lab  # noqa: E402 - found only now, as the next ones
import servers  # noqa: E402
from ansible.module_utils.redis_ops.server.connection import Address, Connection, Credentials  # noqa: E402
from ansible.module_utils.redis_ops.server.queues.result import Budget  # noqa: E402
from ansible.module_utils.redis_ops.server.queues.search import search  # noqa: E402

Keys = list[tuple[str, ...]]
BULLMQ = [
    ("HSET", "shop:mail:meta", "a", "b"),
    ("XADD", "shop:mail:events", "*", "a", "b"),
    ("SET", "shop:mail:id", "1"),
]
CASES: dict[str, tuple[int, Keys]] = {  # database, and the commands that make the queue
    "no queue": (0, []),
    "Sidekiq, `queues`": (0, [("SADD", "queues", "default")]),
    "BullMQ, prefix shop, waiting": (
        0,
        [*BULLMQ, ("LPUSH", "shop:mail:wait", "1"), ("ZADD", "shop:mail:failed", "1", "1")],
    ),
    "BullMQ, prefix shop, idle": (0, [*BULLMQ, ("ZADD", "shop:mail:completed", "1", "1")]),
    "BullMQ, prefix shop, `meta` only": (
        0,
        [("HSET", "shop:mail:meta", "a", "b"), ("SET", "shop:mail:pc", "1"), BULLMQ[1]],
    ),
    "Laravel in database 3": (3, [("LPUSH", "shop_queues:mail", "1")]),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--keys", type=int, nargs="+", default=[60_000, 1_000_000, 5_000_000], help="(default: %(default)s)"
    )
    parser.add_argument("--servers", nargs="+", default=["redis 7.0.15", "redis 8.2.3"], help="(default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=Budget().seconds, help="of the search (default: %(default)s)")
    parser.add_argument("--turns", type=int, default=3, help="the quickest of these counts (default: %(default)s)")
    given = parser.parse_args()
    rows = []
    for version in given.servers:
        program = next(program for program in servers.PROGRAMS if program.version == version)
        for count in given.keys:
            with tempfile.TemporaryDirectory() as directory, running(program, Path(directory), count) as ask:
                for name, (database, commands) in CASES.items():
                    ask("SELECT", str(database))
                    for words in commands:
                        ask(*words)
                    ask("SELECT", "0")
                    found = [measure(ask, given.seconds) for _ in range(given.turns)]
                    rows.append([version, f"{count:,}", name, *min(found, key=lambda row: float(row[1]))])
                    ask("SELECT", str(database))
                    for words in commands:
                        ask("DEL", words[1])
    lab.table(["server", "keys", "queue", "answer", "s", "server CPU s", "our CPU s", "PING worst ms", "p99 ms"], rows)


@contextmanager
def running(program: servers.Program, directory: Path, count: int) -> Iterator[servers.Client]:
    with servers.running(program, directory, ["enable-debug-command yes", 'save ""']) as server:
        server.ask._socket.settimeout(300)  # noqa: SLF001 - it fills in one command
        server.ask("DEBUG", "POPULATE", str(count), "user:session", "32")
        yield server.ask


def measure(ask: servers.Client, seconds: float) -> list[str]:
    port = int(ask("CONFIG", "GET", "port")[1])
    stop, result = multiprocessing.Event(), multiprocessing.Queue()
    pinger = multiprocessing.Process(target=ping, args=(port, stop, result))
    pinger.start()
    time.sleep(0.3)
    connection = Connection(Address(port=port, timeout=30), Credentials())
    cpu, begin = (server_cpu(ask), own_cpu()), time.perf_counter()
    found = search(connection, Budget(seconds=seconds))
    took, cpu = time.perf_counter() - begin, (server_cpu(ask) - cpu[0], own_cpu() - cpu[1])
    connection.close()
    stop.set()
    waits = sorted(result.get())
    pinger.join()
    worst, p99 = waits[-1] * 1000, waits[int(len(waits) * 0.99)] * 1000
    return [found.answer.value, f"{took:.2f}", f"{cpu[0]:.2f}", f"{cpu[1]:.2f}", f"{worst:.1f}", f"{p99:.1f}"]


def ping(port: int, stop: multiprocessing.Event, result: multiprocessing.Queue) -> None:
    waits = []
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while not stop.is_set():
            begin = time.perf_counter()
            connection.sendall(b"PING\r\n")
            connection.recv(64)
            waits.append(time.perf_counter() - begin)
            time.sleep(0.0005)
    result.put(waits)


def server_cpu(ask: servers.Client) -> float:
    lines = dict(line.split(":", 1) for line in ask("INFO", "cpu").splitlines() if ":" in line)
    return float(lines["used_cpu_user"]) + float(lines["used_cpu_sys"])


def own_cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    main()
