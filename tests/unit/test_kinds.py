"""The contract of every kind. Whether a server agrees is asked in tests/contract."""

from __future__ import annotations

from itertools import permutations

import pytest
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.base.units import format_memory
from ansible.module_utils.redis_ops.catalog.kinds import (
    Bool,
    BufferLimits,
    Enum,
    FileName,
    Integer,
    Integers,
    KeyspaceEvents,
    Kind,
    Memory,
    MemoryOrPercent,
    Octal,
    Path,
    Percentiles,
    SavePoints,
    Secret,
    Text,
    Words,
    WordSet,
)
from hypothesis import given, settings
from hypothesis import strategies as st

always = settings(deadline=None, derandomize=True)

SMALL = Integer(1, 500)
ENUM = Enum(("no", "yes", "absolute"), {"relative": "yes"})
STOP = WordSet(("save", "nosave", "now"), one_of=("save", "nosave"), alone="default")

READS = [
    (Text(), "some text", "some text"),
    (Text(), "", ""),
    (Secret(), "s3cret'#$", "s3cret'#$"),
    (Secret(), 'quo"te back\\slash', 'quo"te back\\slash'),
    (Secret(), "tab\tescape\x1bdelete\x7f", "tab\tescape\x1bdelete\x7f"),
    (Path(), "/var//lib/./redis/", "/var/lib/redis"),
    (Path(), "", ""),
    (FileName(), "dump.rdb", "dump.rdb"),
    (SMALL, "500", 500),
    (Integer(-1), "-1", -1),
    (Memory(), "2gb", 2**31),
    (MemoryOrPercent(), "5%", "5%"),
    (MemoryOrPercent(), "0%", 0),
    (MemoryOrPercent(), "1gb", 2**30),
    (Bool(), "YES", True),
    (Bool(), " no ", False),
    (ENUM, "Relative", "yes"),
    (ENUM, "ABSOLUTE", "absolute"),
    (Octal(), "0770", 0o770),
    (Octal(), "770", 0o770),
    (Octal(), "0", 0),
    (Octal(), "0\x1f", 0),
    (Words(), "127.0.0.1  -::1", ("127.0.0.1", "-::1")),
    (Words(), "", ()),
    (STOP, "now NOSAVE now", ("nosave", "now")),
    (STOP, "DEFAULT", ("default",)),
    (WordSet(("a",), empty=True), "", ()),
    (Integers(count=3, low=-2000, high=2000), "0 200 -800", (0, 200, -800)),
    (Percentiles(), "50.0 99.00 99.9", (50.0, 99.0, 99.9)),
    (Percentiles(), "33.33333333", (33.333333,)),
    (Percentiles(), "", ()),
    (SavePoints(), "300 10 900 1 300 10", ((900, 1), (300, 10))),
    (SavePoints(), "", ()),
    (SavePoints(), '""', ()),
    (BufferLimits(), "slave 1mb 0 60 normal 0 0 0", (("normal", 0, 0, 0), ("replica", 2**20, 0, 60))),
    (BufferLimits(), "replica 1mb 0 1 slave 2mb 0 2", (("replica", 2**21, 0, 2),)),
    (KeyspaceEvents(), "g$lshzxetdE", tuple(sorted("Eg$lshzxetd"))),
    (KeyspaceEvents(), "AE", tuple(sorted("Eg$lshzxetd"))),
    (KeyspaceEvents(), "", ()),
]

