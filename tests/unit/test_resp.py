"""RESP2: what is encoded is decoded again however it is cut, and whatever else comes is an error that we know."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.errors import CommandRefused, ServerUnreachable
from ansible.module_utils.redis_ops.server import resp
from ansible.module_utils.redis_ops.server.resp import ErrorReply, Reader, encode
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick


class Status(str):
    """A text that is sent as a status; read, it is a text like any other."""

    __slots__ = ()


def spell(reply: Any) -> bytes:
    """A reply as a server sends it; written from the specification, not from the code under test."""
    if reply is None:
        return b"$-1\r\n"
    if isinstance(reply, ErrorReply):
        return b"-%s\r\n" % raw(reply.text)
    if isinstance(reply, Status):
        return b"+%s\r\n" % raw(reply)
    if isinstance(reply, str):
        return b"$%d\r\n%s\r\n" % (len(raw(reply)), raw(reply))
    if isinstance(reply, int):
        return b":%d\r\n" % reply
    return b"*%d\r\n%s" % (len(reply), b"".join(map(spell, reply)))


def raw(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def cut(data: bytes, *places: int) -> Iterator[bytes]:
    """The data in pieces, then nothing: the other side has closed."""
    edges = sorted({0, len(data), *(place % (len(data) + 1) for place in places)})
    yield from (data[start:end] for start, end in zip(edges, edges[1:]))
    while True:
        yield b""


def reader(data: bytes, *places: int) -> Reader:
    return Reader(cut(data, *places).__next__)


TEXTS = st.binary(max_size=30).map(lambda data: data.decode("utf-8", "surrogateescape"))
LINES = TEXTS.map(lambda text: text.replace("\r\n", ""))
LEAVES = st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1), TEXTS, LINES.map(Status), LINES.map(ErrorReply))
REPLIES = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=4), max_leaves=12)


# --- what is good -----------------------------------------------------------------------------------------------------


@quick
@given(st.lists(REPLIES, min_size=1, max_size=3), st.lists(st.integers(0, 10_000), max_size=12))
def test_replies_are_read_however_they_are_cut(replies, places):
    data = b"".join(map(spell, replies))
    read = reader(data, *places)
    assert [read.reply() for _ in replies] == replies
    assert not read.has_rest()


@quick
@given(REPLIES)
def test_replies_are_read_byte_by_byte(reply):
    data = spell(reply)
    assert reader(data, *range(len(data))).reply() == reply


@quick
@given(st.lists(st.lists(TEXTS, min_size=1, max_size=5), min_size=1, max_size=3))
def test_any_bytes_survive_a_round_trip(commands):
    """A command is an array of texts, as a reply may be."""
    data = encode(commands)
    assert data == b"".join(spell(words) for words in commands)
    read = reader(data)
    assert [read.reply() for _ in commands] == commands


def test_a_command_as_the_specification_has_it():
    assert encode([["SET", "clé", "\udcff"]]) == b"*3\r\n$3\r\nSET\r\n$4\r\ncl\xc3\xa9\r\n$1\r\n\xff\r\n"


@pytest.mark.parametrize(
    ("data", "reply"),
    [
        (b"+OK\r\n", "OK"),
        (b"+\r\n", ""),
        (b":-7\r\n", -7),
        (b":+7\r\n", 7),
        (b"$0\r\n\r\n", ""),
        (b"$2\r\n\r\n\r\n", "\r\n"),
        (b"*0\r\n", []),
        (b"*-1\r\n", None),
        (b"*2\r\n*1\r\n$-1\r\n-ERR no\r\n", [[None], ErrorReply("ERR no")]),
        (b"*1\r\n" * 8 + b":1\r\n", [[[[[[[[1]]]]]]]]),
    ],
)
def test_replies(data, reply):
    assert reader(data).reply() == reply


def test_the_code_of_an_error_is_its_first_word():
    assert ErrorReply("WRONGPASS invalid username-password pair").code == "WRONGPASS"
    assert ErrorReply("").code == ""


# --- what is not ------------------------------------------------------------------------------------------------------


@quick
@given(REPLIES)
def test_a_reply_that_is_cut_off_anywhere_is_an_error(reply):
    data = spell(reply)
    for length in range(len(data)):
        with pytest.raises(ServerUnreachable, match="closed the connection"):
            reader(data[:length]).reply()


def read_all(data: bytes, *places: int) -> None:
    read = reader(data, *places)
    with pytest.raises(ServerUnreachable):
        [read.reply() for _ in range(len(data) + 1)]  # each reply takes a byte at least


@quick
@given(st.binary(max_size=300), st.lists(st.integers(0, 300), max_size=5))
def test_garbage_ends_with_an_error(data, places):
    read_all(data, *places)


@quick
@given(st.lists(st.sampled_from([b"+", b"-", b":", b"$", b"*", b"\r\n", b"1", b"9", b"0", b"-1", b"x"]), max_size=40))
def test_what_nearly_is_resp_ends_with_an_error(parts):
    read_all(b"".join(parts))


@quick
@given(REPLIES, st.integers(0, 10_000), st.integers(1, 255))
def test_a_damaged_reply_is_read_or_an_error(reply, place, change):
    data = bytearray(spell(reply))
    data[place % len(data)] ^= change
    read_all(bytes(data))


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", id="web server"),
        pytest.param(b"SSH-2.0-OpenSSH_9.2\r\n", id="ssh"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", id="TLS alert"),
        pytest.param(b"\x4a\x00\x00\x00\x0a8.0.36", id="MySQL"),
        pytest.param(b"\r\n", id="empty line"),
        pytest.param(b"%1\r\n+a\r\n:1\r\n", id="RESP3"),
        pytest.param(b":\r\n", id="no number"),
        pytest.param(b":1.5\r\n", id="a decimal"),
        pytest.param(b":99999999999999999999\r\n", id="too many digits"),
        pytest.param(b":\xd9\xa3\r\n", id="a digit of another script"),
        pytest.param(b"$-2\r\n", id="negative length"),
        pytest.param(b"$+1\r\na\r\n", id="signed length"),
        pytest.param(b"$ 1\r\na\r\n", id="blank length"),
        pytest.param(b"$\r\n", id="no length"),
        pytest.param(b"$99999999999\r\n", id="length of eleven digits"),
        pytest.param(b"*-2\r\n", id="negative count"),
        pytest.param(b"*1e3\r\n", id="count in another notation"),
        pytest.param(b"$3\r\nabcde\r\n", id="longer than it says"),
        pytest.param(b"+" + b"x" * 70_000, id="endless line"),
        pytest.param(b"$" + b"1" * 70_000, id="endless length"),
    ],
)
def test_what_is_no_resp2(data):
    with pytest.raises(ServerUnreachable, match="does not speak RESP"):
        reader(data).reply()


def test_garbage_is_told_before_the_rest_of_it_is_waited_for():
    with pytest.raises(ServerUnreachable, match="does not speak RESP"):
        Reader(iter([b"G"]).__next__).reply()


# --- what is too much -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        pytest.param(b"$%d\r\n" % (resp.MAX_BYTES + 1), "larger than 32 MB", id="text"),
        pytest.param(b"$9999999999\r\n", "larger than 32 MB", id="absurd text"),
        pytest.param(b"*%d\r\n" % (resp.MAX_ELEMENTS + 1), "more than 1,000,000 elements", id="elements"),
        pytest.param(b"*9999999999\r\n", "more than 1,000,000 elements", id="absurd elements"),
        pytest.param(b"*2\r\n*%d\r\n" % resp.MAX_ELEMENTS, "more than 1,000,000 elements", id="elements in all"),
        pytest.param(b"*1\r\n" * 9, "more than 8 arrays", id="depth"),
    ],
)
def test_too_much_is_refused_before_it_is_read(data, reason):
    with pytest.raises(ServerUnreachable, match=reason):
        Reader(iter([data]).__next__).reply()


def test_the_size_is_that_of_all_replies_to_one_call(monkeypatch):
    monkeypatch.setattr(resp, "MAX_BYTES", 1000)
    one = spell("x" * 300)
    read = reader(one * 4, *range(0, len(one) * 4, 100))
    assert [read.reply() for _ in range(3)] == ["x" * 300] * 3
    with pytest.raises(ServerUnreachable, match="larger than"):
        read.reply()


def test_a_command_without_bytes_is_refused():
    with pytest.raises(CommandRefused, match="SET: a word of the command is no text"):
        encode([["SET", "key", "\ud800"]])
