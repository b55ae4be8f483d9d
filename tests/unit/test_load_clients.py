"""What the load's own clients measured, with numbers typed by hand, and what it makes of the verdict."""

from __future__ import annotations

from copy import deepcopy

import pytest
from ansible.module_utils.redis_control.load import clients
from ansible.module_utils.redis_control.report import load_record
from rendered import lines
from test_load import BEFORE, after, guide

TIMES = {"count": 5000, "mean": 0.5, "max": 9.0, "quantiles": [[50, 0.4], [95, 2.0], [99, 3.0], [99.9, 5.0]]}
SAMPLE = {"phase": "sustained", "used_memory": 500 << 20, "maxmemory": 1 << 30, "connected_clients": 1001}
SAMPLE |= {"maxclients": 10_000, "evicted_keys": 0, "canary_max": 1500.0, "server_cpu": 20.0}
FLOWS = ("session_write", "session_read", "session_refresh", "cache_get", "cache_fill")


def result(**changes: object) -> dict:
    """Of `redis_load users`."""
    made = {
        "started": "2026-11-23T00:00:00+00:00",
        "config": dict.fromkeys(
            (
                "users",
                "rate",
                "ramp",
                "warm_up",
                "duration",
                "cache_keys",
                "value_bytes",
                "session_bytes",
                "cache_ttl",
                "session_ttl",
                "skew",
                "write_share",
            ),
            10,
        ),
        "k6": {
            "sustained": {
                "flows": dict.fromkeys(FLOWS, TIMES),
                "iterations": 5000,
                "dropped_iterations": 0,
                "sessions_lost": 0,
            }
        },
        "baseline": {name: {"count": 100, "p95": 150.0} for name in FLOWS[:4]},
        "canary": {},
        "errors": {},
        "error_examples": [],
        "rate": {"wanted": 5500.0, "reached": 5499.0},
        "connections": {"wanted": 1000, "reached": 1000, "server": 1000, "k6": 1000},
        "trust": [],
        "generator": {"cores": 2.0},
        "versions": {"k6": "1.1.0", "python": "3.11"},
        "samples": [{**SAMPLE, "t": t, "keyspace_hits": t * 990, "keyspace_misses": t * 10} for t in range(1, 11)],
    }
    return {**made, **changes}


JOBS = {
    "queue": "redis-ops-load-r1",
    "phases": {
        "baseline": {"enqueue_us": {"p95": 2000}},
        "load": {
            "enqueue_us": {"p95": 12_000},
            "end_to_end_us": {"p95": 15_000},
            "late_us": {"p95": 300},
            "added": 100,
        },
    },
    **dict.fromkeys(("lost", "failed", "unknown", "failed_attempts", "stalled", "duplicates", "without_data"), 0),
    "not_done": {"wait": 0, "active": 0, "delayed": 0, "prioritized": 0},
    "add_errors": {},
    "worker_errors": {},
    "interrupted": False,
    "cpu": {"producer": 0.2, "workers": [0.3]},
    "keys_left": 0,
}


def document(*results: dict | None, kind: str = "users", then: dict | None = None) -> dict:
    hosts = {"h": {"before": [BEFORE], "after": [then or after()]}}
    runs = [
        {"host": "h", "instance": "cache", "kind": kind, "name": f"g{number}", "result": one, "said": "it broke"}
        for number, one in enumerate(results)
    ]
    return load_record.build(hosts, guide.THRESHOLDS, time="", inventory="", runs=runs)


def finding(made: dict, metric: str) -> dict:
    return next(item for item in made["instances"][0]["findings"] if item["id"] == f"load.{metric}")


def test_a_good_load():
    made = document(result())
    assert made["verdict"] == "PASS"
    metrics = made["instances"][0]["metrics"]
    assert metrics["session_p95_ms"] == 2.0
    assert metrics["session_baseline_ms"] == 0.15
    assert metrics["hit_ratio"] == 99
    assert metrics["client_share"] == pytest.approx(10.01)
    assert metrics["longest_pause_ms"] == 1.5
    assert metrics["ops_per_second"] == 5499


SLOW = {name: {**TIMES, "quantiles": [[95, 20.0]], "max": 30.0} for name in FLOWS}


@pytest.mark.parametrize(
    ("change", "metric"),
    [
        ({"errors": {"timeout": 100}}, "failed_operations"),
        ({"baseline": {"session_read": {"count": 100, "p95": 2500.0}}}, "session_baseline_ms"),
        ({"k6": {"sustained": {**result()["k6"]["sustained"], "flows": SLOW}}}, "session_p95_ms"),
    ],
)
def test_each_miss_fails_for_its_own_reason(change, metric):
    made = document(result(**change))
    assert made["verdict"] == "FAIL"
    assert finding(made, metric)["status"] == "FAIL"


