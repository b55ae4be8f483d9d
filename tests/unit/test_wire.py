"""One connection: every call ends in time with replies or with an error that names the address and the reason."""

from __future__ import annotations

import fcntl
import re
import socket
import ssl
import struct
import subprocess
import sys
import termios
import threading
import time
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.errors import ServerUnreachable
from ansible.module_utils.redis_ops.server.address import Address
from ansible.module_utils.redis_ops.server.resp import ErrorReply
from ansible.module_utils.redis_ops.server.wire import Wire
from certificates import Authority, Issued
from fake_server import FakeServer, answering, commands, saying, serving

SHORT = 0.3  # seconds that a call may take here
BUSY = 2.0  # the same where a busy machine first has to load certificates and shake hands
SLACK = 1.5  # seconds that a busy machine may add
PING = [["PING"]]
PONG = answering({b"PING": b"+PONG\r\n"})


def at(server: FakeServer, **fields: object) -> Address:
    return Address(port=server.port, **{"timeout": SHORT, **fields})


def asked(address: Address, sent: list[list[str]] = PING) -> list:
    wire = Wire(address)
    try:
        return wire.exchange(sent)
    finally:
        wire.close()


def refused(address: Address, sent: list[list[str]] = PING) -> str:
    """What is said when this fails, in one line that names the address; it has to take no longer than it may."""
    began = time.monotonic()
    with pytest.raises(ServerUnreachable) as caught:
        asked(address, sent)
    assert time.monotonic() - began < address.timeout * 2 + SLACK
    said = str(caught.value)
    assert "\n" not in said
    assert said.startswith(f"{address}: ")
    return said.removeprefix(f"{address}: ")


# --- ways in ----------------------------------------------------------------------------------------------------------


def test_tcp_and_host_name():
    with serving(PONG) as server:
        assert asked(at(server)) == ["PONG"]
        assert asked(at(server, host="localhost")) == ["PONG"]


def test_ipv6():
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6")
    with serving(PONG, host="::1") as server:
        assert asked(at(server, host="::1")) == ["PONG"]


def test_unix_socket(tmp_path):
    path = tmp_path / "redis.sock"
    with serving(PONG, path=path):
        assert asked(Address(unix_socket=str(path), timeout=SHORT)) == ["PONG"]


def test_what_is_sent_is_what_was_asked_for_and_nothing_else():
    seen = bytearray()

    def talk(connection: socket.socket) -> None:
        while data := connection.recv(1000):
            seen.extend(data)
            connection.sendall(b"+PONG\r\n")

    with serving(talk) as server:
        asked(at(server))
    assert seen == b"*1\r\n$4\r\nPING\r\n"


def test_several_commands_are_one_write_and_their_errors_are_values():
    def talk(connection: socket.socket) -> None:
        assert connection.recv(1000).count(b"PING") == 3
        connection.sendall(b"+PONG\r\n-ERR no\r\n:1\r\n")

    with serving(talk) as server:
        wire = Wire(at(server))
        assert wire.exchange(PING * 3) == ["PONG", ErrorReply("ERR no"), 1]
        wire.close()


# --- nobody answers ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "reason"),
    [
        pytest.param(Address(host="no-such-host.invalid", timeout=SHORT), "", id="unknown host"),
        pytest.param(Address(port=99_999, timeout=SHORT), "", id="port out of range"),
        pytest.param(Address(port=-1, timeout=SHORT), "", id="negative port"),
        pytest.param(Address(host="a\0b", timeout=SHORT), "", id="host with a null byte"),
        pytest.param(Address(host="a" * 100 + ".x", timeout=SHORT), "no address", id="host too long"),
        pytest.param(Address(host="\udcff", timeout=SHORT), "no address", id="host of odd bytes"),
        pytest.param(Address(unix_socket="/no/such.sock", timeout=SHORT), "No such file", id="no socket"),
        pytest.param(Address(unix_socket="/no/a\0b", timeout=SHORT), "", id="path with a null byte"),
        pytest.param(Address(unix_socket="/" + "x" * 200, timeout=SHORT), "too long", id="path too long"),
        pytest.param(Address(unix_socket="/dev/null", timeout=SHORT), "Connection refused", id="path of no socket"),
    ],
)
def test_no_such_place(address, reason):
    assert reason in refused(address)


def test_nobody_listens():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert refused(Address(port=unused.getsockname()[1], timeout=SHORT)) == "Connection refused"


