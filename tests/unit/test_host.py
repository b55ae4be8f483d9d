"""What a machine has, from the texts it gives."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.owners import user_number
from ansible.module_utils.redis_ops.model.startup import Startup
from ansible.module_utils.redis_ops.platform import host, sockets
from ansible.module_utils.redis_ops.platform.debian import packages
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.platform.sockets import Listener
from ansible.module_utils.redis_ops.platform.units import Unit
from ansible.module_utils.redis_ops.view import observe
from ansible.module_utils.redis_ops.view.instance import Instance

MB = 1024**2


@pytest.fixture
def machine(monkeypatch):
    """Its files, by path, and the output of its commands, by name."""
    texts: dict[str, str] = {}

    def run(arguments, **_):
        return subprocess.CompletedProcess(arguments, 0, texts.get(" ".join(arguments), ""), "")

    monkeypatch.setattr(host, "read", lambda path: texts.get(path, ""))
    monkeypatch.setattr(host, "run", run)
    monkeypatch.setattr(sockets, "_asked_of_the_kernel", _refused)
    return texts


def _refused():
    raise OSError


# --- memory -----------------------------------------------------------------------------------------------------------

MEMINFO = "MemTotal:        4028440 kB\nMemFree:          123456 kB\nMemAvailable:    2345678 kB\n"


@pytest.mark.parametrize(
    ("v2", "v1", "expected"),
    [
        pytest.param("", "", 4028440 * 1024, id="machine"),
        pytest.param("max\n", "", 4028440 * 1024, id="no limit"),
        pytest.param(f"{512 * MB}\n", "", 512 * MB, id="cgroup v2"),
        pytest.param("", f"{256 * MB}\n", 256 * MB, id="cgroup v1"),
        pytest.param("", "9223372036854771712\n", 4028440 * 1024, id="cgroup v1 without a limit"),
        pytest.param(str(2**40), "", 4028440 * 1024, id="limit above the machine"),
    ],
)
def test_memory(v2, v1, expected, machine):
    machine.update(
        {
            "/proc/meminfo": MEMINFO,
            "/sys/fs/cgroup/memory.max": v2,
            "/sys/fs/cgroup/memory/memory.limit_in_bytes": v1,
        }
    )
    assert host.memory_bytes() == expected


@pytest.mark.usefixtures("machine")
def test_memory_unknown():
    assert host.memory_bytes() == 0


# --- open files -------------------------------------------------------------------------------------------------------

LIMITS = """\
Limit                     Soft Limit           Hard Limit           Units
Max cpu time              unlimited            unlimited            seconds
Max processes             15553                15553                processes
Max open files            1024                 524288               files
Max locked memory         8388608              8388608              bytes
"""
CAPABLE, INCAPABLE = f"CapEff:\t{1 << 24:016x}\n", "CapEff:\t00000000a80425fb\n"


@pytest.mark.parametrize(("hard", "expected"), [(False, 1024), (True, 524288)])
def test_limits_of_a_process(hard, expected, machine):
    machine["/proc/42/limits"] = LIMITS
    assert host.open_files_limit("42", hard=hard) == expected
    assert host.open_files_limit("43", hard=hard) is None


@pytest.mark.parametrize(
    ("systemd", "capabilities", "uid_map", "expected"),
    [
        pytest.param(True, CAPABLE, "0 0 4294967295", 1048576, id="systemd raises it"),
        pytest.param(True, INCAPABLE, "0 0 4294967295", 524288, id="no capability"),
        pytest.param(True, CAPABLE, "0 100000 65536", 524288, id="user namespace"),
        pytest.param(False, CAPABLE, "0 0 4294967295", 1048576, id="SysV raises it"),
        pytest.param(False, INCAPABLE, "0 0 4294967295", 4096, id="SysV, no capability"),
    ],
)
def test_open_files_that_a_service_can_get(systemd, capabilities, uid_map, expected, machine):
    machine.update(
        {
            "/proc/1/status": capabilities if systemd else "",
            "/proc/self/status": "" if systemd else capabilities,
            "/proc/self/uid_map": uid_map,
            "/proc/sys/fs/nr_open": "1048576\n",
            "/proc/1/limits": LIMITS,
            "/proc/self/limits": LIMITS.replace("524288", "4096  "),
        }
    )
    assert host.grantable_open_files(systemd=systemd) == expected


@pytest.mark.usefixtures("machine")
def test_open_files_unknown():
    assert host.grantable_open_files(systemd=True) == 0


# --- ports ------------------------------------------------------------------------------------------------------------

HEAD = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
ROW = "   {}: {}:{:04X} {} {} 00000000:00000000 00:00000000 00000000   106        0 {} 1 0 100 0 0 10 0\n"


def row(port: int, inode: int, state: str = "0A", address: str = "0100007F") -> str:
    return ROW.format(0, address, port, "00000000:0000", state, inode)


@pytest.fixture
def processes(machine, monkeypatch):
    """Inodes of the sockets that each process holds."""
    held = {42: {11, 12}, 43: {21}}

    def held_by(process):
        return {f"socket:[{inode}]" for inode in held.get(int(process.name), ())} | {"/dev/null"}

    monkeypatch.setattr(sockets, "_sockets", held_by)
    monkeypatch.setattr(host.Path, "iterdir", lambda _: iter(map(Path, ["/proc/42", "/proc/cpuinfo", "/proc/43"])))
    machine.update({"/proc/42/comm": "redis-server\n", "/proc/43/comm": "nginx\n"})
    return held


REDIS, NGINX, UNSEEN = (
    Listener(42, "redis-server"),
    Listener(43, "nginx"),
    Listener(0, "a process that this host does not show"),
)


@pytest.mark.parametrize(
    ("tcp", "tcp6", "listener"),
    [
        pytest.param(row(6379, 11), "", REDIS, id="IPv4"),
        pytest.param(row(22, 21) + row(6379, 11), "", REDIS, id="second"),
        pytest.param("", row(6379, 21, address="0" * 32), NGINX, id="IPv6"),
        pytest.param(row(6379, 99), row(6379, 11), REDIS, id="one of two is seen"),
        pytest.param(row(6379, 99), "", UNSEEN, id="another container's"),
        pytest.param(row(6379, 11, "01"), "", None, id="a connection"),
        pytest.param(row(6379, 11, "06"), "", None, id="a closed one"),
        pytest.param(row(6380, 11), "", None, id="another port"),
        pytest.param("", "", None, id="nothing"),
    ],
)
@pytest.mark.usefixtures("processes")
def test_who_listens(tcp, tcp6, listener, machine):
    machine.update({"/proc/net/tcp": HEAD + tcp, "/proc/net/tcp6": HEAD + tcp6})
    assert sockets.tcp_listener(6379) == listener


@pytest.mark.usefixtures("processes")
def test_where_a_process_listens(machine):
    rows = row(6380, 12) + row(6379, 11) + row(80, 21) + row(6381, 11, "01")
    machine.update({"/proc/net/tcp": HEAD + rows, "/proc/net/tcp6": HEAD + row(6379, 12, address="0" * 32)})
    assert [sorted({port for _, port in sockets.tcp_listeners(pid)}) for pid in (42, 43, 44)] == [
        [6379, 6380],
        [80],
        [],
    ]


@pytest.mark.parametrize(
    ("text", "backlog"),
    [
        ("LISTEN 0      511        127.0.0.1:6379      0.0.0.0:*          \n", 511),
        ("LISTEN 3      128      127.0.0.1:6379 0.0.0.0:*\nLISTEN 0      511      [::1]:6379 [::]:*\n", 128),
        ("ESTAB 0 0 127.0.0.1:6379 127.0.0.1:5\n", None),
        ("", None),
    ],
)
def test_the_queue_that_the_kernel_granted(text, backlog, machine):
    machine["ss -Hltn sport = :6379"] = text
    assert sockets.listen_backlog(6379) == backlog


def test_the_kernel_and_the_files_tell_the_same(monkeypatch):
    """Real sockets: one of IPv4 with its queue, one of IPv6; and a connection, which does not listen."""
    with socket.socket() as first, socket.socket(socket.AF_INET6) as second, socket.socket() as client:
        first.bind(("127.0.0.1", 0))
        first.listen(7)
        ports = [first.getsockname()[1]]
        with contextlib.suppress(OSError):  # a machine without IPv6
            second.bind(("::1", 0))
            second.listen()
            ports.append(second.getsockname()[1])
        client.connect(first.getsockname())
        for _ in range(2):
            assert sorted(port for _, port in sockets.tcp_listeners(os.getpid())) == sorted(ports)
            assert sockets.tcp_listener(ports[0]).pid == os.getpid()
            monkeypatch.setattr(sockets, "_asked_of_the_kernel", _refused)
    monkeypatch.undo()
    with socket.create_server(("127.0.0.1", 0), backlog=7) as listening:
        assert sockets.listen_backlog(listening.getsockname()[1]) == 7
    assert sockets.listen_backlog(1) is None


def test_a_program_is_asked_once_until_it_is_replaced(tmp_path):
    program, asked = tmp_path / "redis-server", tmp_path / "asked"
    for version in ("7.0.15", "7.2.4"):
        program.write_text(f"#!/bin/sh\necho >>{asked}\necho Redis server v={version} sha=0\n")
        program.chmod(0o755)
        found = [host.installed_engine(str(program)) for _ in range(3)]
        assert found == [Engine.parse(f"redis {version}")] * 3
    assert len(asked.read_text().splitlines()) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run a program as another user")
def test_a_program_of_another_user_never_runs_as_root():
    """A unit of User=ops may start a program in the home of ops, who can replace it."""
    home = Path(tempfile.mkdtemp(prefix="home-of-ops-"))
    try:
        home.chmod(0o777)
        program, asked = home / "redis-server", home / "asked"
        program.write_text(f"#!/bin/sh\nid -u >{asked}\necho Redis server v=7.0.15 sha=0\n")
        program.chmod(0o755)
        unit = Unit("redis-ops", loaded=True, user="nobody")
        instance = Instance("ops", "instance ops", {}, binary="/usr/bin/redis-server")
        startup = Startup(str(program), "/home/ops/redis.conf")
        assert observe._installed(instance, startup, unit) == Engine.parse("redis 7.0.15")
        assert int(asked.read_text()) == user_number("nobody") != 0
    finally:
        shutil.rmtree(home)


@pytest.mark.parametrize("kind", ["pipe", "device", "directory", "nothing"])
def test_only_a_regular_file_is_read(tmp_path, kind):
    """A unit may name a file in a directory of another user: a pipe there would keep the run for ever."""
    path = tmp_path / "redis.conf"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "directory":
        path.mkdir()
    assert host.read(str(path)) == ""
    path = tmp_path / "large"
    path.write_text("hz 10\n" * 100)
    assert host.read(str(path), 6) == "hz 10\n"


def test_sockets_of_a_process_that_is_gone(tmp_path):
    assert sockets._sockets(tmp_path / "gone") == set()


# --- versions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "engine"),
    [
        ("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=d81bff71cbf1", "redis 7.0.15"),
        ("Redis server v=6.2.14 sha=8bbd5c4f:0 malloc=libc bits=64 build=1", "redis 6.2.14"),
        ("Valkey server v=8.1.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=1", "valkey 8.1.1"),
        ("Valkey server v=9.1 sha=0", "valkey 9.1"),
        ("redis-server: not found", None),
        ("", None),
    ],
)
def test_engine_of_version_text(text, engine, machine):
    expected = Engine.parse(engine) if engine else None
    assert host.engine_of_version_text(text) == expected
    machine["/nowhere/redis-server --version"] = text
    assert host.installed_engine("/nowhere/redis-server") == expected


POLICY = """\
redis-server:
  Installed: {}
  Candidate: {}
  Version table:
     5:7.0.15-1~deb12u10 500
        500 http://deb.debian.org/debian bookworm/main amd64 Packages
