"""A check only looks: as a user that may no more than that, and with the server and every file as they were."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.drift.states import State
from ansible.module_utils.redis_ops.server.connection import Credentials
from drifting import check, drifted
from instances import lab

__all__ = ["lab"]

# docs/drift.md, "Who looks"
RULES = "on resetkeys resetchannels -@all +info +config|get +acl|list +ping"
PASSWORD = "only-looks"
SETTINGS = {"timeout": 5, "maxmemory": "100mb", "appendonly": "yes", "save": "3600 1"}
AS_LOOKER = {"credentials": [Credentials("drift", PASSWORD)]}
ALLOWED = {"info", "config|get", "acl|list", "auth"}


@pytest.fixture
def watched(lab):
    """In order, with the user that looks in its file, and nobody else let in."""
    lab.converge(SETTINGS)
    lab.ask("ACL", "SETUSER", "drift", f">{PASSWORD}", *RULES.split())
    lab.ask("CONFIG", "REWRITE")
    lab.converge(SETTINGS, **AS_LOOKER)
    return lab


def commands(lab):
    """Calls of each command, refused ones too. Redis 6.2 counts CONFIG and ACL without their subcommands."""
    found = {}
    for name, text in lab.info().items():
        if name.startswith("cmdstat_"):
            counts = dict(re.findall(r"(calls|rejected_calls|failed_calls)=(\d+)", text))
            found[name.removeprefix("cmdstat_")] = sum(map(int, counts.values()))
    return found


def times(lab):
    return {
        str(path): (stat.st_mtime_ns, stat.st_ctime_ns, stat.st_size, stat.st_mode, stat.st_ino)
        for path in [lab.directory, *lab.directory.rglob("*")]
        for stat in [path.lstat()]
    }


def test_the_documented_user_is_the_one_that_is_tried_here():
    text = (Path(__file__).parent.parent.parent / "docs" / "drift.md").read_text()
    assert f"ACL SETUSER drift >PASSWORD {RULES}" in text


def test_the_looking_user_finds_and_nothing_moves(watched):
    before, seen = commands(watched), times(watched)
    assert drifted(check(watched, SETTINGS, **AS_LOOKER)) == {}
    assert times(watched) == seen
    after = commands(watched)
    sent = {name for name in after if after[name] != before.get(name, 0)}
    allowed = ALLOWED if watched.multi else {"info", "config", "acl", "auth"}
    assert sent <= allowed
    assert after["info"] - before["info"] <= 3 + 1  # and the one that counts
    assert watched.ask("ACL", "LOG") == []


def test_the_looking_user_finds_what_was_set(watched):
    watched.ask("CONFIG", "SET", "timeout", "9")
    watched.ask("ACL", "SETUSER", "guest", "on", "nopass", "+@all", "~*")
    before, seen = commands(watched), times(watched)
    assert drifted(check(watched, SETTINGS, **AS_LOOKER)) == {
        "timeout": State.LIVE_NOT_PERSISTED.value,
        "acl.guest": State.LIVE_NOT_PERSISTED.value,
    }
    assert times(watched) == seen
    assert watched.get("timeout") == "9"
    assert commands(watched).keys() - before.keys() <= {"info", "acl|list"}


def test_and_may_nothing_else(watched):
    client = watched.client("")
    client("AUTH", "drift", PASSWORD)
    refused = []
    for words in (
        "GET key",
        "SET key x",
        "CONFIG SET timeout 1",
        "CONFIG REWRITE",
        "ACL SETUSER x",
        "SCAN 0",
        "KEYS *",
    ):
        with pytest.raises(Exception, match=r"NOPERM|no permissions") as caught:
            client(*words.split())
        refused.append(str(caught.value))
    assert len(refused) == 7
