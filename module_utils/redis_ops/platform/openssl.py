"""What OpenSSL makes of certificates and keys: the library of this Python, which on Debian is the server's as well.

Files come in as bytes, so that what was read once is what is judged. They reach OpenSSL, which wants names, as anonymous
files in memory; no key is ever written to a disk.
"""

from __future__ import annotations

import contextlib
import os
import ssl
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Optional

from ..base.answer import YES, Answer, no
from .certificates import CLIENT, SERVER

_PART = 1 << 18  # bytes of one read
LARGEST_FILE = 4 << 20  # bytes; a bundle of all public authorities has a quarter of a megabyte
_ROUNDS = 10  # of a handshake, which needs two or three
_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME (x509_vfy.h): who and what for, not when
# the last: a key of another algorithm, which OpenSSL keeps beside the certificate, and a server does not notice
_OF_ANOTHER = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")


@dataclass(frozen=True)
class Pair:
    """A certificate file, which may hold a chain, and the file of its key. password: '' for a key that needs none."""

    certificate: bytes
    key: bytes = field(repr=False)
    password: str = field(default="", repr=False)
    encrypted: bool = False

    def load(self, context: ssl.SSLContext) -> None:
        """Use it for this context. Raises SSLError, ValueError, OSError."""
        password = self.password.encode("utf-8", "surrogateescape")
        with _named(self.certificate) as certificate, _named(self.key) as key:
            # always a function: without one OpenSSL asks at the terminal
            context.load_cert_chain(certificate, key, password=lambda: password)


@dataclass(frozen=True)
class Authorities:
    """Whom to trust: the bytes of tls-ca-cert-file, None without one, and the path of tls-ca-cert-dir, '' without one."""

    file: Optional[bytes]
    directory: str = ""

    def load(self, context: ssl.SSLContext) -> None:
        """Use them for this context. Raises SSLError, OSError."""
        if self.directory:
            context.load_verify_locations(capath=self.directory)
        if self.file is not None:
            with _named(self.file) as path:
                context.load_verify_locations(cafile=path)


def read_file(path: str) -> bytes:
    """The whole of a regular file; links are followed, as the server does. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(0, "is not a file", path)
        data = b""
        while part := os.read(descriptor, _PART):
            data += part
            if len(data) > LARGEST_FILE:
                raise OSError(0, f"has more than {LARGEST_FILE >> 20} MB", path)
    finally:
        os.close(descriptor)
    return data


def fits(pair: Pair) -> Answer:
    """Whether the key is the certificate's, and both can be used as they are."""
    try:
        pair.load(_context(SERVER))
    except ssl.SSLError as error:
        if error.reason in _OF_ANOTHER:
            return no("the key is of another certificate")
        if pair.encrypted:
            return no("the password does not open the key" if pair.password else "the key needs a password")
        return no(f"OpenSSL does not take them ({_reason(error)})")
    except (ValueError, OSError) as error:
        return no(f"OpenSSL does not take them ({error})")
    return YES


def loads(authorities: Authorities) -> Answer:
    """Whether a server starts with these."""
    try:
        authorities.load(_context(SERVER))
    except (OSError, ValueError) as error:
        return no(f"OpenSSL finds no certificate in it ({_reason(error)})")
    return YES


def loads_parameters(data: bytes) -> Answer:
    """Whether this is a file of Diffie-Hellman parameters."""
    try:
        with _named(data) as path:
            _context(SERVER).load_dh_params(path)
    except (OSError, ValueError) as error:
        return no(f"OpenSSL finds no DH parameters in it ({_reason(error)})")
    return YES


def trusts(authorities: Authorities, pair: Pair, role: str) -> Answer:
    """Whether one who trusts these authorities accepts the pair as SERVER or CLIENT, at whatever time.

    Proved by a handshake of two ends in this process. What expires is judged elsewhere, for a time that is given.
    """
    other = CLIENT if role == SERVER else SERVER
    proves, checks = _context(role), _context(other)
    try:
        pair.load(proves)
        if other == SERVER:
            pair.load(checks)  # a server needs some certificate; nobody looks at this one
        authorities.load(checks)
        checks.verify_mode = ssl.CERT_REQUIRED
        checks.verify_flags |= _NO_CHECK_TIME
        ends = (proves, checks) if role == SERVER else (checks, proves)
        _shake_hands(*ends)
    except ssl.SSLCertVerificationError as error:
        return no(error.verify_message)
    except (OSError, ValueError) as error:
        return no(_reason(error))
    return YES


def _context(role: str) -> ssl.SSLContext:
    """For one end; it verifies nothing yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if role == SERVER else ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> None:
    """Raises SSLError of the end that refuses."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    waiting = [
        client.wrap_bio(to_client, to_server, server_side=False),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(_ROUNDS):
        for end in list(waiting):
            with contextlib.suppress(ssl.SSLWantReadError):
                end.do_handshake()
                waiting.remove(end)
    if waiting:
        raise ssl.SSLError("the handshake does not end")


@contextlib.contextmanager
def _named(data: bytes) -> Iterator[str]:
    """A path to these bytes, in memory, for as long as it is needed."""
    descriptor = os.memfd_create("redis_ops", os.MFD_CLOEXEC)
    with os.fdopen(descriptor, "r+b") as file:
        file.write(data)
        file.flush()
        yield f"/proc/self/fd/{file.fileno()}"


def _reason(error: Exception) -> str:
    """OpenSSL's own word for it, without the place in its source."""
    return getattr(error, "reason", None) or str(error).partition(" (_ssl.c")[0]
