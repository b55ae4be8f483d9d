"""The process of an instance, the user that it runs as, and whether it starts at boot. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ..base.findings import Status
from ..base.states import State
from ..plan.contact import Contact
from ..view.facts import Facts
from ..view.process import CLOCKS, SYSTEM, USER
from .registry import Judgement, Suite, check

SLOW_CLOCK = "slow-clocksource"  # what --check-system calls it
FAST_CLOCKS = ("tsc", "kvm-clock", "hyperv_clocksource_tsc_page", "arch_sys_counter")  # read without a system call


@check(
    "its start at boot",
    why="after a reboot there would be no server",
    verify="verify.boot",
    drift="unit.boot",
    stopped=True,
)
def boot(facts: Facts) -> Iterator[Judgement]:
    """Its service starts at boot."""
    view = facts.view
    service, unit = view.instance.service, view.unit
    if service is None or unit is None:
        return
    expected = f"{service.name} starts at boot"
    if unit.masked and view.record.is_masked():
        yield Judgement(
            Status.FAIL,
            expected,
            "a run of this project keeps it stopped, because its first start failed",
            "mend what that run named (see the log of the server), then run provision",
            why="the package's own settings must not run",
            state=State.DECLARED_NOT_APPLIED,
        )
    elif unit.enabled:
        yield Judgement(Status.PASS, expected, "enabled")
    else:
        # what somebody else set up and is kept as it is is theirs: it is reported, and fails nothing
        kept = view.contact is Contact.KEPT
        remedy = f"systemctl enable {service.name}" + ("" if kept else ", or run provision, which does it")
        status = Status.WARN if kept else Status.FAIL
        yield Judgement(status, expected, "not enabled", remedy, state=State.FILE_CHANGED_OUTSIDE)


@check("its rights", why="Redis documentation, security", verify="verify.user", needs=[USER])
def rights(facts: Facts) -> Iterator[Judgement]:
    """Its process does not run as root."""
    if facts.view.instance.service is None:
        return
    root = facts[USER] == "root"
    wrong = Status.WARN if facts.view.contact is Contact.KEPT else Status.FAIL
    yield Judgement(
        wrong if root else Status.PASS,
        "a process without root's rights",
        f"runs as {facts[USER]}",
        "start it through a service with User=redis",
    )


@check("its user", why="somebody started it past its service", drift="process.user", needs=[USER])
def user(facts: Facts) -> Iterator[Judgement]:
    """Its process runs as the user of its service."""
    view = facts.view
    if view.instance.service is None:
        return
    wanted = (view.config.owner if view.config else None) or facts[USER]
    yield Judgement(
        Status.PASS if facts[USER] == wanted else Status.FAIL,
        f"runs as {wanted}",
        f"runs as {facts[USER]}",
        f"stop it, then systemctl start {view.instance.service.name}",
        state=State.LIVE_NOT_PERSISTED,
    )


@check(
    "the server's own view of the kernel",
    why="Redis documentation, administration",
    verify="verify.check_system",
    needs=[SYSTEM],
    warns=[Suite.VERIFY],
)
def check_system(facts: Facts) -> Iterator[Judgement]:
    """From Redis 7.0 on."""
    seen = facts[SYSTEM]
    if seen is None:
        return
    failed = re.findall(r"^\[([\w-]+)\].*(?:WARNING|FAILED)", seen.text, re.MULTILINE)
    if seen.status != 0 and not failed:
        failed = [seen.text.rpartition("\n")[2] or f"status {seen.status}"]
    if seen.clock in FAST_CLOCKS:
        # it measures for a moment; beside other work on a virtual machine a fast clock then seems slow, now and then
        failed = [name for name in failed if name != SLOW_CLOCK]
    yield Judgement(
        Status.FAIL if failed else Status.PASS,
        f"{facts.view.instance.binary} --check-system finds nothing",
        ", ".join(failed) or "nothing",
        "; ".join(_remedies(failed, seen.clock, seen.clocks)),
    )


def _remedies(failed: Sequence[str], clock: str, available: Sequence[str]) -> Iterator[str]:
    if SLOW_CLOCK in failed:
        fast = next((name for name in available if name in FAST_CLOCKS), "")
        yield f"the clock {clock or 'of this machine'} is slow: " + (
            f"echo {fast} >{CLOCKS}/current_clocksource, and clocksource={fast} on the kernel's command line"
            if fast
            else "it has no fast one, so ask whoever runs it"
        )
    if set(failed) - {SLOW_CLOCK}:
        yield "the kernel findings above say what this host may change"
