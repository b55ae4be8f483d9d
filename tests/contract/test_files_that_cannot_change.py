"""A file that cannot be written, or put back: found before anything is in force, and live settings go back whatever happens.

Field cases A26 and A27.
"""

from __future__ import annotations

import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base import drafts
from ansible.module_utils.redis_ops.base.change import Change
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.server.connection import Credentials
from hostile import as_root
from instances import ONE, Lab, lab

__all__ = ["lab"]
pytestmark = as_root

PASSWORD = "new-pw-5c1d"
WANTED = {"timeout": 5, "requirepass": PASSWORD, "appendonly": "yes"}


def run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"{' '.join(command)}: {done.stderr.strip()}")


@contextlib.contextmanager
def immutable(path: Path) -> Iterator[None]:
    run("chattr", "+i", str(path))
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True)


@contextlib.contextmanager
def mounted(*words: str, place: Path) -> Iterator[None]:
    run("mount", *words, str(place))
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)


@contextlib.contextmanager
def full(place: Path) -> Iterator[None]:
    """A small file system without a free byte."""
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 1024)
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def obstacle(lab: Lab, kind: str) -> Iterator[None]:
    if kind == "immutable":
        with immutable(lab.config_path):
            yield
    elif kind == "immutable directory":
        with immutable(lab.config_path.parent):
            yield
    elif kind == "immutable record":
        with immutable(lab.state):
            yield
    elif kind == "mount point":
        with mounted("--bind", str(lab.config_path), place=lab.config_path):
            yield
    elif kind == "read-only":
        etc = lab.config_path.parent
        with mounted("--bind", str(etc), place=etc):
            run("mount", "-o", "remount,bind,ro", str(etc))
            yield
    else:
        with full(lab.config_path.parent):
            yield


REASONS = {
    "immutable": "redis.conf: cannot be replaced; expected a file and a directory that are not immutable; .* lsattr",
    "immutable directory": "redis.conf: cannot be replaced",
    "immutable record": "applied.json: cannot be replaced",
    "mount point": "redis.conf: is a mount point",
    "read-only": "redis.conf: Read-only file system",
    "full": "redis.conf: No space left on device",
}


def state_of(lab: Lab) -> tuple[object, ...]:
    return lab.text, lab.config(), sorted(path.name for path in lab.config_path.parent.iterdir()), lab.state.read_text()


@ONE
@pytest.mark.parametrize("kind", REASONS)
def test_what_cannot_be_written_is_found_before_anything_is_in_force(lab, kind):
    with contextlib.ExitStack() as stack:
        if kind == "full":
            stack.enter_context(mounted("-t", "tmpfs", "-o", "size=64k", "tmpfs", place=lab.config_path.parent))
        lab.converge()
        lab.fill(100)
        before, pid = state_of(lab), lab.service.pid()
        with obstacle(lab, kind), pytest.raises(ApplyFailed, match=REASONS[kind]) as caught:
            lab.converge(WANTED)
        assert PASSWORD not in str(caught.value)
        assert state_of(lab) == before
        assert (lab.service.pid(), lab.keys()) == (pid, 100)
        lab.converge(WANTED)
        lab.password = PASSWORD
        assert lab.get("timeout") == "5"
        assert lab.keys() == 100
        lab.service.kill()


@ONE
def test_a_file_that_becomes_immutable_meanwhile(lab, monkeypatch):
    """After everything was staged, so that the files fail when the settings are in force already."""
    lab.converge()
    before, commit = state_of(lab), Change.commit

    def late(change):
        run("chattr", "+i", str(lab.config_path))
        commit(change)

    monkeypatch.setattr(Change, "commit", late)
    try:
        with pytest.raises(ApplyFailed, match=r"redis\.conf: Operation not permitted; the files are as they were"):
            lab.converge(WANTED)
    finally:
        run("chattr", "-i", str(lab.config_path))
    monkeypatch.undo()
    assert (lab.text, lab.get("timeout"), lab.get("requirepass")) == (before[0], "0", "")
    lab.converge(WANTED)
    lab.password = PASSWORD
    assert (lab.get("timeout"), state_of(lab)[2]) == ("5", before[2])


@ONE
def test_a_file_that_cannot_be_put_back_keeps_nothing_else_from_it(lab, monkeypatch):
    """A26: the settings in force went on, with a password that no file had, and locked the next run out."""
    lab.converge()
    before, place = state_of(lab), drafts.put_in_place

    def late(where, draft):
        if where.path == str(lab.state):
            run("chattr", "+i", str(lab.config_path))
            raise OSError(5, "Input/output error", where.path)
        place(where, draft)

    monkeypatch.setattr(drafts, "put_in_place", late)
    try:
        with pytest.raises(ApplyFailed) as caught:
            lab.converge(WANTED)
    finally:
        run("chattr", "-i", str(lab.config_path))
    monkeypatch.undo()
    said = str(caught.value)
    assert f"{lab.state}: Input/output error" in said
    assert f"{lab.state.with_suffix('.conf')} is as it was" in said
    assert f"not put back: {lab.config_path}: Operation not permitted" in said
    assert PASSWORD not in said
    assert (lab.get("timeout"), lab.get("requirepass"), lab.get("appendonly")) == ("0", "", "no")
    lab.converge(WANTED, credentials=[Credentials("", PASSWORD)])
    lab.password = PASSWORD
    assert (lab.get("timeout"), state_of(lab)[2]) == ("5", before[2])


@ONE
def test_a_restart_that_fails_and_a_file_that_cannot_be_put_back(lab):
    lab.converge()
    lab.service.before_stop = lambda: run("chattr", "+i", str(lab.config_path))
    try:
        with pytest.raises(ApplyFailed, match="nor with the old ones") as caught:
            lab.converge({"aclfile": "/no/such/users.acl"}, restart=True)
        [kept] = lab.config_path.parent.glob(".redis.conf.*.before")
        assert f"not put back: {lab.config_path}: Operation not permitted (what it was is {kept})" in str(caught.value)
    finally:
        run("chattr", "-i", str(lab.config_path))
    lab.service.before_stop = lambda: None
    lab.converge()
    assert lab.get("aclfile") == ""
    assert [path.name for path in lab.config_path.parent.iterdir()] == ["redis.conf"]


@ONE
def test_a_directory_of_the_configuration_that_is_gone_is_made(lab):
    """A27: every run failed, and said nothing to do about it."""
    lab.converge()
    shutil.rmtree(lab.config_path.parent)
    foreseen = lab.converge({"timeout": 5}, check=True)
    assert foreseen.actions[0] == f"make {lab.config_path.parent}"
    assert not lab.config_path.parent.exists()
    assert lab.converge({"timeout": 5}).actions == foreseen.actions
    assert not lab.converge({"timeout": 5}).changed
    assert "timeout 5" in lab.lines
