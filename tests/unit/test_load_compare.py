"""Two sets of load tests: what differs is found, what does not is not claimed, and what nobody can tell is said to be so."""

from __future__ import annotations

import json
import math
import random
import re
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from ansible.module_utils.redis_control.load import compare, rank_test, runs
from ansible.module_utils.redis_ops.base.errors import InvalidInput, RedisOpsError
from hypothesis import given
from hypothesis import strategies as st
from load_runs import FLOWS, report
from rendered import exposed, lines, page, xml
from strategies import quick
from test_report_outputs import metrics

# --- the rank test ----------------------------------------------------------------------------------------------------


def with_u(u, size_a, size_b):
    """Two samples without ties of which Mann and Whitney's U is this."""
    above = [0] * size_a  # how many of b are below each of a, which rises
    for index in reversed(range(size_a)):
        above[index] = min(size_b, u - sum(above))
    return [shift + place for place, shift in enumerate(above)], [
        rank for rank in range(size_a + size_b) if rank not in {s + i for i, s in enumerate(above)}
    ]


# P(U <= u), of which p is twice as much. Mann and Whitney 1947, table I; Siegel 1956, table J
PUBLISHED = {
    (3, 3): [0.050, 0.100, 0.200, 0.350, 0.500],
    (4, 4): [0.014, 0.029, 0.057, 0.100, 0.171, 0.243, 0.343, 0.443],
    (5, 5): [0.004, 0.008, 0.016, 0.028, 0.048, 0.075, 0.111, 0.155, 0.210, 0.274, 0.345, 0.421, 0.500],
    (6, 6): [0.001, 0.002, 0.004, 0.008, 0.013, 0.021, 0.032, 0.047, 0.066, 0.090, 0.120, 0.155, 0.197, 0.242],
}


@pytest.mark.parametrize(("sizes", "tail"), PUBLISHED.items())
def test_p_is_that_of_the_published_tables(sizes, tail):
    for u, share in enumerate(tail):
        a, b = with_u(u, *sizes)
        assert sum(x > y for x in a for y in b) == u
        assert rank_test.mann_whitney((a, b)) == pytest.approx(2 * share, abs=0.0011)


def test_p_of_a_worked_example():
    # Hollander and Wolfe 1973, p. 69: W = 35, and one-sided 0.1272
    a = [0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46]
    b = [1.15, 0.88, 0.90, 0.74, 1.21]
    assert sum(x > y for x in a for y in b) == 35
    assert rank_test.mann_whitney((a, b)) == pytest.approx(2 * 0.1272, abs=0.0001)


def test_p_with_ties_by_hand():
    # of the 70 ways to deal four 1 and four 2 out, 1 + 16 + 16 + 1 have no equal shares
    assert rank_test.mann_whitney(([1, 1, 1, 2], [1, 2, 2, 2])) == pytest.approx(34 / 70)
    assert rank_test.mann_whitney(([1, 1, 1, 1], [2, 2, 2, 2])) == pytest.approx(2 / 70)
    assert rank_test.mann_whitney(([3, 3, 3, 3], [3, 3, 3, 3])) == 1
    assert rank_test.doubled_ranks([5, 1, 5, 9]) == [5, 2, 5, 8]


# the largest U that is significant at 0.05, two-sided, as printed in textbooks; one more bounds the interval
CRITICAL = {(4, 4): 0, (4, 6): 2, (5, 5): 2, (5, 7): 5, (6, 6): 5, (7, 7): 8, (8, 8): 13, (5, 10): 8, (10, 10): 23}


@pytest.mark.parametrize(("sizes", "u"), CRITICAL.items())
def test_the_interval_ends_where_the_published_critical_values_say(sizes, u):
    a, b = [1.0] * sizes[0], list(range(1, sizes[1] + 1))
    a = [1.1 ** (20 * number) for number in range(sizes[0])]  # all b / a differ
    b = [1.1**number for number in range(sizes[1])]
    ordered = sorted(y / x for x in a for y in b)
    found = rank_test.change((a, b))
    assert (found.low, found.high) == (ordered[u], ordered[-u - 1])


