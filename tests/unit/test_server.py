"""One connection: its verbs, what it sends, what an answer means, and the way in."""

from __future__ import annotations

import contextlib
import socket
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import AccessDenied, CommandRefused, RedisOpsError, ServerUnreachable
from ansible.module_utils.redis_ops.load import snapshot
from ansible.module_utils.redis_ops.server import connection as server
from ansible.module_utils.redis_ops.server import keyspace, replies
from ansible.module_utils.redis_ops.server.connection import Address, Connection, Credentials, connect, engine_of
from ansible.module_utils.redis_ops.server.queues.result import Budget
from ansible.module_utils.redis_ops.server.queues.search import search
from ansible.module_utils.redis_ops.server.resp import ErrorReply
from ansible.module_utils.redis_ops.view import slow_log
from fake_server import answering, commands, serving
from hypothesis import given
from strategies import quick
from test_resp import REPLIES, spell

HERE, NOBODY = Address(), Credentials()


def info(**fields: object) -> str:
    """INFO with what no server leaves out."""
    least = {"redis_version": "7.0.15", "run_id": "0a1b", "process_id": "42", "tcp_port": "6379"}
    return "# Server\r\n" + "".join(f"{name}:{value}\r\n" for name, value in {**least, **fields}.items())


REDIS_7, REDIS_6 = info(), info(redis_version="6.2.14")


class Wire:
    """In the place of an open connection: answers from a table, remembers what it was sent."""

    def __init__(self, table: dict[str, Any]) -> None:
        self.table = table
        self.sent: list[tuple[str, ...]] = []
        self.trips = 0
        self.open = True

    def exchange(self, sent: list[list[str]]) -> list[Any]:
        self.trips += 1
        self.sent += [tuple(words) for words in sent]
        found = [self._answer(words) for words in sent]
        for reply in found:
            if isinstance(reply, Exception):
                raise reply
        return found

    def _answer(self, words: list[str]) -> Any:
        for count in range(len(words), 0, -1):
            if " ".join(words[:count]) in self.table:
                return self.table[" ".join(words[:count])]
        return "OK"

    def is_usable(self) -> bool:
        return self.open

    def close(self) -> None:
        self.open = False


def connected(
    monkeypatch: pytest.MonkeyPatch, credentials: Credentials = NOBODY, **table: Any
) -> tuple[Connection, Wire]:
    wire = Wire({name.replace("_", " "): reply for name, reply in table.items()})
    monkeypatch.setattr(server, "Wire", lambda _: wire)
    return Connection(HERE, credentials), wire


# --- renamed commands -------------------------------------------------------------------------------------------------


UNKNOWN = ErrorReply("ERR unknown command 'CONFIG', with args beginning with: 'GET' 'hz' ")


def renaming(monkeypatch, renamed: dict[str, str], **table: Any) -> tuple[Connection, Wire]:
    wire = Wire({"INFO": REDIS_7, **{name.replace("_", " "): reply for name, reply in table.items()}})
    monkeypatch.setattr(server, "Wire", lambda _: wire)
    return Connection(HERE, NOBODY, renamed), wire


def test_a_renamed_command_is_sent_under_its_new_name(monkeypatch):
    connection, wire = renaming(monkeypatch, {"CONFIG": "cfg9"}, CONFIG=UNKNOWN, cfg9_GET=["hz", "10"])
    for _ in range(2):
        assert connection.config("hz") == {"hz": "10"}
        assert connection.observe()[1] == {"hz": "10"}
    assert wire.sent.count(("CONFIG", "GET", "hz")) == 1, "it is known by then"


def test_a_name_that_only_the_file_has_is_not_in_force_yet(monkeypatch):
    for name in ("cfg9", ""):
        connection, wire = renaming(monkeypatch, {"CONFIG": name}, CONFIG_GET=["hz", "10"])
        assert connection.config("hz") == {"hz": "10"}
        assert wire.sent == [("CONFIG", "GET", "hz")]


def test_a_command_that_was_taken_away_is_a_refusal_that_says_so(monkeypatch):
    connection, _ = renaming(monkeypatch, {"CONFIG": ""}, CONFIG=UNKNOWN)
    with pytest.raises(CommandRefused, match="CONFIG was taken away with rename-command"):
        connection.config("hz")


