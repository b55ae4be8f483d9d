"""Somebody else's server, before anybody has said what to do with it; and after either answer."""

from __future__ import annotations

import re

import plays
import pytest
from hosts import USUAL, port
from setups import CONFIG, packaged, steps

# A12 of the field cases
THEIRS = (
    "bind 0.0.0.0",
    "protected-mode no",
    "databases 64",
    "notify-keyspace-events Ex",
    "min-replicas-to-write 0",
    "replica-announce-ip 192.0.2.7",
    "# they had a reason",
)
PASSWORD = 'they "said" so'
THEIR_PASSWORD = ("requirepass " + '"they \\"said\\" so"',)


@pytest.mark.host(setup=packaged(*THEIRS, keys=1000))
def test_nothing_is_touched_until_somebody_answers(host, run, untouched):
    assert not run.ok
    assert run.says("instance default", "1000 keys", "adopt: keep", "adopt: replace", title="error")
    rows = [line.split() for line in run.summary.splitlines() if re.match(r"    \S", line)]
    table = {words[0]: words[1:] for words in rows}
    assert table["maxmemory"] == ["0", "0", "2gb"]
    assert table["notify-keyspace-events"][:2] == ["Ex", "Ex"] or table["notify-keyspace-events"][0] in ("Ex", "xE")
    assert "bind" not in table  # neither answer changes it
    untouched()
    foreseen = plays.check(host)
    assert not foreseen.ok
    assert foreseen.told("error") == run.told("error")
    untouched()


@pytest.mark.host(setup=packaged(*THEIRS, keys=1000), redis_server_adopt="keep")
def test_keep_changes_nothing(host, run, before):
    assert run.ok, str(run)
    assert not run.says("default: ", title="changed"), str(run)
    now = host.facts(USUAL)
    for part in ("config", "users", "keys", "listeners", "processes", "units"):
        assert now[part] == before[part]
    assert now["files"][CONFIG] == before["files"][CONFIG]


@pytest.mark.host(
    setup=packaged(*THEIRS, keys=1000),
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory": "300mb", "hz": 20},
)
def test_keep_manages_what_is_declared(host, run, before):
    assert run.ok, str(run)
    now = host.facts(USUAL)
    expected = {**before["config"][0], "maxmemory": str(300 * 1024**2), "hz": "20"}
    assert now["config"][0] == expected
    assert (now["keys"], now["listeners"], now["processes"]) == (
        before["keys"],
        before["listeners"],
        before["processes"],
    )
    host.reboot()
    host.serves()
    booted = host.facts(USUAL)
    assert booted["config"][0] == expected
    assert booted["keys"] == before["keys"]
    again = plays.provision(host)
    assert again.ok
    assert again.changed == 0, again.output


@pytest.mark.host(setup=packaged(*THEIRS, keys=1000), redis_server_adopt="replace", redis_server_restart=True)
def test_replace_leaves_what_opens_or_moves_a_server(host, run, before):
    assert run.ok, str(run)
    now = host.facts(USUAL)
    for name in ("bind", "protected-mode", "port", "databases", "min-replicas-to-write", "replica-announce-ip", "dir"):
        assert now["config"][0][name] == before["config"][0][name], name
    assert now["config"][0]["maxmemory"] == str(2 * 1024**3)
    assert now["config"][0]["notify-keyspace-events"] == ""
    assert (now["keys"], now["listeners"]) == (before["keys"], before["listeners"])


@pytest.mark.host(setup=packaged("hz 20", "# by hand", keys=10), redis_server_adopt="replace")
def test_the_first_file_is_kept_and_one_command_goes_back(host, run, before):
    assert run.ok, str(run)
    [copy] = host.check_output(f"ls {CONFIG}.*").split()
    assert before["files"][CONFIG][4] in host.check_output(f"sha256sum {copy}")
    assert host.check_output(f"stat -c %a {copy}") == "600"
    assert run.says("with a copy of the old one beside it", title="changed")
    host.check_output(f"cp {copy} {CONFIG} && systemctl restart redis-server")
    host.serves()
    assert host.config("hz") == "20"
    assert host.redis("dbsize") == "10"


@pytest.mark.host(setup=packaged("requirepass mine", keys=10, cli=port(6379, "mine")), servers=(port(6379, "mine"),))
def test_a_password_that_nobody_declares_is_found_first(run, untouched):
    """A20, without an answer."""
    assert not run.ok
    assert "mine" not in re.sub("mines?weeper|determine", "", str(run).replace("somebody", ""))
    untouched()


@pytest.mark.host(
    setup=packaged("requirepass mine", keys=10, cli=port(6379, "mine")),
    servers=(port(6379, "mine"),),
    redis_server_adopt="replace",
)
def test_replace_asks_for_the_password(run, untouched):
    """A20."""
    assert not run.ok
    assert run.says("requirepass", "redis_server_secrets", title="error")
    untouched()


@pytest.mark.host(
    setup=packaged(*THEIR_PASSWORD, keys=10, cli=port(6379, PASSWORD)),
    servers=(port(6379, PASSWORD),),
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory": "300mb"},
)
def test_keep_leaves_the_password(host, run, before):
    assert run.ok, str(run)
    assert host.config("requirepass", port(6379, PASSWORD)) == PASSWORD
    assert host.config("maxmemory", port(6379, PASSWORD)) == str(300 * 1024**2)
    host.reboot()
    host.serves(port(6379, PASSWORD))
    assert host.facts(port(6379, PASSWORD))["keys"] == before["keys"]


@pytest.mark.host(
    setup=steps(
        packaged(keys=10),
        "redis-cli config set requirepass set-by-hand >/dev/null",
    ),
    servers=(port(6379, "set-by-hand"),),
    redis_server_adopt="replace",
)
def test_a_password_that_no_file_has(run, untouched):
    """The second of A20: only the running server has it."""
    assert not run.ok
    assert run.says("redis_server_login_password", title="error")
    assert "set-by-hand" not in run.output
    untouched()