def test_the_change_by_hand():
    # b / a: 2 4 6 8, 1 2 3 4, 2/3 4/3 2 8/3, 1/2 1 3/2 2; in order the middle two are 2 and 2, the ends 1/2 and 8
    found = rank_test.change(([1, 2, 3, 4], [2, 4, 6, 8]))
    assert (found.factor, found.low, found.high) == (pytest.approx(2), 0.5, 8)
    # b is higher in 4 + 3 + 3 + 2 of 16 pairs, equal in 0 + 1 + 0 + 1
    assert found.higher == (12 + 2 / 2) / 16


def test_what_was_0():
    found = rank_test.change(([0, 0, 0, 0], [1, 2, 3, 4]))
    assert (found.factor, found.low, found.higher) == (math.inf, math.inf, 1)
    assert rank_test.change(([1, 2, 3, 4], [0, 0, 0, 0])).factor == 0
    assert rank_test.change(([0, 0, 0, 0], [0, 0, 0, 0])).stays(1.05)


def test_six_runs_of_each_side_are_the_fewest():
    assert rank_test.fewest() == 6
    assert rank_test.mann_whitney((range(1, 6), range(6, 11))) == pytest.approx(2 / 252)
    assert rank_test.mann_whitney((range(1, 7), range(7, 13))) == pytest.approx(2 / 924)
    with pytest.raises(ValueError, match="no interval of 95%"):
        rank_test.change(([1, 2, 3], [4, 5, 6]))


# of how many values, the rank of the lower end; Conover 1980, table A3, for the median at 95 %
@pytest.mark.parametrize(("size", "rank"), [(6, 1), (8, 1), (9, 2), (12, 3), (15, 4), (20, 6), (25, 8)])
def test_the_interval_of_a_median_is_that_of_the_published_table(size, rank):
    values = random.Random(size).sample(range(1, size + 1), size)
    assert rank_test.median_interval(values) == (rank, size + 1 - rank)


def test_five_numbers_have_no_interval():
    with pytest.raises(ValueError, match="5 numbers have no interval of 95%"):
        rank_test.median_interval([1, 2, 3, 4, 5])


numbers = st.lists(st.integers(0, 12), min_size=4, max_size=6)


@quick
@given(numbers, numbers, st.sampled_from([0.001, 0.5, 1024, 1e9]))
def test_units_and_the_order_of_the_sides_do_not_matter(a, b, unit):
    here, there = rank_test.change((a, b)), rank_test.change((b, a))
    assert (there.p, there.higher) == (here.p, pytest.approx(1 - here.higher))
    assert there.factor == pytest.approx(1 / here.factor if here.factor else math.inf)
    assert there.low == pytest.approx(1 / here.high if here.high else math.inf)
    scaled = rank_test.change(([unit * x for x in a], [unit * y for y in b]))
    assert (scaled.p, scaled.higher) == (here.p, here.higher)
    assert (scaled.factor, scaled.low) == (pytest.approx(here.factor), pytest.approx(here.low))


# --- two sets of runs -------------------------------------------------------------------------------------------------


def run(dice, number=0, **given):
    return runs.read(f"{number}.json", report(dice, number, **given))


def sides(dice, size, **after):
    """Runs that take turns; after: what is other in those of b."""
    return (
        compare.Side("before", [run(dice, 2 * number) for number in range(size)]),
        compare.Side("after", [run(dice, 2 * number + 1, **after) for number in range(size)]),
    )


def compared(a, b, effect=5):
    return compare.build(a, b, effect=effect, time="2026-11-23T18:00:00+00:00")


def told(document):
    """measure -> verdict, of the only instance."""
    [place] = document["instances"]
    return {row["name"]: row["verdict"] for row in place["measures"]}


def alarms(document):
    return [name for name, verdict in told(document).items() if verdict in ("worse", "better")]


def test_where_nothing_differs_few_comparisons_raise_an_alarm():
    """docs/comparing.md says how many. Made-up runs have the noise of real ones."""
    dice = random.Random(20261123)
    found = [bool(alarms(compared(*sides(dice, 6)))) for _ in range(100)]
    assert sum(found) <= 15


@pytest.mark.parametrize(("factor", "word", "code"), [(1.2, "worse", 2), (1 / 1.2, "better", 0)])
def test_a_fifth_is_found_in_six_runs_against_six(factor, word, code):
    dice = random.Random(7)
    for _ in range(6):
        document = compared(*sides(dice, 6, factors={"session_read p95": factor}))
        assert told(document)["session_read p95"] == word
        assert (document["verdict"], document["exit_code"]) == (word, code) or len(alarms(document)) > 1


