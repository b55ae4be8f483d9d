"""A search for job queues on a server, where keys may be evicted."""

from __future__ import annotations

import functools
from typing import Optional

from ..plan.eviction import NOEVICTION, Limit
from ..server.queues.result import NOT_LOOKED, Budget, Search
from ..server.queues.search import search
from .facts import Fact
from .instance import InstanceView

BRIEFLY = Budget(seconds=2)  # of every run that verifies; a change that evicts is searched for longer


def _queues(view: InstanceView, budget: Optional[Budget] = None, *, everywhere: bool) -> Search:
    limit = Limit.of(view.observed.live or {})
    if view.connection is None or (limit.policy == NOEVICTION and not everywhere):
        return NOT_LOOKED
    return search(view.connection, budget) if budget else search(view.connection, first=False)


QUEUES = Fact("queues", functools.partial(_queues, everywhere=True))
QUEUES_BRIEFLY = Fact("queues, briefly", functools.partial(_queues, budget=BRIEFLY, everywhere=False))
