"""Certificates read without OpenSSL: what cryptography wrote is what is read, and garbage raises one exception."""

from __future__ import annotations

import base64
import contextlib
from datetime import datetime, timedelta, timezone

import pytest
from ansible.module_utils.redis_ops.platform import certificates, der
from ansible.module_utils.redis_ops.platform.der import Malformed
from authority import BOTH, DAY, KEYS, NOW, Authority
from cryptography.hazmat.primitives.serialization import PrivateFormat
from hypothesis import given
from hypothesis import strategies as st
from strategies import quick

ROOT = Authority()
MIDDLE = Authority("Intermediate", ROOT)
LEAF = MIDDLE.issue(usages=("digital_signature", "key_encipherment"))
OTHER = ROOT.issue(key="ed25519")
OTHER_KIND = ROOT.issue(key="rsa")


@pytest.mark.parametrize("key", KEYS)
def test_what_was_written_is_read(key):
    made = ROOT.issue("redis1.example.com", key=key, purposes=("serverAuth",), usages=("digital_signature",))
    read = certificates.from_der(made.der)
    assert read.serial_number == made.certificate.serial_number
    assert read.not_before == made.certificate.not_valid_before_utc
    assert read.not_after == made.certificate.not_valid_after_utc
    assert read.subject == "O=Example\\, Ltd, CN=redis1.example.com"
    assert read.issuer == "O=Example\\, Ltd, CN=Test CA"
    assert read.names == ("DNS:localhost", "IP:127.0.0.1", "IP:::1")
    assert read.purposes == {"serverAuth"}
    assert read.usages == {"digitalSignature"}
    assert read.sha256 == made.sha256
    assert read.serves_as("serverAuth")
    assert not read.serves_as("clientAuth")


def test_a_certificate_without_restrictions_serves_as_anything():
    read = certificates.from_der(ROOT.issue(purposes=None).der)
    assert (read.purposes, read.usages) == (None, None)
    assert read.serves_as("clientAuth")


@pytest.mark.parametrize(
    ("number", "serial"),
    [(1, "01"), (0x7F, "7F"), (0x80, "80"), (0xABC, "0ABC"), (0xFF00, "FF00"), (2**159 - 1, "7" + 39 * "F")],
)
def test_the_serial_number_is_written_as_openssl_prints_it(number, serial):
    assert certificates.from_der(ROOT.issue(serial=number).der).serial == serial


@given(
    st.integers(-599_616_000, 16_725_225_600),  # seconds: from 1951 to 2500
    st.integers(1, 365_000 * 86_400),
)
@quick
def test_every_time_is_read(begins, lasts):
    """Until 2049 with two digits for the year, from 2050 on with four (RFC 5280, 4.1.2.5)."""
    start = datetime(1970, 1, 1, tzinfo=timezone.utc) + timedelta(seconds=begins)
    end = start + timedelta(seconds=lasts)
    read = certificates.from_der(ROOT.issue(begins=start, ends=end).der)
    assert (read.not_before, read.not_after) == (start, end)


def test_a_chain_file_with_text_around():
    text = b"subject=/CN=redis1\n" + LEAF.pem.replace(b"\n", b"\r\n") + b"# the end\n" + LEAF.key_pem()
    read = certificates.in_pem(text)
    assert [one.subject for one in read] == ["O=Example\\, Ltd, CN=redis1", "O=Example\\, Ltd, CN=Intermediate"]
    assert [block.label for block in certificates.blocks(text)] == ["CERTIFICATE", "CERTIFICATE", "PRIVATE KEY"]


def test_the_labels_that_openssl_accepts():
    own_data_of_openssl = (
        b"\x30\x0c\x30\x0a\x06\x08+\x06\x01\x05\x05\x07\x03\x01"  # as `openssl x509 -addtrust` writes it
    )
    body = base64.encodebytes(LEAF.der + own_data_of_openssl)
    trusted = b"-----BEGIN TRUSTED CERTIFICATE-----\n" + body + b"-----END TRUSTED CERTIFICATE-----\n"
    assert certificates.in_pem(trusted)[0].sha256 == LEAF.sha256
    assert certificates.in_pem(LEAF.pem.replace(b"CERTIFICATE", b"X509 CERTIFICATE"))[0].sha256 == LEAF.sha256


def test_the_certificate_in_der_is_recognised_and_is_no_pem():
    assert certificates.is_der(LEAF.der)
    assert not certificates.is_der(LEAF.pem)
    assert certificates.in_pem(LEAF.der) == []


