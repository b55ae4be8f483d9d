"""The user of a load: its name, its rules, what a plan needs, and what the control node hands to whom."""

from __future__ import annotations

import hashlib
import json
import re
import sys
from pathlib import Path
from unittest.mock import MagicMock

import bullmq
import pytest
from ansible.module_utils.redis_control.load import plan
from ansible.module_utils.redis_load.jobs import config as jobs_config
from ansible.module_utils.redis_load.users import config as users_config
from ansible.module_utils.redis_ops.load import account
from ansible.module_utils.redis_ops.model import load_user
from hypothesis import given
from hypothesis import strategies as st

ROOT = Path(__file__).parent.parent.parent
sys.path.insert(0, str(ROOT / "action_plugins"))
from redis_load_login import ActionModule  # noqa: E402

SHA = "0" * 64
CACHE = {"name": "cache", "port": 6379, "tls": False, "evicts": True}
QUEUE = {"name": "queue", "port": 6380, "tls": False, "evicts": False}
HERE = {"name": "localhost", "directory": "/d", "python": "/p", "k6": "/k6"}
AWAY = {"name": "load2", "directory": "/d", "python": "/p", "k6": "/k6"}

# --- names ------------------------------------------------------------------------------------------------------------


def test_a_name_says_whose_it_is_and_until_when():
    name = load_user.name_of("k3x9", 1795728600.7)
    assert name == "redis_ops_load_k3x9_until_20261126T213000Z"
    assert load_user.until(name) == 1795728600
    assert load_user.run_of(name) == "k3x9"


@given(st.from_regex(r"[A-Za-z0-9._-]{1,64}", fullmatch=True), st.integers(0, 4_000_000_000))
def test_every_name_is_read_back(run_id, until):
    assert load_user.until(load_user.name_of(run_id, until)) == until
    assert load_user.run_of(load_user.name_of(run_id, until)) == run_id


@pytest.mark.parametrize(
    "name",
    [
        "default",
        "redis_ops_load_",
        "redis_ops_load_k3x9",
        "redis_ops_load_k3x9_until_20261126T213000",
        "redis_ops_load_k3x9_until_20261399T213000Z",
        "redis_ops_load_k3x9_until_20261126T213000Z ",
        "redis_ops_load_k3x9_until_20261126T213000Z\n",
        "redis_ops_load_{{ x }}_until_20261126T213000Z",
        "app_redis_ops_load_k3x9_until_20261126T213000Z",
    ],
)
def test_users_of_others_are_not_taken_for_one(name):
    assert load_user.until(name) is None
    assert load_user.run_of(name) == ""


def test_the_keys_of_a_run_are_those_that_its_plan_has():
    """Of a run that was killed, only the name of its user is known."""
    users, jobs = load_user.keys_of("r")
    keys = [key for one in account.of_runs(runs([CACHE, QUEUE], [HERE, AWAY])) for key in one.keys]
    assert [key for key in keys if not key.startswith((users, jobs))] == []


# --- rules ------------------------------------------------------------------------------------------------------------


def test_users_get_what_k6_and_its_runner_send():
    assert load_user.rules(["users"], ["loadtest:r-1:", "loadtest:r-2:"], SHA) == [
        *("reset", "resetchannels", "on", f"#{SHA}", "~loadtest:r-1:*", "~loadtest:r-2:*", "-@all"),
        *("+expire", "+get", "+info", "+latency|histogram", "+ping", "+set", "+unlink"),
    ]


def test_only_another_database_is_selected():
    assert "+select" in load_user.rules(["users"], ["a:"], SHA, 3)
    assert "+select" not in load_user.rules(["users", "jobs"], ["a:"], SHA, 0)


def test_a_prefix_is_no_pattern():
    assert "~a\\*\\?\\[b\\]\\\\:*" in load_user.rules(["jobs"], ["a*?[b]\\:"], SHA)


