"""converge(), from every state a host can be in, told by what the server and the files say afterwards."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import signal
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.apply import converge as apply
from ansible.module_utils.redis_ops.apply import starting
from ansible.module_utils.redis_ops.base.change import Change
from ansible.module_utils.redis_ops.base.errors import AccessDenied, ApplyFailed, InvalidInput, RedisOpsError
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.server.connection import Address, Credentials
from instances import (
    OLD_AND_NEW,
    ONE,
    Writer,
    killed_before,
    lab,
    laboratory,
    some,
    until,
)
from servers import Refused

__all__ = ["lab"]


# Many mutable settings of many kinds, none of them the default of any server here.
MANY = {
    "maxmemory": "200mb",
    "maxmemory-policy": "allkeys-lfu",
    "maxmemory-samples": 7,
    "lfu-log-factor": 11,
    "lfu-decay-time": 2,
    "save": "800 2 200 20",
    "timeout": 77,
    "tcp-keepalive": 200,
    "maxclients": 300,
    "hz": 20,
    "slowlog-log-slower-than": 20000,
    "slowlog-max-len": 1024,
    "latency-monitor-threshold": 100,
    "notify-keyspace-events": "KEA",
    "client-output-buffer-limit": {"replica": "300mb 70mb 61"},
    "appendfsync": "always",
    "auto-aof-rewrite-min-size": "100mb",
    "rdbcompression": False,
    "repl-backlog-size": "2mb",
    "busy-reply-threshold": 4000,
    "oom-score-adj-values": "0 150 850",
    "list-max-listpack-size": -1,
}


def in_force(lab):
    """Whether the server has all of MANY, by its own words."""
    found = lab.config()
    assert found["maxmemory"] == str(200 * 1024**2)
    assert found["maxmemory-policy"] == "allkeys-lfu"
    assert found["save"] == "800 2 200 20"
    assert found["maxclients"] == "300"
    assert found["slowlog-log-slower-than"] == "20000"
    assert "slave 314572800 73400320 61" in found["client-output-buffer-limit"]
    assert found["appendfsync"] == "always"
    assert found["lua-time-limit"] == "4000"
    return True


def told(outcome):
    return json.dumps(vars(outcome))


# A machine that was never provisioned


def test_a_fresh_instance_starts_with_everything_in_force_and_a_second_run_does_nothing(lab):
    foreseen = lab.converge(MANY, check=True)
    assert foreseen.changed
    assert not lab.config_path.exists()
    assert not lab.data.exists()
    outcome = lab.converge(MANY)
    assert (outcome.changed, outcome.actions, outcome.diff) == (True, foreseen.actions, foreseen.diff)
    assert in_force(lab)
    assert lab.service.enabled()
    assert lab.config_path.stat().st_mode & 0o777 == 0o640
    assert lab.state.stat().st_mode & 0o777 == 0o600
    assert outcome.pending_restart == []
    before, pid, calls = lab.everything(), lab.service.pid(), lab.calls()
    again = lab.converge(MANY)
    assert (again.changed, again.actions, again.diff, again.pending_restart) == (False, [], [], [])
    assert lab.everything() == before
    assert lab.service.pid() == pid
    assert lab.calls()["set"] == calls["set"]


@OLD_AND_NEW
def test_settings_are_in_force_after_the_host_restarts(lab):
    lab.converge(MANY)
    lab.bounce()
    assert in_force(lab)
    assert not lab.converge(MANY).changed


# A running server


def test_many_settings_change_live_under_a_client_that_writes(lab):
    lab.converge({"appendonly": "yes"})
    pid, calls = lab.service.pid(), lab.calls()
    with Writer(lab.port) as writer:
        outcome = lab.converge({**MANY, "appendonly": "yes"})
        tried, failed = writer.stop()
    assert outcome.changed
    assert not outcome.restarted
    assert outcome.pending_restart == []
    if lab.multi:
        assert lab.calls()["set"] - calls["set"] == 1
        assert lab.calls()["get"] - calls["get"] == 2, "one for each of two looks"
    assert lab.calls()["rewrite"] == 0
    assert in_force(lab)
    assert (failed, lab.service.pid()) == (0, pid)
    assert lab.keys() == tried
    assert not lab.converge({**MANY, "appendonly": "yes"}).changed


@OLD_AND_NEW
def test_check_mode_changes_nothing_and_foretells_the_run(lab):
    lab.converge({"appendonly": "no"})
    changes = {**MANY, "appendonly": "yes", "databases": 32}
    before, config, pid, calls = lab.everything(), lab.config(), lab.service.pid(), lab.calls()
    foreseen = lab.converge(changes, check=True)
    assert lab.everything() == before
    assert lab.config() == config
    assert lab.service.pid() == pid
    assert lab.calls()["set"] == calls["set"]
    assert vars(lab.converge(changes)) == vars(foreseen)
    foreseen = lab.converge(changes, restart=True, check=True)
    assert vars(lab.converge(changes, restart=True)) == vars(foreseen)
    assert foreseen.restarted
    assert lab.get("databases") == "32"


@OLD_AND_NEW
def test_lowering_the_memory_limit_with_its_policy_evicts_and_refuses_no_write(lab):
    lab.converge({"maxmemory": "0", "maxmemory-policy": "noeviction"})
    lab.fill(30000)
    used = int(lab.info()["used_memory"])
    with Writer(lab.port) as writer:
        lab.converge({"maxmemory": str(used - 1_000_000), "maxmemory-policy": "allkeys-lru"}, accept_eviction=True)
        _, failed = writer.stop()
    assert failed == 0
    until(lambda: int(lab.info()["evicted_keys"]) > 0, "an eviction")


@ONE
def test_the_port_moves_live(lab):
    lab.converge()
    pid = lab.service.pid()
    with laboratory(lab.program, lab.directory / "free") as other:
        port = other.port
    lab.converge({"port": str(port)})
    assert lab.service.pid() == pid
    assert lab.client(port=port)("PING") == "PONG"
    assert not lab.converge({"port": str(port)}).changed


# What waits for a restart

PERSISTENCE = {
    "aof": {"appendonly": "yes"},
    "rdb": {"appendonly": "no", "save": "3600 1"},
    "none": {"appendonly": "no", "save": ""},
}


@some("redis 6.2.14", "redis 8.2.3", "valkey 9.1.2")
@pytest.mark.parametrize("persistence", PERSISTENCE.values(), ids=PERSISTENCE)
def test_a_pending_restart_is_reported_and_happens_only_when_allowed_and_keeps_the_keys(lab, persistence):
    lab.converge(persistence)
    lab.fill(1000)
    pid, wanted = lab.service.pid(), {**persistence, "databases": 32}
    outcome = lab.converge(wanted)
    owed = {
        "option": "databases",
        "running": "16",
        "wanted": "32",
        "reason": "Redis reads databases at start only",
    }
    assert outcome.pending_restart == [owed]
    assert (lab.service.pid(), lab.get("databases"), "databases 32" in lab.lines) == (pid, "16", True)
    again = lab.converge(wanted)
    assert (again.changed, again.pending_restart) == (False, [owed])
    outcome = lab.converge(wanted, restart=True)
    assert outcome.restarted
    assert outcome.changed
    assert outcome.pending_restart == []
    assert lab.get("databases") == "32"
    assert lab.keys() == 1000
    assert lab.service.pid() != pid
    assert not lab.converge(wanted, restart=True).changed


@ONE
@pytest.mark.parametrize("persistence", PERSISTENCE.values(), ids=PERSISTENCE)
def test_a_key_written_just_before_the_server_stops_is_there_after_the_restart(lab, persistence):
    lab.converge(persistence)
    lab.fill(10)
    lab.service.before_stop = lambda: lab.ask("SET", "last", "word")
    lab.converge({**persistence, "databases": 32}, restart=True)
    assert lab.ask("GET", "last") == "word"


BROKEN = {"unixsocket": "/no/such/directory/redis.sock"}


def rolled_back(lab, text, caught):
    assert lab.service.pid(), "the server is down"
    assert lab.keys() == 1000
    assert lab.get("unixsocket") == ""
    assert lab.text == text
    assert "No such file or directory" in str(caught.value)
    assert "the old file is back" in str(caught.value)
    return True


def test_a_setting_that_keeps_the_server_from_starting_is_rolled_back(lab):
    lab.converge()
    lab.fill(1000)
    text = lab.text
    with pytest.raises(ApplyFailed) as caught:
        lab.converge(BROKEN, restart=True)
    assert rolled_back(lab, text, caught)
    assert not lab.converge().changed


@OLD_AND_NEW
def test_the_reason_is_found_in_the_servers_log_file(lab):
    lab.settings["logfile"] = str(lab.directory / "server.log")
    lab.converge()
    with pytest.raises(ApplyFailed, match="No such file or directory"):
        lab.converge(BROKEN, restart=True)
    assert lab.keys() == 0


@ONE
def test_a_setting_that_was_pending_and_keeps_the_server_from_starting_is_rolled_back(lab):
    lab.converge()
    lab.fill(1000)
    text = lab.text
    assert lab.converge(BROKEN).pending_restart
    with pytest.raises(ApplyFailed) as caught:
        lab.converge(BROKEN, restart=True)
    assert rolled_back(lab, text, caught)


@ONE
def test_a_server_that_died_at_its_start_is_not_waited_for(lab, monkeypatch):
    """A SysV script ends well although the daemon dies right after."""
    lab.converge()
    lab.service.patient = False
    monkeypatch.setattr(starting, "START_TIMEOUT", 3600)
    with pytest.raises(ApplyFailed, match="No such file or directory"):
        lab.converge(BROKEN, restart=True)
    assert lab.get("unixsocket") == ""


def test_a_value_that_the_running_server_refuses_changes_nothing(lab):
    lab.converge()
    before, config, pid = lab.everything(), lab.config(), lab.service.pid()
    with pytest.raises(ApplyFailed, match=r"bind|listen"):
        lab.converge({**MANY, "bind": "192.0.2.1"})
    assert lab.everything() == before
    assert {**lab.config(), "bind": ""} == {**config, "bind": ""}
    assert lab.service.pid() == pid
    assert not lab.converge().changed


@ONE
def test_a_file_that_the_installed_server_refuses_changes_nothing(lab, monkeypatch):
    lab.converge()
    before, config = lab.everything(), lab.config()
    lines = apply.conffile.lines
    monkeypatch.setattr(
        apply.conffile, "lines", lambda option, *rest: [f"{line} # why" for line in lines(option, *rest)]
    )
    with pytest.raises(ApplyFailed, match="refuses the new configuration"):
        lab.converge(MANY)
    assert lab.everything() == before
    assert lab.config() == config


@ONE
def test_bad_declarations_are_told_all_at_once_before_anything_is_touched(lab):
    bad = {"maxmemroy": "1gb", "maxmemory": "1gib", "hz": 501, "appendonly": "maybe"}
    with pytest.raises(InvalidInput) as caught:
        lab.converge(bad)
    assert len(caught.value.problems) == 4
    assert "did you mean maxmemory" in str(caught.value)
    assert not lab.config_path.exists()
    assert not lab.data.exists()


# What somebody else did


@OLD_AND_NEW
def test_a_file_changed_by_hand_and_a_server_changed_by_hand_come_back(lab):
    lab.converge(MANY)
    text = lab.text
    lab.config_path.write_text(text.replace("timeout 77", "timeout 5") + "hz 100\n")
    lab.ask("CONFIG", "SET", "tcp-keepalive", "1")
    outcome = lab.converge(MANY)
    assert outcome.changed
    assert lab.text == text
    assert in_force(lab)
    assert lab.get("tcp-keepalive") == "200"
    assert not lab.converge(MANY).changed


def test_a_config_rewrite_by_somebody_is_undone_once(lab):
    lab.converge({**MANY, "requirepass": "s3cret"}, credentials=[Credentials("", "s3cret")])
    lab.password = "s3cret"
    text = lab.text
    lab.ask("CONFIG", "SET", "timeout", "5")
    lab.ask("CONFIG", "REWRITE")
    assert lab.text != text
    outcome = lab.converge({**MANY, "requirepass": "s3cret"}, credentials=[Credentials("", "s3cret")])
    assert outcome.changed
    assert lab.text == text
    assert lab.get("timeout") == "77"
    assert lab.config_path.stat().st_mode & 0o777 == 0o640
    assert not lab.converge({**MANY, "requirepass": "s3cret"}, credentials=[Credentials("", "s3cret")]).changed
    lab.bounce()
    assert lab.get("timeout") == "77"


@ONE
def test_changed_settings_are_applied_on_later_runs(lab):
    for value in ("100", "200", "300"):
        assert lab.converge({"timeout": value}).changed
        assert lab.get("timeout") == value


@OLD_AND_NEW
def test_a_withdrawn_option_returns_to_the_engines_default(lab):
    lab.converge()
    default = {name: lab.get(name) for name in ("timeout", "save", "client-output-buffer-limit")}
    lab.converge({"timeout": 5, "save": "", "client-output-buffer-limit": "pubsub 1mb 1mb 1"})
    assert (lab.get("timeout"), lab.get("save")) == ("5", "")
    assert lab.converge().changed
    assert {name: lab.get(name) for name in default} == default
    assert not lab.converge().changed


@ONE
def test_a_withdrawn_option_that_is_read_at_start_owes_a_restart(lab):
    lab.converge()
    lab.converge({"databases": 32}, restart=True)
    assert lab.get("databases") == "32"
    foreseen = lab.converge(check=True)
    assert [owed["option"] for owed in foreseen.pending_restart] == ["databases"]
    assert lab.converge().pending_restart == foreseen.pending_restart
    assert lab.converge().pending_restart == foreseen.pending_restart
    lab.converge(restart=True)
    assert lab.get("databases") == "16"


@ONE
def test_an_option_that_only_the_running_server_has_is_left_alone(lab):
    lab.converge()
    lab.ask("CONFIG", "SET", "timeout", "9")
    assert not lab.converge().changed
    assert lab.get("timeout") == "9"


@ONE
def test_a_file_that_became_readable_for_all_is_closed_again(lab):
    lab.converge()
    lab.config_path.chmod(0o666)
    lab.converge()
    assert lab.config_path.stat().st_mode & 0o777 == 0o640


@ONE
def test_a_data_directory_that_nobody_declares_is_not_forgotten(lab):
    lab.begin()
    lab.fill(10)
    settings = {name: value for name, value in lab.settings.items() if name != "dir"}
    try:
        apply.converge(replace(lab.instance(), settings=settings), restart=False, check=False)
    except InvalidInput:
        return  # refused is as good
    lab.bounce()
    assert lab.keys() == 10


@ONE
def test_data_is_not_left_behind_by_another_directory(lab):
    lab.converge()
    lab.fill(10)
    before = lab.text
    with pytest.raises(InvalidInput, match="would start empty"):
        lab.converge({"dir": str(lab.directory / "elsewhere")})
    assert lab.text == before


# Replication


@some("redis 7.0.15", "redis 8.2.3", "valkey 9.1.2")
def test_a_replica_stays_one_and_a_promoted_one_is_not_demoted(lab, tmp_path):
    with laboratory(lab.program, tmp_path / "primary") as primary:
        primary.begin("repl-diskless-sync-delay 0")
        primary.ask("SET", "from", "primary")
        lab.converge()
        lab.ask("REPLICAOF", "127.0.0.1", str(primary.port))
        until(lambda: lab.info()["master_link_status"] == "up", "the first synchronisation")
        line = f"replicaof 127.0.0.1 {primary.port}"
        assert lab.converge().changed
        assert line in lab.lines
        lab.converge({"timeout": 5})
        assert lab.info()["role"] == "slave"
        assert not lab.converge({"timeout": 5}).changed
        lab.converge({"timeout": 5, "databases": 32}, restart=True)
        assert lab.info()["role"] == "slave"
        until(lambda: lab.info()["master_link_status"] == "up", "the second synchronisation")
        lab.ask("REPLICAOF", "NO", "ONE")
        assert lab.converge({"timeout": 5, "databases": 32}).changed
        assert line not in lab.lines
        assert lab.info()["role"] == "master"
        lab.bounce()
        assert lab.info()["role"] == "master"
        assert lab.ask("GET", "from") == "primary"


# Lines that are not ours


@some("redis 6.2.14", "redis 8.0.2", "valkey 9.1.2")
def test_renamed_commands_and_users_are_kept_as_they_are(lab):
    digest = hashlib.sha256(b"pw").hexdigest()
    lab.begin(
        "rename-command FLUSHALL XFLUSHALL",
        'rename-command SHUTDOWN ""',
        f"user alice on #{digest} ~a* +@all",
        'user bob on ">with space" ~b:* +get',
    )
    users = lab.ask("ACL", "LIST")
    lab.converge({"databases": 32}, restart=True)
    assert lab.ask("ACL", "LIST") == users
    with pytest.raises(Refused, match="unknown command"):
        lab.ask("FLUSHALL")
    with pytest.raises(Refused, match="unknown command"):
        lab.ask("SHUTDOWN")
    lab.ask("SET", "k", "v")
    assert lab.ask("XFLUSHALL") == "OK"
    assert not lab.converge({"databases": 32}).changed


@ONE
def test_rename_command_cannot_be_declared(lab):
    with pytest.raises(InvalidInput, match="rename-command: is not a setting"):
        lab.converge({"rename-command": "FLUSHALL XFLUSHALL"})


@ONE
def test_a_closed_default_user_is_not_opened(lab):
    lab.write_file("user default off", "user admin on >pw ~* &* +@all")
    lab.service.start()
    way_in = [Credentials("admin", "pw")]
    try:
        lab.converge({"timeout": 5}, credentials=way_in)
    except InvalidInput:
        return  # refused is as good
    lab.service.stop()
    lab.service.start()
    with pytest.raises(Refused, match="NOAUTH"):
        lab.ask("PING")


@ONE
def test_text_with_a_unicode_line_separator_can_be_read_again(lab):
    settings = {"proc-title-template": "{title} a\u2028b\u0085c"}
    lab.converge(settings)
    assert not lab.converge(settings).changed
    assert lab.get("proc-title-template") == settings["proc-title-template"]


# Symbolic links


@ONE
def test_a_data_directory_and_a_file_behind_symbolic_links_stay_there(lab, tmp_path):
    real = tmp_path / "real"
    (real / "data").mkdir(parents=True)
    lab.data.symlink_to(real / "data")
    (real / "redis.conf").touch()
    lab.config_path.symlink_to(real / "redis.conf")
    lab.converge({"appendonly": "yes"})
    lab.fill(10)
    assert lab.get("dir") == str(real / "data")
    assert not lab.converge({"appendonly": "yes"}).changed
    assert lab.converge({"appendonly": "yes", "timeout": 5, "databases": 32}, restart=True).changed
    assert lab.config_path.is_symlink()
    assert lab.data.is_symlink()
    assert "timeout 5" in (real / "redis.conf").read_text()
    assert lab.keys() == 10
    lab.converge({"appendonly": "yes", "dir": str(real / "data")})
    assert lab.keys() == 10


# The wrong server


@ONE
def test_a_server_on_the_declared_port_that_is_not_ours_is_left_alone(lab, tmp_path):
    with laboratory(lab.program, tmp_path / "other") as other:
        other.begin()
        lab.converge()
        config, text = other.config(), other.text
        with pytest.raises((ApplyFailed, InvalidInput, AccessDenied)):
            lab.converge({"port": str(other.port), "timeout": 5})
        assert other.config() == config
        assert other.text == text
        assert lab.get("timeout") == "0"


@ONE
def test_a_start_on_a_port_that_another_server_has_fails(lab, tmp_path):
    with laboratory(lab.program, tmp_path / "other") as other:
        other.begin()
        config = other.config()
        with pytest.raises(ApplyFailed, match="Failed listening on port"):
            lab.converge({"port": str(other.port), "timeout": 5})
        assert other.config() == config
        assert not lab.config_path.exists()


@ONE
def test_a_start_that_nobody_waits_for_on_a_port_that_another_server_has_fails(lab, tmp_path):
    lab.service.patient = False
    with laboratory(lab.program, tmp_path / "other") as other:
        other.begin()
        with pytest.raises(ApplyFailed):
            lab.converge({"port": str(other.port), "timeout": 5})


@ONE
def test_a_running_server_that_does_not_answer_is_not_taken_for_a_stopped_one(lab):
    """Busy in a script, or held by a debugger: it has data and clients."""
    lab.converge()
    pid, before = lab.service.pid(), lab.everything()
    os.kill(pid, signal.SIGSTOP)
    try:
        with pytest.raises(RedisOpsError, match="does not answer"):
            lab.converge({"timeout": 5}, address=Address(port=lab.port, timeout=0.2))
    finally:
        os.kill(pid, signal.SIGCONT)
    assert lab.everything() == before
    assert lab.service.pid() == pid
    assert lab.get("timeout") == "0"


@ONE
def test_a_server_that_somebody_moved_to_another_port_comes_back(lab, tmp_path):
    lab.converge()
    lab.fill(10)
    pid = lab.service.pid()
    with laboratory(lab.program, tmp_path / "free") as other:
        lab.ask("CONFIG", "SET", "port", str(other.port))
        lab.converge()
    assert (lab.service.pid(), lab.keys()) == (pid, 10)
    assert not lab.converge().changed


# Passwords


def secret_of(*passwords):
    return {"credentials": [Credentials("", password) for password in passwords]}


def rotated(lab, password):
    lab.password = password
    assert lab.get("requirepass") == password
    assert f"requirepass {password}" in lab.lines
    assert not lab.converge({"requirepass": password}, **secret_of(password)).changed
    return True


@OLD_AND_NEW
def test_a_password_is_set_rotated_and_removed_live(lab):
    lab.converge()
    pid = lab.service.pid()
    lab.converge({"requirepass": "first-one"}, **secret_of("first-one"))
    assert rotated(lab, "first-one")
    with pytest.raises(Refused, match="NOAUTH"):
        lab.client(password="")("PING")
    lab.converge({"requirepass": "second-one"}, **secret_of("second-one"))
    assert rotated(lab, "second-one")
    with pytest.raises(InvalidInput, match="does not declare"):
        lab.converge(**secret_of("second-one"))
    assert rotated(lab, "second-one")
    lab.converge({"requirepass": ""})
    lab.password = ""
    assert lab.get("requirepass") == ""
    assert 'requirepass ""' in lab.lines
    assert not lab.converge({"requirepass": ""}).changed
    assert lab.service.pid() == pid
    lab.bounce()
    assert lab.ask("PING") == "PONG"


@ONE
def test_a_password_rotation_that_was_cut_short_is_finished(lab):
    lab.converge({"requirepass": "old-one"}, **secret_of("old-one"))
    lab.password = "old-one"
    lab.ask("CONFIG", "SET", "requirepass", "new-one")
    lab.converge({"requirepass": "new-one"}, **secret_of("new-one"))
    assert rotated(lab, "new-one")


@ONE
def test_a_wrong_password_is_an_error_and_nothing_is_touched(lab):
    lab.converge({"requirepass": "right-one"}, **secret_of("right-one"))
    for path in (lab.config_path, lab.state.with_suffix(".conf")):
        path.write_text(path.read_text().replace("right-one", "other-one"))
    lab.password = "right-one"
    before, config = lab.everything(), lab.config()
    with pytest.raises(AccessDenied) as caught:
        lab.converge({"requirepass": "wrong-one", "timeout": 5}, **secret_of("wrong-one"))
    assert not re.search("right-one|other-one|wrong-one", str(caught.value))
    assert "\n" not in str(caught.value)
    assert lab.everything() == before
    assert lab.config() == config


@ONE
def test_a_password_that_somebody_changed_in_the_file_only_does_not_lock_a_run_out(lab):
    """The copy of what runs has the one that is in force."""
    lab.converge({"requirepass": "right-one"}, **secret_of("right-one"))
    lab.config_path.write_text(lab.text.replace("right-one", "other-one"))
    lab.password = "right-one"
    lab.converge({"requirepass": "new-one"}, **secret_of("new-one"))
    lab.password = "new-one"
    assert lab.ask("PING") == "PONG"
    assert "requirepass new-one" in lab.lines


@ONE
def test_a_password_that_the_inventory_does_not_know_is_not_taken_away(lab):
    lab.converge()
    lab.ask("CONFIG", "SET", "requirepass", "by-hand")
    lab.password = "by-hand"
    with pytest.raises(InvalidInput, match="does not declare"):
        lab.converge(**secret_of("by-hand"))
    assert lab.get("requirepass") == "by-hand"


@ONE
def test_a_password_that_may_no_longer_be_declared_is_a_way_in(lab):
    lab.password = "with\\backslash"
    lab.begin('requirepass "with\\\\backslash"')
    lab.converge({"requirepass": "plain-one"}, **secret_of("plain-one"))
    assert rotated(lab, "plain-one")


# Secrets


@pytest.fixture
def spawned():
    """The arguments of every process that this one starts, by Python's own account."""
    seen = []
    _AUDIENCE.append(seen)
    yield seen
    _AUDIENCE.remove(seen)


