"""One instance as the project manages it, on a real server: its file, its data directory and a service that runs it.

What a test believes comes from the file system, /proc and servers.Client, never from the code under test.
"""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Optional

import pytest
from ansible.module_utils.redis_ops.apply import converge as apply
from ansible.module_utils.redis_ops.apply import live, starting, validation
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.base.files import FileSpec
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.server import connection as server
from ansible.module_utils.redis_ops.view.instance import Instance
from ports import free, quiet_port
from servers import PROGRAMS, Client, Program

PATIENCE, PAUSE = 15.0, 0.01  # seconds: the longest wait for anything, and between two looks
# Ours to wait for, not of a process that was forked from us. A Popen that is forgotten while it runs is a warning.
_CHILDREN: dict[int, tuple[int, subprocess.Popen[bytes]]] = {}


def program(version: str) -> Program:
    return next(found for found in PROGRAMS if found.version == version)


def some(*versions: str) -> pytest.MarkDecorator:
    """Only these servers, for what does not depend on the version."""
    return pytest.mark.parametrize(
        "program", [program(name) for name in versions], ids=lambda p: p.version, indirect=True
    )


OLD_AND_NEW = some("redis 6.2.14", "redis 7.0.15", "valkey 9.1.2")
ONE = some("redis 7.0.15")


def until(done: Callable[[], Any], what: str) -> Any:
    deadline = time.monotonic() + PATIENCE
    while not (found := done()):
        if time.monotonic() > deadline:
            pytest.fail(f"waited {PATIENCE:g} s for {what}")
        time.sleep(PAUSE)
    return found


def alive(pid: int) -> bool:
    """Whether the process runs; one that ended and was not waited for does not."""
    parent, child = _CHILDREN.get(pid, (0, None))
    if child is not None and parent == os.getpid() and child.poll() is not None:
        del _CHILDREN[
            pid
        ]  # its number may be that of another process from now on, such as one that a fork of us starts
        return False
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        # a process has ended with its last thread: until then it holds its port, whatever the first one's state says
        return state not in ("Z", "X") or len([*Path(f"/proc/{pid}/task").iterdir()]) > 1
    except OSError:
        return False


def binary_of(program: Program, directory: Path) -> str:
    """One file that runs the program, as a package's /usr/bin/redis-server would."""
    path = directory / f"{program.engine.name}-server"
    if not path.exists():
        path.write_text(f'#!/bin/sh\nexec {shlex.join(program.command())} "$@"\n')
        path.chmod(0o755)
    return str(path)


def listens(pid: int) -> bool:
    """Whether the process has a socket that accepts connections: a server opens it when its data is loaded, or before."""
    tables = [Path(f"/proc/net/{name}").read_text().splitlines()[1:] for name in ("tcp", "tcp6", "unix")]
    rows = [[line.split() for line in table] for table in tables]
    inodes = {row[9] for row in (*rows[0], *rows[1]) if row[3] == "0A"}
    inodes |= {row[6] for row in rows[2] if row[3] == "00010000"}
    with contextlib.suppress(OSError):
        for link in Path(f"/proc/{pid}/fd").iterdir():
            if os.readlink(link).removeprefix("socket:[").rstrip("]") in inodes:  # noqa: PTH115 - not a path
                return True
    return False


@dataclass
class Process:
    """A service.Service: the server as a child, its process id in a file as an init system would know it.

    patient: start() returns when the server serves, as Type=notify does; else at once, as a SysV script does.
    before_stop: what happens on the host at the last moment before the server is told to stop. options: of the command.
    user: whom it runs as, '' for whoever runs the tests.
    """

    name: str
    binary: str
    config: str
    home: Path
    patient: bool = True
    before_stop: Callable[[], None] = lambda: None
    options: Sequence[str] = ()
    user: str = ""

    @property
    def output(self) -> Path:
        return self.home / "output"

    @property
    def _pid_file(self) -> Path:
        return self.home / "pid"

    def unit(self) -> Unit:
        return Unit(
            self.name,
            loaded=True,
            enabled=self.enabled(),
            fragment=f"/usr/lib/systemd/system/{self.name}.service",
            command=(self.binary, self.config, *self.options),
            user=self.user or pwd.getpwuid(os.geteuid()).pw_name,
            group=self.user or grp.getgrgid(os.getegid()).gr_name,
            directory=str(self.home),
            pid=self.pid(),
        )

    def pid(self) -> int:
        pid = int(self._pid_file.read_text()) if self._pid_file.exists() else 0
        return pid if pid and alive(pid) else 0

    def enabled(self) -> bool:
        return (self.home / "enabled").exists()

    def masked(self) -> bool:
        return False

    def drop_in_path(self) -> str:
        return str(self.home / "limits.conf")

    def prepare(self) -> None:
        if not self.enabled():
            (self.home / "enabled").touch()

    def forbid(self) -> None:
        (self.home / "enabled").unlink(missing_ok=True)

    def withdraw(self) -> None:
        self.forbid()

    def start(self) -> None:
        if self.pid():
            return
        with self.output.open("ab") as output:
            process = subprocess.Popen(
                [self.binary, self.config, *self.options],
                cwd=self.home,
                stdout=output,
                stderr=output,
                stdin=subprocess.DEVNULL,
                start_new_session=True,
            )
        _CHILDREN[process.pid] = (os.getpid(), process)
        self._pid_file.write_text(str(process.pid))
        if not self.patient:
            return
        until(lambda: not self.pid() or listens(process.pid), f"{self.name} to start")
        if not self.pid():
            raise ApplyFailed(f"{self.name}: failed to start\n{self.log()}")

    def stop(self) -> None:
        pid = self.pid()
        if pid:
            self.before_stop()
            os.kill(pid, signal.SIGTERM)
            until(lambda: not self.pid(), f"{self.name} to stop")

    def kill(self) -> None:
        """As the kernel or a power cut would."""
        pid = self.pid()
        if pid:
            os.kill(pid, signal.SIGKILL)
            until(lambda: not self.pid(), f"{self.name} to end")

    def log(self) -> str:
        text = self.output.read_text(errors="replace") if self.output.exists() else ""
        return "\n".join(text.splitlines()[-15:])


