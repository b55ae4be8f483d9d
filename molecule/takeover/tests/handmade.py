"""Servers as people set them up, as data. Each is adopted, kept, rebooted and compared; a new one is a few lines."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from encryption import ANONYMOUS, FILES, MUTUAL, certificate
from hosts import USUAL, Cli, Host, port
from setups import Setup, by_hand, configured, drop_in, packaged, restart, steps, without_package

VALKEY = Cli(program="valkey-cli")


@dataclass(frozen=True)
class Declared:
    """One server of a host. entry: what a person types to name it, None for one that can't be declared. cli: how the tests
    ask it.
    """

    cli: Cli = USUAL
    entry: Mapping[str, Any] | None = field(default_factory=lambda: {"name": "default"})


@dataclass(frozen=True)
class Handmade:
    """A host. variables: what a run needs to know beside the instances, such as a login. secrets: what nobody may print.
    left_out: a word of the line that says what could not be described.
    """

    name: str
    setup: Setup
    servers: tuple[Declared, ...] = (Declared(),)
    suite: str = "bookworm"
    secrets: tuple[str, ...] = ()
    variables: Mapping[str, Any] = field(default_factory=dict)
    left_out: str = ""

    @property
    def entries(self) -> list[Mapping[str, Any]]:
        """Of all that can be declared."""
        return [server.entry for server in self.servers if server.entry is not None]


def own(name: str, number: int, config: str = "", **more: Any) -> Declared:
    """A server with a unit and a file of its own."""
    cli = more.pop("cli", port(number))
    return Declared(
        cli, {"name": name, "config": config or f"/etc/redis/{name}.conf", "service": f"redis-{name}", **more}
    )


OLD_NAMES = """\
# Redis configuration file example
#
# DO NOT EDIT!! copied from the wiki, ask Ann before
daemonize no
pidfile /var/run/redis/redis-server.pid
port 6379
tcp-backlog 511
bind 127.0.0.1
timeout 300
tcp-keepalive 60
loglevel notice
logfile /var/log/redis/redis-server.log
databases 32
save 900 1
save 300 10
save 60 10000
stop-writes-on-bgsave-error no
rdbcompression yes
dbfilename dump.rdb
dir /var/lib/redis
slave-serve-stale-data yes
slave-read-only yes
slave-priority 50
# requirepass foobared
maxmemory 256mb
maxmemory-policy volatile-lru
appendonly no
appendfsync everysec
no-appendfsync-on-rewrite yes
lua-time-limit 7000
slowlog-log-slower-than 20000
notify-keyspace-events Ex
hash-max-ziplist-entries 256
hash-max-ziplist-value 64
list-max-ziplist-size -2
zset-max-ziplist-entries 64
zset-max-ziplist-value 64
activerehashing yes
client-output-buffer-limit normal 0 0 0
client-output-buffer-limit slave 512mb 128mb 60
client-output-buffer-limit pubsub 32mb 8mb 60
hz 10
"""
SOCKET = Cli(("-s", "/run/redis/redis.sock"))
TLS_LINES = ("port 0", "tls-port 6380", "bind 0.0.0.0", *FILES)
# How redis.conf spells them, and what they are
PASSWORDS = {
    "quotes": ('"it\\"s \\\\ \\"quoted\\" \'twice\'"', 'it"s \\ "quoted" \'twice\''),
    "jinja": ("\"{{ lookup('pipe', 'id') }}{% raw %}\"", "{{ lookup('pipe', 'id') }}{% raw %}"),
    "unicode": ("pässwörd-日本-ключ", "pässwörd-日本-ключ"),
    "yaml": ('"!vault |: #no - {yes} &a *b"', "!vault |: #no - {yes} &a *b"),
}


def with_password(name: str) -> Handmade:
    line, password = PASSWORDS[name]
    cli = Cli((), password)
    return Handmade(
        f"password-{name}", packaged(f"requirepass {line}", keys=10, cli=cli), (Declared(cli),), secrets=(password,)
    )


SHA = hashlib.sha256(b"acl-sesame").hexdigest()
ACL = f"user default off\nuser admin on #{SHA} ~* &* +@all\nuser app on #{SHA} ~app:* +@read +@write -@dangerous\n"
ADMIN = Cli(("--user", "admin"), "acl-sesame")
LOGIN = {"redis_server_login_user": "admin", "redis_server_login_password": "acl-sesame"}
GLOBS = steps(
    lambda host: host.put(
        "/etc/redis/conf.d/10-memory.conf", "maxmemory 111mb\nmaxmemory-policy volatile-ttl\n", "0640", "redis"
    ),
    lambda host: host.put("/etc/redis/conf.d/20-log.conf", "slowlog-max-len 777\nsave 1000 1\n", "0640", "redis"),
    lambda host: host.put("/etc/redis/secret.conf", "requirepass included-sesame\n", "0600", "redis"),
    packaged(
        "include /etc/redis/conf.d/*.conf",
        "include /etc/redis/secret.conf",
        "include /etc/redis/none/*.conf",
        "maxclients 5000",
        keys=10,
        cli=Cli((), "included-sesame"),
    ),
)
COMMAND = "ExecStart=\nExecStart=/usr/bin/redis-server /etc/redis/redis.conf {} --supervised systemd --daemonize no"
PRIMARY = by_hand(
    "redis-primary",
    "port 6400\nrequirepass replica-sesame\n",
    config="/etc/redis/primary.conf",
    cli=port(6400, "replica-sesame"),
    keys=100,
)
CUSTOM = by_hand(
    "redis",
    "port 6379\nappendonly yes\nmaxmemory 99mb\n",
    config="/usr/local/etc/redis.conf",
    cli=port(6379),
    program="/usr/local/bin/redis-server",
    keys=10,
)
TEMPLATE = """\
[Unit]
Description=Redis on port %i

