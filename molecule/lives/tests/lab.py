"""The control node's side of a life: run plays, read what they say, and start what goes on meanwhile on the host."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import runs

PROJECT = Path(__file__).resolve().parents[3]
INVENTORY = PROJECT / "molecule/lives/inventory"
HOST = "redis-lab-lives"
ADDRESS = re.search(r"ansible_host: (\S+)", (INVENTORY / "hosts.yml").read_text()).group(1)
KEY = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", PROJECT / ".cache/molecule/lives")) / "id_ed25519"
ENVIRONMENT = {
    **os.environ,
    "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
    "ANSIBLE_PRIVATE_KEY_FILE": str(KEY),
    "ANSIBLE_FORCE_COLOR": "false",
    "NO_COLOR": "1",
    "LC_ALL": "C.UTF-8",
}
SSH = [
    *("ssh", "-i", str(KEY), "-o", "UserKnownHostsFile=/dev/null", "-o", "StrictHostKeyChecking=no"),
    *("-o", "LogLevel=ERROR", "-o", "ConnectTimeout=10", f"root@{ADDRESS}"),
]


@dataclass(frozen=True)
class Play:
    """A run that has ended: its status, and what it said."""

    rc: int
    output: str

    @property
    def ok(self) -> bool:
        return self.rc == 0

    @property
    def changed(self) -> int:
        """Of the recap."""
        return int(re.search(rf"^{HOST} .*changed=(\d+)", self.output, re.MULTILINE).group(1))

    def told(self, title: str) -> list[str]:
        """The lines of one section of the summary that ends every run."""
        return runs.section(self.output.partition(f"\n{HOST}: ")[2].splitlines()[1:], title)


@contextlib.contextmanager
def playing(variables: Mapping[str, Any], *options: str, playbook: Path = PROJECT / "provision.yml") -> Iterator[Any]:
    """A run that goes on. Its variables go through a file, as secrets may be among them."""
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump(variables, file)
        file.flush()
        command = [
            "ansible-playbook",
            f"--inventory={INVENTORY}",
            f"--extra-vars=@{file.name}",
            *options,
            str(playbook),
        ]
        with runs.started(command, PROJECT, ENVIRONMENT) as process:
            yield process


def play(*options: str, playbook: Path = PROJECT / "provision.yml", **variables: Any) -> Play:
    """Run a playbook, provision.yml unless told otherwise, to its end."""
    with playing(variables, *options, playbook=playbook) as process:
        output = process.communicate()[0]
    return Play(process.returncode, output)


class OnHost(contextlib.AbstractContextManager):
    """A Python program that runs on the host until close(). It gets its end by end of input, and answers in JSON."""

    def __init__(self, program: Path, *arguments: str, secret: str = "") -> None:
        words = ["python3", "-u", "-c", program.read_text(), *arguments]
        self._process = subprocess.Popen(
            [*SSH, shlex.join(words)], text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        self._process.stdin.write(secret + "\n")
        self._process.stdin.flush()
        ready = self._process.stdout.readline()
        if ready != "ready\n":
            raise RuntimeError(f"{program.name} did not start: {ready!r}")

    def close(self) -> Any:
        """End it. Its answer."""
        return json.loads(self._process.communicate()[0])

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()
