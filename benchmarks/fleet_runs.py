#!/usr/bin/env python3
"""What runs cost a fleet that is in order already: a ping, a drift check, provision.yml and the baseline role, over ssh.

Interleaved, on one and on ten hosts; then provision.yml on one host with one and with twenty instances. Ratios are of medians
of one run of this script.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import lab
from drift_fleet import ALL, BESIDE, DRIFT, FLEET, connections, fleet

MANY = 20  # instances
_INSTANCES = [
    {"name": f"i{number:02d}", "port": 7000 + number, "settings": {"maxmemory": "8mb"}} for number in range(MANY)
]


@dataclass
class Case:
    """One kind of run. Values of each round: seconds; cpu, in seconds of the control node's processors; memory, in MB of its
    largest process.
    """

    name: str
    command: Sequence[str]
    seconds: dict[int, list[float]] = field(default_factory=dict)
    cpu: dict[int, list[float]] = field(default_factory=dict)
    memory: float = 0.0

    def run(self, hosts: int) -> None:
        """Stops with the output where a host failed or changed."""
        words = [self.command[0], f"--inventory={FLEET}", f"--limit={','.join(ALL[:hosts])}", *self.command[1:]]
        begun, spent = time.monotonic(), lab.cpu()
        output = lab.shell(*words)
        self.seconds.setdefault(hosts, []).append(time.monotonic() - begun)
        self.cpu.setdefault(hosts, []).append(lab.cpu() - spent)
        self.memory = max(self.memory, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024)
        changed = re.findall(r"^redis-bench-fleet-\d+ +: .*changed=([1-9])", output, re.MULTILINE)
        if changed:
            sys.exit(f"expected no change from {shlex.join(words)}:\n{output}")

    def median(self, hosts: int) -> float:
        return lab.median(self.seconds[hosts])


def cases() -> list[Case]:
    """The ping is the least that any run over ssh costs."""
    return [
        Case("ping", ["ansible", "--module-name=ping", "all"]),
        Case("playbooks/check_drift.yml", ["ansible-playbook", str(DRIFT)]),
        Case("provision.yml", ["ansible-playbook", str(lab.PROVISION)]),
        Case("baseline role", ["ansible-playbook", BESIDE, str(lab.BASELINE)]),
    ]


def instances(rounds: int) -> dict[int, list[float]]:
    """Seconds of a converged provision.yml on the first host, by the number of instances."""
    found: dict[int, list[float]] = {1: [], MANY: []}
    for number in range(rounds + 1):  # the first one converges
        for count, seconds in found.items():
            with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
                json.dump({"redis_server_instances": _INSTANCES[:count], "redis_server_settings": {}}, file)
                file.flush()
                words = [f"--inventory={FLEET}", f"--limit={ALL[0]}", f"--extra-vars=@{file.name}", str(lab.PROVISION)]
                begun = time.monotonic()
                lab.shell("ansible-playbook", *words)
                if number:
                    seconds.append(time.monotonic() - begun)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved runs of each (default: %(default)s)")
    parser.add_argument("--keep", action="store_true", help="leave the hosts; the next run takes them as they are")
    given = parser.parse_args()
    runs, counts = cases(), (1, len(ALL))
    with fleet(beside=False, keep=given.keep):
        for number in range(given.rounds):
            for hosts in counts:
                for case in runs:
                    with connections(warm=False):
                        case.run(hosts)
            print(f"round {number + 1} of {given.rounds}", file=sys.stderr, flush=True)
        on_one = instances(given.rounds)
    _print(runs, counts, on_one)


def _print(runs: Sequence[Case], counts: Sequence[int], on_one: Mapping[int, Sequence[float]]) -> None:
    ping, drift, provision, baseline = runs
    rows: list[list[object]] = [
        [
            case.name,
            *(f"{case.median(hosts):.1f}" for hosts in counts),
            f"{lab.median(case.cpu[counts[-1]]) / counts[-1]:.2f}",
        ]
        for case in runs
    ]
    lab.table(["run", *(f"{hosts} hosts, s" for hosts in counts), "CPU s per host"], rows)
    few, many = counts
    print()
    print(f"provision.yml against the baseline role: {provision.median(few) / baseline.median(few):.2f} at {few} host,")
    print(f"    {provision.median(many) / baseline.median(many):.2f} at {many}")
    print(f"drift check against a ping: {drift.median(few) / ping.median(few):.2f} at {few} host,")
    print(f"    {drift.median(many) / ping.median(many):.2f} at {many}")
    one, twenty = (lab.median(on_one[count]) for count in (1, MANY))
    print(f"provision.yml, {MANY} instances against one on a host: {twenty / one:.2f} ({twenty:.1f} s, {one:.1f} s)")
    print(
        f"largest process of the control node: {max(case.memory for case in runs):.0f} MB; {os.cpu_count()} processors"
    )


if __name__ == "__main__":
    main()
