"""What a host answers is taken apart once: another shape makes it unreadable, and no size of it hurts anybody."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.redis_control.report import answers, shape
from ansible.module_utils.redis_ops.base.findings import Finding, Status, as_records
from ansible.module_utils.redis_ops.drift.states import Scope, State, found
from attacks import EVERY, LONG
from checked import MAXMEMORY, finding, scope
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick


def records(said):
    """The scopes of an answer, as a report keeps them."""
    return [place.as_record() for place in said.scopes]


GOOD = {"changed": False, "scopes": [scope(instance="", checked=12), scope(MAXMEMORY)]}
anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=4), st.sampled_from(EVERY)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=6,
)


def places(value, path=()):
    """The path of every value inside."""
    yield path
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ():
        yield from places(inner, (*path, key))


def with_change(value, path, new):
    if not path:
        return new
    changed = dict(value) if isinstance(value, dict) else list(value)
    changed[path[0]] = with_change(value[path[0]], path[1:], new)
    return changed


def without(value, path):
    changed = dict(value) if isinstance(value, dict) else list(value)
    if len(path) == 1:
        del changed[path[0]]
    else:
        changed[path[0]] = without(value[path[0]], path[1:])
    return changed


# --- what our own module says -----------------------------------------------------------------------------------------


def test_what_the_module_says_comes_through_as_it_is():
    told = [
        found(
            "option.hz", "x", state, expected="1", actual="2", why="w", remedy="r",
            values={"file": "1"}, since="2026-11-23T11:48:00+00:00",
        )
        for state in State
        if state not in (State.IN_SYNC, State.WAIVED)
    ]  # fmt: skip
    said = json.loads(
        json.dumps([Scope("", 2, []).as_record(), Scope("default", 231, told, "redis 7", ["x"]).as_record()])
    )
    assert records(answers.drift({"scopes": said})) == [
        {**place, "counts": {"in_sync": place["counts"]["in_sync"]}} for place in said
    ]


def test_keys_that_nobody_knows_are_left_out():
    extra = finding("acl.bob", host="other", instance="other", first_seen="never", waiver={"id": "*"}, more=1)
    said = {"scopes": [{**scope(extra), "more": 1}], "report": ["clean"], "exit_code": 0}
    [place] = records(answers.drift(said))
    assert place["findings"] == [finding("acl.bob")]
    assert "more" not in place


@pytest.mark.parametrize("state", ["runtime_owned", "live_not_persisted", "unmanaged_set"])
@pytest.mark.parametrize("status", ["PASS", "SKIP", "FAIL"])
def test_a_status_follows_from_its_state(state, status):
    [place] = answers.drift({"scopes": [scope(finding("acl.bob", state, status=status))]}).scopes
    expected = {"runtime_owned": "SKIP", "live_not_persisted": "FAIL", "unmanaged_set": "WARN"}
    assert place.findings[0].status.value == expected[state]


# --- what it never says -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"scopes": None}, "scopes: nothing; expected a list"),
        ({"scopes": {}}, "scopes: a mapping; expected a list"),
        ({"scopes": "[]"}, "scopes: the text '[]'; expected a list"),
        ({"scopes": ["x"]}, "scopes[0]: the text 'x'; expected a mapping"),
        ({"scopes": [scope(), scope()]}, "scopes: a list; expected each instance once"),
        ({"scopes": [{**scope(), "checked": True}]}, "scopes[0].checked: yes or no; expected a whole number"),
        ({"scopes": [{**scope(), "checked": -1}]}, "scopes[0].checked: a number; expected a whole number"),
        ({"scopes": [{**scope(), "counts": {"in_sync": 10**400}}]}, "scopes[0].counts.in_sync: a number; expected"),
        ({"scopes": [scope(finding(""))]}, "scopes[0].findings[0].id: the text ''; expected"),
        ({"scopes": [scope(finding("x", "waived"))]}, "findings[0].state: the text 'waived'; expected one of live_not"),
        ({"scopes": [scope(finding("x", "in_sync"))]}, "findings[0].state: the text 'in_sync'; expected one of"),
        ({"scopes": [scope(finding("x", status="OK"))]}, "findings[0].status: the text 'OK'; expected one of PASS"),
        ({"scopes": [scope(finding("x", since="now"))]}, "findings[0].since: the text 'now'; expected a time"),
        ({"scopes": [scope(finding("x", since="2027-02-30T00:00:00+00:00"))]}, "expected a time"),
        ({"scopes": [scope(finding("x", values={"file": 7}))]}, "findings[0].values.file: a number; expected a text"),
        ({"scopes": [scope(instance=f"i{n}") for n in range(101)]}, "scopes: a list; expected at most 100 items"),
    ],
)
def test_another_shape_says_where_and_what_was_expected(change, told):
    said = answers.drift({**GOOD, **change})
    assert (said.unreadable, list(said.scopes)) == (True, [])
    assert told in said.error
    assert said.error.isprintable()


@quick
@given(st.data())
def test_whatever_stands_anywhere_is_an_answer_or_none(data):
    path = data.draw(st.sampled_from(list(places(GOOD))))
    said = answers.drift(with_change(GOOD, path, data.draw(anything)))
    assert said.error or said.scopes or not path or path == ("scopes",)
    told = json.dumps(records(said), ensure_ascii=False)
    assert told.isprintable()
    assert said.error.replace("\n", "").isprintable()
    told.encode()


REQUIRED = [path for path in places(GOOD) if path[-1:] and path[-1] in {*scope(), *finding("x")}]


@pytest.mark.parametrize("path", REQUIRED, ids=str)
def test_whatever_is_missing_is_named(path):
    assert f"{path[-1]}: nothing; expected a value" in answers.drift(without(GOOD, path)).error


@pytest.mark.parametrize("msg", [None, 7, {}, [], "", "timed out"])
def test_a_module_that_fails_says_why_or_nothing(msg):
    said = answers.drift({"failed": True, "msg": msg})
    assert (said.error, said.unreadable) == (msg if msg == "timed out" else "no reason given", False)


@pytest.mark.parametrize("said", [None, 7, "x", [], {}])
def test_no_answer_is_never_clean(said):
    assert answers.drift(said).error


# --- size -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", LONG, ids=["ascii", "markup", "bidi"])
@pytest.mark.parametrize("key", ["id", "subject", "expected", "actual", "why", "remedy"])
def test_a_long_text_is_cut_and_says_so(key, text):
    [place] = answers.drift({"scopes": [scope(finding("acl.bob", **{key: text}))]}).scopes
    told = getattr(place.findings[0], key)
    assert len(told) < answers.TEXT + 100
    assert f"({len(text)} characters in all, sha256 " in told


def test_two_long_texts_that_begin_alike_stay_two():
    one, other = (shape.shortened("x" * 3000 + end, 100) for end in "ab")
    assert one != other


@pytest.mark.parametrize(
    "scopes",
    [
        [scope(instance=""), scope(*(finding(f"acl.{n}") for n in range(answers.FINDINGS + 5)), checked=10**5)],
        [scope(*(finding(f"acl.{n}") for n in range(answers.FINDINGS + 5)), checked=10**5)],
        [scope(instance=""), {**scope(), "unknown": [f"x{n}" for n in range(answers.FINDINGS + 5)]}],
    ],
    ids=["findings", "without the host itself", "unknown options"],
)
def test_more_than_a_report_has_room_for_is_counted_and_never_clean(scopes):
    said = answers.drift({"scopes": scopes})
    own = next(place for place in said.scopes if not place.instance)
    [cut] = [item for item in own.findings if item.id == "answer.size"]
    assert (cut.state, cut.actual) == ("unreadable", "5 findings more, which this report leaves out")
    assert sum(len(place.findings) + len(place.unknown) for place in said.scopes) == answers.FINDINGS + 1


def test_the_texts_of_one_host_have_an_end():
    told = "y" * answers.TEXT
    found = [finding(f"acl.{n}", expected=told, actual=told, why=told, remedy=told) for n in range(1000)]
    said = answers.drift({"scopes": [scope(*found, checked=1000)]})
    assert len(json.dumps(records(said))) < answers.BYTES + 10_000
    assert "findings more" in said.scopes[0].findings[-1].actual


# --- names ------------------------------------------------------------------------------------------------------------


@quick
@given(st.lists(st.one_of(st.text(max_size=4), st.sampled_from(EVERY)), unique=True))
def test_names_that_differ_are_shown_as_names_that_differ(names):
    shown = list(map(shape.unique, names))
    assert len(set(shown)) == len(names)
    assert all(name.isprintable() for name in shown)


# --- reading variables ------------------------------------------------------------------------------------------------


class HostVars(dict):
    """As ansible-core's: what is read by [] went through Jinja."""

    def __getitem__(self, host):
        raise AssertionError("templated")

    def raw_get(self, host):
        return dict.get(self, host)


