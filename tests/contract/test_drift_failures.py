"""What keeps a check from looking is a finding: never clean, never a traceback, never a hang."""

from __future__ import annotations

import os
import signal
import time

import pytest
from ansible.module_utils.redis_ops.drift.states import State
from ansible.module_utils.redis_ops.server.connection import Address, Credentials
from drifting import check, drifted
from instances import OLD_AND_NEW, ONE, lab, some, until

__all__ = ["lab"]

UNREADABLE, OUTSIDE = State.UNREADABLE.value, State.FILE_CHANGED_OUTSIDE.value
# two milliseconds for each key, and an answer to whoever asks after each kilobyte
SLOW_LOAD = "timeout 5\nkey-load-delay 2000\nloading-process-events-interval-bytes 1024\n"
SETTINGS = {"timeout": 5, "maxmemory": "100mb"}


@pytest.fixture
def steady(lab):
    lab.converge(SETTINGS)
    assert drifted(check(lab, SETTINGS)) == {}
    return lab


def actual(scope, identity):
    [text] = [finding.actual for finding in scope.findings if finding.id == identity]
    assert "\n" not in text
    return text


@OLD_AND_NEW
def test_a_wrong_password(steady):
    steady.ask("CONFIG", "SET", "requirepass", "unknown-to-us")
    steady.password = "unknown-to-us"
    for credentials in ([], [Credentials("", "wrong")], [Credentials("nobody", "wrong")]):
        scope = check(steady, SETTINGS, credentials=credentials)
        assert drifted(scope) == {"server": UNREADABLE}
        assert "wrong" not in actual(scope, "server").replace("WRONGPASS", "")


@ONE
def test_a_server_that_is_down(steady):
    steady.service.stop()
    scope = check(steady, SETTINGS)
    assert drifted(scope) == {"server": UNREADABLE}
    assert "does not run" in actual(scope, "server")
    steady.config_path.write_text(steady.text.replace("timeout 5", "timeout 6"))
    assert drifted(check(steady, SETTINGS)) == {"server": UNREADABLE, "timeout": OUTSIDE}


@OLD_AND_NEW
def test_a_server_that_hangs(steady):
    timeout, pid = 0.5, steady.service.pid()
    address = Address(port=steady.port, timeout=timeout)
    os.kill(pid, signal.SIGSTOP)
    try:
        began = time.monotonic()
        scope = check(steady, SETTINGS, address=address)
        took = time.monotonic() - began
    finally:
        os.kill(pid, signal.SIGCONT)
    assert drifted(scope) == {"server": UNREADABLE}
    assert "does not answer" in actual(scope, "server")
    assert timeout <= took < 2 * timeout + 2  # and what a busy machine needs for the rest
    assert drifted(check(steady, SETTINGS)) == {}


@some("redis 7.0.15", "valkey 9.1.2")  # 6.2 answers after each 2 MB only
def test_a_server_that_loads_its_data(steady):
    steady.service.stop()
    steady.config_path.write_text(steady.text.replace("timeout 5\n", SLOW_LOAD))
    steady.service.start()
    steady.fill(2000)
    steady.service.stop()
    steady.service.patient = False
    steady.service.start()
    until(lambda: answers_loading(steady), "the server to load")
    scope = check(steady, SETTINGS)
    assert drifted(scope)["server"] == UNREADABLE
    assert "load" in actual(scope, "server")


def answers_loading(lab):
    try:
        return lab.info()["loading"] == "1"
    except OSError:
        return False


@ONE
def test_a_configuration_file_that_is_gone(steady):
    steady.config_path.unlink()
    scope = check(steady, SETTINGS)
    assert drifted(scope) == {"file": OUTSIDE}
    assert "no such file" in actual(scope, "file")


def a_directory(path):
    path.unlink()
    path.mkdir()


def rubbish(path):
    path.write_bytes(bytes(range(256)) * 20)


def cut_in_a_quote(path):
    path.write_text(path.read_text() + 'logfile "uncl')


def nothing(path):
    path.write_text("")


def strange_values(path):
    path.write_text(
        'port lots\nunixsocket "/a\\x01b"\ndir "a\\x00b"\nbind "\\xff\\xfe"\ntls-port -1\nrequirepass "a\\x00"\n'
    )


