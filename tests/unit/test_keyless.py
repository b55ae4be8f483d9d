"""Which data files hold no key, and that never more than their beginning is read."""

from __future__ import annotations

from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.server.keyless import is_empty_aof, is_empty_rdb
from hypothesis import given
from hypothesis import strategies as st

EMPTY_RDB = b"REDIS0010\xfa\x09redis-ver\x067.0.15\xfa\x08used-mem\xc2\x01\x02\x03\x04\xff"
CHECKSUM = b"12345678"


def command(*words: bytes) -> bytes:
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in words)


SELECT, FLUSH = command(b"SELECT", b"3"), command(b"flushall", b"async")
FUNCTION = command(b"FUNCTION", b"LOAD", b"#!lua name=mine")


@pytest.mark.parametrize(
    ("data", "empty"),
    [
        pytest.param(b"", True, id="nothing"),
        pytest.param(SELECT * 3 + FLUSH, True, id="commands that add nothing"),
        pytest.param(b"#TS:1700000000\r\n" + command(b"MULTI") + SELECT + command(b"EXEC"), True, id="a transaction"),
        pytest.param(EMPTY_RDB + CHECKSUM, True, id="a dump without keys"),
        pytest.param(EMPTY_RDB.replace(b"REDIS0010", b"VALKEY080") + CHECKSUM + SELECT, True, id="and commands"),
        pytest.param(SELECT + command(b"SET", b"a", b"1"), False, id="a key"),
        pytest.param(EMPTY_RDB + CHECKSUM + command(b"SET", b"a", b"1"), False, id="a key behind a dump without keys"),
        pytest.param(FUNCTION, False, id="a function"),
        pytest.param(EMPTY_RDB[:-1] + b"\xf5\x00\xff" + CHECKSUM, False, id="a function in a dump"),
        pytest.param(SELECT[:-1], False, id="torn"),
        pytest.param(EMPTY_RDB, False, id="torn before its checksum"),
        pytest.param(SELECT * 1000, False, id="longer than what is read"),
        pytest.param(b"*9\r\n$999\r\nSELECT\r\n", False, id="lengths that lie"),
    ],
)
def test_a_file_of_an_append_only_file(tmp_path: Path, data, empty):
    path = tmp_path / "incr"
    path.write_bytes(data)
    assert is_empty_aof(path) is empty


@given(st.lists(st.sampled_from([SELECT, FLUSH]), max_size=9), st.binary(min_size=1, max_size=200))
def test_nothing_unknown_counts_as_empty(tmp_path_factory, commands, more):
    path = tmp_path_factory.mktemp("any") / "incr"
    path.write_bytes(b"".join(commands))
    assert is_empty_aof(path)
    path.write_bytes(b"".join([*commands, b"x", more]))
    assert not is_empty_aof(path)


def test_what_can_not_be_read_counts_as_data(tmp_path: Path):
    (tmp_path / "dir").mkdir()
    for found in (is_empty_aof, is_empty_rdb):
        assert found(tmp_path / "dir") is False


def test_only_the_beginning_is_read(tmp_path: Path):
    with (tmp_path / "huge").open("wb") as file:
        file.write(EMPTY_RDB[:-1] + b"\xfa")
        file.truncate(2**40)
    assert not is_empty_rdb(tmp_path / "huge")
    assert not is_empty_aof(tmp_path / "huge")
