"""Every output of a load test is what its reader expects, whatever a host is called and whatever was measured."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from ansible.module_utils.redis_control.report import readiness
from hypothesis import given
from hypothesis import strategies as st
from load_records import PHASES, build, check, jobs, run, sample, snapshots, users
from rendered import exposed, lines, xml
from rendered import page as render
from strategies import quick
from test_report_outputs import contrast, metrics, odd

ROOT = Path(__file__).parent.parent.parent
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "loadtest-report.schema.json").read_text()))
EXAMPLE = json.loads((ROOT / "docs" / "loadtest-report.example.json").read_text())
STOPPED = users(PHASES[:4], trust=[{"id": "interrupted", "text": "the run was stopped before its end"}])
LEFT = users(cleanup={"removed": 20_000, "complete": False, "why": "timed out; what is left ends within 600 s"})
LEFT["config"].update(prefix="loadtest", run_id="r1")
DOCUMENTS = {
    "good": build(
        run("users", users()), checklist=[check("PASS"), check("WARN", id="checklist.disk")], label="before the launch"
    ),
    "of somebody else": build(),
    "evictions": build(run("users", users()), seen=snapshots(evicted_keys=500)),
    "jobs": build(run("users", users()), run("jobs", jobs())),
    "jobs alone, lost": build(run("jobs", jobs(lost=3, add_errors={"TimeoutError": 2}))),
    "keys left": build(run("users", LEFT), run("jobs", jobs(keys_left=37))),
    "stopped": build(run("users", STOPPED)),
    "no result": build(run("users", None, "k6 ended with 107")),
    "no second look": build(run("users", users()), seen={"before": snapshots()["before"]}),
    "two generators": build(run("users", users()), run("users", users(), name="generator2.example.com")),
    "no host": build(seen={"before": []}),
}
FOUR = build(run("users", users()))
DOCUMENTS["four instances"] = {**FOUR, "instances": [{**FOUR["instances"][0], "instance": name} for name in "abcd"]}
every = pytest.mark.parametrize("made", DOCUMENTS.values(), ids=DOCUMENTS)


def problems(made):
    return [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(json.loads(json.dumps(made)))]


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA.schema)


@every
def test_documents_are_as_described(made):
    assert problems(made) == []


def test_the_documents_are_what_their_names_say():
    assert {name: made["verdict"] for name, made in DOCUMENTS.items()} == {
        "good": "PASS",
        "of somebody else": "PASS",
        "evictions": "FAIL",
        "jobs": "PASS",
        "jobs alone, lost": "FAIL",
        "keys left": "PASS",
        "stopped": "INVALID",
        "no result": "INVALID",
        "no second look": "INVALID",
        "two generators": "PASS",
        "no host": "INVALID",
        "four instances": "PASS",
    }


def test_the_last_line_names_what_it_is_about():
    last = {name: lines(made)[-1] for name, made in DOCUMENTS.items()}
    place = "redis1.example.com sessions"
    assert last["of somebody else"] == "PASS: every target was met"
    assert last["keys left"] == f"PASS: every target was met, with a warning: {place} ops_per_second, keys_left"
    assert last["jobs alone, lost"] == f"FAIL: missed: {place} jobs_lost"
    assert last["stopped"] == "INVALID: the measurement proves nothing: the run was stopped before its end"


def test_jobs_of_a_machine_that_was_too_busy_prove_nothing():
    """Its users say so, wherever they went; those of another generator say nothing of it."""
    busy = users(trust=[{"id": "generator_cpu", "text": "this machine was 99 % busy"}])
    elsewhere = {**run("users", busy), "instance": "cache"}
    mine = run("jobs", jobs())
    told = build(elsewhere, mine)["instances"][0]["distrust"]
    assert told == [f"{mine['name']}, which made the jobs: this machine was 99 % busy"]
    assert build({**elsewhere, "name": "generator2.example.com"}, mine)["instances"][0]["distrust"] == []
    assert len(build(run("users", busy), mine)["instances"][0]["distrust"]) == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"schema": "redis-loadtest/2"},
        {"exit_code": 2},  # of a PASS
        {"verdict": "clean"},
        {"more": 1},
        {"time": "now"},
        {"distrust": [""]},
        {"checklist": [{**check("PASS"), "more": 1}]},
        {"checklist": [{name: value for name, value in check("PASS").items() if name != "host"}]},
    ],
    ids=str,
)
def test_the_schema_refuses(wrong):
    assert problems({**DOCUMENTS["good"], **wrong})


@pytest.mark.parametrize(
    "wrong",
    [
        {"verdict": "INVALID"},  # with no reason
        {"distrust": ["a reason"]},  # and yet PASS
        {"metrics": {"hit_ratio": "98 %"}},
        {"findings": [check("PASS")]},  # is no target
        {"loads": {"others": {}}},
        {"loads": {"users": {}}},
    ],
    ids=str,
)
def test_the_schema_refuses_an_instance(wrong):
    made = DOCUMENTS["good"]
    assert problems({**made, "instances": [{**made["instances"][0], **wrong}]})


# --- JUnit ------------------------------------------------------------------------------------------------------------


def suites(made):
    return ET.fromstring(xml(made).encode())


@every
def test_junit_counts_what_it_holds(made):
    root = suites(made)
    assert root.tag == "testsuites"
    assert len(root) >= 1
    for suite in root:
        cases = list(suite)
        assert {case.tag for case in cases} == {"testcase"}
        assert all(case.get("classname") == suite.get("name") and case.get("name") for case in cases)
        assert len({case.get("name") for case in cases}) == len(cases)
        assert int(suite.get("tests")) == len(cases)
        for tag, counter in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(counter)) == len(suite.findall(f"testcase/{tag}"))


@every
def test_junit_is_red_exactly_where_the_verdict_is_not_pass(made):
    root = suites(made)
    assert bool(root.findall(".//failure")) == (made["verdict"] == "FAIL")
    assert bool(root.findall(".//error")) == (made["verdict"] == "INVALID")


def test_junit_tells_what_a_person_needs():
    place = "testsuite[@name='redis1.example.com.sessions']"
    failed = suites(DOCUMENTS["evictions"]).find(f"{place}/testcase[@name='evicted_share']/failure")
    assert "33.3 %; expected at most 5 %" in failed.get("message")
    assert "raise maxmemory" in failed.text
    slow = users(rate={"wanted": 3000.0, "reached": 3000.0})
    warned = suites(build(run("users", slow))).find(f"{place}/testcase[@name='ops_per_second']")
    assert [child.tag for child in warned] == ["system-out"]
    assert warned[0].text.startswith("WARN ")
    error = suites(DOCUMENTS["stopped"]).find(f"{place}/testcase/error")
    assert "the run was stopped before its end" in error.text


ODD = "bull:\x1b[2Jmail\udcff:meta"  # as a queue may be called: bytes that move a cursor, and one that is no UTF-8


def test_a_terminal_gets_no_name_that_moves_its_cursor_or_cannot_be_written():
    made = build(run("users", None, ODD), checklist=[check("FAIL", actual=ODD)], host=f"h{ODD}")
    ready = readiness.build(made["checklist"], time=made["time"], inventory="")
    for told in (lines(made), lines(ready)):
        assert all(line.isprintable() for line in told)
        assert "\n".join(told).encode()
        assert "bull:\ufffd[2Jmail\ufffd:meta" in "\n".join(told)


def test_keys_that_are_left_are_in_every_output():
    made = DOCUMENTS["keys left"]
    said = "1,039 (loadtest:r1:*, at most, generator1.example.com: timed out; what is left ends within 600 s; *:redis-ops-load-test:*)"
    assert said in "\n".join(lines(made, width=1000))
    assert "redis_load jobs --clean" in "\n".join(lines(made, width=1000))
    assert "timed out; what is left ends" in render(made)
    assert "timed out; what is left ends" in xml(made)


def test_junit_of_an_untrusted_run_neither_fails_nor_passes_a_target():
    made = build(run("users", STOPPED), seen=snapshots(evicted_keys=500))
    assert any(finding["status"] == "FAIL" for finding in made["instances"][0]["findings"])
    cases = suites(made).findall("testsuite[@name='redis1.example.com.sessions']/testcase")
    assert {child.tag for case in cases for child in case} == {"error", "skipped"}


def test_junit_has_the_checklist_as_a_suite_of_its_own():
    two = [check("FAIL"), check("SKIP", subject="instance queue: maxmemory against RAM")]
    suite = suites(build(checklist=two)).find("testsuite[@name='redis1.example.com.checklist']")
    assert [[child.tag for child in case] for case in suite] == [["skipped"], ["failure"]]


# --- Prometheus -------------------------------------------------------------------------------------------------------


@every
def test_prometheus_reads_it(made):
    found = metrics(exposed(made))
    assert found["redis_loadtest_exit_code", ()] == made["exit_code"]
    for place in made["instances"]:
        labels = (("host", place["host"]), ("instance", place["instance"]))
        assert found["redis_loadtest_trusted", labels] == (place["verdict"] != "INVALID")
        failed = found["redis_loadtest_targets", (*labels, ("status", "FAIL"))]
        assert failed == sum(finding["status"] == "FAIL" for finding in place["findings"])
        for name, value in place["metrics"].items():
            assert found.get(("redis_loadtest_metric", (*labels, ("metric", name)))) == value


# --- page -------------------------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """Knows whether every element is closed in its order, and what would be loaded or run."""

    EMPTY = ("meta", "br")

    def __init__(self, written):
        super().__init__(convert_charrefs=True)
        self.open, self.outside, self.words, self.named, self.links = [], [], [], [], []
        self.feed(written)
        self.close()

    def handle_starttag(self, tag, attrs):
        found = dict(attrs)
        self.outside += [tag] if tag in ("script", "link", "img", "iframe", "object", "form") else []
        self.outside += [name for name in found if name in ("src", "style") or name.startswith("on")]
        self.outside += [found["href"]] if "href" in found and not found["href"].startswith("#") else []
        self.links += [found["href"][1:]] if "href" in found else []
        self.named += [found["id"]] if "id" in found else []
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.handle_starttag(tag, attrs)
        self.open.pop()

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def assert_whole(written):
    found = Page(written)
    assert found.open == []
    assert found.outside == []
    assert set(found.links) <= set(found.named)
    assert not re.search(r"url\(|@import|https?:", written.partition("</style>")[0])
    assert not {"nan", "inf", "None", "Undefined"} & {word.strip() for word in found.words}
    assert written.encode()


@every
def test_the_page_is_closed_and_loads_nothing(made):
    assert_whole(render(made))


@every
def test_no_number_has_digits_that_nobody_reads(made):
    words = " ".join(Page(render(made)).words)
    assert not re.findall(r"\d{5,}\.\d|\d\.\d{5,}", words)


@quick
@given(odd, odd, st.lists(st.integers(0, 10**9), max_size=4), st.floats(0, 1e9))
def test_the_page_and_junit_hold_whatever_was_measured(host, text, numbers, latency):
    watched = [sample(6 + n, canary_max=value, used_memory=value, evicted=value) for n, value in enumerate(numbers)]
    loaded = users([*watched, {"t": 20, "phase": "sustained", "error": text}], errors={text: 3}, error_examples=[text])
    loaded["canary"]["get"] = {**loaded["canary"]["get"], "p99": latency, "max": latency}
    made = build({**run("users", loaded), "host": host}, host=host, label=text, checklist=[check("FAIL", actual=text)])
    assert_whole(render(made))
    assert suites(made).findall(".//testcase")


def test_the_page_shows_a_text_as_it_is():
    told = '<script>alert("&amp;")</script>'
    found = Page(render(build(checklist=[check("WARN", actual=told)], label=told)))
    assert sum(told in word for word in found.words) == 3  # title, head and checklist


@pytest.mark.parametrize("name", ["good", "evictions", "stopped"])
def test_the_verdict_is_the_first_thing_on_the_page(name):
    body = render(DOCUMENTS[name]).partition("<body>")[2].partition("</body>")[0]
    words = [word.strip() for word in Page(body).words if word.strip()]
    assert words[0] == DOCUMENTS[name]["verdict"]


def test_everything_on_the_page_can_be_read_in_light_and_dark():
    """The colours are those of the drift report; here it is what is drawn with them. WCAG 2.2, 1.4.3 and 1.4.11."""
    style = render(DOCUMENTS["good"]).partition("<style>")[2].partition("</style>")[0]
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{(.+?)\}", style, re.DOTALL)
    )
    strokes = re.findall(r"(?:path\.\w|line\.limit|\.mark) \{[^}]*?(?:stroke|fill): var\(--(\w+)\)", style)
    assert len(strokes) == 5
    for colors in (light, dark):
        grounds = ["sheet", "well", "red-soft", "amber-soft", "teal-soft"]
        faint = {(line, on) for line in strokes for on in grounds if contrast(colors[line], colors[on]) < 3}
        assert faint == set()
        assert contrast(colors["quiet"], colors["sheet"]) >= 4.5


# --- what the documents show ------------------------------------------------------------------------------------------


def test_the_example_is_as_described():
    assert problems(EXAMPLE) == []
    assert_whole(render(EXAMPLE))
    assert suites(EXAMPLE).findall(".//testcase")


def test_the_example_names_no_machine_of_ours():
    hosts = {place["host"] for place in EXAMPLE["instances"]}
    assert all(host.endswith(".example.com") for host in hosts)
    assert not re.search(r"/(root|home|tmp)/", json.dumps(EXAMPLE))
