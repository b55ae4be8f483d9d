"""PASS, FAIL or INVALID: whether a window's metrics meet the targets, and whether the measurement can be trusted at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from ...redis_ops.base.findings import Finding, Status
from ..verdicts import FAIL, LOAD_TEST, PASS
from .targets import Target


@dataclass(frozen=True)
class Verdict:
    """distrust: why the measurement itself cannot be trusted; empty when it can."""

    word: str
    findings: Sequence[Finding]
    distrust: Sequence[str] = ()

    @property
    def exit_code(self) -> int:
        return LOAD_TEST.codes[self.word]


def judge(
    metrics: Mapping[str, Optional[float]],
    targets: Sequence[Target],
    *,
    instance: str,
    evicts: bool,
    queue: bool,
    notes: Mapping[str, str],
    distrust: Sequence[str],
    shortfalls: Sequence[str] = (),
) -> Verdict:
    """evicts: whether keys of this instance may be evicted. queue: whether a BullMQ queue lives in it.

    A broken test never passes: with a reason to distrust it the verdict is INVALID, whatever the numbers say. What fell
    short of the plan, such as requests for which no user was free, is what a server does that is too slow: where a
    target was missed that makes clients wait or be refused it is a consequence of that, and the verdict FAIL: also by one
    that else only warns. Where none of these was, nobody knows, and it is INVALID, whatever else was missed.
    """
    explain = {f"load.{target.metric}" for target in targets if target.slows}
    found = [
        _finding(target, target.value(metrics), instance, notes.get(target.metric, ""), short=bool(shortfalls))
        for target in targets
        if target.metric in metrics and (evicts or not target.caches)
    ]
    if (queue or not evicts) and metrics.get("evicted_keys"):
        found.append(_lost(instance, metrics["evicted_keys"] or 0))
    judged = [finding for finding in found if finding.status is not Status.SKIP]
    failed = {finding.id for finding in found if finding.status is Status.FAIL}
    reasons = [*distrust, *([] if judged else ["nothing could be judged"]), *([] if failed & explain else shortfalls)]
    return Verdict(LOAD_TEST.part(FAIL if failed else PASS, reasons), found, reasons)


def _finding(target: Target, value: Optional[float], instance: str, note: str, *, short: bool) -> Finding:
    told = f" ({note})" if note else ""
    if value is None:
        status, actual = Status.SKIP, f"too little data{told}"
    else:
        missed = Status.FAIL if target.hard or (short and target.slows) else Status.WARN
        status, actual = Status.PASS if target.holds(value) else missed, f"{target.told(value)}{told}"
    good = status in (Status.PASS, Status.SKIP)
    return Finding(
        f"load.{target.metric}",
        f"instance {instance}: {target.what}",
        status,
        target.expected,
        actual,
        target.source,
        "" if good else f"likely: {target.cause}; {target.remedy}",
    )


def _lost(instance: str, evicted: float) -> Finding:
    return Finding(
        "load.evicted_keys",
        f"instance {instance}: keys that must not be evicted",
        Status.FAIL,
        "at most 0",
        f"{evicted:.0f}",
        "BullMQ documentation, going to production",
        "give queues an instance of their own with profile queue (noeviction)",
    )