"""
DEBIAN_12 = 'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nID=debian\n'


@pytest.mark.parametrize(
    ("candidate", "release", "engine"),
    [
        pytest.param("5:7.0.15-1~deb12u10", "", "redis 7.0.15", id="epoch"),
        pytest.param("8.0.2-3+deb13u3", "", "redis 8.0.2", id="no epoch"),
        pytest.param("5:8.0.2+dfsg1-1", "", "redis 8.0.2", id="dfsg"),
        pytest.param("(none)", DEBIAN_12, "redis 7.0.15", id="none yet"),
        pytest.param("(none)", "", None, id="none ever"),
        pytest.param(None, DEBIAN_12, "redis 7.0.15", id="no lists"),
        pytest.param(None, 'ID=debian\nVERSION_ID="11"\n', None, id="no lists, unknown release"),
        pytest.param(None, "ID=alpine\nVERSION_ID=3.20\n", None, id="another distribution"),
    ],
)
def test_what_apt_would_install(candidate, release, engine, machine):
    if candidate:
        machine["apt-cache policy redis-server"] = POLICY.format("(none)", candidate)
    machine["/etc/os-release"] = release
    assert packages.candidate(PRODUCTS["redis"]) == (Engine.parse(engine) if engine else None)


MADISON = """\
redis-server | 5:8.0.2-3+deb13u3 | http://deb.debian.org/debian trixie/main amd64 Packages
redis-server | 5:7.0.15-1~deb12u10 | http://deb.debian.org/debian bookworm/main amd64 Packages
redis-server | 5:7.0.15-1~deb12u10 | http://security.debian.org bookworm-security/main amd64 Packages
"""


@pytest.mark.parametrize(
    ("text", "versions"),
    [
        (MADISON, ["5:8.0.2-3+deb13u3", "5:7.0.15-1~deb12u10"]),
        ("", []),
        ("N: Unable to locate package redis-server\n", []),
    ],
)
def test_versions_that_apt_has(text, versions, machine):
    machine["apt-cache madison redis-server"] = text
    assert packages.versions("redis-server") == versions


@pytest.mark.parametrize(
    ("target", "replaced"),
    [("/usr/bin/redis-server", False), ("/usr/bin/redis-check-rdb (deleted)", True), (None, False)],
)
def test_a_program_that_was_upgraded_under_its_process(target, replaced, monkeypatch):
    def readlink(_):
        if target is None:
            raise PermissionError
        return target

    monkeypatch.setattr(host.os, "readlink", readlink)
    assert host.program_replaced(42) is replaced


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (DEBIAN_12, ("debian", "12")),
        ('ID=ubuntu\nID_LIKE=debian\nVERSION_ID="24.04"\n', ("ubuntu", "24.04")),
        ('VERSION_ID=3.20.0\nID="alpine"\n', ("alpine", "3.20.0")),
        ("ID=debian\nVERSION_CODENAME=sid\n", ("debian", "")),
        ("", ("", "")),
    ],
)
def test_distribution(text, expected, machine):
    machine["/etc/os-release"] = text
    assert host.distribution() == expected


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("installed 5:7.0.15-1~deb12u10", "5:7.0.15-1~deb12u10"),
        ("config-files 5:7.0.15-1~deb12u10", ""),
        ("not-installed ", ""),
        ("", ""),
    ],
)
def test_package_version(text, version, machine):
    machine["dpkg-query --show --showformat=${db:Status-Status} ${Version} redis-server"] = text
    assert packages.installed("redis-server") == version


# --- this machine -----------------------------------------------------------------------------------------------------


def test_run():
    done = host.run(["sh", "-c", "cat; echo $LC_ALL; echo oops >&2; exit 3"], stdin="in\n")
    assert (done.returncode, done.stdout, done.stderr) == (3, "in\nC\n", "oops\n")


def test_a_missing_program_is_an_answer():
    assert host.run(["/no/such/program"]).returncode == 127


def test_a_program_that_may_not_be_run_is_an_answer(tmp_path):
    (tmp_path / "program").write_text("#!/bin/sh\n")
    done = host.run([str(tmp_path / "program")])
    assert (done.returncode, done.stderr) == (126, f"{tmp_path}/program: Permission denied")


def test_a_user_who_does_not_exist_is_an_answer_and_nothing_runs_as_root(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    done = host.run(["touch", str(tmp_path / "done")], user="no-such-user")
    assert (done.returncode, done.stderr) == (127, "user no-such-user does not exist")
    assert not (tmp_path / "done").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
def test_another_user_gets_nothing_of_roots(monkeypatch):
    """Neither its groups, its terminal, its directory nor its environment."""
    monkeypatch.setenv("SECRET", "hunter2")
    done = host.run(["sh", "-c", "id -u; id -G; pwd; env; ps -o sid= -p $$ | tr -d ' '; echo $$"], user=64001)
    uid, groups, directory, *environment, session, pid = done.stdout.split("\n")[:-1]
    assert (uid, groups, directory) == ("64001", "64001", "/")
    assert session == pid
    assert not [line for line in environment if "hunter2" in line]


def test_bytes_that_are_no_text_reach_a_program_as_they_are():
    done = host.run(["od", "-An", "-tx1"], stdin="caf\udce9\r\n")
    assert done.stdout.split() == ["63", "61", "66", "e9", "0d", "0a"]


def test_what_is_said_is_text_with_plain_ends_of_lines():
    done = host.run(["printf", "a\\r\\nb\\rc\\377\\n"])
    assert done.stdout == "a\nb\nc\ufffd\n"


def test_a_program_without_end_is_killed():
    done = host.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.05)
    assert done.returncode == 124
    assert "no end after 0.05 s" in done.stderr


def test_read(tmp_path):
    (tmp_path / "f").write_bytes(b"caf\xe9")
    assert host.read(str(tmp_path / "f")).startswith("caf")
    assert host.read(str(tmp_path / "gone")) == ""
    assert host.read(str(tmp_path)) == ""


def test_free_space_of_a_directory_that_is_still_to_be_made(tmp_path):
    assert host.free_bytes(str(tmp_path / "a" / "b" / "c")) == pytest.approx(shutil.disk_usage(tmp_path).free, rel=0.2)


def test_real_paths(tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    assert host.real_paths([str(link), "", "/no/such"]) == {str(link): str(tmp_path.resolve()), "/no/such": "/no/such"}
    assert host.real_paths(["./", "data"], str(link)) == {"./": str(tmp_path), "data": str(tmp_path / "data")}


def test_who_runs_a_process():
    uid = os.geteuid()
    assert host.process_user(os.getpid()) in (pwd.getpwuid(uid).pw_name, str(uid))


def test_a_user_without_a_name_is_its_number(monkeypatch):
    def nobody(_):
        raise KeyError

    monkeypatch.setattr(host.pwd, "getpwuid", nobody)
    assert host.process_user(os.getpid()) == str(os.geteuid())


@pytest.mark.parametrize("path", ["/proc/sys/vm/overcommit_memory", "/proc/sys/net/core/somaxconn", "/proc/cmdline"])
def test_a_file_of_the_kernel_is_read(path):
    """Its values are made while they are read, and a large request is refused."""
    assert host.read(path) == Path(path).read_text() != ""


def test_no_more_is_read_than_asked_for(tmp_path):
    (tmp_path / "long").write_bytes(b"x" * 200_000)
    assert len(host.read(str(tmp_path / "long"))) == 200_000
    assert len(host.read(str(tmp_path / "long"), 70_000)) == 70_000
