"""Two snapshots around a load, against what a client counted itself."""

from __future__ import annotations

import contextlib
import json
import time
from pathlib import Path

import pytest
from ansible.module_utils.redis_control.load import guide, verdict, window
from ansible.module_utils.redis_control.report import load_answers
from ansible.module_utils.redis_ops.load import snapshot
from ansible.module_utils.redis_ops.server.connection import Credentials
from ansible.module_utils.redis_ops.view import observe
from ansible.module_utils.redis_ops.view.attempt import attempt
from instances import Lab, laboratory

DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "load-testing.md"
SECRET = "a-word-of-a-key"


@pytest.fixture
def lab(program, tmp_path):
    with laboratory(program, tmp_path / "lab", save="") as lab:
        lab.begin()
        yield lab


def look(lab: Lab) -> dict:
    seen = observe.look(lab.instance())
    try:
        found = snapshot.take("lab", seen, seen.connection)
        [read] = load_answers.snapshots({"snapshots": [json.loads(json.dumps(found))]})
        assert read == json.loads(json.dumps(found))  # all of it gets through to the report
        return read
    finally:
        seen.connection.close()


def judged(found: window.Window, **how: object) -> verdict.Verdict:
    given = {"instance": "lab", "evicts": True, "queue": False, "distrust": found.void, **how}
    return verdict.judge(found.metrics, guide.THRESHOLDS, notes=found.notes, **given)


def status(result: verdict.Verdict, metric: str) -> str:
    return next(finding.status.value for finding in result.findings if finding.id == f"load.{metric}")


def test_the_numbers_are_those_of_the_client(lab):
    client = lab.client()
    client("SET", SECRET, "1")
    client("CONFIG", "SET", "slowlog-log-slower-than", "0")
    before = look(lab)
    for number in range(1500):
        client("GET", SECRET if number % 10 else "nothing")
    after = look(lab)
    found = window.between(before, after)
    assert not found.void
    assert found.metrics["hit_ratio"] == pytest.approx(90)
    assert found.metrics["ops_per_second"] * found.seconds >= 1500
    assert found.metrics["evicted_keys"] == found.metrics["rejected_connections"] == 0
    assert after["commands"]["get"]["calls"] - before["commands"].get("get", {"calls": 0})["calls"] == 1500
    assert found.metrics["slow_commands"] >= 1
    if lab.multi:
        assert 0 < found.metrics["command_p99_ms"] < 1000
    else:
        assert 0 < found.metrics["command_mean_ms"] < 1000
    assert SECRET not in json.dumps([before, after])
    assert status(judged(found), "hit_ratio") == "FAIL"


