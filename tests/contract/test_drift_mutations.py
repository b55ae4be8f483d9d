"""Every option that can be set on a running server is set, one by one: each is found, alone, and as what it is."""

from __future__ import annotations

from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.catalog.option import Apply, Origin
from ansible.module_utils.redis_ops.drift.states import State
from ansible.module_utils.redis_ops.server.connection import Credentials
from drifting import Watch, check, drifted, others
from instances import lab
from ports import quiet_port
from servers import PROGRAMS, Refused

__all__ = ["lab"]

FLOOR = {6: 105, 7: 130, 8: 140, 9: 150}  # by major version, fewer would mean that something is no longer tried
# What this machine or this build refuses, whatever the value.
REFUSED = {
    "activedefrag": "Debian's builds have no jemalloc of their own",
    "tls-cert-file": "needs certificates",
    "tls-key-file": "needs certificates",
    "tls-client-cert-file": "needs certificates",
    "tls-client-key-file": "needs certificates",
    "tls-dh-params-file": "needs certificates",
    "tls-ca-cert-file": "needs certificates",
    "tls-ca-cert-dir": "needs certificates",
    "rdma-bind": "needs RDMA",
    "rdma-port": "needs RDMA",
}
# Without certificates, Redis 8.2 and Valkey 9 crash when somebody sets these.
NOT_TRIED = {"tls-cluster", "tls-port", "tls-replication"}
NOT_WRITTEN = {"watchdog-period"}  # Redis 6.2 takes it from CONFIG SET only
# Those after which an instance is found, or let in to, in another way: the whole check is made.
WHOLE = {"port", "bind", "requirepass", "dir", "maxclients", "appendonly", "masterauth", "unixsocketperm", "save"}
PASSWORD = "only-looks"


def mutable(lab):
    """Options that CONFIG SET takes live, by the catalogue, and the server's own text for each."""
    client, engine = lab.client(), lab.program.engine
    reported = lab.config()
    for option in catalog.options_at(engine):
        name = option.spelled_at(engine)
        if option.apply_at(engine) is not Apply.LIVE or option.origin is not Origin.DECLARED or name in NOT_TRIED:
            continue
        asked = client("CONFIG", "GET", name)  # some answer to their name only
        if name in reported or asked:
            yield option, name, asked[1]


def mutate(client, option, name, engine, current):
    """Set it to another value; None when the server takes none."""
    texts = [str(quiet_port())] if name == "port" else others(option, engine, current)
    said = "no other value is known"
    for text in texts:
        try:
            client("CONFIG", "SET", name, text)
        except Refused as refused:  # noqa: PERF203 - the next value is tried
            said = str(refused)
        else:
            return None
    return said


def declared_here(lab, options):
    """Half of the options, and on the next server the other half."""
    offset = PROGRAMS.index(lab.program)
    chosen = [pair for pair in options if (catalog.OPTIONS.index(pair[0]) + offset) % 2]
    return {option.name: text for option, _, text in chosen if option.group != "tls" and option.name not in NOT_WRITTEN}


def test_each_option_set_by_somebody_is_found(lab, record_property):
    engine = lab.program.engine
    lab.converge()
    options = list(mutable(lab))
    settings = declared_here(lab, options)
    lab.converge(settings)
    client = lab.client()
    client("ACL", "SETUSER", "looks", "on", f">{PASSWORD}", "-@all", "+info", "+config|get", "+acl|list")
    client("CONFIG", "REWRITE")
    way_in = {"credentials": [Credentials("looks", PASSWORD)]}
    lab.converge(settings, **way_in)
    watch = Watch(lab, settings, **way_in)
    try:
        assert watch() == {}
        known, wrong, refused = {*lab.settings, *settings}, {}, {}
        for option, name, current in options:
            said = mutate(client, option, name, engine, current)
            if said:
                refused[name] = said
                continue
            state = State.LIVE_NOT_PERSISTED if option.name in known else State.UNMANAGED_SET
            seen = [watch()]
            if name in WHOLE:
                seen.append(drifted(check(lab, settings, **way_in)))
            client("CONFIG", "SET", name, current)
            if any(found != {option.name: state.value} for found in seen):
                wrong[name] = seen
        assert wrong == {}
        assert watch() == {}
        assert drifted(check(lab, settings, **way_in)) == {}
    finally:
        watch.close()
    assert refused.keys() <= REFUSED.keys(), refused
    done = len(options) - len(refused)
    print(f"{lab.program.version}: {done} of {len(options)} mutated, {len(settings)} of them declared")
    record_property("mutated", done)
    assert done >= FLOOR[engine.version[0]]
