"""An instance gets another name: what may be declared, what stops it before anything is touched, and a run that is killed."""

from __future__ import annotations

import itertools
import json
import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import aside
from ansible.module_utils.redis_ops.apply import rename as work
from ansible.module_utils.redis_ops.apply.foresee import Outcome
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, InvalidInput
from ansible.module_utils.redis_ops.checks import preflight
from ansible.module_utils.redis_ops.model.conffile import HEADER_START
from ansible.module_utils.redis_ops.model.declaration import Declaration, problems
from ansible.module_utils.redis_ops.platform.debian import packages
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS, Layout
from ansible.module_utils.redis_ops.platform.sockets import Listener
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.server.persistence import Content
from ansible.module_utils.redis_ops.view import host, observe
from ansible.module_utils.redis_ops.view.host import HostView, Seen
from ansible.module_utils.redis_ops.view.instance import InstanceView
from ansible.module_utils.redis_ops.view.record import Record
from ansible.module_utils.redis_ops.view.strangers import Stranger
from killed import EFFECTS, killed_at
from placed import Placed, renamed, stopped

DATA = ("appendonlydir/appendonly.aof.1.base.rdb", "appendonlydir/appendonly.aof.manifest", "dump.rdb", "users.acl")
OLD = {"name": "old", "port": 7001}


@pytest.fixture
def here(tmp_path, monkeypatch):
    return stopped(tmp_path, monkeypatch)


def begin(here: Placed, name: str = "old", *lines: str, **record: Any) -> None:
    """An instance that a run of this project has made, and that does not run."""
    data = here.data(name)
    places = here.layout(name).settings(7001)
    text = "".join(f"{option} {value}\n" for option, value in places.items())
    here.config(name).write_text(f"{HEADER_START}\n{text}requirepass sesame\n" + "".join(f"{line}\n" for line in lines))
    for file in DATA:
        (data / file).parent.mkdir(parents=True, exist_ok=True)
        (data / file).write_text(f"{name} {file}")
    state = Path(here.layout(name).state)
    state.parent.mkdir(mode=0o700, exist_ok=True)
    state.write_text(json.dumps({"schema": 1, "settings": {"dir": str(data)}, "files": {}, **record}))
    Path(Record(str(state)).last_good_path).write_text("requirepass sesame\n")
    limits = Path(here.service(name).drop_in_path())
    limits.parent.mkdir(parents=True, exist_ok=True)
    limits.write_text("[Service]\n")


def look(here: Placed, *entries: dict[str, Any], **given: Any) -> list[Seen]:
    found = []
    wanted = here.declared(*entries, secrets={"requirepass": "sesame"}, **given)
    for one in wanted.resolved(here.engine):
        view = observe.look(wanted.instance(one))
        found.append(Seen(one, view, host._place(view)))
    return found


def view_of(here: Placed, old: str = "old", new: str = "new", **given: Any) -> tuple[InstanceView, Layout]:
    [seen] = look(here, renamed({**OLD, "name": old}, new), **given)
    assert seen.view.instance.successor is not None
    return seen.view, seen.view.instance.successor


def refused(here: Placed, *entries: dict[str, Any]) -> list[str]:
    """What preflight says of renamed_from and of data."""
    view = HostView(
        product=PRODUCTS["redis"], systemd=True, memory=0, open_files=0, somaxconn=0, instances=look(here, *entries)
    )
    found = [str(problem) for problem in preflight.problems(view, here.package)]
    return [line for line in found if "rename" in line or "would start empty" in line]


