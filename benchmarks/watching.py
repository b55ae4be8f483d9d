#!/usr/bin/env python3
"""What watching costs: throughput of a server on loopback with and without the watch of the load test, in pairs.

The watch is the real one: INFO once a second, three timed commands every 50 ms. One load runs without a pause, and the watch
beside it is stopped and let go on in turns of two seconds, so that what else slows the machine slows both halves of a pair.
It costs in two places, which are told apart: the server's own time, and processor time of the machine that the generator is on.
"""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lab
import loopback
import rivals

loopback.use_project()
from ansible.module_utils.redis_load import client, machine  # noqa: E402
from ansible.module_utils.redis_load.users import config as users_config  # noqa: E402
from ansible.module_utils.redis_load.users import watch as users_watch  # noqa: E402

PORT, CLIENTS = 20_000, 1000
SETTLED = 8  # seconds: all clients are connected, and the watch has taken its first snapshot
ENDLESS = 2_000_000_000  # requests


@dataclass
class Case:
    """How the load is made, and what each turn gave: without the watch, with it."""

    what: str
    options: Sequence[str]
    own_core: bool  # of the server
    rates: dict[bool, list[float]] = field(default_factory=lambda: {False: [], True: []})
    costs: dict[bool, list[float]] = field(
        default_factory=lambda: {False: [], True: []}
    )  # µs of the server per command


CASES = (
    Case("the server is the bottleneck, with a core of its own", ("-P", "16"), own_core=True),
    Case("server, generator and watch share the cores", (), own_core=False),
)


class Server:
    """A server for these measurements, its process and the generator beside it."""

    def __init__(self, pid: int, benchmark: str) -> None:
        self.pid, self._benchmark = pid, benchmark
        self.client = client.Client(config().connection)

    def cpu(self) -> float:
        """Seconds of processor time it has used."""
        return machine.process(self.pid)[0]

    def counted(self) -> tuple[float, int, float]:
        """Now, and until now: commands of the load, seconds of processor time."""
        stats = self.client.info("commandstats")
        return time.monotonic(), int(re.search(r"calls=(\d+)", stats["cmdstat_set"])[1]), self.cpu()

    @contextlib.contextmanager
    def loaded(self, case: Case) -> Iterator[None]:
        """By all clients, as long as the block runs."""
        words = [self._benchmark, "-p", str(PORT), "-c", str(CLIENTS), "-n", str(ENDLESS), "-t", "set"]
        words += ["-d", "256", "-r", "20000", *case.options]
        with subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            try:
                yield
                if process.poll() is not None:
                    sys.exit(f"redis-benchmark ended with {process.returncode} before it was told to")
            finally:
                process.kill()

    def place(self, *, own_core: bool) -> None:
        """On a core of its own, where the machine has two, or wherever the kernel likes."""
        everything = set(range(os.cpu_count() or 1))
        os.sched_setaffinity(0, everything)
        os.sched_setaffinity(self.pid, {0} if own_core else everything)
        if own_core:
            rivals.leave_the_first_core()


def config() -> users_config.Config:
    return users_config.Config(host="127.0.0.1", port=PORT, users=CLIENTS, ramp=0, warm_up=1, duration=3600)


