"""What a host remembers is nobody else's."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.plan.plan import Observed, build
from ansible.module_utils.redis_ops.view.record import Record

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


def test_another_text_would_be_a_change_on_every_host(tmp_path):
    record = Record(str(tmp_path / "redis-default.json"), {"/etc/limits": "LimitNOFILE=1\n"})
    record.keep(PLAN)
    assert Path(record.path).read_text() == (
        '{\n  "schema": 1,\n  "settings": {\n    "hz": "20"\n  },\n  "files": {\n    "/etc/limits": "'
        + hashlib.sha256(b"LimitNOFILE=1\n").hexdigest()
        + '"\n  }\n}\n'
    )
    assert list(record.files()) == ["/etc/limits"]


@pytest.mark.parametrize("text", ["", "{", "[]", "1", '{"schema": 1}', '{"files": 1}'])
def test_what_is_damaged_says_nothing(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    assert Record(str(tmp_path / "a.json")).files() == {}
