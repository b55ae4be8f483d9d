"""Two snapshots, the thresholds and the verdict, with numbers typed by hand."""

from __future__ import annotations

from copy import deepcopy

import pytest
from ansible.module_utils.redis_control.load import guide, thresholds, verdict, window
from ansible.module_utils.redis_control.report import load_record
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from ansible.module_utils.redis_ops.load.snapshot import cpu_ticks, histograms
from rendered import lines

BEFORE = {
    "instance": "cache",
    "time": 1000.0,
    "server": "Redis 7.0.15",
    "run_id": "a",
    "role": "master",
    "numbers": {
        "total_commands_processed": 100,
        "keyspace_hits": 0,
        "keyspace_misses": 0,
        "evicted_keys": 0,
        "expired_keys": 0,
        "rejected_connections": 2,
        "connected_clients": 10,
        "maxclients": 10_000,
        "maxmemory": 1 << 30,
        "used_memory": 200 << 20,
        "used_memory_peak": 300 << 20,
        "used_cpu_user_main_thread": 1.0,
        "used_cpu_sys_main_thread": 1.0,
        "latest_fork_usec": 2500,
        "total_forks": 3,
    },
    "texts": {"rdb_last_bgsave_status": "ok", "aof_last_write_status": "ok", "master_link_status": "down"},
    "commands": {},
    "errors": {"ERR": 4},
    "keys": 100,
    "histograms": {"get": {"calls": 100, "buckets": [[1, 50], [2, 100]]}},
    "slowlog": {
        "threshold": 10_000,
        "room": 100,
        "entries": [{"id": 7, "time": 1005, "usec": 11_000, "command": "SORT"}],
        "last_id": 7,
    },
    "clients": {},
    "config": {"maxmemory": "1073741824", "maxmemory-policy": "allkeys-lru", "hz": "10"},
    "host": {"swapped": 0, "listen_drops": 1},
}


def after(**numbers: float) -> dict:
    """The same 10 seconds later, with these counters."""
    made = deepcopy(BEFORE)
    made["time"] += 10
    made["numbers"].update(total_commands_processed=100_100, keyspace_hits=9600, keyspace_misses=400)
    made["numbers"].update(numbers)
    made["histograms"]["get"] = {"calls": 1100, "buckets": [[1, 50], [2, 600], [8, 1085], [16, 1100]]}
    return made


def judged(then: dict, *, cooled: dict | None = None, **how: object) -> verdict.Verdict:
    seen = window.between(BEFORE, then, cooled)
    given = {"instance": "cache", "evicts": True, "queue": False, "distrust": seen.void, **how}
    return verdict.judge(seen.metrics, guide.THRESHOLDS, notes=seen.notes, **given)


def missed(result: verdict.Verdict) -> set[str]:
    return {finding.id.removeprefix("load.") for finding in result.findings if finding.status.value == "FAIL"}


def test_a_good_window():
    seen = window.between(BEFORE, after())
    assert seen.metrics["ops_per_second"] == 10_000
    assert seen.metrics["hit_ratio"] == 96
    assert seen.metrics["rejected_connections"] == 0
    assert seen.metrics["memory_share"] == pytest.approx(100 * 200 / 1024)  # the peak is an old one
    assert seen.metrics["command_p99_ms"] == 0.016
    result = judged(after())
    assert (result.word, result.exit_code, missed(result)) == ("PASS", 0, set())


@pytest.mark.parametrize(
    ("change", "metrics"),
    [
        ({"numbers": {"evicted_keys": 1000}}, {"evicted_share"}),
        ({"numbers": {"keyspace_misses": 4000}}, {"hit_ratio"}),
        ({"numbers": {"rejected_connections": 3}}, {"rejected_connections"}),
        ({"errors": {"ERR": 4, "OOM": 1}}, {"error_replies"}),
        ({"texts": {"rdb_last_bgsave_status": "err"}}, {"persistence_failures"}),
        (
            {
                "slowlog": {
                    "threshold": 1,
                    "room": 9,
                    "last_id": 12,
                    "entries": [{"id": 12, "time": 1005, "usec": 60_000, "command": "KEYS"}],
                }
            },
            {"slow_commands", "slowest_ms"},
        ),
        ({"host": {**BEFORE["host"], "listen_drops": 5}}, {"listen_drops"}),
        ({"numbers": {"evicted_clients": 200}}, {"evicted_clients"}),
        ({"host": {**BEFORE["host"], "swapped": 5}}, {"swapped_bytes"}),
    ],
)
def test_each_miss_fails_for_its_own_reason(change, metrics):
    then = after(**change.pop("numbers", {}))
    then.update(change)
    result = judged(then)
    assert (result.word, result.exit_code) == ("FAIL", 2)
    assert missed(result) == metrics
    for finding in result.findings:
        assert (finding.remedy != "") == (finding.status.value in ("FAIL", "WARN"))


