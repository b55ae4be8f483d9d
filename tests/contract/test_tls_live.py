"""TLS on real servers: what the files say is what the servers do. Field cases A30, A31, A32, D14."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import tempfile
import threading
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.apply import renewal
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.base.states import State
from ansible.module_utils.redis_ops.checks import tls, tls_findings
from ansible.module_utils.redis_ops.checks.tls_renewal import Loaded, stale, started_at
from ansible.module_utils.redis_ops.platform.access import Account, account
from ansible.module_utils.redis_ops.platform.openssl import Pair
from ansible.module_utils.redis_ops.server.tls import served
from ansible.module_utils.redis_ops.view.tls import look
from authority import DAY, KEYS, NOW, Authority
from tls_servers import WITH_TLS, context, dies, free_port, serving, start

WHERE = "host1, instance default"
ME = Account("me", os.geteuid(), (os.getegid(),))
OTHER = account("nobody")
ROOT, STRANGER = Authority(), Authority("Stranger")
MIDDLE = Authority("Intermediate", ROOT)
CLIENT = ROOT.issue("client", purposes=("clientAuth",))

pytestmark = pytest.mark.parametrize(
    "program", WITH_TLS, ids=lambda program: program.version.replace(" ", "-"), indirect=True
)


@pytest.fixture
def place():
    """A directory that the server's user may enter, whoever that is."""
    path = Path(tempfile.mkdtemp(prefix="redis_ops-tls-"))
    path.chmod(0o777)
    yield path
    shutil.rmtree(path)


def options(place, issued, stem="redis", authority=ROOT, **others):
    """Files of this pair, and the options that name them."""
    certificate, key = issued.write(place, stem)
    (place / "ca.crt").write_bytes(authority.pem)
    named = {"tls-cert-file": certificate, "tls-key-file": key, "tls-ca-cert-file": str(place / "ca.crt")}
    return {**named, **{name.replace("_", "-"): value for name, value in others.items()}}


def seen(server):
    return look(server.declared, ME.name, ME, server.listening)


def problems(server):
    return tls.problems(seen(server), WHERE, NOW)


def judged(server):
    found = tls_findings.judge(seen(server), WHERE, NOW)
    return {judgement.name: judgement for judgement in found}


def statuses(server):
    return {name: finding.status.value for name, finding in judged(server).items()}


# --- what is served ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("auth", ["yes", "optional", "no"])
def test_the_certificate_is_seen_whatever_the_server_asks_of_clients(program, key, auth, place):
    """Also without a certificate of ours: with TLS 1.3 the server complains after the handshake."""
    issued = ROOT.issue(key=key)
    with serving(program, place, options(place, issued, tls_auth_clients=auth)) as server:
        found = [
            served(*server.listening),
            served(*server.listening, Pair(CLIENT.pem, CLIENT.key_pem())),
            served(*server.listening, Pair(b"no", b"pair")),
            served(*server.listening, Pair(STRANGER.issue().pem, STRANGER.issue().key_pem())),
        ]
        assert {one.certificate.sha256 for one in found} == {issued.sha256}
        assert {one.reason for one in found} == {""}
        with server.plain() as plain:
            assert plain.call("PING") == "PONG"


@pytest.mark.parametrize("auth", ["yes", "no"])
def test_with_tls_1_2_it_may_depend_on_the_certificate_of_the_client(program, auth, place):
    issued = ROOT.issue()
    chosen = options(place, issued, tls_auth_clients=auth, tls_protocols="TLSv1.2")
    with serving(program, place, chosen) as server:
        with_pair = served(*server.listening, Pair(CLIENT.pem, CLIENT.key_pem()))
        assert with_pair.certificate.sha256 == issued.sha256
        without = served(*server.listening)
        assert (without.certificate is None) == (auth == "yes")
        assert bool(without.reason) == (auth == "yes")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_server_with_tls_only(program, host, place):
    issued = ROOT.issue()
    with serving(program, place, options(place, issued, port="0"), host) as server:
        facts = seen(server)
        assert facts.options.only_way_in
        assert facts.served.certificate.sha256 == issued.sha256
        assert statuses(server) == dict.fromkeys(("start", "served", "expiry", "client", "authority"), "PASS")
        assert problems(server) == []


def test_a_chain_with_an_intermediate(program, place):
    issued = MIDDLE.issue()
    chosen = options(place, issued)
    with serving(program, place, chosen) as server:
        assert problems(server) == []
        assert set(statuses(server).values()) == {"PASS"}
        assert len(seen(server).chain("tls-cert-file")) == 3


