"""The playbook that installs the schedule: it looks at every input first, and checks the inventory that it was run with."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from test_drift_trust import ALICE, Place

ROOT = Path(__file__).parent.parent.parent
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")


def plays(*cases: dict[str, object]) -> list[dict[str, object]]:
    """A play for each case, which has its variables and writes the command that would be scheduled."""
    return [
        {
            "name": "Install",
            "hosts": "localhost",
            "connection": "local",
            "gather_facts": False,
            "vars": case,
            "tasks": [
                {"ansible.builtin.import_role": {"name": "redis_drift", "tasks_from": "schedule_vet"}},
                {
                    "ansible.builtin.copy": {
                        "content": "{{ __redis_drift_command | to_json }}",
                        "dest": f"{{{{ playbook_dir }}}}/command{number}.json",
                        "mode": "0600",
                    }
                },
            ],
        }
        for number, case in enumerate(cases)
    ]


@pytest.fixture
def install(trusted_path):
    place = Place(trusted_path)
    (trusted_path / "checkout" / "playbooks").mkdir(parents=True)

    def run(*words: str, cases: tuple[dict[str, object], ...] = ({},), **variables: object) -> tuple[int, str]:
        (trusted_path / "checkout" / "playbooks" / "install.yml").write_text(json.dumps(plays(*cases)))
        given = {"redis_drift_schedule_project": str(place.project), "redis_drift_schedule_reports": str(trusted_path)}
        done = subprocess.run(
            [
                *(
                    str(Path(sys.executable).parent / "ansible-playbook"),
                    str(trusted_path / "checkout/playbooks/install.yml"),
                ),
                *("-e", json.dumps({**given, **variables}), *words),
            ],
            env={**os.environ, "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"), "LC_ALL": "C.UTF-8", "COLUMNS": "4000"},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    run.place = place
    run.command = lambda number=0: json.loads(
        (trusted_path / "checkout" / "playbooks" / f"command{number}.json").read_text()
    )
    return run


def test_an_inventory_of_somebody_else_is_refused_and_the_remedy_makes_the_next_install_pass(install):
    """B6."""
    inventory = install.place.inventory
    canary = install.place.root / "canary"
    (inventory / "hosts.yml").write_text(
        f"all: {{hosts: {{x: {{y: \"{{{{ lookup('pipe', 'touch {canary}') }}}}\"}}}}}}\n"
    )
    os.chown(inventory / "hosts.yml", ALICE, 0)
    for mode in ([], ["--check"]):
        code, said = install("-i", str(inventory), *mode)
        assert code == 2, said
        assert f"{inventory}: {inventory}/hosts.yml in it belongs to uid {ALICE}" in said
    [remedy] = {line.partition("then type: ")[2] for line in said.splitlines() if "then type: " in line}
    assert remedy == f"chown -R root: {inventory} && chmod -R go-w {inventory}"
    subprocess.run(["sh", "-e", "-c", remedy], check=True)
    code, said = install("-i", str(inventory))
    assert code == 0, said
    assert not canary.exists()


def test_a_path_that_is_a_template_stays_a_path(install):
    canary = install.place.root / "canary"
    odd = install.place.root / "etc" / "{{ lookup('pipe', 'touch $HOME') }}\x1b[2J"
    odd.mkdir()
    os.chown(odd, ALICE, 0)
    code, said = install(redis_drift_schedule_inventory=str(install.place.inventory), redis_drift_notify_command=["x"])
    assert code == 0, said
    (install.place.project / "roles" / "y").symlink_to(odd)
    code, said = install(redis_drift_schedule_inventory=str(install.place.inventory))
    assert code == 2, said
    assert "{{ lookup('pipe'" in said
    assert "\x1b[2J" not in said
    assert not canary.exists()


def test_it_checks_the_inventories_that_it_was_installed_with(install):
    root = install.place.root
    (root / "checkout/inventories/x").mkdir(parents=True)
    (root / "checkout/inventories/x/hosts").write_text("")
    code, said = install("-i", f"{root}/etc/inventory", "-i", f"{root}/checkout/inventories/x", "-i", "redis1,")
    assert code == 0, said
    assert install.command()[2:8] == ["-i", f"{root}/etc/inventory", "-i", "inventories/x", "-i", "redis1,"]


def test_it_checks_what_is_named(install):
    named = (["inventories/x"], ["inventories/x", "/etc/y"])
    as_text = {"redis_drift_schedule_inventory": "inventories/x"}
    code, said = install(cases=(as_text, {"redis_drift_schedule_inventory": named[1]}))
    assert code == 0, said
    for number, expected in enumerate(named):
        command = install.command(number)
        assert [word for before, word in zip(command, command[1:]) if before == "-i"] == expected
