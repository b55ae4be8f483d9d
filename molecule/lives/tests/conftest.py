"""What every life needs: redis-cli as the judge, and a run that finds everything in force."""

from __future__ import annotations

import shlex
import sys
import time
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "_lab"))

import lab

CONFIG = "/etc/redis/redis.conf"


class Redis:
    """The server as redis-cli, systemd and /proc show it. password: by the environment, never on a command line."""

    def __init__(self, host) -> None:
        self._host = host
        self.password = ""

    def __call__(self, *words: str) -> str:
        """The reply to one command, as redis-cli prints it."""
        return self._raw(*words).removesuffix("\n")

    def _raw(self, *words: str) -> str:
        login = f"REDISCLI_AUTH={shlex.quote(self.password)} " if self.password else ""
        return self._host.run(f"{login}redis-cli {shlex.join(words)}").stdout

    def config(self, *names: str) -> str | list[str]:
        """What CONFIG GET says of each name, in their order."""
        lines = self._raw("config", "get", *names).splitlines()
        values = dict(zip(lines[::2], lines[1::2]))
        found = [values[name] for name in names]
        return found[0] if len(names) == 1 else found

    def info(self, field: str) -> str:
        """One field of INFO."""
        return dict(line.split(":", 1) for line in self("info", "all").splitlines() if ":" in line)[field]

    def identity(self) -> tuple[str, str]:
        """Another after every restart."""
        return self._host.check_output("systemctl show --property MainPID --value redis-server"), self.info("run_id")

    def fill(self, keys: int) -> None:
        """Exactly so many keys, with values that can be checked."""
        self._host.check_output(f"redis-cli flushall && seq {keys} | sed 's/.*/SET life:& value-&/' | redis-cli --pipe")

    def is_full(self, keys: int) -> bool:
        """Whether those keys are there, the last one with its value."""
        return self("dbsize") == str(keys) and self("get", f"life:{keys}") == f"value-{keys}"


@pytest.fixture
def redis(host) -> Redis:
    return Redis(host)


@pytest.fixture
def file(host):
    """The text of the configuration file, without its comments."""

    def read() -> list[str]:
        return [line for line in host.file(CONFIG).content_string.splitlines() if line and not line.startswith("#")]

    return read


@pytest.fixture
def settled():
    """Assert that a run with these variables finds everything in force and changes nothing."""

    def run(**variables) -> lab.Play:
        result = lab.play(**variables)
        assert result.ok, result.output
        assert result.changed == 0, result.output
        assert result.told("changed") == ["nothing"]
        return result

    return run


@pytest.fixture
def eventually():
    """Wait for what comes without anybody's doing. Fails after a minute."""

    def wait(condition) -> None:
        deadline = time.monotonic() + 60
        while not condition():
            assert time.monotonic() < deadline, "it did not come within a minute"
            time.sleep(0.2)

    return wait
