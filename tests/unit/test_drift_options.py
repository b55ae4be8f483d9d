"""Which of the four knew what: declared, file, running server and last run, for one option at a time."""

from __future__ import annotations

import itertools
from typing import Any, Optional

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.drift import options
from ansible.module_utils.redis_ops.drift.options import Memory
from ansible.module_utils.redis_ops.drift.states import NO_DRIFT, State
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.plan.comparison import How, Observed
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.plan.plan import Plan, build

REDIS_6, REDIS_7 = Engine.parse("redis 6.2.14"), Engine.parse("redis 7.0.15")
SYNC, LIVE, PENDING = "in_sync", "live_not_persisted", "pending_restart"
OUTSIDE, AHEAD, UNMANAGED = "file_changed_outside", "declared_not_applied", "unmanaged_set"


def planned(name: str, declared: Optional[str], file: Optional[str], live: str, applied: Any) -> Plan:
    desired = DesiredState.parse({} if declared is None else {name: declared}, REDIS_7, "here")
    text = "" if file is None else f"{name} {file}\n"
    remembered = {} if applied == "-" else None if applied is None else {name: applied}
    return build(desired, Observed(file=text, live={name: live}, applied=remembered), "default", "here")


def state(name: str, plan: Plan, memory: Memory) -> str:
    [entry] = [entry for entry in (*plan.entries, *plan.others) if entry.option.name == name]
    return options.state_of(entry, plan, memory).value


def of(name: str, declared: Optional[str], file: Optional[str], live: str, applied: Any, **running: Any) -> str:
    plan = planned(name, declared, file, live, applied)
    return state(name, plan, Memory(plan.compare.observed.applied, running, ""))


# declared, file, running, last applied: '-' is a run that did not have it, None is no run; the default of timeout is 0
TABLE = [
    ("5", "5", "5", "5", SYNC),
    ("5", "5", "5", None, SYNC),
    ("5", "5", "9", "5", LIVE),
    ("5", "5", "0", "5", LIVE),
    ("5", "9", "5", "5", OUTSIDE),
    ("5", None, "5", "5", OUTSIDE),
    ("5", "9", "9", "5", OUTSIDE),
    ("5", "5", "9", "9", AHEAD),
    ("5", "9", "9", "9", AHEAD),
    ("5", "9", "9", "-", AHEAD),
    ("5", "9", "9", None, AHEAD),
    ("5", None, "0", None, AHEAD),
    ("5", "5", "9", None, AHEAD),
    (None, None, "0", "-", SYNC),
    (None, None, "0", None, SYNC),
    (None, None, "9", "-", UNMANAGED),
    (None, None, "9", None, UNMANAGED),
    (None, "9", "9", "-", OUTSIDE),
    (None, "9", "0", "-", OUTSIDE),
    (None, "9", "9", None, UNMANAGED),
    (None, "9", "9", "9", AHEAD),
    (None, None, "9", "9", AHEAD),
    (None, None, "0", "9", SYNC),
    (None, "0", "0", "-", SYNC),
    (None, "0", "9", "-", OUTSIDE),
]


@pytest.mark.parametrize(("declared", "file", "live", "applied", "expected"), TABLE)
def test_an_option_that_is_set_live(declared, file, live, applied, expected):
    assert of("timeout", declared, file, live, applied) == expected


@pytest.mark.parametrize(
    ("declared", "file", "live", "applied", "ran", "expected"),
    [
        ("32", "32", "16", "32", 16, PENDING),
        ("32", "32", "16", "32", None, PENDING),
        ("32", "32", "64", "32", 16, LIVE),
        ("32", "16", "16", "16", 16, AHEAD),
        ("32", "64", "32", "32", 32, OUTSIDE),
        ("32", "64", "64", "32", 32, OUTSIDE),
        (None, None, "32", "32", 32, PENDING),
        (None, "32", "32", "32", 32, AHEAD),
        (None, None, "32", "-", None, UNMANAGED),
    ],
)
def test_an_option_that_is_read_at_start_only(declared, file, live, applied, ran, expected):
    running = {} if ran is None else {"databases": ran}
    assert of("databases", declared, file, live, applied, **running) == expected


@pytest.mark.parametrize(
    ("file", "live", "running", "expected"),
    [
        ("777", "777", {"port": 6379}, OUTSIDE),  # opened by hand, and persisted
        ("777", "0", {"port": 6379}, OUTSIDE),
        ("777", "777", {"unixsocketperm": 0o777}, SYNC),
        ("777", "700", {"unixsocketperm": 0o777}, LIVE),
        ("777", "777", {}, SYNC),  # nobody remembers
    ],
)
def test_an_option_that_is_left_to_the_file(file, live, running, expected):
    plan = planned("unixsocketperm", None, file, live, "-")
    assert state("unixsocketperm", plan, Memory({}, running, "")) == expected


@pytest.mark.parametrize(
    ("declared", "live", "running", "expected"),
    [
        ("new", "new", {"requirepass": "new"}, SYNC),
        ("new", "old", {"requirepass": "new"}, LIVE),
        ("new", "old", {"requirepass": "old"}, AHEAD),
        (None, "old", {}, UNMANAGED),
        (None, "", {}, SYNC),
        # what a run declared once says nothing of a secret that nobody declares now: somebody set this one
        (None, "old", {"requirepass": "older"}, UNMANAGED),
    ],
)
def test_a_secret_is_remembered_where_it_is_needed_only(declared, live, running, expected):
    assert of("requirepass", declared, declared, live, "-", **running) == expected