DANGEROUS = ("keys", "scan", "randomkey", "dbsize", "config", "flushall", "flushdb", "acl", "debug", "shutdown", "eval")
DANGEROUS += ("monitor", "migrate", "replicaof", "module", "slowlog", "client|list", "client|kill", "publish", "sort")


def test_nothing_dangerous_is_granted():
    granted = load_user.rules(["users", "jobs"], ["a:"], SHA)
    assert not [rule for rule in granted if rule[1:] in DANGEROUS or rule.startswith("+@")]


SCRIPTS = ("addStandardJob", "addDelayedJob", "addPrioritizedJob", "moveToActive", "moveToFinished", "moveToDelayed")
SCRIPTS += (
    "moveStalledJobsToWait",
    "extendLock",
    "extendLocks",
    "retryJob",
    "saveStacktrace",
    "obliterate",
    "getCounts",
)


@pytest.mark.parametrize("name", SCRIPTS)
def test_jobs_get_every_command_of_the_scripts_that_they_run(name):
    [script] = Path(bullmq.__file__).parent.joinpath("commands").glob(f"{name}-*.lua")
    called = {word.lower() for word in re.findall(r"rcall\(\s*[\"'](\w+)", script.read_text())}
    granted = {rule[1:] for rule in load_user.rules(["jobs"], ["a:"], SHA)}
    assert called
    assert called <= granted


# --- what a plan needs ------------------------------------------------------------------------------------------------


def runs(instances, generators=(HERE,), users=None, jobs=None):
    return plan.runs(
        instances,
        generators,
        run_id="r",
        host="redis1",
        address="192.0.2.1",
        local=True,
        users={"users": 1000, **(users or {})},
        jobs={"rate": 50, **(jobs or {})},
        users_on=[],
        jobs_on=[],
    )


def test_each_instance_needs_its_own():
    assert account.of_runs(runs([CACHE, QUEUE], [HERE, AWAY])) == [
        account.Account("cache", ("users",), ("loadtest:r-1:", "loadtest:r-2:")),
        account.Account("queue", ("jobs",), ("loadtest:redis-ops-load-r:",)),
    ]
    assert account.of_runs(runs([QUEUE])) == [
        account.Account("queue", ("users", "jobs"), ("loadtest:r-1:", "loadtest:redis-ops-load-r:")),
    ]


def test_what_was_typed_of_prefix_and_database_counts():
    found = account.of_runs(
        runs(
            [CACHE, QUEUE],
            users={"prefix": "try", "database": 2},
            jobs={"prefix": "{q}", "connection": {"db": 3}},
        )
    )
    assert [(one.keys, one.database) for one in found] == [
        (("try:r-1:",), 2),
        (("{q}:redis-ops-load-r:",), 3),
    ]


@pytest.mark.parametrize("prefix", [None, "other"])
def test_the_programs_make_the_same_names_of_keys(prefix):
    typed = {"prefix": prefix} if prefix else {}
    users, jobs = (one.keys[0] for one in account.of_runs(runs([CACHE, QUEUE], users=typed, jobs=typed)))
    assert users_config.Config(run_id="r-1", **typed).keys == users
    config = jobs_config.Config(run="r", connection={}, rate=1, seconds=1, **typed)
    assert f"{config.prefix}:{config.queue}:" == jobs
    assert all(key.startswith(jobs) for key in jobs_config.keys_of_jobs(config, 3))


def test_no_load_has_a_key_under_the_name_of_an_application_s_queues():
    assert not [key for one in account.of_runs(runs([CACHE, QUEUE])) for key in one.keys if key.startswith("bull")]


# --- the control node -------------------------------------------------------------------------------------------------


DECLARATION = {"instances": [{"name": "cache"}], "profiles": {"guide": {}}, "profile": "guide"}


