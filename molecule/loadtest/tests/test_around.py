"""What stands beside the project's own load: the judgment of somebody else's, and what services load."""

from __future__ import annotations

import json

import load
import oracle

OPTIONS = "/etc/bullmq-options.json"


def somebody_s_load(host, operations):
    script = f"(echo SET thing 1; yes GET thing | head -n {operations}) | redis-cli -p 6379 >/dev/null"
    host.check_output(f"REDISCLI_AUTH={load.PASSWORD} sh -c '{script}'")


def test_a_load_of_somebody_else_is_judged(host):
    status, output = load.play("judge_load.yml")
    assert status == 0, output
    oracle.told(output, "the window is open")
    somebody_s_load(host, 12_000)
    status, output = load.play("judge_load.yml", redis_loadtest_window="end")
    found = load.document(status, output)
    assert (status, found["verdict"]) == (0, "PASS"), output
    cache, queue = (load.instance(found, name) for name in load.PORTS)
    assert (cache["loads"], found["checklist"]) == ({}, [])
    assert cache["metrics"]["hit_ratio"] == 100
    assert 12_000 <= cache["metrics"]["operations"] < 12_100
    assert queue["metrics"]["operations"] < 100
    load.ask(host, "cache", "del", "thing")


def test_services_get_the_options_of_bullmq(host):
    status, output = load.play("write_bullmq_options.yml", redis_loadtest_bullmq_options={"worker": {"concurrency": 9}})
    assert status == 0, output
    assert "changed=1" in output
    options = json.loads(host.check_output(f"cat {OPTIONS}"))
    assert options["worker"]["concurrency"] == 9
    assert options["queue"]["defaultJobOptions"]["attempts"] == 3
    assert oracle.modes(host, OPTIONS) == {OPTIONS: "644 root root"}
    status, output = load.play("write_bullmq_options.yml", redis_loadtest_bullmq_options={"worker": {"concurrency": 9}})
    assert (status, "changed=0" in output) == (0, True), output
