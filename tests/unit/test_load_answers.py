"""What hosts and generators answer in a load test is taken apart once; whatever gets through makes a report."""

from __future__ import annotations

import json
import math
import sys
from copy import deepcopy
from pathlib import Path

import pytest
from ansible.module_utils.redis_control.report import load_answers, load_results, shape
from attacks import EVERY
from hypothesis import given, settings
from hypothesis import strategies as st
from load_records import HOST, SNAPSHOT, build, check, jobs, run, snapshots, users
from rendered import lines, page, xml
from test_answers import anything, places, with_change, without
from test_load_outputs import problems
from test_load_report_action import RESULTS, SNAPSHOTS, Play, loaded

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "action_plugins"))
from redis_load_report import PREFLIGHT

many = settings(derandomize=True, deadline=None, max_examples=60)
SEEN = {"snapshots": [{**deepcopy(SNAPSHOT), "histograms": {"get": {"calls": 3, "buckets": [[16, 1], [33, 3]]}}}]}
CLEANED = users(cleanup={"removed": 3, "complete": False, "why": "timed out"})
CLEANED["config"].update(prefix="loadtest", run_id="r1")
CLEANED["window"] = {"start": {"info": {"run_id": "a" * 40, "server_time_usec": "1700000000000000"}}}
MEASURED = {"users": CLEANED, "jobs": jobs(add_errors={"TimeoutError": 2}, keys_left=None)}


def of_before(made):
    """Without the time, which no two have."""
    return {name: value for name, value in made.items() if name != "time"}


def reported(made):
    """Every output of a load test."""
    assert problems(json.loads(json.dumps(made))) == []
    page(made), xml(made), lines(made)


# --- what is ours comes through ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEASURED)
def test_a_result_makes_the_same_report_as_before(kind):
    result = load_results.result(json.dumps(MEASURED[kind]), kind)
    assert build(run(kind, result)) == build(run(kind, MEASURED[kind]))
    reported(build(run(kind, result)))


def test_a_snapshot_comes_through_as_it_is():
    assert load_answers.snapshots(json.loads(json.dumps(SEEN))) == SEEN["snapshots"]
    down = [{"instance": "cache", "down": "it does not run"}]
    assert load_answers.snapshots({"snapshots": down}) == down


def test_a_ratio_that_is_no_number_is_left_out():
    """Redis calls 0/0 -nan."""
    [seen] = load_answers.snapshots({"snapshots": [{**SNAPSHOT, "numbers": {"a": math.nan, "b": -math.inf, "c": 1.5}}]})
    assert seen["numbers"] == {"c": 1.5}


# --- what is not ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MEASURED)
@many
@given(data=st.data())
def test_a_result_with_anything_anywhere_is_refused_or_makes_a_report(kind, data):
    path = data.draw(st.sampled_from([path for path in places(MEASURED[kind]) if path]))
    new = data.draw(st.one_of(anything, st.integers(-10, 10), st.floats(-10, 10)))
    for changed in (with_change(MEASURED[kind], path, new), without(MEASURED[kind], path)):
        try:
            result = load_results.result(json.dumps(changed), kind)
        except shape.WrongShape:
            continue
        reported(build(run(kind, result), run(kind, MEASURED[kind], name="other")))


@many
@given(data=st.data())
def test_a_snapshot_with_anything_anywhere_is_refused_or_makes_a_report(data):
    path = data.draw(st.sampled_from([path for path in places(SEEN) if path]))
    new = data.draw(st.one_of(anything, st.integers(-10, 10)))
    for changed in (with_change(SEEN, path, new), without(SEEN, path)):
        try:
            [seen, *_] = load_answers.snapshots(changed) or [None]
        except shape.WrongShape:
            continue
        if seen is None or "down" in seen:
            continue
        reported(build(seen={"before": [seen], "after": snapshots()["after"]}))
        reported(build(seen={"before": snapshots()["before"], "after": [{**seen, "instance": "sessions"}]}))


