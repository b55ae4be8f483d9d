"""Every guard before anything is touched, and what works and is worth knowing."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.answer import YES, no, unknown
from ansible.module_utils.redis_ops.base.errors import (
    AccessDenied,
    CommandRefused,
    FileUnreadable,
    InvalidInput,
    Problem,
    RedisOpsError,
)
from ansible.module_utils.redis_ops.base.findings import Finding, Status, as_records, outcome
from ansible.module_utils.redis_ops.checks import (
    adoption,
    data,
    eviction,
    ports,
    preflight,
    product,
    room,
    shared,
    start,
    unseen,
)
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.packages import Package
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.view import tls
from ansible.module_utils.redis_ops.view.host import HostView, Place, Unseen
from views import GB, REDIS_7, host_of, seen_of, several, typed, unit_of

REDIS = PRODUCTS["redis"]
PACKAGE = Package(REDIS, "5:7.0.15-1", REDIS_7)
SAVING = {"save": "900 1", "appendonly": "yes"}
NOT_SAVING = {"save": "", "appendonly": "no"}
NOW = datetime(2026, 11, 23, 12, tzinfo=timezone.utc)


def one(profile: str = "mine", **settings: Any):
    [found] = several({"name": "default", "profile": profile, "settings": typed(settings)})
    return found


def told(view: HostView, package: Package = PACKAGE) -> list[str]:
    found = preflight.problems(view, package)
    for problem in found:
        assert "\n" not in str(problem)
        assert all((problem.where, problem.what, problem.expected, problem.remedy))
    assert len(set(found)) == len(found)
    return [str(problem) for problem in found]


def test_a_host_on_which_all_is_well():
    assert told(host_of(seen_of(one(**SAVING, maxmemory="2gb", maxclients=10000)))) == []


# --- every guard --------------------------------------------------------------------------------------------------------

MARK = Problem("instance default", "marked", "nothing", "leave it")


@pytest.mark.parametrize(
    "guard", [adoption, start, eviction, data, product, shared, ports, room], ids=lambda m: m.__name__
)
def test_no_guard_is_left_out(guard, monkeypatch):
    """A guard that nobody calls would let every run pass."""
    monkeypatch.setattr(guard, "problems", lambda *_: [MARK])
    assert told(host_of(seen_of(one()))) == [str(MARK)]


def test_what_the_plan_forbids():
    seen = seen_of(one(), live={"requirepass": "hunter2"})
    [text] = told(host_of(seen))
    assert text.startswith("instance default: requirepass: the server has one that the inventory does not declare")
    assert "hunter2" not in text


@pytest.mark.parametrize("owner", ["", "ops"])
def test_a_data_directory_of_somebody_else(owner):
    found = told(host_of(seen_of(one(), Place(free=GB, owner=owner))))
    assert bool(found) is bool(owner)
    if owner:
        [text] = found
        assert text == (
            "instance default: dir: /var/lib/redis belongs to ops; expected a directory that redis can write; "
            "chown redis: /var/lib/redis"
        )


def test_the_remedy_names_the_user_of_the_unit():
    """Field case A18: with `chown redis:` the server of user ops would not start again."""
    here = one()
    seen = seen_of(here, Place(free=GB, owner="redis"), unit=unit_of(here, user="ops"))
    seen = replace(seen, view=replace(seen.view, config=replace(seen.view.config, owner="ops")))
    [text] = told(host_of(seen))
    assert text.endswith("expected a directory that ops can write; chown ops: /var/lib/redis")


@pytest.mark.parametrize(
    ("answer", "stops"),
    [(no("does not exist"), True), (no("is closed to redis"), True), (YES, False), (unknown("no such user"), False)],
)
def test_an_aclfile_that_the_server_could_not_read(answer, stops):
    found = told(host_of(seen_of(one(aclfile="/etc/redis/users.acl"), Place(free=GB, aclfile=answer))))
    assert bool(found) is stops
    if stops:
        assert found[0].startswith(f"instance default: aclfile: /etc/redis/users.acl {answer.reason}; ")


def test_an_aclfile_of_which_nobody_can_tell_does_not_pass():
    """Such as one on a file system that does not answer."""
    here = seen_of(one(aclfile="/etc/redis/users.acl"), Place(free=GB, aclfile=unknown("it could not be tried")))
    assert told(host_of(here)) == []
    [finding] = [found for found in preflight.findings(host_of(here), REDIS) if found.id == "preflight.aclfile"]
    assert (finding.status, finding.actual) == (Status.SKIP, "could not be determined: it could not be tried")


def test_a_tls_file_of_which_nobody_can_tell_does_not_pass(tmp_path):
    key = tmp_path / "redis.key"
    key.write_text("")
    here = one(tls_port=6380, tls_key_file=str(key))
    facts = tls.look(tls.Options.of({**here.desired.values}), "redis", None)
    file = replace(facts.files["tls-key-file"], readable=unknown("it could not be tried"))
    found = preflight.findings(host_of(seen_of(here, tls=replace(facts, files={"tls-key-file": file}))), REDIS)
    [finding] = [finding for finding in found if finding.id == "preflight.tls-key-file"]
    assert (finding.status, finding.actual) == (Status.SKIP, "could not be determined: it could not be tried")


def test_an_aclfile_that_stays_as_it_is_stops_nothing():
    here = one(aclfile="/etc/redis/users.acl")
    plan = seen_of(here).view.plan
    live = {entry.option.name: plan.argument(entry) for entry in plan.entries}
    settled = seen_of(here, Place(free=GB, aclfile=no("does not exist")), file=plan.file_after, live=live)
    assert told(host_of(settled)) == []


def test_a_tls_file_that_is_not_there():
    """Field case D14."""
    here = one(tls_port=6380, tls_cert_file="/nonexistent/redis.crt", tls_key_file="/nonexistent/redis.key")
    facts = tls.look(tls.Options.of({**here.desired.values}), "redis", None)
    found = told(host_of(seen_of(here, tls=facts)))
    assert any("tls-cert-file" in text and "/nonexistent/redis.crt" in text for text in found)


@pytest.mark.parametrize(
    ("directories", "hidden"),
    [
        (["/home/redis"], ["/home/redis"]),
        (["/root"], ["/root"]),
        (["/var/tmp/x", "/tmp"], ["/var/tmp/x", "/tmp"]),
        (["/run/user/1000"], ["/run/user/1000"]),
        (["/homes/redis", "/srv/home", "/rooted"], []),
        (["/run/other"], ["/run/other"]),
        (["/run/redis"], []),
        ([], []),
    ],
)
def test_what_the_sandbox_hides_or_a_reboot_removes(directories, hidden):
    found = told(host_of(seen_of(one(), directories=directories)))
    assert [text.split(": ")[1] for text in found] == hidden
    assert told(host_of(seen_of(one(), directories=directories), systemd=False)) == []


@pytest.mark.parametrize(
    ("fragment", "masked", "judged"),
    [
        ("/usr/lib/systemd/system/redis-server.service", False, True),
        ("/etc/systemd/system/redis-server.service", False, False),
        ("/etc/systemd/system/redis-server.service", True, True),
    ],
)
def test_the_sandbox_is_that_of_the_package_s_unit(fragment, masked, judged):
    """A mask is a link in /etc to /dev/null, and behind it is still the package's unit."""
    unit = unit_of(one(), fragment=fragment, masked=masked, loaded=not masked)
    assert bool(told(host_of(seen_of(one(), directories=["/home/redis"], unit=unit)))) is judged