def an_include(path):
    path.write_text(f"{path.read_text()}include /nowhere/*.conf\n")


@pytest.mark.parametrize("damage", [a_directory, rubbish, cut_in_a_quote, nothing, strange_values])
@ONE
def test_a_configuration_file_that_is_none(steady, damage):
    damage(steady.config_path)
    scope = check(steady, SETTINGS)
    found = drifted(scope)
    assert found
    assert set(found.values()) <= {UNREADABLE, OUTSIDE}
    if damage in (a_directory, cut_in_a_quote):
        assert found["file"] == UNREADABLE
        assert str(steady.config_path) in actual(scope, "file")
    steady.ask("CONFIG", "SET", "timeout", "9")
    assert "timeout" in drifted(check(steady, SETTINGS))  # what runs is looked at all the same


@pytest.mark.parametrize("damage", [a_directory, rubbish, nothing])
@ONE
def test_a_record_that_is_none(steady, damage):
    damage(steady.state)
    scope = check(steady, SETTINGS)
    assert drifted(scope) == {"record": UNREADABLE}
    assert str(steady.state) in actual(scope, "record")


@ONE
@pytest.mark.parametrize("share", [0.0, 0.2, 0.5, 0.9, 0.99])
def test_a_record_that_was_half_written(steady, share):
    text = steady.state.read_text()
    steady.state.write_text(text[: int(len(text) * share)])
    steady.ask("CONFIG", "SET", "timeout", "9")
    found = drifted(check(steady, SETTINGS))
    assert found["record"] == UNREADABLE
    assert "timeout" in found


@ONE
@pytest.mark.parametrize("damage", [a_directory, rubbish, nothing, cut_in_a_quote])
def test_a_way_back_that_is_none_makes_nothing_clean(steady, damage):
    damage(steady.state.with_suffix(".conf"))
    assert drifted(check(steady, SETTINGS)) == {}
    steady.ask("CONFIG", "SET", "timeout", "9")
    assert drifted(check(steady, SETTINGS)) == {"timeout": State.LIVE_NOT_PERSISTED.value}


@OLD_AND_NEW
def test_a_user_that_may_not_list_users(steady):
    steady.ask("ACL", "SETUSER", "looks", "on", ">only", "-@all", "+info", "+config|get")
    steady.ask("CONFIG", "REWRITE")
    steady.config_path.chmod(0o640)
    looker = {"credentials": [Credentials("looks", "only")]}
    scope = check(steady, SETTINGS, **looker)
    assert drifted(scope) == {"acl": UNREADABLE}
    steady.ask("ACL", "SETUSER", "looks", "-config|get" if steady.multi else "-config")
    assert drifted(check(steady, SETTINGS, **looker)) == {"server": UNREADABLE}


@ONE
def test_an_aclfile_that_is_gone_or_cannot_be_read(lab, tmp_path):
    users = tmp_path / "users.acl"
    users.write_text("user default on nopass ~* &* +@all\n")
    wanted = {**SETTINGS, "aclfile": str(users)}
    lab.converge(wanted)
    assert drifted(check(lab, wanted)) == {}
    users.unlink()
    assert drifted(check(lab, wanted)) == {"acl.file": OUTSIDE}
    users.mkdir()
    assert drifted(check(lab, wanted)) == {"users": UNREADABLE}


@OLD_AND_NEW
def test_an_append_only_file_in_pieces(lab):
    wanted = {**SETTINGS, "appendonly": "yes"}
    lab.converge(wanted)
    assert drifted(check(lab, wanted)) == {}
    if lab.multi:
        directory = lab.data / "appendonlydir"
        (directory / "appendonly.aof.99.incr.aof").touch()
        assert drifted(check(lab, wanted)) == {"aof.orphans": State.UNMANAGED_SET.value}
        next(directory.glob("*.manifest")).write_text("file \n")
        assert drifted(check(lab, wanted)) == {"aof.files": OUTSIDE}
        next(directory.glob("*.manifest")).unlink()
    else:
        (lab.data / "appendonly.aof").unlink()
    assert drifted(check(lab, wanted)) == {"aof.files": OUTSIDE}
