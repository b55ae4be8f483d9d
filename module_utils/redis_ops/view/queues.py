"""A search for job queues on a server: a brief one where keys may be evicted, and a thorough one."""

from __future__ import annotations

from ..plan.eviction import NOEVICTION, Limit
from ..server.queues.result import NOT_LOOKED, Budget, Search
from ..server.queues.search import search
from .facts import Fact
from .instance import InstanceView

BRIEFLY = Budget(seconds=2)  # of every run that verifies; a change that evicts is searched for longer


def _briefly(view: InstanceView) -> Search:
    if view.connection is None or Limit.of(view.observed.live or {}).policy == NOEVICTION:
        return NOT_LOOKED
    return search(view.connection, BRIEFLY)


def _thoroughly(view: InstanceView) -> Search:
    return NOT_LOOKED if view.connection is None else search(view.connection, first=False)


QUEUES = Fact("queues", _thoroughly)
QUEUES_BRIEFLY = Fact("queues, briefly", _briefly)
