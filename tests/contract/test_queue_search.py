"""The search for job queues on real servers: keys as the libraries write them, in any database, and who may look."""

from __future__ import annotations

import bull
import pytest
from ansible.module_utils.redis_ops.server.connection import Address, Connection, Credentials
from ansible.module_utils.redis_ops.server.queues.result import Answer, Budget, Search
from ansible.module_utils.redis_ops.server.queues.search import search
from instances import OLD_AND_NEW, lab
from queue_keys import INNOCENT, QUEUES, Key
from servers import Client, Server

__all__ = ["lab"]

LONG = Budget(seconds=60)
MADE = {
    "string": ("SET", "{}", "1"),
    "hash": ("HSET", "{}", "field", "1"),
    "list": ("LPUSH", "{}", "1"),
    "set": ("SADD", "{}", "1"),
    "zset": ("ZADD", "{}", "1", "1"),
    "stream": ("XADD", "{}", "*", "field", "1"),
}


def make(ask: Client, keys: list[Key], database: int = 0) -> None:
    ask("SELECT", str(database))
    for name, kind in {name: kind for kind, name in keys}.items():  # a later key replaces one of the same name
        ask(*[name if word == "{}" else word for word in MADE[kind]])
    ask("SELECT", "0")


def look(server: Server, budget: Budget = LONG, *, first: bool = True, user: str = "") -> Search:
    port = int(server.config("port")["port"])
    connection = Connection(Address(port=port), Credentials(user, "pw" if user else ""))
    try:
        return search(connection, budget, first=first)
    finally:
        connection.close()


@pytest.fixture
def empty(server):
    yield server
    server.ask("FLUSHALL")


# --- on every server --------------------------------------------------------------------------------------------------


def test_queues_of_every_library(empty):
    for number, library in enumerate(QUEUES):
        kind, keys = QUEUES[library]
        make(empty.ask, [*INNOCENT, *keys], number % 16)
        found = look(empty, first=False)
        assert ({queue.kind for queue in found.found}, found.complete) == ({kind}, True), library
        assert {queue.database for queue in found.found} == {number % 16}
        assert found.keys == len({name for _, name in [*INNOCENT, *keys]})
        empty.ask("FLUSHALL")


def test_ordinary_keys(empty):
    make(empty.ask, INNOCENT)
    make(empty.ask, INNOCENT, 7)
    found = look(empty)
    assert (found.answer, found.found, found.databases) == (Answer.NONE, (), (0, 7))


def test_a_queue_among_many_keys(empty):
    """Field case A3: 20 rounds of SCAN did not see it."""
    empty.ask("EVAL", "for i = 1, 60000 do redis.call('HSET', 'shop:video:' .. i, 'data', i) end", "0")
    make(empty.ask, [("hash", "shop:video:meta"), ("list", "shop:video:wait"), ("string", "shop:video:id")])
    found = look(empty)
    assert [(queue.kind, queue.base) for queue in found.found] == [("BullMQ", "shop:video")]
    empty.ask("DEL", "shop:video:meta", "shop:video:wait", "shop:video:id")
    found = look(empty)
    assert (found.answer, found.keys) == (Answer.NONE, 60_000)


def test_streams_and_their_groups(empty):
    make(empty.ask, [("stream", "orders"), ("stream", "clicks")])
    assert look(empty).answer is Answer.NONE
    empty.ask("XGROUP", "CREATE", "orders", "workers", "0")
    assert [queue.evidence for queue in look(empty).found] == [("stream orders",)]


def test_a_key_with_any_bytes(empty):
    empty.ask("EVAL", r"redis.call('LPUSH', string.char(255, 254, 27, 10) .. ':mail:wait', 1)", "0")
    empty.ask("EVAL", r"redis.call('SET', string.char(255, 254, 27, 10) .. ':mail:id', 1)", "0")
    [queue] = look(empty).found
    assert queue.kind == "Bull"
    assert all(text.isprintable() for text in [str(queue), *queue.evidence])


def test_budget(empty):
    empty.ask("EVAL", "for i = 1, 5000 do redis.call('SET', 'page:' .. i, i) end", "0")
    for budget in (Budget(seconds=0), Budget(keys=2000)):
        found = look(empty, budget)
        assert (found.answer, found.present) == (Answer.UNKNOWN, None)
        assert "of 5,000 keys" in found.reason


def test_nothing_is_written_and_nothing_forbidden_is_sent(empty):
    make(empty.ask, [*INNOCENT, *QUEUES["bullmq 6.7.0"][1]], 3)
    empty.ask("CONFIG", "RESETSTAT")
    look(empty, first=False)
    info = empty.ask("INFO", "commandstats")
    sent = {line.split(":")[0].removeprefix("cmdstat_") for line in info.splitlines() if line.startswith("cmdstat_")}
    assert sent - {"hello", "client|setinfo", "client", "config|resetstat"} <= {
        "info",
        "scan",
        "select",
        "type",
        "xinfo",
        "xinfo|groups",
        "config",
        "config|get",
    }


# --- who looks --------------------------------------------------------------------------------------------------------

EVERYTHING = "on >pw resetchannels ~* -@all +info +scan +select +type +xinfo +config|get"


@pytest.mark.parametrize(
    ("missing", "answer"),
    [
        ("", Answer.NONE),
        ("+scan ", Answer.UNKNOWN),
        ("+select ", Answer.UNKNOWN),
        ("+info ", Answer.UNKNOWN),
        ("+xinfo ", Answer.UNKNOWN),
        ("+type ", Answer.UNKNOWN),
    ],
)
def test_a_user_who_may_not_look_has_no_answer(empty, missing, answer):
    make(empty.ask, [*INNOCENT, ("list", "shop:mail:active")], 2)
    make(empty.ask, [("string", "page:1")])
    empty.ask("ACL", "SETUSER", "some", "reset", *EVERYTHING.replace(missing, "").split())
    found = look(empty, user="some")
    assert found.answer is answer
    assert bool(found.reason) == (answer is Answer.UNKNOWN)
    make(empty.ask, [("set", "rq:queues"), ("list", "rq:queue:mail")], 2)
    found = look(empty, user="some")
    blind = missing in ("+scan ", "+select ", "+info ")
    expected = Answer.FOUND if not blind or missing == "+scan " else Answer.UNKNOWN  # +type finds well-known names
    assert found.answer is expected


# --- queues of real BullMQ --------------------------------------------------------------------------------------------

ADD = """
async def main():
    queue = Queue(name, {"connection": {**connection, "db": 1}, "prefix": "PREFIX"})
    await queue.add("job", {}, OPTIONS)
"""


@OLD_AND_NEW
@pytest.mark.parametrize("prefix", ["bull", "{bull}", "shop"])
@pytest.mark.parametrize("options", ["{}", '{"delay": 3600000}', '{"priority": 3}'])
def test_a_queue_of_bullmq_without_its_meta_key(lab, prefix, options):
    """Field case C3."""
    lab.begin()
    bull.run(lab.port, "mail", ADD.replace("PREFIX", prefix).replace("OPTIONS", options))
    connection = Connection(Address(port=lab.port), Credentials())
    client = lab.client()
    client("SELECT", "1")
    for gone in ("meta", "marker", "events"):
        [queue] = search(connection, LONG, first=False).found
        assert (queue.database, queue.base) == (1, f"{prefix}:mail")
        client("DEL", f"{prefix}:mail:{gone}")
    connection.close()