def test_a_host_with_several_addresses_is_tried_at_each(monkeypatch):
    """One that does not answer leaves time for the next."""
    with serving(PONG) as server, socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        places = [unused.getsockname(), ("127.0.0.1", server.port)]
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", place) for place in places]
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        assert asked(at(server, host="both")) == ["PONG"]


def full_backlog() -> tuple[socket.socket, list[socket.socket]]:
    """A listener whose queue is full: the kernel does not answer who connects."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    waiting = []
    for _ in range(3):
        waiting.append(socket.socket())
        waiting[-1].setblocking(False)
        waiting[-1].connect_ex(listener.getsockname())
    return listener, waiting


def test_a_connection_that_is_never_accepted_ends_in_time():
    listener, waiting = full_backlog()
    address = Address(port=listener.getsockname()[1], timeout=SHORT)
    try:
        assert refused(address) == "it did not accept a connection within 0.3 s"
    finally:
        for one in (listener, *waiting):
            one.close()


# --- something else answers -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param(b"", "it closed the connection", id="nothing"),
        pytest.param(b"+PO", "it closed the connection in the middle of a reply", id="half a reply"),
        pytest.param(b"$100\r\nabc", "it closed the connection in the middle of a reply", id="half a text"),
        pytest.param(b"HTTP/1.1 400 Bad Request\r\n\r\n", "does not speak RESP", id="web server"),
        pytest.param(b"\x00\xff\x13garbage\r\n" * 10, "does not speak RESP", id="garbage"),
        pytest.param(b"$99999999\r\n", "its reply is larger than 32 MB", id="huge"),
        pytest.param(b"*1\r\n" * 1000, "more than 8 arrays within each other", id="deep"),
        pytest.param(b"*100000000\r\n", "more than 1,000,000 elements", id="wide"),
    ],
)
def test_what_is_no_reply(said, reason):
    with serving(saying(said)) as server:
        assert reason in refused(at(server))


def trickle(start: bytes, drop: bytes):
    def talk(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(start)
        while True:
            connection.sendall(drop)
            time.sleep(0.02)

    return talk


def silence(connection: socket.socket) -> None:
    while connection.recv(1000):
        pass


@pytest.mark.parametrize(
    "talk",
    [
        pytest.param(silence, id="silence"),
        pytest.param(trickle(b"$1000000\r\n", b"x"), id="a text without an end"),
        pytest.param(trickle(b"+", b"x"), id="a line without an end"),
        pytest.param(trickle(b"*1000000\r\n", b":1\r\n"), id="an array without an end"),
    ],
)
def test_one_deadline_for_the_whole_call(talk):
    with serving(talk) as server:
        assert refused(at(server)) == "it did not answer within 0.3 s"


def test_who_reads_nothing_is_not_waited_for():
    """The kernel's buffers are full long before a command of 64 MB is sent."""
    with serving(lambda _: time.sleep(SHORT * 2)) as server:
        assert refused(at(server), [["SET", "key", "x" * (64 << 20)]]) == "it did not answer within 0.3 s"


def test_more_than_fits_is_refused_and_not_kept():
    def talk(connection: socket.socket) -> None:
        connection.recv(100)
        connection.sendall(b"*1000\r\n")
        while True:
            connection.sendall(b"$1000000\r\n" + b"x" * 1_000_000 + b"\r\n")

    with serving(talk) as server:
        assert refused(at(server, timeout=20)) == "its reply is larger than 32 MB"


def test_no_memory_is_an_error_like_others(monkeypatch):
    def nothing_left(*_: object) -> None:
        raise MemoryError

    with serving(PONG) as server:
        wire = Wire(at(server))
        monkeypatch.setattr(wire, "_receive", nothing_left)
        with pytest.raises(ServerUnreachable, match="does not fit into memory"):
            wire.exchange(PING)
        assert not wire.is_usable()


# --- the reason for which a server hangs up ---------------------------------------------------------------------------

FULL = b"-ERR max number of clients reached\r\n"


@pytest.mark.parametrize("asked", [False, True], ids=["before it is asked", "when it is asked"])
@pytest.mark.parametrize("count", [1, 2])
def test_what_is_said_before_the_end_is_the_answer(asked, count):
    with serving(saying(FULL, asked=asked)) as server:
        wire = Wire(at(server))
        if not asked:
            time.sleep(0.1)  # it is closed by now
        assert wire.exchange(PING * count) == [ErrorReply("ERR max number of clients reached")] * count
        wire.close()


