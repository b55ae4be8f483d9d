"""Instances removed for good: which, what goes, and that no data goes without a typed confirmation."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import removal
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, InvalidInput
from ansible.module_utils.redis_ops.model.conffile import HEADER_START
from ansible.module_utils.redis_ops.platform.places import identity
from ansible.module_utils.redis_ops.platform.processes import Process
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.view import neighbours
from ansible.module_utils.redis_ops.view.record import Record
from ansible.module_utils.redis_ops.view.strangers import Stranger
from killed import EFFECTS, killed_at
from placed import HOST, Placed, stopped

CACHE = {"name": "cache", "port": 7001}
PASSWORD = "sesame-of-removal"


@pytest.fixture
def here(tmp_path, monkeypatch):
    return stopped(tmp_path, monkeypatch)


def begin(here: Placed, name: str = "cache", product: str = "redis", **record: Any) -> None:
    """An instance that a run of this project has made, and that does not run."""
    layout = here.layout(name, product)
    config = Path(record.get("config", layout.config))
    data = Path(layout.settings(0)["dir"])
    data.mkdir(parents=True, exist_ok=True)
    (data / "dump.rdb").write_text("REDIS" * 2000)
    config.parent.mkdir(parents=True, exist_ok=True)
    config.write_text(f"{HEADER_START}\nport 7001\ndir {data}\nrequirepass {PASSWORD}\n")
    Path(f"{config}.20260101T000000Z.before-ansible").write_text(f"requirepass {PASSWORD}-first\n")
    state = Path(layout.state)
    state.parent.mkdir(mode=0o700, exist_ok=True)
    state.write_text(json.dumps({"schema": 1, "settings": {"dir": str(data)}, "files": {}, **record}))
    Path(Record(str(state)).last_good_path).write_text(f"requirepass {PASSWORD}\n")
    limits = Path(here._service(record.get("service", layout.service)).drop_in_path())
    limits.parent.mkdir(parents=True, exist_ok=True)
    limits.write_text("[Service]\n")


def has_the_password(root: Path) -> list[str]:
    files = [path for path in root.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(str(path.relative_to(root)) for path in files if PASSWORD in path.read_text())


def everything(root: Path) -> dict[str, str]:
    return {str(path.relative_to(root)): path.read_text() for path in sorted(root.rglob("*")) if path.is_file()}


def refused(here: Placed, *names: str, **given: Any) -> str:
    """Why nothing is removed, and that nothing was."""
    before, said = everything(here.root), [list(service.said) for service in here.services.values()]
    with pytest.raises(InvalidInput) as raised:
        here.remove(*names, **given)
    assert everything(here.root) == before
    assert [service.said for service in here.services.values()][: len(said)] == said
    for line in str(raised.value).splitlines():
        assert "; expected " in line
    return str(raised.value)


# --- one instance -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entries", [(), (CACHE,)], ids=["no longer declared", "still declared"])
@pytest.mark.parametrize("name", ["cache", "default"])
def test_everything_goes_but_the_data(here, name, entries):
    begin(here, name)
    begin(here, "stays")
    entries = [{**entry, "name": name, "secrets": {"requirepass": PASSWORD}} for entry in entries]
    result = here.remove(name, entries=entries)
    [one] = result["removed"]
    data = here.data(name)
    assert one["left"] == [str(data / "dump.rdb") if name == "default" else str(data)]
    assert (data / "dump.rdb").stat().st_size == 10_000
    gone = [here.config(name), Path(here.service(name).drop_in_path()), Path(here.layout(name).state)]
    assert [path for path in gone if path.exists()] == []
    assert all("stays" in path for path in has_the_password(here.root))
    assert len(has_the_password(here.root)) == 3
    assert here.service(name).said == ["withdraw"]
    assert here.service("stays").said == []
    assert result["changed"] is True
    assert refused(here, name).startswith(f"instance {name}: is none that this project manages on this host")


def test_check_mode_tells_the_same_and_touches_nothing(here):
    begin(here)
    before = everything(here.root)
    foreseen = here.remove("cache", data=[f"{HOST}/cache"], check=True)
    assert everything(here.root) == before
    assert here.service("cache").said == []
    assert foreseen == here.remove("cache", data=[f"{HOST}/cache"])


def test_what_a_killed_run_left_goes_as_well(here):
    """A draft of the configuration has the password."""
    begin(here)
    draft = here.config("cache").with_name(f".{here.config('cache').name}.0123456789abcdef.draft")
    draft.write_text(f"requirepass {PASSWORD}\n")
    here.remove("cache")
    assert has_the_password(here.root) == []


def test_a_link_of_root_s_goes_with_what_is_behind_it(here, tmp_path):
    begin(here)
    real = tmp_path / "real.conf"
    here.config("cache").rename(real)
    here.config("cache").symlink_to(real)
    here.remove("cache")
    assert has_the_password(here.root) == []
    assert not here.config("cache").is_symlink()


def test_a_server_that_is_kept_keeps_its_file(here):
    """It is somebody else's."""
    begin(here, origin="kept")
    here.remove("cache")
    assert here.config("cache").exists()
    assert not Path(here.layout("cache").state).exists()


