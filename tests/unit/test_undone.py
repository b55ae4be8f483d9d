"""A restart changes nothing that nobody declares."""

from __future__ import annotations

import hashlib
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.errors import AccessDenied, CommandRefused
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import undone
from ansible.module_utils.redis_ops.model.conffile import Directive
from ansible.module_utils.redis_ops.model.startup import Startup
from ansible.module_utils.redis_ops.plan.contact import Contact
from judging import judged
from views import Server, several, view_of

SHA = "#" + hashlib.sha256(b"hunter2").hexdigest()
OPEN = "user default on nopass sanitize-payload ~* &* +@all"
CLOSED = f"user default on {SHA} sanitize-payload ~* &* +@all"


class Listing(Server):
    """A server with these ACL users."""

    users: tuple[Any, ...] = (OPEN,)
    modules: Any = ()

    def call(self, *words: str) -> Any:
        refused = [user for user in self.users if isinstance(user, Exception)]
        answers = {"ACL LIST": refused[0] if refused else list(self.users), "MODULE LIST": self.modules}
        answer = answers[words[0]] if words[0] in answers else super().call(*words)
        if isinstance(answer, Exception):
            raise answer
        return answer


def told(
    file: str,
    live: dict[str, str],
    *users: Any,
    settings: dict[str, Any] | None = None,
    modules: Any = (),
    entry: dict[str, Any] | None = None,
    **view: Any,
) -> list[str]:
    """What is wrong with a restart of a server that somebody else set up."""
    [one] = several({"name": "default", "settings": settings or {"hz": "10"}, **(entry or {})})
    server = Listing(live=live)
    server.users = users or (OPEN,)
    server.modules = modules
    found = view_of(one, file=file, live=live, contact=Contact.KEPT, connection=server, **view)
    texts = [f"{problem.where}: {problem.what}" for problem in undone.problems(found)]
    findings = judged(undone.next_start, found)
    assert [finding.subject + ": " + finding.actual for finding in findings] == texts
    assert {finding.status for finding in findings} <= {Status.WARN}
    assert "hunter2" not in str(texts) + str(findings)
    return [text.removeprefix("instance default: ") for text in texts]


@pytest.mark.parametrize(
    ("file", "live", "what"),
    [
        ("appendonly yes\n", {"appendonly": "no"}, "appendonly: the server runs with no, and its next start has yes"),
        ("", {"appendonly": "yes"}, "appendonly: the server runs with yes, and its next start has no"),
        ("bind 0.0.0.0\n", {"bind": "127.0.0.1"}, "bind: the server runs with 127.0.0.1"),
        ("protected-mode no\n", {"protected-mode": "yes"}, "protected-mode: "),
        ("maxmemory 1mb\n", {"maxmemory": "0"}, "maxmemory: the server runs with 0"),
        ("maxmemory-policy allkeys-lru\n", {"maxmemory-policy": "noeviction"}, "maxmemory-policy: "),
        ("", {"requirepass": "hunter2"}, "requirepass: only the running server has one"),
        ("requirepass other\n", {"requirepass": "hunter2"}, "requirepass: the running server has another one"),
        ("tls-auth-clients no\n", {"tls-auth-clients": "yes"}, "tls-auth-clients: "),
        ("replica-read-only no\n", {"replica-read-only": "yes"}, "replica-read-only: "),
        (
            "aclfile /etc/redis/users.acl\n",
            {"aclfile": ""},
            "aclfile: the server runs with (empty), and its next start",
        ),
        ("cluster-enabled yes\n", {"cluster-enabled": "no"}, "cluster-enabled: "),
        ("databases 4\n", {"databases": "16"}, "databases: the server runs with 16, and its next start has 4"),
        ("enable-debug-command yes\n", {"enable-debug-command": "no"}, "enable-debug-command: "),
        ("unixsocket /tmp/redis.sock\n", {"unixsocket": ""}, "unixsocket: "),
    ],
)
def test_an_option_that_only_the_running_server_has(file, live, what):
    [text] = told(file, live)
    assert text.startswith(what)


@pytest.mark.parametrize(
    ("file", "live", "settings"),
    [
        pytest.param("bind 0.0.0.0\n", {"bind": "0.0.0.0"}, {}, id="both have it"),
        pytest.param("bind 0.0.0.0\n", {"bind": "127.0.0.1"}, {"bind": "127.0.0.1"}, id="declared"),
        pytest.param("hz 20\n", {"hz": "30"}, {"timeout": "7"}, id="neither data nor a door"),
        pytest.param("", {"appendonly": "no", "maxmemory": "0", "protected-mode": "yes"}, {}, id="defaults"),
    ],
)
def test_what_a_restart_does_not_take_back(file, live, settings):
    assert told(file, live, settings=settings or None) == []


def test_a_promoted_replica():
    """DESIGN, rule 7: it is never made a replica again."""
    [text] = told("replicaof 10.0.0.1 6379\nhz 10\n", {"hz": "10"})
    assert text == "replicaof: it is a primary, and its next start follows 10.0.0.1 port 6379"


