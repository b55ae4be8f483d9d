"""Make a running server read its TLS files again, without a restart. Connections that exist stay as they are."""

from __future__ import annotations

from typing import Protocol

from ..base.errors import ApplyFailed, CommandRefused
from ..checks.tls import unusable
from ..view.tls import Facts
from ..view.tls_files import CERTIFICATE


class Settable(Protocol):
    """What is needed of a connection."""

    def set_config(self, settings: list[tuple[str, str]]) -> None:
        """CONFIG SET."""


def renew(connection: Settable, facts: Facts, live: str, where: str) -> None:
    """Load all TLS files again. live: tls-cert-file as CONFIG GET has it; where: host and instance.

    One option set to the value it has makes the server read all of them: the path options are applied whether they change
    or not (config.c: VOLATILE_CONFIG since 7.0, no comparison before; tests/contract/test_tls_live.py). A set with
    a key of another certificate is not even sent: where the two have different algorithms the server answers OK, and
    nobody can connect any more.

    Raises ApplyFailed.
    """
    problems = unusable(facts, where)
    if problems:
        told = "\n".join(str(problem) for problem in problems)
        raise ApplyFailed(
            f"the server keeps the TLS files that it has loaded, because it could not use those on disk\n{told}"
        )
    try:
        connection.set_config([(CERTIFICATE, live)])
    except CommandRefused as error:
        raise ApplyFailed(
            f"{where}: the server refuses the TLS files ({error}) and keeps those that it has loaded; its next start "
            "fails; see its log for the file"
        ) from None


def confirm(after: Facts, where: str) -> None:
    """Whether new connections get the certificate of the file now. after: a look after renew(). Raises ApplyFailed."""
    shows = after.served.certificate if after.served else None
    files = after.certificates(CERTIFICATE)
    if shows is not None and files and shows.sha256 != files[0].sha256:
        raise ApplyFailed(
            f"{where}: serial {shows.serial} is still served after the server was told to load serial {files[0].serial}; "
            "either somebody replaced the file meanwhile, so run again, or this server needs a restart for it"
        )
