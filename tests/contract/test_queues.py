"""The look at queues, on real servers, with queues that real BullMQ made and with keys that only look like one."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import bull
import pytest
from ansible.module_utils.redis_ops.checks import queue_check
from ansible.module_utils.redis_ops.checks.queues import Limits
from ansible.module_utils.redis_ops.server.connection import Credentials
from ansible.module_utils.redis_ops.server.queues.bullmq import LISTS, SETS
from ansible.module_utils.redis_ops.view.attempt import attempt
from instances import OLD_AND_NEW, lab, until

__all__ = ["lab"]

pytestmark = OLD_AND_NEW

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "queues.md"
# docs/queues.md, "Who looks"
RULES = (
    "on ~bull:* resetchannels -@all +ping +info +config|get +select +scan +type +exists +get +hget +hmget +llen +lindex "
    "+lrange +zcard +zrange +zcount +xrevrange"
)
ANY_TYPE = "(%R~* +type +xinfo|groups)"  # from Redis 7.0 on
READS = {"scan", "type", "exists", "get", "hget", "hmget", "llen", "lindex", "lrange", "zcard", "zrange", "zcount"}
READS |= {"xrevrange", "select"}


@pytest.fixture
def ran(lab) -> Iterator:
    lab.converge({"maxmemory": "100mb", "maxmemory-policy": "noeviction"})
    return lab


def look(lab, names=(), before=(), **limits):
    found, findings = queue_check.check([attempt(lab.instance())], Limits(**limits), names, before=before)
    return found, {finding.id: finding for finding in findings}


def status(findings) -> dict[str, str]:
    return {name.removeprefix("queues."): finding.status.value for name, finding in findings.items()}


def made(lab, name: str = "mail", jobs: int = 1) -> None:
    """A queue as BullMQ lays it out, of jobs that wait since 1970 and a bit."""
    lab.ask("HSET", f"bull:{name}:meta", "opts.maxLenEvents", "10000")
    for job in range(1, jobs + 1):
        lab.ask("HSET", f"bull:{name}:{job}", "timestamp", str(job * 1000), "data", '{"card": "4111-secret"}')
        lab.ask("LPUSH", f"bull:{name}:wait", str(job))
    lab.ask("SET", f"bull:{name}:id", str(jobs))


# --- queues of BullMQ -------------------------------------------------------------------------------------------------

FILL = """
async def main():
    queue = Queue(name, {"connection": connection})
    async def process(job, token):
        if job.data.get("bad"):
            raise ValueError("bad")
    worker = Worker(name, process, {"connection": connection})
    for number in range(5):
        await queue.add("job", {})
    for number in range(2):
        await queue.add("job", {"bad": True})
    while (await queue.getJobCounts("failed", "completed")) != {"failed": 2, "completed": 5}:
        await asyncio.sleep(0.02)
    await worker.close()
    for number in range(3):
        await queue.add("job", {})
    await queue.add("job", {}, {"delay": 3600000})
    await queue.add("job", {}, {"priority": 3})
    print(json.dumps(await queue.getJobCounts()))
"""


def test_counts_are_those_of_bullmq(ran):
    theirs = json.loads(bull.run(ran.port, "mail", FILL))
    theirs["wait"] = theirs.pop("waiting", theirs.get("wait"))
    [queue], findings = look(ran)
    assert {state: queue["counts"][state] for state in (*LISTS, *SETS)} == {
        "wait": 3,
        "paused": 0,
        "active": 0,
        "prioritized": 1,
        "delayed": 1,
        "waiting-children": 0,
        "completed": 5,
        "failed": 2,
    }
    assert {state: count for state, count in theirs.items() if count} == {
        state: count for state, count in queue["counts"].items() if count
    }
    assert (queue["added"], queue["stalled"], queue["paused"], queue["overdue"]) == (12, 0, False, 0)
    assert 0 <= queue["oldest_waiting"] < 20
    assert 0 <= queue["last_failed"] < 20
    assert "no worker was seen" in findings["queues.waiting"].actual  # it has ended
    ran.ask("SET", "bull:mail:stalled-check", "1")  # as a worker does
    assert set(status(look(ran)[1]).values()) == {"PASS"}


PRIORITIES = """
async def main():
    queue = Queue(name, {"connection": connection})
    await queue.add("job", {}, {"priority": 9})
    await queue.add("job", {}, {"priority": 2, "timestamp": 1000})
    await queue.add("job", {}, {"priority": 4})
