"""k6: what it is told, how it is run, and what it says. It is told by a file, never by an argument that others can read."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import pkgutil
import re
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from ..errors import Problem
from ..machine import available
from .config import OPERATIONS, Config
from .doubts import QUANTILES
from .target import noise

SCRIPT = "load.js"
OLD, NEW = "k6/experimental/redis", "k6/x/redis"  # the same module: of k6 1.x, and of 2.x or a k6 built with it
STARTED, ERROR = "REDIS_LOAD STARTED", "REDIS_LOAD ERROR "  # what the script says
MIB, GIB = 1024**2, 1024**3
PATIENCE = 10  # seconds for k6 to end when it is told to, besides those of an operation


class K6:
    """The load generator: told by a file in `work` what to do, and never by an argument that others can read."""

    def __init__(self, config: Config, work: Path) -> None:
        self.code: int = 0
        self._config, self._work, self._log = config, work, work / "k6.log"
        said = subprocess.run([config.k6, "version"], capture_output=True, text=True, check=False).stdout
        self.version, module = module_of(said)
        (work / SCRIPT).write_text(script(module))
        self._plan = work / "plan.json"
        self._plan.touch(0o600)
        self._plan.write_text(json.dumps(plan(config, work / "summary.json")))

    @contextlib.contextmanager
    def running(self) -> Iterator[subprocess.Popen[bytes]]:
        """It ends with the block, and with this process however that ends."""
        command = [self._config.k6, "run", "--quiet", "--no-color", "--no-usage-report", "--no-thresholds"]
        command += ["--address", "", "--log-format", "raw"]  # no port of its own
        if self._config.segment:
            command += ["--execution-segment", self._config.segment]
            command += ["--execution-segment-sequence", self._config.segment_sequence]
        # options that somebody's shell has for k6 are not for this run, but for how a k6 2.x gets its extension
        inherited = {
            name: value
            for name, value in os.environ.items()
            if name[:3] != "K6_" or "EXTENSION" in name or "BUILD" in name
        }
        if self._config.tls_ca:
            inherited["SSL_CERT_FILE"] = self._config.tls_ca
        inherited = {**roomy(self._config.connections, available() // self._config.runs), **inherited}
        with self._log.open("wb") as log:
            process = subprocess.Popen(
                [*command, str(self._work / SCRIPT)],
                env={**inherited, "REDIS_LOAD_PLAN": str(self._plan)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=_end_with_parent,  # noqa: PLW1509 - this program has one thread
            )
        try:
            yield process
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGINT)  # it still writes its summary
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(PATIENCE + self._config.timeout)
                process.kill()
            self.code = process.wait()

    def _said(self) -> str:
        return self._log.read_text(errors="replace") if self._log.exists() else ""

    def said(self) -> str:
        return masked(self._said(), self._config.password)

    def started(self) -> bool:
        """Whether its phases have begun. All of its users have read the plan by then, which has the password."""
        begun = STARTED in self._said()
        if begun:
            self._plan.unlink(missing_ok=True)
        return begun

    def errors(self) -> list[str]:
        told = {line[len(ERROR) :] for line in self._said().splitlines() if line.startswith(ERROR)}
        return sorted(masked(text, self._config.password) for text in told)

    @property
    def summary(self) -> dict[str, Any]:
        """What handleSummary left, or the same with nothing in it."""
        with contextlib.suppress(OSError, ValueError):
            found: dict[str, Any] = json.loads((self._work / "summary.json").read_text())
            return found
        nothing = {"flows": {}, "start_lag": {"count": 0}, "iterations": 0, "dropped_iterations": 0}
        return {"sustained": nothing, "all": {}, "vus_max": 0, "seconds": 0}


def script(module: str) -> str:
    """The load, for a k6 that has this module for Redis."""
    told = pkgutil.get_data(__package__, SCRIPT) or b""  # from the zipapp, where it is no file
    return told.decode().replace(OLD, module)


def module_of(said: str) -> tuple[str, str]:
    """The version, and the module for Redis that a k6 has which says this of itself."""
    match = re.match(r"k6(?:\.exe)? v(\d+)(\S*)", said)
    if not match:
        raise Problem(f"k6: `k6 version` said {said.strip()[:80]!r}; expected a version")
    return match[1] + match[2], NEW if int(match[1]) >= 2 or NEW in said else OLD


def masked(text: str, password: str) -> str:
    """Without it, in each of its forms: an error of Go repeats the URL that it is in."""
    forms = {password, quote(password, ""), json.dumps(password)[1:-1]} - {""}
    for form in sorted(forms, key=len, reverse=True):
        text = text.replace(form, "***")
    return text


def roomy(users: int, free: int) -> dict[str, str]:
    """Settings for Go that let k6 collect its garbage seldom, where there is memory for that.

    A collection stops 1,000 users on two cores for up to 0.2 s, many times a minute, and looks like a slow server: by
    itself it made the p95 of a read 24 ms, without it 0.7 ms.
    """
    room = min(4 * GIB, free // 3)
    return {"GOGC": "off", "GOMEMLIMIT": f"{room}B"} if room >= users * MIB else {}


def plan(config: Config, summary: Path) -> dict[str, Any]:
    """What load.js is told."""
    files = {"cert": config.tls_cert, "key": config.tls_key}
    certificate = {name: Path(file).read_text() for name, file in files.items() if file}
    numbers = ("users", "rate", "ramp", "warm_up_at", "warm_up", "sustained_at", "duration", "timeout", "start_at")
    shape = ("cache_keys", "session_ttl", "cache_ttl", "skew", "write_share")
    return {
        "server": address(config),
        "certificates": [certificate] if certificate else [],
        "prefix": config.keys,
        "session_value": noise(config.session_bytes),
        "cache_value": noise(config.value_bytes),
        "operations": OPERATIONS,
        "quantiles": QUANTILES,
        "summary": str(summary),
        **{name: getattr(config, name) for name in (*numbers, *shape)},
    }


def address(config: Config) -> str:
    """For k6, whose other form of it fails with TLS: it names no server whose certificate to expect (k6 1.1.0)."""
    login = f"{quote(config.username, '')}:{quote(config.password, '')}@" if config.password else ""
    host = (
        f"[{config.host.replace('%', '%25')}]" if ":" in config.host else config.host
    )  # the % before a zone: RFC 6874
    waits = dict.fromkeys(("dial_timeout", "read_timeout", "write_timeout", "pool_timeout"), f"{config.timeout:.3f}s")
    # a command that is tried again would be counted once and sent twice
    options = urlencode({"pool_size": 1, "max_retries": -1, **waits})
    return f"redis{'s' * config.tls}://{login}{host}:{config.port}/{config.database}?{options}"


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG
