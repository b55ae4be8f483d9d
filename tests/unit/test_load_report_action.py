"""What the role asks for before, during and after a load, on the control node: files, an answer, or one line."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from copy import deepcopy
from pathlib import Path
from unittest.mock import MagicMock
from xml.etree import ElementTree as ET

import pytest
from load_records import HOST, SNAPSHOT, check, snapshots, users

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "action_plugins"))
from redis_load_report import CHECKS, PLAN, PREFLIGHT, RESULTS, ActionModule, _thresholds
from redis_load_report import SNAPSHOT as SNAPSHOTS

FILES = {f"latest.{end}" for end in ("html", "json", "xml", "txt", "prom")}
READINESS = {"checklist.json", *(f"readiness.{end}" for end in ("html", "json", "xml", "txt", "prom"))}


class Play:
    """A play over two hosts, and what each of them has registered."""

    def __init__(self, directory):
        self.directory, self.hosts = directory, {HOST: {}, "redis2": {}}

    def has(self, name, **registered):
        self.hosts[HOST][name] = registered
        return self

    def sees(self, found, **more):
        """A snapshot of every host."""
        for host, registered in self.hosts.items():
            registered[SNAPSHOTS] = {"snapshots": [{**deepcopy(found), **(more if host == HOST else {})}]}
        return self

    def report(self, moment, **given):
        task = MagicMock(
            args={"directory": str(self.directory), "moment": moment, **given}, async_val=0, check_mode=False
        )
        action = ActionModule(task, *[MagicMock()] * 5)
        return action.run(
            task_vars={
                "ansible_play_hosts_all": list(self.hosts),
                "hostvars": self.hosts,
                "ansible_inventory_sources": [str(Path.cwd() / "inventories/lab")],
            }
        )

    def files(self):
        return {path.name for path in self.directory.iterdir()}


@pytest.fixture
def play(tmp_path):
    return Play(tmp_path / "reports")


def told(answer):
    """The report of an answer as one line."""
    return " ".join(" ".join(answer["report"]).split()).replace("FAIL ", "FAIL  ")


def loaded(play, **given):
    """The three looks, and the answer after the last one."""
    seen = snapshots()
    for moment in ("before", "after", "cooled"):
        answer = play.sees(seen[moment][0]).report(moment, **given)
        assert not answer.get("failed"), answer
    return answer


def failed(answer):
    assert (answer["failed"], answer["exit_code"]) == (True, 1)
    assert answer["report"] == [f"FAILED: {line}" for line in answer["msg"].splitlines()]
    return answer["msg"]


def test_what_the_plan_leaves_out_is_told(play):
    play.has(PREFLIGHT, findings=[check("PASS")]).has(PLAN, findings=[check("WARN")])
    assert play.report("checklist")["summary"] == "READY: 1 WARN, 1 PASS"


# --- the checklist ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True])
def test_a_host_that_is_ready_has_a_report_of_its_own_where_no_load_follows(play, whole):
    answer = play.has(PREFLIGHT, findings=[check("PASS")]).report("checklist", whole=whole)
    assert answer["summary"] == "READY: 1 PASS"
    assert play.files() == READINESS
    made = json.loads((play.directory / "readiness.json").read_text())
    assert (made["schema"], made["verdict"], made["exit_code"]) == ("redis-loadtest-readiness/1", "READY", 0)
    assert {"report", "exit_code"} <= answer.keys() or whole
    assert not ({"report", "exit_code"} & answer.keys() and whole)
    [kept] = json.loads((play.directory / "checklist.json").read_text())
    assert (kept["host"], kept["status"]) == (HOST, "PASS")


@pytest.mark.parametrize("whole", [False, True])
def test_one_that_is_not_ready_ends_it_either_way(play, whole):
    findings = [check("FAIL"), check("FAIL", id="checklist.disk")]
    answer = play.has(PREFLIGHT, findings=findings).report("checklist", whole=whole, accept=["checklist.memory"])
    assert (answer["exit_code"], answer["summary"]) == (2, "NOT READY: 1 FAIL, 1 WARN; nothing was loaded")
    assert "accepted by redis_loadtest_accept" in told(answer)


def test_an_older_verdict_does_not_outlive_a_run_that_was_not_ready(play):
    """CI publishes latest.xml, whatever the run ended with."""
    assert loaded(play)["verdict"] == "PASS"
    before = {path.name: path.read_text() for path in play.directory.iterdir()}
    play.has(PREFLIGHT, findings=[check("FAIL", id="checklist.disk"), check("PASS")])

    play.report("checklist")  # check_readiness.yml, which is no load test
    assert {name: (play.directory / name).read_text() for name in before} == before

    answer = play.report("checklist", whole=True)
    suites = ET.parse(play.directory / "latest.xml").getroot()
    outcomes = {case.get("name").split(":")[0]: [found.tag for found in case] for case in suites.iter("testcase")}
    assert outcomes["checklist.disk"] == ["failure"]
    assert (play.directory / "latest.txt").read_text().splitlines() == answer["report"]
    page = (play.directory / "latest.html").read_text()
    assert "<h1>NOT READY</h1>" in page
    assert "1 FAIL, 1 PASS; nothing was loaded" in page
    assert "PASS: Redis load test" not in page
    assert not (play.directory / "latest.json").exists()  # nothing was measured that programs could read
    [dated] = before.keys() - FILES - READINESS
    assert (play.directory / dated).read_text() == before[dated]


def test_what_a_generator_says_is_part_of_it(play):
    item = {"generator": "load2", "instance": "sessions"}
    said = json.dumps({"findings": [check("WARN", id="generator.cores")]})
    results = [{"item": item, "stdout": said}, {"item": item, "stdout": "", "stderr": "killed"}]
    answer = play.has(CHECKS, results=results).report("checklist")
    assert (answer["exit_code"], answer["summary"]) == (2, "NOT READY: 1 FAIL, 1 WARN; nothing was loaded")
    assert "FAIL  generator load2 for instance sessions: killed" in told(answer)


# --- before -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("whole", [False, True])
def test_a_window_opens_and_says_so_unless_the_load_follows(play, whole):
    answer = play.sees(SNAPSHOT).report("before", whole=whole)
    assert answer["opened"] is not whole
    assert answer["summary"].startswith(
        "the window is open: run the load, then end it with -e redis_loadtest_window=end"
    )
    [name] = play.files()
    assert (name == "window.json") is not whole
    assert (play.directory / name).stat().st_mode & 0o077 == 0


def test_an_instance_that_is_down_opens_none(play):
    play.sees(SNAPSHOT)
    play.hosts[HOST][SNAPSHOTS]["snapshots"].append({"instance": "queue", "down": "it does not run"})
    assert (
        failed(play.report("before"))
        == f"{HOST} instance queue: it does not run; start it, or leave it out with --limit"
    )
    assert not play.directory.exists()


@pytest.mark.parametrize(("registered", "why"), [({}, "no snapshot"), ({"msg": "no route"}, "no route")])
def test_a_host_that_was_not_looked_at(play, registered, why):
    play.sees(SNAPSHOT).hosts["redis2"][SNAPSHOTS] = registered
    assert failed(play.report("before")) == f"redis2: {why}; nothing was judged"


@pytest.mark.parametrize("moment", ["after", "cooled"])
def test_a_window_that_nobody_opened(play, moment):
    told = failed(play.sees(SNAPSHOT).report(moment))
    assert "window.json: no window is open" in told
    assert told.endswith("begin with -e redis_loadtest_window=begin")


def test_a_window_that_is_open_is_not_begun_again(play):
    """Its load would be judged from the second look on: what happened before it would have vanished."""
    play.sees(SNAPSHOT).report("before")
    kept = (play.directory / "window.json").read_text()
    said = failed(play.sees(snapshots()["after"][0]).report("before"))
    assert re.fullmatch(
        rf"{play.directory}/window.json: a window is open since 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00; expected none; "
        r"end it with -e redis_loadtest_window=end, or remove this file to begin anew",
        said,
    )
    assert (play.directory / "window.json").read_text() == kept
    (play.directory / "window.json").unlink()
    assert play.report("before")["opened"]


def test_runs_at_the_same_time_do_not_meet(play, monkeypatch):
    """Two whole runs and a window, in one directory: each is judged from its own first look. One of them has crashed."""
    seen = snapshots()
    started = dict.fromkeys((101, 102, 103))
    monkeypatch.setattr(os, "getppid", lambda: now)
    for now in (101, 102):
        play.sees(seen["before"][0], run_id=f"of {now}").report("before", whole=True)
    play.sees(seen["before"][0]).report("before")
    now = 103
    play.sees(seen["before"][0]).report("before", whole=True)
    for moment in ("after", "cooled"):
        for now in (102, 103):
            started[now] = play.sees(seen[moment][0]).report(moment, whole=True)
        now = 104
        ended = play.report(moment)
    # another run_id than before is a restart
    assert [answer["verdict"] for answer in (started[102], started[103], ended)] == ["INVALID", "PASS", "PASS"]
    [left] = {name for name in play.files() if name.startswith("window")}
    assert "101" in left


def test_what_crashed_runs_left_goes_after_a_week(play):
    play.directory.mkdir()
    for name, days in (("window-a-1.json", 8), ("window-a-2.json", 6), ("window.json.mine", 8)):
        (play.directory / name).touch()
        os.utime(play.directory / name, (time.time() - days * 86400,) * 2)
    play.sees(SNAPSHOT).report("before", whole=True)
    assert {"window-a-2.json", "window.json.mine"} < play.files()
    assert "window-a-1.json" not in play.files()


# --- what was typed ---------------------------------------------------------------------------------------------------


def test_a_profile_that_nobody_knows(play):
    told = failed(play.sees(SNAPSHOT).report("before", profile="strikt", profiles={"mine": {"hit_ratio": 99}}))
    assert told.startswith("redis_loadtest_profile")
    for part in ("strikt", "guide", "mine", "did you mean strict?"):
        assert part in told
    assert not play.directory.exists()


@pytest.mark.parametrize(
    "given",
    [{"targets": {"hit_ration": 90}}, {"targets": {"hit_ratio": "many"}}, {"profiles": {"mine": {"hit_ration": 1}}}],
)
def test_a_target_that_is_none(play, given):
    told = failed(play.sees(SNAPSHOT).report("before", profile="mine" if "profiles" in given else "guide", **given))
    assert "hit_ratio" in told
    assert len(told.splitlines()) == 1


# --- the end ----------------------------------------------------------------------------------------------------------


def test_a_verdict_has_its_files_and_closes_the_window(play):
    answer = loaded(play, label="mine")
    assert (answer["verdict"], answer["exit_code"], answer["summary"]) == ("PASS", 0, answer["report"][-1])
    assert answer["directory"] == str(play.directory)
    [dated] = play.files() - FILES
    document = json.loads((play.directory / dated).read_text())
    assert (document["label"], document["inventory"]) == ("mine", "inventories/lab")
    assert [place["host"] for place in document["instances"]] == [HOST, "redis2"]
    assert (play.directory / "latest.json").read_text() == (play.directory / dated).read_text()
    assert (play.directory / "latest.txt").read_text().splitlines() == answer["report"]
    assert "no window is open" in failed(play.report("cooled"))


@pytest.mark.parametrize(("keep", "left"), [(0, 4), (1, 1), (3, 3), (9, 4)])
def test_so_many_are_kept(play, keep, left):
    play.directory.mkdir()
    for name in ("20200101T000000Z", "20200102T000000Z", "20200103T000000Z"):
        (play.directory / f"{name}.json").write_text("{}")
    (play.directory / "20200101-of-mine.json").write_text("{}")
    loaded(play, keep=keep)
    dated = sorted(name for name in play.files() - FILES if name.endswith("Z.json"))
    assert len(dated) == left
    assert dated[-1] > "2021"
    assert "20200101-of-mine.json" in play.files()


def test_a_limit_that_somebody_typed_decides(play):
    assert loaded(play, targets={"hit_ratio": 99.5})["verdict"] == "FAIL"
    assert loaded(play, targets={"hit_ratio": None})["verdict"] == "PASS"
    assert loaded(play, profile="mine", profiles={"mine": {"hit_ratio": 99.5}})["exit_code"] == 2


def test_what_programs_measured_or_said_instead_is_judged(play):
    item = {"instance": "sessions", "kind": "users", "generator": "load2"}
    play.has(RESULTS, programs=[{"item": item, "stdout": json.dumps(users())}])
    assert loaded(play)["verdict"] == "PASS"
    [place, _] = json.loads((play.directory / "latest.json").read_text())["instances"]
    assert place["loads"]["users"]["generators"][0]["name"] == "load2"

    play.has(RESULTS, programs=[{"item": item, "stdout": "redis-load: no\n  route to host\n"}, {"item": item}])
    away = {"item": {**item, "generator": "load3"}, "unreachable": True, "msg": "Data could not be sent"}
    play.hosts[HOST][RESULTS]["programs"].append(away)
    answer = loaded(play)
    assert (answer["verdict"], answer["exit_code"]) == ("INVALID", 3)
    assert "load2: no result: redis-load: no route to host" in told(answer)
    assert "load2: no result: it said nothing" in told(answer)
    assert "load3: no result: Data could not be sent" in told(answer)


def test_each_host_is_judged_by_its_own_programs(play):
    """All hosts have the answer of one task."""
    other = {"host": "redis2", "instance": "sessions", "kind": "users", "generator": "load2"}
    play.has(RESULTS, programs=[{"item": {**other, "host": HOST}, "stdout": json.dumps(users())}, {"item": other}])
    assert loaded(play)["verdict"] == "PASS"


def test_the_checklist_of_before_is_in_the_report(play):
    play.has(PREFLIGHT, findings=[check("FAIL")])
    loaded(play, accept=["checklist.memory"])
    [finding] = json.loads((play.directory / "latest.json").read_text())["checklist"]
    assert (finding["host"], finding["status"]) == (HOST, "WARN")


def test_a_directory_that_cannot_be_written(play):
    play.directory.write_text("a file")
    assert str(play.directory) in failed(play.sees(SNAPSHOT).report("before"))


def test_what_a_profile_leaves_out_can_be_given_again():
    given = {"profile": "mine", "profiles": {"mine": {"hit_ratio": None, "fork_ms": 7}}, "targets": {"hit_ratio": 80}}
    limits = {threshold.metric: threshold.limit for threshold in _thresholds(given)}
    assert (limits["hit_ratio"], limits["fork_ms"]) == (80, 7)
