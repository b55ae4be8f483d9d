"""A reader sees the old text or the new one, and what was there can be put back."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base import files
from ansible.module_utils.redis_ops.base.files import Target, Undo, give, write


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("before", [None, "old\n"])
@pytest.mark.parametrize("bits", [0o600, 0o640, 0o644])
def test_write(before, bits, tmp_path):
    path = tmp_path / "sub" / "redis.conf" if before is None else tmp_path / "redis.conf"
    if before is not None:
        path.write_text(before)
        path.chmod(0o777)
    write(Target(str(path), bits), "new\n")
    assert path.read_text() == "new\n"
    assert mode(path) == bits
    assert [entry.name for entry in path.parent.iterdir()] == ["redis.conf"]


def test_a_reader_keeps_the_old_file(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text("old\n")
    with path.open() as reader:
        write(Target(str(path)), "new\n")
        assert reader.read() == "old\n"
    assert path.read_text() == "new\n"


def test_a_symbolic_link_stays(tmp_path):
    real, link = tmp_path / "real" / "redis.conf", tmp_path / "redis.conf"
    real.parent.mkdir()
    real.write_text("old\n")
    link.symlink_to(real)
    write(Target(str(link)), "new\n")
    assert link.is_symlink()
    assert real.read_text() == "new\n"


def test_bytes_that_are_no_text_survive(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_bytes(b"requirepass caf\xe9\n")
    write(Target(str(path)), path.read_text(errors="surrogateescape", encoding="utf-8"))
    assert path.read_bytes() == b"requirepass caf\xe9\n"


def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "redis.conf"
    path.write_text("old\n")

    def refuse(_):
        raise PermissionError

    monkeypatch.setattr(files, "give", refuse)
    with pytest.raises(PermissionError):
        write(Target(str(path)), "new\n")
    assert [entry.name for entry in tmp_path.iterdir()] == ["redis.conf"]
    assert path.read_text() == "old\n"


def test_a_new_file_is_never_readable_by_others_before_its_mode_is_set(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(files, "give", lambda target: seen.append(Path(target.path).stat().st_mode & 0o077))
    write(Target(str(tmp_path / "secret"), 0o600), "hunter2")
    assert seen == [0]


@pytest.mark.parametrize(("uid", "calls"), [(0, [{"user": "redis"}, {"group": "adm"}]), (1000, [])])
def test_only_root_gives_files_away(uid, calls, tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(files.os, "geteuid", lambda: uid)
    monkeypatch.setattr(files.shutil, "chown", lambda _, **who: done.append(who))
    path = tmp_path / "f"
    path.touch()
    give(Target(str(path), 0o600, "redis", "adm"))
    assert done == calls
    give(Target(str(path), 0o600))
    assert done == calls


def test_undo_puts_the_first_state_back(tmp_path):
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("1")
    undo = Undo()
    for text in ("2", "3"):
        undo.write(Target(str(old)), text)
        undo.write(Target(str(new)), text)
    assert (old.read_text(), new.read_text()) == ("3", "3")
    undo.put_back()
    assert old.read_text() == "1"
    assert not new.exists()
    undo.put_back()
    assert old.read_text() == "1"


def test_undo_goes_back_to_what_it_is_told(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text("1")
    undo = Undo()
    undo.write(Target(str(path)), "2")
    undo.goes_back_to(Target(str(path), 0o600), "3")
    undo.put_back()
    assert (path.read_text(), mode(path)) == ("3", 0o600)


def test_a_draft_is_secret_and_goes_away(tmp_path):
    def use(draft):
        assert (draft.read_text(), mode(draft), draft.parent) == ("hunter2", 0o600, tmp_path)
        raise KeyError

    with pytest.raises(KeyError), files.draft(tmp_path / "redis.conf", "hunter2") as draft:
        use(draft)
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_left_behind_is_overwritten_or_swept(tmp_path):
    path = tmp_path / "redis.conf"
    with files.draft(path, "hunter2") as draft:
        left = draft
    left.write_text("left behind")
    left.chmod(0o444)
    write(Target(str(path)), "new")
    assert [entry.name for entry in tmp_path.iterdir()] == ["redis.conf"]
    left.write_text("left behind")
    files.sweep(str(path))
    files.sweep(str(path))
    assert [entry.name for entry in tmp_path.iterdir()] == ["redis.conf"]


@pytest.mark.parametrize(("bits", "is_open"), [(0o640, False), (0o644, True), (0o600, True)])
def test_a_file_with_another_mode_is_open(bits, is_open, tmp_path):
    path = tmp_path / "redis.conf"
    assert not files.is_open(Target(str(path), 0o640))
    path.touch()
    path.chmod(bits)
    assert files.is_open(Target(str(path), 0o640)) is is_open


@pytest.mark.parametrize(("shift", "is_open"), [(0, False), (1, True)])
@pytest.mark.parametrize("part", ["owner", "group"])
def test_a_file_of_another_owner_is_open(part, shift, is_open, tmp_path, monkeypatch):
    path = tmp_path / "redis.conf"
    path.touch(0o640)
    path.chmod(0o640)
    found = path.stat()
    number = (found.st_uid if part == "owner" else found.st_gid) + shift
    monkeypatch.setattr(files.os, "geteuid", lambda: 0)
    assert files.is_open(Target(str(path), 0o640, **{part: number})) is is_open
    assert not files.is_open(Target(str(path), 0o640, **{part: "no-such-name"}))


def test_undo_of_nothing_does_nothing():
    Undo().put_back()


def test_undo_puts_the_mode_back(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text("requirepass hunter2\n")
    path.chmod(0o600)
    undo = Undo()
    undo.write(Target(str(path), 0o644), "hz 10\n")
    undo.put_back()
    assert path.read_text() == "requirepass hunter2\n"
    assert mode(path) == 0o600