def test_evictions_are_seen(lab):
    before = look(lab)
    client = lab.client()
    client("CONFIG", "SET", "maxmemory", str(int(lab.info()["used_memory"]) + 600_000))
    client("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    before = look(lab)
    for number in range(2000):
        client("SET", f"key:{number}", "x" * 1000)
    found = window.between(before, look(lab))
    assert 0 < found.metrics["evicted_keys"] <= int(lab.info()["evicted_keys"])
    assert status(judged(found), "evicted_share") == "FAIL"
    assert judged(found).word == "FAIL"
    queue = judged(found, queue=True)
    assert [finding for finding in queue.findings if finding.id == "load.evicted_keys"]


ONLY_READS = {
    "info",
    "config",
    "config|get",
    "latency",
    "latency|histogram",
    "slowlog",
    "slowlog|get",
    "client",
    "client|list",
}
WATCH = (
    "on ~bull:* resetchannels -@all +ping +info +config|get +acl|list +slowlog|get +slowlog|len +latency|histogram "
    "+client|list +select +scan +type +exists +get +hget +hmget +llen +lindex +lrange +zcard +zrange +zcount"
)
ANY_TYPE = "(%R~* +type +xinfo|groups)"  # from Redis 7.0 on


def test_a_queue_where_keys_may_be_evicted_is_seen_and_nothing_but_reading_is_sent(lab):
    assert f"ACL SETUSER watch >PASSWORD {WATCH} {ANY_TYPE}" in DOCUMENT.read_text()
    lab.ask("CONFIG", "SET", "maxmemory", "100mb")
    lab.ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
    lab.ask("HSET", "bull:mail:meta", "opts.maxLenEvents", "10000")
    rules = [*WATCH.split(), *([ANY_TYPE] if lab.program.engine.reached("redis 7.0") else [])]
    lab.ask("ACL", "SETUSER", "watch", ">only-looks", *rules)
    lab.ask("ACL", "SETUSER", "less", ">only-looks", *(rule for rule in rules if rule != "+scan"))
    lab.ask("SET", "cache:1", "x")

    def sought(user: str, **how: bool) -> dict:
        [found] = snapshot.take_all([attempt(lab.instance(credentials=[Credentials(user, "only-looks")]))], **how)
        return found

    def sent() -> set[str]:
        lab.ask("CONFIG", "RESETSTAT")
        found = sought("watch", look_for_queues=True)
        assert found["has_queues"] is True
        return {name.removeprefix("cmdstat_") for name in lab.info() if name.startswith("cmdstat_")}

    assert sent() - ONLY_READS - {"config|resetstat", "auth", "hello", "ping", "acl", "acl|list"} == {"scan", "type"}
    assert "has_queues" not in sought("watch")
    assert sought("less", look_for_queues=True)["has_queues"] is None
    lab.ask("UNLINK", "bull:mail:meta")
    assert sought("watch", look_for_queues=True)["has_queues"] is False
    lab.ask("CONFIG", "SET", "maxmemory-policy", "noeviction")
    assert "has_queues" not in sought("watch", look_for_queues=True)


def test_refused_connections_are_seen(lab):
    held = [lab.client() for _ in range(3)]
    held[0]("CONFIG", "SET", "maxclients", "6")
    before = look(lab)
    held += [lab.client() for _ in range(10)]
    for client in held:
        with contextlib.suppress(Exception):  # some are refused, which is the point
            client("PING")
    for client in held[1:]:
        client.close()
    held[0]("CONFIG", "GET", "maxclients")
    time.sleep(0.1)
    found = window.between(before, look(lab))
    assert found.metrics["rejected_connections"] > 0
    assert status(judged(found), "rejected_connections") == "FAIL"


@pytest.mark.parametrize("broken", ["restarted", "reset", "configured"])
def test_a_broken_window_is_invalid(lab, broken):
    before = look(lab)
    if broken == "restarted":
        lab.bounce()
    elif broken == "reset":
        for _ in range(50):
            lab.ask("PING")
        before = look(lab)
        lab.ask("CONFIG", "RESETSTAT")
    else:
        lab.ask("CONFIG", "SET", "timeout", "77")
    found = window.between(before, look(lab))
    assert found.void
    assert judged(found).word == "INVALID"
    assert judged(found).exit_code == 3


@pytest.mark.parametrize("words", [("RESETSTAT",), ("SET", "timeout", "0")], ids=" ".join)
def test_what_leaves_no_other_trace_counts_itself(lab, words):
    if not lab.multi:
        pytest.skip("this server counts all of CONFIG as one command, and so every look as well")
    before = look(lab)
    lab.ask("CONFIG", *words)
    for _ in range(100):
        lab.ask("PING")
    assert len(window.between(before, look(lab)).void) == 1


def test_a_leak_is_seen_and_a_pool_is_not(lab):
    before = look(lab)
    left = [lab.client() for _ in range(20)]
    after = look(lab)
    leaking = window.between(before, after, look(lab))
    assert leaking.metrics["leaked_clients"] >= 20
    assert status(judged(leaking), "leaked_clients") == "FAIL"
    for client in left:
        client.close()
    time.sleep(0.2)
    assert window.between(before, after, look(lab)).metrics["leaked_clients"] == 0


def test_what_a_snapshot_holds(lab):
    client = lab.client()
    client("CONFIG", "SET", "slowlog-log-slower-than", "0")
    client("CLIENT", "SETNAME", "web")
    for number in range(3):
        client("SET", f"key:{number}", "x")
    client("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    client("CONFIG", "SET", "maxmemory", "1")
    for _ in range(12):
        with pytest.raises(Exception, match="OOM"):
            client("SET", SECRET, "x")
    found = look(lab)
    assert found["errors"]["OOM"] == 12
    assert found["commands"]["set"]["calls"] == 3
    assert found["keys"] == 3
    assert [entry["command"] for entry in found["slowlog"]["entries"]] == ["SET", "SET", "SET", "CLIENT", "CONFIG"]
    assert found["clients"]["names"] == {"web": 1, "(no name)": 1}
    if lab.multi:
        assert found["histograms"]["set"]["calls"] == 3
        assert found["histograms"]["set"]["buckets"][-1][1] == 3
