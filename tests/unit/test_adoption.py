"""First contact with a server that somebody else set up: the run stops, and a table shows what either answer would do."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.redis_ops.checks import adoption
from ansible.module_utils.redis_ops.checks.adoption import Row
from ansible.module_utils.redis_ops.model.conffile import render
from ansible.module_utils.redis_ops.model.desired import DesiredState, known
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view.host import Seen
from hypothesis import given
from hypothesis import strategies as st
from strategies import ENGINES, quick, typed_settings
from views import REDIS_7, seen_of, several

THEIRS = "bind 0.0.0.0\nport 6379\ndatabases 64\nmaxmemory 600mb\nnotify-keyspace-events Ex\nmin-replicas-to-write 1\n"
RUNNING = {
    "bind": "0.0.0.0",
    "port": "6379",
    "databases": "64",
    "maxmemory": "629145600",
    "notify-keyspace-events": "xE",
    "min-replicas-to-write": "1",
}


# Two of these may be the same place, which is refused
PLACES = ("port", "tls-port", "unixsocket", "logfile", "pidfile", "dir")


def first(settings: dict[str, Any] | None = None, **view: Any) -> Seen:
    [one] = several({"name": "default", "settings": settings or {}})
    given_ = {"file": THEIRS, "live": RUNNING, "contact": Contact.FIRST, "own_file": True, **view}
    return seen_of(one, **given_)


def rows(seen: Seen) -> dict[str, Row]:
    found = adoption.rows(seen)
    assert len({row.option for row in found}) == len(found)
    return {row.option: row for row in found}


@pytest.mark.parametrize("contact", [contact for contact in Contact if contact is not Contact.FIRST])
def test_only_first_contact_stops_a_run(contact):
    assert list(adoption.problems(first(contact=contact))) == []
    assert adoption.tables(first(contact=contact)) == []


@pytest.mark.parametrize(
    ("view", "whose"),
    [
        ({"info": {"db0": {"keys": 7}}}, "it has 7 keys and a configuration of its own in /etc/redis/redis.conf"),
        ({"info": {"connected_clients": 4}, "own_file": False}, "3 clients"),
        ({"own_file": False}, "it is in use"),
    ],
)
def test_the_run_stops_and_says_what_to_type(view, whose):
    [problem] = adoption.problems(first({"maxmemory": "1gb"}, **view))
    assert whose in problem.what
    assert "adopt: keep" in problem.expected
    assert "adopt: replace" in problem.expected
    assert "redis_server_adopt" in problem.remedy
    assert "\n" not in str(problem)


def test_data_of_a_stopped_server_is_named(tmp_path):
    (tmp_path / "dump.rdb").write_text("REDIS0010 and some keys")
    store = Store.of({"dir": str(tmp_path)}, REDIS_7)
    [problem] = adoption.problems(first(live=None, store=store))
    assert f"data lies at {tmp_path}/dump.rdb" in problem.what


def test_what_replace_would_change_is_named():
    [problem] = adoption.problems(first({"maxmemory": "1gb"}))
    assert (
        "replace would change notify-keyspace-events, maxmemory" in problem.what
        or "replace would change" in problem.what
    )
    assert "maxmemory" in problem.what


def test_the_table_shows_theirs_and_both_answers():
    """Field case A12: what nobody declares stays under keep, and what says who gets in stays in any case."""
    found = rows(first({"maxmemory": "1gb"}))
    assert found["maxmemory"] == Row("maxmemory", "600mb", "1gb", "1gb")
    assert found["notify-keyspace-events"] == Row("notify-keyspace-events", "Ex", "Ex", "(empty)")
    assert "bind" not in found
    assert "databases" not in found
    assert "min-replicas-to-write" not in found


def test_a_declared_option_is_the_same_under_both_answers():
    found = rows(first({"bind": "127.0.0.1", "databases": 16}))
    assert found["bind"] == Row("bind", "0.0.0.0", "127.0.0.1", "127.0.0.1")
    assert found["databases"] == Row("databases", "64", "16", "16")


def test_nothing_to_change_is_no_row():
    assert rows(first({"maxmemory": "600mb", "notify-keyspace-events": "Ex"})) == {}


def test_a_secret_is_masked():
    [one] = several({"name": "default", "secrets": {"requirepass": "new-hunter2"}})
    seen = seen_of(one, file="requirepass hunter2\n", live={"requirepass": "hunter2"}, contact=Contact.FIRST)
    assert "hunter2" not in str(adoption.tables(seen)) + str(list(adoption.problems(seen)))


def test_the_table_is_narrow():
    long = first({"client-output-buffer-limit": "replica 512mb 128mb 60 pubsub 64mb 16mb 90"})
    [table] = adoption.tables(long)
    assert table["instance"] == "default"
    assert table["table"][0].split() == ["option", "now", "adopt:", "keep", "adopt:", "replace"]
    assert max(map(len, table["table"])) <= 76


@quick
@given(st.sampled_from(ENGINES), st.data())
def test_keep_changes_nothing_that_nobody_declares(engine, data):
    declared = data.draw(typed_settings(engine))
    theirs = data.draw(typed_settings(engine))
    said = {name: value for name, value in declared.items() if name not in PLACES and not known(name).secret}
    [one] = several({"name": "default", "settings": said}, engine=engine)
    values = DesiredState.parse(theirs, engine, "here").values
    shown = {name: value for name, value in values.items() if not known(name).secret}
    seen = seen_of(one, file=render(DesiredState(engine, shown), "default"), contact=Contact.FIRST)
    for row in adoption.rows(seen):
        assert row.option in said or row.keep == row.theirs
