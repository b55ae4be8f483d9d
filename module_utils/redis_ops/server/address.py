"""Where a server is, and as whom one talks to it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Address:
    """Where a server listens: a unix socket, or host and port, with TLS or without.

    tls_ca_file: trusted besides the authorities of the system. tls_verify: whether the server has to prove who it is; not
    needed where its process is known to have the port. tls_check_name: whether the certificate has to name the host.
    timeout: seconds to connect, and again for the whole answer to a call.
    """

    host: str = "127.0.0.1"
    port: int = 6379
    unix_socket: str = ""
    tls: bool = False
    tls_ca_file: str = ""
    tls_verify: bool = True
    tls_cert_file: str = ""
    tls_key_file: str = ""
    tls_key_password: str = field(default="", repr=False)
    tls_check_name: bool = True
    timeout: float = 5.0

    def as_options(self) -> list[str]:
        """For redis-cli; without a password, which does not belong on a command line."""
        if self.unix_socket:
            return ["-s", self.unix_socket]
        place = [*(["-h", self.host] if self.host not in ("127.0.0.1", "localhost") else []), "-p", str(self.port)]
        files = {"--cacert": self.tls_ca_file, "--cert": self.tls_cert_file, "--key": self.tls_key_file}
        tls = ["--tls", *(word for option, file in files.items() if file for word in (option, file))]
        return [*place, *(tls if self.tls else [])]

    def __str__(self) -> str:
        return self.unix_socket or f"{self.host}:{self.port}{' (TLS)' if self.tls else ''}"


@dataclass(frozen=True)
class Credentials:
    """user '' is Redis' default user. Without user and password nobody logs in, and the server decides who that is."""

    user: str = ""
    password: str = field(default="", repr=False)

    def command(self) -> list[str]:
        """AUTH with one word for the default user, which every version takes; empty when nobody logs in."""
        if self.user:
            return ["AUTH", self.user, self.password]
        return ["AUTH", self.password] if self.password else []
