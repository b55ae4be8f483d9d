"""Start, stop and limit one instance: by systemd, or by the package's SysV script where there is no systemd."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from ..base.errors import ApplyFailed, FileRefused
from ..base.files import Target, read
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

    def limits_path(self) -> str:
        """The file that gives the service its limits: a drop-in, or /etc/default/..."""

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

    def limits_path(self) -> str:
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
            raise ApplyFailed(f"systemctl {' '.join(arguments)}: {_last_line(result.stderr)}")


@dataclass(frozen=True)
class SysV:
    """The init script of the package; only the default instance has one."""

    name: str
    pid_file: str

    def unit(self) -> Unit:
        return units.sysv(self.name, self.pid(), enabled=self.enabled())

    def pid(self) -> int:
        text = self._pid_text()
        # after a restart of the machine another process may have the number
        return int(text) if text.isdigit() and host.read(f"/proc/{text}/comm").strip() == self.name[:15] else 0

    def _pid_text(self) -> str:
        """What the server wrote into its pid file, in a directory of its own; '' when that cannot be trusted."""
        with contextlib.suppress(OSError, FileRefused):
            return (read(Target(self.pid_file), limit=64) or "").strip()
        return ""

    def enabled(self) -> bool:
        return any(Path("/etc").glob(f"rc[2-5].d/S??{self.name}"))

    def masked(self) -> bool:
        return False  # the script knows no such thing

    def limits_path(self) -> str:
        return f"/etc/default/{self.name}"

    def prepare(self) -> None:
        if not self.enabled():
            self._run(["update-rc.d", self.name, "defaults"])
            self._run(["update-rc.d", self.name, "enable"])  # what forbid() took away, `defaults` does not bring back

    def forbid(self) -> None:
        self._run(["update-rc.d", self.name, "disable"])

    def withdraw(self) -> None:
        self.forbid()

    def start(self) -> None:
        self._run([f"/etc/init.d/{self.name}", "start"])

    def stop(self) -> None:
        self._run([f"/etc/init.d/{self.name}", "stop"], timeout=STOP_TIMEOUT)
        if self.pid():
            raise ApplyFailed(f"{self.name} did not stop")

    def log(self) -> str:
        return ""

    def _run(self, command: list[str], timeout: float = LOAD_TIMEOUT) -> None:
        result = host.run(command, timeout=timeout)
        # start-stop-daemon's refusal reaches us as the word 'failed' with status 0
        if result.returncode != 0 or re.search(r"\bfailed\b", result.stdout):
            raise ApplyFailed(f"{' '.join(command)}: {_last_line(result.stderr or result.stdout)}")


def _last_line(text: str) -> str:
    return text.strip().splitlines()[-1] if text.strip() else "failed without a word"


def of(name: str, pid_file: str) -> Service:
    """The service on this host."""
    return Systemd(name) if host.has_systemd() else SysV(name, pid_file)
