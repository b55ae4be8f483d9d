"""How a running server is reached: where its process listens, with what is known of its passwords, and as which contact."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import AccessDenied, RedisOpsError, ServerUnreachable
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.base.statefile import keep_private, text_of
from ansible.module_utils.redis_ops.model.conffile import HEADER, ConfFile
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.platform import processes
from ansible.module_utils.redis_ops.platform.debian import packages
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS, Layout
from ansible.module_utils.redis_ops.platform.processes import Process
from ansible.module_utils.redis_ops.server.connection import Address, Credentials
from ansible.module_utils.redis_ops.view import observe, reach
from ansible.module_utils.redis_ops.view.instance import Instance

REDIS_7 = Engine.parse("redis 7.0.15")
PID = 7


class Service:
    name = "redis-server"


class Answering:
    """A connection to the server of process `pid`."""

    def __init__(self, address: Address, pid: int = PID) -> None:
        self.address, self.pid, self.closed = address, pid, False

    def process_id(self) -> int:
        return self.pid

    def close(self) -> None:
        self.closed = True


@pytest.fixture
def here(monkeypatch, tmp_path):
    """connect() on a host: process -> where it listens; who answers there; what was tried."""

    class Here:
        def __init__(self) -> None:
            self.process = Process(PID, "redis-server", "redis", "/usr/bin/redis-server", "/", (), (), 1)
            self.pids: dict[Any, int] = {}
            self.tried: list[Address] = []
            self.credentials: list[Credentials] = []

        def connect(self, declared: str = "", file: str = "", **changes: Any) -> Any:
            settings = {name: " ".join(words) for name, *words in map(str.split, declared.splitlines())}
            instance = Instance(
                "a", "instance a", settings, config=FileSpec(str(tmp_path / "redis.conf")), service=Service()
            )
            instance = replace(instance, state=str(tmp_path / "a.json"), **changes)
            in_file = ConfFile.parse(file).values(REDIS_7)
            return reach.connection_of(instance, in_file, REDIS_7, PID if instance.service else 0, {})

    found = Here()

    def connect(addresses, credentials, _renamed=None):
        found.credentials = list(credentials)
        for address in addresses:
            found.tried.append(address)
            key = address.unix_socket or (address.host, address.port, address.tls)
            if key in found.pids:
                return Answering(address, found.pids[key])
        raise ServerUnreachable("nobody answers")

    monkeypatch.setattr(processes, "look", lambda _: found.process)
    monkeypatch.setattr(reach.server, "connect", connect)
    return found


def listening(here: Any, *tcp: tuple[str, int], sockets: tuple[str, ...] = ()) -> None:
    here.process = replace(here.process, listeners=tcp, sockets=sockets)


@pytest.mark.parametrize(
    ("tcp", "sockets", "declared", "file", "first"),
    [
        pytest.param([("127.0.0.1", 6379)], (), "port 6379", "", "127.0.0.1:6379", id="as declared"),
        pytest.param([("127.0.0.1", 7000)], (), "port 6379", "port 7000\n", "127.0.0.1:7000", id="as in the file"),
        pytest.param([("127.0.0.1", 9999)], (), "port 6379", "port 7000\n", "127.0.0.1:9999", id="moved by hand"),
        pytest.param([], ("/run/r.sock",), "port 6379", "", "/run/r.sock", id="a socket only"),
        pytest.param([], ("/run/b",), "unixsocket /run/a", "unixsocket /run/a\n", "/run/b", id="A16: another socket"),
        pytest.param([("10.0.0.5", 6379)], (), "port 6379", "", "10.0.0.5:6379", id="another address"),
        pytest.param([("0.0.0.0", 6379)], (), "port 6379", "", "127.0.0.1:6379", id="every address"),
        pytest.param([("::1", 6379)], (), "port 6379", "", "::1:6379", id="IPv6 alone"),
    ],
)
def test_a_server_is_found_where_its_process_listens(here, tcp, sockets, declared, file, first):
    listening(here, *tcp, sockets=sockets)
    for address, port in tcp:
        here.pids[("127.0.0.1" if address == "0.0.0.0" else address, port, False)] = PID
    here.pids.update(dict.fromkeys(sockets, PID))
    found = here.connect(declared, file)
    assert str(found.address) == first


def test_where_the_process_does_not_listen_nobody_is_asked(here):
    """Another server may answer at the declared address."""
    listening(here, sockets=("/run/b",))
    here.pids = {("127.0.0.1", 6379, False): 99, "/run/b": PID}
    assert here.connect("port 6379").pid == PID
    assert [str(address) for address in here.tried] == ["/run/b"]


def test_another_server_is_not_taken_for_it(here):
    listening(here, ("127.0.0.1", 6379))
    here.pids = {("127.0.0.1", 6379, False): 99}
    with pytest.raises(RedisOpsError, match=r"runs \(pid 7\) but does not answer \(127.0.0.1:6379 is another server"):
        here.connect("port 6379")


def test_a_tls_server_on_another_port_is_found_with_the_known_files(here):
    listening(here, ("127.0.0.1", 7777))
    here.pids = {("127.0.0.1", 7777, True): PID}
    found = here.connect("port 0\ntls-port 6380\ntls-cert-file /c\ntls-key-file /k\ntls-ca-cert-file /ca")
    assert (found.address.tls, found.address.tls_cert_file, found.address.tls_verify) == (True, "/c", False)


def test_a_process_whose_sockets_can_not_be_seen_is_asked_where_it_is_known(here):
    here.pids = {("127.0.0.1", 7000, False): PID}
    assert here.connect("port 6379", "port 7000\n").address.port == 7000


def test_a_service_that_does_not_run_is_asked_nothing(here):
    here.pids = {("127.0.0.1", 6379, False): PID}
    instance = Instance("a", "instance a", {"port": 6379}, service=Service())
    assert reach.connection_of(instance, {}, REDIS_7, 0, {}) is None
    assert here.tried == []


@pytest.mark.parametrize("config", [None, FileSpec("/etc/r.conf")])
def test_a_server_elsewhere_must_answer_and_one_that_nobody_starts_need_not(here, config):
    if config is None:
        with pytest.raises(ServerUnreachable):
            here.connect("port 6379", service=None, config=None)
    else:
        assert here.connect("port 6379", service=None) is None


# --- passwords ----------------------------------------------------------------------------------------------------------


def test_every_password_that_is_known_is_tried_and_then_none(here, tmp_path):
    listening(here, ("127.0.0.1", 6379))
    here.pids = {("127.0.0.1", 6379, False): PID}
    (tmp_path / "a.conf").write_text("requirepass older\nrequirepass left\n")
    here.connect(
        "port 6379", "requirepass filed\n", credentials=[Credentials("ops", "typed"), Credentials("", "declared")]
    )
    assert [(one.user, one.password) for one in here.credentials] == [
        ("ops", "typed"),
        ("", "declared"),
        ("", "filed"),
        ("", "left"),
        ("", ""),
    ]


@pytest.mark.parametrize("text", ["", 'requirepass "open\n', "requirepass\n", "\0"])
def test_a_copy_that_is_damaged_has_no_password(here, tmp_path, text):
    listening(here, ("127.0.0.1", 6379))
    here.pids = {("127.0.0.1", 6379, False): PID}
    (tmp_path / "a.conf").write_text(text)
    here.connect("port 6379")
    assert here.credentials == [Credentials()]


def test_a_refusal_is_told_as_one(here, monkeypatch):
    def refuse(*_):
        raise AccessDenied("NOAUTH")

    listening(here, ("127.0.0.1", 6379))
    monkeypatch.setattr(reach.server, "connect", refuse)
    with pytest.raises(AccessDenied):
        here.connect("port 6379")


# --- addresses of settings ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "addresses"),
    [
        ("port 6379\n", ["127.0.0.1:6379"]),
        ("port 6379\nbind 10.0.0.5 127.0.0.1\n", ["127.0.0.1:6379"]),
        ("port 6379\nbind 10.0.0.5 10.0.0.6\n", ["10.0.0.5:6379"]),
        ("port 6379\nbind -10.0.0.5\n", ["10.0.0.5:6379"]),
        ("port 6379\nbind * -::*\n", ["127.0.0.1:6379"]),
        ("port 0\nunixsocket /run/r\n", ["/run/r"]),
        ("port 0\ntls-port 6380\n", ["127.0.0.1:6380 (TLS)"]),
        ("port 6379\nunixsocket /run/r\ntls-port 6380\n", ["127.0.0.1:6379", "/run/r", "127.0.0.1:6380 (TLS)"]),
        ("port many\nunixsocket /run/r\n", ["/run/r"]),
        ("port 0\n", []),
    ],
)
def test_where_a_server_with_these_settings_can_be_reached(text, addresses):
    assert [str(found) for found in reach.addresses_of(ConfFile.parse(text).values(REDIS_7))] == addresses


# --- how far this project has come with it ------------------------------------------------------------------------------

OURS = HEADER.format(instance="a") + "hz 10\n"
PACKAGED, THEIRS = "# of the package\n", "# mine\n"


@pytest.fixture
def contact(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "is_untouched", lambda _, path: Path(path).read_text() == PACKAGED)

    def contact(
        text: str | None, *, has_data: bool = False, clients: int = 0, origin: str | None = None, **given: Any
    ) -> Any:
        config, state = tmp_path / "redis.conf", tmp_path / "state" / "a.json"
        if text is not None:
            config.write_text(text)
        if origin is not None:
            keep_private(str(state), text_of(settings={}, **({"origin": origin} if origin else {})))
        layout = Layout(PRODUCTS["redis"], "a", systemd=True)
        known = {"config": FileSpec(str(config)), "layout": layout, "state": str(state), **given}
        return observe._contact(Instance("a", "instance a", {}, **known), text, has_data=has_data, clients=clients)

    return contact


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        pytest.param({"text": None}, Contact.FRESH, id="nothing"),
        pytest.param({"text": PACKAGED}, Contact.FRESH, id="the package's own file"),
        pytest.param({"text": PACKAGED, "has_data": True}, Contact.FIRST, id="data under the package's file"),
        pytest.param({"text": PACKAGED, "clients": 1}, Contact.FIRST, id="clients"),
        pytest.param({"text": None, "has_data": True}, Contact.FIRST, id="data without a file"),
        pytest.param({"text": THEIRS}, Contact.FIRST, id="a file of somebody"),
        pytest.param({"text": ""}, Contact.FIRST, id="an empty file"),
        pytest.param({"text": THEIRS, "layout": None}, Contact.FIRST, id="without a package"),
        pytest.param({"text": THEIRS, "adopt": "keep"}, Contact.KEPT, id="to be kept"),
        pytest.param({"text": THEIRS, "adopt": "replace"}, Contact.REPLACED, id="to be replaced"),
        pytest.param({"text": None, "adopt": "keep"}, Contact.FRESH, id="nothing to keep"),
        pytest.param({"text": OURS}, Contact.MANAGED, id="our file, whose record is gone"),
        pytest.param({"text": OURS, "origin": ""}, Contact.MANAGED, id="a run was here"),
        pytest.param({"text": THEIRS, "origin": ""}, Contact.MANAGED, id="somebody wrote over our file"),
        pytest.param({"text": THEIRS, "origin": "kept"}, Contact.KEPT, id="it was kept"),
        pytest.param({"text": THEIRS, "origin": "kept", "adopt": "keep"}, Contact.KEPT, id="it is kept still"),
        pytest.param({"text": THEIRS, "origin": "kept", "adopt": "replace"}, Contact.REPLACED, id="a new answer"),
        pytest.param({"text": OURS, "origin": "replaced", "adopt": "keep"}, Contact.REPLACED, id="it was replaced"),
        pytest.param({"text": None, "config": None}, Contact.MANAGED, id="a running server elsewhere"),
    ],
)
def test_how_far_this_project_has_come_with_it(contact, found, expected):
    assert contact(**found) is expected
