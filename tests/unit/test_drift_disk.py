"""What somebody did to the files of an instance: its configuration, what a run remembers of it, its directories."""

from __future__ import annotations

import grp
import os
import pwd
from dataclasses import replace
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.errors import FileRefused
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.base.statefile import keep_private, text_of
from ansible.module_utils.redis_ops.drift import disk
from ansible.module_utils.redis_ops.drift.look import Look
from ansible.module_utils.redis_ops.view.record import Record
from views import several, view_of

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
[ONE] = several({"name": "default"})
OUTSIDE, AHEAD = "file_changed_outside", "declared_not_applied"
USER, GROUP = pwd.getpwuid(os.geteuid()).pw_name, grp.getgrgid(os.getegid()).gr_name
ME = f"{USER}:{GROUP}"
NOBODY = 65534


class Files:
    """An instance whose files lie in a directory of the test."""

    def __init__(self, root: Path, *, remembered: bool = True) -> None:
        self.config, self.data, self.state = root / "redis.conf", root / "data dir", root / "redis-default.json"
        self.config.write_text("port 6379\n")
        self.config.chmod(0o640)
        self.data.mkdir(mode=0o750)
        self.data.chmod(0o750)
        if remembered:
            keep_private(str(self.state), text_of(settings={"hz": "10"}))
        self.changes: dict[str, object] = {}

    def look(self, **changes: object) -> Look:
        config = FileSpec(str(self.config), 0o640, USER, GROUP)
        directory = FileSpec(str(self.data), 0o750, USER, GROUP)
        file = self.config.read_text() if self.config.exists() else None
        view = view_of(ONE, file=file, state=str(self.state), live={})
        view = replace(view, config=config, directories=[directory], config_is_open=True)
        return Look(view.instance, None, replace(view, **changes))

    def found(self, **changes: object) -> dict[str, tuple[str, str, str]]:
        """Id of each finding -> its state, what was seen, and what to do."""
        look = self.look(**changes)
        findings = [*disk.config_file(look), *disk.directories(look)]
        assert look.checked == 3
        return {finding.id: (finding.state, finding.actual, finding.remedy) for finding in findings}


@pytest.fixture
def files(tmp_path):
    return Files(tmp_path)


def test_nothing_is_off(files):
    assert files.found() == {}


@pytest.mark.parametrize("remembered", [True, False])
def test_a_file_that_is_gone(tmp_path, remembered):
    files = Files(tmp_path, remembered=remembered)
    files.config.unlink()
    found = files.found()
    assert list(found) == ["file"]
    state, actual, remedy = found["file"]
    assert (state, actual) == (OUTSIDE if remembered else AHEAD, "no such file; the next start of the server fails")
    assert remedy == f"{disk.RUN}; a copy is {files.look().record.last_good_path}"


def test_a_file_that_cannot_be_read_is_not_gone(files):
    """The look at the server says that it could not be read."""
    look = files.look()
    observed = replace(look.snapshot.observed, file=None)
    assert files.found(observed=observed) == {}


@pytest.mark.parametrize("mode", [0o644, 0o600, 0o666, 0o4640])
def test_a_file_with_another_mode(files, mode):
    files.config.chmod(mode)
    found = files.found()
    assert list(found) == ["file.mode"]
    state, actual, remedy = found["file.mode"]
    assert (state, remedy) == (OUTSIDE, disk.RUN)
    assert actual.startswith(f"mode {mode:04o}, ")
    [finding] = disk.config_file(files.look())
    assert finding.expected == f"{files.config} with mode 0640, {ME}"
    assert finding.since, "chmod is in the times of a file"
    # a file that a run would leave as it is, is not told of
    assert files.found(config_is_open=False) == {}


@as_root
def test_a_file_of_somebody_else(files):
    os.chown(files.config, 0, NOBODY)
    assert list(files.found()) == ["file.mode"]


def test_what_a_run_remembers_is_closed_too(files):
    files.state.chmod(0o644)
    kept = Path(files.look().record.last_good_path)
    kept.write_text("requirepass x\n")
    kept.chmod(0o640)
    assert files.found() == {
        f"record.mode.{path.name}": (OUTSIDE, host_says(path), f"chmod 0600 {path}") for path in (files.state, kept)
    }


def host_says(path: Path) -> str:
    return disk.host.mode_and_owner(str(path))


def test_an_instance_that_nobody_remembers_has_no_record_to_close(files):
    look = files.look()
    look.record = Record("")
    assert list(disk.config_file(look)) == []


def test_an_instance_without_a_file_has_no_finding(files):
    look = files.look(config=None)
    assert (list(disk.config_file(look)), look.checked) == ([], 0)


@pytest.mark.parametrize("mode", [0o752, 0o777])
def test_a_directory_that_everybody_writes(files, mode):
    files.data.chmod(mode)
    found = files.found()
    remedy = f"chown {ME} '{files.data}'; chmod o-w '{files.data}'"
    assert found == {f"directory.{files.data}": (OUTSIDE, host_says(files.data), remedy)}


@pytest.mark.parametrize("mode", [0o1777, 0o700, 0o755])
def test_a_directory_that_is_the_server_s_alone_may_have_another_mode(files, mode):
    files.data.chmod(mode)
    assert files.found() == {}


@as_root
def test_a_directory_of_somebody_else(files):
    os.chown(files.data, NOBODY, NOBODY)
    [[name, (state, actual, _)]] = files.found().items()
    assert (name, state) == (f"directory.{files.data}", OUTSIDE)
    assert "mode 0750" in actual


def test_a_directory_that_is_gone_or_is_a_file(files):
    files.data.rmdir()
    gone = {f"directory.{files.data}": (OUTSIDE, "no such directory", disk.RUN)}
    assert files.found() == gone
    files.data.write_text("")
    assert files.found() == gone


@as_root
@pytest.mark.parametrize("which", ["config", "data"])
def test_a_link_of_somebody_else_is_never_followed(files, which):
    path = getattr(files, which)
    path.rename(path.with_name("moved"))
    path.symlink_to(path.with_name("moved"))
    os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
    with pytest.raises(FileRefused, match="a symbolic link that belongs to nobody"):
        files.found()
