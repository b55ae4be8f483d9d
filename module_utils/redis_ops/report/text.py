"""The report in a terminal: what drifted, by how much, and what to type."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from .document import drifted, is_drift

WIDTH = 120
_STATE = 21  # the longest state, and a blank


def render(document: Mapping[str, Any], report: str = "") -> list[str]:
    """Lines. report: where the page for people is."""
    lines = [line for host in document["hosts"] for line in _host(host)]
    return [*lines, *_end(document, report)]


def _host(host: Mapping[str, Any]) -> Iterator[str]:
    if host["status"] != "checked":
        yield f"{host['host']}: NOT CHECKED ({host['status']})"
        yield from _wrapped("  ", host["error"])
        return
    for scope in host["scopes"]:
        off = [finding for finding in scope["findings"] if is_drift(finding)]
        name = " ".join(filter(None, (host["host"], scope["instance"] or "(host)")))
        server = f"  {scope['server']}" if scope["server"] else ""
        others = [f"{number} {state}" for state, number in _others(scope)]
        verdict = f"{len(off)} of {scope['checked']} drifted" if off else f"{scope['checked']} in sync"
        yield ", ".join([f"{name}{server}: {verdict}", *others])
        for finding in off:
            yield from _finding(finding)


def _others(scope: Mapping[str, Any]) -> list[tuple[str, int]]:
    return [(state, scope["counts"][state]) for state in ("waived", "runtime_owned") if scope["counts"].get(state)]


def _finding(finding: Mapping[str, Any]) -> Iterator[str]:
    subject = finding["id"].removeprefix("option.")
    since = f"; since {finding['since']}" if finding.get("since") else ""
    told = f"{subject}: {finding['actual']}; expected {finding['expected']}{since}"
    yield from _wrapped(f"  {finding['state']:<{_STATE}}", told)
    if finding["remedy"]:
        yield from _wrapped(f"  {'':<{_STATE}}-> ", finding["remedy"])


def _wrapped(start: str, told: str) -> list[str]:
    return textwrap.wrap(
        told,
        WIDTH,
        initial_indent=start,
        subsequent_indent=" " * len(start),
        break_long_words=False,
        break_on_hyphens=False,
    ) or [start]


def summary(document: Mapping[str, Any]) -> Iterator[str]:
    """The verdict, in one line or two."""
    off, hosts = drifted(document), document["hosts"]
    checked = [host for host in hosts if host["status"] == "checked"]
    if len(checked) < len(hosts) or not hosts:
        yield f"FAILED: {len(hosts) - len(checked)} of {_many(len(hosts), 'host')} could not be checked"
    if off:
        where = len({item["host"] for item in off})
        yield f"DRIFT: {_many(len(off), 'finding')} on {_many(where, 'host')}"
    elif len(checked) == len(hosts) > 0:
        yield f"clean: {document['counts'].get('in_sync', 0)} things on {_many(len(hosts), 'host')} are as declared"


def _many(number: int, what: str) -> str:
    return f"{number} {what}" + ("" if number == 1 else "s")


def _end(document: Mapping[str, Any], report: str) -> Iterator[str]:
    trend = document["trend"]
    yield ""
    yield from summary(document)
    if trend["since"]:
        gone = len(trend["gone"])
        yield f"since the check of {trend['since']}: {trend['new']} new, {trend['same']} as before, {gone} gone"
    for waiver in document["waivers"]["expired"]:
        yield f"waiver of {waiver['id']} expired on {waiver['expires']}: renew it or mend the drift"
    for waiver in document["waivers"]["unused"]:
        yield f"waiver of {waiver['id']} matches nothing any more: remove it"
    if report:
        yield f"report: {report}"
