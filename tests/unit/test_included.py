"""The files that a configuration includes, on a host where another user can write beside it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.errors import FileRefused, InvalidValue
from ansible.module_utils.redis_ops.base.files import LIMIT, FileSpec
from ansible.module_utils.redis_ops.view.included import read_all

ACCOUNT = 12345
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can make files of two users")


@pytest.fixture
def place(tmp_path):
    (tmp_path / "redis.conf").write_text("include other.conf\n")
    return tmp_path


def read(place: Path, pattern: str, owner: int | None = None) -> dict[str, str]:
    found = read_all(str(place / pattern), FileSpec(str(place / "redis.conf"), owner=owner))
    return {str(Path(path).relative_to(place)): text for path, text in found.items()}


def test_one_file(place):
    (place / "other.conf").write_text("hz 20\n")
    assert read(place, "other.conf") == {"other.conf": "hz 20\n"}
    assert read_all(str(place / "other.conf"), None) == {str(place / "other.conf"): "hz 20\n"}


def test_a_pattern_in_the_order_of_the_server(place):
    (place / "conf.d").mkdir()
    for name in ("20-b.conf", "10-a.conf", "9-c.conf", "note.txt"):
        (place / "conf.d" / name).write_text(name)
    assert list(read(place, "conf.d/*.conf")) == ["conf.d/10-a.conf", "conf.d/20-b.conf", "conf.d/9-c.conf"]
    assert list(read(place, "conf.d/[12]*.conf")) == ["conf.d/10-a.conf", "conf.d/20-b.conf"]


def test_a_pattern_may_match_nothing(place):
    assert read(place, "conf.d/*.conf") == {}


def test_a_directory_has_no_text(place):
    (place / "a.conf").mkdir()
    assert read(place, "*a.conf") == {"a.conf": ""}


@pytest.mark.parametrize("name", ["missing.conf", "missing/other.conf"])
def test_a_file_that_is_not_there_is_named(place, name):
    with pytest.raises(InvalidValue, match=name):
        read(place, name)


def test_a_link_to_nothing_is_named(place):
    (place / "a.conf").symlink_to("nowhere")
    with pytest.raises(InvalidValue, match=r"a\.conf"):
        read(place, "a.conf")


def test_bytes_that_are_no_text_stay(place):
    (place / "a.conf").write_bytes(b"requirepass \xff\n")
    assert read(place, "a.conf")["a.conf"].encode("utf-8", "surrogateescape") == b"requirepass \xff\n"


@pytest.mark.parametrize("kind", ["pipe", "device"])
def test_what_is_no_file_is_refused_without_being_opened(place, kind):
    """A pipe would hang the run."""
    if kind == "pipe":
        os.mkfifo(place / "a.conf")
    else:
        (place / "a.conf").symlink_to("/dev/zero")
    with pytest.raises(FileRefused, match="regular file"):
        read(place, "a.conf")


def test_what_is_too_large_is_refused(place):
    with (place / "a.conf").open("wb") as file:
        file.truncate(LIMIT + 1)
    with pytest.raises(FileRefused, match="too large"):
        read(place, "a.conf")


@needs_root
def test_a_link_of_the_account_is_not_followed(place):
    """Field case B8: what root alone may read must not be quoted as a line of the configuration."""
    secret = place / "secret"
    secret.write_text("hush")
    (place / "a.conf").symlink_to(secret)
    os.lchown(place / "a.conf", ACCOUNT, ACCOUNT)
    with pytest.raises(FileRefused, match="belongs to 12345") as refused:
        read(place, "a.conf", ACCOUNT)
    assert "hush" not in str(refused.value)


@needs_root
def test_what_the_server_could_not_read_is_not_read_for_it(place):
    """The account writes the path into its configuration; root must not read /etc/shadow there."""
    (place / "a.conf").write_text("hush")
    (place / "a.conf").chmod(0o600)
    place.chmod(0o755)
    with pytest.raises(FileRefused, match="is not readable for 12345") as refused:
        read(place, "a.conf", ACCOUNT)
    assert "hush" not in str(refused.value)


@needs_root
def test_a_file_of_a_third_user_is_refused(place):
    (place / "a.conf").write_text("x")
    os.chown(place / "a.conf", 54321, 54321)
    with pytest.raises(FileRefused, match="belongs to 54321"):
        read(place, "a.conf", ACCOUNT)
