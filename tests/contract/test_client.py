"""The client against all servers: INFO beside redis-py's reading of it, what real servers refuse, and TLS."""

from __future__ import annotations

import contextlib
import re
import socket
import threading
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.errors import AccessDenied, CommandRefused, ServerUnreachable
from ansible.module_utils.redis_ops.server import info
from ansible.module_utils.redis_ops.server.connection import Address, Connection, Credentials, connect
from certificates import Authority
from instances import Lab, laboratory, some, until
from redis._parsers.helpers import parse_info
from servers import PROGRAMS, Client, Refused

TLS = some(*(found.version for found in PROGRAMS if found.tls))


@pytest.fixture
def lab(program, tmp_path):
    with laboratory(program, tmp_path / "lab", save="") as lab:
        lab.begin()
        yield lab


def to(lab: Lab, *credentials: Credentials, **fields: Any) -> Connection:
    address = Address(**{"port": lab.port, **fields})
    return connect([address], credentials or [Credentials(password=lab.password)])


# --- INFO -------------------------------------------------------------------------------------------------------------

AS_TEXT = re.compile(  # what redis-py makes a number, a list or a mapping of, and is none, or is not counted with
    r"(redis|valkey|gcc)_version|redis_git_sha1|redis_build_id|master_replid2?|executable|config_file|mem_allocator|"
    r"listener\d+|io_thread_\d+|engine_\d+|db\d+_distrib_\w+|\w+_serial|module|monotonic_clock"
)


@pytest.fixture
def busy(lab, tmp_path):
    """A primary with a replica, keys in two databases, errors of many kinds and every section of INFO in use."""
    with laboratory(lab.program, tmp_path / "replica", save="", replicaof=f"127.0.0.1 {lab.port}") as replica:
        replica.begin()
        client = lab.client()
        lab.fill(50)
        client("EXPIRE", "key:1", "1000")
        client("SELECT", "3")
        client("HSET", "hash", "a", "1")
        for number in range(200):  # Redis from 7.4 on stops counting, and says so with a line of its own
            with contextlib.suppress(Refused):
                client("EVAL", f"return redis.error_reply('Own_{number}:x=1,2 it says')", "0")
        client("BGSAVE")
        until(lambda: "slave0" in lab.info() and "state=online" in lab.info()["slave0"], "the replica")
        yield lab, replica


def test_info_is_what_redis_py_makes_of_it(busy):
    for one in busy:
        text = one.ask("INFO", "everything")
        ours, theirs = info.parse(text), parse_info(text)
        raw = dict(line.split(":", 1) for line in text.splitlines() if re.match(r"[^#:]+:", line))
        assert ours.keys() - {"module"} == theirs.keys() - {"modules"}
        differing = {name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]}
        assert {name for name in differing if not AS_TEXT.fullmatch(name)} == set()
        assert all(ours[name] == raw[name] for name in differing)
    primary, replica = (one.ask("INFO", "everything") for one in busy)
    counted = {name: stat["count"] for name, stat in info.parse(primary).items() if name.startswith("errorstat_")}
    assert sum(counted.values()) == (1 if "errorstat_ERRORSTATS_DISABLED" in counted else 200)
    assert info.parse(primary)["slave0"]["state"] == "online"
    assert info.parse(primary)["db3"]["keys"] == 1
    assert info.parse(replica)["master_port"] == busy[0].port


def test_every_server_has_what_is_counted_with(busy):
    """Of a primary and a replica; and when the version has a field at all, it is a number."""
    for one in busy:
        found = to(one).info()
        assert set(info.REQUIRED) <= found.keys()
        later = {"async_loading", "master_port", "min_slaves_good_slaves", "aof_current_size", "number_of_libraries"}
        assert info.NUMBERS - found.keys() <= later


def test_configuration_is_that_of_the_server(lab):
    assert to(lab).config() == lab.config()


# --- what real servers refuse -----------------------------------------------------------------------------------------


def refusal(error: type[Exception], lab: Lab, *words: str, login: Credentials | None = None) -> str:
    connection = Connection(Address(port=lab.port), login or Credentials(password=lab.password))
    with pytest.raises(error) as caught:
        connection.call(*words)
    connection.close()
    assert type(caught.value) is error
    return str(caught.value)


def test_a_password_where_none_is_set(lab):
    said = refusal(AccessDenied, lab, "PING", login=Credentials(password="hunter2"))
    assert said.startswith(f"127.0.0.1:{lab.port}: ERR AUTH <password> called without any password configured")
    assert to(lab, Credentials(password="hunter2"), Credentials()).call("PING") == "PONG"


