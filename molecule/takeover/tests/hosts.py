"""Real hosts for these tests: podman containers that boot systemd, entered from outside with nsenter.

podman exec does the same and takes ten times as long, which these tests would spend most of their time with.

Nothing here comes from the project under test.
"""

from __future__ import annotations

import itertools
import json
import os
import shlex
import subprocess
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

SCENARIO = Path(__file__).resolve().parents[1]
STATE = Path(os.environ.get("MOLECULE_EPHEMERAL_DIRECTORY", SCENARIO.parents[1] / ".cache/molecule/takeover"))
KEY = STATE / "id_ed25519"
_VARIABLES = yaml.safe_load((SCENARIO / "inventory/hosts.yml").read_text())["all"]["vars"]
NETWORK = os.environ.get("TAKEOVER_NETWORK", _VARIABLES["lab_network"])
SUBNET = os.environ.get("TAKEOVER_SUBNET", _VARIABLES["lab_subnet"])
# Of the network, so that what an interrupted run left is found and removed
LABEL = f"lab={NETWORK}"
FACTS = (Path(__file__).parent / "on_host" / "facts.py").read_text()
# pytest-xdist runs several workers, which must not give out the same addresses
_WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
_PER_WORKER = 120
_FIRST = 10 + _WORKER * _PER_WORKER
# Again from the first: by then that host is gone
_numbers = itertools.cycle(range(_FIRST, _FIRST + _PER_WORKER))
BOOT_TIMEOUT = 60.0  # seconds
_NAMESPACES = ("--mount", "--uts", "--ipc", "--net", "--pid", "--cgroup")
_ENVIRONMENT = ("PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "container=podman")
_processes: dict[str, int] = {}  # name of a host -> its process 1, as this machine sees it


@dataclass(frozen=True)
class Answer:
    """Of a command on a host."""

    rc: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Cli:
    """How redis-cli reaches one server. arguments: port, socket, TLS or user. config: the name that CONFIG has there."""

    arguments: tuple[str, ...] = ()
    password: str = ""
    config: str = "config"
    program: str = "redis-cli"

    def command(self, *words: str) -> str:
        """A line of shell. The password is in the environment, as on a real host."""
        login = f"REDISCLI_AUTH={shlex.quote(self.password)} " if self.password else ""
        return f"{login}{self.program} --no-auth-warning {shlex.join(self.arguments)} {shlex.join(words)}"


USUAL = Cli()


def port(number: int, password: str = "", **more: str) -> Cli:
    """The usual way in."""
    return Cli(("-p", str(number)), password, **more)


@dataclass
class Host:
    """One of them."""

    name: str
    address: str
    suite: str
    variables: dict[str, Any] = field(default_factory=dict, repr=False)

    def run(self, command: str, stdin: str = "") -> Answer:
        """Of a line of shell."""
        inside = [
            "nsenter",
            f"--target={_process(self.name)}",
            *_NAMESPACES,
            "env",
            "--ignore-environment",
            *_ENVIRONMENT,
        ]
        done = subprocess.run(
            [*inside, "sh", "-c", command], input=stdin, capture_output=True, text=True, check=False, timeout=300
        )
        return Answer(done.returncode, done.stdout, done.stderr)

    def check_output(self, command: str, stdin: str = "") -> str:
        """What it prints. Fails when it fails."""
        answer = self.run(command, stdin)
        assert answer.rc == 0, f"{self.name}: {command}\n{answer.stdout}{answer.stderr}"
        return answer.stdout.removesuffix("\n")

    def script(self, text: str) -> str:
        """The output of several lines of shell, which stop at the first that fails."""
        return self.check_output("sh -eu", stdin=text)

    def put(self, path: str, text: str, mode: str = "0644", owner: str = "root") -> None:
        """Write a file, with its directory."""
        at, there = shlex.quote(path), shlex.quote(path.rpartition("/")[0])
        self.check_output(
            f"mkdir -p {there} && cat >{at} && chmod {mode} {at} && chown {owner}: {at}",
            stdin=text,
        )

    def redis(self, *words: str, cli: Cli = USUAL) -> str:
        """The reply to one command. An error reply fails the test."""
        return self.check_output(cli.command("-e", *words))

    def config(self, name: str, cli: Cli = USUAL) -> str:
        """One value of CONFIG GET."""
        lines = self.redis(cli.config, "get", name, cli=cli).split("\n")
        return dict(zip(lines[::2], lines[1::2]))[name]

    def info(self, name: str, cli: Cli = USUAL) -> str:
        """One field of INFO."""
        lines = self.redis("info", "everything", cli=cli).splitlines()
        return dict(line.split(":", 1) for line in lines if ":" in line)[name]

    def memory(self) -> int:
        """Bytes of the machine."""
        return int(self.check_output("grep MemTotal /proc/meminfo").split()[1]) * 1024

    def fill(self, keys: int, cli: Cli = USUAL, prefix: str = "theirs") -> None:
        """So many keys more, with values that can be checked."""
        lines = f"seq {keys} | sed 's/.*/SET {prefix}:& value-&/' | {cli.command('--pipe')}"
        assert "errors: 0" in self.check_output(lines)

    def eventually(self, command: str, seconds: float = 20) -> None:
        """Wait until a line of shell succeeds."""
        line = f"for _ in $(seq {int(seconds * 10)}); do {{ {command}; }} >/dev/null 2>&1 && exit; sleep 0.1; done; {command}"
        self.check_output(line)

    def serves(self, cli: Cli = USUAL) -> None:
        """Wait until a server answers that has loaded its data."""
        self.eventually(f"{cli.command('-e', 'info', 'persistence')} | grep -q loading:0")

    def facts(self, *servers: Cli) -> dict[str, Any]:
        """What could be changed of the host and of these servers, see on_host/facts.py."""
        asked = [
            [cli.command(cli.config, "get", "*"), cli.command("acl", "list"), cli.command("info", "keyspace")]
            for cli in servers
        ]
        return json.loads(self.check_output(f"python3 - {shlex.quote(json.dumps(asked))}", stdin=FACTS))

    def reboot(self) -> None:
        """Stop in order, and boot again: all processes end and /run is empty."""
        _podman("restart", "--time=10", self.name)
        self.wait()

    def wait(self) -> None:
        """Until it has booted."""
        deadline = time.monotonic() + BOOT_TIMEOUT
        while (state := self.run("systemctl is-system-running").stdout.strip()) not in ("running", "degraded"):
            assert time.monotonic() < deadline, f"{self.name} did not boot: {state}"
            time.sleep(0.1)


def differences(before: dict[str, Any], now: dict[str, Any], *apart: str) -> dict[str, Any]:
    """Part of the facts of a host -> what is other than before, with both values. apart: parts that do not count."""
    found = {}
    for part in before.keys() - set(apart):
        old, new = before[part], now[part]
        if isinstance(old, dict):
            found[part] = {key: (old.get(key), new.get(key)) for key in old | new if old.get(key) != new.get(key)}
        elif part == "config":
            found[part] = [differences({"": one}, {"": other}) for one, other in zip(old, new) if one != other]
        elif old != new:
            found[part] = (old, new)
    return {part: value for part, value in found.items() if value}


def start(*wanted: str) -> list[Host]:
    """New hosts. wanted: the suite of each."""
    numbers = list(itertools.islice(_numbers, len(wanted)))
    with ThreadPoolExecutor(8) as pool:
        return list(pool.map(_start, wanted, numbers))


def remove(hosts: Iterable[Host]) -> None:
    """For good."""
    names = [host.name for host in hosts]
    if names:
        _podman("rm", "--force", "--ignore", "--time=0", "--volumes", *names)


def _start(suite: str, number: int) -> Host:
    address = f"{SUBNET.rpartition('.')[0]}.{number}"
    name = f"{NETWORK}-{number}"
    _podman(
        *("run", "--detach", "--replace", f"--name={name}", f"--hostname={name}", f"--label={LABEL}"),
        # the same hardware address each time: this machine remembers which one an address had
        f"--network={NETWORK}:ip={address},mac=02:10:99:00:00:{number:02x}",
        *("--systemd=always", "--privileged", "--restart=always"),
        f"--volume={KEY}.pub:/root/.ssh/authorized_keys:ro",
        *(f"localhost/redis-lab-servers:{suite}", "/sbin/init"),
    )
    host = Host(name, address, suite)
    host.wait()
    return host


def _process(name: str) -> int:
    """Process 1 of a host that runs. A host that was restarted has another."""
    known = _processes.get(name, 0)
    if not (known and Path(f"/proc/{known}").exists()):
        known = int(_podman("inspect", "--format={{.State.Pid}}", name).stdout)
        _processes[name] = known
    return known


def _podman(*words: str, stdin: str = "", check: bool = True) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(["podman", *words], input=stdin, capture_output=True, text=True, check=False, timeout=300)
    if check and done.returncode:
        raise AssertionError(f"podman {' '.join(words)}: {done.stdout}{done.stderr}")
    return done
