"""The connection of the load generator: answers, errors and broken connections, and nothing is sent that nobody asked for."""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Iterator

import pytest
from ansible.module_utils.redis_load.client import Client, Refused


class Server:
    """Answers each command with the next text, and closes the connection after the last one."""

    def __init__(self) -> None:
        self.heard, self.answers, self.listener = b"", [], socket.create_server(("127.0.0.1", 0))
        threading.Thread(target=self._serve, daemon=True).start()

    def client(self, *answers: bytes, **options: object) -> Client:
        self.answers = list(answers)
        port = self.listener.getsockname()[1]
        return Client({"host": "127.0.0.1", "port": port, "socket_timeout": 5, **options})

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                with self.listener.accept()[0] as peer:
                    while self.answers and (heard := peer.recv(10_000)):
                        self.heard += heard
                        peer.sendall(self.answers.pop(0))


@pytest.fixture
def server() -> Iterator[Server]:
    made = Server()
    yield made
    made.listener.close()


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        (b"+PONG\r\n", "PONG"),
        (b":-1\r\n", -1),
        (b"$5\r\na\r\nbc\r\n", "a\r\nbc"),
        (b"$-1\r\n", None),
        (b"*3\r\n:1\r\n*1\r\n+a\r\n$-1\r\n", [1, ["a"], None]),
        (b"$2\r\n\xff!\r\n", "\ufffd!"),
    ],
)
def test_an_answer(server, text, meaning):
    assert server.client(text)("PING") == meaning


def test_an_error_in_a_pipeline_does_not_hide_what_follows(server):
    first, second = server.client(b"-OOM command not allowed\r\n+OK\r\n").many([("SET", "a", 1), ("SET", "b", 2)])
    assert isinstance(first, Refused)
    assert (str(first), second) == ("OOM command not allowed", "OK")


@pytest.mark.parametrize(
    ("text", "login", "permission"),
    [
        ("NOAUTH Authentication required.", True, False),
        ("WRONGPASS invalid username-password pair", True, False),
        ("NOPERM this user has no permissions", False, True),
        ("ERR DB index is out of range", False, False),
        ("MISCONF Redis is configured to save", False, False),
        ("LOADING Redis is loading the dataset in memory", False, False),
        ("ERR max number of clients reached", False, False),
    ],
)
def test_an_error_has_the_words_of_the_server(server, text, login, permission):
    with pytest.raises(Refused) as caught:
        server.client(f"-{text}\r\n".encode())("PING")
    assert (str(caught.value), caught.value.login, caught.value.permission) == (text, login, permission)


@pytest.mark.parametrize("text", [b"", b"+PO", b"$5\r\nab", b"*2\r\n:1\r\n"])
def test_half_an_answer_is_a_broken_connection_and_the_next_command_opens_another(server, text):
    client = server.client(text)
    with pytest.raises((ConnectionError, TimeoutError)):
        client("PING")
    server.answers = [b"+PONG\r\n"]
    assert client("PING") == "PONG"


def test_what_is_no_redis_is_told_and_its_answer_taken_for_none(server):
    with pytest.raises((OSError, Refused)):
        server.client(b"HTTP/1.1 400 Bad Request\r\n")("PING")


def test_nobody_there_is_told_as_the_system_tells_it():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(ConnectionRefusedError):
            Client({"host": "127.0.0.1", "port": taken.getsockname()[1]})("PING")


def test_a_server_that_says_nothing_is_a_timeout():
    with socket.create_server(("127.0.0.1", 0)) as listener, pytest.raises(TimeoutError):
        Client({"host": "127.0.0.1", "port": listener.getsockname()[1], "socket_timeout": 0.1})("PING")


def test_nothing_is_sent_that_nobody_asked_for_and_all_of_it_is_counted(server):
    client = server.client(b"+OK\r\n", b"+OK\r\n", b"+PONG\r\n", username="load", password="secret", db=3)
    client("PING")
    words = [word for word in server.heard.decode().split("\r\n") if word and word[0] not in "*$"]
    assert words == ["AUTH", "load", "secret", "SELECT", "3", "PING"]
    assert dict(client.sent) == {"auth": 1, "select": 1, "ping": 1}
