"""What of the TLS files of an instance stops a run: a server could not start with them, or nobody would get in.

Pure: facts of view.tls come in, Problems go out. What works today and is worth knowing is in checks.tls_findings.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime

from ..base.errors import Problem
from ..platform.access import Closed
from ..platform.certificates import CLIENT, Certificate, shown
from ..platform.current import here
from ..platform.layout import PRODUCTS
from ..view.tls import Facts
from ..view.tls_files import (
    AUTHORITIES,
    AUTHORITY_DIRECTORY,
    CERTIFICATE,
    CLIENT_CERTIFICATE,
    KEY,
    KEYS,
    Kind,
    TlsFile,
)

RENEW = "renew it at the same path and run provision, which loads it without a restart"
ISSUE = "have one issued with clientAuth, and declare it as tls-client-cert-file and tls-client-key-file"


def problems(facts: Facts, where: str, now: datetime, sandbox: Sequence[str] = ()) -> list[Problem]:
    """What must be mended first. where: host and instance. sandbox: directories that the service's unit hides from it."""
    if not facts.options.in_use:
        return [_missing(file, where) for file in facts.files.values() if file.exists.holds is False]
    return [*unusable(facts, where, sandbox), *_useless(facts, where, now)]


def unusable(facts: Facts, where: str, sandbox: Sequence[str] = ()) -> list[Problem]:
    """Why a server could not start with these files, or could serve nobody with them."""
    found = [*_undeclared(facts, where), *_no_directory(facts, where)]
    for file in facts.files.values():
        found += _of_file(file, facts, where, sandbox)
    told = {problem.where for problem in found}
    for option, answer in facts.loads.items():
        if answer.holds is False and f"{where}: {option}" not in told:
            found.append(_unloadable(facts.files[option], answer.reason, where))
    for (certificate, key), answer in {facts.options.client: facts.client_fits, (CERTIFICATE, KEY): facts.fits}.items():
        if answer.holds is False and not told & {f"{where}: {certificate}", f"{where}: {key}"}:
            found.append(_unfit(facts.files[certificate], facts.files[key], answer.reason, where))
    return found


def _undeclared(facts: Facts, where: str) -> Iterator[Problem]:
    """What Redis insists on (tls.c, tlsConfigure; the same from 6.2 to 8.0 and on Valkey)."""
    files, options = facts.files, facts.options
    for option in (CERTIFICATE, KEY):
        if option not in files:
            yield Problem(
                f"{where}: {option}", "is not set", "a file, for the server starts no TLS without it", "declare it"
            )
    if (options.auth_clients != "no" or options.links) and not {AUTHORITIES, AUTHORITY_DIRECTORY} & files.keys():
        yield Problem(
            f"{where}: {AUTHORITIES}",
            f"is not set, with tls-auth-clients {options.auth_clients}",
            "the authority that issued the certificates of clients and replicas",
            f"declare {AUTHORITIES}, or tls-auth-clients: 'no' where clients show no certificate",
        )


def _of_file(file: TlsFile, facts: Facts, where: str, sandbox: Sequence[str]) -> Iterator[Problem]:
    """The first thing that is wrong with one file."""
    place, path, user = f"{where}: {file.option}", shown(file.path), facts.user
    hidden = next(
        (one for one in sandbox if any(f"{name}/".startswith(f"{one}/") for name in (file.path, file.real))), ""
    )
    if file.exists.holds is False:
        yield _missing(file, where)
    elif hidden:
        yield Problem(
            place,
            f"{path} is not there for the service, whose unit hides {hidden} (ProtectHome, PrivateTmp)",
            "a file in a place that the service sees",
            f"keep it in a directory that {user} may enter, such as {PRODUCTS['redis'].config_dir}",
        )
    elif file.readable.holds is False:
        yield Problem(place, f"{user} cannot read {path}", f"a file that {user} can read", _opening(file, facts))
    elif file.kind is not Kind.UNREAD:
        yield from _of_content(file, place, path)
    elif file.exists.holds and file.readable.holds:
        yield Problem(place, f"{path} {shown(file.problem)}", "a file that can be read", "put one there")


def _of_content(file: TlsFile, place: str, path: str) -> Iterator[Problem]:
    quoted = shown(shlex.quote(file.path))
    if file.option in KEYS:
        if file.kind is not Kind.KEY:
            yield Problem(place, f"{path} holds no private key in PEM form", "a private key", "put it there")
    elif file.option in (CERTIFICATE, CLIENT_CERTIFICATE, AUTHORITIES) and file.kind is not Kind.CERTIFICATES:
        told = f"{path} {shown(file.problem)}" if file.problem else f"{path} holds {file.kind.value}"
        remedy = "put it there"
        if file.kind is Kind.DER:
            remedy = f"openssl x509 -inform der -in {quoted} -out {quoted}.pem, and declare that"
        yield Problem(place, told, "a certificate in PEM form", remedy)