def test_what_is_better_is_as_the_targets_say():
    factors = {"ops_per_second": 0.5, "main_thread_cpu": 0.5, "100 % - hit_ratio": 2, "memory": 2}
    found = told(compared(*sides(random.Random(1), 6, factors=factors)))
    assert found["ops_per_second"] == "worse"
    assert found["main_thread_cpu"] == "better"
    assert found["100 % - hit_ratio"] == "worse"
    assert found["memory at its peak"] == "worse"


def test_each_measure_says_which_way_is_better():
    [place] = compared(*sides(random.Random(1), 6))["instances"]
    rows = {row["name"]: row["better"] for row in place["measures"]}
    assert {name for name, better in rows.items() if better == "higher"} == {"ops_per_second"}
    assert set(rows.values()) == {"higher", "lower"}


def test_every_measure_of_a_report_is_compared():
    found = told(compared(*sides(random.Random(1), 6)))
    latencies = {f"{what} {at}" for what in (*FLOWS, "job enqueue", "job end_to_end") for at in ("p50", "p95", "p99")}
    rest = {"ops_per_second", "100 % - hit_ratio", "main_thread_cpu", "command_p99_ms", "fork_ms", "slow_commands"}
    assert set(found) == latencies | rest | {"longest_pause_ms", "rejected_connections", "memory at its peak"}


def test_units_are_those_of_people():
    one = run(random.Random(1)).places["redis1", "default"].measured
    by_name = {measure.name: (value, measure.unit) for measure, value in one.items()}
    assert by_name["session_read p50"] == (pytest.approx(0.4, rel=0.2), " ms")
    assert by_name["job enqueue p50"] == (pytest.approx(0.4, rel=0.2), " ms")
    assert by_name["memory at its peak"] == (pytest.approx(64, rel=0.1), " MiB")
    assert by_name["100 % - hit_ratio"] == (pytest.approx(3, rel=0.2), " %")


def test_a_change_below_the_effect_is_no_alarm():
    factors = {"ops_per_second": 0.98}  # far out of its noise, and nothing to care about
    a, b = sides(random.Random(1), 6, factors=factors)
    assert told(compared(a, b))["ops_per_second"] == "same"
    assert told(compared(a, b, effect=1))["ops_per_second"] == "worse"
    assert told(compared(a, b, effect=2.1))["ops_per_second"] == "cannot tell"  # it is 2.09


def test_the_way_back_is_the_opposite():
    a, b = sides(random.Random(5), 6, factors={"cache_get p50": 1.3, "main_thread_cpu": 0.7})
    there, back = compared(a, b), compared(b, a)
    opposite = {"worse": "better", "better": "worse"}
    assert told(back) == {name: opposite.get(verdict, verdict) for name, verdict in told(there).items()}
    for row, other in zip(there["instances"][0]["measures"], back["instances"][0]["measures"], strict=True):
        if row["change"] is not None and other["change"] is not None:  # from 0 is no percentage
            assert (1 + row["change"] / 100) * (1 + other["change"] / 100) == pytest.approx(1)
        assert row["p"] == other["p"]
        assert (row["a_low"], row["a_high"]) == (other["b_low"], other["b_high"])


@pytest.mark.parametrize(("size", "code"), [(1, 3), (5, 3), (6, 2)])
def test_fewer_than_six_runs_a_side_tell_nothing(size, code):
    document = compared(*sides(random.Random(2), size, factors=dict.fromkeys(["cache_get p50", "cache_get p95"], 3.0)))
    assert document["exit_code"] == code
    assert (set(told(document).values()) == {"cannot tell"}) == (size < 6)
    last = lines(document)[-1]
    assert ("6 of each are needed" in last) == (size < 6)


def test_latencies_that_nobody_can_tell_are_not_made_good_by_counters():
    dice = random.Random(9)
    wild = {f"{flow} {at}": 1.0 for flow in FLOWS for at in ("p50", "p95", "p99")}
    a, b = (
        compare.Side(
            name,
            [
                run(dice, 2 * number + place, factors={key: dice.uniform(1, 4) for key in [*wild, *JOBS]})
                for number in range(6)
            ],
        )
        for place, name in enumerate(("before", "after"))
    )
    document = compared(a, b)
    assert Counter(told(document).values())["same"] >= 2
    assert (document["verdict"], document["exit_code"]) == ("cannot tell", 3)


JOBS = [f"job {what} {at}" for what in ("enqueue", "end_to_end") for at in ("p50", "p95", "p99")]