[Service]
Type=notify
User=redis
ExecStart=/usr/bin/redis-server /etc/redis/%i.conf --supervised systemd
LimitNOFILE=9999

[Install]
WantedBy=multi-user.target
"""
FORKING = """\
[Unit]
Description=Redis as install_server.sh of Redis 5 made it

[Service]
Type=forking
PIDFile=/run/redis_6379.pid
ExecStart=/usr/local/bin/redis-server /etc/redis/6379.conf
ExecStop=/usr/local/bin/redis-cli -p 6379 shutdown

[Install]
WantedBy=multi-user.target
"""
REWRITTEN = steps(
    packaged("requirepass rewritten-sesame", keys=10, cli=Cli((), "rewritten-sesame")),
    lambda host: host.redis("config", "set", "maxmemory", "222mb", cli=Cli((), "rewritten-sesame")),
    lambda host: host.redis(
        "acl", "setuser", "app", "on", ">app-sesame", "~app:*", "+get", cli=Cli((), "rewritten-sesame")
    ),
    lambda host: host.redis("config", "rewrite", cli=Cli((), "rewritten-sesame")),
)


def templated(host: Host) -> None:
    """Two servers from somebody's own template unit."""
    host.put("/etc/systemd/system/redis-on@.service", TEMPLATE)
    for number in (6410, 6411):
        host.put(f"/etc/redis/{number}.conf", f"port {number}\ndir /var/lib/redis/{number}\n", "0640", "redis")
        host.script(f"mkdir -p /var/lib/redis/{number}; chown redis: /var/lib/redis/{number}")
        host.script(f"systemctl daemon-reload; systemctl enable --now --quiet redis-on@{number}")
        host.serves(port(number))
        host.fill(10, port(number))


def from_package(name: str, number: int, product: str = "redis", program: str = "redis-cli") -> Setup:
    """From the template unit of the package."""
    lines = f"port {number}\ndir /var/lib/{product}/{name}\nlogfile /var/log/{product}/{name}.log\nmaxmemory 50mb\n"

    def do(host: Host) -> None:
        host.put(f"/etc/{product}/{product}-{name}.conf", lines, "0640", product)
        host.script(f"mkdir -p /var/lib/{product}/{name}; chown {product}: /var/lib/{product}/{name}")
        host.script(f"systemctl enable --now --quiet {product}-server@{name}")
        host.serves(port(number, program=program))
        host.fill(10, port(number, program=program))

    return do


def forking(host: Host) -> None:
    without_package()(host)
    host.put("/etc/systemd/system/redis_6379.service", FORKING)
    lines = "daemonize yes\npidfile /run/redis_6379.pid\nport 6379\nlogfile /var/log/redis_6379.log\ndir /var/lib/redis/6379\n"
    host.put("/etc/redis/6379.conf", lines)
    host.script("mkdir -p /var/lib/redis/6379; systemctl daemon-reload; systemctl enable --now --quiet redis_6379")
    host.serves()
    host.fill(10)


def linked(host: Host) -> None:
    """The configuration and the data lie elsewhere, behind links."""
    host.script(
        "mkdir -p /srv/redis/data; mv /etc/redis/redis.conf /srv/redis/redis.conf; chown -R redis: /srv/redis\n"
        "ln -s /srv/redis/redis.conf /etc/redis/redis.conf; rm -r /var/lib/redis; ln -s /srv/redis/data /var/lib/redis"
    )
    drop_in("ReadWritePaths=-/srv/redis")(host)
    packaged("appendonly yes", keys=10)(host)


