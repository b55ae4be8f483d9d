"""Bring the packages of a server to a host, without any of them starting it. The only effects on dpkg and apt.

Killed at any point, the next run goes on: the mask and the inhibitor are known by their content, dpkg by what it left undone.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ...base.errors import ApplyFailed
from ...base.files import FileSpec, sweep, write
from ...base.statefile import keep_private
from .. import host
from ..layout import DEFAULT_INSTANCE, Layout
from ..service import Systemd
from .packages import HOSTS_POLICY, INHIBITOR_MARK, POLICY, DebianPackage, inhibitor_is_left, preferences_path

LOCK_TIMEOUT = 300.0  # seconds; a host that has just booted is busy with its own upgrades
COMMAND_TIMEOUT = 3600.0  # seconds for one command of dpkg or apt, with what it downloads
POLL = 1.0
ENVIRONMENT = (
    *("env", "DEBIAN_FRONTEND=noninteractive"),
    "NEEDRESTART_SUSPEND=1",  # Ubuntu's would restart the servers whose libraries are new
)
# a configuration file that is there stays as it is
CONFFILES = ("--force-confdef", "--force-confold")
APT_GET = ("apt-get", "--yes", "-o", f"DPkg::Lock::Timeout={LOCK_TIMEOUT:g}", "-o", "Acquire::Retries=3")
LOCKED = re.compile(r"lock (was|is) locked|Could not get lock|Unable to (lock|acquire)")
INHIBITOR = """\
#!/bin/sh
# {mark} installs packages: {name} does not start before its configuration is in place.
# What a killed run left of this, the next one removes.
case "$*" in *{name}*) exit 101 ;; esac
[ ! -x {policy} ] || exec {policy} "$@"
"""


def converge(package: DebianPackage, *, check: bool) -> dict[str, Any]:
    """What was done, or in check mode would be. Raises ApplyFailed with what apt says."""
    result = {"changed": bool(package.todo), "actions": list(package.todo), "diff": _diff(package)}
    if package.missing and package.in_the_way:
        raise ApplyFailed(
            f"{package.in_the_way} is in the way of the unit of {package.product.package}; see redis_preflight"
        )
    if check:
        return result
    if package.missing:
        _install(package)
    _tell_apt(package)
    allow_starts()
    return result


def _tell_apt(package: DebianPackage) -> None:
    """After the install: a preference for a version that is not there yet would be in its way."""
    path = preferences_path(package.product)
    if package.preferences == package.preferences_now:
        return
    if package.preferences:
        write(FileSpec(path), package.preferences)
    else:
        Path(path).unlink(missing_ok=True)


def _diff(package: DebianPackage) -> list[dict[str, str]]:
    if not package.missing:
        return []
    missing = "".join(f"{name}\n" for name in package.missing)
    return [{"before_header": "packages", "after_header": "packages", "before": "", "after": missing}]


def _install(package: DebianPackage) -> None:
    name = package.product.package
    if not package.installed and host.has_systemd():
        keep_private(Layout(package.product, DEFAULT_INSTANCE, systemd=True).mask, "")
        Systemd(name).mask()
    repair = ["--fix-broken"] if package.interrupted else []
    downgrade = ["--allow-downgrades"] if any("=" in spec for spec in package.missing) else []
    options = [word for option in CONFFILES for word in ("-o", f"Dpkg::Options::={option}")]
    with start_inhibited(name):
        if package.interrupted:
            # what it cannot do, apt can; apt itself does nothing before this was tried
            _run(["dpkg", *CONFFILES, "--configure", "-a"])
        _require([*APT_GET, "update"])
        # --no-remove: nothing of the host's has to go for this, least of all by a repair
        command = [*APT_GET, *options, "--no-install-recommends", "--no-remove", *repair, *downgrade]
        _require([*command, "install", *package.missing])


def _require(command: Sequence[str]) -> None:
    output = _run(command)
    if output:
        raise ApplyFailed(f"{' '.join(command)}: {output}; mend this with apt-get on the host, then run again")


def _run(command: Sequence[str]) -> str:
    """Why it failed; '' when it did not. Waits for whoever else installs something."""
    deadline = time.monotonic() + LOCK_TIMEOUT
    while True:
        result = host.run([*ENVIRONMENT, *command], timeout=COMMAND_TIMEOUT)
        if result.returncode == 0:
            return ""
        if not LOCKED.search(result.stderr) or time.monotonic() > deadline:
            lines = result.stderr.strip().splitlines()
            errors = [line[3:] for line in lines if line.startswith("E: ")]
            return "; ".join(errors or lines[-1:]) or f"exit status {result.returncode}"
        time.sleep(POLL)


@contextmanager
def start_inhibited(name: str) -> Iterator[None]:
    """No package starts or restarts the service `name`; about all others the host's own policy decides, as ever.

    The host's policy is linked aside before ours takes its place, and one rename brings it back: at no point is it lost.
    """
    if INHIBITOR_MARK not in host.read(POLICY):
        allow_starts()  # the half of one, killed between the link and the file
        sweep(FileSpec(POLICY))
        if os.path.lexists(POLICY):
            os.link(POLICY, HOSTS_POLICY, follow_symlinks=False)
        # not through a link: the host's own policy is what the link is now called
        write(
            FileSpec(POLICY, 0o755), INHIBITOR.format(mark=INHIBITOR_MARK, name=name, policy=HOSTS_POLICY), follow=False
        )
    try:
        yield
    finally:
        allow_starts()


def allow_starts() -> None:
    """The host's own policy as it was, or none."""
    if not inhibitor_is_left():
        return
    policy, hosts = Path(POLICY), Path(HOSTS_POLICY)
    ours = INHIBITOR_MARK in host.read(POLICY)
    if os.path.lexists(hosts) and (ours or not os.path.lexists(policy)):
        hosts.replace(policy)
    elif ours:
        policy.unlink()
    hosts.unlink(missing_ok=True)
