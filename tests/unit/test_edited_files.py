"""What somebody did to a file between two runs, and what is told of it."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.apply import foresee
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import FileUnreadable
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.model.conffile import ConfFile
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.plan.comparison import Observed
from ansible.module_utils.redis_ops.plan.plan import build
from ansible.module_utils.redis_ops.view import host, observe
from ansible.module_utils.redis_ops.view.instance import Instance, record_of

REDIS_7 = Engine.parse("redis 7.0.15")


@pytest.fixture
def instance(tmp_path):
    return Instance(
        "a", "instance a", {}, config=FileSpec(str(tmp_path / "redis.conf")), state=str(tmp_path / "redis-a.json")
    )


def test_a_file_that_cannot_be_read_names_its_last_good_copy(instance, tmp_path):
    path, copy = tmp_path / "redis.conf", tmp_path / "redis-a.conf"
    told = f"instance a: {path} is no configuration; expected closed quotes in line 2; correct it"
    with pytest.raises(FileUnreadable) as raised:
        observe.parse_file(instance, 'hz 10\nlogfile "x\n')
    assert str(raised.value) == told
    copy.write_text("hz 10\n")
    with pytest.raises(FileUnreadable) as raised:
        observe.parse_file(instance, 'hz 10\nlogfile "x\n')
    assert str(raised.value) == f"{told}, or bring the last good one back: cp {copy} {path}"


KEPT = 'rename-command CONFIG "hunter2"\nloadmodule /x.so a\nreplicaof 10.0.0.1 6379\nuser a on\nhz 10\n'


def taken_over(instance):
    """The lines of its file that a run would keep and can't verify, as far as no run has seen them."""
    text = observe._read(instance.config)
    observed = Observed(file=text, lines=ConfFile.parse(text or ""))
    view = SimpleNamespace(config=instance.config, observed=observed, record=record_of(instance))
    return host._taken_over(view)


def test_lines_of_a_file_that_is_taken_over_are_told_until_a_run_has_kept_them(instance, tmp_path):
    assert taken_over(instance) == []
    (tmp_path / "redis.conf").write_text(KEPT)
    assert taken_over(instance) == ["rename-command CONFIG", "loadmodule /x.so"]
    (tmp_path / "redis-a.conf").write_text(KEPT)
    assert taken_over(instance) == []
    (tmp_path / "redis.conf").write_text(KEPT + "loadmodule /y.so\n")
    assert taken_over(instance) == ["loadmodule /y.so"]
    (tmp_path / "redis-a.conf").write_text(KEPT + 'logfile "x\n')  # damaged: it tells nothing
    assert taken_over(instance) == ["rename-command CONFIG", "loadmodule /x.so", "loadmodule /y.so"]


LEFT = {"hz": "10", "timeout": "0", "maxmemory": "100"}


@pytest.mark.parametrize(
    ("declared", "applied", "file", "told"),
    [
        pytest.param({"hz": 10}, None, "hz 20\n", "", id="the first run"),
        pytest.param({"hz": 20}, LEFT, "hz 10\n", "", id="the inventory changed"),
        pytest.param({"hz": 10}, LEFT, "hz 20\n", "hz", id="the file changed"),
        pytest.param({"hz": 30}, LEFT, "hz 20\n", "hz", id="both changed"),
        pytest.param({"hz": 20}, LEFT, "hz 20\n", "", id="to the same"),
        pytest.param({"hz": 10, "timeout": 0}, LEFT, "timeout 3\n", "hz, timeout", id="changed and taken out"),
        pytest.param({"maxmemory": 100}, LEFT, "maxmemory 100b\n", "", id="in other words"),
        pytest.param({}, LEFT, "hz 10\n", "", id="withdrawn by the inventory"),
        pytest.param({"hz": 10}, LEFT, "hz 10\nlfu-decay-time 3\n", "lfu-decay-time", id="added"),
        pytest.param({"hz": 10}, LEFT, "hz 10\ndatabases 3\n", "", id="added, and it stays"),
        pytest.param({"hz": 10}, LEFT, "hz many\n", "hz", id="nonsense"),
        pytest.param({"requirepass": "new"}, LEFT, "requirepass old\n", "", id="a secret is not remembered"),
    ],
)
def test_edits_of_others_are_named_when_they_are_undone(declared, applied, file, told):
    desired = DesiredState.parse(declared, REDIS_7, "a")
    observed = Observed(file=file, applied=applied)
    snapshot = SimpleNamespace(plan=build(desired, observed, "a", "a"), observed=observed)
    assert foresee._undone(snapshot, "hz 10\n") == (f" (somebody else changed {told} there)" if told else "")
    assert foresee._undone(snapshot, file) == ""  # a restart that failed went back to it
