"""What this machine has, and what of it is in use, as Linux tells it."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def cores() -> float:
    """How many this process may use: of the machine, its affinity, and the limits of its control groups."""
    found = float(len(os.sched_getaffinity(0)))
    with contextlib.suppress(OSError):
        group = Path("/sys/fs/cgroup", Path("/proc/self/cgroup").read_text().rpartition("::")[2].strip().lstrip("/"))
        for place in (group, *group.parents):
            with contextlib.suppress(OSError, ValueError):  # no such file, or `max`
                limit, period = map(int, (place / "cpu.max").read_text().split())
                found = min(found, limit / period)
    return found


def available() -> int:
    """Bytes of memory that this machine has left."""
    lines = Path("/proc/meminfo").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))


def machine() -> tuple[int, int]:
    """Ticks of the cores that this process may use that were not idle, and all of their ticks; what a hypervisor took
    away counts as not idle.
    """
    ours = {f"cpu{number}" for number in os.sched_getaffinity(0)}
    rows = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    rows = [row for row in rows if row[0] in ours] or rows[:1]  # a container may be shown others
    ticks = [sum(column) for column in zip(*(map(int, row[1:9]) for row in rows))]
    return sum(ticks) - ticks[3] - ticks[4], sum(ticks)


def process(pid: int) -> tuple[float, int]:
    """Seconds of CPU it used, bytes of memory it has."""
    values = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK"), int(values[21]) * os.sysconf("SC_PAGE_SIZE")


def sockets(pid: int) -> int:
    """How many it has open."""
    found = 0
    for entry in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):  # closed meanwhile
            found += str(entry.readlink()).startswith("socket:")
    return found
