"""No unit test leaves anything on the machine that runs it."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.apply import aside, removal
from ansible.module_utils.redis_ops.edge import run
from ansible.module_utils.redis_ops.platform import layout
from ansible.module_utils.redis_ops.view import host_declaration


@pytest.fixture(autouse=True)
def _nothing_is_remembered_on_this_machine(tmp_path_factory, monkeypatch):
    """What this project keeps on a host lies in a directory of the test."""
    state = str(tmp_path_factory.getbasetemp() / "ansible-redis")
    for module in (layout, aside, host_declaration, removal):
        monkeypatch.setattr(module, "STATE_DIRECTORY", state)
    monkeypatch.setattr(run, "LOCK", f"{state}/lock")


@pytest.fixture
def trusted_path():
    """A directory that nobody else can change, nor the way to it; /tmp is none."""
    path = Path(tempfile.mkdtemp(prefix=".redis-drift-test-", dir=Path.home()))
    path.chmod(0o755)
    try:
        if any(place.stat().st_mode & 0o022 for place in (path, *path.parents)):
            pytest.skip(f"others can change {Path.home()}, or the way to it")
        yield path
    finally:
        shutil.rmtree(path)
