"""The one comparator: what is declared against the file, the running server and the last run."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.catalog.option import Apply
from ansible.module_utils.redis_ops.model.conffile import ConfFile, render
from ansible.module_utils.redis_ops.model.desired import DesiredState, known
from ansible.module_utils.redis_ops.plan.comparison import ABSENT, RESERVED_FILES, How, Observed
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.plan.plan import Plan, build
from hypothesis import given
from hypothesis import strategies as st
from strategies import ENGINES, declarable, quick, texts, typed_settings

REDIS_7 = Engine.parse("redis 7.0.15")


def desire(engine: Engine = REDIS_7, **settings: object) -> DesiredState:
    return DesiredState.parse({name.replace("_", "-"): value for name, value in settings.items()}, engine, "here")


def plan(desired: DesiredState, *, manages_file: bool = True, **observed: object) -> Plan:
    return build(desired, Observed(**observed), "default", "web1, instance default", manages_file=manages_file)


def hows(result: Plan) -> dict[str, str]:
    return {entry.option.name: entry.how.value for entry in result.entries}


# --- one option -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("typed", "file", "live", "applied", "how", "file_differs"),
    [
        pytest.param("2gb", None, None, None, "nothing", True, id="bare host"),
        pytest.param("2gb", "maxmemory 2gb", {"maxmemory": "2147483648"}, {}, "nothing", False, id="in sync"),
        pytest.param("2gb", "maxmemory 2048mb", {"maxmemory": "2147483648"}, {}, "nothing", False, id="same meaning"),
        pytest.param("2gb", "maxmemory 2g", {"maxmemory": "2147483648"}, {}, "nothing", True, id="2g is not 2gb"),
        pytest.param("2gb", "maxmemory 2gb", {"maxmemory": "0"}, {}, "CONFIG SET", False, id="server drifted"),
        pytest.param("2gb", "hz 10", {"maxmemory": "2147483648"}, {}, "nothing", True, id="set and not persisted"),
        pytest.param("2gb", "maxmemory 1gb", {"maxmemory": "1073741824"}, {}, "CONFIG SET", True, id="both differ"),
        pytest.param("2gb", "maxmemory 2gb", None, {}, "nothing", False, id="stopped"),
        pytest.param("2gb", "maxmemory lots", {"maxmemory": "?"}, {}, "CONFIG SET", True, id="both unreadable"),
        pytest.param(None, "maxmemory 2gb", {"maxmemory": "2147483648"}, None, "CONFIG SET", True, id="withdrawn"),
        pytest.param(None, "maxmemory 0", {"maxmemory": "0"}, None, "nothing", True, id="withdrawn default"),
        pytest.param(
            None, "", {"maxmemory": "2147483648"}, {"maxmemory": "2147483648"}, "CONFIG SET", False, id="was ours once"
        ),
        pytest.param(None, "", {"maxmemory": "0"}, {"maxmemory": "2147483648"}, "nothing", False, id="ours, gone"),
    ],
)
def test_a_live_option(typed, file, live, applied, how, file_differs):
    result = plan(desire(**({"maxmemory": typed} if typed else {})), file=file, live=live, applied=applied)
    [entry] = [entry for entry in result.entries if entry.option.name == "maxmemory"]
    assert (entry.how.value, entry.file_differs) == (how, file_differs)
    assert entry.declared == (typed is not None)
    assert entry.want == (2**31 if typed else 0)


def test_what_only_the_running_server_has_is_left_alone():
    result = plan(desire(hz=10), file="hz 10\n", live={"hz": "10", "maxmemory": "1073741824", "appendonly": "yes"})
    assert hows(result) == {"hz": "nothing"}
    assert not result.live


def test_what_a_server_knows_and_we_do_not_is_left_alone():
    assert hows(plan(desire(hz=10), live={"hz": "10", "bf-error-rate": "0.01"})) == {"hz": "nothing"}


def test_a_remembered_option_that_no_server_has_any_more_is_forgotten():
    gone = {"dynamic-hz": "yes", "no-such-option": "1"}
    assert hows(plan(desire(Engine.parse("valkey 8.1.1"), hz=10), applied=gone)) == {"hz": "nothing"}


@pytest.mark.parametrize(
    ("name", "typed", "live", "reason"),
    [
        pytest.param("databases", 32, "16", "Redis reads databases at start only", id="immutable"),
        pytest.param("tcp-backlog", 1024, "511", "Redis reads tcp-backlog at start only", id="guide"),
        pytest.param("dir", "/srv", "/var/lib/redis", "Redis reads dir at start only", id="protected"),
    ],
)
def test_what_needs_a_restart_says_why(name, typed, live, reason):
    [entry] = plan(desire(**{name: typed}), live={name: live}).pending_restart
    assert entry.reason == reason


@pytest.mark.parametrize("name", ["dir", "dbfilename"])
def test_the_place_of_the_data_is_never_set_live(name):
    """Redis 6.2 takes it, and the next save overwrites what lies there."""
    six = Engine.parse("redis 6.2.14")
    result = plan(
        desire(six, **{name: "/srv" if name == "dir" else "new"}), live={name: "/old" if name == "dir" else "old"}
    )
    assert [(entry.option.name, entry.how) for entry in result.entries] == [(name, How.RESTART)]
    assert result.entries[0].reason == f"set live, {name} would leave the data behind"


@pytest.mark.parametrize(
    ("limit", "how"),
    [(None, How.LIVE), (20000 + RESERVED_FILES, How.LIVE), (20000 + RESERVED_FILES - 1, How.RESTART)],
)
def test_maxclients_is_live_as_far_as_the_process_may_open_files(limit, how):
    result = plan(desire(maxclients=20000), live={"maxclients": "10000"}, open_files=limit)
    assert result.entries[0].how is how
    assert ("may open" in result.entries[0].reason) == (how is How.RESTART)


@pytest.mark.parametrize(
    ("granted", "somaxconn", "how"),
    [
        pytest.param(None, 4096, How.NOTHING, id="cannot be told"),
        pytest.param(511, 4096, How.NOTHING, id="granted"),
        pytest.param(510, 4096, How.RESTART, id="cut, and no longer"),
        pytest.param(128, 128, How.NOTHING, id="a restart would not help"),
    ],
)
def test_a_backlog_that_the_kernel_cut_is_not_the_one_that_the_server_reports(granted, somaxconn, how):
    live = {"tcp-backlog": "511", "hz": "10"}
    result = plan(desire(tcp_backlog=511, hz=10), live=live, backlog=granted, somaxconn=somaxconn)
    assert hows(result) == {"tcp-backlog": how.value, "hz": "nothing"}


@pytest.mark.parametrize("engine", ENGINES, ids=str)
def test_no_mutable_option_restarts_and_no_immutable_one_is_set(engine):
    """Over the whole catalogue, from a live value that is nobody's."""
    for option in declarable(engine):
        default = option.default_at(engine)
        default = "127.0.0.1" if option.name == "bind" else default  # what is none has a test of its own
        want = option.kind_at(engine).parse("/somewhere" if default is None else default)
        desired = DesiredState(engine, {option.name: want})
        [entry] = plan(desired, live={option.name: "\0"}).entries
        expected = How.LIVE if option.apply_at(engine) is Apply.LIVE else How.RESTART
        assert entry.how is expected, option.name