def _missing(file: TlsFile, where: str) -> Problem:
    return Problem(
        f"{where}: {file.option}",
        f"{shown(file.path)} does not exist",
        "a file that the server can read",
        "put it there first",
    )


def _opening(file: TlsFile, facts: Facts) -> str:
    """The commands that let the user read the file, and let nobody in who was out before."""
    if not file.closed:
        return f"getfacl {shown(shlex.quote(file.path))} shows its access list; else ask the log of the security module"
    if any(place.is_directory and place.path.count("/") == 1 for place in file.closed):
        return f"keep it in a directory that {facts.user} may enter, such as {PRODUCTS['redis'].config_dir}"
    return " && ".join(dict.fromkeys(_open(place, facts) for place in file.closed))


def _open(place: Closed, facts: Facts) -> str:
    path = shown(shlex.quote(place.path))
    if place.group == here().key_group:  # members of others may do more than read keys
        return f"usermod -aG {place.group} {facts.user}"
    return f"chgrp {facts.group} {path} && chmod {'g+x' if place.is_directory else '0640'} {path}"


def _no_directory(facts: Facts, where: str) -> Iterator[Problem]:
    """A directory of authorities in which OpenSSL finds none; a server starts with it, and accepts no client."""
    file = facts.files.get(AUTHORITY_DIRECTORY)
    if file is not None and file.kind is Kind.OTHER and AUTHORITIES not in facts.files:
        path = shown(shlex.quote(file.path))
        yield Problem(
            f"{where}: {AUTHORITY_DIRECTORY}",
            f"{shown(file.path)} {file.problem}",
            "a directory of authorities",
            f"put them there and run openssl rehash {path}, or declare {AUTHORITIES}",
        )


def _unloadable(file: TlsFile, reason: str, where: str) -> Problem:
    return Problem(
        f"{where}: {file.option}", f"{shown(file.path)}: {reason}", "what OpenSSL can load", "put the right file there"
    )


def _unfit(certificate: TlsFile, key: TlsFile, reason: str, where: str) -> Problem:
    remedy = "put certificate and key of one renewal there; a renewal that stopped half-way leaves such a pair"
    if "password" in reason:
        remedy = f"give the right one as {key.option}-pass in redis_server_secrets"
    return Problem(
        f"{where}: {key.option}",
        f"{shown(key.path)} does not go with {shown(certificate.path)}: {reason}",
        "the key of this certificate",
        remedy,
    )


def _useless(facts: Facts, where: str, now: datetime) -> Iterator[Problem]:
    """With these files the server would start, and those who look at its certificate, or at ours, would refuse it."""
    client, _ = facts.options.client
    yield from _untimely(facts, CERTIFICATE, where, now)
    if not facts.options.shows_client:
        return
    if facts.options.own_client:
        yield from _untimely(facts, client, where, now)
    told = refused_as_client(facts)
    if told:
        yield Problem(f"{where}: {client}", told, "a certificate that servers accept from a client", ISSUE)


def _untimely(facts: Facts, option: str, where: str, now: datetime) -> Iterator[Problem]:
    for leaf in facts.certificates(option)[:1]:
        told = outside(leaf, now)
        if told:
            path = shown(facts.files[option].path)
            remedy = RENEW if "expired" in told else "see whether the clock of this host is right, or wait"
            yield Problem(f"{where}: {option}", f"{path} {told}", "a certificate that is valid today", remedy)


def hindrances(facts: Facts, where: str, now: datetime) -> list[str]:
    """Why this project cannot connect over TLS, as far as the files tell: for the error of a connection that failed."""
    found = [f"{problem.what}; {problem.remedy}" for problem in problems(facts, where, now)]
    if facts.trusted.holds is False:
        path = shown(facts.files[CERTIFICATE].path)
        found.append(f"{AUTHORITIES} does not vouch for {path}, the certificate of the server ({facts.trusted.reason})")
    return found


def refused_as_client(facts: Facts) -> str:
    """Why the certificate that this instance and this project show as a client is refused; '' when it is not known to be."""
    option, _ = facts.options.client
    leaf = next(iter(facts.certificates(option)), None)
    if leaf is None:
        return ""
    path = shown(facts.files[option].path)
    if not leaf.serves_as(CLIENT):
        purposes = ", ".join(sorted(leaf.purposes or ())) or "nothing"
        return f"{path} is not for clients (extended key usage: {shown(purposes)})"
    if facts.client_trusted.holds is False:
        return f"{path} is refused from a client: {facts.client_trusted.reason}"
    return ""


def outside(certificate: Certificate, now: datetime) -> str:
    """Such as 'expired on 2026-01-31 12:00 UTC'; '' within its time."""
    if certificate.not_after < now:
        return f"expired on {moment(certificate.not_after)}"
    if certificate.not_before > now:
        return f"is not valid before {moment(certificate.not_before)}"
    return ""


def moment(time: datetime) -> str:
    """Such as '2026-01-31 12:00 UTC'."""
    return f"{time:%Y-%m-%d %H:%M} UTC"
