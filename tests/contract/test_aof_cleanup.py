"""Clearing old AOF files loses nothing: whatever lies beside the live ones, the server starts and has every key."""

from __future__ import annotations

import os
import random
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.apply import aof, quarantine
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.base.paths import Directory
from instances import OLD_AND_NEW, ONE, Lab, laboratory, until

LONG_AGO = 1_600_000_000
EARLIER = "20260101T000000Z-0a1b2c3d"  # what a run called its part of the quarantine
DEAD_PID = 4_100_000  # above any pid_max


@pytest.fixture
def lab(program, tmp_path):
    with laboratory(program, tmp_path / "lab", appendonly="yes", save="") as lab:
        _give_it_its_check(lab)
        lab.begin()
        lab.fill(100)
        yield lab


def _give_it_its_check(lab: Lab) -> None:
    """redis-check-aof is the server's own program under another name."""
    name = f"{lab.program.engine.name}-check-aof"
    command = lab.program.command()
    loader = [command[0], "--argv0", name] if "ld-linux" in command[0] else ["exec", "-a", name]
    words = [*loader, *command[1:]] if "ld-linux" in command[0] else [*loader, *command]
    start = "" if words[0] == "exec" else "exec "
    path = lab.service.home / name
    path.write_text(f'#!/bin/bash\n{start}{shlex.join(words)} "$@"\n')
    path.chmod(0o755)


def can_be_told_stopped(lab: Lab) -> bool:
    """valkey-check-aof 9 takes its own server's base files for broken, and then nothing is touched."""
    return not lab.program.engine.reached("valkey 9.0")


def clean(lab: Lab, *, compact: bool = False, purge: bool = False, check: bool = False) -> aof.Outcome:
    return aof.clean(lab.instance(), compact=compact, purge=purge, check=check)


def directory(lab: Lab) -> Path:
    """Where the parts of an AOF lie; the data directory where it has one part."""
    return lab.data / "appendonlydir" if lab.multi else lab.data


def litter(lab: Lab) -> set[Path]:
    """Dead files of every kind. Their paths."""
    found = {lab.data / f"temp-rewriteaof-{DEAD_PID}.aof", lab.data / f"temp-rewriteaof-bg-{DEAD_PID}.aof"}
    found |= {lab.data / f"temp-{DEAD_PID}.rdb"}
    if lab.multi:
        parts = ("appendonly.aof.99.incr.aof", "appendonly.aof.98.base.rdb", "temp-appendonly.aof.incr")
        found |= {directory(lab) / name for name in parts} | {lab.data / "appendonly.aof"}
    for path in found:
        path.write_bytes(b"REDIS0011 something that was once an AOF")
        os.utime(path, (LONG_AGO, LONG_AGO))
    return found


def bystanders(lab: Lab) -> set[Path]:
    """What looks like it and is not ours to take."""
    fresh = lab.data / f"temp-rewriteaof-{DEAD_PID + 1}.aof"
    fresh.write_bytes(b"a rewrite of right now")
    mine = directory(lab) / "appendonly.aof.1.incr.aof.bak"
    mine.write_bytes(b"somebody's copy")
    target = lab.directory / "elsewhere"
    target.write_bytes(b"not here")
    link = directory(lab) / "appendonly.aof.97.incr.aof"
    link.symlink_to(target)
    return {fresh, mine, link, target, *([] if lab.multi else [lab.data / "appendonly.aof"])}


