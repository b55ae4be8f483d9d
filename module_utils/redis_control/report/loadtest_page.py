"""What the page of a load test shows, in the order in which a person needs it; the template prints it. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ..figures import at, many, milliseconds, number, size
from ..load.guide import TARGETS
from ..verdicts import FAIL, INVALID, PASS
from .document import printable
from .loadtest_plots import drawings

OPEN = 3  # of more instances than these, those that passed are folded
NAMED = 5  # so many misses stand in the head of the page
EXAMPLES = 3  # so many errors in their own words
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
TILES = {  # metrics that everybody asks for first
    "session_p95_ms": "sessions, p95",
    "cache_p95_ms": "cache, p95",
    "job_p95_ms": "adding a job, p95",
    "job_end_to_end_ms": "a job done, p95",
    "ops_per_second": "operations",
    "hit_ratio": "hit ratio",
    "evicted_share": "keys evicted",
    "memory_share": "memory, peak",
    "main_thread_cpu": "main thread",
}
TROUBLES = ("lost", "failed", "failed_attempts", "stalled", "duplicates", "without_data", "unknown")
VERDICTS = (INVALID, FAIL, PASS)
WORST_FIRST = ("FAIL", "WARN", "SKIP", "PASS")
# The probe saw so little of what the users saw: they waited in the generator. Times, and milliseconds to speak of.
APART, SPEAKABLE = 5, 1.0
_UNIT = re.compile(r"(?<=\d) (?=%|[mµ]?s\b)")  # between a number and its unit, where no line may end
_CAUSES = {target.metric: target.cause for target in TARGETS}


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template prints, as text, numbers and lists."""
    document = printable(document)
    trusted = not document["distrust"]
    worst_first = sorted(document["instances"], key=lambda place: VERDICTS.index(place["verdict"]))
    places = [_place(place, trusted, index) for index, place in enumerate(worst_first, start=1)]
    checks = _findings(document["checklist"])
    misses = list(_misses(document)) if document["verdict"] == FAIL else []
    return {
        "verdict": document["verdict"],
        "sentence": _sentence(document),
        "todo": _todo(document),
        "reasons": _reasons(document),
        "misses": misses[:NAMED],
        "more": len(misses[NAMED:]),
        "label": document.get("label", ""),
        "time": at(document["time"]),
        "inventory": document["inventory"],
        "places": places,
        "several": len(places) > OPEN,
        "shares": SHARES,
        "checks": _parted(checks, fold_all=True),
        "checks_told": _counted(checks),
    }


# --- the verdict ------------------------------------------------------------------------------------------------------


def _all(document: Mapping[str, Any], status: str) -> list[Mapping[str, Any]]:
    return [finding for place in document["instances"] for finding in place["findings"] if finding["status"] == status]


def _sentence(document: Mapping[str, Any]) -> str:
    missed, warned = len(_all(document, "FAIL")), len(_all(document, "WARN"))
    judged = missed + warned + len(_all(document, "PASS"))
    if document["verdict"] == INVALID:
        return "The measurement cannot be trusted, so it proves nothing, neither good nor bad."
    load = _load(document)
    held = f" under {load}" if load else " by a server under somebody else's load"
    if document["verdict"] == PASS:
        return f"Every target was met{held}" + (f", but for {many(warned, 'warning')}." if warned else ".")
    return f"{missed} of {many(judged, 'target')} missed{held}."


def _load(document: Mapping[str, Any]) -> str:
    """1,000 users, 5,000 operations and 50 jobs a second; '' where somebody else made it."""
    loads = [place["loads"] for place in document["instances"]]
    users = [load["users"]["offered"] for load in loads if load.get("users")]
    jobs = [load["jobs"]["offered"] for load in loads if load.get("jobs")]
    told = [f"{number(sum(load['rate'] for load in users))} operations"] if users else []
    told += [f"{number(sum(load['rate'] for load in jobs))} jobs"] if jobs else []
    people = f"{number(sum(load['users'] for load in users))} users, " if users else ""
    return f"{people}{' and '.join(told)} a second" if told else ""


def _todo(document: Mapping[str, Any]) -> str:
    if document["verdict"] == INVALID:
        return "Mend what is named here, and measure again:"
    if document["verdict"] == FAIL:
        return "Mend what is named here, and run the same load again:"
    return (
        "Nothing has to be done. What is to be looked at stands first below."
        if _all(document, "WARN")
        else "Nothing has to be done."
    )


