"""A drift check by the real ansible-playbook, on hosts that are this machine and answer what a test wants."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from attacks import CANARY
from checked import scope

ROOT = Path(__file__).parent.parent.parent
# Stands in for the module of that name. A host is known by the one instance that is declared for it.
ANSWERS = """\
#!/usr/bin/python3
# WANT_JSON
import json, pathlib, sys
given = json.loads(pathlib.Path(sys.argv[1]).read_text())
print(pathlib.Path({directory!r}, given["declaration"]["instances"][0]["name"]).read_text())
"""


class Lab:
    """An inventory of hosts that are this machine, what each answers, and the reports."""

    def __init__(self, root: Path) -> None:
        self.root, self.reports, self.inventory = root, root / "reports", root / "inventory"
        self.canary, self.waivers = root / "canary", root / "inventory/group_vars/redis/redis_drift_waivers.yml"
        for path in (root / "library", root / "answers", self.inventory):
            path.mkdir()
        (root / "library" / "redis_drift.py").write_text(ANSWERS.format(directory=str(root / "answers")))
        self.hosts: dict[str, dict] = {}

    def answers(self, host: str, answer: object) -> Lab:
        """What module redis_drift says there; CANARY in it stands for the path of the canary."""
        text = answer if isinstance(answer, str) else json.dumps(answer)
        (self.root / "answers" / host).write_text(text.replace(CANARY, str(self.canary)))
        self.hosts[host] = {"ansible_connection": "local", "redis_server_instances": [{"name": host}]}
        (self.inventory / "hosts.yml").write_text(json.dumps({"redis": {"hosts": self.hosts}}))
        return self

    def finds(self, host: str, *findings: dict, **told: object) -> Lab:
        return self.answers(host, {"changed": False, "scopes": [scope(instance=""), {**scope(*findings), **told}]})

    def play(self, playbook: str, *words: str, **environment: str) -> tuple[int, str]:
        """Run a playbook of the project, or one of another path, from the project; its reports go to the lab."""
        reports = ("-e", f"redis_drift_reports={self.reports}")
        return self.play_in(ROOT, ROOT / "playbooks" / playbook, *reports, *words, **environment)

    def play_in(self, place: Path, playbook: Path, *words: str, **environment: str) -> tuple[int, str]:
        """The same from another directory, with nothing said of reports."""
        done = self.ended(place, playbook, *words, **environment)
        return done.returncode, done.stdout + done.stderr

    def ended(self, place: Path, playbook: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """The same with both outputs apart."""
        done = subprocess.run(
            [str(Path(sys.executable).parent / "ansible-playbook"), str(playbook), "-i", str(self.inventory), *words],
            cwd=place,
            env={**os.environ, **self.environment(), **environment},
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert not self.canary.exists(), "a host ran a command on the control node"
        return done

    def environment(self) -> dict[str, str]:
        """In which the stand-in is found before the module."""
        return {
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_LIBRARY": f"{self.root}/library:{ROOT}/library",
            "ANSIBLE_HOME": str(self.root / "home"),
            "REASON": "OPS-417",
            "LC_ALL": "C.UTF-8",
        }

    def document(self) -> dict:
        return json.loads((self.reports / "latest.json").read_text())
