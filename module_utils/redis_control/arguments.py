"""The arguments of the modules whose work is done on the control node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

# Of the report that is made on the control node.
DRIFT_REPORT_ARGUMENTS: Mapping[str, Any] = {
    "directory": {"type": "path", "required": True},
    "keep": {"type": "int", "default": 30},
}

# Of the waivers that are made of it.
DRIFT_WAIVE_ARGUMENTS: Mapping[str, Any] = {
    "reports": {"type": "path", "required": True},
    "inventory": {"type": "str", "required": True},
    "file": {"type": "path", "required": True},
    "reason": {"type": "str", "required": True},
    "days": {"type": "int", "default": 30},
    "ids": {"type": "list", "elements": "str", "default": ["*"]},
}

# Of the plan of a load, of looking at it while it runs, and of the verdict on it, which are made there too.
LOAD_PLAN_ARGUMENTS: Mapping[str, Any] = {
    "run_id": {"type": "str", "required": True},
    "host": {"type": "str", "required": True},
    "address": {"type": "str", "required": True},
    "local": {"type": "bool", "required": True},
    "instances": {"type": "list", "elements": "dict", "required": True},
    "prepared": {"type": "list", "elements": "dict", "required": True},
    "users": {"type": "dict", "required": True},
    "jobs": {"type": "dict", "required": True},
    "users_on": {"type": "list", "elements": "str", "default": []},
    "jobs_on": {"type": "list", "elements": "str", "default": []},
}
LOAD_LOGIN_ARGUMENTS: Mapping[str, Any] = {
    "state": {"type": "str", "choices": ["present", "absent"], "required": True},
    "declaration": {"type": "dict", "required": True},
    "run_id": {"type": "str", "required": True},
    "seconds": {"type": "int", "default": 0},
    "runs": {"type": "list", "elements": "dict", "default": []},
    "comes": {"type": "bool", "default": False},
    "own": {"type": "bool", "default": False},
    "own_user": {"type": "str", "default": ""},
    "findings": {"type": "list", "elements": "dict", "default": []},
    "accept": {"type": "list", "elements": "str", "default": []},
}
LOAD_RUN_ARGUMENTS: Mapping[str, Any] = {
    "runs": {"type": "list", "elements": "dict", "required": True},
    "lead": {"type": "int", "default": 0},
    "seconds": {"type": "int", "required": True},
}
LOAD_GENERATORS_ARGUMENTS: Mapping[str, Any] = {
    "names": {"type": "list", "elements": "str", "required": True},
    "k6": {"type": "str", "default": ""},
    "k6_sha256": {"type": "str", "default": ""},
    "python": {"type": "str", "default": ""},
}
LOAD_REPORT_ARGUMENTS: Mapping[str, Any] = {
    "directory": {"type": "path", "required": True},
    "moment": {"type": "str", "choices": ["checklist", "before", "after", "cooled"], "required": True},
    "whole": {"type": "bool", "default": False},
    "profile": {"type": "str", "default": "guide"},
    "profiles": {"type": "dict", "default": {}},
    "targets": {"type": "dict", "default": {}},
    "accept": {"type": "list", "elements": "str", "default": []},
    "label": {"type": "str", "default": ""},
    "keep": {"type": "int", "default": 50},
}
# Of the comparison of several of them.
LOAD_COMPARE_ARGUMENTS: Mapping[str, Any] = {
    "directory": {"type": "path", "required": True},
    "a": {"type": "raw", "required": True},
    "b": {"type": "raw", "required": True},
    "effect": {"type": "float", "default": 5.0},
}
