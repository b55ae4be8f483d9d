"""The load of users: percentiles, what it says on the way, what it doubts, what it is told."""

from __future__ import annotations

import io
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import quote

import pytest
from ansible.module_utils.redis_load import figures, machine, place
from ansible.module_utils.redis_load.errors import Problem
from ansible.module_utils.redis_load.users import config as users_config
from ansible.module_utils.redis_load.users import doubts, k6, watch

LOAD = Path(__file__).parent.parent.parent / "module_utils" / "redis_load"

# --- numbers ----------------------------------------------------------------------------------------------------------


def test_percentiles_are_measured_values():
    found = figures.percentiles([*range(1, 1001)][::-1])
    assert found == {
        "count": 1000,
        "mean": 500.5,
        "p50": 500,
        "p90": 900,
        "p95": 950,
        "p99": 990,
        "p99.9": 999,
        "max": 1000,
    }


def test_percentiles_of_few_and_of_none():
    assert figures.percentiles([]) == {"count": 0}
    assert set(figures.percentiles([7]).values()) == {1, 7}
    assert figures.percentiles([1, 2])["p50"] == 1
    assert figures.percentiles([1, 2])["p90"] == 2


@pytest.mark.parametrize(
    ("took", "measured"),
    [(10, [10]), (50, [50]), (51, [51, 1]), (170, [170, 120, 70, 20])],
)
def test_a_stall_is_felt_by_all_who_would_have_come_meanwhile(took, measured):
    assert doubts.unhidden(took, 50) == measured


@pytest.mark.parametrize(
    ("bytes_", "text"), [(0, "0 B"), (2048, "2 KB"), (1024**2 * 47, "47 MB"), (1024**3 * 1.2, "1.20 GB")]
)
def test_a_size(bytes_, text):
    assert figures.size(bytes_) == text


# --- progress ---------------------------------------------------------------------------------------------------------

SAMPLE = {
    "phase": "sustained",
    "users": 1000,
    "ops_per_second": 5012.4,
    "canary_p95": 412.0,
    "used_memory": 49283072,
    "maxmemory": 2 * 1024**3,
    "evicted": 3,
    "machine_cpu": 61.2,
}


def test_the_line_of_progress():
    assert doubts.progress(SAMPLE, 161) == (
        "sustained  2:41 left  1000 users  5012 ops/s  p95 0.41 ms  47 MB of 2.00 GB  3 evicted  generator 61 % CPU"
    )


def test_the_line_of_progress_without_a_limit_and_without_an_answer():
    assert "  47 MB  3 evicted" in doubts.progress({**SAMPLE, "maxmemory": 0}, 0)
    lost = {"phase": "sustained", "error": "Connection refused"}
    assert doubts.progress(lost, -3) == "sustained  0:00 left  NO ANSWER: Connection refused"


class Stream(io.StringIO):
    def __init__(self, terminal: bool) -> None:
        super().__init__()
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def fileno(self) -> int:
        return 99


def test_a_terminal_gets_one_line_that_rewrites_itself(monkeypatch):
    monkeypatch.setattr(watch.os, "get_terminal_size", lambda _: SimpleNamespace(columns=6))
    show = watch.Show(Stream(terminal=True), 10)
    show.passing("one of many")
    show.passing("two")
    show.line("done")
    show.end()
    assert show._stream.getvalue() == "\r\033[Kone o\r\033[Ktwo\ndone\n"


def test_elsewhere_a_line_comes_now_and_then(monkeypatch):
    clock = iter([0, 0, 9.9, 10, 10])
    monkeypatch.setattr(watch.time, "monotonic", lambda: next(clock))
    show = watch.Show(Stream(terminal=False), 10)
    for text in ("one", "two", "three"):
        show.passing(text)
    assert show._stream.getvalue() == "one\nthree\n"


# --- what speaks against a result -------------------------------------------------------------------------------------


