"""Let the installed server read a configuration before it counts.

There is no --check-config. But a server told to listen nowhere parses its file, finds it has nothing to do, and exits
before it touches data (checked on Redis 6.2 to 8.2 and Valkey 8.1 and 9.1 by tests/contract).
"""

from __future__ import annotations

import re
from typing import Union

from ..base.errors import ApplyFailed, plain
from ..platform import host

_NOWHERE = (
    ("--port", "0"),
    ("--unixsocket", ""),
    ("--daemonize", "no"),
    ("--logfile", ""),
    ("--pidfile", ""),
    ("--supervised", "no"),
    ("--cluster-enabled", "no"),  # or it makes its nodes.conf, or finds it locked by the running server
)
_NOWHERE_TLS = ("--tls-port", "0")  # a build without TLS does not know the option
_VALID = "Configured to not listen anywhere, exiting."


def validate_config(text: str, binary: str, owner: Union[str, int, None] = None) -> None:
    """Raises ApplyFailed with the server's own words when `binary` does not accept `text`.

    The server reads it from its standard input: a file beside the real one could be exchanged by the server's user, and
    a copy elsewhere would have other permissions. owner: whom the server runs as; a trial loads modules, and root must
    not load what redis can write.
    """
    # Redis 6.2 makes the log file, as root, while it reads its name; a line that cannot be read must still be refused
    text = re.sub(r'^logfile ("[^"\n]*"|[^"\s]+)$', "", text, flags=re.MULTILINE)
    options = [*_NOWHERE, _NOWHERE_TLS] if re.search(r"^tls-port ", text, re.MULTILINE) else _NOWHERE
    result = host.run([binary, "-", *(word for pair in options for word in pair)], timeout=30, stdin=text, user=owner)
    said = (result.stdout + result.stderr).strip().splitlines()
    if not said or not said[-1].endswith(_VALID):
        raise ApplyFailed(f"{binary} refuses the new configuration: {_reason(said)}")


def _reason(said: list[str]) -> str:
    """The line of the file and the complaint, out of the server's report."""
    told = [line.strip() for line in said if line.strip() and not line.startswith("***")]
    return plain(" ".join(told[-3:])) or "it said nothing"
