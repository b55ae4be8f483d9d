"""What is said before a load: ready or not and why, without any load and without a change."""

from __future__ import annotations

import json

import load
import oracle
import pytest


def footprint(host):
    return oracle.footprint(host, *((port, load.PASSWORD) for port in load.PORTS.values()))


@pytest.mark.parametrize(
    ("words", "variables", "generators"),
    [
        pytest.param(["check_readiness.yml"], {}, ["localhost", load.GENERATOR], id="readiness"),
        pytest.param(["run_load_test.yml", "--check"], load.SHORT, ["localhost"], id="check mode"),
    ],
)
def test_what_was_provisioned_is_ready(host, words, variables, generators):
    before = footprint(host)
    status, output = load.play(*words, **variables)
    assert status == 0, output
    assert output.rstrip().splitlines()[-1].startswith("READY: ")
    assert "changed=0" in output
    found = json.loads((load.REPORTS / "checklist.json").read_text())
    assert {finding["status"] for finding in found if finding["id"].startswith("checklist.")} == {"PASS"}, output
    for name in generators:
        oracle.told(output, "PASS", f"generator {name} for instance cache: server:", "answers")
    assert footprint(host) == before
    assert not (load.REPORTS / "latest.json").exists()
    load.nothing_is_left(host)


def test_what_somebody_changed_and_a_queue_in_the_cache_keep_the_load_away(host):
    load.ask(host, "cache", "config", "set", "maxmemory", "33mb")
    load.ask(host, "cache", "hset", "bull:letters:meta", "opts.maxLenEvents", "10000")
    try:
        status, output = load.play("run_load_test.yml", **load.SHORT)
    finally:
        load.ask(host, "cache", "config", "set", "maxmemory", "64mb")
        load.ask(host, "cache", "del", "bull:letters:meta")
    assert status == 2, output
    oracle.told(output, "FAIL", "instance cache: maxmemory:", "33mb")
    oracle.told(output, "FAIL", "instance cache: queues:", "letters", "under allkeys-lru: jobs can vanish")
    assert output.rstrip().splitlines()[-1].startswith("NOT READY: ")
    assert "Load | Start the programs" not in output
    assert not (load.REPORTS / "latest.json").exists()
    load.nothing_is_left(host)


def test_a_production_host_is_not_even_asked(host):
    asked = load.ask(host, "cache", "info", "commandstats")
    status, output = load.play(
        "run_load_test.yml", redis_loadtest_production=True, redis_loadtest_accept=["checklist.production"]
    )
    assert status == 2, output
    oracle.told(output, "FAIL", "host: production: this host is marked as production")
    oracle.told(output, "-e redis_loadtest_allow_production=true")
    assert output.rstrip().splitlines()[-1] == "NOT READY: 1 FAIL; nothing was loaded"
    calls = {line.split(",")[0] for line in load.ask(host, "cache", "info", "commandstats").splitlines()}
    # but for this question itself, with its login
    assert {line.partition(":")[0] for line in calls - {line.split(",")[0] for line in asked.splitlines()}} <= {
        "cmdstat_info",
        "cmdstat_auth",
    }
    load.nothing_is_left(host)
