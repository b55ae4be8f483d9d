"""Whatever somebody set up and whatever is declared of it: no run loses a key, or opens or closes what nobody declared.

Generated servers (existing.py) meet generated declarations. Each case starts a real server, runs what `redis_instances`
runs, and judges by what the kernel, the files and the server say (witness.py): once after the run, once after a second run,
which changes nothing, and once after the server was started again from its file. A run that refuses has touched nothing.

A CI run has 50 cases for each of six servers, the same ones every time. More of them, or others:

    REDIS_OPS_CASES=500 REDIS_OPS_SEED=7 pytest tests/contract/test_any_server.py -n 2
"""

from __future__ import annotations

import contextlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from ansible.module_utils.redis_ops.apply import live, starting
from ansible.module_utils.redis_ops.apply.instances import Result, converge_all
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from ansible.module_utils.redis_ops.model.declaration import Declaration
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.server.connection import Credentials
from existing import PASSWORDS, Existing, drawn, existing
from hypothesis import assume, given
from hypothesis import strategies as st
from instances import PAUSE
from servers import Program
from somebodys import SERVICE, CannotBe, Here, Somebodys, package_of, server_of
from witness import Facts, Listener

ROOT = Path(__file__).parent.parent.parent
CASES = int(os.environ.get("REDIS_OPS_CASES", "50"))
PROFILES = yaml.safe_load((ROOT / "roles/redis_server/vars/main/profiles.yml").read_text())["__redis_server_profiles"]
# Who gets in, how, and which deployment it is: `replace` leaves these, too, where nobody declares them
STICKY = (
    *("bind", "port", "unixsocket", "protected-mode", "aclfile", "requirepass", "cluster-enabled", "databases"),
    *("tls-port", "replica-announce-ip", "min-replicas-to-write", "replica-read-only"),
    *("dir", "dbfilename", "appendfilename", "appenddirname"),
)
_OTHER_NAMES = {
    "slave-priority": "replica-priority",
    "min-slaves-to-write": "min-replicas-to-write",
    "commandlog-slow-execution-max-len": "slowlog-max-len",
    "commandlog-execution-slower-than": "slowlog-log-slower-than",
}
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a run needs root")

SETTINGS: Mapping[str, list[Any]] = {
    "maxmemory": ["100mb", "2mb", "1500000", "1gb", "0", "50%"],
    "maxmemory-policy": ["noeviction", "allkeys-lru", "volatile-lru", "volatile-ttl"],
    "appendonly": ["yes", "no"],
    "save": ["", "900 1", "900 1 300 10"],
    "databases": [1, 16, 32],
    "maxclients": [100, 500, 5000],
    "bind": ["127.0.0.1", "127.0.0.1 127.0.0.7", "0.0.0.0", "127.0.0.1 -::1"],
    "protected-mode": ["yes", "no"],
    "dir": ["@DATA@", "@OTHER@", "@HOME@", "@LINK@"],
    "dbfilename": ["dump.rdb", "other.rdb"],
    "appendfilename": ["appendonly.aof", "other.aof"],
    "port": ["0", "@PORT@", "@NEW@"],
    "unixsocket": ["@SOCKET@", "@SECOND@", ""],
    "aclfile": ["@USERS@", ""],
    "tcp-backlog": [128, 100],
    "appendfsync": ["always", "everysec"],
    "hz": [10, 100],
    "timeout": [0, 300],
    "notify-keyspace-events": ["", "KEA"],
    "client-output-buffer-limit": ["normal 0 0 0", "replica 256mb 64mb 60"],
    "replica-priority": [100, 10],
    "min-replicas-to-write": [0],
    "stop-writes-on-bgsave-error": ["no"],
    "logfile": ["@HOME@/redis.log"],
}


_WAYS_IN = ("port", "bind", "unixsocket", "aclfile")
# most of what says where the data is, is refused, and is drawn less often
_PLACES = ("dir", "dbfilename", "appendfilename")
_NAMES = [*SETTINGS, *[name for name in SETTINGS if name not in _PLACES] * 3]


@dataclass(frozen=True)
class Wanted:
    """What is declared. password: 'same' as it has, 'none', or a new one; '' when nothing is said."""

    adopt: str = ""
    profile: str = ""
    port: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    password: str = ""
    restart: bool = False
    check: bool = False


@st.composite
def wanted(draw: Any) -> Wanted:
    noise = draw(st.randoms(use_true_random=True))
    names = sorted(set(noise.sample(_NAMES, noise.randrange(6))))
    port = noise.choice(["", "", "", "@PORT@", "@NEW@"]) if "port" not in names else ""
    return Wanted(
        noise.choice(["", *["keep"] * 7, *["replace"] * 4]),
        noise.choice([*[""] * 8, "guide", "cache", "queue", "session"]),
        port,
        {name: noise.choice(SETTINGS[name]) for name in names},
        noise.choice(["", "", "", "", "same", "none", *PASSWORDS]),
        restart=noise.random() < 0.5,
        check=noise.choice([False, False, False, True]),
    )


