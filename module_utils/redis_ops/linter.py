"""Let the installed server read a configuration before it counts.

There is no --check-config. But a server told to listen nowhere parses its file, finds it has nothing to do, and exits
before it touches data (checked on Redis 6.2 to 8.2 and Valkey 8.1 and 9.1 by tests/contract).
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from . import host
from .errors import ApplyFailed

_NOWHERE = (
    ("--port", "0"),
    ("--unixsocket", ""),
    ("--daemonize", "no"),
    ("--logfile", ""),
    ("--pidfile", ""),
    ("--supervised", "no"),
)
_NOWHERE_TLS = ("--tls-port", "0")  # a build without TLS does not know the option
_VALID = "Configured to not listen anywhere, exiting."


def check(text: str, binary: str, directory: str) -> None:
    """Raises ApplyFailed with the server's own words when `binary` does not accept `text`.

    directory: where the trial file is written, mode 0600; the configuration's own directory, so that no secret is
    copied to a place with other permissions.
    """
    descriptor, path = tempfile.mkstemp(dir=directory, prefix=".check-", suffix=".conf")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as file:
            file.write(text)
        options = [*_NOWHERE, _NOWHERE_TLS] if "tls-port" in text else _NOWHERE
        result = host.run([binary, path, *(word for pair in options for word in pair)], timeout=30)
    finally:
        Path(path).unlink(missing_ok=True)
    said = (result.stdout + result.stderr).strip().splitlines()
    if not said or not said[-1].endswith(_VALID):
        raise ApplyFailed(f"{binary} refuses the new configuration: {_reason(said)}")


def _reason(said: list[str]) -> str:
    """The line of the file and the complaint, out of the server's report."""
    told = [line.strip() for line in said if line.strip() and not line.startswith("***")]
    return " ".join(told[-3:]) or "it said nothing"