@pytest.mark.parametrize(
    ("changes", "stops"),
    [
        ({"in_the_way": "/etc/systemd/system/redis.service", "missing": ["redis-server"]}, True),
        ({"in_the_way": "/etc/systemd/system/redis.service"}, False),
        ({"missing": ["redis-server"]}, False),
    ],
)
def test_a_unit_in_the_way_of_the_package(changes, stops):
    """Field case A17."""
    found = told(host_of(seen_of(one())), replace(PACKAGE, **changes))
    assert bool(found) is stops
    if stops:
        assert found[0].startswith("package redis-server: /etc/systemd/system/redis.service is somebody's own unit")


def test_one_problem_is_told_once():
    here = one()
    view = host_of(seen_of(here, Place(owner="ops")), seen_of(here, Place(owner="ops")))
    assert len([text for text in told(view) if "belongs to ops" in text]) == 1


# --- what can't be looked at --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (
            AccessDenied("127.0.0.1:6379: NOAUTH"),
            "instance default: requirepass: the running server refuses every password",
        ),
        (CommandRefused("unknown command"), "take rename-command out of /etc/redis/redis.conf"),
        (FileUnreadable("instance default: /etc/redis/redis.conf is no configuration"), "; correct the file"),
        (RedisOpsError("instance default: redis-server runs (pid 7) but does not answer"), "; look at its log"),
        (InvalidInput([MARK]), str(MARK)),
    ],
)
def test_no_run_touches_what_it_can_not_see(error, expected):
    here = one()
    [text] = told(host_of(unseen=[Unseen(here, error)]))
    assert expected in text
    assert text.count("instance default: ") == 1
    assert list(unseen.problems(Unseen(here, error), NOW))