def test_an_empty_slow_log_does_not_tell_how_far_its_ids_have_come():
    empty = {"threshold": 10_000, "room": 100, "entries": [], "last_id": -1}
    then = after()
    then["slowlog"] = {**empty, "last_id": 41, "entries": [{"id": 41, "time": 1005, "usec": 12_000, "command": "KEYS"}]}
    assert window.between({**BEFORE, "slowlog": empty}, then).metrics["slow_commands"] == 1


@pytest.mark.parametrize(
    ("log", "limits", "count", "slowest"),
    [
        ({}, {}, "PASS", "PASS"),  # from 10 ms on: 50 ms would have been seen
        ({"threshold": 50_000}, {}, "PASS", "PASS"),
        ({"threshold": 1_000_000}, {}, "PASS", "SKIP"),
        ({}, {"slowest_ms": 5}, "PASS", "SKIP"),
        ({"room": 0}, {}, "SKIP", "SKIP"),
        ({"threshold": -1}, {}, "SKIP", "SKIP"),
        (
            {
                "threshold": 1_000_000,
                "last_id": 8,
                "entries": [{"id": 8, "time": 1005, "usec": 1_200_000, "command": "KEYS"}],
            },
            {},
            "PASS",
            "FAIL",
        ),
    ],
)
def test_a_log_that_would_not_show_it_is_no_pass(log, limits, count, slowest):
    whole = {**BEFORE["slowlog"], **log}
    seen = window.between(
        {**BEFORE, "slowlog": {**BEFORE["slowlog"], **log, "last_id": 7}}, {**after(), "slowlog": whole}
    )
    known = thresholds.adjusted(guide.THRESHOLDS, limits, "mine")
    result = verdict.judge(
        seen.metrics, known, instance="cache", evicts=True, queue=False, notes=seen.notes, distrust=()
    )
    found = {finding.id: finding for finding in result.findings}
    assert found["load.slow_commands"].status.value == count
    assert found["load.slowest_ms"].status.value == slowest
    assert "(" in found["load.slow_commands"].actual  # from how many ms on, or why not


def test_what_is_no_fault_of_the_server_only_warns():
    result = judged(after(total_commands_processed=1100))
    assert result.word == "PASS"
    assert [finding.id for finding in result.findings if finding.status.value == "WARN"] == ["load.ops_per_second"]


@pytest.mark.parametrize(
    ("used", "allocator", "lost"), [(200, 1.4, 300), (200, 1.1, 0), (50, 1.4, None)], ids=["holes", "peak", "small"]
)
def test_fragmentation_is_not_fooled_by_a_peak_or_by_small_data(used, allocator, lost):
    ratios = {"mem_fragmentation_ratio": 2.5, "allocator_frag_ratio": allocator}
    seen = window.between(BEFORE, after(used_memory=used << 20, mem_fragmentation_bytes=300 << 20, **ratios))
    assert seen.metrics["fragmentation_mb"] == lost


# What the README and docs/loadtest.md promise, and inventories of people lean on: metric -> limit.
LIMITS = {
    "session_baseline_ms": 2,
    "cache_baseline_ms": 1,
    "job_baseline_ms": 5,
    "session_p95_ms": 10,
    "cache_p95_ms": 5,
    "job_p95_ms": 20,
    "longest_pause_ms": 500,
    "ops_per_second": 5000,
    "failed_operations": 0.1,
    "evicted_share": 5,
    "largest_eviction": 5,
    "hit_ratio": 95,
    "memory_share": 90,
    "fragmentation_mb": 100,
    "client_share": 80,
    "main_thread_cpu": 80,
    "host_cpu": 90,
    "slow_commands": 4,
    "slowest_ms": 50,
    "command_p99_ms": 10,
    "fork_ms": 100,
}
ONLY_WARNS = """
    sessions_lost longest_pause_ms ops_per_second memory_share fragmentation_mb client_share keys_left main_thread_cpu
    host_cpu delayed_fsyncs fork_ms
"""


