"""What the page for people shows, in the order in which they need it; the template prints it. Pure."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...redis_ops.drift.states import State
from ..figures import at, many
from .document import drifted, is_drift
from .text import notes, summary, trend

OPEN = 3  # up to as many hosts with drift are shown unfolded
VALUES = ("declared", "file", "running", "default", "applied")
# What each state means to whoever reads the page; docs/drift.md says more.
MEANING = {
    State.LIVE_NOT_PERSISTED: "changed in what runs; the files are as provision left them",
    State.FILE_CHANGED_OUTSIDE: "somebody changed a file that provision wrote",
    State.DECLARED_NOT_APPLIED: "the inventory went ahead, and no run followed yet",
    State.PENDING_RESTART: "written, and in force after a restart that nobody has allowed yet",
    State.UNMANAGED_SET: "set by somebody, declared by nobody",
    State.UNREADABLE: "could not be looked at, and is never taken for clean",
    State.WAIVED: "accepted for a while, with a reason",
    State.RUNTIME_OWNED: "for Redis, Sentinel or the container's host to decide",
    State.IN_SYNC: "as declared",
}
# A command at the beginning of a remedy, up to where prose goes on; quoted words belong to it whole. It is one simple
# command: a host that says anything else, such as a pipe or a substitution, gets no line to be copied.
_COMMAND = re.compile(
    r"""((?:redis-cli|systemctl|prlimit|chown) (?:"(?:\\.|[^"\\$`])*"|\$'(?:\\.|[^'\\])*'|'[^']*'|[^"';,|&<>$`()\\])+)"""
    r"""(?:$|[,;] (?:or )?)"""
)
# A name of a host that --limit takes for this host alone: no pattern, no file, no option.
_LIMIT = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")


def view(document: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that the template prints, as text, numbers and lists."""
    hosts = document["hosts"]
    checked = [host for host in hosts if host["status"] == "checked"]
    off = [host for host in checked if any(is_drift(finding) for finding in _findings(host))]
    every = drifted(document)
    most = max(map(_size, off), default=0)
    drifting = {host["host"] for host in off}
    return {
        "verdict": document["verdict"],
        "summary": list(summary(document)),
        "time": at(document["time"]),
        "inventory": document["inventory"],
        "limit": document["limit"],
        "seconds": document["seconds"],
        "trend": trend(document),
        "gone": document["trend"]["gone"],
        "notes": list(notes(document)),
        "history": _history(document["history"]),
        "states": [(state.value, number) for state in MEANING if (number := document["counts"].get(state.value))],
        "meaning": [(state.value, told) for state, told in MEANING.items()],
        "not_checked": [host for host in hosts if host["status"] != "checked"],
        "common": _common(every) if len(off) > 1 else [],
        "drifted": [_host(host, document, most) for host in sorted(off, key=_size, reverse=True)],
        "open": len(off) <= OPEN,
        "in_sync": [host["host"] for host in checked if host["host"] not in drifting],
        "accepted": [_finding(item, document) for host in checked for item in _findings(host) if not is_drift(item)],
        "unknown": [
            {"where": " ".join(filter(None, (host["host"], scope["instance"]))), "options": scope["unknown"]}
            for host in checked
            for scope in host["scopes"]
            if scope["unknown"]
        ],
    }


def _findings(host: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [finding for scope in host["scopes"] for finding in scope["findings"]]


def _size(host: Mapping[str, Any]) -> int:
    return sum(map(is_drift, _findings(host)))


def _host(host: Mapping[str, Any], document: Mapping[str, Any], most: int) -> dict[str, Any]:
    """most: the findings of the host that has most; its bar is the longest."""
    counts = Counter(finding["state"] for finding in _findings(host) if is_drift(finding))
    inventories = " ".join(f"-i {shlex.quote(name)}" for name in document["inventory"].split(", ") if name)
    mend = f"ansible-playbook playbooks/drift.yml {inventories} --limit {host['host']} -e redis_drift_remediate=true"
    return {
        "host": host["host"],
        "drift": many(_size(host), "finding"),
        "bar": [
            (state.value, number, round(100 * number / most, 2)) for state in MEANING if (number := counts[state.value])
        ],
        "mend": mend if _LIMIT.fullmatch(host["host"]) else "",
        "scopes": [
            {
                "name": scope["instance"] or "the host itself",
                "server": scope["server"],
                "in_sync": scope["counts"].get(State.IN_SYNC.value, 0),
                "findings": [_finding(finding, document) for finding in scope["findings"] if is_drift(finding)],
            }
            for scope in host["scopes"]
            if any(map(is_drift, scope["findings"]))
        ],
    }


def _finding(finding: Mapping[str, Any], document: Mapping[str, Any]) -> dict[str, Any]:
    values = finding.get("values") or {}
    command, prose = _remedy(finding["remedy"])
    first = finding["first_seen"]
    return {
        **finding,
        "name": finding["id"].removeprefix("option."),
        "values": [(name, values[name], _is_off(name, values)) for name in VALUES if name in values],
        "since": at(finding.get("since", "")),
        "first_seen": at(first) if first != document["time"] else "",
        "new": bool(document["trend"]["since"]) and first == document["time"],
        "command": command,
        "prose": prose,
    }


def _is_off(name: str, values: Mapping[str, str]) -> bool:
    """Whether this value is one of those that are not as declared; without a declaration the default was expected."""
    expected = values.get("default" if values.get("declared") == "(not declared)" else "declared")
    return name in ("file", "running") and values[name] not in (expected, "(not set)")


def _remedy(remedy: str) -> tuple[str, str]:
    """(command to copy, what else may be done)."""
    found = _COMMAND.match(remedy)
    return (found[1], remedy[found.end() :]) if found else ("", remedy)


def _common(items: Sequence[Mapping[str, Any]]) -> list[tuple[str, str, int]]:
    """(id, state, on how many hosts) of what is off on several, most first."""
    hosts: dict[tuple[str, str], set[str]] = {}
    for item in items:
        hosts.setdefault((item["id"], item["state"]), set()).add(item["host"])
    rows = [(name, state, len(where)) for (name, state), where in hosts.items() if len(where) > 1]
    return sorted(rows, key=lambda row: (-row[2], row))


def _history(points: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """A bar for each check; height in per cent of the highest."""
    most = max([point["drift"] for point in points] + [1])
    return [
        {
            "verdict": point["verdict"],
            "height": round(100 * point["drift"] / most, 2),
            "told": f"{at(point['time'])}: {', '.join(_told(point))}",
        }
        for point in points
    ]


def _told(point: Mapping[str, Any]) -> Iterator[str]:
    yield "clean" if point["verdict"] == "clean" else many(point["drift"], "finding")
    if point["not_checked"]:
        yield f"{many(point['not_checked'], 'host')} not checked"
