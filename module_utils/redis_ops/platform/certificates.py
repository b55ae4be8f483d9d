"""X.509 certificates, read without OpenSSL: who, until when, and for what (RFC 5280). Pure.

All text comes from whoever made the certificate: it is data, shown with nothing but printable characters.
"""

from __future__ import annotations

import base64
import binascii
import contextlib
import hashlib
import ipaddress
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timezone
from typing import Optional

from . import der
from .der import Malformed

LONGEST_TEXT = 200  # characters of a name that are shown
_BEGIN, _END, _DASHES = b"-----BEGIN ", b"-----END ", b"-----"
# The labels that OpenSSL accepts (pem.h). A TRUSTED one has OpenSSL's own data after the certificate.
_TRUSTED = "TRUSTED CERTIFICATE"
_CERTIFICATE_LABELS = ("CERTIFICATE", "X509 CERTIFICATE", _TRUSTED)
_ATTRIBUTES = {
    "2.5.4.3": "CN",
    "2.5.4.5": "serialNumber",
    "2.5.4.6": "C",
    "2.5.4.7": "L",
    "2.5.4.8": "ST",
    "2.5.4.10": "O",
    "2.5.4.11": "OU",
    "0.9.2342.19200300.100.1.25": "DC",
    "1.2.840.113549.1.9.1": "emailAddress",
}
_ENCODINGS = {0x0C: "utf-8", 0x13: "ascii", 0x16: "ascii", 0x14: "latin-1", 0x1E: "utf-16-be", 0x1C: "utf-32-be"}
_SUBJECT_ALT_NAME, _KEY_USAGE, _EXTENDED_KEY_USAGE = "2.5.29.17", "2.5.29.15", "2.5.29.37"
_USAGES = (
    "digitalSignature",
    "nonRepudiation",
    "keyEncipherment",
    "dataEncipherment",
    "keyAgreement",
    "keyCertSign",
    "cRLSign",
    "encipherOnly",
    "decipherOnly",
)
SERVER, CLIENT = "serverAuth", "clientAuth"
_PURPOSES = {"1.3.6.1.5.5.7.3.1": SERVER, "1.3.6.1.5.5.7.3.2": CLIENT, "2.5.29.37.0": "anyExtendedKeyUsage"}
_NAME_KINDS = {0x81: "email", 0x82: "DNS", 0x86: "URI"}


@dataclass(frozen=True)
class Certificate:
    """One certificate. not_before, not_after: UTC. names: of subjectAltName, such as 'DNS:redis1' or 'IP:10.0.0.1'.

    usages, purposes: of keyUsage and extendedKeyUsage; None where the certificate does not restrict them.
    subject, issuer: as text for people. subject_id, issuer_id: as encoded, to be compared.
    sha256: of the DER form, as hex digits.
    """

    serial_number: int
    subject: str
    issuer: str
    not_before: datetime
    not_after: datetime
    sha256: str
    names: tuple[str, ...] = ()
    usages: Optional[frozenset[str]] = None
    purposes: Optional[frozenset[str]] = None
    subject_id: bytes = field(default=b"", repr=False)
    issuer_id: bytes = field(default=b"", repr=False)

    @property
    def serial(self) -> str:
        """As `openssl x509 -serial` prints it: hex digits, two for each byte."""
        digits = f"{abs(self.serial_number):X}"
        return shown(("-" if self.serial_number < 0 else "") + digits.zfill(len(digits) + len(digits) % 2))

    def serves_as(self, purpose: str) -> bool:
        """Whether extendedKeyUsage allows SERVER or CLIENT. OpenSSL does not count anyExtendedKeyUsage for either."""
        return self.purposes is None or purpose in self.purposes


@dataclass(frozen=True)
class Block:
    """One block of a PEM file. content: None where the body is not base64, or is encrypted."""

    label: str
    encrypted: bool
    content: Optional[bytes] = field(repr=False)


def blocks(data: bytes) -> Iterator[Block]:
    """The PEM blocks of a file, whatever stands around them. Raises Malformed for one without an end."""
    label, body = "", [b""]
    for raw in data.splitlines():
        line = raw.rstrip()
        if label:
            if line == _END + label.encode() + _DASHES:
                yield _block(label, body)
                label = ""
            else:
                body.append(line.strip())
        elif line.startswith(_BEGIN) and line.endswith(_DASHES):
            label, body = line[len(_BEGIN) : -len(_DASHES)].decode("ascii", "replace"), []
    if label:
        raise Malformed(f"has a block {shown(label)} without an end")


def _block(label: str, body: Sequence[bytes]) -> Block:
    has_headers = bool(body) and b":" in body[0]  # RFC 1421: 'Proc-Type: 4,ENCRYPTED', as old keys have it
    encrypted = label.startswith("ENCRYPTED ") or (has_headers and b"ENCRYPTED" in body[0])
    content = None
    if not has_headers:
        with contextlib.suppress(binascii.Error):
            content = base64.b64decode(b"".join(body), validate=True)
    return Block(label, encrypted, content)


def in_pem(data: bytes) -> list[Certificate]:
    """The certificates of a PEM file in their order. Raises Malformed when one of them cannot be read."""
    found = []
    for block in blocks(data):
        if block.label in _CERTIFICATE_LABELS:
            if block.content is None:
                raise Malformed("has a certificate that is not base64")
            found.append(from_der(block.content, trailer=block.label == _TRUSTED))
    return found


def is_der(data: bytes) -> bool:
    """Whether this is one certificate in DER form, which Redis does not read."""
    with contextlib.suppress(Malformed):
        from_der(data.rstrip(b"\r\n"))
        return True
    return False


