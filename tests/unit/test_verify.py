"""What is made of a server's own key, of the limits of its process, and of --check-system."""

from __future__ import annotations

import os
import subprocess
from types import SimpleNamespace
from typing import Any, Optional

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import RedisOpsError
from ansible.module_utils.redis_ops.base.findings import Finding, Status
from ansible.module_utils.redis_ops.checks import answers, limits, process
from ansible.module_utils.redis_ops.checks.registry import Check
from ansible.module_utils.redis_ops.model.drop_in import SPARE_FILES
from ansible.module_utils.redis_ops.plan.comparison import RESERVED_FILES
from ansible.module_utils.redis_ops.platform import host
from ansible.module_utils.redis_ops.view.observe import Instance
from ansible.module_utils.redis_ops.view.probe import KEY_PREFIX
from ansible.module_utils.redis_ops.view.process import CLOCKS
from judging import judged

SLOW = "[slow-clocksource]...WARNING:\nSlow system clocksource detected. Current clocksource: x.\n"
OVERCOMMIT = "[overcommit]...WARNING:\nMemory overcommit must be enabled!\n"
GOOD = "[THP]...OK\n"
OTHERS = "the kernel findings above say what this host may change"


def view(*, binary: str = "", **seen: Any) -> SimpleNamespace:
    instance = Instance("a", "instance a", {}, binary=binary, service=SimpleNamespace(name="redis-server"))
    found = {"connection": object(), "info": {"process_id": os.getpid()}, "unit": None, "contact": None}
    return SimpleNamespace(instance=instance, **{**found, **seen})


@pytest.fixture
def check(monkeypatch, tmp_path):
    """The finding, from the output and status of --check-system and the clocks of the machine."""

    def check(output: str, status: int, clock: str = "hpet", available: str = "hpet") -> Finding:
        answer = subprocess.CompletedProcess([], status, output, "")
        texts = {f"{CLOCKS}/current_clocksource": f"{clock}\n"}
        texts[f"{CLOCKS}/available_clocksource"] = f"{available} \n"
        monkeypatch.setattr(host, "run", lambda *_, **__: answer)
        monkeypatch.setattr(host, "read", lambda path: texts.get(path, ""))
        binary = tmp_path / "redis-server"
        binary.touch()
        [finding] = judged(process.check_system, view(installed=Engine.parse("redis 7.0.15"), binary=str(binary)))
        return finding

    return check


@pytest.mark.parametrize(
    ("output", "status", "clock", "told"),
    [
        pytest.param(GOOD, 0, "tsc", "nothing", id="all is well"),
        pytest.param(SLOW + GOOD, 1, "tsc", "nothing", id="a fast clock at a slow moment"),
        pytest.param(SLOW + GOOD, 1, "kvm-clock", "nothing", id="a fast clock of a virtual machine"),
        pytest.param(SLOW + OVERCOMMIT, 1, "tsc", "overcommit", id="something else"),
        pytest.param(SLOW + OVERCOMMIT, 1, "hpet", "slow-clocksource, overcommit", id="both"),
        pytest.param("", 124, "tsc", "status 124", id="no word"),
        pytest.param("no such option\n", 1, "tsc", "no such option", id="other words"),
    ],
)
def test_what_is_told(output, status, clock, told, check):
    finding = check(output, status, clock)
    assert finding.actual == told
    assert finding.status is (Status.PASS if told == "nothing" else Status.WARN)


@pytest.mark.parametrize(
    ("output", "available", "remedy"),
    [
        (GOOD, "", ""),
        (
            SLOW,
            "hpet tsc",
            (
                f"the clock hpet is slow: echo tsc >{CLOCKS}/current_clocksource, "
                "and clocksource=tsc on the kernel's command line"
            ),
        ),
        (SLOW, "hpet", "the clock hpet is slow: it has no fast one, so ask whoever runs it"),
        (OVERCOMMIT, "hpet", OTHERS),
        (SLOW + OVERCOMMIT, "hpet", f"the clock hpet is slow: it has no fast one, so ask whoever runs it; {OTHERS}"),
    ],
)
def test_what_to_do(output, available, remedy, check):
    assert check(output, 1 if "WARNING" in output else 0, available=available).remedy == remedy


