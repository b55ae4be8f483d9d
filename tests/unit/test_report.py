"""What a check found becomes one document; the exit code, the trend and the waivers are decided there."""

from __future__ import annotations

import json

import pytest
from ansible.module_utils.redis_control.report import document, drift_page, waivers
from ansible.module_utils.redis_control.report.blocks import Cards, Command, Fold, Heading, MarkedItems
from ansible.module_utils.redis_ops.drift import State
from checked import LATER, MAXMEMORY, build, finding, looked, scope, seen
from rendered import blocks, exposed, lines

AWAY = document.HostResult("redis9", error="Connection timed out", unreachable=True)


def waiver(**given):
    raw = {"id": "option.*", "hosts": "redis*", "reason": "OPS-417", "expires": "2026-12-24", **given}
    return waivers.parse([raw])


# --- verdict ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("results", "code", "verdict"),
    [
        ([looked("redis1")], 0, "clean"),
        ([looked("redis1", finding("acl.bob"))], 2, "drift"),
        ([looked("redis1", finding("role", "runtime_owned"))], 0, "clean"),
        ([looked("redis1", finding("server", "unreadable"))], 2, "drift"),
        ([looked("redis1"), AWAY], 1, "failed"),
        ([looked("redis1", finding("acl.bob")), AWAY], 1, "failed"),
        ([document.HostResult("redis1", error="timed out")], 1, "failed"),
        ([document.HostResult("redis1")], 1, "failed"),
        ([looked("redis1"), document.HostResult("redis2")], 1, "failed"),
        ([], 1, "failed"),
    ],
)
def test_a_hole_comes_before_drift_and_drift_before_clean(results, code, verdict):
    made = build(*results)
    assert (made["exit_code"], made["verdict"]) == (code, verdict)


def test_a_host_at_which_nothing_was_looked_at_says_so():
    [host] = build(document.HostResult("redis1"))["hosts"]
    assert (host["status"], host["error"]) == ("failed", "the check looked at nothing")


def test_a_failed_check_is_no_success():
    first = build(looked("redis1"))
    assert first["last_success"] == first["time"]
    assert build(AWAY, previous=first, time=LATER)["last_success"] == first["time"]
    assert build(AWAY)["last_success"] == ""


# --- trend ------------------------------------------------------------------------------------------------------------


def test_trend_is_against_the_check_before():
    first = build(looked("redis1", MAXMEMORY, finding("acl.bob")), looked("redis2", finding("acl.bob")))
    second = build(looked("redis1", MAXMEMORY, finding("file.mode")), AWAY, previous=first, time=LATER)
    assert second["trend"] == {
        "since": first["time"],
        "new": 1,
        "same": 1,
        "gone": [{"host": "redis1", "instance": "default", "id": "acl.bob"}],  # redis2 was not looked at
    }
    seen = {item["id"]: item["first_seen"] for item in document.items(second)}
    assert seen == {"option.maxmemory": first["time"], "file.mode": LATER}


def test_what_cannot_be_looked_at_is_not_gone():
    first = build(looked("redis1", MAXMEMORY))
    second = build(looked("redis1", finding("server", "unreadable")), previous=first)
    assert (second["trend"]["new"], second["trend"]["gone"]) == (1, [])


def test_history_is_of_one_inventory_and_has_an_end():
    made = {}
    for number in range(document.HISTORY + 5):
        made = build(looked("redis1", *[finding(f"acl.{n}") for n in range(number)]), previous=made)
    assert [point["drift"] for point in made["history"]] == list(range(5, document.HISTORY + 5))
    assert len(build(looked("redis1"), previous=made, inventory="inventories/local")["history"]) == 1
    assert len(build(looked("redis1"), previous=made, limit="redis1")["history"]) == 1


@pytest.mark.parametrize(
    "text",
    ["", "{", "null", "[]", "7", "{}", '{"schema": "redis-drift/2"}', '{"schema": "redis-drift/1", "hosts": [{}]}'],
)
def test_what_is_no_document_is_none(text):
    assert document.parse(text) == {}


