"""Where an instance's data lies on disk, and which of its files a start would load.

The rule that costs people their data: a Redis that starts with `appendonly yes` and finds no AOF starts empty and
ignores dump.rdb; its next save then overwrites it (redis 7.0 server.c loadDataFromDisk; true up to Redis 8.2 and
Valkey 9.1).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..base.engine import Engine
from ..base.errors import InvalidValue
from ..catalog.kinds import Value
from ..model.conffile import split_arguments
from ..model.desired import DesiredState

MULTI_PART_AOF = "redis 7.0"
# fields of INFO persistence that are 1 while the server writes its files anew, or is about to
REWRITES = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
SAVES = (*REWRITES, "rdb_bgsave_in_progress")


@dataclass(frozen=True)
class Store:
    """The data files of one instance."""

    directory: Path
    rdb: Path
    aof: Path  # the manifest since 7.0, the one file before
    old_aof: Path  # the one file, which 7.0 takes over when it has no manifest yet

    @classmethod
    def of(cls, values: Mapping[str, Value], engine: Engine) -> Store:
        """values: canonical option name -> value, as declared, in a file, or reported."""

        def value(name: str) -> str:
            found = values.get(name)
            return found if isinstance(found, str) and found else str(DesiredState(engine, {}).get(name) or "")

        directory = Path(value("dir") or "/")
        name = value("appendfilename")
        if engine.reached(MULTI_PART_AOF):
            aof = directory / value("appenddirname") / f"{name}.manifest"
        else:
            aof = directory / name
        return cls(directory, directory / value("dbfilename"), aof, directory / name)

    def exists(self) -> bool:
        """Whether there is anything to lose."""
        return self.rdb.exists() or self.aof.exists() or self.old_aof.exists()

    def aof_files(self) -> list[Path]:
        """The files that hold the AOF. Raises InvalidValue when the manifest cannot be read as one."""
        if self.aof == self.old_aof or not self.aof.exists():
            return [self.old_aof] if self.old_aof.exists() else []
        return [self.aof.parent / name for name in manifest_files(self.aof.read_text(errors="surrogateescape"))]

    def starts_without_data(self, *, aof: bool, aof_was_on: bool) -> bool:
        """Whether a start with this `appendonly` would not load the newest data.

        A start loads the AOF or the dump, never both. The AOF has the data when it was on; else whichever is the newer,
        because an AOF that was switched off is left behind as it was.
        """
        try:
            files = self.aof_files()
        except InvalidValue:
            return False  # the server refuses to start on it, which loses nothing and is said
        there = [path.stat().st_mtime for path in files if path.exists()]
        if aof_was_on and files:
            aof_has_it = True
        elif not files or len(there) < len(files):
            aof_has_it = False
        else:
            aof_has_it = not self.rdb.exists() or self.rdb.stat().st_mtime <= max(there)
        return not aof if aof_has_it else aof and self.rdb.exists()

    def orphans(self) -> list[str]:
        """Names in the directory of a multi-part AOF that its manifest does not list. Raises nothing."""
        if self.aof == self.old_aof or not self.aof.exists():
            return []
        try:
            listed = manifest_files(self.aof.read_text(errors="surrogateescape"), history=True)
        except InvalidValue:
            return []
        return sorted({path.name for path in self.aof.parent.iterdir()} - {self.aof.name, *listed})

    def problems(self) -> list[str]:
        """What keeps the AOF on disk from being loadable, as text; empty when it is whole."""
        try:
            files = self.aof_files()
        except InvalidValue as error:
            return [str(error)]
        if not files or (files == [self.old_aof] != [self.aof]):
            return [f"{self.aof} is missing"]
        return [f"{path} is missing" for path in files if not path.exists()]


def manifest_files(text: str, *, history: bool = False) -> list[str]:
    """The base and increment files that a manifest lists; history files are not data (aof.c aofLoadManifestFromFile),
    and only the server deletes them.

    Raises InvalidValue for a line that Redis would refuse.
    """
    names = []
    for line in text.splitlines():
        if line.startswith("#"):
            continue
        words = split_arguments(line)
        if words is None or len(words) < 6 or len(words) % 2:
            raise InvalidValue(f"a manifest line 'file NAME seq N type T', not {line!r}")
        fields = dict(zip(words[::2], words[1::2]))
        if not {"file", "seq", "type"} <= fields.keys() or fields["type"] not in ("b", "i", "h"):
            raise InvalidValue(f"a manifest line 'file NAME seq N type T', not {line!r}")
        if history or fields["type"] != "h":
            names.append(fields["file"])
    return names


def keys(info: Mapping[str, Any], *, lasting: bool = False) -> int:
    """Keys in all databases, from INFO. lasting: only those that do not expire."""
    return sum(
        int(database["keys"]) - (int(database.get("expires", 0)) if lasting else 0)
        for name, database in info.items()
        # Redis 8 has db0_distrib_strings_sizes and the like beside db0
        if re.fullmatch(r"db\d+", name) and isinstance(database, dict)
    )


def highest_database(info: Mapping[str, Any]) -> int:
    """The highest number of a database with keys, -1 when there is none."""
    return max((int(name[2:]) for name in info if re.fullmatch(r"db\d+", name)), default=-1)


def at_work(info: Mapping[str, Any], fields: Sequence[str]) -> list[str]:
    """Those of these fields of INFO that say so."""
    return [name for name in fields if int(info.get(name, 0))]


def aof_is_on(info: Mapping[str, Any]) -> bool:
    """Whether an AOF that was switched on at run time is complete on disk (Redis documentation, persistence)."""
    return (
        bool(int(info.get("aof_enabled", 0)))
        and not at_work(info, REWRITES)
        and info.get("aof_last_bgrewrite_status") == "ok"
    )
