"""The only way to a Redis: verbs over one connection, of RESP2 on the standard library.

Reads are one round trip, a write of all settings is another. Nothing is sent beyond what is asked for, but AUTH.
Nothing here sends KEYS, MONITOR, FLUSH*, DEBUG or SAVE.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Optional

from ..base.engine import Engine
from ..base.errors import AccessDenied, CommandRefused, InvalidValue, ServerUnreachable
from .address import Address, Credentials
from .info import engine_of, parse
from .replies import error_of, fits
from .resp import ErrorReply
from .wire import Wire

__all__ = ["Address", "Connection", "Credentials", "connect", "engine_of"]

MULTI_CONFIG = "redis 7.0"  # CONFIG GET and SET take several parameters from here on, SET all or nothing
SLOW_LOG = 5000  # entries that are read at most; of 32 words with 128 bytes each, they are 20 MB


class Connection:
    """One server. The first use opens the connection, and so does the next use after the server closed it.

    Every verb raises ServerUnreachable, AccessDenied or CommandRefused.
    """

    def __init__(self, address: Address, credentials: Credentials, renamed: Optional[Mapping[str, str]] = None) -> None:
        """renamed: command in upper case -> the name that rename-command of its file gives it, '' when it takes it away.

        It is used once the server does not know the command under its own name: the file may be newer than the server.
        """
        self.address = address
        self._renamed = renamed or {}
        self._in_force: dict[str, str] = {}
        self._credentials = credentials
        self._wire: Optional[Wire] = None
        self._info: Optional[dict[str, Any]] = None

    def observe(self) -> tuple[dict[str, Any], dict[str, str]]:
        """INFO and CONFIG GET * in one round trip."""
        info, config = self._exchange(["INFO"], ["CONFIG GET", "*"])
        return self._remembered(info), _mapping(config)

    def info(self, *sections: str) -> dict[str, Any]:
        """INFO, the default sections or these; info.py says what the values are."""
        return self._remembered(self.call("INFO", *sections))

    def engine(self) -> Engine:
        """Which server it is; it is asked once."""
        return engine_of(self._info or self.info())

    def process_id(self) -> int:
        """Of the server; it is asked once."""
        return int((self._info or self.info())["process_id"])

    def config(self, *names: str) -> dict[str, str]:
        """CONFIG GET of these, which finds those too that `*` does not; of everything else without a name."""
        return _mapping(self.call("CONFIG GET", *names)) if names else self.observe()[1]

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
        """Any command, its name as one word ("CONFIG GET"). Replies are str, int, None and lists of them."""
        return self._exchange(words)[0]

    def call_all(self, commands: Sequence[Sequence[str]]) -> list[Any]:
        """The replies to several commands, sent in one round trip on one connection.

        Where the server refuses a command, its reply is the error, AccessDenied or CommandRefused.
        """
        if self._wire is None or not self._wire.is_usable():
            self.close()
            self._wire = self._logged_in()
        return self._talk(self._wire, commands, refusals=True)

    def slowlog(self, count: int) -> list[Any]:
        """The newest entries, at most SLOW_LOG: lists of id, time, duration in µs, words, and what versions add."""
        entries: list[Any] = self.call("SLOWLOG GET", str(min(count, SLOW_LOG)))
        return entries

    def close(self) -> None:
        """May be called again; the next verb opens it anew."""
        if self._wire is not None:
            self._wire.close()
        self._wire = None

    def _exchange(self, *commands: Sequence[str]) -> list[Any]:
        """One round trip. The first error reply is raised."""
        if self._wire is None or not self._wire.is_usable():
            self.close()
            self._wire = self._logged_in()
        return self._talk(self._wire, commands)

    def _logged_in(self) -> Wire:
        wire = Wire(self.address)
        login = self._credentials.command()
        try:
            if login:
                self._talk(wire, [login])
        except BaseException:
            wire.close()
            raise
        return wire

    def _talk(self, wire: Wire, commands: Sequence[Sequence[str]], *, refusals: bool = False) -> list[Any]:
        """refusals: whether an error is an answer like any other."""
        replies = wire.exchange([self._named(words) for words in commands])
        replies = [self._under_its_new_name(wire, words, reply) for words, reply in zip(commands, replies)]
        found: list[Any] = []
        for words, reply in zip(commands, replies):
            if isinstance(reply, ErrorReply):
                error = error_of(str(self.address), words, reply, self._credentials.password)
                if not refusals or isinstance(error, ServerUnreachable):
                    raise error
                found.append(error)
                continue
            if not fits(words[0], reply):
                wire.close()
                raise ServerUnreachable(f"{self.address}: it does not answer {words[0]} as a Redis does")
            found.append(reply)
        return found

    def name_of(self, command: str) -> str:
        """What this server calls a command, once it was called."""
        return self._in_force.get(command, command)

    def _named(self, words: Sequence[str]) -> list[str]:
        """A command with its name as this server knows it."""
        first, *rest = words[0].split(" ")
        return [self._in_force.get(first, first), *rest, *words[1:]]

    def _under_its_new_name(self, wire: Wire, words: Sequence[str], reply: Any) -> Any:
        """The reply, or that to the same command under its new name. Raises CommandRefused when it has none."""
        first = words[0].partition(" ")[0]
        unknown = isinstance(reply, ErrorReply) and reply.text.startswith("ERR unknown command")
        if not unknown or first not in self._renamed or first in self._in_force:
            return reply
        if not self._renamed[first]:
            raise CommandRefused(f"{first} was taken away with rename-command")
        self._in_force[first] = self._renamed[first]
        return wire.exchange([self._named(words)])[0]

    def _remembered(self, text: str) -> dict[str, Any]:
        try:
            self._info = parse(text)
        except InvalidValue as error:
            raise ServerUnreachable(f"{self.address}: it does not answer INFO as a Redis does; {error}") from None
        return self._info


def connect(
    addresses: Iterable[Address], credentials: Iterable[Credentials], renamed: Optional[Mapping[str, str]] = None
) -> Connection:
    """The first address that answers, with the first credentials it accepts.

    Several of each, because a run may find the server on its old port or with its old password, whatever the inventory
    and the file say by now. Raises ServerUnreachable when nothing answers. Raises AccessDenied when none of them is let
    in, with what was said to the first: the later ones are fallbacks.
    """
    unreachable: Optional[ServerUnreachable] = None
    for address in dict.fromkeys(addresses):
        denied: Optional[AccessDenied] = None
        for candidate in dict.fromkeys(credentials):
            connection = Connection(address, candidate, renamed)
            try:
                connection.info()
            except AccessDenied as error:
                denied = denied or error
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


def _mapping(pairs: Sequence[Optional[str]]) -> dict[str, str]:
    """CONFIG GET: name and value in turn."""
    return {str(name): value or "" for name, value in zip(pairs[::2], pairs[1::2])}