@dataclass
class Lab:
    """One managed instance. settings: what every converge declares, unless it says otherwise."""

    program: Program
    directory: Path
    service: Process
    port: int
    settings: dict[str, Any]
    password: str = ""
    _clients: list[Client] = field(default_factory=list)

    @property
    def data(self) -> Path:
        return self.directory / "data"

    @property
    def config_path(self) -> Path:
        return self.directory / "etc" / "redis.conf"

    @property
    def state(self) -> Path:
        return self.directory / "state" / "applied.json"

    @property
    def text(self) -> str:
        return self.config_path.read_text()

    @property
    def lines(self) -> list[str]:
        return [line for line in self.text.splitlines() if line and not line.startswith("#")]

    @property
    def multi(self) -> bool:
        """Whether CONFIG SET takes several settings at once."""
        return self.program.engine.reached("redis 7.0")

    def instance(self, settings: Optional[Mapping[str, Any]] = None, **changes: Any) -> Instance:
        built = Instance(
            name="lab",
            where="here, instance lab",
            settings={**self.settings, **(settings or {})},
            config=FileSpec(str(self.config_path), 0o640),
            binary=self.service.binary,
            service=self.service,
            directories=[FileSpec(str(self.data), 0o750)],
            state=str(self.state),
        )
        return replace(built, **changes)

    def converge(
        self,
        settings: Optional[Mapping[str, Any]] = None,
        *,
        restart: bool = False,
        check: bool = False,
        **changes: Any,
    ) -> apply.Outcome:
        """One run of the module's work. changes: other fields of Instance."""
        outcome, view = apply.converge(self.instance(settings, **changes), restart=restart, check=check)
        if view.connection is not None:
            view.connection.close()
        return outcome

    def client(self, password: Optional[str] = None, port: int = 0) -> Client:
        client = Client(port or self.port)
        self._clients.append(client)
        password = self.password if password is None else password
        if password:
            client("AUTH", password)
        return client

    def ask(self, *words: str) -> Any:
        client = self.client()
        try:
            return client(*words)
        finally:
            client.close()

    def config(self) -> dict[str, str]:
        reply = self.ask("CONFIG", "GET", "*")
        return dict(zip(reply[::2], reply[1::2]))

    def get(self, name: str) -> str:
        return self.config()[name]

    def info(self) -> dict[str, str]:
        return dict(line.split(":", 1) for line in self.ask("INFO", "all").splitlines() if ":" in line)

    def calls(self) -> dict[str, int]:
        """How often each CONFIG command was called since the server started, this question not among them."""
        found = dict.fromkeys(("get", "set", "rewrite"), 0)
        for name, value in self.info().items():
            match = re.fullmatch(r"cmdstat_config\|?(\w*)", name)
            if match:
                found[match.group(1) or "any"] = int(re.match(r"calls=(\d+)", value).group(1))
        return found

    def fill(self, count: int) -> None:
        self.ask("EVAL", "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'key:' .. i, i) end", "0", str(count))

    def keys(self) -> int:
        return int(self.ask("DBSIZE"))

    def write_file(self, *lines: str) -> None:
        """A redis.conf that somebody else wrote: where this instance listens and keeps its data, and `lines`."""
        self.data.mkdir(parents=True, exist_ok=True)
        base = [f"{name} {value}" for name, value in self.settings.items()]
        self.config_path.write_text("\n".join([*base, *lines]) + "\n")

    def begin(self, *lines: str) -> None:
        """A server that is already there, with a redis.conf that somebody else wrote."""
        self.write_file(*lines)
        self.service.prepare()
        self.start()

    def bounce(self) -> None:
        """The host restarts in order."""
        self.service.stop()
        self.start()

    def start(self) -> None:
        """A child that saves outlives a killed server, and has its port for a moment."""
        until(lambda: self.service.pid() or free(self.port), f"port {self.port} to be free")
        self.service.start()
        until(lambda: self.info()["loading"] == "0", "the server to load its data")

    def everything(self) -> dict[str, Any]:
        """Every file, with its text, mode and time."""
        found: dict[str, Any] = {}
        for path in sorted(self.directory.rglob("*")):
            if path == self.service.output:
                continue  # a server may say what it likes
            stat = path.lstat()
            text = (stat.st_mtime_ns, stat.st_ino, path.read_bytes()) if path.is_file() else ()
            found[str(path)] = (stat.st_mode, *text)
        return found

    def close(self) -> None:
        for client in self._clients:
            client.close()
        self.service.kill()


