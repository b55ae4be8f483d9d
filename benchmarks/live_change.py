#!/usr/bin/env python3
"""What a client that writes without pause feels of a change: by our run, by its check mode, and by the baseline role."""

from __future__ import annotations

import argparse
from typing import Any

import lab

# Two sets of mutable settings, to have something to change in every round.
SETTINGS = (
    {"maxmemory": "1gb", "maxmemory-policy": "volatile-lru", "hz": 25, "timeout": 3600, "slowlog-max-len": 512},
    {"maxmemory": "1536mb", "maxmemory-policy": "allkeys-lfu", "hz": 15, "timeout": 1800, "slowlog-max-len": 256},
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="interleaved runs of each case (default: %(default)s)")
    rounds = parser.parse_args().rounds
    seen: dict[str, list[dict[str, Any]]] = {"live change": [], "check mode": [], "baseline": []}
    with lab.hosts():
        for number in range(rounds):
            settings = SETTINGS[number % 2]
            ours = {"redis_server_settings": settings}
            with lab.on_host(lab.OURS, lab.WRITER) as client:
                checked = lab.run(lab.PROVISION, "--check", variables=ours)
            seen["check mode"].append({**client, "changed": checked.changed})
            with lab.on_host(lab.OURS, lab.WRITER) as client:
                changed = lab.run(lab.PROVISION, variables=ours)
            seen["live change"].append({**client, "changed": changed.changed})
            with lab.on_host(lab.THEIRS, lab.WRITER) as client:
                restarted = lab.run(lab.BASELINE, variables={"baseline_maxmemory": settings["maxmemory"]})
            seen["baseline"].append({**client, "changed": restarted.changed})

    def middle(case: str, field: str) -> float:
        return lab.median([client[field] for client in seen[case]])

    quiet = middle("check mode", "longest_gap_ms")
    lab.table(
        [
            "client during",
            "failed operations",
            "reconnects",
            "longest gap ms",
            "ratio to check mode",
            "gap of each round",
        ],
        [
            [
                case,
                f"{middle(case, 'failed'):g}",
                f"{middle(case, 'connections') - 1:g}",
                f"{middle(case, 'longest_gap_ms'):g}",
                f"{middle(case, 'longest_gap_ms') / quiet:.2f}",
                " ".join(f"{client['longest_gap_ms']:g}" for client in clients),
            ]
            for case, clients in seen.items()
        ],
    )
    if not all(client["changed"] for clients in seen.values() for client in clients):
        parser.exit(1, "a run had nothing to change: these numbers say nothing\n")


if __name__ == "__main__":
    main()
