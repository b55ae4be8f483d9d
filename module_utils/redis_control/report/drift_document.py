"""The document of a drift check, made of its record. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...redis_ops.drift.states import NO_DRIFT, State
from ..figures import at, many
from ..verdicts import CLEAN
from . import drift_page
from .document import CHECKED, drifted, is_drift
from .drift_page import row
from .model import Document, Gauge, Sample, Subject, gauge
from .prometheus import seconds

FEW = 3  # so many hosts in sync have lines of their own in a terminal
SEVERAL = 12  # so many are named
COLUMN = 21  # the longest state, and a blank


def of(record: Mapping[str, Any]) -> Document:
    """record: as document.build makes it, see docs/drift-report.schema.json."""
    hosts = record["hosts"]
    clean = [host for host in hosts if host["status"] == CHECKED and not _off(host)]
    brief = len(clean) > FEW
    shown = [*clean, *filter(_off, hosts), *(host for host in hosts if host["status"] != CHECKED)]
    found = tuple(summary(record))
    listed = tuple(notes(record))
    return Document(
        kind="drift",
        verdict=record["verdict"],
        exit_code=record["exit_code"],
        time=record["time"],
        seconds=record["seconds"],
        doubt="NOT CHECKED",
        subjects=tuple(
            subject for host in shown for subject in _subjects(host, record, listed=not (brief and host in clean))
        ),
        summary=found,
        gauges=_gauges(record),
        page=drift_page.of(record, found, listed, trend(record)),
        record=record,
        brief=(_in_sync(clean),) if brief else (),
        notes=(*(("", note) for note in listed), *_about(record)),
        column=COLUMN,
    )


def _off(host: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [finding for scope in host["scopes"] for finding in scope["findings"] if is_drift(finding)]


def _in_sync(hosts: Sequence[Mapping[str, Any]]) -> tuple[str, str]:
    counts = sum((Counter(scope["counts"]) for host in hosts for scope in host["scopes"]), Counter[str]())
    told = ", ".join([f"{len(hosts)} hosts in sync, {counts[State.IN_SYNC.value]} things", *_others(counts)])
    names = ", ".join(host["host"] for host in hosts) if len(hosts) <= SEVERAL else ""
    return "", f"{told}: {names}" if names else told


def _subjects(host: Mapping[str, Any], record: Mapping[str, Any], *, listed: bool) -> Iterator[Subject]:
    if host["status"] != CHECKED:
        yield Subject(
            suite=host["host"],
            heading=f"{host['host']}: NOT CHECKED ({host['status']})",
            before=tuple(("", line) for line in host["error"].splitlines()),
            premise="check",
            doubts=(f"{host['status']}: {host['error']}",),
        )
    for scope in host["scopes"]:
        yield Subject(
            suite=".".join(filter(None, (host["host"], scope["instance"]))),
            heading=_heading(host, scope),
            rows=tuple(row(finding, record) for finding in scope["findings"]),
            # what is in sync is one case with its number, not hundreds without news
            premise=f"{scope['counts'].get(State.IN_SYNC.value, 0)} in sync",
            listed=listed,
        )


def _heading(host: Mapping[str, Any], scope: Mapping[str, Any]) -> str:
    off = sum(map(is_drift, scope["findings"]))
    name = " ".join(filter(None, (host["host"], scope["instance"] or "(host)")))
    server = f"  {scope['server']}" if scope["server"] else ""
    verdict = f"{off} of {scope['checked']} drifted" if off else f"{scope['counts'].get('in_sync', 0)} in sync"
    return ", ".join([f"{name}{server}: {verdict}", *_others(scope["counts"])])


def _others(counts: Mapping[str, int]) -> list[str]:
    return [f"{counts[state.value]} {state.value}" for state in NO_DRIFT[1:] if counts.get(state.value)]


def summary(record: Mapping[str, Any]) -> Iterator[str]:
    """The verdict, in one line or two."""
    off, hosts = drifted(record), record["hosts"]
    checked = [host for host in hosts if host["status"] == CHECKED]
    if not hosts:
        yield "FAILED: the inventory has no host in the group redis, so nothing was checked"
    elif len(checked) < len(hosts):
        yield f"FAILED: {len(hosts) - len(checked)} of {many(len(hosts), 'host')} could not be checked"
    elif record["waivers"]["invalid"]:
        yield f"FAILED: {many(len(record['waivers']['invalid']), 'mistake')} in waivers; the other waivers hold"
    if off:
        where = len({item["host"] for item in off})
        yield f"DRIFT: {many(len(off), 'finding')} on {where} of {many(len(hosts), 'host')}"
    elif record["verdict"] == CLEAN:
        told = f"clean: {record['counts'].get('in_sync', 0)} things on {many(len(hosts), 'host')} are as declared"
        yield ", ".join([told, *_others(record["counts"])])


def trend(record: Mapping[str, Any]) -> str:
    """The difference from the check before, in a line; '' when there is none."""
    found = record["trend"]
    if not found["since"]:
        return ""
    gone = len(found["gone"])
    return f"since the check of {at(found['since'])}: {found['new']} new, {found['same']} as before, {gone} gone"


def notes(record: Mapping[str, Any]) -> Iterator[str]:
    """What is to be done about the waivers themselves, and what was not judged."""
    unknown = sorted({option for host in record["hosts"] for scope in host["scopes"] for option in scope["unknown"]})
    if unknown:
        more = [f"{len(unknown) - SEVERAL} more"] if len(unknown) > SEVERAL else []
        yield f"not judged, as this project does not know them: {', '.join([*unknown[:SEVERAL], *more])}"
    yield from record["waivers"]["invalid"]
    for waiver in record["waivers"]["expired"]:
        yield f"waiver of {waiver['id']} expired on {waiver['expires']}: renew it or mend the drift"
    for waiver in record["waivers"]["unused"]:
        yield f"waiver of {waiver['id']} until {waiver['expires']} is not needed: remove it"


def _about(record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    if record["limit"]:
        yield "", f"only these hosts were looked at: {record['limit']}"
    if trend(record):
        yield "", trend(record)


def _gauges(record: Mapping[str, Any]) -> tuple[Gauge, ...]:
    places = [(host["host"], scope) for host in record["hosts"] for scope in host["scopes"]]
    return (
        Gauge(
            "redis_drift_findings",
            "How many things of an instance are in each state; the host's own have no instance.",
            tuple(
                Sample(
                    scope["counts"].get(state.value, 0),
                    (("host", host), ("instance", scope["instance"]), ("state", state.value)),
                )
                for host, scope in places
                for state in State
            ),
        ),
        Gauge(
            "redis_drift_host_checked",
            "1 where the host was looked at, 0 where that failed.",
            tuple(Sample(int(host["status"] == CHECKED), (("host", host["host"]),)) for host in record["hosts"]),
        ),
        Gauge(
            "redis_drift_unknown_options",
            "How many options of an instance this project does not know, nor judges.",
            tuple(
                Sample(len(scope["unknown"]), (("host", host), ("instance", scope["instance"])))
                for host, scope in places
                if scope["instance"]
            ),
        ),
        gauge(
            "redis_drift_exit_code",
            "Of the last check: 0 clean, 2 drift, 1 the check itself failed.",
            record["exit_code"],
        ),
        gauge("redis_drift_last_run_timestamp_seconds", "When the last check ran.", seconds(record["time"])),
        gauge(
            "redis_drift_last_success_timestamp_seconds",
            "When a check last looked at every host.",
            seconds(record["last_success"]),
        ),
        gauge("redis_drift_duration_seconds", "How long the last check took.", record["seconds"]),
    )
