"""What a check is, and the suites that it belongs to. A fact is judged once; each suite reports that in its own words."""

from __future__ import annotations

import enum
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Callable, Optional

from ..base.findings import Finding, Status
from ..base.states import State, status_of
from ..view.facts import Fact, Facts, NotRead


class Suite(enum.Enum):
    """Who asks: VERIFY after a run, DRIFT on a schedule, READINESS before a load test."""

    VERIFY = "verify"
    DRIFT = "drift"
    READINESS = "readiness"


@dataclass(frozen=True)
class Judgement:
    """Whether a fact is as expected. part: of the instance, such as a file; '' for all of it. why: where the check's own
    reason is not the one. state: of drift; None for what follows from the status. name: for the `*` of the check's ids.
    """

    status: Status
    expected: str
    actual: str
    remedy: str = ""
    part: str = ""
    why: str = ""
    state: Optional[State] = None
    name: str = ""


Judge = Callable[[Facts], Iterable[Judgement]]


@dataclass(frozen=True)
class Check:
    """title: as reports name what it looks at. why: the guide's section, or the source. ids: of its findings, by suite.
    judge: pure. needs: the facts that it judges beside the view. stopped: whether it also judges a server that does not
    run. warns: the suites in which what is not as expected is a warning only. unread: what to do where a fact could not be
    read.
    """

    title: str
    why: str
    ids: Mapping[Suite, str]
    judge: Judge
    needs: tuple[Fact[Any], ...] = ()
    stopped: bool = False
    warns: frozenset[Suite] = field(default_factory=frozenset)
    unread: str = "let the user that looks read it, see docs/drift.md"

    def judgements(self, facts: Facts) -> Iterator[Judgement]:
        """What it makes of the facts. A fact that could not be read is a SKIP with the reason."""
        if facts.view.connection is None and not self.stopped:
            return
        try:
            yield from self.judge(facts)
        except NotRead as error:
            yield Judgement(
                Status.SKIP,
                f"{self.title}, looked at",
                f"it could not be determined: {error}",
                self.unread,
            )


def check(
    title: str,
    *,
    why: str,
    verify: str = "",
    drift: str = "",
    readiness: str = "",
    needs: Iterable[Fact[Any]] = (),
    stopped: bool = False,
    warns: Iterable[Suite] = (),
    unread: str = "",
) -> Callable[[Judge], Check]:
    """Makes a check of a function that judges. verify, drift, readiness: the id of its findings there; '' where nobody asks."""
    ids = {Suite.VERIFY: verify, Suite.DRIFT: drift, Suite.READINESS: readiness}

    def make(judge: Judge) -> Check:
        known = {suite: identity for suite, identity in ids.items() if identity}
        more = {"unread": unread} if unread else {}
        return Check(title, why, known, judge, tuple(needs), stopped=stopped, warns=frozenset(warns), **more)

    return make


def of_instance(checks: Iterable[Check], suite: Suite, facts: Facts) -> Iterator[Finding]:
    """The verdicts of a suite on one instance."""
    for one in checks:
        if suite in one.ids:
            for judgement in one.judgements(facts):
                yield _finding(one, suite, judgement, facts.where)


def needs(checks: Iterable[Check], suite: Suite) -> list[Fact[Any]]:
    """The facts that a suite needs beside the view."""
    return [fact for one in checks if suite in one.ids for fact in one.needs]


def _finding(one: Check, suite: Suite, judgement: Judgement, where: str) -> Finding:
    subject = f"{where}: {one.title}" if suite is Suite.READINESS else where
    status, state = judgement.status, judgement.state
    if status is Status.FAIL and suite in one.warns:
        status = Status.WARN
    if suite is Suite.DRIFT:
        state = _state(judgement)
        status = status if status is Status.WARN else status_of(state)
    return Finding(
        id=one.ids[suite].rstrip("*") + judgement.name,
        subject=f"{subject}: {judgement.part}" if judgement.part else subject,
        status=status,
        expected=judgement.expected,
        actual=judgement.actual,
        why=judgement.why or one.why,
        remedy="" if status is Status.PASS else judgement.remedy,
        state=state.value if state and suite is Suite.DRIFT else "",
    )


def _state(judgement: Judgement) -> State:
    """What could not be determined is unreadable. A warning is drift only where the check says who is off."""
    if judgement.status is Status.SKIP:
        return judgement.state or State.UNREADABLE
    if judgement.status is Status.PASS or (judgement.status is Status.WARN and judgement.state is None):
        return State.IN_SYNC
    return judgement.state or State.FILE_CHANGED_OUTSIDE