def test_what_was_not_measured_in_each_run_is_not_compared():
    dice = random.Random(4)
    documents = [report(dice, number) for number in range(8)]
    documents[3]["instances"][0]["metrics"]["fork_ms"] = None
    del documents[4]["instances"][0]["loads"]["jobs"]["phases"]["load"]
    documents[5]["instances"][0]["metrics"]["main_thread_cpu"] = math.nan
    every = [runs.read(f"{number}.json", one) for number, one in enumerate(documents)]
    [place] = compared(compare.Side("a", every[:4]), compare.Side("b", every[4:]))["instances"]
    found = {row["name"]: (row["verdict"], row["why"]) for row in place["measures"]}
    assert found["fork_ms"] == ("cannot tell", "measured in 3 of 4 and 4 of 4 runs")
    assert found["job enqueue p50"] == ("cannot tell", "measured in 4 of 4 and 3 of 4 runs")
    assert found["main_thread_cpu"][1] == "measured in 4 of 4 and 3 of 4 runs"
    assert "swapped_bytes" not in found


# --- what is refused, left out and told --------------------------------------------------------------------------------


def refused(a, b, **given):
    with pytest.raises(InvalidInput) as caught:
        compared(a, b, **given)
    return str(caught.value).splitlines()


def test_another_load_is_refused():
    [line] = refused(*sides(random.Random(1), 4, offered={"rate": 8000}))
    assert line.startswith("redis1 default, load users: rate: 5500 in before, 8000 in after; expected the same load")
    documents = [report(random.Random(1), number) for number in range(8)]
    del documents[6]["instances"][0]["loads"]["jobs"]
    every = [runs.read(f"{number}.json", one) for number, one in enumerate(documents)]
    [line] = refused(compare.Side("before", every[:4]), compare.Side("after", every[4:]))
    assert "load jobs: yes in before, (none) or yes in after" in line


def test_other_instances_are_refused():
    told = refused(*sides(random.Random(1), 4, place=("redis1", "queue")))
    assert told[0].startswith("1.json and 3 more: no redis1 default in it; expected the same instances")
    assert told[1].startswith("0.json and 3 more: no redis1 queue in it")


def test_a_run_counts_once():
    a, b = sides(random.Random(1), 4)
    assert refused(a, a) == [
        "redis_loadtest_compare_b: the runs of before again; expected other runs; name those after the change"
    ]
    copy = runs.Run("latest.json", *[getattr(b.given[0], name) for name in ("time", "label", "invalid", "places")])
    assert refused(a, compare.Side("after", [*b.given, copy])) == [
        "latest.json: is the same run as 1.json; expected each run once; leave one of them out"
    ]


@pytest.mark.parametrize("effect", [0, -5, math.nan, 1001])
def test_an_effect_is_a_percentage(effect):
    [line] = refused(*sides(random.Random(1), 1), effect=effect)
    assert line.startswith("redis_loadtest_compare_effect: ")


def test_invalid_runs_are_left_out_by_name():
    dice = random.Random(3)
    a, b = sides(dice, 4)
    bad = run(dice, 99, verdict="INVALID")
    document = compared(a, compare.Side("after", [*b.given, bad]))
    assert document["b"]["left_out"] == [{"file": "99.json", "reason": "the generator was 99 % busy"}]
    assert len(document["b"]["runs"]) == 4
    assert document["notes"][0].startswith("1 of 5 runs of after are INVALID: where what is compared made them so")
    assert "left out of after: 99.json is INVALID: the generator was 99 % busy" in lines(document)
    document = compared(a, compare.Side("after", [bad]))
    assert (document["verdict"], document["exit_code"], document["instances"]) == ("cannot tell", 3, [])
    assert document["notes"] == ["after: every run is INVALID"]


def test_runs_that_did_not_take_turns_are_told():
    dice = random.Random(3)
    first, last = [run(dice, number) for number in range(4)], [run(dice, number) for number in range(4, 8)]
    for a, b in ((first, last), (last, first)):
        [note] = compared(compare.Side("before", a), compare.Side("after", b))["notes"]
        assert "was before every run of" in note
    assert compared(*sides(dice, 4))["notes"] == []


