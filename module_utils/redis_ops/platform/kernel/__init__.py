"""Kernel and network settings of a Redis host: in force now, in force after a reboot, and both told truthfully.

What is in force is read from /proc and /sys. What a reboot brings is worked out from every file that the boot reads,
because a file of ours that another file overrides proves nothing.

parameters (data) <- machine (reads and writes) <- boot (which file wins) <- plan <- verdict.
"""

from __future__ import annotations

from typing import Any, Optional

from ...base.findings import outcome
from .boot import BootValues, values_at_boot
from .machine import Foretold, Machine
from .memory import PATH, digest_of, is_kept, keep, written
from .parameters import UNMANAGED, Wanted, parse_wanted
from .plan import apply, plan, refusals
from .verdict import findings, open_files

__all__ = [
    "UNMANAGED",
    "BootValues",
    "Machine",
    "Wanted",
    "converge",
    "digest_of",
    "findings",
    "open_files",
    "parse_wanted",
    "plan",
    "refusals",
    "settled",
    "values_at_boot",
    "written",
]


def converge(machine: Machine, wanted: Wanted, *, check: bool) -> dict[str, Any]:
    """A module's result: what was done, and findings on the machine as it then is; with `check`, as it would be."""
    refused = refusals(machine, wanted)
    planned = plan(machine, wanted).without(refused)
    if check:
        then: Machine = Foretold(machine.root, planned.texts())
    else:
        refused.update(apply(machine, planned))
        then = machine
    done = planned.without(refused)
    actions = [str(change) for change in done.changes]
    if not is_kept(then):
        actions = actions or [f"write /{PATH}"]  # a run was killed before it could
        if not check:
            keep(machine)
    return {
        **outcome(findings(then, wanted, refused)),
        "changed": bool(actions),
        "actions": actions,
        "container": machine.container(),
        "diff": done.as_diff(),
    }


def settled(machine: Machine, wanted: Wanted) -> Optional[list[dict[str, str]]]:
    """The findings on a machine that needs no change; None where it needs one, or where a finding is a failure."""
    found = converge(machine, wanted, check=True)
    return None if found["changed"] or found.get("failed") else list(found["findings"])