def test_a_new_name_that_the_server_does_not_know_either_is_a_refusal(monkeypatch):
    connection, _ = renaming(monkeypatch, {"CONFIG": "cfg9"}, CONFIG=UNKNOWN, cfg9=UNKNOWN)
    with pytest.raises(CommandRefused, match="unknown command"):
        connection.config("hz")


# --- verbs ------------------------------------------------------------------------------------------------------------


def test_the_first_use_opens_the_connection_and_closing_it_is_no_end(monkeypatch):
    opened = []
    monkeypatch.setattr(server, "Wire", lambda address: opened.append(address) or Wire({"INFO": REDIS_7}))
    connection = Connection(HERE, NOBODY)
    assert opened == []
    connection.close()
    connection.info()
    connection.info()
    assert opened == [HERE]
    connection.close()
    connection.close()
    connection.info()
    assert opened == [HERE, HERE]


def test_a_connection_that_the_server_closed_is_opened_again_and_logged_in(monkeypatch):
    wires = []

    def opened(_: Address) -> Wire:
        wires.append(Wire({"INFO": REDIS_7}))
        return wires[-1]

    monkeypatch.setattr(server, "Wire", opened)
    connection = Connection(HERE, Credentials("", "pw"))
    connection.info()
    wires[0].open = False
    connection.info()
    assert [wire.sent for wire in wires] == [[("AUTH", "pw"), ("INFO",)]] * 2


def test_observing_is_one_round_trip(monkeypatch):
    connection, wire = connected(monkeypatch, INFO=REDIS_7, CONFIG_GET=["hz", "10", "save", "", "unixsocket", None])
    found, config = connection.observe()
    assert (wire.trips, wire.sent) == (1, [("INFO",), ("CONFIG", "GET", "*")])
    assert found["process_id"] == 42
    assert config == {"hz": "10", "save": "", "unixsocket": ""}
    assert (connection.process_id(), connection.engine()) == (42, Engine.parse("redis 7.0.15"))
    assert wire.trips == 1


def test_some_of_the_configuration(monkeypatch):
    connection, wire = connected(monkeypatch, INFO=REDIS_7, CONFIG_GET=["hz", "10"])
    assert connection.config("hz", "nothing") == connection.config() == {"hz": "10"}
    assert wire.sent == [("CONFIG", "GET", "hz", "nothing"), ("INFO",), ("CONFIG", "GET", "*")]


def test_sections_of_info(monkeypatch):
    connection, wire = connected(monkeypatch, INFO=info(errorstat_ERR="count=3"))
    assert connection.info("everything")["errorstat_ERR"] == {"count": 3}
    assert wire.sent == [("INFO", "everything")]


def test_the_slow_log_is_read_as_far_as_it_fits(monkeypatch):
    entry = [7, 1700000000, 12000, ["GET", "a key"], "127.0.0.1:5", ""]
    connection, wire = connected(monkeypatch, SLOWLOG_GET=[entry])
    assert connection.slowlog(128) == connection.slowlog(10_000_000) == [entry]
    assert [words[2] for words in wire.sent] == ["128", "5000"]


@pytest.mark.parametrize(
    ("fields", "engine"),
    [
        ({"redis_version": "7.0.15"}, "redis 7.0.15"),
        ({"redis_version": "6.2.14"}, "redis 6.2.14"),
        ({"redis_version": "7.2.4", "valkey_version": "8.1.1", "server_name": "valkey"}, "valkey 8.1.1"),
        ({"redis_version": "8.10-rc1"}, "redis 8.10"),
        ({"redis_version": "8.0"}, "redis 8.0"),
    ],
)
def test_engine(fields, engine, monkeypatch):
    assert engine_of(fields) == Engine.parse(engine)
    assert connected(monkeypatch, INFO=info(**fields))[0].engine() == Engine.parse(engine)


# --- writing ----------------------------------------------------------------------------------------------------------

PAIRS = [("maxmemory-policy", "noeviction"), ("maxmemory", "100"), ("save", "")]


def test_all_settings_are_one_command(monkeypatch):
    connection, wire = connected(monkeypatch, INFO=REDIS_7)
    connection.set_config(PAIRS)
    words = ("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", "100", "save", "")
    assert wire.sent == [("INFO",), words]


def test_nothing_to_set_sends_nothing(monkeypatch):
    connection, wire = connected(monkeypatch)
    connection.set_config([])
    assert wire.sent == []


