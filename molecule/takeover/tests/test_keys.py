"""No run makes keys disappear: not by eviction, not by a start that finds other data or none."""

from __future__ import annotations

import plays
import pytest
from hosts import USUAL, Cli, Host, port
from setups import packaged, steps

AOF = "appendonly yes"
DATA = "/var/lib/redis"
KEYS = 10_000


def stuffed(keys: int, size: int, cli: Cli = USUAL):
    """Keys of so many bytes, without a time to live."""
    lua = "local v = string.rep('x', ARGV[2]) for i = 1, ARGV[1] do redis.call('SET', 'big:' .. i, v) end"
    return lambda host: host.redis("eval", lua, "0", str(keys), str(size), cli=cli)


def said(*commands: str, cli: Cli = USUAL):
    """Lines for redis-cli."""
    lines = "\n".join(commands) + "\n"
    return lambda host: host.check_output(f"{cli.command('-e')} >/dev/null", stdin=lines)


def gone(host: Host) -> None:
    """The machine loses power: the server ends without a last word, and waits for its next start."""
    host.script("systemctl kill --signal=KILL redis-server; systemctl stop redis-server")


def evicted(host: Host, cli: Cli = USUAL) -> int:
    return int(host.info("evicted_keys", cli))


# --- evictions -------------------------------------------------------------------------------------------------------


@pytest.mark.host(setup=steps(packaged(), stuffed(2_200_000, 1000)))
def test_more_keys_than_the_guide_allows(run, untouched):
    """A1: apt's server with 2.2 million keys, and nobody has typed anything."""
    assert not run.ok
    assert run.says("2200000 keys", title="error")
    untouched()


@pytest.mark.host(setup=steps(packaged(), stuffed(2_200_000, 1000)), redis_server_adopt="replace")
def test_more_keys_than_the_guide_allows_replaced(host, run, untouched):
    """A1 with an answer, which is no word about evictions."""
    assert evicted(host) == 0
    assert not run.ok
    assert run.says("maxmemory", "accept_eviction", title="error")
    untouched()


@pytest.mark.host(
    setup=steps(packaged(product="valkey", cli=port(6379, program="valkey-cli")), stuffed(60_000, 1000, port(6379))),
    suite="trixie",
    redis_server_product="valkey",
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory": "20mb"},
)
def test_a_limit_below_what_is_stored(run, untouched):
    """The second of A1: Valkey, kept, with a limit and the policy noeviction: every write would be refused."""
    assert not run.ok
    assert run.says("maxmemory", title="error")
    untouched()


@pytest.mark.host(
    setup=steps(packaged("maxmemory 600mb", "maxmemory-policy volatile-lru"), stuffed(300_000, 1000)),
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory": "100mb", "maxmemory-policy": "allkeys-lru"},
)
def test_keys_that_the_old_policy_protected(host, run, untouched):
    """A2: keys without a time to live, which volatile-lru never evicts."""
    assert evicted(host) == 0
    assert not run.ok
    assert run.says("maxmemory", "accept_eviction", title="error")
    untouched()


@pytest.mark.host(
    setup=steps(packaged("maxmemory 100mb", "maxmemory-policy volatile-ttl"), stuffed(60_000, 1000)),
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory-policy": "allkeys-random"},
)
def test_a_policy_that_takes_their_protection_away(run, untouched):
    """The second of A2: the limit stays."""
    assert not run.ok
    assert run.says("maxmemory-policy", "accept_eviction", title="error")
    untouched()


def bullmq(prefix: str = "bull", queue: str = "mail", database: int = 0):
    """As BullMQ leaves a queue with one job that waits."""
    key = f"{prefix}:{queue}"
    return said(
        f"select {database}",
        f"hset {key}:meta opts.maxLenEvents 10000 version bullmq:5.0.0",
        f"set {key}:id 1",
        f'hset {key}:1 name send data "{{}}" opts "{{}}" timestamp 1700000000000 priority 0 delay 0',
        f"lpush {key}:wait 1",
        f"xadd {key}:events * event added jobId 1 name send",
    )


@pytest.mark.host(redis_server_profile="queue")
def test_a_queue_among_many_keys(host, run):
    """A3: a bounded search does not find it, and that is no answer."""
    assert run.ok
    host.fill(60_000)
    bullmq()(host)
    before = host.facts(USUAL)
    second = plays.provision(host, redis_server_profile="guide")
    assert host.config("maxmemory-policy") == "noeviction"
    assert not second.ok
    assert second.says("maxmemory-policy", "accept_eviction", title="error")
    assert host.facts(USUAL) == before


@pytest.mark.host(
    setup=steps(packaged("maxmemory 100mb"), bullmq("shop", "orders", 3)),
    redis_server_adopt="replace",
    redis_server_profile="guide",
)
def test_a_queue_of_another_prefix_in_another_database(host, run, untouched):
    """The second of A3."""
    assert host.config("maxmemory-policy") == "noeviction"
    assert not run.ok
    untouched()


QUEUES = {
    "sidekiq": (
        "sadd queues default",
        """lpush queue:default '{"class":"Mail","args":[],"jid":"1","queue":"default"}'""",
    ),
    "celery": (
        """sadd _kombu.binding.celery 'celery\\x06\\x16\\x06\\x16celery'""",
        """lpush celery '{"body":"W10=","content-encoding":"utf-8","headers":{"task":"mail"},"properties":{}}'""",
    ),
    "rq": ("sadd rq:queues rq:queue:default", "rpush rq:queue:default 1", "hset rq:job:1 status queued origin default"),
    "laravel": ("""rpush laravel_database_queues:default '{"uuid":"1","job":"Illuminate","data":{}}'""",),
}


@pytest.mark.parametrize(
    "framework",
    [
        pytest.param(
            name,
            marks=pytest.mark.host(
                setup=steps(packaged("maxmemory 100mb"), said(*commands)),
                redis_server_adopt="replace",
                redis_server_profile="guide",
            ),
        )
        for name, commands in QUEUES.items()
    ],
)
@pytest.mark.usefixtures("framework")
def test_queues_of_others(host, run, untouched):
    """A4."""
    assert host.config("maxmemory-policy") == "noeviction"
    assert not run.ok
    untouched()
