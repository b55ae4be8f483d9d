"""Users of the running server against those of the files: the same however it is spelled, and what differs by name."""

from __future__ import annotations

import hashlib

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.drift import users
from ansible.module_utils.redis_ops.drift.states import State
from ansible.module_utils.redis_ops.model import acl

OLD, NEW, VALKEY_9 = Engine.parse("redis 6.2.14"), Engine.parse("redis 8.0.2"), Engine.parse("valkey 9.1.2")
ONE = hashlib.sha256(b"one").hexdigest()
DEFAULT = "user default on nopass sanitize-payload ~* &* +@all"


def differ(file: str, running: str, engine: Engine = NEW, *, opened: bool = False) -> list[str]:
    return acl.parse(running.split()).differences(acl.parse(file.split(), opened=opened), engine)


@pytest.mark.parametrize(
    ("file", "running"),
    [
        ("on >one ~a* +get", f"on sanitize-payload #{ONE} ~a* resetchannels -@all +get"),
        (f"ON #{ONE} ~a* +GET", f"on #{ONE} ~a* resetchannels -@all +get"),
        ("on >one >one", f"on #{ONE} resetchannels -@all"),
        (">one <one", "off resetchannels -@all"),
        (f">one !{ONE}", "off -@all"),
        (">one nopass", "off nopass -@all"),
        ("nopass >one", f"off #{ONE} -@all"),
        ("nopass resetpass", "off -@all"),
        ("allkeys allchannels allcommands", "off ~* &* +@all"),
        ("~a ~* ", "off ~* -@all"),
        ("~a resetkeys ~b", "off ~b -@all"),
        ("%RW~a", "off ~a -@all"),
        ("%R~a %W~a", "off ~a -@all"),
        ("%wr~a", "off ~a -@all"),
        ("%RW~* ~a", "off ~* ~a -@all"),
        ("%R~*", "off %R~* -@all"),
        ("&a &b", "off resetchannels &b &a -@all"),
        ("&a resetchannels", "off resetchannels -@all"),
        ("+get +get", "off -@all +get"),
        ("+get -get", "off -@all -get"),
        ("+config|get +config", "off -@all +config"),
        ("+get +@all", "off +@all"),
        ("+@all -@all +get", "off -@all +get"),
        ("(~s +get)", "off -@all (~s resetchannels -@all +get)"),
        ("(~s +get) clearselectors", "off -@all"),
        ("( ~s +get )", "off -@all (~s resetchannels -@all +get)"),
        ("on nopass ~* +@all (+get) reset", "off -@all"),
        ("skip-sanitize-payload sanitize-payload", "off sanitize-payload -@all"),
    ],
)
def test_the_same_user(file, running):
    assert differ(file, running) == []


@pytest.mark.parametrize(
    ("file", "running", "names"),
    [
        ("on", "off", ["enabled"]),
        (">one", ">two", ["passwords"]),
        ("nopass", ">one", ["nopass", "passwords"]),
        ("~a", "~b", ["keys"]),
        ("%R~a", "~a", ["keys"]),
        ("%R~*", "~*", ["keys"]),
        ("&a", "&*", ["channels"]),
        ("+get", "+set", ["commands"]),
        ("+@all", "+@all -get", ["commands"]),
        ("+@read", "+@read -@dangerous", ["commands"]),
        ("skip-sanitize-payload", "sanitize-payload", ["sanitized"]),
        ("db=1", "db=1,2", ["databases"]),
        ("resetdbs", "alldbs", ["databases"]),
        ("(~a +get)", "(~b +get)", ["selectors"]),
        ("(~a +get)", "", ["selectors"]),
        ("on ~a", "off ~b", ["enabled", "keys"]),
    ],
)
def test_another_user(file, running, names):
    assert differ(file, running) == names


@pytest.mark.parametrize(
    ("file", "running", "names"),
    [
        ("+@read -keys", "-@all +@read -keys -sort", []),  # nobody can tell
        ("+subscribe +publish", "-@all +@pubsub", []),
        ("+@read", "+@all", ["commands"]),
        ("+get +set", "-@all +set +get", []),
        ("+get", "-@all +set", ["commands"]),
        ("+@all +get", "+@all", []),
        ("+get -get", "-@all", []),
        ("+config +config|get", "-@all +config", []),
        ("+config -config|set +config|set", "-@all +config", []),
        ("+config|get", "-@all +config|get", []),
        ("+config|get", "-@all", ["commands"]),
    ],
)
def test_servers_that_keep_a_set_of_commands_and_not_the_rules(file, running, names):
    assert differ(file, running, OLD) == names


