"""Whether jobs may vanish, for each policy, limit and search; and what is said of it."""

from __future__ import annotations

import itertools

import pytest
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import queue_eviction
from ansible.module_utils.redis_ops.checks.registry import Check
from ansible.module_utils.redis_ops.plan.eviction import NOEVICTION, Limit
from ansible.module_utils.redis_ops.server.queues.result import Found, Search
from ansible.module_utils.redis_ops.view.queues import QUEUES, QUEUES_BRIEFLY
from judging import judged
from views import several, view_of

[ONE] = several({"name": "default"})
CHECKS = [value for value in vars(queue_eviction).values() if isinstance(value, Check)]


def search(*names: str, unknown: str = "") -> Search:
    found = tuple(Found("BullMQ", 0, name, (f"list {name}:wait",)) for name in names)
    return Search(found=found, complete=not unknown, reason=unknown)


@pytest.mark.parametrize(
    ("policy", "maxmemory"), [*itertools.product([NOEVICTION, "allkeys-lru", "volatile-ttl"], [0, 1])]
)
def test_the_answer_is_that_of_the_policy_the_limit_and_the_search(policy, maxmemory):
    limit = Limit(maxmemory, policy)
    safe = policy == NOEVICTION or not maxmemory
    found, none, unknown = (
        queue_eviction.may_vanish(limit, one) for one in (search("q1"), search(), search(unknown="NOPERM scan"))
    )
    assert none.status is Status.PASS
    assert unknown.status is (Status.PASS if safe else Status.SKIP)
    expected = Status.PASS if policy == NOEVICTION else Status.FAIL if maxmemory else Status.WARN
    assert found.status is expected
    assert "q1" in found.actual
    assert safe or "NOPERM scan" in unknown.actual
    assert safe or none.actual == f"no queue, under {policy}"
    if expected is not Status.PASS:
        assert f" lives here under {policy}: jobs can vanish" in found.actual


@pytest.mark.parametrize("count", range(1, 9))
def test_so_many_queues_are_named_and_no_more(count):
    names = [f"q{number}" for number in range(count)]
    actual = queue_eviction.may_vanish(Limit(1, "allkeys-lru"), search(*names)).actual
    assert [name for name in names if name in actual] == names[:5]
    assert (" live here" in actual) is (count > 1)
    if count > 5:
        assert str(count - 5) in actual or "..." in actual


def test_each_check_says_what_to_type():
    assert {need for check in CHECKS for need in check.needs} == {QUEUES, QUEUES_BRIEFLY}
    view = view_of(ONE, live={"maxmemory": "1", "maxmemory-policy": "allkeys-lru"})
    for check in CHECKS:
        for suite in check.ids:
            [found] = judged(check, view, suite, facts=dict.fromkeys(check.needs, search("q1")))
            assert found.status is Status.FAIL
            assert found.remedy.startswith(queue_eviction.OWN_INSTANCE)
            assert found.remedy.endswith(f"{view.cli} CONFIG SET maxmemory-policy noeviction")
            [found] = judged(check, view, suite, facts=dict.fromkeys(check.needs, search(unknown="NOPERM scan")))
            assert found.status is Status.SKIP
            assert "SCAN" in found.remedy