@dataclass
class Run:
    """One run of the project on a server."""

    server: Somebodys
    wanted: Wanted
    earlier: set[str] = field(default_factory=set)  # options that an earlier run declared

    @property
    def secrets(self) -> dict[str, str]:
        word = self.wanted.password
        if not word:
            return {}
        had = self.server.existing.password
        return {"requirepass": had if word == "same" else "" if word == "none" else word}

    @property
    def declared(self) -> set[str]:
        """The names of all options that somebody declared, now or before."""
        found = {*self.earlier, *self.wanted.settings, *self.secrets, *(["port"] if self.wanted.port else [])}
        profile = self.wanted.profile or ("guide" if self.wanted.adopt == "replace" else "")
        while profile:
            found |= set(PROFILES[profile])
            profile = PROFILES[profile].get("based_on", "")
        return found

    @property
    def settings(self) -> dict[str, Any]:
        return {
            name: self.server.told(value) if isinstance(value, str) else value
            for name, value in self.wanted.settings.items()
        }

    def once(self, *, check: bool = False) -> Result:
        """Raises InvalidInput."""
        entry: dict[str, Any] = {
            "name": "default",
            "config": str(self.server.config),
            "service": SERVICE,
            "settings": self.settings,
            "secrets": self.secrets,
            **({"port": int(self.server.told(self.wanted.port))} if self.wanted.port else {}),
        }
        declaration = Declaration([entry], PROFILES, self.wanted.profile, adopt=self.wanted.adopt)
        had = self.server.existing
        login = [Credentials(had.user, had.password)] if had.acl else []
        product = PRODUCTS[self.server.program.engine.name]
        here = Here(product, declaration, login, server=self.server)
        package = package_of(self.server.program)
        return converge_all(here, package, restart=self.wanted.restart, check=check, somaxconn=100_000)


def unlike(before: Mapping[Any, Any], after: Mapping[Any, Any]) -> dict[Any, Any]:
    """What differs, for a person to read."""
    names = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    return {name: (before.get(name), after.get(name)) for name in names}


