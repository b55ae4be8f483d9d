"""The data files of an instance on disk. A rewrite may end between two looks: what both see is so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from .facts import Fact
from .instance import InstanceView


@dataclass(frozen=True)
class DataFiles:
    """problems: what keeps the append-only file from being loadable. orphans: names beside its files that its manifest does
    not list. has_dump: whether there is an RDB file.
    """

    problems: Sequence[str]
    orphans: Sequence[str]
    has_dump: bool


def _read(view: InstanceView) -> DataFiles:
    store = view.store
    problems = [problem for problem in store.problems() if problem in store.problems()]
    orphans = [name for name in store.orphans() if name in store.orphans()]
    return DataFiles(problems, orphans, store.has_dump())


DATA_FILES = Fact("data files", _read)
