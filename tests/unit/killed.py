"""A process that ends without a word, as by SIGKILL or a power cut, when it comes to one of its calls of the system."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

CALLS = ("open", "mkdir", "rename", "link", "unlink", "rmdir", "fchmod", "fchown", "fsync", "stat", "fstat", "scandir")
EFFECTS = ("mkdir", "rename", "link", "unlink", "rmdir", "fsync")  # those between which a disk is another one


def killed_at(number: int, run: Callable[[], Any], calls: Sequence[str] = CALLS) -> bool:
    """Run in a child that ends at call `number` of `calls`, counted from 1. Whether it ended by itself before."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _count(number, calls)
            run()
            status = 0
        finally:
            os._exit(status)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert status in (0, 9)
    return status == 0


def _count(last: int, calls: Sequence[str]) -> None:
    seen = 0

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == last:
                os._exit(9)
            return call(*arguments, **named)

        return wrapper

    for name in calls:
        setattr(os, name, counted(getattr(os, name)))
