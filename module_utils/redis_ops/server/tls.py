"""The certificate that a running server shows to everybody who connects."""

from __future__ import annotations

import contextlib
import socket
import ssl
from dataclasses import dataclass
from typing import Optional

from ..platform import certificates
from ..platform.der import Malformed
from ..platform.openssl import Pair

TIMEOUT = 5.0  # seconds to connect, and again for the handshake


@dataclass(frozen=True)
class Served:
    """certificate: None where it could not be had, for the reason."""

    certificate: Optional[certificates.Certificate]
    reason: str = ""


def served(host: str, port: int, pair: Optional[Pair] = None, timeout: float = TIMEOUT) -> Served:
    """What is served there. It is looked at, not trusted: nothing is verified, and nothing is sent but the handshake.

    pair: of a client, for a server that asks for one. With TLS 1.3 the handshake is over for the client before the server
    looks at the client's certificate, so the answer does not depend on it. With TLS 1.2 it does.
    """
    context = _context()
    if pair is not None:
        with contextlib.suppress(OSError, ValueError):  # the server may not ask for it
            pair.load(context)
    try:
        with socket.create_connection((host, port), timeout) as plain, context.wrap_socket(plain) as secure:
            shown = secure.getpeercert(binary_form=True)
    except (OSError, ValueError) as error:
        return Served(None, _reason(error))
    if not shown:
        return Served(None, "it shows no certificate")
    try:
        return Served(certificates.from_der(shown))
    except Malformed as error:
        return Served(None, f"its certificate {error}")


def _context() -> ssl.SSLContext:
    """For a client that takes whatever is offered, old protocols and small keys as well."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    context.set_ciphers("ALL:@SECLEVEL=0")
    return context


def _reason(error: Exception) -> str:
    said = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
    return certificates.shown(str(said))
