"""A first run on somebody else's server that fails, or is killed: what is there then is that server as it was, and the next
run still knows whose it is.
"""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from instances import ONE, Lab, killed_before, lab, laboratory, some
from test_first_contact import ANSWERS

__all__ = ["lab"]

OLD_AND_NEW = some("redis 6.2.14", "redis 7.0.15", "valkey 8.1.1")
BROKEN = {"unixsocket": "/proc/nowhere/redis.sock"}
THEIRS = (
    *("appendonly yes", "save 77 7", "maxmemory 300mb", "maxmemory-policy noeviction", "maxclients 500"),
    *("notify-keyspace-events Ex", "client-output-buffer-limit pubsub 64mb 16mb 90", "timeout 77", "protected-mode no"),
)


def differs(before: Mapping[str, str], after: Mapping[str, str]) -> set[str]:
    return {name for name in {*before, *after} if before.get(name) != after.get(name)}


def fails(lab: Lab, settings: Mapping[str, str], adopt: str) -> None:
    with pytest.raises(ApplyFailed, match="the old settings serve"):
        lab.converge(settings, restart=True, adopt=adopt)


def has_lost_nothing(lab: Lab, before: Mapping[str, str], allowed: frozenset[str] = frozenset()) -> None:
    """Now, and after its next start."""
    for _ in range(2):
        assert differs(before, lab.config()) <= allowed
        assert lab.keys() == 100
        lab.bounce()


@OLD_AND_NEW
@ANSWERS
def test_the_server_and_its_file_are_as_they_were(lab, adopt):
    """With `replace` it was started with the new settings but one, and its AOF was off."""
    lab.begin("# mine, by hand", *THEIRS)
    lab.fill(100)
    before, text = lab.config(), lab.text
    fails(lab, BROKEN, adopt)
    assert lab.text == text
    assert not list(lab.state.parent.glob("*")), "what this project remembers of it"
    has_lost_nothing(lab, before)
    lab.converge({"tcp-keepalive": 100}, adopt="keep")
    has_lost_nothing(lab, before, frozenset({"tcp-keepalive"}))


@OLD_AND_NEW
@ANSWERS
def test_what_was_set_live_only_is_back_as_well(lab, adopt):
    """Then the file is one of ours, and what nobody declares stays in the next run all the same."""
    lab.begin(*THEIRS)
    lab.fill(100)
    lab.ask("CONFIG", "SET", "timeout", "55")
    before = lab.config()
    fails(lab, {"timeout": 66, "maxmemory": "400mb", **BROKEN}, adopt)
    assert lab.text.startswith("# Managed by Ansible")
    has_lost_nothing(lab, before)
    lab.converge({"tcp-keepalive": 100}, adopt="keep")
    has_lost_nothing(lab, before, frozenset({"tcp-keepalive"}))


@OLD_AND_NEW
@pytest.mark.parametrize("aof", ["yes", "no"])
def test_an_aof_that_the_run_switched_is_as_it_was(lab, aof):
    other = {"yes": "no", "no": "yes"}[aof]
    lab.begin(f"appendonly {aof}", "save 3600 1")
    lab.fill(100)
    before = lab.config()
    fails(lab, {"appendonly": other, "save": "3600 1", **BROKEN}, "keep")
    has_lost_nothing(lab, before)


@ONE
def test_a_run_whose_file_waits_for_a_restart_counts_as_one(lab):
    lab.begin(*THEIRS)
    lab.fill(100)
    before = lab.config()
    assert lab.converge({"databases": 32}, adopt="keep").pending_restart
    fails(lab, {"databases": 32, **BROKEN}, "keep")
    has_lost_nothing(lab, before)
    lab.converge({"tcp-keepalive": 100}, adopt="keep")
    has_lost_nothing(lab, before, frozenset({"tcp-keepalive"}))


@ONE
def test_a_server_that_runs_otherwise_than_its_file_says(lab):
    """The file needs no change, and a restart does: the file that goes back is ours."""
    lab.begin(*THEIRS)
    lab.fill(100)
    before = lab.config()
    lab.config_path.write_text(lab.text + f"databases 32\nunixsocket {BROKEN['unixsocket']}\n")
    fails(lab, {"databases": 32, **BROKEN}, "keep")
    lab.converge({"tcp-keepalive": 100}, adopt="keep")
    has_lost_nothing(lab, before, frozenset({"tcp-keepalive"}))


@ONE
@ANSWERS
def test_a_run_that_is_killed_on_its_way_back_leaves_a_server_that_the_next_one_knows(lab, adopt):
    for number in range(1, 100):
        with laboratory(lab.program, lab.directory / str(number)) as victim:
            victim.begin(*THEIRS)
            victim.fill(100)
            before = victim.config()

            def run(victim: Lab = victim) -> None:
                with pytest.raises(ApplyFailed):
                    victim.converge(BROKEN, restart=True, adopt=adopt)

            killed = killed_before(number, run)
            victim.converge({"tcp-keepalive": 100}, adopt="keep")
            if adopt == "keep":
                has_lost_nothing(victim, before, frozenset({"tcp-keepalive"}))
            assert victim.keys() == 100
        if not killed:
            break
    assert number > 10
