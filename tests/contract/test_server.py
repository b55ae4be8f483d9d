"""server.Connection against real servers, without any package.

The checks of what a connection does are one script, CHECKS, that runs by itself: with this Python and with 3.9, the floor
on the target. It gets told what to expect by the test, which asks the server itself.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.errors import ServerUnreachable
from ansible.module_utils.redis_ops.server.connection import Address, Connection, Credentials, connect
from instances import ONE, lab, laboratory, program, some
from oldest_python import python_3_9
from servers import PROGRAMS

__all__ = ["lab"]

ROOT = Path(__file__).parent.parent.parent
ALONE = ["-E", "-S"]  # for Python: without any package, and without what the environment says of it
PASSWORD = "pa$$ w'rd"  # every sign that a shell, a URL or a file would trip over, but those that a secret may not have

CHECKS = r"""
import json, sys
sys.path.insert(0, sys.argv[1])
facts = json.loads(sys.argv[2])
from redis_ops.server.connection import Address, Connection, Credentials, connect
from redis_ops.base.errors import AccessDenied, CommandRefused, ServerUnreachable
from redis_ops.server import connection as server
assert not [path for path in sys.path if "-packages" in path], sys.path
assert list(sys.version_info[:2]) == facts["python"]

def refused(error, work):
    try:
        work()
    except error as raised:
        assert "\n" not in str(raised), raised
        return str(raised)
    raise AssertionError("nothing was raised instead of " + error.__name__)

right = Credentials("", facts["password"])
tcp = Address(port=facts["port"], timeout=5)
unix = Address(unix_socket=facts["socket"], timeout=5)
for address in (tcp, unix):
    connection = Connection(address, right)
    info, config = connection.observe()
    assert str(connection.engine()).lower() == facts["engine"], connection.engine()
    assert server.engine_of(info) == connection.engine()
    assert int(info["process_id"]) == facts["pid"]
    assert config["maxmemory"] == "0" and config["save"] == facts["save"], config
    assert all(isinstance(text, str) for pair in config.items() for text in pair)
    assert config["requirepass"] == facts["password"]
    assert connection.config() == config
    connection.close()

connection = Connection(tcp, right)
connection.set_config([])
connection.set_config([("maxmemory", "100mb"), ("timeout", "7"), ("save", "100 1"), ("notify-keyspace-events", "KEA")])
now = connection.config()
assert (now["maxmemory"], now["timeout"], now["save"]) == ("104857600", "7", "100 1"), now
said = refused(CommandRefused, lambda: connection.set_config(
    [("timeout", "8"), ("save", "200 2"), ("client-output-buffer-limit", "pubsub 1mb 1mb 1"), ("hz", "many")]))
assert "hz" in said, said
assert connection.config() == now, "the refusal was not atomic"
refused(CommandRefused, lambda: connection.set_config([("timeout", "8"), ("databases", "3")]))
refused(CommandRefused, lambda: connection.set_config([("timeout", "8"), ("no-such-option", "3")]))
assert connection.config() == now, "the refusal was not atomic"

assert connection.call("PING") == "PONG"
assert connection.call("SET", "key", "value", "EX", "60") == "OK"
assert connection.call("GET", "key") == "value"
odd = bytes(range(256)).decode("utf-8", "surrogateescape")
assert connection.call("SET", odd, odd * 1000, "EX", "60") == "OK"
assert connection.call("GET", odd) == odd * 1000
assert connection.call("DEL", odd) == 1
assert connection.call("DEL", "key") == 1
cursor, names = connection.call("SCAN", "0", "MATCH", "x*", "COUNT", "10")
assert (cursor, names) == ("0", [])
assert connection.call("ZRANGE", "nothing", "0", "-1", "WITHSCORES") == []
assert connection.call("HMGET", "nothing", "a", "b") == [None, None]
assert "unknown command" in refused(CommandRefused, lambda: connection.call("NOSUCHCOMMAND"))
replies = connection.call_all([("SELECT", "3"), ("SET", "key", "1"), ("NOSUCHCOMMAND",), ("TYPE", "key"), ("DEL", "key")])
assert (replies[3:], type(replies[2])) == (["string", 1], CommandRefused), replies
replies = connection.call_all([("EXISTS", "key"), ("SELECT", "0")])
assert replies[0] == 0
connection.close()

