"""What the page of a load test tells: the verdict and what to do, numbers in their units, and lines that hide no peak."""

from __future__ import annotations

import re

import pytest
from ansible.module_utils.redis_control.figures import clock, milliseconds, number, size
from ansible.module_utils.redis_control.report import html, load_plots, plot
from ansible.module_utils.redis_control.report.blocks import (
    Findings,
    Fold,
    Heading,
    Numbers,
    Pairs,
    Section,
    Text,
    Tiles,
)
from hypothesis import given
from hypothesis import strategies as st
from load_records import HOST, NONE, PHASES, build, check, jobs, run, sample, snapshots, users
from rendered import document_of, walk
from strategies import quick


def page(*runs, **given):
    return document_of(build(*runs, **given)).page


def tables(*runs, **given):
    """The tables of findings that are open, and the rows of those that are in a fold."""
    made = document_of(build(*runs, **given)).page
    folded = [
        row
        for fold in walk(made.blocks)
        if isinstance(fold, Fold)
        for one in of_kind(fold.blocks, Findings)
        for row in one.rows
    ]
    shown = [one for one in of_kind(made.blocks, Findings) if one.rows[0] not in folded]
    return shown, folded


def of_kind(some, kind):
    return [block for block in walk(some) if isinstance(block, kind)]


def pairs(*runs, **given):
    return dict(of_kind(page(*runs, **given).blocks, Pairs)[0].pairs)


def groups(*runs, **given):
    """Name -> group of numbers."""
    return {group.name: group for one in of_kind(page(*runs, **given).blocks, Numbers) for group in one.groups}


# --- the verdict ------------------------------------------------------------------------------------------------------


def test_a_pass_says_what_was_held_and_what_is_left_to_look_at():
    given = (run("users", users()), run("jobs", jobs()))
    [sentence] = page(*given).sentences
    assert (
        sentence == "Every target was met under 1,000 users, 5,000 operations and 50 jobs a second, but for 1 warning."
    )
    assert page(*given).reasons == ()
    [table], _ = tables(*given)
    assert table.rows[0].actual == "4,990/s"


def test_of_somebody_elses_load_it_does_not_say_how_many_users():
    assert page().sentences == ("Every target was met by a server under somebody else's load.",)
    assert pairs()["load"] == "made by somebody else"


def test_a_fail_names_the_miss_with_cause_and_remedy():
    given = {"seen": snapshots(evicted_keys=500)}
    made = page(run("users", users()), **given)
    assert re.fullmatch(r"1 of \d+ targets missed under 1,000 users, 5,000 operations a second\.", made.sentences[0])
    [miss] = made.reasons
    assert miss.strong == "33.3\u00a0%"
    assert miss.after.startswith(", wanted at most 5 %. Raise maxmemory")
    [table], _ = tables(run("users", users()), **given)
    first = table.rows[0]
    assert (first.name, first.actual, first.expected) == ("evicted_share", "33.3\u00a0%", "at most 5\u00a0%")
    assert first.cause == "more is written than maxmemory holds"
    assert first.prose.startswith("raise maxmemory")


def test_an_invalid_run_gives_its_reasons_and_calls_nothing_missed():
    made = page(
        run("users", users(trust=[{"id": "late", "text": "too slow"}])),
        run("jobs", None, "killed"),
        seen=snapshots(evicted_keys=500),
    )
    assert {reason.after for reason in made.reasons} == {"too slow", "generator1.example.com: no result: killed"}
    assert not any(table.trusted for table in of_kind(made.blocks, Findings))


def test_doubts_about_all_make_every_instance_untrusted():
    idle = snapshots()
    for seen in (*idle["after"], *idle["cooled"]):
        seen["numbers"]["total_commands_processed"] = 10
    made = page(seen=idle)
    assert [reason.after for reason in made.reasons] == ["only 10 operations in all: that is no load"]
    assert not any(table.trusted for table in of_kind(made.blocks, Findings))
    assert {heading.mark for heading in of_kind(made.blocks, Heading) if heading.mark} == {"INVALID"}
    assert not re.search(r'pill (PASS|READY)"', html.render(document_of(build(seen=idle))))


