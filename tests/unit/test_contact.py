"""What becomes of options that nobody declares, by how far this project has come with a server."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.catalog.option import Origin
from ansible.module_utils.redis_ops.model.conffile import ConfFile, Unreadable, quote, render
from ansible.module_utils.redis_ops.model.desired import DesiredState, known
from ansible.module_utils.redis_ops.plan.comparison import How, Observed
from ansible.module_utils.redis_ops.plan.contact import Contact, left
from ansible.module_utils.redis_ops.plan.guards import DATA_LOCATION
from ansible.module_utils.redis_ops.plan.plan import Plan, build
from hypothesis import assume, given
from hypothesis import strategies as st
from strategies import ENGINES, quick, typed_settings

REDIS_7 = Engine.parse("redis 7.0.15")
OTHERS = (Contact.KEPT, Contact.FIRST)
TAKEN_OVER = (Contact.MANAGED, Contact.REPLACED)
# Options with security or topology meaning, typed by hand (field cases A5, A6, A11 and A12)
STICKY = {
    "bind": "0.0.0.0",
    "port": "0",
    "tls-port": "6380",
    "unixsocket": "/run/r.sock",
    "unixsocketperm": "770",
    "protected-mode": "no",
    "aclfile": "/etc/redis/users.acl",
    "tls-cert-file": "/etc/redis/r.crt",
    "tls-auth-clients": "optional",
    "cluster-enabled": "yes",
    "cluster-config-file": "mine.conf",
    "databases": "64",
    "replica-announce-ip": "10.0.0.9",
    "replica-priority": "7",
    "replica-read-only": "no",
    "min-replicas-to-write": "1",
    "masteruser": "replica",
    "logfile": "/srv/log",
    "pidfile": "/srv/pid",
    "daemonize": "yes",
    "supervised": "systemd",
}
NOT_STICKY = {"maxmemory": "600mb", "hz": "20", "notify-keyspace-events": "Ex", "timeout": "7", "appendonly": "yes"}


def plan(declared: dict[str, Any], file: str | None, contact: Contact, engine: Engine = REDIS_7, **given_: Any) -> Plan:
    weak, assumed = given_.pop("weak", frozenset()), given_.pop("assumed", frozenset())
    observed = Observed(file=file, contact=contact, **given_)
    return build(DesiredState.parse(declared, engine, "here"), observed, "x", "x", weak=weak, assumed=assumed)


def lines(values: dict[str, str]) -> str:
    return "".join(f"{name} {value}\n" for name, value in values.items())


def after(found: Plan) -> dict[str, Any]:
    return ConfFile.parse(found.file_after or "").values(found.desired.engine)


# --- examples -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", STICKY)
@pytest.mark.parametrize("contact", [*OTHERS, *TAKEN_OVER], ids=lambda contact: contact.name)
def test_who_gets_in_and_which_deployment_it_is_never_goes_back_to_a_default(name, contact):
    found = plan({"hz": 10}, lines({name: STICKY[name], **NOT_STICKY}), contact)
    assert after(found)[name] == known(name).parse(STICKY[name], REDIS_7)
    assert name not in {entry.option.name for entry in (*found.live, *found.pending_restart)}
    assert catalog.stays(known(name))


@pytest.mark.parametrize("name", NOT_STICKY)
def test_other_options_stay_where_a_server_is_kept_and_go_back_where_it_is_managed(name):
    assert not catalog.stays(known(name))
    for contact in Contact:
        found = after(plan({"lfu-log-factor": 10}, lines(NOT_STICKY), contact))
        assert (name in found) == (contact in OTHERS), contact


def test_a_sticky_option_that_we_declared_once_goes_back_when_nobody_declares_it_any_more():
    applied = {"bind": "0.0.0.0", "databases": "64"}
    for contact in (*OTHERS, *TAKEN_OVER):
        found = plan({}, lines(applied), contact, applied=applied, live=applied)
        assert {"bind", "databases"}.isdisjoint(after(found)), contact
        assert {entry.option.name for entry in (*found.live, *found.pending_restart)} == {"bind", "databases"}


def test_where_the_data_lies_stays_even_when_we_declared_it_once():
    applied = {"dir": "/srv/redis", "dbfilename": "mine.rdb"}
    for contact in Contact:
        found = plan({}, lines(applied), contact, applied=applied)
        assert {name: after(found)[name] for name in applied} == applied


def test_a_password_that_nobody_declares_stays_or_stops_the_run():
    for contact in Contact:
        found = plan({"hz": 10}, "requirepass hunter2\n", contact, live={"requirepass": "hunter2"})
        stays = after(found).get("requirepass") == "hunter2"
        assert stays == (contact in OTHERS)
        assert stays != bool(found.problems)
        assert "requirepass" not in {entry.option.name for entry in found.live if found.problems == ()}


def test_our_defaults_count_only_where_nothing_else_decides():
    ours = {"bind": "127.0.0.1 -::1", "port": "6379"}
    for contact in Contact:
        found = after(plan(ours, "port 7000\n", contact, weak=frozenset(ours)))
        keeps = contact is not Contact.FRESH
        assert found.get("port") == (7000 if keeps else 6379), contact
        assert ("bind" in found) == contact.takes_defaults, contact


def test_a_default_of_ours_that_somebody_typed_counts_everywhere():
    for contact in Contact:
        assert after(plan({"port": "6379"}, "port 7000\n", contact))["port"] == 6379


def test_a_profile_that_nobody_typed_is_not_for_a_server_that_is_kept():
    for contact in Contact:
        found = after(
            plan({"maxmemory": "2gb", "hz": "20"}, "maxmemory 1gb\n", contact, assumed=frozenset({"maxmemory"}))
        )
        assert found["maxmemory"] == (2**30 if contact in OTHERS else 2**31)
        assert found["hz"] == 20


COMMENTED = """\
# made by hand
  MAXMEMORY   600MB