def test_a_place_of_its_own_is_found_when_nobody_declares_it_any_more(here):
    """Field: the instance is taken out of the inventory first, and its file is not where the package has it."""
    config = here.root / "srv/own.conf"
    begin(here, "own", config=str(config), service="redis-own")
    here.remove("own")
    assert not config.exists()
    assert here.services["redis-own"].said == ["withdraw"]
    assert not Path(here.services["redis-own"].drop_in_path()).exists()
    assert has_the_password(here.root) == []


def test_what_a_first_start_that_failed_left(here):
    """No record, but a mask that would stay on the unit for ever. The file is the package's own again."""
    here.state.mkdir()
    (here.state / "redis-cache.masked").write_text("")
    here.config("cache").write_text("port 6379\n")
    [one] = here.remove("cache")["removed"]
    assert one["actions"][:2] == ["unmask redis-server@cache", "disable redis-server@cache at boot"]
    assert here.service("cache").said == ["prepare", "withdraw"]
    assert list(here.state.iterdir()) == []
    assert here.config("cache").read_text() == "port 6379\n"


@pytest.mark.parametrize("names", [["cahce"], ["cache", "cahce"], ["all", "cahce"], [""]])
def test_a_name_that_nobody_has_removes_nothing(here, names):
    begin(here)
    assert "is none that this project manages on this host; expected one of these: cache" in refused(here, *names)


def test_a_server_of_somebody_else_is_theirs(here):
    here.config("cache").write_text("port 7001\n")
    assert "a server that somebody else set up is theirs" in refused(here, "cache", entries=[CACHE])


def test_no_name_is_no_change(here):
    begin(here)
    assert here.remove() == {"changed": False, "removed": [], "actions": []}


# --- data -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cache", "default"])
def test_data_goes_with_the_typed_confirmation(here, name):
    begin(here, name)
    other = here.data("default") / "other"
    other.mkdir()
    (other / "dump.rdb").write_text("another instance's")
    (here.data("default") / "note.txt").write_text("a person's")
    [one] = here.remove(name, data=[f"{HOST}/{name}"])["removed"]
    assert one["left"] == []
    assert not (here.data(name) / "dump.rdb").exists()
    assert (other / "dump.rdb").read_text() == "another instance's"
    assert (here.data("default") / "note.txt").read_text() == "a person's"


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ("cache", "is no confirmation"),
        ("/cache", "is no confirmation"),
        ("", "is no confirmation"),
        ("all", "is no confirmation"),
        ("true", "is no confirmation"),
        (f"{HOST}/", "is no instance that this run removes"),
        (f"{HOST}/cahce", "is no instance that this run removes"),
        (f"{HOST}/all", "is no instance that this run removes"),
        (f"{HOST}/other", "is no instance that this run removes"),
        (f"{HOST}/cache ", "is no instance that this run removes"),
        (f"{HOST}/CACHE", "is no instance that this run removes"),
    ],
)
@pytest.mark.parametrize("names", [("cache",), ("all",)])
def test_a_wrong_confirmation_removes_nothing_at_all(here, names, typed, says):
    """Ignored, it would leave data that somebody believes is gone."""
    begin(here)
    line = refused(here, *names, data=[typed])
    assert line.startswith(f"redis_server_remove_data: {typed}: {says}; expected HOST/INSTANCE, of {HOST}/cache")


