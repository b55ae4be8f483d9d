"""The document of one drift check, from which every output is made. Pure. docs/drift.md describes it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from glob import escape
from typing import Any

from ...redis_ops.base.errors import Problem
from ...redis_ops.base.text import printable as plain
from ...redis_ops.drift.states import NO_DRIFT, State
from ..verdicts import CLEAN, DRIFT, DRIFT_CHECK, FAILED
from . import shape
from .answers import Scope
from .waivers import Waiver

SCHEMA = "redis-drift/1"
CHECKED = "checked"  # the status of a host that was looked at
HISTORY = 60  # how many checks the history shows


@dataclass(frozen=True)
class HostResult:
    """What the module said of one host, see answers.Drift. error: why there are no scopes.

    unreachable: Ansible did not get there. unreadable: its answer is none. invalid: what is wrong with further waivers.
    """

    host: str
    scopes: Sequence[Scope] = ()
    error: str = ""
    unreachable: bool = False
    waivers: Sequence[Waiver] = field(default_factory=tuple)
    unreadable: bool = False
    invalid: Sequence[Problem] = ()

    @property
    def status(self) -> str:
        """As the report names it."""
        if self.unreachable:
            return "unreachable"
        return "unreadable" if self.unreadable else "failed" if self.error or not self.scopes else CHECKED


def build(
    results: Sequence[HostResult],
    previous: Mapping[str, Any],
    *,
    time: str,
    seconds: float,
    inventory: str,
    today: date,
    limit: str = "",
) -> dict[str, Any]:
    """time: of this check, UTC, ISO 8601. previous: the document before this one, {} for none. limit: as --limit."""
    before = {key(item): item for item in items(previous)}
    used: set[Waiver] = set()
    expired: set[Waiver] = set()
    hosts: list[dict[str, Any]] = []
    for result in sorted(results, key=lambda result: result.host):
        name = shape.unique(result.host)
        scopes = []
        for scope in printable([found.as_record() for found in result.scopes]):
            findings = []
            for finding in scope["findings"]:
                placed = {**finding, "host": name, "instance": scope["instance"]}
                _waive(placed, result.waivers, today, used, expired)
                placed["first_seen"] = before.get(key(placed), {}).get("first_seen", time)
                findings.append(placed)
            counts = Counter(finding["state"] for finding in findings)
            counts[State.IN_SYNC.value] = scope["counts"].get(State.IN_SYNC.value, 0)
            scopes.append({**scope, "findings": findings, "counts": dict(counts)})
        error = result.error or ("" if result.status == CHECKED else "the check looked at nothing")
        hosts.append({"host": name, "status": result.status, "error": plain(error, lines=True), "scopes": scopes})
    document: dict[str, Any] = {"schema": SCHEMA, "time": time, "seconds": round(seconds, 3)}
    document.update(inventory=printable(inventory), limit=printable(limit), hosts=hosts)
    document["waivers"] = {"expired": [], "unused": [], "invalid": _invalid(results)}
    document["counts"] = dict(sum((Counter(scope["counts"]) for host in hosts for scope in host["scopes"]), Counter()))
    document["verdict"] = _verdict(document)
    document["exit_code"] = DRIFT_CHECK.codes[document["verdict"]]
    whole = bool(hosts) and all(host["status"] == CHECKED for host in hosts)
    document["last_success"] = time if whole else previous.get("last_success", "")
    document["trend"] = _trend(document, before, previous)
    document["history"] = _history(document, previous)
    everything = {waiver for result in results for waiver in result.waivers}
    document["waivers"]["expired"] = _records(expired)
    if whole and not limit:  # a host that was not looked at may be the one that needs it
        document["waivers"]["unused"] = _records(everything - used - expired)
    return document


_MANY = 10**6
_name = shape.text(10_000)
_finding = shape.record(
    {
        **dict.fromkeys(("host", "instance", "id", "actual"), _name),
        "state": shape.one_of(*(state.value for state in State)),
        "first_seen": shape.time,
    }
)
_scope = shape.record({"findings": shape.items(_finding, _MANY)})
_host = shape.record({"scopes": shape.items(_scope, _MANY)})
_point = shape.record(
    {
        "time": shape.time,
        "verdict": shape.one_of(*DRIFT_CHECK.codes),
        **dict.fromkeys(("drift", "hosts", "not_checked"), shape.whole()),
    }
)
_before = shape.record(
    {
        "schema": shape.one_of(SCHEMA),
        **dict.fromkeys(("verdict", "inventory", "limit"), _name),
        "time": shape.time,
        "last_success": shape.time_or_none,
        "history": shape.items(_point, HISTORY),
        "hosts": shape.items(_host, _MANY),
    }
)


def parse(text: str) -> Mapping[str, Any]:
    """What the next check and waivers need of a document that was written before; {} for anything else."""
    try:
        found: Mapping[str, Any] = _before(json.loads(text), "")
    except (ValueError, RecursionError):
        return {}
    return found


def printable(value: Any) -> Any:
    """The same with texts of one line each, without what could move a cursor or is no text at all."""
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return {printable(name): printable(item) for name, item in value.items()}
    return [printable(item) for item in value] if isinstance(value, (list, tuple)) else value


def items(document: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Every finding, with its host and instance."""
    for host in document.get("hosts", ()):
        for scope in host["scopes"]:
            yield from scope["findings"]


