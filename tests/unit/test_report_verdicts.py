"""One rule for the verdicts of parts and whole: a whole is as bad as its worst part, and no part is surer than its whole."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_control import verdicts
from ansible.module_utils.redis_control.report import document
from checked import MAXMEMORY, looked
from checked import build as build_check
from hypothesis import given
from hypothesis import strategies as st
from load_records import build, run, snapshots, users
from rendered import lines

SCALES = (verdicts.LOAD_TEST, verdicts.READINESS, verdicts.DRIFT_CHECK, verdicts.COMPARISON)
scales = st.sampled_from(SCALES)


@given(
    scales.flatmap(lambda scale: st.tuples(st.just(scale), st.lists(st.sampled_from(list(scale.codes)), min_size=1)))
)
def test_the_whole_is_its_first_part_in_the_order_of_the_scale(case):
    scale, parts = case
    order = list(scale.codes)
    assert scale.whole(parts) == min(parts, key=order.index)
    assert scale.whole(reversed(parts)) == scale.whole(parts)
    assert scale.whole(parts, ["a doubt"]) == scale.doubt


@pytest.mark.parametrize("scale", SCALES)
def test_nothing_is_no_good_verdict(scale):
    assert scale.codes[scale.whole([])] != 0
    assert {scale.part(word, ["a doubt"]) for word in scale.codes} == {scale.doubt}
    assert all(scale.part(word) == word for word in scale.codes)


def idle():
    """Snapshots between which nobody loaded the server."""
    seen = snapshots()
    for one in (*seen["after"], *seen["cooled"]):
        one["numbers"]["total_commands_processed"] = 10
    return seen


LOADS = {
    "no load in between": build(seen=idle()),
    "good": build(run("users", users())),
    "missed": build(run("users", users()), seen=snapshots(evicted_keys=500)),
    "no result": build(run("users", None, "killed")),
}


@pytest.mark.parametrize("made", LOADS.values(), ids=LOADS)
def test_no_instance_of_a_load_test_is_better_than_the_whole(made):
    parts = [place["verdict"] for place in made["instances"]]
    assert made["verdict"] == verdicts.LOAD_TEST.whole(parts)


def test_where_nothing_was_loaded_each_instance_says_so():
    made = LOADS["no load in between"]
    [place] = made["instances"]
    assert (made["verdict"], place["verdict"]) == ("INVALID", "INVALID")
    assert place["distrust"] == made["distrust"] == ["only 10 operations in all: that is no load"]
    assert "\n".join(lines(made)).count("NOT TRUSTED") == 1


def test_no_host_of_a_drift_check_is_better_than_the_whole():
    for results in (
        [looked("a")],
        [looked("a"), looked("b", MAXMEMORY)],
        [looked("a", MAXMEMORY), document.HostResult("b", error="gone")],
    ):
        made = build_check(*results)
        assert made["verdict"] == verdicts.DRIFT_CHECK.whole(map(document.verdict_of, made["hosts"]))