def test_a_variable_of_a_host_is_read_as_it_stands_there():
    hostvars = HostVars(redis1={"x": "{{ 1 }}"})
    assert answers.registered(hostvars, "redis1", "x") == "{{ 1 }}"
    assert answers.registered(hostvars, "redis1", "y") is None
    assert answers.registered(hostvars, "redis2", "x") is None


# --- of modules that change something ---------------------------------------------------------------------------------

CHANGES = {
    "instance": "default",
    "actions": ["write /etc/redis/redis.conf"],
    "findings": as_records([Finding("verify.ping", "instance default", Status.PASS, "PONG", "PONG", "guide 9")]),
    "pending_restart": [{"option": "databases", "running": "16", "wanted": "32", "reason": "at start only"}],
}


def test_changes_come_through_as_they_are():
    assert answers.changes(json.loads(json.dumps({**CHANGES, "changed": True}))) == CHANGES
    assert answers.changes({"changed": False}) == {}


@quick
@given(st.data())
def test_changes_of_another_shape_are_refused_or_plain(data):
    path = data.draw(st.sampled_from(list(places(CHANGES))))
    told = ""
    try:
        found = answers.changes(with_change(CHANGES, path, data.draw(anything)))
    except shape.WrongShape as wrong:
        found, told = {}, str(wrong)
    assert told.isprintable()
    assert json.dumps(found, ensure_ascii=False).isprintable()