wrong, none, nobody = Credentials("", "wrong-password"), Credentials(), Credentials("nobody", "wrong-password")
limited, admin = Credentials("limited", "pw"), Credentials("admin", "p w")
for address in (tcp, unix):
    for bad in (wrong, none, nobody):
        said = refused(AccessDenied, lambda: connect([address], [bad]))
        assert "wrong-password" not in said
        assert str(address) in said
        assert ("NOAUTH" if bad is none else "WRONGPASS") in said, said
    assert Connection(address, admin).observe()[1]["save"] == "100 1"
    assert Connection(address, Credentials("default", facts["password"])).info()
    assert connect([address], [wrong, none, right]).info()["redis_version"]
said = refused(AccessDenied, lambda: Connection(tcp, limited).observe())
[allowed, denied] = Connection(tcp, limited).call_all([("PING",), ("TYPE", "key")])
assert isinstance(denied, AccessDenied) and not isinstance(allowed, Exception), denied
said = refused(AccessDenied, lambda: connect([tcp], [limited]).set_config([("timeout", "9")]))
assert "pw" not in said.split() and "NOPERM" in said
assert "WRONGPASS" in refused(AccessDenied, lambda: connect([tcp], [wrong, none])), "what the first was told"

down = Address(port=facts["closed"], timeout=1)
assert str(facts["closed"]) in refused(ServerUnreachable, lambda: connect([down], [right]))
assert connect([down, tcp], [right]).address == tcp
missing = Address(unix_socket=facts["socket"] + ".missing", timeout=1)
assert facts["socket"] in refused(ServerUnreachable, lambda: connect([missing], [right]))
refused(ServerUnreachable, lambda: connect([], [right]))
for kind, port in facts["strangers"].items():
    refused(ServerUnreachable, lambda: connect([Address(port=port, timeout=0.3)], [right]))
