"""The control node's side: runs of the project's playbooks on some hosts, and what they say."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import runs
from hosts import KEY, SCENARIO, Host

# Another checkout to run the cases against, to see which of them fail there
PROJECT = Path(os.environ.get("TAKEOVER_PROJECT", SCENARIO.parents[1]))
TIMEOUT = 600.0  # seconds
# A socket of an ssh connection outlives its host, and the next host with that address must not get it
_SOCKETS = tempfile.mkdtemp(prefix="takeover-ssh-")
_ENVIRONMENT = {
    **{name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "PYTEST_"))},
    "ANSIBLE_CONFIG": str(PROJECT / "ansible.cfg"),
    "ANSIBLE_PRIVATE_KEY_FILE": str(KEY),
    "ANSIBLE_SSH_CONTROL_PATH_DIR": _SOCKETS,
    "ANSIBLE_FORCE_COLOR": "false",
    "NO_COLOR": "1",
    "LC_ALL": "C.UTF-8",
}
_SSH = "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR"
# The hosts share one kernel, which is another scenario's subject. Reports stay out of the project.
COMMON = {
    "redis_host_sysctl": {},
    "redis_host_transparent_hugepage": "unmanaged",
    "redis_drift_reports": f"{_SOCKETS}/reports",
}
# What no run may print, whatever it finds
DEFECTS = ("Traceback (most recent call last)", "a defect of this module")


@dataclass(frozen=True)
class Play:
    """A run that has ended."""

    rc: int
    output: str = field(repr=False)

    def __post_init__(self) -> None:
        found = [text for text in DEFECTS if text in self.output]
        assert not found, self.output

    def on(self, host: Host) -> Outcome:
        """Its part on one host."""
        return Outcome(self, host.name)


@dataclass(frozen=True)
class Outcome:
    """What a run came to on one host, and what it says of it at its end."""

    play: Play
    host: str

    @property
    def output(self) -> str:
        """Of the whole run."""
        return self.play.output

    def __str__(self) -> str:
        return self.summary

    @property
    def ok(self) -> bool:
        """Whether nothing failed on this host."""
        return self._recap("failed") == self._recap("unreachable") == 0

    @property
    def changed(self) -> int:
        """How many tasks say that they changed it."""
        return self._recap("changed")

    @property
    def summary(self) -> str:
        """The part of this host in the summary."""
        found = re.search(rf"^{self.host}: .*\n(?:(?:  .*)?\n)*", self.play.output, re.MULTILINE)
        assert found, self.play.output
        return found[0]

    def told(self, title: str) -> list[str]:
        """The lines of one section of the summary."""
        return runs.section(self.summary.splitlines()[1:], title)

    def says(self, *parts: str, title: str = "") -> bool:
        """Whether one line of the summary, or of a section of it, has all these parts."""
        lines = self.told(title) if title else self.summary.splitlines()
        return any(all(part in line for part in parts) for line in lines)

    def _recap(self, name: str) -> int:
        found = re.search(rf"^{self.host} +:.* {name}=(\d+)", self.play.output, re.MULTILINE)
        assert found, self.play.output
        return int(found[1])


@dataclass(frozen=True)
class Inventory:
    """A directory with an inventory, of these hosts."""

    directory: Path
    hosts: tuple[Host, ...]

    @classmethod
    def of(cls, *hosts: Host, **variables: Any) -> Inventory:
        """variables: of each host; they win over its own."""
        found = cls(Path(tempfile.mkdtemp(prefix="takeover-inventory-")), hosts)
        found.write({"hosts": {host.name: {**host.variables, **variables} for host in hosts}})
        return found

    def write(self, redis: dict[str, Any]) -> None:
        """The file with the hosts. redis: the group, as YAML has it."""
        addresses = {host.name: {"ansible_host": host.address} for host in self.hosts}
        common = {"ansible_user": "root", "ansible_ssh_common_args": _SSH, **COMMON}
        text = json.dumps({"all": {"vars": common, "hosts": addresses, "children": {"redis": redis}}}, indent=1)
        (self.directory / "hosts.yml").write_text(text)

    def remove(self) -> None:
        """Its files may hold secrets."""
        shutil.rmtree(self.directory)


def provision(*hosts: Host, options: Sequence[str] = (), **variables: Any) -> Outcome:
    """Run provision.yml on these hosts with these variables in the inventory. Its outcome on the first of them."""
    return play("provision.yml", *hosts, options=options, **variables).on(hosts[0])


def check(*hosts: Host, options: Sequence[str] = (), **variables: Any) -> Outcome:
    """What `make check` runs."""
    return provision(*hosts, options=("--check", "--diff", *options), **variables)


def play(playbook: str, *hosts: Host, options: Sequence[str] = (), **variables: Any) -> Play:
    """Run a playbook of the project, or one with an absolute path, to its end."""
    inventory = Inventory.of(*hosts, **variables)
    try:
        return run(playbook, inventory, *options)
    finally:
        inventory.remove()


def run(playbook: str, inventory: Inventory, *options: str) -> Play:
    """The same with an inventory that is there."""
    with playing(playbook, inventory, *options) as process:
        output = process.communicate(timeout=TIMEOUT)[0]
    return Play(process.returncode, output)


def playing(
    playbook: str, inventory: Inventory, *options: str
) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
    """A run that goes on, killed at the end with everything that it started."""
    command = ["ansible-playbook", f"--inventory={inventory.directory}", *options, playbook]
    return runs.started(command, PROJECT, _ENVIRONMENT)
