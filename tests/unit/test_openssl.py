"""What OpenSSL makes of files: pairs, authorities, parameters; nothing asks at a terminal, nothing lands on a disk."""

from __future__ import annotations

import contextlib
import os
from datetime import timedelta
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.platform import openssl
from ansible.module_utils.redis_ops.platform.certificates import CLIENT, SERVER
from ansible.module_utils.redis_ops.platform.openssl import Authorities, Pair, fits, loads, loads_parameters, trusts
from authority import DAY, KEYS, NOW, Authority
from cryptography.hazmat.primitives.serialization import PrivateFormat

ROOT = Authority()
STRANGER = Authority("Stranger")
MIDDLE = Authority("Intermediate", ROOT)
TRUST = Authorities(ROOT.pem)


def pair(issued, **others):
    return Pair(issued.pem, issued.key_pem(), **others)


@pytest.mark.parametrize("key", KEYS)
def test_a_pair_that_fits(key):
    issued = ROOT.issue(key=key)
    assert fits(pair(issued)).holds is True
    for role in (SERVER, CLIENT):
        assert trusts(TRUST, pair(issued), role).holds is True


@pytest.mark.parametrize("key", KEYS)
@pytest.mark.parametrize("other", KEYS)
def test_a_key_of_another_certificate(key, other):
    """Of another algorithm as well, which a server takes without a word."""
    answer = fits(Pair(ROOT.issue(key=key).pem, ROOT.issue(key=other).key_pem()))
    assert answer.holds is False
    assert answer.reason == "the key is of another certificate"


@pytest.mark.parametrize("form", [PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL])
@pytest.mark.parametrize(
    ("password", "holds", "reason"),
    [
        ("secret", True, ""),
        ("", False, "the key needs a password"),
        ("wrong", False, "the password does not open the key"),
        ("x" * 2000, False, "cannot be longer than"),
        ("\udcff", False, "the password does not open the key"),
    ],
)
def test_an_encrypted_key(form, password, holds, reason):
    issued = ROOT.issue()
    answer = fits(Pair(issued.pem, issued.key_pem("secret", form), password, encrypted=True))
    assert answer.holds is holds
    assert reason in answer.reason


@pytest.mark.parametrize("certificate", [b"", b"hello", ROOT.issue().der, ROOT.issue().pem[:300]])
def test_what_is_no_pair(certificate):
    answer = fits(Pair(certificate, ROOT.issue().key_pem()))
    assert answer.holds is False
    assert "_ssl.c" not in answer.reason


def test_whom_the_authority_does_not_know():
    answer = trusts(Authorities(STRANGER.pem), pair(ROOT.issue()), SERVER)
    assert (answer.holds, answer.reason) == (False, "unable to get local issuer certificate")
    assert trusts(Authorities(STRANGER.pem), pair(ROOT.issue()), CLIENT).holds is False
    assert trusts(Authorities(STRANGER.pem + ROOT.pem), pair(ROOT.issue()), CLIENT).holds is True


@pytest.mark.parametrize(("purpose", "good", "bad"), [("serverAuth", SERVER, CLIENT), ("clientAuth", CLIENT, SERVER)])
def test_the_purpose_counts(purpose, good, bad):
    issued = ROOT.issue(purposes=(purpose,))
    assert trusts(TRUST, pair(issued), good).holds is True
    answer = trusts(TRUST, pair(issued), bad)
    assert answer.holds is False
    assert "purpose" in answer.reason


def test_a_chain_needs_its_intermediate():
    issued = MIDDLE.issue()
    assert trusts(TRUST, pair(issued), SERVER).holds is True
    alone = Pair(issued.pem[: issued.pem.index(b"-----END") + 27], issued.key_pem())
    assert trusts(TRUST, alone, SERVER).holds is False
    assert trusts(Authorities(ROOT.pem + MIDDLE.pem), alone, SERVER).holds is True


@pytest.mark.parametrize("begins", [NOW - 20 * DAY, NOW + 5 * DAY], ids=["past", "future"])
def test_time_does_not_count(begins):
    """That is judged for a time that is given, and this asks the clock of this machine."""
    issued = ROOT.issue(begins=begins, ends=begins + timedelta(days=3))
    assert trusts(TRUST, pair(issued), SERVER).holds is True
    assert trusts(TRUST, pair(issued), CLIENT).holds is True


@pytest.mark.parametrize("data", [b"", b"hello", b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"])
def test_what_is_no_authority(data):
    assert loads(Authorities(data)).holds is False
    assert loads(TRUST).holds is True


def test_a_directory_of_authorities(tmp_path):
    (tmp_path / ROOT.hashed_name).write_bytes(ROOT.pem)
    assert trusts(Authorities(None, str(tmp_path)), pair(ROOT.issue()), SERVER).holds is True
    assert trusts(Authorities(None, str(tmp_path)), pair(STRANGER.issue()), SERVER).holds is False


def test_parameters():
    parameters = """-----BEGIN DH PARAMETERS-----
MIIBDAKCAQEA//////////+t+FRYortKmq/cViAnPTzx2LnFg84tNpWp4TZBFGQz
+8yTnc4kmz75fS/jY2MMddj2gbICrsRhetPfHtXV/WVhJDP1H18GbtCFY2VVPe0a
87VXE15/V8k1mE8McODmi3fipona8+/och3xWKE2rec1MKzKT0g6eXq8CrGCsyT7
YdEIqUuyyOP7uWrat2DX9GgdT0Kj3jlN9K5W7edjcrsZCwenyO4KbXCeAvzhzffi
7MA0BM0oNC9hkXL+nOmFg/+OTxIy7vKBg8P+OxtMb61zO7X8vC7CIAXFjvGDfRaD
ssbzSibBsu/6iGtCOGEoXJf//////////wIBAgICAOE=
-----END DH PARAMETERS-----
"""
    assert loads_parameters(parameters.encode()).holds is True
    assert loads_parameters(b"hello").holds is False
    assert loads_parameters(ROOT.pem).holds is False


@pytest.mark.parametrize("kind", ["directory", "pipe", "device", "missing", "large"])
def test_only_files_are_read(kind, tmp_path):
    path = tmp_path / "file"
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(openssl.LARGEST_FILE + 1)
    with pytest.raises(OSError, match=str(path)):
        openssl.read_file(str(path))


def test_no_secret_is_in_the_text_of_a_pair():
    issued = ROOT.issue()
    text = repr(Pair(issued.pem, issued.key_pem("hunter2"), "hunter2", encrypted=True))
    assert "hunter2" not in text
    assert "PRIVATE KEY" not in text


def open_files():
    return sorted(path.name for path in Path("/proc/self/fd").iterdir())


def test_no_file_is_left_open():
    before = open_files()
    fits(pair(ROOT.issue()))
    fits(Pair(b"", b""))
    with contextlib.suppress(OSError):
        openssl.read_file("/dev")
    trusts(Authorities(STRANGER.pem), pair(ROOT.issue()), SERVER)
    assert open_files() == before
