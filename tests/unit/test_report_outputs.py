"""Every output of a check is what its reader expects, whatever a host is called and whatever a server holds."""

from __future__ import annotations

import html.parser
import json
import re
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest
from ansible.module_utils.redis_control.report import document, waivers
from checked import LATER, MAXMEMORY, build, finding, looked, scope, seen
from hypothesis import given
from hypothesis import strategies as st
from rendered import exposed, lines, xml
from rendered import page as render
from strategies import quick

ROOT = Path(__file__).parent.parent.parent
SCHEMA = jsonschema.Draft202012Validator(json.loads((ROOT / "docs" / "drift-report.schema.json").read_text()))
STATES = SCHEMA.schema["$defs"]["state"]["enum"]

odd = st.text(
    st.one_of(
        st.characters(),  # surrogates and what is not assigned among them
        st.sampled_from("\"\\\n\r\t\0\x1b\x7f\x85\u2028\u202e\ud800\udfff\ufffe<>&'`{}$;,="),
    ),
    min_size=1,
    max_size=12,
)
findings = st.builds(
    lambda identity, told, state: finding(
        identity, state, actual=told, expected=told, remedy=told, values={"declared": told, "running": told}
    ),
    odd,
    odd,
    st.sampled_from(STATES[1:]),
)
hosts = st.one_of(
    st.builds(document.HostResult, odd, error=odd, unreachable=st.booleans()),
    st.builds(
        lambda host, instance, found: document.HostResult(host, seen(scope(*found, instance=instance))),
        odd,
        st.one_of(st.just(""), odd),
        st.lists(findings, max_size=3, unique_by=lambda item: item["id"]),
    ),
)
checks = st.lists(hosts, max_size=3, unique_by=lambda result: result.host)


def problems(made):
    return [f"{error.json_path}: {error.message}" for error in SCHEMA.iter_errors(made)]


# --- JSON -------------------------------------------------------------------------------------------------------------


def test_the_schema_is_one():
    jsonschema.Draft202012Validator.check_schema(SCHEMA.schema)


def test_documents_are_as_described():
    accepted = waivers.parse([{"id": "acl.*", "hosts": "*", "reason": "OPS-417", "expires": "2027-01-31"}])
    expired = waivers.parse([{"id": "option.*", "hosts": "*", "reason": "OPS-417", "expires": "2026-01-31"}])
    first = build(looked("redis1", MAXMEMORY, finding("acl.bob"), waivers=[*accepted, *expired]))
    second = build(
        looked("redis1"), document.HostResult("redis2", error="gone"), previous=first, time=LATER, limit="redis*"
    )
    assert problems(first) == problems(second) == problems(build()) == []


@pytest.mark.parametrize(
    "wrong", [{"schema": "redis-drift/2"}, {"exit_code": 3}, {"more": 1}, {"time": "now"}, {"counts": {"off": 1}}]
)
def test_the_schema_refuses(wrong):
    assert problems({**build(looked("redis1")), **wrong})


@quick
@given(checks, checks)
def test_any_check_makes_a_valid_document(one, other):
    first = build(*one)
    second = build(*other, previous=json.loads(json.dumps(first)), time=LATER)
    assert problems(first) == problems(second) == []
    assert json.dumps(second).encode()
    json.dumps(second, ensure_ascii=False).encode()  # nothing that UTF-8 cannot hold


def test_a_finding_is_known_again_under_any_name():
    odd_host = looked("re\udc80dis\x1b", finding("acl.\x00bob"))
    first = build(odd_host)
    assert build(odd_host, previous=first, time=LATER)["trend"]["same"] == 1


# --- JUnit ------------------------------------------------------------------------------------------------------------


@quick
@given(checks)
def test_junit_is_well_formed_and_counts_what_it_holds(results):
    made = build(*results)
    root = ET.fromstring(xml(made).encode())
    assert root.tag == "testsuites"
    for suite in root:
        cases = list(suite)
        assert {case.tag for case in cases} == {"testcase"}
        assert all(case.get("classname") and case.get("name") for case in cases)
        assert int(suite.get("tests")) == len(cases)
        for tag, counter in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
            assert int(suite.get(counter, "0")) == len(suite.findall(f"testcase/{tag}"))
    assert len(root.findall(".//failure")) == len(document.drifted(made))
    assert len(root.findall(".//error")) == sum(host["status"] != "checked" for host in made["hosts"])


def test_junit_tells_what_a_person_needs():
    root = ET.fromstring(xml(build(looked("redis1", MAXMEMORY))))
    failure = root.find("testsuite[@name='redis1.default']/testcase[@name='option.maxmemory']/failure")
    assert failure.get("type") == "live_not_persisted"
    assert failure.get("message") == "running 7mb, 0.34 % of that; expected 2gb"
    assert failure.text.startswith("redis-cli -p 6379 CONFIG SET maxmemory 2147483648")


# --- Prometheus -------------------------------------------------------------------------------------------------------

SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z]+="(?:[^"\\\n]|\\[\\n"])*",?)*)\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)')
LABEL = re.compile(r'([a-z]+)="((?:[^"\\]|\\.)*)"')


