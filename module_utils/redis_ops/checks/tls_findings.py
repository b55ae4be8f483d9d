"""What is worth knowing about the TLS of an instance that runs, or that will start again. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from ..base.findings import Status
from ..base.states import State
from ..platform.certificates import Certificate, shown
from ..view.facts import Facts as InstanceFacts
from ..view.tls import Facts
from ..view.tls_files import AUTHORITIES, CERTIFICATE, Kind
from .registry import Judgement, check
from .tls import ISSUE, RENEW, moment, outside, refused_as_client, unusable

WARN_DAYS = 14  # before a certificate expires
LOAD = "run provision, which loads it without a restart"
VOUCH = "have a certificate issued by an authority that is valid, and declare that authority"
_WORST_FIRST = (Status.FAIL, Status.WARN, Status.PASS)


# Files on disk are somebody's to change. That a certificate ends is nobody's change: it is a declaration that no longer
# holds. A server may well have its certificate from another authority than its clients, which is no drift.
_STATES = {
    "start": State.FILE_CHANGED_OUTSIDE,
    "served": State.FILE_CHANGED_OUTSIDE,
    "expiry": State.DECLARED_NOT_APPLIED,
    "client": State.DECLARED_NOT_APPLIED,
    "authority": None,
}


@check("its TLS", why="redis.conf, TLS/SSL", verify="verify.tls.*", drift="tls.*", stopped=True)
def encryption(facts: InstanceFacts) -> Iterator[Judgement]:
    """Its certificates: served, valid, usable at the next start."""
    if facts.view.tls is not None:
        yield from judge(facts.view.tls, facts.where, facts.view.at)


def judge(facts: Facts, where: str, now: datetime, days: int = WARN_DAYS) -> list[Judgement]:
    """All verdicts; none for an instance without TLS."""
    if not facts.options.in_use:
        return []
    start = _start(facts, where)
    found = [start, *([_served(facts)] if facts.served else []), _expiry(facts, now, days)]
    if facts.options.shows_client:
        found.append(_client(facts, now, days))
    if (facts.options.links or facts.options.only_way_in) and facts.trusted.holds is not None:
        found.append(_authority(facts))
    if start.status is Status.FAIL:  # that is why the others could not be judged
        return [one for one in found if one.status is not Status.SKIP]
    return found


def _start(facts: Facts, where: str) -> Judgement:
    """Whether the next start of the server would work, whatever it serves now."""
    expected, why = "files that the next start can use", "redis.conf, TLS/SSL"
    problems = unusable(facts, where)
    if problems:
        told = "; ".join(f"{problem.where.removeprefix(f'{where}: ')}: {problem.what}" for problem in problems)
        remedies = "; ".join(dict.fromkeys(problem.remedy for problem in problems))
        return _judgement(
            "start", Status.FAIL, expected, f"the next start fails or serves nobody: {told}", why, remedies
        )
    unread = [file for file in facts.files.values() if file.kind is Kind.UNREAD or file.readable.holds is None]
    if unread:
        reasons = [shown(file.readable.reason or file.problem or file.exists.reason) for file in unread]
        return _judgement("start", Status.SKIP, expected, "; ".join(reasons), why, "look as root")
    return _judgement("start", Status.PASS, expected, f"{facts.user} can read them, and key and certificate match", why)


def _served(facts: Facts) -> Judgement:
    """Whether new connections get the certificate of the file."""
    shows = facts.served.certificate if facts.served else None
    files = facts.certificates(CERTIFICATE)
    expected, why = "the certificate of tls-cert-file is served", "Redis reads it at the start and when it is set, only"
    if shows is None or not files:
        reason = facts.served.reason if facts.served and shows is None else "the file has no certificate to compare"
        return _judgement("served", Status.SKIP, expected, reason, why, "see why no handshake succeeds")
    if shows.sha256 == files[0].sha256:
        return _judgement("served", Status.PASS, expected, f"serial {shows.serial}", why)
    path = shown(facts.files[CERTIFICATE].path)
    told = f"serial {shows.serial} until {moment(shows.not_after)} is served, {path} has serial {files[0].serial}"
    return _judgement("served", Status.FAIL, expected, told, why, LOAD)


def _expiry(facts: Facts, now: datetime, days: int) -> Judgement:
    """Of what is served, of the file and of those that vouch for it: what is worst, or ends first."""
    expected, why = f"valid for more than {days} days", "clients refuse a certificate that is not valid"
    shows = facts.served.certificate if facts.served else None
    chain = facts.chain(CERTIFICATE)
    path = shown(facts.files[CERTIFICATE].path) if CERTIFICATE in facts.files else ""
    terms: list[_Term] = []
    if shows is not None and not (chain and chain[0].sha256 == shows.sha256):
        terms.append(_term("the certificate that is served", shows, now, days, LOAD if chain else RENEW))
    terms += [_term(path, one, now, days, RENEW) for one in chain[:1]]
    for one in chain[1:]:
        term = _term(f"{one.subject}, which vouches for {path},", one, now, days, VOUCH)
        # a client may trust it in another way, so it is never the end for all of them
        terms.append(replace(term, status=Status.WARN) if term.status is Status.FAIL else term)
    if not terms:
        return _judgement("expiry", Status.SKIP, expected, "no certificate could be read", why, "look as root")
    worst = min(terms, key=lambda term: (_WORST_FIRST.index(term.status), term.ends))
    return _judgement("expiry", worst.status, expected, worst.told, why, worst.remedy)


@dataclass(frozen=True)
class _Term:
    """How long one certificate is still good."""

    status: Status
    told: str
    ends: datetime
    remedy: str


def _term(name: str, certificate: Certificate, now: datetime, days: int, remedy: str) -> _Term:
    ends = certificate.not_after
    told = outside(certificate, now)
    if told:
        return _Term(Status.FAIL, f"{name} {told}", ends, remedy)
    if ends - now <= timedelta(days=days):
        return _Term(Status.WARN, f"{name} expires on {moment(ends)}", ends, remedy)
    return _Term(Status.PASS, f"{name} is valid until {moment(ends)}", ends, "")


def _client(facts: Facts, now: datetime, days: int) -> Judgement:
    """The certificate that this instance shows to other servers, and this project to this instance."""
    expected = f"a client certificate that is accepted, for more than {days} days"
    why = "replication, cluster and this project connect with it"
    option, _ = facts.options.client
    leaf = next(iter(facts.certificates(option)), None)
    if leaf is None:
        return _judgement("client", Status.SKIP, expected, "no certificate could be read", why, "look as root")
    refused = refused_as_client(facts)
    if refused:
        return _judgement("client", Status.FAIL, expected, refused, why, ISSUE)
    term = _term(shown(facts.files[option].path), leaf, now, days, RENEW)
    if term.status is Status.PASS and facts.client_trusted.holds is None:
        return _judgement("client", Status.SKIP, expected, facts.client_trusted.reason, why, "look as root")
    return _judgement("client", term.status, expected, term.told, why, term.remedy)


def _authority(facts: Facts) -> Judgement:
    """Whether replicas and this project, which verify with tls-ca-cert-file, accept the server's certificate."""
    expected = f"{AUTHORITIES} vouches for the certificate of the server"
    why = "replicas, cluster nodes and this project verify with it"
    if facts.trusted.holds:
        return _judgement("authority", Status.PASS, expected, "a handshake with these files succeeds", why)
    # Not: add the server's authority to the file. Whoever that one issues a certificate to would get in as a client.
    remedy = "have the certificate issued by that authority, or make sure that nobody verifies with this file"
    return _judgement("authority", Status.WARN, expected, facts.trusted.reason, why, remedy)


def _judgement(name: str, status: Status, expected: str, actual: str, why: str, remedy: str = "") -> Judgement:
    state = None if status is Status.SKIP else _STATES[name]
    return Judgement(status, expected, actual, remedy, why=why, state=state, name=name)