# --- a key of its own ---------------------------------------------------------------------------------------------------


class Keys:
    """A connection to a server that has keys. answers: command -> what it answers instead, or the error it answers with."""

    def __init__(self, **answers: object) -> None:
        self.keys: dict[str, str] = {"of an application": "x"}
        self.written: list[str] = []
        self._answers = answers

    def call(self, command: str, key: str, *more: str) -> object:
        answer = self._answers.get(command)
        if isinstance(answer, RedisOpsError):
            raise answer
        if command == "SET":
            self.written.append(key)
            self.keys[key] = more[0]
            return "OK"
        found = self.keys.get(key) if command == "GET" else int(self.keys.pop(key, None) is not None)
        return found if answer is None else answer


def own_key(connection: Keys, role: str = "master") -> Finding:
    [finding] = judged(answers.own_key, view(info={"role": role}, connection=connection))
    return finding


@pytest.mark.parametrize(
    ("said", "status"),
    [
        pytest.param({}, Status.PASS, id="a good server"),
        pytest.param({"GET": "another value"}, Status.FAIL, id="another value is read"),
        pytest.param({"DEL": 0}, Status.FAIL, id="the key was gone before"),
        pytest.param({"GET": RedisOpsError("NOPERM this user has no permissions")}, Status.FAIL, id="no right to read"),
        pytest.param({"SET": RedisOpsError("OOM command not allowed")}, Status.FAIL, id="no memory"),
        pytest.param({"SET": RedisOpsError("MOVED 1 127.0.0.1:7001")}, Status.SKIP, id="a node of a cluster"),
    ],
)
def test_the_own_key_is_gone_whatever_happens(said, status):
    connection = Keys(**said)
    assert own_key(connection).status is status
    assert connection.keys == {"of an application": "x"}
    assert all(key.startswith(KEY_PREFIX) for key in connection.written)
    assert len(connection.written) == ("SET" not in said)


def test_nothing_is_written_to_a_replica():
    connection = Keys()
    assert own_key(connection, role="slave").status is Status.SKIP
    assert connection.written == []


# --- limits of the process ----------------------------------------------------------------------------------------------


def of_process(check: Check, seen: Optional[int], *, decided: bool = True) -> Finding | None:
    observed = SimpleNamespace(open_files=seen, backlog=seen, live={})
    desired = {"maxclients": 10000, "tcp-backlog": 511}
    plan = SimpleNamespace(desired=desired, decided={"maxclients"} if decided else set())
    return next(iter(judged(check, view(observed=observed, plan=plan))), None)


@pytest.mark.parametrize(
    ("decided", "seen", "status"),
    [
        (True, 10000 + SPARE_FILES, Status.PASS),
        (True, 10000 + SPARE_FILES - 1, Status.WARN),
        (False, 10000 + RESERVED_FILES, Status.PASS),
        (False, 10000 + RESERVED_FILES - 1, Status.WARN),
        (True, None, Status.SKIP),
    ],
)
def test_open_files_that_are_just_enough(decided, seen, status):
    finding = of_process(limits.open_files, seen, decided=decided)
    assert finding.status is status
    assert bool(finding.remedy) is (status is not Status.PASS)


@pytest.mark.parametrize(("seen", "status"), [(511, Status.PASS), (510, Status.WARN), (None, None)])
def test_an_accept_queue_that_is_just_long_enough(seen, status):
    finding = of_process(limits.backlog, seen)
    assert (finding.status if finding else None) is status
    assert bool(finding and finding.remedy) is (status is Status.WARN)
