"""Exit codes and reports do not depend on paths and settings of others. Field cases D1, D2, D3 and D10.

Others are AWX, ansible-runner, a continuous integration, and a project of the user's own.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from checked import finding
from drift_lab import ROOT, Lab

NOTHING = "FAILED: nothing was checked: its tasks ran on no host"
FOREIGN = {
    "a path of callbacks": {"ANSIBLE_CALLBACK_PLUGINS": "/usr/share/ansible/none"},
    "a list of callbacks": {"ANSIBLE_CALLBACKS_ENABLED": "oneline"},
    "both": {"ANSIBLE_CALLBACK_PLUGINS": "/usr/share/ansible/none", "ANSIBLE_CALLBACKS_ENABLED": "oneline"},
}


@pytest.fixture
def lab(tmp_path):
    """With a host that is no host of Redis, for --limit."""
    lab = Lab(tmp_path)
    (lab.inventory / "web.yml").write_text("web: {hosts: {web1: }}\n")
    return lab


# --- callbacks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("environment", FOREIGN.values(), ids=FOREIGN)
def test_a_check_of_no_host_fails_whatever_others_set(lab, environment):
    lab.finds("redis1")
    code, said = lab.play("drift.yml", "--limit", "web1", **environment)
    assert (code, said.count(NOTHING)) == (1, 1), said


def test_a_check_ends_with_its_report_and_its_own_exit_code_whatever_others_set(lab):
    lab.answers("redis1", {"failed": True, "msg": "no"})
    code, said = lab.play("drift.yml", **FOREIGN["both"])
    assert (code, said.count("redis1: NOT CHECKED (failed)")) == (1, 1), said


def play_of(lab: Lab, **keywords: object) -> Path:
    """A playbook of the user's own, in a project of their own, that uses a role of this project."""
    project = lab.root / "project"
    project.mkdir()
    play = {"hosts": "redis", "gather_facts": False, "roles": ["redis_drift"], **keywords}
    (project / "site.yml").write_text(json.dumps([play]))
    return project / "site.yml"


def test_so_does_a_role_in_a_play_of_the_user_s_own(lab):
    lab.answers("redis1", {"failed": True, "msg": "no"})
    playbook = play_of(lab)
    code, said = lab.play_in(playbook.parent, playbook, **FOREIGN["both"])
    assert (code, said.count("redis1: NOT CHECKED (failed)")) == (1, 1), said
    code, said = lab.play_in(playbook.parent, playbook, "--limit", "web1", **FOREIGN["both"])
    assert (code, said.count(NOTHING)) == (1, 1), said


NOT_TODAY = {
    "a tag": [{"import_role": {"name": "redis_drift"}, "tags": ["never", "drift"]}],
    "a condition": [{"import_role": {"name": "redis_drift"}, "when": "today | default(false) | bool"}],
    "a condition of what is included": [
        {"include_role": {"name": "redis_drift"}, "when": "today | default(false) | bool"}
    ],
}


@pytest.mark.parametrize("tasks", NOT_TODAY.values(), ids=NOT_TODAY)
def test_a_job_that_a_play_leaves_out_owes_nothing(lab, tasks):
    """A play of the user's own that does more than to check."""
    lab.finds("redis1")
    playbook = play_of(lab, roles=[], tasks=[{"name": "Own", "debug": {"msg": "own"}}, *tasks])
    code, said = lab.play_in(playbook.parent, playbook)
    assert (code, "FAILED" in said) == (0, False), said
    code, said = lab.play_in(playbook.parent, playbook, "-e", "today=true", "--tags", "all,drift")
    assert (code, "clean: " in said) == (0, True), said


def test_tags_that_choose_another_job_owe_nothing_and_a_mistyped_one_does(lab):
    lab.finds("redis1")
    own = {"name": "Own", "debug": {"msg": "own"}, "tags": ["own"]}
    playbook = play_of(lab, roles=[], tasks=[own, {"import_role": {"name": "redis_drift"}}])
    code, said = lab.play_in(playbook.parent, playbook, "--tags", "own")
    assert (code, "FAILED" in said) == (0, False), said
    code, said = lab.play_in(playbook.parent, playbook, "--tags", "onw")
    assert (code, said.count(NOTHING)) == (1, 1), said


PARTLY = {
    "a role": {"import_role": {"name": "redis_drift"}, "when": "inventory_hostname != 'redis1'"},
    "what is included": {"include_role": {"name": "redis_drift"}, "when": "inventory_hostname != 'redis1'"},
    "a role that begins with a mistake": {
        "include_role": {"name": "redis_drift"},
        "vars": {"redis_drift_keep": "many"},
        "when": "inventory_hostname != 'redis1'",
    },
}


