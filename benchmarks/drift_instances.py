#!/usr/bin/env python3
"""What one more instance costs a drift check: real servers on loopback, all of a host in one process.

Each server has a converged file and a record of the last run, and is checked as the module does it: over its own
connection, every option four ways. Counts are interleaved. Beside it: a process for each instance instead of one for
all, as one task for each instance would have it.
"""

from __future__ import annotations

import argparse
import cProfile
import os
import pstats
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import lab
import loopback

if TYPE_CHECKING:
    from ansible.module_utils.redis_ops.view.observe import Instance

SETTINGS = {  # of the instance itself, under the profile
    "maxmemory": "64mb",
    "maxmemory-policy": "allkeys-lru",
    "maxclients": "100",
    "save": "3600 1 300 100",
    "tcp-backlog": "128",
    "appendonly": "no",
    "io-threads": "1",
    "hz": "1",  # hundreds of idle servers that wake up ten times a second are a load of their own
}


def instance(home: Path, program: str) -> Instance:
    """What the project makes of one of them."""
    from ansible.module_utils.redis_ops.base import files  # noqa: PLC0415 - importable since use_project()
    from ansible.module_utils.redis_ops.view import observe  # noqa: PLC0415 - importable since use_project()

    port = str(loopback.port_of(home))
    return observe.Instance(
        home.name,
        f"instance {home.name}",
        {**SETTINGS, "port": port, "bind": "127.0.0.1", "dir": str(home)},
        config=files.FileSpec(str(home / "redis.conf"), 0o640),
        binary=program,
        service=loopback.Process(home.name, home, program),
        directories=[files.FileSpec(str(home), 0o750)],
        state=str(home / "state" / "applied.json"),
    )


def prepare(home: Path, program: str) -> None:
    """The files that a run leaves: redis.conf and the record of what was applied."""
    from ansible.module_utils.redis_ops.base import files  # noqa: PLC0415
    from ansible.module_utils.redis_ops.base.engine import Engine  # noqa: PLC0415
    from ansible.module_utils.redis_ops.model import conffile  # noqa: PLC0415
    from ansible.module_utils.redis_ops.model.desired import DesiredState  # noqa: PLC0415
    from ansible.module_utils.redis_ops.plan.comparison import Observed  # noqa: PLC0415
    from ansible.module_utils.redis_ops.plan.plan import build  # noqa: PLC0415
    from ansible.module_utils.redis_ops.view import record  # noqa: PLC0415

    home.mkdir()
    one = instance(home, program)
    desired = DesiredState.parse(one.settings, Engine.parse("redis 7.0.15"), one.where)
    text = conffile.render(desired, one.name)
    files.write(files.FileSpec(str(home / "redis.conf"), 0o640), text)
    plan = build(desired, Observed(file=text), one.name, one.where)
    kept = record.Record(one.state)
    kept.keep(plan)
    files.write(files.FileSpec(kept.last_good_path, 0o600), text)


def check(homes: Sequence[Path], program: str) -> int:
    """Look at all of them as the module does; how many things were looked at."""
    from ansible.module_utils.redis_ops.drift import instance as drift  # noqa: PLC0415
    from ansible.module_utils.redis_ops.view.attempt import attempt  # noqa: PLC0415

    checked = 0
    for home in homes:
        scope = drift.check(attempt(instance(home, program)))
        drifted = [finding for finding in scope.findings if finding.state != "runtime_owned"]
        if drifted:
            sys.exit(f"nobody changed {home.name}: {drifted}")
        checked += scope.checked
    return checked


def one_each(homes: Sequence[Path], program: str) -> None:
    """The same with a Python of its own for each."""
    for home in homes:
        subprocess.run([sys.executable, __file__, "--only", str(home), "--program", program], check=True)


