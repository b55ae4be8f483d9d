"""The checklist before a load: each verdict at its edges, with numbers typed by hand; and what a generator says of itself."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.redis_load import check
from ansible.module_utils.redis_load.users import check as generator_check
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import AccessDenied, InvalidInput
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import (
    capacity,
    limits,
    old_files,
    persistence,
    queue_eviction,
    replication,
    slow_log,
)
from ansible.module_utils.redis_ops.checks.registry import Suite, of_instance
from ansible.module_utils.redis_ops.drift import Scope, State
from ansible.module_utils.redis_ops.drift.states import found
from ansible.module_utils.redis_ops.load import checklist
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.plan.comparison import Observed
from ansible.module_utils.redis_ops.plan.plan import build
from ansible.module_utils.redis_ops.platform import kernel
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.server.queues.result import Found, Search
from ansible.module_utils.redis_ops.view import room
from ansible.module_utils.redis_ops.view.attempt import Attempt
from ansible.module_utils.redis_ops.view.data_files import DATA_FILES, DataFiles
from ansible.module_utils.redis_ops.view.dead_files import DEAD_FILES, DeadFile
from ansible.module_utils.redis_ops.view.facts import Facts, NotRead
from ansible.module_utils.redis_ops.view.instance import Instance, InstanceView
from ansible.module_utils.redis_ops.view.queues import QUEUES
from ansible.module_utils.redis_ops.view.slow_log import SLOW_LOG
from views import Server

PASS, WARN, FAIL, SKIP = Status.PASS, Status.WARN, Status.FAIL, Status.SKIP
MB = 2**20
REDIS_7 = Engine.parse("redis 7.0.15")
LIVE = {
    "maxmemory": str(100 * MB),
    "maxmemory-policy": "allkeys-lru",
    "appendonly": "yes",
    "appendfsync": "everysec",
    "maxclients": "500",
    "save": "3600 1",
    "port": "6379",
    "tls-port": "0",
    "unixsocket": "",
    "repl-backlog-size": str(MB),
    "min-replicas-to-write": "0",
    "min-replicas-max-lag": "10",
    "replica-read-only": "yes",
}
DECLARED = {"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru", "maxclients": 500}
ROOM = room.Room(
    name="cache",
    where="instance cache",
    engine=REDIS_7,
    pid=42,
    maxmemory=100 * MB,
    used=10 * MB,
    aof=True,
    rdb=False,
    growth=100,
    smallest=64 * MB,
    on_disk=0,
    directory="/var/lib/redis",
    device=1,
    free=10_000 * MB,
    clients=1,
    maxclients=500,
    open_files=1524,
    swapped=0,
    group=room.Group(),
)
IN_SYNC = Scope("cache", 190, [], "Redis 7.0.15")
LOG = {"threshold": 10_000, "room": 128, "entries": [], "last_id": -1}


def drift(identity: str, state: State = State.LIVE_NOT_PERSISTED, actual: str = "running 7mb"):
    return found(identity, "it", state, expected="2gb", actual=actual, why="guide", remedy="put it back")


NOPERM = NotRead("NOPERM")
MAIL = Search(found=(Found("Celery", 3, "", ("list celery",)),))


def view_of(info=None, live=None, open_files=1524) -> InstanceView:
    live = {**LIVE, **(live or {})}
    observed = Observed(live=live, open_files=open_files)
    plan = build(DesiredState.parse(DECLARED, REDIS_7, "here"), observed, "cache", "here", manages_file=False)
    store = Store.of({"dir": "/nonexistent"}, REDIS_7)
    here = Instance("cache", "instance cache", {})
    return InstanceView(
        here, plan, observed, REDIS_7, store, connection=Server(), info={"process_id": 42, **(info or {})}
    )


def judge(check, info=None, live=None, load=0, open_files=1524, **given):
    """The verdict of one check. given: facts by the name of their variable."""
    known = {"room": ROOM, "slow_log": LOG, "queues": Search(), "dead": [], "files": DataFiles([], [], has_dump=False)}
    names = {"room": room.ROOM, "slow_log": SLOW_LOG, "queues": QUEUES, "dead": DEAD_FILES, "files": DATA_FILES}
    read = {names[name].name: value for name, value in {**known, **given}.items()}
    [finding] = of_instance([check], Suite.READINESS, Facts(view_of(info, live, open_files), None, load, read))
    return finding


def told(finding):
    return finding.status, finding.actual


# --- production -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("production", "allowed", "status"),
    [(False, False, PASS), (False, True, PASS), (True, True, WARN), (True, False, FAIL)],
)
def test_production(production, allowed, status):
    finding = checklist.production(checklist.Load(100, production, allowed))
    assert finding.status is status
    assert ("-e redis_loadtest_allow_production=true" in finding.remedy) == (status is FAIL)


def test_a_look_without_a_load_only_reports_the_mark():
    finding = checklist.production(checklist.Load(100, production=True, allowed=False, comes=False))
    assert finding.status is WARN
    assert finding.actual == "this host is marked as production, and a load test will refuse it; this only looks"
    assert checklist.production(checklist.Load(100, comes=False)).status is PASS


def test_nobody_asks_a_production_host_anything():
    class Untouched:
        def __getattribute__(self, name):
            pytest.fail(f"{name} was asked for")

    result = checklist.check(Untouched(), NO_KERNEL, "", checklist.Load(100, production=True))
    assert [finding["id"] for finding in result["findings"]] == ["checklist.production"]
    assert result["instances"] == []


def test_connections_are_not_fewer_than_none():
    with pytest.raises(InvalidInput, match="connections: -1; expected 0 or more"):
        checklist.check(None, NO_KERNEL, "", checklist.Load(-1))


# --- what the drift check says ----------------------------------------------------------------------------------------

NO_KERNEL = kernel.parse_wanted({}, kernel.UNMANAGED, 1)


def test_a_clean_configuration_says_how_much_was_compared():
    assert told(checklist.configuration("host", IN_SYNC)) == (PASS, "190 things compared, none drifted")


@pytest.mark.parametrize(
    "drifts",
    [
        drift("option.hz", State.WAIVED),
        drift("role", State.RUNTIME_OWNED),
        drift("aof.orphans", State.UNMANAGED_SET),  # has a row of its own
    ],
    ids=lambda finding: finding.id,
)
def test_what_is_no_drift_of_the_configuration(drifts):
    assert checklist.configuration("host", replace(IN_SYNC, findings=[drifts])).status is PASS


@pytest.mark.parametrize(
    "state", [state for state in State if state.value not in ("in_sync", "waived", "runtime_owned")]
)
def test_any_drift_fails(state):
    finding = checklist.configuration("instance cache", replace(IN_SYNC, findings=[drift("option.hz", state)]))
    assert told(finding) == (FAIL, "1 of 190 drifted: hz running 7mb")
    assert finding.remedy == "put it back"


def test_the_first_three_are_named():
    many = [drift(f"option.o{number}") for number in range(4)]
    finding = checklist.configuration("host", replace(IN_SYNC, findings=many))
    assert finding.actual == "4 of 190 drifted: o0 running 7mb; o1 running 7mb; o2 running 7mb; ..."
    assert finding.remedy == "put it back; make drift tells the rest"


def test_what_does_not_run_is_told_once():
    down = replace(IN_SYNC, findings=[drift("server", State.UNREADABLE, "it does not run")])
    here = Instance("cache", "instance cache", {})
    assert checklist.configuration("instance cache", down).status is SKIP
    finding = checklist.running(Attempt(here), down)
    assert (told(finding), finding.remedy) == ((FAIL, "it does not run"), "put it back")
    refused = Attempt(here, problems=[AccessDenied("instance cache: no way in")])
    assert told(checklist.running(refused, IN_SYNC)) == (FAIL, "no way in")
    assert told(checklist.running(Attempt(here), IN_SYNC)) == (FAIL, "it does not run")
    assert told(checklist.running(Attempt(here, view=view_of()), IN_SYNC)) == (PASS, "Redis 7.0.15")


def test_kernel_values_have_what_drift_said_of_them(tmp_path):
    wanted = kernel.parse_wanted(
        {"vm.overcommit_memory": 1, "vm.swappiness": 1, "net.core.somaxconn": 1024}, "never", 1
    )
    values = {"proc/sys/vm/overcommit_memory": "1\n", "proc/sys/vm/swappiness": "60\n"}
    values["sys/kernel/mm/transparent_hugepage/enabled"] = "[always] madvise never\n"
    for path, text in values.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    off = [
        drift("kernel.vm.swappiness", State.FILE_CHANGED_OUTSIDE, "60 in force"),
        drift("kernel.transparent_hugepage", State.RUNTIME_OWNED, "always in force; not to be set here"),
    ]
    rows = checklist.kernel_rows(replace(IN_SYNC, findings=off), wanted, kernel.Machine(tmp_path))
    assert {finding.id.removeprefix("checklist.kernel."): told(finding) for finding in rows} == {
        "vm.overcommit_memory": (PASS, "1"),
        "vm.swappiness": (FAIL, "60 in force"),
        "net.core.somaxconn": (SKIP, "this host has none"),
        "transparent_hugepage": (SKIP, "always in force; not to be set here"),
    }


def test_the_settings_of_the_guide_as_the_server_tells_them():
    rows = {finding.id.rpartition(".")[2]: finding for finding in checklist.settings(Facts(view_of()), IN_SYNC)}
    assert {name: (finding.status, finding.expected, finding.actual) for name, finding in rows.items()} == {
        "maxmemory": (PASS, "100mb", "100mb"),
        "maxmemory-policy": (PASS, "allkeys-lru", "allkeys-lru"),
        "appendonly": (PASS, "no, the default", "yes"),  # which the drift check would have told
        "appendfsync": (PASS, "everysec, the default", "everysec"),
        "maxclients": (PASS, "500", "500"),
        "save": (PASS, "3600 1 300 100 60 10000, the default", "3600 1"),
    }


def test_a_setting_that_drifted_and_a_limit_that_is_none():
    facts = Facts(view_of(live={"maxmemory": "0"}))
    drifts = replace(IN_SYNC, findings=[drift("option.save")])
    rows = {finding.id: finding for finding in checklist.settings(facts, drifts)}
    save, maxmemory = rows["checklist.settings.save"], rows["checklist.settings.maxmemory"]
    assert (save.status, save.expected, save.actual, save.remedy) == (FAIL, "2gb", "running 7mb", "put it back")
    assert told(maxmemory) == (FAIL, "0: no limit, so the kernel decides what dies")


def test_open_files():
    finding = judge(limits.open_files)
    assert (*told(finding), finding.id) == (PASS, "1524 (/proc/42/limits)", "checklist.open_files")
    assert judge(limits.open_files, open_files=None).status is SKIP
    low = judge(limits.open_files, open_files=1523)
    assert told(low) == (FAIL, "1523 (/proc/42/limits)")
    assert low.remedy.startswith("prlimit --pid 42 --nofile=1524")


# --- what else goes on ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("loading", "it loads its data"),
        ("async_loading", "it loads its data"),
        ("rdb_bgsave_in_progress", "a save runs"),
        ("aof_rewrite_in_progress", "an AOF rewrite runs"),
        ("aof_rewrite_scheduled", "an AOF rewrite is scheduled"),
        ("module_fork_in_progress", "a module has forked"),
    ],
)
def test_work_beside_the_load(field, text):
    assert told(judge(persistence.quiet, info={field: 1})) == (FAIL, text)
    assert told(judge(persistence.quiet, info={field: 0})) == (PASS, "none")


@pytest.mark.parametrize("field", ["rdb_last_bgsave_status", "aof_last_bgrewrite_status", "aof_last_write_status"])
def test_a_save_that_failed(field):
    assert told(judge(persistence.last_saves, info={field: "err"})) == (FAIL, f"failed: {field}")
    assert judge(persistence.last_saves, info={field: "ok"}).status is PASS


def primary(state="online", lag=0, behind=0, **more):
    replica = {"ip": "10.0.0.2", "port": 6379, "state": state, "offset": 5 * MB - behind, "lag": lag}
    return {"role": "master", "master_repl_offset": 5 * MB, "slave0": replica, **more}


@pytest.mark.parametrize(
    ("info", "status", "actual"),
    [
        ({"role": "master"}, PASS, "no replica"),
        (primary(), PASS, "1 in step, 0 s and 0 bytes behind at most"),
        (primary(lag=10, behind=MB), PASS, "1 in step, 10 s and 1mb behind at most"),
        (primary(lag=11), FAIL, "10.0.0.2:6379 is 11 s and 0 bytes behind"),
        (primary(behind=MB + 1), FAIL, "10.0.0.2:6379 is 0 s and 1mb behind"),
        (primary("send_bulk"), FAIL, "10.0.0.2:6379 is send_bulk"),
        (primary(behind=-14), PASS, "1 in step, 0 s and 0 bytes behind at most"),  # it was asked a moment later
    ],
)
def test_replicas(info, status, actual):
    assert told(judge(replication.in_step, info=info)) == (status, actual)


def test_replicas_by_the_server_s_own_limits():
    assert judge(replication.in_step, info=primary(lag=3), live={"min-replicas-max-lag": "2"}).status is FAIL
    assert judge(replication.in_step, info=primary(lag=10), live={"min-replicas-max-lag": "0"}).status is PASS
    two = {"min-replicas-to-write": "2"}
    finding = judge(replication.in_step, info=primary(min_slaves_good_slaves=1), live=two)
    assert told(finding) == (FAIL, "fewer than min-replicas-to-write 2 in step, so it refuses writes")
    assert judge(replication.in_step, info=primary(min_slaves_good_slaves=2), live=two).status is PASS
    assert judge(replication.in_step, info=primary(), live={**two, "min-replicas-max-lag": "0"}).status is PASS


def test_a_replica_is_no_place_for_a_load():
    info = {"role": "slave", "master_host": "10.0.0.1", "master_port": 6379, "master_link_status": "up"}
    assert told(judge(replication.in_step, info=info)) == (
        FAIL,
        "a replica of 10.0.0.1:6379, link up, which refuses writes",
    )
    assert judge(replication.in_step, info=info, live={"replica-read-only": "no"}).status is WARN


@pytest.mark.parametrize(
    ("given", "status"),
    [
        ({"queues": MAIL}, FAIL),
        ({"queues": replace(MAIL, complete=False, reason="10 s were over")}, FAIL),
        ({"queues": Search()}, PASS),
        ({"queues": Search(complete=False, reason="10 s were over")}, SKIP),
    ],
)
def test_queues_where_keys_are_evicted(given, status):
    assert judge(queue_eviction.thoroughly, **given).status is status
    assert judge(queue_eviction.thoroughly, live={"maxmemory-policy": "noeviction"}, **given).status is PASS
    unlimited = judge(queue_eviction.thoroughly, live={"maxmemory": "0"}, **given)
    assert unlimited.status is (WARN if status is FAIL else PASS)  # nothing goes yet


@pytest.mark.parametrize(
    ("log", "status", "begins"),
    [
        ({}, PASS, "no entry; room for 128"),
        ({"entries": [1] * 128}, PASS, "128 old entries, which are not counted: ids are compared"),
        ({"entries": [1] * 100, "room": 100}, WARN, "full with 100 entries"),
        ({"entries": [1] * 99, "room": 100}, PASS, "99 old entries"),
        ({"threshold": 0}, PASS, "no entry"),
        ({"threshold": -1}, WARN, "off (slowlog-log-slower-than -1"),
        ({"room": 0}, WARN, "off (slowlog-log-slower-than 10000, slowlog-max-len 0)"),
    ],
)
def test_the_slow_log(log, status, begins):
    finding = judge(slow_log.slow_log, slow_log={**LOG, **log})
    assert (finding.status, finding.actual.startswith(begins)) == (status, True), finding.actual


def test_a_slow_log_that_is_not_shown():
    finding = judge(slow_log.slow_log, slow_log=NOPERM)
    assert told(finding) == (SKIP, "it could not be determined: NOPERM")
    assert "+slowlog|get" in finding.remedy


def test_old_aof_files():
    dead = [
        DeadFile(Path("/d/a.aof.1.incr.aof"), 3 * MB, "the manifest does not list it"),
        DeadFile(Path("/d/x"), MB, ""),
    ]
    finding = judge(old_files.old_files, dead=dead)
    assert told(finding) == (WARN, "2 with 4mb, such as /d/a.aof.1.incr.aof: the manifest does not list it")
    assert finding.remedy == "ansible-playbook playbooks/clear_aof.yml"
    assert judge(old_files.old_files, files=DataFiles([], ["x"], has_dump=False)).status is WARN
    assert judge(old_files.old_files).status is PASS
    assert judge(old_files.old_files, dead=NotRead("its files change right now")).status is SKIP


@pytest.mark.parametrize(
    ("live", "port", "tls"),
    [
        ({}, 6379, False),
        ({"tls-port": "6380"}, 6379, False),
        ({"port": "0", "tls-port": "6380"}, 6380, True),
        ({"port": "0"}, 0, False),
    ],
)
def test_where_a_load_goes(live, port, tls):
    record = checklist.as_record(Facts(view_of(live=live), _read={QUEUES.name: MAIL}))
    assert (record["port"], record["tls"], record["has_queues"]) == (port, tls, True)


# --- what fits --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maxmemory", "saves", "status"),
    [  # of 4096 MB 512 are for the system; 1.1 for fragmentation, and 1 or at least 0.25 for copies while saving
        (1706, True, PASS),
        (1707, True, WARN),
        (2654, True, WARN),
        (2655, True, FAIL),
        (3258, False, PASS),
        (3259, False, FAIL),
    ],
)
def test_memory_by_the_rule_of_preflight(maxmemory, saves, status):
    # of two instances together
    one = replace(ROOM, maxmemory=1000 * MB, aof=False, rdb=saves)
    other = replace(one, name="other", maxmemory=(maxmemory - 1000) * MB, rdb=False)
    [finding] = capacity.memory([one, other], 4096 * MB)
    assert finding.status is status, finding
    assert finding.id == "checklist.memory"
    assert status is PASS or "maxmemory" in finding.remedy


def test_memory_that_nothing_can_be_said_of():
    [finding] = capacity.memory([replace(ROOM, maxmemory=0)], 4096 * MB)
    assert told(finding) == (SKIP, "no instance has a maxmemory")
    [finding] = capacity.memory([ROOM], 0)
    assert told(finding) == (SKIP, "the size of the memory is not told here")


def test_a_control_group_that_is_smaller_than_the_host():
    small = room.Group("/system.slice/redis.service", 200 * MB)
    inside = replace(ROOM, name="cache", group=small)
    large = replace(ROOM, name="queue", group=room.Group("/user.slice", 8000 * MB))
    host, group = capacity.memory([inside, large], 4096 * MB)
    assert host.status is PASS
    assert (group.status, group.actual) == (WARN, "100mb of 200mb RAM")
    assert group.subject == "instance cache: memory of its control group /system.slice/redis.service"


@pytest.mark.parametrize(
    ("line", "base", "name", "none"),
    [
        ("0::", "", "memory.max", "max"),
        ("12:pids:/\n4:memory:", "/memory", "memory.limit_in_bytes", "9223372036854771712"),
    ],
    ids=["version 2", "version 1"],
)
def test_a_control_group_is_found_by_its_smallest_limit(monkeypatch, line, base, name, none):
    texts = {
        "/proc/42/cgroup": f"{line}/system.slice/redis.service\n",
        f"/sys/fs/cgroup{base}/system.slice/redis.service/{name}": f"{none}\n",
        f"/sys/fs/cgroup{base}/system.slice/{name}": "1000\n",
        f"/sys/fs/cgroup{base}/{name}": "2000\n",
    }
    monkeypatch.setattr(room.host, "read", lambda path: texts.get(path, ""))
    assert room._group(42) == room.Group("/system.slice", 1000)
    assert room._group(43) == room._group(0) == room.Group()


@pytest.mark.parametrize(
    ("limit", "left"),
    [
        ({}, 500 * 1024),
        ({"memory.max": "max", "memory.current": "7"}, 500 * 1024),
        ({"memory.max": "9000", "memory.current": "5000", "memory.stat": "active_file 5\ninactive_file 300"}, 4300),
        ({"memory.max": "9000", "memory.current": "9500"}, 0),
        (
            {
                "memory/memory.limit_in_bytes": "9000",
                "memory/memory.usage_in_bytes": "5000",
                "memory/memory.stat": "inactive_file 7\ntotal_inactive_file 200",
            },
            4200,
        ),
    ],
)
def test_available_memory(monkeypatch, limit, left):
    texts = {f"/sys/fs/cgroup/{name}": f"{text}\n" for name, text in limit.items()}
    texts |= {"/proc/meminfo": "MemTotal: 900 kB\nMemAvailable:    500 kB\n"}
    monkeypatch.setattr(room.host, "read", lambda path: texts.get(path, ""))
    assert room.available() == left


def test_memory_that_the_data_may_still_grow_by():
    rooms = [ROOM, replace(ROOM, maxmemory=5 * MB)]  # 90 MB more, and one that is over its limit
    assert capacity.still_to_come(rooms, 90 * MB).status is PASS
    assert told(capacity.still_to_come(rooms, 90 * MB - 1)) == (WARN, "89mb")
    assert capacity.still_to_come(rooms, None).status is SKIP


@pytest.mark.parametrize(
    ("given", "least", "most"),
    [
        ({}, 200, 300),  # the AOF, a new one beside it; the old one twice as large before it is written anew
        ({"growth": 50}, 200, 250),
        ({"on_disk": 30 * MB}, 170, 270),
        ({"rdb": True}, 300, 400),
        ({"aof": False, "rdb": True}, 200, 200),
        ({"growth": 0, "smallest": 164 * MB}, 200, 264),
        ({"maxmemory": 0}, 20, 20 + 54),  # what is used now; as far as an AOF grows before its first rewrite
    ],
)
def test_disk(given, least, most):
    enough, bare = most * MB, least * MB
    for free, status in ((enough, PASS), (enough - 1, WARN), (bare, WARN), (bare - 1, FAIL)):
        if not (least == most and status is WARN):
            [finding] = capacity.disk([replace(ROOM, free=free, **given)])
            assert finding.status is status, (free, finding)


def test_instances_share_a_file_system_or_do_not():
    both = [replace(ROOM, free=400 * MB), replace(ROOM, name="queue", free=400 * MB)]
    [finding] = capacity.disk(both)
    assert (finding.status, finding.subject) == (WARN, "instance cache, queue: disk")
    apart = capacity.disk([both[0], replace(both[1], device=2)])
    assert [finding.status for finding in apart] == [PASS, PASS]


@pytest.mark.parametrize("given", [{"aof": False}, {"pid": 0}])
def test_disk_that_is_not_needed_or_not_seen(given):
    [finding] = capacity.disk([replace(ROOM, **given)])
    assert finding.status is SKIP


@pytest.mark.parametrize(
    ("load", "given", "status"),
    [
        (367, {}, PASS),
        (368, {}, WARN),
        (467, {}, WARN),
        (468, {}, FAIL),
        (366, {"clients": 2}, PASS),
        (367, {"clients": 2}, WARN),
        (467, {"open_files": None}, WARN),
        (67, {"open_files": 100}, WARN),
        (68, {"open_files": 100}, FAIL),
    ],
)
def test_connections(load, given, status):
    assert judge(capacity.connections, load=load, room=replace(ROOM, **given)).status is status


def test_swap():
    assert judge(capacity.swap).status is PASS
    assert told(judge(capacity.swap, room=replace(ROOM, swapped=4096))) == (FAIL, "4096 bytes (/proc/42/status)")
    assert judge(capacity.swap, room=replace(ROOM, swapped=None)).status is SKIP


# --- a generator ------------------------------------------------------------------------------------------------------

K6 = """\
#!/bin/sh
case $1 in
version) echo "k6 v1.1.0 (commit/0, go1.24.4, linux/amd64)";;
inspect) grep -q k6/experimental/redis "$2" || { echo "unknown module" >&2; exit 107; };;
esac
"""


@pytest.fixture
def machine(monkeypatch):
    """One with two cores and 4 GB free."""

    def be(cores: float = 2.0, free: int = 4096 * MB) -> None:
        monkeypatch.setattr(generator_check, "cores", lambda: cores)
        monkeypatch.setattr(generator_check, "available", lambda: free)

    be()
    return be


@pytest.fixture
def generator(tmp_path, machine):  # noqa: ARG001 - it is on that machine
    """--check with a k6 of a few lines, and somebody who says which server that is."""
    k6 = tmp_path / "k6"
    k6.write_text(K6)
    k6.chmod(0o755)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer() -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as peer:
            peer.recv(1000)
            peer.sendall(b"$24\r\n# Server\r\nrun_id:c0ffee\r\n\r\n")

    def look(**options):
        threading.Thread(target=answer, daemon=True).start()
        path = tmp_path / "load.json"
        here = {"k6": str(k6), "port": listener.getsockname()[1], "result": str(tmp_path / "result.json")}
        path.write_text(json.dumps({**here, **options}))
        return generator_check.check(path)

    yield look
    listener.close()


def statuses(result):
    return {finding["id"].removeprefix("generator."): finding["status"] for finding in result["findings"]}


def test_a_generator_in_order(generator):
    result = generator(users=100, rate=5000)
    names = ("config", "k6", "cores", "memory", "open_files", "server", "clock")
    assert statuses(result) == dict.fromkeys(names, "PASS")
    assert (result["k6"], result["cores"], result["memory_available"]) == ("1.1.0", 2.0, 4096 * MB)
    assert (result["run_id"], result["unknown"]) == ("c0ffee", "")
    keys = ["id", "subject", "status", "expected", "actual", "why", "remedy"]
    assert all(list(finding) == keys and not finding["remedy"] for finding in result["findings"])


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"rate": 7500}, "PASS"),
        ({"rate": 7501}, "WARN"),
        ({"rate": 15_000, "segment": "0:1/2", "segment_sequence": "0,1/2,1"}, "PASS"),
        ({"rate": 15_010, "segment": "0:1/2", "segment_sequence": "0,1/2,1"}, "WARN"),
    ],
)
def test_cores_for_this_generator_s_part(generator, options, status):
    assert statuses(generator(users=100, **options))["cores"] == status


@pytest.mark.parametrize(("rate", "status"), [(2500, "PASS"), (2501, "WARN"), (5500, "WARN")])
def test_cores_for_two_runs_on_one_machine(generator, rate, status):
    # two cores: (2 * 2500) / 5000 + 2 * 0.5
    assert statuses(generator(users=100, rate=rate, beside=1))["cores"] == status


@pytest.mark.parametrize(("free", "status"), [(1200, "PASS"), (1196, "WARN"), (400, "WARN"), (399, "FAIL")])
def test_memory_for_four_runs_on_one_machine(generator, machine, free, status):
    machine(free=free * MB)
    result = generator(users=100, rate=500, beside=3)
    assert statuses(result)["memory"] == status
    [memory] = [found for found in result["findings"] if found["id"] == "generator.memory"]
    assert memory["expected"].startswith("at least 400 MB for 400 users")
    assert memory["expected"].endswith(", of 4 runs on this machine")


@pytest.mark.parametrize(("free", "status"), [(300, "PASS"), (299, "WARN"), (100, "WARN"), (99, "FAIL")])
def test_memory_for_each_user(generator, machine, free, status):
    machine(free=free * MB)
    assert statuses(generator(users=100))["memory"] == status


def test_nobody_there(generator):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        result = generator(port=taken.getsockname()[1])
    [server] = [finding for finding in result["findings"] if finding["id"] == "generator.server"]
    assert server["actual"].endswith("as user default, without a password: Connection refused")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("#!/bin/sh\nexit 3\n", "`version` ended with 3"),
        ("#!/bin/sh\necho hello\n", "said 'hello'"),
        (K6.replace("v1.1.0", "v2.0.0"), "`inspect` ended with 107; it said unknown module"),
        ("no program", "Exec format error"),
    ],
)
def test_a_k6_that_cannot_be_used(generator, tmp_path, script, said):
    (tmp_path / "k6").write_text(script)
    result = generator()
    [k6] = [finding for finding in result["findings"] if finding["id"] == "generator.k6"]
    assert (k6["status"], result["k6"]) == ("FAIL", "")
    assert said in k6["actual"]


def test_options_that_are_wrong_are_told_one_by_one(generator):
    result = generator(rate=1, users="many", password=12345)
    wrong = [(f["subject"], f["status"], f["actual"]) for f in result["findings"] if f["id"] == "generator.config"]
    assert wrong == [("rate", "FAIL", "1"), ("users", "FAIL", '"many"'), ("password", "FAIL", "(hidden)")]
    assert "12345" not in json.dumps(result)
    [k6] = [finding for finding in generator(k6="no-such-k6")["findings"] if finding["id"] == "generator.k6"]
    assert (k6["status"], k6["actual"]) == ("FAIL", "'no-such-k6'")
    [tls] = [f for f in generator(tls_cert=os.devnull, tls=True)["findings"] if f["id"] == "generator.config"]
    assert tls["actual"] == "tls_cert and tls_key: expected both or none"


@pytest.mark.parametrize("text", [None, "{", "[]"])
def test_a_file_that_is_none(tmp_path, text):
    path = tmp_path / "load.json"
    if text is not None:
        path.write_text(text)
    result = generator_check.check(path)
    assert statuses(result) == {"config": "FAIL", "clock": "PASS"}
    assert result["findings"][0]["subject"] == "configuration"


def test_a_clock_that_was_never_set():
    assert check.clock(0.0)["status"] == "FAIL"
