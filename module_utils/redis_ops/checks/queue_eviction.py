"""Whether job queues live where keys may be evicted. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..base.findings import Status
from ..plan.contact import Contact
from ..plan.eviction import NOEVICTION, Limit
from ..server.queues.result import Answer, Search
from ..view.facts import Facts
from ..view.queues import QUEUES, QUEUES_BRIEFLY
from .registry import Judgement, check

GOING_TO_PRODUCTION = "BullMQ documentation, going to production"
OWN_INSTANCE = "two instances: one with profile queue (noeviction, AOF) for the queues, one for what may be evicted"
EXPECTED = "no job queue where keys are evicted"
NAMED = 5  # queues that one finding names


@dataclass(frozen=True)
class Eviction:
    """Whether jobs may vanish where a queue lives. status: SKIP where it is not known whether one does."""

    status: Status
    actual: str


def may_vanish(limit: Limit, search: Search) -> Eviction:
    """The one answer, for every suite. A queue is correct under noeviction alone; without a limit nothing is evicted yet."""
    names = named([str(queue) for queue in search.found])
    here = f"{names} {'lives' if len(search.found) == 1 else 'live'} here"
    if limit.policy == NOEVICTION:
        return Eviction(Status.PASS, f"{names} under {limit.policy}" if names else "nothing is evicted here")
    if search.found and limit.evicts:
        return Eviction(Status.FAIL, f"{here} under {limit.policy}: jobs can vanish")
    if search.found:
        return Eviction(
            Status.WARN,
            f"{here} under {limit.policy}: jobs can vanish as soon as maxmemory has a limit, which it has not",
        )
    if not limit.evicts:
        return Eviction(Status.PASS, "nothing is evicted here")
    if search.answer is Answer.UNKNOWN:
        return Eviction(Status.SKIP, f"it could not be determined: {search.reason}")
    return Eviction(Status.PASS, f"no queue, under {limit.policy}")


def _on_instance(facts: Facts, search: Search) -> Judgement:
    found = may_vanish(Limit.of(facts.view.observed.live or {}), search)
    kept = facts.view.contact is Contact.KEPT and found.status is Status.FAIL
    remedy = (
        "let the user that looks SCAN, see docs/queues.md, or make sure yourself that no queue lives here"
        if found.status is Status.SKIP
        else f"{OWN_INSTANCE}; until then {facts.view.cli} CONFIG SET maxmemory-policy noeviction"
    )
    return Judgement(Status.WARN if kept else found.status, EXPECTED, found.actual, remedy)


@check("queues", why=GOING_TO_PRODUCTION, verify="verify.eviction", needs=[QUEUES_BRIEFLY])
def briefly(facts: Facts) -> Iterator[Judgement]:
    """Of every run that verifies. Where no queue is, there is nothing to say."""
    judgement = _on_instance(facts, facts[QUEUES_BRIEFLY])
    if judgement.status is not Status.PASS:
        yield judgement


@check("queues", why=GOING_TO_PRODUCTION, readiness="checklist.queues", needs=[QUEUES])
def thoroughly(facts: Facts) -> Iterator[Judgement]:
    """Before a load."""
    yield _on_instance(facts, facts[QUEUES])


def named(names: Sequence[str]) -> str:
    """A few of them, with dots for the rest."""
    return ", ".join(names[:NAMED]) + (", ..." if len(names) > NAMED else "")
