"""The load of jobs without a server and without BullMQ: its configuration, its numbers, and what it says when it cannot run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from ansible.module_utils.redis_load.errors import Problem
from ansible.module_utils.redis_load.jobs import config, result

LOAD = Path(__file__).parent.parent.parent / "module_utils" / "redis_load"
GIVEN = {"run": "r1", "connection": {"host": "127.0.0.1", "port": 6380}, "rate": 100, "seconds": 10}


@pytest.fixture
def given(tmp_path):
    path = tmp_path / "config.json"

    def write(mode: int = 0o600, **changes):
        path.write_text(json.dumps({**GIVEN, **changes}))
        path.chmod(mode)
        return path

    return write


# --- configuration ----------------------------------------------------------------------------------------------------


def test_the_queue_is_of_this_run_alone(given):
    assert config.load(given(run="2026-11-23_ab")).queue == "redis-ops-load-2026-11-23_ab"


def test_a_reply_may_take_longer_than_an_idle_worker_waits(given):
    assert config.load(given()).options()["socket_timeout"] > config.BLOCKED


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
        ({"rate": "fast"}, "rate: "),
        ({"speed": 1}, "speed"),
    ],
)
def test_a_wrong_configuration_is_refused(given, changes, said):
    with pytest.raises(Problem, match=f"config.json: {said}"):
        config.load(given(**changes))


@pytest.mark.parametrize("mode", [0o640, 0o644, 0o604])
def test_a_configuration_that_others_may_read_is_refused(given, mode):
    with pytest.raises(Problem, match="0600"):
        config.load(given(mode))


def test_a_program_without_a_usable_configuration_says_so(given):
    command = [sys.executable, LOAD, "jobs", given(rate=0)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "expected a number above 0" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("kind", ["users", "jobs"])
def test_a_python_without_the_packages_is_told(given, tmp_path, kind):
    k6, path = tmp_path / "k6", given()
    k6.write_text("")
    k6.chmod(0o755)
    if kind == "users":
        path.write_text(json.dumps({"result": str(tmp_path / "result.json"), "k6": str(k6)}))
    command = [sys.executable, "-S", LOAD, kind, path]  # -S hides whatever is installed
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    [line] = done.stderr.splitlines()
    assert (done.returncode, "expected the Python package" in line) == (1, True)


def test_the_check_of_users_tells_the_lack_of_the_packages(given, tmp_path):
    k6, path = tmp_path / "k6", given()
    k6.write_text("")
    k6.chmod(0o755)
    path.write_text(json.dumps({"result": str(tmp_path / "result.json"), "k6": str(k6)}))
    command = [sys.executable, "-S", LOAD, "users", "--check", path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    [server] = [row for row in json.loads(done.stdout)["findings"] if row["id"] == "generator.server"]
    assert (server["status"], "No module named 'redis'" in server["actual"]) == ("FAIL", True)
    assert "redis_loadtest_python" in server["remedy"]


def checked(path, *words):
    """What --check says where there is no BullMQ: -S hides whatever is installed."""
    command = [sys.executable, "-S", LOAD, "jobs", "--check", path, *words]
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
def test_a_percentile_is_a_value_that_was_measured(values, told):
    assert result.latencies([1000 * value for value in values]) == told


@pytest.fixture
def phase():
    """Ten jobs, one each millisecond, each added 200 us and done 900 us after its time; the program was 50 us late."""
    due = {number: number * 1_000_000 for number in range(10)}
    added = {number: at + 200_000 for number, at in due.items()}
    return result.Phase(1000, 10, due, [50_000] * 10, added, 0, 10_000_000)


def done(phase, *without):
    return [(number, at + 900_000) for number, at in phase.due.items() if number not in without]


def test_latency_begins_at_the_scheduled_time(phase):
    tally = result.Tally()
    tally.hear(0, {"done": done(phase), "cpu": 0.1})
    found = result.result_of(tally, {"load": phase}, {}, {})
    load = found["phases"]["load"]
    assert (load["enqueue_us"]["p99"], load["end_to_end_us"]["p50"], load["late_us"]["max"]) == (200, 900, 50)
    assert (load["sent"], load["added"], load["completed"], load["rate"]) == (10, 10, 10, 1000.0)
    assert (found["lost"], found["failed"], found["unknown"], found["duplicates"]) == (0, 0, 0, 0)


def test_a_job_that_was_added_and_never_done_is_lost(phase):
    tally = result.Tally()
    tally.hear(0, {"done": done(phase, 3, 4)})
    assert result.result_of(tally, {"load": phase}, {}, {})["lost"] == 2


def test_a_job_that_still_waits_is_not_lost(phase):
    tally = result.Tally()
    tally.hear(0, {"done": done(phase, 3, 4, 5)})
    assert result.result_of(tally, {"load": phase}, {}, {"wait": 1, "active": 1})["lost"] == 1


def test_a_job_that_failed_is_not_lost_and_one_that_was_done_after_all_did_not_fail(phase):
    tally = result.Tally()
    tally.hear(0, {"done": done(phase, 3), "failed": [3, 3, 4], "counts": {"failed_attempts": 3}})
    found = result.result_of(tally, {"load": phase}, {}, {})
    assert (found["lost"], found["failed"], found["failed_attempts"]) == (0, 1, 3)


def test_an_add_without_an_answer_is_unknown_unless_its_job_was_done(phase):
    for number in (8, 9):
        del phase.added[number]
    tally = result.Tally()
    tally.hear(0, {"done": done(phase, 9)})
    found = result.result_of(tally, {"load": phase}, {"TimeoutError": 2}, {})
    assert (found["unknown"], found["lost"], found["add_errors"]) == (1, 0, {"TimeoutError": 2})


def test_a_job_done_twice_is_told_and_its_first_time_counts(phase):
    tally = result.Tally()
    tally.hear(0, {"done": done(phase)})
    tally.hear(1, {"done": [(0, 99_000_000)]})
    found = result.result_of(tally, {"load": phase}, {}, {})
    assert found["duplicates"] == 1
    assert found["phases"]["load"]["end_to_end_us"]["max"] == 900


def test_the_warm_up_is_not_told_but_its_losses_are(phase):
    found = result.result_of(result.Tally(), {"warm_up": phase, "load": result.Phase(1, 0)}, {}, {})
    assert list(found["phases"]) == ["load"]
    assert found["lost"] == 10