def test_redis_6_2_takes_one_at_a_time(monkeypatch):
    connection, wire = connected(monkeypatch, INFO=REDIS_6, CONFIG_GET=["maxmemory", "7"])
    connection.set_config(PAIRS)
    assert wire.sent[-3:] == [("CONFIG", "SET", *pair) for pair in PAIRS]


def test_what_redis_6_2_took_is_put_back_when_it_refuses_one(monkeypatch):
    old = ["maxmemory-policy", "allkeys-lru", "maxmemory", "7", "save", "900 1"]
    connection, wire = connected(monkeypatch, INFO=REDIS_6, CONFIG_GET=old)
    wire.table["CONFIG SET save "] = ErrorReply("ERR Invalid argument")
    with pytest.raises(CommandRefused, match="Invalid argument"):
        connection.set_config(PAIRS)
    assert wire.sent[-2:] == [
        ("CONFIG", "SET", "maxmemory", "7"),
        ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru"),
    ]


def test_any_other_command(monkeypatch):
    connection, wire = connected(monkeypatch, PING="PONG")
    assert connection.call("PING") == "PONG"
    connection.close()
    assert not wire.open


# --- logging in -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("credentials", "sent"),
    [
        pytest.param(Credentials(), [], id="nobody"),
        pytest.param(Credentials("", "pw"), [("AUTH", "pw")], id="the default user, as every version takes it"),
        pytest.param(Credentials("default", "pw"), [("AUTH", "default", "pw")], id="the same by name"),
        pytest.param(Credentials("bob", "p w"), [("AUTH", "bob", "p w")], id="a user"),
        pytest.param(Credentials("bob", ""), [("AUTH", "bob", "")], id="a user that needs no password"),
    ],
)
def test_nothing_is_sent_but_the_login_and_what_was_asked_for(credentials, sent, monkeypatch):
    connection, wire = connected(monkeypatch, credentials, PING="PONG")
    for _ in range(2):
        connection.call("PING")
    assert wire.sent == [*sent, ("PING",), ("PING",)]


@pytest.mark.parametrize(
    "said",
    [
        "WRONGPASS invalid username-password pair or user is disabled.",
        "ERR AUTH <password> called without any password configured for the default user. Are you sure?",
        "ERR Client sent AUTH, but no password is set",
        "ERR invalid password",
        "NOPERM this user has no permissions to run the 'auth' command",
        "ERR wrong number of arguments for 'auth' command",
    ],
)
def test_who_is_not_let_in_is_told_in_the_words_of_the_server(said, monkeypatch):
    connection, wire = connected(monkeypatch, Credentials("", "hunter2"), AUTH=ErrorReply(said))
    with pytest.raises(AccessDenied) as caught:
        connection.info()
    assert str(caught.value) == f"127.0.0.1:6379: {said}"
    assert wire.sent == [("AUTH", "hunter2")], "nothing else is tried as somebody else"
    assert not wire.open


@pytest.mark.parametrize(
    "said",
    [
        "ERR unknown command 'AUTH', with args beginning with: 'hunter2' ",
        "ERR unknown command `AUTH`, with args beginning with: `hunter2`, ",
        "ERR no such user or password: hunter2",
        "hunter2",
    ],
)
def test_a_server_that_repeats_the_password_gets_nobody_to_print_it(said, monkeypatch):
    """AUTH may be renamed, or be unknown to a proxy."""
    connection, _ = connected(monkeypatch, Credentials("", "hunter2"), AUTH=ErrorReply(said), INFO=ErrorReply(said))
    with pytest.raises(AccessDenied) as caught:
        connection.info()
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("option", ["requirepass", "masterauth", "tls-key-file-pass"])
def test_a_server_that_repeats_a_secret_setting_gets_nobody_to_print_it(option, monkeypatch):
    """As Redis 6.2 does with every value that it refuses."""
    said = ErrorReply(f"ERR Invalid argument 'hunter2' for CONFIG SET '{option}'")
    connection, _ = connected(monkeypatch, INFO=REDIS_6, CONFIG_GET=[], CONFIG_SET=said)
    with pytest.raises(CommandRefused) as caught:
        connection.set_config([(option, "hunter2")])
    assert str(caught.value) == f"ERR Invalid argument '(secret)' for CONFIG SET '{option}'"
    said = ErrorReply("ERR Invalid argument 'many' for CONFIG SET 'hz'")
    connection, _ = connected(monkeypatch, INFO=REDIS_6, CONFIG_GET=[], CONFIG_SET=said)
    with pytest.raises(CommandRefused, match="'many'"):
        connection.set_config([("hz", "many")])


