"""The comparison as Ansible runs it: by label or by file, one line for each mistake, two files and an exit code."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from load_runs import report

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "action_plugins"))
from redis_load_compare import ActionModule


@pytest.fixture
def directory(tmp_path):
    """Six runs before and six after, taking turns, with latencies of a read half as much again; and what lies beside."""
    dice = random.Random(1)
    for number in range(12):
        label = ("before", "after")[number % 2]
        factors = {f"session_read {at}": 1.5 for at in ("p50", "p95")} if number % 2 else {}
        text = json.dumps(report(dice, number, label, factors=factors))
        (tmp_path / f"20261123T12{5 * number:02}00Z.json").write_text(text)
    (tmp_path / "latest.json").write_text(text)  # a copy
    (tmp_path / "checklist.json").write_text("[]")
    return tmp_path


@pytest.fixture
def run(directory):
    def run(a="before", b="after", **given):
        task = MagicMock(args={"directory": str(directory), "a": a, "b": b, **given}, async_val=0, check_mode=False)
        action = ActionModule(task, MagicMock(), MagicMock(), MagicMock(), MagicMock(), MagicMock())
        return action.run(task_vars={})

    return run


def of(directory, label):
    every = sorted(directory.glob("2*.json"))
    return [str(path) for path in every if json.loads(path.read_text())["label"] == label]


def test_two_labels(run, directory):
    result = run()
    assert (result["verdict"], result["exit_code"], result.get("failed")) == ("worse", 2, None)
    assert result["summary"] == result["report"][-1]
    assert result["summary"].startswith("WORSE: ")
    document = json.loads((directory / "compare.json").read_text())
    assert (document["schema"], document["verdict"]) == ("redis-loadtest-compare/1", "worse")
    assert [len(document[side]["runs"]) for side in "ab"] == [6, 6]
    assert (directory / "compare.txt").read_text().splitlines() == result["report"]
    assert "<h1>WORSE</h1>" in (directory / "compare.html").read_text()
    assert "<failure " in (directory / "compare.xml").read_text()
    assert "redis_loadtest_compare_exit_code 2" in (directory / "compare.prom").read_text()


def test_files_say_the_same_as_labels(run, directory):
    by_label = run()
    document = json.loads((directory / "compare.json").read_text())
    by_file = run(of(directory, "before"), of(directory, "after"))
    again = json.loads((directory / "compare.json").read_text())
    assert by_file["exit_code"] == by_label["exit_code"]
    assert again["instances"] == document["instances"]
    assert (again["a"]["name"], again["a"]["runs"]) == ("a", document["a"]["runs"])


def test_the_effect_counts(run):
    assert run(effect=90.0)["exit_code"] in (0, 3)


@pytest.mark.parametrize(
    ("a", "b", "line"),
    [
        (
            "befor",
            "after",
            "redis_loadtest_compare_a: no run is labelled 'befor'; expected a label of runs, here after, ",
        ),
        (
            "before",
            "",
            "redis_loadtest_compare_b: is empty; expected a label of runs, here after, before; run load tests",
        ),
        ("before", "before", "redis_loadtest_compare_b: the runs of before again; expected other runs"),
        ("before", 7, "redis_loadtest_compare_b: 7; expected a label of runs, or a list of files; such as -e '{"),
        ("before", [], "redis_loadtest_compare_b: []; expected a label of runs, or a list of files"),
        ("before", ["no.json"], "redis_loadtest_compare_b: no.json: No such file or directory"),
    ],
)
def test_a_mistake_is_one_line(run, directory, a, b, line):
    result = run(a, b)
    assert (result["failed"], result["exit_code"], result["report"][-1]) == (True, 1, "FAILED: nothing was compared")
    assert result["report"][0].startswith(line)
    assert len(result["report"]) == 2
    assert not (directory / "compare.json").exists()


def test_all_mistakes_at_once(run, directory):
    (directory / "bad.json").write_text("{")
    result = run("nowhere", [str(directory / "bad.json"), str(directory / "checklist.json")])
    assert [line.partition(": ")[0] for line in result["report"]] == [
        "redis_loadtest_compare_a",
        *["redis_loadtest_compare_b"] * 2,
        "FAILED",
    ]
    assert "expected JSON" in result["report"][1]
    assert "no report of a load test" in result["report"][2]


def test_nothing_there_at_all(run, directory):
    for path in directory.iterdir():
        path.unlink()
    result = run()
    assert result["exit_code"] == 1
    assert "and no report has one; run load tests with -e redis_loadtest_label=NAME" in result["report"][0]


def test_a_broken_report_beside_them_is_named(run, directory):
    (directory / "20261123T230000Z.json").write_text('{"schema": "redis-loadtest/1"}')
    (directory / "20261123T230001Z.json").write_text("half of i")
    result = run()
    assert result["exit_code"] == 2
    assert " ".join(result["report"]).count("note: not read: ") == 2


def test_a_directory_that_cannot_be_written(run, directory):
    (directory / "compare.txt").mkdir()
    result = run()
    assert (result["failed"], result["exit_code"]) == (True, 1)
    assert result["report"][-1] == "FAILED: nothing was compared"