def result(**other) -> dict:
    """One that nothing speaks against, but for what `other` says, with dots for depth."""
    found = {
        "status": "completed",
        "config": {"duration": 60, "write_share": 0.2},
        "k6": {
            "exit_code": 0,
            "sustained": {
                "flows": {"session_read": {"count": 1000}},
                "start_lag": {"count": 1000, "p99": 110},
                "iterations": 99_900,
                "dropped_iterations": 100,
            },
        },
        "rate": {"wanted": 5000, "reached": 4750},
        "connections": {"wanted": 1000, "reached": 950},
        "generator": {"cores": 2.0, "machine_cpu": {"mean": 90}, "k6_cpu": {"mean": 180}},
        "window": {"start": {"info": {"run_id": "a"}}, "end": {"info": {"run_id": "a"}}},
        "samples": [{"phase": "sustained"}] * 59 + [{"phase": "warm_up", "error": "not judged"}],
    }
    for path, value in other.items():
        *way, last = path.split("__")
        place = found
        for step in way:
            place = place[step]
        place[last] = value
    return found


def test_nothing_speaks_against_a_good_run_at_its_limits():
    assert doubts.doubts(result()) == []


@pytest.mark.parametrize(
    ("doubt", "about"),
    [
        ("interrupted", {"status": "interrupted", "k6__exit_code": 105}),
        ("k6_exit", {"k6__exit_code": 107}),
        ("k6_exit", {"k6__exit_code": -9}),
        ("generator_cpu", {"generator__machine_cpu": {"mean": 90.1}}),
        ("generator_cpu", {"generator__k6_cpu": {"mean": 181}}),
        ("generator_cpu", {"generator__cores": 0.5, "generator__k6_cpu": {"mean": 46}}),
        ("dropped", {"k6__sustained__dropped_iterations": 101}),
        ("late", {"k6__sustained__start_lag": {"count": 9, "p99": 111}}),
        ("rate", {"rate__reached": 4749}),
        ("connections", {"connections__reached": 949}),
        ("restarted", {"window__end": {"info": {"run_id": "b"}}}),
        ("no_answer", {"samples": [{"phase": "sustained"}] * 58 + [{"phase": "sustained", "error": "refused"}]}),
        ("no_answer", {"samples": [{"phase": "sustained"}] * 51}),
        ("reset", {"samples": [{"phase": "sustained", doubts.COUNTER: count} for count in range(59, 0, -1)]}),
        ("too_few", {"config": {"duration": 4.9, "write_share": 0.2}}),
        ("too_few", {"config": {"duration": 60, "write_share": 0.01}}),
        ("too_few", {"config": {"duration": 60, "write_share": 0.99}}),
    ],
)
def test_one_thing_speaks_against_it(doubt, about):
    [found] = doubts.doubts(result(**about))
    assert found["id"] == doubt
    assert "\n" not in found["text"]


def test_a_run_that_was_stopped_before_its_load_is_doubted_and_no_error():
    nothing = {"flows": {}, "start_lag": {"count": 0}, "iterations": 0, "dropped_iterations": 0}
    found = result(
        status="interrupted", k6__sustained=nothing, window={}, samples=[], generator__k6_cpu={}, rate__reached=0
    )
    # how little came of it says nothing more
    assert [doubt["id"] for doubt in doubts.doubts(found)] == ["interrupted"]


@pytest.mark.parametrize("share", [0, 1])
def test_an_operation_that_nobody_asked_for_is_not_missed(share):
    assert doubts.doubts(result(config={"duration": 60, "write_share": share})) == []


def test_the_machine_is_what_this_process_may_use_of_it():
    whole = os.sched_getaffinity(0)
    try:
        os.sched_setaffinity(0, {min(whole)})
        one = machine.machine()[1]
    finally:
        os.sched_setaffinity(0, whole)
    assert one == pytest.approx(machine.machine()[1] / len(whole), rel=0.1)