def test_users(lab):
    lab.ask("ACL", "SETUSER", "looks", "on", ">p w", "+info", "+config|get", "+ping")
    lab.ask("ACL", "SETUSER", "open", "on", "nopass", "+info")
    lab.ask("CONFIG", "SET", "requirepass", "pä$$")
    lab.password = "pä$$"
    assert to(lab, Credentials("looks", "p w")).observe()[1]["requirepass"] == "pä$$"
    assert to(lab, Credentials("default", "pä$$")).call("PING") == "PONG"
    assert to(lab, Credentials("open")).info()
    assert "NOAUTH" in refusal(AccessDenied, lab, "PING", login=Credentials())
    assert "WRONGPASS" in refusal(AccessDenied, lab, "PING", login=Credentials("looks", "hunter2"))
    assert "NOPERM" in refusal(AccessDenied, lab, "SCAN", "0", login=Credentials("looks", "p w"))
    told = [refusal(AccessDenied, lab, "PING", login=Credentials("", "hunter2")) for _ in range(2)]
    assert "hunter2" not in "".join(told)


def test_all_clients_there_may_be(lab):
    held = lab.client()
    held("CONFIG", "SET", "maxclients", "1")
    said = refusal(ServerUnreachable, lab, "INFO")
    assert said == f"127.0.0.1:{lab.port}: ERR max number of clients reached"
    login = Credentials(password="hunter2")
    assert refusal(ServerUnreachable, lab, "INFO", login=login) == said
    with pytest.raises(ServerUnreachable, match="max number of clients"):
        connect([Address(port=lab.port)], [login, Credentials()])
    connection = Connection(Address(port=lab.port), Credentials())
    with pytest.raises(ServerUnreachable, match="max number of clients"):
        connection.observe()


def test_memory_that_is_full(lab):
    lab.ask("CONFIG", "SET", "maxmemory", "1")
    assert refusal(CommandRefused, lab, "SET", "key", "value").startswith("OOM command not allowed")


def test_replicas(lab):
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        lab.ask("REPLICAOF", "127.0.0.1", str(nobody.getsockname()[1]))
        assert refusal(CommandRefused, lab, "SET", "key", "value").startswith("READONLY You can't write")
        lab.ask("CONFIG", "SET", "replica-serve-stale-data", "no")
        assert refusal(CommandRefused, lab, "GET", "key").startswith("MASTERDOWN Link with MASTER is down")
        assert to(lab).info()["role"] == "slave"


def test_a_dump_that_cannot_be_written(lab):
    lab.ask("CONFIG", "SET", "save", "1 1")
    (lab.data / "dump.rdb").mkdir()
    lab.fill(10)
    lab.ask("BGSAVE")
    until(lambda: lab.info()["rdb_last_bgsave_status"] == "err", "the save to fail")
    assert refusal(CommandRefused, lab, "SET", "key", "value").startswith("MISCONF ")


def test_a_script_that_does_not_end(lab):
    lab.ask("CONFIG", "SET", "lua-time-limit", "10")
    client = lab.client()
    endless = threading.Thread(target=_until_killed, args=(client,))
    endless.start()
    try:
        said = until(lambda: _busy(lab), "the server to call itself busy")
        assert said.startswith(f"127.0.0.1:{lab.port}: BUSY ")
    finally:
        until(lambda: _killed(lab), "the script to end")
        endless.join(timeout=10)


def _until_killed(client: Client) -> None:
    with contextlib.suppress(Refused):
        client("EVAL", "while true do end", "0")


def _busy(lab: Lab) -> str:
    connection = Connection(Address(port=lab.port, timeout=1), Credentials())
    try:
        connection.call("GET", "key")
    except ServerUnreachable as error:
        return str(error) if "BUSY" in str(error) else ""
    finally:
        connection.close()
    return ""


def _killed(lab: Lab) -> bool:
    with contextlib.suppress(Refused, OSError):
        return bool(lab.ask("SCRIPT", "KILL") == "OK")
    return False


