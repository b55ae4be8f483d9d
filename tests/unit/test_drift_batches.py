"""A drift check in batches, or with another strategy, tells the truth of every host or is refused before it begins."""

from __future__ import annotations

import json

import pytest
from checked import finding
from drift_lab import Lab

HOSTS = ("redis1", "redis2", "redis3")


class Batched(Lab):
    """Three hosts, and a play of the user's own that uses the role."""

    def check(
        self, *words: str, tasks_before: list | None = None, role: dict | None = None, **keywords
    ) -> tuple[int, str]:
        entry = role or {"import_role": {"name": "redis_drift"}}
        tasks = [*(tasks_before or []), entry]
        play = {"name": "Own", "hosts": "redis", "gather_facts": False, "tasks": tasks, **keywords}
        playbook = self.root / "own.yml"
        playbook.write_text(json.dumps([play]))
        return self.play_in(self.root, playbook, "-e", f"redis_drift_reports={self.reports}", *words)

    def checked(self) -> dict[str, str]:
        """Status of each host in the report, of which there is one."""
        assert len(list(self.reports.glob("2*.json"))) == 1
        return {host["host"]: host["status"] for host in self.document()["hosts"]}


@pytest.fixture
def lab(tmp_path):
    return Batched(tmp_path)


def stops(*hosts: str) -> list[dict]:
    """A task that fails on these hosts."""
    return [{"name": "Stop", "fail": {"msg": "boom"}, "when": f"inventory_hostname in {list(hosts)}"}]


ALL = dict.fromkeys(HOSTS, "checked")
IN_PARTS = {
    "one host at a time": {"serial": 1},
    "batches that grow": {"serial": [1, 2]},
    "backwards": {"serial": 2, "order": "reverse_inventory"},
    "throttled": {"throttle": 1},
    "with a limit of failures": {"serial": 1, "max_fail_percentage": 0},
    "fatal": {"serial": 1, "any_errors_fatal": True},
}


@pytest.mark.parametrize("keywords", IN_PARTS.values(), ids=IN_PARTS)
@pytest.mark.parametrize("drifted", [0, 2])
def test_every_host_is_in_the_report(lab, keywords, drifted):
    for number, host in enumerate(HOSTS):
        lab.finds(host, *([finding("option.hz")] if number < drifted else []))
    code, said = lab.check(**keywords)
    assert (code, lab.checked(), lab.document()["exit_code"]) == (2 if drifted else 0, ALL, 2 if drifted else 0), said
    assert said.count(f"report: {lab.reports}/latest.html") == 1


def test_a_host_that_failed_before_the_check_keeps_no_later_batch_from_the_report(lab):
    for host in HOSTS:
        lab.finds(host)
    lab.finds("redis4")
    code, said = lab.check(tasks_before=stops("redis1"), serial=2)
    assert (code, lab.checked()) == (1, {**ALL, "redis1": "failed", "redis4": "checked"}), said


def test_what_is_mended_in_batches_is_in_the_report(lab):
    """Each batch is looked at again after it was mended; here nothing can be."""
    for host in HOSTS:
        lab.finds(host)
    code, said = lab.check("-e", "redis_drift_remediate=true", serial=1, role={"import_role": {"name": "redis_drift"}})
    assert (code, lab.checked()) == (0, ALL), said


@pytest.mark.parametrize(
    "keywords", [{"serial": 1, "max_fail_percentage": 0}, {"serial": 1}, {"serial": 1, "any_errors_fatal": True}]
)
def test_a_run_that_stops_early_names_the_hosts_that_it_did_not_look_at(lab, keywords):
    for host in HOSTS:
        lab.finds(host)
    code, said = lab.check(tasks_before=stops("redis2"), **keywords)
    assert code == 1, said
    for host in ("redis2", "redis3"):
        assert f"{host}: NOT CHECKED (failed)\n  the check did not run on it" in said
    assert "FAILED: 2 of 3 hosts could not be checked" in said
    assert not lab.reports.exists()  # the next check compares itself with the one before