@contextlib.contextmanager
def server() -> Iterator[Server]:
    with tempfile.TemporaryDirectory(prefix="watching-") as name:
        directory = Path(name)
        program = Path(loopback.server_program(directory))
        benchmark = directory / "redis-benchmark"
        benchmark.write_text(program.read_text().replace("bin/redis-server", "bin/redis-benchmark"))
        benchmark.chmod(0o755)
        words = ["--port", str(PORT), "--bind", "127.0.0.1", "--save", "", "--dir", name, "--maxclients", "4000"]
        process = subprocess.Popen([str(program), *words], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        try:
            found = Server(process.pid, str(benchmark))
            for _ in range(200):
                with contextlib.suppress(OSError):
                    found.client("PING")
                    break
                time.sleep(0.05)
            yield found
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def watcher() -> Iterator[int]:
    """A process that watches, until the block ends."""
    pid = os.fork()
    if not pid:
        try:
            watch(subprocess.Popen(["sleep", "infinity"], preexec_fn=_end_with_parent))  # noqa: PLW1509 - one thread
        finally:
            os._exit(1)
    try:
        yield pid
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


def watch(load: subprocess.Popen[Any]) -> users_watch.Watch:
    """As the load test does it, until the load ends."""
    given = config()
    with Path(os.devnull).open("w") as nowhere:
        show = users_watch.Show(nowhere, given.pause)
        watch = users_watch.Watch(given, client.Client(given.connection), show)
        watch.begin()
        watch.follow(load, lambda: True)
    return watch


def compare(server: Server, case: Case, pairs: int, seconds: float) -> None:
    """Fill the case. The order within a pair takes turns."""
    server.place(own_core=case.own_core)
    with server.loaded(case), watcher() as watching:
        time.sleep(SETTLED)
        for number in range(pairs):
            for watched in (False, True) if number % 2 == 0 else (True, False):
                os.kill(watching, signal.SIGCONT if watched else signal.SIGSTOP)
                began, calls, spent = server.counted()
                time.sleep(seconds)
                ended, more, used = server.counted()
                case.rates[watched].append((more - calls) / (ended - began))
                case.costs[watched].append((used - spent) / (more - calls) * 1_000_000)
            if number % 10 == 9:
                print(f"{case.what}: {number + 1} of {pairs} pairs", file=sys.stderr, flush=True)
        if os.waitid(os.P_PID, watching, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            sys.exit("the watch ended before it was told to")


def alone(server: Server, seconds: float) -> dict[str, float]:
    """The watch on a server that has nothing else to do: percent of a core, of both sides."""
    server.place(own_core=True)
    found = {}
    for name, follow in {"idle": lambda load: load.wait(), "watched": watch}.items():
        told, spent, own, begun = (
            server.client.info("commandstats"),
            server.cpu(),
            time.process_time(),
            time.monotonic(),
        )
        follow(subprocess.Popen(["sleep", str(seconds)]))
        took = time.monotonic() - begun
        found[f"{name}: server"] = 100 * (server.cpu() - spent) / took
        found[f"{name}: watch"] = 100 * (time.process_time() - own) / took
        found[f"{name}: in commands"] = (usec(server.client.info("commandstats")) - usec(told)) / took / 10_000
    return found


def usec(stats: dict[str, str]) -> int:
    """Of all commands since the start."""
    return sum(int(re.search(r"usec=(\d+)", text)[1]) for text in stats.values())


def snapshots(server: Server, count: int = 20) -> dict[str, float]:
    """What redis_snapshot costs the server, with a thousand clients connected: ms, and the longest single command."""
    from ansible.module_utils.redis_ops.load import snapshot  # noqa: PLC0415
    from ansible.module_utils.redis_ops.server.connection import Address  # noqa: PLC0415
    from ansible.module_utils.redis_ops.view import observe  # noqa: PLC0415 - importable since use_project()

    instance = observe.Instance("watched", "instance watched", {}, address=Address("127.0.0.1", PORT))
    with contextlib.ExitStack() as stack:
        for _ in range(CLIENTS):
            connected = client.Client(config().connection)
            connected("PING")
            stack.callback(connected.close)
        before, spent = server.client.info("commandstats"), server.cpu()
        for _ in range(count):
            seen = observe.look(instance)
            snapshot.take(instance, seen, seen.connection)
            seen.connection.close()
        after = server.client.info("commandstats")
        found = {"processor time": (server.cpu() - spent) / count * 1000}
    for name in sorted(after):
        calls = int(re.search(r"calls=(\d+)", after[name])[1])
        if calls >= count:
            part = (usec({name: after[name]}) - usec({name: before.get(name, "usec=0")})) / count / 1000
            found[name.removeprefix("cmdstat_")] = part
    return found


def show(case: Case) -> None:
    """Medians of both, the ratio within the pairs, and how busy the server was without the watch."""
    busy = lab.median([rate * cost / 10_000 for rate, cost in zip(case.rates[False], case.costs[False])])
    print(f"| processor time of the server, % of a core: {case.what} | {busy:.0f} | | |")
    for name, values, form in (("ops/s", case.rates, ",.0f"), ("µs of the server per command", case.costs, ".3f")):
        ratios = [given / bare for bare, given in zip(values[False], values[True])]
        middle, low, high = rivals.median_interval(ratios)
        medians = " | ".join(format(lab.median(values[watched]), form) for watched in (False, True))
        print(f"| {name}: {case.what} | {medians} | {middle:.4f} ({low:.4f} to {high:.4f}) |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pairs", type=int, default=100, help="turns of each kind (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=2, help="of each turn (default: %(default)s)")
    parser.add_argument("--json", type=Path, help="a file for all the numbers")
    options = parser.parse_args()
    loopback.use_project()
    begun = time.monotonic()
    with server() as found:
        by_itself, snapshot = alone(found, 8 * options.seconds), snapshots(found)
        for case in CASES:
            compare(found, case, options.pairs, options.seconds)
    if options.json:
        numbers = {
            case.what: {"without, with": [list(case.rates.values()), list(case.costs.values())]} for case in CASES
        }
        options.json.write_text(json.dumps({"alone": by_itself, "snapshot": snapshot, **numbers}, indent=1))
    print(f"{options.pairs} pairs, {(time.monotonic() - begun) / 60:.0f} minutes, load {os.getloadavg()[0]:.1f}\n")
    print("| | without | with the watch | ratio |\n|---|---|---|---|")
    for case in CASES:
        show(case)
    print("\nThe watch alone, in percent of one core:")
    for name, value in by_itself.items():
        print(f"  {name:22} {value:.2f}")
    print(f"\nOne snapshot with {CLIENTS} clients connected, in ms of the server:")
    for name, value in snapshot.items():
        print(f"  {name:22} {value:.2f}")


if __name__ == "__main__":
    main()
