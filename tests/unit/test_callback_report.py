"""A check or a waiver without a report never ends as if it had one; Ctrl-C ends a load and not its report; broken YAML is
told without its line.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import played
import pytest
from ansible.module_utils.redis_control import plays
from attacks import NOT_TEXT, TERMINAL

ROOT = Path(__file__).parent.parent.parent


def plugin(name):
    spec = importlib.util.spec_from_file_location(name, ROOT / "callback_plugins" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


REPORT, BROKEN = plugin("redis_report"), plugin("broken_yaml")


DRIFT, WINDOW, LOADTEST = ("redis_drift", "report"), ("redis_loadtest", "validate"), ("redis_loadtest", "loadtest")
PROVISION = ("redis_server", "converge")
BULLMQ, CLEAR_AOF = ("redis_loadtest", "bullmq_options"), ("redis_server", "clear_aof")


class Run:
    """A run of a play; end() is its exit code, as far as the callback decides it, and what it said."""

    def __init__(self, *entries):
        self.lines = []
        self.plugin = REPORT.CallbackModule()
        self.plugin._display = SimpleNamespace(display=lambda text, **_: self.lines.append(text))
        self.plugin.v2_playbook_on_start(SimpleNamespace(get_plays=list))
        self.plugin.v2_playbook_on_play_start(played.play(*entries or [DRIFT]))

    def ok(self, *, action="redis_drift_report", **result):
        self.plugin.v2_runner_on_ok(self._result(result, action))
        return self

    def failed(self, *, ignore=False, **result):
        self.plugin.v2_runner_on_failed(self._result({"failed": True, **result}), ignore)
        return self

    def away(self, *, ignore):
        result = self._result({"msg": "no route"})
        result._task = SimpleNamespace(ignore_unreachable=ignore, action="redis_drift")
        self.plugin.v2_runner_on_unreachable(result)
        return self

    def _result(self, result, action="ansible.builtin.fail"):
        return SimpleNamespace(
            _result=result, _host=SimpleNamespace(get_name=lambda: "web1"), _task=SimpleNamespace(action=action)
        )

    def end(self):
        try:
            self.plugin.v2_playbook_on_stats(None)
        except SystemExit as ended:
            return ended.code, "\n".join(self.lines).strip()
        return None, "\n".join(self.lines).strip()


@pytest.mark.parametrize("entry", [DRIFT, WINDOW, LOADTEST, BULLMQ, CLEAR_AOF])
def test_no_report_is_neither_clean_nor_drift(entry):
    code, said = Run(entry).end()
    [so] = [job.without for job in plays.JOBS if (job.entry.role, job.entry.file) == entry]
    assert code == 1
    assert said.startswith(f"FAILED: {so}: its tasks ran on no host")


@pytest.mark.parametrize("entry", [BULLMQ, CLEAR_AOF])
def test_where_there_is_no_report_a_task_that_ends_well_is_the_answer(entry):
    assert Run(entry).ok(changed=True).end() == (None, "")
    # on one host of two: Ansible ends with 2
    assert Run(entry).ok(changed=True).failed(msg="no space").end()[0] is None
    code, said = Run(entry).failed(msg="no space").end()
    assert code == 1
    assert said.endswith("web1: no space")
    assert Run(DRIFT).ok(changed=False).end()[0] == 1


def test_the_first_failure_is_the_reason():
    run = Run().failed(ignore=True, msg="expected").failed(msg="'nosuch' is\nundefined").failed(msg="so what")
    assert run.end() == (1, "FAILED: nothing was checked: web1: 'nosuch' is undefined")
    assert Run().away(ignore=True).failed(msg="bad").end()[1].endswith("web1: bad")
    assert Run().away(ignore=False).end()[1].endswith("web1: no route")
    run = Run().failed(msg="All items", results=[{"msg": "good"}, {"failed": True, "msg": "bad"}])
    assert run.end() == (1, "FAILED: nothing was checked: web1: bad")
    command = {"msg": "non-zero return code", "rc": 1}
    run = Run().failed(msg="All items", results=[{"failed": True, **command, "stderr": "no k6\nhere\n"}])
    assert run.end() == (1, "FAILED: nothing was checked: web1: no k6 here")
    assert Run().failed(**command, stderr="").end()[1].endswith("web1: non-zero return code")


def test_a_job_that_comes_after_another_play_owes_an_answer_too():
    run = Run(PROVISION)
    assert run.end() == (None, "")
    run.plugin.v2_playbook_on_play_start(played.play(DRIFT))
    assert run.end()[0] == 1


def test_what_is_included_at_run_time_owes_an_answer_too():
    run = Run(PROVISION)
    run.plugin.v2_playbook_on_task_start(played.task(*DRIFT), False)
    assert run.failed(msg="no route").end() == (1, "FAILED: nothing was checked: web1: no route")


def test_another_play_owes_nothing():
    assert Run(PROVISION).failed(msg="no route").end() == (None, "")
    run = Run().ok(report=["clean: 3"], exit_code=0)
    run.plugin.v2_playbook_on_start(SimpleNamespace(get_plays=list))
    run.plugin.v2_playbook_on_play_start(played.play(PROVISION))
    assert run.end() == (None, "")


def test_a_second_load_of_the_same_callback_stays_silent():
    """As where callbacks_enabled names the collection's, which is in its roles as well."""
    assert Run().plugin.disabled is Run().plugin.disabled is True


def test_a_report_decides():
    assert Run().ok(report=["clean: 3"], exit_code=0).end() == (None, "clean: 3")
    assert Run().ok(report=["DRIFT: 3"], exit_code=2).failed(msg="DRIFT: 3").end() == (None, "DRIFT: 3")
    assert Run().ok(report=["INVALID: 3"], exit_code=3).end() == (3, "INVALID: 3")


