"""The user that a load runs as, on real servers: enough for all of a load, and nothing else is in its reach.

What it may and may not do is asked over a socket of the test's own, and the server's ACL log says what was refused.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import bull
import pytest
from ansible.module_utils.redis_ops.load import account
from ansible.module_utils.redis_ops.model import load_user
from ansible.module_utils.redis_ops.server.connection import Credentials
from instances import Lab, lab, some
from loaded import K6, LOAD, not_tested
from servers import Client, Refused

__all__ = ["lab"]

PASSWORD = "only-of-this-test"
ADMIN = "the-password-of-the-admin"
RUN = "k3x9w2ab"
USERS = {"users": 20, "rate": 500, "ramp": 0.5, "warm_up": 1, "duration": 3, "cache_keys": 500, "baseline": 20}
JOBS = {"rate": 50, "seconds": 2, "workers": 1, "baseline_jobs": 5, "drain_seconds": 5}
JOBS |= {"job_options": {"attempts": 3, "backoff": {"type": "exponential", "delay": 100}}}


def plan(lab: Lab, directory: Path) -> list[dict]:
    """The programs of a load, as load.plan has them: users of two generators, and jobs."""
    settings = [
        {**USERS, "port": lab.port, "run_id": f"{RUN}-{number}", "k6": K6, "result": f"{directory}/users{number}.json"}
        for number in (1, 2)
    ]
    runs = [{"kind": "users", "instance": "lab", "settings": one} for one in settings]
    connection = {"host": "127.0.0.1", "port": lab.port}
    jobs = {**JOBS, "run": RUN, "connection": connection, "result": f"{directory}/jobs.json"}
    return [*runs, {"kind": "jobs", "instance": "lab", "settings": jobs}]


@pytest.fixture
def guarded(lab):
    """A server with a password, the keys of an application and a queue of its own."""
    lab.settings["requirepass"] = lab.password = ADMIN
    lab.begin()
    lab.ask("SET", "session:1", "of the application")
    lab.ask("HSET", "bull:mail:1", "data", "of the application")
    lab.ask("LPUSH", "bull:mail:wait", "1")
    return lab


def accounts_of(runs: list[dict]) -> list[account.Account]:
    return [replace(one, sha256=load_user.digest(PASSWORD)) for one in account.of_runs(runs)]


def give(lab: Lab, runs: list[dict]) -> str:
    """The name of the user that the load gets."""
    given = account.give([lab.instance()], accounts_of(runs), RUN, 60)
    assert [finding.status.value for finding in given.findings] == ["PASS"], given.findings
    return given.users["lab"]


def take_back(lab: Lab) -> list[str]:
    return account.take_back([lab.instance()], accounts_of(plan(lab, Path("/"))), RUN)


def as_user(lab: Lab, name: str) -> Client:
    client = lab.client(password="")
    assert client("AUTH", name, PASSWORD) == "OK"
    return client


def refusals(lab: Lab) -> list[str]:
    """What the server refused to anybody: object and user of each entry."""
    entries = [dict(zip(entry[::2], entry[1::2])) for entry in lab.ask("ACL", "LOG", "128")]
    return [f"{entry['context']} {entry['object']} as {entry['username']}" for entry in entries]


@contextlib.contextmanager
def program(name: str, config: dict, path: Path) -> Iterator[subprocess.Popen[str]]:
    path.touch(0o600)
    path.write_text(json.dumps(config))
    with subprocess.Popen([bull.python(), LOAD, name, path], stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_whole_load_is_refused_nothing_and_leaves_nothing(guarded, tmp_path):
    if not K6:
        not_tested("k6: it is not here")
    runs = plan(guarded, tmp_path)
    name = give(guarded, runs)
    guarded.ask("ACL", "LOG", "RESET")
    for run in runs:  # the checks before the load ask as the same user
        login = {"username": name, "password": PASSWORD}
        told = run["settings"]
        told.update({"connection": {**told["connection"], **login}} if run["kind"] == "jobs" else login)
    users, others, jobs = (run["settings"] for run in runs)
    with contextlib.ExitStack() as stack:
        started = [
            stack.enter_context(program("users", users, tmp_path / "users1.config")),
            stack.enter_context(program("users", others, tmp_path / "users2.config")),
            stack.enter_context(program("jobs", jobs, tmp_path / "jobs.config")),
        ]
        said = [process.communicate(timeout=90)[1] for process in started]
    assert [process.returncode for process in started] == [0, 0, 0], said
    assert refusals(guarded) == []
    for number in (1, 2):
        result = json.loads((tmp_path / f"users{number}.json").read_text())
        assert (result["status"], result["errors"]) == ("completed", {})
        assert result["cleanup"]["complete"]
        assert result["k6"]["all"]["connected"] == USERS["users"]
    told = json.loads((tmp_path / "jobs.json").read_text())
    assert told["phases"]["load"]["completed"] == JOBS["rate"] * JOBS["seconds"]
    assert (told["add_errors"], told["worker_errors"], told["keys_left"]) == ({}, {}, 0)
    assert sorted(guarded.ask("KEYS", "*")) == ["bull:mail:1", "bull:mail:wait", "session:1"]


def test_the_check_before_a_load_is_refused_nothing_either(guarded, tmp_path):
    if not K6:
        not_tested("k6: it is not here")
    runs = plan(guarded, tmp_path)
    name = give(guarded, runs)
    guarded.ask("ACL", "LOG", "RESET")
    login = {"username": name, "password": PASSWORD}
    users, _, jobs = (run["settings"] for run in runs)
    configs = {
        "users": {**users, **login},
        "jobs": {**jobs, "connection": {**jobs["connection"], **login}},
    }
    for kind, config in configs.items():
        path = tmp_path / f"{kind}.config"
        path.touch(0o600)
        path.write_text(json.dumps(config))
        words = [bull.python(), LOAD, kind, "--check", path]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        said = json.loads(done.stdout)
        assert said["run_id"] == guarded.info()["run_id"]
        assert {finding["status"] for finding in said["findings"]} == {"PASS"}, said
    assert refusals(guarded) == []


def of_the_application(lab: Lab) -> list[object]:
    """Its keys, and what they hold and for how long."""
    reads = (
        ["GET", "session:1"],
        ["TTL", "session:1"],
        ["HGETALL", "bull:mail:1"],
        ["LRANGE", "bull:mail:wait", "0", "-1"],
    )
    return [sorted(lab.ask("KEYS", "*")), *(lab.ask(*words) for words in reads)]


def mine(kind: str) -> str:
    return {"users": f"loadtest:{RUN}-1:cache:1", "jobs": f"loadtest:redis-ops-load-{RUN}:wait"}[kind]


FORBIDDEN = (
    ["GET", "session:1"],
    ["SET", "session:1", "x"],
    ["UNLINK", "session:1"],
    ["EXPIRE", "session:1", "1"],
    ["EXISTS", "session:1"],
    ["GET", "loadtest:of-somebody-else"],
    ["SET", f"loadtest:{RUN}x:1", "x"],
    ["SET", f"loadtest:{RUN}", "x"],
    ["HGETALL", "bull:mail:1"],
    ["HSET", "bull:mail:1", "data", "x"],
    ["LRANGE", "bull:mail:wait", "0", "-1"],
    ["DEL", "bull:mail:wait"],
    ["BZPOPMIN", "bull:mail:marker", "1"],
    ["RPOPLPUSH", "bull:mail:wait", "bull:mail:active"],
    ["RPOPLPUSH", mine("jobs"), "bull:mail:wait"],
    ["LRANGE", "loadtest:redis-ops-load-another:wait", "0", "-1"],
    *(["CONFIG", *words] for words in (["GET", "requirepass"], ["SET", "maxmemory", "1"], ["REWRITE"], ["RESETSTAT"])),
    ["FLUSHALL"],
    ["FLUSHDB"],
    ["KEYS", "*"],
    ["SCAN", "0"],
    ["RANDOMKEY"],
    ["DBSIZE"],
    ["DEBUG", "SLEEP", "0"],
    ["SHUTDOWN"],
    ["SAVE"],
    ["BGSAVE"],
    ["REPLICAOF", "NO", "ONE"],
    ["MONITOR"],
    ["SLOWLOG", "GET"],
    ["CLIENT", "LIST"],
    ["CLIENT", "KILL", "TYPE", "normal"],
    ["SUBSCRIBE", "a"],
    ["PUBLISH", "a", "b"],
    ["SELECT", "1"],
    ["SWAPDB", "0", "1"],
    ["MOVE", "session:1", "1"],
    ["DUMP", "session:1"],
    ["MIGRATE", "127.0.0.1", "1", "session:1", "0", "1"],
    ["EVAL", "return redis.call('GET', 'session:1')", "0"],
    ["SCRIPT", "FLUSH"],
    ["FUNCTION", "LIST"],
    ["ACL", "LIST"],
    ["ACL", "SETUSER", "default", "nopass"],
    ["ACL", "GETUSER", "default"],
    ["ACL", "SAVE"],
    ["MODULE", "LIST"],
)


@pytest.mark.parametrize("kinds", [["users"], ["jobs"], ["users", "jobs"]], ids=" and ".join)
def test_nothing_else_is_in_its_reach(guarded, tmp_path, kinds):
    runs = [run for run in plan(guarded, tmp_path) if run["kind"] in kinds]
    name = give(guarded, runs)
    before = of_the_application(guarded)
    for words in FORBIDDEN:
        client = as_user(guarded, name)
        if words[0] == "FUNCTION" and not guarded.program.engine.reached("redis 7.0"):
            continue
        with pytest.raises(Refused, match=r"NOPERM|DEBUG command not allowed"):
            client(*words)
        client.close()
    assert of_the_application(guarded) == before
    assert guarded.config()["requirepass"] == ADMIN
    client = as_user(guarded, name)
    assert client("GET" if kinds[0] == "users" else "LLEN", mine(kinds[0])) in (None, 0)


def test_a_script_reaches_no_more_than_its_caller(guarded, tmp_path):
    """BullMQ needs EVALSHA, and whoever has that can load a script of any content."""
    client = as_user(guarded, give(guarded, plan(guarded, tmp_path)))
    for words in ("'GET', 'session:1'", "'HGETALL', 'bull:mail:1'", "'KEYS', '*'", "'FLUSHALL'"):
        digest = client("SCRIPT", "LOAD", f"return redis.call({words})")
        with pytest.raises(Refused, match=r"(?i)NOPERM|permission|can't (run|access)"):
            client("EVALSHA", digest, "0")


def test_a_wrong_password_and_none_are_refused(guarded, tmp_path):
    name = give(guarded, plan(guarded, tmp_path))
    for word in ("", ADMIN, load_user.digest(PASSWORD)):
        with pytest.raises(Refused, match="WRONGPASS"):
            guarded.client(password="")("AUTH", name, word)


def test_it_is_in_no_file_and_goes_with_the_server(guarded, tmp_path):
    name = give(guarded, plan(guarded, tmp_path))
    assert name not in guarded.text
    assert name in guarded.ask("ACL", "USERS")
    guarded.bounce()
    assert name not in guarded.ask("ACL", "USERS")
    assert name not in guarded.text


def test_it_is_removed_with_its_connections(guarded, tmp_path):
    guarded.ask("ACL", "SETUSER", "of-somebody-else", "on", "nopass", "~*", "+get")
    name = give(guarded, plan(guarded, tmp_path))
    assert take_back(guarded) == []
    assert sorted(guarded.ask("ACL", "USERS")) == ["default", "of-somebody-else"]
    assert take_back(guarded) == []  # again
    with pytest.raises(Refused, match="WRONGPASS"):
        as_user(guarded, name)


def test_its_programs_may_remove_their_keys_before_it_goes(guarded, tmp_path, monkeypatch):
    """And one that never ends does not keep it."""
    monkeypatch.setattr(account, "LEAVING", 1.0)
    client = as_user(guarded, give(guarded, plan(guarded, tmp_path)))
    began = time.monotonic()
    assert take_back(guarded) == []
    assert 1 <= time.monotonic() - began < 10
    with pytest.raises((ConnectionError, Refused)):
        client("PING")


def test_a_server_that_restarted_is_rid_of_the_keys_that_nobody_else_can_remove(guarded, tmp_path):
    user = as_user(guarded, give(guarded, plan(guarded, tmp_path)))
    left = (f"loadtest:{RUN}-1:cache:1", f"loadtest:{RUN}-2:session:7", f"loadtest:redis-ops-load-{RUN}:id")
    for key in left:
        user("SET", key, "x")
    others = ("loadtest:another-1:cache:1", f"loadtest:{RUN}", f"x:loadtest:{RUN}-1:cache:1", "loadtest:*")
    for key in others:
        guarded.ask("SET", key, "of somebody else")
    before = sorted(guarded.ask("KEYS", "*"))
    guarded.ask("SAVE")
    guarded.bounce()
    assert sorted(guarded.ask("KEYS", "*")) == before
    assert take_back(guarded) == []
    assert sorted(guarded.ask("KEYS", "*")) == sorted(set(before) - set(left))


ONE = some("redis 7.0.15")


@ONE
def test_what_could_not_be_looked_at_in_time_is_told(guarded, monkeypatch):
    monkeypatch.setattr(account.effects, "PATIENCE", 0.0)
    guarded.fill(5000)
    [told] = take_back(guarded)
    assert f"keys loadtest:{RUN}-1:*, " in told
    assert "may be left: there are too many keys to look at" in told


@ONE
def test_what_a_killed_run_left_goes_with_the_next_one(guarded, tmp_path):
    over, under_way = (load_user.name_of(run, time.time() + later) for run, later in (("old", -5), ("other", 60)))
    for name in (over, under_way, "redis_ops_load_by_hand"):
        guarded.ask("ACL", "SETUSER", name, "on", "nopass")
    for run in ("old", "other"):  # BullMQ gives its keys no end
        guarded.ask("HSET", f"loadtest:redis-ops-load-{run}:1", "data", "{}")
    given = account.give([guarded.instance()], accounts_of(plan(guarded, tmp_path)), RUN, 60)
    assert sorted(guarded.ask("ACL", "USERS")) == sorted(
        ["default", "redis_ops_load_by_hand", under_way, given.users["lab"]]
    )
    assert guarded.ask("KEYS", "loadtest:*") == ["loadtest:redis-ops-load-other:1"]
    [told] = given.findings
    assert (told.status.value, told.actual) == (
        "WARN",
        f"{given.users['lab']}; another load test may be under way: {under_way}",
    )


@ONE
def test_a_server_that_takes_no_users(lab, tmp_path):
    lab.begin("rename-command ACL ''")
    accounts = accounts_of(plan(lab, tmp_path))
    for findings in (
        account.possible([lab.instance()], accounts),
        account.give([lab.instance()], accounts, RUN, 60).findings,
    ):
        [told] = findings
        assert (told.id, told.status.value) == ("checklist.load_user", "FAIL")
        assert "ACL was taken away with rename-command" in told.actual
        assert "redis_loadtest_login_user" in told.remedy


@ONE
def test_a_server_with_another_name_for_the_command(lab, tmp_path):
    """Its file has the name, and both answers agree."""
    lab.begin("rename-command ACL hidden")
    accounts = accounts_of(plan(lab, tmp_path))
    [possible] = account.possible([lab.instance()], accounts)
    [given] = account.give([lab.instance()], accounts, RUN, 60).findings
    assert (possible.status.value, given.status.value) == ("PASS", "PASS")


@ONE
def test_a_login_that_may_make_no_users(guarded, tmp_path):
    guarded.ask("ACL", "SETUSER", "watch", "on", ">look", "+info", "+config|get", "+ping", "+acl|whoami", "+acl|dryrun")
    looker = guarded.instance(credentials=[Credentials("watch", "look")])
    accounts = accounts_of(plan(guarded, tmp_path))
    before = guarded.ask("ACL", "LIST")
    [told] = account.possible([looker], accounts)
    assert (told.status.value, "acl" in told.actual) == ("FAIL", True), told
    given = account.give([looker], accounts, RUN, 60)
    assert (given.users, given.findings[0].status.value) == ({}, "FAIL")
    guarded.ask("ACL", "SETUSER", "watch", "-acl|dryrun")
    [told] = account.possible([looker], accounts)
    assert told.status.value == "SKIP"  # nobody can tell
    guarded.ask("ACL", "SETUSER", "watch", "+acl|dryrun")
    assert guarded.ask("ACL", "LIST") == before


@some("redis 6.2.14", "redis 7.0.15", "valkey 9.1.2")
def test_whether_it_could_be_made_is_told_without_making_it(guarded, tmp_path):
    before = guarded.ask("ACL", "LIST")
    [told] = account.possible([guarded.instance()], accounts_of(plan(guarded, tmp_path)))
    tells = guarded.program.engine.reached("redis 7.0")
    assert told.status.value == ("PASS" if tells else "SKIP")
    assert guarded.ask("ACL", "LIST") == before


@some("redis 7.0.15", "valkey 9.1.2")
def test_beside_an_aclfile_it_stays_in_memory(lab, tmp_path):
    users = tmp_path / "users.acl"
    users.write_text("user default on nopass ~* &* +@all\nuser app on nopass ~app:* +@all\n")
    lab.begin(f"aclfile {users}")
    before = users.read_text()
    name = give(lab, plan(lab, tmp_path))
    assert as_user(lab, name)("PING") == "PONG"
    assert users.read_text() == before
    assert take_back(lab) == []
    assert sorted(lab.ask("ACL", "USERS")) == ["app", "default"]
    assert users.read_text() == before
