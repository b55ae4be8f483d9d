"""An ansible-core that this project does not support ends a run before its first play, with one line."""

from __future__ import annotations

import os
import re
import subprocess
import sys

import pytest
from ansible.module_utils.redis_control import core_version, tree
from ansible.release import __version__
from specs import ROOT

OLD = "2.14.18"
# the program ansible-playbook, told another version than it has
RUN = f"""
import sys
from ansible import release
release.__version__ = "{OLD}"
from ansible.cli.playbook import main
main(["ansible-playbook", *sys.argv[1:]])
"""


@pytest.mark.parametrize("running", [__version__, *(f"{version}.0" for version in core_version.SUPPORTED), "2.21.0rc1"])
def test_a_supported_version_is_no_problem(running):
    assert core_version.problem(running) is None


@pytest.mark.parametrize("running", [OLD, "2.1.9", "2.18.99", "2.20.0", "2.22.0.dev0", "2.190.0", "3.0.0"])
def test_another_version_is_named_with_the_supported_ones_and_what_to_type(running):
    told = str(core_version.problem(running))
    assert told == (
        f"ansible-core: version {running} runs this; expected 2.19 or 2.21; "
        f"type make -C {ROOT} runtime, and then call {ROOT}/.venv/bin/ansible-playbook"
    )


def test_the_command_holds_for_any_name_of_the_project_s_directory(monkeypatch, tmp_path):
    monkeypatch.setattr(core_version, "PROJECT", tmp_path / "my servers")
    assert f"make -C '{tmp_path}/my servers' runtime" in str(core_version.problem(OLD))


def test_a_collection_has_no_makefile_to_name(monkeypatch):
    here = tree.Tree(ROOT / "plugins" / "modules", ROOT / "roles", in_collection=True)
    monkeypatch.setattr(core_version.tree, "HERE", here)
    told = str(core_version.problem(OLD))
    assert told == (
        f"ansible-core: version {OLD} runs this; expected 2.19 or 2.21; "
        "install ansible-core 2.21, or 2.19 where Python is 3.11, for the Python that runs this"
    )


@pytest.mark.parametrize("playbook", ["provision.yml", "playbooks/compare_load_tests.yml"])
def test_a_run_ends_before_anything_is_touched(playbook):
    command = [sys.executable, "-c", RUN, playbook, "--check"]
    variables = {**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "ANSIBLE_NOCOLOR": "1"}
    done = subprocess.run(command, cwd=ROOT, env=variables, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (1, "")
    assert re.fullmatch(rf"\[?ERROR\S* ansible-core: version {OLD} runs this; expected .*", done.stderr.strip())


def test_what_is_installed_is_what_is_supported():
    wanted = re.findall(r"^ansible-core>=([\d.]+),<2\.\d+;", (ROOT / "requirements.in").read_text(), re.MULTILINE)
    assert tuple(wanted) == core_version.SUPPORTED


def test_documents_name_the_same_versions():
    versions = core_version.SUPPORTED
    assert f"ansible-core {' or '.join(versions)} from" in (ROOT / "README.md").read_text()
    assert f"ansible-core {' and '.join(versions)}, " in (ROOT / "docs" / "decisions.md").read_text()
    assert f"ansible-core {' or '.join(versions)}." in (ROOT / "docs" / "collection.md").read_text()
