"""The report in a terminal: what drifted, by how much, and what to type. The most important line comes last."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Optional

from ...redis_ops.drift.states import NO_DRIFT, State
from ..figures import at, many
from ..verdicts import CLEAN
from .document import CHECKED, drifted, is_drift

WIDTH = 120
FEW = 3  # as many hosts in sync have lines of their own
SEVERAL = 12  # as many are named
_STATE = 21  # the longest state, and a blank

WORST_LAST = ("SKIP", "PASS", "WARN", "FAIL")  # statuses, where the last lines are seen first


def render(document: Mapping[str, Any], report: str = "", width: int = WIDTH) -> list[str]:
    """Lines. report: where the page for people is."""
    hosts = document["hosts"]
    clean = [host for host in hosts if host["status"] == CHECKED and not _off(host)]
    lines = [
        *_in_sync(clean, width),
        *(line for host in hosts if _off(host) for line in _drift(host, width)),
        *(line for host in hosts if host["status"] != CHECKED for line in _not_checked(host, width)),
    ]
    return [*lines, *([""] if lines else []), *_end(document, report, width)]


def _off(host: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [finding for scope in host["scopes"] for finding in scope["findings"] if is_drift(finding)]


def _in_sync(hosts: Sequence[Mapping[str, Any]], width: int) -> Iterator[str]:
    if len(hosts) <= FEW:
        for host in hosts:
            for scope in host["scopes"]:
                yield _head(host, scope)
        return
    counts = sum((Counter(scope["counts"]) for host in hosts for scope in host["scopes"]), Counter[str]())
    told = ", ".join([f"{len(hosts)} hosts in sync, {counts[State.IN_SYNC.value]} things", *_others(counts)])
    names = ", ".join(host["host"] for host in hosts) if len(hosts) <= SEVERAL else ""
    yield from _wrapped(f"{told}: " if names else told, names, width, 2)


def _drift(host: Mapping[str, Any], width: int) -> Iterator[str]:
    for scope in host["scopes"]:
        yield _head(host, scope)
        for finding in scope["findings"]:
            if is_drift(finding):
                yield from _finding(finding, width)


def _not_checked(host: Mapping[str, Any], width: int) -> Iterator[str]:
    yield f"{host['host']}: NOT CHECKED ({host['status']})"
    for line in host["error"].splitlines():
        yield from _wrapped("  ", line, width)


def _head(host: Mapping[str, Any], scope: Mapping[str, Any]) -> str:
    off = sum(map(is_drift, scope["findings"]))
    name = " ".join(filter(None, (host["host"], scope["instance"] or "(host)")))
    server = f"  {scope['server']}" if scope["server"] else ""
    verdict = f"{off} of {scope['checked']} drifted" if off else f"{scope['counts'].get('in_sync', 0)} in sync"
    return ", ".join([f"{name}{server}: {verdict}", *_others(scope["counts"])])


def _others(counts: Mapping[str, int]) -> list[str]:
    return [f"{counts[state.value]} {state.value}" for state in NO_DRIFT[1:] if counts.get(state.value)]


def _finding(finding: Mapping[str, Any], width: int) -> Iterator[str]:
    subject = finding["id"].removeprefix("option.")
    since = f"; since {at(finding['since'])}" if finding.get("since") else ""
    told = f"{subject}: {finding['actual']}; expected {finding['expected']}{since}"
    yield from _wrapped(f"  {finding['state']:<{_STATE}}", told, width)
    if finding["remedy"]:
        yield from _wrapped(f"  {'':<{_STATE}}-> ", finding["remedy"], width)


def _wrapped(start: str, told: str, width: int, indent: Optional[int] = None) -> list[str]:
    return textwrap.wrap(
        told,
        width,
        initial_indent=start,
        subsequent_indent=" " * (len(start) if indent is None else indent),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start]


def summary(document: Mapping[str, Any]) -> Iterator[str]:
    """The verdict, in one line or two."""
    off, hosts = drifted(document), document["hosts"]
    checked = [host for host in hosts if host["status"] == CHECKED]
    if not hosts:
        yield "FAILED: the inventory has no host in the group redis, so nothing was checked"
    elif len(checked) < len(hosts):
        yield f"FAILED: {len(hosts) - len(checked)} of {many(len(hosts), 'host')} could not be checked"
    elif document["waivers"]["invalid"]:
        yield f"FAILED: {many(len(document['waivers']['invalid']), 'mistake')} in waivers; the other waivers hold"
    if off:
        where = len({item["host"] for item in off})
        yield f"DRIFT: {many(len(off), 'finding')} on {where} of {many(len(hosts), 'host')}"
    elif document["verdict"] == CLEAN:
        told = f"clean: {document['counts'].get('in_sync', 0)} things on {many(len(hosts), 'host')} are as declared"
        yield ", ".join([told, *_others(document["counts"])])


def trend(document: Mapping[str, Any]) -> str:
    """Against the check before, in a line; '' when there is none."""
    found = document["trend"]
    if not found["since"]:
        return ""
    gone = len(found["gone"])
    return f"since the check of {at(found['since'])}: {found['new']} new, {found['same']} as before, {gone} gone"


def notes(document: Mapping[str, Any]) -> Iterator[str]:
    """What is to be done about the waivers themselves, and what was not judged."""
    unknown = sorted({option for host in document["hosts"] for scope in host["scopes"] for option in scope["unknown"]})
    if unknown:
        more = [f"{len(unknown) - SEVERAL} more"] if len(unknown) > SEVERAL else []
        yield f"not judged, as this project does not know them: {', '.join([*unknown[:SEVERAL], *more])}"
    yield from document["waivers"]["invalid"]
    for waiver in document["waivers"]["expired"]:
        yield f"waiver of {waiver['id']} expired on {waiver['expires']}: renew it or mend the drift"
    for waiver in document["waivers"]["unused"]:
        yield f"waiver of {waiver['id']} until {waiver['expires']} is not needed: remove it"


def _end(document: Mapping[str, Any], report: str, width: int) -> Iterator[str]:
    for note in notes(document):
        yield from _wrapped("", note, width, 2)
    if document["limit"]:
        yield f"only these hosts were looked at: {document['limit']}"
    yield from filter(None, [trend(document), f"report: {report}" if report else ""])
    yield from summary(document)