@quick
@given(st.sampled_from(ENGINES), st.data())
def test_a_difference_is_a_difference_and_nothing_else_is(engine, data):
    option = data.draw(st.sampled_from(declarable(engine)))
    kind = option.kind_at(engine)
    want, have = (data.draw(texts(kind)) for _ in range(2))
    desired = DesiredState.parse({option.name: want}, engine, "here")
    [entry] = plan(desired, live={option.name: have}).entries
    assert entry.live_differs != kind.covers(kind.parse(want), kind.parse(have))
    again = plan(desired, live={option.name: kind.render(kind.parse(want))})
    assert hows(again) == {option.name: "nothing"}


@pytest.mark.parametrize("engine", ENGINES[2:], ids=str)
def test_an_option_that_the_server_does_not_list_is_not_taken_for_applied(engine):
    desired = DesiredState.parse({"aof-disable-auto-gc": "yes"}, engine, "here")
    assert not known("aof-disable-auto-gc").readable_at(engine)
    [entry] = plan(desired, file="aof-disable-auto-gc no\n", live={"hz": "10"}).entries
    assert entry.how is not How.NOTHING


# --- order ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("live", "typed", "first"),
    [
        pytest.param("1gb", "2gb", "maxmemory", id="raised"),
        pytest.param("1gb", "0", "maxmemory", id="taken away"),
        pytest.param("2gb", "1gb", "maxmemory-policy", id="lowered"),
        pytest.param("0", "1gb", "maxmemory-policy", id="introduced"),
    ],
)
def test_room_comes_before_what_needs_it(live, typed, first):
    result = plan(
        desire(maxmemory=typed, maxmemory_policy="noeviction"),
        live={"maxmemory": live, "maxmemory-policy": "allkeys-lru"},
    )
    assert result.live[0].option.name == first