def test_keys_are_those_of_all_databases():
    info = {"db0": "keys=20000,expires=19000,avg_ttl=5", "db12": "keys=7,expires=0,avg_ttl=0", "keyspace_hits": "3"}
    assert watch.keys(info) == 20_007
    assert watch.keys({"db0_like": "keys=9"}) == 0


def test_a_probe_that_got_no_answer_has_waited_and_one_that_was_refused_has_not(monkeypatch):
    def client(*words: object) -> None:
        if words[0] == "GET":
            time.sleep(0.06)
            raise TimeoutError
        raise ConnectionRefusedError

    monkeypatch.setattr(watch, "cores", lambda: 1.0)
    seen = watch.Watch(users_config.Config(), client, None)
    seen._look("sustained")
    assert seen.probe_errors == 3
    [waited] = seen._recent
    assert 60_000 < waited < 1_000_000
    assert set(seen.probed) == {"get"}


# --- what it is told --------------------------------------------------------------------------------------------------


@pytest.fixture
def told(tmp_path):
    def load(**options):
        path = tmp_path / "config.json"
        path.write_text(json.dumps({"result": str(tmp_path / "result.json"), "k6": sys.executable, **options}))
        path.chmod(0o600)
        return users_config.load(path)

    return load


def test_the_defaults_are_the_guides_thousand_users_in_less_than_five_minutes(told):
    config = told()
    assert (config.users, config.rate, config.connections) == (1000, 5000, 1000)
    assert config.end < 240
    assert config.keys.startswith("loadtest:20")


def test_the_phases_follow_one_another(told):
    config = told(ramp=10, warm_up=30, duration=60)
    found = [config.phase(second) for second in (-1, 0, 11.9, 12, 43.9, 44, 103.9, 104)]
    assert found == ["starting", *["connect"] * 2, *["warm_up"] * 2, *["sustained"] * 2, "ending"]


def watched(directory, text, age):
    path = directory / "run" / "watched"
    path.write_text(text)
    os.utime(path, (time.time() - age,) * 2)


@pytest.mark.parametrize(
    ("happens", "stopped"),
    [
        (lambda _: None, False),  # by hand: nobody has to look
        (lambda directory: (directory / "run" / "stop").touch(), True),
        (lambda directory: (directory / "run").rmdir(), True),
        (lambda directory: watched(directory, "60\n", 0), False),
        (lambda directory: watched(directory, "60\n", 30), False),  # the connection was away for so long
        (lambda directory: watched(directory, "60\n", 90), True),
        (lambda directory: watched(directory, "300\n", 90), False),  # more programs are being started
        (lambda directory: watched(directory, "300\n", 330), True),
        (lambda directory: watched(directory, "", 0), False),  # being written
        (lambda directory: watched(directory, "", 90), True),
        (lambda directory: watched(directory, "60\n", -3600), False),  # the clock was set back
    ],
)
def test_who_looks_no_more_stops_it_and_who_never_did_does_not(happens, stopped, told, tmp_path):
    (tmp_path / "run").mkdir()
    config = told(stop=str(tmp_path / "run" / "stop"))
    happens(tmp_path)
    assert config.stopped is stopped
    assert told().stopped is False


@pytest.mark.parametrize(("stop", "kept"), [("", True), ("elsewhere/stop", True), ("stop", False), ("./stop", False)])
def test_a_configuration_is_removed_from_the_directory_of_a_run_only(stop, kept, tmp_path):
    path = tmp_path / "users.config"
    path.touch()
    place.forget(path, stop and f"{tmp_path}/{stop}")
    assert path.exists() is kept