def outside() -> str:
    """An address of this machine that is not its loopback, '' when it has none."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # sends nothing
        return str(probe.getsockname()[0])
    return ""


@some(*(found.version for found in PROGRAMS if found.version != "redis 6.2.14"))  # which trusts every `bind`
def test_protected_mode(program, tmp_path):
    address = outside()
    if not address:
        pytest.skip("this machine has no address but its loopback")
    with laboratory(program, tmp_path / "lab", bind=f"127.0.0.1 {address}") as lab:
        lab.begin("protected-mode yes")
        with pytest.raises(AccessDenied, match=f"{address}:{lab.port}: DENIED .*protected mode"):
            to(lab, Credentials(password="hunter2"), Credentials(), host=address)


def test_an_idle_client_that_the_server_closed_comes_back(lab):
    lab.ask("CONFIG", "SET", "timeout", "1")
    connection = to(lab)
    clients = len(lab.ask("CLIENT", "LIST").splitlines())
    until(lambda: len(lab.ask("CLIENT", "LIST").splitlines()) < clients, "the server to close it")
    assert connection.info()["connected_clients"] >= 1
    lab.bounce()
    assert connection.info()["uptime_in_seconds"] < 60


def test_a_server_is_sent_nothing_but_what_was_asked_for(lab):
    if lab.multi:
        lab.ask("ACL", "SETUSER", "looks", "on", ">pw", "-@all", "+info", "+config|get")
        lab.ask("ACL", "LOG", "RESET")
        to(lab, Credentials("looks", "pw")).observe()
        assert lab.ask("ACL", "LOG") == []
    lab.ask("CONFIG", "RESETSTAT")
    connection = to(lab)
    connection.observe()
    sent = {name for name in lab.info() if name.startswith("cmdstat_")} - {"cmdstat_config|resetstat"}
    assert sent == {"cmdstat_info", "cmdstat_config|get" if lab.multi else "cmdstat_config"}


# --- TLS --------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def stranger(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp("stranger"), "stranger")


def over_tls(lab: Lab, **fields: Any) -> Connection:
    connection = Connection(Address(port=int(lab.settings["tls-port"]), tls=True, **fields), Credentials())
    connection.observe()
    return connection


def tls_lab(program, directory, authority: Authority, **settings: str):
    own = authority.issue("server")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return laboratory(
        program,
        directory,
        **{
            "tls-port": str(port),
            "tls-cert-file": own.certificate,
            "tls-key-file": own.key,
            "tls-ca-cert-file": authority.file,
            **settings,
        },
    )


def started(lab: Lab) -> None:
    try:
        lab.begin()
    except Exception as error:
        if re.search("Failed finding TLS support|Bad directive", lab.service.log()):
            pytest.skip(f"{lab.program.version} is built without TLS")
        raise AssertionError(lab.service.log()) from error


@TLS
def test_tls(program, tmp_path, authority, stranger):
    with tls_lab(program, tmp_path / "lab", authority) as lab:
        started(lab)
        client = authority.issue("client", password="p w")
        files = {"tls_cert_file": client.certificate, "tls_key_file": client.key, "tls_key_password": "p w"}
        connection = over_tls(lab, tls_ca_file=authority.file, **files)
        assert connection.process_id() == lab.service.pid()
        assert connection.call("SET", "key", "x" * 1_000_000) == "OK"
        assert connection.call("GET", "key") == "x" * 1_000_000
        with pytest.raises(ServerUnreachable, match="certificate"):  # it wants one of its authority
            over_tls(lab, tls_ca_file=authority.file)
        other = stranger.issue("client")
        with pytest.raises(ServerUnreachable, match=r"TLS: |closed"):
            over_tls(lab, tls_ca_file=authority.file, tls_cert_file=other.certificate, tls_key_file=other.key)
        with pytest.raises(ServerUnreachable, match="its certificate is not trusted"):
            over_tls(lab, tls_ca_file=stranger.file, **files)
        with pytest.raises(ServerUnreachable, match="its certificate is not trusted"):
            over_tls(lab, **files)
        with pytest.raises(ServerUnreachable, match=r"mismatch|doesn't match"):
            over_tls(lab, tls_ca_file=authority.file, host="localhost", **files)
        assert over_tls(lab, tls_ca_file=authority.file, host="localhost", tls_check_name=False, **files)
        with pytest.raises(ServerUnreachable):
            Connection(Address(port=int(lab.settings["tls-port"]), timeout=2), Credentials()).info()
        with pytest.raises(ServerUnreachable):  # some wait for the rest of what they take for a command
            Connection(Address(port=lab.port, tls=True, timeout=2), Credentials()).info()


@TLS
def test_tls_without_a_certificate_of_the_client_and_with_a_password(program, tmp_path, authority):
    with tls_lab(program, tmp_path / "lab", authority, **{"tls-auth-clients": "no"}) as lab:
        started(lab)
        lab.ask("CONFIG", "SET", "requirepass", "pä$$")
        address = Address(port=int(lab.settings["tls-port"]), tls=True, tls_ca_file=authority.file)
        assert connect([address], [Credentials(password="pä$$")]).config()["requirepass"] == "pä$$"
        with pytest.raises(AccessDenied, match="WRONGPASS"):
            connect([address], [Credentials(password="hunter2"), Credentials()])
        lab.password = "pä$$"
