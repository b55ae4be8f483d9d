"""Several generators judged as one: held against all their measurements put together and sorted."""

from __future__ import annotations

import math
import random

import pytest
from ansible.module_utils.redis_control.load import merge
from hypothesis import given, settings
from hypothesis import strategies as st

PERCENTS = [*range(1, 90), *(90 + n / 2 for n in range(18)), *(round(99 + n / 10, 1) for n in range(10)), 99.95, 99.99]
SHAPES = ("expovariate", "paretovariate", "random")


def measured(number: int, size: int, shape: str) -> list[float]:
    source = random.Random(number)
    return [0.01 + (source.random() if shape == "random" else getattr(source, shape)(1.5)) for _ in range(size)]


PARTS = st.builds(measured, st.integers(0, 999), st.integers(200, 2000), st.sampled_from(SHAPES))


def rank(ordered: list[float], percent: float) -> float:
    return ordered[max(math.ceil(percent * len(ordered) / 100), 1) - 1]


def summary(values: list[float]) -> dict:
    """As k6 tells of them."""
    ordered = sorted(values)
    return {
        "count": len(ordered),
        "mean": sum(ordered) / len(ordered),
        "max": ordered[-1],
        "quantiles": [[percent, rank(ordered, percent)] for percent in PERCENTS],
    }


@given(st.lists(PARTS, min_size=2, max_size=4))
@settings(max_examples=30, deadline=None)
def test_the_whole_is_what_all_measured(parts):
    merged = merge.latencies([summary(part) for part in parts])
    everything = sorted(value for part in parts for value in part)
    assert merged["count"] == len(everything)
    assert merged["max"] == everything[-1]
    assert merged["mean"] == pytest.approx(sum(everything) / len(everything))
    for name, percent in merge.NAMED.items():
        # k6 tells of whole percents and halves of them: so exact, in ranks, is the merged one
        low, high = rank(everything, percent - 2), rank(everything, min(percent + 2, 100))
        assert low * 0.999999 <= merged[name] <= high * 1.000001, name


def test_one_generator_keeps_its_own_numbers():
    alone = summary([float(n) for n in range(1, 1001)])
    merged = merge.latencies([alone])
    assert [merged[name] for name in merge.NAMED] == [500, 900, 950, 990, 999]


def test_a_slow_one_is_not_averaged_away():
    fast, slow = summary([1.0] * 9000), summary([100.0] * 1000)
    merged = merge.latencies([fast, slow])
    assert merged["p95"] > 50
    assert merged["p50"] <= 1.000001


def test_the_size_of_each_counts():
    merged = merge.latencies([summary([1.0] * 990), summary([100.0] * 10)])
    assert merged["p95"] <= 1.000001
    assert merged["p99.9"] > 50


def test_nothing_was_measured():
    assert merge.latencies([]) == {"count": 0}
    assert merge.latencies([{"count": 0}]) == {"count": 0}


def test_entries_of_the_slow_log_are_placed_by_the_clock_of_the_server():
    samples = [{"t": t, "server_time": 1000.5 + t, "slowlog_id": 99} for t in range(4)] + [{"t": 9, "error": "gone"}]
    entries = [{"id": 8, "time": 1002}, {"id": 7, "time": 999}, {"id": 10, "time": 1003}, {"id": 9, "time": 1003}]
    found = merge.with_slow_log(samples, entries, 6)
    assert [sample.get("slowlog_id") for sample in found] == [7, 7, 8, 10, None]
    assert merge.with_slow_log(samples, [], 6)[0]["slowlog_id"] == 6
    assert merge.with_slow_log([{"t": 1}], entries, 6) == [{"t": 1}]  # an old server that tells no time