def everything(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def assert_renamed(here: Placed, old: str = "old", new: str = "new") -> None:
    data = here.data(new)
    assert {file: (data / file).read_text() for file in DATA} == {file: f"{old} {file}" for file in DATA}
    assert not [file for file in DATA if (here.data(old) / file).exists()]
    assert not here.config(old).exists()
    text = here.config(new).read_text()
    assert f"dir {data}\n" in text
    assert "requirepass" in text
    assert here.config(new).stat().st_mode & 0o777 == 0o640
    names = sorted(path.name for path in here.state.iterdir())
    assert names == [f"redis-{new}.conf", f"redis-{new}.json"]
    assert not Path(here.service(old).drop_in_path()).exists()
    assert here.service(old).at_boot is False


# --- what may be declared ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        pytest.param({"b": "a"}, {}, id="one"),
        pytest.param({"b": "a", "d": "c"}, {}, id="two"),
        pytest.param({"a": "b", "b": "a"}, {"a": "b", "b": "a"}, id="a swap"),
        pytest.param({"a": "b", "b": "c", "c": "a"}, {"a": "b", "b": "c", "c": "a"}, id="a ring of three"),
        pytest.param({"b": "a", "c": "b"}, {"c": "b"}, id="a chain"),
        pytest.param({"a": "b", "b": ""}, {"a": "b"}, id="a name that somebody has"),
        pytest.param({"b": "a", "c": "a"}, {"b": "a", "c": "a"}, id="two heirs"),
        pytest.param({"a": "a"}, {"a": "a"}, id="its own name"),
    ],
)
def test_which_names_may_be_given_up(names, wrong):
    """names: of an instance -> the one that it had. wrong: those of which a line says so."""
    entries = [{"name": name, **({"renamed_from": old} if old else {})} for name, old in names.items()]
    found = [str(problem) for problem in problems(Declaration(entries, {"guide": {}}, "guide"))]
    assert [line.partition(":")[0] for line in found] == [f"instance {name}" for name in wrong]
    for line, old in zip(found, wrong.values()):
        assert "renamed_from" in line
        assert old in line
        assert "; expected " in line
        assert "\n" not in line


def test_the_name_that_is_gone_is_no_reason_to_stop(here):
    """The inventory may keep renamed_from: the second run finds the new name."""
    begin(here, "new")
    [seen] = look(here, renamed(OLD, "new"))
    assert seen.view.instance.successor is None
    assert seen.view.instance.layout.instance == "new"
    assert refused(here, renamed(OLD, "new")) == []


def test_a_new_host_gets_the_instance_with_its_new_name(here):
    [seen] = look(here, renamed(OLD, "new"))
    assert seen.view.instance.layout.instance == "new"
    assert refused(here, renamed(OLD, "new")) == []


def test_a_name_typed_wrong_makes_no_empty_instance(here):
    begin(here, "cache")
    with pytest.raises(InvalidInput) as raised:
        look(here, renamed({"name": "cahce", "port": 7002}, "new"))
    assert str(raised.value) == (
        "instance new: renamed_from: this host has no record of an instance cahce; expected one of those that nobody declares "
        "any more: cache; correct it; adopt cahce under that name first if somebody else set it up; or remove renamed_from "
        "for a new and empty instance new"
    )


def test_other_instances_of_the_host_are_no_reason_to_stop(here):
    begin(here, "beside")
    assert refused(here, renamed(OLD, "new"), {"name": "beside", "port": 7002}) == []


def test_a_name_that_another_instance_of_ours_has_is_not_taken_over(here):
    for name in ("old", "new"):
        begin(here, name)
    [line] = refused(here, renamed(OLD, "new"))
    assert "instance new is there already" in line


def test_the_same_where_only_the_name_changes(here):
    """An instance of somebody else keeps its file and unit, and its record must not replace another one's."""
    places = {"config": str(here.config("old")), "service": "redis-own"}
    for name in ("old", "new"):
        begin(here, name)
    [line] = refused(here, renamed({**OLD, **places}, "new"))
    assert "instance new is there already" in line


def test_a_configuration_of_somebody_else_is_not_replaced(here):
    begin(here)
    here.config("new").write_text("port 7001\n")
    [line] = refused(here, renamed(OLD, "new"))
    assert f"{here.config('new')} is there already" in line


# --- an instance of which there is no record --------------------------------------------------------------------------


def told_of_old(here: Placed, strangers: tuple[Stranger, ...] = (), **more: Any) -> list[str]:
    view = host.look_before_change(here.declared(renamed({**OLD, **more}, "new")), here.package, somaxconn=0)
    return [str(one) for one in preflight.problems(replace(view, strangers=strangers), here.package)]


def somebody_s_file(here: Placed) -> str:
    here.config("old").write_text("port 7001\n")
    return f"{here.config('old')} is there"


def data_alone(here: Placed) -> str:
    here.data("old").mkdir(parents=True)
    (here.data("old") / "dump.rdb").write_text("REDIS" * 2000)
    return f"{here.data('old')}/dump.rdb (dump, 10000 bytes) is there"


