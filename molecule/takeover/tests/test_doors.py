"""No run opens a server, or takes it out of its deployment, because of an option that nobody declares."""

from __future__ import annotations

import hashlib

import plays
import pytest
from hosts import USUAL, Cli, Host, port
from setups import by_hand, packaged, steps

ADMIN = Cli(("--user", "admin"), "open sesame")
SHA = hashlib.sha256(b"open sesame").hexdigest()
LOGIN = {"redis_server_login_user": "admin", "redis_server_login_password": "open sesame"}
USERS = f"user default off\nuser admin on #{SHA} ~* &* +@all\n"
ANSWERS = ("keep", "replace")


def closed(host: Host) -> bool:
    """Whether somebody without a password is kept out."""
    return "NOAUTH" in host.run("redis-cli dbsize").stdout


ACLFILE = steps(
    lambda host: host.put("/etc/redis/users.acl", USERS, "0640", "redis"),
    packaged("aclfile /etc/redis/users.acl", keys=10, cli=ADMIN),
)


@pytest.mark.parametrize(
    ("kind", "answer"),
    [
        pytest.param(
            kind,
            answer,
            marks=pytest.mark.host(
                setup=setup, servers=(ADMIN,), redis_server_adopt=answer, redis_server_restart=True, **LOGIN
            ),
        )
        for kind, setup in {"aclfile": ACLFILE, "lines": packaged(*USERS.splitlines(), keys=10, cli=ADMIN)}.items()
        for answer in ANSWERS
    ],
)
@pytest.mark.usefixtures("kind", "answer")
def test_users_that_nobody_declares(host, run, before):
    """A5, and users in the configuration itself as the second."""
    assert run.ok, str(run)
    assert closed(host)
    now = host.facts(ADMIN)
    assert (now["users"], now["keys"]) == (before["users"], before["keys"])
    host.reboot()
    host.serves(ADMIN)
    assert closed(host)
    assert host.facts(ADMIN)["users"] == before["users"]
    again = plays.provision(host)
    assert (again.ok, again.changed) == (True, 0), str(again)


SOCKET = Cli(("-s", "/run/redis/redis.sock"))


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            answer,
            marks=pytest.mark.host(
                setup=packaged("port 0", "unixsocket /run/redis/redis.sock", "unixsocketperm 770", keys=10, cli=SOCKET),
                servers=(SOCKET,),
                redis_server_adopt=answer,
                redis_server_settings={"bind": "0.0.0.0"},
                redis_server_restart=True,
            ),
        )
        for answer in ANSWERS
    ],
)
@pytest.mark.usefixtures("answer")
def test_a_server_with_nothing_but_a_socket(host, run, before):
    """The second of A6: `bind` is no word about a port."""
    assert run.ok, str(run)
    assert host.facts(SOCKET)["listeners"] == before["listeners"] == ["/run/redis/redis.sock"]
    host.reboot()
    host.serves(SOCKET)
    now = host.facts(SOCKET)
    assert (now["listeners"], now["keys"]) == (before["listeners"], before["keys"])
    assert host.config("unixsocketperm", SOCKET) == "770"


CLUSTER = steps(
    packaged("cluster-enabled yes", "cluster-config-file nodes.conf", "cluster-announce-ip 127.0.0.1"),
    "redis-cli cluster addslotsrange 0 16383 >/dev/null",
    lambda host: host.eventually("redis-cli cluster info | grep -q cluster_state:ok"),
    lambda host: host.fill(1000),
)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            answer,
            marks=pytest.mark.host(setup=CLUSTER, redis_server_adopt=answer, redis_server_restart=True),
        )
        for answer in ANSWERS
    ],
)
@pytest.mark.usefixtures("answer")
def test_a_cluster_node(host, run, before):
    """A11: it stays one, with its one database, and no run restarts it for that."""
    assert run.ok, str(run)
    assert "cluster_state:ok" in host.redis("cluster", "info")
    host.reboot()
    host.serves()
    host.eventually("redis-cli cluster info | grep -q cluster_state:ok")
    assert host.facts(USUAL)["keys"] == before["keys"]
    again = plays.provision(host)
    assert (again.ok, again.changed) == (True, 0), str(again)
    assert not again.told("owes a restart")


PRIMARY = by_hand(
    "redis-primary",
    "port 6400\nrequirepass sesame\n",
    config="/etc/redis/primary.conf",
    cli=port(6400, "sesame"),
    keys=1000,
)
REPLICA = steps(
    PRIMARY,
    packaged("replicaof 127.0.0.1 6400", "masterauth sesame", "replica-priority 50", "replica-serve-stale-data no"),
    lambda host: host.eventually("redis-cli info replication | grep -q master_link_status:up"),
)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            answer,
            marks=pytest.mark.host(
                setup=REPLICA,
                redis_server_adopt=answer,
                redis_server_restart=True,
                redis_server_secrets={"masterauth": "sesame"} if answer == "replace" else {},
            ),
        )
        for answer in ANSWERS
    ],
)
@pytest.mark.usefixtures("answer")
def test_a_replica(host, run, before):
    """The second of A11: it follows its primary as before, after the next boot too."""
    assert run.ok, str(run)
    assert host.info("role") == "slave"
    host.reboot()
    host.serves(port(6400, "sesame"))
    host.eventually("redis-cli info replication | grep -q master_link_status:up")
    assert host.config("replica-priority") == "50"
    assert host.facts(USUAL)["keys"] == before["keys"]
    assert "sesame" not in run.output


@pytest.mark.host(setup=REPLICA, redis_server_adopt="replace", redis_server_restart=True)
def test_a_replica_whose_password_nobody_declares(run, untouched):
    """A replica that forgot it would stop following."""
    assert not run.ok
    assert run.says("masterauth", title="error")
    untouched()


@pytest.mark.host(redis_server_settings={"hz": 20, "bind": "0.0.0.0", "maxmemory": "300mb"}, redis_server_restart=True)
def test_what_we_declared_once_goes_back_and_is_told(host, run):
    """An option that an earlier run declared is the inventory's: without it the default is back, and is announced."""
    assert run.ok
    second = plays.provision(host, redis_server_settings={"hz": 20})
    assert second.ok, str(second)
    assert second.says("bind", title="changed")
    assert host.config("bind") == "127.0.0.1 -::1"
    assert host.config("maxmemory") == str(2 * 1024**3)
    assert [line for line in host.facts()["listeners"] if line.startswith("0.0.0.0")] == []


@pytest.mark.host(
    setup=packaged(
        'rename-command CONFIG "hidden"',
        'rename-command FLUSHALL ""',
        "requirepass sesame",
        keys=10,
        cli=port(6379, "sesame"),
    ),
    servers=(port(6379, "sesame", config="hidden"),),
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory": "200mb"},
)
def test_renamed_commands(host, run, before):
    """Whoever hid CONFIG has it hidden after the run, and FLUSHALL is still gone."""
    assert run.ok, str(run)
    theirs = port(6379, "sesame", config="hidden")
    assert host.config("maxmemory", theirs) == str(200 * 1024**2)
    host.reboot()
    host.serves(theirs)
    assert "unknown command" in host.run(theirs.command("config", "get", "port")).stdout
    assert "unknown command" in host.run(theirs.command("flushall")).stdout
    assert host.facts(theirs)["keys"] == before["keys"]
