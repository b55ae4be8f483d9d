"""ACL users: however the file spells them, and whatever the server lists, the same is the same; and what differs is found."""

from __future__ import annotations

import hashlib
import random

import pytest
from ansible.module_utils.redis_ops.drift import users
from servers import Refused

HASH = hashlib.sha256(b"one").hexdigest()
CASES = 400  # for each server
WORDS = {
    "flags": ["on", "off", "ON", "nopass", "resetpass", ">one", ">two", "<one", f"#{HASH}", f"!{HASH}", "reset"],
    "keys": ["~*", "allkeys", "~a*", "~b", "resetkeys"],
    "channels": ["&*", "allchannels", "&c*", "&d", "resetchannels"],
    "commands": [
        "+@all",
        "-@all",
        "allcommands",
        "nocommands",
        "+get",
        "-get",
        "+SET",
        "-set",
        "+config|get",
        "+config",
    ],
    "categories": ["+@read", "-@read", "+@write", "-@dangerous", "+@pubsub", "+subscribe", "-publish"],
    "later": ["%R~a*", "%W~a*", "%RW~*", "%rw~x", "%R~*", "-config|set", "-config|get", "+client|id"],
    "selectors": ["(~s +get)", "(+@read %R~t)", "(allkeys +@all -@write)", "clearselectors", "(&q ~q)"],
    "databases": ["db=1", "db=3,2", "alldbs", "resetdbs"],
}
BEFORE_7 = ["flags", "keys", "channels", "commands", "categories"]


def groups(engine):
    names = [name for name in WORDS if engine.reached("redis 7.0") or name in BEFORE_7]
    return [name for name in names if name != "databases" or engine.reached("valkey 9.1")]


def draw(chance, engine):
    some = chance.sample(groups(engine), chance.randint(1, 3))
    return [chance.choice(WORDS[chance.choice(some)]) for _ in range(chance.randint(1, 9))]


def listed(server, name):
    return next(line for line in server.ask("ACL", "LIST") if line.split(" ")[1] == name)


def given(server, rules):
    """The user that somebody gave these rules, as the server lists it; None when it refuses them."""
    server.ask("ACL", "DELUSER", "somebody")
    try:
        server.ask("ACL", "SETUSER", "somebody", *rules)
    except Refused:
        return None
    return listed(server, "somebody")


def told(line, rules, server, *, opened):
    start = users.Start(server.engine, "", opened)
    return [
        finding.actual
        for finding in users.findings([listed(server, "default"), line], [["somebody", *rules]], start, "here")
    ]


@pytest.mark.parametrize("pubsub", ["resetchannels", "allchannels"])
def test_the_rules_of_a_file_and_what_the_server_makes_of_them_are_the_same(server, pubsub):
    assert server.set("acl-pubsub-default", pubsub) is None
    chance = random.Random(f"{server.engine} {pubsub}")
    wrong, taken = {}, 0
    for _ in range(CASES):
        rules = draw(chance, server.engine)
        line = given(server, rules)
        if line is None:
            continue
        taken += 1
        if found := told(line, rules, server, opened=pubsub == "allchannels"):
            wrong[" ".join(rules)] = (line, found)
    assert wrong == {}
    assert taken > CASES / 4


CHANGES = [
    ("on >one ~a* +get", "on >one ~a* +get +set", "commands"),
    ("on >one ~a* +get", "on >one ~a* +@all", "commands"),
    ("on >one ~a* +@all", "on >one ~a* +@all -flushall", "commands"),
    ("on >one ~a* +get", "on >one ~* +get", "keys"),
    ("on >one ~a* +get", "on >one >two ~a* +get", "passwords"),
    ("on >one ~a* +get", "on nopass ~a* +get", "nopass, passwords"),
    ("on >one ~a* +get", "off >one ~a* +get", "enabled"),
    ("on >one ~a* resetchannels +get", "on >one ~a* resetchannels &c +get", "channels"),
]
LATER = [
    ("redis 7.0", "on >one %R~a* +get", "on >one ~a* +get", "keys"),
    ("redis 7.0", "on >one +get (~a +get)", "on >one +get (~a +get) (~b +get)", "selectors"),
    ("redis 7.0", "on >one +get (~a +get)", "on >one +get (~b +get)", "selectors"),
    ("redis 7.2", "on >one +@read", "on >one +@read -@dangerous", "commands"),
    ("redis 7.2", "on >one +get (~a +@read)", "on >one +get (~a +@write)", "selectors"),
    ("valkey 9.1", "on >one db=1", "on >one db=1,2", "databases"),
]


def test_what_differs_is_found(server):
    opened = server.config()["acl-pubsub-default"] == "allchannels"
    cases = [*CHANGES, *(case for since, *case in LATER if server.engine.reached(since))]
    found = [told(given(server, running.split()), file.split(), server, opened=opened) for file, running, _ in cases]
    assert found == [[f"running and file differ in {names}"] for _, _, names in cases]
