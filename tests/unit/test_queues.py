"""How BullMQ queues are read, and the verdicts on queues, without a server."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible.module_utils.redis_ops.base.errors import AccessDenied, CommandRefused
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks.queues import Limits, judge
from ansible.module_utils.redis_ops.server.queues.bullmq import LISTS, SETS, Queue, read
from ansible.module_utils.redis_ops.server.queues.result import Found, Search

NOTHING = dict.fromkeys((*LISTS, *SETS), 0)
IDLE = Queue("mail", NOTHING, at=1000.0, worker_seen=True)
SAFE = {"maxmemory-policy": "noeviction", "maxmemory": "536870912"}


class Refusing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def call(self, *_: str):
        raise self.error


def counted(**states: int) -> dict[str, int]:
    return {**NOTHING, **{name.replace("_", "-"): number for name, number in states.items()}}


def verdicts(queue: Queue, **limits: float) -> dict[str, str]:
    return {finding.id: finding.status.value for finding in judge("here", SAFE, [queue], Limits(**limits))}


# --- reading ----------------------------------------------------------------------------------------------------------


def test_a_key_of_somebody_else_is_no_queue():
    refused = CommandRefused("WRONGTYPE Operation against a key holding the wrong kind of value")
    assert read(Refusing(refused), "mail") is None


def test_another_refusal_is_an_error():
    with pytest.raises(CommandRefused):
        read(Refusing(CommandRefused("ERR unknown command")), "mail")


class Mail:
    """A queue with no job, whose events are as the server gives them."""

    def __init__(self, events, *, meta: int = 1) -> None:
        self.events, self.meta = events, meta

    def call(self, *words: str):
        if words[0] == "XREVRANGE":
            if isinstance(self.events, Exception):
                raise self.events
            return self.events
        replies = {"EXISTS": self.meta, "HMGET": [None, None], "ZRANGE": [], "GET": None, "ZCOUNT": 3}
        return replies.get(words[0], 0)


def event(name: str, **more: str) -> list[str]:
    return [word for pair in {**more, "event": name}.items() for word in pair]


ENDED = [
    ["3-0", event("completed", returnvalue="1")],
    ["2-0", event("failed")],
    ["1-0", event("failed", jobId="event")],
]


@pytest.mark.parametrize(
    ("events", "counted"),
    [
        (ENDED, (1, 2)),
        ([("1-0", {"event": "failed", "failedReason": "x"})], (0, 1)),  # as redis-py makes it
        ([["1-0", event("added")]], (3, 3)),
        ([], (3, 3)),
        (AccessDenied("NOPERM"), (3, 3)),  # then of the jobs that are kept
    ],
)
def test_jobs_that_ended_lately_are_counted_by_their_events(events, counted):
    queue = read(Mail(events), "mail")
    assert (queue.recent_completed, queue.recent_failed) == counted


def test_a_queue_without_its_settings_is_read_where_its_keys_were_seen():
    assert read(Mail([], meta=0), "mail") is None
    queue = read(Mail([], meta=0), "mail", "shop", database=3, remains=True)
    assert (queue.name, queue.prefix, queue.database, queue.meta) == ("mail", "shop", 3, False)


# --- judging ----------------------------------------------------------------------------------------------------------


def test_an_idle_queue_is_in_order():
    assert set(verdicts(IDLE).values()) == {"PASS"}


def test_the_findings_of_one_queue():
    assert list(verdicts(replace(IDLE, failed_since=0))) == [
        "queues.found",
        "queues.eviction",
        "queues.waiting",
        "queues.delayed",
        "queues.stalled",
        "queues.parents",
        "queues.kept",
        "queues.failing",
        "queues.failed",
    ]


@pytest.mark.parametrize(
    ("name", "queue", "limits"),
    [
        ("waiting", replace(IDLE, counts=counted(wait=3), oldest_waiting=60.5), {}),
        ("waiting", replace(IDLE, paused=True), {}),
        ("delayed", replace(IDLE, counts=counted(delayed=1), overdue=61.0), {}),
        ("stalled", replace(IDLE, counts=counted(active=4), stalled=1), {}),
        ("kept", replace(IDLE, counts=counted(completed=10_001)), {}),
        ("kept", replace(IDLE, counts=counted(failed=11)), {"kept": 10}),
        ("failed", replace(IDLE, failed_since=1), {}),
        ("parents", replace(IDLE, counts=counted(waiting_children=2), oldest_parent=3600.5), {}),
        ("failing", replace(IDLE, recent_failed=3000), {}),
        ("failing", replace(IDLE, recent_failed=2, recent_completed=8), {}),
    ],
)
def test_what_is_not_in_order_warns_and_says_what_to_do(name, queue, limits):
    found = {f.id: f for f in judge("here", SAFE, [queue], Limits(**limits))}
    assert [key for key, finding in found.items() if finding.status is not Status.PASS] == [f"queues.{name}"]
    assert found[f"queues.{name}"].status is Status.WARN
    assert found[f"queues.{name}"].remedy


def test_limits_are_still_in_order():
    queue = replace(
        IDLE,
        counts=counted(wait=1, delayed=1, active=2, completed=10_000),
        oldest_waiting=60.0,
        overdue=60.0,
        oldest_parent=3600.0,
        recent_failed=1,
        recent_completed=9,
    )
    assert set(verdicts(queue).values()) == {"PASS"}
    assert verdicts(replace(IDLE, recent_failed=9))["queues.failing"] == "PASS"  # too few to say something


def waiting(queue: Queue) -> tuple[Status, str]:
    [found] = [f for f in judge("here", SAFE, [queue], Limits()) if f.id == "queues.waiting"]
    return found.status, found.actual


def test_jobs_that_wait_without_a_worker_warn():
    alone = replace(IDLE, counts=counted(prioritized=50_000), oldest_waiting=0.0, worker_seen=False)
    assert waiting(alone) == (
        Status.WARN,
        "50000 wait, the next in turn for 0 s, and no worker was seen",
    )
    assert waiting(replace(alone, worker_seen=True))[0] is Status.PASS
    # who has the lock of a job is a worker
    assert waiting(replace(alone, counts=counted(wait=1, active=3), stalled=2))[0] is Status.PASS
    assert waiting(replace(alone, counts=counted(wait=1, active=3), stalled=3))[0] is Status.WARN
    assert waiting(replace(IDLE, worker_seen=False))[0] is Status.PASS


def test_a_job_without_its_data_is_not_in_order():
    status, told = waiting(replace(IDLE, counts=counted(wait=2)))
    assert status is Status.WARN
    assert "without its data" in told


@pytest.mark.parametrize("policy", ["allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random", "allkeys-lfu"])
@pytest.mark.parametrize(("maxmemory", "status"), [("0", Status.WARN), ("2147483648", Status.FAIL)])
def test_a_queue_where_keys_are_evicted_fails(policy, maxmemory, status):
    """Without a limit nothing is evicted, until somebody sets one."""
    live = {"maxmemory-policy": policy, "maxmemory": maxmemory}
    [finding] = [f for f in judge("here", live, [IDLE], Limits()) if f.id == "queues.eviction"]
    assert finding.status is status
    assert "two instances" in finding.remedy
    assert "mail" in finding.actual


def test_an_evicting_instance_without_queues_is_in_order():
    for search in (None, Search()):
        [finding] = judge("here", {"maxmemory-policy": "allkeys-lru"}, [], Limits(), search)
        assert (finding.id, finding.status, finding.actual) == ("queues.found", Status.PASS, "no queue")


def test_a_search_without_an_end_is_no_pass():
    [finding] = judge("here", SAFE, [], Limits(), Search(complete=False, reason="10 s were over"))
    assert finding.status is Status.SKIP
    assert finding.actual == "no queue among the keys that were looked at: 10 s were over"
    assert finding.remedy


def test_queues_of_other_libraries_are_named_and_may_not_be_evicted():
    search = Search(
        found=(Found("RQ", 2, "", ("set rq:queues",)), Found("BullMQ", 0, "bull:mail", ("hash bull:mail:meta",))),
        suspects=("list jobs in database 0",),
    )
    found, eviction, *_ = judge("here", {**SAFE, "maxmemory-policy": "volatile-lru"}, [IDLE], Limits(), search)
    assert found.actual == (
        "1 queue of BullMQ; RQ in database 2 (set rq:queues); not counted, because only the name says so: "
        "list jobs in database 0"
    )
    assert (eviction.status, eviction.actual) == (
        Status.FAIL,
        "BullMQ bull:mail in database 0 (bull:mail:*), RQ in database 2 (set rq:queues) live here under volatile-lru: jobs can vanish",
    )


def test_what_is_left_of_a_queue_fails():
    queue = replace(IDLE, meta=False, prefix="shop", database=1)
    [finding] = [f for f in judge("here", SAFE, [queue], Limits()) if f.status is not Status.PASS]
    assert (finding.id, finding.status) == ("queues.whole", Status.FAIL)
    assert finding.subject == "here, queue mail of database 1"
    assert finding.expected == "the key shop:mail:meta beside the queue's other keys"


def test_a_record_is_plain_data():
    assert json.loads(json.dumps(IDLE.as_record()))["counts"] == NOTHING
