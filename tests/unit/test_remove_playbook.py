"""playbooks/remove_instances.yml: what is typed on its command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parent.parent.parent
PLAYBOOK = ROOT / "playbooks" / "remove_instances.yml"
EVERYTHING = ("all", ["all"], "cache,all", "cache, all", ["cache", "all"])
NOT_EVERYTHING = ("small", "smallcache", ["small"], "cache,small", "wall", "all-of-it", "cache", ["cache", "queue"], [])


def play(path: Path, *words: str) -> str:
    done = subprocess.run(
        [str(Path(sys.executable).parent / "ansible-playbook"), "-i", "web1,", *words, str(path)],
        env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8", "COLUMNS": "4000"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_only_the_word_all_takes_the_host_s_kernel_settings_back(tmp_path):
    """Of `-e redis_server_remove=small` the text has these letters, too."""
    [task] = [task for task in yaml.safe_load(PLAYBOOK.read_text())[1]["tasks"] if "kernel" in task["name"]]
    tasks: list[dict[str, Any]] = [
        {
            "name": "Try",
            "ansible.builtin.debug": {"msg": "taken back"},
            "vars": {"redis_server_remove": "{{ item }}"},
            "loop": [*EVERYTHING, *NOT_EVERYTHING],
            "when": task["when"],
            "register": "tried",
        },
        {
            "name": "Tell",
            "ansible.builtin.copy": {
                "content": "{{ tried.results | map(attribute='skipped', default=false) | to_json }}",
                "dest": str(tmp_path / "skipped.json"),
                "mode": "0600",
            },
        },
    ]
    path = tmp_path / "play.yml"
    path.write_text(yaml.safe_dump([{"name": "Try", "hosts": "localhost", "gather_facts": False, "tasks": tasks}]))
    output = play(path)
    assert (tmp_path / "skipped.json").exists(), output
    skipped = json.loads((tmp_path / "skipped.json").read_text())
    assert skipped == [False] * len(EVERYTHING) + [True] * len(NOT_EVERYTHING)


@pytest.mark.parametrize(
    ("words", "missing"),
    [
        ((), "target"),
        (("-e", "redis_server_remove=cache"), "target"),
        (("-e", "target=web1"), "redis_server_remove"),
        (("-e", "target=web1", "-e", "redis_server_remove="), "redis_server_remove"),
    ],
)
def test_what_nobody_named_is_not_removed(words, missing):
    output = play(PLAYBOOK, *words)
    assert f"{missing} is not given; expected the hosts as -e target=NAME" in output
    assert "Remove preflight" not in output


def test_everything_is_refused_before_anything_is_touched():
    """The kernel settings were taken back before a name typed wrong was found."""
    tasks = yaml.safe_load(PLAYBOOK.read_text())[1]["tasks"]
    roles = [
        (task["ansible.builtin.import_role"]["name"], task["ansible.builtin.import_role"]["tasks_from"])
        for task in tasks
    ]
    assert roles == [("redis_server", "remove_preflight"), ("redis_host", "withdraw"), ("redis_server", "remove")]
    look, work = (
        yaml.safe_load((ROOT / f"roles/redis_server/tasks/{name}.yml").read_text())[0]
        for name in ("remove_preflight", "remove")
    )
    assert look["redis_remove"] == {**work["redis_remove"], "state": "possible"}