def test_half_a_document_is_none():
    written = json.dumps(build(looked("redis1", MAXMEMORY)))
    assert document.parse(written)["verdict"] == "drift"
    assert document.parse(written[: len(written) // 2]) == {}


# --- waivers ----------------------------------------------------------------------------------------------------------


def test_a_waiver_holds_to_its_last_day():
    made = build(looked("redis1", MAXMEMORY, waivers=waiver(expires="2026-11-23")))
    [item] = document.items(made)
    assert made["exit_code"] == 0
    assert (item["state"], item["waived_state"], item["waiver"]["reason"]) == (
        "waived",
        "live_not_persisted",
        "OPS-417",
    )
    assert made["counts"] == {"in_sync": 202, "waived": 1}


def test_an_expired_waiver_is_drift_again_and_says_so():
    made = build(looked("redis1", MAXMEMORY, waivers=waiver(expires="2026-11-22")))
    [item] = document.drifted(made)
    assert made["exit_code"] == 2
    assert "its waiver expired on 2026-11-22" in item["actual"]
    assert "waiver of option.* expired on 2026-11-22: renew it or mend the drift" in lines(made)


NARROWED = [{"id": "option.hz"}, {"hosts": "web*"}, {"instances": "cache"}, {"instances": [""]}]
NARROWED += [{"state": "unmanaged_set"}, {"actual": "running 3gb*"}, {"actual": ""}]


@pytest.mark.parametrize("given", NARROWED)
def test_a_waiver_is_only_about_what_it_names(given):
    made = build(looked("redis1", MAXMEMORY, waivers=waiver(**given)))
    assert made["exit_code"] == 2
    assert [item["id"] for item in made["waivers"]["unused"]] == [given.get("id", "option.*")]


def test_a_waiver_is_not_called_unused_when_not_every_host_was_looked_at():
    assert build(looked("redis1", waivers=waiver()), AWAY)["waivers"]["unused"] == []
    assert build(looked("redis1", waivers=waiver()), limit="redis1")["waivers"]["unused"] == []


@pytest.mark.parametrize(
    ("raw", "told"),
    [
        ("option.*", "is no list"),
        ({"id": "x"}, "is no list"),
        (["option.*"], "waiver 1: is no mapping"),
        ([{"id": "*", "hosts": "*", "reason": "y", "expires": "2027-01-01"}], r"id: \*; expected what it accepts"),
        ([{"id": "**", "hosts": "*", "reason": "y", "expires": "2027-01-01"}], "expected what it accepts"),
        ([{"id": "x", "hosts": "*", "reason": "", "expires": "2027-01-01"}], "has no reason"),
        ([{"id": "x", "hosts": [], "reason": "y", "expires": "2027-01-01"}], "has no hosts"),
        ([{"hosts": "*", "reason": "y", "expires": "2027-01-01"}], "has no id"),
        ([{"id": "x", "hosts": "*", "reason": "y"}], "has no expires"),
        ([{"id": "x", "hosts": "*", "reason": "y", "expires": "next year"}], "expires: next year"),
        ([{"id": "x", "hosts": "*", "reason": "y", "expires": "2027-02-30"}], "expires: 2027-02-30"),
        ([{"id": "x", "host": "*", "hosts": "*", "reason": "y", "expires": "2027-01-01"}], "host is not known"),
    ],
)
def test_a_malformed_waiver_is_an_error(raw, told):
    with pytest.raises(waivers.InvalidInput, match=told):
        waivers.parse(raw)


@pytest.mark.parametrize("given", [{"state": "live_*", "actual": "running 7mb*"}, {"actual": MAXMEMORY["actual"]}])
def test_a_waiver_may_name_what_it_accepts(given):
    made = build(looked("redis1", MAXMEMORY, waivers=waiver(**given)))
    assert made["exit_code"] == 0
    assert given.items() <= next(document.items(made))["waiver"].items()


@pytest.mark.parametrize(("pattern", "code"), [("s*", 2), ("serve*", 2), ("server", 0)])
def test_no_pattern_hides_a_server_that_is_down(pattern, code):
    assert build(looked("redis1", finding("server", "unreadable"), waivers=waiver(id=pattern)))["exit_code"] == code


# --- text -------------------------------------------------------------------------------------------------------------


def test_text_of_one_host():
    made = build(looked("redis1", MAXMEMORY, finding("role", "runtime_owned")))
    assert lines(made, "/srv/latest.html", 100) == [
        "redis1 (host): 12 in sync",
        "redis1 default  Redis 7.0.15: 1 of 191 drifted, 1 runtime_owned",
        "  live_not_persisted   maxmemory: running 7mb, 0.34 % of that; expected 2gb; since 2026-11-23 11:48",
        "                       UTC",
        "                       -> redis-cli -p 6379 CONFIG SET maxmemory 2147483648, or run provision, which",
        "                          puts it back",
        "",
        "report: /srv/latest.html",
        "DRIFT: 1 finding on 1 of 1 host",
    ]


def test_many_hosts_in_sync_are_one_line_and_a_hole_stands_near_the_verdict():
    hosts = [looked(f"redis{number:02}") for number in range(40)]
    told = lines(build(*hosts, looked("zebra", MAXMEMORY), AWAY))
    assert told[0] == "40 hosts in sync, 8120 things"
    assert told[-5:-3] == ["redis9: NOT CHECKED (unreachable)", "  Connection timed out"]
    assert told[-2:] == ["FAILED: 1 of 42 hosts could not be checked", "DRIFT: 1 finding on 1 of 42 hosts"]


@pytest.mark.parametrize("width", [79, 120])
def test_text_keeps_its_width(width):
    made = build(*[looked(f"redis{n}", MAXMEMORY, finding("acl.bob")) for n in range(9)], AWAY, *map(looked, "abcd"))
    assert max(map(len, lines(made, width=width))) <= width


def test_text_moves_no_cursor():
    made = build(looked("re\x1b[2Jdis", finding("acl.\x1b[31m", actual="\r\x07\u202eevil\x9b")))
    assert all(line.isprintable() for line in lines(made))


def test_what_is_not_judged_is_named_and_counted():
    places = seen(scope(instance=""), {**scope(), "unknown": ["x-new", "a-new"]})
    made = build(document.HostResult("redis1", places), document.HostResult("redis2", places))
    assert made["exit_code"] == 0
    assert "not judged, as this project does not know them: a-new, x-new" in lines(made)
    told = [line for line in exposed(made).splitlines() if line.startswith("redis_drift_unknown_options{")]
    assert told == [f'redis_drift_unknown_options{{host="redis{number}",instance="default"}} 2' for number in (1, 2)]
    assert not any("not judged" in line for line in lines(build(looked("redis1"))))


# --- page -------------------------------------------------------------------------------------------------------------


def test_the_page_knows_every_state():
    assert set(drift_page.MEANING) == set(State)


@pytest.mark.parametrize(
    ("remedy", "command", "prose"),
    [
        ("redis-cli -p 1 CONFIG SET hz 10, or run provision", "redis-cli -p 1 CONFIG SET hz 10", "run provision"),
        ("redis-cli CONFIG SET save '900 1'; to keep it: x", "redis-cli CONFIG SET save '900 1'", "to keep it: x"),
        ('redis-cli CONFIG SET save "a, or; \\" b", or c', 'redis-cli CONFIG SET save "a, or; \\" b"', "c"),
        ("systemctl daemon-reload", "systemctl daemon-reload", ""),
        ("chown redis:redis /var/lib/redis", "chown redis:redis /var/lib/redis", ""),
        ("run provision, which puts it back", "", "run provision, which puts it back"),
        ('redis-cli CONFIG SET x "never closed, or', "", 'redis-cli CONFIG SET x "never closed, or'),
    ],
)
def test_a_command_is_copied_whole_or_not_at_all(remedy, command, prose):
    [item] = cards(build(looked("redis1", finding("option.hz", remedy=remedy))))
    assert (item.command, item.prose.removeprefix("or ")) == (command, prose)


def cards(made):
    """The rows that are shown as drift."""
    return [row for found in blocks(made, Cards) if not found.placed for row in found.rows]


def test_the_page_marks_the_value_that_is_off():
    [item] = cards(build(looked("redis1", MAXMEMORY)))
    assert [(value.name, value.off) for value in item.values] == [
        ("declared", False),
        ("file", False),
        ("running", True),
        ("default", False),
        ("applied", False),
    ]


def test_the_page_puts_the_worst_host_first_and_counts_what_is_common():
    same = finding("acl.bob")
    made = build(looked("a", same), looked("b", same, MAXMEMORY), looked("c", MAXMEMORY), looked("d"))
    assert [fold.heading.text for fold in blocks(made, Fold) if fold.style == "host"] == ["b", "a", "c"]
    common, _ = blocks(made, MarkedItems)
    assert [(item.name, item.mark, item.text) for item in common.items] == [
        ("acl.bob", "live_not_persisted", "2 hosts"),
        ("option.maxmemory", "live_not_persisted", "2 hosts"),
    ]
    assert Heading("In sync: 1") in blocks(made, Heading)
    assert "--limit b -e redis_drift_remediate=true" in blocks(made, Command)[0].text


def test_a_scope_without_drift_is_not_on_the_page():
    result = document.HostResult("a", seen(scope(instance=""), scope(finding("acl.bob"))))
    headings = [heading.text for heading in blocks(build(result), Heading) if heading.level == 3]
    assert headings == ["default"]
