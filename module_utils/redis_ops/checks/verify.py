"""Prove that an instance is what was declared and does its work. Reads, and one key of its own."""

from __future__ import annotations

from typing import Optional

from ..base.findings import Finding
from ..view.facts import Facts
from ..view.host import Place
from ..view.instance import InstanceView
from . import (
    answers,
    data,
    limits,
    persistence,
    process,
    queue_eviction,
    replication,
    settings,
    start,
    tls_findings,
    undone,
)
from .registry import Check, Suite, needs, of_instance

CHECKS: tuple[Check, ...] = (
    answers.running,
    settings.settings,
    answers.ping,
    answers.own_key,
    replication.link,
    persistence.aof,
    persistence.rdb,
    start.start,
    undone.next_start,
    data.empty,
    tls_findings.encryption,
    process.boot,
    limits.open_files,
    limits.backlog,
    process.rights,
    queue_eviction.briefly,
    process.check_system,
)


def verify(view: InstanceView, place: Optional[Place] = None) -> list[Finding]:
    """Every check that applies. A server that does not answer is a FAIL, not an error.

    place: what the host offers to the instance, None where that was not looked at.
    """
    checks = CHECKS if view.connection is not None else (answers.running,)
    facts = Facts.of(view, needs(checks, Suite.VERIFY), place)
    return list(of_instance(checks, Suite.VERIFY, facts))
