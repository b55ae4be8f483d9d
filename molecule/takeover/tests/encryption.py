"""Certificates for servers that somebody else encrypted, made with code that shares nothing with what is tested."""

from __future__ import annotations

import sys

from hosts import SCENARIO, Cli, Host
from setups import Setup

sys.path.insert(0, str(SCENARIO.parents[1] / "tests"))

from authority import DAY, NOW, Authority, Issued

PLACE = "/etc/redis/tls"
FILES = (f"tls-ca-cert-file {PLACE}/ca.crt", f"tls-cert-file {PLACE}/redis.crt", f"tls-key-file {PLACE}/redis.key")
CLIENT_FILES = (f"tls-client-cert-file {PLACE}/client.crt", f"tls-client-key-file {PLACE}/client.key")
ANONYMOUS = Cli(("--tls", "-p", "6380", "--cacert", f"{PLACE}/ca.crt"))
MUTUAL = Cli((*ANONYMOUS.arguments, "--cert", f"{PLACE}/redis.crt", "--key", f"{PLACE}/redis.key"))
AUTHORITY = Authority()
VALID = AUTHORITY.issue(serial=1001)


def certificate(issued: Issued = VALID, name: str = "redis") -> Setup:
    """With its key and its authority, at the paths of FILES or of CLIENT_FILES."""

    def do(host: Host) -> None:
        host.put(f"{PLACE}/ca.crt", AUTHORITY.pem.decode())
        host.put(f"{PLACE}/{name}.crt", issued.pem.decode())
        host.put(f"{PLACE}/{name}.key", issued.key_pem().decode(), "0640", "redis")

    return do


__all__ = ["AUTHORITY", "CLIENT_FILES", "DAY", "FILES", "MUTUAL", "NOW", "PLACE", "VALID", "Issued", "certificate"]
