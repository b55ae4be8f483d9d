"""What a host remembers is nobody else's."""

from __future__ import annotations

import stat

import pytest
from ansible.module_utils.redis_ops.desired import DesiredState
from ansible.module_utils.redis_ops.engine import Engine
from ansible.module_utils.redis_ops.plan import Observed, build
from ansible.module_utils.redis_ops.record import Record

PLAN = build(DesiredState(Engine("redis", (7, 0, 15)), {"hz": 20}), Observed(), "default", "here")


@pytest.mark.parametrize("keep", [Record.keep, Record.keep_running])
@pytest.mark.parametrize(("before", "after"), [(None, 0o700), (0o755, 0o755)])
def test_its_directory_is_made_for_root_alone_and_else_left_alone(keep, before, after, tmp_path):
    directory = tmp_path / "lib" / "ansible-redis"
    if before:
        directory.mkdir(parents=True)
        directory.chmod(before)
    keep(Record(str(directory / "redis-default.json")), PLAN)
    [file] = directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == after