def append_only_file_alone(here: Placed) -> str:
    parts = here.data("old") / "appendonlydir"
    parts.mkdir(parents=True)
    (parts / "appendonly.aof.1.incr.aof").write_text("x" * 500)
    (parts / "appendonly.aof.manifest").write_text("file appendonly.aof.1.incr.aof seq 1 type i\n")
    return f"{parts} (append-only file, 500 bytes) is there"


def somebody_s_unit(here: Placed) -> str:
    service = here.service("old")
    unit = replace(service.unit(), fragment=f"/etc/systemd/system/{service.name}.service")
    service.unit = lambda: unit
    return f"{service.name}.service is there"


def unit_with_another_file(here: Placed) -> str:
    service = here.service("old")
    unit = replace(service.unit(), command=("/usr/bin/redis-server", "/srv/other.conf"))
    service.unit = lambda: unit
    return f"{service.name}.service is there"


def file_that_is_none(here: Placed) -> str:
    here.config("old").mkdir()
    return "it could not be looked at: "


@pytest.mark.parametrize(
    "place",
    [
        somebody_s_file,
        data_alone,
        append_only_file_alone,
        somebody_s_unit,
        unit_with_another_file,
        file_that_is_none,
    ],
)
def test_what_is_there_of_an_instance_without_a_record_stops_the_run(here, place):
    there = place(here)
    [line] = [line for line in told_of_old(here) if "rename" in line]
    assert line.startswith(
        "instance new: renamed_from: no run has changed instance old so far, so that it can not be renamed"
    )
    assert there in line
    assert "adopt: keep" in line
    assert "\n" not in line


def test_on_a_host_that_has_nothing_of_it_the_instance_is_new(here):
    """Also beside servers whose names are others."""
    others = [Stranger("redis", "", Unit(name, loaded=True), None) for name in ("redis-older", "redis-cold", "old")]
    assert told_of_old(here, tuple(others)) == []


@pytest.mark.parametrize("unit", ["redis-old", "redis@old", "my-valkey_old"])
def test_a_unit_of_somebody_else_that_has_the_old_name(here, unit):
    [line] = told_of_old(here, (Stranger("redis", "", Unit(unit, loaded=True), None, config="/srv/x.conf"),))
    assert f"({unit}.service is there)" in line
    assert f"config: /srv/x.conf, service: {unit} and adopt: keep" in line


def test_what_the_package_brings_for_the_old_name_is_not_an_instance(here, monkeypatch):
    here.config("default").write_text("port 6379\n")
    monkeypatch.setattr(packages, "is_untouched", lambda *_: True)
    assert told_of_old(here, name="default") == []


def test_the_new_name_is_there_and_the_old_one_again(here):
    """The inventory may keep renamed_from when the name is given to another server later."""
    begin(here, "new")
    somebody_s_file(here)
    assert [line for line in told_of_old(here) if "rename" in line] == []


def test_its_own_file_and_unit_keep_their_data_under_every_name(here):
    somebody_s_file(here)
    places = {"config": str(here.config("old")), "service": here.service("old").name, "adopt": "keep"}
    assert [line for line in told_of_old(here, **places) if "rename" in line] == []


@pytest.mark.parametrize(("name", "told"), [("redis-server", False), ("nginx", True)])
def test_nobody_is_asked_to_stop_the_server_that_may_have_the_keys(here, monkeypatch, name, told):
    monkeypatch.setattr(host.sockets, "tcp_listener", lambda _: Listener(4711, name))
    lines = told_of_old(here)
    assert any("stop that process" in line for line in lines) is told
    assert any(f"port has {name} (pid 4711)" in line for line in lines) is not told


# --- carried out ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("old", "new"), [("old", "new"), ("default", "new"), ("old", "default")])
def test_everything_gets_the_new_name(here, old, new):
    begin(here, old)
    extra = here.data("default") / "other"
    extra.mkdir(parents=True, exist_ok=True)
    (extra / "dump.rdb").write_text("another instance's")
    if old == "default":
        (here.data(old) / "users.acl").unlink()  # no data of the server: it stays where it is
    assert work.rename(*view_of(here, old, new)) == Content()
    if old == "default":
        (here.data(new) / "users.acl").write_text("default users.acl")
    assert_renamed(here, old, new)
    assert (extra / "dump.rdb").read_text() == "another instance's"


