"""ansible-runner, as AWX uses it, runs the playbooks with their own exit codes and reports. Field cases D1 and D2.

The commands are those of docs/awx.md.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import snippets
from checked import finding
from drift_lab import ROOT, Lab

PAGE = ROOT / "docs" / "awx.md"
PROJECT = (
    *("action_plugins", "callback_plugins", "library", "module_utils", "playbooks", "roles"),
    *("ansible.cfg", "provision.yml"),
)
BUILD, RUN, DISTRIBUTED = [block.text for block in snippets.fenced(PAGE) if block.kind == "sh"]
[EXTRA_VARIABLES] = [block.text for block in snippets.fenced(PAGE) if block.kind == "yaml"]


class Runner(Lab):
    """A private data directory of ansible-runner, with a script as its inventory."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.data = root / "data"
        self.project = self.data / "project"
        ignored = shutil.ignore_patterns("__pycache__", "node_modules")
        for name in PROJECT:
            if (ROOT / name).is_dir():
                shutil.copytree(ROOT / name, self.project / name, symlinks=True, ignore=ignored)
            else:
                shutil.copy(ROOT / name, self.project / name)
        shutil.copy(root / "library" / "redis_drift.py", self.project / "library" / "redis_drift.py")
        (self.data / "inventory").mkdir()

    def ready(self, *, extra_variables: str = "") -> Runner:
        """Write the inventory, with a host that is no host of Redis."""
        answer = {"_meta": {"hostvars": self.hosts}, "redis": {"hosts": list(self.hosts)}, "web": {"hosts": ["web1"]}}
        (self.root / "answer.json").write_text(json.dumps(answer))
        script = self.data / "inventory" / "hosts"
        script.write_text(f"#!/bin/sh\ncat {self.root}/answer.json\n")
        script.chmod(0o755)
        (self.data / "env").mkdir(exist_ok=True)
        (self.data / "env" / "extravars").write_text(extra_variables or "{}")
        return self

    def shell(self, script: str, **words: object) -> subprocess.CompletedProcess[str]:
        """Run what the page shows, with something for each word in capitals."""
        for word, value in words.items():
            script = script.replace(word, str(value))
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ANSIBLE_")}
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        return subprocess.run(
            ["bash", "-c", script],
            cwd=self.root,
            env={**kept, "PATH": path, "LC_ALL": "C.UTF-8", "ANSIBLE_HOME": str(self.root / "home")},
            capture_output=True,
            text=True,
            check=False,
            timeout=180,
        )


@pytest.fixture
def runner(tmp_path):
    return Runner(tmp_path)


@pytest.mark.parametrize(
    ("answer", "code", "told"),
    [
        ([], 0, "clean: "),
        ([finding("option.hz")], 2, "DRIFT: 1 finding"),
        (None, 1, "FAILED: 1 of 1 host could not be checked"),
    ],
)
def test_a_run_has_the_exit_code_and_the_report_of_the_playbook(runner, answer, code, told):
    runner.answers("redis1", {"failed": True, "msg": "no"}) if answer is None else runner.finds("redis1", *answer)
    done = runner.ready().shell(RUN, DIRECTORY=runner.data)
    assert done.returncode == code, done.stdout + done.stderr
    assert told in done.stdout.splitlines()[-1]
    report = json.loads((runner.project / "reports" / "drift" / "latest.json").read_text())
    assert report["exit_code"] == code
    assert (runner.data / "artifacts" / "today" / "rc").read_text() == str(code)


def test_a_run_of_no_host_is_never_clean(runner):
    runner.finds("redis1")
    done = runner.ready().shell(RUN.strip() + " --limit web1", DIRECTORY=runner.data)
    assert (done.returncode, done.stdout.count("FAILED: nothing was checked")) == (1, 1), done.stdout + done.stderr


def test_an_execution_node_sends_back_the_reports_and_the_exit_code(runner):
    runner.finds("redis1", finding("option.hz"))
    runner.ready(extra_variables=EXTRA_VARIABLES)
    results = runner.root / "results"
    script = DISTRIBUTED.replace("ssh NODE ", "")
    done = runner.shell(script, DIRECTORY=runner.data, PLACE=runner.root / "node", RESULTS=results)
    artifacts = results / "artifacts" / "today"
    assert "DRIFT: 1 finding" in done.stdout, done.stdout + done.stderr
    assert (artifacts / "rc").read_text() == "2"
    assert "DRIFT: 1 finding" in (artifacts / "stdout").read_text()
    assert json.loads((artifacts / "drift" / "latest.json").read_text())["exit_code"] == 2
    assert not (runner.project / "reports").exists()


def test_the_execution_environment_is_one_that_ansible_builder_takes(runner):
    """All but the image itself, for which it starts podman."""
    shutil.copy(ROOT / "execution-environment.yml", runner.root)
    assert BUILD.split()[:2] == ["ansible-builder", "build"]
    done = runner.shell("ansible-builder create")
    assert done.returncode == 0, done.stdout + done.stderr
    wanted = [line for line in (ROOT / "requirements.in").read_text().splitlines() if '>= "3.12"' in line]
    assert wanted[0].partition(";")[0] in (runner.root / "context" / "Containerfile").read_text()