def test_a_file_that_is_written_anew_says_what_the_server_follows():
    assert told("replicaof 10.0.0.1 6379\nhz 20\n", {"hz": "20"}) == []
    follows = {"replica_of": ("10.0.0.2", 6379)}
    assert told("replicaof 10.0.0.1 6379\nhz 20\n", {"hz": "20"}, observed=follows) == []
    [text] = told("replicaof 10.0.0.1 6379\nhz 10\n", {"hz": "10"}, observed=follows)
    assert "follows 10.0.0.2 port 6379, and its next start follows 10.0.0.1" in text


@pytest.mark.parametrize(
    ("file", "users", "what"),
    [
        ("", (OPEN, f"user app on {SHA} ~* +@all"), "users: only the running server has app"),
        ("", (CLOSED,), "users: the default user needs a password now"),
        ("user default on nopass ~* +@all\n", (CLOSED,), "users: the default user needs a password now"),
        (f"user app on {SHA} ~* +@all\n", (OPEN,), "users: its next start brings back app"),
        (
            f"user app on {SHA} ~* +@all\n",
            (OPEN, f"user app off {SHA} ~a* +@all -flushall"),
            "users: its next start has other rules for app (enabled, keys, commands)",
        ),
        (
            "user app on >old ~* +@all\n",
            (OPEN, f"user app on {SHA} ~* +@all"),
            "users: its next start has other rules for app (passwords)",
        ),
        (
            "hz 10\nuser default on nopass ~* &* +@all -flushall\n",
            (OPEN,),
            "users: its next start has other rules for default (commands)",
        ),
    ],
)
def test_users_that_only_the_running_server_has(file, users, what):
    [text] = told(file, {}, *users)
    assert text.startswith(what)


@pytest.mark.parametrize(
    ("file", "users"),
    [
        ("requirepass hunter2\n", (CLOSED,)),
        (
            f"user default on {SHA} ~* &* +@all\nuser app on nopass ~a +get\n",
            (CLOSED, "user app on nopass ~a -@all +get"),
        ),
        ("user default on >hunter2 allkeys allchannels allcommands\n", (CLOSED,)),
        ("", (OPEN, f"user redis_ops_load_x_until_20270101T000000Z on {SHA}")),
    ],
)
def test_users_that_a_restart_brings_back(file, users):
    live = {"requirepass": "hunter2"} if "requirepass" in file else {}
    assert told(file, live, *users) == []


@pytest.mark.parametrize(
    ("saved", "users", "what"),
    [
        (f"{CLOSED}\nuser app on nopass ~* +@all\n", (CLOSED, "user app on nopass ~* +@all"), []),
        ("user default on nopass ~* &* +@all\n", (CLOSED,), ["users: the default user needs a password now, and none"]),
        (f"{CLOSED}\n", (CLOSED, "user app on nopass ~* +@all"), ["users: only the running server has app"]),
        ("", (CLOSED,), ["users: the default user needs a password now, and none"]),
        (None, (CLOSED,), ["users: the default user needs a password now, and none"]),
    ],
)
def test_users_that_the_file_of_users_lacks(tmp_path, saved, users, what):
    """ACL SETUSER without ACL SAVE."""
    path = tmp_path / "users.acl"
    if saved is not None:
        path.write_text(saved)
    found = told(f"aclfile {path}\nrequirepass hunter2\n", {"aclfile": str(path), "requirepass": "hunter2"}, *users)
    assert len(found) == len(what)
    assert all(text.startswith(start) for text, start in zip(found, what))


def test_users_that_can_not_be_listed():
    [text] = told("", {}, AccessDenied("127.0.0.1:6379: NOPERM"))
    assert text.startswith("users: whether its next start has its users can't be told: 127.0.0.1:6379: NOPERM")
    assert told("", {}, CommandRefused("ERR unknown command 'ACL'")) == []


@pytest.mark.parametrize(
    ("file", "live", "what"),
    [
        ("dir /srv/a\n", {"dir": "/srv/b"}, "dir: the server's data is at /srv/b, and its next start looks at /srv/a"),
        (
            "",
            {"dbfilename": "shop.rdb"},
            "dbfilename: the server's data is at shop.rdb, and its next start looks at dump.rdb",
        ),
        ("appenddirname a\n", {"appenddirname": "b"}, "appenddirname: "),
        ("appendfilename a.aof\n", {"appendfilename": "b.aof"}, "appendfilename: "),
        ('save ""\n', {"save": "900 1"}, "save: the server runs with 900 1, and its next start has"),
    ],
)
def test_data_that_a_restart_would_not_find(file, live, what):
    [text] = told(file, {"dir": "/", **live})
    assert text.startswith(what)


def test_a_file_of_users_that_is_not_to_be_read(tmp_path):
    [text] = told(f"aclfile {tmp_path}\n", {"aclfile": str(tmp_path)}, CLOSED)
    assert text.startswith("aclfile: whether it has the users of the running server can't be told")


