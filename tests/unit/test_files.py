"""A reader sees the old text or the new one, and nothing is read that is not a file."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base import files
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, FileRefused, told
from ansible.module_utils.redis_ops.base.files import FileSpec, write
from ansible.module_utils.redis_ops.base.owners import give


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("before", [None, "old\n"])
@pytest.mark.parametrize("bits", [0o600, 0o640, 0o644])
def test_write(before, bits, tmp_path):
    path = tmp_path / "sub" / "redis.conf" if before is None else tmp_path / "redis.conf"
    if before is not None:
        path.write_text(before)
        path.chmod(0o777)
    write(FileSpec(str(path), bits), "new\n")
    assert path.read_text() == "new\n"
    assert mode(path) == bits
    assert [entry.name for entry in path.parent.iterdir()] == ["redis.conf"]


def test_a_reader_keeps_the_old_file(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_text("old\n")
    with path.open() as reader:
        write(FileSpec(str(path)), "new\n")
        assert reader.read() == "old\n"
    assert path.read_text() == "new\n"


def test_a_symbolic_link_stays(tmp_path):
    real, link = tmp_path / "real" / "redis.conf", tmp_path / "redis.conf"
    real.parent.mkdir()
    real.write_text("old\n")
    link.symlink_to(real)
    write(FileSpec(str(link)), "new\n")
    assert link.is_symlink()
    assert real.read_text() == "new\n"


def test_bytes_that_are_no_text_survive(tmp_path):
    path = tmp_path / "redis.conf"
    path.write_bytes(b"requirepass caf\xe9\n")
    write(FileSpec(str(path)), path.read_text(errors="surrogateescape", encoding="utf-8"))
    assert path.read_bytes() == b"requirepass caf\xe9\n"


@pytest.mark.parametrize("name", ["fchmod", "fsync", "rename"])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else_and_names_it(tmp_path, monkeypatch, name):
    path = tmp_path / "redis.conf"
    path.write_text("old\n")

    def refuse(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, name, refuse)
    with pytest.raises(OSError, match="No space left") as caught:
        write(FileSpec(str(path)), "new\n")
    assert told(caught.value) == f"{path}: No space left on device"
    assert [entry.name for entry in tmp_path.iterdir()] == ["redis.conf"]
    assert path.read_text() == "old\n"


def test_a_new_file_has_its_owner_and_mode_before_it_has_a_text(tmp_path, monkeypatch):
    seen = []
    chmod = os.fchmod

    def look(descriptor, mode):
        found = os.fstat(descriptor)
        seen.append((found.st_size, found.st_mode & 0o077))
        chmod(descriptor, mode)

    monkeypatch.setattr(os, "fchmod", look)
    write(FileSpec(str(tmp_path / "secret"), 0o600), "hunter2")
    assert seen == [(0, 0)]


@pytest.mark.parametrize(("uid", "given"), [(0, [(7, 8)]), (1000, [])])
def test_only_root_gives_files_away(uid, given, tmp_path, monkeypatch):
    done = []
    monkeypatch.setattr(os, "fchown", lambda _, *who: done.append(who))
    monkeypatch.setattr(os, "geteuid", lambda: uid)
    descriptor = os.open(tmp_path, os.O_RDONLY)
    try:
        give(descriptor, 0o700, 7, 8)
        assert done == given
        give(descriptor, 0o700, None, None)
        assert done == given
    finally:
        os.close(descriptor)


@pytest.mark.parametrize(("owner", "group", "told_of"), [("nobody-here", None, "user"), (None, "nobody-here", "group")])
def test_a_user_who_does_not_exist_is_told(owner, group, told_of, tmp_path, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ApplyFailed, match=f"{told_of} nobody-here does not exist"):
        write(FileSpec(str(tmp_path / "f"), 0o600, owner, group), "text")
    assert list(tmp_path.iterdir()) == []


def test_a_link_to_no_file_is_replaced_itself(tmp_path):
    """As a masked file of systemd or sysctl.d is."""
    path = tmp_path / "99-redis.conf"
    for target in ("/dev/null", str(tmp_path)):
        path.symlink_to(target)
        write(FileSpec(str(path)), "text\n")
        assert path.read_text() == "text\n"
        assert not path.is_symlink()
        path.unlink()


def test_a_link_that_is_not_to_be_followed_is_replaced(tmp_path):
    (tmp_path / "real").write_text("kept")
    (tmp_path / "link").symlink_to("real")
    write(FileSpec(str(tmp_path / "link")), "new", follow=False)
    assert (tmp_path / "link").read_text() == "new"
    assert (tmp_path / "real").read_text() == "kept"


def test_a_directory_in_the_place_of_a_file_is_told(tmp_path):
    (tmp_path / "redis.conf").mkdir()
    for use in (lambda target: write(target, "x"), files.read):
        with pytest.raises(FileRefused, match=rf"{tmp_path}/redis.conf: (is )?a directory; expected a file"):
            use(FileSpec(str(tmp_path / "redis.conf")))


# --- reading ----------------------------------------------------------------------------------------------------------


def test_what_is_not_there_is_none(tmp_path):
    for path in ("no", "no/such/file"):
        assert files.read(FileSpec(str(tmp_path / path))) is None
        assert files.look(str(tmp_path / path)) is None
        assert files.tail(FileSpec(str(tmp_path / path)), 0) == ""
        assert not files.is_open(FileSpec(str(tmp_path / path)))
    (tmp_path / "file").write_text("x")
    assert files.read(FileSpec(str(tmp_path / "file" / "below"))) is None


def test_a_relative_path_is_one_from_where_we_are(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(FileSpec("sub/a"), "text")
    assert files.read(FileSpec("sub/../sub/a")) == "text"
    with pytest.raises(FileNotFoundError):
        write(FileSpec("none/../a"), "text")


@pytest.mark.parametrize(("size", "read"), [(10, True), (11, False)])
def test_a_large_file_is_refused(size, read, tmp_path):
    path = tmp_path / "f"
    path.write_text("x" * size)
    if read:
        assert files.read(FileSpec(str(path)), limit=10) == "x" * size
        return
    with pytest.raises(FileRefused, match=f"{path}: is too large; expected at most 10 bytes"):
        files.read(FileSpec(str(path)), limit=10)


def test_a_fifo_is_refused_at_once(tmp_path):
    os.mkfifo(tmp_path / "f")
    for read in (files.read, lambda target: files.tail(target, 0)):
        with pytest.raises(FileRefused, match="is no regular file"):
            read(FileSpec(str(tmp_path / "f")))


@pytest.mark.parametrize(
    ("start", "limit", "expected"), [(0, 100, "0123456789"), (4, 100, "456789"), (4, 3, "789"), (11, 100, "0123456789")]
)
def test_the_end_of_a_log(start, limit, expected, tmp_path):
    """From byte `start`; one that is shorter by now was rotated."""
    (tmp_path / "log").write_text("0123456789")
    assert files.tail(FileSpec(str(tmp_path / "log")), start, limit) == expected


def test_no_descriptor_is_left_open(tmp_path):
    def use():
        target = FileSpec(str(tmp_path / "a" / "b"))
        write(target, "x")
        files.read(target)
        files.is_open(target)
        files.sweep(target)
        files.tail(target, 0)
        with contextlib.suppress(FileRefused):
            files.read(FileSpec(str(tmp_path)))

    use()
    before = open_descriptors()
    use()
    assert open_descriptors() == before


# --- what a killed run left -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("link", [False, True])
def test_what_a_killed_run_left_behind_is_swept(link, tmp_path, monkeypatch):
    """Beside the file, and beside the one behind a link."""
    path = tmp_path / "redis.conf"
    (tmp_path / "real").mkdir()
    if link:
        path.symlink_to(tmp_path / "real" / "main.conf")
    kept = {
        tmp_path / name for name in (".other.conf.0123456789abcdef.draft", ".redis.conf.mine.draft", "redis.conf.draft")
    }
    for left in kept:
        left.write_text("not ours")
    with monkeypatch.context() as patch:
        patch.setattr(os, "rename", lambda *_, **__: os._exit(9))
        child = os.fork()
        if child == 0:
            write(FileSpec(str(path), 0o600), "hunter2")
        os.waitpid(child, 0)
    directory = tmp_path / "real" if link else tmp_path
    [draft] = set(directory.iterdir()) - kept - {tmp_path / "real", path}
    assert (draft.read_text(), mode(draft)) == ("hunter2", 0o600)
    (tmp_path / ".redis.conf.draft").write_text("of a version before this one")
    files.sweep(FileSpec(str(path)))
    files.sweep(FileSpec(str(path)))
    assert {*tmp_path.iterdir(), *(tmp_path / "real").iterdir()} - {path} == {*kept, tmp_path / "real"}


def test_a_draft_that_is_being_written_is_not_swept_by_another_writer(tmp_path, monkeypatch):
    """Reports on a control node have no lock."""
    draft = tmp_path / ".latest.json.0123456789abcdef.draft"
    draft.write_text("half")
    write(FileSpec(str(tmp_path / "latest.json")), "whole")
    assert draft.exists()
    monkeypatch.setattr(files, "UNFINISHED", 0)
    write(FileSpec(str(tmp_path / "latest.json")), "whole")
    assert not draft.exists()


# --- mode and owner ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("bits", "is_open"), [(0o640, False), (0o644, True), (0o600, True)])
def test_a_file_with_another_mode_is_open(bits, is_open, tmp_path):
    path = tmp_path / "redis.conf"
    assert not files.is_open(FileSpec(str(path), 0o640))
    path.touch()
    path.chmod(bits)
    assert files.is_open(FileSpec(str(path), 0o640)) is is_open


@pytest.mark.parametrize(("shift", "is_open"), [(0, False), (1, True)])
@pytest.mark.parametrize("part", ["owner", "group"])
def test_a_file_of_another_owner_is_open(part, shift, is_open, tmp_path, monkeypatch):
    path = tmp_path / "redis.conf"
    path.touch(0o640)
    path.chmod(0o640)
    found = path.stat()
    number = (found.st_uid if part == "owner" else found.st_gid) + shift
    monkeypatch.setattr(files.os, "geteuid", lambda: 0)
    assert files.is_open(FileSpec(str(path), 0o640, **{part: number})) is is_open
    assert not files.is_open(FileSpec(str(path), 0o640, **{part: "no-such-name"}))