def test_it_is_killed_at_every_effect_and_the_next_run_finishes(tmp_path, monkeypatch):
    """Between any two effects each file of the data is under one of the two names, and the next run goes on."""
    for number in itertools.count(1):
        with monkeypatch.context() as patch:
            here = stopped(tmp_path / str(number), patch)
            begin(here)
            view, new = view_of(here)
            ended = killed_at(number, lambda view=view, new=new: work.rename(view, new), EFFECTS)
            places = [here.data("old"), here.data("new")]
            for file in DATA:
                assert [(place / file).exists() for place in places].count(True) == 1, (number, file)
            assert refused(here, renamed(OLD, "new")) == [], number
            if not Record(new.state).exists():
                work.rename(*view_of(here))
            here.service("old").at_boot = False  # the child's is its own
            [seen] = look(here, renamed(OLD, "new"))
            aside.sweep_drafts(seen.view.instance)  # as the instance is brought to its desired state next
            assert_renamed(here)
        if ended:
            break
    assert number > 20


@pytest.mark.parametrize("declared", ["old", "third"])
def test_half_way_no_other_name_is_taken_and_nothing_starts_empty(here, declared):
    begin(here)
    view, new = view_of(here)
    Record(view.instance.state).note_renaming("new")
    for file in ("appendonlydir", "dump.rdb"):
        here.data("new").mkdir(exist_ok=True)
        (here.data("old") / file).rename(here.data("new") / file)
    entry = OLD if declared == "old" else renamed(OLD, "third")
    [line] = refused(here, entry)
    assert "an earlier run began to rename old to new" in line
    assert "renamed_from: old" in line
    assert refused(here, renamed(OLD, "new")) == []
    assert new.instance == "new"


def test_a_record_is_told_that_it_is_on_its_way(here):
    begin(here, origin="kept", tls={"file": "x"})
    record = Record(here.layout("old").state)
    record.note_renaming("new")
    assert record.renaming() == "new"
    assert (record.applied(), record.tls()) == ({"dir": str(here.data("old"))}, {"file": "x"})
    assert (here.state / "redis-old.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{", "[]", "7", '{"renaming": null}'])
def test_a_damaged_record_is_on_no_way(here, text):
    here.state.mkdir()
    (here.state / "redis-old.json").write_text(text)
    assert Record(here.layout("old").state).renaming() in ("", "None")


# --- before anything is touched ---------------------------------------------------------------------------------------


def untouched(here: Placed, view: InstanceView, new: Layout) -> str:
    before = everything(here.root)
    with pytest.raises(ApplyFailed) as raised:
        work.rename(view, new)
    assert everything(here.root) == before
    assert here.service("old").said == []
    assert "\n" not in str(raised.value)
    return str(raised.value)


@pytest.mark.parametrize("name", ["dump.rdb", "appendonlydir"])
def test_data_that_is_there_already(here, name):
    begin(here)
    (here.data("new") / name).mkdir(parents=True)
    assert f"{here.data('new')} has {name} already" in untouched(here, *view_of(here))


def test_data_that_is_there_already_while_the_instance_has_none(here):
    """It would load somebody else's keys under its own name."""
    begin(here)
    for path in sorted(here.data("old").rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    here.data("new").mkdir()
    (here.data("new") / "dump.rdb").write_text("somebody's")
    assert "has dump.rdb already" in untouched(here, *view_of(here))


def test_a_file_where_the_directory_is_going_to_be(here):
    begin(here)
    here.data("new").write_text("somebody's")
    assert untouched(here, *view_of(here)) == f"instance new: {here.data('new')}: Not a directory; nothing was changed"


def test_the_append_only_file_of_another_server_in_the_same_directory(here):
    """It would move away under a server that writes it."""
    begin(here)
    (here.data("old") / "appendonlydir" / "b.aof.manifest").write_text("of another server")
    said = untouched(here, *view_of(here))
    assert "appendonlydir also holds the append-only file of another server (b.aof.manifest); expected" in said


def test_another_file_system(here, monkeypatch):
    """It was found when the server was stopped already."""
    begin(here)
    monkeypatch.setattr(work.moves, "is_one_file_system", lambda *_: False)
    assert "is on another file system" in untouched(here, *view_of(here))


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("aclfile {data}/users.acl", "aclfile names a file in"),
        ("logfile {data}/appendonlydir/redis.log", "logfile names a file in"),
    ],
)
def test_a_setting_that_names_a_file_in_the_directory_that_moves(here, line, says):
    begin(here, "old", line.format(data=here.data("old")))
    assert says in untouched(here, *view_of(here))


