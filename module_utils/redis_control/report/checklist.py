"""The checklist before a load test, as one list of findings with their hosts. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ...redis_ops.base.findings import Finding, Status, as_records
from ..verdicts import NOT_READY, READINESS, READY
from . import load_answers
from .shape import WrongShape

# Not for anybody to wave through with a list: the first has a flag of its own, without the others there is no load.
NEVER_ACCEPTED = ("checklist.production", "checklist.load_user", "generator.k6")


def accepted(finding: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The finding; a failure that somebody accepts by its id is a warning that says so."""
    if finding["status"] != "FAIL" or finding["id"] not in names or finding["id"] in NEVER_ACCEPTED:
        return dict(finding)
    return {**finding, "status": "WARN", "actual": f"{finding['actual']} (accepted by redis_loadtest_accept)"}


def of_generator(run: Mapping[str, Any], done: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What `--check` of a run's program said on its generator, and whether it found the server that the checklist looked
    at; one failure where it said nothing that can be read.
    """
    subject = f"generator {run['generator']} for instance {run['instance']}"
    try:
        said = load_answers.checked(done)
    except WrongShape:
        lines = f"{done.get('msg') or ''}\n{done.get('stderr') or ''}".strip().splitlines() or ["it said nothing"]
        problem = Finding(
            "generator.program", subject, Status.FAIL, "a program that answers", lines[-1],
            f"{run.get('program', 'redis_load.py')} --check",
            "look at what it said",
        )  # fmt: skip
        yield from as_records([problem])
        return
    for finding in said["findings"]:
        yield {**finding, "subject": f"{subject}: {finding['subject']}"}
    yield from as_records(same_server(f"{subject}: same server", run, said))


def same_server(subject: str, run: Mapping[str, Any], said: Mapping[str, Any]) -> list[Finding]:
    """Behind a tunnel, NAT or a shared address the load would go to another Redis. None where none answered."""
    looked_at, found, unknown = run.get("run_id"), said.get("run_id"), said.get("unknown")
    login = "INFO" in str(unknown)  # else there was none yet
    if not looked_at or not (found or unknown):
        return []
    status = Status.SKIP if not found else Status.PASS if found == looked_at else Status.FAIL
    other = f"another server answers at {run['place']}: run_id {found}"
    actual = {
        Status.SKIP: str(unknown),
        Status.PASS: f"that one, at {run['place']}",
        Status.FAIL: other,
    }[status]
    remedy = "set redis_loadtest_address of this host to where the generator finds it"
    return [
        Finding(
            "generator.same_server",
            subject,
            status,
            f"the server that the checklist looked at: run_id {looked_at}",
            actual,
            "Redis documentation, INFO server",
            {Status.SKIP: "ACL SETUSER <user of the load> +info" if login else "", Status.FAIL: remedy}.get(status, ""),
        )
    ]


def verdict(found: Sequence[Mapping[str, Any]]) -> str:
    """READY unless anything failed."""
    failed = (NOT_READY for finding in found if finding["status"] == Status.FAIL.value)
    return READINESS.whole([READY, *failed])
