"""Files moved and removed by name, in directories that another user can change meanwhile."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base import moves
from ansible.module_utils.redis_ops.base.errors import FileRefused
from ansible.module_utils.redis_ops.base.files import FileSpec

ACCOUNT = 12345  # stands for the account of the server, which owns its directories
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of two users")


@pytest.fixture(params=["root's", "the account's"])
def place(request, tmp_path):
    """A directory, of root or of the server's account."""
    path = tmp_path / "place"
    path.mkdir()
    if request.param == "the account's":
        if os.geteuid() != 0:
            pytest.skip("only root can make files of two users")
        os.chown(path, ACCOUNT, ACCOUNT)
    return path


@pytest.fixture
def precious(tmp_path):
    """Something of root's elsewhere."""
    path = tmp_path / "precious"
    path.mkdir()
    (path / "shadow").write_text("root's")
    return path


def its_link(path: Path, target: Path) -> Path:
    """A link that the server's account has made."""
    path.symlink_to(target)
    os.lchown(path, ACCOUNT, ACCOUNT)
    return path


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# --- removing ---------------------------------------------------------------------------------------------------------


def test_a_file_is_removed_once(place):
    (place / "a").write_text("x")
    assert moves.is_there(str(place / "a"))
    assert moves.remove_file(str(place / "a")) is True
    assert not moves.is_there(str(place / "a"))
    assert moves.remove_file(str(place / "a")) is False


@pytest.mark.parametrize("name", ["missing", "missing/below/it"])
def test_nothing_is_removed_where_nothing_is(place, name):
    assert not moves.is_there(str(place / name))
    assert moves.remove_file(str(place / name)) is False
    assert list(place.iterdir()) == []


def test_a_directory_is_not_removed_for_a_file(place):
    (place / "a").mkdir()
    (place / "a" / "b").write_text("x")
    assert moves.remove_file(str(place / "a")) is False
    assert (place / "a" / "b").read_text() == "x"


def test_a_file_on_the_way_is_no_directory(place):
    (place / "a").write_text("x")
    assert not moves.is_there(str(place / "a" / "b"))
    assert moves.remove_file(str(place / "a" / "b")) is False
    assert (place / "a").read_text() == "x"


@pytest.mark.parametrize("to", ["shadow", "."])
def test_a_link_goes_and_its_target_stays(place, precious, to):
    (place / "a").symlink_to(precious / to)
    assert moves.remove_file(str(place / "a")) is True
    assert not (place / "a").is_symlink()
    assert (precious / "shadow").read_text() == "root's"


@needs_root
@pytest.mark.parametrize(
    "call", [moves.remove_file, moves.is_there, moves.names_in, lambda path: moves.rename(path, "b")]
)
def test_a_directory_swapped_for_a_link_of_the_account_is_refused(tmp_path, precious, call):
    its_link(tmp_path / "swapped", precious)
    with pytest.raises(FileRefused, match="a symbolic link that belongs to 12345") as refused:
        call(str(tmp_path / "swapped" / "shadow"))
    assert "\n" not in str(refused.value)
    assert (precious / "shadow").read_text() == "root's"


@needs_root
def test_a_link_of_the_account_at_the_end_goes_alone(place, precious):
    its_link(place / "a", precious / "shadow")
    assert moves.remove_file(str(place / "a")) is True
    assert (precious / "shadow").read_text() == "root's"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may do everything")