@pytest.mark.parametrize(
    ("password", "form", "encrypted"),
    [
        ("", PrivateFormat.PKCS8, False),
        ("secret", PrivateFormat.PKCS8, True),
        ("", PrivateFormat.TraditionalOpenSSL, False),
        ("secret", PrivateFormat.TraditionalOpenSSL, True),
    ],
)
def test_an_encrypted_key_is_recognised(password, form, encrypted):
    pem = OTHER_KIND.key_pem(password, form)
    assert [block.encrypted for block in certificates.blocks(pem)] == [encrypted]


def test_a_chain_is_followed_to_its_root_by_way_of_the_one_that_lasts_longest():
    again = Authority("Intermediate", ROOT, ends=NOW + 5000 * DAY)
    pool = certificates.in_pem(ROOT.pem + MIDDLE.pem + again.pem)
    found = certificates.chain(certificates.in_pem(LEAF.pem), pool)
    assert [one.subject.rpartition("=")[2] for one in found] == ["redis1", "Intermediate", "Test CA"]
    assert found[1].not_after == again.certificate.not_valid_after_utc


def test_a_chain_without_its_issuer_ends_there():
    assert len(certificates.chain(certificates.in_pem(LEAF.pem), [])) == 2
    assert certificates.chain([], certificates.in_pem(ROOT.pem)) == []


def test_two_that_vouch_for_each_other_end():
    one, other = Authority("A"), Authority("B")
    a = Authority("A", other)
    b = Authority("B", one)
    read = certificates.in_pem(a.pem + b.pem)
    assert len(certificates.chain(read, read)) == 2


@given(st.text(max_size=300))
@quick
def test_a_name_is_shown_with_nothing_but_printable_characters(name):
    text = certificates.shown(name)
    assert text.isprintable()
    assert len(text) <= certificates.LONGEST_TEXT + 3


def test_a_name_with_terminal_sequences_is_data():
    made = ROOT.issue("\x1b]0;owned\x07\u202eredis\n1")
    assert certificates.from_der(made.der).subject == "O=Example\\, Ltd, CN=?]0;owned??redis?1"


# --- garbage ----------------------------------------------------------------------------------------------------------


def raises_malformed_only(read, data):
    with contextlib.suppress(Malformed):
        read(data)


@given(st.data())
@quick
def test_a_changed_certificate_is_read_or_malformed(data):
    """Single bytes changed, parts cut out, doubled or put elsewhere, and whole elements with another tag or length."""
    mutated = bytearray(data.draw(st.sampled_from([LEAF.der, OTHER.der])))
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, max(len(mutated) - 1, 0)))
        length = data.draw(st.integers(0, 40))
        how = data.draw(st.sampled_from(["byte", "cut", "double", "noise"]))
        if how == "byte" and mutated:
            mutated[at] = data.draw(st.integers(0, 255))
        elif how == "cut":
            del mutated[at : at + length]
        elif how == "double":
            mutated[at:at] = mutated[at : at + length]
        else:
            mutated[at:at] = data.draw(st.binary(max_size=length))
    raises_malformed_only(certificates.from_der, bytes(mutated))


def test_every_byte_of_a_certificate_may_be_wrong():
    for at in range(len(LEAF.der)):
        for value in (0x00, 0x1F, 0x30, 0x7F, 0x80, 0x84, 0xFF):
            raises_malformed_only(certificates.from_der, LEAF.der[:at] + bytes([value]) + LEAF.der[at + 1 :])
        raises_malformed_only(certificates.from_der, LEAF.der[:at])


@given(st.binary(max_size=200))
@quick
def test_garbage_is_malformed(data):
    raises_malformed_only(certificates.from_der, data)
    raises_malformed_only(certificates.in_pem, data)
    assert certificates.is_der(data) is False


