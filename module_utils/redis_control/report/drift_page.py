"""The page of a drift check, in the order in which a person needs it. Pure."""

from __future__ import annotations

import re
import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...redis_ops.base import commands
from ...redis_ops.base.findings import Status
from ...redis_ops.drift.states import State
from ..figures import at, many
from . import blocks
from .blocks import Block, Heading, Page
from .document import CHECKED, drifted, is_drift
from .model import Row, Value

OPEN = 3  # up to as many hosts with drift are shown unfolded
VALUES = ("declared", "file", "running", "default", "applied")
# What each state means to a reader of the page; docs/drift.md says more.
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


FOOTER = (
    "A check reads only. declared: in the inventory; default: what the server has without a setting; applied: declared at "
    "the last provision run."
)


def of(record: Mapping[str, Any], summary: Sequence[str], notes: Sequence[str], trend: str) -> Page:
    """The page of a record. summary, notes, trend: as the terminal shows them."""
    word = record["verdict"] if record["verdict"] == "clean" else summary[0].partition(":")[0]
    only = f", only {record['limit']}" if record["limit"] else ""
    return Page(
        title=f"{'; '.join(summary)} ({at(record['time'])})",
        word=word,
        sentences=tuple(line.removeprefix(f"{word}: ") for line in summary),
        about=f"Checked {at(record['time'])} in {record['seconds']} s, inventory {record['inventory']}{only}",
        blocks=tuple(_blocks(record, notes, trend)),
        footer=FOOTER,
    )


def _blocks(record: Mapping[str, Any], notes: Sequence[str], trend: str) -> Iterator[Block]:
    counts = record["counts"]
    yield blocks.Pills(tuple((state.value, counts[state.value]) for state in MEANING if counts.get(state.value)))
    if trend:
        yield _history(record["history"], trend)
    yield from (blocks.Text(note, "note") for note in notes)
    yield from _not_checked([host for host in record["hosts"] if host["status"] != CHECKED])
    yield from _drift(record)
    yield from _rest(record)


def _not_checked(hosts: Sequence[Mapping[str, Any]]) -> Iterator[Block]:
    if hosts:
        yield Heading("Not checked")
        rows = tuple(
            Row(host["host"], host["status"], Status.FAIL, host["host"], "", "", details=(host["error"],))
            for host in hosts
        )
        yield blocks.Cards(rows)


def _drift(record: Mapping[str, Any]) -> Iterator[Block]:
    off = [host for host in record["hosts"] if _size(host)]
    common = _common(drifted(record)) if len(off) > 1 else []
    if common:
        yield Heading("The same on several hosts")
        yield blocks.MarkedItems(tuple(blocks.Marked(state, name, f"{count} hosts") for name, state, count in common))
    if off:
        yield Heading("Drift")
    most = max(map(_size, off), default=0)
    for host in sorted(off, key=_size, reverse=True):
        yield blocks.Fold(
            heading=Heading(host["host"], many(_size(host), "finding")),
            blocks=tuple(_host(host, record)),
            open=len(off) <= OPEN,
            style="host",
            shares=tuple(_shares(host, most)),
        )


