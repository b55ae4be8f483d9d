"""`make adopt` describes every server of the hosts; `make check` then says that nothing would change, and it is true.

The hand-made servers of a batch live through the same: adopted, checked, kept by hand with nothing declared, provisioned
with the adopted inventory, rebooted. What each of these came to is looked at afterwards, host by host.
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import hosts
import plays
import pytest
import yaml
from ansible.parsing.vault import VaultLib, VaultSecret
from handmade import HANDMADE, Handmade
from hosts import Host
from plays import Inventory, Play

BATCHES = {str(number): HANDMADE[number::3] for number in range(3)}
VAULT_PASSWORD = "of the vault, which nothing may print either"
# The runs of a batch, in their order
ADOPT, CHECK, KEEP, PROVISION = "adopt", "check", "keep", "provision"


@dataclass
class Life:
    """Of one hand-made host. facts: moment -> what was there."""

    made: Handmade
    host: Host
    error: AssertionError | None = None
    facts: dict[str, dict[str, Any]] = field(default_factory=dict)

    def look(self, moment: str) -> None:
        self.facts[moment] = self.host.facts(*(server.cli for server in self.made.servers))


@dataclass
class Batch:
    """inventory: that of the person who adopts. plays: name -> run."""

    lives: dict[str, Life]
    inventory: Inventory
    plays: dict[str, Play] = field(default_factory=dict)


def _begin(life: Life) -> None:
    try:
        life.made.setup(life.host)
        for server in life.made.servers:
            life.host.serves(server.cli)
        life.look("before")
    except AssertionError as error:
        life.error = error


def _boot(life: Life) -> None:
    """What does not come back has no facts of that moment."""
    life.host.reboot()
    with contextlib.suppress(AssertionError):
        for server in life.made.servers:
            life.host.serves(server.cli)
    life.look("booted")


def _each(pool: ThreadPoolExecutor, function: Any, lives: list[Life], *arguments: Any) -> None:
    """On all hosts at once."""
    for future in [pool.submit(function, life, *arguments) for life in lives]:
        future.result()


def _live(batch: Batch, password: Path) -> None:
    vault = ("--vault-password-file", str(password))
    with ThreadPoolExecutor(4) as pool:
        _each(pool, _begin, list(batch.lives.values()))
        lives = [life for life in batch.lives.values() if life.error is None]
        there = Inventory(batch.inventory.directory, tuple(life.host for life in lives))
        there.write({"hosts": {life.host.name: dict(life.made.variables) for life in lives}})
        batch.plays[ADOPT] = plays.run("playbooks/describe_servers.yml", there, "-vvv", *vault)
        _each(pool, Life.look, lives, ADOPT)
        batch.plays[CHECK] = plays.run("provision.yml", there, "--check", "--diff", *vault)
        _each(pool, Life.look, lives, CHECK)
        by_hand = Inventory.of(*there.hosts)
        by_hand.write({"hosts": {life.host.name: kept(life.made) for life in lives}})
        batch.plays[KEEP] = plays.run("provision.yml", by_hand)
        _each(pool, Life.look, lives, KEEP)
        batch.plays[PROVISION] = plays.run("provision.yml", there, *vault)
        _each(pool, Life.look, lives, PROVISION)
        _each(pool, _boot, lives)


def kept(made: Handmade) -> dict[str, Any]:
    """What a person types who wants everything as it is."""
    return {**made.variables, "redis_server_instances": [{**entry, "adopt": "keep"} for entry in made.entries]}


@dataclass
class Now:
    """The batch that lives now. A fixture of the module would live anew for each of its parameters."""

    number: str = ""
    batch: Batch | None = None

    def begin(self, number: str, chosen: set[str]) -> Batch:
        """chosen: the names of those hosts that are looked at."""
        if self.batch is None or self.number != number:
            self.end()
            made = [one for one in BATCHES[number] if one.name in chosen]
            started = hosts.start(*(one.suite for one in made))
            lives = {one.name: Life(one, host) for one, host in zip(made, started)}
            self.number, self.batch = number, Batch(lives, Inventory.of())
            with tempfile.NamedTemporaryFile("w") as password:
                password.write(VAULT_PASSWORD)
                password.flush()
                _live(self.batch, Path(password.name))
        return self.batch

    def end(self) -> None:
        if self.batch is not None:
            hosts.remove(life.host for life in self.batch.lives.values())
            self.batch.inventory.remove()
            self.batch = None


@pytest.fixture(scope="module")
def now() -> Iterator[Now]:
    found = Now()
    yield found
    found.end()


@pytest.fixture
def batch(request: pytest.FixtureRequest, now: Now, number: str) -> Batch:
    same = [item for item in request.session.items if item.path == request.path]
    return now.begin(number, {item.callspec.params["name"] for item in same})


every_server = pytest.mark.parametrize(
    ("number", "name"),
    [pytest.param(number, one.name, id=one.name) for number, made in BATCHES.items() for one in made],
)


@pytest.fixture
def life(batch: Batch, name: str) -> Life:
    found = batch.lives[name]
    if found.error is not None:
        raise found.error
    return found


def written(batch: Batch, life: Life) -> dict[str, str]:
    """Name of a file -> its text, of those that adopt wrote for a host."""
    place = batch.inventory.directory / "host_vars" / life.host.name
    return {path.name: path.read_text() for path in sorted(place.iterdir())} if place.is_dir() else {}


@every_server
def test_adopt_describes_it_and_touches_nothing(batch, life):
    outcome = batch.plays[ADOPT].on(life.host)
    assert outcome.ok, str(outcome)
    found = written(batch, life)
    read = yaml.load(found["redis.yml"], _Loader)
    assert len(read["redis_server_instances"]) == len(life.made.entries), found["redis.yml"]
    assert outcome.says("not described", life.made.left_out) is bool(life.made.left_out), str(outcome)
    assert all(entry["adopt"] == "keep" for entry in read["redis_server_instances"])
    assert hosts.differences(life.facts["before"], life.facts[ADOPT]) == {}


@every_server
def test_check_says_that_nothing_would_change(batch, life):
    outcome = batch.plays[CHECK].on(life.host)
    assert outcome.ok, str(outcome)
    assert outcome.changed == 0, str(outcome)
    assert outcome.told("would change") == ["nothing"], str(outcome)
    assert not outcome.told("owes a restart"), str(outcome)
    assert hosts.differences(life.facts["before"], life.facts[CHECK]) == {}


@every_server
def test_keep_changes_nothing(batch, life):
    outcome = batch.plays[KEEP].on(life.host)
    assert outcome.ok, str(outcome)
    assert outcome.changed == 0, str(outcome)
    assert hosts.differences(life.facts["before"], life.facts[KEEP]) == {}


@every_server
def test_the_adopted_inventory_changes_nothing(batch, life):
    outcome = batch.plays[PROVISION].on(life.host)
    assert outcome.ok, str(outcome)
    assert outcome.changed == 0, str(outcome)
    assert hosts.differences(life.facts["before"], life.facts[PROVISION]) == {}


@every_server
def test_nothing_is_other_after_the_next_boot(life):
    before, booted = life.facts["before"], life.facts["booted"]
    assert hosts.differences(before, booted, "processes", "config") == {}
    assert sorted(before["processes"].values()) == sorted(booted["processes"].values())
    if life.made.name != "changed-while-it-runs":
        assert hosts.differences({"config": before["config"]}, {"config": booted["config"]}) == {}


@every_server
def test_its_secrets_are_in_the_vault_and_nowhere_else(batch, life):
    secrets = (*life.made.secrets, VAULT_PASSWORD)
    texts = {name: play.output for name, play in batch.plays.items()}
    texts["the journal of the host"] = life.host.check_output("journalctl --no-pager --output=cat")
    for path in batch.inventory.directory.rglob("*"):
        if path.is_file() and path.name != "hosts.yml":  # where the person typed a login
            texts[str(path)] = path.read_text()
    found = {(name, secret) for name, text in texts.items() for secret in secrets if secret in text}
    assert found == set()


@every_server
def test_the_vault_has_what_the_server_asks_for(batch, life):
    """The password, as it is, so that the inventory describes the server whole."""
    wanted = {server.cli.password for server in life.made.servers} - {""}
    if not wanted or life.made.variables.get("redis_server_login_user"):
        return
    vault = VaultLib([("default", VaultSecret(VAULT_PASSWORD.encode()))])
    text = vault.decrypt(written(batch, life)["redis_vault.yml"]).decode()
    values = {str(value) for found in yaml.load(text, _Loader).values() for value in found.values()}
    assert wanted <= values


class _Loader(yaml.SafeLoader):
    """Reads what Ansible marks as data."""


_Loader.add_constructor("!unsafe", lambda loader, node: loader.construct_scalar(node))
