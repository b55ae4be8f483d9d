"""The process of a running server, and what its program says of the machine."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Optional

from ..base.errors import RedisOpsError
from ..platform import host
from .facts import Fact
from .instance import InstanceView

CLOCKS = "/sys/devices/system/clocksource/clocksource0"


@dataclass(frozen=True)
class System:
    """What --check-system said, and its exit status. clock: the one in use; clocks: those that the machine has."""

    text: str
    status: int
    clock: str
    clocks: Sequence[str]


def _user(view: InstanceView) -> str:
    """The name of the user that the process runs as."""
    if "process_id" not in view.info:
        raise RedisOpsError("it does not run")
    return host.process_user(int(view.info["process_id"]))


def _system(view: InstanceView) -> Optional[System]:
    """None before Redis 7.0, which does not know the option."""
    binary = view.instance.binary
    if not view.installed or not view.installed.reached("redis 7.0") or not Path(binary).exists():
        return None
    result = host.run([binary, "--check-system"], timeout=30)
    return System(
        (result.stdout + result.stderr).strip(),
        result.returncode,
        host.read(f"{CLOCKS}/current_clocksource").strip(),
        host.read(f"{CLOCKS}/available_clocksource").split(),
    )


USER = Fact("user", _user)
SYSTEM = Fact("system", _system)
