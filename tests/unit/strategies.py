"""What a person might type: texts for every kind of value, and whole sets of settings out of the catalogue."""

from __future__ import annotations

import functools
import string
from typing import Any

from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.catalog import kinds
from ansible.module_utils.redis_ops.catalog.option import Option, Origin
from ansible.module_utils.redis_ops.model.desired import DesiredState, known
from hypothesis import settings
from hypothesis import strategies as st

quick = settings(derandomize=True, deadline=None, max_examples=40)
ENGINES = [
    Engine.parse(text)
    for text in ("redis 6.2.14", "redis 7.0.15", "redis 8.0.2", "redis 8.2.3", "valkey 8.1.1", "valkey 9.1.2")
]

# what makes quoting hard, and what it must leave alone
AWKWARD = string.ascii_letters + string.digits + " \t#'\"\\${}%:;/*?äß€😀"
PRINTABLE = AWKWARD.replace("\t", "")
WORD = PRINTABLE.replace(" ", "")


def texts(kind: kinds.Kind) -> st.SearchStrategy[str]:
    """Texts that this kind accepts."""
    for type_, make in _MAKERS:
        if isinstance(kind, type_):
            return make(kind)
    raise TypeError(f"no strategy for {kind!r}")


def _memory(kind: Any) -> st.SearchStrategy[str]:
    low, high = getattr(kind, "low", 0), getattr(kind, "high", 2**63 - 1)
    return st.one_of(
        st.integers(low, high).map(str),
        st.integers(max(1, -(-low // 2**20)), min(high // 2**20, 2**20)).map("{}mb".format),
    )


def _cases(words: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(words, st.sampled_from([str.lower, str.upper, str.title])).map(lambda pair: pair[1](pair[0]))


def _word_set(kind: Any) -> st.SearchStrategy[str]:
    free = [word for word in kind.words if word not in kind.one_of]
    choices = [st.lists(st.sampled_from(free), min_size=0 if kind.empty else 1)]
    choices += [st.just([word]) for word in kind.one_of]
    choices += [st.just([kind.alone])] if kind.alone else []
    return st.one_of(choices).map(" ".join)


def _save(_: Any) -> st.SearchStrategy[str]:
    pair = st.tuples(st.integers(1, 10**6), st.integers(0, 10**6)).map(lambda pair: f"{pair[0]} {pair[1]}")
    return st.lists(pair, max_size=4).map(" ".join)


def _buffer_limits(_: Any) -> st.SearchStrategy[str]:
    classes = st.sampled_from(["normal", "replica", "slave", "pubsub"])
    sizes = st.sampled_from(["0", "1", "1000", "256mb", "64MB", "1g"])
    limit = st.tuples(classes, sizes, sizes, st.integers(0, 600).map(str)).map(" ".join)
    return st.lists(limit, min_size=1, max_size=4).map(" ".join)


_MAKERS: list[tuple[type, Any]] = [
    (kinds.Secret, lambda _: st.text(PRINTABLE)),
    (kinds.FileName, lambda _: st.text(PRINTABLE.replace("/", ""), min_size=1).filter(lambda name: name.strip())),
    (kinds.Path, lambda _: st.text(PRINTABLE).map("/{}".format)),
    (kinds.Text, lambda _: st.text(PRINTABLE)),
    (kinds.Integer, lambda kind: st.integers(kind.low, kind.high).map(str)),
    (kinds.Memory, _memory),
    (kinds.MemoryOrPercent, lambda kind: st.one_of(_memory(kind), st.integers(0, 100).map("{}%".format))),
    (kinds.Bool, lambda _: _cases(st.sampled_from(["yes", "no"]))),
    (kinds.Enum, lambda kind: _cases(st.sampled_from([*kind.words, *kind.aliases]))),
    (kinds.Octal, lambda _: st.integers(0, 0o777).map("{:o}".format)),
    (kinds.WordSet, _word_set),
    (
        kinds.Integers,
        lambda kind: st.lists(st.integers(kind.low, kind.high).map(str), min_size=kind.count, max_size=kind.count).map(
            " ".join
        ),
    ),
    (
        kinds.Percentiles,
        lambda _: st.lists(st.sampled_from(["0", "50", "99.9", "99.999", "100", "12.500"])).map(" ".join),
    ),
    (kinds.Words, lambda _: st.lists(st.text(WORD, min_size=1)).map(" ".join)),
    (kinds.SavePoints, _save),
    (kinds.BufferLimits, _buffer_limits),
    (kinds.KeyspaceEvents, lambda kind: st.lists(st.sampled_from([*kind.flags, "A"])).map("".join)),
]


@functools.cache
def declarable(engine: Engine) -> list[Option]:
    """Options that an inventory may declare for this server."""
    return [
        option for option in catalog.options_at(engine) if option.origin is Origin.DECLARED and not option.file_only
    ]


@st.composite
def typed_settings(draw: Any, engine: Engine) -> dict[str, str]:
    """Some options and a text for each."""
    options = draw(_some_options(engine))
    return {option.name: draw(_texts_of(option.name, engine)) for option in options}


@functools.cache
def _some_options(engine: Engine) -> st.SearchStrategy[list[Option]]:
    return st.lists(st.sampled_from(declarable(engine)), unique_by=lambda option: option.name, max_size=8)


@functools.cache
def _texts_of(name: str, engine: Engine) -> st.SearchStrategy[str]:
    return texts(known(name).kind_at(engine))


@st.composite
def desired_states(draw: Any, engine: Engine) -> DesiredState:
    return DesiredState.parse(draw(typed_settings(engine)), engine, "here")
