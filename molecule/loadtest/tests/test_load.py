"""The whole command: verdict, files, and nothing left behind, whether it passes, fails, breaks or is stopped."""

from __future__ import annotations

import json
import time
from xml.etree import ElementTree as ET

import load
import oracle

SCHEMA = oracle.PROJECT / "docs/loadtest-report.schema.json"
FLOWS = ("session_write", "session_read", "session_refresh", "cache_get")


LEFT = "redis_ops_load_killed_until_20200101T000000Z"  # a user of a run that was killed long ago


def test_users_from_two_machines_and_jobs(host):
    for name in load.PORTS:
        load.ask(host, name, "acl", "setuser", LEFT, "on", "nopass", "~*", "+@all")
        load.ask(host, name, "acl", "log", "reset")
    with load.Eavesdropper(load.PASSWORD) as eavesdropper:
        status, output = load.play("run_load_test.yml", redis_loadtest_label="first")
    assert [load.refused(host, name) for name in load.PORTS] == ["", ""]
    found = load.document(status, output)
    assert found["verdict"] == "PASS" or (found["verdict"] == "INVALID" and load.only_busy(found)), output
    felt = load.WAITS if found["verdict"] == "INVALID" else set()
    assert [(place["instance"], load.missed(place) - felt) for place in found["instances"]] == [
        ("cache", set()),
        ("queue", set()),
    ]

    users, jobs = load.instance(found, "cache")["loads"], load.instance(found, "queue")["loads"]
    assert (list(users), list(jobs)) == (["users"], ["jobs"])
    users, jobs = users["users"], jobs["jobs"]
    assert [generator["name"] for generator in users["generators"]] == ["localhost", load.GENERATOR]
    assert (users["connections"]["wanted"], users["rate"]["wanted"]) == (200, 2500)
    assert all(users["flows"][name]["count"] > 1000 for name in FLOWS)
    # each has half of the load; what the server has at one time is the whole
    sustained = [sample for sample in users["samples"] if sample["phase"] == "sustained" and "users" in sample]
    assert max(sample["users"] for sample in sustained) >= 200
    assert max(sample["ops_per_second"] for sample in sustained) > 1500
    # they are there as long as the users, who wait for the second machine
    assert jobs["offered"]["seconds"] > 25
    assert jobs["phases"]["load"]["completed"] == 20 * jobs["offered"]["seconds"]

    assert found["label"] == "first"
    assert {finding["status"] for finding in found["checklist"]} == {"PASS"}
    suites = ET.parse(load.REPORTS / "latest.xml").getroot()
    names = {f"{load.HOST}.cache", f"{load.HOST}.queue", f"{load.HOST}.checklist"}
    assert {suite.get("name") for suite in suites} == names
    assert not list(suites.iter("failure"))
    assert bool(list(suites.iter("error"))) == (found["verdict"] == "INVALID")
    page = (load.REPORTS / "latest.html").read_text()
    assert found["verdict"] in page
    assert load.HOST in page
    _fits_the_schema(found)

    for path in load.REPORTS.iterdir():
        assert load.PASSWORD not in path.read_text(), path
    assert load.PASSWORD not in output
    assert eavesdropper.looks > 20
    assert eavesdropper.heard == set()
    assert eavesdropper.modes == {"0o600", "0o700"}
    assert len(eavesdropper.passwords) == 2  # one for each instance
    for secret in eavesdropper.passwords:
        for path in load.REPORTS.iterdir():
            assert secret not in path.read_text(), path
        assert secret not in output
    load.nothing_is_left(host)


def _fits_the_schema(found):
    import jsonschema  # noqa: PLC0415 - Molecule has it

    jsonschema.validate(found, json.loads(SCHEMA.read_text()))


def test_a_cache_that_is_too_small_fails(host):
    """Declared is more: whoever sets less by hand is told so, and may insist."""
    load.ask(host, "cache", "config", "set", "maxmemory", "8mb")
    accepted = ["checklist.configuration", "checklist.settings.maxmemory"]
    keys = {"cache_keys": 20_000, "write_share": 0.5, "baseline": 0}
    try:
        status, output = load.play(
            "run_load_test.yml", **load.SHORT, redis_loadtest_load=keys, redis_loadtest_accept=accepted
        )
    finally:
        load.ask(host, "cache", "config", "set", "maxmemory", "64mb")
    found = load.document(status, output)
    assert found["verdict"] == "FAIL" or (found["verdict"] == "INVALID" and load.only_busy(found)), output
    assert {"evicted_share", "hit_ratio"} <= load.missed(load.instance(found, "cache")), output
    assert load.missed(load.instance(found, "queue")) <= load.WAITS
    told = [finding for finding in found["checklist"] if finding["status"] != "PASS"]
    assert {(finding["id"], finding["status"]) for finding in told} == {(name, "WARN") for name in accepted}
    oracle.told(output, "FAIL", "evicted of all keys:", "%")
    oracle.told(output, "likely: more is written than maxmemory holds; raise maxmemory")
    load.nothing_is_left(host)


