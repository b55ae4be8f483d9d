"""A document as the text of a JSON file that people can read as well. Pure."""

from __future__ import annotations

import json
from typing import Any

WIDTH = 120  # characters of a line; a record of a list is one line, however long it is


def text(document: Any) -> str:
    """JSON with what fits on one line on one line, so that a record of a list is one line and not one for each field."""
    return f"{_laid_out(document, '')}\n"


def _laid_out(value: Any, blanks: str, *, in_list: bool = False) -> str:
    flat = json.dumps(value)
    if (
        not isinstance(value, (dict, list, tuple))
        or len(blanks) + len(flat) <= WIDTH
        or (in_list and _is_record(value))
    ):
        return flat
    inner = f"{blanks} "
    if isinstance(value, dict):
        lines = [f"{json.dumps(str(name))}: {_laid_out(item, inner)}" for name, item in value.items()]
        opening, closing = "{", "}"
    else:
        lines = [_laid_out(item, inner, in_list=True) for item in value]
        opening, closing = "[", "]"
    return f"{opening}\n{inner}" + f",\n{inner}".join(lines) + f"\n{blanks}{closing}"


def _is_record(value: Any) -> bool:
    """Whether it has fields, and none of them is longer than a line."""
    return isinstance(value, dict) and all(
        not isinstance(item, (dict, list, tuple)) or len(json.dumps(item)) <= WIDTH for item in value.values()
    )
