"""The files that a configuration includes. Reads only."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional

from ..base.errors import InvalidValue
from ..base.files import FileSpec, read
from ..base.trees import is_directory
from ..platform import host


def read_all(pattern: str, config: Optional[FileSpec]) -> dict[str, str]:
    """Path and text of each file; a directory has none. pattern: an absolute path. config: the file that includes them,
    which tells whose they may be.

    Raises InvalidValue for a file that is not there, FileRefused, OSError. A pattern may match none.
    """
    found = {}
    for path in host.matching(pattern) if set(pattern) & set("*?[") else [pattern]:
        target = replace(config or FileSpec(""), path=path)
        text = "" if is_directory(path, target.owner) else read(target, for_owner=config is not None)
        if text is None:
            raise InvalidValue(f"included files that are there, unlike {path}")
        found[path] = text
    return found