def test_a_limit_that_no_kind_accepts_is_only_a_difference():
    # Redis 7.0 to 8.0 take a number of 20 digits and report 2**64 - 1
    result = plan(desire(maxmemory="1gb"), live={"maxmemory": "18446744073709551615"})
    assert [entry.option.name for entry in result.live] == ["maxmemory"]


def test_people_are_kept_out_before_a_way_in_is_opened():
    desired = desire(
        requirepass="new",
        masterauth="new",
        port=7000,
        bind="127.0.0.1",
        tls_port=7001,
        appendfsync="always",
    )
    live = dict.fromkeys(desired.values, "")
    names = [entry.option.name for entry in plan(desired, live=live).live]
    assert names == ["requirepass", "appendfsync", "masterauth", "bind", "tls-port", "port"]


def test_the_password_is_set_on_the_running_server():
    [entry] = plan(desire(requirepass="new"), live={"requirepass": "old"}).live
    assert (entry.option.name, entry.how) == ("requirepass", How.LIVE)


# --- guards -----------------------------------------------------------------------------------------------------------


def refusal(desired: DesiredState, **observed: object) -> str:
    problems = plan(desired, **observed).problems
    assert problems
    return "\n".join(map(str, problems))


@pytest.mark.parametrize(
    "observed",
    [
        pytest.param({"live": {"requirepass": "hunter2"}}, id="running server"),
        pytest.param({"file": "requirepass hunter2\n"}, id="file"),
        pytest.param({"file": "requirepass hunter2\n", "live": {"requirepass": ""}}, id="file only"),
        pytest.param({"file": 'requirepass "hun\\\\ter2"\n'}, id="unreadable"),
    ],
)
def test_a_password_does_not_go_away_because_nobody_mentioned_it(observed):
    text = refusal(desire(hz=10), **observed)
    assert text.startswith("web1, instance default: requirepass: ")
    assert "redis_server_secrets" in text
    assert "hun" not in text


def test_a_password_goes_away_when_that_is_declared():
    result = plan(desire(requirepass=""), file="requirepass hunter2\n", live={"requirepass": "hunter2"})
    assert [entry.option.name for entry in result.live] == ["requirepass"]


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("dir", "/var/lib/redis", "/srv/redis"),
        ("dbfilename", "dump.rdb", "other.rdb"),
        ("appenddirname", "appendonlydir", "other"),
        ("appendfilename", "appendonly.aof", "other.aof"),
    ],
)
def test_data_is_not_left_behind(name, old, new):
    desired = desire(**{name: new})
    for observed in ({"live": {name: old}}, {"file": f"{name} {old}\n"}, {"file": "", "live": {name: old}}):
        text = refusal(desired, stored=True, **observed)
        assert f"data lies at {old}, and {new} would start empty; expected {name} {old}; " in text
        assert plan(desired, stored=False, **observed)


@pytest.mark.parametrize(("file", "had"), [("databases 64\n", 64), ("dir /d\n", 16)])
def test_a_stopped_server_keeps_its_databases(file, had):
    """Which of them have keys is not known; found by tests/contract/test_any_server.py."""
    text = refusal(desire(databases=had - 1), file=file, live=None, stored=True)
    assert (
        f"databases: the server is stopped, and which of its {had} databases have keys could not be determined" in text
    )
    for settings, more in [
        ({"databases": had - 1}, {"stored": False}),
        ({"databases": had}, {"stored": True}),
        ({"databases": had - 1, "cluster-enabled": "yes"}, {"stored": True}),
    ]:
        assert plan(desire(**settings), file=file, live=None, **more).problems == ()


def test_a_symbolic_link_is_not_another_place():
    real = {"/data": "/mnt/disk/redis", "/mnt/disk/redis": "/mnt/disk/redis"}
    result = plan(desire(dir="/data"), stored=True, live={"dir": "/mnt/disk/redis"}, real_paths=real)
    assert hows(result) == {"dir": "nothing"}