def test_a_remedy_that_no_target_has_stands_as_it_is():
    shown, folded = tables(checklist=[check("FAIL"), check("PASS")])
    [off] = shown[-1].rows
    assert (off.cause, off.prose) == ("", "lower maxmemory")
    assert [row.mark for row in folded] == ["PASS"]
    assert f"{HOST} instance sessions: maxmemory against RAM" in html.render(
        document_of(build(checklist=[check("FAIL")]))
    )
    assert Heading("Before the load", "1 missed, 1 met") in of_kind(
        page(checklist=[check("FAIL"), check("PASS")]).blocks, Heading
    )


def test_a_checklist_in_order_is_folded_and_targets_that_are_all_met_are_not():
    reached = users(rate={"wanted": 5000.0, "reached": 5000.0})
    [thresholds], folded = tables(run("users", reached), checklist=[check("PASS")])
    assert len(thresholds.rows) > 10
    assert [row.id for row in folded] == ["checklist.memory"]


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "0"),
        (0.00002, "0.00002"),
        (0.033127, "0.0331"),
        (12.345, "12.3"),
        (999.4, "999"),
        (999.6, "1,000"),
        (1234567.8, "1,234,568"),
    ],
)
def test_numbers_have_three_digits_that_count(value, told):
    assert number(value) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.0334, "0.033"),
        (0.5, "0.500"),
        (8.3, "8.30"),
        (21, "21.0"),
        (478.3, "478"),
        (999.7, "1,000"),
        (1038.2, "1,038"),
    ],
)
def test_milliseconds_are_as_exact_in_every_row(value, told):
    assert milliseconds(value) == told


@pytest.mark.parametrize(
    ("value", "told"), [(0, "0 B"), (512, "512 B"), (1024, "1 KB"), (55 << 20, "55 MB"), (3 << 30, "3 GB")]
)
def test_bytes_have_the_unit_that_fits(value, told):
    assert size(value) == told


@quick
@given(st.floats(1e-3, 1e12))
def test_a_number_is_told_within_half_a_percent(value):
    assert float(number(value).replace(",", "")) == pytest.approx(value, rel=0.005)


def test_a_single_user_stands_beside_all_of_them_in_the_same_unit():
    found = groups(run("users", users()))
    alone, crowd = found["Session read, GET"].lines
    assert (alone.name, crowd.name) == ("a single user before", "1,000 users")
    assert found["Session read, GET"].quiet == "12,000 measured"
    # microseconds there, milliseconds here
    assert alone.values[1] == "0.001"
    assert crowd.values == ("0.400", "0.900", "2.50", "9.00", "40.2")
    assert "Cache fill after a miss, SET" not in found  # nothing was filled


def test_a_flow_that_was_never_measured_is_left_out():
    first = next(iter(groups(run("users", users(canary={"ping": NONE}, baseline={}))).values()))
    assert first.lines[0].loud


@pytest.mark.parametrize(("probe", "hint"), [(2000.0, False), (450.0, True)])
def test_users_who_wait_where_a_probe_does_not_wait_in_the_generator(probe, hint):
    made = users()
    made["canary"]["ping"] = {**made["canary"]["ping"], "p99": probe}
    for name in ("set", "get"):
        made["canary"][name] = NONE
    shown = page(run("users", made))
    _, reading = of_kind(shown.blocks, Tiles)
    assert [tile.text for tile in reading.tiles] == ["0.033", milliseconds(probe / 1000), "2.50"]
    assert any("look at the generator first" in text.text for text in of_kind(shown.blocks, Text)) == hint


def test_jobs_that_went_wrong_are_counted_by_kind():
    lost = jobs(lost=3, stalled=1, add_errors={"TimeoutError": 2}, not_done={"wait": 4})
    told = [text.text for text in of_kind(page(run("jobs", lost)).blocks, Text)]
    start = "500 of 500 jobs added, 500 completed, at 50 a second; "
    assert f"{start}3 lost, 1 stalled, 2 refused, TimeoutError, 4 not done, wait." in told
    assert groups(run("jobs", lost))["Added to the queue"].lines[0].values == ("2.00", "4.50", "9.00", "20.0")
    told = [text.text for text in of_kind(page(run("jobs", jobs())).blocks, Text)]
    assert f"{start}none lost, failed, stalled or refused." in told


def test_what_was_offered_has_its_units():
    measured = pairs(run("users", users()))
    assert measured["size of a cache value"] == "1 KB"
    assert measured["judged"] == "10 s"
    assert measured["operations a second"] == "4,990 of 5,000 reached"


