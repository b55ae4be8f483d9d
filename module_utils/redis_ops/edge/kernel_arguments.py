"""The arguments of redis_kernel."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..platform import kernel

ARGUMENTS: Mapping[str, Any] = {
    "sysctl": {"type": "dict", "default": {}},
    "transparent_hugepage": {"choices": ["never", "madvise", kernel.UNMANAGED], "default": "never"},
    "open_files": {"type": "int", "default": 11024},
}


def wanted_of(params: Mapping[str, Any]) -> kernel.Wanted:
    """What the kernel shall be. Raises InvalidInput."""
    return kernel.parse_wanted(params["sysctl"], params["transparent_hugepage"], params["open_files"])
