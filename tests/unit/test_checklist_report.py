"""The checklist before a load as one list: what may be accepted, what generators say, worst first, and the exit code."""

from __future__ import annotations

import json
from xml.etree import ElementTree as ET

import pytest
from ansible.module_utils.redis_control.report import checklist, readiness
from hypothesis import given
from hypothesis import strategies as st
from rendered import exposed, lines, page, xml
from test_report_outputs import metrics

RUN = {"generator": "load2", "instance": "cache", "kind": "users"}
STATUSES = ("PASS", "WARN", "FAIL", "SKIP")


def finding(status, host="redis1", identity="checklist.memory", remedy="add some"):
    return {
        "host": host,
        "id": identity,
        "subject": f"host: {status.lower()}",
        "status": status,
        "expected": "much",
        "actual": "little",
        "why": "guide 7",
        "remedy": "" if status in ("PASS", "SKIP") else remedy,
    }


# --- accepted ---------------------------------------------------------------------------------------------------------


def test_a_failure_that_somebody_accepts_is_a_warning_that_says_so():
    given = finding("FAIL")
    assert checklist.accepted(given, ["checklist.memory"]) == {
        **given,
        "status": "WARN",
        "actual": "little (accepted by redis_loadtest_accept)",
    }
    assert given["status"] == "FAIL"


@pytest.mark.parametrize("names", [[], ["checklist.mem"], ["checklist.*"], ["*"], ["memory"]])
def test_only_by_its_whole_id(names):
    assert checklist.accepted(finding("FAIL"), names) == finding("FAIL")


@pytest.mark.parametrize("status", ["PASS", "WARN", "SKIP"])
def test_nothing_else_is_touched(status):
    assert checklist.accepted(finding(status), ["checklist.memory"]) == finding(status)


def test_production_has_a_flag_and_no_list_waves_it_through():
    refused = finding("FAIL", identity="checklist.production")
    assert checklist.accepted(refused, ["checklist.production"]) == refused


def test_a_load_without_k6_is_none_and_no_list_waves_it_through():
    refused = finding("FAIL", identity="generator.k6")
    assert checklist.accepted(refused, ["generator.k6"]) == refused


# --- of a generator ---------------------------------------------------------------------------------------------------


def test_what_a_generator_found_says_where():
    said = {"time": 1.5, "findings": [finding("PASS", identity="generator.k6"), finding("FAIL")], "cores": 2}
    found = list(checklist.of_generator(RUN, {"stdout": json.dumps(said)}))
    assert [item["status"] for item in found] == ["PASS", "FAIL"]
    assert found[1]["subject"] == "generator load2 for instance cache: host: fail"
    told = {**said["findings"][0], "subject": "generator load2 for instance cache: host: pass"}
    assert found[0] == {name: text for name, text in told.items() if name != "host"}  # which the plan knows better


@pytest.mark.parametrize(
    ("said", "status", "actual", "remedy"),
    [
        ({"run_id": "c0ffee"}, "PASS", "that one, at 192.0.2.1:6379", ""),
        (
            {"run_id": "beef"},
            "FAIL",
            "another server answers at 192.0.2.1:6379: run_id beef",
            "set redis_loadtest_address of this host to where the generator finds it",
        ),
        (
            {"run_id": "", "unknown": "it may not read INFO: NOPERM no permission"},
            "SKIP",
            "it may not read INFO: NOPERM no permission",
            "ACL SETUSER <user of the load> +info",
        ),
        (
            {"run_id": "", "unknown": "the load's own user is made when the load comes"},
            "SKIP",
            "the load's own user is made when the load comes",
            "",
        ),
    ],
)
def test_the_server_that_answers_is_the_one_that_was_looked_at(said, status, actual, remedy):
    run = {**RUN, "run_id": "c0ffee", "place": "192.0.2.1:6379"}
    [found] = checklist.of_generator(run, {"stdout": json.dumps({"findings": [], **said})})
    assert (found["id"], found["status"]) == ("generator.same_server", status)
    assert (found["actual"], found["remedy"]) == (actual, remedy)
    assert found["expected"] == "the server that the checklist looked at: run_id c0ffee"
    assert found["subject"] == "generator load2 for instance cache: same server"


