"""redis_jobs.py without a server and without BullMQ: its configuration, its numbers, and what it says when it cannot run."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

FILES = Path(__file__).parent.parent.parent / "roles" / "redis_loadtest" / "files"
GIVEN = {"run": "r1", "connection": {"host": "127.0.0.1", "port": 6380}, "rate": 100, "seconds": 10}


@pytest.fixture(scope="module")
def data():
    name = "redis_jobs_data"
    spec = importlib.util.spec_from_file_location(name, FILES / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[name]


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "config.json"

    def write(mode: int = 0o600, **changes):
        path.write_text(json.dumps({**GIVEN, **changes}))
        path.chmod(mode)
        return path

    return write


# --- configuration ----------------------------------------------------------------------------------------------------


def test_the_queue_is_of_this_run_alone(data, given):
    assert data.load(given(run="2026-11-23_ab")).queue == "redis-ops-load-2026-11-23_ab"


def test_a_reply_may_take_longer_than_an_idle_worker_waits(data, given):
    assert data.load(given()).options()["socket_timeout"] > data.BLOCKED


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"run": "a:b"}, "run: "),
        ({"run": "*"}, "run: "),
        ({"run": ""}, "run: "),
        ({"prefix": "bull*"}, "prefix: "),
        ({"rate": 0}, "rate: "),
        ({"seconds": -1}, "seconds: "),
        ({"workers": 0}, "workers: "),
        ({"payload_bytes": -1}, "payload_bytes: "),
        ({"connection": {"hots": "x"}}, "connection: hots: "),
        ({"rate": "fast"}, ""),
        ({"speed": 1}, "speed"),
    ],
)
def test_a_wrong_configuration_is_refused(data, given, changes, said):
    with pytest.raises((ValueError, TypeError), match=f"^{said}|{said}"):
        data.load(given(**changes))


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o604])
def test_a_configuration_that_others_may_read_is_refused(data, given, mode):
    with pytest.raises(ValueError, match="0600"):
        data.load(given(mode))


def test_a_program_without_a_usable_configuration_says_so(given):
    if importlib.util.find_spec("bullmq") is None:
        said = "expected the Python package bullmq"
    else:
        said = "expected a number above 0"
    command = [sys.executable, FILES / "redis_jobs.py", "--config", given(rate=0)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert result.returncode == 1
    assert said in result.stderr
    assert len(result.stderr.splitlines()) == 1


def checked(path, *words):
    """What --check says where there is no BullMQ: -S hides whatever is installed."""
    command = [sys.executable, "-S", FILES / "redis_jobs.py", "--check", f"--config={path}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    return [(row["id"], row["subject"], row["status"], row["actual"]) for row in json.loads(done.stdout)["findings"]]


def test_the_check_tells_all_that_is_wrong_and_that_there_is_no_bullmq(given):
    path = given(concurency=8, rate="fast", connection={"hots": "x"})
    library, *rest = checked(path)
    assert library[:3] == ("generator.bullmq", "BullMQ", "FAIL")
    assert library[3].startswith(f"{sys.executable}: No module named")
    assert rest[:3] == [
        ("generator.config", "connection", "FAIL", "hots: no such option"),
        ("generator.config", "rate", "FAIL", '"fast"'),
        ("generator.config", "concurency", "FAIL", "no such option"),
    ]
    assert [row[0] for row in rest[3:]] == ["generator.clock"]


def test_the_check_of_a_configuration_that_is_none(given):
    [_, wrong, _] = checked(given(0o644))
    assert (wrong[0], wrong[2]) == ("generator.config", "FAIL")
    [_, wrong, _] = checked(given().with_name("none.json"))
    assert (wrong[0], wrong[2]) == ("generator.config", "FAIL")


# --- numbers ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ([], {}),
        ([7.4], {"p50": 7, "p95": 7, "p99": 7, "max": 7}),
        (range(1, 101), {"p50": 50, "p95": 95, "p99": 99, "max": 100}),
        (range(1000, 0, -1), {"p50": 500, "p95": 950, "p99": 990, "max": 1000}),
        ([1, 1, 1, 900], {"p50": 1, "p95": 900, "p99": 900, "max": 900}),
    ],
)
def test_a_percentile_is_a_value_that_was_measured(data, values, told):
    assert data.percentiles(list(values)) == told


@pytest.fixture
def phase(data):
    """Ten jobs, one each millisecond, each added 200 us and done 900 us after its time; the program was 50 us late."""
    due = {number: number * 1_000_000 for number in range(10)}
    added = {number: at + 200_000 for number, at in due.items()}
    return data.Phase(1000, 10, due, [50_000] * 10, added, 0, 10_000_000)


def done(phase, *without):
    return [(number, at + 900_000) for number, at in phase.due.items() if number not in without]


def test_latency_begins_at_the_scheduled_time(data, phase):
    tally = data.Tally()
    tally.hear(0, {"done": done(phase), "cpu": 0.1})
    found = data.result_of(tally, {"load": phase}, {}, {})
    load = found["phases"]["load"]
    assert (load["enqueue_us"]["p99"], load["end_to_end_us"]["p50"], load["late_us"]["max"]) == (200, 900, 50)
    assert (load["sent"], load["added"], load["completed"], load["rate"]) == (10, 10, 10, 1000.0)
    assert (found["lost"], found["failed"], found["unknown"], found["duplicates"]) == (0, 0, 0, 0)


def test_a_job_that_was_added_and_never_done_is_lost(data, phase):
    tally = data.Tally()
    tally.hear(0, {"done": done(phase, 3, 4)})
    assert data.result_of(tally, {"load": phase}, {}, {})["lost"] == 2


def test_a_job_that_still_waits_is_not_lost(data, phase):
    tally = data.Tally()
    tally.hear(0, {"done": done(phase, 3, 4, 5)})
    assert data.result_of(tally, {"load": phase}, {}, {"wait": 1, "active": 1})["lost"] == 1


def test_a_job_that_failed_is_not_lost_and_one_that_was_done_after_all_did_not_fail(data, phase):
    tally = data.Tally()
    tally.hear(0, {"done": done(phase, 3), "failed": [3, 3, 4], "counts": {"failed_attempts": 3}})
    found = data.result_of(tally, {"load": phase}, {}, {})
    assert (found["lost"], found["failed"], found["failed_attempts"]) == (0, 1, 3)


def test_an_add_without_an_answer_is_unknown_unless_its_job_was_done(data, phase):
    for number in (8, 9):
        del phase.added[number]
    tally = data.Tally()
    tally.hear(0, {"done": done(phase, 9)})
    found = data.result_of(tally, {"load": phase}, {"TimeoutError": 2}, {})
    assert (found["unknown"], found["lost"], found["add_errors"]) == (1, 0, {"TimeoutError": 2})


def test_a_job_done_twice_is_told_and_its_first_time_counts(data, phase):
    tally = data.Tally()
    tally.hear(0, {"done": done(phase)})
    tally.hear(1, {"done": [(0, 99_000_000)]})
    found = data.result_of(tally, {"load": phase}, {}, {})
    assert found["duplicates"] == 1
    assert found["phases"]["load"]["end_to_end_us"]["max"] == 900


def test_the_warm_up_is_not_told_but_its_losses_are(data, phase):
    found = data.result_of(data.Tally(), {"warm_up": phase, "load": data.Phase(1, 0)}, {}, {})
    assert list(found["phases"]) == ["load"]
    assert found["lost"] == 10