REFUSES = [
    (Text(), "two\nlines", "one line"),
    (Text(), "bell\a", "one line"),
    (Secret(), "two\nlines", "one line"),
    (Secret(), "nul\0", "one line"),
    (FileName(), "", "file name"),
    (FileName(), "../dump.rdb", "file name"),
    (SMALL, "0", "from 1 to 500"),
    (SMALL, "501", "from 1 to 500"),
    (SMALL, "10ms", "from 1 to 500"),
    (Integer(-1), "-2", "at least -1"),
    (Integer(-(2**31), 2**31 - 1), "many", "whole number"),
    (Memory(), "gb", "512mb"),
    (Memory(1024), "1000", "at least 1kb"),
    (Memory(1024, 2048), "3kb", "at most 2kb"),
    (MemoryOrPercent(), "101%", "0 to 100"),
    (MemoryOrPercent(), "5.5%", "0 to 100"),
    (MemoryOrPercent(), "%", "0 to 100"),
    (Bool(), "true", "yes or no"),
    (Bool(), "1", "yes or no"),
    (ENUM, "sometimes", "no, yes, absolute"),
    (Octal(), "778", "octal"),
    (Octal(), "07770", "octal"),
    (STOP, "save nosave", "only one of save, nosave"),
    (STOP, "", "some of"),
    (STOP, "default now", "or default"),
    (STOP, "later", "some of"),
    (Integers(count=3), "1 2", "3 whole numbers"),
    (Integers(count=1, low=0, high=9), "10", "0 to 9"),
    (Percentiles(), "101", "percentiles"),
    (Percentiles(), "-1", "percentiles"),
    (Percentiles(), "nan", "percentiles"),
    (Percentiles(), "1_0", "percentiles"),
    (SavePoints(), "900", "pairs"),
    (SavePoints(), "0 1", "at least 1"),
    (SavePoints(), "900 -1", "at least 0"),
    (BufferLimits(), "", "CLASS HARD SOFT SECONDS"),
    (BufferLimits(), "replica 1mb 1mb", "CLASS HARD SOFT SECONDS"),
    (BufferLimits(), "primary 0 0 0", "CLASS HARD SOFT SECONDS"),
    (BufferLimits(), "normal gb 0 0", "512mb"),
    (KeyspaceEvents(), "KEy", "event flags"),
    (KeyspaceEvents("KEm"), "Kn", "event flags"),
]

WRITES = [
    (Text(), "a b", [["a b"]]),
    (Secret(), "", [[""]]),
    (Memory(), "2048mb", [["2gb"]]),
    (MemoryOrPercent(), "5%", [["5%"]]),
    (Bool(), "YES", [["yes"]]),
    (Octal(), "0770", [["770"]]),
    (Words(), "127.0.0.1 -::1", [["127.0.0.1", "-::1"]]),
    (Words(), "", [[""]]),
    (STOP, "now nosave", [["nosave now"]]),
    (Integers(count=3), "0 200 800", [["0", "200", "800"]]),
    (Percentiles(), "50 99.90", [["50", "99.9"]]),
    (Percentiles(), "", [[""]]),
    (SavePoints(), "60 10000 900 1", [["900", "1"], ["60", "10000"]]),
    (SavePoints(), "", [[""]]),
    (BufferLimits(), "replica 268435456 64mb 60", [["replica", "256mb", "64mb", "60"]]),
    (KeyspaceEvents(), "KEg$lshzxetd", [["AEK"]]),
    (KeyspaceEvents(), "", [[""]]),
]

KINDS = {type(kind).__name__: kind for kind, *_ in READS}


def name_case(row):
    return f"{type(row[0]).__name__}-{row[1]!r}"


def params(rows):
    return [pytest.param(*row, id=name_case(row)) for row in rows]


def test_every_kind_is_in_the_tables():
    def below(kind):
        return {kind, *(sub for child in kind.__subclasses__() for sub in below(child))}

    assert {kind.__name__ for kind in below(Kind)} - {"Kind"} == set(KINDS)


@pytest.mark.parametrize(("kind", "text", "value"), params(READS))
def test_reads(kind, text, value):
    assert kind.parse(text) == value
    hash(kind.parse(text))


@pytest.mark.parametrize(("kind", "text", "expected"), params(REFUSES))
def test_refuses_and_says_what_is_expected(kind, text, expected):
    with pytest.raises(InvalidValue) as refused:
        kind.parse(text)
    assert expected in refused.value.expected


@pytest.mark.parametrize(("kind", "text", "arguments"), params(WRITES))
def test_writes(kind, text, arguments):
    assert [list(line) for line in kind.arguments(kind.parse(text))] == arguments


@pytest.mark.parametrize(("kind", "text"), params([row[:2] for row in READS]))
def test_normalising_twice_is_normalising_once(kind, text):
    value = kind.parse(text)
    assert kind.parse(kind.render(value)) == value
    assert kind.render(kind.parse(kind.render(value))) == kind.render(value)
    assert kind.covers(value, value)
    assert kind.arguments(value)