# --- plots ------------------------------------------------------------------------------------------------------------


def drawn(samples, **more):
    return load_plots.drawings({**build(run("users", users(samples, **more)))["instances"][0]["loads"]["users"]})


def panel(samples, title, **more):
    return next(found for found in drawn(samples, **more).panels if found.title.startswith(title))


def points(d):
    """Of a path: pieces of (x, y)."""
    return [[tuple(map(float, pair.split())) for pair in piece.split("L")] for piece in d.split("M")[1:]]


def test_all_drawings_have_one_axis_and_say_in_words_what_they_show():
    plots = drawn(PHASES)
    titles = ["Latency", "Operations", "Memory", "Connections", "Processors"]
    assert [found.title.split()[0] for found in plots.panels] == titles
    assert "usually 0.2, at most 0.2" in plots.panels[0].told
    assert (plots.ticks[0].at, plots.ticks[0].label) == (0, "0:00")
    for found in plots.panels:
        for line in found.keys:
            [piece] = points(line.d)
            assert (piece[0][0], piece[-1][0]) == (0, plot.WIDTH)
            assert all(0 <= y <= plot.HEIGHT for _, y in piece)


def test_the_axis_begins_with_the_first_sample_of_the_load_or_at_nought():
    """A sample of before its phases stands left of nought."""
    early = [{**PHASES[0], "t": -4.0}, *PHASES]
    assert drawn(early).ticks[0].at >= 0
    [memory] = [found for found in drawn(early).panels if found.title.startswith("Memory")]
    [piece] = points(memory.keys[0].d)
    assert piece[0][0] == 0
    assert piece[1][0] > 0
    late = [{**sample, "t": sample["t"] + 9} for sample in PHASES]
    [memory] = [found for found in drawn(late).panels if found.title.startswith("Memory")]
    assert points(memory.keys[0].d)[0][0][0] > 0


def test_the_phases_fill_the_axis_and_one_of_them_is_judged():
    phases = drawn(PHASES).phases
    assert [phase.name for phase in phases] == ["connect", "warm-up", "judged", "ending"]
    assert phases[0].x == 0
    for one, following in zip(phases, phases[1:]):
        assert one.x + one.width == pytest.approx(following.x, abs=0.02)
    assert phases[-1].x + phases[-1].width == pytest.approx(100, abs=0.02)
    assert phases[2].told == "judged 0:05 to 0:15"


def test_a_load_that_was_stopped_early_judges_nothing():
    plots = drawn(PHASES[:4])
    assert not plots.judged
    assert [phase.name for phase in plots.phases] == ["connect", "warm-up"]


@pytest.mark.parametrize("samples", [[], PHASES[:1], [sample(-1, "starting")] * 5])
def test_too_few_samples_are_not_drawn(samples):
    assert drawn(samples) is None


def test_where_the_server_did_not_answer_its_lines_have_a_gap_and_the_generators_do_not():
    gone = [{"t": t, "phase": "sustained", "error": "refused", "machine_cpu": 50.0} for t in (16, 17)]
    samples = [*PHASES, *gone, *(sample(t) for t in range(18, 25))]
    assert [len(points(line.d)) for line in panel(samples, "Memory").keys] == [2, 2]
    server, machine, _ = panel(samples, "Processors").keys
    assert (len(points(server.d)), len(points(machine.d))) == (2, 1)
    plots = drawn(samples)
    assert list(plots.told) == ["0:16 to 0:18 no answer: refused"]
    assert [event.kind for event in plots.events] == ["gone"]


def test_what_the_server_did_meanwhile_is_told_in_its_order():
    samples = [
        *PHASES,
        sample(16, rdb_bgsave_in_progress=1, latest_fork_usec=2290),
        sample(17, latest_fork_usec=2290, aof_rewrite_in_progress=1, slowlog_id=2),
        sample(18, latest_fork_usec=2290, slowlog_id=2, aof_delayed_fsync=0),
        sample(19, latest_fork_usec=2290, slowlog_id=2, aof_delayed_fsync=1),
    ]
    plots = drawn(samples)
    assert list(plots.told) == [
        "0:16 to 0:17 saving to disk (RDB)",
        "0:16 fork, 2.29 ms",
        "0:17 to 0:18 rewriting the AOF",
        "0:19 a write waited for the disk",
    ]
    assert all(event.width > 0 for event in plots.events)
    assert panel(samples, "Latency").marks[0].label == "0:17 2 new in the slow log"
    assert plots.counted == "0 keys evicted, 2 new entries in the slow log"


