"""Two small hosts that differ in one thing: Debian's Redis as apt leaves it, and the same provisioned by this project.

Each is a Debian 12 that boots systemd in a podman container, with one core and little memory, started anew for every case
from an image that was made once. One at a time is awake, with the kernel values that a host of its kind has. Clients run
on this machine, on its other cores: they step into the host's network, not into its memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import itertools
import json
import math
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Optional

import lab

STOCK, PROVISIONED = "stock", "provisioned"
MEBIBYTE = 1024**2
CONFIG = "/etc/redis/redis.conf"
_NAME, _NETWORK, _SUBNET, _ADDRESS = "redis-bench-rival", "redis-lab-rivals", "10.99.22.0/24", "10.99.22.11"
_IMAGES = "localhost/redis-bench-rival"
_INVENTORY, _KEY = lab.STATE / "rivals.json", lab.STATE / "id_ed25519"
_HUGE_PAGES = Path("/sys/kernel/mm/transparent_hugepage/enabled")
# What a Debian 12 machine boots with. A provisioned host sets its own values at its boot; both are the machine's.
_KERNEL = {Path("/proc/sys/vm/overcommit_memory"): "0", Path("/proc/sys/vm/swappiness"): "60", _HUGE_PAGES: "always"}
_PROVISIONED_KERNEL = {Path("/proc/sys/vm/overcommit_memory"): "1", _HUGE_PAGES: "never"}
_CLONE_NEWNET = 0x40000000
_PR_SET_THP_DISABLE = 41
_PATIENCE = 60.0  # seconds for a host to boot, and for a server to answer
KILOBYTE = 1024  # of a value
_HEAD = 12  # characters of a value that say which key it belongs to
_NOISE = os.urandom(KILOBYTE).hex()  # so that a snapshot cannot compress it to nothing
_LIBC = ctypes.CDLL(None, use_errno=True)


class Refused(Exception):
    """The server answered with an error."""


@dataclass(frozen=True)
class Host:
    """A host that is awake. pid: its first process, as this machine counts."""

    kind: str
    pid: int
    memory: int

    def shell(self, command: str) -> str:
        """Run it there, as root. Stops with its output when it fails."""
        return podman("exec", _NAME, "sh", "-c", command)

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """Puts this thread into the host's network meanwhile. A socket stays in the one that it was made in."""
        with Path("/proc/thread-self/ns/net").open() as ours, Path(f"/proc/{self.pid}/ns/net").open() as theirs:
            _step_into(theirs.fileno())
            try:
                yield
            finally:
                _step_into(ours.fileno())

    def connect(self) -> socket.socket:
        with self.inside():
            connection = socket.create_connection(("127.0.0.1", 6379), timeout=_PATIENCE)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return connection

    def client(self) -> Client:
        """As soon as the server answers, which it does not while it loads its data."""
        end, why = time.monotonic() + _PATIENCE, ""
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                client = Client(self.connect())
                try:
                    client("PING")
                except Refused as refusal:
                    why = str(refusal)
                else:
                    return client
                client.close()
            time.sleep(0.01)
        raise TimeoutError(f"redis-server of the {self.kind} host did not answer for {_PATIENCE:.0f} s {why}")

    def restarts(self) -> int:
        """How often systemd had to start the server again."""
        return int(self.shell("systemctl show --property=NRestarts --value redis-server"))

    def oom_kills(self) -> int:
        """How many of the host's processes the kernel has killed for their memory."""
        v1, v2 = "/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events"
        return int(re.search(r"^oom_kill (\d+)", self.shell(f"cat {v1} 2>/dev/null || cat {v2}"), re.MULTILINE)[1])

    def listen_drops(self) -> int:
        lines = Path(f"/proc/{self.pid}/net/netstat").read_text().splitlines()
        names, values = (line.split() for line in lines if line.startswith("TcpExt:"))
        return int(dict(zip(names, values))["ListenDrops"])

    def run(self, *command: str, files: bool = False) -> str:
        """Run a program of this machine, on its other cores, in the host's network; with files, in its files as well."""
        spaces = ["--net", "--mount"] if files else ["--net"]
        words = ["nsenter", f"--target={self.pid}", *spaces, *command]
        result = subprocess.run(words, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
        if result.returncode:
            raise RuntimeError(f"{' '.join(command)} ended with {result.returncode}:\n{result.stdout}{result.stderr}")
        return result.stdout


class Client:
    """One connection: RESP2 in a few lines, so that what judges shares nothing with what is judged."""

    def __init__(self, connection: socket.socket) -> None:
        self._socket, self._reader = connection, connection.makefile("rb")

    def __call__(self, *words: object) -> Any:
        [answer] = self.many([words])
        if isinstance(answer, Refused):
            raise answer
        return answer

    def many(self, commands: Sequence[Sequence[object]]) -> list[Any]:
        """The answers to a pipeline, errors among them. Raises OSError when the connection breaks."""
        self._socket.sendall(b"".join(map(encoded, commands)))
        return [self._answer() for _ in commands]

    def info(self, name: str) -> str:
        return re.search(rf"^{name}:(.*)\r", self("INFO", "everything"), re.MULTILINE)[1]

    def close(self) -> None:
        self._reader.close()
        self._socket.close()

    def _answer(self) -> Any:
        line = self._reader.readline()
        if line[-2:] != b"\r\n":
            raise ConnectionError("the server closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind in b"+-":
            return Refused(rest.decode()) if kind == b"-" else rest.decode()
        if kind == b"*":
            return [self._answer() for _ in range(int(rest))]
        if kind == b":":
            return int(rest)
        return None if rest == b"-1" else self._reader.read(int(rest) + 2)[:-2].decode()


def encoded(words: Sequence[object]) -> bytes:
    parts = [str(word).encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


class Writer:
    """Writes numbered keys and remembers which of them the server has acknowledged. After a break it connects again."""

    def __init__(self, host: Host, size: int = KILOBYTE, batch: int = 100) -> None:
        self.acknowledged: set[int] = set()
        self.refused: Counter[str] = Counter()
        self.unanswered = 0
        self.longest = 0.0  # seconds between two answers
        self._host, self._size, self._batch = host, size, batch

    def write(self, numbers: Iterable[int], until: Callable[[], bool] = lambda: False, rate: float = 0) -> Writer:
        """Until there are no more. Raises TimeoutError when the server does not come back."""
        source, client, begun, written = iter(numbers), self._host.client(), time.monotonic(), 0
        last = begun
        while (batch := list(itertools.islice(source, self._batch))) and not until():
            written += len(batch)
            try:
                answers = client.many([("SET", f"key:{n}", value(n, self._size)) for n in batch])
            except OSError:
                self.unanswered += len(batch)
                client, answers = self._host.client(), []
            now = time.monotonic()
            self.longest, last = max(self.longest, now - last), now
            for number, answer in zip(batch, answers):
                if isinstance(answer, Refused):
                    self.refused[str(answer).split()[0]] += 1
                else:
                    self.acknowledged.add(number)
            if rate:
                time.sleep(max(0.0, begun + written / rate - now))
        client.close()
        return self

    def numbers(self) -> dict[str, float]:
        """With what is left of it, looked for now."""
        left = readable(self._host, sorted(self.acknowledged))
        return {
            "acknowledged": len(self.acknowledged),
            "readable": left,
            "lost": len(self.acknowledged) - left,
            "unanswered": self.unanswered,
            "refused": sum(self.refused.values()),
            "refused_oom": self.refused["OOM"],
            "longest_gap_ms": round(self.longest * 1000, 1),
        }


def value(number: int, size: int) -> str:
    """Begins with the number of its key."""
    return f"{number:0{_HEAD}d}{_NOISE[: size - _HEAD]}"


def readable(host: Host, numbers: Sequence[int]) -> int:
    """How many of these keys are there, each with the value that belongs to it."""
    client, found = host.client(), 0
    for start in range(0, len(numbers), 500):
        some = numbers[start : start + 500]
        heads = client.many([("GETRANGE", f"key:{number}", 0, _HEAD - 1) for number in some])
        found += sum(head == value(number, _HEAD) for number, head in zip(some, heads))
    client.close()
    return found


@contextlib.contextmanager
def hosts(memory: int) -> Iterator[Rivals]:
    """Hosts with so many bytes of memory. In the end they are gone and the kernel is as it was."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    with lab.turn(), _kernel_kept():
        lab.shell("scripts/build-image", "bookworm")
        lab.shell("bash", "-c", f"[[ -e {_KEY} ]] || ssh-keygen -q -t ed25519 -N '' -f {_KEY}")
        _remove()  # what a killed run left
        try:
            podman("network", "create", "--subnet", _SUBNET, _NETWORK)
            yield Rivals(memory)
        finally:
            _remove()


class Rivals:
    """One host at a time, each from the image of its kind, which is made when it is first asked for."""

    def __init__(self, memory: int) -> None:
        self.memory = memory  # bytes that a host has
        self.maxmemory = ""  # what the project said that fits a host
        self._images: dict[tuple[str, str], str] = {}

    @contextlib.contextmanager
    def stock(self, change: str = "") -> Iterator[Host]:
        """A host on which apt has installed redis-server. change: a shell command, run before the first start."""
        key = (STOCK, change)
        if key not in self._images:
            with self._awake(STOCK, "localhost/redis-lab:bookworm") as host:
                host.shell("apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq install redis-server >&2")
                host.shell("systemctl stop redis-server && rm -rf /var/lib/redis/*")
                host.shell(change or "true")
                self._images[key] = self._commit()
        with self._awake(STOCK, self._images[key]) as host:
            host.client().close()
            yield host

    @contextlib.contextmanager
    def provisioned(self, profile: str) -> Iterator[Host]:
        """A host that provision.yml has made, with as much maxmemory as the project itself says that it may have."""
        key = (PROVISIONED, profile)
        if key not in self._images:
            with self._awake(PROVISIONED, "localhost/redis-lab:bookworm") as host:
                self.maxmemory = self.maxmemory or _advice(profile)
                self.provision(profile)
                host.shell("systemctl stop redis-server && rm -rf /var/lib/redis/*")
                self._images[key] = self._commit()
        with self._awake(PROVISIONED, self._images[key]) as host:
            host.client().close()
            for path, value in _PROVISIONED_KERNEL.items():
                if _chosen(path) != value:
                    sys.exit(f"{path}: {_chosen(path)} after a provisioned host has booted; expected {value}")
            yield host

    def provision(self, profile: str) -> None:
        """Run the project against the host that is awake."""
        output = _play(profile, {"maxmemory": self.maxmemory})
        if not re.search(rf"^{_NAME} .*unreachable=0 +failed=0", output, re.MULTILINE):
            sys.exit(f"provision.yml failed:\n{output}")

    @contextlib.contextmanager
    def _awake(self, kind: str, image: str) -> Iterator[Host]:
        for path, value in _KERNEL.items():
            path.write_text(value)
        options = ["--systemd=always", "--privileged", f"--memory={self.memory}", "--cpuset-cpus=0"]
        options += [f"--hostname={_NAME}", f"--network={_NETWORK}:ip={_ADDRESS}"]
        options += [f"--volume={_KEY}.pub:/root/.ssh/authorized_keys:ro"]
        podman("run", "--detach", "--replace", f"--name={_NAME}", *options, image, "/sbin/init")
        try:
            pid = int(podman("inspect", "--format={{.State.Pid}}", _NAME))
            end = time.monotonic() + _PATIENCE
            while podman("exec", _NAME, "sh", "-c", "systemctl is-system-running || true").strip() != "running":
                if time.monotonic() > end:
                    sys.exit(f"the {kind} host did not boot:\n{podman('exec', _NAME, 'systemctl', '--failed')}")
                time.sleep(0.2)
            yield Host(kind, pid, self.memory)
        finally:
            podman("rm", "--force", "--ignore", "--time=0", "--volumes", _NAME)

    def _commit(self) -> str:
        name = f"{_IMAGES}:{len(self._images)}"
        podman("commit", "--quiet", _NAME, name)
        return name


def podman(*words: str) -> str:
    """What it prints. Stops with what it says when it fails."""
    environment = {**os.environ, "CONTAINERS_CONF": f"{lab.PROJECT}/.cache/containers.conf"}
    result = subprocess.run(["podman", *words], env=environment, capture_output=True, text=True, check=False)
    if result.returncode:
        raise RuntimeError(f"podman {' '.join(words)} failed:\n{result.stdout}{result.stderr}")
    return result.stdout


def leave_the_first_core() -> None:
    """It is the hosts'. What this process starts inherits the others, on a machine that has more than one.

    And no huge pages, for the same reason: that setting of a host must not make the clients of its machine quicker.
    """
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores - {0} or cores)
    if _LIBC.prctl(_PR_SET_THP_DISABLE, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_THP_DISABLE)")


def median_interval(values: Sequence[float]) -> tuple[float, float, float]:
    """Median, and the narrowest pair of values around it that holds the true one in at least 95 of 100 such runs.

    By the signs alone (binomial), whatever the distribution. Fewer than six values cannot say that much: then the
    least and the greatest.
    """
    ranked, count = sorted(values), len(values)
    outside, cut = 0.0, 0
    for left_out in range(count // 2):
        outside += 2 * math.comb(count, left_out) / 2**count
        if outside > 0.05:
            break
        cut = left_out
    return statistics.median(ranked), ranked[cut], ranked[-1 - cut]


def _remove() -> None:
    podman("rm", "--force", "--ignore", "--time=0", "--volumes", _NAME)
    for name in podman("images", "--format={{.Repository}}:{{.Tag}}", f"--filter=reference={_IMAGES}").split():
        podman("rmi", "--force", name)
    if _NETWORK in podman("network", "ls", "--format={{.Name}}").split():
        podman("network", "rm", "--force", _NETWORK)


def _step_into(namespace: int) -> None:
    if _LIBC.setns(namespace, _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns: cannot step into the network of the host")


def _chosen(path: Path) -> str:
    text = path.read_text().strip()
    found = re.search(r"\[(\w+)\]", text)
    return found[1] if found else text


@contextlib.contextmanager
def _kernel_kept() -> Iterator[None]:
    before = {path: _chosen(path) for path in _KERNEL}
    try:
        yield
    finally:
        for path, value in before.items():
            path.write_text(value)


def _advice(profile: str) -> str:
    """The maxmemory that provision.yml names when it refuses the profile's own as too much for the host."""
    output = _play(profile, {})
    found: Optional[re.Match[str]] = re.search(r"set redis_server_settings: \{maxmemory: (\w+)\}", output)
    if found is None:
        sys.exit(f"provision.yml did not say how much memory Redis may have:\n{output}")
    return found[1]


def _play(profile: str, settings: Mapping[str, Any]) -> str:
    """What provision.yml says, whether it succeeds or not."""
    host = {
        "ansible_host": _ADDRESS,
        "ansible_user": "root",
        "ansible_ssh_common_args": "-o UserKnownHostsFile=/dev/null -o StrictHostKeyChecking=no -o LogLevel=ERROR",
        "redis_server_profile": profile,
        "redis_server_settings": settings,
    }
    _INVENTORY.write_text(json.dumps({"redis": {"hosts": {_NAME: host}}}))
    words = ("ansible-playbook", f"--inventory={_INVENTORY}", str(lab.PROVISION))
    return lab.shell("bash", "-c", '"$@" || true', "bash", *words)