# --- errors -----------------------------------------------------------------------------------------------------------

PROTECTED = "DENIED Redis is running in protected mode because protected mode is enabled and no password is set " * 9


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("NOAUTH Authentication required.", AccessDenied),
        ("WRONGPASS invalid username-password pair or user is disabled.", AccessDenied),
        ("NOPERM this user has no permissions to run the 'info' command", AccessDenied),
        (PROTECTED, AccessDenied),
        ("ERR max number of clients reached", ServerUnreachable),
        ("ERR max number of clients + cluster connections reached", ServerUnreachable),
        ("LOADING Redis is loading the dataset in memory", ServerUnreachable),
        ("BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.", ServerUnreachable),
        ("BUSYKEY Target key name already exists.", CommandRefused),
        ("MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.", CommandRefused),
        ("MISCONF Redis is configured to save RDB snapshots, but it's currently unable to", CommandRefused),
        ("OOM command not allowed when used memory > 'maxmemory'.", CommandRefused),
        ("READONLY You can't write against a read only replica.", CommandRefused),
        ("ERR unknown command 'INFO', with args beginning with: ", CommandRefused),
        ("ERR CONFIG SET failed (possibly related to argument 'masterauth')", CommandRefused),
        ("WRONGTYPE Operation against a key holding the wrong kind of value", CommandRefused),
        ("", CommandRefused),
    ],
)
def test_an_error_has_its_class_and_the_words_of_the_server(said, expected, monkeypatch):
    connection, _ = connected(monkeypatch, PING=ErrorReply(said), INFO=ErrorReply(said))
    words = said.partition(", with args")[0]
    words = words if len(words) <= 400 else f"{words[:400]}..."
    for use in (lambda: connection.call("PING"), connection.info, connection.observe):
        with pytest.raises(RedisOpsError) as caught:
            use()
        assert type(caught.value) is expected
        place = "" if expected is CommandRefused else "127.0.0.1:6379: "
        assert str(caught.value) == place + words


def test_the_words_of_a_server_are_one_line_without_signs_for_a_terminal(monkeypatch):
    said = ErrorReply("ERR \x1b[2J\r\x00\u202e\udcff is\nwrong")
    connection, _ = connected(monkeypatch, PING=said)
    with pytest.raises(CommandRefused) as caught:
        connection.call("PING")
    assert str(caught.value) == "ERR ?[2J???? is?wrong"


def test_our_own_defects_are_not_the_server_s(monkeypatch):
    with pytest.raises(KeyError):
        connected(monkeypatch, PING=KeyError("x"))[0].call("PING")


# --- a server that is none --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("INFO", ["INFO"]),
        ("INFO", None),
        ("INFO", "hello"),
        ("INFO", "redis_version:7.0.15\r\n"),
        ("INFO", info(process_id="many")),
        ("INFO", info(redis_version="new")),
        ("INFO", info(used_memory="9" * 5000)),
        ("INFO", info(db0="nothing")),
        ("INFO", info(role="slave")),
        ("CONFIG GET", ["hz"]),
        ("CONFIG GET", [["hz"], "10"]),
        ("CONFIG GET", ["hz", 10]),
        ("CONFIG GET", "hz"),
        ("CONFIG SET", "QUEUED"),
        ("PING", 1),
        ("SCAN", ["0"]),
        ("SCAN", ["0", "keys"]),
        ("SCAN", [0, []]),
        ("SCAN", ["0", [None]]),
        ("EXISTS", "1"),
        ("SLOWLOG GET", [[1, 2]]),
        ("SLOWLOG GET", [[1, 2, "3", []]]),
        ("SLOWLOG GET", [[1, 2, 3, "GET"]]),
        ("LATENCY HISTOGRAM", ["get", ["calls", 1]]),
        ("LATENCY HISTOGRAM", ["get", ["calls", "1", "histogram_usec", []]]),
        ("LATENCY HISTOGRAM", ["get", ["calls", 1, "histogram_usec", [1]]]),
        ("LATENCY HISTOGRAM", ["get", ["calls", 1, "histogram_usec", None]]),
        ("ACL LIST", [1]),
        ("ACL LIST", None),
    ],
)
def test_an_answer_of_another_shape_is_no_redis(command, reply, monkeypatch):
    connection, _ = connected(monkeypatch, **{command.replace(" ", "_"): reply})
    use = connection.info if command == "INFO" else lambda: connection.call(command, "x", "y")
    with pytest.raises(ServerUnreachable, match=f"127.0.0.1:6379: it does not answer {command} as a Redis does"):
        use()


