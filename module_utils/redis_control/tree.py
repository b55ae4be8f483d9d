"""Where the modules and roles of this project are: in a checkout, or in an installed collection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Tree:
    """modules: the directory that holds a file for each module. roles: the directory that holds a directory for each role."""

    modules: Path
    roles: Path
    in_collection: bool


def of(module_utils: Path) -> Tree:
    """The tree that module_utils is a part of."""
    around = module_utils.parent
    if (around / "modules").is_dir():  # plugins/ of a collection
        return Tree(around / "modules", around.parent / "roles", in_collection=True)
    return Tree(around / "library", around / "roles", in_collection=False)


HERE = of(Path(__file__).resolve().parents[1])
