"""Verdicts on BullMQ queues, and how they are found, without a server."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from ansible.module_utils.redis_ops.base.errors import AccessDenied, CommandRefused, ServerUnreachable
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.server import queues
from ansible.module_utils.redis_ops.server.queues import Limits, Queue, find, has_queue, judge, read

NOTHING = dict.fromkeys((*queues.LISTS, *queues.SETS), 0)
IDLE = Queue("mail", NOTHING, at=1000.0, worker_seen=True)
SAFE = {"maxmemory-policy": "noeviction", "maxmemory": "536870912"}


class Server:
    """A database of keys, as SCAN walks it: `step` keys for each call."""

    def __init__(self, *keys: str, step: int = 2) -> None:
        self.keys, self.step, self.calls = keys, step, 0

    def call(self, *words: str):
        assert words[0] == "SCAN"
        self.calls += 1
        start = int(words[1])
        end = start + self.step
        part = [key for key in self.keys[start:end] if key.endswith(":meta")]
        return (0 if end >= len(self.keys) else end), part


class Refusing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def call(self, *_: str):
        raise self.error


def counted(**states: int) -> dict[str, int]:
    return {**NOTHING, **{name.replace("_", "-"): number for name, number in states.items()}}


def verdicts(queue: Queue, **limits: float) -> dict[str, str]:
    return {finding.id: finding.status.value for finding in judge("here", SAFE, [queue], Limits(**limits))}


# --- finding ----------------------------------------------------------------------------------------------------------


def test_queues_are_found_wherever_they_are():
    server = Server("a", "b", "c", "bull:mail:meta", "d", "bull:video:meta", "e")
    assert find(server) == (["mail", "video"], True)
    assert has_queue(server)


def test_a_name_with_a_colon_is_no_queue():
    assert find(Server("bull:mail:some-job:meta", "bull:mail:meta")) == (["mail"], True)


def test_no_queue():
    assert find(Server("a", "b", "c")) == ([], True)
    assert not has_queue(Server("a", "b", "c"))


def test_the_quick_look_gives_up_after_its_rounds():
    server = Server(*["x"] * 100, "bull:mail:meta", step=1)
    assert not has_queue(server)
    assert server.calls == 20


def test_a_search_that_takes_too_long_says_so(monkeypatch):
    monkeypatch.setattr(queues, "PATIENCE", 0.0)
    assert find(Server("bull:mail:meta", "a", "b", "c", step=1)) == (["mail"], False)


def test_a_search_over_too_many_keys_says_so(monkeypatch):
    monkeypatch.setattr(queues, "THOROUGH", 2)
    assert find(Server("a", "b", "c", "bull:mail:meta", step=1)) == ([], False)


def test_whether_there_is_a_queue_and_that_nobody_knows(monkeypatch):
    far = Server(*["x"] * 100, "bull:mail:meta", "y", step=1)
    assert queues.is_any(far) is True
    assert far.calls == 101  # no further than the first
    assert queues.is_any(Server("a", "b", "c")) is False
    assert queues.is_any(Refusing(AccessDenied("NOPERM"))) is None
    with pytest.raises(ServerUnreachable):
        queues.is_any(Refusing(ServerUnreachable("gone")))
    monkeypatch.setattr(queues, "THOROUGH", 2)
    assert queues.is_any(Server("a", "b", "c", step=1)) is None
    monkeypatch.setattr(queues, "PATIENCE", -1.0)
    assert queues.is_any(Server("a", "b", "c", step=2)) is None


def test_a_prefix_is_not_a_pattern():
    seen = []

    class Asked(Server):
        def call(self, *words: str):
            seen.append(words[3])
            return super().call(*words)

    find(Asked("a"), "te*m[1]")
    assert seen == [r"te\*m\[1\]:*:meta"]


def test_the_quick_look_says_no_where_it_may_not_look():
    assert not has_queue(Refusing(AccessDenied("NOPERM")))


def test_a_key_of_somebody_else_is_no_queue():
    refused = CommandRefused("WRONGTYPE Operation against a key holding the wrong kind of value")
    assert read(Refusing(refused), "mail") is None


def test_another_refusal_is_an_error():
    with pytest.raises(CommandRefused):
        read(Refusing(CommandRefused("ERR unknown command")), "mail")


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
        "queues.kept",
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
    ],
)
def test_what_is_not_in_order_warns_and_says_what_to_do(name, queue, limits):
    found = {f.id: f for f in judge("here", SAFE, [queue], Limits(**limits))}
    assert [key for key, finding in found.items() if finding.status is not Status.PASS] == [f"queues.{name}"]
    assert found[f"queues.{name}"].status is Status.WARN
    assert found[f"queues.{name}"].remedy


def test_limits_are_still_in_order():
    queue = replace(
        IDLE, counts=counted(wait=1, delayed=1, active=2, completed=10_000), oldest_waiting=60.0, overdue=60.0
    )
    assert set(verdicts(queue).values()) == {"PASS"}


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
@pytest.mark.parametrize("maxmemory", ["0", "2147483648"])
def test_a_queue_where_keys_are_evicted_fails(policy, maxmemory):
    live = {"maxmemory-policy": policy, "maxmemory": maxmemory}
    [finding] = [f for f in judge("here", live, [IDLE], Limits()) if f.id == "queues.eviction"]
    assert finding.status is Status.FAIL
    assert "two instances" in finding.remedy
    assert "mail" in finding.actual


def test_an_evicting_instance_without_queues_is_in_order():
    [finding] = judge("here", {"maxmemory-policy": "allkeys-lru"}, [], Limits())
    assert (finding.id, finding.status, finding.actual) == ("queues.found", Status.PASS, "no queue")


def test_a_search_without_an_end_is_no_pass():
    [finding] = judge("here", SAFE, [], Limits(), complete=False)
    assert finding.status is Status.SKIP
    assert finding.remedy


def test_a_record_is_plain_data():
    assert json.loads(json.dumps(IDLE.as_record()))["counts"] == NOTHING
