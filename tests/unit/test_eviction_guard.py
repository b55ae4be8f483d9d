"""The guard of a run against evictions, and what it reports when it lets a change through."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import preflight
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.packages import Package
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.server.queues.result import Search
from ansible.module_utils.redis_ops.view.host import Place
from views import GB, REDIS_7, Server, host_of, seen_of, several

REDIS = PRODUCTS["redis"]
PACKAGE = Package(REDIS, "5:7.0.15-1", REDIS_7)
MB = 1024**2
PLACE = Place(free=100 * GB, queues=Search(complete=True))
WANTED = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru", "save": "900 1"}


def seen(now, held, keys, *, policy="allkeys-lru", **said):
    """A server that has `now` and holds so many MB in so many keys, and is to have 100 MB."""
    [one] = several({"name": "default", "settings": {**WANTED, "maxmemory-policy": policy}, **said})
    info = {"used_memory": held * MB, "used_memory_dataset": held * MB, "db0": f"keys={keys},expires=0,avg_ttl=0"}
    return seen_of(one, PLACE, live=now, info=info, contact=Contact.KEPT)


def judged(found):
    view = host_of(found)
    problems = [str(problem) for problem in preflight.problems(view, PACKAGE) if "maxmemory" in problem.where]
    findings = [one for one in preflight.findings(view, REDIS) if one.id == "preflight.eviction"]
    return problems, findings


NO_LIMIT = {"maxmemory": "0", "maxmemory-policy": "noeviction"}
VOLATILE = {"maxmemory": "104857600", "maxmemory-policy": "volatile-lru"}


@pytest.mark.parametrize(
    ("now", "held", "told"),
    [
        (NO_LIMIT, 300, "1,000,000 keys, about 300mb, may not be evicted now"),
        (VOLATILE, 150, "1,000,000 keys without a time to live"),
        (VOLATILE, 50, "once the limit is reached, 1,000,000 keys without a time to live"),
    ],
    ids=["no limit", "protected, and too much", "protected, and it fits"],
)
def test_a_run_stops_and_names_the_keys_and_the_variable_that_accepts_it(now, held, told):
    [problem], findings = judged(seen(now, held, 1_000_000))
    assert told in problem
    assert "accept_eviction: true for instance default" in problem
    assert "-e redis_server_accept_eviction=true" in problem
    [finding] = findings
    assert finding.status is Status.WARN


@pytest.mark.parametrize(("now", "held"), [(NO_LIMIT, 300), (VOLATILE, 150), (VOLATILE, 50)])
def test_what_somebody_accepts_goes_on_and_is_reported(now, held):
    problems, [finding] = judged(seen(now, held, 1_000_000, accept_eviction=True))
    assert problems == []
    assert finding.status is Status.WARN
    assert finding.actual.endswith("(accepted)")


def test_a_first_limit_with_room_goes_on_and_says_what_may_go_later():
    problems, [finding] = judged(seen(NO_LIMIT, 10, 1000))
    assert problems == []
    assert finding.status is Status.WARN
    assert "1,000 keys" in finding.actual


def test_nothing_is_said_of_a_change_that_evicts_nothing():
    assert judged(seen(VOLATILE, 50, 1000, policy="volatile-ttl")) == ([], [])


@pytest.mark.parametrize("policy", ["allkeys-lru", "noeviction"])
def test_a_stopped_server_is_judged_when_it_runs(policy, tmp_path):
    (tmp_path / "dump.rdb").write_bytes(b"REDIS0009")
    store = Store.of({"dir": str(tmp_path)}, REDIS_7)
    [one] = several({"name": "default", "settings": {**WANTED, "maxmemory-policy": policy, "dir": str(tmp_path)}})
    found = seen_of(one, PLACE, file=f"dir {tmp_path}\n# theirs\n", contact=Contact.KEPT, store=store)
    problems, [finding] = judged(found)
    assert problems == []
    assert finding.status is Status.SKIP
    assert "does not run" in finding.actual


def test_a_running_server_that_does_not_say_stops_the_run():
    [one] = several({"name": "default", "settings": WANTED})
    [problem], _ = judged(seen_of(one, PLACE, live=NO_LIMIT, contact=Contact.KEPT, connection=Server(live=NO_LIMIT)))
    assert "INFO does not say how much the server holds" in problem
