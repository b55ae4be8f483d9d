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


class ServerUnreachable(RedisOpsError):
    """Nothing answers at the address, or it closed the connection."""


class AccessDenied(RedisOpsError):
    """The server answers but refuses the user, the password or the command."""


class CommandRefused(RedisOpsError):
    """The server understood and said no; the text is the server's own."""


class ApplyFailed(RedisOpsError):
    """An effect did not happen; the text says what was put back and what to do."""


def told(error: Exception) -> str:
    """An error as a person reads it."""
    if isinstance(error, OSError):
        return f"{error.filename or 'this host'}: {error.strerror or error}"
    return str(error)
