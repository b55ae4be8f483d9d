"""The account that a load runs with: an ACL user of its own on each instance, for the time of the run.

of_runs() and finding texts are pure; give() and take_back() change the users of a server, in its memory only.
"""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..apply import load_user as effects
from ..base.errors import AccessDenied, CommandRefused, RedisOpsError
from ..base.findings import Finding, Status
from ..checks.capacity import row
from ..model import load_user
from ..server.connection import Connection
from ..view.instance import Instance
from ..view.observe import look

DRY_RUN = "redis 7.0"
LEAVING = 45  # seconds for the programs of a load to remove their keys: redis_load/users/target.py takes 30 at most
POLL = 0.5
_EXPECTED = "an ACL user for the load alone, which reaches the keys of the load and nothing else"
_WHY = "a load generator that is taken over must reach no data; Redis documentation, ACL"
_REMEDY = (
    "let the user that looks run ACL SETUSER, DELUSER, USERS, WHOAMI and DRYRUN; or give the load a login of your own: "
    "redis_loadtest_login_user and redis_loadtest_login_password, see docs/load-testing.md"
)


@dataclass(frozen=True)
class Account:
    """What a load needs on one instance. kinds: of the load. keys: how the names of its keys begin, for each kind one or
    more. sha256: of its password.
    """

    instance: str
    kinds: Sequence[str]
    keys: Sequence[str]
    database: int = 0
    sha256: str = ""


@dataclass
class Given:
    """users: the name of the ACL user, by instance."""

    users: dict[str, str] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)


def of_runs(runs: Iterable[Mapping[str, Any]]) -> list[Account]:
    """What the programs of a plan need, by instance, without a password. runs: as load.plan makes them."""
    found: dict[str, Account] = {}
    for run in runs:
        kind, told = run["kind"], run["settings"]
        keys, database = _of_users(told) if kind == load_user.USERS else _of_jobs(told)
        known = found.get(run["instance"], Account(run["instance"], (), ()))
        found[run["instance"]] = Account(
            known.instance,
            tuple(dict.fromkeys((*known.kinds, kind))),
            tuple(dict.fromkeys((*known.keys, keys))),
            known.database or database,
        )
    return list(found.values())


def _of_users(told: Mapping[str, Any]) -> tuple[str, int]:
    """As redis_load/users/config.py makes the names of keys; the defaults are its own."""
    return f"{told.get('prefix', 'loadtest')}:{told['run_id']}:", int(told.get("database", 0))


def _of_jobs(told: Mapping[str, Any]) -> tuple[str, int]:
    """As redis_load/jobs/config.py and BullMQ do."""
    database = told["connection"].get("db", 0)
    return f"{told.get('prefix', 'loadtest')}:redis-ops-load-{told['run']}:", int(database)


def of_own(instances: Iterable[str], user: str) -> list[Finding]:
    """That somebody has given the load a login, which is used as it is."""
    name = user or "default"
    return [
        _row(f"instance {instance}", Status.PASS, f"{name}, as redis_loadtest_login_* say") for instance in instances
    ]


# --- on the host of the servers ---------------------------------------------------------------------------------------


def possible(instances: Sequence[Instance], accounts: Sequence[Account]) -> list[Finding]:
    """Whether give() could make the users. Changes nothing."""
    return [_asked(one, _could) for one in _of(instances, accounts)]


def give(instances: Sequence[Instance], accounts: Sequence[Account], run_id: str, seconds: int) -> Given:
    """Make the users, and remove those that killed runs have left. seconds: that this run may take at most.

    What cannot be made is a finding that fails; nothing else is given to the load instead of it.
    """
    given, by_name = Given(), {account.instance: account for account in accounts}
    for instance in _of(instances, accounts):
        account = by_name[instance.name]
        name = load_user.name_of(run_id, time.time() + seconds)
        rules = load_user.rules(account.kinds, account.keys, account.sha256, account.database)
        found = _asked(instance, functools.partial(_made, name, rules))
        given.findings.append(found)
        if found.status is not Status.FAIL:
            given.users[instance.name] = name
    return given