def test_evictions_are_drawn_as_a_rate_where_there_are_any():
    samples = [*PHASES, sample(16, evicted=300), sample(18, evicted=300), sample(20, evicted=500)]
    found = panel(samples, "Evicted keys")
    assert found.keys[0].most == "300"
    assert "Evicted keys" not in {found.title for found in drawn(PHASES).panels}


def test_a_limit_is_drawn_unless_it_would_flatten_the_line():
    near, far = panel(PHASES, "Memory"), panel([{**one, "maxmemory": 64 << 30} for one in PHASES], "Memory")
    assert near.limit.label == "maxmemory 100 MB"
    assert (far.limit, far.off_scale) == (None, "maxmemory 64 GB")


def test_latencies_of_very_different_size_are_drawn_logarithmically():
    assert panel(PHASES, "Latency").unit == "ms"
    slow = panel([*PHASES, sample(16, canary_max=900_000.0)], "Latency")
    assert slow.unit == "ms, logarithmic"
    assert [tick.label for tick in slow.ticks] == ["0.1", "1", "10", "100"]


values = st.lists(
    st.floats(0, 1e9, allow_subnormal=False).filter(lambda value: not 0 < value < 1e-6), min_size=1, max_size=50
)


@quick
@given(values, st.booleans())
def test_a_scale_shows_every_value_and_has_lines_to_read_it_by(found, logarithmic):
    scale = plot.scale_of(found, logarithmic=logarithmic)
    places = [scale.at(value) for value in found]
    assert all(0 <= at <= plot.HEIGHT for at in places)
    assert sorted(places, reverse=True) == [scale.at(value) for value in sorted(found)]
    ticks = scale.ticks()
    assert 1 <= len(ticks) <= 9
    assert ticks == sorted(set(ticks))
    assert ticks[-1] <= scale.high * (1 + 1e-9)


@quick
@given(st.floats(0, 1e5), st.floats(1, 1e5))
def test_the_time_axis_has_a_few_round_times(begin, span):
    ticks = plot.Axis(begin, begin + span).ticks()
    assert len(ticks) <= 7
    assert all(0 <= x <= 100 for x, _ in ticks)
    assert len({label for _, label in ticks}) == len(ticks)


def test_a_peak_of_a_long_run_is_not_lost_and_the_page_stays_small():
    day = [sample(float(t), ops_per_second=5000.0) for t in range(86_400)]
    day[40_000]["canary_max"] = 777_000.0
    plots = drawn(day)
    latency = plots.panels[0]
    assert latency.keys[2].most == "777"
    top = min(y for piece in points(latency.keys[2].d) for _, y in piece)
    assert top == plot.MARGIN
    assert sum(len(line.d) for found in plots.panels for line in found.keys) < 200_000


@pytest.mark.parametrize(
    ("seconds", "told"),
    [(0, "0:00"), (59.6, "1:00"), (61, "1:01"), (3599, "59:59"), (3600, "1:00:00"), (90_061, "25:01:01")],
)
def test_times_are_minutes_and_seconds(seconds, told):
    assert clock(seconds) == told


def test_the_host_is_named_where_there_are_several_instances():
    made = build(run("users", users()), seen=snapshots(evicted_keys=500))
    made["instances"].append(made["instances"][0] | {"instance": "other"})
    shown = document_of(made).page
    assert [miss.before.partition(",")[0] for miss in shown.reasons] == [f"{HOST} sessions", f"{HOST} other"]
    assert len({section.anchor for section in of_kind(shown.blocks, Section) if section.anchor}) == 2


def test_what_is_worst_stands_first():
    made = build(run("users", users()))
    failed = build(run("users", users()), seen=snapshots(evicted_keys=500))["instances"][0]
    made["instances"].append({**failed, "instance": "full"})
    marks = [heading.mark for heading in of_kind(document_of(made).page.blocks, Heading) if heading.mark]
    assert marks == ["FAIL", "PASS"]
