"""The installed server reads a file before it counts, and touches nothing."""

from __future__ import annotations

import pytest
from ansible.module_utils.redis_ops.apply import linter
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.model.conffile import render
from ansible.module_utils.redis_ops.model.desired import DesiredState
from instances import binary_of

SECRET = "hunter2-0a1b2c3d"


@pytest.fixture
def binary(program, tmp_path_factory):
    return binary_of(program, tmp_path_factory.mktemp("bin"))


@pytest.fixture
def data(tmp_path):
    """A data directory with everything in it that a start would load, none of it loadable."""
    (tmp_path / "appendonlydir").mkdir()
    for name in (
        "dump.rdb",
        "appendonly.aof",
        "appendonlydir/appendonly.aof.manifest",
        "server.log",
        "nodes.conf",
        "sock",
        "pid",
    ):
        (tmp_path / name).write_text("not to be read")
    return tmp_path


def listing(directory):
    return {
        str(p): (p.stat().st_mtime_ns, p.stat().st_ino, p.is_file() and p.read_bytes()) for p in directory.rglob("*")
    }


def refusal(text, binary, directory):
    with pytest.raises(ApplyFailed) as caught:
        linter.check(text, binary, str(directory))
    return str(caught.value)


def rendered(engine, data, **settings):
    base = {
        "dir": str(data),
        "logfile": str(data / "server.log"),
        "pidfile": str(data / "pid"),
        "unixsocket": str(data / "sock"),
        "port": "6379",
        "daemonize": "yes",
        "appendonly": "yes",
        "save": "900 1 300 10",
        "maxmemory": "1gb",
        "requirepass": SECRET,
        "client-output-buffer-limit": "replica 256mb 64mb 60",
    }
    return render(DesiredState.parse({**base, **settings}, engine, "here"), "lab")


def test_a_valid_file_passes_and_nothing_in_the_data_directory_is_touched(program, binary, data, tmp_path_factory):
    etc = tmp_path_factory.mktemp("etc")
    before = listing(data)
    linter.check(rendered(program.engine, data), binary, str(etc))
    assert listing(data) == before
    assert list(etc.iterdir()) == []


def test_the_log_file_is_not_made(program, binary, tmp_path):
    """Ours would belong to root, and the server that runs as redis could not write it."""
    data = tmp_path / "data"
    data.mkdir()
    linter.check(rendered(program.engine, data), binary, str(tmp_path))
    assert list(data.iterdir()) == []


def test_a_valid_file_of_a_cluster_node_passes_and_touches_nothing(program, binary, tmp_path):
    """nodes.conf would be made by us, and one that a running node holds locked is a refusal of a valid file."""
    data = tmp_path / "data"
    data.mkdir()
    linter.check(rendered(program.engine, data, **{"cluster-enabled": "yes", "logfile": ""}), binary, str(tmp_path))
    assert list(data.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hz 10 # higher is busier", "wrong number of arguments"),
        ("no-such-directive yes", "no-such-directive"),
        ("maxmemory 2gib", "maxmemory"),
        ("maxmemory-policy allkeys-oldest", "argument"),
        ('logfile "unclosed', "Unbalanced quotes"),
        ("databases", "databases"),
    ],
)
def test_a_bad_line_is_refused_with_the_servers_reason(binary, data, line, reason, tmp_path_factory):
    etc = tmp_path_factory.mktemp("etc")
    before = listing(data)
    said = refusal(f"dir {data}\n{line}\nport 6379\n", binary, etc)
    assert reason in said
    assert line in said or "line" in said
    assert "\n" not in said
    assert listing(data) == before
    assert list(etc.iterdir()) == []


def test_a_directory_that_is_not_there_is_refused(binary, tmp_path):
    assert "No such file or directory" in refusal(f"dir {tmp_path}/missing\n", binary, tmp_path)


def test_a_program_that_is_not_a_server_is_refused(tmp_path):
    assert "/bin/true refuses" in refusal("port 0\n", "/bin/true", tmp_path)
    assert "not found" in refusal("port 0\n", "/no/such/server", tmp_path)


def test_the_trial_file_is_for_its_owner_only(binary, tmp_path, monkeypatch):
    seen = []
    run = linter.host.run

    def look(arguments, **named):
        seen.append((tmp_path / arguments[1]).stat().st_mode & 0o777)
        return run(arguments, **named)

    monkeypatch.setattr(linter.host, "run", look)
    linter.check("port 6379\n", binary, str(tmp_path))
    assert seen == [0o600]