def test_the_limits_stay():
    assert {target.metric: target.limit for target in guide.THRESHOLDS if target.limit} == LIMITS
    assert {target.metric for target in guide.THRESHOLDS if not target.hard} == set(ONLY_WARNS.split())


@pytest.mark.parametrize("name", ["mem_fragmentation_ratio", "allocator_frag_ratio", "mem_fragmentation_bytes"])
def test_without_one_of_its_numbers_no_fragmentation_is_claimed(name):
    numbers = {"mem_fragmentation_ratio": 2.5, "allocator_frag_ratio": 1.4, "mem_fragmentation_bytes": 300 << 20}
    del numbers[name]
    seen = window.between(BEFORE, after(used_memory=200 << 20, **numbers))
    assert seen.metrics["fragmentation_mb"] == 0
    # each at its limit says nothing yet
    numbers = {"mem_fragmentation_ratio": 2.5, "allocator_frag_ratio": 1.4, "mem_fragmentation_bytes": 300 << 20}
    numbers |= {"mem_fragmentation_ratio": 1.5, "allocator_frag_ratio": 1.3}
    assert window.fragmentation({"used_memory": 200 << 20, **numbers}) == 0


def test_who_stays_is_named():
    then = after()
    cooled = {**then, "numbers": {**then["numbers"], "connected_clients": 60}}
    cooled["clients"] = {"names": {"web": 52, "(no name)": 8}}
    assert window.between(BEFORE, then, cooled).notes["leaked_clients"] == "52 of web, 8 of (no name)"


def test_a_counter_that_this_version_lacks_is_not_judged():
    assert window.between(BEFORE, after()).metrics["output_buffer_disconnections"] is None


def test_the_fewest_lookups_that_say_something():
    assert window.hit_ratio(990, 10) == 99
    assert window.hit_ratio(990, 9) is None
    assert window.hit_ratio(0, 0) is None


def test_too_few_lookups_say_nothing():
    result = judged(after(keyspace_hits=10, keyspace_misses=10))
    [finding] = [finding for finding in result.findings if finding.id == "load.hit_ratio"]
    assert finding.status.value == "SKIP"
    assert result.word == "PASS"


def test_where_nothing_may_be_evicted_one_is_too_many():
    result = judged(after(evicted_keys=1), evicts=False)
    assert missed(result) == {"evicted_keys"}
    assert not [finding for finding in result.findings if finding.id in ("load.hit_ratio", "load.evicted_share")]
    assert missed(judged(after(evicted_keys=1), queue=True)) == {"evicted_keys"}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"run_id": "b"}, "restarted"),
        ({"time": 900.0}, "older"),
        ({"role": "slave"}, "role"),
        ({"config": {**BEFORE["config"], "hz": "77"}}, "hz"),
        ({"numbers": {**BEFORE["numbers"], "total_commands_processed": 5}}, "reset"),
        ({"commands": {"config|resetstat": {"calls": 1}}}, "reset"),
        ({"commands": {"config|set": {"calls": 2}}}, "changed back"),
        # ids go on rising, but an empty log has none
        ({"slowlog": {**BEFORE["slowlog"], "last_id": -1}}, "slow log"),
    ],
)
def test_a_broken_window_is_invalid(change, reason):
    result = judged({**after(), **change})
    assert (result.word, result.exit_code) == ("INVALID", 3)
    assert reason in result.distrust[0]


def test_a_generator_that_lagged_makes_it_invalid():
    result = judged(after(evicted_keys=1000), distrust=["generator: 99 % of its processors"])
    assert result.word == "INVALID"


def test_a_fork_of_before_is_not_this_loads():
    seen = window.between(BEFORE, after())
    assert (seen.metrics["fork_ms"], seen.notes["fork_ms"]) == (None, "none meanwhile")
    seen = window.between(BEFORE, after(total_forks=4, latest_fork_usec=3500))
    assert (seen.metrics["fork_ms"], "fork_ms" in seen.notes) == (3.5, False)


@pytest.mark.parametrize(("left", "leaked"), [(10, False), (15, False), (16, True), (500, True)])
def test_clients_that_stay_are_a_leak(left, leaked):
    result = judged(after(), cooled=after(connected_clients=left))
    assert ("leaked_clients" in missed(result)) == leaked


