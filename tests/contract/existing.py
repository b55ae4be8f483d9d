"""Generated servers that somebody else set up: a redis.conf, the files beside it, and what the server holds.

The lines come from the catalogue and from what people write: in any case and quoting, twice, included, relative to a
working directory. Places that are only known when the server starts are written as @NAME@.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ansible.module_utils.redis_ops import catalog
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.catalog import kinds
from ansible.module_utils.redis_ops.catalog.option import Option, Origin
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st

SEED = int(os.environ.get("REDIS_OPS_SEED", "1"))
PASSWORDS = ("hunter2", 'wi7h "quotes" and \\', "i7's #1 {{ x }}", "pässw0rd")
# What a generated value of the catalogue must not decide: it is drawn below, it needs the host, or it kills the server
_GROUPS = ("memory", "reclaim", "persistence", "clients", "performance", "observability", "encoding", "replication")
_DRAWN = (
    *("dir", "save", "dbfilename", "appendonly", "appendfilename", "appenddirname", "aclfile", "maxmemory"),
    *("maxmemory-policy", "maxclients", "client-output-buffer-limit", "min-replicas-to-write", "hz", "timeout"),
)
_NOT_HERE = ("activedefrag", "io-threads", "maxmemory-clients", "rdbchecksum", "aof-disable-auto-gc", "import-mode")
# What a replica without its primary must not have for a test to ask it
_ANSWERS = ("replica-serve-stale-data",)
_KINDS = (kinds.Bool, kinds.Enum, kinds.Integer, kinds.Memory)


@dataclass(frozen=True)
class Stored:
    """The keys of a server. many: without a time to live. expiring: with one. size: bytes of each value.
    queue: the library whose jobs are there, '' for none. elsewhere: keys in the last database as well.
    """

    many: int = 0
    expiring: int = 0
    size: int = 10
    queue: str = ""
    elsewhere: bool = False


@dataclass(frozen=True)
class Existing:
    """lines, included: of redis.conf, and of the file that it includes. users: text of the aclfile.
    password, user: the way in. acl: users have it, and no requirepass. changed: CONFIG SET by hand since the start. stopped: it does not run.
    options: behind the file on the command of the unit. linked: redis.conf is a symbolic link.
    leftover: data of the other persistence that lies there and that a start does not load.
    """

    lines: Sequence[str]
    included: Sequence[str] = ()
    users: str = ""
    user: str = ""
    password: str = ""
    acl: bool = False
    databases: int = 16
    changed: Mapping[str, str] | None = None
    options: Sequence[str] = ()
    linked: bool = False
    stopped: bool = False
    leftover: bool = False
    stored: Stored = Stored()


def quoted(text: str, style: int) -> str:
    """One argument as a person may write it. style: 0 as bare as it can be, 1 double quotes, 2 single quotes."""
    plain = bool(text) and not set(text) & set(" \t\"'\\")
    if style == 0 and plain:
        return text
    if style == 2 and not text.endswith("\\"):
        return "'" + text.replace("'", "\\'") + "'"
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _line(name: str, value: str | tuple[str, ...], noise: random.Random) -> str:
    """A tuple has several arguments, a text is one; numbers and words are quoted now and then."""
    words = (value,) if isinstance(value, str) else value
    spelled = noise.choice((name, name, name, name.upper(), name.title()))
    blank = noise.choice((" ", " ", "   ", "\t"))
    return spelled + blank + blank.join(quoted(word, noise.choice((0, 0, 0, 1, 2))) for word in words)


def _words(text: str) -> tuple[str, ...]:
    return tuple(text.split())


def _from_catalog(engine: Engine) -> list[Option]:
    return [
        option
        for option in catalog.options_at(engine)
        if option.group in _GROUPS
        and option.name not in (*_DRAWN, *_NOT_HERE, *_ANSWERS)
        and option.origin is Origin.DECLARED
        and not (option.file_only or option.secret)
        and option.readable_at(engine)
        and isinstance(option.kind_at(engine), _KINDS)
    ]


def _value(noise: random.Random, option: Option, engine: Engine) -> str:
    kind: Any = option.kind_at(engine)
    if isinstance(kind, kinds.Bool):
        return noise.choice(("yes", "no"))
    if isinstance(kind, kinds.Enum):
        return noise.choice(kind.words)
    if isinstance(kind, kinds.Memory):
        return noise.choice(("16mb", "2MB", "33554432", "64m", "1gb"))
    low = max(kind.low, 0)
    return str(noise.randint(low, min(kind.high, low + 500)))


def _network(noise: random.Random) -> list[tuple[str, Any]]:
    ways = noise.choice(["port"] * 5 + ["socket", "both"])
    found: list[tuple[str, Any]] = [("port", "0" if ways == "socket" else "@PORT@")]
    if ways != "port":
        found.append(("unixsocket", "@SOCKET@"))
    bind = noise.choice(["", "127.0.0.1", "127.0.0.1 -::1", "0.0.0.0", "* -::*", "127.0.0.1 127.0.0.7"])
    if bind:
        found.append(("bind", _words(bind)))
    protected = noise.choice(["", "yes", "no"])
    return [*found, *([("protected-mode", protected)] if protected else [])]


def _persistence(noise: random.Random, engine: Engine) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    place = noise.choice(["", "./", "data", "@DATA@", "@DATA@", "@LINK@", "@DATA@/a b"])
    names = {
        "dir": place,
        "appendonly": noise.choice(["", "", "no", "yes", "yes"]),
        "dbfilename": noise.choice(["", "", "dump.rdb", "my dump.rdb", "six.rdb"]),
        "appendfilename": noise.choice(["", "", "shop.aof", "my shop.aof"]),
    }
    if engine.reached("redis 7.0"):
        names["appenddirname"] = noise.choice(["", "", "aof", "aof files"])
    found += [(name, value) for name, value in names.items() if value]
    saves = noise.choice([None, None, [""], ["900 1"], ["900 1", "300 100"], ["", "3600 1"]])
    return [*found, *(("save", _words(text) or "") for text in saves or ())]


def _limits(noise: random.Random, engine: Engine) -> list[tuple[str, Any]]:
    choices = {
        "maxmemory": ["", "", "0", "100mb", "1gb", "64MB", "104857601"],
        "maxmemory-policy": ["", "", "noeviction", "allkeys-lru", "volatile-lru", "volatile-ttl", "allkeys-random"],
        "maxclients": ["", "", "100", "4000"],
        "timeout": ["", "60"],
        "hz": ["", "50"],
        "databases": ["", "", "1", "16", "64"],
        "tcp-backlog": ["", "128"],
        "client-output-buffer-limit": ["", "", "normal 0 0 0", "replica 100mb 10mb 30", "pubsub 32mb 8mb 60"],
        "min-replicas-to-write": ["", "", "", "1"],
        "replica-announce-ip": ["", "", "", "10.9.9.9"],
        "notify-keyspace-events": ["", "", "Ex"],
        "loglevel": ["", "", "warning"],
    }
    found = [(name, noise.choice(values)) for name, values in choices.items()]
    pairs: list[tuple[str, Any]] = [(name, _words(value)) for name, value in found if value]
    more = noise.sample(_from_catalog(engine), noise.randrange(7))
    pairs += [(option.spelled_at(engine), _value(noise, option, engine)) for option in more]
    topology = noise.choice([""] * 10 + ["cluster", "replica"])
    if topology == "cluster":
        pairs.append(("cluster-enabled", "yes"))
    if topology == "replica":
        pairs += [("replicaof", ("127.0.0.1", "1")), ("replica-read-only", "no")]
    return pairs


def _users(noise: random.Random, engine: Engine) -> tuple[list[tuple[str, Any]], str, str, str]:
    """Lines, aclfile, user and password."""
    password = noise.choice(PASSWORDS)
    everything = ("~*", "&*", "+@all") if engine.reached("redis 7.0") else ("~*", "+@all")
    plain = password.split()[0].strip("\"'")
    default, named = (
        ("user", "default", "on", f">{plain}", *everything),
        ("user", "ops", "on", f">{plain}", *everything),
    )
    off = ("user", "default", "off")
    kind = noise.choice([""] * 5 + ["password"] * 2 + ["lines", "file", "named", "named file"])
    if kind == "password":
        return [("requirepass", password)], "", "", password
    if kind == "lines":
        return [("user", default[1:]), ("user", ("guest", "on", "nopass", "+ping"))], "", "", plain
    if kind == "named":
        return [("user", named[1:]), ("user", off[1:])], "", "ops", plain
    if kind in ("file", "named file"):
        rows = [default] if kind == "file" else [named, off]
        return [("aclfile", "@USERS@")], "".join(" ".join(row) + "\n" for row in rows), "ops" * (kind != "file"), plain
    return [], "", "", ""


@st.composite
def existing(draw: Any, engine: Engine) -> Existing:
    """A server of this version."""
    noise = draw(st.randoms(use_true_random=True))
    pairs = [*_network(noise), *_persistence(noise, engine), *_limits(noise, engine)]
    lines, users, user, password = _users(noise, engine)
    pairs += lines
    said = dict(pairs)
    clustered = "cluster-enabled" in said
    databases = 1 if clustered else int((said.get("databases") or ("16",))[0])
    stored = Stored(
        noise.choice([0, 3, 40]),
        noise.choice([0, 0, 5, 40]),
        noise.choice([10, 10, 100_000]),
        noise.choice([""] * 8 + ["bull", "sidekiq", "celery"]),
        elsewhere=databases > 1 and noise.random() < 0.5,
    )
    changed = noise.choice(
        [{}] * 6
        + [{"maxmemory": "300mb"}, {"maxmemory-policy": "allkeys-lfu"}, {"appendonly": "yes"}, {"appendonly": "no"}]
        + [{"save": "77 7"}, {"timeout": "99"}, {"bind": "127.0.0.1 127.0.0.9"}]
    )
    text = [_line(name, value, noise) for name, value in pairs]
    included: list[str] = []
    if noise.choice([False, False, False, True]):
        half = noise.randrange(len(text))
        text, included = text[:half], text[half:]
        # `dir` changes where the server is, and with it what a relative name means
        text.insert(noise.randrange(1, half + 1) if half else 0, "include @ETC@/more.conf")
    elif noise.random() < 0.3:
        text.insert(0, _line("timeout", "31", noise))
    for _ in range(noise.randrange(3)):
        text.insert(noise.randrange(len(text) + 1), noise.choice(("", "# by hand, do not touch", "   # hz 3")))
    return Existing(
        text,
        included,
        users,
        user,
        password,
        bool(password) and "requirepass" not in said,
        databases,
        changed,
        noise.choice(
            [()] * 8 + [("--maxmemory", "200mb"), ("--appendonly", "yes"), ("--port", "@PORT@"), ("--hz", "30")]
        ),
        linked=noise.random() < 0.05,
        stopped=noise.choice([False] * 5 + [True]),
        leftover=noise.choice([False] * 5 + [True]),
        stored=stored,
    )


def drawn(name: str, cases: int) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Draw so many cases of a property, the same ones each time for one REDIS_OPS_SEED and name."""
    chosen = settings(
        max_examples=cases,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    return lambda holds: seed(f"{SEED} {name}")(chosen(holds))