def test_an_error_that_the_end_of_the_load_makes_is_none():
    assert document(result(errors={"interrupted": 900}))["verdict"] == "PASS"


def test_a_hash_of_all_sessions_counts_as_one_key_and_is_found_by_its_size():
    samples = deepcopy(result()["samples"])
    for sample in samples[5:]:
        sample.update(used_memory=300 << 20, evicted_keys=1)
    made = document(result(samples=samples), then=after(evicted_keys=1))
    assert finding(made, "evicted_share")["status"] == "PASS"
    assert finding(made, "largest_eviction")["status"] == "FAIL"
    assert made["verdict"] == "FAIL"


def test_the_share_of_evicted_keys_is_of_those_that_were_there_while_the_load_was_on():
    """812 of 20,000 and those that went: 3.9 %. Afterwards the load's own keys have gone, and it would be 87 %."""
    samples = [
        {**sample, "keys": 20_000, "evicted": 80 * sample["t"] + 12, "expired": 50, "evicted_keys": 5000}
        for sample in result()["samples"]
    ]
    then = after(evicted_keys=830)
    assert finding(document(then=then), "evicted_share")["actual"] == "89.2 %"  # of somebody else's load: 830 of 930
    made = document(result(samples=samples), then=then)
    assert made["instances"][0]["metrics"]["evicted_share"] == pytest.approx(100 * 812 / 20_862)
    assert made["verdict"] == "PASS"
    samples[-1]["evicted"] = 2000
    made = document(result(samples=samples), then=then)
    assert (finding(made, "evicted_share")["actual"], made["verdict"]) == ("9.07 %", "FAIL")


def test_fragmentation_is_that_of_the_loads_data_too():
    """Memory that keys have left holds nothing: the look after the load would call it lost."""
    holes = {"mem_fragmentation_ratio": 3.0, "allocator_frag_ratio": 2.5, "mem_fragmentation_bytes": 400 << 20}
    whole = {"mem_fragmentation_ratio": 1.1, "allocator_frag_ratio": 1.02, "mem_fragmentation_bytes": 50 << 20}
    made = document(result(samples=[{**sample, **whole} for sample in result()["samples"]]), then=after(**holes))
    assert made["instances"][0]["metrics"]["fragmentation_mb"] == 0
    made = document(result(samples=[{**sample, **holes} for sample in result()["samples"]]), then=after(used_memory=1))
    assert made["instances"][0]["metrics"]["fragmentation_mb"] == 400
    assert finding(made, "fragmentation_mb")["status"] == "WARN"


@pytest.mark.parametrize("earlier", [0, 7, 500])
def test_lookups_are_those_of_the_judged_samples_alone(earlier):
    """Both counters are since the server started, and one of them may be new."""
    load = result()
    for sample in load["samples"]:
        sample["keyspace_hits"] += earlier
        sample["keyspace_misses"] += 3 * earlier
    assert document(load)["instances"][0]["metrics"]["hit_ratio"] == pytest.approx(99)


def test_memory_that_falls_without_an_eviction_is_no_eviction():
    samples = deepcopy(result()["samples"])
    for sample in samples[5:]:
        sample.update(used_memory=300 << 20)
    assert document(result(samples=samples))["verdict"] == "PASS"


@pytest.mark.parametrize("doubt", ["generator_cpu", "late", "k6_exit", "interrupted", "too_few", "restarted"])
def test_a_broken_generator_proves_nothing(doubt):
    made = document(result(trust=[{"id": doubt, "text": "why"}], errors={"timeout": 100}))
    assert made["verdict"] == "INVALID"
    assert made["instances"][0]["distrust"] == ["why"]


@pytest.mark.parametrize("doubt", clients.SHORTFALLS)
def test_what_fell_short_is_a_failure_where_a_missed_target_explains_it_and_invalid_where_none_does(doubt):
    short = [{"id": doubt, "text": "why"}]
    made = document(result(trust=short))
    assert (made["verdict"], made["instances"][0]["distrust"]) == ("INVALID", ["why"])
    made = document(result(trust=short), then=after(rejected_connections=500))
    assert (made["verdict"], made["instances"][0]["shortfalls"]) == ("FAIL", ["why"])
    assert any("SHORT  why" in line for line in lines(made))