def test_a_confirmation_for_another_host_deletes_nothing_here(here):
    """One command may remove an instance of several hosts, with the data of one."""
    begin(here)
    [one] = here.remove("cache", data=["web2/cache"])["removed"]
    assert one["left"] == [str(here.data("cache"))]
    assert (here.data("cache") / "dump.rdb").exists()


def test_a_directory_that_holds_other_things_loses_only_the_data(here):
    begin(here)
    shared = here.root / "srv/shared"
    shared.mkdir(parents=True)
    (shared / "dump.rdb").write_text("x" * 9000)
    (shared / "letters").write_text("a person's")
    here.config("cache").write_text(f"{HEADER_START}\nport 7001\ndir {shared}\n")
    here.remove("cache", data=[f"{HOST}/cache"])
    assert [path.name for path in shared.iterdir()] == ["letters"]


def test_the_append_only_file_of_another_server_in_the_same_directory_stays(here):
    begin(here)
    parts = here.root / "srv/shared/appendonlydir"
    parts.mkdir(parents=True)
    theirs = ["b.aof.1.base.rdb", "b.aof.1.incr.aof", "b.aof.manifest"]
    for name in (*theirs, *(name.replace("b.aof", "a.aof") for name in theirs)):
        (parts / name).write_text("x" * 9000)
    here.config("cache").write_text(f"{HEADER_START}\nport 7001\ndir {parts.parent}\nappendfilename a.aof\n")
    here.remove("cache", data=[f"{HOST}/cache"])
    assert sorted(path.name for path in parts.iterdir()) == theirs


# --- a directory that others use as well -------------------------------------------------------------------------------


def in_one_directory(here: Placed, *others: str) -> Path:
    """The instance 'cache' and others in one directory, each with a dump of its own."""
    shared = here.root / "srv/shared"
    shared.mkdir(parents=True)
    for name in ("cache", *others):
        begin(here, name)
        (shared / f"{name}.rdb").write_text("x" * 9000)
        here.config(name).write_text(f"{HEADER_START}\nport 7001\ndir {shared}\ndbfilename {name}.rdb\n")
    return shared


def test_another_instance_with_the_same_directory_stops_the_deletion(here):
    shared = in_one_directory(here, "beside")
    line = refused(here, "cache", data=[f"{HOST}/cache"])
    assert line.startswith(
        f"redis_server_remove_data: {HOST}/cache: {shared} has the data of instance beside, as well;"
    )
    here.remove("cache")
    assert (shared / "cache.rdb").exists()


def test_both_go_with_their_data(here):
    shared = in_one_directory(here, "beside")
    assert "instance beside" in refused(here, "cache", "beside", data=[f"{HOST}/cache"])
    here.remove("cache", "beside", data=[f"{HOST}/cache", f"{HOST}/beside"])
    assert list(shared.iterdir()) == []


def test_a_declared_instance_that_no_run_has_changed_counts(here):
    shared = in_one_directory(here)
    here.config("kept").write_text(f"port 7002\ndir {shared}\ndbfilename kept.rdb\n")
    kept = {"name": "kept", "port": 7002, "adopt": "keep"}
    assert "instance kept" in refused(here, "cache", data=[f"{HOST}/cache"], entries=[kept])


