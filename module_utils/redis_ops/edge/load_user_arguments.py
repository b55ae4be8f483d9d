"""The arguments of the module that makes the users of a load."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from . import arguments

# Of the users of a load, which are made on the hosts of the servers.
ARGUMENTS: Mapping[str, Any] = {
    **arguments.ARGUMENTS,
    "state": {"type": "str", "choices": ["possible", "present", "absent"], "required": True},
    "run_id": {"type": "str", "required": True},
    "seconds": {"type": "int", "default": 0},
    "accounts": {
        "type": "list",
        "elements": "dict",
        "default": [],
        "options": {
            "instance": {"type": "str", "required": True},
            "kinds": {"type": "list", "elements": "str", "required": True},
            "keys": {"type": "list", "elements": "str", "required": True},
            "database": {"type": "int", "default": 0},
            "sha256": {"type": "str", "default": "", "no_log": False},
        },
    },
}