@pytest.mark.parametrize(
    ("metric", "then"),
    [
        ("listen_drops", {"host": {**BEFORE["host"], "listen_drops": 2}}),  # of any program of the machine
        ("swapped_bytes", {"host": {**BEFORE["host"], "swapped": 4096}}),
        ("persistence_failures", {"texts": {"rdb_last_bgsave_status": "err"}}),
    ],
)
def test_what_makes_nobody_wait_explains_no_shortfall(metric, then):
    """As measured: 300 of 1,000 connections, and one connection of another program that the kernel dropped."""
    short = [{"id": "connections", "text": "300 of 1000"}]
    made = document(result(trust=short), then={**after(), **then})
    assert finding(made, metric)["status"] == "FAIL"
    assert (made["verdict"], made["instances"][0]["distrust"]) == ("INVALID", ["300 of 1000"])
    assert document(result(), then={**after(), **then})["verdict"] == "FAIL"


def test_the_targets_that_explain_a_shortfall_are_those_that_make_clients_wait_or_be_refused():
    assert {threshold.metric for threshold in guide.THRESHOLDS if threshold.slows} == {
        *("session_p95_ms", "cache_p95_ms", "job_p95_ms", "longest_pause_ms", "command_p99_ms", "slowest_ms"),
        *("slow_commands", "main_thread_cpu", "delayed_fsyncs", "fork_ms"),
        *("rejected_connections", "failed_operations", "error_replies"),
    }


def test_what_only_warns_fails_where_it_makes_clients_wait_and_the_load_fell_short():
    samples = [{**sample, "canary_max": 900_000.0, "connected_clients": 9000} for sample in result()["samples"]]
    made = document(result(samples=samples))
    assert made["verdict"] == "PASS"
    assert finding(made, "longest_pause_ms")["status"] == "WARN"
    made = document(result(samples=samples, trust=[{"id": "dropped", "text": "why"}]))
    assert made["verdict"] == "FAIL"
    assert finding(made, "longest_pause_ms")["status"] == "FAIL"
    assert finding(made, "client_share")["status"] == "WARN"  # many connections make nobody wait


def test_writes_that_wait_for_the_disk_are_told_of_it():
    config = {**BEFORE["config"], "appendonly": "yes", "appendfsync": "always"}
    hosts = {"h": {"before": [{**BEFORE, "config": config}], "after": [{**after(), "config": config}]}}
    run = {"host": "h", "instance": "cache", "kind": "users", "name": "g", "said": ""}
    made = load_record.build(hosts, guide.THRESHOLDS, time="", inventory="", runs=[{**run, "result": result()}])
    assert "(appendfsync always" in finding(made, "session_p95_ms")["actual"]
    assert "appendfsync" not in finding(made, "cache_p95_ms")["actual"]
    assert not any("appendfsync" in item["actual"] for item in document(result())["instances"][0]["findings"])


def test_a_load_of_our_own_that_a_slow_server_cut_short_is_a_load():
    slow = result(trust=[{"id": "rate", "text": "100 of 5500"}], errors={"timeout": 900})
    made = document(slow, then=after(total_commands_processed=5100))
    assert (made["verdict"], made["distrust"]) == ("FAIL", [])


def test_two_generators_are_one_load():
    half = result(rate={"wanted": 2750.0, "reached": 2749.0}, connections={"wanted": 500, "reached": 500})
    made = document(half, {**half, "trust": [{"id": "late", "text": "slow"}]})
    users = made["instances"][0]["loads"]["users"]
    assert users["rate"] == {"wanted": 5500, "reached": 5498}
    assert users["connections"] == {"wanted": 1000, "reached": 1000}
    assert users["flows"]["cache_get"]["count"] == 10_000
    assert made["instances"][0]["distrust"] == ["g1: slow"]


@pytest.mark.parametrize(("seconds", "verdict"), [(0.5, "PASS"), (10, "INVALID")])
def test_generators_that_did_not_begin_together_prove_nothing(seconds, verdict):
    def begun(at: float) -> dict:
        return {"start": {"info": {"server_time_usec": str(int(at * 1e6))}}}

    made = document(result(window=begun(1000)), result(window=begun(1000 + seconds)))
    assert made["verdict"] == verdict
    assert [text.startswith("g1: it began") for text in made["instances"][0]["distrust"]] == [True] * (seconds > 2)


@pytest.mark.parametrize(("run_id", "verdict"), [("a", "PASS"), ("b", "INVALID")])
def test_a_load_that_went_to_another_server_proves_nothing(run_id, verdict):
    elsewhere = {"start": {"time": 1001.0, "info": {"run_id": run_id}}}
    there = {"start": {"time": 1001.0, "info": {"run_id": "a"}}}
    made = document(result(window=there), result(window=elsewhere))
    assert made["verdict"] == verdict
    assert ["another server" in text and "g1" in text for text in made["instances"][0]["distrust"]] == [True] * (
        run_id == "b"
    )


