"""Whether a server answers, and reads and writes. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.findings import Status
from ..view.facts import Facts
from ..view.instance import Instance
from ..view.probe import OWN_KEY, PING
from .registry import Judgement, check


@check("the server", why="Redis documentation, PING", verify="verify.running", stopped=True)
def running(facts: Facts) -> Iterator[Judgement]:
    """Something answers at its address."""
    if facts.view.connection is None:
        remedy = look_at_log(facts.view.instance)
        yield Judgement(Status.FAIL, "a server that answers", "nothing answers at its address", remedy)


@check("ping", why="Redis documentation", verify="verify.ping", needs=[PING])
def ping(facts: Facts) -> Iterator[Judgement]:
    """It answers PING with PONG."""
    answer = facts[PING]
    good = answer == "PONG"
    yield Judgement(Status.PASS if good else Status.FAIL, "PONG", answer, look_at_log(facts.view.instance))


@check("an own key", why="Redis documentation", verify="verify.key", needs=[OWN_KEY])
def own_key(facts: Facts) -> Iterator[Judgement]:
    """It takes a write, gives it back and removes it."""
    expected, probe = "one own key written, read and deleted", facts[OWN_KEY]
    remedy = look_at_log(facts.view.instance)
    if probe.error:
        remedy = "raise maxmemory or lower what is stored" if "OOM" in probe.error else remedy
        yield Judgement(Status.FAIL, expected, probe.error, remedy)
    elif probe.skipped:
        yield Judgement(Status.SKIP, expected, probe.skipped)
    else:
        good = probe.read == probe.written and probe.deleted
        yield Judgement(
            Status.PASS if good else Status.FAIL, expected, "done" if good else f"read {probe.read!r}", remedy
        )


def look_at_log(instance: Instance) -> str:
    """The remedy where only its log says more."""
    service = instance.service.name if instance.service else "the server"
    return f"look at the log of {service}"