@pytest.mark.parametrize("written", [None, 7, "", "x", "{", "[" * 100_000, "NaN", "7"])
def test_what_is_no_json_is_no_result(written):
    with pytest.raises(shape.WrongShape):
        load_results.result(written, "users")


# --- through the module that makes the report -------------------------------------------------------------------------


@pytest.fixture
def play(tmp_path):
    return Play(tmp_path / "reports")


BROKEN = [{"snapshots": 7}, {"snapshots": [{"instance": "x"}]}, {"msg": "no route", "unreachable": True}, 7, None]


@pytest.mark.parametrize("moment", ["after", "cooled"])
@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_a_host_without_a_second_look_costs_nobody_else_the_verdict(play, broken, moment):
    seen = snapshots()
    for now in ("before", "after", "cooled"):
        play.sees(seen[now][0])
        if now == moment:
            play.hosts["redis2"][SNAPSHOTS] = broken
        answer = play.report(now)
    assert not answer.get("failed"), answer
    places_of = {
        place["host"]: place for place in json.loads((play.directory / "latest.json").read_text())["instances"]
    }
    assert places_of[HOST]["verdict"] == "PASS"
    assert places_of["redis2"]["verdict"] == "INVALID"


@pytest.mark.parametrize("broken", BROKEN, ids=str)
def test_without_a_first_look_nothing_is_loaded(play, broken):
    play.sees(SNAPSHOT).hosts["redis2"][SNAPSHOTS] = broken
    answer = play.report("before")
    assert answer["failed"]
    assert answer["msg"].startswith("redis2: ")
    assert "Traceback" not in answer["msg"]


@pytest.mark.parametrize(
    "findings",
    [7, ["x"], [{"id": "x"}], [check("GOOD")], [{**check("PASS"), "actual": 7}]],
    ids=str,
)
def test_a_checklist_of_another_shape_is_not_ready_and_the_others_are_told(play, findings):
    play.has(PREFLIGHT, findings=[check("PASS")]).hosts["redis2"][PREFLIGHT] = {"findings": findings}
    answer = play.report("checklist")
    assert answer["exit_code"] == 2
    assert any(line.startswith("  FAIL  host: its answer: it cannot be read: findings") for line in answer["report"])
    assert any(line.startswith(f"{HOST} before the load: ") and "1 met" in line for line in answer["report"])


def test_no_host_speaks_for_another_one(play):
    play.has(PREFLIGHT, findings=[check("FAIL")]).hosts["redis2"][PREFLIGHT] = {"findings": [check("PASS", host=HOST)]}
    play.report("checklist")
    kept = json.loads((play.directory / "checklist.json").read_text())
    assert {(found["host"], found["status"]) for found in kept} == {(HOST, "FAIL"), ("redis2", "PASS")}


@pytest.mark.parametrize("attack", [text for text in EVERY if "\0" not in text], ids=lambda text: ascii(text)[:40])
def test_what_a_program_says_instead_of_a_result_stays_one_line(play, attack):
    item = {"instance": "sessions", "kind": "users", "generator": "load1"}
    play.has(RESULTS, programs=[{"item": item, "stdout": attack}])
    answer = loaded(play)
    assert answer["exit_code"] == 3
    assert all(line.isprintable() for line in answer["report"])
    assert len([line for line in answer["report"] if line.startswith(("PASS:", "FAIL:", "INVALID:", "clean"))]) == 1


def test_a_result_of_another_shape_is_told_as_such(play):
    item = {"instance": "sessions", "kind": "users", "generator": "load1"}
    play.has(RESULTS, programs=[{"item": item, "stdout": json.dumps({**CLEANED, "samples": 7})}])
    told = " ".join(loaded(play)["report"])
    assert "load1: no result: it cannot be read: samples: a number; expected a list" in told


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ({"snapshots": []}, ""),
        (None, ""),
        ([], ""),
        ({}, "no snapshot"),
        ({"msg": ""}, "no snapshot"),
        ({"msg": "no route to host"}, "no route to host"),
        ({"msg": "x", "snapshots": []}, ""),
    ],
)
def test_what_is_missing_has_the_reason_of_the_host(said, told):
    assert load_answers.missing(said, "snapshots") == told
