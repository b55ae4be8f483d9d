"""An unprivileged account that owns its directories, as `redis` owns those of a server, and uses them against root.

Three things: a place that belongs to the account, a tree of root's that must never change nor be told of, and a process of
the account that repeats one move as fast as it can while root works. It is stopped between two rounds, so that the test
itself does not walk into its traps.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count as count_from
from itertools import product
from pathlib import Path
from typing import Any

import pytest

ACCOUNT = 64001  # needs no name
ROUNDS = 200
# everything in the os module that goes to the file system
CALLS = (
    *("open", "stat", "lstat", "fstat", "readlink", "listdir", "scandir", "access", "statvfs", "fstatvfs", "fsync"),
    *(
        "rename",
        "replace",
        "link",
        "symlink",
        "unlink",
        "remove",
        "mkdir",
        "rmdir",
        "chmod",
        "chown",
        "fchmod",
        "fchown",
    ),
)
CANARY = "canary-9f1c6e0b"  # a secret of root's: whoever sees it has seen what nobody may
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root: another account has to own the directories")

# The moves, in the account's own process. `place` is its directory, `victim` root's tree.
_LIBRARY = """
import os, signal, sys
os.setgroups([]); os.setgid({account}); os.setuid({account})
place, victim = {place!r}, {victim!r}

def quiet(call, *arguments, **named):
    try:
        return call(*arguments, **named)
    except OSError:
        return None

def swap(path, target):
    '''Whatever has this name gives way to a link for a moment.'''
    quiet(os.rename, path, path + ".aside")
    quiet(os.symlink, target, path)
    quiet(os.unlink, path)
    quiet(os.rename, path + ".aside", path)

def replace_drafts(directory, target):
    '''Every new name in a directory becomes a link as soon as it is there.'''
    for name in quiet(os.listdir, directory) or ():
        if name.startswith("."):
            path = os.path.join(directory, name)
            quiet(os.unlink, path)
            quiet(os.symlink, target, path)

def replace_directories(directory, name, target):
    '''A directory that is being made is moved away, and a link or another directory gets its name.'''
    for found in quiet(os.listdir, directory) or ():
        if found == name or found.startswith("."):
            path = os.path.join(directory, found)
            quiet(os.rename, path, path + "-taken")
            quiet(os.symlink, target, path)
            quiet(os.unlink, path)

print("ready", flush=True)
while True:
{move}
"""


class Attacker:
    """The account at work. move: Python, with the functions above."""

    def __init__(self, move: str, place: Path, victim: Path) -> None:
        lines = "\n".join(f"    {line}" for line in move.strip().splitlines())
        script = _LIBRARY.format(account=ACCOUNT, place=str(place), victim=str(victim), move=lines)
        self._process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
        assert self._process.stdout.readline() == "ready\n"
        self.pause()

    def pause(self) -> None:
        self._process.send_signal(signal.SIGSTOP)
        while Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()[0] != "T":
            assert self._process.poll() is None, "the attacker died"

    def go_on(self) -> None:
        self._process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        self._process.kill()
        self._process.communicate(timeout=10)


@dataclass(frozen=True)
class Arena:
    """place: the account's. victim: root's, with secrets in it, which the account can neither read nor enter."""

    place: Path
    victim: Path

    def own(self, path: Path, mode: int = 0o750) -> Path:
        """A directory of the account's."""
        path.mkdir(parents=True, exist_ok=True)
        os.chown(path, ACCOUNT, ACCOUNT)
        path.chmod(mode)
        return path

    def put(self, path: Path, text: str, mode: int = 0o640) -> Path:
        """A file of the account's."""
        path.write_text(text)
        os.chown(path, ACCOUNT, ACCOUNT)
        path.chmod(mode)
        return path

    def roots(self, path: Path, text: str = "", mode: int = 0o644) -> Path:
        """A file of root's."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def link(self, path: Path, target: Path, owner: int = ACCOUNT) -> Path:
        path.symlink_to(target)
        os.chown(path, owner, owner, follow_symlinks=False)
        return path

    def empty(self) -> None:
        """Nothing in the account's place."""
        for path in self.place.iterdir():
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()

    def untouched(self) -> dict[str, Any]:
        """All there is to know of root's tree: names, owners, modes, times of writing and contents."""
        found: dict[str, Any] = {}
        for path in sorted([self.victim, *self.victim.rglob("*")]):
            state = path.lstat()
            text = path.read_bytes() if stat.S_ISREG(state.st_mode) else os.listdir(path)  # noqa: PTH208 - names
            found[str(path)] = (state.st_ino, state.st_mode, state.st_uid, state.st_gid, state.st_mtime_ns, text)
        return found

    def rounds(
        self, move: str, work: Callable[[], Any], reset: Callable[[], None] = lambda: None, times: int = 1
    ) -> list[str]:
        """Let root work while the account makes its move, so many times in each round. Whatever root was told.

        Fails when anything of root's changed, or anything was told of what is in it.
        """
        before, said = self.untouched(), []
        attacker = Attacker(move, self.place, self.victim)
        try:
            for count in range(1, ROUNDS + 1):
                reset()
                attacker.go_on()
                time.sleep(0.001)  # until it runs; else it would stand where it stood in the round before
                now = [told(work) for _ in range(times)]
                attacker.pause()
                assert self.untouched() == before, f"round {count}: something of root's changed; told: {now}"
                assert CANARY not in str(now), f"round {count}: a secret of root's was told"
                said += now
        finally:
            attacker.close()
        return said

    def moments(
        self, swaps: Sequence[tuple[str, str]], work: Callable[[], Any], reset: Callable[[], None] = lambda: None
    ) -> int:
        """The same without chance: for each call of the system that root makes, once with a swap right before it that
        lasts, and once with one that is gone at the next call. swaps: a name in the account's place, '.*' for what is being
        made, and what its link leads to in root's tree. How many moments there were.
        """
        before, count = self.untouched(), 0
        for (name, aim), lasting in product(swaps, (True, False)):
            for moment in count_from(1):
                reset()
                swap = _Swap(self.place, name, self.victim / aim, moment, lasting=lasting)
                with swap:
                    said = told(work)
                assert self.untouched() == before, f"{name} before call {moment}: something of root's changed; {said}"
                assert CANARY not in said, f"{name} before call {moment}: a secret of root's was told"
                if swap.calls < moment:
                    break
                count += 1
        return count


