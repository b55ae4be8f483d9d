"""Whatever somebody set up: `adopt` describes it, and the inventory that it writes changes nothing.

Each case starts a generated server (existing.py), describes it as playbooks/describe_servers.yml does, reads the file that was written
with Ansible and the variables of the role redis_server, and lets `redis_instances` foresee and then do its work. What the
server has and nobody can read in the inventory must be named by a note.

A CI run has 35 cases for each of six servers. More of them, or others:

    REDIS_OPS_CASES=500 REDIS_OPS_SEED=7 pytest tests/contract/test_adopt_any_server.py -n 2
"""

from __future__ import annotations

import functools
import json
import os
import re
import tempfile
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.redis_control import adopt
from ansible.module_utils.redis_ops.apply.instances import Result, converge_all
from ansible.module_utils.redis_ops.edge import arguments
from ansible.module_utils.redis_ops.platform import processes
from ansible.module_utils.redis_ops.server.connection import Credentials
from ansible.module_utils.redis_ops.view.describe import Description, as_records, describe_these
from ansible.module_utils.redis_ops.view.strangers import Stranger
from ansible.parsing.dataloader import DataLoader
from ansible.plugins.loader import init_plugin_loader
from ansible.template import Templar, trust_as_template
from existing import Existing, drawn, existing
from hypothesis import assume, given
from servers import Program, running
from somebodys import CannotBe, Here, Somebodys, package_of, server_of
from test_any_server import touched

ROOT = Path(__file__).parent.parent.parent
ROLE = ROOT / "roles/redis_server"
CASES = int(os.environ.get("REDIS_OPS_CASES", "35"))
# Of the start of a server: its process, its working directory, what CONFIG GET says of it otherwise than a file
_OF_THE_PROCESS = ("dir", "bind", "port", "pidfile", "daemonize", "replicaof", "slaveof", "databases", "logfile")
# A name that CONFIG GET has for an option beside the one that an inventory has
_OTHER_NAMES = (
    ("slave", "replica"),
    ("ziplist", "listpack"),
    ("commandlog-slow-execution-max-len", "slowlog-max-len"),
    ("commandlog-execution-slower-than", "slowlog-log-slower-than"),
    ("lua-time-limit", "busy-reply-threshold"),
)
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a run needs root")


def described(server: Somebodys) -> Description:
    """As library/redis_adopt.py does it, with the one server that is looked at."""
    process = processes.look(server.service.pid())
    product = server.program.engine.name
    found, lost = describe_these(
        [Stranger(product, "", server.service.unit(), process, config=str(server.config))],
        [Credentials(server.existing.user, server.existing.password)] if server.existing.acl else [],
        systemd=True,
    )
    assert lost == []
    [one] = found
    return one


class Inventory:
    """The variables of a host whose host_vars `adopt` wrote, as the modules get them."""

    def __init__(self, one: Description, existing: Existing) -> None:
        self.text = adopt.text_of([dict(found) for found in as_records([one])], secret=bool(one.secrets))
        loader = DataLoader()
        variables: dict[str, Any] = {"role_path": str(ROLE), "inventory_hostname": "web1"}
        for path in (ROLE / "defaults/main.yml", *sorted((ROLE / "vars/main").iterdir())):
            variables.update(loader.load_from_file(str(path), trusted_as_template=True))
        with tempfile.NamedTemporaryFile("w", suffix=".yml") as written:
            written.write(self.text)
            written.flush()
            variables.update(loader.load_from_file(written.name, cache="none", trusted_as_template=True))
        # the vault, opened
        variables.update({adopt.variable_of(one.name): one.secrets})
        if existing.acl:  # what a person types beside it
            variables.update(redis_server_login_user=existing.user, redis_server_login_password=existing.password)
        self._templar = Templar(loader, variables)

    def parameters(self) -> dict[str, Any]:
        given = self._templar.template(trust_as_template("{{ redis_server_declaration }}"))
        validated = ArgumentSpecValidator(arguments.ARGUMENTS).validate({"declaration": json.loads(json.dumps(given))})
        assert validated.error_messages == []
        found: dict[str, Any] = validated.validated_parameters
        return found


def run(server: Somebodys, parameters: Mapping[str, Any], *, check: bool) -> Result:
    """As library/redis_instances.py does it. Raises InvalidInput."""
    given = arguments.declared_of(parameters)
    here = Here(given.product, given.declaration, given.login, server=server)
    return converge_all(here, package_of(server.program), restart=True, check=check, somaxconn=100_000)


def shown(one: Description) -> str:
    """Everything that the inventory says: its options, and its notes."""
    named = {*one.entry, *one.entry.get("settings", {}), *one.secrets}
    return " ".join(named) + " " + " ".join(one.notes)


def untold(server: Somebodys, bare: Mapping[str, str], one: Description) -> dict[str, str]:
    """The options that are other than on a server without a configuration, and that nothing tells of."""
    text, found = shown(one), {}
    for name, value in server.look().config.items():
        other = name
        for old, new in _OTHER_NAMES:
            other = other.replace(old, new)
        is_told = re.search(rf"\b({re.escape(name)}|{re.escape(other)})\b", text)
        if name not in _OF_THE_PROCESS and value != bare.get(name) and not is_told:
            found[name] = value
    return found


def judge(server: Somebodys, bare: Mapping[str, str], seen: Counter[str]) -> None:
    """One case."""
    existing = server.existing
    server.fill("first")
    server.change_by_hand()
    before, files = server.look(), server.files()
    one = described(server)
    seen["described"] += 1
    assert untold(server, bare, one) == {}, one
    everything = " ".join([*existing.lines, *existing.included]).lower()
    notes = " ".join(one.notes)
    assert ("ACL users" in notes) == bool(re.search(r"\buser\s", everything)), notes
    assert ("it includes" in notes) == bool(existing.included), notes
    assert ("it follows" in notes) == ("replicaof" in everything), notes
    inventory = Inventory(one, existing)
    assert existing.password not in inventory.text or not existing.password
    parameters = inventory.parameters()
    for check in (True, False):
        result = run(server, parameters, check=check)
        assert result.error == ""
        [done] = result.done
        assert (done.outcome.actions, done.outcome.pending_restart, done.outcome.changed) == ([], [], False), one
    assert touched(files, server.files()) == {}
    assert server.look() == before


@functools.cache
def _plugins() -> None:
    """The lookups that the variables of the role use. A process has them once."""
    init_plugin_loader()


@pytest.fixture(scope="module")
def bare(program: Program, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """CONFIG GET of a server without a configuration."""
    with running(program, tmp_path_factory.mktemp("bare")) as server:
        return server.config()


def test_what_adopt_writes_changes_nothing(program: Program, bare: Mapping[str, str]) -> None:
    _plugins()
    seen: Counter[str] = Counter()

    @drawn(f"adopt {program.version}", CASES)
    @given(existing(program.engine))
    def holds(existing: Existing) -> None:
        try:
            with server_of(replace(existing, stopped=False), program) as server:
                judge(server, bare, seen)
        except CannotBe:
            assume(False)

    holds()
    assert seen["described"] >= CASES