@pytest.mark.parametrize("live", [{"dir": "/var/lib/redis", "hz": "10"}, None], ids=["running", "stopped"])
def test_a_withdrawn_data_directory_is_not_left_behind(live):
    # as in the first example of redis_config: a file with `dir`, settings without
    result = plan(desire(hz=10), file="dir /var/lib/redis\nhz 10\n", live=live, stored=True)
    assert result.problems or "dir /var/lib/redis" in result.file_after


@pytest.mark.parametrize(
    ("name", "new"), [("dbfilename", "other.rdb"), ("appenddirname", "other"), ("appendfilename", "other.aof")]
)
def test_data_under_a_default_name_is_not_left_behind(name, new):
    refusal(desire(**{name: new, "dir": "/d"}), file="dir /d\n", live=None, stored=True)


# --- the file ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("declared", "kept"),
    [
        pytest.param({}, ["user default on #abc ~* &* +@all"], id="the only password there is"),
        pytest.param({"requirepass": "new"}, [], id="it would beat requirepass"),
    ],
)
@pytest.mark.parametrize("live", [None, {"requirepass": ""}], ids=["stopped", "running"])
def test_a_default_user_with_a_password_goes_only_for_a_declared_one(declared, kept, live):
    result = plan(desire(**declared), file="user default on #abc ~* &* +@all\n", live=live)
    assert [directive.text() for directive in ConfFile.parse(result.file_after).kept()] == kept


@pytest.mark.parametrize(
    ("declared", "changed"), [("foo", False), ("bar", True)], ids=["the same password", "another password"]
)
@pytest.mark.parametrize("password", [">foo", f"#{hashlib.sha256(b'foo').hexdigest()}"], ids=["clear", "hashed"])
def test_the_default_user_of_a_kept_server_stays_while_it_has_the_declared_password(password, declared, changed):
    """CONFIG REWRITE leaves both lines, and both say the same."""
    file = f"requirepass foo\nuser default on {password} ~* &* +@all\n"
    live = {"requirepass": "foo"}
    result = plan(desire(requirepass=declared), file=file, live=live, contact=Contact.KEPT)
    assert result.file_changed is changed
    assert ("user default" in result.file_after) is not changed


@pytest.mark.parametrize(("engine", "how"), [("redis 6.2.14", "restart"), ("redis 7.0.15", "CONFIG SET")])
def test_no_addresses_at_all_wait_for_a_restart_where_config_set_takes_none(engine, how):
    desired = DesiredState(Engine.parse(engine), {})
    found = build(
        desired, Observed(file="bind 127.0.0.1\n", live={"bind": "127.0.0.1"}, applied={"bind": ""}), "x", "x"
    )
    assert hows(found) == {"bind": how}


def test_a_class_of_clients_that_is_not_declared_any_more_takes_no_other_with_it():
    file, live = "normal 5mb 0 0 replica 4gb 2gb 30", "normal 5242880 0 0 slave 4294967296 2147483648 30 pubsub 1 1 1"
    result = plan(
        desire(hz=10),
        file=f"{LIMITS} {file}\n",
        live={LIMITS: live, "hz": "10"},
        contact=Contact.KEPT,
        applied={LIMITS: "normal 5242880 0 0"},
    )
    assert [result.argument(entry) for entry in result.live] == ["normal 0 0 0"]
    kind = known(LIMITS).kind_at(REDIS_7)
    assert ConfFile.parse(result.file_after).values(REDIS_7)[LIMITS] == kind.parse(FOUR)
    assert LIMITS not in result.applied()


LIMITS = "client-output-buffer-limit"
FOUR = "replica 4gb 2gb 30"


