from __future__ import annotations

import re

import pytest
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.base.units import INT64_MAX, format_memory, parse_integer, parse_memory
from hypothesis import given, settings
from hypothesis import strategies as st

always = settings(deadline=None, derandomize=True)


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("0", 0),
        ("2147483648", 2147483648),
        ("100b", 100),
        ("1k", 1000),
        ("1kb", 1024),
        ("1m", 1000**2),
        ("64MB", 64 * 1024**2),
        ("2g", 2 * 1000**3),
        ("2gb", 2 * 1024**3),
        (" 2Gb ", 2 * 1024**3),
        ("9223372036854775807", INT64_MAX),
    ],
)
def test_parse_memory(text, size):
    assert parse_memory(text) == size


@pytest.mark.parametrize(
    "text",
    ["", " ", "gb", "-1", "1.5gb", "1tb", "10kib", "0x10", "5%", "2 gb", "1_000", "٣", "2gb\n2gb", "lots"],
)
def test_parse_memory_refuses(text):
    with pytest.raises(InvalidValue, match="512mb"):
        parse_memory(text)


@pytest.mark.parametrize("text", ["9223372036854775808", "17179869184gb", "99999999999999999999"])
def test_parse_memory_refuses_what_redis_would_wrap_around(text):
    with pytest.raises(InvalidValue, match="exabytes"):
        parse_memory(text)


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0"), (1, "1"), (1000, "1000"), (1024, "1kb"), (1536, "1536"), (100 * 1024**2, "100mb"), (2**31, "2gb")],
)
def test_format_memory(size, text):
    assert format_memory(size) == text


@given(st.integers(0, INT64_MAX))
@always
def test_format_memory_is_read_back(size):
    assert parse_memory(format_memory(size)) == size


def meant(text):
    """The head of redis.conf, once more and in another way; None is refused."""
    match = re.match(r"^\s*(?P<digits>[0-9]+)(?P<prefix>[kmgKMG]?)(?P<byte>[bB]?)\s*\Z", text)
    if match is None:
        return None
    power = " kmg".index(match["prefix"].lower() or " ")
    base = 1024 if match["byte"] else 1000
    size = int(match["digits"]) * base**power
    return size if size < 2**63 else None


@given(st.one_of(st.from_regex(r"[0-9]{0,20}[kmgtKMGT]?[bBi]?", fullmatch=True), st.text("0123456789kmgbKMGB .-+%")))
@always
def test_parse_memory_agrees_with_an_independent_reading(text):
    try:
        size = parse_memory(text)
    except InvalidValue:
        size = None
    assert size == meant(text)


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("-1", -1), ("00300", 300), (" 7 ", 7), ("7\x1f", 7)])
def test_parse_integer(text, number):
    assert parse_integer(text) == number


@pytest.mark.parametrize("text", ["", "300s", "1e3", "1.0", "+1", "--1", "1_000", "0x10", "9223372036854775808"])
def test_parse_integer_refuses(text):
    with pytest.raises(InvalidValue):
        parse_integer(text)