@given(st.lists(st.sampled_from([*LEAF.pem.splitlines(True), b"-----BEGIN ", b"-----", b"\n", b"\xff", b"a:b\n"])))
@quick
def test_mixed_lines_of_pem_are_read_or_malformed(lines):
    raises_malformed_only(certificates.in_pem, b"".join(lines))


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"", "ends too early"),
        (b"\x30", "ends too early"),
        (b"\x30\x80\x00\x00", "length that DER does not have"),
        (b"\x30\x85\x01\x00\x00\x00\x00", "length that DER does not have"),
        (b"\x30\x81\x05aaaaa", "not written as short"),
        (b"\x30\x82\x00\x85" + b"a" * 0x85, "not written as short"),
        (b"\x30\x84\x7f\xff\xff\xff", "longer than its place"),
        (b"\x30\x03\x02", "longer than its place"),
        (b"\x1f\x81\x00", "tag of several bytes"),
        (b"\x04\x00", "tag 0x04 where 0x30 belongs"),
        (LEAF.der + b"\x00", "bytes after its end"),
    ],
)
def test_what_der_forbids(data, told):
    with pytest.raises(Malformed, match=told):
        certificates.from_der(data)


def test_a_deeply_nested_element_is_not_entered():
    nested = b""
    for _ in range(20_000):
        nested = b"\x30\x84" + len(nested).to_bytes(4, "big") + nested
    raises_malformed_only(certificates.from_der, nested)


@pytest.mark.parametrize("content", [b"", b"\x00\x01", b"\xff\x80"])
def test_a_number_that_der_does_not_have(content):
    with pytest.raises(Malformed):
        der.integer(der.Element(der.INTEGER, content, b""))


@pytest.mark.parametrize(
    ("content", "flags"), [(b"\x00", []), (b"\x06\xc0", [True, True]), (b"\x00\x80\x80", [True] + 7 * [False])]
)
def test_bits(content, flags):
    assert der.bits(der.Element(der.BIT_STRING, content, b""), 8) == flags


@pytest.mark.parametrize("content", [b"", b"\x08\x00", b"\x01"])
def test_bits_that_der_does_not_have(content):
    with pytest.raises(Malformed):
        der.bits(der.Element(der.BIT_STRING, content, b""), 8)


@pytest.mark.parametrize(
    ("tag", "text"),
    [
        (der.UTC_TIME, "2601010000Z"),
        (der.UTC_TIME, "260101000000+0100"),
        (der.UTC_TIME, "20260101000000Z"),
        (der.UTC_TIME, "261301000000Z"),
        (der.UTC_TIME, "260101000060Z"),
        (der.GENERALIZED_TIME, "260101000000Z"),
        (der.GENERALIZED_TIME, "00000101000000Z"),
        (der.GENERALIZED_TIME, "20260101000000.5Z"),
        (der.OCTET_STRING, "20260101000000Z"),
    ],
)
def test_times_that_rfc_5280_does_not_allow(tag, text):
    """In a certificate whose validity is replaced; all lengths around it are written anew."""
    with pytest.raises(Malformed, match="time"):
        certificates.from_der(with_time(tag, text.encode()))


def test_the_replacement_itself_is_right():
    read = certificates.from_der(with_time(der.UTC_TIME, b"260101000000Z"))
    assert read.not_before == datetime(2026, 1, 1, tzinfo=timezone.utc)


def with_time(tag: int, text: bytes) -> bytes:
    whole = der.Reader(LEAF.der).take().inside()
    signed, rest = whole.take(), [whole.take(), whole.take()]
    parts, inner = [], signed.inside()
    while inner.more():
        parts.append(inner.take().encoded)
    ends = der.Reader(parts[4]).take().inside()
    ends.take()
    parts[4] = element(der.SEQUENCE, element(tag, text) + ends.take().encoded)
    return element(der.SEQUENCE, element(der.SEQUENCE, b"".join(parts)) + b"".join(one.encoded for one in rest))


def element(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes([tag, length]) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(octets)]) + octets + content


def test_a_block_without_an_end_or_base64_is_malformed():
    with pytest.raises(Malformed, match="without an end"):
        certificates.in_pem(LEAF.pem[:-30])
    with pytest.raises(Malformed, match="not base64"):
        certificates.in_pem(b"-----BEGIN CERTIFICATE-----\n*\n-----END CERTIFICATE-----\n")


def test_many_blocks_without_an_end_are_read_in_no_time():
    with pytest.raises(Malformed):
        certificates.in_pem(b"-----BEGIN A-----\n" * 200_000)


def test_the_label_is_not_trusted():
    text = base64.b64encode(b"not a certificate")
    with pytest.raises(Malformed):
        certificates.in_pem(b"-----BEGIN CERTIFICATE-----\n" + text + b"\n-----END CERTIFICATE-----\n")


def test_both_purposes():
    assert certificates.from_der(LEAF.der).purposes == set(BOTH)
