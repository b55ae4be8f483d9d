"""The only place that talks to a Redis: redis-py 3.5 to 8 behind six verbs.

Reads are one round trip, a write of all settings is another. Nothing here sends KEYS, MONITOR, FLUSH*, DEBUG or SAVE.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Optional

from ..base.engine import Engine, parse_version
from ..base.errors import AccessDenied, CommandRefused, RedisOpsError, ServerUnreachable

try:
    import redis
    from redis import exceptions as redis_errors
except ImportError:  # a host before its first run; connect() says so
    redis = None  # type: ignore[assignment]

MULTI_CONFIG = "redis 7.0"  # CONFIG GET and SET take several parameters from here on, SET all or nothing


@dataclass(frozen=True)
class Address:
    """Where a server listens: a unix socket, or host and port, with TLS or without. timeout: seconds for one reply."""

    host: str = "127.0.0.1"
    port: int = 6379
    unix_socket: str = ""
    tls: bool = False
    tls_ca_file: str = ""
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
    """user '' is Redis' default user; password '' sends no AUTH."""

    user: str = ""
    password: str = field(default="", repr=False)


class Connection:
    """One server over redis-py; the first use opens it.

    Every verb raises ServerUnreachable, AccessDenied or CommandRefused.
    """

    def __init__(self, address: Address, credentials: Credentials) -> None:
        if redis is None:
            raise RedisOpsError("Python module redis is missing on this host; install the package python3-redis")
        self.address = address
        self._client: Any = redis.Redis(**_client_options(address, credentials))
        self._info: Optional[dict[str, Any]] = None

    def observe(self) -> tuple[dict[str, Any], dict[str, str]]:
        """INFO and CONFIG GET * in one round trip."""
        with _errors(self.address):
            pipe: Any = self._client.pipeline(transaction=False)
            pipe.execute_command("INFO")
            pipe.execute_command("CONFIG GET", "*")
            info, config = pipe.execute()
        self._info = info
        return info, _text_mapping(config)

    def info(self) -> dict[str, Any]:
        with _errors(self.address):
            self._info = dict(self._client.execute_command("INFO"))
        return self._info

    def engine(self) -> Engine:
        return engine_of(self._info or self.info())

    def process_id(self) -> int:
        """Of the server; it is asked once."""
        return int((self._info or self.info()).get("process_id", 0))

    def config(self, *names: str) -> dict[str, str]:
        """CONFIG GET of these, which finds those too that `*` does not; of everything else without a name."""
        return _text_mapping(self.call("CONFIG GET", *names)) if names else self.observe()[1]

    def set_config(self, settings: Sequence[tuple[str, str]]) -> None:
        """All or nothing. Redis 6.2 takes one parameter at a time: what it took is put back when it refuses one."""
        if not settings:
            return
        if self.engine().reached(MULTI_CONFIG):
            self.call("CONFIG SET", *[word for pair in settings for word in pair])
            return
        before = self.config()
        done: list[tuple[str, str]] = []
        try:
            for name, value in settings:
                self.call("CONFIG SET", name, value)
                done.append((name, before.get(name, "")))
        except CommandRefused:
            for name, value in reversed(done):
                self.call("CONFIG SET", name, value)
            raise

    def call(self, *words: str) -> Any:
        """Any other command; the reply as redis-py makes it."""
        with _errors(self.address):
            return self._client.execute_command(*words)

    def slowlog(self, count: int) -> list[Any]:
        """The newest entries. redis-py has to be told by hand that its own replies are text."""
        with _errors(self.address):
            return list(self._client.execute_command("SLOWLOG GET", str(count), decode_responses=True))

    def close(self) -> None:
        self._client.connection_pool.disconnect()


def is_available() -> bool:
    """Whether redis-py is installed on this host."""
    return redis is not None


