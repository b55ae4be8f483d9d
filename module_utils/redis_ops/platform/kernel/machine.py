"""The machine below a root, so that a directory can stand for a host. The only part that reads and writes."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Optional

from ...base import files
from .. import host

FILE_MODE = 0o644
# what a machine says when it may not; anything else a write says is a failure
NOT_ALLOWED = (errno.EPERM, errno.EACCES, errno.EROFS, errno.ENOENT)


class Machine:
    """Paths are relative to `root`."""

    def __init__(self, root: Path = Path("/")) -> None:
        self.root = root

    def read(self, path: PurePosixPath) -> str:
        """'' when it cannot be read. Ansible refuses a result that is not UTF-8, and a diff shows this text."""
        return host.read(str(self.root / path)).encode(errors="surrogateescape").decode(errors="replace")

    def value(self, path: PurePosixPath) -> str:
        """A kernel value in force: '4096'; of 'always [madvise] never' the one in brackets; '' where there is none."""
        text = self.read(path)
        selected = re.search(r"\[([^\]]+)\]", text)
        return selected.group(1) if selected else text.strip()

    def note(self, path: PurePosixPath) -> str:
        """What to say before a value that was read from here."""
        del path
        return ""

    def names(self, directory: str) -> list[str]:
        try:
            return [path.name for path in (self.root / directory).iterdir()]
        except OSError:
            return []

    def exists(self, path: str) -> bool:
        return (self.root / path).exists()

    def mode(self, path: PurePosixPath) -> Optional[int]:
        """None: no such file."""
        try:
            return (self.root / path).stat().st_mode & 0o7777
        except OSError:
            return None

    def has_systemd(self) -> bool:
        return self.exists("run/systemd/system")

    def is_masked(self, unit: str) -> bool:
        link = self.root / "etc/systemd/system" / unit
        return link.is_symlink() and str(link.readlink()) == os.devnull

    def container(self) -> str:
        """'podman', 'docker', 'lxc' ...; '' on a machine that has a kernel of its own."""
        told_by_systemd = self.read(PurePosixPath("run/systemd/container")).strip()
        if told_by_systemd:
            return told_by_systemd
        if self.exists("run/.containerenv"):
            return "podman"
        if self.exists(".dockerenv"):
            return "docker"
        found = re.search(r"(?:^|\0)container=([^\0]*)", self.read(PurePosixPath("proc/1/environ")))
        return found.group(1) if found else ""

    def refusal_of_value(self, path: PurePosixPath) -> Optional[OSError]:
        """Whether the kernel lets us set this, asked without setting: a read-only /proc already refuses the open."""
        try:
            os.close(os.open(self.root / path, os.O_WRONLY))
        except OSError as error:
            return error
        return None

    def refusal_of_file(self, path: PurePosixPath) -> Optional[OSError]:
        parent = (self.root / path).parent
        while not parent.exists():
            parent = parent.parent
        if os.access(parent, os.W_OK):
            return None
        read_only = os.statvfs(parent).f_flag & os.ST_RDONLY
        code = errno.EROFS if read_only else errno.EACCES
        return OSError(code, os.strerror(code), str(parent))

    def set_value(self, path: PurePosixPath, value: str) -> None:
        (self.root / path).write_text(f"{value}\n", encoding="ascii")

    def write_file(self, path: PurePosixPath, text: str) -> None:
        files.write(files.FileSpec(str(self.root / path), FILE_MODE), text)

    def remove_file(self, path: PurePosixPath) -> None:
        (self.root / path).unlink()


class Foretold(Machine):
    """A machine as it would be read once these texts are written."""

    def __init__(self, root: Path, texts: Mapping[PurePosixPath, str]) -> None:
        super().__init__(root)
        self.texts = texts

    def read(self, path: PurePosixPath) -> str:
        return self.texts[path] if path in self.texts else super().read(path)

    def names(self, directory: str) -> list[str]:
        written = [path.name for path in self.texts if path.parent == PurePosixPath(directory)]
        return [*super().names(directory), *written]

    def note(self, path: PurePosixPath) -> str:
        return "would be " if path in self.texts else ""