_AUDIENCE = []


def _audit(event, arguments):
    if event == "subprocess.Popen" and _AUDIENCE:
        _AUDIENCE[-1].append(json.dumps([str(argument) for argument in arguments]))


sys.addaudithook(_audit)


@OLD_AND_NEW
def test_a_secret_is_shown_nowhere(lab, spawned):
    old, new, master = (secrets.token_hex(16) for _ in range(3))
    shown = [told(lab.converge({"requirepass": old, "masterauth": master}, **secret_of(old)))]
    wanted = {"requirepass": new, "masterauth": master, "databases": 32}
    shown.append(told(lab.converge(wanted, check=True, **secret_of(new))))
    shown.append(told(lab.converge(wanted, restart=True, **secret_of(new))))
    lab.password = new
    lab.fill(1)
    for broken in ({"bind": "192.0.2.1"}, BROKEN, {"hz": "12x"}, {"requirepass": f"{new}\n"}, {"dir": "/tmp"}):
        with pytest.raises((ApplyFailed, InvalidInput)) as caught:
            lab.converge({**wanted, **broken}, restart=True, **secret_of(new))
        shown.append(str(caught.value))
    shown.append(lab.state.read_text())
    assert len(spawned) > 3
    shown += spawned
    for process in (lab.service.pid(), "self"):
        shown.append(Path(f"/proc/{process}/cmdline").read_text())
    everything = "\n".join(shown)
    assert "********" in everything
    assert [secret for secret in (old, new, master) if secret in everything] == []


