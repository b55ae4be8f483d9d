"""Start the program: `python3 module_utils/redis_load`, or `python3 -m redis_load` where the package is on the path."""

from __future__ import annotations

import sys
from pathlib import Path

if not __package__:  # Python put this directory on the path, and the package is in the one above
    sys.path[0] = str(Path(__file__).resolve().parent.parent)
    __package__ = "redis_load"

from .cli import start

start()