# --- findings -----------------------------------------------------------------------------------------------------------


def found(*instances) -> dict[str, Finding]:
    every = preflight.findings(host_of(*map(seen_of, instances)), REDIS)
    assert len({finding.id for finding in every}) == len(every)
    return {finding.id.removeprefix("preflight."): finding for finding in every}


@pytest.mark.parametrize(
    ("instances", "warned"),
    [
        pytest.param([one(maxmemory="1gb", **SAVING)], [], id="nothing"),
        pytest.param([one(maxmemory=0, **SAVING)], ["maxmemory"], id="no limit"),
        pytest.param([one(maxmemory="1gb", **NOT_SAVING)], ["persistence"], id="no persistence"),
        pytest.param([one(maxmemory="1gb", save="", appendonly="yes")], [], id="AOF alone"),
        pytest.param([one(maxmemory="1gb", save="900 1", appendonly="no")], [], id="RDB alone"),
        pytest.param([one(maxmemory="1gb", **SAVING, no_appendfsync_on_rewrite="yes")], ["fsync"], id="fsync"),
        pytest.param(
            [one(maxmemory="1gb", save="900 1", appendonly="no", no_appendfsync_on_rewrite="yes")],
            [],
            id="no AOF to fsync",
        ),
        pytest.param(
            [one("queue", maxmemory="1gb", **SAVING, maxmemory_policy="allkeys-lru")], ["eviction"], id="queue evicts"
        ),
        pytest.param([one("queue", maxmemory="1gb", **SAVING, maxmemory_policy="noeviction")], [], id="queue keeps"),
        pytest.param([one(maxmemory="1gb", **SAVING, maxmemory_policy="allkeys-lru")], [], id="cache evicts"),
        pytest.param(
            several({"name": "queue", "settings": {"maxmemory": 1, **SAVING, "maxmemory-policy": "volatile-ttl"}}),
            ["eviction"],
            id="an instance named queue evicts",
        ),
    ],
)
def test_warnings(instances, warned):
    every = {name: finding for name, finding in found(*instances).items() if finding.status is Status.WARN}
    assert list(every) == warned
    for finding in every.values():
        assert finding.subject == f"instance {instances[0].layout.instance}"
        assert all((finding.expected, finding.actual, finding.why, finding.remedy))


@pytest.mark.parametrize(("lines", "told_"), [([], False), (["rename-command CONFIG", "loadmodule /x.so"], True)])
def test_lines_of_a_file_that_are_kept_and_can_not_be_verified(lines, told_):
    view = host_of(seen_of(one(maxmemory="1gb", **SAVING), taken_over=lines))
    kept = [finding for finding in preflight.findings(view, REDIS) if finding.id == "preflight.kept"]
    assert bool(kept) is told_
    if told_:
        assert "rename-command CONFIG, loadmodule /x.so" in kept[0].actual


def test_findings_of_ports_and_room_are_among_them(monkeypatch):
    mark = Finding("preflight.mark", "x", Status.WARN, "", "", "")
    for module in (ports, room):
        monkeypatch.setattr(module, "findings", lambda *_: [mark])
        assert mark in preflight.findings(host_of(seen_of(one())), REDIS)
        monkeypatch.undo()


def test_a_package_is_needed_where_its_program_starts():
    own = unit_of(one(), command=("/opt/redis/redis-server", "/etc/redis/redis.conf"))
    bare = Unit("redis-server")
    assert host_of(seen_of(one(), unit=bare)).needs_package
    assert host_of(seen_of(one())).needs_package
    assert not host_of(seen_of(one(), unit=own)).needs_package


# --- the record of a verdict --------------------------------------------------------------------------------------------


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
