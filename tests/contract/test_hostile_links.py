"""Which links of an ordinary hand-made server are followed, and which of them another account can have put there."""

from __future__ import annotations

import os

import pytest
from ansible.module_utils.redis_ops.base import files, trees
from ansible.module_utils.redis_ops.base.change import Change
from ansible.module_utils.redis_ops.base.errors import FileRefused
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.base.paths import open_directory
from ansible.module_utils.redis_ops.model.conffile import is_configuration
from hostile import ACCOUNT, CANARY, arena_fixture, as_root, told

__all__ = ["arena_fixture"]
pytestmark = as_root

OTHER = ACCOUNT + 1
CONFIG = "# by hand\nmaxmemory 1gb\nbind 127.0.0.1\nno-such-option 1\n"


@pytest.fixture
def config(arena) -> FileSpec:
    """redis.conf in a directory of the account's, as Debian has it."""
    return FileSpec(str(arena.place / "redis.conf"), 0o640, ACCOUNT, ACCOUNT, is_configuration)


def replaced(config: FileSpec) -> bool:
    """Whether it can be read, written and put back."""
    before = files.read(config)
    with Change() as change:
        change.stage(config, "maxmemory 2gb\n")
        change.commit()
        assert files.read(config) == "maxmemory 2gb\n"
        assert not change.put_back().failed
    assert files.read(config) == before
    files.write(config, "maxmemory 2gb\n")
    return files.read(config) == "maxmemory 2gb\n"


@pytest.mark.parametrize("owner", [0, ACCOUNT])
def test_roots_own_link_to_a_configuration_elsewhere(arena, config, owner):
    """/etc/redis/redis.conf -> /srv/redis/main.conf, /etc/redis being redis'."""
    real = arena.roots(arena.place.parent / "srv" / "main.conf", CONFIG)
    os.chown(real, owner, owner)
    arena.link(arena.place / "redis.conf", real, owner=0)
    assert replaced(config)
    assert (arena.place / "redis.conf").is_symlink()
    assert real.read_text() == "maxmemory 2gb\n"
    assert (real.stat().st_uid, real.stat().st_mode & 0o777) == (ACCOUNT, 0o640)


def test_roots_own_link_in_a_directory_of_root(arena, config):
    """Nobody else can have put it there: whatever is behind it is what root wanted."""
    arena.place.chmod(0o755)
    os.chown(arena.place, 0, 0)
    real = arena.roots(arena.place.parent / "srv" / "main.conf", "anything\n", 0o600)
    arena.link(arena.place / "redis.conf", real, owner=0)
    assert replaced(config)


def test_a_data_directory_behind_roots_link(arena):
    """/var/lib/redis -> /data/redis."""
    real = arena.own(arena.place.parent / "data" / "redis")
    link = arena.link(arena.place.parent / "lib", real, owner=0)
    arena.put(real / "dump.rdb", "data")
    assert files.read(FileSpec(str(link / "dump.rdb"))) == "data"
    trees.make_directory(str(link / "cache"), 0o750, ACCOUNT, ACCOUNT)
    assert (real / "cache").stat().st_uid == ACCOUNT
    with open_directory(str(link)) as directory:
        assert directory.names() == ["cache", "dump.rdb"]


def test_a_directory_that_is_still_to_be_made_behind_roots_link(arena):
    link = arena.link(arena.place.parent / "lib", arena.place.parent / "data" / "redis", owner=0)
    trees.make_directory(str(link), 0o750, ACCOUNT, ACCOUNT)
    assert (arena.place.parent / "data" / "redis").stat().st_uid == ACCOUNT
    assert (arena.place.parent / "data").stat().st_uid == 0


def test_an_instance_s_directory_behind_roots_link_in_the_account_s(arena):
    """/var/lib/redis/cache -> /data/cache, which is the account's already: nothing is won by moving the link."""
    real = arena.own(arena.place.parent / "data" / "cache")
    arena.link(arena.place / "cache", real, owner=0)
    with open_directory(str(arena.place / "cache")) as directory:
        assert directory.path == str(real)
    trees.make_directory(str(arena.place / "cache" / "inner"), 0o750, ACCOUNT, ACCOUNT)
    assert (real / "inner").stat().st_uid == ACCOUNT


