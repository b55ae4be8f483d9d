#!/usr/bin/env python3
"""What a second run costs on a converged host over ssh: tasks, and time as a ratio to the baseline role."""

from __future__ import annotations

import argparse

import lab


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="interleaved runs of each (default: %(default)s)")
    rounds = parser.parse_args().rounds
    ours: list[lab.Run] = []
    theirs: list[lab.Run] = []
    with lab.hosts():
        for _ in range(rounds):
            ours.append(lab.run(lab.PROVISION))
            theirs.append(lab.run(lab.BASELINE))
    base = lab.median([run.seconds for run in theirs])
    lab.table(
        ["re-run", "tasks executed", "skipped", "changed", "seconds (median)", "ratio"],
        [
            [
                name,
                max(run.executed for run in runs),
                max(run.skipped for run in runs),
                sum(run.changed for run in runs),
                f"{lab.median([run.seconds for run in runs]):.1f}",
                f"{lab.median([run.seconds for run in runs]) / base:.2f}",
            ]
            for name, runs in (("provision.yml", ours), ("baseline", theirs))
        ],
    )


if __name__ == "__main__":
    main()
