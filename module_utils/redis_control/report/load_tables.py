"""The tables of a load test's page: latencies, jobs, and what was measured with which load. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ..figures import at, milliseconds, number, size
from . import blocks
from .blocks import Block, Fold, Heading, Text, Tile

SHARES = ("p50", "p95", "p99", "p99.9", "max")
FLOWS = {
    "session_read": "Session read, GET",
    "session_write": "Session write, SET",
    "session_refresh": "Session refresh, EXPIRE",
    "cache_get": "Cache read, GET",
    "cache_fill": "Cache fill after a miss, SET",
}
OFFERED = {  # of a load: what it is for people, and its unit
    "users": ("users, each with a connection", ""),
    "rate": ("a second", ""),
    "ramp": ("connect within", " s"),
    "warm_up": ("warm-up", " s"),
    "duration": ("judged", " s"),
    "seconds": ("for", " s"),
    "cache_keys": ("keys of the cache", ""),
    "value_bytes": ("size of a cache value", "bytes"),
    "session_bytes": ("size of a session", "bytes"),
    "payload_bytes": ("data of a job", "bytes"),
    "cache_ttl": ("a cache key lives", " s"),
    "session_ttl": ("a session lives", " s"),
    "work_ms": ("work of a job", " ms"),
    "skew": ("skew towards popular keys", ""),
    "write_share": ("share of requests that write their session", ""),
    "workers": ("worker processes", ""),
    "concurrency": ("jobs that each has at once", ""),
}
TROUBLES = ("lost", "failed", "failed_attempts", "stalled", "duplicates", "without_data", "unknown")
# The probe saw so little of what the users saw: they waited in the generator. Times, and milliseconds to speak of.
APART, SPEAKABLE = 5, 1.0


# --- latencies --------------------------------------------------------------------------------------------------------


def latencies(users: Mapping[str, Any]) -> list[blocks.Group]:
    """A group for each flow: a single user before the load, and all of them under it. Milliseconds."""
    names = [*FLOWS, *(name for name in users["flows"] if name not in FLOWS)]
    crowd = f"{number(users['offered']['users'])} users"
    groups = []
    for name in names:
        flow = users["flows"].get(name, {"count": 0})
        rows = [
            _row("a single user before", users["baseline"].get(name, {"count": 0}), 1 / 1000),
            _row(crowd, flow, 1, loud=True),
        ]
        count = f"{number(flow['count'])} measured" if flow["count"] else "none measured"
        groups.append(blocks.Group(FLOWS.get(name, name.replace("_", " ")), count, tuple(filter(None, rows))))
    probes = [_row(name.upper(), found, 1 / 1000) for name, found in users["canary"].items()]
    if any(probes):
        count = sum(found["count"] for found in users["canary"].values())
        name = "Probe with one connection, beside the load"
        groups.append(blocks.Group(name, f"{number(count)} measured", tuple(filter(None, probes))))
    return [group for group in groups if group.lines]


def _row(who: str, found: Mapping[str, Any], factor: float, *, loud: bool = False) -> Optional[blocks.Line]:
    if not found.get("count"):
        return None
    values = (milliseconds(found[share] * factor) if share in found else "" for share in SHARES)
    return blocks.Line(who, tuple(values), loud)


def reading(place: Mapping[str, Any], users: Mapping[str, Any]) -> Iterator[Block]:
    """Where the time of the slowest in a hundred went: in the server, on the way, or in the generator."""
    flow = max((flow.get("p99", 0) for flow in users["flows"].values()), default=0)
    probe = max((found.get("p99", 0) for found in users["canary"].values()), default=0) / 1000
    server = place["metrics"].get("command_p99_ms")
    if not flow or not probe:
        return
    times = {"the server itself, at most": server, "a probe": probe, "the users": flow}
    yield Text("Where the time of the slowest in a hundred (p99, ms) went:")
    yield blocks.Tiles(tuple(Tile(name, milliseconds(time)) for name, time in times.items() if time))
    if flow > APART * probe and flow > SPEAKABLE:
        yield Text("The probe on the same machine did not wait so long: look at the generator first.")


def errors(users: Mapping[str, Any]) -> list[str]:
    """How many operations failed, by kind."""
    return [f"{number(count)} {kind.replace('_', ' ')}" for kind, count in sorted(users["errors"].items())]


# --- jobs -------------------------------------------------------------------------------------------------------------


def jobs(jobs: Mapping[str, Any], *, trusted: bool) -> Iterator[Block]:
    """Milliseconds, from when a job was due."""
    lone, load = (jobs["phases"].get(name, {}) for name in ("baseline", "load"))
    crowd = f"{number(jobs['offered']['rate'])} a second"
    shares = tuple(share for share in SHARES if share != "p99.9")
    groups: list[blocks.Group] = []
    for name, field in {
        "Added to the queue": "enqueue_us",
        "Completed by a worker": "end_to_end_us",
        "Sent late by the producer itself": "late_us",
    }.items():
        lines = tuple(
            blocks.Line(who, tuple(milliseconds(found[share] / 1000) for share in shares), who == crowd)
            for who, found in (("one at a time", lone.get(field)), (crowd, load.get(field)))
            if found
        )
        groups += [blocks.Group(name, "", lines)] if lines else []
    told = (
        f"{number(load.get('added', 0))} of {number(load.get('jobs', 0))} jobs added, "
        f"{number(load.get('completed', 0))} completed, at {number(load.get('rate', 0))} a second; "
    )
    troubles = ", ".join(_troubles(jobs))
    yield Heading("BullMQ jobs", level=3)
    yield Text(
        f"{told}{troubles or 'none lost, failed, stalled or refused'}.", strong=troubles and "Something went wrong: "
    )
    yield blocks.Numbers(tuple(groups), shares, "Milliseconds, from when the job was due", trusted)


def _troubles(jobs: Mapping[str, Any]) -> Iterator[str]:
    troubles = {name: jobs[name] for name in TROUBLES if jobs.get(name)}
    troubles.update({f"refused, {kind}": count for kind, count in jobs["add_errors"].items()})
    troubles.update({f"not done, {state}": count for state, count in jobs["not_done"].items() if count})
    troubles.update({f"worker: {kind}": count for kind, count in jobs["worker_errors"].items()})
    yield from (f"{number(count)} {name.replace('_', ' ')}" for name, count in troubles.items())


# --- what was measured ------------------------------------------------------------------------------------------------


def facts(place: Mapping[str, Any]) -> Iterator[Block]:
    """What was measured on one instance: versions, the load, generators, metrics and configuration."""
    users, metrics, config = place["loads"].get("users"), place["metrics"], place["config"]
    yield Heading(f"{place['host']} {place['instance']}", level=3)
    yield blocks.Pairs(tuple(_measured(place)))
    if users and users["generators"]:
        yield _generators(users)
    notes = {name: f" ({note})" for name, note in place["notes"].items() if note}
    told = tuple(
        (name, f"{'too little data' if value is None else number(value)}{notes.get(name, '')}")
        for name, value in sorted(metrics.items())
    )
    yield Fold(Heading(f"Every metric: {len(told)}"), (blocks.Pairs(told, names=True),), style="fold long")
    options = tuple((name, value or "(empty)") for name, value in sorted(config.items()))
    heading = Heading(f"Configuration of the server: {len(options)} options")
    yield Fold(heading, (blocks.Pairs(options, names=True, texts=True),), style="fold long")


def _measured(place: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Versions and the load that was offered, as name and text."""
    users, jobs = place["loads"].get("users"), place["loads"].get("jobs")
    yield "server", place["server"]
    yield "between the two looks at the server", f"{number(place['seconds'])} s"
    if users:
        yield "load", ", ".join(f"{name} {version}" for name, version in users["versions"].items())
        yield "load began", at(users["started"])
        rate, connections = users["rate"], users["connections"]
        yield "operations a second", f"{number(rate['reached'])} of {number(rate['wanted'])} reached"
        yield "connections", f"{number(connections['reached'])} of {number(connections['wanted'])} reached"
        yield "requests that fell away", number(users["dropped"])
        yield from _offered(users["offered"], ("users", "rate"))
    if jobs:
        yield "jobs", f"{jobs['library']}, from {at(jobs['started'])}"
        yield from _offered(jobs["offered"], ())
    if not (users or jobs):
        yield "load", "made by somebody else"


def _offered(offered: Mapping[str, Any], known: Sequence[str]) -> Iterator[tuple[str, str]]:
    for name, value in offered.items():
        if name in known:
            continue
        told, unit = OFFERED.get(name, (name.replace("_", " "), ""))
        if not isinstance(value, (int, float)):
            yield told, str(value)
        else:
            yield told, size(value) if unit == "bytes" else f"{number(value)}{unit}"


def _generators(users: Mapping[str, Any]) -> blocks.Table:
    def span(generator: Mapping[str, Any], name: str) -> str:
        found = generator.get(name) or {}
        return f"{number(found['median'])}, up to {number(found['max'])} %" if found else ""

    def memory(generator: Mapping[str, Any]) -> str:
        found = generator.get("k6_rss") or {}
        return size(found["max"]) if found else ""

    return blocks.Table(
        heads=("Generator", "Cores", "Its machine", "k6, of one core", "Memory of k6"),
        rows=tuple(
            (one["name"], number(one["cores"]), span(one, "machine_cpu"), span(one, "k6_cpu"), memory(one))
            for one in users["generators"]
        ),
        caption="Load generators: median and highest while it was judged",
    )