bf-error-rate 0.01
include-nothing yes
user bob on >hunter2 ~* +@all
rename-command KEYS ""
replicaof 10.0.0.1 6379
"""


@pytest.mark.parametrize("contact", OTHERS, ids=lambda contact: contact.name)
def test_a_file_that_needs_no_change_keeps_its_text(contact):
    """Field case A13: comments, spelling and order are somebody's own."""
    found = plan({"maxmemory": "600mb"}, COMMENTED, contact)
    assert found.file_after == COMMENTED
    assert not found.changed


@pytest.mark.parametrize("contact", OTHERS, ids=lambda contact: contact.name)
def test_a_file_that_needs_one_keeps_every_line_that_no_catalogue_knows(contact):
    found = plan({"maxmemory": "1gb"}, COMMENTED, contact)
    written = ConfFile.parse(found.file_after)
    texts = {line.text() for line in written.directives}
    assert {"bf-error-rate 0.01", "include-nothing yes", 'rename-command KEYS ""', "replicaof 10.0.0.1 6379"} <= texts
    assert after(found)["maxmemory"] == 2**30
    assert any(line.name == "user" for line in written.directives)


def test_what_is_left_is_neither_a_change_nor_our_decision():
    found = plan({"hz": 10}, "bind 0.0.0.0\nhz 10\n", Contact.KEPT, live={"bind": "10.0.0.1", "hz": "10"})
    [entry] = [entry for entry in found.entries if entry.option.name == "bind"]
    assert (entry.left, entry.how, entry.file_differs) == (True, How.NOTHING, False)
    assert entry.live_differs, "it is told, and it is not changed"
    assert "bind" not in found.decided
    assert "bind" not in found.applied()


def test_a_value_that_can_not_be_read_is_nobody_s_to_keep():
    assert left(Contact.MANAGED, {}, (), DATA_LOCATION) == {}
    found = plan({"hz": 10}, "maxmemory lots\n", Contact.KEPT)
    assert "maxmemory" not in found.desired.values


def test_of_a_server_that_is_kept_only_what_we_changed_is_remembered():
    """Or a later run, when the inventory no longer has it, would reset what somebody else set."""
    found = plan({"maxmemory": "600mb", "hz": 20}, "maxmemory 600mb\nhz 10\n", Contact.KEPT)
    assert found.applied() == {"hz": "20"}
    managed = plan({"maxmemory": "600mb", "hz": 20}, "maxmemory 600mb\nhz 10\n", Contact.MANAGED)
    assert managed.applied() == {"maxmemory": "629145600", "hz": "20"}


# --- properties ---------------------------------------------------------------------------------------------------------


@st.composite
def situations(draw: Any) -> tuple[Engine, dict, dict, str]:
    """An engine, a declaration, what a file says, and its text with lines of other kinds among it."""
    engine = draw(st.sampled_from(ENGINES))
    declared = {name: text for name, text in draw(typed_settings(engine)).items() if not known(name).secret}
    existing = DesiredState.parse(draw(typed_settings(engine)), engine, "there").values
    existing = {name: value for name, value in existing.items() if not known(name).secret}
    text = render(DesiredState(engine, existing), "there").partition("\n\n")[2]
    comments = draw(st.sampled_from(["", "# by hand\n", "bf-error-rate 0.01\n", "user bob on >a ~* +@all\n"]))
    return engine, declared, existing, draw(st.sampled_from([text + comments, comments + text]))


def same(engine: Engine, name: str, before: Any, now: Any) -> bool:
    """Whether the value is the one of before. A file may name some classes of clients only, which a server completes."""
    return not isinstance(now, Unreadable) and known(name).kind_at(engine).covers(before, now)


@quick
@given(situations(), st.sampled_from(OTHERS))
def test_no_undeclared_option_of_a_kept_server_changes(situation, contact):
    engine, declared, _, file = situation
    for name, value in ConfFile.parse(file).values(engine).items():
        if name not in declared:
            assert same(engine, name, value, after(plan(declared, file, contact, engine))[name]), name