def from_der(data: bytes, *, trailer: bool = False) -> Certificate:
    """One certificate. trailer: bytes after it are left alone. Raises Malformed."""
    outer = der.Reader(data)
    whole = outer.take(der.SEQUENCE)
    if not trailer:
        outer.end()
    parts = whole.inside()
    signed = parts.take(der.SEQUENCE).inside()
    parts.take(der.SEQUENCE)
    parts.take(der.BIT_STRING)
    parts.end()
    signed.take_if(0xA0)  # version
    serial = der.integer(signed.take(der.INTEGER))
    signed.take(der.SEQUENCE)  # signature algorithm
    issuer = signed.take(der.SEQUENCE)
    validity = signed.take(der.SEQUENCE).inside()
    begins, ends = _time(validity.take()), _time(validity.take())
    validity.end()
    subject = signed.take(der.SEQUENCE)
    signed.take(der.SEQUENCE)  # public key
    extensions = _extensions(signed)
    return Certificate(
        serial,
        subject=_name(subject),
        issuer=_name(issuer),
        not_before=begins,
        not_after=ends,
        sha256=hashlib.sha256(whole.encoded).hexdigest(),
        names=tuple(_alternative_names(extensions.get(_SUBJECT_ALT_NAME))),
        usages=_usages(extensions.get(_KEY_USAGE)),
        purposes=_purposes(extensions.get(_EXTENDED_KEY_USAGE)),
        subject_id=subject.encoded,
        issuer_id=issuer.encoded,
    )


def chain(certificates: Sequence[Certificate], pool: Sequence[Certificate]) -> list[Certificate]:
    """The first of `certificates` and those that vouch for it, out of the rest and the pool, as far as they are there.

    By name, not by signature: OpenSSL checks signatures. Where two have the same name, the one that lasts longer counts.
    """
    found = list(certificates[:1])
    known = [*certificates[1:], *pool]
    while found and found[-1].issuer_id != found[-1].subject_id and len(found) <= len(known):
        issuers = [one for one in known if one.subject_id == found[-1].issuer_id and one not in found]
        if not issuers:
            break
        found.append(max(issuers, key=lambda one: one.not_after))
    return found


def shown(text: str) -> str:
    """Text of somebody else, safe to print: no control characters, no changes of direction, not too long."""
    safe = "".join(character if character.isprintable() else "?" for character in text[: LONGEST_TEXT + 1])
    return safe if len(safe) <= LONGEST_TEXT else safe[:LONGEST_TEXT] + "..."


def _time(element: der.Element) -> datetime:
    """RFC 5280, 4.1.2.5: to the second, in UTC."""
    text = element.content.decode("ascii", "replace")
    if element.tag == der.UTC_TIME and len(text) == len("yymmddhhmmssZ"):
        text = ("19" if text >= "5" else "20") + text  # 1950 to 2049
    elif element.tag != der.GENERALIZED_TIME:
        text = ""
    if len(text) != len("yyyymmddhhmmssZ") or not text[:-1].isdigit() or text[-1] != "Z":
        raise Malformed("has a time that RFC 5280 does not allow")
    try:
        return datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)
    except ValueError:
        raise Malformed("has a time that no calendar has") from None


def _name(element: der.Element) -> str:
    """Such as 'C=DE, O=Example, CN=redis1'."""
    parts: list[str] = []
    names = element.inside()
    while names.more():
        alternatives = names.take(der.SET).inside()
        while alternatives.more():
            pair = alternatives.take(der.SEQUENCE).inside()
            kind, value = der.object_id(pair.take(der.OBJECT_ID)), pair.take()
            pair.end()
            text = _text(value).replace("\\", "\\\\").replace(",", "\\,")
            parts.append(f"{_ATTRIBUTES.get(kind, kind)}={text}")
    return shown(", ".join(parts))


def _text(element: der.Element) -> str:
    return element.content.decode(_ENCODINGS.get(element.tag, "latin-1"), "replace")


def _extensions(signed: der.Reader) -> dict[str, der.Reader]:
    """Object identifier -> content. The first of several with the same one."""
    signed.take_if(0x81)  # unique identifiers of issuer and subject, in old certificates
    signed.take_if(0x82)
    wrapper = signed.take_if(0xA3)
    signed.end()
    found: dict[str, der.Reader] = {}
    if wrapper is None:
        return found
    listed = wrapper.inside().take(der.SEQUENCE).inside()
    while listed.more():
        extension = listed.take(der.SEQUENCE).inside()
        name = der.object_id(extension.take(der.OBJECT_ID))
        extension.take_if(der.BOOLEAN)  # critical
        found.setdefault(name, der.Reader(extension.take(der.OCTET_STRING).content))
        extension.end()
    return found


def _alternative_names(extension: Optional[der.Reader]) -> Iterator[str]:
    if extension is None:
        return
    listed = extension.take(der.SEQUENCE).inside()
    while listed.more():
        name = listed.take()
        if name.tag in _NAME_KINDS:
            yield shown(f"{_NAME_KINDS[name.tag]}:{name.content.decode('latin-1')}")
        elif name.tag == 0x87 and len(name.content) in (4, 16):
            yield f"IP:{ipaddress.ip_address(name.content)}"


def _usages(extension: Optional[der.Reader]) -> Optional[frozenset[str]]:
    if extension is None:
        return None
    flags = der.bits(extension.take(der.BIT_STRING), len(_USAGES))
    return frozenset(name for name, allowed in zip(_USAGES, flags) if allowed)


def _purposes(extension: Optional[der.Reader]) -> Optional[frozenset[str]]:
    if extension is None:
        return None
    found = set()
    listed = extension.take(der.SEQUENCE).inside()
    while listed.more():
        name = der.object_id(listed.take(der.OBJECT_ID))
        found.add(_PURPOSES.get(name, name))
    return frozenset(found)
