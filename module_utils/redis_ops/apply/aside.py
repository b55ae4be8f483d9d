"""What a run must not lose is moved or copied, never overwritten; and what a killed run left goes."""

from __future__ import annotations

import contextlib
import os
import re
import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import Optional

from ..base.change import Change
from ..base.drafts import DRAFT
from ..base.errors import FileRefused
from ..base.files import FileSpec, drafts_left, look, read, sweep, write
from ..base.moves import Owner, move, names_in, remove_file
from ..base.paths import naming, open_directory
from ..base.statefile import keep_private
from ..base.trees import make_directory
from ..platform.state import STATE_DIRECTORY
from ..server.datasets import own_parts
from ..server.persistence import Store
from ..view.instance import Instance, record_of

MARK = "before-ansible"
ASIDE = f"{STATE_DIRECTORY}/aside"  # below a service and a date, files lie as they lay below /


def keep_copy(config: FileSpec, text: Optional[str]) -> Optional[str]:
    """Copy the configuration that somebody else wrote beside the new one, with a date and for root only.

    Returns the path of the copy, which may be that of a run that was killed; None when there was nothing.
    Raises FileRefused, OSError.
    """
    if text is None:
        return None
    for copy in copies(config):
        if read(FileSpec(copy)) == text:
            return copy
    path = f"{config.path}.{_stamp()}.{MARK}"
    write(FileSpec(path, 0o600), text, follow=False)
    return path


def drop_copies(config: FileSpec, text: Optional[str]) -> None:
    """Remove the copies of a file that has this text again. Raises FileRefused, OSError."""
    for copy in copies(config):
        if read(FileSpec(copy)) == text:
            remove_file(copy, config.owner)


def _unfinished_copies(config: FileSpec) -> Iterator[FileSpec]:
    """The copies of a file that killed runs have not finished. Raises nothing."""
    place = PurePosixPath(config.path)
    draft = re.compile(rf"\.({re.escape(place.name)}\.\d{{8}}T\d{{6}}Z\.{MARK})\.[0-9a-f]{{16}}{re.escape(DRAFT)}")
    names: list[str] = []
    with contextlib.suppress(OSError, FileRefused), open_directory(str(place.parent), config.owner) as directory:
        names = directory.names()
    for found in filter(None, map(draft.fullmatch, names)):
        yield replace(config, path=str(place.with_name(found[1])))


def copies(config: FileSpec) -> list[str]:
    """Those of this project's copies of a file that nobody else can have made, oldest first."""
    place = PurePosixPath(config.path)
    found = []
    with open_directory(str(place.parent), config.owner) as directory:
        for name in sorted(directory.names()):
            if name.startswith(f"{place.name}.") and name.endswith(f".{MARK}"):
                state = directory.look(name)
                if state is not None and state.st_uid == os.geteuid() and stat.S_ISREG(state.st_mode):
                    found.append(str(place.with_name(name)))
    return found


def move_away(path: str, service: str, files: Change) -> str:
    """Take a unit file of somebody else away, with a copy in this project's own directory. Returns the path of the copy.
    service: the unit that it belongs to.

    Raises FileRefused, OSError.
    """
    copy = f"{ASIDE}/{service}/{_stamp()}{path}"
    keep_private(copy, read(FileSpec(path)) or "")
    files.stage_removal(FileSpec(path))
    return copy


def moved_away(service: str) -> dict[str, str]:
    """The unit files that were moved away: where each lay -> its copy. The newest copy counts."""
    found = {}
    for stamp in names_in(f"{ASIDE}/{service}"):
        top = f"{ASIDE}/{service}/{stamp}"
        for directory, _, names in os.walk(top):
            whole = [name for name in names if not (name.startswith(".") and name.endswith(DRAFT))]
            found.update({f"{directory.removeprefix(top)}/{name}": f"{directory}/{name}" for name in whole})
    return found


def set_aside(path: str, owner: Owner) -> str:
    """Rename a file of data in its place. owner: the user of the server. Returns its new path.

    Raises FileRefused for a link of another user on the way, OSError.
    """
    place, target = PurePosixPath(path), _aside(path)
    with open_directory(str(place.parent), owner) as directory, naming(path):
        os.rename(place.name, target.name, src_dir_fd=directory.descriptor, dst_dir_fd=directory.descriptor)
        directory.sync()
    return str(target)


def set_parts_aside(store: Store, owner: Owner) -> str:
    """Move the files of a multi-part AOF to a new directory beside theirs, its manifest first. What other servers have there
    stays. owner: the user of the server. Returns the path of the new directory.

    Raises as set_aside().
    """
    source, target = str(store.aof.parent), str(_aside(str(store.aof.parent)))
    found = look(source, owner)
    if found is not None:
        make_directory(target, stat.S_IMODE(found.st_mode), found.st_uid, found.st_gid)
        move(sorted(own_parts(store), key=lambda name: name != store.aof.name), source, target, owner)
    return target


def _aside(path: str) -> PurePosixPath:
    place = PurePosixPath(path)
    return place.with_name(f"{place.name}.{_stamp()}.set-aside")


def sweep_drafts(instance: Instance) -> None:
    """Remove what a killed run left beside the files of an instance. It may hold passwords."""
    for target in _written(instance):
        sweep(target)


def has_drafts(instance: Instance) -> bool:
    """Whether a killed run left something that sweep_drafts() removes."""
    return any(map(drafts_left, _written(instance)))


def _written(instance: Instance) -> Iterator[FileSpec]:
    """The files of an instance that a run writes, with the copies of its configuration that one has not finished."""
    if instance.service:
        yield FileSpec(instance.service.drop_in_path())
    if instance.state:
        yield from (FileSpec(instance.state), FileSpec(record_of(instance).last_good_path))
    if instance.config:
        yield instance.config
        yield from _unfinished_copies(instance.config)


def _stamp() -> str:
    return datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