def test_a_directory_of_authorities(program, place):
    (place / "authorities").mkdir()
    (place / "authorities" / ROOT.hashed_name).write_bytes(ROOT.pem)
    chosen = options(place, ROOT.issue(), port="0", tls_ca_cert_dir=str(place / "authorities"))
    del chosen["tls-ca-cert-file"]
    with serving(program, place, chosen) as server:
        assert gets_in(server, CLIENT)
        assert not gets_in(server, STRANGER.issue())
        assert problems(server) == []
        assert set(statuses(server).values()) == {"PASS"}


def test_a_port_without_tls_is_told(program, place):
    with serving(program, place, options(place, ROOT.issue())) as server:
        found = served("127.0.0.1", int(server.options["port"]), timeout=2)
    assert found.certificate is None
    assert found.reason


def test_nobody_listens(program, place):  # noqa: ARG001 - once for each is once too many, and costs nothing
    found = served("127.0.0.1", free_port())
    assert (found.certificate, found.reason) == (None, "Connection refused")


def test_one_that_never_answers_is_not_waited_for(program):  # noqa: ARG001
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = datetime.now(timezone.utc)
        found = served("127.0.0.1", silent.getsockname()[1], timeout=0.3)
    assert found.certificate is None
    assert (datetime.now(timezone.utc) - began).total_seconds() < 3


def test_one_that_drips_is_not_waited_for(program):  # noqa: ARG001
    """A byte of a TLS record now and then: the time is that of the whole handshake."""
    stop = threading.Event()

    def drip(listener):
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"\x16\x03\x03\x40\x00")
            while not stop.wait(0.1):
                connection.sendall(b"\x02")

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip, args=(listener,))
        thread.start()
        began = datetime.now(timezone.utc)
        found = served("127.0.0.1", listener.getsockname()[1], timeout=0.5)
        stop.set()
        thread.join()
    assert found.certificate is None
    assert (datetime.now(timezone.utc) - began).total_seconds() < 3


# --- A31: renewed at the same path ------------------------------------------------------------------------------------


def test_renewed_and_not_loaded_then_loaded_while_clients_are_connected(program, place):
    old, new = ROOT.issue(), ROOT.issue()
    chosen = options(place, old)
    with serving(program, place, chosen) as server, server.client(CLIENT) as secure, server.plain() as plain:
        ids = [client.call("CLIENT", "ID") for client in (secure, plain)]
        started = started_at(plain.info()) + 60  # as if the files had lain there for a minute before the start
        assert stale(seen(server), None, started) == []
        new.write(place, "redis")
        assert server.certificate() == old.certificate
        before = seen(server)
        assert problems(server) == []
        assert judged(server)["served"].status is Status.FAIL
        assert [one.state for one in tls_findings.judge(before, WHERE, NOW) if one.status is Status.FAIL] == [
            State.FILE_CHANGED_OUTSIDE
        ]
        (found,) = stale(before, None, started)
        assert found.action.startswith(f"load the renewed certificate {chosen['tls-cert-file']} (serial ")
        renewal.renew(plain, before, chosen["tls-cert-file"], WHERE)
        renewal.confirm(seen(server), WHERE)
        assert server.certificate() == new.certificate
        assert statuses(server)["served"] == "PASS"
        assert stale(seen(server), Loaded.of(before, NOW + DAY), started) == []
        # neither was cut, and both are still the connections that they were
        assert [client.call("CLIENT", "ID") for client in (secure, plain)] == ids
        with server.client(CLIENT) as another:
            assert another.call("PING") == "PONG"


def test_loaded_over_the_only_connection_there_is(program, place):
    old, new = ROOT.issue(), ROOT.issue()
    chosen = options(place, old, port="0")
    with serving(program, place, chosen) as server, server.client(CLIENT) as secure:
        new.write(place, "redis")
        renewal.renew(secure, seen(server), chosen["tls-cert-file"], WHERE)
        assert secure.call("PING") == "PONG"
        assert server.certificate() == new.certificate


