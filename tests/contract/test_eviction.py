"""What a real server evicts when its limit or policy changes, and that the guard said so before."""

from __future__ import annotations

import time
from itertools import product

import pytest
from ansible.module_utils.redis_ops.checks import eviction
from ansible.module_utils.redis_ops.plan.eviction import Cause, Limit, at_risk, stored
from ansible.module_utils.redis_ops.server.connection import Address, Connection, Credentials
from ansible.module_utils.redis_ops.server.queues.search import search
from ansible.module_utils.redis_ops.view import host, observe
from instances import OLD_AND_NEW, lab
from servers import Refused, Server

__all__ = ["lab"]

MB = 1024**2
KNOWN = [
    "noeviction",
    *(f"{keys}-{how}" for keys, how in product(("allkeys", "volatile"), ("lru", "lfu", "lrm", "random"))),
    "volatile-ttl",
]
FILL = """
for i = 1, tonumber(ARGV[1]) do
  redis.call('SET', 'lasting:' .. i, string.rep('x', 1000))
  if ARGV[2] == 'yes' then redis.call('SET', 'expiring:' .. i, string.rep('x', 1000), 'EX', 3600) end
end
"""


def policies(server: Server) -> list[str]:
    before = server.config("maxmemory-policy")["maxmemory-policy"]
    known = [policy for policy in KNOWN if server.set("maxmemory-policy", policy) is None]
    server.set("maxmemory-policy", before)
    return known


def change(server: Server, limit: Limit) -> None:
    """At once, as live.set_live does; Redis 6.2 in an order that evicts nothing in between."""
    pairs = [("maxmemory", str(limit.maxmemory)), ("maxmemory-policy", limit.policy)]
    rises = limit.maxmemory == 0 or limit.maxmemory >= int(server.config("maxmemory")["maxmemory"]) > 0
    for name, value in pairs if rises else reversed(pairs):
        assert server.set(name, value) is None


def names(server: Server) -> set[tuple[int, str]]:
    found = set()
    for number in (0, 5):
        server.ask("SELECT", str(number))
        found |= {(number, name) for name in server.ask("KEYS", "*")}
    server.ask("SELECT", "0")
    return found


def settled(server: Server) -> None:
    """Eviction goes on in steps after the command that began it."""
    last = -1
    while last != (now := server.ask("INFO", "stats").split("evicted_keys:")[1].split()[0]):
        last = now
        time.sleep(0.05)


def refuses(server: Server) -> bool:
    try:
        server.ask("SET", "probe", "x")
        server.ask("DEL", "probe")
    except Refused as refused:
        return str(refused).startswith("OOM")
    return False


@pytest.fixture
def filled(server):
    """Keys of 1 KB in two databases, with and without a time to live; nothing has been evicted."""

    def fill(*, expiring: bool) -> Connection:
        change(server, Limit(0, "noeviction"))
        server.ask("FLUSHALL")
        for number in ("0", "5"):
            server.ask("SELECT", number)
            server.ask("EVAL", FILL, "0", "1500", "yes" if expiring else "no")
        server.ask("SELECT", "0")
        return Connection(Address(port=int(server.config("port")["port"])), Credentials())

    yield fill
    change(server, Limit(0, "noeviction"))
    server.ask("FLUSHALL")


@pytest.mark.parametrize("share", [0.6, 1.5], ids=["too small", "roomy"])
@pytest.mark.parametrize("expiring", [True, False], ids=["some expire", "none expires"])
def test_what_a_server_takes_was_said_before(server, filled, expiring, share):
    """Every pair of policies of this server; the old limit had room for everything."""
    known = policies(server)
    for old, new in product(["noeviction", "volatile-lru", "allkeys-lru"], known):
        connection = filled(expiring=expiring)
        info = connection.info()
        used = int(info["used_memory"]) - int(info["mem_not_counted_for_evict"])
        limits = Limit(used * 2, old), Limit(int(used * share), new)
        change(server, limits[0])
        before = names(server)
        risk = at_risk(*limits, stored(connection.info()), search(connection))
        change(server, limits[1])
        settled(server)
        gone = before - names(server)
        told = f"{old} to {new}: {len(gone)} of {len(before)} gone, said {risk}"
        if gone:
            assert risk.cause is Cause.DATA, told
            assert risk.keys >= len(gone) * (1 if risk.exact else 0.7), told
            assert 0.5 * len(gone) * 1000 < risk.now < 2 * len(gone) * 1200 + MB, told
        if refuses(server):
            assert risk.cause is Cause.WRITES or "refuses commands that write" in risk.reason, told
        if not gone and not refuses(server):
            assert risk.cause is (Cause.LATER if risk.keys and limits[0].policy != new else Cause.NOTHING), told
        connection.close()