def _reasons(document: Mapping[str, Any]) -> list[dict[str, str]]:
    several = len(document["instances"]) > 1
    own = [
        {"where": _where(place) if several else "", "told": reason}
        for place in document["instances"]
        for reason in place["distrust"]
        if reason not in document["distrust"]
    ]
    return [{"where": "", "told": reason} for reason in document["distrust"]] + own


def _misses(document: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    several = len(document["instances"]) > 1
    for place in document["instances"]:
        for finding in place["findings"]:
            if finding["status"] == "FAIL":
                yield {**_finding(finding), "where": _where(place) if several else ""}


def _where(place: Mapping[str, Any]) -> str:
    return f"{place['host']} {place['instance']}"


# --- one instance -----------------------------------------------------------------------------------------------------


def _place(place: Mapping[str, Any], trusted: bool, index: int) -> dict[str, Any]:
    users, jobs = place["loads"].get("users"), place["loads"].get("jobs")
    trusted = trusted and place["verdict"] != INVALID
    targets = _findings(place["findings"])
    return {
        "anchor": f"instance-{index}",
        "where": _where(place),
        "server": place["server"],
        "seconds": number(place["seconds"]),
        "verdict": place["verdict"],
        "trusted": trusted,
        "shortfalls": place["shortfalls"] if place["verdict"] == FAIL else [],
        "tiles": list(_tiles(targets)),
        "targets": _parted(targets),
        "told": _counted(targets),
        "latencies": _latencies(users) if users else [],
        "reading": _reading(place, users) if users else {},
        "errors": _errors(users) if users else [],
        "examples": users["error_examples"][:EXAMPLES] if users else [],
        "jobs": _jobs(jobs) if jobs else {},
        "plots": drawings(users) if users else {},
        "measured": list(_measured(place)),
        "generators": [_generator(generator) for generator in users["generators"]] if users else [],
        "metrics": [
            {"name": name, "value": "too little data" if value is None else number(value), "note": note}
            for name, value in sorted(place["metrics"].items())
            for note in [place["notes"].get(name, "")]
        ],
        "config": sorted(place["config"].items()),
    }


def _findings(records: Sequence[Mapping[str, Any]]) -> list[dict[str, str]]:
    """Worst first."""
    return [_finding(record) for record in sorted(records, key=lambda record: WORST_FIRST.index(record["status"]))]


def _finding(record: Mapping[str, Any]) -> dict[str, str]:
    """As a row: what it is about in words, its name in data, and for a miss the likely cause and the remedy apart."""
    metric, remedy = record["id"].removeprefix("load."), record["remedy"]
    likely = f"likely: {_CAUSES.get(metric, '')}; "
    cause = _CAUSES[metric] if remedy.startswith(likely) else ""
    of_instance = record["id"].startswith("load.") and record["subject"].startswith("instance ")
    return {
        **{name: record[name] for name in ("status", "why")},
        **{name: _UNIT.sub("\u00a0", record[name]) for name in ("expected", "actual")},
        "host": record.get("host", ""),
        "what": record["subject"].partition(": ")[2] if of_instance else record["subject"],
        "name": metric if of_instance else record["id"],
        "cause": cause,
        "remedy": remedy.removeprefix(likely) if cause else remedy,
    }


def _parted(findings: Sequence[dict[str, str]], *, fold_all: bool = False) -> dict[str, Sequence[dict[str, str]]]:
    """What stands open on the page, and what in a fold. fold_all: even where nothing stands open then."""
    off = [finding for finding in findings if finding["status"] in ("FAIL", "WARN")]
    met = [finding for finding in findings if finding not in off]
    return {"open": off, "folded": met} if off or fold_all else {"open": met, "folded": []}


def _tiles(findings: Sequence[Mapping[str, str]]) -> Iterator[dict[str, str]]:
    found = {finding["name"]: finding for finding in findings}
    for metric, name in TILES.items():
        if metric in found:
            finding = found[metric]
            # without what a note explains, or what a share is of: the row below says it
            short = {key: re.split(r" of | \(", finding[key])[0] for key in ("actual", "expected")}
            yield {"title": name, "status": finding["status"], **short}


def _counted(findings: Sequence[Mapping[str, str]]) -> str:
    """2 missed, 1 warning, 15 met."""
    counts = Counter(finding["status"] for finding in findings)
    words = {
        "FAIL": "missed",
        "WARN": many(counts["WARN"], "warning").partition(" ")[2],
        "PASS": "met",
        "SKIP": "not judged",
    }
    return ", ".join(f"{counts[status]} {word}" for status, word in words.items() if counts[status])


# --- latencies --------------------------------------------------------------------------------------------------------


def _latencies(users: Mapping[str, Any]) -> list[dict[str, Any]]:
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
        groups.append(
            {"name": FLOWS.get(name, name.replace("_", " ")), "count": count, "rows": list(filter(None, rows))}
        )
    probes = [_row(name.upper(), found, 1 / 1000) for name, found in users["canary"].items()]
    if any(probes):
        count = sum(found["count"] for found in users["canary"].values())
        groups.append(
            {
                "name": "Probe with one connection, beside the load",
                "count": f"{number(count)} measured",
                "rows": list(filter(None, probes)),
            }
        )
    return [group for group in groups if group["rows"]]


def _row(who: str, found: Mapping[str, Any], factor: float, *, loud: bool = False) -> Optional[dict[str, Any]]:
    if not found.get("count"):
        return None
    values = [milliseconds(found[share] * factor) if share in found else "" for share in SHARES]
    return {"who": who, "values": values, "loud": loud}


def _reading(place: Mapping[str, Any], users: Mapping[str, Any]) -> dict[str, Any]:
    """Where the time of the slowest in a hundred went: in the server, on the way, or in the generator."""
    flow = max((flow.get("p99", 0) for flow in users["flows"].values()), default=0)
    probe = max((found.get("p99", 0) for found in users["canary"].values()), default=0) / 1000
    server = place["metrics"].get("command_p99_ms")
    if not flow or not probe:
        return {}
    times = {"the server itself, at most": server, "a probe": probe, "the users": flow}
    steps = [{"name": name, "value": milliseconds(time)} for name, time in times.items() if time]
    elsewhere = flow > APART * probe and flow > SPEAKABLE
    hint = "The probe on the same machine did not wait so long: look at the generator first." if elsewhere else ""
    return {"steps": steps, "hint": hint}


def _errors(users: Mapping[str, Any]) -> list[str]:
    return [f"{number(count)} {kind.replace('_', ' ')}" for kind, count in sorted(users["errors"].items())]


# --- jobs -------------------------------------------------------------------------------------------------------------


def _jobs(jobs: Mapping[str, Any]) -> dict[str, Any]:
    """Milliseconds, from when a job was due."""
    lone, load = (jobs["phases"].get(name, {}) for name in ("baseline", "load"))
    crowd = f"{number(jobs['offered']['rate'])} a second"
    shares = tuple(share for share in SHARES if share != "p99.9")
    groups = []
    for name, field in {
        "Added to the queue": "enqueue_us",
        "Completed by a worker": "end_to_end_us",
        "Sent late by the producer itself": "late_us",
    }.items():
        rows = [
            {"who": who, "values": [milliseconds(found[share] / 1000) for share in shares], "loud": who == crowd}
            for who, found in (("one at a time", lone.get(field)), (crowd, load.get(field)))
            if found
        ]
        groups.append({"name": name, "count": "", "rows": rows})
    troubles = {name: jobs[name] for name in TROUBLES if jobs.get(name)}
    troubles.update({f"refused, {kind}": count for kind, count in jobs["add_errors"].items()})
    troubles.update({f"not done, {state}": count for state, count in jobs["not_done"].items() if count})
    troubles.update({f"worker: {kind}": count for kind, count in jobs["worker_errors"].items()})
    return {
        "shares": shares,
        "groups": [group for group in groups if group["rows"]],
        "told": f"{number(load.get('added', 0))} of {number(load.get('jobs', 0))} jobs added, "
        f"{number(load.get('completed', 0))} completed, at {number(load.get('rate', 0))} a second",
        "troubles": [f"{number(count)} {name.replace('_', ' ')}" for name, count in troubles.items()],
    }


# --- what was measured ------------------------------------------------------------------------------------------------


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


def _generator(generator: Mapping[str, Any]) -> dict[str, str]:
    def span(name: str) -> str:
        found = generator.get(name) or {}
        return f"{number(found['median'])}, up to {number(found['max'])} %" if found else ""

    memory = generator.get("k6_rss") or {}
    return {
        "name": generator["name"],
        "cores": number(generator["cores"]),
        "machine": span("machine_cpu"),
        "k6": span("k6_cpu"),
        "memory": size(memory["max"]) if memory else "",
    }