class Login:
    """The action, whose module is made up and remembers what it was told."""

    def __init__(
        self, *, check_mode: bool = False, refuses: bool = False, collection: str = "", **given: object
    ) -> None:
        self.told: dict = {}
        self.refuses = refuses
        self.collection = collection
        args = {"state": "present", "declaration": DECLARATION, "run_id": "r", "seconds": 60, **given}
        args = {"runs": runs([CACHE, QUEUE]), "comes": True, **args}
        task = MagicMock(args=args, async_val=0, check_mode=check_mode, action=f"{self.collection}redis_load_login")
        self.action = ActionModule(task, *[MagicMock()] * 5)
        self.action._execute_module = self.execute

    def execute(self, module_name, module_args, task_vars):
        del task_vars
        assert module_name == f"{self.collection}redis_load_user"
        self.told = json.loads(json.dumps(module_args))
        made = module_args["state"] == "present" and not self.refuses
        users = {one["instance"]: f"user-of-{one['instance']}" for one in module_args["accounts"]} if made else {}
        return {"changed": False, "users": users, "findings": [{"id": "checklist.load_user"}]}

    def run(self) -> dict:
        return self.action.run(task_vars={})


def test_the_host_gets_hashes_and_the_generators_random_passwords():
    """B9."""
    login = Login()
    answer = login.run()
    assert (login.told["state"], login.told["declaration"], login.told["run_id"]) == (
        "present",
        DECLARATION,
        "r",
    )
    logins = answer["logins"]
    assert {name: one["username"] for name, one in logins.items()} == {
        "cache": "user-of-cache",
        "queue": "user-of-queue",
    }
    passwords = [one["password"] for one in logins.values()]
    assert len(set(passwords)) == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}", password) for password in passwords)
    hashes = [hashlib.sha256(password.encode()).hexdigest() for password in passwords]
    assert [one["sha256"] for one in login.told["accounts"]] == hashes
    assert not any(password in json.dumps(login.told) for password in passwords)
    assert passwords != [one["password"] for one in Login().run()["logins"].values()]


FAILED = {"id": "checklist.memory", "status": "FAIL", "actual": "x"}


@pytest.mark.parametrize(
    ("given", "state"),
    [
        ({"comes": False}, "possible"),
        ({"check_mode": True}, "possible"),
        ({"findings": [FAILED]}, "possible"),
        ({"findings": [FAILED], "accept": ["checklist.memory"]}, "present"),
        ({"findings": [{**FAILED, "status": "WARN"}]}, "present"),
        ({"state": "absent"}, "absent"),
    ],
)
def test_a_user_is_made_for_a_load_that_comes(given, state):
    login = Login(**given)
    assert bool(login.run()["logins"]) is (state == "present")
    assert login.told["state"] == state


@pytest.mark.parametrize("collection", ["", "redis_ops.redis."])
def test_the_module_is_called_by_the_collection_s_name_where_the_task_has_it(collection):
    assert Login(collection=collection).run()["logins"].keys() == {"cache", "queue"}


def test_nothing_is_made_where_somebody_gave_a_login():
    login = Login(own=True, own_user="load")
    answer = login.run()
    assert (login.told, answer["logins"]) == ({}, {})
    assert [(found["status"], found["actual"]) for found in answer["findings"]] == [
        ("PASS", "load, as redis_loadtest_login_* say")
    ] * 2
    assert "default, as" in Login(own=True).run()["findings"][0]["actual"]


def test_a_server_that_refuses_leaves_the_load_without_a_login():
    answer = Login(refuses=True).run()
    assert (answer["logins"], answer["findings"]) == ({}, [{"id": "checklist.load_user"}])


def test_the_role_hands_on_nothing_but_that_login():
    """The admin's password is in no expression of what a load program is told."""
    text = (ROOT / "roles" / "redis_loadtest" / "vars" / "main" / "load.yml").read_text()
    _, _, login = text.partition("__redis_loadtest_login:")
    login = login.partition("__redis_loadtest_beside:")[0]
    assert "redis_loadtest_login_password" in login
    assert not re.findall(r"redis_server_\w+|requirepass", login)