def measure(counts: Sequence[int], rounds: int, each: int) -> None:
    """Print the tables."""
    with tempfile.TemporaryDirectory(prefix="drift-instances-") as name:
        directory = Path(name)
        program = loopback.server_program(directory)
        homes = loopback.homes(directory, max(counts))
        for home in homes:
            prepare(home, program)
        with loopback.running(program, homes):
            check(homes[:1], program)  # what is imported at the first use is part of no round
            seconds: dict[int, list[float]] = {count: [] for count in counts}
            cpu: dict[int, list[float]] = {count: [] for count in counts}
            for number in range(rounds):
                for count in counts:
                    before = lab.cpu()
                    seconds[count].append(_timed(check, homes[:count], program))
                    cpu[count].append(lab.cpu() - before)
                told = ", ".join(f"{count}: {seconds[count][-1]:.2f} s" for count in counts)
                print(f"round {number + 1} of {rounds}: {told}", file=sys.stderr, flush=True)
            things = check(homes[:1], program)
            together = lab.median([_fresh(homes[:each], program) for _ in range(3)])
            alone = lab.median([_timed(one_each, homes[:each], program) for _ in range(3)])
    _print(seconds, cpu, things)
    print(f"\n{each} instances, with Python's start: {together:.2f} s in one process, {alone:.2f} s in a process each:")
    print(f"one process for all is {alone / together:.1f} times faster")


def _timed(work: object, *arguments: object) -> float:
    start = time.monotonic()
    work(*arguments)
    return time.monotonic() - start


def _fresh(homes: Sequence[Path], program: str) -> float:
    """All of them in one new Python."""
    words = [word for home in homes for word in ("--only", str(home))]
    start = time.monotonic()
    subprocess.run([sys.executable, __file__, *words, "--program", program], check=True)
    return time.monotonic() - start


def _print(seconds: dict[int, list[float]], cpu: dict[int, list[float]], things: int) -> None:
    medians = {count: lab.median(rounds) for count, rounds in seconds.items()}
    per_instance = {count: 1000 * median / count for count, median in medians.items()}
    used = {count: 1000 * lab.median(rounds) / count for count, rounds in cpu.items()}
    rows = [[count, f"{medians[count]:.3f}", f"{per_instance[count]:.2f}", f"{used[count]:.2f}"] for count in medians]
    lab.table(["instances", "seconds (median)", "ms per instance", "CPU ms per instance"], rows)
    print(f"\n{things} things looked at in each instance; CPU is the check's own, without the servers'")
    if len(medians) == 1:
        return
    few, many = min(medians), max(medians)
    for name, values, each in (("time", seconds, per_instance), ("CPU", cpu, used)):
        more, start = lab.slope([(count, value) for count, rounds in values.items() for value in rounds])
        flat = each[many] / each[few]
        print(f"{name}: {1000 * more:.2f} ms for one more, {1000 * start:.0f} ms for none; ", end="")
        print(f"ms per instance at {many} against {few}: {flat:.2f} (flat: 1)")


def profile(count: int, top: int) -> None:
    """Where the time of the check goes."""
    with tempfile.TemporaryDirectory(prefix="drift-instances-") as name:
        directory = Path(name)
        program = loopback.server_program(directory)
        homes = loopback.homes(directory, count)
        for home in homes:
            prepare(home, program)
        with loopback.running(program, homes):
            check(homes[:1], program)
            profiler = cProfile.Profile()
            profiler.runcall(check, homes, program)
            pstats.Stats(profiler).sort_stats("cumulative").print_stats(top)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="20,100,500", help="numbers of servers (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved checks of each (default: %(default)s)")
    parser.add_argument("--each", type=int, default=20, help="instances with a process each (default: %(default)s)")
    parser.add_argument("--profile", type=int, metavar="TOP", help="profile the smallest count instead; lines to print")
    parser.add_argument("--only", type=Path, action="append", help=argparse.SUPPRESS)
    parser.add_argument("--program", help=argparse.SUPPRESS)
    given = parser.parse_args()
    loopback.use_project()
    if given.only:
        check(given.only, given.program)
        return
    counts = sorted({loopback.affordable(int(word)) for word in given.counts.split(",")})
    if given.profile:
        profile(counts[0], given.profile)
    else:
        measure(counts, given.rounds, min(given.each, counts[-1]))


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C.UTF-8")
    main()
