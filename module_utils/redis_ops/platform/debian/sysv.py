"""The init script of a Debian package, where there is no systemd."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from pathlib import Path

from ...base.errors import ApplyFailed, FileRefused
from ...base.files import FileSpec, read
from .. import command, host
from ..service import LOAD_TIMEOUT, STOP_TIMEOUT
from ..units import Unit


@dataclass(frozen=True)
class SysV:
    """The init script of the package; only the default instance has one."""

    name: str
    pid_file: str

    def unit(self) -> Unit:
        return unit_of(self.name, self.pid(), enabled=self.enabled())

    def pid(self) -> int:
        text = self._pid_text()
        # after a restart of the machine another process may have the number
        return int(text) if text.isdigit() and host.read(f"/proc/{text}/comm").strip() == self.name[:15] else 0

    def _pid_text(self) -> str:
        """What the server wrote into its pid file, in a directory of its own; '' when that cannot be trusted."""
        with contextlib.suppress(OSError, FileRefused):
            return (read(FileSpec(self.pid_file), limit=64) or "").strip()
        return ""

    def enabled(self) -> bool:
        return any(Path("/etc").glob(f"rc[2-5].d/S??{self.name}"))

    def masked(self) -> bool:
        return False  # the script knows no such thing

    def drop_in_path(self) -> str:
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
            raise ApplyFailed(f"{' '.join(command)}: {host.last_line(result.stderr or result.stdout)}")


def unit_of(name: str, pid: int, *, enabled: bool) -> Unit:
    """The script of a Debian package, and what /etc/default/NAME changes of it."""
    script = host.read(f"/etc/init.d/{name}")
    if not script:
        return Unit(name, pid=pid)
    values = {**command.environment_of(script), **command.environment_of(host.read(f"/etc/default/{name}"))}
    words = tuple(command.expand(["${DAEMON}", "$DAEMON_ARGS"], values))
    owner = re.search(r"--chuid\s+(\w[\w-]*)(?::(\w[\w-]*))?", script)
    user, group = (owner[1], owner[2] or owner[1]) if owner else ("", "")
    return Unit(
        name,
        loaded=True,
        enabled=enabled,
        fragment=f"/etc/init.d/{name}",
        command=words,
        unclear=command.unclear(words),
        user=user,
        group=group,
        pid=pid,
        is_script=True,
    )