REMEDY = "expected none, or one that root made; remove it, or make it root's when you want it: chown -h root "


@pytest.mark.parametrize("aim", ["main.conf", "sub", "none", "/data"])
def test_the_account_s_own_link_is_refused_by_name(arena, config, aim):
    target = arena.own(arena.place.parent / "data") if aim == "/data" else arena.victim / aim
    link = arena.link(arena.place / "redis.conf", target)
    expected = f"refused: {link}: a symbolic link that belongs to {ACCOUNT}; {REMEDY}{link}"
    for use in (files.read, files.is_open, lambda target: files.write(target, "x"), replaced):
        assert told(lambda use=use: use(config)) == expected
    for use in (trees.is_directory, lambda path: trees.make_directory(path, 0o750), files.look):
        assert told(lambda use=use: use(str(link / "below"))) == expected


# Root's links and files that the account moved: it may rename whatever lies in a directory of its own.


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        pytest.param(f"root:{CANARY}::\n", 0o644, id="no configuration"),
        pytest.param(f"requirepass {CANARY}\n", 0o600, id="a configuration that the account cannot read"),
        pytest.param("", 0o644, id="empty"),
    ],
)
def test_a_link_of_roots_to_something_else_that_was_moved_here(arena, config, text, mode):
    real = arena.roots(arena.place.parent / "srv" / "key", text, mode)
    arena.link(arena.place / "key", real, owner=0)
    (arena.place / "key").rename(config.path)
    for use in (files.read, lambda target: files.write(target, "x"), replaced):
        said = told(lambda use=use: use(config))
        assert said.startswith(f"refused: {config.path}: a symbolic link that another user can have moved"), said
        assert CANARY not in said
    assert (real.read_text(), real.stat().st_uid) == (text, 0)


def test_a_link_of_roots_into_a_directory_where_nothing_is_yet(arena, config):
    (arena.place.parent / "srv").mkdir()
    arena.link(arena.place / "redis.conf", arena.place.parent / "srv" / "cron", owner=0)
    assert "can have moved" in told(lambda: files.write(config, "x"))
    assert list((arena.place.parent / "srv").iterdir()) == []


def test_a_link_of_roots_to_a_directory_of_root(arena):
    (arena.place.parent / "srv").mkdir()
    link = arena.link(arena.place / "data", arena.place.parent / "srv", owner=0)
    with pytest.raises(FileRefused, match="can have moved"):
        trees.make_directory(str(link / "cache"), 0o750, ACCOUNT, ACCOUNT)
    with pytest.raises(FileRefused, match="can have moved"), open_directory(str(link)):
        pass


def test_a_second_name_of_a_link_of_roots(arena, config):
    """Where fs.protected_hardlinks is off, the account can link any of root's links into its directory."""
    real = arena.roots(arena.place.parent / "srv" / "main.conf", CONFIG)
    original = arena.link(arena.place.parent / "srv" / "link", real, owner=0)
    os.link(original, config.path, follow_symlinks=False)
    assert told(lambda: files.read(config)).startswith(f"refused: {config.path}: a symbolic link")


@pytest.mark.parametrize(
    ("text", "taken"),
    [
        pytest.param(CONFIG, True, id="edited by root"),
        pytest.param('maxmemory 1gb\nlogfile "unclosed\n', True, id="with a mistake"),
        pytest.param("", True, id="empty"),
        pytest.param(f"{CANARY}\n", False, id="a key of root's that was moved here"),
    ],
)
@pytest.mark.parametrize("mode", [0o600, 0o644])
def test_a_file_of_roots_in_the_account_s_directory(arena, config, text, taken, mode):
    arena.roots(arena.place / "redis.conf", text, mode)
    said = told(lambda: files.read(config))
    assert said.startswith("done" if taken else f"refused: {config.path}: a file of root's that is none of its kind")
    assert CANARY not in said