def test_a_command_counts_by_its_calls_in_between_and_not_by_those_of_months_before():
    old = {"get": {"calls": 10**9, "buckets": [[1, 10**9]]}, "info": {"calls": 5, "buckets": [[66, 5]]}}
    then = after()
    then["histograms"] = {**old, "evalsha": {"calls": 600_000, "buckets": [[16, 500_000], [33_554, 600_000]]}}
    then["histograms"]["info"] = {"calls": 9_000_005, "buckets": [[66, 9_000_005]]}  # who looks is no load
    seen = window.between({**BEFORE, "histograms": old}, then)
    assert (seen.metrics["command_p99_ms"], seen.notes["command_p99_ms"]) == (33.554, "evalsha")


def test_a_window_without_a_command_has_no_slowest():
    then = {**after(), "histograms": BEFORE["histograms"]}
    [told] = [finding for finding in judged(then).findings if finding.id == "load.command_p99_ms"]
    assert told.status.value == "SKIP"


def test_without_a_distribution_the_mean_of_the_slowest_common_command_is_told():
    """As Redis 6.2 has it, which counts every subcommand of CONFIG as config."""
    before, then = {**BEFORE, "histograms": {}}, {**after(), "histograms": {}}
    before["commands"] = {"get": {"calls": 10**9, "usec": 10**9}, "evalsha": {"calls": 1000, "usec": 9_000_000}}
    then["commands"] = {
        "get": {"calls": 10**9 + 60_000, "usec": 10**9 + 60_000},
        "evalsha": {"calls": 1200, "usec": 9_500_000},  # 2.5 ms
        "config": {"calls": 5000, "usec": 50_000_000},
        "keys": {"calls": 1, "usec": 900_000},  # that one is in the slow log
    }
    seen = window.between(before, then)
    assert (seen.metrics["command_p99_ms"], seen.metrics["command_mean_ms"]) == (None, 2.5)
    assert "evalsha took 2.5 ms" in seen.notes["command_p99_ms"]


def test_what_overflows_the_accept_queue_is_one_drop():
    then = {**after(), "host": {**BEFORE["host"], "listen_overflows": 4, "listen_drops": 4}}
    assert window.between(BEFORE, then).metrics["listen_drops"] == 3


STAT = "cpu  100 20 30 800 40 5 5 0 60 7\ncpu0 100 20 30 800 40 5 5 0 60 7\nintr 1\n"  # a guest's 60 are in the 100


def test_the_ticks_of_all_cores():
    assert cpu_ticks(STAT) == {"busy": 160, "total": 1000}
    assert cpu_ticks("cpu  1 2 3 4\n") == {"busy": 6, "total": 10}
    assert cpu_ticks("") is None


@pytest.mark.parametrize(
    ("then", "percent", "status"),
    [
        ({"busy": 1060, "total": 2000}, 90, "PASS"),
        ({"busy": 1110, "total": 2000}, 95, "WARN"),
        ({"busy": 160, "total": 1000}, None, "SKIP"),
        (None, None, "SKIP"),
    ],
)
def test_a_host_that_had_nothing_left_warns(then, percent, status):
    before = {**BEFORE, "host": {**BEFORE["host"], "cpu": {"busy": 160, "total": 1000}}}
    seen = window.between(before, {**after(), "host": {**BEFORE["host"], "cpu": then}})
    assert seen.metrics["host_cpu"] == percent
    result = verdict.judge(
        seen.metrics, guide.THRESHOLDS, instance="cache", evicts=True, queue=False, notes={}, distrust=()
    )
    assert result.word == "PASS"
    assert [f.status.value for f in result.findings if f.id == "load.host_cpu"] == [status]


def test_percentiles_from_buckets_that_redis_leaves_out():
    before = {"calls": 100, "buckets": [[1, 90], [4, 100]]}
    now = {"calls": 200, "buckets": [[1, 90], [2, 189], [4, 200]]}
    assert window.percentile(before, now, 0.99) == 2
    assert window.percentile(None, now, 0.5) == 2
    assert window.percentile(now, now, 0.5) is None


def test_histograms():
    reply = ["get", ["calls", 3, "histogram_usec", [1, 1, 2, 3]]]
    assert histograms(reply) == {"get": {"calls": 3, "buckets": [[1, 1], [2, 3]]}}