def test_what_is_said_before_a_reset_is_the_answer():
    def talk(connection: socket.socket) -> None:
        connection.sendall(FULL)
        while struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, bytes(4))) != (0,):
            time.sleep(0.001)  # a reset throws away what has not arrived yet
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(talk) as server:
        wire = Wire(at(server))
        time.sleep(0.1)
        assert wire.exchange(PING) == [ErrorReply("ERR max number of clients reached")]
        wire.close()


def test_a_reply_and_an_end_is_no_answer_to_the_rest():
    with serving(saying(b"+PONG\r\n")) as server, pytest.raises(ServerUnreachable, match="closed the connection"):
        Wire(at(server)).exchange(PING * 2)


def test_a_reset_is_an_error():
    def talk(connection: socket.socket) -> None:
        connection.recv(1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(talk) as server:
        assert refused(at(server)) == "Connection reset by peer"


# --- whether it can be used again -------------------------------------------------------------------------------------


def settled(wire: Wire, *, usable: bool) -> bool:
    """Whether it comes to that, soon."""
    end = time.monotonic() + SLACK
    while wire.is_usable() != usable and time.monotonic() < end:
        time.sleep(0.01)
    return wire.is_usable() == usable


def test_an_open_connection_is_used_again():
    with serving(PONG) as server:
        wire = Wire(at(server))
        for _ in range(3):
            assert wire.exchange(PING) == ["PONG"]
            assert wire.is_usable()
        wire.close()
        wire.close()
        assert not wire.is_usable()
        with pytest.raises(ServerUnreachable, match="closed"):
            wire.exchange(PING)
        assert server.accepted == 1


def test_a_connection_that_the_server_closed_is_not_usable():
    with serving(saying(b"+PONG\r\n")) as server:
        wire = Wire(at(server))
        assert wire.exchange(PING) == ["PONG"]
        assert settled(wire, usable=False)
        wire.close()


@pytest.mark.parametrize("pause", [0, 0.1], ids=["at once", "later"])
def test_a_connection_with_an_answer_to_nothing_is_not_usable(pause):
    """It would be taken for the answer to the next command."""

    def talk(connection: socket.socket) -> None:
        for _ in commands(connection):
            connection.sendall(b"+PONG\r\n")
            time.sleep(pause)
            connection.sendall(b"+unasked\r\n")

    with serving(talk) as server:
        wire = Wire(at(server))
        assert wire.exchange(PING) == ["PONG"]
        assert settled(wire, usable=False)
        wire.close()


def test_an_interrupt_leaves_no_connection_in_the_middle_of_a_reply(monkeypatch):
    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with serving(PONG) as server:
        wire = Wire(at(server))
        monkeypatch.setattr(wire, "_receive", interrupt)
        with pytest.raises(KeyboardInterrupt):
            wire.exchange(PING)
        assert not wire.is_usable()


def test_a_connection_that_is_dropped_is_closed():
    ended = threading.Event()

    def talk(connection: socket.socket) -> None:
        while connection.recv(100):
            pass
        ended.set()

    with serving(talk) as server:
        wire = Wire(at(server))
        del wire
        assert ended.wait(SLACK)


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="module")
def own(authority) -> Issued:
    return authority.issue("server")


def tls_server(issued: Issued, *, clients: Authority | None = None) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(issued.certificate, issued.key)
    if clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(clients.file)
    return context


def over_tls(server: FakeServer, **fields: object) -> Address:
    return at(server, tls=True, timeout=2.0, **fields)


def test_a_server_of_the_authority_is_trusted_and_used_again(authority, own):
    with serving(PONG, tls=tls_server(own)) as server:
        wire = Wire(over_tls(server, tls_ca_file=authority.file))
        for _ in range(3):
            assert wire.exchange(PING) == ["PONG"]
            assert wire.is_usable()  # although a session ticket came in the meantime
        wire.close()


def test_a_server_of_nobody_known_is_not_trusted(own):
    with serving(PONG, tls=tls_server(own)) as server:
        assert refused(over_tls(server)).startswith("its certificate is not trusted: ")
        assert refused(over_tls(server, tls_check_name=False)).startswith("its certificate is not trusted: ")


def test_the_name_counts_where_it_is_to_be_checked(authority):
    elsewhere = authority.issue("elsewhere", host="192.0.2.1")
    with serving(PONG, tls=tls_server(elsewhere)) as server:
        address = over_tls(server, tls_ca_file=authority.file)
        assert "IP address mismatch" in refused(address)
        unchecked = over_tls(server, tls_ca_file=authority.file, tls_check_name=False)
        assert asked(unchecked) == ["PONG"]