def test_a_restart_in_the_middle_is_no_measurement(host):
    with load.Terminal(**load.SHORT | {"redis_loadtest_duration": 8}) as run:
        run.until("sustained")
        assert list(load.RUNS.iterdir())
        host.check_output("systemctl restart redis-server@cache redis-server@queue")
        status, output = run.end()
    found = load.document(status, output)
    assert (found["verdict"], status) == ("INVALID", 3), output
    for name in load.PORTS:
        assert "the server restarted in between" in load.instance(found, name)["distrust"], output
    load.nothing_is_left(host)


def test_ctrl_c_ends_the_load_and_not_the_report(host):
    with load.Terminal(**load.SHORT | {"redis_loadtest_duration": 600}) as run:
        run.until("sustained")
        assert load.processes(str(load.RUNS), "cmdline")
        run.press(b"\x03")
        status, output = run.end()
    assert "the load is being stopped, its keys are removed, and there will be a report" in output
    found = load.document(status, output)
    assert (found["verdict"], status) == ("INVALID", 3), output
    assert "the run was stopped before its end" in load.instance(found, "cache")["distrust"]
    assert "jobs: the run was stopped before its end" in load.instance(found, "queue")["distrust"]
    load.nothing_is_left(host)


def test_a_run_that_is_killed_leaves_a_user_that_nobody_can_use_and_nothing_else(host):
    """The programs end when nobody has watched them for a minute."""
    with load.Terminal(**load.SHORT | {"redis_loadtest_duration": 600}) as run:
        run.until("sustained")
        run.kill()
    end = time.monotonic() + 150
    while load.processes(str(load.RUNS), "cmdline") or list(load.RUNS.iterdir()):
        assert time.monotonic() < end, list(load.RUNS.rglob("*"))
        time.sleep(1)
    try:
        load.no_load_is_left(host)
        for name in load.PORTS:
            [user] = load.users(host, name)
            assert user.startswith("redis_ops_load_")
        assert "redis_ops_load_" not in host.check_output("grep -rh ^user /etc/redis || true")
    finally:
        for name in load.PORTS:
            for user in load.users(host, name):
                load.ask(host, name, "acl", "deluser", user)


def test_a_server_that_takes_no_users_is_loaded_only_with_a_login_of_its_own(host):
    """Somebody else looks, who may make no users; then the same with a login that was given to the load."""
    look = "on >eyes-only ~bull:* +ping +info +config|get +acl|list +acl|whoami +acl|dryrun +slowlog|get +slowlog|len"
    look += " +latency|histogram +client|list +scan +exists +get +hget +hmget +llen +lindex +lrange +zcard +zrange"
    mine = "on >of-the-load ~loadtest:* +@all -@admin -@dangerous +info +latency|histogram"
    for name in load.PORTS:
        load.ask(host, name, "acl", "setuser", "watch", *look.split())
        load.ask(host, name, "acl", "setuser", "mine", *mine.split())
    accepted = ["checklist.configuration"]  # those two users are in no file
    given = {
        "redis_server_login_user": "watch",
        "redis_server_login_password": "eyes-only",
        "redis_loadtest_accept": accepted,
    }
    try:
        status, output = load.play("run_load_test.yml", **load.SHORT, **given)
        assert status == 2, output
        oracle.told(output, "FAIL", "instance cache: user of the load: it could not be made")
        oracle.told(output, "instance cache: user of the load", "(checklist.load_user)", "redis_loadtest_login_user")
        assert "Load | Start the programs" not in output
        own = {"redis_loadtest_login_user": "mine", "redis_loadtest_login_password": "of-the-load"}
        status, output = load.play("run_load_test.yml", **load.SHORT, **given, **own)
        found = load.document(status, output)
        assert {place["instance"]: list(place["loads"]) for place in found["instances"]} == {
            "cache": ["users"],
            "queue": ["jobs"],
        }
        told = [finding["actual"] for finding in found["checklist"] if finding["id"] == "checklist.load_user"]
        assert told == ["mine, as redis_loadtest_login_* say"] * 2
    finally:
        for name in load.PORTS:
            load.ask(host, name, "acl", "deluser", "watch", "mine")
    load.nothing_is_left(host)
