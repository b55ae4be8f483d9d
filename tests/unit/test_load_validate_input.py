"""What was typed for a load test: each mistake is one line, all of them come at once, and before anything is touched."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
ROLE = ROOT / "roles" / "redis_loadtest"
sys.path.insert(0, str(ROOT / "action_plugins"))
from redis_load_validate_input import ActionModule  # noqa: E402 - after the path to it

OWN = [
    *(("redis_loadtest_generators", ["localhost"]), ("redis_loadtest_address", "192.0.2.1")),
    ("redis_loadtest_reports", "/srv/reports"),
]
DEFAULTS = {**yaml.safe_load((ROLE / "defaults/main.yml").read_text()), **dict(OWN)}


def typed(**given):
    """The answer of the module where these variables differ from the defaults; names without the role's."""
    changed = {name if name.startswith("redis_") else f"redis_loadtest_{name}": value for name, value in given.items()}
    vault = yaml.safe_load((ROLE / "vars/main/bullmq.yml").read_text())
    templar = SimpleNamespace(template=lambda value: value)
    action = ActionModule(MagicMock(args={}, async_val=0, check_mode=False), *[MagicMock()] * 3, templar, MagicMock())
    return action.run(task_vars={**DEFAULTS, **vault, **changed, "ansible_host": "192.0.2.1"})


def refused(**given):
    answer = typed(**given)
    assert (answer["failed"], answer["exit_code"]) == (True, 1), answer
    assert answer["report"] == [f"FAILED: {line}" for line in answer["msg"].splitlines()]
    return answer["msg"].splitlines()


def test_the_defaults_are_in_order():
    numbers = typed()["numbers"]
    assert numbers["redis_loadtest_users"] == 1000
    assert numbers["redis_loadtest_production"] is False


def test_numbers_and_texts_of_ansible_are_numbers_and_texts():
    """What comes from an inventory is of types of its own, derived from these."""
    number, share, text = type("Int", (int,), {})(5000), type("Float", (float,), {})(0.5), type("Str", (str,), {})("x")
    load = type("Dict", (dict,), {})(cache_keys=number, write_share=share, prefix=text)
    jobs = {"rate": type("Int", (int,), {})(20), "baseline_jobs": type("Int", (int,), {})(20)}
    assert "failed" not in typed(load=load, jobs=jobs, users=number)


