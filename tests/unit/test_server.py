"""One connection, whatever redis-py and the server are: shapes of replies, errors, and the way in."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import AccessDenied, CommandRefused, RedisOpsError, ServerUnreachable
from ansible.module_utils.redis_ops.server import connection as server
from ansible.module_utils.redis_ops.server.connection import Address, Connection, Credentials, connect, engine_of
from redis import exceptions

HERE = Address()
REDIS_7 = {"redis_version": "7.0.15", "role": "master"}
REDIS_6 = {"redis_version": "6.2.14"}


class Client:
    """In the place of redis.Redis: answers from a table, remembers what it was sent."""

    def __init__(self, replies: dict[str, Any], **options: Any) -> None:
        self.replies, self.options = replies, options
        self.sent: list[tuple[str, ...]] = []
        self.connection_pool = self
        self.closed = False

    def execute_command(self, *words: str) -> Any:
        self.sent.append(words)
        reply = self.replies.get(" ".join(words), self.replies.get(words[0], "OK"))
        if isinstance(reply, BaseException):
            raise reply
        return reply

    def pipeline(self, *, transaction: bool) -> Client:
        assert not transaction
        self.queue = []
        return type(
            "Pipe", (), {"execute_command": lambda _, *words: self.queue.append(words), "execute": self.execute}
        )()

    def execute(self) -> list[Any]:
        return [self.execute_command(*words) for words in self.queue]

    def disconnect(self) -> None:
        self.closed = True


def connected(monkeypatch: pytest.MonkeyPatch, **replies: Any) -> tuple[Connection, Client]:
    clients = []

    def make(**options: Any) -> Client:
        clients.append(Client({name.replace("_", " "): reply for name, reply in replies.items()}, **options))
        return clients[-1]

    monkeypatch.setattr(server.redis, "Redis", make)
    return Connection(HERE, Credentials()), clients[-1]


# --- replies ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param({"hz": "10", "save": ""}, id="dict"),
        pytest.param(["hz", "10", "save", ""], id="flat list"),
        pytest.param(("hz", 10, "save", None), id="numbers and nothing"),
    ],
)
def test_config_is_text(reply, monkeypatch):
    connection, client = connected(monkeypatch, INFO=REDIS_7, CONFIG_GET=reply)
    assert connection.config() == {"hz": "10", "save": ""}
    assert client.sent == [("INFO",), ("CONFIG GET", "*")]


def test_an_option_that_the_server_does_not_know_is_not_there(monkeypatch):
    assert connected(monkeypatch, INFO=REDIS_7, CONFIG_GET=[])[0].config() == {}


@pytest.mark.parametrize(
    ("info", "engine"),
    [
        (REDIS_7, "redis 7.0.15"),
        (REDIS_6, "redis 6.2.14"),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.1", "server_name": "valkey"}, "valkey 8.1.1"),
        ({"redis_version": "8.10-rc1"}, "redis 8.10"),
    ],
)
def test_engine(info, engine, monkeypatch):
    assert engine_of(info) == Engine.parse(engine)
    assert connected(monkeypatch, INFO=info)[0].engine() == Engine.parse(engine)


# --- writing ----------------------------------------------------------------------------------------------------------

PAIRS = [("maxmemory-policy", "noeviction"), ("maxmemory", "100"), ("save", "")]


def test_all_settings_are_one_command(monkeypatch):
    connection, client = connected(monkeypatch, INFO=REDIS_7)
    connection.set_config(PAIRS)
    assert client.sent[-1] == ("CONFIG SET", "maxmemory-policy", "noeviction", "maxmemory", "100", "save", "")
    assert [words[0] for words in client.sent].count("CONFIG SET") == 1


def test_nothing_to_set_sends_nothing(monkeypatch):
    connection, client = connected(monkeypatch)
    connection.set_config([])
    assert client.sent == []


def test_redis_6_2_takes_one_at_a_time(monkeypatch):
    connection, client = connected(monkeypatch, INFO=REDIS_6, CONFIG_GET={"maxmemory": "7"})
    connection.set_config(PAIRS)
    assert client.sent[-3:] == [("CONFIG SET", *pair) for pair in PAIRS]


def test_what_redis_6_2_took_is_put_back_when_it_refuses_one(monkeypatch):
    old = {"maxmemory-policy": "allkeys-lru", "maxmemory": "7", "save": "900 1"}
    refusal = exceptions.ResponseError("ERR Invalid argument")
    connection, client = connected(monkeypatch, INFO=REDIS_6, CONFIG_GET=old)
    client.replies["CONFIG SET save "] = refusal
    with pytest.raises(CommandRefused, match="Invalid argument"):
        connection.set_config(PAIRS)
    assert client.sent[-2:] == [("CONFIG SET", "maxmemory", "7"), ("CONFIG SET", "maxmemory-policy", "allkeys-lru")]


def test_any_other_command(monkeypatch):
    connection, client = connected(monkeypatch, PING=True)
    assert connection.call("PING") is True
    connection.close()
    assert client.closed


# --- errors -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("raised", "expected"),
    [
        pytest.param(exceptions.ConnectionError("Connection refused."), ServerUnreachable, id="refused"),
        pytest.param(exceptions.TimeoutError("Timeout reading"), ServerUnreachable, id="timeout"),
        pytest.param(exceptions.BusyLoadingError("loading"), ServerUnreachable, id="loading"),
        pytest.param(OSError(113, "No route to host"), ServerUnreachable, id="no route"),
        pytest.param(exceptions.AuthenticationError("invalid password"), AccessDenied, id="password"),
        pytest.param(exceptions.NoPermissionError("no permission"), AccessDenied, id="ACL"),
        pytest.param(
            exceptions.ResponseError("WRONGPASS invalid username-password pair"), AccessDenied, id="WRONGPASS"
        ),
        pytest.param(exceptions.ResponseError("NOAUTH Authentication required."), AccessDenied, id="NOAUTH"),
        pytest.param(exceptions.ResponseError("NOPERM this user has no permissions"), AccessDenied, id="NOPERM"),
        pytest.param(
            exceptions.ResponseError("AUTH <password> called without any password configured"), AccessDenied, id="AUTH"
        ),
        pytest.param(exceptions.ResponseError("ERR Unknown option"), CommandRefused, id="option"),
        pytest.param(
            exceptions.ResponseError("ERR CONFIG SET failed (possibly related to argument 'masterauth')"),
            CommandRefused,
            id="an argument named like it",
        ),
        pytest.param(exceptions.ResponseError("OOM command not allowed"), CommandRefused, id="OOM"),
    ],
)
def test_errors_of_redis_py_are_ours(raised, expected, monkeypatch):
    connection, _ = connected(monkeypatch, PING=raised, INFO=raised)
    for use in (lambda: connection.call("PING"), connection.info, connection.observe):
        with pytest.raises(expected) as caught:
            use()
        if expected is not CommandRefused:
            assert str(caught.value).startswith("127.0.0.1:6379: ")


def test_our_own_defects_are_not_the_server_s(monkeypatch):
    with pytest.raises(KeyError):
        connected(monkeypatch, PING=KeyError("x"))[0].call("PING")


def test_a_host_without_the_library_says_what_to_install(monkeypatch):
    monkeypatch.setattr(server, "redis", None)
    with pytest.raises(RedisOpsError, match="install the package python3-redis"):
        Connection(HERE, Credentials())


# --- the way in -------------------------------------------------------------------------------------------------------

OLD, NEW, SOCKET = Address(port=6379), Address(port=6380), Address(unix_socket="/run/redis/r.sock")
RIGHT, WRONG, NONE = Credentials("", "right"), Credentials("", "wrong"), Credentials()


@pytest.fixture
def network(monkeypatch):
    """Where a server listens and which credentials it takes; the attempts made; what was closed."""
    listening: dict[Address, list[Credentials]] = {}
    attempts: list[tuple[Address, Credentials]] = []
    closed: list[tuple[Address, Credentials]] = []

    class Attempt:
        def __init__(self, address, credentials):
            self.at = (address, credentials)

        def info(self):
            attempts.append(self.at)
            address, credentials = self.at
            if address not in listening:
                raise ServerUnreachable(f"{address}: refused")
            if credentials not in listening[address]:
                raise AccessDenied(f"{address}: WRONGPASS")

        def close(self):
            closed.append(self.at)

    monkeypatch.setattr(server, "Connection", Attempt)
    return listening, attempts, closed


@pytest.mark.parametrize(
    ("listening", "addresses", "credentials", "expected", "attempts"),
    [
        pytest.param({OLD: [NONE]}, [OLD], [NONE], (OLD, NONE), 1, id="first try"),
        pytest.param({NEW: [RIGHT]}, [OLD, NEW], [WRONG, RIGHT], (NEW, RIGHT), 3, id="moved, with an old password"),
        pytest.param({SOCKET: [NONE]}, [OLD, NEW, SOCKET], [RIGHT, NONE], (SOCKET, NONE), 4, id="socket only"),
        pytest.param({OLD: [NONE], NEW: [NONE]}, [NEW, OLD], [NONE], (NEW, NONE), 1, id="the first of two"),
        pytest.param({NEW: [RIGHT]}, [OLD, OLD, NEW], [WRONG, WRONG, RIGHT], (NEW, RIGHT), 3, id="each once"),
    ],
)
def test_the_first_way_in(listening, addresses, credentials, expected, attempts, network):
    network[0].update(listening)
    assert connect(addresses, credentials).at == expected
    assert len(network[1]) == attempts
    assert network[2] == network[1][:-1], "what failed is closed, what works is not"


@pytest.mark.parametrize(
    ("listening", "addresses", "error", "text"),
    [
        pytest.param({}, [OLD, NEW], ServerUnreachable, "refused", id="nobody"),
        pytest.param({}, [], ServerUnreachable, "no address", id="no address"),
        pytest.param({NEW: [RIGHT]}, [OLD, NEW], AccessDenied, "6380: WRONGPASS", id="no password fits"),
    ],
)
def test_no_way_in(listening, addresses, error, text, network):
    network[0].update(listening)
    with pytest.raises(error, match=text):
        connect(addresses, [WRONG, NONE])
    assert network[2] == network[1]


def test_a_locked_door_is_not_passed_for_another(network):
    network[0].update({OLD: [RIGHT], NEW: [NONE]})
    with pytest.raises(AccessDenied, match="6379"):
        connect([OLD, NEW], [WRONG, NONE])


# --- options of the client --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "credentials", "given", "absent"),
    [
        pytest.param(OLD, NONE, {"host": "127.0.0.1", "port": 6379, "password": None}, ["username", "ssl"], id="TCP"),
        pytest.param(OLD, Credentials("bob", "x"), {"username": "bob", "password": "x"}, [], id="user"),
        pytest.param(
            SOCKET,
            NONE,
            {"unix_socket_path": "/run/redis/r.sock"},
            ["host", "port", "socket_connect_timeout"],
            id="socket",
        ),
        pytest.param(
            Address("h", 1, tls=True, tls_ca_file="/ca"),
            NONE,
            {"ssl": True, "ssl_ca_certs": "/ca"},
            ["ssl_keyfile"],
            id="TLS",
        ),
        pytest.param(
            Address(timeout=2.5), NONE, {"socket_timeout": 2.5, "socket_connect_timeout": 2.5}, [], id="timeout"
        ),
    ],
)
@pytest.mark.parametrize("version", ["3.5.3", "4.3.4", "5.0.1", "8.1.0"])
def test_client_options(address, credentials, given, absent, version, monkeypatch):
    monkeypatch.setattr(server.redis, "__version__", version)
    options = server._client_options(address, credentials)
    assert {name: options[name] for name in given} == given
    assert not set(absent) & set(options)
    assert options["decode_responses"] is True
    assert ("protocol" in options, "retry" in options) == (version >= "5", version >= "4")


def test_addresses_name_themselves_and_credentials_do_not():
    assert [str(address) for address in (OLD, SOCKET, Address("h", 1, tls=True))] == [
        "127.0.0.1:6379",
        "/run/redis/r.sock",
        "h:1 (TLS)",
    ]
    assert "right" not in repr(RIGHT)
    assert "right" not in f"{RIGHT}"
