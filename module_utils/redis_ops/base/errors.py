"""What can go wrong, said in one line a person can act on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with what somebody typed or with what a host can give.

    where: host, instance or option it belongs to; what: the value or fact that is wrong;
    expected: what would be right; remedy: what to do next.
    """

    where: str
    what: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.where}: {self.what}; expected {self.expected}; {self.remedy}"


class RedisOpsError(Exception):
    """Base of every error this package raises on purpose; its text is for people."""


class InvalidInput(RedisOpsError):
    """All the problems of one input at once, so that one run shows all of them."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class InvalidValue(RedisOpsError):
    """A value that its kind does not accept. `expected` completes the sentence "expected ..."."""

    def __init__(self, expected: str) -> None:
        self.expected = expected
        super().__init__(f"expected {expected}")


class FileUnreadable(RedisOpsError):
    """A configuration file that cannot be read, or not as one."""


class FileRefused(RedisOpsError):
    """A file or directory that is left alone, because another user may have put it where it is."""

    def __init__(self, path: str, what: str, expected: str, remedy: str) -> None:
        self.problem = Problem(plain(path), plain(what), expected, plain(remedy))
        super().__init__(str(self.problem))


class ServerUnreachable(RedisOpsError):
    """Nothing answers at the address; or what answers is no Redis, or does not serve now, for the reason in the text."""


class AccessDenied(RedisOpsError):
    """The server answers but refuses the user, the password or the command."""


class CommandRefused(RedisOpsError):
    """The server understood and said no; the text is the server's own."""


class HostIsBusy(RedisOpsError):
    """Another run works on this host; the text names it."""


class ApplyFailed(RedisOpsError):
    """An effect did not happen; the text says what was put back and what to do."""


def told(error: Exception) -> str:
    """An error as a person reads it."""
    if isinstance(error, OSError):
        return plain(f"{error.filename or 'this host'}: {error.strerror or error}")
    return str(error)


def plain(text: str) -> str:
    """The text on one line, with every character escaped that a terminal would act on.

    For names and texts that another user chose, such as the name of a file in a directory of his.
    """
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
