"""arguments() of every kind, written to redis.conf, start a server that has those values."""

from __future__ import annotations

import re

import pytest
from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.catalog.kinds import (
    Bool,
    BufferLimits,
    Enum,
    FileName,
    Integer,
    Integers,
    KeyspaceEvents,
    Memory,
    MemoryOrPercent,
    Octal,
    Percentiles,
    SavePoints,
    Secret,
    WordSet,
)
from servers import running

# Values that are not the default, by kind. Words, paths and free text depend on the host: BY_NAME has those that do not.
SAMPLES = {
    Integers: "0 150 850",
    KeyspaceEvents: "Kx$",
    MemoryOrPercent: "10%",
    Octal: "770",
    Percentiles: "50 95.5",
    SavePoints: "900 1 60 1000",
    Secret: "s3cret'#$% \"\\",
    BufferLimits: "replica 300mb 100mb 90 normal 10mb 5mb 5",
    FileName: "other.file",
}
BY_NAME = {
    "unixsocket": "./redis.sock",
    "pidfile": "./redis.pid",
    "logfile": "",
    "proc-title-template": "{title} my title",
    "replica-announce-ip": "10.0.0.9",
    "tls-protocols": "TLSv1.3",
    "shutdown-on-sigterm": "nosave force",
    "maxclients": "200",
    "databases": "4",
    "io-threads": "2",
    "list-max-listpack-size": "-3",
    "syslog-ident": "other name",
    "server-cpulist": "0",
    "appendfilename": "other.aof",
}

# Options whose other value starts something that a test cannot have, or no server at all.
KEPT_AT_DEFAULT = {
    "activedefrag": "Debian's builds have no jemalloc of their own",
    "cluster-enabled": "refuses several databases and replicas",
    "daemonize": "the test would lose the process",
    "supervised": "needs systemd or upstart",
    "syslog-enabled": "writes to the log of this machine",
    "loglevel": "nothing hides why a start failed",
    "tls-port": "needs certificates",
    "tls-cluster": "needs certificates",
    "tls-replication": "needs certificates",
    "tls-client-key-file-pass": "needs certificates",
    "tls-key-file-pass": "needs certificates",
    "mptcp": "needs a kernel that has it",
    "repl-mptcp": "needs a kernel that has it",
    "rdma-port": "needs RDMA",
    "rdma-completion-vector": "needs RDMA",
    "rdma-rx-size": "needs RDMA",
    "io-threads-do-reads": "has no effect without threads",
    "oom-score-adj": "lasting effect on the test's own process group",
    "array-slice-size": "powers of two only",
}

# Not lines of redis.conf: `replicaof ''` names no host, and Redis 6.2 takes watchdog-period from CONFIG SET only.
# bind and port are the test's own.
NOT_WRITTEN = {"replicaof", "watchdog-period", "rdma-bind", "bind", "port"}


def sample(option, engine):
    """A value that is not the default, as text; None where there is none to be had."""
    kind = option.kind_at(engine)
    if option.name in BY_NAME:
        return BY_NAME[option.name]
    if isinstance(kind, Bool):
        return "no" if option.default_at(engine) == "yes" else "yes"
    if isinstance(kind, Enum):
        return next(word for word in kind.words if word != option.default_at(engine))
    if isinstance(kind, (Integer, Memory)):
        default = int(option.default_at(engine))
        return str(default + 1 if default < kind.high else default - 1)
    if isinstance(kind, WordSet):
        return None
    return SAMPLES.get(type(kind))


def written(options, engine, text_of):
    lines = []
    for option in options:
        kind = option.kind_at(engine)
        for arguments in kind.arguments(kind.parse(text_of(option))):
            quoted = " ".join('"' + re.sub(r'(["\\])', r"\\\1", argument) + '"' for argument in arguments)
            lines.append(f"{option.spelled_at(engine)} {quoted}")
    return lines


def differing(server, options, text_of):
    """Options for which the server reports something that does not cover what was written."""
    reported, wrong = server.config(), {}
    for option in options:
        kind, name = option.kind_at(server.engine), option.spelled_at(server.engine)
        if not kind.covers(kind.parse(text_of(option)), kind.parse(reported[name])):
            wrong[name] = (text_of(option), reported[name])
    return wrong


@pytest.fixture
def readable(program):
    options = catalog.options_at(program.engine)
    with_tls = [option for option in options if program.tls or option.group != "tls"]
    return [
        option
        for option in with_tls
        if option.readable_at(program.engine)
        and option.default_at(program.engine) is not None
        and option.name not in NOT_WRITTEN
    ]


def test_a_file_of_all_defaults_starts_and_changes_nothing(program, readable, tmp_path):
    def default(option):
        return option.default_at(program.engine)

    with running(program, tmp_path, written(readable, program.engine, default)) as server:
        assert differing(server, readable, default) == {}


def test_a_file_of_other_values_starts_and_has_them(program, readable, tmp_path):
    options = [o for o in readable if o.name not in KEPT_AT_DEFAULT and sample(o, program.engine) is not None]
    assert len(options) > 100

    def other(option):
        return sample(option, program.engine)

    password = SAMPLES[Secret]
    with running(program, tmp_path, written(options, program.engine, other), password=password) as server:
        assert differing(server, options, other) == {}