def connect(addresses: Iterable[Address], credentials: Iterable[Credentials]) -> Connection:
    """The first address that answers, with the first credentials it accepts.

    Several of each, because a run may find the server on its old port or with its old password, whatever the inventory
    and the file say by now. Raises ServerUnreachable when nothing answers, AccessDenied when none of them is let in.
    """
    unreachable: Optional[ServerUnreachable] = None
    for address in dict.fromkeys(addresses):
        denied: Optional[AccessDenied] = None
        for candidate in dict.fromkeys(credentials):
            connection = Connection(address, candidate)
            try:
                connection.info()
            except AccessDenied as error:
                denied = error
                connection.close()
            except ServerUnreachable as error:
                unreachable = error
                connection.close()
                break
            else:
                return connection
        if denied is not None:
            raise denied
    raise unreachable or ServerUnreachable("no address to connect to")


def engine_of(info: Mapping[str, Any]) -> Engine:
    """Which server answered. Valkey also reports the Redis version it is compatible with; its own comes first."""
    if "valkey_version" in info:
        return Engine("valkey", parse_version(str(info["valkey_version"])))
    return Engine("redis", parse_version(str(info["redis_version"])))


def _client_options(address: Address, credentials: Credentials) -> dict[str, Any]:
    options: dict[str, Any] = {
        "password": credentials.password or None,
        "socket_timeout": address.timeout,
        "socket_connect_timeout": address.timeout,
        "decode_responses": True,
        "encoding_errors": "surrogateescape",
    }
    if credentials.user:
        options["username"] = credentials.user
    if address.unix_socket:
        options["unix_socket_path"] = address.unix_socket
        options.pop("socket_connect_timeout")
    else:
        options.update(host=address.host, port=address.port)
    if address.tls:
        options["ssl"] = True
        options["ssl_check_hostname"] = address.tls_check_name
        files = {
            "ssl_ca_certs": address.tls_ca_file,
            "ssl_certfile": address.tls_cert_file,
            "ssl_keyfile": address.tls_key_file,
        }
        options.update({option: file for option, file in files.items() if file})
    major = parse_version(redis.__version__)[0]
    if major >= 5:
        options["protocol"] = 2  # one shape of reply for every version of server and library
    if major >= 4:
        if address.tls and address.tls_key_password:
            options["ssl_password"] = address.tls_key_password
        parameters = inspect.signature(redis.Redis).parameters
        # no CLIENT SETINFO at every connect: who may only read may not send it, and each refusal is logged
        unnamed = ("driver_info",) if "driver_info" in parameters else ("lib_name", "lib_version")
        options.update({name: None for name in unnamed if name in parameters})
        from redis.backoff import NoBackoff  # noqa: PLC0415 - redis-py 3.5 has no such module
        from redis.retry import Retry  # noqa: PLC0415

        options["retry"] = Retry(NoBackoff(), 0)  # a dead port is told at once, not after six seconds
    return options


def _text_mapping(reply: Any) -> dict[str, str]:
    """CONFIG GET as redis-py 3.5 to 8 hands it over: a dict, or a flat list."""
    if not isinstance(reply, Mapping):
        reply = dict(zip(reply[::2], reply[1::2]))
    return {str(name): "" if value is None else str(value) for name, value in reply.items()}


@contextmanager
def _errors(address: Address) -> Iterator[None]:
    """Turn redis-py's errors into ours."""
    try:
        yield
    except redis_errors.BusyLoadingError as error:
        raise ServerUnreachable(f"{address}: {error}") from None
    except (redis_errors.AuthenticationError, redis_errors.NoPermissionError) as error:
        raise AccessDenied(f"{address}: {error}") from None
    except redis_errors.ResponseError as error:
        text = str(error)
        if type(error).__name__ == "OutOfMemoryError":  # whose text redis-py strips of its code
            text = f"OOM {text}"
        if text.startswith(("WRONGPASS", "NOAUTH", "NOPERM")) or "AUTH" in text:
            raise AccessDenied(f"{address}: {text}") from None
        raise CommandRefused(text) from None
    except (redis_errors.RedisError, OSError) as error:
        raise ServerUnreachable(f"{address}: {error}") from None