def test_a_limit_lowered_under_keys_without_a_time_to_live(server, filled):
    """Field case A2: what the old policy could not evict counts."""
    connection = filled(expiring=False)
    used = int(connection.info()["used_memory"])
    change(server, Limit(2 * used, "volatile-lru"))
    risk = at_risk(
        Limit(2 * used, "volatile-lru"), Limit(used // 3, "allkeys-lru"), stored(connection.info()), search(connection)
    )
    assert (risk.cause, risk.keys, risk.exact) == (Cause.DATA, 3000, True)
    assert 3000 * 1000 < risk.size < used
    change(server, Limit(used // 3, "allkeys-lru"))
    settled(server)
    assert 0 < len(names(server)) < 3000
    connection.close()


def test_a_queue_in_an_own_database_with_room_is_a_risk(server, filled):
    """Field cases A3 and A4."""
    connection = filled(expiring=False)
    server.ask("SELECT", "5")
    server.ask("SADD", "queues", "default")
    server.ask("LPUSH", "queue:default", "1")
    server.ask("SELECT", "0")
    change = Limit(0, "noeviction"), Limit(2**30, "allkeys-lru")
    risk = at_risk(*change, stored(connection.info()), search(connection))
    assert (risk.cause, risk.keys, risk.now) == (Cause.QUEUE, 3002, 0)
    assert "Sidekiq, Resque or Faktory in database 5" in risk.reason
    connection.close()


# --- the guard of provision, from the look at the server on ------------------------------------------------------------


def stops(lab, **wanted: str) -> list[str]:
    """What preflight says of the eviction that these settings bring."""
    settings = {name.replace("_", "-"): value for name, value in wanted.items()}
    view = observe.look(lab.instance(settings, adopt="keep"))
    found = list(eviction.problems(view, host.queues_of(view)))
    view.connection.close()
    assert all(problem.where.startswith("here, instance lab: maxmemory ") for problem in found)
    return [problem.what for problem in found]


@OLD_AND_NEW
def test_preflight_refuses_to_evict_jobs_among_many_keys(lab):
    """Field case A3, and A4 in another database."""
    lab.begin("maxmemory 512mb", "maxmemory-policy noeviction")
    guide = {"maxmemory": "512mb", "maxmemory_policy": "allkeys-lru"}
    lab.ask("EVAL", "for i = 1, 60000 do redis.call('HSET', 'bull:video:' .. i, 'data', i) end", "0")
    assert "Bull bull:video in database 0" in "".join(stops(lab, **guide))
    lab.ask("EVAL", "for i = 1, 60000 do redis.call('DEL', 'bull:video:' .. i) end", "0")
    lab.fill(60_000)
    [said] = stops(lab, **guide)
    assert "Bull" not in said
    assert "60,000 keys may be evicted that are protected now" in said
    lab.ask("FLUSHALL")
    client = lab.client()
    client("SELECT", "9")
    for keys in (
        [("SADD", "queues", "x")],
        [("LPUSH", "celery", "x")],
        [("ZADD", "shop:video:prioritized", "1", "1"), ("SET", "shop:video:id", "1")],
    ):
        for words in keys:
            client(*words)
        assert "in database 9" in "".join(stops(lab, **guide))
        client("FLUSHDB")
    assert stops(lab, **guide) == []


@OLD_AND_NEW
def test_preflight_refuses_to_evict_what_a_volatile_policy_protected(lab):
    """Field case A2."""
    lab.begin("maxmemory 600mb", "maxmemory-policy volatile-lru")
    lab.fill(200_000)
    [said] = stops(lab, maxmemory="10mb", maxmemory_policy="allkeys-lru")
    assert said.startswith("200,000 keys without a time to live, about ")
    [said] = stops(lab, maxmemory="10mb", maxmemory_policy="volatile-lru")
    assert "it would refuse every command that writes" in said
    [said] = stops(lab, maxmemory="600mb", maxmemory_policy="allkeys-lru")
    assert "once the limit is reached, 200,000 keys without a time to live may be" in said
    assert stops(lab, maxmemory="700mb", maxmemory_policy="allkeys-lru") == []