def test_an_instance_that_can_not_be_looked_at(here):
    """Its directory may be the same one, unless that has the name of the one that goes."""
    in_one_directory(here, "beside")
    here.config("beside").unlink()
    here.config("beside").mkdir()
    line = refused(here, "cache", data=[f"{HOST}/cache"])
    assert "whether instance beside has its data in" in line
    assert "could not be determined" in line
    here.config("cache").write_text(f"{HEADER_START}\nport 7001\ndir {here.data('cache')}\n")
    assert here.remove("cache", data=[f"{HOST}/cache"])["removed"][0]["left"] == []


@pytest.mark.parametrize("below", ["", "/sub"])
def test_a_unit_of_somebody_else_that_uses_the_directory_through_a_link(here, monkeypatch, below):
    begin(here)
    (here.data("cache") / "sub").mkdir()
    link = here.root / "link"
    link.symlink_to(here.data("cache"))
    directory = f"{link}{below}"
    theirs = Stranger("redis", "", Unit("redis-shop"), None, directory=directory, place=identity(directory))
    monkeypatch.setattr(neighbours.strangers, "of_units", lambda: [theirs])
    assert "has the data of redis-shop.service, as well" in refused(here, "cache", data=[f"{HOST}/cache"])


@pytest.mark.parametrize(("pid", "stops"), [(0, True), (4711, False)], ids=["stopped", "its process tells"])
def test_a_unit_whose_directory_can_not_be_told(here, monkeypatch, pid, stops):
    in_one_directory(here)
    theirs = Stranger("redis", "", Unit("redis-shop", pid=pid), None)
    monkeypatch.setattr(neighbours.strangers, "of_units", lambda: [theirs])
    if stops:
        line = refused(here, "cache", data=[f"{HOST}/cache"])
        assert "whether redis-shop.service has its data in" in line
        assert "could not be determined" in line
    else:
        here.remove("cache", data=[f"{HOST}/cache"])


def test_a_server_in_a_container_that_has_the_directory(here, monkeypatch):
    """Its path is another one there."""
    begin(here)
    place = identity(str(here.data("cache")))
    process = Process(4711, "", "redis", "/usr/bin/redis-server", "/data", (), (), 0, contained=True, place=place)
    monkeypatch.setattr(neighbours.processes, "all_servers", lambda: [process])
    assert "has the data of process 4711, which runs, as well" in refused(here, "cache", data=[f"{HOST}/cache"])


@pytest.mark.parametrize(
    ("line", "goes"), [("", False), ("cluster-enabled no\n", False), ("cluster-enabled yes\n", True)]
)
def test_only_a_cluster_node_has_a_file_of_nodes(here, line, goes):
    shared = in_one_directory(here)
    for name in ("nodes.conf", "other.rdb", "other.aof"):
        (shared / name).write_text("x" * 9000)
    with here.config("cache").open("a") as file:
        file.write(line)
    here.remove("cache", data=[f"{HOST}/cache"])
    assert sorted(path.name for path in shared.iterdir()) == [*["nodes.conf"][goes:], "other.aof", "other.rdb"]


def test_where_nothing_says_where_the_data_is_nothing_is_deleted(here):
    """A relative name would be one in the root directory."""
    begin(here)
    here.config("cache").unlink()
    Path(here.layout("cache").state).write_text("{}")
    [one] = here.remove("cache", data=[f"{HOST}/cache"])["removed"]
    assert not [action for action in one["actions"] if action.startswith("delete")]


def test_it_is_killed_at_every_effect_and_the_next_run_finishes(tmp_path, monkeypatch):
    """The data of the confirmation goes, too: the file that says where it is must not go before it."""
    data = [f"{HOST}/cache"]
    for number in itertools.count(1):
        with monkeypatch.context() as patch:
            here = stopped(tmp_path / str(number), patch)
            begin(here)
            elsewhere = here.root / "srv/data"
            elsewhere.mkdir(parents=True)
            (elsewhere / "dump.rdb").write_text("x" * 9000)
            text = here.config("cache").read_text()
            here.config("cache").write_text(text.replace(f"dir {here.data('cache')}", f"dir {elsewhere}"))
            ended = killed_at(number, lambda here=here: here.remove("cache", data=data), EFFECTS)
            if Path(here.layout("cache").state).exists():
                here.remove("cache", data=data)
            assert has_the_password(here.root) == [], number
            assert list(elsewhere.iterdir()) == [], number
        if ended:
            break
    assert number > 5