HANDMADE = [
    Handmade("old-names", configured(OLD_NAMES, keys=100)),
    Handmade(
        "socket-only",
        packaged("port 0", "unixsocket /run/redis/redis.sock", "unixsocketperm 770", keys=10, cli=SOCKET),
        (Declared(SOCKET),),
    ),
    Handmade(
        "tls-only",
        steps(certificate(), packaged(*TLS_LINES, "tls-auth-clients no", keys=10, cli=ANONYMOUS)),
        (Declared(ANONYMOUS),),
    ),
    Handmade(
        "mutual-tls",
        steps(
            certificate(),
            packaged(*TLS_LINES, "requirepass tls-sesame", keys=10, cli=Cli(MUTUAL.arguments, "tls-sesame")),
        ),
        (Declared(Cli(MUTUAL.arguments, "tls-sesame")),),
        secrets=("tls-sesame",),
    ),
    *map(with_password, PASSWORDS),
    Handmade(
        "renamed",
        packaged(
            "rename-command CONFIG hidden-sesame",
            'rename-command FLUSHALL ""',
            "maxmemory 77mb",
            keys=10,
            cli=Cli(config="hidden-sesame"),
        ),
        (Declared(Cli(config="hidden-sesame")),),
        secrets=("hidden-sesame",),
    ),
    Handmade("includes", GLOBS, (Declared(Cli((), "included-sesame")),), secrets=("included-sesame",)),
    Handmade(
        "command-line",
        steps(
            packaged("maxmemory 10mb"),
            drop_in(COMMAND.format("--port 6390 --maxmemory 256mb")),
            restart(port(6390)),
            lambda host: host.fill(10, port(6390)),
        ),
        (Declared(port(6390)),),
    ),
    Handmade(
        "environment",
        steps(
            lambda host: host.put("/etc/default/redis-env", "CONF=/etc/redis/env.conf\nOPTIONS=--maxclients 4000\n"),
            by_hand(
                "redis-env",
                "port 6391\nhz 33\n",
                config="/etc/redis/env.conf",
                cli=port(6391),
                command="/usr/bin/redis-server $CONF $OPTIONS --supervised systemd",
                more="EnvironmentFile=/etc/default/redis-env",
                keys=10,
            ),
        ),
        (own("env", 6391),),
    ),
    Handmade(
        "working-directory",
        steps(
            "mkdir -p /srv/work/data; chown -R redis: /srv/work",
            by_hand(
                "redis-work",
                "port 6392\ndir data\nappendonly yes\n",
                config="/etc/redis/work.conf",
                cli=port(6392),
                more="WorkingDirectory=/srv/work",
                keys=10,
            ),
        ),
        (own("work", 6392),),
    ),
    Handmade(
        "own-user",
        steps(
            "mkdir -p /srv/ops; chown ops: /srv/ops; chmod 700 /srv/ops",
            by_hand(
                "redis-ops",
                "port 6393\ndir /srv/ops\nlogfile /srv/ops/redis.log\n",
                config="/srv/ops/redis.conf",
                cli=port(6393),
                user="ops",
                keys=10,
            ),
        ),
        (own("ops", 6393, "/srv/ops/redis.conf"),),
    ),
    Handmade(
        "own-program",
        steps(without_package(), CUSTOM),
        (Declared(port(6379), {"name": "own", "config": "/usr/local/etc/redis.conf", "service": "redis"}),),
    ),
    Handmade(
        "own-template",
        templated,
        tuple(
            Declared(
                port(number),
                {"name": f"on-{number}", "config": f"/etc/redis/{number}.conf", "service": f"redis-on@{number}"},
            )
            for number in (6410, 6411)
        ),
    ),
    Handmade(
        "package-template",
        steps(packaged("hz 20", keys=10), from_package("cache", 6394)),
        (Declared(), Declared(port(6394), {"name": "cache"})),
    ),
    Handmade(
        "forking",
        forking,
        (Declared(USUAL, {"name": "old", "config": "/etc/redis/6379.conf", "service": "redis_6379"}),),
    ),
    Handmade(
        "beside-the-package",
        steps(
            packaged("maxmemory 100mb", keys=10),
            by_hand(
                "redis-cache",
                "port 6395\nmaxmemory 50mb\nmaxmemory-policy allkeys-lfu\n",
                config="/etc/redis/cache.conf",
                cli=port(6395),
                keys=10,
            ),
        ),
        (Declared(), own("cache", 6395)),
    ),
    Handmade(
        "cluster-node",
        steps(
            packaged(
                "cluster-enabled yes",
                "cluster-config-file nodes-6379.conf",
                "cluster-announce-ip 127.0.0.1",
                "cluster-node-timeout 9000",
            ),
            "redis-cli cluster addslotsrange 0 16383 >/dev/null",
            lambda host: host.eventually("redis-cli cluster info | grep -q cluster_state:ok"),
            lambda host: host.fill(10),
        ),
    ),
    Handmade(
        "replica",
        steps(
            PRIMARY,
            packaged("replicaof 127.0.0.1 6400", "masterauth replica-sesame", "replica-priority 10"),
            lambda host: host.eventually("redis-cli info replication | grep -q master_link_status:up"),
        ),
        (Declared(), own("primary", 6400, cli=port(6400, "replica-sesame"))),
        secrets=("replica-sesame",),
    ),
    Handmade(
        "aclfile",
        steps(
            lambda host: host.put("/etc/redis/users.acl", ACL, "0640", "redis"),
            packaged("aclfile /etc/redis/users.acl", keys=10, cli=ADMIN),
        ),
        (Declared(ADMIN),),
        secrets=("acl-sesame", SHA),
        variables=LOGIN,
    ),
    Handmade(
        "acl-lines",
        packaged(*ACL.splitlines(), keys=10, cli=ADMIN),
        (Declared(ADMIN),),
        secrets=("acl-sesame", SHA),
        variables=LOGIN,
    ),
    Handmade(
        "aof-only", packaged("appendonly yes", "save ''", "appendfilename their.aof", "appenddirname theirs", keys=10)
    ),
    Handmade("rdb-only", packaged("save 60 1", "dbfilename theirs.rdb", "rdbcompression no", keys=10)),
    Handmade(
        "no-persistence", packaged("save ''", "appendonly no", "maxmemory 64mb", "maxmemory-policy allkeys-random")
    ),
    Handmade("unlimited", packaged("maxmemory 0", "maxclients 20000", "bind 0.0.0.0", "protected-mode no", keys=10)),
    Handmade(
        "rewritten", REWRITTEN, (Declared(Cli((), "rewritten-sesame")),), secrets=("rewritten-sesame", "app-sesame")
    ),
    Handmade(
        "changed-while-it-runs",
        steps(
            packaged("maxmemory 100mb", keys=10), "redis-cli config set maxmemory 150mb maxmemory-samples 9 >/dev/null"
        ),
    ),
    Handmade("linked", linked),
    Handmade(
        "disabled-beside",
        steps(
            by_hand("redis-old", "port 6396\n", config="/etc/redis/old.conf", cli=port(6396), keys=10),
            "systemctl disable --quiet --now redis-old",
            packaged("hz 20", keys=10),
        ),
        left_out="redis-old",
    ),
    Handmade("redis-8", packaged("maxmemory 120mb", "io-threads 2", "latency-tracking no", keys=10), suite="trixie"),
    Handmade(
        "valkey",
        steps(
            packaged(
                "maxmemory 120mb",
                "requirepass valkey-sesame",
                product="valkey",
                keys=10,
                cli=Cli((), "valkey-sesame", program="valkey-cli"),
            ),
            from_package("cache", 6397, "valkey", "valkey-cli"),
        ),
        (
            Declared(Cli((), "valkey-sesame", program="valkey-cli")),
            Declared(port(6397, program="valkey-cli"), {"name": "cache"}),
        ),
        suite="trixie",
        secrets=("valkey-sesame",),
        variables={"redis_server_product": "valkey"},
    ),
    Handmade(
        "valkey-by-hand",
        by_hand(
            "valkey-own",
            "port 6398\nhash-max-listpack-entries 64\n",
            config="/etc/valkey/own.conf",
            cli=port(6398, program="valkey-cli"),
            user="valkey",
            program="/usr/bin/valkey-server",
            keys=10,
        ),
        (
            Declared(
                port(6398, program="valkey-cli"),
                {"name": "own", "config": "/etc/valkey/own.conf", "service": "valkey-own"},
            ),
        ),
        suite="trixie",
        variables={"redis_server_product": "valkey"},
    ),
    Handmade(
        "both-products",
        steps(
            packaged("maxmemory 120mb", keys=10),
            by_hand(
                "valkey-own",
                "port 6399\n",
                config="/etc/valkey/own.conf",
                cli=port(6399, program="valkey-cli"),
                user="valkey",
                program="/usr/bin/valkey-server",
                keys=10,
            ),
        ),
        (Declared(), Declared(port(6399, program="valkey-cli"), None)),
        suite="trixie",
        left_out="valkey-own",
    ),
]
