"""observe() looks and changes nothing, and what it finds is so."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.base.errors import RedisOpsError
from ansible.module_utils.redis_ops.view.observe import observe
from instances import OLD_AND_NEW, ONE, lab

__all__ = ["lab"]


def test_a_bare_machine(lab):
    snapshot = observe(lab.instance())
    assert snapshot.connection is None
    assert (snapshot.observed.file, snapshot.observed.live, snapshot.observed.applied) == (None, None, None)
    assert str(snapshot.installed).lower() == lab.program.version
    assert [target.path for target in snapshot.missing_directories] == [str(lab.data)]
    assert not snapshot.observed.stored
    assert not lab.config_path.exists()


def test_a_running_instance(lab):
    lab.converge({"timeout": 5})
    before, config, calls = lab.everything(), lab.config(), lab.calls()
    snapshot = observe(lab.instance({"timeout": 6}))
    assert lab.calls()["get"] - calls["get"] == (2 if lab.multi else 0) - (1 if lab.multi else 0)
    assert snapshot.observed.live == config
    assert snapshot.observed.file == lab.text
    assert snapshot.observed.applied["timeout"] == "5"
    assert [entry.option.name for entry in snapshot.plan.live] == ["timeout"]
    assert int(snapshot.info["process_id"]) == lab.service.pid()
    assert snapshot.running == lab.program.engine
    assert lab.everything() == before
    assert lab.config() == config
    assert lab.calls()["set"] == calls["set"]


@OLD_AND_NEW
def test_a_stopped_instance_with_data(lab):
    lab.converge()
    lab.fill(10)
    lab.service.stop()
    snapshot = observe(lab.instance())
    assert snapshot.connection is None
    assert snapshot.observed.stored


@OLD_AND_NEW
def test_a_damaged_record_of_the_last_run_is_no_record(lab):
    lab.converge({"timeout": 5})
    for text in ("", "{", "[]", '{"settings": 1}', '{"schema": 1}'):
        lab.state.write_text(text)
        assert observe(lab.instance({"timeout": 5})).observed.applied is None
    lab.converge({"timeout": 5})
    assert not lab.converge({"timeout": 5}).changed


@ONE
def test_a_server_that_refuses_config_is_an_error_in_one_line(lab):
    lab.begin('rename-command CONFIG ""')
    with pytest.raises(RedisOpsError, match="CONFIG was taken away with rename-command") as caught:
        observe(lab.instance())
    assert "\n" not in str(caught.value)


@ONE
def test_a_file_whose_quotes_do_not_close_is_named(lab):
    lab.converge()
    lab.config_path.write_text(lab.text + 'logfile "unclosed\n')
    with pytest.raises(RedisOpsError, match="closed quotes") as caught:
        observe(lab.instance())
    assert str(lab.config_path) in str(caught.value)
