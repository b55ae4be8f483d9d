"""PASS, FAIL or INVALID: whether a window's metrics meet the thresholds, and whether the measurement can be trusted at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from ...redis_ops.base.findings import Finding, Status
from ..verdicts import FAIL, LOAD_TEST, PASS
from .thresholds import Threshold


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
    thresholds: Sequence[Threshold],
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
    threshold was missed that makes clients wait or be refused it is a consequence of that, and the verdict FAIL: also by one
    that else only warns. Where none of these was, nobody knows, and it is INVALID, whatever else was missed.
    """
    explain = {f"load.{threshold.metric}" for threshold in thresholds if threshold.slows}
    found = [
        _finding(threshold, threshold.value(metrics), instance, notes.get(threshold.metric, ""), short=bool(shortfalls))
        for threshold in thresholds
        if threshold.metric in metrics and (evicts or not threshold.caches)
    ]
    if (queue or not evicts) and metrics.get("evicted_keys"):
        found.append(_lost(instance, metrics["evicted_keys"] or 0))
    judged = [finding for finding in found if finding.status is not Status.SKIP]
    failed = {finding.id for finding in found if finding.status is Status.FAIL}
    reasons = [*distrust, *([] if judged else ["nothing could be judged"]), *([] if failed & explain else shortfalls)]
    return Verdict(LOAD_TEST.part(FAIL if failed else PASS, reasons), found, reasons)


def _finding(threshold: Threshold, value: Optional[float], instance: str, note: str, *, short: bool) -> Finding:
    told = f" ({note})" if note else ""
    if value is None:
        status, actual = Status.SKIP, f"too little data{told}"
    else:
        missed = Status.FAIL if threshold.hard or (short and threshold.slows) else Status.WARN
        status, actual = Status.PASS if threshold.holds(value) else missed, f"{threshold.told(value)}{told}"
    good = status in (Status.PASS, Status.SKIP)
    return Finding(
        f"load.{threshold.metric}",
        f"instance {instance}: {threshold.what}",
        status,
        threshold.expected,
        actual,
        threshold.source,
        "" if good else f"likely: {threshold.cause}; {threshold.remedy}",
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