def test_what_differs_is_listed_exactly():
    document = compared(*sides(random.Random(3), 4, config={"io-threads": "4", "maxmemory": "1073741824"}))
    assert document["instances"][0]["differences"] == [
        {"what": "io-threads", "a": "(none)", "b": "4"},
        {"what": "maxmemory", "a": "2147483648", "b": "1073741824"},
    ]
    assert compared(*sides(random.Random(3), 4))["instances"][0]["differences"] == []


def test_a_mixture_on_one_side_is_told():
    dice = random.Random(3)
    a, b = sides(dice, 4)
    mixed = compare.Side("after", [*b.given[:3], run(dice, 7, config={"maxmemory": "1gb"})])
    assert compared(a, mixed)["notes"] == ["the runs of after are not of one kind: maxmemory"]


def test_somebody_else_s_load_is_compared_with_a_warning():
    dice = random.Random(3)
    documents = [report(dice, number) for number in range(12)]
    for document in documents:
        document["instances"][0]["loads"] = {}
    every = [runs.read(f"{number}.json", one) for number, one in enumerate(documents)]
    document = compared(compare.Side("a", every[::2]), compare.Side("b", every[1::2]))
    assert document["notes"][0].startswith("somebody else made the load")
    assert document["verdict"] == "not worse"
    assert "ops_per_second" in told(document)


@pytest.mark.parametrize(
    "document",
    [
        None,
        [],
        {"schema": "redis-drift/1"},
        {"schema": "redis-loadtest/1"},
        {"schema": "redis-loadtest/1", "instances": [7], "distrust": [], "verdict": "PASS", "time": ""},
        {"schema": "redis-loadtest/1", "instances": [{}], "distrust": [], "verdict": "PASS", "time": ""},
    ],
)
def test_what_is_no_report_is_said_in_a_line(document):
    with pytest.raises(RedisOpsError, match=r"^x\.json: [^\n]*; expected [^\n]*$"):
        runs.read("x.json", document)


def test_lines_for_people():
    a, b = sides(random.Random(1), 6, factors={"session_read p95": 1.3, "main_thread_cpu": 0.8})
    shown = lines(compared(a, b), "reports/loadtest/compare.html", 80)
    assert shown[0] == "redis1 default: 6 runs of after against 6 runs of before"
    worse, better = (next(line for line in shown if line.startswith(f"  {word} ")) for word in ("worse", "better"))
    assert re.fullmatch(r"  worse        session_read p95 +1\.\d+ ms ±\d+% +1\.\d+ ms ±\d+% +\+\d\d% +p 0\.0022", worse)
    assert better.startswith("  better       main_thread_cpu")
    assert shown[-2] == "report: reports/loadtest/compare.html"
    assert shown[-1].startswith("WORSE: of 30 measures 1 worse, 1 better, ")
    assert max(map(len, shown[:-1])) <= 80


def test_every_output_names_what_got_worse():
    document = compared(*sides(random.Random(1), 6, factors={"session_read p95": 1.3}))
    assert "<b>+" in page(document)
    failures = [
        case.get("name")
        for case in ET.fromstring(xml(document).encode()).iter("testcase")
        if case.find("failure") is not None
    ]
    assert failures == ["session_read p95"]
    assert metrics(exposed(document))["redis_loadtest_compare_exit_code", ()] == 2


def test_junit_of_a_comparison_that_tells_nothing_is_red():
    for document in (compared(*sides(random.Random(1), 3)), compared(*sides(random.Random(1), 6, verdict="INVALID"))):
        assert document["exit_code"] == 3
        assert ET.fromstring(xml(document).encode()).findall(".//error")


def test_the_example_of_a_report_is_read():
    """As people get it: docs/loadtest-report.schema.json."""
    document = json.loads((Path(__file__).parent.parent.parent / "docs" / "loadtest-report.example.json").read_text())
    one = runs.read("example.json", document)
    assert (one.time, one.label, one.invalid) == (document["time"], document["label"], "")
    names = {measure.name for place in one.places.values() for measure in place.measured}
    assert {
        f"{what} {at}" for what in (*FLOWS, "job enqueue", "job end_to_end") for at in ("p50", "p95", "p99")
    } <= names
    assert {"memory at its peak", "command_p99_ms", "main_thread_cpu", "100 % - hit_ratio"} <= names
    offered = {name: text for place in one.places.values() for name, text in place.offered.items()}
    assert offered["users: duration"] == str(round(document["instances"][0]["loads"]["users"]["offered"]["duration"]))
    assert offered["jobs"] == "yes"
