"""`redis_load jobs` with real BullMQ on real servers: a good one, a slow one, one that goes away, one that forgets."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import bull
import pytest
from ansible.module_utils.redis_control.report import load_results
from instances import lab, some, until

__all__ = ["lab"]

pytestmark = some("redis 7.0.15", "valkey 9.1.2")

LOAD = Path(__file__).parent.parent.parent / "module_utils" / "redis_load"
DOCUMENT = Path(__file__).parent.parent.parent / "docs" / "queues.md"
QUEUE = "redis-ops-load-test"
PASSWORD = "s3cret-of-the-test"
# As the team's services load them, docs/queues.md
JOBS = {
    "attempts": 3,
    "backoff": {"type": "exponential", "delay": 2000},
    "removeOnComplete": {"age": 3600, "count": 1000},
    "removeOnFail": {"age": 604800, "count": 5000},
}
# docs/queues.md, "Who adds and works"
OF_SERVICES = "on ~bull:* resetchannels +@all -@admin -@dangerous +info"
RULES = OF_SERVICES.replace("bull", "loadtest")


class Jobs:
    """The program with a configuration of its own, and what it leaves."""

    def __init__(self, lab, directory: Path) -> None:
        self.lab, self.path, self.result = lab, directory / "jobs.json", directory / "result.json"
        self.config = {
            "run": "test",
            "connection": {"host": "127.0.0.1", "port": lab.port},
            "rate": 100,
            "seconds": 2,
            "concurrency": 4,
            "baseline_jobs": 10,
            "drain_seconds": 5,
            "job_options": JOBS,
            "result": str(self.result),
        }

    @contextlib.contextmanager
    def started(self, *arguments: str, **changes) -> Iterator[subprocess.Popen]:
        self.path.touch(0o600)
        self.path.write_text(json.dumps({**self.config, **changes}))
        command = [bull.python(), LOAD, "jobs", self.path, *arguments]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        with process:
            try:
                yield process
            finally:
                process.kill()

    def run(self, *arguments: str, **changes) -> tuple[int, str]:
        with self.started(*arguments, **changes) as process:
            _, said = process.communicate(timeout=90)
            return process.returncode, said

    def told(self) -> dict:
        written = self.result.read_text()
        assert load_results.result(written, "jobs") == json.loads(written)  # all of it gets through to the report
        return json.loads(written)

    def waits_for(self, jobs: int) -> None:
        until(lambda: int(self.lab.ask("GET", f"loadtest:{QUEUE}:id") or 0) >= jobs, f"{jobs} jobs")

    def keys(self) -> list[str]:
        return self.lab.ask("KEYS", "*")


@pytest.fixture
def jobs(lab, tmp_path):
    bull.python()
    lab.converge({"maxmemory": "100mb", "maxmemory-policy": "noeviction", "appendonly": "yes"})
    lab.ask("SET", "bull:mail:meta", "of somebody else")
    return Jobs(lab, tmp_path)


def test_every_job_is_done_and_measured(jobs):
    code, said = jobs.run(workers=2)
    told = jobs.told()
    assert (code, said) == (0, "")
    assert told["schema"] == "redis-jobs/1"
    load, baseline = told["phases"]["load"], told["phases"]["baseline"]
    assert [load[name] for name in ("jobs", "sent", "added", "completed")] == [200] * 4
    assert [baseline[name] for name in ("jobs", "sent", "added", "completed")] == [10] * 4
    assert load["rate"] < 110  # a busy machine may be slower than asked, never faster
    assert 50 < load["enqueue_us"]["p50"] <= load["enqueue_us"]["p95"] <= load["enqueue_us"]["p99"]
    assert load["enqueue_us"]["p50"] < load["end_to_end_us"]["p50"] < load["end_to_end_us"]["max"]
    for name in ("lost", "failed", "unknown", "stalled", "duplicates", "without_data", "failed_attempts", "keys_left"):
        assert told[name] == 0, name
    assert (told["add_errors"], told["worker_errors"]) == ({}, {})
    assert not any(told["not_done"].values())
    assert len(told["cpu"]["workers"]) == 2
    assert jobs.keys() == ["bull:mail:meta"]


def test_a_slow_server_shows_as_latency_of_the_jobs_that_came_meanwhile(jobs):
    with jobs.started(seconds=3) as process:
        jobs.waits_for(130)
        pid = jobs.lab.service.pid()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(1)
        os.kill(pid, signal.SIGCONT)
        process.communicate(timeout=60)
    load = jobs.told()["phases"]["load"]
    assert load["completed"] == load["sent"] == 300
    assert 900_000 < load["enqueue_us"]["max"] < 3_000_000
    assert load["enqueue_us"]["p95"] > 500_000  # a third of all came while it stood still
    assert load["late_us"]["p95"] < load["enqueue_us"]["p95"] / 2  # and this program was not what was late


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, "its directory goes", "nobody looks any more"])
def test_who_stops_it_gets_what_was_measured_and_a_clean_server(jobs, how, tmp_path):
    (tmp_path / "run").mkdir()
    with jobs.started(seconds=60, stop=str(tmp_path / "run" / "stop")) as process:
        jobs.waits_for(80)
        if how == "its directory goes":
            shutil.rmtree(tmp_path / "run")
        elif how == "nobody looks any more":
            (tmp_path / "run" / "watched").write_text("60\n")
            os.utime(tmp_path / "run" / "watched", (0, 0))
        else:
            process.send_signal(how)
        _, said = process.communicate(timeout=30)
    told = jobs.told()
    assert (tmp_path / "run").exists() == isinstance(how, signal.Signals)  # then somebody still watches
    assert (process.returncode, said) == (130, "")
    assert told["interrupted"] is True
    assert 0 < told["phases"]["load"]["sent"] < 6000
    assert told["lost"] == 0
    assert jobs.keys() == ["bull:mail:meta"]


def test_what_a_killed_run_left_is_removed_on_request(jobs):
    with jobs.started(seconds=60) as process:
        jobs.waits_for(80)
        process.kill()
        process.communicate(timeout=30)
    until(lambda: QUEUE not in jobs.lab.ask("CLIENT", "LIST") or not workers(jobs.lab), "the workers to end")
    assert len(jobs.keys()) > 1
    assert jobs.run("--clean") == (0, "")
    assert jobs.keys() == ["bull:mail:meta"]
    assert not jobs.result.exists()


def workers(lab) -> list[str]:
    return [line for line in lab.ask("CLIENT", "LIST").splitlines() if " name=loadtest:" in line]


def test_jobs_that_the_server_forgets_are_lost_and_told(jobs):
    with jobs.started(seconds=2, work_ms=300, concurrency=1, baseline_jobs=0, drain_seconds=2) as process:
        jobs.waits_for(60)
        for key in jobs.lab.ask("KEYS", f"loadtest:{QUEUE}:[0-9]*"):
            if not key.endswith(":lock"):
                jobs.lab.ask("DEL", key)  # as eviction does it
        process.communicate(timeout=60)
    told = jobs.told()
    assert told["lost"] + told["failed"] + told["without_data"] > 0
    assert told["phases"]["load"]["completed"] < told["phases"]["load"]["added"]
    assert jobs.keys() == ["bull:mail:meta"]


def test_a_full_server_refuses_and_the_refusals_are_told(jobs):
    with jobs.started(seconds=3) as process:
        jobs.waits_for(60)
        jobs.lab.ask("CONFIG", "SET", "maxmemory", "1mb")
        time.sleep(0.5)
        jobs.lab.ask("CONFIG", "SET", "maxmemory", "100mb")
        process.communicate(timeout=60)
    told = jobs.told()
    assert set(told["add_errors"]) == {"OutOfMemoryError"}
    assert told["add_errors"]["OutOfMemoryError"] > 10
    assert told["lost"] == 0
    assert told["keys_left"] == 0


def test_a_server_that_goes_away_ends_nothing(jobs):
    with jobs.started(seconds=3, drain_seconds=2, add_timeout=2) as process:
        jobs.waits_for(100)
        jobs.lab.service.kill()
        time.sleep(0.5)
        jobs.lab.start()
        _, said = process.communicate(timeout=90)
    told = jobs.told()
    assert process.returncode == 0, said
    assert sum(told["add_errors"].values()) > 10
    assert told["lost"] == 0  # what it had said yes to was in its AOF
    assert told["keys_left"] == 0


def checked(jobs, python="", **changes) -> tuple[dict, dict]:
    """What --check prints: findings by id, and the rest. It ends well whatever it found."""
    jobs.path.touch(0o600)
    jobs.path.write_text(json.dumps({**jobs.config, **changes}))
    command = [python or bull.python(), LOAD, "jobs", "--check", jobs.path]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert PASSWORD not in done.stdout + done.stderr
    said = json.loads(done.stdout)
    return {finding["id"]: finding for finding in said.pop("findings")}, said


def test_the_check_asks_which_server_it_is_and_adds_nothing(jobs):
    jobs.lab.ask("ACL", "SETUSER", "jobs", f">{PASSWORD}", *RULES.split())
    connection, before = {**jobs.config["connection"], "username": "jobs", "password": PASSWORD}, jobs.keys()
    found, said = checked(jobs, connection=connection)
    assert {name: finding["status"] for name, finding in found.items()} == dict.fromkeys(
        ["generator.bullmq", "generator.config", "generator.server", "generator.clock"], "PASS"
    )
    assert said["run_id"] == jobs.lab.info()["run_id"]
    assert jobs.keys() == before
    assert not jobs.result.exists()
    jobs.lab.ask("ACL", "SETUSER", "jobs", "-info")
    found, said = checked(jobs, connection=connection)
    assert (found["generator.server"]["status"], said["run_id"]) == ("PASS", "")
    assert said["unknown"].startswith("it may not read INFO: NOPERM")
    found, _ = checked(jobs, connection={**connection, "password": "no"})
    assert found["generator.server"]["status"] == "FAIL"
    assert "as user jobs, with a password" in found["generator.server"]["actual"]


def test_a_check_of_a_server_that_is_not_there(jobs):
    jobs.lab.service.stop()
    found, said = checked(jobs)
    assert (found["generator.server"]["status"], said["run_id"]) == ("FAIL", "")
    assert "refused" in found["generator.server"]["actual"]


def test_no_server_is_one_line(jobs):
    jobs.lab.service.stop()
    code, said = jobs.run()
    assert code == 1
    assert len(said.splitlines()) == 1
    assert "does not answer" in said


def test_the_documented_user_is_enough_and_its_password_is_nowhere(jobs):
    assert f"ACL SETUSER jobs >PASSWORD {OF_SERVICES}" in DOCUMENT.read_text()
    jobs.lab.ask("ACL", "SETUSER", "jobs", f">{PASSWORD}", *RULES.split())
    connection = {**jobs.config["connection"], "username": "jobs", "password": PASSWORD}
    with jobs.started(connection=connection) as process:
        jobs.waits_for(40)
        seen = b""
        for pid in [process.pid, *children(process.pid)]:
            seen += Path(f"/proc/{pid}/cmdline").read_bytes() + Path(f"/proc/{pid}/environ").read_bytes()
        _, said = process.communicate(timeout=60)
    assert jobs.told()["phases"]["load"]["completed"] == 200
    assert jobs.told()["keys_left"] == 0
    assert PASSWORD not in seen.decode(errors="replace") + said + jobs.result.read_text()
    assert jobs.lab.ask("ACL", "LOG") == []


def children(pid: int) -> list[int]:
    found = [int(text) for text in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    assert found
    return found
