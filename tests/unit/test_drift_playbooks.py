"""The real ansible-playbook on hosts that answer what an attacker wants: it stays data, and each host has its report."""

from __future__ import annotations

import pytest
from attacks import BROKEN_TEMPLATES, TEMPLATES
from checked import finding, scope
from drift_lab import Lab


@pytest.fixture
def lab(tmp_path):
    return Lab(tmp_path)


def users(*names: str) -> list[dict]:
    """Findings of ACL users that are called so, which say so everywhere."""
    told = ("subject", "expected", "actual", "why", "remedy")
    return [finding(f"acl.{name}", **dict.fromkeys(told, name)) for name in names]


def test_a_user_name_is_no_template_neither_when_it_is_waived_nor_in_the_next_check(lab):
    """B4."""
    named = [*TEMPLATES, *BROKEN_TEMPLATES]
    lab.finds("redis1", *users(*named), server=TEMPLATES[0], unknown=[TEMPLATES[1]])
    lab.finds("redis2", finding("option.hz"))
    code, said = lab.play("check_drift.yml")
    assert code == 2, said
    code, said = lab.play("waive_drift.yml", "--limit", "redis1")
    assert code == 0, said
    code, said = lab.play("check_drift.yml")
    assert code == 2, said
    found = {
        item["id"]: item for host in lab.document()["hosts"] for place in host["scopes"] for item in place["findings"]
    }
    assert {name for name, item in found.items() if item["state"] == "live_not_persisted"} == {"option.hz"}
    assert len(found) == len(named) + 1
    assert found["acl.{{ unclosed"]["waiver"]["reason"] == "OPS-417"
    # and once more: the file is extended, and what it holds is still known
    code, said = lab.play("waive_drift.yml")
    assert code == 0, said
    assert lab.play("check_drift.yml")[0] == 0


def test_waivers_without_a_tag_are_data_too(lab):
    lab.finds("redis1", *users(TEMPLATES[0]))
    assert lab.play("check_drift.yml")[0] == 2
    assert lab.play("waive_drift.yml")[0] == 0
    lab.waivers.write_text(lab.waivers.read_text().replace("!unsafe ", ""))
    code, said = lab.play("check_drift.yml")
    assert code == 0, said


def test_a_play_of_somebody_else_that_calls_the_role_evaluates_no_waiver(lab):
    """Ansible passes the variables of an entry point through Jinja when it validates them."""
    lab.finds("redis1", *users(TEMPLATES[0], BROKEN_TEMPLATES[0]))
    assert lab.play("check_drift.yml")[0] == 2
    assert lab.play("waive_drift.yml")[0] == 0
    lab.waivers.write_text(lab.waivers.read_text().replace("!unsafe ", "") + "  - {id: x}\n")
    (lab.root / "site.yml").write_text("- {hosts: redis, gather_facts: false, roles: [redis_drift]}\n")
    code, said = lab.play(str(lab.root / "site.yml"))
    assert code == 1, said
    assert "FAILED: 3 mistakes in waivers; the other waivers hold" in said
    assert lab.document()["counts"]["waived"] == 2


def test_a_waiver_that_cannot_be_read_is_named_and_the_others_hold(lab):
    lab.finds("redis1", finding("option.hz")).finds("redis2", finding("acl.bob"))
    lab.waivers.parent.mkdir(parents=True)
    lab.waivers.write_text(
        "redis_drift_waivers:\n"
        "  - {id: option.hz, hosts: redis1, reason: OPS-417, expires: 2999-01-01}\n"
        "  - {id: '{{ unclosed', hosts: redis2, reason: OPS-417, expires: never}\n"
    )
    code, said = lab.play("check_drift.yml")
    assert code == 1, said
    made = lab.document()
    assert [item["state"] for host in made["hosts"] for place in host["scopes"] for item in place["findings"]] == [
        "waived",
        "live_not_persisted",
    ]
    [told] = made["waivers"]["invalid"]
    assert told.startswith("redis1 and 1 more: redis_drift_waivers: waiver 2: expires: never")
    assert "{{ unclosed" in told
    assert "FAILED: 1 mistake in waivers; the other waivers hold" in said


ODD_ANSWERS: tuple[object, ...] = (
    {"scopes": 7},
    {"scopes": [7]},
    {"scopes": [{"instance": "default"}]},
    {"scopes": [scope(finding("acl.bob", state="waived"))]},
    {"scopes": [scope(finding("acl.bob", actual=["a list"]))]},
    {"scopes": [{**scope(), "counts": {"in_sync": "many"}}]},
    {"failed": True, "msg": {"not": "a text"}},
    "no JSON at all {{",
)


def test_an_answer_of_another_shape_leaves_the_other_hosts_alone(lab):
    """B7."""
    odd = {f"odd{number}": answer for number, answer in enumerate(ODD_ANSWERS)}
    for name, answer in odd.items():
        lab.answers(name, answer)
    lab.finds("redis2", finding("acl.bob"))
    code, said = lab.play("check_drift.yml")
    assert code == 1, said
    assert "defect" not in said
    hosts = {host["host"]: host for host in lab.document()["hosts"]}
    for name, answer in odd.items():
        assert (name, hosts[name]["scopes"]) == (name, [])
        assert hosts[name]["status"] == ("unreadable" if "scopes" in answer else "failed"), answer
        assert hosts[name]["error"], answer
    assert [item["id"] for place in hosts["redis2"]["scopes"] for item in place["findings"]] == ["acl.bob"]


def test_a_module_that_fails_with_a_template_runs_none(lab):
    lab.answers("redis1", {"failed": True, "msg": " ".join(TEMPLATES)}).finds("redis2")
    code, said = lab.play("check_drift.yml")
    assert code == 1, said
    assert lab.document()["hosts"][0]["error"].startswith("{{ lookup(")


def test_what_a_host_says_moves_no_cursor(lab):
    told = "x\x1b]52;c;AAAA\x07\x1b[2J\x9b31m\u202ey\nclean: 99 things"
    lab.answers("failed", {"failed": True, "msg": told}).answers("odd", {"scopes": 7, "msg": told})
    lab.finds("redis2", *users(told), server=told)
    code, said = lab.play("check_drift.yml")
    assert code == 1, said
    lines = said.splitlines()
    assert not [line for line in lines if not line.replace("\t", "").isprintable()]
    assert not [line for line in lines if line.startswith("clean")]
    assert {host["host"]: host["status"] for host in lab.document()["hosts"]} == {
        "failed": "failed",
        "odd": "unreadable",
        "redis2": "checked",
    }


def test_where_no_host_answers_in_time_there_is_a_report_of_that(lab):
    lab.finds("redis1").finds("redis2")
    module = lab.root / "library" / "redis_drift.py"
    module.write_text(f"{module.read_text()}import time\ntime.sleep(30)\n")
    code, said = lab.play("check_drift.yml", "-e", "redis_drift_timeout=1")
    assert code == 1, said
    assert [host["status"] for host in lab.document()["hosts"]] == ["failed", "failed"]