def _findings(host: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [finding for scope in host["scopes"] for finding in scope["findings"]]


def _size(host: Mapping[str, Any]) -> int:
    return sum(map(is_drift, _findings(host)))


def _shares(host: Mapping[str, Any], most: int) -> Iterator[blocks.Share]:
    """most: the findings of the host that has most; its bar is the longest."""
    counts, x = Counter(finding["state"] for finding in _findings(host) if is_drift(finding)), 0.0
    for state in MEANING:
        if counts[state.value]:
            width = round(100 * counts[state.value] / most, 2)
            yield blocks.Share(state.value, counts[state.value], round(x, 2), width)
            x += width


def _host(host: Mapping[str, Any], record: Mapping[str, Any]) -> Iterator[Block]:
    for scope in host["scopes"]:
        found = [finding for finding in scope["findings"] if is_drift(finding)]
        if found:
            in_sync = f"{scope['counts'].get(State.IN_SYNC.value, 0)} things in sync"
            server = f"{scope['server']}, " if scope["server"] else ""
            yield Heading(scope["instance"] or "the host itself", f"{server}{in_sync}", level=3)
            yield blocks.Cards(tuple(row(finding, record) for finding in found))
    if _LIMIT.fullmatch(host["host"]):
        inventories = " ".join(f"-i {shlex.quote(name)}" for name in record["inventory"].split(", ") if name)
        yield blocks.Text("Let provision put back what it can on this host, and look again:")
        yield blocks.Command(
            f"{commands.CHECK_DRIFT_OF} {inventories} --limit {host['host']} -e redis_drift_remediate=true"
        )


def _rest(record: Mapping[str, Any]) -> Iterator[Block]:
    checked = [host for host in record["hosts"] if host["status"] == CHECKED]
    in_sync = [host["host"] for host in checked if not _size(host)]
    if in_sync:
        yield Heading(f"In sync: {len(in_sync)}")
        yield blocks.Text(", ".join(in_sync))
    accepted = [row(item, record) for host in checked for item in _findings(host) if not is_drift(item)]
    if accepted:
        heading = Heading(f"Waived, or not ours to decide: {len(accepted)}")
        yield blocks.Fold(heading, (blocks.Cards(tuple(accepted), placed=True),))
    gone = tuple(f"{item['host']} {item['instance']} {item['id']}" for item in record["trend"]["gone"])
    if gone:
        yield blocks.Fold(Heading(f"Gone since the check before: {len(gone)}"), (blocks.Items(gone),))
    unknown = tuple(
        f"{' '.join(filter(None, (host['host'], scope['instance'])))}: {', '.join(scope['unknown'])}"
        for host in checked
        for scope in host["scopes"]
        if scope["unknown"]
    )
    if unknown:
        heading = Heading("Options that nobody can judge: this project does not know them")
        yield blocks.Fold(heading, (blocks.Items(unknown),))
    meaning = tuple(blocks.Marked(state.value, "", told) for state, told in MEANING.items())
    yield blocks.Fold(Heading("What the states mean"), (blocks.MarkedItems(meaning),))


def row(finding: Mapping[str, Any], record: Mapping[str, Any]) -> Row:
    """A finding of a record, for every output."""
    values = finding.get("values") or {}
    command, prose = _remedy(finding["remedy"])
    first, off = finding["first_seen"], is_drift(finding)
    since = f"; since {at(finding['since'])}" if finding.get("since") else ""
    return Row(
        id=finding["id"],
        mark=finding["state"],
        status=Status.FAIL if off else Status.SKIP,
        what=finding["id"].removeprefix("option."),
        actual=finding["actual"],
        expected=finding["expected"],
        told=f"{finding['actual']}; expected {finding['expected']}{since}",
        where=f"{finding['host']} {finding['instance']}".rstrip(),
        remedy=finding["remedy"],
        command=command,
        prose=f"or {prose}" if command and prose else prose,
        values=tuple(Value(name, values[name], _is_off(name, values)) for name in VALUES if name in values),
        details=tuple(_details(finding, first if first != record["time"] else "")),
        new=bool(record["trend"]["since"]) and first == record["time"],
        listed=off,
    )


def _details(finding: Mapping[str, Any], first_seen: str) -> Iterator[str]:
    if "waiver" in finding:
        yield f"waived until {finding['waiver']['expires']}: {finding['waiver']['reason']}"
    told = {"since": finding.get("since", ""), "first seen": first_seen}
    times = [f"{name} {at(time)}" for name, time in told.items() if time]
    if times:
        yield ", ".join(times)


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


def _history(points: Sequence[Mapping[str, Any]], trend: str) -> Block:
    """A bar for each check; none for the first one."""
    caption = f"{trend[:1].upper()}{trend[1:]}"
    if len(points) < 2:
        return blocks.Text(caption, "quiet")
    most = max([point["drift"] for point in points] + [1])
    bars = tuple(
        blocks.Bar(
            point["verdict"],
            round(100 * point["drift"] / most, 2),
            f"{at(point['time'])}: {', '.join(_told(point))}",
        )
        for point in points
    )
    failed = "; red: a host was not checked" if any(bar.mark == "failed" for bar in bars) else ""
    return blocks.History(bars, f"{caption}. A bar is a check and its findings{failed}")


def _told(point: Mapping[str, Any]) -> Iterator[str]:
    yield "clean" if point["verdict"] == "clean" else many(point["drift"], "finding")
    if point["not_checked"]:
        yield f"{many(point['not_checked'], 'host')} not checked"
