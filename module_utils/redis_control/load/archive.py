"""The load generator as one file, as it comes to the machines that run it."""

from __future__ import annotations

import io
import zipapp
from pathlib import Path

PACKAGE = "redis_load"
NAME = f"{PACKAGE}.pyz"  # on a load generator
_PARTS = (".py", ".js", ".lock")


def archive() -> bytes:
    """The package as a zipapp: Python runs it as it is, and imports what it needs from it."""
    made = io.BytesIO()
    source = Path(__file__).resolve().parents[2]
    zipapp.create_archive(source, made, main=f"{PACKAGE}.cli:start", filter=_belongs, compressed=True)
    return made.getvalue()


def _belongs(path: Path) -> bool:
    """Whether a file of module_utils is part of the package."""
    return path.parts[0] == PACKAGE and path.suffix in _PARTS