def test_what_may_not_be_removed_is_named(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_text("x")
    (tmp_path / "a").chmod(0o500)
    with pytest.raises(PermissionError) as refused:
        moves.remove_file(str(tmp_path / "a" / "b"))
    assert refused.value.filename == str(tmp_path / "a" / "b")
    (tmp_path / "a").chmod(0o700)


@pytest.mark.parametrize(
    ("call", "system"),
    [
        (lambda path: moves.remove_file(str(path / "a")), "unlink"),
        (lambda path: moves.rename(str(path / "a"), "b"), "rename"),
        (lambda path: moves.move(["a"], str(path), str(path.parent / "other")), "rename"),
    ],
    ids=["remove", "rename", "move"],
)
def test_an_error_of_the_system_names_the_path(place, monkeypatch, call, system):
    (place / "a").write_text("x")
    (place.parent / "other").mkdir()

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", "a")

    monkeypatch.setattr(os, system, denied)
    before = open_descriptors()
    with pytest.raises(PermissionError) as refused:
        call(place)
    assert refused.value.filename == str(place / "a")
    assert open_descriptors() == before


# --- a file that this project wrote, perhaps behind a link ------------------------------------------------------------


def test_a_file_goes_with_the_link_of_root_s_that_leads_to_it(tmp_path):
    """The password is in the file, wherever it lies."""
    (tmp_path / "real.conf").write_text("requirepass x")
    (tmp_path / "link.conf").symlink_to("real.conf")
    assert moves.remove_with_link(FileSpec(str(tmp_path / "link.conf"))) is True
    assert list(tmp_path.iterdir()) == []
    assert moves.remove_with_link(FileSpec(str(tmp_path / "link.conf"))) is False


@pytest.mark.parametrize("to", ["missing", "missing/x", "directory", "/dev/null"])
def test_a_link_to_no_file_goes_alone(tmp_path, to):
    (tmp_path / "directory").mkdir()
    (tmp_path / "link.conf").symlink_to(to)
    moves.remove_with_link(FileSpec(str(tmp_path / "link.conf")))
    assert [path.name for path in tmp_path.iterdir()] == ["directory"]
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@needs_root
def test_a_link_of_the_account_s_takes_nothing_with_it(place, precious):
    its_link(place / "redis.conf", precious / "shadow")
    with pytest.raises(FileRefused, match="belongs to 12345"):
        moves.remove_with_link(FileSpec(str(place / "redis.conf"), owner=ACCOUNT))
    assert (precious / "shadow").read_text() == "root's"


@needs_root
def test_a_link_of_root_s_that_was_moved_takes_nothing_of_root_s_with_it(tmp_path, precious):
    """Whoever can write a directory can rename a link of root's into it."""
    place = tmp_path / "the account's"
    place.mkdir()
    (place / "redis.conf").symlink_to(precious / "shadow")
    os.chown(place, ACCOUNT, ACCOUNT)
    with pytest.raises(FileRefused, match="another user can have moved"):
        moves.remove_with_link(FileSpec(str(place / "redis.conf"), owner=ACCOUNT))
    assert (precious / "shadow").read_text() == "root's"


# --- moving -----------------------------------------------------------------------------------------------------------


def test_files_and_directories_move_whole(place, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (place / "dump.rdb").write_bytes(b"\0REDIS")
    (place / "appendonlydir").mkdir()
    (place / "appendonlydir" / "x.aof").write_text("x")
    (place / "stays").write_text("y")
    (place / "link").symlink_to("/etc/passwd")
    inode = (place / "dump.rdb").stat().st_ino
    moves.move(["dump.rdb", "appendonlydir", "link"], str(place), str(target))
    assert sorted(path.name for path in target.iterdir()) == ["appendonlydir", "dump.rdb", "link"]
    assert (target / "dump.rdb").stat().st_ino == inode
    assert (target / "appendonlydir" / "x.aof").read_text() == "x"
    assert (target / "link").is_symlink(), "a link is moved, never what it leads to"
    assert [path.name for path in place.iterdir()] == ["stays"]


def test_nothing_is_moved_over_something(place, tmp_path):
    target = tmp_path / "target"
    target.mkdir()
    (place / "dump.rdb").write_text("mine")
    (target / "dump.rdb").write_text("theirs")
    with pytest.raises(FileExistsError) as refused:
        moves.move(["dump.rdb"], str(place), str(target))
    assert refused.value.filename == str(target / "dump.rdb")
    assert ((place / "dump.rdb").read_text(), (target / "dump.rdb").read_text()) == ("mine", "theirs")


@pytest.mark.parametrize("missing", ["source", "target", "name"])
def test_what_is_missing_is_named(tmp_path, missing):
    source, target = tmp_path / "source", tmp_path / "target"
    for path in (source, target):
        if path.name != missing:
            path.mkdir()
    if missing == "target":
        (source / "a").write_text("x")
    with pytest.raises(FileNotFoundError) as refused:
        moves.move(["a"], str(source), str(target))
    expected = {"source": source, "target": target, "name": source / "a"}[missing]
    assert refused.value.filename == str(expected)
    assert missing != "target" or (source / "a").read_text() == "x"


def test_a_file_is_no_directory_to_move_to(place, tmp_path):
    (place / "a").write_text("x")
    (tmp_path / "file").write_text("y")
    with pytest.raises(NotADirectoryError):
        moves.move(["a"], str(place), str(tmp_path / "file"))
    assert ((place / "a").read_text(), (tmp_path / "file").read_text()) == ("x", "y")


@needs_root
@pytest.mark.parametrize("swapped", ["source", "target"])
def test_a_directory_that_was_swapped_for_a_link_moves_nothing(tmp_path, precious, swapped):
    """The account could have root move its files over root's, or root's into its reach."""
    other = tmp_path / "other"
    other.mkdir()
    (other / "shadow").write_text("the account's")
    its_link(tmp_path / "link", precious)
    source, target = (tmp_path / "link", other) if swapped == "source" else (other, tmp_path / "link")
    with pytest.raises(FileRefused, match="belongs to 12345"):
        moves.move(["shadow"], str(source), str(target), ACCOUNT)
    assert (precious / "shadow").read_text() == "root's"
    assert (other / "shadow").read_text() == "the account's"


def test_one_file_system_is_told_from_two(tmp_path):
    (tmp_path / "a").mkdir()
    assert moves.is_one_file_system(str(tmp_path / "a"), str(tmp_path / "b" / "not there yet"))
    assert not moves.is_one_file_system(str(tmp_path / "a"), "/proc/self")


# --- another name -----------------------------------------------------------------------------------------------------


def test_a_file_gets_another_name(place):
    (place / "a").write_text("x")
    moves.rename(str(place / "a"), "b")
    assert [path.name for path in place.iterdir()] == ["b"]
    moves.rename(str(place / "a"), "b")  # by a run before this one
    assert (place / "b").read_text() == "x"


def test_a_name_that_is_taken_stays_whose_it_is(place):
    for name in "ab":
        (place / name).write_text(name)
    with pytest.raises(FileExistsError) as refused:
        moves.rename(str(place / "a"), "b")
    assert refused.value.filename == str(place / "b")
    assert (place / "b").read_text() == "b"


def test_the_other_name_of_a_link_is_a_link(place, precious):
    (place / "a").symlink_to(precious / "shadow")
    moves.rename(str(place / "a"), "b")
    assert (place / "b").is_symlink()
    assert (precious / "shadow").read_text() == "root's"


# --- what is in a directory -------------------------------------------------------------------------------------------


def test_names_are_sorted_and_none_where_nothing_is(place):
    for name in ("b", "a", ".c"):
        (place / name).write_text("x")
    assert moves.names_in(str(place)) == [".c", "a", "b"]
    assert moves.names_in(str(place / "missing" / "below")) == []


def test_a_file_has_no_names(place):
    (place / "a").write_text("x")
    with pytest.raises(NotADirectoryError) as refused:
        moves.names_in(str(place / "a"))
    assert refused.value.filename == str(place / "a")


def test_a_link_that_leads_nowhere_is_there(tmp_path):
    """What is to be made there would be made elsewhere."""
    (tmp_path / "link").symlink_to(tmp_path / "none")
    assert moves.is_there(str(tmp_path / "link"))
    assert not moves.is_there(str(tmp_path / "none"))
    assert not moves.is_there(str(tmp_path / "none" / "x"))
