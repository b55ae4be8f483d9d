#!/usr/bin/env python3
"""How many round trips the module redis_config needs to read all settings, and to write many of them."""

from __future__ import annotations

import argparse

import lab

PLAYBOOK = lab.PROJECT / "benchmarks/round_trips.yml"
PROXY = lab.PROJECT / "benchmarks/proxy.py"
PORT = 7379
SETTINGS = {
    "maxmemory": "1gb",
    "maxmemory-policy": "volatile-ttl",
    "maxmemory-samples": 7,
    "save": "600 5",
    "appendfsync": "always",
    "auto-aof-rewrite-percentage": 80,
    "auto-aof-rewrite-min-size": "32mb",
    "no-appendfsync-on-rewrite": "yes",
    "maxclients": 9000,
    "timeout": 3600,
    "tcp-keepalive": 60,
    "hz": 25,
    "dynamic-hz": "no",
    "repl-diskless-sync-delay": 3,
    "slowlog-log-slower-than": 5000,
    "slowlog-max-len": 512,
    "latency-monitor-threshold": 100,
    "client-output-buffer-limit": {"normal": "0 0 0", "replica": "128mb 32mb 30", "pubsub": "16mb 4mb 30"},
    "lfu-log-factor": 20,
    "lfu-decay-time": 2,
}


def main() -> None:
    argparse.ArgumentParser(description=__doc__).parse_args()
    with lab.hosts():
        rows: list[list[object]] = []
        trips: dict[str, list[list[str]]] = {}
        for case in (f"{len(SETTINGS)} settings to write", "nothing to write"):
            with lab.on_host(lab.OURS, PROXY, str(PORT)) as seen:
                done = lab.run(PLAYBOOK, variables={"bench_port": PORT, "bench_settings": SETTINGS})
            trips[case] = seen["round_trips"]
            names = [name for trip in trips[case] for name in trip]
            rows.append([case, done.changed, len(trips[case]), names.count("CONFIG GET"), names.count("CONFIG SET")])
    lab.table(["redis_config with", "changed", "round trips", "CONFIG GET", "CONFIG SET"], rows)
    for case, turns in trips.items():
        print(f"\n{case}:")
        for number, names in enumerate(turns, 1):
            print(f"  {number}  {' + '.join(names)}")


if __name__ == "__main__":
    main()
