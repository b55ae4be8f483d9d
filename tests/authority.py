"""A certificate authority for tests, made with the package cryptography, which shares no code with what is tested."""

from __future__ import annotations

import hashlib
import ipaddress
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Optional

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

NOW = datetime.now(timezone.utc).replace(microsecond=0)
DAY = timedelta(days=1)
BOTH = ("serverAuth", "clientAuth")
_PURPOSES = {"serverAuth": ExtendedKeyUsageOID.SERVER_AUTH, "clientAuth": ExtendedKeyUsageOID.CLIENT_AUTH}
_ALL_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
    "encipher_only",
    "decipher_only",
)
KEYS = {
    "p256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "rsa": lambda: rsa.generate_private_key(65537, 2048),
    "ed25519": ed25519.Ed25519PrivateKey.generate,
}


@dataclass(frozen=True)
class Issued:
    """A certificate with its key, and the intermediate certificates that come with it."""

    certificate: x509.Certificate
    key: Any
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def pem(self) -> bytes:
        encoding = serialization.Encoding.PEM
        return b"".join(one.public_bytes(encoding) for one in (self.certificate, *self.chain))

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    @property
    def sha256(self) -> str:
        return self.certificate.fingerprint(hashes.SHA256()).hex()

    def key_pem(self, password: str = "", form: Any = serialization.PrivateFormat.PKCS8) -> bytes:
        how: Any = serialization.NoEncryption()
        if password:
            how = serialization.BestAvailableEncryption(password.encode())
        return self.key.private_bytes(serialization.Encoding.PEM, form, how)

    def write(self, directory: Path, name: str, password: str = "") -> tuple[str, str]:
        """Two files, each replaced as a renewal does it: certificate and key."""
        paths = directory / f"{name}.crt", directory / f"{name}.key"
        for path, text in zip(paths, (self.pem, self.key_pem(password))):
            draft = path.with_suffix(path.suffix + ".new")
            draft.write_bytes(text)
            draft.replace(path)
        return str(paths[0]), str(paths[1])


class Authority:
    """Issues certificates. parent: makes it an intermediate authority."""

    def __init__(
        self,
        name: str = "Test CA",
        parent: Optional[Authority] = None,
        begins: datetime = NOW - DAY,
        ends: datetime = NOW + 3650 * DAY,
    ) -> None:
        self._key = KEYS["p256"]()
        self._name = _name(name)
        self.parent = parent
        builder = _builder(self._name, self._key, begins, ends).issuer_name(parent._name if parent else self._name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(_usage("key_cert_sign", "crl_sign"), critical=True)
        self.certificate = builder.sign(parent._key if parent else self._key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def hashed_name(self) -> str:
        """As openssl-rehash(1) names its file: by the subject in lower case, without outer blanks."""
        parts = b"".join(
            _element(0x31, _element(0x30, _element(0x06, kind) + _element(0x0C, attribute.value.lower().encode())))
            for attribute in self._name
            for kind in [b"\x55\x04\x03" if attribute.oid == NameOID.COMMON_NAME else b"\x55\x04\x0a"]
        )
        return f"{int.from_bytes(hashlib.sha1(parts).digest()[:4], 'little'):08x}.0"

    def issue(
        self,
        name: str = "redis1",
        *,
        key: str = "p256",
        purposes: Optional[tuple[str, ...]] = BOTH,
        begins: datetime = NOW - DAY,
        ends: datetime = NOW + 90 * DAY,
        serial: Optional[int] = None,
        usages: tuple[str, ...] = (),
    ) -> Issued:
        private = KEYS[key]()
        builder = _builder(_name(name), private, begins, ends, serial).issuer_name(self._name)
        addresses = [x509.IPAddress(ipaddress.ip_address(text)) for text in ("127.0.0.1", "::1")]
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost"), *addresses]), False)
        if purposes is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage([_PURPOSES[one] for one in purposes]), False)
        if usages:
            builder = builder.add_extension(_usage(*usages), critical=True)
        chain = (self.certificate,) if self.parent else ()
        return Issued(builder.sign(self._key, hashes.SHA256()), private, chain)


def _element(tag: int, content: bytes) -> bytes:
    return bytes([tag, len(content)]) + content


def _name(text: str) -> x509.Name:
    pairs = ((NameOID.ORGANIZATION_NAME, "Example, Ltd"), (NameOID.COMMON_NAME, text))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in pairs])


def _builder(
    name: x509.Name, key: Any, begins: datetime, ends: datetime, serial: Optional[int] = None
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(name).public_key(key.public_key())
    builder = builder.serial_number(serial or x509.random_serial_number())
    return builder.not_valid_before(begins).not_valid_after(ends)


def _usage(*names: str) -> x509.KeyUsage:
    return x509.KeyUsage(**{name: name in names for name in _ALL_USAGES})