def test_a_file_of_roots_is_not_given_away(arena, config):
    """A new file takes its place: the old one, which may have been moved here, keeps its owner."""
    path = arena.roots(arena.place / "redis.conf", CONFIG)
    with path.open() as file:
        assert files.is_open(config)
        files.write(config, CONFIG)
        assert (os.fstat(file.fileno()).st_uid, path.stat().st_uid) == (0, ACCOUNT)


def test_a_file_of_a_third_account(arena, config):
    path = arena.put(arena.place / "redis.conf", CONFIG)
    os.chown(path, OTHER, OTHER)
    assert told(lambda: files.read(config)).startswith(
        f"refused: {path}: belongs to {OTHER}; expected a file of {ACCOUNT}"
    )


def test_a_directory_of_a_third_account_and_its_files(arena):
    """A unit with User=ops: what lies in its own directory is its own."""
    place = arena.own(arena.place.parent / "ops")
    os.chown(place, OTHER, OTHER)
    path = arena.put(place / "dump.rdb", "data")
    os.chown(path, OTHER, OTHER)
    assert files.read(FileSpec(str(path))) == "data"


def test_one_name_only(arena, config):
    real = arena.roots(arena.place.parent / "srv" / "main.conf", CONFIG)
    os.link(real, config.path)
    assert "a file of root's with 2 names" in told(lambda: files.read(config))


# A path that the server names


@pytest.mark.parametrize(
    ("directory", "mode", "group", "read"),
    [
        pytest.param(0o755, 0o644, 0, True, id="everybody's"),
        pytest.param(0o755, 0o640, ACCOUNT, True, id="its group's"),
        pytest.param(0o755, 0o640, 0, False, id="root's"),
        pytest.param(0o700, 0o644, 0, False, id="behind a closed door"),
    ],
)
def test_a_file_whose_place_the_server_names_is_one_that_it_can_read(arena, directory, mode, group, read):
    """A server that lies could name any file of root's, to have its users or its complaints told."""
    path = arena.roots(arena.place.parent / "srv" / "users.acl", f"user {CANARY} on\n", mode)
    os.chown(path, 0, group)
    path.parent.chmod(directory)
    target = FileSpec(str(path), owner=ACCOUNT, group=ACCOUNT)
    for use in (lambda: files.read(target, for_owner=True), lambda: files.tail(target, 0)):
        said = told(use)
        assert said.startswith("done" if read else f"refused: {path}: is not readable for {ACCOUNT}; "), said
        assert (CANARY in said) is read


# The sweep


def test_a_sweep_takes_only_what_is_ours(arena, config):
    kept = {
        "..redis.conf.0123456789abcdef.draft",
        ".redis.conf.0123456789abcdef.drafts",
        ".other.0123456789abcdef.draft",
    }
    left = [f".redis.conf.{number:016x}.{end}" for number in range(3) for end in ("draft", "before")]
    for name in kept:
        arena.put(arena.place / name, "x")
    for name, owner in zip(left, (0, ACCOUNT, OTHER) * 2):
        os.chown(arena.put(arena.place / name, "x"), owner, owner)
    strangers = {name for name, owner in zip(left, (0, ACCOUNT, OTHER) * 2) if owner == OTHER}
    link = arena.link(arena.place / ".redis.conf.aaaaaaaaaaaaaaaa.draft", arena.victim / "shadow")
    full = arena.place / ".redis.conf.bbbbbbbbbbbbbbbb.draft"
    arena.own(full / "inner")
    arena.put(full / "inner" / "file", "x")
    before = arena.untouched()
    files.sweep(config)
    assert {path.name for path in arena.place.iterdir()} == {*kept, *strangers, link.name, full.name}
    assert (full / "inner" / "file").exists()
    assert arena.untouched() == before