def test_a_login_that_is_answered_with_something_else_is_none(monkeypatch):
    connection, _ = connected(monkeypatch, Credentials("", "pw"), AUTH=["AUTH", "pw"])  # an echo
    with pytest.raises(ServerUnreachable, match="does not answer AUTH as a Redis does"):
        connection.info()


USES = {
    "observe": Connection.observe,
    "config": lambda connection: connection.config("hz"),
    "engine": Connection.engine,
    "process_id": Connection.process_id,
    "set_config": lambda connection: connection.set_config(PAIRS),
    "slowlog": lambda connection: slow_log.read(connection, {}),
    "histograms": lambda connection: snapshot.histograms(connection.call("LATENCY HISTOGRAM")),
    "clients": snapshot._clients,
    "databases": lambda connection: keyspace.databases(connection.info()),
    "search": lambda connection: search(connection, Budget(seconds=0.2, keys=1000)),
}


@quick
@given(REPLIES)
def test_whatever_is_answered_ends_well_or_with_an_error_that_we_know(reply):
    class Same(Wire):
        def exchange(self, sent):
            return [reply for _ in sent]

    for use in USES.values():
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(server, "Wire", lambda _: Same({}))
            with contextlib.suppress(RedisOpsError):
                use(Connection(HERE, NOBODY))


@quick
@given(REPLIES)
def test_every_shape_judges_every_reply(reply):
    for command in replies.SHAPES:
        assert replies.fits(command, reply) in (True, False)
    assert replies.fits("SOME OTHER", reply)


# --- over a socket ----------------------------------------------------------------------------------------------------


def test_all_that_is_sent():
    sent: list[list[bytes]] = []
    table = {b"INFO": spell(REDIS_7), b"CONFIG": spell(["hz", "10"])}
    with serving(answering(table, sent)) as fake:
        connection = Connection(Address(port=fake.port), Credentials("bob", "p\udcff w"))
        connection.observe()
        connection.call("GET", "key")
        connection.close()
    assert sent == [[b"AUTH", b"bob", b"p\xff w"], [b"INFO"], [b"CONFIG", b"GET", b"*"], [b"GET", b"key"]]


def test_an_idle_connection_that_the_server_closed_is_opened_again():
    def one_answer(connection: socket.socket) -> None:
        next(commands(connection))
        connection.sendall(spell(REDIS_7))

    with serving(one_answer) as fake:
        connection = Connection(Address(port=fake.port), NOBODY)
        for _ in range(3):
            connection.info()
            while connection._wire is not None and connection._wire.is_usable():
                pass
        connection.close()
        assert fake.accepted == 3


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
        def __init__(self, address, credentials, _renamed=None):
            self.at = (address, credentials)

        def info(self):
            attempts.append(self.at)
            address, credentials = self.at
            if address not in listening:
                raise ServerUnreachable(f"{address}: refused")
            if credentials not in listening[address]:
                raise AccessDenied(f"{address}: WRONGPASS {credentials.password}")

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
        pytest.param({NEW: [RIGHT]}, [OLD, NEW], AccessDenied, "6380: WRONGPASS wrong", id="what the first was told"),
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


def test_addresses_name_themselves_and_credentials_do_not():
    assert [str(address) for address in (OLD, SOCKET, Address("h", 1, tls=True))] == [
        "127.0.0.1:6379",
        "/run/redis/r.sock",
        "h:1 (TLS)",
    ]
    assert "right" not in repr(RIGHT)
    assert "right" not in f"{RIGHT}"
    assert "right" not in repr(Address(tls_key_password="right"))
    assert "right" not in " ".join(Address(tls=True, tls_key_password="right").as_options())
