"""Start, stop and limit one instance, by systemd or by whatever a platform has in its place."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..base.errors import ApplyFailed
from . import host, units
from .units import Unit

START_TIMEOUT = 300.0  # seconds until a started server must answer
LOAD_TIMEOUT = 3600.0  # seconds for loading a large data set, which systemd waits for (TimeoutStartSec=infinity)
# TimeoutStopSec=0 of the package means: wait for the last save, however long
STOP_TIMEOUT = 3600.0


class Service(Protocol):
    """One instance as the host's init sees it."""

    @property
    def name(self) -> str: ...

    def unit(self) -> Unit:
        """How it will be started next."""

    def pid(self) -> int:
        """Process id of the running server, 0 when it does not run."""

    def enabled(self) -> bool:
        """Whether it starts at boot."""

    def masked(self) -> bool:
        """Whether it must not be started at all."""

    def drop_in_path(self) -> str:
        """The file that gives the service its limits: a drop-in, or what its script reads."""

    def prepare(self) -> None:
        """Read changed unit files; let it be started, now and at boot."""

    def forbid(self) -> None:
        """Undo prepare() for a service that must not be started, now or at boot."""

    def withdraw(self) -> None:
        """Keep it from starting at boot. What runs goes on."""

    def start(self) -> None: ...
    def stop(self) -> None: ...
    def log(self) -> str:
        """Its last words."""


@dataclass(frozen=True)
class Systemd:
    """A unit, by the name without '.service'."""

    name: str

    def unit(self) -> Unit:
        return units.look([self.name])[self.name]

    def pid(self) -> int:
        return int(self._show("MainPID") or 0)

    def enabled(self) -> bool:
        return self._show("UnitFileState") in ("enabled", "alias")

    def drop_in_path(self) -> str:
        return units.drop_in(self.name)

    @property
    def _mask(self) -> Path:
        return Path(f"/etc/systemd/system/{self.name}.service")

    def masked(self) -> bool:
        return self._mask.is_symlink() and str(self._mask.resolve()) == "/dev/null"

    def mask(self) -> None:
        """Before the package of the unit is there: forbid() wants one that exists."""
        if not self.masked():
            self._mask.symlink_to("/dev/null")

    def prepare(self) -> None:
        if self.masked():
            self._mask.unlink()
        self._systemctl("daemon-reload")
        if not self.enabled():
            self._systemctl("enable", f"{self.name}.service")

    def forbid(self) -> None:
        self._systemctl("disable", f"{self.name}.service")
        self._systemctl("mask", f"{self.name}.service")

    def withdraw(self) -> None:
        self._systemctl("disable", f"{self.name}.service")

    def start(self) -> None:
        # a failed start counts against StartLimitBurst; the next one must not be refused for it
        host.run(["systemctl", "reset-failed", f"{self.name}.service"])
        self._systemctl("start", f"{self.name}.service", timeout=LOAD_TIMEOUT)

    def stop(self) -> None:
        ran = self.pid()  # the result of a service that does not run is about an earlier stop
        self._systemctl("stop", f"{self.name}.service", timeout=STOP_TIMEOUT)
        result = self._show("Result")
        if ran and result not in (
            "success",
            "",
        ):  # a timeout kills the server in the middle of its last save, with status 0
            raise ApplyFailed(f"{self.name} did not stop in order: systemd says {result}")

    def log(self) -> str:
        return host.run(["journalctl", "--unit", f"{self.name}.service", "--lines=15", "--output=cat"]).stdout

    def _show(self, name: str) -> str:
        return host.run(["systemctl", "show", "--property", name, "--value", f"{self.name}.service"]).stdout.strip()

    def _systemctl(self, *arguments: str, timeout: float = 60) -> None:
        result = host.run(["systemctl", *arguments], timeout=timeout)
        if result.returncode != 0:
            raise ApplyFailed(f"systemctl {' '.join(arguments)}: {host.last_line(result.stderr)}")