def test_a_new_user_of_an_old_server_has_all_channels():
    assert differ("on +get", "on &* -@all +get", OLD, opened=True) == []
    assert differ("on reset +get", "off &* -@all +get", OLD, opened=True) == []
    assert differ("on +get", "on &* -@all +get", OLD) == ["channels"]


def test_a_server_that_does_not_list_what_it_sanitizes():
    assert differ("skip-sanitize-payload", "off -@all", VALKEY_9) == []


def test_a_rule_of_another_age_is_passed_over():
    assert differ("on something=new", "on") == []


def findings(running: list[str], stored: list[list[str]], **start: object) -> dict[str, str]:
    found = list(users.findings([DEFAULT, *running], stored, users.Start(NEW, **start), "here"))
    assert {finding.state for finding in found} <= {State.LIVE_NOT_PERSISTED.value}
    return {finding.id: finding.actual for finding in found}


def test_users_of_one_side_only():
    assert findings(["user a on -@all"], [["b", "on"]]) == {
        "acl.a": "in the running server only",
        "acl.b": "in the file only",
    }


def test_the_default_user_is_what_requirepass_makes_of_it():
    secret = f"user default on sanitize-payload #{ONE} ~* &* +@all"
    assert list(users.findings([secret], [], users.Start(NEW, "one"), "here")) == []
    [opened] = users.findings([secret], [], users.Start(NEW), "here")
    assert opened.actual == "running and file differ in nopass, passwords"
    assert ONE not in str(opened)
    assert (
        list(users.findings([secret], [["default", "on", f"#{ONE}", "~*", "&*", "+@all"]], users.Start(NEW), "here"))
        == []
    )


def test_a_listing_quotes_nothing():
    assert findings(["user a on resetchannels ~\"x ~it's -@all"], [["a", "on", '~"x', "~it's"]]) == {}


def test_an_aclfile_knows_no_quotes_either():
    text = '# people\nuser default on nopass ~* &* +@all\n\n  user a on  >o"ne ~x\nnonsense\n'
    assert acl.of_file(text) == [["default", "on", "nopass", "~*", "&*", "+@all"], ["a", "on", '>o"ne', "~x"]]


@pytest.mark.parametrize("end", ["\x85", "\u2028", "\x0b", "\x1c"])
def test_a_line_of_an_aclfile_ends_where_the_server_ends_it(end):
    assert acl.of_file(f"user a on ~x{end}user b on\n") == [["a", "on", "~x", "user", "b", "on"]]


# --- the user of a load test ------------------------------------------------------------------------------------------

LOAD = "redis_ops_load_k3x9w2ab_until_20261126T213000Z"
OVER = 1795728601.0  # a second after that
RULES = f"on #{ONE} ~loadtest:k3x9w2ab-1:* resetchannels -@all +get"


@pytest.mark.parametrize(
    ("now", "stored", "state", "actual", "remedy"),
    [
        (
            OVER,
            False,
            "live_not_persisted",
            "left behind by a load test that was killed",
            f"redis-cli ACL DELUSER {LOAD}",
        ),
        (
            OVER - 5,
            False,
            "runtime_owned",
            "of a load test that may be under way",
            "wait until the load test has ended",
        ),
        (
            OVER,
            True,
            "live_not_persisted",
            "left behind by a load test that was killed; CONFIG REWRITE or",
            "its line out",
        ),
        (
            OVER - 5,
            True,
            "live_not_persisted",
            "may be under way; CONFIG REWRITE or ACL SAVE",
            "its line out of the file",
        ),
    ],
)
def test_the_user_of_a_load_test_is_known(now, stored, state, actual, remedy):
    files = [[LOAD, *RULES.split()]] if stored else []
    running = [DEFAULT, f"user {LOAD} {RULES}"]
    [told] = users.findings(running, files, users.Start(NEW, left=files, now=now), "here")
    assert (told.id, told.state) == (f"acl.{LOAD}", state)
    assert actual in told.actual
    assert remedy in told.remedy
    assert ONE not in str(told)


def test_one_that_is_left_in_a_file_only_is_known_too():
    [told] = users.findings([DEFAULT], [[LOAD, *RULES.split()]], users.Start(NEW, now=OVER), "here")
    assert (told.state, "take its line out of the file" in told.remedy) == ("live_not_persisted", True)


def test_a_user_that_is_only_called_like_one_is_somebody_s():
    assert findings([f"user redis_ops_load_mine {RULES}"], [], now=OVER) == {
        "acl.redis_ops_load_mine": "in the running server only"
    }