print("all is well")
"""


class Stranger:
    """Something that listens and is not a Redis."""

    def __init__(self, answer: bytes | None) -> None:
        self._answer = answer
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._held: list[socket.socket] = []
        self._thread.start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                if self._answer is None:
                    self._held.append(connection)  # says nothing, for ever
                    continue
                with connection, contextlib.suppress(OSError):
                    connection.recv(1000)
                    connection.sendall(self._answer)

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join(timeout=5)
        for connection in self._held:
            connection.close()


@pytest.fixture(scope="module")
def strangers() -> Iterator[dict[str, int]]:
    found = {
        "silent": Stranger(None),
        "web": Stranger(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n"),
        "garbage": Stranger(b"\x00\xff\x13garbage\r\n" * 10),
        "hanging up": Stranger(b""),
    }
    yield {name: stranger.port for name, stranger in found.items()}
    for stranger in found.values():
        stranger.close()


@pytest.fixture(scope="module", params=[found.version for found in PROGRAMS])
def protected(request, tmp_path_factory):
    """A server with a password, a unix socket and a user that may do little; its settings are put back by each test."""
    directory = tmp_path_factory.mktemp("protected")
    with laboratory(program(request.param), directory / "lab") as lab:
        path = f"/tmp/redis-ops-{os.getpid()}-{lab.port}.sock"  # a path of more than 107 bytes is no socket's
        users = ("user limited on >pw ~* +ping +info", 'user admin on ">p w" ~* +@all')
        lab.write_file(f'requirepass "{PASSWORD}"', f"unixsocket {path}", *users)
        lab.password = PASSWORD
        lab.service.start()
        yield lab, path


@pytest.mark.parametrize("python", ["this", "3.9"])
def test_everything_a_connection_does(protected, strangers, python):
    lab, path = protected
    program, version = (sys.executable, list(sys.version_info[:2])) if python == "this" else (python_3_9(), [3, 9])
    for name, value in (("maxmemory", "0"), ("timeout", "0"), ("save", "3600 1")):
        lab.ask("CONFIG", "SET", name, value)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound, not listening: closed to everybody
        facts = {
            "python": version,
            "engine": lab.program.version,
            "password": PASSWORD,
            "port": lab.port,
            "socket": path,
            "pid": lab.service.pid(),
            "save": "3600 1",
            "closed": unused.getsockname()[1],
            "strangers": strangers,
        }
        result = subprocess.run(
            [program, *ALONE, "-B", "-c", CHECKS, str(ROOT / "module_utils"), json.dumps(facts)],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert (result.returncode, result.stdout) == (0, "all is well\n"), result.stderr[-1500:]


# Round trips, counted on the wire


class Recorder:
    """A proxy that notes who speaks: '>' for the client, '<' for the server, once for each turn."""

    def __init__(self, port: int) -> None:
        self.turns = ""
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                server = socket.create_connection(("127.0.0.1", self._target))
                for mark, source, sink in ((">", client, server), ("<", server, client)):
                    thread = threading.Thread(target=self._copy, args=(mark, source, sink), daemon=True)
                    self._threads.append(thread)
                    thread.start()

    def _copy(self, mark: str, source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(1 << 20):
                if not self.turns.endswith(mark):
                    self.turns += mark
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for thread in self._threads:
            thread.join(timeout=5)


@some(*(found.version for found in PROGRAMS if found.version != "redis 6.2.14"))
def test_all_settings_are_read_in_one_round_trip_and_written_in_one(lab):
    lab.begin()
    recorder = Recorder(lab.port)
    try:
        connection = Connection(Address(port=recorder.port), Credentials())
        connection.info()  # it is open
        recorder.turns = ""
        before = lab.calls()
        _, config = connection.observe()
        assert recorder.turns == "><"
        assert len(config) > 150
        assert lab.calls()["get"] - before["get"] == 1
        recorder.turns = ""
        names = ("maxmemory", "timeout", "tcp-keepalive", "lfu-log-factor", "lfu-decay-time", "slowlog-max-len")
        connection.set_config([(name, "77") for name in names])
        assert recorder.turns == "><"
        assert lab.calls()["set"] - before["set"] == 1
        assert {lab.get(name) for name in names} == {"77"}
        connection.close()
    finally:
        recorder.close()


@some("redis 6.2.14")
def test_all_settings_of_6_2_are_read_in_one_round_trip(lab):
    lab.begin()
    recorder = Recorder(lab.port)
    try:
        connection = Connection(Address(port=recorder.port), Credentials())
        connection.info()
        recorder.turns = ""
        connection.observe()
        assert recorder.turns == "><"
        connection.close()
    finally:
        recorder.close()


@ONE
def test_a_server_that_loads_is_observed_and_says_so(lab):
    lab.begin("save 3600 1")
    lab.fill(2000)
    lab.service.stop()
    lab.config_path.write_text(
        lab.text + "key-load-delay 1000\nloading-process-events-interval-bytes 1024\n"  # some seconds
    )
    lab.service.start()
    info, config = connect([Address(port=lab.port)], [Credentials()]).observe()
    assert int(info["loading"]) == 1
    assert config["dir"] == str(lab.data)
    with pytest.raises(ServerUnreachable, match="loading"):
        connect([Address(port=lab.port)], [Credentials()]).call("GET", "key:1")


@some("redis 6.2.14")
def test_making_room_and_forbidding_eviction_refuses_no_write_in_between(lab):
    lab.converge({"maxmemory": "2mb", "maxmemory-policy": "allkeys-lru"})
    seen = []
    lab.ask("CONFIG", "RESETSTAT")
    lab.fill(30000)
    wanted = {"maxmemory": "100mb", "maxmemory-policy": "noeviction"}
    call = Connection.call

    def watched(connection, *words):
        reply = call(connection, *words)
        if words[0] == "CONFIG SET":
            config = lab.config()
            seen.append((config["maxmemory-policy"], config["maxmemory"]))
        return reply

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Connection, "call", watched)
        lab.converge(wanted)
    assert ("noeviction", str(2 * 1024**2)) not in seen