"""


def test_the_next_job_with_a_priority_has_an_age(ran):
    bull.run(ran.port, "mail", PRIORITIES)
    ran.ask("SET", "bull:mail:stalled-check", "1")
    [queue], findings = look(ran)
    assert abs(time.time() - 1 - queue["oldest_waiting"]) < 20
    assert status(findings)["waiting"] == "WARN"
    ran.ask("UNLINK", "bull:mail:2")  # as eviction does
    [queue], findings = look(ran)
    assert queue["oldest_waiting"] is None
    assert "3 wait, the next in turn without its data" in findings["queues.waiting"].actual
    ran.ask("ZREM", "bull:mail:prioritized", "2")
    [queue], findings = look(ran)
    assert 0 <= queue["oldest_waiting"] < 20
    assert status(findings)["waiting"] == "PASS"


def test_a_sign_of_bullmq_4_is_no_job(ran):
    made(ran, jobs=0)
    ran.ask("LPUSH", "bull:mail:wait", "0:1700000000000")
    [queue], _ = look(ran)
    assert queue["oldest_waiting"] == 0


REMOVED = """
async def main():
    queue = Queue(name, {"connection": connection})
    async def process(job, token):
        raise ValueError("secret")
    for number in range(20):
        await queue.add("job", {}, {"removeOnFail": True})
    worker = Worker(name, process, {"connection": connection})
    while (await queue.getJobCounts("waiting", "active")) != {"waiting": 0, "active": 0}:
        await asyncio.sleep(0.02)
    await worker.close()
"""


def test_jobs_that_all_fail_are_told_even_where_none_is_kept(ran):
    """Field case C18."""
    bull.run(ran.port, "mail", REMOVED)
    [queue], findings = look(ran)
    assert (queue["counts"]["failed"], queue["recent_failed"], queue["recent_completed"]) == (0, 20, 0)
    assert status(findings)["failing"] == "WARN"
    assert "secret" not in repr((queue, findings))


def test_jobs_that_failed_and_are_kept_are_told(ran):
    """Field case C18, without events."""
    made(ran, jobs=0)
    for number in range(20):
        ran.ask("ZADD", "bull:mail:failed", str(int(time.time() * 1000)), str(number))
    assert status(look(ran)[1])["failing"] == "WARN"
    ran.ask("ZADD", "bull:mail:failed", *[word for n in range(20) for word in ("1000", str(n))])  # long ago
    assert status(look(ran)[1])["failing"] == "PASS"


def test_a_parent_that_waits_for_ever_is_told(ran):
    """Field case C18."""
    made(ran, jobs=0)
    ran.ask("ZADD", "bull:mail:waiting-children", str(int((time.time() - 4000) * 1000)), "7")
    [queue], findings = look(ran)
    assert 3999 < queue["oldest_parent"] < 4100
    assert status(findings)["parents"] == "WARN"


def test_failures_between_two_looks_are_counted(ran):
    bull.run(ran.port, "mail", FILL)
    before, _ = look(ran)
    again, findings = look(ran, before=before)
    assert again[0]["failed_since"] == 0
    assert status(findings)["failed"] == "PASS"
    bull.run(ran.port, "mail", FILL.replace('"failed": 2, "completed": 5', '"failed": 4, "completed": 14'))
    [queue], findings = look(ran, before=before)
    assert queue["failed_since"] == 2
    assert status(findings)["failed"] == "WARN"


DIE = """
async def main():
    queue = Queue(name, {"connection": connection})
    async def process(job, token):
        print("working", flush=True)
        await asyncio.sleep(60)
    Worker(name, process, {"connection": connection, "lockDuration": 1000, "stalledInterval": 60000})
    await queue.add("job", {})
    await asyncio.sleep(60)
