"""The account that owns a directory wins nothing from root who works in it: every path is raced, 200 rounds each."""

from __future__ import annotations

import os

import pytest
from ansible.module_utils.redis_ops.base import change, files, trees
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.model.conffile import is_configuration
from hostile import ACCOUNT, CANARY, Arena, arena_fixture, as_root, told

__all__ = ["arena_fixture"]
pytestmark = as_root


def config_of(arena: Arena) -> FileSpec:
    return FileSpec(str(arena.place / "redis.conf"), 0o640, ACCOUNT, ACCOUNT, is_configuration)


# --- writing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("aim", ["shadow", "sub", "not-there"])
@pytest.mark.parametrize("way", ["write", "change", "put back"])
def test_a_draft_that_is_exchanged(arena, way, aim):
    """B1: chown and chmod by path gave the target of the link away, and its text was read."""
    target = config_of(arena)

    def work():
        if way == "write":
            return files.write(target, "maxmemory 1gb\n")
        with change.Change() as wanted:
            wanted.stage(target, "maxmemory 1gb\n")
            wanted.commit()
            return wanted.put_back() if way == "put back" else None

    def reset():
        arena.empty()
        arena.put(arena.place / "redis.conf", "maxmemory 2gb\n")

    said = arena.rounds(f"replace_drafts(place, victim + '/{aim}')", work, reset)
    assert said


@pytest.mark.parametrize("aim", ["main.conf", "sub"])
def test_a_file_that_is_exchanged_while_it_is_written(arena, aim):
    target = config_of(arena)

    def reset():
        arena.empty()
        arena.put(arena.place / "redis.conf", "maxmemory 2gb\n")

    def work():
        return files.read(target), files.is_open(target), files.write(target, "maxmemory 1gb\n"), files.sweep(target)

    reset()
    assert told(work).startswith("done"), "it does not even work without an attack"
    arena.rounds(f"swap(place + '/redis.conf', victim + '/{aim}')", work, reset)


def test_every_moment_of_a_change(arena):
    """Without chance: a link in the place of the file, and of what is being made, before each call of the system."""
    target = config_of(arena)

    def reset():
        arena.empty()
        arena.put(arena.place / "redis.conf", "maxmemory 2gb\n")

    def work():
        files.sweep(target)
        with change.Change() as wanted:
            wanted.stage(target, f"{files.read(target)}maxmemory 1gb\n")
            wanted.commit()
            return files.is_open(target), wanted.put_back(), files.write(target, "maxmemory 3gb\n")

    swaps = [(name, aim) for name in ("redis.conf", ".redis*") for aim in ("main.conf", "sub")]
    assert arena.moments(swaps, work, reset) > 200


# --- directories ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["cache", "cache/inner"])
@pytest.mark.parametrize(
    "move",
    [
        pytest.param("swap(place + '/cache', victim + '/sub')", id="a link has the name"),
        pytest.param("replace_directories(place, 'cache', victim + '/sub')", id="a link follows a new directory"),
    ],
)
def test_a_directory_that_is_made(arena, move, name):
    """B2: a directory of root's became redis'."""

    def work():
        return trees.make_directory(str(arena.place / name), 0o750, ACCOUNT, ACCOUNT)

    said = arena.rounds(move, work, arena.empty)
    assert said


def test_a_directory_of_roots_beside_it_is_not_given_away(arena):
    """The account can rename every directory in its own, also root's, which it cannot enter."""
    kept = arena.place / "kept"

    def reset():
        arena.empty()
        kept.mkdir(mode=0o700)
        (kept / "secret").write_text(CANARY)

    def work():
        try:
            return trees.make_directory(str(arena.place / "cache"), 0o750, ACCOUNT, ACCOUNT)
        finally:
            for path in arena.place.rglob("secret"):
                assert path.parent.stat().st_uid == 0, "a directory of root's was given away"

    move = """
for found in quiet(os.listdir, place) or ():
    if found == "cache" or found.startswith("."):
        quiet(os.rename, place + "/" + found, place + "/" + found + "-taken")
        quiet(os.rename, place + "/kept", place + "/" + found)
quiet(os.rename, place + "/cache", place + "/kept")
"""
    arena.rounds(move, work, reset)


def test_every_moment_of_a_new_directory(arena):
    def work():
        return trees.make_directory(str(arena.place / "cache" / "inner"), 0o750, ACCOUNT, ACCOUNT)

    assert arena.moments([("cache", "sub"), (".*", "sub"), ("cache", "main.conf")], work, arena.empty) > 100


def test_a_directory_belongs_to_the_account_and_those_above_it_to_root(arena):
    trees.make_directory(str(arena.place / "cache" / "inner"), 0o750, ACCOUNT, ACCOUNT)
    made, above = (arena.place / "cache" / "inner").stat(), (arena.place / "cache").stat()
    assert (made.st_mode & 0o7777, made.st_uid, made.st_gid) == (0o750, ACCOUNT, ACCOUNT)
    assert (above.st_mode & 0o777, above.st_uid, above.st_gid) == (0o755, 0, 0)
    assert [path.name for path in arena.place.iterdir()] == ["cache"]


# --- reading ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("read", [files.read, lambda target: files.tail(target, 0)], ids=["read", "tail"])
@pytest.mark.parametrize("move", ["swap(place + '/in/shadow', victim + '/shadow')", "swap(place + '/in', victim)"])
def test_a_file_that_is_read(arena, move, read):
    target = FileSpec(str(arena.own(arena.place / "in") / "shadow"), owner=ACCOUNT)
    arena.put(arena.place / "in" / "shadow", "mine\n")
    assert "mine" in told(lambda: read(target))
    arena.rounds(move, lambda: read(target), times=20)


@pytest.mark.parametrize("kind", ["link", "fifo", "directory", "hard link", "another's", "large"])
def test_what_is_not_read(arena, kind):
    """Without a race: what stays there is refused, in one line that names the path."""
    path = arena.place / "file"
    if kind == "link":
        arena.link(path, arena.victim / "shadow")
    elif kind == "fifo":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "hard link":
        os.link(arena.victim / "shadow", path)
    elif kind == "another's":
        path.write_text(CANARY)
        os.chown(path, ACCOUNT + 1, ACCOUNT + 1)
    else:
        arena.put(path, "x" * (files.LIMIT + 1))
    before = arena.untouched()
    for target in (FileSpec(str(path), owner=ACCOUNT), FileSpec(str(path))):
        said = told(lambda target=target: files.read(target))
        assert said.startswith(f"refused: {path}: "), said
        assert CANARY not in said
        assert "\n" not in said
    assert arena.untouched() == before
