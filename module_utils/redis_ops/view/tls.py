"""The TLS of one instance: what its options say, what OpenSSL makes of their files, and what is served.

A look: it changes nothing and judges nothing. Verdicts are in checks.tls.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Optional

from ..base.answer import Answer, unknown
from ..platform import certificates, openssl
from ..platform.access import Account
from ..platform.certificates import CLIENT, SERVER, Certificate
from ..platform.openssl import Authorities, Pair
from ..server.tls import Served, served
from . import tls_files
from .tls_files import (
    AUTHORITIES,
    AUTHORITY_DIRECTORY,
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    CLIENT_KEY,
    KEY,
    KEYS,
    PARAMETERS,
    Kind,
    TlsFile,
)

DEFAULT_PORT = 6379
_NO_PAIR = unknown("there is no certificate with a key to be judged")
_NO_AUTHORITY = unknown("there is no authority to be asked")


@dataclass(frozen=True)
class Options:
    """The TLS options of one instance. files: option -> absolute path, of those that are set.

    port: tls-port. links: tls-replication or tls-cluster. only_way_in: no other port and no socket.
    passwords: option of a key -> its password.
    """

    files: Mapping[str, str]
    port: int = 0
    auth_clients: str = "yes"
    links: bool = False
    only_way_in: bool = False
    passwords: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Options:
        """values: option -> value of one instance, as declared, as in its file, or as CONFIG GET has it.

        A value that could not be read counts as not set.
        """
        values = {option: value for option, value in values.items() if isinstance(value, (str, int))}
        at = str(values.get("dir") or "/")  # the server works there, and a name may be relative
        texts = {option: values.get(option) for option in tls_files.OPTIONS}
        port = _number(values.get("tls-port"))
        return cls(
            {option: posixpath.join(at, str(text)) for option, text in texts.items() if text},
            port,
            str(values.get("tls-auth-clients") or "yes"),
            links=any(values.get(option) in (True, "yes") for option in ("tls-replication", "tls-cluster")),
            only_way_in=bool(port) and not _number(values.get("port", DEFAULT_PORT)) and not values.get("unixsocket"),
            passwords={option: str(values.get(f"{option}-pass") or "") for option in KEYS},
        )

    @property
    def in_use(self) -> bool:
        """Whether the server reads the files: it does for a port, for replication and for a cluster with TLS."""
        return bool(self.port) or self.links

    @property
    def own_client(self) -> bool:
        """Whether the instance has a pair for its part as a client. Without one it shows the server's."""
        return CLIENT_CERTIFICATE in self.files and CLIENT_KEY in self.files

    @property
    def shows_client(self) -> bool:
        """Whether that pair is known to be used: servers ask for it, and somebody here connects to one with TLS."""
        return self.auth_clients != "no" and (self.own_client or self.links or self.only_way_in)

    @property
    def client(self) -> tuple[str, str]:
        """The options of the pair that it shows to other servers, and this project to the instance."""
        return (CLIENT_CERTIFICATE, CLIENT_KEY) if self.own_client else (CERTIFICATE, KEY)


@dataclass(frozen=True)
class Facts:
    """No secret is in here. user, group: whom the service runs as. files: option -> file, of those that are set.

    fits, client_fits: whether key and certificate belong together. loads: option -> whether OpenSSL reads it, for
    authorities and DH parameters. trusted, client_trusted: whether the declared authorities accept the certificate as a
    server's, as a client's; time does not count. served: None where nobody was asked.
    """

    options: Options
    user: str
    group: str
    files: Mapping[str, TlsFile] = field(default_factory=dict)
    fits: Answer = _NO_PAIR
    client_fits: Answer = _NO_PAIR
    loads: Mapping[str, Answer] = field(default_factory=dict)
    trusted: Answer = _NO_AUTHORITY
    client_trusted: Answer = _NO_AUTHORITY
    served: Optional[Served] = None

    def certificates(self, option: str) -> Sequence[Certificate]:
        """Those of the file of this option."""
        file = self.files.get(option)
        return file.certificates if file else ()

    def chain(self, option: str) -> list[Certificate]:
        """The certificate of this option and those that vouch for it, as far as the declared files have them."""
        pool = [one for name in (AUTHORITIES, AUTHORITY_DIRECTORY) for one in self.certificates(name)]
        return certificates.chain(self.certificates(option), pool)


def look(options: Options, user: str, who: Optional[Account], listening: Optional[tuple[str, int]] = None) -> Facts:
    """Everything about these options on this host. Raises nothing for what a host may be: that is an answer.

    user: whom the service runs as; who: the same as an account of this host, None where it does not exist yet.
    listening: host and tls-port of the running server, None to ask nobody.
    """
    files = tls_files.look(options.files, who)
    server, client = (_pair(options, files, *names) for names in ((CERTIFICATE, KEY), options.client))
    authorities = _authorities(files)
    return Facts(
        replace(options, passwords={}),
        user,
        who.group if who and who.group else user,
        {option: replace(file, data=None) for option, file in files.items()},
        fits=openssl.fits(server) if server else _NO_PAIR,
        client_fits=openssl.fits(client) if client else _NO_PAIR,
        loads=_loads(files),
        trusted=_trusts(authorities, server, SERVER),
        client_trusted=_trusts(authorities, client, CLIENT),
        served=served(*listening, client) if listening else None,
    )


def _number(value: Any) -> int:
    """0 for what is no number."""
    return int(value) if str(value).isdecimal() else 0


def _pair(options: Options, files: Mapping[str, TlsFile], certificate: str, key: str) -> Optional[Pair]:
    """None where one of the two is not set or could not be read."""
    one, other = files.get(certificate), files.get(key)
    if one is None or other is None or one.data is None or other.data is None:
        return None
    return Pair(one.data, other.data, options.passwords.get(key, ""), other.encrypted)


def _authorities(files: Mapping[str, TlsFile]) -> Optional[Authorities]:
    """None where none is declared, or one could not be read."""
    declared = [files[option] for option in (AUTHORITIES, AUTHORITY_DIRECTORY) if option in files]
    if not declared or any(file.data is None for file in declared):
        return None
    directory = files.get(AUTHORITY_DIRECTORY)
    return Authorities(files[AUTHORITIES].data if AUTHORITIES in files else None, directory.path if directory else "")


def _trusts(authorities: Optional[Authorities], pair: Optional[Pair], role: str) -> Answer:
    if authorities is None or openssl.loads(authorities).holds is not True:
        return _NO_AUTHORITY
    if pair is None or openssl.fits(pair).holds is not True:
        return _NO_PAIR
    return openssl.trusts(authorities, pair, role)


def _loads(files: Mapping[str, TlsFile]) -> dict[str, Answer]:
    tests: Mapping[str, Callable[[bytes], Answer]] = {
        AUTHORITIES: lambda data: openssl.loads(Authorities(data)),
        AUTHORITY_DIRECTORY: lambda data: openssl.loads(Authorities(data)),
        PARAMETERS: openssl.loads_parameters,
    }
    return {
        option: test(data) if data is not None else unknown(f"{files[option].path}: {files[option].problem}")
        for option, test in tests.items()
        if option in files
        for data in [files[option].data]
    }


__all__ = ["Facts", "Kind", "Options", "TlsFile", "look"]
