"""The workflow of the repository's host runs what the README says is supported. See test_third_party.py for its rights."""

from __future__ import annotations

import re
from pathlib import Path

import yaml
from ansible.module_utils.redis_control.core_version import SUPPORTED

ROOT = Path(__file__).parent.parent.parent
FILES = sorted((ROOT / ".github/workflows").glob("*.yml"))
TEXTS = {path.name: path.read_text(encoding="utf-8") for path in FILES}
WORKFLOWS = {name: yaml.safe_load(text) for name, text in TEXTS.items()}


def test_one_action_has_one_version():
    pins = set(re.findall(r"uses: (actions/[\w-]+)@(\S+) # (\S+)", "".join(TEXTS.values())))
    assert len({name for name, _, _ in pins}) == len(pins)


def test_it_runs_every_week_and_what_is_long_waits_for_what_is_quick():
    made = WORKFLOWS["ci.yml"]
    triggers = made[True]  # YAML 1.1 reads `on` so
    assert re.fullmatch(r"\d+ \d+ \* \* \d", triggers["schedule"][0]["cron"])
    assert {name for name, job in made["jobs"].items() if job.get("needs") == "quick"} == made["jobs"].keys() - {
        "quick"
    }


def test_each_supported_core_is_run():
    """The lock files choose ansible-core by the version of Python."""
    pythons = WORKFLOWS["ci.yml"]["jobs"]["python"]["strategy"]["matrix"]["python"]
    asked = dict(
        re.findall(r"ansible-core>=(2\.\d+),\S+ python_version (\S+ \"3\.12\")", (ROOT / "requirements.in").read_text())
    )
    assert asked == {"2.19": '< "3.12"', "2.21": '>= "3.12"'}
    assert tuple(asked) == SUPPORTED
    newer = [python for python in pythons if tuple(map(int, python.split("."))) >= (3, 12)]
    assert newer
    assert len(newer) < len(pythons)


def test_both_releases_of_debian_are_control_nodes():
    assert WORKFLOWS["ci.yml"]["jobs"]["debian"]["strategy"]["matrix"]["suite"] == ["bookworm", "trixie"]