@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_the_dead_go_and_the_living_stay(lab, stopped):
    dead, living = litter(lab), bystanders(lab)
    if stopped:
        lab.service.stop()
    if stopped and not can_be_told_stopped(lab):
        with pytest.raises(ApplyFailed, match="start the server"):
            clean(lab)
        assert all(path.exists() for path in dead)
        lab.start()
    before = lab.everything()
    foreseen = clean(lab, check=True)
    assert {file.path for file in foreseen.files} == dead
    assert lab.everything() == before, "check mode touched something"
    done = clean(lab)
    assert {file.path for file in done.files} == dead
    assert not [path for path in dead if path.exists()]
    assert all(path.exists() or path.is_symlink() for path in living)
    kept = {path.name for path in (lab.data / quarantine.QUARANTINE).rglob("*") if path.is_file()}
    assert kept == {path.name for path in dead}
    lab.service.stop()
    lab.start()
    assert lab.keys() == 100
    again = clean(lab)
    assert (again.actions, again.files) == ([], [])
    assert clean(lab, purge=True).actions
    assert not (lab.data / quarantine.QUARANTINE).exists()
    assert clean(lab, purge=True).actions == []


@pytest.mark.parametrize("seed", range(8))
def test_whatever_happened_before_every_key_is_there_after(lab, seed):
    """Rewrites, switches, kills and litter in any order; then a cleanup, running or stopped; then a start."""
    chance = random.Random(f"{seed} {lab.program.version}")
    count = 100
    for _ in range(chance.randint(1, 4)):
        happens = chance.choice(("rewrite", "kill", "litter", "switch", "write"))
        if happens == "rewrite":
            lab.ask("BGREWRITEAOF")
            until(lambda: lab.info()["aof_rewrite_in_progress"] == "0", "the rewrite")
        elif happens == "kill":
            until(lambda: lab.ask("PING"), "the server")
            lab.service.stop() if chance.random() < 0.5 else _crash(lab)
            lab.start()
        elif happens == "litter":
            litter(lab)
        elif happens == "switch":
            lab.ask("CONFIG", "SET", "appendonly", "no")
            lab.ask("CONFIG", "SET", "appendonly", "yes")
            until(
                lambda: lab.info()["aof_rewrite_in_progress"] == lab.info()["aof_rewrite_scheduled"] == "0", "the AOF"
            )
        else:
            count += 50
            lab.fill(count)
    compact = chance.random() < 0.3
    if not compact and can_be_told_stopped(lab) and chance.random() < 0.5:
        lab.service.stop()
    clean(lab, compact=compact)
    if lab.service.pid():
        _crash(lab)
    lab.start()
    assert lab.keys() == count
    lab.bounce()
    assert lab.keys() == count


def _crash(lab: Lab) -> None:
    """With what was written already at the kernel's, as appendfsync everysec leaves it to a process that dies."""
    lab.ask("SET", "key:1", "1")
    lab.service.kill()


def test_compacting_makes_it_small(lab):
    for _ in range(20):
        lab.fill(100)
    before = int(lab.info()["aof_current_size"])
    [action] = clean(lab, compact=True).actions
    assert action.startswith("write the AOF anew")
    assert int(lab.info()["aof_current_size"]) < before
    assert lab.keys() == 100


@OLD_AND_NEW
@pytest.mark.parametrize("stopped", [False, True], ids=["running", "stopped"])
def test_an_aof_that_is_not_sound_is_left_as_it_is(lab, stopped):
    """What lies beside it may be all there is of the data."""
    litter(lab)
    if stopped:
        lab.service.stop()
    parts = [path for path in directory(lab).iterdir() if path.suffix == ".manifest"] or [lab.data / "appendonly.aof"]
    harmed = parts[0]
    if harmed.suffix == ".manifest":
        harmed.write_text("file appendonly.aof.1.base.rdb seq\n")
    elif stopped:
        harmed.write_bytes(b"*1\r\n$9\r\nnot an AOF at all" + b"x" * 100 + b"\r\n" * 3)
    else:
        pytest.skip("a running 6.2 does not need its one file again")
    before = lab.everything()
    with pytest.raises(ApplyFailed, match="nothing was moved"):
        clean(lab)
    assert lab.everything() == before


@ONE
def test_nothing_moves_while_a_rewrite_goes_on(lab):
    dead = litter(lab)
    lab.ask("CONFIG", "SET", "rdb-key-save-delay", "20000")
    lab.ask("BGREWRITEAOF")
    until(lambda: lab.info()["aof_rewrite_in_progress"] == "1", "the rewrite to begin")
    with pytest.raises(ApplyFailed, match="aof_rewrite_in_progress"):
        clean(lab, check=True)
    assert all(path.exists() for path in dead)