class _Swap:
    """At a given call of the system, counted from 1, a name is exchanged for a link, as its owner can at any time."""

    def __init__(self, place: Path, name: str, target: Path, moment: int, *, lasting: bool) -> None:
        self._place, self._name, self._target, self._moment, self._lasting = place, name, target, moment, lasting
        self.calls = 0
        self._aside: list[tuple[Path, Path]] = []
        self._real = {name: getattr(os, name) for name in CALLS}

    def __enter__(self) -> _Swap:  # noqa: PYI034 - no Self before Python 3.11
        for name, call in self._real.items():
            setattr(os, name, self._counted(call))
        return self

    def __exit__(self, *_: object) -> None:
        for name, call in self._real.items():
            setattr(os, name, call)

    def _counted(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*arguments: Any, **named: Any) -> Any:
            self.calls += 1
            if self.calls in (self._moment, self._moment + 1):
                self.__exit__()
                with contextlib.suppress(OSError):
                    self._swap() if self.calls == self._moment else self._swap_back()
                if self.calls == self._moment:
                    self.__enter__()
            return call(*arguments, **named)

        return counted

    def _swap(self) -> None:
        paths = self._place.glob(self._name) if self._name.startswith(".") else [self._place / self._name]
        for path in list(paths):
            aside = path.with_name(f"{path.name}-aside")
            if os.path.lexists(path):
                path.rename(aside)
                self._aside.append((aside, path))
            path.symlink_to(self._target)
            os.chown(path, ACCOUNT, ACCOUNT, follow_symlinks=False)

    def _swap_back(self) -> None:
        for aside, path in () if self._lasting else self._aside:
            path.unlink()
            aside.rename(path)


def told(work: Callable[[], Any]) -> str:
    """What comes of it: what it returns, or the error that it raises. A defect of the code is no answer."""
    from ansible.module_utils.redis_ops.base.errors import RedisOpsError
    from ansible.module_utils.redis_ops.base.errors import told as as_text

    try:
        return f"done: {work()!r}"
    except (RedisOpsError, OSError) as error:
        return f"refused: {as_text(error)}"


@contextlib.contextmanager
def arena(directory: str) -> Iterator[Arena]:
    """Not below pytest's own directory, which no other account can enter."""
    root = Path(tempfile.mkdtemp(prefix="hostile-", dir=directory))
    root.chmod(0o755)
    try:
        victim = root / "roots"
        victim.mkdir(mode=0o700)
        for name in ("shadow", "main.conf", "appendonly.aof.99.incr.aof", "sub/shadow", "sub/deep/file"):
            path = victim / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(f"root:{CANARY}:20000:0:99999:7:::\nerror: {CANARY} failed\n")
            path.chmod(0o600)
        found = Arena(root / "redis", victim)
        found.own(found.place, 0o2770)
        yield found
    finally:
        shutil.rmtree(root)


@pytest.fixture(name="arena")
def arena_fixture(request: pytest.FixtureRequest) -> Iterator[Arena]:
    """On a disk, whose waiting for it is when races are won; in memory for a test of every moment."""
    with arena("/dev/shm" if "every_moment" in request.node.name else "/var/tmp") as found:
        yield found
