"""A whole run and a whole drift check of a real server, which runs as the account that owns its files and attacks them."""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import converge as apply
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.drift import instance as drift
from ansible.module_utils.redis_ops.model.conffile import is_configuration
from ansible.module_utils.redis_ops.view.attempt import attempt
from ansible.module_utils.redis_ops.view.instance import Instance
from hostile import ACCOUNT, CANARY, Arena, arena, as_root, told
from instances import Lab, laboratory, some

pytestmark = [as_root, some("redis 7.0.15")]

AS_THE_ACCOUNT = """\
#!/bin/sh
[ "$(id -u)" != 0 ] || exec setpriv --reuid {account} --regid {account} --clear-groups {program} "$@"
exec {program} "$@"
"""


@dataclass
class Attacked:
    """The lab of a server in the account's place."""

    lab: Lab
    arena: Arena
    number: int = 0

    def instance(self, **settings: Any) -> Instance:
        lab = self.lab
        return replace(
            lab.instance({"appendonly": "yes", "logfile": str(lab.directory / "etc" / "redis.log"), **settings}),
            config=FileSpec(str(lab.config_path), 0o640, ACCOUNT, ACCOUNT, is_configuration),
            directories=[FileSpec(str(lab.data), 0o750, ACCOUNT, ACCOUNT)],
        )

    def run(self) -> Any:
        """One with something to do, and a check."""
        self.number += 1
        wanted = self.instance(timeout=self.number)
        done = told(lambda: self._converge(wanted, check=False))
        return done, told(lambda: self._converge(wanted, check=True)), drift.check(attempt(wanted))

    def _converge(self, wanted: Instance, *, check: bool) -> dict[str, Any]:
        outcome, view = apply.converge(wanted, restart=False, check=check)
        if view.connection is not None:
            view.connection.close()
        return vars(outcome)

    def tidy(self) -> None:
        """What the account left, and a file in the place of what it took."""
        for path in [*self.lab.config_path.parent.iterdir(), *self.lab.data.glob("*")]:
            if path.is_symlink() or path.suffix == ".aside":
                path.rename(path.with_suffix("")) if path.suffix == ".aside" else path.unlink()
        if not self.lab.config_path.exists():
            self.arena.put(self.lab.config_path, f"port {self.lab.port}\ndir {self.lab.data}\n")


@pytest.fixture
def attacked(program) -> Iterator[Attacked]:
    """A server where another account can go."""
    command = shlex.join(program.command_for(ACCOUNT))
    with arena("/var/tmp") as found, laboratory(program, found.place / "lab") as victim:
        script = AS_THE_ACCOUNT.format(account=ACCOUNT, program=command)
        Path(victim.service.binary).write_text(script)
        victim.service.user = str(ACCOUNT)
        found.own(victim.directory, 0o755)
        found.own(victim.directory / "etc", 0o2770)
        yield Attacked(victim, found)


MOVES = {
    "the configuration": "swap(place + '/lab/etc/redis.conf', victim + '/main.conf')",
    "what is being made": "replace_drafts(place + '/lab/etc', victim + '/shadow')",
    "the log": "swap(place + '/lab/etc/redis.log', victim + '/shadow')",
    "the manifest": "swap(place + '/lab/data/appendonlydir/appendonly.aof.manifest', victim + '/shadow')",
    "the data directory": "swap(place + '/lab/data', victim)",
}


@pytest.mark.parametrize("what", MOVES)
def test_a_run_and_a_check(attacked, what):
    assert told(attacked.run).startswith("done"), "the server does not run without an attack"
    assert attacked.lab.get("timeout") == "1"
    assert Path(f"/proc/{attacked.lab.service.pid()}").stat().st_uid == ACCOUNT
    attacked.arena.rounds(MOVES[what], attacked.run, attacked.tidy)


def test_users_of_somebody_else(attacked):
    """The aclfile is read by root, who knows its place from the server."""
    users = attacked.lab.directory / "etc" / "users.acl"
    attacked.arena.put(users, "user default on nopass ~* &* +@all\n")
    assert told(attacked.run).startswith("done")
    attacked.lab.service.stop()
    attacked.arena.put(attacked.lab.config_path, f"{attacked.lab.text}aclfile {users}\n")
    attacked.lab.start()
    users.unlink()
    for put in (lambda: attacked.arena.link(users, attacked.arena.victim / "shadow"), lambda: os.mkfifo(users)):
        put()
        said = str(drift.check(attempt(attacked.instance())))
        assert CANARY not in said
        assert f"{users}: " in said
        users.unlink()
