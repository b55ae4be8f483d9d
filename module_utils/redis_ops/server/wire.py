"""One open connection to a server: TCP, unix socket or TLS. Each call ends within the time of its address.

The look-up of a host name is the one thing without a limit of ours: the resolver has its own (resolv.conf(5)).
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Optional

from ..base.errors import ServerUnreachable
from .address import Address
from .resp import ErrorReply, Reader, Reply, encode

CHUNK = 64 * 1024


class Wire:
    """Open from the start. After an error or an interrupt it is closed. Raises ServerUnreachable, naming the address."""

    def __init__(self, address: Address) -> None:
        self._address = address
        self._socket: Optional[socket.socket] = None
        deadline = _Deadline(address.timeout, "it did not accept a connection")
        with self._errors(deadline):
            try:
                self._socket = _connected(address, deadline)
            except OSError:  # some errors of TLS are both
                raise
            except (ValueError, OverflowError) as error:  # a port of 99999, a host name that no resolver takes
                raise ServerUnreachable(f"no address to connect to: {error}") from None

    def exchange(self, commands: Sequence[Sequence[str]]) -> list[Reply]:
        """Send all of them at once; one reply for each, errors among them."""
        deadline = _Deadline(self._address.timeout, "it did not answer")
        data = encode(commands)
        reader = Reader(lambda: self._receive(deadline))
        with self._errors(deadline):
            # who closes early may have said why: that is read before the failed write counts
            with contextlib.suppress(BrokenPipeError, ConnectionResetError, ssl.SSLEOFError):
                self._send(data, deadline)
            replies = self._replies(reader, len(commands))
        if reader.has_rest():
            self.close()  # an answer to nothing would be taken for the next one
        return replies

    def is_usable(self) -> bool:
        """Whether it is open, and the server has neither closed it nor said anything unasked."""
        if self._socket is None:
            return False
        self._socket.settimeout(0)
        try:
            self._socket.recv(1)
        except (BlockingIOError, ssl.SSLWantReadError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """May be called again."""
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.close()
        self._socket = None

    def __del__(self) -> None:
        """A look at a server may end anywhere with an error; its connection ends with it."""
        self.close()

    def _replies(self, reader: Reader, count: int) -> list[Reply]:
        replies: list[Reply] = []
        try:
            while len(replies) < count:
                replies.append(reader.reply())
        except (ServerUnreachable, OSError):
            if not replies or not isinstance(replies[-1], ErrorReply):
                raise
            self.close()  # it gave its reason and hung up: the rest has the same answer
            replies += replies[-1:] * (count - len(replies))
        return replies

    def _send(self, data: bytes, deadline: _Deadline) -> None:
        left = memoryview(data)
        while left:
            left = left[self._timed(deadline).send(left) :]

    def _receive(self, deadline: _Deadline) -> bytes:
        return self._timed(deadline).recv(CHUNK)

    def _timed(self, deadline: _Deadline) -> socket.socket:
        if self._socket is None:
            raise ServerUnreachable("the connection is closed")
        self._socket.settimeout(deadline.left())
        return self._socket

    @contextlib.contextmanager
    def _errors(self, deadline: _Deadline) -> Iterator[None]:
        """Say everything that goes wrong in one way. Whatever it is, what comes next on this connection is unknown."""
        try:
            yield
        except ServerUnreachable as error:
            reason = str(error)
        except OSError as error:
            reason = deadline.missed if isinstance(error, socket.timeout) else _reason(error)
        except MemoryError:
            reason = "its reply does not fit into memory"
        except BaseException:
            self.close()
            raise
        else:
            return
        self.close()
        raise ServerUnreachable(f"{self._address}: {reason}") from None


class _Deadline:
    """A moment that a call may not pass. failed: what the server did not do, when it is passed."""

    def __init__(self, seconds: float, failed: str) -> None:
        self._seconds, self._end = seconds, time.monotonic() + seconds
        self.failed = failed

    @property
    def missed(self) -> str:
        """The error's words."""
        return f"{self.failed} within {self._seconds:g} s"

    def left(self) -> float:
        """Seconds, more than 0. Raises ServerUnreachable when there are none."""
        left = self._end - time.monotonic()
        if left <= 0:
            raise ServerUnreachable(self.missed)
        return left


def _connected(address: Address, deadline: _Deadline) -> socket.socket:
    context = tls_context(address) if address.tls and not address.unix_socket else None
    plain = _unix(address, deadline) if address.unix_socket else _tcp(address, deadline)
    if context is None:
        return plain
    deadline.failed = "it did not complete the TLS handshake"
    try:
        plain.settimeout(deadline.left())
        # an address with a zone, such as fe80::1%eth0, is none to ssl
        return context.wrap_socket(plain, server_hostname=address.host.partition("%")[0])
    except BaseException:
        plain.close()
        raise


def _unix(address: Address, deadline: _Deadline) -> socket.socket:
    return _open(socket.AF_UNIX, address.unix_socket, deadline.left())


def _tcp(address: Address, deadline: _Deadline) -> socket.socket:
    """The first place of the host that accepts. One that does not answer takes only its share of the time."""
    places = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    failed: Exception = ServerUnreachable("the host has no address")
    for number, (family, _, _, _, place) in enumerate(places):
        try:
            found = _open(family, place, deadline.left() / (len(places) - number))
        except OSError as error:  # noqa: PERF203 - each place fails for itself
            failed = error
        else:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return found
    raise failed


def _open(family: int, place: object, timeout: float) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    try:
        opened.settimeout(timeout)
        opened.connect(place)  # type: ignore[arg-type]  # getaddrinfo's own
    except BaseException:
        opened.close()
        raise
    return opened


# --- TLS --------------------------------------------------------------------------------------------------------------


def tls_context(address: Address) -> ssl.SSLContext:
    """The same on every version of Python: 3.13's own default refuses authorities that OpenSSL and Redis accept.

    Raises ServerUnreachable for a file that cannot be used, naming it and nothing that is in it.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.check_hostname = address.tls_check_name and address.tls_verify
    context.verify_mode = ssl.CERT_REQUIRED if address.tls_verify else ssl.CERT_NONE
    context.load_default_certs()
    authorities, certificate, key = address.tls_ca_file, address.tls_cert_file, address.tls_key_file
    if authorities:
        _load(f"the CA file {authorities}", lambda: context.load_verify_locations(authorities))
    if certificate or key:
        _load(
            f"the client certificate {certificate or key} with its key {key or certificate}",
            # without a function, OpenSSL asks for the password of a key on the terminal, and waits
            lambda: context.load_cert_chain(certificate or key, key or None, lambda: address.tls_key_password),
        )
    return context


def _load(what: str, load: Callable[[], None]) -> None:
    try:
        load()
    except (OSError, ValueError) as error:
        raise ServerUnreachable(f"{what} cannot be used: {_reason(error)}") from None


def _reason(error: Exception) -> str:
    """What went wrong, without Python's own decoration."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted: {error.verify_message}"
    if isinstance(error, ssl.SSLEOFError):
        return "it closed the connection"
    if isinstance(error, ssl.SSLError):
        return f"TLS: {error.reason.replace('_', ' ').lower()}" if error.reason else "TLS failed"
    if isinstance(error, OSError):
        return error.strerror or str(error)
    return str(error)
