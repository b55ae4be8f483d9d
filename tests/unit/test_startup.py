"""The command of a server, as the server reads it. tests/contract/test_startup.py asks real servers."""

from __future__ import annotations

import contextlib

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.model.startup import Startup, parse
from hypothesis import given
from hypothesis import strategies as st
from strategies import AWKWARD, quick

REDIS_7 = Engine.parse("redis 7.0.15")
SERVER = "/usr/bin/redis-server"


def options(*words: str) -> list[list[str]]:
    found = parse([SERVER, "/etc/r.conf", *words]).options
    return [[option.name, *option.arguments] for option in found]


@pytest.mark.parametrize(
    "program",
    ["redis-server", "valkey-server", "/usr/bin/redis-server", "/opt/redis/bin/redis-server-7.2.4", "redis-server-8"],
)
def test_programs_that_are_servers(program):
    assert parse([program, "/etc/r.conf"]) == Startup(program, "/etc/r.conf")


@pytest.mark.parametrize(
    "words",
    [
        [],
        [""],
        ["/bin/sh", "-c", "exec redis-server /etc/r.conf"],
        ["/usr/bin/redis-sentinel", "/etc/s.conf"],
        ["/usr/bin/redis-server-wrapper", "/etc/r.conf"],
        [SERVER, "/etc/s.conf", "--sentinel"],
        [SERVER, "-"],
        [SERVER, "/etc/r.conf", "--port", "1", "-"],
        [SERVER, "/etc/r.conf", "--include", "/etc/other.conf"],
        [SERVER, "/etc/r.conf", '--requirepass "hunter2'],
    ],
    ids=repr,
)
def test_commands_whose_settings_can_not_be_told(words):
    with pytest.raises(InvalidValue) as raised:
        parse(words)
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize(
    ("words", "directory", "config"),
    [
        (["/etc/r.conf"], "/srv", "/etc/r.conf"),
        (["r.conf"], "/srv/redis", "/srv/redis/r.conf"),
        (["./../r.conf"], "/srv/redis", "/srv/r.conf"),
        ([], "/srv", ""),
        (["--port", "7000"], "/srv", ""),
    ],
)
def test_the_file_is_the_first_word_that_is_no_option(words, directory, config):
    found = parse([SERVER, *words], directory)
    assert (found.config, found.directory) == (config, directory)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], []),
        (["--port", "7000"], [["port", "7000"]]),
        (["--PORT", "7000"], [["port", "7000"]]),
        (["--port 7000"], [["port", "7000"]]),
        (["--port 7000", "--hz", "20"], [["port", "7000"], ["hz", "20"]]),
        (["--bind", "127.0.0.1", "::1"], [["bind", "127.0.0.1", "::1"]]),
        (["--requirepass", "a b\"c\\d'e"], [["requirepass", "a b\"c\\d'e"]]),
        (["--requirepass", ""], [["requirepass", ""]]),
        (["--save", "", "--port", "1"], [["save", ""], ["port", "1"]]),
        (["--save", "--port", "1"], [["save", ""], ["port", "1"]]),
        (["--port", "1", "--save"], [["port", "1"], ["save", ""]]),
        (["--save", "900", "1", "--save", "60 1000"], [["save", "900", "1"], ["save", "60 1000"]]),
        (["--proc-title-template", "--my--title"], [["proc-title-template", "--my--title"]]),
        (["--hz\n20\nport 7"], [["hz"], ["20"], ["port", "7"]]),
    ],
)
def test_options_are_lines_behind_the_file(words, expected):
    assert options(*words) == expected


def test_only_what_is_not_about_supervision_overrides_the_file():
    found = parse([SERVER, "/etc/r.conf", "--supervised", "systemd", "--daemonize", "no", "--port", "1"])
    assert [option.name for option in found.overriding] == ["port"]
    assert found.values(REDIS_7) == {"supervised": "systemd", "daemonize": False, "port": 1}


values = st.text(AWKWARD, min_size=1).filter(lambda text: not text.startswith("--"))


@quick
@given(st.lists(st.tuples(st.sampled_from(["requirepass", "dir", "logfile"]), values), max_size=4))
def test_every_value_is_one_argument(pairs):
    words = [word for name, value in pairs for word in (f"--{name}", value)]
    if words and words[-1] == "-":
        return
    assert options(*words) == [[name, value] for name, value in pairs]


@quick
@given(st.lists(st.text(max_size=10), max_size=6))
def test_no_command_is_an_error_of_another_kind(words):
    with contextlib.suppress(InvalidValue):
        parse([SERVER, *words])
