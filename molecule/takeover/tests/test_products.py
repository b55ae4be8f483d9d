"""Another product, another version, and servers that nobody declared."""

from __future__ import annotations

import plays
import pytest
from hosts import Cli, port
from setups import by_hand, packaged, steps, without_package

VALKEY = Cli(program="valkey-cli")


@pytest.mark.host(
    setup=steps(without_package("valkey"), packaged(keys=1000)), suite="trixie", redis_server_product="valkey"
)
def test_another_product(host, run, untouched):
    """A28: refused with the steps, and before the package of the other one is there."""
    assert not run.ok
    assert run.says("redis_server_product", "redis-server", "accept_empty", title="error"), str(run)
    untouched()
    host.script("systemctl disable --quiet --now redis-server")
    followed = plays.provision(host, redis_server_product="valkey", redis_server_accept_empty=True)
    assert followed.ok, str(followed)
    assert host.redis("dbsize", cli=VALKEY) == "0"
    host.reboot()
    host.serves(VALKEY)
    facts = host.facts(VALKEY)
    assert [unit for _, _, units in facts["processes"].values() for unit in units[:1]] == ["valkey-server.service"]
    assert host.check_output("ls /var/lib/redis") == "dump.rdb"  # their data is still there


@pytest.mark.host(
    setup=steps(packaged(product="valkey", cli=VALKEY, keys=1000), "systemctl stop valkey-server"),
    suite="trixie",
    servers=(),
)
def test_the_other_way_round(run, untouched):
    """The second of A28: the one that would start at the next boot does not run."""
    assert not run.ok
    assert run.says("redis_server_product", "valkey-server", title="error"), str(run)
    untouched()


@pytest.mark.host(redis_server_version="5:9.9.9-1")
def test_a_version_that_nobody_has(run, untouched):
    assert not run.ok
    assert run.says("redis_server_version", "5:9.9.9-1", title="error"), str(run)
    untouched()


@pytest.mark.host(alone=True)
def test_a_pinned_version_is_apts_business_too(host):
    """No upgrade takes it away; and without the pin apt may upgrade again."""
    version = host.check_output("dpkg-query --show --showformat='${Version}' redis-server")
    pinned = plays.provision(host, redis_server_version=version)
    assert pinned.ok, str(pinned)
    policy = host.check_output("apt-cache policy redis-server")
    assert f"{version} 1001" in " ".join(policy.split()), policy
    again = plays.provision(host, redis_server_version=version)
    assert (again.ok, again.changed) == (True, 0), str(again)
    free = plays.provision(host)
    assert free.ok, str(free)
    assert "1001" not in host.check_output("apt-cache policy redis-server")


OTHERS = steps(
    by_hand(
        "redis-billing",
        "port 6401\nmaxmemory 600mb\n",
        config="/etc/redis/billing.conf",
        cli=port(6401),
        keys=10,
    ),
    "nohup redis-server --port 6402 --dir /tmp >/dev/null 2>&1 &",
)


@pytest.mark.host(setup=OTHERS, servers=(port(6401), port(6402)), redis_server_profile="cache")
def test_servers_that_nobody_declared(host, run, before):
    """They are named, with their unit or process, and nothing of them changes."""
    assert run.ok, str(run)
    assert run.says("redis-billing.service", "6401", title="warning"), str(run)
    assert run.says("process", "6402", title="warning"), str(run)
    now = host.facts(port(6401), port(6402))
    assert (now["config"], now["keys"]) == (before["config"], before["keys"])
    assert before["processes"].items() <= now["processes"].items()
    host.check_output("redis-cli ping")


@pytest.mark.host(alone=True)
def test_their_memory_counts(host):
    """A limit that fits a host alone does not fit it beside somebody else's server."""
    memory = host.memory()
    most = memory // 10 * 7
    alone = plays.check(host, redis_server_settings={"maxmemory": most})
    assert alone.ok, str(alone)
    by_hand("redis-billing", f"port 6401\nmaxmemory {memory // 2}\n", config="/etc/redis/billing.conf", cli=port(6401))(
        host
    )
    beside = plays.check(host, redis_server_settings={"maxmemory": most})
    assert not beside.ok
    assert beside.says("maxmemory", "other servers", title="error"), str(beside)


@pytest.mark.host(
    alone=True,
    redis_server_instances=[{"name": "a", "port": 6401}, {"name": "b", "port": 6402}],
    redis_server_settings={"maxmemory": "100mb"},
)
def test_own_instances_change_ports(host):
    """Their data goes with their names."""
    assert plays.provision(host).ok
    host.fill(10, port(6401))
    host.fill(20, port(6402))
    swapped = [{"name": "a", "port": 6402}, {"name": "b", "port": 6401}]
    run = plays.provision(host, redis_server_instances=swapped)
    assert run.ok, str(run)
    assert (host.redis("dbsize", cli=port(6402)), host.redis("dbsize", cli=port(6401))) == ("10", "20")
    host.reboot()
    host.serves(port(6401))
    host.serves(port(6402))
    assert (host.redis("dbsize", cli=port(6402)), host.redis("dbsize", cli=port(6401))) == ("10", "20")
