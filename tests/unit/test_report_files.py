"""The reports are files of one check, whole; where they cannot be, the run says so and is neither clean nor drift."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from checked import MAXMEMORY, finding, scope

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "action_plugins"))
from redis_drift_report import ActionModule

FILES = {"latest.html", "latest.json", "latest.prom", "latest.txt", "latest.xml"}


@pytest.fixture
def report(tmp_path):
    """Runs the action as Ansible does. One host, and what it registered."""

    def run(*findings, directory=tmp_path / "drift", **facts):
        task = MagicMock(args={"directory": str(directory), "keep": 2}, async_val=0, check_mode=False)
        templar = MagicMock(template=lambda value, **_: value)
        action = ActionModule(task, MagicMock(), MagicMock(), MagicMock(), templar, MagicMock())
        found = {"__redis_drift_check": {"scopes": [scope(*findings)]}, **facts}
        play = {name: ["redis1"] for name in ("ansible_play_hosts_all", "ansible_play_hosts", "ansible_play_batch")}
        hosts = {**play, "groups": {"redis": ["redis1"]}}
        return action.run(task_vars={**hosts, "hostvars": {"redis1": found}})

    return run


@pytest.fixture
def no_room():
    """The kernel refuses what makes a file longer than this, as a full disk does: in the middle of a write."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4000, before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_all_outputs_of_one_check(report, tmp_path):
    result = report(MAXMEMORY)
    assert (result["exit_code"], result["verdict"], result["drifted"]) == (2, "drift", {"redis1": ["default"]})
    names = {path.name for path in (tmp_path / "drift").iterdir()}
    assert names > FILES
    [dated] = names - FILES
    assert (tmp_path / "drift" / dated).read_text() == (tmp_path / "drift" / "latest.json").read_text()


def test_an_instance_with_a_waiver_is_not_mended(report):
    accepted = [{"id": "option.hz", "hosts": "*", "reason": "OPS-417", "expires": "2999-01-01"}]
    result = report(MAXMEMORY, finding("option.hz"), redis_drift_waivers=accepted)
    assert (result["exit_code"], result["drifted"], result["held_back"]) == (2, {"redis1": []}, ["redis1 default"])
    result = report(finding("option.hz"), redis_drift_waivers=accepted)
    assert (result["exit_code"], result["drifted"], result["held_back"]) == (0, {}, [])


def test_the_second_check_knows_the_first(report, tmp_path):
    report(MAXMEMORY)
    report()
    last = json.loads((tmp_path / "drift" / "latest.json").read_text())
    assert [item["id"] for item in last["trend"]["gone"]] == ["option.maxmemory"]
    assert [point["drift"] for point in last["history"]] == [1, 0]


def test_old_ones_go(report, tmp_path):
    (tmp_path / "drift").mkdir()
    for day in range(1, 6):
        (tmp_path / "drift" / f"2026010{day}T000000Z.json").write_text("{}")
    (tmp_path / "drift" / "mine.json").write_text("{}")
    report()
    names = {path.name for path in (tmp_path / "drift").iterdir()}
    assert len(names - FILES) == 3
    assert {"mine.json", "20260105T000000Z.json"} < names


@pytest.mark.parametrize("text", ["", "{", '{"schema": "redis-drift/1"', '{"schema": "redis-drift/1", "hosts": 7}'])
def test_half_a_report_of_before_is_none(report, tmp_path, text):
    (tmp_path / "drift").mkdir()
    (tmp_path / "drift" / "latest.json").write_text(text)
    assert report()["exit_code"] == 0


@pytest.mark.usefixtures("no_room")
def test_no_room(report, tmp_path):
    (tmp_path / "drift").mkdir()
    (tmp_path / "drift" / "latest.json").write_text("what was")
    result = report(MAXMEMORY)
    assert (result["failed"], result["exit_code"]) == (True, 1)
    assert any("maxmemory: running 7mb" in line for line in result["report"])
    assert result["report"][-1].startswith(f"FAILED: the check has no report: {tmp_path}/drift/latest.html: File")
    assert {path.name for path in (tmp_path / "drift").iterdir()} == {"latest.json"}
    assert (tmp_path / "drift" / "latest.json").read_text() == "what was"


def test_no_place(report, tmp_path):
    (tmp_path / "file").write_text("")
    result = report(MAXMEMORY, directory=tmp_path / "file" / "drift")
    assert (result["failed"], result["exit_code"]) == (True, 1)
    assert "Not a directory" in result["report"][-1]


def test_a_waiver_that_cannot_be_read_ends_the_check_with_1_and_hides_nothing(report):
    result = report(MAXMEMORY, redis_drift_waivers=[{"id": "*"}])
    assert (result["exit_code"], result["counts"]["live_not_persisted"]) == (1, 1)
    told = " ".join(result["report"])
    assert "redis1: redis_drift_waivers: waiver 1: has no hosts (id *); expected" in told
    assert "FAILED: 4 mistakes in waivers; the other waivers hold" in told
    assert result["report"][-1] == "DRIFT: 1 finding on 1 of 1 host"


def test_an_answer_of_another_shape_is_neither_clean_nor_drift(report, tmp_path):
    result = report(__redis_drift_check={"scopes": [{}]})
    assert (result["exit_code"], result["drifted"]) == (1, {})
    [host] = json.loads((tmp_path / "drift" / "latest.json").read_text())["hosts"]
    assert host["status"] == "unreadable"
    assert host["error"].startswith("its answer cannot be read: scopes[0].instance: nothing; expected a value")


@pytest.mark.parametrize("registered", [None, {}, {"msg": "timed out"}, {"unreachable": True, "msg": "no route"}])
def test_a_host_without_an_answer_is_never_clean(report, registered):
    result = report(__redis_drift_check=registered)
    assert (result["exit_code"], result["verdict"]) == (1, "failed")