def test_one_option_makes_the_server_read_all_of_its_files(program, place):
    """The certificate alone is set: authorities come along. What is loaded cannot be asked, only tried."""
    chosen = options(place, ROOT.issue())
    stranger = STRANGER.issue(purposes=("clientAuth",))
    with serving(program, place, chosen) as server, server.plain() as plain:
        assert not gets_in(server, stranger)
        (place / "ca.crt").write_bytes(ROOT.pem + STRANGER.pem)
        started = started_at(plain.info())
        early = started - 60  # the test is quicker than the seconds that INFO counts in
        before = seen(server)
        assert [one.option for one in stale(before, Loaded(started, {"tls-ca-cert-file": "older"}), early)] == [
            "tls-ca-cert-file"
        ]
        assert not gets_in(server, stranger)
        renewal.renew(plain, before, chosen["tls-cert-file"], WHERE)
        assert gets_in(server, stranger)
        loaded = Loaded.of(before, datetime.now(timezone.utc))
        assert stale(seen(server), loaded, early) == []


def gets_in(server, issued):
    with contextlib.suppress(OSError), server.client(issued) as client:
        return client.call("PING") == "PONG"
    return False


@pytest.mark.parametrize("key", ["p256", "rsa"])
def test_a_half_renewed_pair(program, key, place):
    """Of another algorithm, the server takes it without a word, and serves nobody any more: it must not be sent."""
    old, new = ROOT.issue(), ROOT.issue(key=key)
    chosen = options(place, old)
    with serving(program, place, chosen) as server, server.plain() as plain:
        Path(chosen["tls-cert-file"]).write_bytes(new.pem)
        (problem,) = problems(server)
        assert "the key is of another certificate" in problem.what
        assert judged(server)["start"].status is Status.FAIL
        with pytest.raises(ApplyFailed, match="keeps the TLS files"):
            renewal.renew(plain, seen(server), chosen["tls-cert-file"], WHERE)
        assert server.certificate() == old.certificate
        # what would have happened
        with contextlib.suppress(RuntimeError):
            plain.set_config([("tls-cert-file", chosen["tls-cert-file"])])
        if key == "p256":
            assert server.certificate() == old.certificate
        else:
            with pytest.raises(OSError, match="SSL"):
                server.certificate()


# --- A32: what has expired --------------------------------------------------------------------------------------------


def test_an_expired_certificate_is_taken_by_the_server_and_named_by_us(program, place):
    expired = ROOT.issue(begins=NOW - 9 * DAY, ends=NOW - DAY)
    with serving(program, place, options(place, expired, port="0")) as server:
        (problem,) = problems(server)
        assert "expired on" in problem.what
        found = judged(server)
        assert (found["expiry"].status, found["start"].status) == (Status.FAIL, Status.PASS)
        trusting = context(CLIENT)
        trusting.load_verify_locations(cadata=ROOT.pem.decode())
        trusting.verify_mode = 2
        with socket.create_connection(server.listening, 5) as plain, pytest.raises(OSError, match="expired"):
            trusting.wrap_socket(plain)


@pytest.mark.parametrize(
    ("client", "told"),
    [
        (ROOT.issue(begins=NOW - 9 * DAY, ends=NOW - DAY), "expired on"),
        (ROOT.issue(begins=NOW + DAY), "is not valid before"),
        (ROOT.issue(purposes=("serverAuth",)), "is not for clients"),
        (STRANGER.issue(), "is refused from a client"),
    ],
    ids=["expired", "not yet", "usage", "stranger"],
)
@pytest.mark.parametrize("auth", ["yes", "optional"])
def test_a_client_certificate_that_the_server_refuses_is_the_one_that_is_named(program, client, told, auth, place):
    certificate, key = client.write(place, "client")
    chosen = options(place, ROOT.issue(), port="0", tls_auth_clients=auth)
    chosen |= {"tls-client-cert-file": certificate, "tls-client-key-file": key}
    with serving(program, place, chosen) as server:
        assert not gets_in(server, client)
        (problem,) = problems(server)
        assert problem.where == f"{WHERE}: tls-client-cert-file"
        assert told in problem.what
        assert any(told in reason for reason in tls.hindrances(seen(server), WHERE, NOW))
        assert gets_in(server, ROOT.issue())


def test_the_wrong_authority(program, place):
    """The server's own certificate, which is the client's as well, is one that its authority does not know."""
    issued = STRANGER.issue()
    with serving(program, place, options(place, issued, port="0")) as server:
        assert not gets_in(server, issued)
        (problem,) = problems(server)
        assert "is refused from a client: unable to get local issuer certificate" in problem.what
        assert judged(server)["authority"].status is Status.WARN


