"""Files change together, and each goes back for itself."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.change import Change
from ansible.module_utils.redis_ops.base.files import FileSpec, sweep
from killed import killed_at


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def mode(path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(directory) -> set[str]:
    return {path.name for path in directory.iterdir()}


@pytest.fixture
def old(tmp_path):
    path = tmp_path / "old"
    path.write_text("1")
    path.chmod(0o604)
    return path


def test_nothing_is_in_force_before_the_commit_and_nothing_is_left_after_it(old, tmp_path):
    new = tmp_path / "sub" / "new"
    with Change() as change:
        change.stage(FileSpec(str(old), 0o600), "2")
        change.stage(FileSpec(str(new)), "2")
        assert old.read_text() == "1"
        assert not new.exists()
        change.commit()
        assert (old.read_text(), mode(old), new.read_text()) == ("2", 0o600, "2")
    assert (old.read_text(), new.read_text()) == ("2", "2")
    assert (names(tmp_path), names(new.parent)) == ({"old", "sub"}, {"new"})


@pytest.mark.parametrize("committed", [False, True])
def test_put_back_is_the_first_state(old, tmp_path, committed):
    """The very file: its text, its mode, its owner and its inode."""
    new, before = tmp_path / "new", old.stat()
    with Change() as change:
        for text in ("2", "3"):
            change.stage(FileSpec(str(old), 0o600), text)
            change.stage(FileSpec(str(new)), text)
            if committed:
                change.commit()
                assert (old.read_text(), new.read_text()) == (text, text)
        result = change.put_back()
        assert str(result) == "the files are as they were"
        assert not result.failed
        assert change.put_back().back == ()
    after = old.stat()
    assert (old.read_text(), after.st_ino, after.st_mode, after.st_nlink) == ("1", before.st_ino, before.st_mode, 1)
    assert names(tmp_path) == {"old"}


def test_a_file_that_cannot_be_put_back_keeps_no_other_from_it(old, tmp_path, monkeypatch):
    others = [tmp_path / name for name in ("a", "b")]
    for path in others:
        path.write_text("1")
    with Change() as change:
        for path in (others[0], old, others[1]):
            change.stage(FileSpec(str(path)), "2")
        change.commit()
        rename = os.rename

        def refuses(source, target, **named):
            if target == "old":
                raise OSError(errno.EPERM, "Operation not permitted")
            rename(source, target, **named)

        monkeypatch.setattr(os, "rename", refuses)
        result = change.put_back()
    assert [path.read_text() for path in others] == ["1", "1"]
    assert old.read_text() == "2"
    assert result.back == (str(others[0]), str(others[1]))
    [kept] = tmp_path.glob(".old.*.before")
    assert kept.read_text() == "1"
    assert str(result) == (
        f"{others[0]} is as it was; {others[1]} is as it was; not put back: {old}: Operation not permitted "
        f"(what it was is {kept})"
    )


@pytest.mark.parametrize("first", ["record", "old"])
def test_what_says_whose_a_file_is_stays_where_that_cannot_be_put_back(old, tmp_path, monkeypatch, first):
    record = tmp_path / "record"
    texts = {record: "theirs", old: "2"}
    with Change() as change:
        for path in sorted(texts, key=lambda path: path.name != first):
            change.stage(FileSpec(str(path)), texts[path])
        change.bind(str(record), str(old))
        change.commit()
        rename = os.rename

        def refuses(source, target, **named):
            if target == "old":
                raise OSError(errno.EPERM, "Operation not permitted")
            rename(source, target, **named)

        with monkeypatch.context() as patch:
            patch.setattr(os, "rename", refuses)
            assert len(change.put_back().failed) == 1
        assert record.read_text() == "theirs"


def test_the_last_file_goes_back_first(old, tmp_path, monkeypatch):
    """A run that is killed in between leaves what was written first."""
    record = tmp_path / "record"
    with Change() as change:
        change.stage(FileSpec(str(record)), "theirs")
        change.stage(FileSpec(str(old)), "2")
        change.commit()
        unlink, seen = os.unlink, []

        def counted(path, **named):
            seen.append((path, old.read_text()))
            unlink(path, **named)

        monkeypatch.setattr(os, "unlink", counted)
        change.put_back()
    assert ("record", "1") in seen


def test_a_new_file_that_somebody_replaced_meanwhile_is_his(tmp_path):
    new = tmp_path / "new"
    with Change() as change:
        change.stage(FileSpec(str(new)), "2")
        change.commit()
        new.unlink()
        new.write_text("somebody else's")
        change.put_back()
    assert new.read_text() == "somebody else's"


@pytest.mark.parametrize("there", [False, True])
@pytest.mark.parametrize("staged", [False, True])
def test_it_goes_back_to_what_it_is_told(tmp_path, there, staged):
    path = tmp_path / "redis.conf"
    if there:
        path.write_text("1")
    with Change() as change:
        if staged:
            change.stage(FileSpec(str(path)), "2")
            change.commit()
        change.goes_back_to(FileSpec(str(path), 0o600), "3")
        change.put_back()
    assert (path.read_text(), mode(path)) == ("3", 0o600)
    assert names(tmp_path) == {"redis.conf"}


def test_what_is_settled_stays(old, tmp_path):
    other = tmp_path / "other"
    with Change() as change:
        for path in (old, other):
            change.stage(FileSpec(str(path)), "2")
        change.commit()
        change.settle(str(old))
        change.settle("/never/heard/of")
        assert change.put_back().back == (str(other),)
    assert (old.read_text(), other.exists()) == ("2", False)
    assert names(tmp_path) == {"old"}


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EROFS])
@pytest.mark.parametrize("call", ["open", "link", "fsync"])
def test_what_fails_while_it_is_staged_has_changed_nothing(old, tmp_path, monkeypatch, call, error):
    real = getattr(os, call)

    def fails(*arguments, **named):
        if call != "open" or arguments[1] & os.O_CREAT:
            raise OSError(error, os.strerror(error))
        return real(*arguments, **named)

    with Change() as change:
        change.stage(FileSpec(str(tmp_path / "first")), "2")
        with monkeypatch.context() as patch:
            patch.setattr(os, call, fails)
            with pytest.raises(OSError, match=os.strerror(error)) as caught:
                change.stage(FileSpec(str(old)), "2")
        assert caught.value.filename == str(old)
    assert (old.read_text(), names(tmp_path)) == ("1", {"old"})


def test_an_error_leaves_no_draft(old, tmp_path):
    def fails():
        with Change() as change:
            change.stage(FileSpec(str(old)), "2")
            raise KeyError

    with pytest.raises(KeyError):
        fails()
    assert (old.read_text(), names(tmp_path)) == ("1", {"old"})


def test_a_draft_that_cannot_be_put_in_place_goes_away(old, tmp_path, monkeypatch):
    """It may hold passwords."""

    def refuses(*_, **__):
        raise OSError(errno.EIO, "Input/output error")

    with Change() as change:
        change.stage(FileSpec(str(old)), "2")
        monkeypatch.setattr(os, "rename", refuses)
        with pytest.raises(OSError, match="Input/output error"):
            change.commit()
        assert change.put_back().failed == ()
    assert (old.read_text(), names(tmp_path)) == ("1", {"old"})


def test_killed_at_any_call_each_file_is_old_or_new_and_the_next_run_sweeps_the_rest(old, tmp_path):
    new = tmp_path / "new"

    def run():
        with Change() as change:
            change.stage(FileSpec(str(old)), "2")
            change.stage(FileSpec(str(new)), "2")
            change.commit()

    for call in range(1, 200):
        ended = killed_at(call, run)
        texts = old.read_text(), new.read_text() if new.exists() else None
        assert texts in [("1", None), ("2", None), ("2", "2")]
        for path in (old, new):
            sweep(FileSpec(str(path)))
        assert names(tmp_path) - {"new"} == {"old"}
        old.write_text("1")
        new.unlink(missing_ok=True)
        if ended:
            break
    assert call > 20


def test_a_symbolic_link_stays(old, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(old)
    with Change() as change:
        change.stage(FileSpec(str(link)), "2")
        change.commit()
        assert (link.is_symlink(), old.read_text()) == (True, "2")
        change.put_back()
    assert (link.is_symlink(), old.read_text()) == (True, "1")


def test_no_descriptor_is_left_open(old, tmp_path):
    before = open_descriptors()
    with Change() as change:
        change.stage(FileSpec(str(old)), "2")
        change.stage(FileSpec(str(tmp_path / "a" / "b")), "2")
        change.commit()
        change.put_back()
    assert open_descriptors() == before