@pytest.mark.parametrize("allowed", [["redis_server_team_contact"], "redis_server_team_contact"])
def test_a_variable_of_the_user_s_own_can_be_allowed(allowed):
    own = {"redis_server_team_contact": "redis@example.com", "redis_server_allowed_variables": allowed}
    assert "failed" not in typed(**own)
    told = typed(**own, redis_server_team_contacts="x")
    assert told["msg"].startswith("redis_server_team_contacts: no role has this variable")


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("users", "200", 200),
        ("ramp", "1.5", 1.5),
        ("duration", "30", 30),
        ("cool_down", "0", 0),
        ("production", "yes", True),
        ("allow_production", "False", False),
    ],
)
def test_the_command_line_gives_texts(name, text, value):
    found = typed(**{name: text})["numbers"][f"redis_loadtest_{name}"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"user": 200}, "redis_loadtest_user: no role has this variable; expected * did you mean redis_loadtest_users?"),
        ({"prodution": True}, "redis_loadtest_prodution: no role has * did you mean redis_loadtest_production?"),
        ({"redis_server_setings": {}}, "redis_server_setings: no role has * did you mean redis_server_settings?"),
        ({"ramp": "10s"}, "redis_loadtest_ramp: '10s'; expected a number; correct it"),
        ({"cool_down": "15s"}, "redis_loadtest_cool_down: '15s'; expected a whole number; correct it"),
        ({"cool_down": -1}, "redis_loadtest_cool_down: -1; expected at least 0; correct it"),
        ({"window": "ende"}, "redis_loadtest_window: 'ende'; expected begin or end; did you mean end?"),
        ({"rate": "abc"}, "redis_loadtest_rate: 'abc'; expected a whole number; correct it"),
        ({"users": True}, "redis_loadtest_users: True; expected a whole number; correct it"),
        ({"users": "1e999"}, "redis_loadtest_users: '1e999'; expected a whole number; correct it"),
        ({"users": 0}, "redis_loadtest_users: 0; expected a whole number from 1 to 100000; correct it"),
        ({"rate": "2"}, "redis_loadtest_rate: 2; expected a whole number from 5 to 1000000; correct it"),
        ({"allow_production": "tru"}, "redis_loadtest_allow_production: 'tru'; expected true or false; correct it"),
        ({"keep": "0"}, "redis_loadtest_keep: '0'; expected at least 1; correct it"),
        ({"generators": "load1"}, "redis_loadtest_generators: 'load1'; expected a list, such as *"),
        ({"load": "{users: 2}"}, "redis_loadtest_load: '{users: 2}'; expected a mapping, such as * as JSON: *"),
        ({"load": {"cache_keys": "1k"}}, 'redis_loadtest_load: cache_keys: "1k"; expected a whole number from 1 *'),
        ({"load": {"duration": 0}}, "redis_loadtest_load: duration: 0; expected a number from 1 to 86400; correct it"),
        ({"load": {"cache_kyes": 9}}, "redis_loadtest_load: cache_kyes: no such option; * did you mean cache_keys?"),
        ({"jobs": {"concurency": 8}}, "redis_loadtest_jobs: concurency: no such option; * did you mean concurrency?"),
        ({"jobs": {"rate": "fast"}}, 'redis_loadtest_jobs: rate: "fast"; expected a number above 0 *'),
        ({"jobs": {"connection": {"hots": "x"}}}, "redis_loadtest_jobs: connection: hots: no such * did you mean host?"),
        (
            {"bullmq_options": {"worker": {"concurency": 16}}},
            "redis_loadtest_bullmq_options: worker: concurency: is nearly *; did you mean concurrency?",
        ),
        (
            {"bullmq_options": {"workers": {"concurrency": 16}}},
            "redis_loadtest_bullmq_options: workers: no such part; expected one of queue, worker, * did you mean worker?",
        ),
        (
            {"bullmq_options": {"queue": {"defaultJobOptions": {"backoff": {"dealy": 9}}}}},
            "redis_loadtest_bullmq_options: queue.defaultJobOptions.backoff: dealy: * did you mean delay?",
        ),
        ({"bullmq_options": {"worker": 16}}, "redis_loadtest_bullmq_options: worker: 16; expected a mapping, *"),
        ({"profile": "strct"}, "redis_loadtest_profile: strct; expected *; did you mean strict?"),
        ({"targets": {"hit_ration": 9}}, "redis_loadtest_targets: hit_ration: no such target; * did you mean hit_ratio?"),
        ({"login_password": ["s3cr3t"]}, "redis_loadtest_login_password: (hidden); expected a text; correct it"),
        (
            {"login_user": "load"},
            "redis_loadtest_login_user: has no redis_loadtest_login_password; expected both or none; *",
        ),
        (
            {"load": {"password": "s3cr3t"}},
            "redis_loadtest_load: password: (hidden); expected no login, * declare redis_loadtest_login_user and *, in a vault",
        ),
        ({"jobs": {"connection": {"password": "s3cr3t"}}}, "redis_loadtest_jobs: connection: password: (hidden); *"),
        ({"k6_sha256": "abc"}, "redis_loadtest_k6_sha256: 'abc'; expected 64 hexadecimal digits; *"),
    ],
)  # fmt: skip
def test_a_mistake_is_one_line(given, line):
    [said] = refused(**given)
    begin, _, rest = line.partition("*")
    assert said.startswith(begin)
    for part in rest.split("*"):
        assert part.strip() in said


def test_all_are_told_at_once():
    said = refused(user=200, ramp="10s", window="ende", keep=0, load={"cache_keys": 0}, targets={"x": 1})
    assert len(said) == 6


def test_bullmq_has_more_options_than_the_guide():
    # src/interfaces/worker-options.ts and default-job-options.ts of BullMQ 5.81.5
    worker = dict.fromkeys(["removeOnComplete", "removeOnFail", "drainDelay", "limiter", "metrics", "lockRenewTime"], 1)
    worker |= dict.fromkeys(["maxStartedAttempts", "skipStalledCheck", "skipLockRenewal", "maximumRateLimitDelay"], 1)
    job = dict.fromkeys(["delay", "priority", "lifo", "keepLogs", "sizeLimit", "stackTraceLimit"], 1)
    job |= {"backoff": 5000, "removeOnComplete": True, "removeOnFail": 100}
    connection = {"retryStrategy": 1, "connectTimeout": 5, "enableReadyCheck": False, "enableOfflineQueue": True}
    options = {"worker": worker, "queue": {"defaultJobOptions": job}, "queueConnection": connection}
    assert "failed" not in typed(bullmq_options=options)


def test_lists_and_files_may_be_typed_as_before():
    assert "failed" not in typed(
        accept="checklist.aof_files,checklist.swap", users_on="cache", compare_a=["a.json"], load=None, label=7
    )


@pytest.mark.parametrize("name", ["preflight", "validate", "compare", "bullmq_options"])
def test_it_is_the_first_task_of_each_way_in(name):
    first = yaml.safe_load((ROLE / "tasks" / f"{name}.yml").read_text())[0]
    assert "redis_load_validate_input" in first
    assert first["register"] == "__redis_loadtest_typed"
    assert "run_once" not in first


def test_a_load_test_begins_with_the_checklist():
    [task] = yaml.safe_load((ROLE / "tasks" / "loadtest.yml").read_text())
    assert task["block"][0]["ansible.builtin.import_tasks"] == "preflight.yml"


def test_no_number_is_made_of_what_is_none():
    # Jinja makes 0 of "10s"
    text = (ROLE / "vars/main/load.yml").read_text()
    for name in ("users", "rate", "ramp", "warm_up", "duration"):
        assert f"redis_loadtest_{name} |" not in text