def take_back(instances: Sequence[Instance], accounts: Sequence[Account], run_id: str) -> list[str]:
    """Remove the users of this run, once its programs have gone, and those that killed runs have left.

    A server that restarted meanwhile has forgotten its user, and so the programs could not remove their keys: that is done
    here. What could not be done, a line each. A server that is down has forgotten its user as well.
    """
    problems, by_name = [], {account.instance: account for account in accounts}
    for instance in _of(instances, accounts):
        try:
            connection = look(instance).connection
            if connection is None:
                continue
            try:
                done = _took_back(connection, by_name[instance.name], run_id)
            finally:
                connection.close()
        except (RedisOpsError, OSError) as error:
            done = f"an ACL user {load_user.PREFIX}{run_id}_* may still be there: {error}; ACL DELUSER removes it"
        if done:
            problems.append(f"{instance.where}: {done}")
    return problems


def _took_back(connection: Connection, account: Account, run_id: str) -> str:
    """What could not be done, '' for nothing."""
    names = [name for name in _ours(connection) if load_user.run_of(name) == run_id]
    _wait(connection, names)
    effects.remove(connection, names)
    _others(connection)
    if names or effects.remove_keys(connection, account.keys, account.database):
        return ""
    return f"keys {', '.join(f'{prefix}*' for prefix in account.keys)} may be left: there are too many keys to look at"


def _of(instances: Sequence[Instance], accounts: Sequence[Account]) -> list[Instance]:
    wanted = {account.instance for account in accounts}
    return [instance for instance in instances if instance.name in wanted]


def _asked(instance: Instance, ask: Callable[[Connection], tuple[Status, str]]) -> Finding:
    """The finding of an instance. A server that refuses, or cannot be asked, fails."""
    try:
        connection = look(instance).connection
        if connection is None:
            return _row(instance.where, Status.FAIL, "it does not run")
        try:
            return _row(instance.where, *ask(connection))
        finally:
            connection.close()
    except (RedisOpsError, OSError) as error:
        return _row(instance.where, Status.FAIL, f"it could not be made: {error}".replace("\n", "; "))


def _made(name: str, rules: Sequence[str], connection: Connection) -> tuple[Status, str]:
    others = _others(connection)
    effects.make(connection, name, rules)
    if others:
        return Status.WARN, f"{name}; another load test may be under way: {', '.join(others)}"
    return Status.PASS, name


def _could(connection: Connection) -> tuple[Status, str]:
    """By ACL DRYRUN, where the server has it."""
    try:
        me = str(connection.call("ACL WHOAMI"))
        if not connection.engine().reached(DRY_RUN):
            return Status.SKIP, f"{connection.engine()} does not tell whether {me} may make it before it is made"
        said = str(connection.call("ACL DRYRUN", me, connection.name_of("ACL"), "SETUSER", load_user.PREFIX))
    except AccessDenied as error:
        return Status.SKIP, f"whether it could be made is not told: {error}"
    except CommandRefused as error:
        return Status.FAIL, f"it could not be made: {error}"
    return (Status.PASS, f"{me} may make it") if said == "OK" else (Status.FAIL, f"it could not be made: {said}")


def _ours(connection: Connection) -> list[str]:
    return [name for name in map(str, connection.call("ACL USERS")) if load_user.until(name) is not None]


def _others(connection: Connection) -> list[str]:
    """Users of runs that may be under way; those of runs that are over are removed, with the keys that they left."""
    now, names = time.time(), _ours(connection)
    over = [name for name in names if (load_user.until(name) or 0) < now]
    effects.remove(connection, over)
    if over:
        effects.remove_keys(
            connection, [prefix for name in over for prefix in load_user.keys_of(load_user.run_of(name))]
        )
    return [name for name in names if name not in over]


def _wait(connection: Connection, names: Sequence[str]) -> None:
    """Until nobody is connected as one of them: a program that was stopped still removes its keys."""
    end = time.monotonic() + LEAVING
    try:
        while time.monotonic() < end:
            listed = str(connection.call("CLIENT LIST"))
            if not any(name in listed for name in names):
                return
            time.sleep(POLL)
    except (AccessDenied, CommandRefused):
        return  # who may not look does not wait


def _row(where: str, status: Status, actual: str) -> Finding:
    remedy = "wait until it has ended, or stop it" if status is Status.WARN else _REMEDY
    return row("load_user", f"{where}: user of the load", status, _EXPECTED, actual, _WHY, remedy)
