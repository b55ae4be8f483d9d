"""Does it fit this host? Memory, disk, open files and the accept queue, each just below and just above its limit."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.findings import Finding, Status
from ansible.module_utils.redis_ops.checks import room
from ansible.module_utils.redis_ops.model.resolve import DesiredInstance
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.platform.processes import Process
from ansible.module_utils.redis_ops.platform.units import FileLimit
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view.host import HostView, Place, Seen
from ansible.module_utils.redis_ops.view.strangers import Stranger
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick
from views import GB, MB, REDIS_7, host_of, seen_of, several, typed

SAVING = {"save": "900 1", "appendonly": "yes"}
NOT_SAVING = {"save": "", "appendonly": "no"}


def one(**settings: Any) -> DesiredInstance:
    [found] = several({"name": "default", "settings": typed(settings)})
    return found


def told(view: HostView) -> list[str]:
    found = list(room.problems(view))
    for problem in found:
        assert "\n" not in str(problem)
        assert all((problem.where, problem.what, problem.expected, problem.remedy))
        assert str(problem).startswith("instance ")
    return [str(problem) for problem in found]


def findings(view: HostView) -> dict[str, Finding]:
    return {finding.id.removeprefix("preflight."): finding for finding in room.findings(view)}


def settled(one_: DesiredInstance, **view: Any) -> Seen:
    """One that runs and has every declared value already: no run changes anything of it."""
    first = seen_of(one_)
    plan = first.view.plan
    live = {entry.option.name: plan.argument(entry) for entry in plan.entries}
    return seen_of(one_, file=plan.file_after, live=live, **view)


def test_a_host_that_tells_nothing_of_itself_stops_nothing():
    assert told(host_of(seen_of(one(**SAVING, maxmemory="2gb", maxclients=10000)))) == []


# --- open files and the accept queue ------------------------------------------------------------------------------------


@pytest.mark.parametrize(("granted", "fits"), [(10031, False), (10032, True), (0, True), (1048576, True)])
def test_maxclients_against_open_files(granted, fits):
    found = told(host_of(seen_of(one(maxclients=10000)), open_files=granted))
    assert bool(found) is not fits
    if not fits:
        assert found[0].startswith(
            "instance default: maxclients: 10000 needs 10032 open files, this host grants 10031; expected at most 9999; "
        )


@pytest.mark.parametrize(("granted", "fits"), [(11023, False), (11024, True)])
def test_a_later_drop_in_with_a_lower_limit(granted, fits):
    """Field case A29: the drop-in is named before anything is touched."""
    path = "/etc/systemd/system/redis-server.service.d/override.conf"
    found = told(host_of(seen_of(one(maxclients=10000), later_limit=FileLimit(path, granted))))
    assert bool(found) is not fits
    if not fits:
        assert f"10000 needs 11024 open files, and {path} grants 11023 at the next start" in found[0]
        assert f"remove LimitNOFILE from {path} and run systemctl daemon-reload" in found[0]


@pytest.mark.parametrize(("somaxconn", "fits"), [(510, False), (511, True), (4096, True), (0, True)])
def test_tcp_backlog_against_somaxconn(somaxconn, fits):
    found = told(host_of(seen_of(one(tcp_backlog=511)), somaxconn=somaxconn))
    assert bool(found) is not fits
    if not fits:
        assert "tcp-backlog: 511 is cut to net.core.somaxconn = 510; expected at most 510; " in found[0]


def test_what_runs_so_already_stops_no_run():
    here = one(maxclients=10000, tcp_backlog=511, maxmemory="100gb")
    small = {"open_files": 100, "somaxconn": 10, "memory": GB}
    assert len(told(host_of(seen_of(here), **small))) == 3
    assert told(host_of(settled(here), **small)) == []
    assert findings(host_of(settled(here), **small))["memory"].status is Status.WARN


# --- disk ---------------------------------------------------------------------------------------------------------------


def stored(tmp_path: Any, size: int) -> Store:
    """A dump of this size; its bytes are no dump, which is as good as one with keys."""
    with (tmp_path / "dump.rdb").open("wb") as file:
        file.write(b"x")
        file.truncate(size)
    return Store.of({"dir": str(tmp_path)}, REDIS_7)


@pytest.mark.parametrize(
    ("settings", "free", "fits"),
    [
        # 100 MB on disk already: another 100 MB for the AOF and 100 MB for its rewrite
        pytest.param({**SAVING}, 200 * MB, True, id="just enough with a dump"),
        pytest.param({**SAVING}, 200 * MB - 1, False, id="a byte short"),
        pytest.param({"save": "", "appendonly": "yes"}, 100 * MB, True, id="no dump to keep"),
        pytest.param({"save": "", "appendonly": "yes"}, 100 * MB - 1, False, id="no dump, a byte short"),
        pytest.param({**NOT_SAVING}, 0, True, id="no persistence"),
        pytest.param({"save": "900 1", "appendonly": "no"}, 0, True, id="a dump alone is not judged here"),
    ],
)
def test_room_for_the_aof_of_a_stopped_server(settings, free, fits, tmp_path):
    """Field case A34."""
    found = told(host_of(seen_of(one(**settings), Place(free=free), store=stored(tmp_path, 100 * MB))))
    assert bool(found) is not fits
    if not fits:
        assert found[0].startswith("instance default: appendonly: the AOF and its rewrite need about ")
        assert "/var/lib/redis has " in found[0]


@pytest.mark.parametrize(
    ("info", "free", "fits"),
    [
        pytest.param({"used_memory": 600 * MB}, 278 * MB, False, id="278 MB free under 600 MB of data"),
        pytest.param({"used_memory": 600 * MB}, 1800 * MB, True, id="enough for AOF, dump and a rewrite"),
        pytest.param({"used_memory": 600 * MB}, 1800 * MB - 1, False, id="a byte short"),
        pytest.param({"used_memory": 600 * MB, "aof_enabled": 1}, 0, True, id="it has one already"),
    ],
)
def test_room_for_the_aof_of_a_running_server(info, free, fits):
    """Field case A34: the memory in use counts."""
    found = told(host_of(seen_of(one(**SAVING), Place(free=free), live={"appendonly": "no"}, info=info)))
    assert bool(found) is not fits


@pytest.mark.parametrize(("inodes", "fits"), [(None, True), (100, True), (99, False), (0, False)])
def test_inodes_are_space(inodes, fits):
    found = told(host_of(seen_of(one(), Place(free=GB, inodes=inodes))))
    assert bool(found) is not fits
    if not fits:
        assert f"has {inodes} inodes left" in found[0]


@pytest.mark.parametrize(
    ("size", "aof", "rdb", "on_disk", "need"),
    [
        (100, True, True, 0, 300),
        (100, True, False, 0, 200),
        (100, False, True, 0, 200),
        (100, False, False, 0, 0),
        (100, True, True, 200, 100),
        (100, True, True, 400, 0),
    ],
)
def test_disk_need(size, aof, rdb, on_disk, need):
    assert room.disk_need(size, aof=aof, rdb=rdb, on_disk=on_disk) == need


def test_a_disk_that_is_too_small_for_maxmemory_is_a_warning():
    place = Place(free=3 * GB - 1)
    found = findings(host_of(seen_of(one(maxmemory="1gb", **SAVING), place)))["disk"]
    assert found.status is Status.WARN
    assert "3gb free" in found.expected
    assert "disk" not in findings(host_of(seen_of(one(maxmemory="1gb", **SAVING), Place(free=3 * GB))))


# --- memory -------------------------------------------------------------------------------------------------------------


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
    view = host_of(seen_of(one(maxmemory=maxmemory, **persistence)), memory=4 * GB)
    assert bool(told(view)) is not fits
    if fits:
        finding = findings(view)["memory"]
        assert finding.status is status
        assert bool(finding.remedy) is (status is Status.WARN)


@pytest.mark.parametrize(
    ("memory", "maxmemory", "persistence", "fits", "status"),
    [
        # an eighth is the reserve: 189 MB for 140 MB of data is 1.35 of it, the allocator's 1.1 and the least 0.25
        pytest.param(216 * MB, "140mb", SAVING, True, Status.WARN, id="exactly the least to save"),
        pytest.param(216 * MB - 8, "140mb", SAVING, False, None, id="less than that"),
        # 21 MB for 10 MB of data is 2.1 of it: every page may change
        pytest.param(24 * MB, "10mb", SAVING, True, Status.PASS, id="exactly the worst case"),
        pytest.param(24 * MB - 8, "10mb", SAVING, True, Status.WARN, id="less than the worst case"),
        # 77 MB for 70 MB of data is 1.1 of it
        pytest.param(88 * MB, "70mb", NOT_SAVING, True, Status.PASS, id="exactly enough without a fork"),
        pytest.param(88 * MB - 8, "70mb", NOT_SAVING, False, None, id="less than that without a fork"),
    ],
)
def test_memory_that_is_just_enough(memory, maxmemory, persistence, fits, status):
    view = host_of(seen_of(one(maxmemory=maxmemory, **persistence)), memory=memory)
    assert bool(told(view)) is not fits
    if fits:
        finding = findings(view)["memory"]
        assert finding.status is status
        assert bool(finding.remedy) is (status is Status.WARN)


def test_too_much_memory_says_how_much_is_right():
    [text] = told(host_of(seen_of(one(maxmemory="3gb", **SAVING)), memory=4 * GB))
    assert text == (
        "instance default: maxmemory: 3gb does not fit 4gb of RAM with room to save; "
        "expected at most 2654mb in all, better 1706mb; set redis_server_settings: {maxmemory: 1706mb}"
    )


def test_what_is_advised_fits():
    for memory in (256 * MB, 512 * MB, GB, 2 * GB, 16 * GB, 256 * GB):
        [text] = told(host_of(seen_of(one(maxmemory="1024gb", **SAVING)), memory=memory))
        advised = host_of(
            seen_of(one(maxmemory=text.rpartition("maxmemory: ")[2].rstrip("}"), **SAVING)), memory=memory
        )
        assert told(advised) == []
        assert findings(advised)["memory"].status is Status.PASS


@pytest.mark.parametrize("declared", [{}, {"maxclients": 20000}], ids=["nobody's", "declared"])
def test_what_the_server_itself_has_lowered_stops_nothing(declared):
    """maxclients of the file is more than the process may have, and the server says so. A run changes it only when it is
    declared.
    """
    [kept] = several({"name": "default", "settings": declared})
    found = seen_of(kept, file="maxclients 20000\n", live={"maxclients": "19968"}, contact=Contact.KEPT)
    assert bool(told(host_of(found, open_files=20000))) is bool(declared)


def test_instances_share_the_memory():
    pair = several(
        {"name": "a", "port": 1, "settings": {"maxmemory": "1gb", **SAVING}},
        {"name": "b", "port": 2, "settings": {"maxmemory": "2gb", **NOT_SAVING}},
    )
    [text] = told(host_of(*map(seen_of, pair), memory=4 * GB))
    assert text.startswith("instance a, b: maxmemory: 3gb does not fit 4gb ")
    assert text.endswith(" split over the instances")
    assert told(host_of(seen_of(pair[0]), memory=4 * GB)) == []


def test_servers_that_nobody_declares_take_memory_too():
    process = Process(9, "", "ops", "/opt/redis-server", "/srv", (("127.0.0.1", 7000),), (), GB)
    other = Stranger("redis", "", None, process, memory=2 * GB)
    here = seen_of(one(maxmemory="1700mb", **SAVING))
    assert told(host_of(here, memory=4 * GB)) == []
    [text] = told(host_of(here, memory=4 * GB, strangers=[other]))
    assert "of which other servers here have or may take 2gb" in text
    small = host_of(seen_of(one(maxmemory="100mb", **SAVING)), memory=4 * GB, strangers=[other])
    assert "other servers take 2gb" in findings(small)["memory"].actual


@quick
@given(st.integers(64 * MB, 2**40), st.integers(1, 2**40), st.booleans())
def test_more_memory_or_less_demand_never_hurts(memory, maxmemory, saves):
    persistence = SAVING if saves else NOT_SAVING

    def fits(demand: int, there: int) -> bool:
        return not told(host_of(seen_of(one(maxmemory=demand, **persistence)), memory=there))

    if fits(maxmemory, memory):
        assert fits(maxmemory, memory + MB)
        assert fits(max(1, maxmemory - MB), memory)


def test_no_limit_judges_no_memory():
    assert "memory" not in findings(host_of(seen_of(one(maxmemory=0)), memory=4 * GB))


@pytest.mark.parametrize(
    ("name", "option", "fact"),
    [
        ("memory", "maxmemory", "memory"),
        ("open_files", "maxclients", "open_files"),
        ("backlog", "tcp_backlog", "somaxconn"),
    ],
)
def test_a_fact_that_the_host_does_not_tell_never_passes(name, option, fact):
    """It is told as not judged where a change needs it, and only there."""
    here = one(**{option: 4096})
    unknown = findings(host_of(seen_of(here)))[name]
    assert (unknown.status, unknown.actual) == (Status.SKIP, "could not be determined")
    known = findings(host_of(seen_of(here), **{fact: 64 * GB}))
    assert name not in known or known[name].status is Status.PASS
    assert name not in findings(host_of(settled(here)))
