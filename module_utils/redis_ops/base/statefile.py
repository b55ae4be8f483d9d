"""How anything is remembered on a host between two runs: JSON, for root's eyes only."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Union

from .files import FileSpec, write
from .trees import make_directory

SCHEMA = 1


def text_of(**fields: Union[str, Mapping[str, str]]) -> str:
    """A record as it lies on disk. files: path -> SHA-256 of what a run wrote there."""
    return json.dumps({"schema": SCHEMA, **fields}, indent=2) + "\n"


def files_in(text: str) -> dict[str, str]:
    """The files of such a text; empty where it is damaged."""
    with contextlib.suppress(ValueError, KeyError, TypeError):
        return dict(json.loads(text)["files"])
    return {}


def keep_private(path: str, text: str, writer: Callable[[FileSpec, str], None] = write) -> None:
    """Write for nobody else's eyes. A directory that is there stays as it is: somebody chose it."""
    make_directory(os.path.dirname(path), 0o700)  # noqa: PTH120 - a text
    writer(FileSpec(path, 0o600), text)


def forget(path: str) -> None:
    """Remove a record, where there is one."""
    Path(path).unlink(missing_ok=True)


def digest(text: str) -> str:
    """SHA-256 of a file's text."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