def test_a_certificate_that_has_ended_is_named(authority):
    with serving(PONG, tls=tls_server(authority.issue("ended", days=-1))) as server:
        said = refused(over_tls(server, tls_ca_file=authority.file))
        assert said == "its certificate is not trusted: certificate has expired"


def test_a_server_that_wants_a_certificate(authority, own):
    client = authority.issue("client", password="pä$$ word")
    with serving(PONG, tls=tls_server(own, clients=authority)) as server:
        files = {
            "tls_ca_file": authority.file,
            "tls_cert_file": client.certificate,
            "tls_key_file": client.key,
        }
        assert "certificate" in refused(over_tls(server, tls_ca_file=authority.file))
        assert asked(over_tls(server, **files, tls_key_password="pä$$ word")) == ["PONG"]
        for wrong in ("wrong", "", "x" * 2000):
            said = refused(over_tls(server, **files, tls_key_password=wrong))
            assert said.startswith(f"the client certificate {client.certificate} with its key {client.key} cannot be")
            assert "pä$$" not in said


ON_A_TERMINAL = """
import os, pty, sys
child, terminal = pty.fork()
if child:
    said = b""
    try:
        while data := os.read(terminal, 1000):
            said += data
    except OSError:  # the child has ended
        pass
    print(said.decode())
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
sys.path.insert(0, sys.argv[1])
from redis_ops.server.address import Address
from redis_ops.server.wire import tls_context
try:
    tls_context(Address(tls_cert_file=sys.argv[2], tls_key_file=sys.argv[3]))
except Exception as error:
    print(type(error).__name__)
"""


def test_the_password_of_a_key_is_never_asked_for_on_a_terminal(authority):
    """With a terminal, OpenSSL would wait for somebody to type it."""
    client = authority.issue("asked", password="secret")
    result = subprocess.run(
        [
            sys.executable,
            "-c",
            ON_A_TERMINAL,
            str(Path(__file__).parents[2] / "module_utils"),
            client.certificate,
            client.key,
        ],
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
    )
    assert result.stdout.strip() == "ServerUnreachable", result.stderr


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        pytest.param({"tls_ca_file": "/no/ca.pem"}, "the CA file /no/ca.pem cannot be used: No such file", id="CA"),
        pytest.param(
            {"tls_cert_file": "/no/a.crt", "tls_key_file": "/no/a.key"},
            "the client certificate /no/a.crt with its key /no/a.key cannot be used: No such file",
            id="certificate",
        ),
        pytest.param({"tls_key_file": "/no/a.key"}, "/no/a.key cannot be used: No such file", id="a key alone"),
        pytest.param({"tls_ca_file": "a\0b"}, "cannot be used", id="null byte"),
        pytest.param({"tls_ca_file": "/etc/passwd"}, "the CA file /etc/passwd cannot be used", id="another file"),
    ],
)
def test_files_that_cannot_be_used_are_named_and_not_quoted(fields, named):
    said = refused(Address(port=1, tls=True, timeout=SHORT, **fields))
    assert named in said
    assert "root:" not in said


def test_a_key_of_another_certificate(authority):
    one, other = authority.issue("one"), authority.issue("other")
    address = Address(port=1, tls=True, timeout=SHORT, tls_cert_file=one.certificate, tls_key_file=other.key)
    assert refused(address).endswith("cannot be used: TLS: key values mismatch")


def test_tls_to_a_server_without_it_and_the_other_way_round(own):
    with serving(saying(b"-ERR unknown command\r\n")) as server:
        assert refused(over_tls(server)).startswith("TLS: ")
    with serving(PONG, tls=tls_server(own)) as server:
        refused(at(server, timeout=2.0))


def test_a_handshake_that_never_ends_ends_in_time():
    with serving(silence) as server:
        assert refused(at(server, tls=True, timeout=BUSY)) == "it did not complete the TLS handshake within 2 s"
    with serving(trickle(b"\x16\x03\x03\x40\x00", b"x")) as server:
        refused(at(server, tls=True))


def test_a_tls_server_that_trickles_ends_in_time(authority, own):
    with serving(trickle(b"$100000\r\n", b"x"), tls=tls_server(own)) as server:
        address = at(server, tls=True, tls_ca_file=authority.file, timeout=BUSY)
        assert refused(address) == "it did not answer within 2 s"


def test_a_host_in_ipv6_with_a_zone_is_an_address_to_tls():
    assert re.match(r"\S", refused(Address(host="fe80::1%lo", port=1, tls=True, timeout=SHORT)))
