"""Verdicts on job queues: whether they may live where they are, and whether BullMQ's are in order. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Optional

from ..base.findings import Finding, Status
from ..plan.eviction import Limit
from ..server.queues.bullmq import Queue
from ..server.queues.result import Found, Search
from .queue_eviction import GOING_TO_PRODUCTION, OWN_INSTANCE, may_vanish, named

ENOUGH = 10  # finished jobs from which on a share of failures says something
BULLMQ = "BullMQ"


@dataclass(frozen=True)
class Limits:
    """What is still in order.

    oldest_waiting, overdue, oldest_parent: seconds. kept: finished jobs that one queue keeps. failing: share of the jobs
    that ended within the last hour.
    """

    oldest_waiting: float = 60
    overdue: float = 60
    kept: int = 10_000
    oldest_parent: float = 3600
    failing: float = 0.1


def judge(
    where: str,
    live: Mapping[str, str],
    queues: Sequence[Queue],
    limits: Limits,
    search: Optional[Search] = None,
) -> list[Finding]:
    """Every verdict on one instance. live: its running settings. search: None when the queues were asked for by name."""
    others = [found for found in search.found if found.kind != BULLMQ] if search else []
    found = [_found(where, queues, others, search)]
    if queues or others:
        names = tuple([_as_found(queue) for queue in queues] + others)
        found.append(_eviction(where, live, Search(names)))
    for queue in queues:
        place = f" of database {queue.database}" if queue.database else ""
        subject = f"{where}, queue {queue.name}{place}"
        found += [*_whole(subject, queue), *_of_queue(subject, queue, limits)]
    return found


def _found(where: str, queues: Sequence[Queue], others: Sequence[Found], search: Optional[Search]) -> Finding:
    actual = f"{len(queues)} queue{'s' * (len(queues) != 1)}" if queues else "no queue"
    actual += f" of BullMQ; {named([str(other) for other in others])}" if others else ""
    if search and search.suspects:
        actual += f"; not counted, because only the name says so: {named(search.suspects)}"
    complete = search is None or search.complete
    return Finding(
        "queues.found",
        where,
        Status.PASS if complete else Status.SKIP,
        "a look at all keys",
        actual if search is None or complete else f"{actual} among the keys that were looked at: {search.reason}",
        GOING_TO_PRODUCTION,
        "" if complete else "name the queues: then no key is searched for",
    )


def _as_found(queue: Queue) -> Found:
    return Found(BULLMQ, queue.database, f"{queue.prefix}:{queue.name}", (f"{queue.prefix}:{queue.name}:*",))


def _eviction(where: str, live: Mapping[str, str], found: Search) -> Finding:
    verdict = may_vanish(Limit.of(live), found)
    return Finding(
        "queues.eviction",
        where,
        verdict.status,
        "maxmemory-policy noeviction, under which alone a job queue is correct",
        verdict.actual,
        GOING_TO_PRODUCTION,
        "" if verdict.status is Status.PASS else f"{OWN_INSTANCE}; until then CONFIG SET maxmemory-policy noeviction",
    )


def _whole(subject: str, queue: Queue) -> Iterator[Finding]:
    if queue.meta:
        return
    yield Finding(
        "queues.whole",
        subject,
        Status.FAIL,
        f"the key {queue.prefix}:{queue.name}:meta beside the queue's other keys",
        "it is gone: keys of this queue were evicted or removed by hand, so jobs may be missing, too",
        GOING_TO_PRODUCTION,
        "maxmemory-policy noeviction; new Queue(...) writes the key again; compare the jobs with what should be there",
    )


def _of_queue(subject: str, queue: Queue, limits: Limits) -> Iterator[Finding]:
    for judge_of in (_waiting, _delayed, _stalled, _parents, _kept, _failing, _failed):
        finding = judge_of(queue, limits)
        if finding:
            name, good, expected, actual, why, remedy = finding
            status = Status.PASS if good else Status.WARN
            yield Finding(f"queues.{name}", subject, status, expected, actual, why, "" if good else remedy)


_Verdict = tuple[str, bool, str, str, str, str]  # id, whether it is in order, expected, actual, why, remedy


def _waiting(queue: Queue, limits: Limits) -> _Verdict:
    unknown = queue.waiting > 0 and queue.oldest_waiting is None
    no_worker = queue.waiting > 0 and not queue.worked_on
    oldest = queue.oldest_waiting or 0
    since = "the next in turn without its data, so that nobody can tell since when" if unknown else ""
    since = since or f"the next in turn for {oldest:.0f} s"
    said = f"{queue.waiting} wait, {since}" if queue.waiting else "none waits"
    return (
        "waiting",
        not (queue.paused or unknown or no_worker) and oldest <= limits.oldest_waiting,
        f"a queue at work, no job in turn longer than {limits.oldest_waiting:g} s",
        said + (", and the queue is paused" if queue.paused else ", and no worker was seen" if no_worker else ""),
        "BullMQ: jobs wait when workers are missing, stuck or too few",
        "queue.resume()"
        if queue.paused
        else "see queues.eviction: its data were evicted or removed by hand; queue.remove() its id"
        if unknown
        else "start workers, or give them more concurrency; look at their log",
    )


def _delayed(queue: Queue, limits: Limits) -> _Verdict:
    overdue = queue.overdue or 0
    return (
        "delayed",
        overdue <= limits.overdue,
        f"no delayed job later than {limits.overdue:g} s",
        f"{queue.counts['delayed']} delayed, the next one {overdue:.0f} s late",
        "BullMQ: only a worker that fetches jobs moves delayed ones on",
        "start workers; compare the clocks of hosts that add and that work",
    )


def _stalled(queue: Queue, _: Limits) -> _Verdict:
    return (
        "stalled",
        not queue.stalled,
        "every job under way has its worker's lock",
        f"{queue.stalled} of {queue.counts['active']} under way have none",
        "BullMQ, stalled jobs: a worker died, or its event loop was blocked for longer than lockDuration",
        "look for dead workers and for work that blocks the event loop; move that to a sandboxed processor",
    )


def _parents(queue: Queue, limits: Limits) -> _Verdict:
    oldest = queue.oldest_parent or 0
    return (
        "parents",
        oldest <= limits.oldest_parent,
        f"no job that waits for its children for more than {limits.oldest_parent:g} s",
        f"{queue.counts['waiting-children']} wait for children, one of them for {oldest:.0f} s",
        "BullMQ, flows: a parent waits for ever when a child failed or was removed",
        "look at the children with job.getDependencies(); set failParentOnFailure or ignoreDependencyOnFailure for them",
    )


def _kept(queue: Queue, limits: Limits) -> _Verdict:
    kept = {state: queue.counts[state] for state in ("completed", "failed")}
    return (
        "kept",
        max(kept.values()) <= limits.kept,
        f"at most {limits.kept} finished jobs kept",
        f"{kept['completed']} completed, {kept['failed']} failed",
        "guide 4.1 keeps failed jobs for ever; under noeviction that ends in OOM errors",
        "removeOnComplete and removeOnFail with a count, see docs/queues.md; queue.clean() for what is there",
    )


def _failing(queue: Queue, limits: Limits) -> _Verdict:
    failed, ended = queue.recent_failed, queue.recent_failed + queue.recent_completed
    return (
        "failing",
        ended < ENOUGH or failed <= limits.failing * ended,
        f"at most {limits.failing:.0%} of the jobs of the last hour failed",
        f"{failed} of {ended} failed",
        "BullMQ: a job is failed when all its attempts are, and is then in the set of failed jobs or gone (removeOnFail)",
        "queue.getFailed() and the workers' log say why",
    )


def _failed(queue: Queue, _: Limits) -> Optional[_Verdict]:
    if queue.failed_since is None:
        return None
    return (
        "failed",
        not queue.failed_since,
        "no job failed since the look before",
        f"{queue.failed_since} failed",
        "BullMQ: a job is failed when all its attempts are",
        "queue.getFailed() says why",
    )
