"""What the callbacks of this project have in common."""

from __future__ import annotations

from ansible import constants

_present: set[str] = set()


def is_first(callback: str) -> bool:
    """Whether this callback has not been loaded before.

    ansible-core finds a callback beside a playbook and in a role. It loads the same callback once more by its full name,
    where the collection's is in callbacks_enabled.
    """
    first = callback not in _present
    _present.add(callback)
    return first


def belong_on_stderr() -> bool:
    """Whether standard output holds JSON, which a line of text would break."""
    return str(constants.DEFAULT_STDOUT_CALLBACK).rpartition(".")[2] in ("json", "jsonl")