BLOOM = ["name", "bf", "ver", "20612"]
MADE_IN = ["name", "vectorset", "ver", "1", "path", "", "args", []]
OF_VALKEY = ["name", "lua", "ver", "1", "path", "lua", "args", []]


def from_file(*words: Any) -> list[Any]:
    """As servers since 7.0 list a module."""
    return [*BLOOM, "path", *words, "args", []]


@pytest.mark.parametrize(
    ("file", "modules"),
    [
        ("", [from_file("/x/bloom.so")]),
        ("loadmodule /x/other.so a b\n", [from_file("/x/bloom.so")]),
        ("", [BLOOM]),
        ("loadmodule /x/other.so\n", [BLOOM, ["name", "other", "ver", "1"]]),
    ],
)
def test_a_module_that_only_the_running_server_has(file, modules):
    """Its keys could not be loaded after a restart."""
    [text] = told(file, {}, modules=modules)
    assert text.startswith("loadmodule: no line of its file loads")
    assert "bf" in text


@pytest.mark.parametrize(
    ("file", "command", "modules"),
    [
        ("", (), []),
        ("", (), [MADE_IN, OF_VALKEY]),
        ("loadmodule /x/bloom.so error_rate 1\n", (), [MADE_IN, from_file("/x/bloom.so")]),
        ("loadmodule /x/bloom.so\n", (), [BLOOM]),
        ("", (Directive("loadmodule", ("/x/bloom.so",), 1),), [from_file("/x/bloom.so")]),
    ],
)
def test_modules_that_the_next_start_loads(file, command, modules):
    assert told(file, {}, modules=modules, startup=Startup("redis-server", "/etc/redis.conf", command)) == []


def test_modules_that_can_not_be_listed():
    [text] = told("", {}, modules=AccessDenied("127.0.0.1:6379: NOPERM"))
    assert text == "loadmodule: whether its next start has its modules can't be told: 127.0.0.1:6379: NOPERM"
    assert told("", {}, modules=CommandRefused("ERR unknown command 'MODULE'")) == []


PRIMARY = ("10.0.0.1", 6379)
HAS_KEYS = {"role": "slave", "db0": {"keys": 5, "expires": 0}}


def of_a_replica(live: dict[str, str], info: dict[str, Any], **view: Any) -> list[str]:
    return told("replicaof 10.0.0.1 6379\n", live, observed={"replica_of": PRIMARY}, info=info, **view)


def test_a_replica_that_takes_writes_drops_its_own_keys():
    lines = "replicaof 10.0.0.1 6379\nreplica-read-only no\n"
    view = {"observed": {"replica_of": PRIMARY}, "info": HAS_KEYS}
    [text] = told(lines, {"replica-read-only": "no"}, **view)
    assert text == (
        "replica-read-only: it is a replica that takes writes and has 5 keys; its next start drops those that its primary lacks"
    )
    [declared] = told(lines, {"replica-read-only": "no"}, settings={"replica-read-only": "yes"}, **view)
    assert declared == text, "it has the keys until it syncs"
    accepted = told(lines, {"replica-read-only": "no"}, entry={"accept_empty": True}, **view)
    assert accepted == []


@pytest.mark.parametrize(
    ("live", "info"),
    [
        pytest.param({"replica-read-only": "yes"}, HAS_KEYS, id="takes no writes"),
        pytest.param({}, HAS_KEYS, id="does not say"),
        pytest.param({"replica-read-only": "no"}, {"role": "slave"}, id="has no key"),
        pytest.param({"replica-read-only": "no", "cluster-enabled": "yes"}, HAS_KEYS, id="in a cluster"),
    ],
)
def test_a_replica_without_keys_of_its_own(live, info):
    assert of_a_replica(live, info, settings=live or None) == []


NODE = {"cluster-enabled": "yes", "dir": "/nonexistent"}
NODE_FILE = "cluster-enabled yes\ndir /nonexistent\n"


@pytest.mark.parametrize("live", [{}, {"cluster-config-file": "a.conf"}], ids=["6.2", "7.0"])
@pytest.mark.parametrize("own", [{"/nonexistent/a.conf"}, set()], ids=["known", "unknown"])
def test_another_nodes_file(live, own):
    """Its next start would be another node."""
    [text] = told(f"{NODE_FILE}cluster-config-file b.conf\n", {**NODE, **live}, observed={"nodes": frozenset(own)})
    assert text.startswith("cluster-config-file: ")
    assert "/nonexistent/b.conf, with which it would be another node" in text
    assert ("/nonexistent/a.conf" in text) is bool(own)


@pytest.mark.parametrize("name", ["a.conf", "/nonexistent/a.conf"])
def test_the_nodes_file_of_this_node(name):
    own = {"nodes": frozenset({"/nonexistent/a.conf"})}
    assert (
        told(f"{NODE_FILE}cluster-config-file {name}\n", {**NODE, "cluster-config-file": "a.conf"}, observed=own) == []
    )
    assert told(f"{NODE_FILE}cluster-config-file {name}\n", NODE, observed=own) == []