@ONE
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("user alice on >{} ~* +@all", id="plain"),
        pytest.param('user alice on ">{} x" ~* +@all', id="quoted"),
        pytest.param('"requirepass" {}', id="quoted name"),
    ],
)
def test_a_secret_line_of_the_old_file_is_masked_in_the_diff(lab, line):
    secret = secrets.token_hex(16)
    lab.write_file(line.format(secret))
    outcome = lab.converge({"requirepass": ""}, check=True)
    assert "before" in told(outcome)
    assert secret not in told(outcome)


@ONE
def test_a_users_password_hash_is_masked_in_the_diff(lab):
    digest = hashlib.sha256(secrets.token_bytes(8)).hexdigest()
    lab.begin(f"user alice on #{digest} ~* +@all")
    assert digest not in told(lab.converge(check=True))


@ONE
def test_a_kept_users_password_is_not_in_an_error(lab):
    secret = secrets.token_hex(16)
    lab.write_file(f"user alice on >{secret} ~* no-such-rule")
    with pytest.raises(ApplyFailed) as caught:
        lab.converge()
    assert secret not in str(caught.value)


# Killed on the way


def finished(lab, wanted, **named):
    """What the next run makes of it: all in force, nothing lost, nothing left lying about."""
    lab.converge(wanted, **named)
    assert not lab.converge(wanted, **named).changed
    assert lab.keys() == 1000
    assert (lab.get("timeout"), lab.get("appendonly")) == ("5", "yes")
    lab.bounce()
    assert lab.keys() == 1000
    assert lab.get("appendonly") == "yes"
    return True