@pytest.mark.parametrize(
    ("contact", "file", "applied", "lines", "limits"),
    [
        pytest.param(Contact.KEPT, FOUR, None, [FOUR, "normal 5mb 0 0"], "normal 5mb 0 0", id="kept"),
        pytest.param(Contact.KEPT, f"normal 1 1 1 {FOUR}", None, [FOUR, "normal 5mb 0 0"], "normal 5mb 0 0", id="both"),
        pytest.param(Contact.KEPT, "often", None, ["normal 5mb 0 0"], "normal 5mb 0 0", id="unreadable"),
        pytest.param(
            Contact.KEPT,
            f"{FOUR} pubsub 1mb 1mb 1",
            FOUR,
            ["pubsub 1mb 1mb 1", "normal 5mb 0 0"],
            "normal 5mb 0 0 replica 256mb 64mb 60",
            id="declared by an earlier run",
        ),
        pytest.param(
            Contact.REPLACED, FOUR, None, ["normal 5mb 0 0"], "normal 5mb 0 0 replica 256mb 64mb 60", id="replaced"
        ),
        pytest.param(
            Contact.MANAGED, FOUR, FOUR, ["normal 5mb 0 0"], "normal 5mb 0 0 replica 256mb 64mb 60", id="withdrawn"
        ),
        pytest.param(
            Contact.MANAGED, "replica 256mb 64mb 60", None, ["normal 5mb 0 0"], "normal 5mb 0 0", id="the default"
        ),
    ],
)
def test_classes_of_clients_that_nobody_declares(contact, file, applied, lines, limits):
    """The next start has of them what the running server has: CONFIG SET takes each class for itself."""
    live = {LIMITS: "normal 0 0 0 slave 4294967296 2147483648 30 pubsub 33554432 8388608 60"}
    remembered = None if applied is None else {LIMITS: applied}
    desired = desire(**{LIMITS: "normal 5mb 0 0"})
    result = plan(desired, file=f"{LIMITS} {file}\n", live=live, contact=contact, applied=remembered)
    written = [line for line in result.file_after.splitlines() if line.startswith(LIMITS)]
    assert sorted(written) == sorted(f"{LIMITS} {line}" for line in lines)
    [entry] = result.live
    kind = entry.option.kind_at(REDIS_7)
    assert entry.want == kind.parse(limits)
    assert result.applied() == {LIMITS: kind.render(kind.parse("normal 5mb 0 0"))}
    again = plan(
        desired,
        file=result.file_after,
        live={LIMITS: f"{live[LIMITS]} {result.argument(entry)}"},
        contact=contact,
        applied=result.applied(),
    )
    assert not again.changed
    back = ConfFile.parse(result.way_back).values(REDIS_7)[LIMITS]
    assert result.way_back == f"{LIMITS} {file}\n" or back == kind.parse(live[LIMITS])


@pytest.mark.parametrize(("highest", "refused"), [(-1, False), (15, False), (16, True), (40, True)])
def test_fewer_databases_do_not_mix_keys(highest, refused):
    result = plan(desire(databases=16), live={"databases": "48"}, highest_database=highest)
    assert hows(result) == {"databases": "restart"}
    assert [f"database {highest} has keys" in problem.what for problem in result.problems] == [True] * refused


def test_the_way_back_has_what_runs_and_not_what_waits():
    live = {"databases": "8", "unixsocket": "", "maxmemory": "1048576"}
    wanted = desire(databases=32, maxmemory="2mb", unixsocket="/run/redis/s")
    result = plan(wanted, file="databases 8\nmaxmemory 1mb\n", live=live)
    running, back = (ConfFile.parse(text).values(REDIS_7) for text in (result.file_running, result.way_back))
    assert running == {"databases": 8, "maxmemory": 2 * 1024**2}
    assert back == {"databases": 8, "maxmemory": 1024**2}


@pytest.mark.parametrize(
    "waits", [{"unixsocket": "/proc/redis.sock"}, {"databases": 32, "unixsocket": "/run/redis/s"}, {"port": 6400}]
)
def test_the_way_back_of_a_file_of_ours_is_that_file(waits):
    """Declared values that are the defaults of Redis keep their lines."""
    ran = {"hz": 10, "databases": 16, "timeout": 0, "port": 6379, "maxmemory": "1mb", "appendonly": True}
    live = {"hz": "10", "databases": "16", "timeout": "0", "port": "6379", "maxmemory": "1048576", "appendonly": "yes"}
    file = plan(desire(**ran)).file_after
    result = plan(desire(**{**ran, **waits}), file=file, live={**live, "unixsocket": ""}, applied={"hz": "10"})
    kept = [line for line in file.splitlines() if line.partition(" ")[0] not in waits]
    assert [line for line in result.way_back.splitlines() if line.partition(" ")[0] not in waits] == kept
    assert ConfFile.parse(result.way_back).values(REDIS_7).get("unixsocket") is None


