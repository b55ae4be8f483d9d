"""What --check-system says, and what is made of it."""

from __future__ import annotations

import subprocess
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.findings import Finding, Status
from ansible.module_utils.redis_ops.checks import verify
from ansible.module_utils.redis_ops.platform import host
from ansible.module_utils.redis_ops.view.observe import Instance

SLOW = "[slow-clocksource]...WARNING:\nSlow system clocksource detected. Current clocksource: x.\n"
OVERCOMMIT = "[overcommit]...WARNING:\nMemory overcommit must be enabled!\n"
GOOD = "[THP]...OK\n"
OTHERS = "the kernel findings above say what this host may change"


@pytest.fixture
def check(monkeypatch, tmp_path):
    """The finding, from the output and status of --check-system and the clocks of the machine."""

    def check(output: str, status: int, clock: str = "hpet", available: str = "hpet") -> Finding:
        answer = subprocess.CompletedProcess([], status, output, "")
        texts = {f"{verify.CLOCKS}/current_clocksource": f"{clock}\n"}
        texts[f"{verify.CLOCKS}/available_clocksource"] = f"{available} \n"
        monkeypatch.setattr(host, "run", lambda *_, **__: answer)
        monkeypatch.setattr(host, "read", lambda path: texts.get(path, ""))
        binary = tmp_path / "redis-server"
        binary.touch()
        snapshot = SimpleNamespace(installed=Engine.parse("redis 7.0.15"))
        [finding] = verify._check_system(Instance("a", "instance a", {}, binary=str(binary)), snapshot)
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
                f"the clock hpet is slow: echo tsc >{verify.CLOCKS}/current_clocksource, "
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