def test_a_file_beside_the_data_of_the_default_instance_stays(here):
    begin(here, "default", f"aclfile {here.data('default')}/users.acl")
    work.rename(*view_of(here, "default"))
    assert (here.data("default") / "users.acl").exists()


def test_the_nodes_of_a_cluster_that_the_default_instance_is_none_of_stay(here):
    """Field: they were of another server in its directory."""
    begin(here, "default")
    (here.data("default") / "nodes.conf").write_text("of another server")
    work.rename(*view_of(here, "default"))
    assert (here.data("default") / "nodes.conf").exists()
    assert not (here.data("new") / "nodes.conf").exists()


def test_a_declared_directory_stays(here):
    begin(here)
    work.rename(*view_of(here, settings={"dir": str(here.data("old"))}))
    assert (here.data("old") / "dump.rdb").exists()
    assert f"dir {here.data('old')}\n" in here.config("new").read_text()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_an_error_half_way_is_one_line(here):
    begin(here)
    view, new = view_of(here)
    here.config("old").parent.chmod(0o500)
    with pytest.raises(ApplyFailed, match="half-way between its names"):
        work.rename(view, new)
    here.config("old").parent.chmod(0o700)
    work.rename(*view_of(here))
    assert_renamed(here)


def test_an_error_half_way_is_one_line_and_the_next_run_finishes(here, monkeypatch):
    begin(here)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device", "/etc/redis/redis-new.conf")

    with monkeypatch.context() as patch:
        patch.setattr(work, "write", full)
        with pytest.raises(ApplyFailed) as raised:
            work.rename(*view_of(here))
    assert "/etc/redis/redis-new.conf: No space left on device; the instance is stopped half-way" in str(raised.value)
    here.service("old").at_boot = True
    work.rename(*view_of(here))
    assert_renamed(here)


# --- an instance of somebody else, of which only the name changes ------------------------------------------------------


def test_only_what_this_host_remembers_gets_the_new_name(here):
    begin(here, "own")
    layout = here.layout("own")
    Path(Record(layout.state).mask_path).write_text("")
    before = everything(here.root / "etc")
    given = {"config": str(here.config("own")), "service": "redis-server@own"}
    [seen] = look(here, renamed({**OLD, **given, "name": "own"}, "new"))
    work.rename(seen.view, seen.view.instance.successor)
    assert sorted(path.name for path in here.state.iterdir()) == [
        f"redis-new.{end}" for end in ("conf", "json", "masked")
    ]
    assert everything(here.root / "etc") == before
    assert here.service("own").said == []


def test_a_link_of_root_s_goes_with_what_is_behind_it(here, tmp_path):
    """The file has the password."""
    begin(here)
    real = tmp_path / "real.conf"
    here.config("old").rename(real)
    here.config("old").symlink_to(real)
    work.rename(*view_of(here))
    assert_renamed(here)
    assert not real.exists()


# --- for people -------------------------------------------------------------------------------------------------------


def test_what_is_foreseen_has_the_new_names(here):
    begin(here)
    view, new = view_of(here)
    old = view.instance.layout
    outcome = Outcome(
        True,
        [f"write {old.config}", f"start {old.service}", f"write /etc/systemd/system/{old.service}.service.d/x.conf"],
        [{"before_header": old.config, "before": f"dir {here.data('old')}", "after": f"dir {here.data('old')}"}],
        [{"option": "(name of the instance)"}],
    )
    found = work.foresee_rename(view, outcome, new)
    assert found.actions == [
        "rename instance old to new, with its service, its files and its data",
        f"write {new.config}",
        f"write /etc/systemd/system/{new.service}.service.d/x.conf",
    ]
    assert found.diff[0]["before_header"] == new.config
    assert found.diff[0]["after"] == f"dir {here.data('new')}"
    assert (found.pending_restart, found.restarted) == ([], True)


def test_a_name_that_moves_nothing_says_so():
    product = PRODUCTS["redis"]
    old = Layout(product, "old", True, "/srv/my.conf", "redis-my")
    assert work.what(old, replace(old, instance="new")) == "rename instance old to new"