def touched(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """The files that are other than before. A busy server appends to its AOF up to two seconds after its answer, and one that
    starts writes the manifest anew, and its log.
    """
    found = unlike(before, after)
    return {
        path: (old, new)
        for path, (old, new) in found.items()
        if not path.endswith(".log")
        and not (path.endswith((".aof", ".manifest")) and old and new and new[-1].startswith(old[-1]))
    }


def opened_or_closed(before: Facts, after: Facts, run: Run) -> set[Listener]:
    """The listeners that came or went although nobody declared it."""
    came, went = after.listeners - before.listeners, before.listeners - after.listeners
    declared = run.declared
    addresses = {address for family, address, _ in before.listeners if family != "unix"}
    if "bind" in declared:
        addresses |= {word.lstrip("-") for word in run.settings["bind"].split()}
    wanted_port = int(run.settings.get("port") or run.server.told(run.wanted.port) or 0)
    # the bus of a cluster node has a port of its own, 10,000 higher
    ports = {wanted_port, wanted_port + 10_000} if "port" in declared else {port for _, _, port in before.listeners}
    wrong: set[Listener] = set()
    for listener in came | went:
        family, address, port = listener
        if family == "unix":
            wrong |= set() if "unixsocket" in declared else {listener}
        elif listener in came:
            wrong |= set() if port in ports and (address in addresses or not addresses) else {listener}
        else:
            wrong |= set() if declared & {"port", "bind"} else {listener}
    return wrong


def changed_undeclared(before: Facts, after: Facts, run: Run) -> dict[str, Any]:
    """The options that are other than before although nobody declared them."""
    names = set(before.config)
    if run.wanted.adopt == "replace":
        names &= set(STICKY)
    names -= run.declared | {other for other, name in _OTHER_NAMES.items() if name in run.declared}
    if "cluster-enabled" in before.config and before.config["cluster-enabled"] == "yes":
        names.discard("databases")
    found = unlike({name: before.config[name] for name in names}, {name: after.config.get(name) for name in names})
    if "requirepass" not in run.declared and "aclfile" not in run.declared and before.users != after.users:
        found["users"] = (before.users, after.users)
    if before.replica_of != after.replica_of:
        found["replicaof"] = (before.replica_of, after.replica_of)
    return found


def refused(run: Run) -> str:
    """Why the first run stops; '' when it does not."""
    try:
        result = run.once()
    except InvalidInput as error:
        return str(error) or "refused"
    return result.error


def judge(server: Somebodys, wanted: Wanted, later: Wanted | None, seen: Counter[str]) -> None:
    """One case, from the first start to the last."""
    booted = server.look()
    server.fill("first")
    if server.existing.leftover:
        server.leave_behind()
    server.change_by_hand()
    server.fill("second")
    run = Run(server, wanted)
    if server.existing.stopped:
        server.save()
    before = server.look()
    if server.existing.stopped:
        server.service.stop()
    untouched = server.files()
    if wanted.check:
        _foresee(run)
        assert touched(untouched, server.files()) == {}, "check mode changed files"
    error = refused(run)
    seen["refused" if error else "ran"] += 1
    new = run.secrets.get("requirepass")
    if new is not None and not error:
        server.passwords.insert(0, ("", new))
    if error:
        if server.existing.stopped:
            assert not server.service.pid(), error
        else:
            after = server.look()
            assert after == before, (error, unlike(vars(before), vars(after)))
        assert touched(untouched, server.files()) == {}, error
        return
    after = server.look()
    assert unlike(before.keys, after.keys) == {}, "keys"
    base = booted if server.existing.stopped or after.pid != before.pid else before
    changed = changed_undeclared(base, after, run)
    assert changed == {}, "after the run"
    assert opened_or_closed(base, after, run) == set()
    _again(run)
    _restart(run, booted, before)
    if later is not None:
        _declare(run, later, seen)


def _declare(run: Run, later: Wanted, seen: Counter[str]) -> None:
    """Another declaration, with the same ways in: what it no longer has goes back to the engine's default."""
    server, first = run.server, run.wanted
    ways_in = {name: first.settings[name] for name in _WAYS_IN if name in first.settings}
    settings = {name: value for name, value in later.settings.items() if name not in _WAYS_IN}
    # what was replaced once is this project's own
    adopt = "replace" if first.adopt == "replace" else later.adopt or first.adopt
    wanted = replace(
        first,
        profile=later.profile,
        settings={**settings, **ways_in},
        restart=later.restart,
        adopt=adopt,
    )
    second = Run(server, wanted, run.declared)
    before, untouched = server.look(), server.files()
    error = refused(second)
    seen["refused later" if error else "ran later"] += 1
    after = server.look()
    if error:
        assert after == before, (error, unlike(vars(before), vars(after)))
        assert touched(untouched, server.files()) == {}, error
        return
    assert unlike(before.keys, after.keys) == {}, "keys after another declaration"
    changed = changed_undeclared(before, after, second)
    assert changed == {}, "after another declaration"
    assert opened_or_closed(before, after, second) == set()
    _again(second)
    _restart(second, before, before)


def _foresee(run: Run) -> None:
    with contextlib.suppress(InvalidInput):
        run.once(check=True)


def _again(run: Run) -> None:
    """The next run finds nothing to do."""
    before, files = run.server.look(), run.server.settled()
    result = run.once()
    assert result.error == ""
    assert [one.outcome.actions for one in result.done] == [[]], "a second run"
    after = run.server.look()
    assert after == before, unlike(vars(before), vars(after))
    assert unlike(files, run.server.settled()) == {}, "a second run"


def _restart(run: Run, booted: Facts, before: Facts) -> None:
    """The file and the data say the same as the server that was stopped."""
    server = run.server
    server.save()
    server.service.stop()
    server.start()
    after = server.look()
    by_hand = (server.existing.changed or {}).get("appendonly") == "no" and "appendonly" not in run.declared
    if not by_hand:
        assert unlike(before.keys, after.keys) == {}, "keys after a restart"
    assert changed_undeclared(booted, after, run) == {}, "after a restart"
    assert opened_or_closed(booted, after, run) == set(), "after a restart"
    result = run.once()
    assert result.error == ""
    # what waited for the restart runs now, and is what a later run goes back to
    noted = [f"write {server.state}"]
    assert all(one.outcome.actions in ([], noted) for one in result.done), "a run after a restart"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(live, "POLL", PAUSE)
    monkeypatch.setattr(starting, "DEATH_GRACE", 0.5)
    return


def test_no_run_loses_a_key_or_opens_a_door(program: Program) -> None:
    seen: Counter[str] = Counter()

    @drawn(str(program.version), CASES)
    @given(existing(program.engine), wanted(), st.none() | wanted())
    def holds(existing: Existing, wanted: Wanted, later: Wanted | None) -> None:
        try:
            with server_of(existing, program) as server:
                judge(server, wanted, later, seen)
        except CannotBe:
            seen["does not start"] += 1
            assume(False)

    holds()
    assert seen["ran"] > CASES / 4, seen
