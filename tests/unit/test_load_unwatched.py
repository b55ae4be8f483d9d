"""Ansible itself on two load generators behind an ssh that breaks: the load runs on, and is stopped when its run is."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
GENERATORS = ("load1", "load2")
SSH = """#!/bin/sh
# The last argument is the command, the one before it the host; none is away by itself.
for last; do host=$command command=$last; done
[ -e {state}/$host.away ] && {{ echo x >> {state}/$host.refused; exit 255; }}
exec sh -c "$command"
"""
PROGRAM = """
import signal, sys, time
from pathlib import Path
signal.alarm(600)  # it ends by itself, whatever becomes of the test
state, name = Path({state!r}), Path(__file__).parent.name
(state / f"{{name}}.began").touch()
{does}
Path(__file__).with_name("x.result").write_text('{{"by": "%s"}}' % name)
"""
PLAY = """
- hosts: redis1
  gather_facts: false
  any_errors_fatal: true
  tasks:
    - block:
        - import_role: {name: redis_loadtest, tasks_from: load}
        - copy:
            content: "{{ {'results': __redis_loadtest_results} | to_json }}"
            dest: "{{ state }}/registered"
      always:
        - import_role: {name: redis_loadtest, tasks_from: generators_clean}
"""
UNTIL_REFUSED = """
aways = [state / f"{other}.away" for other in ("load1", "load2")]
while [(state / away.stem / "watched").read_text() for away in aways] != ["60\\n", "60\\n"]:
    time.sleep(0.05)  # all have been started, and somebody looks
if name == "load1":
    for away in aways:
        away.touch()
while not all(len(path.read_text().split()) > 1 if path.exists() else False
              for path in (away.with_suffix(".refused") for away in aways)):
    time.sleep(0.05)
for away in aways:
    away.unlink(missing_ok=True)
"""
GOES = """
if name == "load2":
    (state / "load2.away").touch()
"""
UNTIL_STOPPED = """
while not Path(__file__).with_name("stop").exists():
    time.sleep(0.05)
(state / f"{name}.stopped").touch()
"""


class Run:
    """A load on generators that are directories of this machine."""

    def __init__(self, state, does, **variables):
        self.state = state
        runs = []
        for name in GENERATORS:
            directory = state / name
            directory.mkdir()
            (directory / "watched").touch()  # for who reads before it is written
            (directory / "redis_load.pyz").write_text(PROGRAM.format(state=str(state), does=does))
            files = {what: f"{directory}/x.{what}" for what in ("config", "result", "progress", "ended")}
            runs.append({"kind": "users", "instance": "cache", "generator": name, "directory": str(directory), **files})
            runs[-1].update(python=sys.executable)
        ssh = state / "ssh"
        ssh.write_text(SSH.format(state=state))
        ssh.chmod(0o755)
        away = {"ansible_ssh_executable": str(ssh), "ansible_python_interpreter": sys.executable}
        mine = {"ansible_connection": "local", "ansible_python_interpreter": sys.executable, "state": str(state)}
        mine |= {"__redis_loadtest_plan": {"runs": runs}, "redis_loadtest_generators": list(GENERATORS)}
        mine["__redis_loadtest_generators"] = {
            "directories": [{"generator": name, "path": str(state / name)} for name in GENERATORS]
        }
        numbers = {"users": 1, "rate": 1, "ramp": 0, "warm_up": 0, "duration": 1}
        mine["__redis_loadtest_typed"] = {
            "numbers": {f"redis_loadtest_{name}": number for name, number in numbers.items()}
        }
        hosts = {"redis1": mine, **dict.fromkeys(GENERATORS, away)}
        (state / "hosts.yml").write_text(json.dumps({"all": {"hosts": hosts}}))
        (state / "play.yml").write_text(PLAY)
        self.process = subprocess.Popen(
            [
                *(Path(sys.executable).with_name("ansible-playbook"), state / "play.yml"),
                *(f"--inventory={state}/hosts.yml", f"--extra-vars={json.dumps(variables)}"),
            ],
            cwd=ROOT,
            env={**os.environ, "HOME": str(state), "ANSIBLE_ROLES_PATH": str(ROOT / "roles")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def ends(self):
        try:
            said = self.process.communicate(timeout=300)[0]
        finally:
            self.process.kill()
        return self.process.returncode, said

    def registered(self):
        return json.loads((self.state / "registered").read_text())

    def until(self, *names):
        while not all((self.state / name).exists() for name in names):
            assert self.process.poll() is None, self.process.communicate()[0]
            time.sleep(0.05)


def test_a_connection_that_breaks_while_it_runs_ends_nothing(tmp_path):
    run = Run(tmp_path, UNTIL_REFUSED, __redis_loadtest_patience=200)
    status, said = run.ends()
    assert status == 0, said
    for name in GENERATORS:
        assert said.count(f"generator {name} does not answer; the load runs on") == 1, said
        assert not (tmp_path / name).exists()  # removed in the end
    assert [json.loads(done["stdout"]) for done in run.registered()["results"]["programs"]] == [
        {"by": "load1"},
        {"by": "load2"},
    ]


@pytest.mark.parametrize("when", ["from the start", "in the middle"])
def test_a_generator_that_stays_away_has_no_result_and_the_other_one_has(when, tmp_path):
    if when == "from the start":
        (tmp_path / "load2.away").touch()
    run = Run(tmp_path, GOES, __redis_loadtest_patience=3)  # what runs longer is waited for: it answers
    status, said = run.ends()
    assert (status, "generator load2 does not answer; the load runs on" in said) == (0, True), said
    here, away = run.registered()["results"]["programs"]
    assert json.loads(here["stdout"]) == {"by": "load1"}
    assert (away["item"]["generator"], away["unreachable"], away.get("stdout")) == ("load2", True, None)
    assert [(tmp_path / name).exists() for name in GENERATORS] == [False, True]


@pytest.mark.parametrize(
    "signals",
    [[signal.SIGTERM], [signal.SIGKILL], [signal.SIGINT, signal.SIGINT]],
    ids=["SIGTERM", "SIGKILL", "Ctrl-C twice"],
)
def test_a_run_that_is_ended_stops_its_load(signals, tmp_path):
    run = Run(tmp_path, UNTIL_STOPPED)
    run.until(*(f"{name}.began" for name in GENERATORS))
    while [(tmp_path / name / "watched").read_text() for name in GENERATORS] != ["60\n", "60\n"]:
        time.sleep(0.05)
    for number in signals:
        run.process.send_signal(number)
        time.sleep(0.1)  # less, and the kernel makes one of two
    run.process.communicate(timeout=300)
    while not all((tmp_path / f"{name}.stopped").exists() for name in GENERATORS):
        time.sleep(0.05)