@pytest.mark.parametrize(("kind", "text"), params([row[:2] for row in READS]))
def test_the_lines_mean_the_value(kind, text):
    """Read as redis.conf is read, where lines of some options add up."""
    value = kind.parse(text)
    words = [word for line in kind.arguments(value) for word in line]
    assert kind.parse(" ".join(words)) == value


@pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)
@given(text=st.text() | st.text("0123456789 .%-+/gkmbyesnoAKEx$"))
@always
def test_any_text_is_refused_or_becomes_a_fixed_point(kind, text):
    try:
        value = kind.parse(text)
    except InvalidValue:
        return
    assert kind.parse(kind.render(value)) == value


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (0, 2**63 - 1, "whole number of at least 0"),
        (1, 2**31 - 1, "whole number of at least 1"),
        (-(2**31), 2**31 - 1, "whole number"),
        (0, 65535, "whole number from 0 to 65535"),
    ],
)
def test_limits_of_a_type_are_not_worth_reading(low, high, words):
    assert Integer(low, high).describe() == words


@given(st.lists(st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)), max_size=6), st.randoms(use_true_random=False))
@always
def test_save_points_have_no_order_and_no_duplicates(points, random):
    shuffled = [*points, *points]
    random.shuffle(shuffled)
    one, other = (" ".join(f"{s} {c}" for s, c in order) for order in (points, shuffled))
    assert SavePoints().parse(one) == SavePoints().parse(other)
    assert set(SavePoints().parse(one)) == set(points)


@pytest.mark.parametrize("flags", ["KEx", "Kg$", "Emx"])
def test_the_order_of_event_flags_has_no_meaning(flags):
    assert len({KeyspaceEvents().parse("".join(order)) for order in permutations(flags)}) == 1


@given(st.text(KeyspaceEvents().flags + "A"))
@always
def test_event_flags_render_what_they_mean(text):
    events = KeyspaceEvents()
    value = events.parse(text)
    assert set(events.render(value).replace("A", events.ALL)) == set(text.replace("A", events.ALL)) == set(value)
    assert ("A" in events.render(value)) == (set(value) >= set(events.ALL))


@pytest.mark.parametrize(
    ("want", "have", "covered"),
    [
        ("KEA", "AKE", True),
        ("KEAn", "AKE", True),  # Redis does not report n beside A
        ("KEn", "KE", False),
        ("KEA", "AKEm", False),
        ("KEx", "KEA", False),
        ("", "Kx", False),
    ],
)
def test_event_flags_that_a_server_keeps_to_itself(want, have, covered):
    events = KeyspaceEvents()
    assert events.covers(events.parse(want), events.parse(have)) is covered


LIMITS = st.dictionaries(
    st.sampled_from(["normal", "pubsub", "replica", "slave"]),
    st.tuples(st.integers(0, 2**40), st.integers(0, 2**40), st.integers(0, 10**6)),
    min_size=1,
)


@given(LIMITS)
@always
def test_buffer_limits_with_units_mean_the_same(limits):
    in_bytes = " ".join(f"{name} {hard} {soft} {seconds}" for name, (hard, soft, seconds) in limits.items())
    in_units = " ".join(
        f"{name.upper()} {format_memory(hard)} {format_memory(soft)} {seconds}"
        for name, (hard, soft, seconds) in limits.items()
    )
    assert BufferLimits().parse(in_bytes) == BufferLimits().parse(in_units)


@pytest.mark.parametrize(
    ("want", "have", "covered"),
    [
        ("replica 256mb 64mb 60", "normal 0 0 0 slave 268435456 67108864 60 pubsub 1 1 1", True),
        ("replica 256mb 64mb 61", "normal 0 0 0 slave 268435456 67108864 60 pubsub 1 1 1", False),
        ("normal 0 0 0 pubsub 1 1 1", "pubsub 1 1 1 normal 0 0 0 replica 5 5 5", True),
        ("normal 0 0 0 pubsub 1 1 1", "normal 0 0 0", False),
    ],
)
def test_buffer_limits_ask_nothing_of_classes_that_are_not_named(want, have, covered):
    limits = BufferLimits()
    assert limits.covers(limits.parse(want), limits.parse(have)) is covered