def test_who_follows_whom_is_not_declared():
    assert of("replicaof", None, None, "10.0.0.1 6379", "-") == State.RUNTIME_OWNED.value


def test_what_no_kind_can_read_is_unreadable():
    assert of("timeout", "5", "5", "soon", "5") == State.UNREADABLE.value


def test_classes_of_clients_that_a_file_leaves_out_have_their_default():
    name, replica = "client-output-buffer-limit", "replica 256mb 64mb 60"
    live = "normal 0 0 0 slave 268435456 67108864 60 pubsub 33554432 8388608 60"
    assert of(name, replica, "normal 0 0 0", live, replica) == SYNC
    assert of(name, "replica 1mb 1mb 1", "normal 0 0 0", live, "replica 1mb 1mb 1") == OUTSIDE
    assert of(name, None, "normal 0 0 0", live, "-") == SYNC
    assert of(name, None, "normal 1 1 1", live, "-") == OUTSIDE


def test_every_combination_has_a_state_and_is_clean_only_when_all_agree():
    """Over all of them: whatever is clean does what is declared, running and after a restart."""
    for declared, file, live, applied in itertools.product(
        [None, "0", "5"], [None, "0", "9"], ["0", "5", "9"], [None, "-", "5"]
    ):
        found = of("timeout", declared, file, live, applied)
        after_restart, want = file or "0", declared or "0"
        agree = live == want and after_restart == want
        if found in NO_DRIFT:
            assert agree, (declared, file, live, applied)
        elif agree:
            assert declared is not None, (declared, file, live, applied)
            assert file is None, (declared, file, live, applied)


# --- what is told -----------------------------------------------------------------------------------------------------


def finding(name: str, *row: Any, cli: str = "redis-cli -p 6379", **running: Any) -> Any:
    plan = planned(name, *row)
    memory = Memory(plan.compare.observed.applied, running, "2026-11-23T00:00:00+00:00")
    [found] = [one for one in options.findings(plan, memory, "here", cli) if one.id == f"option.{name}"]
    return found


def test_a_finding_names_all_four_and_the_last_run():
    found = finding("maxmemory", "1gb", "1gb", "7340032", "1gb")
    assert found.values == {"declared": "1gb", "file": "1gb", "running": "7mb", "default": "0", "applied": "1gb"}
    assert (found.expected, found.actual) == ("1gb", "running 7mb, 0.68 % of that")
    assert found.remedy.startswith("redis-cli -p 6379 CONFIG SET maxmemory 1073741824, or run provision")
    assert found.since == ""


def test_since_is_told_of_a_file_that_was_changed():
    assert finding("timeout", "5", "9", "5", "5").since == "2026-11-23T00:00:00+00:00"


def test_a_secret_is_shown_nowhere():
    for row in [("new-secret", "old-secret", "third-secret", "-"), (None, None, "third-secret", "-")]:
        text = str(finding("requirepass", *row, requirepass="new-secret"))
        assert "-secret" not in text
        assert "********" in text


def test_what_is_left_to_the_file_is_not_promised_to_be_put_back():
    found = finding("unixsocketperm", None, "777", "777", "-", port=6379)
    assert found.expected == "0, as the last run left it"
    assert found.actual == "file 777"
    assert found.values["declared"] == "(not declared)"
    assert found.remedy.startswith("declare unixsocketperm: 777, or what it was")


def test_options_that_star_does_not_tell_are_asked_for_by_name():
    assert options.hidden(REDIS_6) == []
    assert {"key-load-delay", "use-exit-on-panic"} <= set(options.hidden(REDIS_7))
    assert "loadmodule" not in options.hidden(REDIS_7)
    plan = planned("timeout", "5", "5", "5", "5")
    more = options.told_more(plan, {"key-load-delay": "7", "use-exit-on-panic": "no", "made-up": "1"})
    found = list(options.findings(more, Memory({"timeout": "5"}), "here", "redis-cli"))
    assert [(one.id, one.state) for one in found] == [("option.key-load-delay", UNMANAGED)]
    assert len(more.others) == len(plan.others) + 2
    declared = options.told_more(planned("key-load-delay", "5", "5", "5", "5"), {"key-load-delay": "7"})
    [entry] = declared.entries
    assert entry.how is How.LIVE


def test_what_only_the_running_server_of_somebody_else_has_waits_for_no_restart():
    """A restart would load the AOF as old as it is; the remedy must not ask for one."""
    observed = Observed(file="appendonly yes\n", live={"appendonly": "no"}, contact=Contact.KEPT)
    plan = build(DesiredState.parse({"hz": "10"}, REDIS_7, "here"), observed, "default", "here")
    [found] = [one for one in options.findings(plan, Memory(), "here", "redis-cli") if one.id == "option.appendonly"]
    assert found.state == LIVE
    assert "redis_server_restart" not in found.remedy
    assert found.remedy.startswith("declare appendonly: no: a restart takes it back")