def prepared(lab, number):
    """The same instance in a new place."""
    settings = {"appendonly": "no", "save": "3600 1"}
    return laboratory(lab.program, lab.directory / str(number), **settings)


@ONE
@pytest.mark.parametrize("state", ["running", "stopped", "fresh", "restarting"])
def test_a_run_killed_before_any_of_its_effects_is_finished_by_the_next(lab, state):
    wanted = {"appendonly": "yes", "timeout": 5, **({"databases": 32} if state == "restarting" else {})}
    restart = state == "restarting"
    left = set()
    for number in range(1, 200):
        with prepared(lab, number) as victim:
            if state == "fresh":
                victim.begin()
                victim.fill(1000)
                victim.service.stop()
                victim.config_path.unlink()
            else:
                victim.converge()
                victim.fill(1000)
                if state == "stopped":
                    victim.service.stop()
            killed = killed_before(number, lambda: victim.converge(wanted, restart=restart))
            assert finished(victim, wanted, restart=restart), number
            left |= {path.name for path in victim.config_path.parent.iterdir()}
        if not killed:
            break
    assert number > 4
    assert left == {"redis.conf"}


@ONE
@pytest.mark.parametrize("wanted", [{}, {"timeout": 5}], ids=["nothing to do", "the same again"])
def test_a_killed_run_leaves_no_copy_of_the_secrets(lab, monkeypatch, wanted):
    lab.converge()
    places = (lab.config_path.parent, lab.state.parent)
    before = [sorted(path.iterdir()) for path in places]
    with monkeypatch.context() as patch:
        patch.setattr(Change, "commit", lambda _: os.kill(os.getpid(), signal.SIGKILL))
        assert killed_before(10**6, lambda: lab.converge({"timeout": 5}))
    assert [sorted(path.iterdir()) for path in places] != before
    lab.converge(wanted)
    assert [sorted(path.iterdir()) for path in places] == before


# More than one file


@ONE
def test_the_drop_in_and_directories_are_part_of_the_run(lab):
    extra = {
        "drop_in": "LimitNOFILE=11024\n",
        "directories": [FileSpec(str(lab.data), 0o750), FileSpec(str(lab.data / "x"))],
    }
    foreseen = lab.converge(check=True, **extra)
    outcome = lab.converge(**extra)
    assert outcome.actions == foreseen.actions
    assert f"make {lab.data}" in outcome.actions
    assert (lab.data.stat().st_mode & 0o777) == 0o750
    assert (lab.service.home / "limits.conf").read_text() == "LimitNOFILE=11024\n"
    assert not lab.converge(**extra).changed
