#!/usr/bin/env python3
"""What becomes of a Redis when the run that changes it is killed: SIGKILL at random moments, on a real server.

Each kill has an instance of its own, with keys. A run in a process group of its own provisions, changes, restarts or
takes it over, and the whole group is killed. Then the server must answer or start from its file, with every key; the server
program must read the file; the next run must end well, and the run after it must change nothing. The stage of a kill is the
last effect that the run had begun. It needs neither hosts nor root; Debian's and other servers come from
scripts/fetch-servers.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lab as benchmarks

sys.path[:0] = [str(benchmarks.PROJECT / "tests"), str(benchmarks.PROJECT / "tests/contract")]

import conftest  # noqa: E402, F401 - the name ansible.module_utils.redis_ops
import instances  # noqa: E402 - found only now, as the next one
import servers  # noqa: E402

KEYS = 2000
FIRST, CHANGE, RESTART, KEEP, REPLACE = "first start", "live change", "restart", "keep", "replace"
SCENARIOS = (FIRST, CHANGE, RESTART, KEEP, REPLACE)
LOOKING = "before any effect"


class Service(instances.Process):
    """A unit whose process is known from its first moment on, as to an init system: also when who asked for it is killed."""

    def start(self) -> None:
        if self.pid():
            return
        remember = 'echo $$ >"$0.new" && mv "$0.new" "$0" && exec "$@"'
        command = ["/bin/sh", "-c", remember, str(self.home / "pid"), self.binary, self.config]
        with self.output.open("ab") as output:
            subprocess.Popen(
                command, cwd=self.home, stdout=output, stderr=output, stdin=subprocess.DEVNULL, start_new_session=True
            )
        instances.until(lambda: self.pid() and instances.listens(self.pid()), f"{self.name} to start")


class Broken(Exception):
    """A promise was not kept."""


def must(kept: bool, otherwise: str) -> None:
    """Raises Broken with this text unless the promise was kept."""
    if not kept:
        raise Broken(otherwise)


@dataclass(frozen=True)
class Plan:
    """One kill: what the run does, and when it is killed, as a share of the seconds that it takes."""

    scenario: str
    settings: Mapping[str, Any]
    before: tuple[str, ...]
    moment: float

    @property
    def converge(self) -> dict[str, Any]:
        adopt = self.scenario if self.scenario in (KEEP, REPLACE) else ""
        return {"restart": self.scenario != CHANGE, "adopt": adopt}


@dataclass
class Tally:
    """What all kills came to. failures: one line each."""

    stages: Counter[str] = field(default_factory=Counter)
    scenarios: Counter[str] = field(default_factory=Counter)
    too_late: int = 0
    failures: list[str] = field(default_factory=list)


def plan_of(chance: random.Random, scenario: str) -> Plan:
    """A declaration that differs from what is there in live and immutable settings, and often in persistence."""
    aof = chance.choice(("yes", "no"))
    settings: dict[str, Any] = {
        "appendonly": "no" if aof == "yes" else "yes",
        "maxmemory": f"{chance.randrange(100, 900)}mb",
        "timeout": chance.randrange(1, 900),
        "save": chance.choice(("", "900 1", "60 10000 300 10")),
    }
    if scenario != CHANGE:
        settings["databases"] = chance.randrange(17, 60)
        settings["tcp-backlog"] = chance.randrange(100, 128)
    before = (f"appendonly {aof}", "maxmemory-policy volatile-lru")
    return Plan(scenario, settings, before, chance.random())


def prepared(directory: Path, program: servers.Program) -> instances.Lab:
    """An instance with nothing of it there yet."""
    for name in ("etc", "service"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        found = stack.enter_context(instances.laboratory(program, directory / "unused"))
        base = {**found.settings, "dir": str(directory / "data")}
    return built(directory, program, found.port, base)


def built(directory: Path, program: servers.Program, port: int, settings: Mapping[str, Any]) -> instances.Lab:
    """The same instance, also in another process."""
    home = directory / "service"
    service = Service("redis-lab", instances.binary_of(program, home), str(directory / "etc/redis.conf"), home)
    return instances.Lab(program, directory, service, port, dict(settings))


def begin(one: instances.Lab, plan: Plan) -> None:
    """What is there before the run."""
    if plan.scenario == FIRST:
        return
    if plan.scenario in (KEEP, REPLACE):
        one.begin(*plan.before)
    else:
        one.converge(dict(line.split(" ", 1) for line in plan.before))
    one.fill(KEYS)


def child(given: Mapping[str, Any]) -> None:
    """One run, which says when it begins and what it is about to do."""
    plan = Plan(**given["plan"])
    one = built(Path(given["directory"]), program_of(given["version"]), given["port"], given["base"])
    with Path(given["stages"]).open("w") as stages:

        def noted(name: str, effect: Callable[..., Any]) -> Callable[..., Any]:
            def wrapper(*arguments: Any, **named: Any) -> Any:
                stages.write(f"{name}\n")
                stages.flush()
                return effect(*arguments, **named)

            return wrapper

        for owner, name in instances.EFFECTS:
            place = Service if owner is instances.Process else owner
            setattr(place, name, noted(f"{place.__name__.rpartition('.')[2]}.{name}", getattr(place, name)))
        print("ready", flush=True)
        one.converge(plan.settings, **plan.converge)


def run(one: instances.Lab, plan: Plan, stages: Path, seconds: float | None) -> tuple[bool, float]:
    """Start it and kill it after so many seconds, None for never. Whether it was killed, and how long it took."""
    given = {
        "plan": vars(plan),
        "directory": str(one.directory),
        "version": one.program.version,
        "port": one.port,
        "base": one.settings,
        "stages": str(stages),
    }
    process = subprocess.Popen(
        [sys.executable, __file__, "--child", json.dumps(given)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    if process.stdout is not None:
        process.stdout.readline()
    began = time.monotonic()
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
    _, said = process.communicate()
    took = time.monotonic() - began
    if process.returncode > 0:
        raise Broken(f"the run failed by itself: {said.strip().splitlines()[-1]}")
    return process.returncode < 0, took


def judge(one: instances.Lab, plan: Plan) -> None:
    """Raises Broken with the first promise that was broken."""
    wanted = 0 if plan.scenario == FIRST else KEYS
    if one.config_path.exists():
        reads(one)
    # an init system has the unit started at the next boot, and a person starts it
    if wanted and not one.service.pid():
        one.start()
    if one.service.pid():
        instances.until(lambda: one.info()["loading"] == "0", "the server to load its data")
        must(one.keys() == wanted, f"{one.keys()} of {wanted} keys are left")
    one.converge(plan.settings, **plan.converge)
    must(one.keys() == wanted, f"{one.keys()} of {wanted} keys are left after the next run")
    again = one.converge(plan.settings, **plan.converge)
    must(not again.changed, f"a second run would {', '.join(again.actions)}")
    must(again.pending_restart == [] or plan.scenario == CHANGE, f"it owes {again.pending_restart}")
    one.bounce()
    must(one.keys() == wanted, f"{one.keys()} of {wanted} keys are left after a restart")
    left = {path.name for path in one.config_path.parent.iterdir() if not path.name.endswith(".before-ansible")}
    must(left == {"redis.conf"}, f"files are left over: {sorted(left)}")


def reads(one: instances.Lab) -> None:
    """The server program starts with the file, elsewhere."""
    with tempfile.TemporaryDirectory(prefix="kills-", dir="/tmp") as place:
        socket = str(Path(place, "s"))
        command = [one.service.binary, str(one.config_path), "--dir", place, "--port", "0", "--unixsocket", socket]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        try:
            instances.until(lambda: process.poll() is not None or Path(socket).exists(), "a server to read the file")
            if process.poll() is not None:
                raise Broken(f"the server program does not read the file: {_last(process)}")
        finally:
            process.kill()
            process.communicate()


def _last(process: subprocess.Popen[str]) -> str:
    said = process.stdout.read().strip().splitlines() if process.stdout else []
    return said[-1] if said else "without a word"


def program_of(version: str) -> servers.Program:
    """Ends the program for a version that is not among those of the tests."""
    found = [program for program in servers.PROGRAMS if program.version == version]
    if not found:
        sys.exit(f"no server {version}; there are {', '.join(program.version for program in servers.PROGRAMS)}")
    return found[0]


def kill(program: servers.Program, plan: Plan, seconds: float | None) -> tuple[bool, str, float]:
    """One instance from its first moment to its last: whether the run was killed, at which stage, and its seconds.

    Raises Broken when a promise was broken.
    """
    with tempfile.TemporaryDirectory(prefix="kills-", dir="/tmp") as place:
        one, stages = prepared(Path(place, "lab"), program), Path(place, "stages")
        try:
            begin(one, plan)
            killed, took = run(one, plan, stages, seconds)
            seen = stages.read_text().splitlines() if stages.exists() else []
            stage = seen[-1] if seen else LOOKING
            try:
                judge(one, plan)
            except Exception as error:
                raise Broken(f"{plan.scenario}, killed at {stage}: {type(error).__name__}: {error}") from error
            return killed, stage, took
        finally:
            one.close()


def measure(program: servers.Program, kills: int, seed: int) -> Tally:
    """So many kills, the scenarios in turns. A run that was over before it could be killed is done again."""
    tally, takes = Tally(), {}
    for scenario in SCENARIOS:
        chance = random.Random(seed)  # noqa: S311 - moments, not secrets
        takes[scenario] = kill(program, plan_of(chance, scenario), None)[2]
    number = 0
    while sum(tally.stages.values()) + len(tally.failures) < kills:
        scenario = SCENARIOS[number % len(SCENARIOS)]
        chance = random.Random(f"{seed} {number}")  # noqa: S311 - moments, not secrets
        plan = plan_of(chance, scenario)
        try:
            killed, stage, _ = kill(program, plan, plan.moment * takes[scenario])
        except Broken as error:
            tally.failures.append(f"seed {seed}, number {number}: {error}")
            print(tally.failures[-1], file=sys.stderr, flush=True)
        else:
            tally.too_late += not killed
            tally.stages.update([stage] if killed else [])
            tally.scenarios.update([scenario] if killed else [])
        number += 1
        if number % 10 == 0:
            print(f"{number} runs, {len(tally.failures)} failed", file=sys.stderr, flush=True)
    return tally


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="how many runs are killed (default: %(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="of the moments and declarations (default: %(default)s)")
    parser.add_argument("--server", default="redis 7.0.15", help="one of the test servers (default: %(default)s)")
    parser.add_argument("--child", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(json.loads(options.child))
        return
    began = time.monotonic()
    tally = measure(program_of(options.server), options.kills, options.seed)
    survived = sum(tally.stages.values())
    took = time.monotonic() - began
    print(
        f"{shlex.quote(options.server)}, seed {options.seed}: {survived + len(tally.failures)} runs killed in {took:.0f} s"
    )
    print(f"survived {survived}, failed {len(tally.failures)}; {tally.too_late} more were over before the kill\n")
    print("| scenario | kills survived |\n|---|---|")
    print("\n".join(f"| {name} | {tally.scenarios[name]} |" for name in SCENARIOS))
    print("\n| last effect begun | kills survived |\n|---|---|")
    print("\n".join(f"| {name} | {count} |" for name, count in tally.stages.most_common()))
    for failure in tally.failures:
        print(f"\nFAILED: {failure}")
    sys.exit(bool(tally.failures))


if __name__ == "__main__":
    main()