def test_it_is_removed_once_it_was_read_and_not_by_a_check(tmp_path):
    fake = fake_k6(tmp_path)
    path = tmp_path / "users.config"
    files = {name: str(tmp_path / name) for name in ("result", "stop")}
    path.write_text(json.dumps({**files, "k6": fake, "port": 1}))
    assert program("--check", str(path)).returncode == 0
    assert path.exists()
    assert program(str(path)).returncode == 1
    assert not path.exists()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"user": 10}, "user: no such option; expected one of result, host,"),
        ({"users": 0}, "users: 0; expected a whole number from 1 to 100000"),
        ({"users": "10"}, 'users: "10"; expected a whole number from 1 to 100000'),
        ({"users": True}, "users: true; expected a whole number from 1 to 100000"),
        ({"tls": 1}, "tls: 1; expected true or false"),
        ({"write_share": 1.5}, "write_share: 1.5; expected a number from 0 to 1"),
        ({"result": "/nowhere/at/all.json"}, "result: '/nowhere/at/all.json'; expected a file in a directory"),
        ({"k6": "/nowhere/k6"}, "k6: '/nowhere/k6'; expected a program"),
        ({"prefix": "a b*"}, "prefix and run_id: 'a b*:"),
        ({"segment": "first half"}, "segment: 'first half'; expected parts of 1"),
        ({"tls_ca": "/etc/passwd"}, "tls_ca: '/etc/passwd'; expected a file that can be read, and tls: true"),
        ({"tls": True, "tls_key": "/etc/passwd"}, "tls_cert and tls_key: expected both or none"),
        ({"rate": 5, "users": 1000}, "session_ttl: 600; a user comes every 1000 s; expected at least twice that"),
    ],
)
def test_a_mistake_is_one_line(told, options, problem):
    with pytest.raises(Problem) as caught:
        told(**options)
    [line] = str(caught.value).splitlines()
    assert f"config.json: {problem}" in line


def test_all_mistakes_are_told_at_once(told):
    with pytest.raises(Problem) as caught:
        told(port=0, rate="fast", colour="red")
    assert len(str(caught.value).splitlines()) == 3


def test_a_password_in_a_file_that_others_may_read_is_refused(tmp_path, told):
    assert told(password="swordfish").password == "swordfish"
    path = tmp_path / "config.json"
    path.chmod(0o640)
    with pytest.raises(Problem, match="others may read this file; expected mode 0600") as caught:
        users_config.load(path)
    assert "swordfish" not in str(caught.value)


def test_more_users_than_files_may_be_open_are_refused(told, monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (1024, 1024))
    with pytest.raises(Problem, match="this process may open 1024 files"):
        told(users=1000)
    assert told(users=924).users == 924


def test_a_generator_has_its_share_of_the_users(told):
    config = told(users=1000, segment="1/4:1", segment_sequence="0,1/4,1")
    assert config.connections == 750


@pytest.mark.parametrize("text", ["[1]", "{", ""])
def test_a_file_that_is_no_object(tmp_path, text):
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(Problem, match="a JSON object, see --help"):
        users_config.load(tmp_path / "config.json")


# --- k6 ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "version", "module"),
    [
        ("k6 v1.1.0 (commit/0e3fb953be, go1.24.4, linux/amd64)\n", "1.1.0", "k6/experimental/redis"),
        ("k6 v2.2.0 (go1.26, linux/amd64)\n", "2.2.0", "k6/x/redis"),
        (
            "k6 v1.5.0 (go1.25)\nExtensions:\n  github.com/grafana/xk6-redis v0.3.5, k6/x/redis [js]\n",
            "1.5.0",
            "k6/x/redis",
        ),
    ],
)
def test_the_module_for_redis_goes_by_the_version(said, version, module):
    assert k6.module_of(said) == (version, module)


def test_a_program_that_is_no_k6_is_told():
    with pytest.raises(Problem, match="`k6 version` said 'bash: no'; expected a version"):
        k6.module_of("bash: no\n")


def test_the_script_names_the_module_once():
    assert (k6.script(k6.OLD).count(k6.OLD), k6.script(k6.NEW).count(k6.OLD)) == (1, 0)