@pytest.mark.parametrize("task", PARTLY.values(), ids=PARTLY)
def test_a_condition_for_one_host_leaves_no_look_at_the_others_without_an_answer(lab, task):
    """The report is made once, and may be left out with the first host: what was found elsewhere would be gone."""
    lab.finds("redis1").finds("redis2", finding("acl.bob"))
    playbook = play_of(lab, roles=[], tasks=[task])
    code, said = lab.play_in(playbook.parent, playbook)
    assert code == 1, said
    assert "FAILED" in said


def test_each_job_of_a_playbook_owes_its_own_answer(lab):
    lab.finds("redis1")
    plays = [
        {"hosts": "redis", "gather_facts": False, "roles": ["redis_drift"]},
        {"hosts": "nobody", "gather_facts": False, "tasks": [LOAD_TEST]},
    ]
    playbook = play_of(lab, roles=[], tasks=[])
    playbook.write_text(json.dumps(plays))
    code, said = lab.play_in(playbook.parent, playbook)
    assert (code, "clean: " in said, "FAILED: nothing was checked" in said) == (1, True, True), said


LOAD_TEST = {"import_role": {"name": "redis_loadtest", "tasks_from": "validate"}}


def test_tags_for_another_play_owe_nothing(lab):
    lab.finds("redis1")
    own = {"hosts": "redis", "gather_facts": False, "tasks": [{"debug": {"msg": "own"}, "tags": ["nginx"]}]}
    ours = {"hosts": "redis", "gather_facts": False, "strategy": "free", "roles": ["redis_drift"]}
    playbook = play_of(lab, roles=[], tasks=[])
    playbook.write_text(json.dumps([own, ours]))
    code, said = lab.play_in(playbook.parent, playbook, "--tags", "nginx")
    assert (code, "FAILED" in said) == (0, False), said
    code, said = lab.play_in(playbook.parent, playbook, "--tags", "nignx")
    assert (code, "strategy free: " in said) == (1, True), said


BETWEEN = {
    "ended": {"meta": "end_host", "when": "inventory_hostname == 'redis2'"},
    "failed": {"fail": {"msg": "boom"}, "when": "inventory_hostname == 'redis2'"},
}


@pytest.mark.parametrize("between", BETWEEN.values(), ids=BETWEEN)
@pytest.mark.parametrize("serial", [[], [1]], ids=["at once", "in batches"])
def test_what_an_earlier_play_has_seen_is_not_seen_now(lab, between, serial):
    lab.finds("redis1").finds("redis2").finds("redis3")
    check = {"hosts": "redis", "gather_facts": False, "roles": ["redis_drift"]}
    again = {**check, "pre_tasks": [between], **({"serial": serial} if serial else {})}
    playbook = play_of(lab, roles=[], tasks=[])
    playbook.write_text(json.dumps([check, again]))
    code, said = lab.play_in(playbook.parent, playbook)
    assert code == 1, said
    assert "redis2: NOT CHECKED" in said
    assert "clean: " not in said.rpartition("NOT CHECKED")[2]


JSON_CALLBACK = '''
import json
from ansible.plugins.callback import CallbackBase
DOCUMENTATION = """
name: json
type: stdout
short_description: as ansible.posix.json
description: as ansible.posix.json
"""
class CallbackModule(CallbackBase):
    CALLBACK_VERSION, CALLBACK_TYPE, CALLBACK_NAME = 2.0, "stdout", "json"
    def v2_playbook_on_stats(self, stats):
        self._display.display(json.dumps({"stats": {host: stats.summarize(host) for host in stats.processed}}))
'''


def test_standard_output_stays_json_where_it_is(lab):
    (lab.root / "callbacks").mkdir()
    (lab.root / "callbacks" / "json.py").write_text(JSON_CALLBACK)
    lab.finds("redis1", finding("option.hz"))
    done = lab.ended(
        ROOT,
        ROOT / "playbooks/check_drift.yml",
        *("-e", f"redis_drift_reports={lab.reports}"),
        ANSIBLE_CALLBACK_PLUGINS=str(lab.root / "callbacks"),
        ANSIBLE_STDOUT_CALLBACK="json",
    )
    assert done.returncode == 2, done.stderr
    assert json.loads(done.stdout)["stats"]["redis1"]["failures"] == 1
    assert "DRIFT: 1" in done.stderr


# --- inventories ------------------------------------------------------------------------------------------------------

SCRIPT = """\
#!/bin/sh
cat {answer}
"""


def test_a_script_and_constructed_groups_are_an_inventory(lab):
    """D1: as AWX writes it, and the plugin that makes groups of variables."""
    lab.finds("redis1")
    hostvars = {name: {**variables, "service": "redis"} for name, variables in lab.hosts.items()}
    answer = {"_meta": {"hostvars": hostvars}, "all": {"hosts": list(hostvars)}}
    (lab.root / "answer.json").write_text(json.dumps(answer))
    (lab.inventory / "hosts.yml").unlink()
    script = lab.inventory / "1-hosts"
    script.write_text(SCRIPT.format(answer=lab.root / "answer.json"))
    script.chmod(0o755)
    groups = {"plugin": "ansible.builtin.constructed", "strict": True, "keyed_groups": []}
    (lab.inventory / "2-constructed.yml").write_text(json.dumps({**groups, "groups": {"redis": "service == 'redis'"}}))
    code, said = lab.play("drift.yml")
    assert (code, lab.document()["hosts"][0]["host"]) == (0, "redis1"), said


