"""Could another user read a file? By mode bits, by trying, and honest where it cannot be told."""

from __future__ import annotations

import grp
import os
import pwd
import shutil
import stat
import struct
import tempfile
import time
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.platform import access
from ansible.module_utils.redis_ops.platform.access import Account, readable
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
WHO = Account("somebody", 4711, (4711, 4712))


@pytest.fixture
def place():
    """A directory that everybody may enter, which those of pytest are not."""
    path = Path(tempfile.mkdtemp())
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


def file(place, mode, uid=0, gid=0, name="key"):
    path = place / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("text")
    os.chown(path, uid, gid)
    path.chmod(mode)
    return str(path)


def answers(path, who=WHO):
    (answer,) = readable([path], who)
    return answer.holds


@as_root
@pytest.mark.parametrize(
    ("mode", "uid", "gid", "expected"),
    [
        (0o600, 0, 0, False),
        (0o640, 0, 0, False),
        (0o644, 0, 0, True),
        (0o640, 0, 4711, True),
        (0o640, 0, 4712, True),  # by a supplementary group
        (0o640, 0, 4713, False),
        (0o400, 4711, 0, True),
        (0o044, 4711, 4711, False),  # the bits of the owner are the only ones that count for the owner
        (0o604, 0, 4712, False),  # and so are those of the group for its members
    ],
)
def test_by_trying_and_by_the_bits_it_is_the_same(mode, uid, gid, expected, place):
    path = file(place, mode, uid, gid)
    assert answers(path) is expected
    assert (access.closed(access.way(path), WHO) == []) is expected


@as_root
@given(st.integers(0, 0o777), st.sampled_from([0, 4711]), st.sampled_from([0, 4711, 4712]), st.integers(0, 0o777))
@quick
def test_the_bits_say_what_the_kernel_does(mode, uid, gid, directory):
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        place.chmod(0o755)
        path = file(place, mode, uid, gid, "sub/key")
        os.chown(place / "sub", uid, gid)
        (place / "sub").chmod(directory)
        assert (access.closed(access.way(path), WHO) == []) is answers(path)


@as_root
def test_a_directory_on_the_way_is_named_with_the_group_that_it_lets_in(place):
    path = file(place, 0o644, name="private/key")
    (place / "private").chmod(0o710)
    shadow = grp.getgrgid(42).gr_name
    os.chown(place / "private", 0, 42)
    assert answers(path) is False
    assert access.closed(access.way(path), WHO) == [
        access.Closed(str(place / "private"), is_directory=True, group=shadow)
    ]


@as_root
def test_what_stands_behind_links_counts(place):
    """As certbot has it: live/redis/key -> ../../archive/redis/key1."""
    file(place, 0o640, gid=4711, name="archive/key1")
    live = place / "live"
    live.mkdir()
    (live / "key").symlink_to("../archive/key1")
    assert answers(str(live / "key")) is True
    (place / "archive").chmod(0o700)
    assert answers(str(live / "key")) is False
    closed = access.closed(access.way(str(live / "key")), WHO)
    assert [place.path for place in closed] == [str(place / "archive")]


@as_root
def test_an_access_list_is_seen_by_trying(place):
    """The bits say no, acl(5) says yes: a user entry for 4711."""
    path = file(place, 0o600)
    let_in(path, 4711)
    assert answers(path) is True
    assert answers(path, Account("other", 4720, (4720,))) is False


@as_root
def test_an_access_list_may_say_no_where_the_bits_say_yes(place):
    path = file(place, 0o600, gid=4711)
    let_in(path, 4800)
    assert stat.S_IMODE(Path(path).stat().st_mode) == 0o640  # the mask of the list, shown as the group's bits
    assert access.closed(access.way(path), WHO) == []
    assert answers(path) is False


def let_in(path, uid):
    """Give the file an access list in which this user reads it: acl(5), as the kernel has it in the attribute."""
    nobody = 0xFFFFFFFF
    entries = [(1, 6, nobody), (2, 4, uid), (4, 0, nobody), (16, 4, nobody), (32, 0, nobody)]
    try:
        os.setxattr(
            path,
            "system.posix_acl_access",
            b"".join([struct.pack("<I", 2), *(struct.pack("<HHI", *entry) for entry in entries)]),
        )
    except OSError:
        pytest.skip("this file system has no access lists")


def test_a_user_that_is_not_there_yet(place):
    assert answers(file(place, 0o644), None) is True
    assert answers(file(place, 0o600), None) is False
    assert answers(file(place, 0o640), None) is None
    assert answers(str(place / "missing"), None) is False


@as_root
def test_root_reads_everything_that_is_there(place):
    root = Account("root", 0, (0,))
    assert answers(file(place, 0o000, 4711), root) is True
    assert answers(str(place / "missing"), root) is False


@as_root
def test_without_root_it_cannot_be_told(place, monkeypatch):
    path = file(place, 0o640)
    monkeypatch.setattr(os, "geteuid", lambda: 1)
    (answer,) = readable([path], WHO)
    assert answer.holds is None
    assert "only root" in answer.reason


@as_root
def test_many_files_in_one_question(place):
    paths = [file(place, 0o644 if number % 2 else 0o600, name=f"{number}") for number in range(300)]
    assert [answer.holds for answer in readable(paths, WHO)] == [bool(number % 2) for number in range(300)]


@as_root
def test_a_pipe_with_nobody_behind_it_does_not_hang(place):
    os.mkfifo(place / "pipe", 0o644)
    os.chown(place / "pipe", 0, 0)
    (place / "pipe").chmod(0o644)
    assert answers(str(place / "pipe")) is True


@as_root
def test_no_answer_in_time_is_unknown(place, monkeypatch):
    monkeypatch.setattr(access, "TIMEOUT", 0.1)
    monkeypatch.setattr(access, "_try", lambda _: time.sleep(30))
    (answer,) = readable([file(place, 0o600)], WHO)
    assert answer.holds is None


@pytest.mark.parametrize("target", ["loop", "other/loop"])
def test_a_loop_of_links_is_an_error(target, place):
    (place / "other").symlink_to(".")
    (place / "loop").symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        access.way(str(place / "loop"))
    assert answers(str(place / "loop"), None) is False


def test_the_way_is_the_kernels(place):
    file(place, 0o644, name="sub/key")
    (place / "link").symlink_to("sub")
    (place / "absolute").symlink_to(place / "link")
    steps = access.way(f"{place}/absolute/../sub//./key")
    assert steps[0].path == "/"
    assert steps[-1].path == str(place / "sub/key")
    assert [step.path for step in steps if step.is_link] == [str(place / "absolute"), str(place / "link")]


def test_an_account_has_all_its_groups():
    found = access.account("root")
    assert found is not None
    assert (found.uid, found.groups[0]) == (0, pwd.getpwnam("root").pw_gid)
    assert access.account("nobody-of-this-name") is None