def drifted(document: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The findings that somebody has to do something about."""
    return [item for item in items(document) if is_drift(item)]


def is_drift(item: Mapping[str, Any]) -> bool:
    """Whether a finding counts."""
    return State(item["state"]) not in NO_DRIFT


def key(item: Mapping[str, Any]) -> tuple[str, str, str]:
    """What makes a finding of two checks the same one."""
    return (item["host"], item["instance"], item["id"])


def _invalid(results: Sequence[HostResult]) -> list[str]:
    """Each problem once, with the hosts that have it: a file of a group is read for every host of it."""
    where: dict[str, list[str]] = {}
    for result in results:
        for problem in result.invalid:
            where.setdefault(printable(str(problem)), []).append(shape.unique(result.host))
    return [
        f"{hosts[0]}{f' and {len(hosts) - 1} more' if len(hosts) > 1 else ''}: {told}" for told, hosts in where.items()
    ]


def _records(waivers: Iterable[Waiver]) -> list[Any]:
    return [printable(waiver.as_record()) for waiver in sorted(waivers, key=str)]


def _waive(
    finding: dict[str, Any], waivers: Sequence[Waiver], today: date, used: set[Waiver], expired: set[Waiver]
) -> None:
    about = [waiver for waiver in waivers if waiver.covers(*key(finding), finding["state"], finding["actual"])]
    if finding["state"] == State.UNREADABLE.value:  # a server that is down hides behind no pattern
        about = [waiver for waiver in about if waiver.id in (finding["id"], escape(finding["id"]))]
    if not about or not is_drift(finding):
        return
    valid = [waiver for waiver in about if waiver.holds(today)]
    best = max(valid or about, key=lambda waiver: waiver.expires)
    finding["waiver"] = printable(best.as_record())
    if valid:
        finding.update(waived_state=finding["state"], state=State.WAIVED.value, status="SKIP")
        used.add(best)
    else:
        finding["actual"] += f" (its waiver expired on {best.expires.isoformat()})"
        expired.add(best)


def _verdict(document: Mapping[str, Any]) -> str:
    """A host that was not looked at, or a waiver that cannot be read, comes before drift."""
    return DRIFT_CHECK.whole(map(verdict_of, document["hosts"]), document["waivers"]["invalid"])


def verdict_of(host: Mapping[str, Any]) -> str:
    """The verdict of one host of a document."""
    if host["status"] != CHECKED:
        return FAILED
    return DRIFT if any(is_drift(item) for scope in host["scopes"] for item in scope["findings"]) else CLEAN


def _trend(
    document: Mapping[str, Any], before: Mapping[tuple[str, str, str], Mapping[str, Any]], previous: Mapping[str, Any]
) -> dict[str, Any]:
    """Against the check before, in the places that both looked at."""
    looked_at = {
        (host["host"], scope["instance"])
        for host in document["hosts"]
        for scope in host["scopes"]
        if not scope["counts"].get(State.UNREADABLE.value)
    }
    now = {key(item) for item in drifted(document)}
    then = {where for where, item in before.items() if is_drift(item)}
    gone = sorted(where for where in then - now if where[:2] in looked_at)
    return {
        "since": previous.get("time", ""),
        "new": len(now - then),
        "same": len(now & then),
        "gone": [dict(zip(("host", "instance", "id"), where)) for where in gone],
    }


def _history(document: Mapping[str, Any], previous: Mapping[str, Any]) -> list[Any]:
    """The last checks of this inventory, oldest first, this one among them."""
    same = previous.get("inventory") == document["inventory"] and previous.get("limit") == document["limit"]
    now = {
        "time": document["time"],
        "verdict": document["verdict"],
        "drift": len(drifted(document)),
        "hosts": len(document["hosts"]),
        "not_checked": sum(host["status"] != CHECKED for host in document["hosts"]),
    }
    return [*(previous.get("history", ()) if same else ()), now][-HISTORY:]