@ONE
def test_files_of_a_living_child_are_not_left_over(lab):
    """A temporary file is a dead process's only when no Redis has its number."""
    path = lab.data / f"temp-rewriteaof-bg-{lab.service.pid()}.aof"
    path.write_bytes(b"at work")
    os.utime(path, (LONG_AGO, LONG_AGO))
    assert path not in {file.path for file in clean(lab).files}
    assert path.exists()


def rewrite(lab: Lab) -> None:
    lab.ask("BGREWRITEAOF")
    until(lambda: lab.info()["aof_rewrite_in_progress"] == lab.info()["aof_rewrite_scheduled"] == "0", "the rewrite")


def begin_rewrite(lab: Lab) -> None:
    """One that still goes on when this returns."""
    lab.ask("CONFIG", "SET", "rdb-key-save-delay", "5000")
    lab.ask("BGREWRITEAOF")
    until(lambda: lab.info()["aof_rewrite_in_progress"] == "1", "the rewrite to begin")


def once(monkeypatch, owner, name, when, happens):
    """Something happens right before the first call for which `when` is true."""
    original, done = getattr(owner, name), []

    def hooked(*arguments, **named):
        if not done and when(*arguments):
            done.append(True)
            happens()
        return original(*arguments, **named)

    monkeypatch.setattr(owner, name, hooked)
    return done


def has_every_key_after_a_restart(lab: Lab) -> None:
    until(lambda: lab.info()["aof_rewrite_in_progress"] == "0", "the rewrite")
    lab.fill(150)
    lab.bounce()
    assert lab.keys() == 150


def orphan(lab: Lab) -> Path:
    """What a killed rewrite leaves: the name that the next one takes."""
    path = directory(lab) / "appendonly.aof.2.incr.aof"
    path.write_bytes(b"*1\r\n$4\r\nPING\r\n")
    os.utime(path, (LONG_AGO, LONG_AGO))
    return path


@OLD_AND_NEW
@pytest.mark.parametrize("happens", [rewrite, begin_rewrite])
@pytest.mark.parametrize("moment", ["list", "move", "rename"])
def test_a_rewrite_that_begins_meanwhile_keeps_its_files(lab, monkeypatch, moment, happens):
    """Before the directory is listed, between the scan and the move, and at the last moment before a file is moved."""
    if not lab.multi:
        pytest.skip("one file, which is never moved")
    taken = orphan(lab)
    hooks = {
        "list": (Directory, "names", lambda self: self.path == str(directory(lab))),
        "move": (quarantine.Quarantine, "move", lambda *_: True),
        "rename": (quarantine, "rename", lambda file, *_: file.path == taken),
    }
    done = once(monkeypatch, *hooks[moment], lambda: happens(lab))
    outcome = clean(lab)
    assert done
    assert taken not in {file.path for file in outcome.files}
    assert taken.exists()
    if moment == "rename":
        assert [action for action in outcome.actions if action.startswith(f"put back {taken}")]
    has_every_key_after_a_restart(lab)


@OLD_AND_NEW
def test_what_was_written_a_moment_ago_is_not_dead(lab):
    if not lab.multi:
        pytest.skip("one file, which is never moved")
    for name in ("appendonly.aof.99.incr.aof", "appendonly.aof.98.base.rdb"):
        (directory(lab) / name).write_bytes(b"a rewrite may be about to list it")
    assert clean(lab).files == []


@ONE
def test_a_server_that_starts_meanwhile_is_left_alone(lab, monkeypatch):
    dead = litter(lab)
    lab.service.stop()
    once(monkeypatch, aof, "scan", lambda *_: True, lab.start)
    with pytest.raises(ApplyFailed, match="nothing was moved"):
        clean(lab)
    assert all(path.exists() for path in dead)