@pytest.mark.parametrize("contact", [Contact.KEPT, Contact.REPLACED, Contact.FIRST])
@pytest.mark.parametrize(
    ("live", "more", "itself"),
    [
        pytest.param({}, {}, True, id="as its file says"),
        pytest.param({"maxmemory": "5mb"}, {}, False, id="changed since"),
        pytest.param({}, {"replica_of": ("10.0.0.2", 6380)}, False, id="a replica since"),
        pytest.param({}, {"applied": {}}, False, id="a run was here"),
    ],
)
def test_the_way_back_of_a_first_contact_is_the_file_itself(contact, live, more, itself):
    """Where it says what runs; it is always what ran, never what the run has set by then."""
    file = "# mine\nmaxmemory 1mb\nsearch-threads 4\n"
    live = {"maxmemory": "1048576", "hz": "10", **live}
    result = plan(desire(maxmemory="2mb", hz=20), file=file, live=live, contact=contact, **more)
    assert (result.way_back == file) is itself
    back = ConfFile.parse(result.way_back)
    assert back.values(REDIS_7)["maxmemory"] == (5 if "5mb" in live.values() else 1) * 1024**2
    assert "hz" not in back.values(REDIS_7)
    assert ("search-threads" in result.way_back) is (contact is not Contact.REPLACED or "applied" not in more)


@pytest.mark.parametrize(
    ("file", "live", "replica_of", "expected"),
    [
        pytest.param("replicaof 10.0.0.1 6379\n", None, None, ["replicaof 10.0.0.1 6379"], id="stopped"),
        pytest.param("replicaof 10.0.0.1 6379\n", {}, None, [], id="promoted since"),
        pytest.param("", {}, ("10.0.0.2", 6380), ["replicaof 10.0.0.2 6380"], id="made a replica since"),
        pytest.param("slaveof 10.0.0.1 1\n", {}, ("10.0.0.2", 2), ["replicaof 10.0.0.2 2"], id="another primary"),
    ],
)
def test_the_server_says_whom_it_follows(file, live, replica_of, expected):
    after = plan(desire(hz=10), file=file, live=live, replica_of=replica_of).file_after
    assert [directive.text() for directive in ConfFile.parse(after).kept()] == expected


def test_a_replica_of_a_cluster_has_no_replicaof_line():
    desired = desire(cluster_enabled="yes")
    after = plan(desired, live={"cluster-enabled": "yes"}, replica_of=("10.0.0.2", 6379)).file_after
    assert "replicaof" not in after


def test_a_file_that_somebody_changed_is_written_whole_again():
    ours = plan(desire(hz=10)).file_after
    theirs = ours + "hz 20\n# mine\n"
    result = plan(desire(hz=10), file=theirs, live={"hz": "10"})
    assert result.file_changed
    assert result.file_after == ours
    assert not plan(desire(hz=10), file=ours, live={"hz": "10"}).changed


def test_without_a_file_only_the_running_server_is_managed():
    result = plan(desire(hz=20), manages_file=False, live={"hz": "10"})
    assert (result.file_before, result.file_after, result.file_changed) == (None, None, False)
    assert [entry.option.name for entry in result.live] == ["hz"]
    assert not any(entry.file_differs for entry in result.entries)


def test_a_file_with_open_quotes_is_told_and_not_replaced():
    with pytest.raises(Exception, match="line 1"):
        plan(desire(hz=10), file='requirepass "open\n')


def carried_out(result: Plan, observed: Observed) -> Observed:
    """What is found after the plan was carried out without a restart."""
    live = {**(observed.live or {}), **{entry.option.name: result.argument(entry) for entry in result.live}}
    return replace(
        observed, file=result.file_after, live=live if observed.live is not None else None, applied=result.applied()
    )


