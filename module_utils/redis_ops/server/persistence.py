"""Where an instance keeps its data on disk, and whether its append-only file is whole."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

from ..base.engine import Engine
from ..base.errors import InvalidValue, plain
from ..base.files import FileSpec, look, read
from ..base.paths import open_directory
from ..catalog.kinds import Value
from ..model.conffile import split_arguments
from ..model.desired import DesiredState

MULTI_PART_AOF = "redis 7.0"
# fields of INFO persistence that are 1 while the server writes its files anew, or is about to
REWRITES = ("aof_rewrite_in_progress", "aof_rewrite_scheduled")
SAVES = (*REWRITES, "rdb_bgsave_in_progress")
# what a server does beside serving
AT_WORK = {
    "loading": "it loads its data",
    "async_loading": "it loads its data",
    "rdb_bgsave_in_progress": "a save runs",
    "aof_rewrite_in_progress": "an AOF rewrite runs",
    "aof_rewrite_scheduled": "an AOF rewrite is scheduled",
    "module_fork_in_progress": "a module has forked",
}


@dataclass(frozen=True)
class Store:
    """The data files of one instance."""

    directory: Path
    rdb: Path
    aof: Path  # the manifest since 7.0, the one file before
    old_aof: Path  # the one file, which 7.0 takes over when it has no manifest yet

    @classmethod
    def of(cls, values: Mapping[str, Value], engine: Engine, beside: str = "/") -> Store:
        """values: canonical option name -> value, as declared, in a file, or reported.

        beside: the working directory of the server's start, which decides where a relative or absent `dir` is.
        """

        def value(name: str) -> str:
            found = values.get(name)
            return found if isinstance(found, str) and found else str(DesiredState(engine, {}).get(name) or "")

        directory = Path(beside, value("dir"))
        name = value("appendfilename")
        if engine.reached(MULTI_PART_AOF):
            aof = directory / value("appenddirname") / f"{name}.manifest"
        else:
            aof = directory / name
        return cls(directory, directory / value("dbfilename"), aof, directory / name)

    # Each of these raises FileRefused where another user than root has put a link, and OSError.

    def has_dump(self) -> bool:
        """Whether there is an RDB file."""
        return is_there(self.rdb)

    def has_aof(self) -> bool:
        """Whether there is an AOF: its manifest since 7.0, its one file before."""
        return is_there(self.aof)

    def manifest(self) -> Optional[str]:
        """The text of the manifest; None where there is none, or the AOF is one file."""
        return None if self.aof == self.old_aof else read(FileSpec(str(self.aof)))

    def aof_files(self) -> list[Path]:
        """The files that hold the AOF. Raises InvalidValue when the manifest cannot be read as one."""
        manifest = self.manifest()
        if manifest is None:
            return [self.old_aof] if is_there(self.old_aof) else []
        return [self.aof.parent / name for name in manifest_files(manifest)]

    def orphans(self) -> list[str]:
        """Names in the directory of a multi-part AOF that its manifest does not list, as they can be shown."""
        manifest = self.manifest()
        if manifest is None:
            return []
        try:
            listed = manifest_files(manifest, history=True)
        except InvalidValue:
            return []
        with open_directory(str(self.aof.parent)) as directory:
            return sorted(map(plain, {*directory.names()} - {self.aof.name, *listed}))

    def problems(self) -> list[str]:
        """What keeps the AOF on disk from being loadable, as text; empty when it is whole."""
        try:
            files = self.aof_files()
        except InvalidValue as error:
            return [plain(f"{self.aof}: {error}")]
        if not files or (files == [self.old_aof] != [self.aof]):
            return [plain(f"{self.aof} is missing")]
        return [plain(f"{path} is missing") for path in files if not is_there(path)]


def is_there(path: Path) -> bool:
    """Whether there is anything. Raises FileRefused for a link of another user than root; OSError."""
    return look(str(path)) is not None


def manifest_files(text: str, *, history: bool = False) -> list[str]:
    """The base and increment files that a manifest lists; history files are not data (aof.c aofLoadManifestFromFile),
    and only the server deletes them.

    Raises InvalidValue for a line that Redis would refuse. It names the line by its number: the file may be another than
    it seems, and what it says nobody else's business.
    """
    names = []
    lines = text.split("\n")
    for number, line in enumerate(lines[:-1] if lines[-1] == "" else lines, start=1):
        if line.startswith("#"):
            continue
        words = split_arguments(line)
        fields = dict(zip(words[::2], words[1::2])) if words and len(words) % 2 == 0 else {}
        if not {"file", "seq", "type"} <= fields.keys() or fields["type"] not in ("b", "i", "h"):
            raise InvalidValue(f"a manifest line 'file NAME seq N type T' in line {number}")
        if "/" in fields["file"] or fields["file"] in (".", ".."):
            raise InvalidValue(f"a file name without a path in line {number}")  # as pathIsBaseName in aof.c
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


def libraries(info: Mapping[str, Any]) -> int:
    """Libraries of functions, from INFO; 0 before Redis 7.0, which has none."""
    return int(info.get("number_of_libraries", 0))


@dataclass(frozen=True)
class Content:
    """How much a server holds: keys that do not expire, and libraries of functions. Both are in its data files."""

    keys: int = 0
    libraries: int = 0

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Content:
        """What INFO says."""
        return cls(keys(info, lasting=True), libraries(info))

    def missing(self, info: Mapping[str, Any]) -> str:
        """What of it a server with this INFO came back without, for people; '' for nothing. Keys may go meanwhile, most of
        them only where others were loaded. A library goes only when somebody deletes it.
        """
        lost_keys = self.keys - keys(info)
        if lost_keys == self.keys > 0:
            return f"its {self.keys} keys"
        if lost_keys > self.keys / 2:
            return f"{lost_keys} of its {self.keys} keys"
        lost = self.libraries - libraries(info)
        return f"{lost} of its {self.libraries} libraries of functions" if lost > 0 else ""


def holds_data(info: Mapping[str, Any]) -> bool:
    """Whether a running server has keys, or functions, which it saves as it saves keys."""
    return keys(info) > 0 or libraries(info) > 0


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