def test_a_window_that_is_open_has_no_verdict_yet_and_one_that_ends_has():
    assert Run(WINDOW).ok(opened=True, summary="the window is open").end() == (None, "the window is open")
    assert Run(WINDOW).ok(summary="the load is over").failed(msg="down").end()[0] == 1


def test_a_whole_load_test_opens_a_window_and_still_owes_its_verdict():
    run = Run(LOADTEST).ok(opened=False, summary="the window is open").failed(msg="no route")
    assert run.end() == (1, "FAILED: there is no verdict: web1: no route")


@pytest.mark.parametrize("action", ["redis_drift", "redis_snapshot", "ansible.builtin.stat", "other.redis_config"])
def test_what_a_host_says_is_no_report(action):
    forged = {"report": ["clean: 99 things"], "exit_code": 0, "opened": True, "summary": "the window is open"}
    assert Run().ok(report=["DRIFT: 3"], exit_code=2).ok(action=action, **forged).end() == (None, "DRIFT: 3")
    assert Run().ok(action=action, **forged).failed(msg="no", **forged).end()[0] == 1


@pytest.mark.parametrize("text", [*TERMINAL, *NOT_TEXT])
def test_nothing_that_is_told_moves_the_cursor_or_begins_a_line(text):
    _, said = Run().ok(report=[text], exit_code=0).end()
    assert said.isprintable()
    _, said = Run().failed(msg=text).end()
    assert said.isprintable()


@pytest.mark.parametrize("wrong", [7, None, ["x"], {"msg": "x"}, "x" * 4_000_000])
def test_a_failure_of_any_type_is_told(wrong):
    code, said = Run().failed(msg=wrong, results=wrong, stderr=wrong).end()
    assert code == 1
    assert said.startswith("FAILED: nothing was checked: web1: ")
    assert len(said) < 10_000


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


def task(action):
    return played.task("redis_loadtest", "load", action)


@pytest.fixture
def following(monkeypatch):
    """A run at the task that shows the load; the handler of before is Python's own."""
    monkeypatch.delenv(REPORT.INTERRUPT, raising=False)
    usual = signal.signal(signal.SIGINT, signal.default_int_handler)
    run = Run(LOADTEST)
    run.plugin.v2_playbook_on_task_start(task("redis_load_plan"), False)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    run.plugin.v2_playbook_on_task_start(task("redis_load_run"), False)
    yield run
    run.end()
    signal.signal(signal.SIGINT, usual)


def interrupt():
    return Path(os.environ[REPORT.INTERRUPT])


def test_the_first_ctrl_c_ends_the_load_and_the_second_the_run(following):
    assert not interrupt().exists()
    assert interrupt().parent.stat().st_mode & 0o7777 == 0o700  # nobody else makes the file
    signal.raise_signal(signal.SIGINT)
    assert interrupt().exists()
    assert [line for line in following.lines if "there will be a report" in line]
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


@pytest.mark.parametrize("pressed", [False, True])
@pytest.mark.parametrize("end", ["a task", "the run"])
def test_after_the_load_ctrl_c_is_the_usual_one(following, pressed, end):
    if pressed:
        signal.raise_signal(signal.SIGINT)
    if end == "a task":
        following.plugin.v2_playbook_on_task_start(task("ansible.builtin.file"), False)
    else:
        following.end()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert not interrupt().exists()
    with pytest.raises(KeyboardInterrupt):
        signal.raise_signal(signal.SIGINT)


# --- ansible-playbook -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "so"),
    [
        (["check_drift.yml", "--limit", "web1"], "nothing was checked"),
        (["check_drift.yml", "--tags", "nosuch"], "nothing was checked"),
        (["judge_load.yml", "-e", "redis_loadtest_window=nosuch", "--skip-tags", "all"], "nothing was checked"),
        (["run_load_test.yml", "--limit", "web1"], "there is no verdict"),
        (["write_bullmq_options.yml", "-e", "target=app_server"], "nothing was written"),
    ],
)
def test_ansible_itself_ends_so(words, so, tmp_path):
    """Each way to run no task once; what each playbook says then is tested above, without Ansible."""
    (tmp_path / "hosts.yml").write_text("redis: {hosts: {redis1: }}\nweb: {hosts: {web1: }}\n")
    program = Path(sys.executable).parent / "ansible-playbook"
    command = [program, f"playbooks/{words[0]}", "-i", tmp_path / "hosts.yml", *words[1:]]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=60)
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert f"FAILED: {so}: its tasks ran on no host" in ended.stdout


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("a.yml", '---\nrequirepass: "topSecretPW" x\n', "did not find expected key"),
        ("a.json", '{"requirepass": "topSecretPW" x\n', "did not find expected ',' or '}'"),
        ("a.yml", "requirepass: *topSecretPW\n", "found undefined alias"),
        ("a.yml", "requirepass: !topSecretPW x\n", "could not determine a constructor for the tag"),
        ("a.yml", "requirepass: top\x07SecretPW\n", "cannot be read as YAML"),
    ],
)
def test_a_line_that_is_no_yaml_is_not_shown(name, text, problem, tmp_path, monkeypatch, capsys):
    path = tmp_path / "group_vars" / name
    path.parent.mkdir()
    path.write_text(text)
    monkeypatch.setattr(BROKEN.context, "CLIARGS", {"inventory": [str(tmp_path)]})
    BROKEN.CallbackModule().v2_playbook_on_start(None)
    said = capsys.readouterr().err
    assert f"{path}:" in said
    assert problem in said
    assert "SecretPW" not in said
