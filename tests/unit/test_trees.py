"""Directories through their descriptors."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base import paths, trees
from ansible.module_utils.redis_ops.base.errors import FileRefused
from ansible.module_utils.redis_ops.base.paths import open_directory, reach
from killed import killed_at


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.fixture(params=[0o755, 0o777], ids=["mine", "others write it"])
def place(request, tmp_path):
    path = tmp_path / "place"
    path.mkdir()
    path.chmod(request.param)
    return path


# --- making -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "a/b/c"])
def test_a_directory_is_made_with_those_above_it(place, name):
    trees.make_directory(str(place / name), 0o2750)
    assert stat.S_IMODE((place / name).stat().st_mode) == 0o2750
    for above in (place / name).relative_to(place).parents[:-1]:
        assert stat.S_IMODE((place / above).stat().st_mode) == 0o755
    assert [path.name for path in place.iterdir()] == ["a"]


def test_one_that_is_there_stays_as_it_is(place):
    (place / "a").mkdir(mode=0o711)
    trees.make_directory(str(place / "a"), 0o750)
    assert stat.S_IMODE((place / "a").stat().st_mode) == 0o711


@pytest.mark.parametrize("name", ["file", "file/below"])
def test_a_file_in_its_place_is_told(place, name):
    (place / "file").write_text("x")
    with pytest.raises((FileRefused, OSError), match="file"):
        trees.make_directory(str(place / name), 0o750)
    assert (place / "file").read_text() == "x"
    assert [path.name for path in place.iterdir()] == ["file"]


@pytest.mark.parametrize("kind", ["file", "directory", "link"])
def test_what_appears_in_its_place_is_told_and_left_alone(place, kind, monkeypatch):
    rename = os.rename

    def appears(source, target, **named):
        if kind == "file":
            (place / "a").write_text("x")
        elif kind == "link":
            (place / "a").symlink_to(place)
        else:
            (place / "a" / "full").mkdir(parents=True)
        rename(source, target, **named)

    monkeypatch.setattr(os, "rename", appears)
    with pytest.raises(FileRefused, match=f"{place}/a: appeared while it was made"):
        trees.make_directory(str(place / "a"), 0o750)
    assert [path.name for path in place.iterdir()] == ["a"]


def test_what_a_killed_run_left_is_swept(place):
    left = place / ".a.0123456789abcdef.draft"
    (left / left.name).mkdir(parents=True)
    trees.make_directory(str(place / "a"), 0o750)
    assert [path.name for path in place.iterdir()] == ["a"]


def test_no_descriptor_is_left_open(place):
    before = open_descriptors()
    trees.make_directory(str(place / "a" / "b"), 0o750)
    (place / "f").write_text("x")
    with pytest.raises((FileRefused, OSError)):
        trees.make_directory(str(place / "f" / "b"), 0o750)
    with open_directory(str(place)) as directory:
        trees.remove(directory, "a")
    assert open_descriptors() == before


def test_killed_at_any_call_it_leaves_nothing_that_the_next_run_does_not_tidy(place):
    for call in range(1, 100):
        ended = killed_at(call, lambda: trees.make_directory(str(place / "a"), 0o750))
        trees.make_directory(str(place / "a"), 0o750)
        assert stat.S_IMODE((place / "a").stat().st_mode) == 0o750
        # where it was put in place already, nobody makes it again
        assert {path.name for path in place.iterdir()} <= {"a", *(path.name for path in place.glob(".a.*.draft"))}
        (place / "a").rmdir()
        trees.make_directory(str(place / "a"), 0o750)
        assert [path.name for path in place.iterdir()] == ["a"]
        (place / "a").rmdir()
        if ended:
            break
    assert call > 5


# --- removing ---------------------------------------------------------------------------------------------------------


def test_everything_below_goes_and_nothing_behind_a_link(place):
    (place / "kept").mkdir()
    (place / "kept" / "file").write_text("x")
    (place / "a" / "b").mkdir(parents=True)
    (place / "a" / "b" / "link").symlink_to(place / "kept")
    (place / "a" / "link").symlink_to(place / "kept" / "file")
    (place / "a" / "file").write_text("12345")
    (place / "a" / "b" / "file").write_text("123")
    with open_directory(str(place)) as directory:
        assert trees.size(directory, "a") == 8
        trees.remove(directory, "a")
        trees.remove(directory, "a")
        assert trees.size(directory, "a") == 0
    assert [path.name for path in place.iterdir()] == ["kept"]
    assert (place / "kept" / "file").read_text() == "x"


def test_a_tree_that_is_there_to_use_up_descriptors_is_refused(place):
    path = place
    for _ in range(trees.DEPTH + 2):
        path /= "d"
    path.mkdir(parents=True)
    with open_directory(str(place)) as directory, pytest.raises(FileRefused, match="directories deep"):
        trees.remove(directory, "d")


def test_empty_directories_go_and_others_stay(place):
    (place / "a" / "empty" / "empty").mkdir(parents=True)
    (place / "a" / "full").mkdir()
    (place / "a" / "full" / "file").write_text("x")
    with open_directory(str(place)) as directory:
        trees.remove_empty(directory, "a")
        trees.remove_empty(directory, "none")
    assert [path.name for path in (place / "a").iterdir()] == ["full"]


# --- walking ----------------------------------------------------------------------------------------------------------


def test_a_path_is_walked_as_the_kernel_walks_it(tmp_path):
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_text("x")
    (tmp_path / "up").symlink_to("a/../a/b")
    (tmp_path / "around").symlink_to(tmp_path / "up")
    for path in ("a/b/file", "a//./b/../b/file", "up/file", "around/file", "around/../b/file"):
        with reach(str(tmp_path / path)) as place:
            assert (place.directory.path, place.names, place.movers) == (str(tmp_path / "a" / "b"), ("file",), None)
    with reach("/../..") as place:
        assert (place.directory.path, place.names) == ("/", ())


def test_links_without_end_are_an_error(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OSError, match="Too many levels") as caught, reach(str(tmp_path / "a")):
        pass
    assert caught.value.filename == str(tmp_path / "a")


@pytest.mark.parametrize(
    ("mode", "sticky_parent", "shared"),
    [(0o755, False, False), (0o775, False, False), (0o777, False, True), (0o1777, False, True), (0o755, True, False)],
)
def test_who_else_can_change_what_a_name_stands_for(tmp_path, mode, sticky_parent, shared):
    """The running user's own group counts as him. In a sticky directory nobody moves what is mine."""
    parent = tmp_path / "parent"
    parent.mkdir()
    (parent / "place").mkdir()
    (parent / "place").chmod(mode)
    parent.chmod(0o1777 if sticky_parent else 0o755)
    with open_directory(str(parent / "place")) as directory:
        assert directory.shared is shared
    parent.chmod(0o777)
    with open_directory(str(parent / "place")) as directory:
        assert directory.shared


def test_a_directory_of_very_many_names_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(paths, "NAMES", 2)
    for name in "abc":
        (tmp_path / name).touch()
        if name == "b":
            with open_directory(str(tmp_path)) as directory:
                assert directory.names() == ["a", "b"]
    with open_directory(str(tmp_path)) as directory, pytest.raises(FileRefused, match="more than 2 names"):
        directory.names()


@pytest.mark.parametrize(("path", "error"), [("none", FileNotFoundError), ("file", NotADirectoryError)])
def test_what_is_no_directory(path, error, tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(error) as caught, open_directory(str(tmp_path / path)):
        pass
    assert caught.value.filename == str(tmp_path / path)
    assert not trees.is_directory(str(tmp_path / path))