@contextlib.contextmanager
def laboratory(program: Program, directory: Path, **settings: Any) -> Iterator[Lab]:
    (directory / "etc").mkdir(parents=True)
    home = directory / "service"
    home.mkdir()
    port = quiet_port()
    service = Process("redis-lab", binary_of(program, home), str(directory / "etc" / "redis.conf"), home)
    # a server that looks up 200 times a second stops and rewrites at once
    base = {"port": str(port), "bind": "127.0.0.1", "dir": str(directory / "data"), "hz": "200"}
    lab = Lab(program, directory, service, port, {**base, **settings})
    try:
        yield lab
    finally:
        lab.close()


@pytest.fixture
def lab(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Lab]:
    """An instance that was never provisioned, on every server."""
    monkeypatch.setattr(live, "POLL", PAUSE)
    monkeypatch.setattr(live, "SAVE_TIMEOUT", PATIENCE)
    monkeypatch.setattr(starting, "START_TIMEOUT", PATIENCE)
    monkeypatch.setattr(starting, "DEATH_GRACE", 0.5)
    with laboratory(program, tmp_path / "lab") as lab:
        yield lab


class Writer:
    """A client that writes without pause, in a process of its own, until it is told to stop."""

    SCRIPT = r"""
import select, socket, sys
connection = socket.create_connection(("127.0.0.1", int(sys.argv[1])), timeout=10)
reader = connection.makefile("rb")
done, failed = 0, []
while not select.select([0], [], [], 0)[0]:
    key = b"w:%d" % done
    connection.sendall(b"*3\r\n$3\r\nSET\r\n$%d\r\n%s\r\n$1\r\nx\r\n" % (len(key), key))
    reply = reader.readline()
    done += 1
    if reply != b"+OK\r\n":
        failed.append(reply.decode())
        if not reply:
            break
    if done == 100:
        print("writing", flush=True)
print(done, len(failed), failed[:1], flush=True)
"""

    def __init__(self, port: int) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-c", self.SCRIPT, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def __enter__(self) -> Writer:  # noqa: PYI034 - no Self before Python 3.11
        assert self._process.stdout.readline() == "writing\n"
        return self

    def stop(self) -> tuple[int, int]:
        """How many writes were tried, how many failed."""
        said, _ = self._process.communicate("stop\n", timeout=PATIENCE)
        tried, failed = said.split()[:2]
        return int(tried), int(failed)

    def __exit__(self, *_: object) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate(timeout=PATIENCE)


# What a run does to the world, in the order in which it can be interrupted.
EFFECTS = (
    (validation, "validate_config"),
    *((os, name) for name in ("mkdir", "link", "rename", "unlink")),
    (server.Connection, "set_config"),
    (server.Connection, "call"),
    (Process, "prepare"),
    (Process, "forbid"),
    (Process, "stop"),
    (Process, "start"),
)


def killed_before(number: int, run: Callable[[], Any]) -> bool:
    """Run in a child that is killed (-9) when it comes to its effect `number`. False when it ended before that.

    What follows the last effect is the reading back, which changes nothing.
    """
    child = os.fork()
    if child == 0:
        status = 1
        with contextlib.suppress(BaseException):
            _count_effects(number)
            run()
            status = 0
        os._exit(status)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.WEXITSTATUS(status) == 0, "the run that nothing killed failed"
    return False


def _count_effects(last: int) -> None:
    signal.alarm(int(PATIENCE) * 2)
    seen = 0

    def counted(effect: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            nonlocal seen
            seen += 1
            if seen == last:
                os.kill(os.getpid(), signal.SIGKILL)
            return effect(*arguments, **named)

        return wrapper

    for owner, name in EFFECTS:
        setattr(owner, name, counted(getattr(owner, name)))