def test_a_step_that_fails_says_what_was_done(here, monkeypatch):
    begin(here)

    def denied(_: object) -> None:
        raise PermissionError(1, "Operation not permitted", str(here.config("cache")))

    monkeypatch.setattr(removal.moves, "remove_with_link", denied)
    with pytest.raises(ApplyFailed) as raised:
        here.remove("cache")
    line = str(raised.value)
    assert line.startswith(
        f"instance cache: remove {here.config('cache')}: {here.config('cache')}: Operation not permitted"
    )
    assert "done before: disable redis-server@cache at boot" in line
    assert line.endswith("run it again")
    assert Path(here.layout("cache").state).exists()


def test_an_instance_that_fails_does_not_hide_what_was_removed_before(here, monkeypatch):
    begin(here)
    begin(here, "queue")
    kept = str(here.config("queue"))
    remove = removal.moves.remove_with_link

    def denied(target: Any) -> None:
        if str(getattr(target, "path", target)) == kept:
            raise PermissionError(1, "Operation not permitted", kept)
        remove(target)

    monkeypatch.setattr(removal.moves, "remove_with_link", denied)
    with pytest.raises(ApplyFailed) as raised:
        here.remove("cache", "queue")
    assert str(raised.value).startswith("instance queue: ")
    assert str(raised.value).endswith("\nremoved before that: instance cache")


# --- everything -------------------------------------------------------------------------------------------------------


def test_all_of_a_host(here):
    for name in ("cache", "default", "queue"):
        begin(here, name)
    begin(here, "cache", "valkey")
    for name in ("redis", "valkey"):
        path = here.root / f"etc/apt/ansible-{name}"
        path.parent.mkdir(exist_ok=True)
        path.write_text("Pin: version x\n")
    (here.state / "aside").mkdir()
    (here.state / "aside" / "unit").write_text("x")
    foreseen = here.remove("all", check=True)
    result = here.remove("all")
    assert result == foreseen
    assert [one["instance"] for one in result["removed"]] == ["cache", "default", "queue", "cache"]
    assert result["actions"][-1] == f"remove {here.state}"
    assert has_the_password(here.root) == []
    assert not here.state.exists()
    assert list((here.root / "etc/apt").iterdir()) == []
    assert len(list((here.root / "var/lib").rglob("dump.rdb"))) == 4


def test_a_second_time_changes_nothing(here):
    """The run itself makes the directory again, for its lock."""
    begin(here)
    here.remove("all")
    here.state.mkdir()
    (here.state / "lock").write_text("")
    assert here.remove("all") == {"changed": False, "removed": [], "actions": []}
    assert not here.state.exists()


def test_an_instance_with_that_name_is_not_everything(here):
    for name in ("all", "cache"):
        begin(here, name)
    assert "is every instance, and also the name of one: all, cache" in refused(here, "all")


def test_two_instances_of_one_name_lose_no_data_for_one_confirmation(here):
    begin(here)
    begin(here, "cache", "valkey")
    assert "means two instances" in refused(here, "all", data=[f"{HOST}/cache"])
    here.remove("cache", data=[f"{HOST}/cache"])
    assert [str(path.relative_to(here.root)) for path in here.root.rglob("dump.rdb")] == [
        "var/lib/valkey/cache/dump.rdb"
    ]


def test_nothing_goes_when_one_of_them_can_not_be_looked_at(here):
    for name in ("cache", "queue"):
        begin(here, name)
    here.config("queue").write_text('requirepass "\n')
    before = everything(here.root)
    with pytest.raises(Exception, match=r"redis-queue\.conf"):
        here.remove("all")
    assert everything(here.root) == before
