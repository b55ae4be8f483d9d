"""Where dead files wait until somebody deletes them: a directory in the data directory, in which root alone writes.

The data directory belongs to the server's user. Its directories are held open meanwhile: what that user puts in the place
of a name is not what is moved into, put back to or deleted.
"""

from __future__ import annotations

import contextlib
import os
import re
import secrets
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Optional

from ..base.errors import ApplyFailed, FileRefused, InvalidValue, plain
from ..base.owners import others_change, user_name
from ..base.paths import Directory, naming, open_directory
from ..base.trees import is_directory, make_inside, remove, remove_empty, size
from ..server import persistence
from ..view.dead_files import DeadFile, regular, seen

QUARANTINE = "aof-quarantine"  # in the data directory, so that moving is a rename
_OF_A_RUN = re.compile(r"\d{8}T\d{6}Z-\w{8}")  # what a run calls its own directory in there


@dataclass
class Quarantine:
    """The quarantine of one store, as a context. where: for errors. moved: each file that is in it by now, and where.

    Raises ApplyFailed when something else has its name.
    """

    where: str
    store: persistence.Store
    moved: dict[DeadFile, Directory] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)
    _data: Optional[Directory] = None
    _held: Optional[Directory] = None
    _from: dict[DeadFile, Directory] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return self.store.directory / QUARANTINE

    def __enter__(self) -> Quarantine:  # noqa: PYI034 - no Self before Python 3.11
        with ExitStack() as stack:
            if is_directory(str(self.store.directory)):
                self._data = stack.enter_context(open_directory(str(self.store.directory)))
                if self._data.look(QUARANTINE) is not None:
                    self._held = self._opened(stack, self._data)
            self._open = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()

    def is_there(self) -> bool:
        """Whether there is one."""
        return self._held is not None

    def names(self) -> list[str]:
        """What runs have put into it."""
        return self._held.names() if self._held else []

    def size(self, names: Sequence[str]) -> int:
        """Bytes of these."""
        return sum(size(self._held, name) for name in names) if self._held else 0

    def purge(self, names: Sequence[str]) -> None:
        """Delete these, and the quarantine when nothing is left in it."""
        for name in names if self._held else ():
            remove(_required(self._held), name)
        self.remove_empty()

    def remove_empty(self) -> None:
        """Remove directories without a file, and the quarantine when it is one."""
        if self._held is None or self._data is None:
            return
        for name in self._held.names():
            remove_empty(self._held, name)
        with contextlib.suppress(OSError):
            os.rmdir(QUARANTINE, dir_fd=self._data.descriptor)

    def move(self, dead: Sequence[DeadFile]) -> None:
        """Move them, under the names of their directories, so that a file can be put back by hand. What is in use by now
        stays. Raises OSError, FileRefused: then some may have been moved.
        """
        data = _required(self._data)
        if self._held is None:
            self._held = make_inside(data, QUARANTINE, 0o700)
            self._open.callback(os.close, self._held.descriptor)
        now = datetime.now(timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        place = make_inside(self._held, f"{now}-{secrets.token_hex(4)}", 0o700)
        self._open.callback(os.close, place.descriptor)
        places = {self.store.directory: (data, place)}
        for file in dead:
            if file.path.parent not in places:
                name = file.path.parent.name
                inner = make_inside(place, name, 0o700)
                self._open.callback(os.close, inner.descriptor)
                places[file.path.parent] = (self._open.enter_context(data.inside(name)), inner)
            source, target = places[file.path.parent]
            if not self._in_use(file, source):
                rename(file, source, target)
                self._from[file], self.moved[file] = source, target

    def took(self, file: DeadFile) -> bool:
        """Whether a file that was moved is not as it was seen, or the manifest of now has it as data."""
        return self._in_use(file, self.moved[file])

    def put_back(self, file: DeadFile) -> bool:
        """The descriptor of a server that has it open follows. False when its name is taken again: nothing is overwritten.

        Raises OSError.
        """
        name, held, source = file.path.name, self.moved[file], self._from[file]
        with naming(str(file.path)):
            try:
                os.link(name, name, src_dir_fd=held.descriptor, dst_dir_fd=source.descriptor, follow_symlinks=False)
            except FileExistsError:
                return False
            except OSError:  # a file system without hard links, or what somebody put there is none that can have one
                if source.look(name) is not None:
                    return False
                rename(file, held, source)
            else:
                os.unlink(name, dir_fd=held.descriptor)
        del self.moved[file]
        return True

    def put_all_back(self) -> str:
        """What became of them, for an error."""
        count, left = len(self.moved), []
        for file, held in list(self.moved.items()):
            with contextlib.suppress(OSError):
                if self.put_back(file):
                    continue
            left.append(held.at(file.path.name))
        if left:
            return f"what was moved was put back, but not {', '.join(left)}"
        return f"what was moved was put back ({count} files)" if count else "nothing was moved"

    def _in_use(self, file: DeadFile, directory: Directory) -> bool:
        """Whether a file, which by now lies in `directory`, is not as it was seen, or the manifest has it as data."""
        if file.by_manifest:
            try:
                manifest = self.store.manifest()
                if manifest is None or file.path.name in persistence.manifest_files(manifest):
                    return True
            except (InvalidValue, FileRefused, OSError):
                return True
        found = regular(directory, file.path.name)
        return found is None or seen(found) != file.seen

    def _opened(self, stack: ExitStack, data: Directory) -> Directory:
        """The one that is there. The server's user can give its name to any directory beside it, root's among them."""
        try:
            held = stack.enter_context(data.inside(QUARANTINE))
        except OSError:
            raise self._refusal("is not a directory", "remove it") from None
        if others_change(os.fstat(held.descriptor)):
            raise self._refusal(f"belongs to {user_name(held.uid)}, or others can write it", "remove it")
        foreign = [name for name in held.names() if not _OF_A_RUN.fullmatch(name)]
        if foreign:
            raise self._refusal(f"holds {foreign[0]}, which no run put there", "move that elsewhere")
        return held

    def _refusal(self, what: str, remedy: str) -> ApplyFailed:
        return ApplyFailed(plain(f"{self.where}: {self.path} {what}; nothing was moved or deleted; {remedy}"))


def rename(file: DeadFile, source: Directory, target: Directory) -> None:
    """Move a file from one open directory to another. Raises OSError with its path."""
    name = file.path.name
    with naming(str(file.path)):
        os.rename(name, name, src_dir_fd=source.descriptor, dst_dir_fd=target.descriptor)


def _required(directory: Optional[Directory]) -> Directory:
    if directory is None:
        raise ApplyFailed("there is no data directory")
    return directory
