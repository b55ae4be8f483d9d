#!/usr/bin/env python3
"""Does a load test tell a good Redis from a bad one, and from a broken test? And what can this machine carry?

The good one has the settings of a profile and the default load, but shorter; it must pass every time. The bad and the
broken are the cases of tests/contract/loaded.py, on servers of their own, all on loopback, without Ansible.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import lab
import loopback
import yaml

sys.path.insert(0, str(lab.PROJECT / "tests/contract"))
loopback.use_project()
import loaded  # noqa: E402 - after the path to it
from ansible.module_utils.redis_load import machine  # noqa: E402
from instances import laboratory, program  # noqa: E402

VERSION, PROFILE = "redis 7.0.15", "guide"
PROFILES = lab.PROJECT / "roles/redis_server/vars/main/profiles.yml"
QUIET, LOOK = 10, 5  # percent of all cores, over seconds
COLUMNS = ("ops/s", "session p95", "p99", "cache p95", "p99", "longest pause", "machine", "k6", "server", "others")
DISTURBED = (
    25  # percent of one core that other programs took: such a run says nothing of this machine, and another follows
)


def good(rate: int, options: argparse.Namespace) -> dict[str, Any]:
    """The report of one load test of a good server."""
    settings = yaml.safe_load(PROFILES.read_text())["__redis_server_profiles"][PROFILE]
    with tempfile.TemporaryDirectory(prefix="verdicts-") as name:
        directory = Path(name)
        with laboratory(program(VERSION), directory / "lab") as server:
            server.converge(settings)
            trial = loaded.Trial(server, directory)
            with trial.users(
                users=options.users,
                rate=rate,
                ramp=5,
                warm_up=5,
                duration=options.seconds,
                write_share=0.2,
                cache_keys=20_000,
                baseline=1000,
            ):
                pass
            return trial.document()


def numbers(document: dict[str, Any]) -> list[str]:
    """Of a report, in the order of COLUMNS. Milliseconds, and percent: of all cores, then of one."""
    [place] = document["instances"]
    users, metrics = place["loads"]["users"], place["metrics"]
    [generator] = users["generators"]
    sessions, cache = users["sessions"], users["flows"]["cache_get"]
    times = (sessions["p95"], sessions["p99"], cache["p95"], cache["p99"], metrics["longest_pause_ms"])
    shares = (
        generator["machine_cpu"]["mean"],
        generator["k6_cpu"]["mean"],
        metrics["main_thread_cpu"],
        others(document),
    )
    return [
        f"{users['rate']['reached']:,.0f}",
        *(f"{value:.2f} ms" for value in times),
        *(f"{share:.0f} %" for share in shares),
    ]


def others(document: dict[str, Any]) -> float:
    """Percent of one core that neither k6 nor its runner nor the server used, the kernel's own work among it."""
    [place] = document["instances"]
    [generator] = place["loads"]["users"]["generators"]
    ours = sum(generator[name]["mean"] for name in ("k6_cpu", "runner_cpu")) + place["metrics"]["main_thread_cpu"]
    return max(0.0, generator["machine_cpu"]["mean"] * generator["cores"] - ours)


def why(document: dict[str, Any]) -> str:
    """What was missed, or why nothing is to be trusted."""
    return "; ".join(loaded.distrust(document)) or ", ".join(
        f"{metric} {said.partition(': ')[0]}" for metric, said in loaded.missed(document).items()
    )


def wait(minutes: float) -> str:
    """Until nothing else runs. How busy the machine was then: the load average would tell of the run before."""
    end = time.monotonic() + 60 * minutes
    while (busy := measured()) > QUIET and time.monotonic() < end:
        pass
    return f"{busy:.0f} %" + ("" if busy <= QUIET else " (noisy)")


def measured() -> float:
    before = machine.machine()
    time.sleep(LOOK)
    busy, everything = (now - then for now, then in zip(machine.machine(), before))
    return 100 * busy / everything


def repeat(rate: int, options: argparse.Namespace) -> None:
    rows, words, disturbed = [], [], []
    while len(words) < options.rounds and len(disturbed) < options.rounds * 2:
        busy, document = wait(options.wait), good(rate, options)
        (disturbed if others(document) > DISTURBED else words).append(document["verdict"])
        rows.append([len(rows) + 1, document["verdict"], *numbers(document), busy])
        told = f"{rate} operations per second, run {len(rows)}: {document['verdict']} {why(document)}"
        print(told, file=sys.stderr, flush=True)
    print(
        f"\n{options.users} users, {rate} operations per second for {options.seconds} s, {VERSION}, profile {PROFILE}:\n"
    )
    lab.table(["run", "verdict", *COLUMNS, "busy before"], rows)
    print(f"\n{words.count('PASS')} of {len(words)} PASS", flush=True)
    if disturbed:
        print(f"besides {len(disturbed)} in which other programs took more than {DISTURBED} % of a core")


def judge(cases: dict[str, loaded.Case], wanted: str, options: argparse.Namespace) -> None:
    rows: list[Sequence[object]] = []
    for name, case in cases.items():
        load = wait(options.wait)
        with tempfile.TemporaryDirectory(prefix="verdicts-") as directory:
            document = loaded.carried_out(case, program(VERSION), Path(directory)).document()
        rows.append([name, document["verdict"], why(document), load])
        print(f"{name}: {document['verdict']} {why(document)}", file=sys.stderr, flush=True)
    print(f"\nmust be {wanted}:\n\n| | verdict | why | busy before |\n|---|---|---|---|")
    for row in rows:
        print(f"| {' | '.join(map(str, row))} |")
    print(f"\n{sum(row[1] == wanted for row in rows)} of {len(rows)} {wanted}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often the good one is tested (default: %(default)s)")
    parser.add_argument("--users", type=int, default=1000, help="of the good one (default: %(default)s)")
    parser.add_argument("--seconds", type=int, default=20, help="that are judged of each (default: %(default)s)")
    parser.add_argument(
        "--rate", type=int, nargs="*", default=[5500], help="operations per second, one or several (default: 5500)"
    )
    parser.add_argument(
        "--wait", type=float, default=5, help="minutes to wait for a quiet machine (default: %(default)s)"
    )
    parser.add_argument("--good", action="store_true", help="nothing but the good one")
    options = parser.parse_args()
    for rate in options.rate:
        repeat(rate, options)
    if not options.good:
        judge(loaded.BAD, "FAIL", options)
        judge(loaded.BROKEN, "INVALID", options)


if __name__ == "__main__":
    main()