@ONE
def test_a_move_that_fails_puts_all_back(lab, monkeypatch):
    dead = litter(lab)

    def fails():
        raise OSError(18, "Invalid cross-device link")

    last = lab.data / f"temp-{DEAD_PID}.rdb"
    once(monkeypatch, quarantine, "rename", lambda file, *_: file.path == last, fails)
    with pytest.raises(ApplyFailed, match=r"cross-device.*put back"):
        clean(lab)
    assert all(path.exists() for path in dead)
    assert not (lab.data / quarantine.QUARANTINE).exists()


@OLD_AND_NEW
def test_the_quarantine_outlives_a_purge_while_the_aof_is_not_whole(lab):
    """It may hold the only copy."""
    if not lab.multi:
        pytest.skip("one file, which is never moved")
    lab.service.stop()
    [base] = directory(lab).glob("*.base.*")
    kept = lab.data / quarantine.QUARANTINE / EARLIER / base.name
    kept.parent.mkdir(parents=True)
    base.rename(kept)
    with pytest.raises(ApplyFailed, match="nothing was moved or deleted"):
        clean(lab, purge=True)
    assert kept.exists()
    whole = lab.data / quarantine.QUARANTINE / EARLIER / "all"
    directory(lab).rename(whole)
    with pytest.raises(ApplyFailed, match="nothing was moved or deleted"):
        clean(lab, purge=True)
    assert kept.exists()
    assert whole.exists()


@ONE
def test_a_purge_deletes_what_earlier_runs_moved(lab):
    litter(lab)
    clean(lab)
    [earlier] = (lab.data / quarantine.QUARANTINE).iterdir()
    dead = litter(lab)
    clean(lab, purge=True)
    assert not earlier.exists()
    kept = {path.name for path in (lab.data / quarantine.QUARANTINE).rglob("*") if path.is_file()}
    assert kept == {path.name for path in dead}


@ONE
def test_compacting_rescues_a_running_server_s_aof(lab):
    [manifest] = directory(lab).glob("*.manifest")
    manifest.write_text("file appendonly.aof.1.base.rdb seq\n")
    kept = lab.data / quarantine.QUARANTINE / EARLIER / "file"
    kept.parent.mkdir(parents=True)
    kept.write_bytes(b"old")
    foreseen = clean(lab, compact=True, purge=True, check=True).actions
    assert kept.exists()
    done = clean(lab, compact=True, purge=True).actions
    assert [action.split()[0] for action in foreseen] == [action.split()[0] for action in done] == ["write", "delete"]
    assert not kept.exists()
    lab.bounce()
    assert lab.keys() == 100


@ONE
@pytest.mark.parametrize("kind", ["link", "dangling", "file"])
@pytest.mark.parametrize("purge", [False, True])
def test_a_quarantine_that_is_no_directory_is_refused(lab, kind, purge):
    """The data directory belongs to the redis user, who could point root anywhere."""
    dead = litter(lab)
    elsewhere = lab.directory / "elsewhere"
    if kind == "link":
        elsewhere.mkdir()
    held = lab.data / quarantine.QUARANTINE
    held.write_text("") if kind == "file" else held.symlink_to(elsewhere)
    for check in (True, False):
        with pytest.raises(ApplyFailed, match="is not a directory; nothing was moved"):
            clean(lab, purge=purge, check=check)
    assert all(path.exists() for path in dead)
    assert not elsewhere.exists() or not list(elsewhere.iterdir())


@ONE
def test_an_instance_that_fails_does_not_hide_what_was_moved_before(lab):
    dead = litter(lab)
    broken = replace(lab.instance(), name="broken", settings={"dir": "/nonexistent"}, service=None)
    with pytest.raises(ApplyFailed) as failed:
        aof.clean_all([lab.instance(), broken], compact=False, purge=False, check=False)
    lines = str(failed.value).splitlines()
    assert not lines[0].startswith("done before that")
    for path in dead:
        assert any(line.startswith(f"done before that: lab: move {path}") for line in lines[1:]), lines