@quick
@given(st.sampled_from(ENGINES), st.data())
def test_a_plan_that_was_carried_out_leaves_nothing_to_do(engine, data):
    wanted, in_file, live, applied = (data.draw(typed_settings(engine)) for _ in range(4))
    secret = {option.name for option in catalog.OPTIONS if option.secret}
    in_file, live = ({n: v for n, v in part.items() if n not in secret - set(wanted)} for part in (in_file, live))
    desired = DesiredState.parse(wanted, engine, "here")
    file = render(DesiredState.parse(in_file, engine, "here"), "default", ConfFile.parse("user bob on >a\n").kept())
    running = data.draw(st.booleans())
    observed = Observed(
        file=data.draw(st.sampled_from([file, None])),
        live=live if running else None,
        applied=data.draw(st.sampled_from([applied, None])),
        open_files=data.draw(st.sampled_from([None, 1024, 2**20])),
        replica_of=data.draw(st.sampled_from([None, ("10.0.0.1", 6379)])) if running else None,
    )
    first = build(desired, observed, "default", "here")
    second = build(desired, carried_out(first, observed), "default", "here")
    assert not second.changed
    assert second.diff() == []
    assert second.live == []
    assert {entry.option.name for entry in second.pending_restart} <= set(hows(first))
    # of an option that CONFIG GET does not show, the file is all that anybody knows
    declared = {e.option.name for e in first.pending_restart if e.declared and e.option.readable_at(engine)}
    assert declared == {entry.option.name for entry in second.pending_restart}


def test_what_is_remembered_has_no_secrets_and_no_withdrawn_option():
    result = plan(desire(requirepass="hunter2", maxmemory="1gb"), file="hz 20\nrequirepass old\n")
    assert result.applied() == {"maxmemory": "1073741824"}


def test_a_withdrawn_option_is_remembered_as_long_as_it_owes_a_restart():
    first = plan(desire(), file="rdbchecksum no\n", live={"rdbchecksum": "no"})
    assert first.applied() == {"rdbchecksum": "yes"}
    second = plan(desire(), file=first.file_after, live={"rdbchecksum": "no"}, applied=first.applied())
    assert [entry.option.name for entry in second.pending_restart] == ["rdbchecksum"]
    third = plan(desire(), file=first.file_after, live={"rdbchecksum": "yes"}, applied=first.applied())
    assert (third.pending_restart, third.applied()) == ([], {})


# --- what people see --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "live", "typed", "before", "after"),
    [
        ("maxmemory", "0", "2gb", "0", "2gb"),
        ("save", "", "900 1 300 10", "(empty)", "900 1 300 10"),
        ("appendonly", "no", True, "no", "yes"),
        ("requirepass", "old", "hunter2", "********", "********"),
        ("requirepass", "", "hunter2", "(empty)", "********"),
        ("requirepass", "hunter2", "", "********", "(empty)"),
        ("hz", "often", 10, "often", "10"),
        ("logfile", "/old", "", "/old", "(empty)"),
        ("unixsocketperm", "700", "770", "700", "770"),
    ],
)
def test_values_as_people_read_them(name, live, typed, before, after):
    result = plan(desire(**{name: typed}), live={name: live})
    [entry] = result.entries
    assert (result.text(entry, entry.live), result.text(entry, entry.want)) == (before, after)
    assert result.text(entry, ABSENT) == "(not set)"
    assert result.text(entry, None) == "(default)"


def test_the_diff_shows_file_and_server_and_no_secret():
    file = "maxmemory 1gb\nrequirepass 0ldhunter2\nuser bob on >hunter2\n"
    live = {"maxmemory": "1073741824", "requirepass": "0ldhunter2"}
    diff = plan(desire(maxmemory="2gb", requirepass="hunter2"), file=file, live=live).diff()
    assert [part["before_header"] for part in diff] == ["configuration file", "running server"]
    assert "hunter2" not in str(diff)
    assert "maxmemory 1gb\n" in diff[0]["before"]
    assert "maxmemory 2gb\n" in diff[0]["after"]
    assert diff[1]["before"] == "requirepass ********\nmaxmemory 1gb\n"
    assert diff[1]["after"] == "requirepass ********\nmaxmemory 2gb\n"


def test_no_difference_has_no_diff():
    first = plan(desire(hz=10))
    assert first.diff()
    assert plan(desire(hz=10), file=first.file_after, live={"hz": "10"}).diff() == []


@pytest.mark.parametrize(("live", "switches"), [({"appendonly": "no"}, True), ({"appendonly": "yes"}, False)])
def test_switching_the_aof_on_is_seen(live, switches):
    assert plan(desire(appendonly=True), live=live).switches_aof_on is switches
    assert plan(desire(appendonly=False), live=live).switches_aof_on is False


def test_every_problem_is_told_at_once():
    text = refusal(
        desire(dir="/srv", dbfilename="b.rdb"),
        stored=True,
        live={"dir": "/var/lib/redis", "dbfilename": "a.rdb", "requirepass": "hunter2"},
    )
    assert len(text.splitlines()) == 3