@pytest.mark.parametrize(
    ("metric", "value", "told", "expected"),
    [
        ("hit_ratio", 94.97, "94.97 %", "at least 95 %"),
        ("hit_ratio", 94.9999999, "94.9999999 %", "at least 95 %"),
        ("hit_ratio", 94.2, "94.2 %", "at least 95 %"),
        ("hit_ratio", 95.04, "95 %", "at least 95 %"),
        ("ops_per_second", 999.7, "1,000/s", "at least 5,000/s"),
        ("ops_per_second", 4999.6, "4,999.6/s", "at least 5,000/s"),
        ("failed_operations", 0.00002, "0.00002 %", "at most 0.1 %"),
        ("failed_operations", 0.10004, "0.10004 %", "at most 0.1 %"),
        ("swapped_bytes", 12_345_678.0, "12,345,678 bytes", "at most 0 bytes"),
        ("evicted_share", 0.0, "0 %", "at most 5 %"),
    ],
)
def test_a_miss_does_not_look_like_the_limit(metric, value, told, expected):
    [threshold] = [threshold for threshold in guide.THRESHOLDS if threshold.metric == metric]
    assert (threshold.told(value), threshold.expected) == (told, expected)


def test_a_limit_is_told_as_it_was_typed():
    [threshold] = thresholds.adjusted([guide.THRESHOLDS[0]], {guide.THRESHOLDS[0].metric: 1234.567}, "mine")
    assert threshold.expected == "at most 1,234.567 ms"


def test_targets_of_ones_own():
    changed = {
        threshold.metric: threshold
        for threshold in thresholds.adjusted(guide.THRESHOLDS, {"hit_ratio": 80, "ops_per_second": None}, "mine")
    }
    assert changed["hit_ratio"].limit == 80
    assert "ops_per_second" not in changed
    with pytest.raises(InvalidInput) as raised:
        thresholds.adjusted(
            guide.THRESHOLDS,
            {"hitratio": 80, "fork_ms": "many", "hit_ratio": float("nan"), "evicted_share": "inf"},
            "mine",
        )
    assert "did you mean hit_ratio" in str(raised.value)
    assert "fork_ms: 'many'" in str(raised.value)
    assert "hit_ratio: nan" in str(raised.value)
    assert "evicted_share: 'inf'" in str(raised.value)


def document(*changes: dict) -> dict:
    hosts = {
        f"h{number}": {"before": [BEFORE], "after": [{**after(), **change}]} for number, change in enumerate(changes)
    }
    return load_record.build(hosts, guide.THRESHOLDS, time="2026-11-23T00:00:00+00:00", inventory="inventories/local")


@pytest.mark.parametrize(("queues", "word", "note"), [(True, "FAIL", ""), (False, "PASS", ""), (None, "PASS", "queue")])
def test_a_queue_among_what_is_evicted_loses_no_key(queues, word, note):
    """One key in a thousand: the guide's 5 % are for caches."""
    hosts = {"h": {"before": [{**BEFORE, "has_queues": queues}], "after": [after(evicted_keys=1)]}}
    [place] = load_record.build(hosts, guide.THRESHOLDS, time="", inventory="")["instances"]
    assert place["verdict"] == word
    assert ("load.evicted_keys" in {finding["id"] for finding in place["findings"]}) == (word == "FAIL")
    [share] = [finding["actual"] for finding in place["findings"] if finding["id"] == "load.evicted_share"]
    assert note in share
    assert ("(" in share) == bool(note)


def test_one_bad_place_decides():
    assert document({}, {})["verdict"] == "PASS"
    assert document({}, {"errors": {"OOM": 1}})["verdict"] == "FAIL"
    assert document({"errors": {"OOM": 1}}, {"run_id": "b"})["verdict"] == "INVALID"


def test_no_load_proves_nothing():
    made = document({"numbers": {**BEFORE["numbers"], "total_commands_processed": 200}})
    assert made["verdict"] == "INVALID"
    assert "no load" in "\n".join(lines(made))
    assert load_record.build({}, guide.THRESHOLDS, time="", inventory="")["verdict"] == "INVALID"


def test_what_is_void_was_not_counted():
    assert document({"run_id": "b"})["distrust"] == []


def test_a_window_that_nobody_closed_proves_nothing():
    made = load_record.build({"h": {"before": [BEFORE]}}, guide.THRESHOLDS, time="", inventory="")
    assert made["verdict"] == "INVALID"
