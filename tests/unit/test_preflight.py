"""Does it fit this host? Each verdict just below and just above its limit."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.findings import Finding, Status, as_records, outcome
from ansible.module_utils.redis_ops.checks import preflight
from ansible.module_utils.redis_ops.checks.preflight import HostFacts, InstanceFacts, Undeclared
from ansible.module_utils.redis_ops.model.resolve import Declaration, Resolved, resolve
from ansible.module_utils.redis_ops.platform.host import Listener
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.view import facts
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

GB, MB = 1024**3, 1024**2
REDIS_7 = Engine.parse("redis 7.0.15")
SAVING = {"save": "900 1", "appendonly": "yes"}
NOT_SAVING = {"save": "", "appendonly": "no"}


def one(profile: str = "mine", **settings: Any) -> list[Resolved]:
    return several({"name": "default", "profile": profile, "settings": typed(settings)})


def several(*instances: dict) -> list[Resolved]:
    declaration = Declaration(instances, {"mine": {}, "queue": {}}, "mine", {}, {})
    return resolve(declaration, PRODUCTS["redis"], REDIS_7, systemd=True)


def typed(settings: dict) -> dict:
    return {name.replace("_", "-"): value for name, value in settings.items()}


def host(
    memory: int = 0, open_files: int = 0, somaxconn: int = 0, *, systemd: bool = True, **instances: InstanceFacts
) -> HostFacts:
    roomy = {name: InstanceFacts(free=GB) for name in ("default", "a", "b")}
    return HostFacts(memory, open_files, somaxconn, systemd, {**roomy, **instances})


def told(instances: list[Resolved], facts: HostFacts) -> list[str]:
    found = preflight.problems(instances, facts)
    for problem in found:
        assert "\n" not in str(problem)
        assert all((problem.where, problem.what, problem.expected, problem.remedy))
        assert str(problem).startswith("instance ")
    return [str(problem) for problem in found]


def found(instances: list[Resolved], facts: HostFacts | None = None) -> dict[str, Finding]:
    every = preflight.findings(instances, facts or host())
    assert len({finding.id for finding in every}) == len(every)
    return {finding.id.removeprefix("preflight."): finding for finding in every}


def test_a_host_that_tells_nothing_stops_nothing():
    assert told(one(**SAVING, maxmemory="2gb", maxclients=10000), host()) == []


# --- open files and backlog -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("granted", "fits"), [(10031, False), (10032, True), (0, True), (1048576, True)])
def test_maxclients_against_open_files(granted, fits):
    found = told(one(maxclients=10000), host(open_files=granted))
    assert bool(found) is not fits
    if not fits:
        assert found[0].startswith(
            "instance default: maxclients: 10000 needs 10032 open files, this host grants 10031; expected at most 9999; "
        )


@pytest.mark.parametrize(("somaxconn", "fits"), [(510, False), (511, True), (4096, True), (0, True)])
def test_tcp_backlog_against_somaxconn(somaxconn, fits):
    found = told(one(tcp_backlog=511), host(somaxconn=somaxconn))
    assert bool(found) is not fits
    if not fits:
        assert "tcp-backlog: 511 is cut to net.core.somaxconn = 510; expected at most 510; " in found[0]


# --- port -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("pid", "listener", "free"),
    [
        pytest.param(0, None, True, id="nobody"),
        pytest.param(7, Listener(7, "redis-server"), True, id="the instance itself"),
        pytest.param(7, None, True, id="the instance elsewhere"),
        pytest.param(0, Listener(9, "nginx"), False, id="somebody else"),
        pytest.param(7, Listener(9, "redis-server"), False, id="another Redis"),
        pytest.param(0, Listener(0, "a process that this host does not show"), False, id="somebody unseen"),
    ],
)
def test_a_port_that_is_taken(pid, listener, free):
    result = told(one(), host(default=InstanceFacts(pid=pid, listeners={"port": listener} if listener else {})))
    assert bool(result) is not free
    if not free:
        assert result[0].startswith(f"instance default: port: 6379 is taken by {listener.name}")
        assert (f"(pid {listener.pid})" in result[0]) == bool(listener.pid)


def test_a_tls_port_that_is_taken_is_named():
    facts = host(default=InstanceFacts(listeners={"tls-port": Listener(9, "nginx")}))
    [text] = told(one(port=0, tls_port=6380), facts)
    assert "6380 is taken by nginx" in text


# --- space ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "facts", "fits"),
    [
        pytest.param({"appendonly": "yes"}, {"free": 164 * MB, "data_bytes": 100 * MB}, True, id="just enough"),
        pytest.param({"appendonly": "yes"}, {"free": 164 * MB - 1, "data_bytes": 100 * MB}, False, id="a byte short"),
        pytest.param({"appendonly": "no"}, {"free": 0, "data_bytes": 100 * MB}, True, id="no AOF"),
        pytest.param({"appendonly": "yes"}, {"free": 0, "data_bytes": GB, "aof_is_on": True}, True, id="has it"),
        pytest.param({"appendonly": "yes"}, {"free": 64 * MB}, True, id="empty"),
        pytest.param({"appendonly": "yes"}, {"free": 64 * MB - 1}, False, id="empty, no room to grow"),
    ],
)
def test_room_for_the_aof(settings, facts, fits):
    result = told(one(**settings, auto_aof_rewrite_min_size="64mb"), host(default=InstanceFacts(**facts)))
    assert bool(result) is not fits
    if not fits:
        assert result[0].startswith("instance default: appendonly: the AOF needs about ")
        assert "/var/lib/redis has " in result[0]


# --- files that the server only reads ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", facts.READ_FILES)
def test_a_file_that_is_not_there(name):
    instances = one(**{name: "/etc/redis/x"})
    facts = host(default=InstanceFacts(free=GB, missing=[name]))
    [text] = told(instances, facts)
    assert text.startswith(f"instance default: {name}: /etc/redis/x does not exist; expected ")
    assert told(instances, host()) == []


# --- the service's sandbox --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "hidden"),
    [
        ({"dir": "/home/redis"}, ["/home/redis"]),
        ({"dir": "/root"}, ["/root"]),
        ({"unixsocket": "/run/user/1000/r.sock"}, ["/run/user/1000"]),
        ({"logfile": "/home/redis/log/r.log"}, ["/home/redis/log"]),
        ({"dir": "/home/../home/redis"}, ["/home/redis"]),
        ({"dir": "/homes/redis"}, []),
        ({"dir": "/srv/home"}, []),
        ({"dir": "/rooted"}, []),
        ({}, []),
    ],
)
def test_what_the_sandbox_hides(settings, hidden):
    result = told(one(**settings), host())
    assert [text.split(": ")[1] for text in result] == hidden
    assert told(one(**settings), host(systemd=False)) == []


# --- memory -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("maxmemory", "persistence", "fits", "status"),
    [
        # redis-facts 1.1, a machine of 4096 MB: worst case 1706 MB, 2 GB leaves 0.65, 3 GB leaves 0.07
        pytest.param("1706mb", SAVING, True, Status.PASS, id="1706mb"),
        pytest.param("1707mb", SAVING, True, Status.WARN, id="1707mb"),
        pytest.param("2gb", SAVING, True, Status.WARN, id="2gb"),
        # (4096 - 512) / (1.1 + 0.25) = 2654.8
        pytest.param("2654mb", SAVING, True, Status.WARN, id="2654mb"),
        pytest.param("2655mb", SAVING, False, None, id="2655mb"),
        pytest.param("3gb", SAVING, False, None, id="3gb"),
        # (4096 - 512) / 1.1 = 3258.2
        pytest.param("3gb", NOT_SAVING, True, Status.PASS, id="3gb without a fork"),
        pytest.param("3258mb", NOT_SAVING, True, Status.PASS, id="3258mb without a fork"),
        pytest.param("3259mb", NOT_SAVING, False, None, id="3259mb without a fork"),
        pytest.param("2gb", {"save": "", "appendonly": "yes"}, True, Status.WARN, id="AOF alone forks"),
        pytest.param("2gb", {"save": "900 1", "appendonly": "no"}, True, Status.WARN, id="RDB alone forks"),
    ],
)
def test_4_gb_of_memory(maxmemory, persistence, fits, status):
    instances, facts = one(maxmemory=maxmemory, **persistence), host(memory=4 * GB)
    result = told(instances, facts)
    assert bool(result) is not fits
    if fits:
        finding = found(instances, facts)["memory"]
        assert finding.status is status
        assert bool(finding.remedy) is (status is Status.WARN)


def test_too_much_memory_says_how_much_is_right():
    [text] = told(one(maxmemory="3gb", **SAVING), host(memory=4 * GB))
    assert text == (
        "instance default: maxmemory: 3gb does not fit 4gb of RAM with room to save; "
        "expected at most 2654mb in all, better 1706mb; set redis_server_settings: {maxmemory: 1706mb}"
    )


def test_what_is_advised_fits():
    for memory in (256 * MB, 512 * MB, GB, 2 * GB, 16 * GB, 256 * GB):
        [text] = told(one(maxmemory="1024gb", **SAVING), host(memory=memory))
        advised = text.rpartition("maxmemory: ")[2].rstrip("}")
        assert told(one(maxmemory=advised, **SAVING), host(memory=memory)) == []
        assert found(one(maxmemory=advised, **SAVING), host(memory=memory))["memory"].status is Status.PASS


def test_instances_share_the_memory():
    pair = several(
        {"name": "a", "port": 1, "settings": {"maxmemory": "1gb", **SAVING}},
        {"name": "b", "port": 2, "settings": {"maxmemory": "2gb", **NOT_SAVING}},
    )
    [text] = told(pair, host(memory=4 * GB))
    assert text.startswith("instance a, b: maxmemory: 3gb does not fit 4gb ")
    assert text.endswith(" split over the instances")
    assert told(pair[:1], host(memory=4 * GB)) == []


@quick
@given(st.integers(64 * MB, 2**40), st.integers(1, 2**40), st.booleans())
def test_more_memory_or_less_demand_never_hurts(memory, maxmemory, saves):
    persistence = SAVING if saves else NOT_SAVING
    if not told(one(maxmemory=maxmemory, **persistence), host(memory=memory)):
        assert not told(one(maxmemory=maxmemory, **persistence), host(memory=memory + MB))
        assert not told(one(maxmemory=max(1, maxmemory - MB), **persistence), host(memory=memory))


# --- findings ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("instances", "warned"),
    [
        pytest.param(one(maxmemory="1gb", **SAVING), [], id="nothing"),
        pytest.param(one(maxmemory=0, **SAVING), ["maxmemory"], id="no limit"),
        pytest.param(one(maxmemory="1gb", **NOT_SAVING), ["persistence"], id="no persistence"),
        pytest.param(one(maxmemory="1gb", save="", appendonly="yes"), [], id="AOF alone"),
        pytest.param(one(maxmemory="1gb", save="900 1", appendonly="no"), [], id="RDB alone"),
        pytest.param(one(maxmemory="1gb", **SAVING, no_appendfsync_on_rewrite="yes"), ["fsync"], id="fsync"),
        pytest.param(
            one(maxmemory="1gb", save="900 1", appendonly="no", no_appendfsync_on_rewrite="yes"),
            [],
            id="no AOF to fsync",
        ),
        pytest.param(
            one("queue", maxmemory="1gb", **SAVING, maxmemory_policy="allkeys-lru"), ["eviction"], id="queue evicts"
        ),
        pytest.param(one("queue", maxmemory="1gb", **SAVING, maxmemory_policy="noeviction"), [], id="queue keeps"),
        pytest.param(one(maxmemory="1gb", **SAVING, maxmemory_policy="allkeys-lru"), [], id="cache evicts"),
        pytest.param(
            several({"name": "queue", "settings": {"maxmemory": 1, **SAVING, "maxmemory-policy": "volatile-ttl"}}),
            ["eviction"],
            id="an instance named queue evicts",
        ),
    ],
)
def test_warnings(instances, warned):
    every = found(instances)
    assert list(every) == warned
    for finding in every.values():
        assert finding.status is Status.WARN
        assert finding.subject == f"instance {instances[0].layout.instance}"
        assert all((finding.expected, finding.actual, finding.why, finding.remedy))


def test_no_limit_or_no_memory_known_judges_no_memory():
    assert "memory" not in found(one(maxmemory=0), host(memory=4 * GB))
    assert "memory" not in found(one(maxmemory="2gb"), host(memory=0))


# --- the record of a verdict ------------------------------------------------------------------------------------------


def finding(status: Status, remedy: str = "") -> Finding:
    return Finding("a.b", "web1", status, "1", "0", "guide 9", remedy)


def test_findings_are_plain_records_in_their_order():
    records = as_records([finding(Status.WARN), finding(Status.PASS)])
    assert [record["status"] for record in records] == ["WARN", "PASS"]
    assert all(type(value) is str for record in records for value in record.values())
    assert list(records[0]) == ["id", "subject", "status", "expected", "actual", "why", "remedy"]


def test_only_a_failed_finding_fails():
    assert outcome([finding(Status.WARN), finding(Status.SKIP), finding(Status.PASS)]).keys() == {"changed", "findings"}
    result = outcome([finding(Status.FAIL, "mend it"), finding(Status.PASS), finding(Status.FAIL)])
    assert result["failed"] is True
    assert result["changed"] is False
    assert result["msg"].splitlines() == ["web1: 0; expected 1; mend it", "web1: 0; expected 1; see docs/"]


# --- what is beside the declared instances ------------------------------------------------------------------------------

OLD = Undeclared("default", "redis-server", 7, "/var/lib/redis")
REMEDY = (
    "declare instance default again, or run: systemctl disable --now redis-server (its keys stay in /var/lib/redis)"
)


def beside(*undeclared: Undeclared, **facts: Any) -> HostFacts:
    return HostFacts(0, 0, 0, systemd=True, instances={"cache": InstanceFacts(**facts)}, undeclared=undeclared)


def test_a_port_that_an_undeclared_instance_has():
    cache = several({"name": "cache", "profile": "mine"})
    held = {"listeners": {"port": Listener(7, "redis-server")}}
    [told_] = told(cache, beside(OLD, **held))
    assert told_ == (
        "instance cache: port: 6379 is taken by redis-server: instance default, which the inventory no longer declares; "
        f"expected a free port; {REMEDY}"
    )
    stranger = Undeclared("old", "redis-server@old", 8, "/var/lib/redis/old")
    asleep = Undeclared("default", "redis-server", 0, "")
    for others in ((), (stranger,), (asleep,)):
        [told_] = told(cache, beside(*others, **held))
        assert "6379 is taken by redis-server (pid 7)" in told_


@pytest.mark.parametrize(
    ("undeclared", "actual", "remedy"),
    [
        (OLD, "it runs, and nobody declares it", REMEDY),
        (
            Undeclared("old", "redis-server@old", 0, ""),
            "it starts at the next boot, and nobody declares it",
            "declare instance old again, or run: systemctl disable --now redis-server@old",
        ),
    ],
)
def test_an_instance_that_nobody_declares(undeclared, actual, remedy):
    finding = found(several({"name": "cache", "profile": "mine"}), beside(undeclared))["undeclared"]
    assert (finding.status, finding.actual, finding.remedy) == (Status.WARN, actual, remedy)


def test_lines_of_a_file_that_are_kept_and_cannot_be_verified():
    cache = several({"name": "cache", "profile": "mine"})
    assert "kept" not in found(cache, beside())
    finding = found(cache, beside(taken_over=["rename-command CONFIG", "loadmodule /x.so"]))["kept"]
    assert finding.status is Status.WARN
    assert "rename-command CONFIG, loadmodule /x.so" in finding.actual