# --- A30, D14: files with which the server does not start -------------------------------------------------------------


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can start a server as another user")
@pytest.mark.parametrize("closed", ["file", "directory"])
def test_a_key_that_the_user_of_the_server_cannot_read(program, closed, place):
    private = place / "private"
    private.mkdir()
    chosen = options(private, ROOT.issue())
    Path(chosen["tls-key-file"] if closed == "file" else private).chmod(0o700 if closed == "directory" else 0o600)
    server = start(program, place, chosen, who=OTHER)
    assert "Permission denied" in dies(server)
    found = tls.problems(look(server.declared, OTHER.name, OTHER), WHERE, NOW)
    assert f"{WHERE}: tls-key-file" in [problem.where for problem in found]
    assert {problem.what.partition(" cannot read ")[0] for problem in found} == {"nobody"}
    for problem in found:
        subprocess.run(["sh", "-c", problem.remedy], check=True)
    assert tls.problems(look(server.declared, OTHER.name, OTHER), WHERE, NOW) == []
    with serving(program, place, chosen, who=OTHER) as server:
        assert statuses(server)["start"] == "PASS"


@pytest.mark.parametrize(("password", "told"), [("", "needs a password"), ("wrong", "does not open"), ("secret", "")])
def test_an_encrypted_key(program, password, told, place):
    issued = ROOT.issue()
    chosen = options(place, issued, tls_key_file_pass=password)
    issued.write(place, "redis", "secret")
    if told:
        server = start(program, place, chosen)
        assert "Failed to load private key" in dies(server)
        (problem,) = tls.problems(look(server.declared, ME.name, ME), WHERE, NOW)
        assert told in problem.what
    else:
        with serving(program, place, chosen) as server:
            assert problems(server) == []


def breaks():
    return {
        "certificate missing": lambda o, p: o.update({"tls-cert-file": str(p / "none")}),
        "certificate in DER": lambda o, _: Path(o["tls-cert-file"]).write_bytes(ROOT.issue().der),
        "certificate cut off": lambda o, _: Path(o["tls-cert-file"]).write_bytes(ROOT.issue().pem[:-50]),
        "certificate empty": lambda o, _: Path(o["tls-cert-file"]).write_bytes(b""),
        "key of another": lambda o, _: Path(o["tls-key-file"]).write_bytes(ROOT.issue().key_pem()),
        "key empty": lambda o, _: Path(o["tls-key-file"]).write_bytes(b""),
        "authority empty": lambda o, _: Path(o["tls-ca-cert-file"]).write_bytes(b""),
        "authority undeclared": lambda o, _: o.pop("tls-ca-cert-file"),
        "key undeclared": lambda o, _: o.pop("tls-key-file"),
        "parameters": lambda o, _: o.update({"tls-dh-params-file": o["tls-cert-file"]}),
        "client missing": lambda o, p: o.update(
            {"tls-client-cert-file": str(p / "none"), "tls-client-key-file": o["tls-key-file"]}
        ),
    }


@pytest.mark.parametrize("name", breaks())
def test_what_we_refuse_the_server_refuses(program, name, place):
    chosen = options(place, ROOT.issue())
    breaks()[name](chosen, place)
    server = start(program, place, chosen)
    dies(server)
    facts = look(server.declared, ME.name, ME)
    assert len(tls.unusable(facts, WHERE)) == 1


@pytest.mark.parametrize("auth", ["no", "optional", "yes"])
@pytest.mark.parametrize("client", [None, "client"])
def test_what_we_accept_the_server_accepts(program, auth, client, place):
    chosen = options(place, MIDDLE.issue(), tls_auth_clients=auth, tls_replication="yes")
    if client:
        certificate, key = CLIENT.write(place, client)
        chosen |= {"tls-client-cert-file": certificate, "tls-client-key-file": key}
    with serving(program, place, chosen) as server:
        assert problems(server) == []
        assert gets_in(server, CLIENT if client else MIDDLE.issue())


def test_facts_hold_no_secret(program, place):
    issued = ROOT.issue()
    chosen = options(place, issued, tls_key_file_pass="hunter2")
    issued.write(place, "redis", "hunter2")
    with serving(program, place, chosen) as server:
        facts = seen(server)
    assert "hunter2" not in repr(facts)
    assert facts.options.passwords == {}
    assert all(file.data is None for file in facts.files.values())
    assert replace(facts, options=server.declared).options.passwords["tls-key-file"] == "hunter2"
