"""Several files that change together, and go back together when the change fails.

Everything that can fail for want of space, or because a file is immutable or read-only, fails in stage(), before anything
is in force. The old files stay beside the new ones, so that putting one back is a rename, which needs no space.
"""

from __future__ import annotations

import errno
import os
from contextlib import ExitStack
from dataclasses import dataclass, field
from types import TracebackType
from typing import Optional

from . import drafts
from .drafts import Draft
from .errors import FileRefused, RedisOpsError, told
from .files import FileSpec, destination
from .paths import Place, naming

# what link(2) says of a file that rename(2) would not replace: what it is, what was expected, what to do
_NOT_REPLACED = {
    errno.EPERM: ("cannot be replaced", "a file and a directory that are not immutable", "look at both with lsattr"),
    errno.EXDEV: ("is a mount point", "a file that can be replaced", "write what is mounted there, or unmount it"),
}


@dataclass(frozen=True)
class PutBack:
    """What became of the files of a change that failed. back: those that are as they were; failed: the others, each with
    the reason.
    """

    back: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()

    def __str__(self) -> str:
        told_of = [f"{path} is as it was" for path in self.back] if self.failed else []
        return "; ".join([*told_of, *(f"not put back: {text}" for text in self.failed)]) or "the files are as they were"


@dataclass
class _File:
    """One file. staged: what it is going to be. before: the name of what it was, None when there was nothing or nothing
    is kept. written: what the change has put there. goes: it is going to be removed.
    """

    place: Place
    staged: Optional[Draft] = None
    before: Optional[str] = None
    written: Optional[Draft] = None
    goes: bool = False


@dataclass
class Change:
    """Files to be written. Use it as a context: at its end the drafts and the old files go away."""

    _files: dict[str, _File] = field(default_factory=dict)
    _bound: dict[str, str] = field(default_factory=dict)
    _open: ExitStack = field(default_factory=ExitStack)

    def stage(self, target: FileSpec, text: str) -> None:
        """Write the new file beside the old one, and keep the old one under a second name. Nothing is in force.

        Raises FileRefused, or OSError with the path, when the file cannot be replaced.
        """
        file = self._files.get(target.path)
        if file is None:
            file = _File(self._open.enter_context(destination(target)))
            file.before = self._keep(file.place)
            self._files[target.path] = file
        if file.staged is not None:
            drafts.remove(file.place, file.staged.name)
        file.staged = _draft(file.place, target, text)

    def stage_removal(self, target: FileSpec) -> None:
        """Let a file go away. Raises FileRefused, or OSError with the path, when it can't."""
        file = self._files.get(target.path)
        if file is None:
            file = self._files[target.path] = _File(self._open.enter_context(destination(target)))
            file.before = self._keep(file.place)
        file.goes = file.before is not None

    def commit(self) -> None:
        """Put what is staged in place, in the order of staging. Raises FileRefused; OSError with the path: then some of the
        files may be new, and put_back() is due.
        """
        for file in self._files.values():
            if file.staged is not None:
                file.written = file.staged
                drafts.put_in_place(file.place, file.written)
                file.staged = None  # until then close() removes the draft, which may hold secrets
            elif file.goes:
                file.goes = False
                with naming(file.place.path):
                    os.unlink(file.place.names[0], dir_fd=file.place.directory.descriptor)

    def bind(self, path: str, other: str) -> None:
        """Let put_back() leave the file at `path` as it is by then where it can't put `other` back: one says what the
        other is.
        """
        self._bound[path] = other

    def settle(self, path: str) -> None:
        """Let a file stay as it is now, whatever fails later."""
        file = self._files.get(path)
        if file is not None and file.staged is None:
            if file.before is not None:
                drafts.remove(file.place, file.before)
            file.written = file.before = None

    def goes_back_to(self, target: FileSpec, text: str) -> None:
        """Let put_back() leave this text, whatever was there before. Raises FileRefused, OSError."""
        file = self._files.get(target.path)
        if file is None:
            file = self._files[target.path] = _File(self._open.enter_context(destination(target)))
        older, file.before = file.before, _draft(file.place, target, text, drafts.BEFORE).name
        if older is not None:
            drafts.remove(file.place, older)

    @property
    def changed(self) -> bool:
        """Whether anything was put in place or removed."""
        return any(
            file.written is not None or (file.before is not None and not file.goes and file.staged is None)
            for file in self._files.values()
        )

    def put_back(self) -> PutBack:
        """Every file as it was before its first stage(), the last one first; those that were not there go away. Each for
        itself: one that cannot be put back does not keep the others from it, and what it was stays beside it until the
        next run. See bind() for the exception; such a file comes after all others.
        """
        back: list[str] = []
        failed: dict[str, str] = {}
        in_turn = list(reversed(self._files.items()))
        in_turn.sort(key=lambda item: item[0] in self._bound)
        for path, file in in_turn:
            if (file.written is None and file.before is None) or self._bound.get(path) in failed:
                continue
            try:
                self._put_back(file)
            except (OSError, RedisOpsError) as error:
                kept = f" (what it was is {file.place.directory.at(file.before)})" if file.before else ""
                failed[path] = f"{told(error)}{kept}"
                file.before = None
            else:
                back.append(path)
        return PutBack(tuple(back[::-1]), tuple(failed.values()))

    def close(self) -> None:
        """Remove the drafts and the old files; what is in force stays."""
        for file in self._files.values():
            for name in (file.staged and file.staged.name, file.before):
                if name:
                    drafts.remove(file.place, name)
        self._files.clear()
        self._open.close()

    def __enter__(self) -> Change:  # noqa: PYI034 - no Self before Python 3.11
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self.close()

    @staticmethod
    def _keep(place: Place) -> Optional[str]:
        """A second name for the file that is there now. It fails for what rename(2) cannot replace either: an immutable
        file, a mount point, a read-only file system.
        """
        name = drafts.new_name(place.names[0], drafts.BEFORE)
        directory = place.directory.descriptor
        try:
            with naming(place.path):
                os.link(place.names[0], name, src_dir_fd=directory, dst_dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return None
        except OSError as error:
            known = _NOT_REPLACED.get(error.errno or 0)
            if known is None:
                raise
            raise FileRefused(place.path, *known) from None
        return name

    @staticmethod
    def _put_back(file: _File) -> None:
        directory, name = file.place.directory, file.place.names[0]
        found, before = directory.look(name), directory.look(file.before) if file.before else None
        if file.before is not None:
            if found and before and os.path.samestat(found, before):
                drafts.remove(file.place, file.before)  # it is still the old one
            else:
                drafts.rename(file.place, file.before, name)
        elif file.written is not None and found and drafts.is_it(found, file.written):
            with naming(file.place.path):
                os.unlink(name, dir_fd=directory.descriptor)
                directory.sync()
        file.written = file.before = None


def _draft(place: Place, target: FileSpec, text: str, end: str = drafts.DRAFT) -> Draft:
    return drafts.write(place, text, target.mode, target.owner, target.group, end)