def metrics(written):
    """The text format as Prometheus reads it: HELP and TYPE before samples, each series once, labels unescaped."""
    assert written.endswith("\n")
    described, found, last = {}, {}, ""
    for line in written.removesuffix("\n").split("\n"):
        if line.startswith("# "):
            _, keyword, name, about = line.split(" ", 3)
            assert about
            described.setdefault(name, []).append(keyword)
            continue
        sample = SAMPLE.fullmatch(line)
        assert sample, line
        name, labels, value = sample.groups()
        assert described[name] == ["HELP", "TYPE"], name
        assert name == last or name not in {known for known, _ in found}, f"{name} is not in one block"
        last = name
        unescaped = {
            label: re.sub(r"\\(.)", lambda match: {"n": "\n"}.get(match[1], match[1]), told)
            for label, told in LABEL.findall(labels or "")
        }
        series = (name, tuple(unescaped.items()))
        assert series not in found, series
        found[series] = float(value)
    return found


@quick
@given(checks)
def test_prometheus_reads_it(results):
    made = build(*results)
    found = metrics(exposed(made))
    for host in made["hosts"]:
        assert found["redis_drift_host_checked", (("host", host["host"]),)] == (host["status"] == "checked")
    off = sum(
        number
        for (name, labels), number in found.items()
        if name == "redis_drift_findings" and dict(labels)["state"] not in ("in_sync", "waived", "runtime_owned")
    )
    assert off == len(document.drifted(made))


def test_prometheus_tells_times_and_every_state():
    first = build(looked("redis1", MAXMEMORY))
    found = metrics(exposed(build(document.HostResult("redis1", error="gone"), previous=first, time=LATER)))
    assert found["redis_drift_exit_code", ()] == 1
    assert found["redis_drift_last_run_timestamp_seconds", ()] == 1795436100
    assert found["redis_drift_last_success_timestamp_seconds", ()] == 1795435200
    states = [dict(labels)["state"] for name, labels in metrics(exposed(first)) if "findings" in name]
    assert states == STATES * 2  # the host itself and one instance


# --- page -------------------------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    """Knows whether every element is closed in its order, and what would be loaded or run."""

    EMPTY = ("meta", "br")

    def __init__(self, written):
        super().__init__(convert_charrefs=True)
        self.open, self.outside, self.words = [], [], []
        self.feed(written)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.outside += [tag] if tag in ("script", "link", "img", "iframe", "object", "form") else []
        self.outside += [name for name, _ in attrs if name in ("src", "href", "style") or name.startswith("on")]
        if tag not in self.EMPTY:
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


@quick
@given(checks)
def test_the_page_is_closed_and_loads_nothing(results):
    written = render(build(*results))
    found = Page(written)
    assert found.open == []
    assert found.outside == []
    assert not re.search(r"url\(|@import|https?:", written.partition("</style>")[0])
    assert written.encode()


def test_the_page_shows_a_text_as_it_is():
    told = '<script>alert("&amp;")</script>'
    found = Page(render(build(looked("redis1", finding("acl.bob", actual=told)))))
    assert any(told in word for word in found.words)


def contrast(one, other):
    """WCAG 2.2, 1.4.3."""

    def light(color):
        color = "".join(char * 2 for char in color[1:]) if len(color) == 4 else color[1:]
        parts = [int(color[at : at + 2], 16) / 255 for at in (0, 2, 4)]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_everything_on_the_page_can_be_read_in_light_and_dark():
    style = render(build()).partition("<style>")[2].partition("</style>")[0]
    light, dark = (
        dict(re.findall(r"--([\w-]+): (#\w+)", block)) for block in re.findall(r":root \{(.+?)\}", style, re.DOTALL)
    )
    assert set(light) == set(dark)
    for colors in (light, dark):
        pairs = [("ink", "page"), ("ink", "sheet"), ("ink", "well"), ("quiet", "page"), ("quiet", "sheet")]
        pairs += [("quiet", "well"), *[(name, f"{name}-soft") for name in colors if f"{name}-soft" in colors]]
        pairs += [("ink", name) for name in colors if name.endswith("-soft")]
        assert {
            pair: contrast(colors[pair[0]], colors[pair[1]]) for pair in pairs if contrast(*map(colors.get, pair)) < 4.5
        } == {}


# --- text -------------------------------------------------------------------------------------------------------------


@quick
@given(checks, st.integers(79, 120))
def test_text_is_lines_that_move_no_cursor(results, width):
    for line in lines(build(*results), width=width):
        assert line.isprintable()


# --- what the documents show ------------------------------------------------------------------------------------------

EXAMPLE = json.loads((ROOT / "docs" / "drift-report.example.json").read_text())


def test_the_example_is_as_described():
    assert problems(EXAMPLE) == []
    assert Page(render(EXAMPLE)).open == []


def test_the_readme_shows_what_the_example_shows():
    shown = (ROOT / "README.md").read_text().partition("## Has somebody changed it?")[2].partition("\n## ")[0]
    shown_lines = [
        line.strip() for line in re.findall(r"^    (.+)$", shown, re.MULTILINE) if not line.startswith("make")
    ]
    told = [line.strip() for line in lines(EXAMPLE, width=110)]
    assert [line for line in shown_lines if line != "..." and line not in told] == []


def test_the_document_names_every_state():
    text_of_it = (ROOT / "docs" / "drift.md").read_text()
    assert [state for state in STATES if f"| `{state}` |" not in text_of_it] == []
