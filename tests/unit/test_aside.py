"""Data that is set aside, and the copies of a configuration that somebody else wrote, also of a killed run."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.apply import aside
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view.instance import Instance, record_of

STAMP = "20261127T013634Z"
KEY = "7736c4d0b05b91c5"


def test_data_is_renamed_in_its_place(tmp_path: Path):
    (tmp_path / "dump.rdb").write_text("keys")
    moved = Path(aside.set_aside(str(tmp_path / "dump.rdb"), None))
    assert (moved.parent, moved.read_text()) == (tmp_path, "keys")
    assert not (tmp_path / "dump.rdb").exists()


def test_a_file_of_the_same_name_further_up_is_never_set_aside(tmp_path: Path):
    (tmp_path / "dump.rdb").write_text("of another server")
    with pytest.raises(FileNotFoundError):
        aside.set_aside(str(tmp_path / "gone/dump.rdb"), None)
    assert (tmp_path / "dump.rdb").read_text() == "of another server"


@pytest.mark.parametrize("name", ["a.aof", "appendonly.aof", "b.aof.1", "x*y", "old.aof"])
@pytest.mark.parametrize("manifest", [True, False])
def test_of_a_directory_that_servers_share_only_the_own_files_are_set_aside(tmp_path: Path, name: str, manifest: bool):
    """The other server went on writing to files that its next start did not find."""
    directory = tmp_path / "appendonlydir"
    directory.mkdir()
    of = "{0}.2.base.rdb", "{0}.3.incr.aof", "{0}.1.incr.aof", "temp-{0}.manifest", "{0}.manifest"
    own = {part.format(name) for part in of}
    theirs = {part.format("b.aof") for part in of} | {f"{name}.note", "note", f"x{name}.1.incr.aof"}
    for part in own | theirs:
        (directory / part).write_text(part)
    if manifest:
        (directory / f"{name}.manifest").write_text(f"file {name} seq 1 type b\nfile {name}.3.incr.aof seq 3 type i\n")
        (directory / name).write_text("taken over from Redis 6")
        own |= {name}
    else:
        (directory / f"{name}.manifest").unlink()
        own -= {f"{name}.manifest"}
    store = Store.of({"dir": str(tmp_path), "appendfilename": name}, Engine.parse("redis 7.0.15"))
    moved = Path(aside.set_parts_aside(store, None))
    assert moved.parent == tmp_path
    assert (moved.stat().st_mode, moved.stat().st_uid) == (directory.stat().st_mode, directory.stat().st_uid)
    assert {path.name for path in moved.iterdir()} == own
    assert {path.name for path in directory.iterdir()} == theirs
    assert all((directory / part).read_text() == part for part in theirs)


def test_a_run_that_was_killed_on_the_way_leaves_nothing_that_a_start_loads(tmp_path: Path, monkeypatch):
    """A manifest without its files keeps a server from starting, and half of the files are loaded for the whole."""
    directory = tmp_path / "appendonlydir"
    directory.mkdir()
    names = ["appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof", "appendonly.aof.manifest"]
    for name in names:
        (directory / name).write_text("file appendonly.aof.1.base.rdb seq 1 type b\n")
    store = Store.of({"dir": str(tmp_path)}, Engine.parse("redis 7.0.15"))

    def killed(source: str, *_: object, **__: object) -> None:
        if source == "appendonly.aof.1.base.rdb":
            raise KeyboardInterrupt
        rename(source, *_, **__)

    rename = os.rename
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", killed)
        with pytest.raises(KeyboardInterrupt):
            aside.set_parts_aside(store, None)
    assert not (directory / "appendonly.aof.manifest").exists()
    aside.set_parts_aside(store, None)
    assert list(directory.iterdir()) == []
    assert sorted(path.name for path in tmp_path.rglob("appendonly.aof.*")) == names


def test_other_files_in_the_directory_are_no_concern_of_the_copies(tmp_path: Path):
    config = FileSpec(str(tmp_path / "redis.conf"))
    (tmp_path / "redis.conf").write_text("port 1\n")
    (tmp_path / "loop").symlink_to("loop")
    kept = aside.keep_copy(config, "port 1\n")
    assert kept is not None
    (tmp_path / f"redis.conf.0.{aside.MARK}").symlink_to(kept)
    assert aside.copies(config) == [kept]
    assert aside.keep_copy(config, "port 1\n") == kept


def test_the_draft_of_a_copy_that_a_killed_run_left_is_removed(tmp_path):
    """It has the secrets of the file; found by benchmarks/kills.py."""
    config = FileSpec(str(tmp_path / "redis.conf"))
    stays = [
        "redis.conf",
        f"redis.conf.{STAMP}.before-ansible",
        f".other.conf.{STAMP}.before-ansible.{KEY}.draft",
        ".draft",
    ]
    for name in (*stays, f".redis.conf.{STAMP}.before-ansible.{KEY}.draft"):
        (tmp_path / name).write_text("requirepass hunter2\n")
    instance = Instance("a", "instance a", {}, config=config)
    assert aside.has_drafts(instance)
    aside.sweep_drafts(instance)
    assert {path.name for path in tmp_path.iterdir()} == set(stays)
    assert not aside.has_drafts(instance)
    nowhere = replace(instance, config=FileSpec(str(tmp_path / "nowhere" / "redis.conf")))
    assert not aside.has_drafts(nowhere)
    aside.sweep_drafts(nowhere)


@pytest.mark.parametrize("name", ["redis.conf", "applied.json", "applied.json.last-good", "limits.conf"])
def test_what_a_killed_run_left_of_any_file_of_an_instance_is_known_and_removed(tmp_path, name):
    service = SimpleNamespace(drop_in_path=lambda: str(tmp_path / "limits.conf"))
    config, state = FileSpec(str(tmp_path / "redis.conf")), str(tmp_path / "applied.json")
    instance = Instance("a", "instance a", {}, config=config, state=state, service=service)
    name = Path(record_of(instance).last_good_path).name if name.endswith("last-good") else name
    draft = tmp_path / f".{name}.{KEY}.draft"
    draft.write_text("requirepass hunter2\n")
    assert aside.has_drafts(instance)
    if os.geteuid() == 0:
        os.chown(draft, 65534, 65534)
        assert not aside.has_drafts(instance), "what somebody else made is not ours to remove"
        os.chown(draft, 0, 0)
    aside.sweep_drafts(instance)
    assert not draft.exists()
    assert not aside.has_drafts(instance)


def test_the_draft_of_a_unit_file_is_none_that_was_moved_away(tmp_path, monkeypatch):
    monkeypatch.setattr(aside, "ASIDE", str(tmp_path))
    there = tmp_path / "redis-server" / STAMP / "etc/systemd/system"
    there.mkdir(parents=True)
    for name in ("redis.service", f".redis.service.{KEY}.draft"):
        (there / name).write_text("[Service]\n")
    assert aside.moved_away("redis-server") == {"/etc/systemd/system/redis.service": str(there / "redis.service")}