@quick
@given(situations(), st.sampled_from(OTHERS))
def test_no_undeclared_option_of_a_kept_server_is_set(situation, contact):
    engine, declared, existing, file = situation
    live = {name: known(name).kind_at(engine).render(value) for name, value in existing.items()}
    found = plan(declared, file, contact, engine, live=live)
    assert {entry.option.name for entry in (*found.live, *found.pending_restart)} <= set(declared)


@quick
@given(situations(), st.sampled_from(OTHERS))
def test_the_text_of_a_file_stays_where_its_meaning_does(situation, contact):
    engine, declared, _, file = situation
    in_file = ConfFile.parse(file).values(engine)
    found = plan({name: text for name, text in declared.items() if name not in in_file}, file, contact, engine)
    same_meaning = plan({}, file, contact, engine)
    assert same_meaning.file_after == file
    again = {name: known(name).kind_at(engine).render(value) for name, value in in_file.items()}
    again = {name: text for name, text in again.items() if known(name).origin is Origin.DECLARED}
    assert plan(again, file, contact, engine).file_after == file
    assert (found.file_after == file) == (not any(entry.file_differs for entry in found.entries))


@quick
@given(situations(), st.sampled_from(TAKEN_OVER))
def test_no_undeclared_sticky_option_changes_unless_we_declared_it_once(situation, contact):
    engine, declared, _, file = situation
    written = after(plan(declared, file, contact, engine))
    for name, value in ConfFile.parse(file).values(engine).items():
        if name not in declared and (catalog.stays(known(name)) or name in DATA_LOCATION):
            assert same(engine, name, value, written[name]), name


@quick
@given(situations(), st.data())
def test_only_what_we_declared_once_is_taken_back_from_a_kept_server(situation, data):
    engine, declared, existing, file = situation
    applied = data.draw(st.lists(st.sampled_from(sorted(existing) or ["hz"]), unique=True))
    texts = {name: known(name).kind_at(engine).render(existing[name]) for name in applied if name in existing}
    found = plan(declared, file, Contact.KEPT, engine, applied=texts)
    gone = set(ConfFile.parse(file).values(engine)) - set(after(found))
    assert gone <= set(texts) - set(declared) - set(DATA_LOCATION)


@quick
@given(situations(), st.sampled_from(list(Contact)))
def test_a_second_plan_after_the_first_is_empty(situation, contact):
    engine, declared, _, file = situation
    assume(contact is not Contact.FIRST)
    first = plan(declared, file, contact, engine)
    kept = contact if contact is Contact.KEPT else Contact.MANAGED
    observed = Observed(file=first.file_after, contact=kept, applied=first.applied())
    second = build(DesiredState.parse(declared, engine, "here"), observed, "x", "x")
    assert not second.changed
    assert second.file_after == first.file_after


@pytest.mark.parametrize("contact", Contact)
def test_where_nobody_has_said_anything_our_places_count(contact):
    """Data without a configuration: at the engine's default a server starts empty in its working directory, for everybody."""
    ours = {"dir": "/var/lib/redis/cache", "bind": "127.0.0.1", "port": "7001"}
    weak = frozenset({"dir", "bind"})
    found = plan(ours, None, contact, weak=weak)
    for line in ("dir /var/lib/redis/cache", "bind 127.0.0.1", "port 7001"):
        assert line in found.file_after.splitlines()
    theirs = plan(ours, "dir /srv/theirs\nbind 0.0.0.0\nport 7001\n", contact, weak=weak).file_after.splitlines()
    assert "dir /srv/theirs" in theirs
    assert ("bind 0.0.0.0" in theirs) is (contact is not Contact.FRESH)


@pytest.mark.parametrize("contact", [Contact.KEPT, Contact.FIRST, Contact.REPLACED])
@pytest.mark.parametrize("line", ['dir "/d/\\x01"', 'unixsocket "/run/a\\tb"', 'aclfile "/etc/\\x01"'])
def test_a_line_that_only_the_server_understands_stays(contact, line):
    """Without it the server listens elsewhere, or lets others in."""
    result = build(DesiredState(REDIS_7, {"hz": 20}), Observed(file=f"{line}\n", live={}, contact=contact), "x", "x")
    [kept] = [found for found in ConfFile.parse(result.file_after).directives if found.name == line.split()[0]]
    assert kept.arguments == ConfFile.parse(line).directives[0].arguments
    again = build(
        DesiredState(REDIS_7, {"hz": 20}), Observed(file=result.file_after, live={}, contact=contact), "x", "x"
    )
    assert not again.file_changed


@pytest.mark.parametrize("name", ["requirepass", "masterauth", "tls-key-file-pass"])
def test_a_secret_with_control_characters_stays(name):
    for text in ("a\tb", "\x7f", "a\x00b", "two\nlines"):
        file = f"{name} {quote(text)}\n"
        result = build(
            DesiredState(REDIS_7, {"hz": 20}), Observed(file=file, live={name: text}, contact=Contact.KEPT), "x", "x"
        )
        assert ConfFile.parse(result.file_after).values(REDIS_7)[name] == text