def test_an_inventory_that_cannot_be_read_still_ends_the_run(lab):
    (lab.inventory / "hosts.yml").write_text("redis: {hosts: {\n")
    code, said = lab.play("drift.yml")
    assert code != 0, said
    assert "hosts.yml" in said


# --- reports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["a role", "a playbook", "a playbook from below"])
def test_reports_are_in_the_directory_of_the_run(lab, how):
    """A project of the user's own: nothing is written beside it, nor into the tree of this project."""
    lab.finds("redis1", finding("option.hz"))
    playbook = play_of(lab)
    if how != "a role":
        playbook.write_text(json.dumps([{"import_playbook": str(ROOT / "playbooks" / "check_drift.yml")}]))
    place = playbook.parent
    if how == "a playbook from below":
        place = playbook.parent / "deploy"
        place.mkdir()
    before = sorted(lab.root.iterdir())
    code, said = lab.play_in(place, playbook)
    assert code == 2, said
    assert f"report: {place}/reports/drift/latest.html" in said
    assert {path.name for path in (place / "reports").iterdir()} == {"drift"}
    assert sorted(path for path in lab.root.iterdir() if path.name != "home") == [
        path for path in before if path.name != "home"
    ]


def test_a_waiver_and_a_comparison_read_the_reports_that_are_there(lab):
    lab.finds("redis1", finding("option.hz"))
    playbook = play_of(lab)
    code, said = lab.play_in(playbook.parent, ROOT / "playbooks" / "check_drift.yml")
    assert code == 2, said
    code, said = lab.play_in(playbook.parent, ROOT / "playbooks" / "waive_drift.yml")
    assert (code, "option.hz" in lab.waivers.read_text()) == (0, True), said
    words = ["-e", "redis_loadtest_compare_a=x", "-e", "redis_loadtest_compare_b=y"]
    code, said = lab.play_in(playbook.parent, ROOT / "playbooks" / "compare_load_tests.yml", *words)
    assert (code, "nothing was compared" in said) == (1, True), said


# --- variables --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "allowed", [None, ["redis_server_team_contact"], "redis_server_team_contact", ["redis_server_x"]]
)
def test_a_variable_of_the_user_s_own_stops_the_check_unless_it_is_allowed(lab, allowed):
    lab.finds("redis1")
    own = {"redis_server_team_contact": "redis@example.com", "redis_server_allowed_variables": allowed}
    (lab.inventory / "group_vars").mkdir()
    (lab.inventory / "group_vars" / "redis.yml").write_text(json.dumps(own))
    code, said = lab.play("drift.yml")
    passes = "redis_server_team_contact" in (allowed or ())
    assert (code, "redis_server_team_contact: no role has this variable" in said) == (
        (0, False) if passes else (1, True)
    )


# --- sudo -------------------------------------------------------------------------------------------------------------

SUDO = {
    "requiretty": "sudo: sorry, you must have a tty to run sudo",
    "another language": "sudo: Ein Passwort ist notwendig",
    "more than one line": "sudo: unable to resolve host redis1\nsudo: il est nécessaire de saisir un mot de passe",
    "a terminal's sequence": "sudo: \x1b[2Jil est nécessaire de saisir un mot de passe",
}


@pytest.mark.parametrize("said_by_sudo", SUDO.values(), ids=SUDO)
@pytest.mark.parametrize("stream", ["1", "2"])
def test_sudo_is_told_in_its_own_words(lab, said_by_sudo, stream):
    """D10."""
    sudo = lab.root / "sudo"
    sudo.write_text(f"#!/bin/sh\ncat >&{stream} <<'END'\n{said_by_sudo}\nEND\nexit 1\n")
    sudo.chmod(0o755)
    lab.finds("redis1")
    lab.hosts["redis1"] |= {"ansible_become_exe": str(sudo), "ansible_become_user": "nobody"}
    lab.hosts["redis1"]["ansible_become"] = True
    (lab.inventory / "hosts.yml").write_text(json.dumps({"redis": {"hosts": lab.hosts}}))
    code, said = lab.play("drift.yml")
    told = " ".join(said.split())
    assert code == 1, said
    assert said_by_sudo.splitlines()[-1].rpartition("\x1b[2J")[2] in told
    assert "--ask-become-pass" in told
    assert "\x1b[2J" not in said
    assert "deserialization" not in said
