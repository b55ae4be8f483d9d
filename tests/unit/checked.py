"""Checks as the module returns them, and documents made of them, for the tests of reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from ansible.module_utils.redis_control.report import document
from ansible.module_utils.redis_control.report.answers import Scope
from ansible.module_utils.redis_ops.base.findings import Finding, Status

NOON = "2026-11-23T12:00:00+00:00"
LATER = "2026-11-23T12:15:00+00:00"
TODAY = date(2026, 11, 23)


def finding(identity: str, state: str = "live_not_persisted", **given: Any) -> dict[str, Any]:
    return {
        "id": identity,
        "subject": f"instance default: {identity}",
        "status": "FAIL",
        "expected": "2gb",
        "actual": "running 7mb, 0.34 % of that",
        "why": "guide 1, 9",
        "remedy": "redis-cli -p 6379 CONFIG SET maxmemory 2147483648, or run provision, which puts it back",
        "state": state,
        **given,
    }


MAXMEMORY = finding(
    "option.maxmemory",
    values={"declared": "2gb", "file": "2gb", "running": "7mb", "default": "0", "applied": "2gb"},
    since="2026-11-23T11:48:00+00:00",
)


def scope(*findings: Mapping[str, Any], instance: str = "default", checked: int = 191) -> dict[str, Any]:
    counts: dict[str, int] = {"in_sync": checked - len(findings)}
    for item in findings:
        counts[item["state"]] = counts.get(item["state"], 0) + 1
    return {
        "instance": instance,
        "server": "Redis 7.0.15" if instance else "",
        "checked": checked,
        "counts": counts,
        "findings": list(findings),
        "unknown": [],
    }


def seen(*scopes: Mapping[str, Any]) -> tuple[Scope, ...]:
    """What modules returned, as the control node keeps it."""
    return tuple(
        Scope(
            instance=one["instance"],
            server=one["server"],
            checked=one["checked"],
            in_sync=one["counts"]["in_sync"],
            findings=tuple(Finding(**{**item, "status": Status(item["status"])}) for item in one["findings"]),
            unknown=tuple(one["unknown"]),
        )
        for one in scopes
    )


def looked(host: str, *findings: Mapping[str, Any], waivers: Sequence[Any] = ()) -> document.HostResult:
    return document.HostResult(host, seen(scope(instance="", checked=12), scope(*findings)), waivers=waivers)


def build(*results: document.HostResult, previous: Mapping[str, Any] | None = None, **given: Any) -> dict[str, Any]:
    told = {"time": NOON, "seconds": 6.25, "inventory": "inventories/production", "today": TODAY, **given}
    return document.build(results, previous or {}, **told)