"""


def test_a_job_whose_worker_died_is_stalled(ran):
    text = f"{bull.PREAMBLE}{DIE}\nasyncio.run(main())\n"
    with subprocess.Popen([bull.python(), "-c", text, str(ran.port), "mail"], stdout=subprocess.PIPE) as worker:
        worker.stdout.readline()
        [queue], findings = look(ran)
        assert (queue["counts"]["active"], queue["stalled"]) == (1, 0)
        assert status(findings)["stalled"] == "PASS"
        os.kill(worker.pid, signal.SIGKILL)
    until(lambda: not ran.ask("EXISTS", "bull:mail:1:lock"), "the lock to end")
    [queue], findings = look(ran)
    assert queue["stalled"] == 1
    assert status(findings)["stalled"] == "WARN"


def test_a_paused_queue_is_told(ran):
    script = """
async def main():
    queue = Queue(name, {"connection": connection})
    await queue.add("job", {})
    await queue.pause()
"""
    bull.run(ran.port, "mail", script)
    [queue], findings = look(ran)
    assert queue["paused"] is True
    assert status(findings)["waiting"] == "WARN"
    assert findings["queues.waiting"].remedy == "queue.resume()"


# --- keys by hand -----------------------------------------------------------------------------------------------------


def test_the_oldest_job_is_the_one_at_the_tail(ran):
    made(ran, jobs=3)
    [queue], findings = look(ran)
    assert abs(time.time() - 1 - queue["oldest_waiting"]) < 5
    assert status(findings)["waiting"] == "WARN"
    assert "no worker was seen" in findings["queues.waiting"].actual


def test_a_queue_that_bullmq_5_paused_waits_elsewhere(ran):
    made(ran)
    ran.ask("RENAME", "bull:mail:wait", "bull:mail:paused")
    ran.ask("HSET", "bull:mail:meta", "paused", "1", "version", "bullmq:5.81.5")
    [queue], _ = look(ran)
    assert (queue["paused"], queue["counts"]["paused"], queue["library"]) == (True, 1, "bullmq:5.81.5")
    assert queue["oldest_waiting"] > 1e9


def test_a_delayed_job_that_nobody_moves_on_is_late(ran):
    made(ran, jobs=0)
    ran.ask("ZADD", "bull:mail:delayed", str(int((time.time() - 90) * 1000) * 0x1000 + 7), "1")
    ran.ask("ZADD", "bull:mail:delayed", str(int((time.time() + 90) * 1000) * 0x1000), "2")
    [queue], findings = look(ran)
    assert 89 < queue["overdue"] < 100
    assert status(findings)["delayed"] == "WARN"


def test_jobs_kept_for_ever_are_told(ran):
    made(ran, jobs=0)
    for number in range(11):
        ran.ask("ZADD", "bull:mail:failed", str(number), str(number))
    assert status(look(ran, kept=10)[1])["kept"] == "WARN"
    assert status(look(ran, kept=11)[1])["kept"] == "PASS"


def test_a_queue_among_many_keys_is_found(ran):
    ran.fill(50_000)
    made(ran)
    assert [queue["name"] for queue in look(ran)[0]] == ["mail"]


def test_a_key_that_only_has_the_name_is_no_queue(ran):
    ran.ask("SET", "bull:mine:meta", "x")
    made(ran, "mail")
    assert [queue["name"] for queue in look(ran)[0]] == ["mail"]


def test_a_queue_by_name_needs_no_search(ran):
    made(ran, "mail")
    made(ran, "video")
    before = ran.info().get("cmdstat_scan")
    assert [queue["name"] for queue in look(ran, names=["video", "none"])[0]] == ["video"]
    assert ran.info().get("cmdstat_scan") == before


def test_an_evicting_instance_fails(ran):
    made(ran)
    ran.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    _, findings = look(ran)
    assert status(findings)["eviction"] == "FAIL"


def test_a_queue_in_another_database_is_looked_at(ran):
    """Field case C3, as the following."""
    client = ran.client()
    client("SELECT", "3")
    client("HSET", "bull:mail:meta", "a", "b")
    client("ZADD", "bull:mail:failed", "1", "1")
    for names in ((), ["mail"]):
        [queue], _ = look(ran, names)
        assert (queue["name"], queue["database"], queue["counts"]["failed"]) == ("mail", 3, 1)
    assert ran.ask("DBSIZE") == 0


@pytest.mark.parametrize("prefix", ["{bull}", "shop"])
def test_a_queue_of_another_prefix(ran, prefix):
    script = PRIORITIES.replace('{"connection": connection}', f'{{"connection": connection, "prefix": "{prefix}"}}')
    bull.run(ran.port, "mail", script)
    [queue], _ = look(ran)
    assert (queue["prefix"], queue["name"], queue["counts"]["prioritized"]) == (prefix, "mail", 3)


def test_what_is_left_of_a_queue_fails(ran):
    bull.run(ran.port, "mail", FILL)
    ran.ask("UNLINK", "bull:mail:meta")
    [queue], findings = look(ran)
    assert (queue["meta"], queue["counts"]["failed"]) == (False, 2)
    assert status(findings)["whole"] == "FAIL"


def test_other_queues_are_named(ran):
    ran.ask("SADD", "queues", "default")
    ran.ask("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    found, findings = look(ran)
    assert found == []
    assert status(findings) == {"found": "PASS", "eviction": "FAIL"}
    assert "Sidekiq, Resque or Faktory in database 0 (set queues)" in findings["queues.found"].actual


def test_a_server_that_is_down_is_not_in_order(ran):
    ran.service.stop()
    found, findings = look(ran)
    assert (found, status(findings)) == ([], {"running": "FAIL"})


# --- who looks ---------------------------------------------------------------------------------------------------------


def test_the_documented_user_can_look_and_writes_nothing(ran):
    assert f"ACL SETUSER watch >PASSWORD {RULES} {ANY_TYPE}" in DOCUMENT.read_text()
    made(ran, jobs=2)
    ran.ask("LPUSH", "bull:mail:active", "7")
    selectors = ran.program.engine.reached("redis 7.0")
    ran.ask("SET", "cache:1", "x")
    ran.ask("ACL", "SETUSER", "watch", ">only-looks", *RULES.split(), *([ANY_TYPE] if selectors else []))
    instance = ran.instance(credentials=[Credentials("watch", "only-looks")])
    keys, calls = ran.keys(), counts_of(ran)
    found, findings = queue_check.check([attempt(instance)], Limits())
    assert [queue["name"] for queue in found] == ["mail"]
    assert found[0]["stalled"] == 1
    sent = {name for name, count in counts_of(ran).items() if count != calls.get(name, 0)}
    assert sent - {"info", "auth", "acl", "acl|log", "config", "config|get"} <= READS
    assert ran.keys() == keys
    refused = [entry for entry in ran.ask("ACL", "LOG") if selectors or "queues" not in entry]
    assert refused == []
    assert status({finding.id: finding for finding in findings})["found"] == "PASS"
    assert "secret" not in repr((found, findings))
    assert "timestamp" not in repr((found, findings))


def test_a_user_that_may_not_look_is_told(ran):
    made(ran)
    ran.ask("ACL", "SETUSER", "blind", "on", ">x", "+info", "+config|get")
    _, findings = queue_check.check([attempt(ran.instance(credentials=[Credentials("blind", "x")]))], Limits())
    assert [(finding.id, finding.status.value) for finding in findings] == [("queues.running", "FAIL")]


def counts_of(lab) -> dict[str, int]:
    return {
        name.removeprefix("cmdstat_"): int(re.search(r"calls=(\d+)", text)[1])
        for name, text in lab.info().items()
        if name.startswith("cmdstat_")
    }
