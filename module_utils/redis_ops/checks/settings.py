"""Whether the declared settings are in force, and are in the file. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from ..base.findings import Status
from ..plan.comparison import How
from ..view.facts import Facts
from .registry import Judgement, check


@check("settings", why="guide 9", verify="verify.settings")
def settings(facts: Facts) -> Iterator[Judgement]:
    """Every declared setting is in the file and in force."""
    plan = facts.view.plan
    expected = f"{len(plan.desired.values)} declared settings in force"
    wrong = [entry for entry in plan.entries if entry.file_differs or entry.how is How.LIVE]
    if wrong:
        actual = "; ".join(
            f"{entry.option.name} wanted {plan.text(entry, entry.want)}, "
            f"running {plan.text(entry, entry.live)}, file {plan.text(entry, entry.file)}"
            for entry in wrong
        )
        yield Judgement(Status.FAIL, expected, actual, "run again")
    elif owed := facts.view.owed_restarts():
        told = "; ".join(f"{item['option']}: runs {item['running']}, file {item['wanted']}" for item in owed)
        remedy = "allow it when it suits you, with redis_server_restart"
        yield Judgement(Status.WARN, expected, f"waiting for a restart: {told}", remedy)
    else:
        yield Judgement(Status.PASS, expected, "CONFIG GET agrees")
