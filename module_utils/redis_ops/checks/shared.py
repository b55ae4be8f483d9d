"""Whether two instances meet on a port, a file or in one data directory, by what each will really have. Pure.

model.resolve compares what is declared. A server that is kept as it is has values that nobody declares.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..base.errors import Problem
from ..model.resolve import EXCLUSIVE
from ..view.host import HostView, Seen


def problems(view: HostView) -> Iterator[Problem]:
    """One for each value that an earlier instance has already."""
    owners: dict[tuple[str, object], tuple[Seen, str]] = {}
    for seen in view.instances:
        for name in EXCLUSIVE:
            value = seen.view.wanted_store.directory if name == "dir" else seen.view.plan.desired.get(name)
            if not value:
                continue
            other, as_what = owners.setdefault(("port" if name == "tls-port" else name, value), (seen, name))
            if (other, as_what) != (seen, name):
                yield Problem(
                    f"{seen.where}: {name}",
                    f"{value} is already the {as_what} of {other.where}",
                    "one of its own for each instance",
                    f"change {name} of one of them",
                )
