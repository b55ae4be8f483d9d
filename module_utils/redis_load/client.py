"""One connection to the server of a load, by redis-py, which sends nothing but what it is told.

A Connection of redis-py and not its Redis: a command is on its way sooner, so that a measured time is closer to the
server's, see docs/decisions.md.
"""

from __future__ import annotations

import collections
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

try:
    import redis
    from redis.backoff import NoBackoff
    from redis.retry import Retry
except ImportError as missing:  # of a Python without the packages of requirements.lock
    MISSING = str(missing)
else:
    MISSING = ""


class Refused(Exception):
    """The server answered with an error. login: it asks for one, or for another one. permission: this user lacks it."""

    def __init__(self, text: str, *, login: bool = False, permission: bool = False) -> None:
        super().__init__(text)
        self.login, self.permission = login, permission


class Client:
    """A connection that the first command opens, and the first one after it broke opens again. It tries nothing twice.

    options: as redis.Redis takes them. All commands raise OSError where there is no answer.
    """

    def __init__(self, options: Mapping[str, Any]) -> None:
        self.sent: collections.Counter[str] = collections.Counter()  # commands by name, to tell them from the load's
        self._options = options
        self._connection: Any = None

    def __call__(self, *words: Any) -> Any:
        """The answer to one command. Raises Refused."""
        [answer] = self.many([words])
        if isinstance(answer, Refused):
            raise answer
        return answer

    def many(self, commands: Sequence[Sequence[Any]]) -> list[Any]:
        """The answers to a pipeline, and a Refused for each error among them. Raises Refused where the login fails."""
        try:
            if self._connection is None:
                self._open()
            self.sent.update(str(words[0]).lower() for words in commands)
            connection = self._connection
            connection.send_packed_command(connection.pack_commands(commands), check_health=False)
            return [self._answer() for _ in commands]
        except redis.RedisError as error:
            self.close()
            raise _told(error) from error
        except BaseException:  # an answer that nobody read would be taken for the next one
            self.close()
            raise

    def info(self, *sections: str) -> dict[str, str]:
        """What the server says of itself, by name. Raises Refused."""
        lines = self("INFO", *sections).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line and not line.startswith("#"))

    def close(self) -> None:
        """The next command opens it again."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.disconnect()

    def _open(self) -> None:
        fixed: dict[str, Any] = {
            "decode_responses": True,
            "encoding_errors": "replace",
            "protocol": 2,
            "retry": Retry(NoBackoff(), 0),
        }
        pool = redis.Redis(**fixed, **quiet(), **self._options).connection_pool
        self._connection = pool.make_connection()
        self.sent.update(name for name, option in (("auth", "password"), ("select", "db")) if self._options.get(option))
        self._connection.connect()

    def _answer(self) -> Any:
        try:
            return self._connection.read_response()
        except redis.ResponseError as error:
            return _told(error)


def quiet() -> dict[str, Any]:
    """Options with which redis-py sends neither CLIENT SETINFO nor CLIENT MAINT_NOTIFICATIONS when it connects. A user that
    may do little is refused those, and each refusal is an entry in the ACL log of the server.
    """
    parameters = inspect.signature(redis.Redis).parameters
    names = ("driver_info",) if "driver_info" in parameters else ("lib_name", "lib_version")
    options: dict[str, Any] = {name: None for name in names if name in parameters}
    if "maint_notifications_config" in parameters:
        from redis.maint_notifications import MaintNotificationsConfig  # noqa: PLC0415 - from redis-py 7 on

        options["maint_notifications_config"] = MaintNotificationsConfig(enabled=False)
    return options


def _told(error: Exception) -> Exception:
    """Refused with the server's own words, or an OSError with those of the system."""
    code = getattr(error, "status_code", None)  # redis-py takes it off the text
    login = isinstance(error, redis.AuthenticationError)
    if code or login or isinstance(error, redis.ResponseError):
        permission = isinstance(error, redis.exceptions.NoPermissionError)
        return Refused(f"{code} {error}" if code else str(error), login=login, permission=permission)
    system = error.__context__
    if isinstance(system, OSError):
        return system
    return (TimeoutError if isinstance(error, redis.TimeoutError) else ConnectionError)(str(error))
