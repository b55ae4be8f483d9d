"""Running servers as the kernel sees them: real processes with real sockets, and a /proc that is written by hand."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.platform import processes, sockets

# Listens wherever it is told: host:port, or the path of a unix socket; says when it does, and goes on until it is killed
LISTENER = """\
import socket, sys, time
kept = []
for place in sys.argv[1:]:
    family = socket.AF_UNIX if place.startswith("/") else socket.AF_INET6 if "::" in place else socket.AF_INET
    host, _, port = place.rpartition("|")
    kept.append(socket.socket(family))
    kept[-1].bind(place if family == socket.AF_UNIX else (host, int(port)))
    kept[-1].listen(7)
print([one.getsockname() for one in kept], flush=True)
time.sleep(600)
"""


@pytest.fixture
def short() -> Iterator[Path]:
    """A directory with a short name: the path of a unix socket has 107 bytes at most."""
    directory = Path(tempfile.mkdtemp(prefix="p", dir="/tmp"))
    yield directory
    shutil.rmtree(directory)


@contextlib.contextmanager
def listening(*places: str, program: Path | None = None, directory: Path = Path("/")) -> Iterator[int]:
    """The process id. program: what it is called."""
    with subprocess.Popen(
        [str(program or sys.executable), "-c", LISTENER, *places], stdout=subprocess.PIPE, text=True, cwd=directory
    ) as process:
        assert process.stdout.readline().startswith("[")
        try:
            yield process.pid
        finally:
            process.kill()


def has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        return True
    return False


def free() -> int:
    return sockets.spare_port()


# --- sockets ------------------------------------------------------------------------------------------------------------


def test_every_socket_of_a_process_is_seen(short):
    one, other = free(), free()
    path = str(short / "a b.sock")
    with listening(f"127.0.0.1|{one}", f"0.0.0.0|{other}", path) as pid:
        assert sockets.tcp_listeners(pid) == sorted([("127.0.0.1", one), ("0.0.0.0", other)])
        assert sockets.unix_listeners(pid) == [path]
        found = processes.look(pid)
        assert set(found.addresses) == {("127.0.0.1", one), ("127.0.0.1", other)}
        assert found.sockets == (path,)


@pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")
def test_sockets_of_ipv6():
    one, other = free(), free()
    with listening(f"::1|{one}", f"::|{other}") as pid:
        assert set(sockets.tcp_listeners(pid)) == {("::1", one), ("::", other)}
        assert set(processes.look(pid).addresses) == {("::1", one), ("::1", other)}


def test_the_files_of_the_kernel_tell_the_same(short, monkeypatch):
    """Where the kernel does not list sockets itself."""
    port, path = free(), str(short / "s")
    places = [f"127.0.0.1|{port}", path] + ([f"::1|{free()}"] if has_ipv6() else [])
    with listening(*places) as pid:
        asked = sockets.tcp_listeners(pid)

        def refused():
            raise OSError("no netlink here")

        monkeypatch.setattr(sockets, "_asked_of_the_kernel", refused)
        assert sockets.tcp_listeners(pid) == asked
        assert sockets.unix_listeners(pid) == [path]


def test_a_socket_that_only_connects_is_none():
    with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()):
        assert [port for _, port in sockets.tcp_listeners(os.getpid())] == [server.getsockname()[1]]
        other = socket.socketpair()
        assert sockets.unix_listeners(os.getpid()) == []
        for one in other:
            one.close()


def test_a_process_that_is_gone_listens_nowhere():
    with listening() as pid:
        pass
    assert (sockets.tcp_listeners(pid), sockets.unix_listeners(pid)) == ([], [])
    gone = processes.look(pid)
    assert (gone.listeners, gone.sockets, gone.user, gone.program, gone.resident) == ((), (), "", "", 0)


@pytest.mark.parametrize(
    ("addresses", "missing"),
    [
        ([], []),
        (["127.0.0.1", "127.0.0.9"], []),
        (["192.0.2.7"], ["192.0.2.7"]),
        (["127.0.0.1", "2001:db8::7"], ["2001:db8::7"]),
        (["0.0.0.0", "*", "localhost", "", "no address"], []),
    ],
)
def test_addresses_that_this_host_does_not_have(addresses, missing):
    if "2001:db8::7" in addresses and not has_ipv6():
        pytest.skip("this machine has no IPv6")
    assert sockets.missing_addresses(addresses) == missing


# --- servers ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def called(tmp_path):
    """A program of another name: a copy of a small program, as /proc names a process by the file that it runs."""

    def called(name: str) -> Path:
        path = tmp_path / name
        shutil.copy(shutil.which("sleep"), path)
        return path

    return called


@contextlib.contextmanager
def sleeping(program: Path, *words: str, directory: Path = Path("/")) -> Iterator[int]:
    with subprocess.Popen([str(program), "600", *words], cwd=directory) as process:
        end = time.monotonic() + 10
        while Path(f"/proc/{process.pid}/comm").read_text().strip() != program.name[:15]:
            assert time.monotonic() < end
            time.sleep(0.01)
        try:
            yield process.pid
        finally:
            process.kill()


def mine(*pids: int) -> set[int]:
    """Those of these processes that are servers; this machine may have others."""
    return {found.pid for found in processes.all_servers()} & set(pids)


@pytest.mark.parametrize(
    ("name", "server"),
    [
        ("redis-server", True),
        ("valkey-server", True),
        ("redis-server-7.2.4", True),
        ("redis-sentinel", False),
        ("my-redis-server", False),
        ("redis-exporter", False),
    ],
)
def test_servers_are_known_by_their_program(called, tmp_path, name, server):
    with sleeping(called(name), directory=tmp_path) as pid:
        assert mine(pid) == ({pid} if server else set())
        if server:
            [found] = [one for one in processes.all_servers() if one.pid == pid]
            assert (found.program, found.directory) == (str(tmp_path / name), str(tmp_path))
            assert found.user == processes.host.process_user(os.getpid())
            assert found.resident > 0
            assert (found.contained, found.listeners, found.sockets) == (False, (), ())


def test_a_server_whose_program_was_replaced_is_still_one(called):
    program = called("redis-server")
    with sleeping(program) as pid:
        program.unlink()
        assert mine(pid) == {pid}
        assert processes.look(pid).program == str(program)


# --- a /proc written by hand --------------------------------------------------------------------------------------------


@pytest.fixture
def proc(monkeypatch):
    """Texts and links of /proc by path."""
    texts: dict[str, str] = {}
    links: dict[str, str] = {}
    monkeypatch.setattr(processes.host, "read", lambda path: texts.get(str(path), ""))
    monkeypatch.setattr(processes, "_link", lambda path: links.get(str(path), ""))
    monkeypatch.setattr(
        processes.Path,
        "iterdir",
        lambda _: iter({Path("/proc", path.split("/")[2]) for path in texts} | {Path("/proc/cpuinfo")}),
    )

    def add(pid: int, comm: str, command: str, exe: str = "", parent: int = 1) -> None:
        texts[f"/proc/{pid}/comm"] = f"{comm}\n"
        texts[f"/proc/{pid}/cmdline"] = command
        texts[f"/proc/{pid}/status"] = f"Name:\t{comm}\nPPid:\t{parent}\nVmRSS:\t  2048 kB\n"
        links[f"/proc/{pid}/exe"] = exe

    return add


@pytest.mark.parametrize(
    ("comm", "command", "exe", "server"),
    [
        pytest.param("redis-server", "redis-server 127.0.0.1:6379", "/usr/bin/redis-check-rdb", True, id="Debian"),
        pytest.param("redis-server", "redis-server *:6379 [cluster]", "/usr/bin/redis-server", True, id="cluster"),
        pytest.param("redis-server", "redis-server *:26379 [sentinel]", "/usr/bin/redis-server", False, id="Sentinel"),
        pytest.param("redis-server", "redis-server\0/x.conf\0--sentinel", "/usr/bin/redis-server", False, id="option"),
        pytest.param("io_thd_1", "x", "/opt/redis-server (deleted)", True, id="renamed"),
        pytest.param("redis-cli", "redis-cli", "/usr/bin/redis-cli", False, id="client"),
        pytest.param("", "", "", False, id="gone"),
    ],
)
def test_what_is_a_server(proc, comm, command, exe, server):
    proc(42, comm, command, exe)
    assert list(processes._pids()) == ([42] if server else [])


def test_a_child_that_saves_is_no_server_of_its_own(proc):
    proc(42, "redis-server", "redis-server *:6379")
    proc(43, "redis-server", "redis-rdb-bgsave *:6379", parent=42)
    proc(44, "redis-server", "redis-server *:6380", parent=7)
    assert list(processes._pids()) == [42, 44]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may make a namespace")
@pytest.mark.parametrize(("words", "contained"), [(["--net"], True), (["--mount"], False), (["--uts"], False)])
def test_a_server_in_a_container_is_known(called, words, contained):
    """systemd gives a sandboxed service a mount namespace of its own, which is no container."""
    program = called("redis-server")
    with subprocess.Popen(["unshare", *words, str(program), "600"], stderr=subprocess.PIPE) as process:
        try:
            end = time.monotonic() + 10
            while Path(f"/proc/{process.pid}/comm").read_text().strip() != "redis-server":
                if process.poll() is not None:
                    pytest.skip("this container may not make a namespace")
                assert time.monotonic() < end
                time.sleep(0.01)
            assert processes.look(process.pid).contained is contained
        finally:
            process.kill()


def test_when_a_process_began():
    began = time.time()
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        try:
            assert abs(processes.started_at(process.pid) - began) < 1
        finally:
            process.kill()
    assert processes.started_at(process.pid) == 0.0
