"""verify() says what is, on servers that are in order and on servers that are not."""

from __future__ import annotations

from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import verify
from ansible.module_utils.redis_ops.server.connection import Credentials
from ansible.module_utils.redis_ops.view.observe import observe
from instances import ONE, lab, laboratory, until

__all__ = ["lab"]

WANTED = {"appendonly": "yes", "save": "3600 1", "maxmemory": "100mb", "timeout": 5}
# of this machine, not of what is tested: its user and its kernel
OF_THE_HOST = {"verify.user", "verify.check_system"}


def found(lab, settings=WANTED):
    findings = {finding.id: finding for finding in verify.verify(observe(lab.instance(settings)))}
    return {name: finding for name, finding in findings.items() if name not in OF_THE_HOST}


def statuses(lab, settings=WANTED):
    return {name.removeprefix("verify."): finding.status for name, finding in found(lab, settings).items()}


def commands(lab):
    return {name.removeprefix("cmdstat_"): text for name, text in lab.info().items() if name.startswith("cmdstat_")}


def test_everything_passes_on_a_converged_instance_and_its_one_key_is_gone(lab):
    lab.converge(WANTED)
    before = lab.everything()
    assert set(statuses(lab).values()) == {Status.PASS}
    assert lab.keys() == 0
    aof = {path for path in before if path.endswith(".aof")}
    assert {path: facts for path, facts in lab.everything().items() if path not in aof} == {
        path: facts for path, facts in before.items() if path not in aof
    }
    forbidden = {"keys", "monitor", "flushall", "flushdb", "debug", "save", "config|set", "config|rewrite", "bgsave"}
    assert not forbidden & {name for name, text in commands(lab).items() if "config" not in name or lab.multi} - (
        {"config|set"} if lab.multi else set()
    )


def test_a_server_that_somebody_changed_fails_and_says_what(lab):
    lab.converge(WANTED)
    lab.ask("CONFIG", "SET", "timeout", "9")
    settings = found(lab)["verify.settings"]
    assert settings.status is Status.FAIL
    assert "timeout wanted 5, running 9, file 5" in settings.actual


@ONE
def test_a_file_that_somebody_changed_fails(lab):
    lab.converge(WANTED)
    lab.config_path.write_text(lab.text.replace("timeout 5", "timeout 6"))
    assert "file 6" in found(lab)["verify.settings"].actual


@ONE
def test_a_pending_restart_warns(lab):
    lab.converge(WANTED)
    lab.converge({**WANTED, "databases": 32})
    assert statuses(lab, {**WANTED, "databases": 32})["settings"] is Status.WARN


@ONE
def test_a_server_that_is_down_is_a_finding(lab):
    lab.converge(WANTED)
    lab.service.stop()
    assert statuses(lab) == {"running": Status.FAIL}


@ONE
def test_an_aof_that_lost_a_file_fails(lab):
    lab.converge(WANTED)
    next((lab.data / "appendonlydir").glob("*.incr.aof")).unlink()
    assert "is missing" in found(lab)["verify.aof"].actual


@ONE
def test_an_aof_in_a_directory_that_nobody_declared_passes(lab):
    del lab.settings["dir"]
    lab.begin("appendonly yes")
    findings = found(lab, {"appendonly": "yes"})
    assert findings["verify.aof"].status is Status.PASS


@ONE
def test_a_queue_where_keys_are_evicted_fails(lab):
    evicting = {**WANTED, "maxmemory-policy": "allkeys-lru"}
    lab.converge(evicting)
    assert "eviction" not in statuses(lab, evicting)
    lab.ask("HSET", "bull:mail:meta", "a", "b")
    assert statuses(lab, evicting)["eviction"] is Status.FAIL
    lab.converge(WANTED)
    assert "eviction" not in statuses(lab)


@ONE
def test_whether_queues_are_evicted_may_be_unknown(lab):
    evicting = {**WANTED, "maxmemory-policy": "allkeys-lru"}
    lab.converge(evicting)
    lab.ask("SET", "page:1", "x")
    lab.ask("ACL", "SETUSER", "ops", "on", ">x", "~*", "+@all", "-scan")
    instance = lab.instance(evicting, credentials=[Credentials("ops", "x")])
    [finding] = [finding for finding in verify.verify(observe(instance)) if finding.id == "verify.eviction"]
    assert finding.status is Status.SKIP
    assert "NOPERM" in finding.actual or "no permissions" in finding.actual


@ONE
def test_a_replica_is_not_asked_to_write(lab, tmp_path):
    with laboratory(lab.program, tmp_path / "primary") as primary:
        primary.begin("repl-diskless-sync-delay 0")
        primary.ask("SET", "k", "v")
        lab.converge(WANTED)
        lab.ask("REPLICAOF", "127.0.0.1", str(primary.port))
        until(lambda: lab.info()["master_link_status"] == "up", "the first synchronisation")
        assert statuses(lab)["key"] is Status.SKIP


@ONE
def test_a_full_server_says_so(lab):
    lab.converge(WANTED)
    lab.fill(1000)
    tight = {**WANTED, "maxmemory": "1kb"}
    lab.converge(tight, accept_eviction=True)
    key = found(lab, tight)["verify.key"]
    assert key.status is Status.FAIL
    assert "maxmemory" in key.remedy
    assert "\n" not in str(key)


def test_keys_without_a_dump_are_seen(lab):
    """INFO of Redis 8 has more names that begin with db0 than databases."""
    wanted = {"appendonly": "no", "save": ""}
    lab.converge(wanted)
    lab.fill(10)
    assert statuses(lab, wanted)["settings"] is Status.PASS
