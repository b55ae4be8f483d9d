"""What one registered check says, in one suite."""

from __future__ import annotations

from typing import Any, Optional

from ansible.module_utils.redis_ops.base.findings import Finding
from ansible.module_utils.redis_ops.checks.registry import Check, Suite, of_instance
from ansible.module_utils.redis_ops.view.facts import Fact, Facts
from ansible.module_utils.redis_ops.view.host import Place


def judged(
    check: Check,
    view: Any,
    suite: Suite = Suite.VERIFY,
    place: Optional[Place] = None,
    facts: Optional[dict[Fact, object]] = None,
) -> list[Finding]:
    """facts: those that the check needs, already read; without them they are read of the view."""
    found = (
        Facts.of(view, check.needs, place)
        if facts is None
        else Facts(view, place, _read={fact.name: value for fact, value in facts.items()})
    )
    return [finding for finding in of_instance([check], suite, found) if finding.state != "in_sync"]