def test_k6_gets_room_where_there_is_some():
    gib = 1024**3
    assert k6.roomy(1000, 24 * gib) == {"GOGC": "off", "GOMEMLIMIT": "4294967296B"}
    assert k6.roomy(1000, 3 * gib) == {"GOGC": "off", "GOMEMLIMIT": "1073741824B"}
    assert k6.roomy(1000, 2 * gib) == {}


@pytest.mark.parametrize(("beside", "limit"), [(0, 1000 * 2**20), (1, 500 * 2**20), (3, 250 * 2**20)])
def test_programs_on_one_machine_share_its_memory(told, tmp_path, monkeypatch, beside, limit):
    seen = tmp_path / "seen"
    (tmp_path / "k6").write_text(f'#!/bin/sh\necho "k6 v1.1.0"\n[ "$1" = run ] && echo "$GOMEMLIMIT" > {seen}\n')
    (tmp_path / "k6").chmod(0o755)
    monkeypatch.setattr(k6, "available", lambda: 3000 * 2**20)
    config = told(k6=str(tmp_path / "k6"), users=100, beside=beside)
    with k6.K6(config, tmp_path).running() as process:
        process.wait()
    assert seen.read_text() == f"{limit}B\n"


def test_each_user_has_one_connection_and_no_second_try(told):
    options = (
        "pool_size=1&max_retries=-1&dial_timeout=5.000s&read_timeout=5.000s&write_timeout=5.000s&pool_timeout=5.000s"
    )
    assert k6.address(told()) == f"redis://127.0.0.1:6379/0?{options}"
    secured = told(host="::1", port=6390, tls=True, username="load", password="a/b@c:d", database=3)
    assert k6.address(secured) == f"rediss://load:a%2Fb%40c%3Ad@[::1]:6390/3?{options}"
    assert "//:secret@" in k6.address(told(password="secret"))
    # RFC 6874: Go refuses a URL in which the sign before a zone is not quoted, and says all of it
    assert k6.address(told(host="fe80::1%eth0")).startswith("redis://[fe80::1%25eth0]:6379/0?")


@pytest.mark.parametrize("password", ["correct-horse", 'a/b@c:"d', "S"])
def test_what_k6_says_never_holds_the_password(told, tmp_path, password):
    ran = k6.K6(told(password=password, k6=fake_k6(tmp_path)), tmp_path)
    url = k6.address(told(password=password))
    error = f'parse "{url}": invalid URL escape, and {password}'
    (tmp_path / "k6.log").write_text(f"REDIS_LOAD STARTED\nREDIS_LOAD ERROR other: {error}\n")
    hidden = {password, quote(password, safe="")}
    assert not [text for text in hidden if text in ran.said() + "".join(ran.errors())]
    assert ran.started()
    assert len(ran.errors()) == 1


def fake_k6(directory: Path) -> str:
    path = directory / "k6"
    path.write_text("#!/bin/sh\necho 'k6 v1.1.0'\n")
    path.chmod(0o755)
    return str(path)


# --- the program ------------------------------------------------------------------------------------------------------


def program(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run([sys.executable, LOAD, "users", *arguments], capture_output=True, text=True, check=False)


def test_help_names_every_option_with_its_default():
    said = program("--help").stdout
    for name, value in (("users", "1000"), ("rate", "5000"), ("duration", "180.0"), ("skew", "0.99")):
        assert any(line.split()[:1] == [name] and line.endswith(f"[{value}]") for line in said.splitlines())


def test_a_server_that_is_not_there_is_told_in_one_line(tmp_path):
    fake = fake_k6(tmp_path)
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"result": str(tmp_path / "result.json"), "k6": fake, "port": 1}))
    ended = program(str(path))
    assert ended.returncode == 1
    [line] = ended.stderr.splitlines()
    assert line.startswith("127.0.0.1:1: ")
    assert "refused" in line
    assert not (tmp_path / "result.json").exists()