def test_a_server_that_restarted_is_not_called_another_one():
    """Between the looks and the load, or in the middle of it: it has a new name in both."""
    again = {"start": {"time": 1001.0, "info": {"run_id": "b"}}}
    made = document(result(window=again), then={**after(), "run_id": "b"})
    assert made["instances"][0]["distrust"] == ["the server restarted in between"]


def test_a_generator_without_a_result_proves_nothing():
    made = document(result(), None)
    assert made["verdict"] == "INVALID"
    assert "it broke" in made["instances"][0]["distrust"][0]


def test_jobs():
    made = document(JOBS, kind="jobs")
    assert made["verdict"] == "PASS"
    assert made["instances"][0]["metrics"]["job_p95_ms"] == 12
    assert "ops_per_second" not in made["instances"][0]["metrics"]  # the guide's number is for users
    lost = document({**JOBS, "lost": 3, "add_errors": {"TimeoutError": 2}}, kind="jobs")
    assert lost["verdict"] == "FAIL"
    assert finding(lost, "jobs_lost")["actual"] == "5 (3 lost, 2 refused)"


def test_jobs_that_nobody_did_are_a_failure():
    """As measured with work of a second, 300 jobs a second and four at once: all were added, none was completed."""
    made = document({**JOBS, "not_done": {"wait": 1211, "active": 1}}, kind="jobs")
    assert made["verdict"] == "FAIL"
    left = finding(made, "jobs_left")
    assert (left["status"], left["actual"]) == ("FAIL", "1,212 (1211 wait, 1 active)")
    assert "workers" in left["remedy"]
    assert finding(made, "jobs_lost")["status"] == "PASS"


def test_what_is_left_of_jobs_that_were_stopped_is_nobody_s_fault():
    made = document({**JOBS, "interrupted": True, "not_done": {"wait": 12}}, kind="jobs")
    assert made["verdict"] == "INVALID"
    assert finding(made, "jobs_left")["status"] == "SKIP"


def test_keys_of_jobs_that_are_left_are_told_with_what_to_do():
    assert finding(document(JOBS, kind="jobs"), "keys_left")["status"] == "PASS"
    made = document({**JOBS, "keys_left": 37}, kind="jobs")
    left = finding(made, "keys_left")
    assert (made["verdict"], left["status"], left["actual"]) == ("PASS", "WARN", "37 (*:redis-ops-load-r1:*)")
    assert "redis_load jobs --clean" in left["remedy"]
    left = finding(document({**JOBS, "keys_left": None}, kind="jobs"), "keys_left")  # nobody knows how many
    assert (left["status"], left["actual"]) == (
        "WARN",
        "100 (*:redis-ops-load-r1:*, the server did not say how many; 100 jobs were added)",
    )


def test_keys_of_users_that_are_left_are_told_with_the_reason():
    clean = {"removed": 19, "complete": True, "why": ""}
    assert finding(document(result(cleanup=clean)), "keys_left")["status"] == "PASS"
    config = {**result()["config"], "prefix": "loadtest", "run_id": "r1", "users": 10, "cache_keys": 100}
    half = {"removed": 50, "complete": False, "why": "timed out; what is left ends within 600 s"}
    made = document(result(config=config, cleanup=half), result(config=config, cleanup=clean))
    left = finding(made, "keys_left")  # of 100 cache keys, 10 sessions, that of the single user and the probe's
    assert (made["verdict"], left["status"]) == ("PASS", "WARN")
    assert left["actual"] == "62 (loadtest:r1:*, at most, g0: timed out; what is left ends within 600 s)"
    assert any("keys that the load left behind" in line for line in lines(made))


@pytest.mark.parametrize(
    "change",
    [
        {"interrupted": True},
        {"worker_errors": {"worker ended": 1}},
        {"cpu": {"producer": 0.95, "workers": []}},
        {"phases": {"load": {"added": 0}}},
        {"phases": {"load": {"added": 5, "late_us": {"p95": 50_000}}}},
    ],
)
def test_jobs_that_prove_nothing(change):
    assert document({**JOBS, **change}, kind="jobs")["verdict"] == "INVALID"


def test_a_server_that_is_gone_makes_it_invalid():
    gone = {"instance": "cache", "down": "it does not run"}
    made = document(result(), then=gone)
    assert made["verdict"] == "INVALID"
    assert "it does not run" in made["instances"][0]["distrust"]
