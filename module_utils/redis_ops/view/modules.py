"""The modules that a running server has loaded. Reads only."""

from __future__ import annotations

from .instance import InstanceView


def loaded(view: InstanceView) -> list[dict[str, str]]:
    """Name and, since Redis 7.0, path of each, as MODULE LIST tells them; none of a server that does not run.

    Raises AccessDenied, CommandRefused.
    """
    entries = view.connection.call("MODULE LIST") if view.connection is not None else []
    return [dict(zip(map(str, entry[::2]), map(str, entry[1::2]))) for entry in entries]
