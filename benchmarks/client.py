#!/usr/bin/env python3
"""What a look at a server costs with our client, and with redis-py: INFO and CONFIG GET * in one round trip.

Both in turns, on one server of Debian 12 on loopback. The user CPU of this process is printed beside the time: a look
mostly waits for the server, which takes as long for both.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import lab
import loopback
import redis

TURNS = 10


def measured(look: Callable[[], object], count: int) -> tuple[float, float]:
    """Seconds and seconds of CPU for as many looks."""
    began, cpu = time.perf_counter(), time.process_time()
    for _ in range(count):
        look()
    return time.perf_counter() - began, time.process_time() - cpu


def theirs(port: int) -> Callable[[], object]:
    """As this project did it with redis-py."""
    client = redis.Redis(port=port, decode_responses=True, encoding_errors="surrogateescape", protocol=2)

    def look() -> object:
        pipe = client.pipeline(transaction=False)
        pipe.execute_command("INFO")
        pipe.execute_command("CONFIG GET", "*")
        return pipe.execute()

    return look


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000, help="round trips of each (default: %(default)s)")
    count = parser.parse_args().count // TURNS
    loopback.use_project()
    from ansible.module_utils.redis_ops.server.connection import (  # noqa: PLC0415 - importable since use_project()
        Address,
        Connection,
        Credentials,
    )

    with tempfile.TemporaryDirectory(prefix="client-") as name:
        directory = Path(name)
        home = loopback.homes(directory, 1)[0]
        home.mkdir()
        port = loopback.port_of(home)
        (home / "redis.conf").write_text(f'port {port}\nbind 127.0.0.1\ndir {home}\nsave ""\n')
        with loopback.running(loopback.server_program(directory), [home]):
            looks = {
                "redis-py " + redis.__version__: theirs(port),
                "ours": Connection(Address(port=port), Credentials()).observe,
            }
            results: dict[str, list[tuple[float, float]]] = {name: [] for name in looks}
            for _ in range(TURNS):
                for client, look in looks.items():
                    results[client].append(measured(look, count))
    sums = {name: [sum(column) for column in zip(*turns)] for name, turns in results.items()}
    first = next(iter(sums.values()))
    rows = [
        [name, f"{wall:.2f}", f"{wall / first[0]:.2f}", f"{cpu:.2f}", f"{cpu / first[1]:.2f}"]
        for name, (wall, cpu) in sums.items()
    ]
    lab.table([f"{count * TURNS} looks with", "seconds", "ratio", "CPU seconds", "ratio"], rows)


if __name__ == "__main__":
    main()
