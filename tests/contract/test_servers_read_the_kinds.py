"""What a kind makes of a text is what real servers make of it: both take the same texts and mean the same by them."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.errors import InvalidValue

# Texts that kind and server take. What the server then reports must mean to the kind what was sent.
TAKEN = {
    "maxmemory": ["0", "100b", "1k", "1kb", "2m", "64mb", "64MB", "1g", "2Gb", "2147483648", "9223372036854775807"],
    "repl-backlog-size": ["20mb", "20971520", "16384", "1g"],
    "client-query-buffer-limit": ["1mb", "1048576", "2g"],
    "maxmemory-clients": ["0", "0%", "5%", "100%", "1gb", "100mb"],
    "timeout": ["0", "300", "2147483647"],
    "slowlog-log-slower-than": ["-1", "0", "10000"],
    "list-max-listpack-size": ["-2", "-5", "128"],
    "hz": ["1", "10", "500"],
    "maxmemory-samples": ["1", "64"],
    "maxclients": ["1000", "64"],
    "latency-monitor-threshold": ["0", "9223372036854775807"],
    "stop-writes-on-bgsave-error": ["no", "NO", "Yes", "yes"],
    "appendfsync": ["always", "ALWAYS", "no", "everysec"],
    "maxmemory-policy": ["allkeys-lru", "AllKeys-LFU", "volatile-ttl", "allkeys-random", "noeviction"],
    "loglevel": ["debug", "Warning", "notice"],
    "oom-score-adj": ["relative", "yes", "absolute", "no", "NO"],
    "oom-score-adj-values": ["0 100 900", "0 200 800"],
    "sanitize-dump-payload": ["clients", "yes", "no"],
    "repl-diskless-load": ["on-empty-db", "swapdb", "disabled"],
    "tls-auth-clients": ["no", "optional", "yes"],
    "tls-auth-clients-user": ["CN", "cn", "off"],
    "propagation-error-behavior": ["panic", "panic-on-replicas", "ignore"],
    "tls-protocols": ["TLSv1.3", "TLSv1.3 TLSv1.2", "tlsv1.2 tlsv1.3", ""],
    "shutdown-on-sigterm": ["now nosave", "nosave now", "save force now", "FORCE", "default"],
    "save": ["900 1", "900 1 300 10", "300 10 900 1", "60 1 60 1", "60 0", ""],
    "client-output-buffer-limit": [
        "replica 512mb 128mb 60",
        "slave 536870912 128mb 60",
        "normal 1mb 512kb 10 pubsub 64mb 16mb 90",
        "NORMAL 0 0 0",
        "replica 1mb 1mb 1 slave 2mb 1mb 1",
    ],
    "notify-keyspace-events": ["KEA", "AKE", "Ex", "xE", "KEg$lshzxetd", "g$lshzxetdE", "Kmd", "KEAm", ""],
    "latency-tracking-info-percentiles": ["50 99", "50.0 99.00 99.9", "99 50", "0 100", "33.33333333", ""],
    "bind": ["127.0.0.1 -::1", "127.0.0.1"],
    # Valkey 8.1 writes quotes without escapes on CONFIG REWRITE, and then does not start
    "masterauth": ["s3cret'#$%", 'pa"ss', "pa\\ss", "two words", ""],
    "proc-title-template": ["{title} {port}", "{title} {listen-addr} {server-mode}"],
    "acl-pubsub-default": ["allchannels", "resetchannels"],
}

# The same, only where the option's kind changed with a version.
TAKEN_SINCE = {
    ("maxmemory-samples", "redis 6.2"): ["1000"],
    ("notify-keyspace-events", "redis 7.0"): ["Kn", "KEAmn"],
    ("notify-keyspace-events", "redis 8.2"): ["Koc", "KEAoc"],
    ("loglevel", "redis 7.2"): ["nothing"],
    ("repl-diskless-load", "valkey 8.1"): ["flush-before-load"],
    ("shutdown-on-sigterm", "valkey 9.0"): ["safe", "failover now"],
    ("tls-auth-clients-user", "valkey 9.1"): ["uri"],
    ("log-format", "valkey 9.1"): ["json"],
}
TAKEN_UNTIL = {("maxmemory-samples", "redis 6.2"): ("redis 7.4", "valkey 8.0")}

# Texts that kind and server refuse.
REFUSED = {
    "maxmemory": ["-1", "1.5gb", "1tb", "10kib", "0x10", "5%", "2 gb", "lots"],
    "repl-backlog-size": ["0"],
    "client-query-buffer-limit": ["1023kb"],
    "maxmemory-clients": ["101%", "-5%", "5.5%", "-1"],
    "timeout": ["-1", "300s", "5m", "2147483648", "1.0", "0x10", ""],
    "slowlog-log-slower-than": ["-2", "10ms"],
    "list-max-listpack-size": ["2147483648"],
    "maxmemory-samples": ["0"],
    "maxclients": ["0", "4294967296"],
    "port": ["65536", "-1"],
    "stop-writes-on-bgsave-error": ["1", "true", "on", ""],
    "appendfsync": ["sometimes", "yes", ""],
    "maxmemory-policy": ["lru", "allkeys_lru"],
    "oom-score-adj-values": ["0 200", "0 200 800 900", "0 200 3000", "a b c"],
    "sanitize-dump-payload": ["maybe"],
    "shutdown-on-sigterm": ["save nosave", "later"],
    "save": ["900", "900 1 300", "0 1", "900 -1", "900 x"],
    "client-output-buffer-limit": ["replica 1mb 1mb", "master 0 0 0", "normal 1mb 1mb -1", "normal x 1mb 1"],
    "notify-keyspace-events": ["KEy", "Q"],
    "latency-tracking-info-percentiles": ["101", "-1", "p99"],
}

# Texts that servers take for something that nobody meant. The kind refuses them.
HOLES = {
    "maxmemory": ["", "gb", "17179869184gb"],  # all three are 0, which is no limit
    "hz": ["0", "1000"],  # clamped, and so drift for ever
    "tls-protocols": ["TLSv1.4"],  # looked at only when a TLS port is opened
}


def cases(table):
    rows = [(name, text) for name, texts in table.items() for text in texts]
    return pytest.mark.parametrize(("name", "text"), rows, ids=[f"{name}={text!r}" for name, text in rows])


def kind_of(server, name):
    """The kind and the name of the option on this server; nothing where the server, too, says that it has no such option."""
    option = catalog.find(name)
    if not option.exists_at(server.engine) or (option.group == "tls" and not server.program.tls):
        assert server.config(name) == {}
        return None, name
    return option.kind_at(server.engine), option.spelled_at(server.engine)


def takes(server, name, text):
    kind, spelled = kind_of(server, name)
    if kind is None:
        return
    assert server.set(spelled, text) is None
    reported = server.config(spelled)[spelled]
    assert kind.covers(kind.parse(text), kind.parse(reported)), f"reported as {reported!r}"


@cases(TAKEN)
def test_server_and_kind_take_it_and_mean_the_same(server, name, text):
    takes(server, name, text)


@pytest.mark.parametrize(
    ("name", "since", "text"), [(*key, text) for key, texts in TAKEN_SINCE.items() for text in texts]
)
def test_what_a_version_added_or_dropped_is_taken_there_and_nowhere_else(server, name, since, text):
    kind, spelled = kind_of(server, name)
    if kind is None:
        return
    dropped = TAKEN_UNTIL.get((name, since), ())
    if server.engine.reached(since) and not any(map(server.engine.reached, dropped)):
        takes(server, name, text)
    else:
        with pytest.raises(InvalidValue):
            kind.parse(text)
        assert server.set(spelled, text) is not None


@cases(REFUSED)
def test_server_and_kind_refuse_it(server, name, text):
    kind, spelled = kind_of(server, name)
    if kind is None:
        return
    with pytest.raises(InvalidValue):
        kind.parse(text)
    assert server.set(spelled, text) is not None


@cases(HOLES)
def test_the_server_takes_it_and_the_kind_does_not(server, name, text):
    kind, spelled = kind_of(server, name)
    if kind is None:
        return
    with pytest.raises(InvalidValue):
        kind.parse(text)
    before = server.config(spelled)[spelled]
    assert server.set(spelled, text) is None
    server.set(spelled, before)


def test_normalised_text_is_what_the_server_takes(server):
    """render() of what the server reports is taken back by it, and changes nothing."""
    changed = {}
    for option in catalog.options_at(server.engine):
        spelled = option.spelled_at(server.engine)
        reported = server.config().get(spelled)
        if reported is None or option.apply_at(server.engine).name != "LIVE" or spelled == "rdma-bind":
            continue
        kind = option.kind_at(server.engine)
        refused = server.set(spelled, kind.render(kind.parse(reported)))
        after = server.config(spelled)[spelled]
        if refused or kind.parse(after) != kind.parse(reported):
            changed[spelled] = (reported, refused, after)
    assert changed == {}
