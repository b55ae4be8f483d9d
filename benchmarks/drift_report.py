#!/usr/bin/env python3
"""What the report of a large fleet costs the control node: size and time of every output, by number of hosts.

No host is looked at: the results are made up, two instances for each host, and go through the project's own renderers
into files. Quiet: nothing drifted. Busy: five findings in each instance, which is a fleet in a very bad state.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from datetime import date
from pathlib import Path
from typing import Any

import lab
import loopback

STATES = ("live_not_persisted", "pending_restart", "file_changed_outside", "unmanaged_set", "declared_not_applied")
CHECKED = 196  # things that are looked at in an instance of Redis 7.0


def finding(number: int) -> dict[str, Any]:
    """One as the module returns it."""
    return {
        "id": f"option.setting-{number}",
        "subject": f"instance cache: setting-{number}",
        "status": "FAIL",
        "expected": "2gb",
        "actual": "running 7mb, 0.34 % of that",
        "why": "guide 1, 9",
        "remedy": "redis-cli -p 6379 CONFIG SET maxmemory 2147483648, or run provision, which puts it back; "
        "to keep it: declare maxmemory: 7mb",
        "state": STATES[number % len(STATES)],
        "values": {"declared": "2gb", "file": "2gb", "running": "7mb", "default": "0", "applied": "2gb"},
        "since": "2026-11-23T11:48:00+00:00",
    }


def scope(instance: str, findings: int) -> dict[str, Any]:
    """An instance, or the host itself."""
    found = [finding(number) for number in range(findings)]
    counts = {"in_sync": CHECKED - findings}
    for item in found:
        counts[item["state"]] = counts.get(item["state"], 0) + 1
    server = "Redis 7.0.15" if instance else ""
    return {
        "instance": instance,
        "server": server,
        "checked": CHECKED,
        "counts": counts,
        "findings": found,
        "unknown": [],
    }


def measure(hosts: int, findings: int) -> list[object]:
    """One row of the table."""
    import redis_drift_report as plugin  # noqa: PLC0415 - importable since main()
    from ansible.module_utils.redis_control.report import answers, document, drift_document, outputs, text  # noqa: PLC0415

    scopes = answers.drift({"scopes": [scope("", 0), scope("cache", findings), scope("queue", findings)]}).scopes
    results = [document.HostResult(f"redis{number:04d}.example.net", scopes) for number in range(hosts)]
    about = {"time": "2026-11-23T12:00:00+00:00", "seconds": 60.0, "inventory": "fleet", "today": date(2026, 11, 23)}
    before = document.build(results, {}, **about)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        start = time.monotonic()
        made = document.build(results, before, **about)
        report = drift_document.of(made)
        texts = outputs.texts(report, text.render(report))
        plugin._write(texts, made["time"], directory, 0)  # noqa: SLF001 - what the task does
        seconds = time.monotonic() - start
        sizes = [(directory / file).stat().st_size / 1024 for file in (plugin.LATEST, plugin.PAGE, "latest.prom")]
    # kilobytes
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return [hosts, 2 * findings * hosts, *(f"{size:.0f}" for size in sizes), f"{seconds:.2f}", f"{peak:.0f}"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counts", default="20,200,1000", help="numbers of hosts (default: %(default)s)")
    counts = [int(word) for word in parser.parse_args().counts.split(",")]
    loopback.use_project()
    sys.path.insert(0, str(lab.PROJECT / "action_plugins"))
    rows = [["quiet", *measure(count, 0)] for count in counts] + [["busy", *measure(count, 5)] for count in counts]
    lab.table(["fleet", "hosts", "findings", "JSON KB", "HTML KB", "metrics KB", "seconds", "peak MB"], rows)


if __name__ == "__main__":
    main()
