"""The files that the TLS options of an instance name: what each of them is, and who may read it."""

from __future__ import annotations

import contextlib
import enum
import hashlib
import os
import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Optional

from .. import catalog
from ..base.answer import YES, Answer, no, unknown
from ..catalog.option import Trait
from ..platform import access, certificates
from ..platform.access import Account, Closed, Step
from ..platform.certificates import Certificate
from ..platform.der import Malformed
from ..platform.openssl import read_file

CERTIFICATE, KEY = "tls-cert-file", "tls-key-file"
CLIENT_CERTIFICATE, CLIENT_KEY = "tls-client-cert-file", "tls-client-key-file"
AUTHORITIES, AUTHORITY_DIRECTORY = "tls-ca-cert-file", "tls-ca-cert-dir"
PARAMETERS = "tls-dh-params-file"
KEYS = catalog.with_trait(Trait.PRIVATE_KEY)
OPTIONS = catalog.with_trait(Trait.TLS_FILE)
_HASHED = re.compile(r"[0-9a-f]{8}\.[0-9]+")  # the names that OpenSSL looks for in a directory, openssl-rehash(1)


class Kind(enum.Enum):
    """What a file turned out to be."""

    CERTIFICATES = "certificates"
    KEY = "a private key"
    DER = "a certificate in DER form"
    OTHER = "neither a certificate nor a key"
    UNREAD = "not read"


@dataclass(frozen=True)
class TlsFile:
    """One file, or one directory of authorities with all its files. real: where links lead, '' when unknown.

    exists; readable: by the user of the service. closed: the directories and files whose mode bits keep this user out.
    problem: why it could not be read here, or what is wrong inside. data: its bytes, None where it could not be read.
    changed: when it, or a link on the way to it, was last put in place, in seconds since 1970; 0 when unknown.
    sha256: of its bytes, '' for a key and for what could not be read.
    """

    option: str
    path: str
    real: str = ""
    exists: Answer = YES
    readable: Answer = YES
    closed: tuple[Closed, ...] = ()
    kind: Kind = Kind.UNREAD
    certificates: tuple[Certificate, ...] = ()
    encrypted: bool = False
    problem: str = ""
    data: Optional[bytes] = field(default=None, repr=False)
    changed: float = 0.0
    sha256: str = ""


@dataclass(frozen=True)
class _Part:
    """One file to be read: the option's own, or one of its directory. data: None where it could not be, for `error`."""

    steps: Sequence[Step] = ()
    data: Optional[bytes] = field(default=None, repr=False)
    error: Optional[OSError] = None


def look(paths: Mapping[str, str], who: Optional[Account]) -> dict[str, TlsFile]:
    """paths: option -> absolute path. who: the user of the service, None where it does not exist yet."""
    names = {option: _names(option, path) for option, path in paths.items()}
    asked = sorted({name for found in names.values() for name in found})
    readable = dict(zip(asked, access.readable(asked, who)))
    parts = {name: _part(name) for name in asked}
    return {
        option: _file(
            TlsFile(option, paths[option]),
            found,
            [parts[name] for name in found],
            [readable[name] for name in found],
            who or access.NOBODY_YET,
        )
        for option, found in names.items()
    }


def _names(option: str, path: str) -> list[str]:
    """The files to be read: the option's own, or those of a directory of authorities."""
    if option == AUTHORITY_DIRECTORY:
        with contextlib.suppress(OSError):
            found = sorted(name for name in os.listdir(path) if _HASHED.fullmatch(name))  # noqa: PTH208 - names only
            return [posixpath.join(path, name) for name in found]
    return [path]


def _part(path: str) -> _Part:
    steps: Sequence[Step] = ()
    try:
        steps = access.way(path)
        return _Part(steps, read_file(path))
    except OSError as error:
        return _Part(steps, error=error)


def _file(
    blank: TlsFile, names: Sequence[str], parts: Sequence[_Part], readable: Sequence[Answer], who: Account
) -> TlsFile:
    error = next((part.error for part in parts if part.error is not None), None)
    if isinstance(error, (FileNotFoundError, NotADirectoryError)):
        missing = no(f"{blank.path} does not exist")
        return replace(blank, exists=missing, readable=missing)
    steps = dict.fromkeys(step for part in parts for step in part.steps)
    known = replace(
        blank,
        real=next(reversed(steps)).path if steps else "",
        exists=unknown(_said(error)) if isinstance(error, PermissionError) else YES,
        readable=next((answer for answer in readable if answer.holds is not True), YES),
        closed=tuple(access.closed(list(steps), who)),
        changed=max((step.status.st_ctime for step in steps if not step.is_directory), default=0.0),
    )
    if error is not None:
        return replace(known, problem=_said(error))
    data = b"".join(part.data or b"" for part in parts)
    if blank.option == AUTHORITY_DIRECTORY and names in ([], [blank.path]):
        return replace(known, kind=Kind.OTHER, problem="is no directory with names as openssl rehash gives them")
    return _content(known, data)


def _content(file: TlsFile, data: bytes) -> TlsFile:
    """The same with what its bytes are."""
    digest = hashlib.sha256(data).hexdigest()
    try:
        found = tuple(certificates.in_pem(data))
        keys = [block for block in certificates.blocks(data) if block.label.endswith("PRIVATE KEY")]
    except Malformed as error:
        return replace(file, kind=Kind.OTHER, problem=str(error), data=data, sha256=digest)
    if keys and (file.option in KEYS or not found):
        return replace(file, kind=Kind.KEY, encrypted=any(key.encrypted for key in keys), data=data)
    kind = Kind.CERTIFICATES if found else Kind.DER if certificates.is_der(data) else Kind.OTHER
    return replace(file, kind=kind, certificates=found, data=data, sha256=digest)


def _said(error: Optional[OSError]) -> str:
    return (error.strerror or str(error)) if error else ""
