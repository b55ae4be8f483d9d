"""Servers that somebody else encrypted."""

from __future__ import annotations

import socket
import ssl

import plays
import pytest
from cryptography import x509
from encryption import ANONYMOUS, AUTHORITY, CLIENT_FILES, DAY, FILES, MUTUAL, NOW, PLACE, VALID, Issued, certificate
from hosts import Cli, Host
from setups import packaged, steps

EXPIRED = AUTHORITY.issue(begins=NOW - 30 * DAY, ends=NOW - DAY, serial=1002)
UNCHECKED = Cli(("--tls", "-p", "6380", "--insecure"))
ANSWERS = ("keep", "replace")


def encrypted(*lines: str, issued: Issued = VALID, cli: Cli = MUTUAL):
    """A server that only TLS reaches, from anywhere."""
    start = packaged("port 0", "tls-port 6380", "bind 0.0.0.0", *FILES, *lines, keys=1000, cli=cli)
    return steps(certificate(issued), start)


def served(host: Host) -> int:
    """The serial number of the certificate that the server shows."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with socket.create_connection((host.address, 6380), 10) as plain, context.wrap_socket(plain) as secure:
        return x509.load_der_x509_certificate(secure.getpeercert(binary_form=True)).serial_number


def pid(host: Host) -> str:
    return host.check_output("systemctl show --property MainPID --value redis-server")


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            answer,
            marks=pytest.mark.host(
                setup=encrypted(),
                servers=(MUTUAL,),
                redis_server_adopt=answer,
                redis_server_settings={"bind": "0.0.0.0", "maxmemory": "200mb"},
                redis_server_restart=True,
            ),
        )
        for answer in ANSWERS
    ],
)
@pytest.mark.usefixtures("answer")
def test_a_server_that_only_certificates_open(host, run, before):
    """A6: no port without TLS, and nobody without a certificate, now and after the next boot."""
    assert run.ok, str(run)
    assert host.config("maxmemory", MUTUAL) == str(200 * 1024**2)
    host.reboot()
    host.serves(MUTUAL)
    now = host.facts(MUTUAL)
    assert now["listeners"] == before["listeners"] == ["0.0.0.0:6380"]
    assert now["keys"] == before["keys"]

    assert host.run(ANONYMOUS.command("-e", "ping")).rc != 0


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            answer,
            marks=pytest.mark.host(
                setup=encrypted("tls-auth-clients no"), servers=(MUTUAL,), redis_server_adopt=answer
            ),
        )
        for answer in ANSWERS
    ],
)
@pytest.mark.usefixtures("answer")
def test_a_renewed_certificate(host, run):
    """A31: loaded by the next run, without a restart."""
    assert run.ok, str(run)
    process = pid(host)
    certificate(AUTHORITY.issue(serial=2002))(host)
    assert served(host) == VALID.certificate.serial_number
    renewed = plays.provision(host)
    assert renewed.ok, str(renewed)
    assert renewed.says("tls-cert-file", title="changed") or renewed.says("load", title="changed"), str(renewed)
    assert served(host) == 2002
    assert pid(host) == process
    again = plays.provision(host)
    assert (again.ok, again.changed) == (True, 0), str(again)


@pytest.mark.host(setup=encrypted(), servers=(MUTUAL,), redis_server_adopt="keep", alone=True)
def test_a_certificate_that_does_not_fit(host):
    """The second of A31: the server would not start with it; it is named, and the old one is served."""
    assert plays.provision(host).ok
    host.put(f"{PLACE}/redis.crt", AUTHORITY.issue(serial=3003).pem.decode())
    before = host.facts(MUTUAL)
    run = plays.provision(host)
    assert not run.ok
    assert run.says("redis.crt", title="error"), str(run)
    assert served(host) == VALID.certificate.serial_number
    assert host.facts(MUTUAL)["processes"] == before["processes"]


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            answer,
            marks=pytest.mark.host(
                setup=encrypted("tls-auth-clients no", issued=EXPIRED, cli=UNCHECKED),
                servers=(UNCHECKED,),
                redis_server_adopt=answer,
                redis_server_settings={"maxmemory": "200mb"},
            ),
        )
        for answer in ANSWERS
    ],
)
@pytest.mark.usefixtures("answer")
def test_an_expired_certificate(run):
    """A32: it is named as what it is, and nobody is told to restart anything."""
    assert run.says("expired", "redis.crt") or run.says("ended", "redis.crt"), str(run)
    assert "does not answer" not in run.summary
    assert "restart it yourself" not in run.summary


@pytest.mark.host(
    setup=steps(
        certificate(AUTHORITY.issue(begins=NOW - 30 * DAY, ends=NOW - DAY), "client"), encrypted(*CLIENT_FILES)
    ),
    servers=(MUTUAL,),
    redis_server_adopt="keep",
    redis_server_settings={"maxmemory": "200mb"},
)
def test_an_expired_certificate_of_the_client(run, untouched):
    """The second of A32: the one that this project itself shows."""
    assert run.says("client.crt"), str(run)
    assert "restart it yourself" not in run.summary
    if not run.ok:
        untouched()


@pytest.mark.host(
    setup=steps(
        certificate(VALID), packaged("hz 20", keys=10), f"chmod 600 {PLACE}/redis.key; chown root: {PLACE}/redis.key"
    ),
    redis_server_adopt="keep",
    redis_server_settings=dict(line.split() for line in (*FILES, "tls-port 6380")),
)
def test_a_key_that_the_server_can_not_read(run, untouched):
    """The kind of A30: found before anything is touched."""
    assert not run.ok
    assert run.says("redis.key", title="error"), str(run)
    untouched()
