"""A command line with a name from elsewhere runs as it reads."""

from __future__ import annotations

import os
import shlex
import subprocess

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.shell import quoted
from ansible.module_utils.redis_ops.drift import users
from attacks import EVERY
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

NAMES = [text for text in EVERY if "\0" not in text and text.encode("utf-8", "ignore").decode() == text]
# bytes that are no UTF-8, as Python holds them in a name of a file
raw = st.binary(min_size=1, max_size=8).filter(lambda name: b"\0" not in name).map(os.fsdecode)


def as_bash_takes_it(line: str) -> list[bytes]:
    said = subprocess.run(["bash", "-c", f"printf '%s\\0' {line}"], capture_output=True, check=True).stdout
    return said.split(b"\0")[:-1]


@pytest.mark.parametrize("name", NAMES, ids=lambda name: ascii(name)[:40])
def test_a_name_is_one_quoted(name):
    assert as_bash_takes_it(quoted(name)) == [name.encode()]
    assert quoted(name).isprintable()


@quick
@given(st.one_of(raw, st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=8)))
def test_any_name_is_one_quoted(name):
    assert as_bash_takes_it(quoted(name)) == [os.fsencode(name)]
    assert quoted(name).isprintable()


@pytest.mark.parametrize("name", ["bob", "$(id)", "x;id", "`id`", "a'b", "-x", "x\x1b[2J", "{{x}}"])
def test_a_remedy_for_a_user_is_a_command_about_that_user(name):
    engine = Engine.parse("redis 7.2.0")
    live, left = [f"user {name} on ~* +@all"], [["default", "on"]]
    in_server = users.findings(live, [], users.Start(engine), "here", "redis-cli -p 7000")
    saved = users.findings(
        live, [[name, "on", "~*", "+@all"]], users.Start(engine, left=left), "here", "redis-cli -p 7000"
    )
    for found in (*in_server, *saved):
        if found.id != f"acl.{name}":
            continue
        assert found.remedy.isprintable()
        command = f"redis-cli -p 7000 ACL DELUSER {quoted(name)}"
        assert command in found.remedy
        assert as_bash_takes_it(command)[-1].decode() == name
        assert shlex.split(command)[:5] == ["redis-cli", "-p", "7000", "ACL", "DELUSER"]
