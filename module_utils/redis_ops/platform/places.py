"""What a directory really is, whatever its path says. Reads only."""

from __future__ import annotations

import contextlib
import os
from typing import Union

# Device and inode: the same through links, and through mounts that show one directory at two paths. The path behind
# links for a directory that is not there yet; '' where nothing is known.
Identity = Union[tuple[int, int], str]


def identity(path: str) -> Identity:
    """Of the directory at a path. Only compared: whoever chose the links on the way has won nothing by it."""
    with contextlib.suppress(OSError):
        found = os.stat(path)  # noqa: PTH116 - a text
        return found.st_dev, found.st_ino
    return os.path.realpath(path) if path else ""


def working_place(pid: int) -> Identity:
    """Of the directory in which a process works, as the process sees it; '' when it can't be told."""
    with contextlib.suppress(OSError):
        found = os.stat(f"/proc/{pid}/cwd")  # noqa: PTH116 - a link that is followed by the kernel
        return found.st_dev, found.st_ino
    return ""
