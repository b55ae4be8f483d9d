#!/usr/bin/env python3
"""What a drift check of a fleet costs: playbooks/check_drift.yml over ssh against a --check run of the baseline role.

Time against the number of hosts, interleaved; the slope is what one more host costs, the rest is what a run costs
before it has looked at anything. By default each run opens its connections anew, as one that a schedule starts does.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import lab

FLEET = lab.PROJECT / "benchmarks/fleet/hosts.yml"
DRIFT = lab.PROJECT / "playbooks/check_drift.yml"
# the baseline writes a file of its own, so that neither undoes what the other did
BESIDE = "--extra-vars=__baseline_conf_path=/etc/redis/baseline.conf"
ALL = tuple(f"redis-bench-fleet-{number:02d}" for number in range(1, 11))


@dataclass
class Case:
    """One way to check. seconds: number of hosts -> what each round took; cpu: of the control node, not of the hosts."""

    name: str
    command: Sequence[str]
    seconds: dict[int, list[float]] = field(default_factory=dict)
    cpu: dict[int, list[float]] = field(default_factory=dict)
    executed: int = 0

    def run(self, count: int, extra: Sequence[str] = ()) -> None:
        """Check that many hosts once."""
        words = ["ansible-playbook", f"--inventory={FLEET}", f"--limit={','.join(ALL[:count])}", *extra, *self.command]
        start, spent = time.monotonic(), lab.cpu()
        output = lab.shell(*words)
        self.cpu.setdefault(count, []).append(lab.cpu() - spent)
        self.seconds.setdefault(count, []).append(time.monotonic() - start)
        ended = re.findall(r"^redis-bench-fleet-\d+ +: ok=(\d+) +changed=(\d+)", output, re.MULTILINE)
        if len(ended) != count or any(changed != "0" for _, changed in ended):
            sys.exit(f"expected {count} hosts without a change from {shlex.join(words)}:\n{output}")
        self.executed = max(int(executed) for executed, _ in ended)

    def median(self, count: int) -> float:
        return lab.median(self.seconds[count])

    @staticmethod
    def line(values: dict[int, list[float]]) -> tuple[float, float]:
        """Seconds for one more host, and for none."""
        return lab.slope([(count, value) for count, rounds in values.items() for value in rounds])


@contextlib.contextmanager
def fleet(*, beside: bool, keep: bool) -> Iterator[None]:
    """Ten hosts, converged by both playbooks. Those that an earlier --keep left are used again."""
    with contextlib.nullcontext() if beside else lab.turn():
        lab.STATE.mkdir(parents=True, exist_ok=True)
        try:
            _provision()
            yield
        finally:
            if not keep:
                _step("remove the hosts", "molecule/_lab/destroy.yml")


def _provision() -> None:
    lab.shell("scripts/build-image", "bookworm")
    listed = json.loads(lab.shell("podman", "ps", "--format=json", "--filter=name=redis-bench-fleet-"))
    if {name for container in listed for name in container["Names"]} >= set(ALL):
        return
    _step("start ten hosts", "molecule/_lab/create.yml")
    _step("fetch package lists", "molecule/_lab/prepare.yml", "--forks=4")
    _step("provision them", str(lab.PROVISION), "--forks=5")
    _step("converge the baseline", str(lab.BASELINE), "--forks=5", BESIDE)


def _step(what: str, *words: str) -> None:
    start = time.monotonic()
    _tell(f"{what} ...")
    lab.shell("ansible-playbook", f"--inventory={FLEET}", *words)
    _tell(f"{what}: {time.monotonic() - start:.0f} s")


def _tell(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def connections(*, warm: bool) -> Iterator[None]:
    """Whether runs share their ssh connections."""
    if warm:
        yield
        return
    with tempfile.TemporaryDirectory() as directory:
        os.environ["ANSIBLE_SSH_CONTROL_PATH_DIR"] = directory
        os.environ["ANSIBLE_SSH_ARGS"] = "-o ControlMaster=auto -o ControlPersist=2s"
        yield
        time.sleep(3)  # the masters go and take their sockets along


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="1,2,5,10", help="numbers of hosts, 10 at most (default: %(default)s)")
    parser.add_argument("--rounds", type=int, default=5, help="interleaved runs of each (default: %(default)s)")
    parser.add_argument("--forks", type=int, default=0, help="hosts at a time (default: what ansible.cfg says)")
    parser.add_argument("--warm", action="store_true", help="keep ssh connections from one run to the next")
    parser.add_argument("--keep", action="store_true", help="leave the hosts; the next run takes them as they are")
    parser.add_argument("--beside", action="store_true", help="do not take turns with scripts/molecule")
    given = parser.parse_args()
    counts = [min(int(word), len(ALL)) for word in given.counts.split(",")]
    extra = [f"--forks={given.forks}"] if given.forks else []
    ours = Case("playbooks/check_drift.yml", [str(DRIFT)])
    theirs = Case("baseline --check", ["--check", BESIDE, str(lab.BASELINE)])
    with fleet(beside=given.beside, keep=given.keep):
        for number in range(given.rounds):
            for count in counts:
                for case in (ours, theirs):
                    with connections(warm=given.warm):
                        case.run(count, extra)
                times = ", ".join(f"{case.name} {case.seconds[count][-1]:.1f} s" for case in (ours, theirs))
                _tell(f"round {number + 1} of {given.rounds}, {count} hosts: {times}")
    _print(ours, theirs, counts)


def _print(ours: Case, theirs: Case, counts: Sequence[int]) -> None:
    rows: list[list[object]] = []
    for count in dict.fromkeys(counts):
        mine, base = ours.median(count), theirs.median(count)
        per_host = [f"{mine / count:.2f}", f"{base / count:.2f}"]
        rows.append([count, f"{mine:.1f}", per_host[0], f"{base:.1f}", per_host[1], f"{base / mine:.1f}"])
    lab.table(["hosts", "drift s", "s per host", "baseline s", "s per host", "times faster"], rows)
    if len(rows) == 1:
        return
    print()
    for case in (ours, theirs):
        (more, start), (cpu, _) = case.line(case.seconds), case.line(case.cpu)
        print(f"{case.name}: {start:.1f} s + {more:.2f} s for each host, {case.executed} task executions on a host;")
        print(f"    of it on the control node {cpu:.2f} s of processor time for each host")
    for name, mine, base in (("time", ours.seconds, theirs.seconds), ("control node's CPU", ours.cpu, theirs.cpu)):
        print(f"one more host, {name}: {ours.line(base)[0] / ours.line(mine)[0]:.1f} times less than the baseline")


if __name__ == "__main__":
    main()
