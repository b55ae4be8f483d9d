"""A play of this project is recognised by its tasks, whatever it and its file are called. Field case D3."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ansible import constants
from ansible.module_utils.redis_control import plays
from ansible.parsing.dataloader import DataLoader
from ansible.playbook import Playbook
from ansible.plugins.loader import action_loader, module_loader
from ansible.vars.manager import VariableManager
from specs import ROOT, plugins

PLAYBOOKS = sorted((ROOT / "playbooks").glob("*.yml"))


@pytest.fixture
def loaded(monkeypatch):
    """The plays of a playbook, as ansible-core reads them."""
    plugins()
    module_loader.add_directory(str(ROOT / "library"))
    action_loader.add_directory(str(ROOT / "action_plugins"))
    monkeypatch.setattr(constants, "DEFAULT_ROLES_PATH", [str(ROOT / "roles")])

    def loaded(path: Path) -> list:
        loader = DataLoader()
        return Playbook.load(str(path), variable_manager=VariableManager(loader=loader), loader=loader).get_plays()

    return loaded


def without(found) -> str:
    """What is so without the answer of the job of these plays; '' for no job."""
    jobs = [plays.job(plays.tasks(play.compile())) for play in found]
    return next((job.without for job in jobs if job), "")


def provisions(found) -> bool:
    return any(plays.entries(plays.tasks(play.compile())) >= plays.PROVISION for play in found)


# What a playbook does, by the tasks of roles in it
OWED = {
    "tasks_from: loadtest": "there is no verdict",
    "tasks_from: validate": "nothing was checked",
    "tasks_from: preflight\n      always": "nothing was checked",
    "tasks_from: compare": "nothing was compared",
    "tasks_from: bullmq_options": "nothing was written",
    "tasks_from: clear_aof": "nothing was looked at",
    "tasks_from: report": "nothing was checked",
    "tasks_from: waive": "no waiver was written",
}


@pytest.mark.parametrize("path", PLAYBOOKS, ids=lambda path: path.stem)
def test_a_playbook_does_the_same_job_under_every_name(path, loaded, tmp_path):
    """An alias imports the playbook, and a copy has another name."""
    text = path.read_text()
    copy, alias = tmp_path / "x.yml", tmp_path / "alias.yml"
    copy.write_text(text)
    alias.write_text(json.dumps([{"ansible.builtin.import_playbook": str(path)}]))
    if "import_playbook" not in text:
        owed = {so for words, so in OWED.items() if words in text}
        assert without(loaded(copy)) == "".join(owed), path
        assert provisions(loaded(copy)) == ("tasks_from: converge" in text)
    assert without(loaded(alias)) == without(loaded(path))
    assert provisions(loaded(alias)) == provisions(loaded(path))


OWN = [{"name": "Own", "ansible.builtin.debug": {"msg": "own"}}]


@pytest.mark.parametrize("name", ["drift.yml", "validate.yml", "provision.yml", "check_drift.yml", "loadtest.yml"])
def test_a_playbook_of_the_user_s_own_does_none(name, loaded, tmp_path):
    (tmp_path / name).write_text(json.dumps([{"hosts": "all", "tasks": OWN}]))
    assert without(loaded(tmp_path / name)) == ""
    assert not provisions(loaded(tmp_path / name))


def test_so_does_a_role_of_the_user_s_own_with_the_same_name(loaded, tmp_path):
    for role, file in (("redis_drift", "report"), ("redis_server", "converge"), ("redis_host", "main")):
        (tmp_path / "roles" / role / "tasks").mkdir(parents=True)
        (tmp_path / "roles" / role / "tasks" / f"{file}.yml").write_text(json.dumps(OWN))
    tasks = [
        {"ansible.builtin.import_role": {"name": "redis_drift", "tasks_from": "report"}},
        {"ansible.builtin.import_role": {"name": "redis_host"}},
        {"ansible.builtin.import_role": {"name": "redis_server", "tasks_from": "converge"}},
    ]
    (tmp_path / "site.yml").write_text(json.dumps([{"hosts": "all", "tasks": tasks}]))
    assert without(loaded(tmp_path / "site.yml")) == ""
    assert not provisions(loaded(tmp_path / "site.yml"))


INCLUDED = {"name": "redis_ops.redis.redis_loadtest", "tasks_from": "validate.yml"}


@pytest.mark.parametrize(
    ("play", "so"),
    [
        ({"roles": ["redis_drift"]}, "nothing was checked"),
        ({"tasks": [{"import_role": {"name": "redis_drift"}}]}, "nothing was checked"),
        ({"tasks": [{"include_role": {"name": "redis_drift"}}]}, "nothing was checked"),
        ({"tasks": [{"block": OWN, "always": [{"include_role": INCLUDED}]}]}, "nothing was checked"),
        ({"tasks": [{"redis_drift_report": {"directory": "x"}}]}, ""),
        ({"tasks": [{"import_role": {"name": "redis_drift", "tasks_from": "check"}}]}, ""),
        ({"roles": ["redis_host", "redis_server"]}, ""),
    ],
)
def test_a_play_of_the_user_s_own_that_uses_a_role_does_its_job(play, so, loaded, tmp_path):
    (tmp_path / "site.yml").write_text(json.dumps([{"hosts": "all", **play}]))
    assert without(loaded(tmp_path / "site.yml")) == so
    assert provisions(loaded(tmp_path / "site.yml")) == ("redis_server" in str(play))