def test_a_server_that_did_not_answer_is_told_once():
    run = {**RUN, "run_id": "c0ffee", "place": "192.0.2.1:6379"}
    said = {"findings": [finding("FAIL", identity="generator.server")], "run_id": "", "unknown": ""}
    [found] = checklist.of_generator(run, {"stdout": json.dumps(said)})
    assert found["id"] == "generator.server"


@pytest.mark.parametrize(
    ("done", "told"),
    [
        ({"stdout": '{"findings": [', "stderr": "Traceback:\n  in main\nValueError: bad\n"}, "ValueError: bad"),
        ({"stdout": "", "stderr": "sh: python3: not found"}, "sh: python3: not found"),
        ({"stdout": '{"cores": 2}', "stderr": ""}, "it said nothing"),
        ({"stdout": '["findings"]'}, "it said nothing"),
        ({"stdout": "7", "stderr": "\n \n"}, "it said nothing"),
        ({"stdout": None, "msg": "Failed to connect"}, "Failed to connect"),
        ({"msg": "no such\nfile"}, "file"),
        ({}, "it said nothing"),
    ],
)
def test_a_generator_that_says_nothing_to_be_read_is_not_ready(done, told):
    [found] = checklist.of_generator(RUN, done)
    assert (found["id"], found["status"], found["actual"]) == ("generator.program", "FAIL", told)
    assert found["subject"] == "generator load2 for instance cache"
    assert found["remedy"]


# --- the answer -------------------------------------------------------------------------------------------------------


def ready(findings):
    return readiness.build(findings, time="2026-11-23T12:00:00+00:00", inventory="inventories/production")


@given(st.lists(st.builds(finding, st.sampled_from(STATUSES), st.sampled_from(["a", "b", "c"]))))
def test_one_failure_is_enough_and_nothing_else_is(findings):
    made = ready(findings)
    assert made["exit_code"] == (2 if "FAIL" in [item["status"] for item in findings] else 0)
    assert lines(made)[-1].startswith("NOT READY: " if made["exit_code"] else "READY: ")
    exposed_codes = metrics(exposed(made))
    assert exposed_codes["redis_loadtest_readiness_exit_code", ()] == made["exit_code"]


def test_worst_last_with_what_to_do_and_then_the_answer():
    findings = [finding(status, host) for host in ("b", "a") for status in ("FAIL", "WARN", "PASS", "SKIP")]
    of_host = [
        "  SKIP  host: skip: little",
        "  PASS  host: pass: little",
        "  WARN  host: warn: little; expected much (checklist.memory)",
        "        -> add some",
        "  FAIL  host: fail: little; expected much (checklist.memory)",
        "        -> add some",
    ]
    assert lines(ready(findings)) == [
        "b before the load: 1 missed, 1 warning, 1 met, 1 not judged",
        *of_host,
        "a before the load: 1 missed, 1 warning, 1 met, 1 not judged",
        *of_host,
        "",
        "NOT READY: 2 FAIL, 2 WARN, 2 PASS, 2 SKIP; nothing was loaded",
    ]


def test_a_host_that_is_ready():
    assert lines(ready([finding("PASS"), finding("WARN", remedy="")]))[-2:] == ["", "READY: 1 WARN, 1 PASS"]
    assert "->" not in "".join(lines(ready([finding("WARN", remedy="")])))
    assert lines(ready([])) == ["READY: nothing to check"]


def test_the_page_and_junit_name_what_keeps_the_load_away():
    made = ready([finding("FAIL"), finding("PASS")])
    assert "redis1, host: fail: <b>little</b>, expected much. Add some." in page(made)
    [suite] = ET.fromstring(xml(made).encode())
    assert suite.get("name") == "redis1.checklist"
    assert [[child.tag for child in case] for case in suite] == [["system-out"], ["failure"]]
