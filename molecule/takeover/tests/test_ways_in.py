"""A change never removes the last way in before the new one answers, and a server is found where its process listens."""

from __future__ import annotations

import plays
import pytest
from hosts import Cli, port
from setups import by_hand, packaged, steps

SOCKET = Cli(("-s", "/run/redis/redis.sock"))
OTHER = Cli(("-s", "/run/redis/other.sock"))


@pytest.mark.host(redis_server_profile="cache")
def test_the_only_port_stays_until_the_socket_is_there(host, run):
    """A15."""
    assert run.ok
    host.fill(1000)
    wanted = {
        "redis_server_settings": {"port": 0, "unixsocket": "/run/redis/redis.sock"},
        "redis_server_profile": "cache",
    }
    owes = plays.provision(host, **wanted)
    assert owes.ok, str(owes)
    assert host.redis("dbsize") == "1000"
    assert owes.says("port", title="owes a restart"), str(owes)
    allowed = plays.provision(host, **wanted, redis_server_restart=True)
    assert allowed.ok, str(allowed)
    assert host.redis("dbsize", cli=SOCKET) == "1000"
    assert host.facts(SOCKET)["listeners"] == ["/run/redis/redis.sock"]
    again = plays.provision(host, **wanted)
    assert (again.ok, again.changed) == (True, 0), str(again)


@pytest.mark.host(setup=packaged("hz 20", keys=10), redis_server_adopt="keep")
def test_the_only_port_becomes_another(host, run):
    """The second of A15: a live change, after which the next run finds the server."""
    assert run.ok
    moved = plays.provision(host, redis_server_settings={"port": 6400})
    assert moved.ok, str(moved)
    assert host.redis("dbsize", cli=port(6400)) == "10"
    assert host.facts()["listeners"] == ["127.0.0.1:6400", "[::1]:6400"]
    again = plays.provision(host, redis_server_settings={"port": 6400})
    assert (again.ok, again.changed) == (True, 0), str(again)


@pytest.mark.host(
    setup=packaged("hz 20", keys=10), redis_server_adopt="keep", redis_server_settings={"bind": "192.0.2.1"}
)
def test_an_address_that_the_host_does_not_have(run, untouched):
    """The third of A15: nobody could get in."""
    assert not run.ok
    assert run.says("bind", "192.0.2.1", title="error")
    untouched()


@pytest.mark.host(
    setup=packaged("port 0", "unixsocket /run/redis/redis.sock", "unixsocketperm 770", keys=1000, cli=SOCKET),
    servers=(SOCKET,),
    redis_server_adopt="keep",
    redis_server_settings={"unixsocket": "/run/redis/other.sock", "maxmemory": "200mb"},
)
def test_another_socket(host, run, before):
    """A16: the server is found at the socket that it has, until a restart gives it the other."""
    assert run.ok, str(run)
    assert host.config("maxmemory", SOCKET) == str(200 * 1024**2)
    assert run.says("unixsocket", title="owes a restart"), str(run)
    allowed = plays.provision(host, redis_server_restart=True)
    assert allowed.ok, str(allowed)
    now = host.facts(OTHER)
    assert now["listeners"] == ["/run/redis/other.sock"]
    assert now["keys"] == before["keys"]
    again = plays.provision(host)
    assert (again.ok, again.changed) == (True, 0), str(again)


@pytest.mark.host(redis_server_profile="cache")
def test_somebody_moved_the_running_server(host, run):
    """The second of A16: to a port that no file has. It is found, told and moved back."""
    assert run.ok
    host.redis("config", "set", "port", "7000")
    drift = plays.play("playbooks/check_drift.yml", host, redis_server_profile="cache")
    assert drift.rc == 2, drift.output
    assert "7000" in drift.output
    back = plays.provision(host)
    assert back.ok, str(back)
    assert back.says("port", "7000", title="changed"), str(back)
    assert host.redis("ping") == "PONG"


@pytest.mark.host(
    setup=steps(
        packaged(keys=10),
        by_hand("redis-two", "port 7001\n", config="/etc/redis/two.conf", cli=port(7001), keys=20),
    ),
    servers=(Cli(), port(7001)),
    redis_server_adopt="keep",
    redis_server_instances=[
        {"name": "default", "port": 7001},
        {"name": "two", "config": "/etc/redis/two.conf", "service": "redis-two", "port": 6379},
    ],
)
def test_two_servers_change_places(host, run, before):
    """The third of A16: each one is told from the other by its process."""
    assert run.ok, str(run)
    now = host.facts(port(7001), port(6379))
    assert now["keys"] == before["keys"]
    assert now["processes"].keys() == before["processes"].keys()
    host.reboot()
    host.serves(port(7001))
    host.serves(port(6379))
    assert host.facts(port(7001), port(6379))["keys"] == before["keys"]


@pytest.mark.host(
    setup=packaged("hz 20", keys=10), redis_server_adopt="keep", redis_server_secrets={"requirepass": "new one"}
)
def test_a_first_password(host, run):
    """It is in force at once, in the file, and after the next boot; and the next run gets in."""
    assert run.ok, str(run)
    assert host.run("redis-cli dbsize").stdout.startswith("NOAUTH")
    assert host.redis("dbsize", cli=port(6379, "new one")) == "10"
    other = plays.provision(host, redis_server_secrets={"requirepass": "newer"})
    assert other.ok, str(other)
    host.reboot()
    host.serves(port(6379, "newer"))
    assert "newer" not in run.output + other.output
    assert host.run("journalctl --no-pager | grep -e newer -e 'new one'").stdout == ""