@pytest.mark.parametrize("keywords", [{"max_fail_percentage": 0}, {"any_errors_fatal": True}])
def test_so_does_a_run_that_stops_before_it_looked_at_any(lab, keywords):
    for host in HOSTS:
        lab.finds(host)
    code, said = lab.check(tasks_before=stops("redis2"), **keywords)
    assert code == 1, said
    assert "FAILED: nothing was checked: redis2: boom\nnot looked at: redis1, redis2, redis3" in said


REFUSED = {
    "free": ({"strategy": "free"}, {}, "strategy free: "),
    "host_pinned": ({"strategy": "ansible.builtin.host_pinned"}, {}, "strategy ansible.builtin.host_pinned: "),
    "once": ({"run_once": True}, {}, "run_once: "),
    "once for the role": ({}, {"run_once": True}, "run_once: "),
}


@pytest.mark.parametrize(("keywords", "of_role", "told"), REFUSED.values(), ids=REFUSED)
@pytest.mark.parametrize("kind", ["import_role", "include_role"])
def test_what_would_not_be_true_is_refused_before_anything_runs(lab, keywords, of_role, told, kind):
    for host in HOSTS:
        lab.finds(host)
    if of_role and kind == "include_role":
        of_role = {"apply": of_role}
    role = {kind: {"name": "redis_drift", **(of_role if "apply" in of_role else {})}}
    role |= {} if "apply" in of_role else of_role
    code, said = lab.check(role=role, **keywords)
    assert (code, said.count(told), lab.reports.exists()) == (1, 1, False), said
    assert "Check | Compare" not in said or kind == "include_role"


@pytest.mark.parametrize("kind", ["import_role", "include_role"])
def test_one_look_never_counts_for_all_even_without_callbacks(lab, kind):
    for host in HOSTS:
        lab.finds(host)
    lab.check(role={kind: {"name": "redis_drift"}}, run_once=True)
    words = ["-e", f"redis_drift_reports={lab.reports}"]
    code, said = lab.play_in(lab.root, lab.root / "own.yml", *words, ANSIBLE_CALLBACK_PLUGINS="/usr/share/ansible/none")
    assert code != 0, said
    told = [host["error"] for host in lab.document()["hosts"]] if kind == "include_role" else [said]
    assert all("run_once: " in text for text in told), said


def test_the_strategy_of_others_is_refused_as_well(lab):
    for host in HOSTS:
        lab.finds(host)
    code, said = lab.play("drift.yml", ANSIBLE_STRATEGY="free")
    assert (code, "strategy free: " in said, "TASK" in said) == (1, True, False), said


@pytest.mark.parametrize("entry", ["loadtest", "validate", "preflight"])
def test_a_load_test_in_batches_is_refused(lab, entry):
    for host in HOSTS:
        lab.finds(host)
    code, said = lab.check(role={"import_role": {"name": "redis_loadtest", "tasks_from": entry}}, serial=1)
    assert (code, "serial: " in said, "TASK" in said) == (1, True, False), said


@pytest.mark.parametrize("strategy", ["free", "host_pinned"])
@pytest.mark.parametrize("role", [{"name": "redis_server"}, {"name": "redis_server", "tasks_from": "converge"}])
def test_hosts_that_could_restart_together_are_refused(lab, role, strategy):
    """Each host sees only those that were converged before it, so that a rolling restart can't be one."""
    for host in HOSTS:
        lab.finds(host)
    code, said = lab.check(role={"import_role": role}, strategy=strategy)
    assert (code, f"strategy {strategy}: " in said, "TASK" in said) == (1, True, False), said


def test_provisioning_in_batches_is_none_of_this(lab):
    lab.finds("redis1")
    code, said = lab.check(role={"import_role": {"name": "redis_host"}}, serial=1, strategy="free")
    assert "expected" not in said or code != 1, said
