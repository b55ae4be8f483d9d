"""The installed server reads a file before it counts, and touches nothing."""

from __future__ import annotations

import os

import pytest
from ansible.module_utils.redis_ops.apply import validation
from ansible.module_utils.redis_ops.base.errors import ApplyFailed
from ansible.module_utils.redis_ops.model.conffile import render
from ansible.module_utils.redis_ops.model.desired import DesiredState
from hostile import ACCOUNT, arena, as_root
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


def refusal(text, binary):
    with pytest.raises(ApplyFailed) as caught:
        validation.validate_config(text, binary)
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


def test_a_valid_file_passes_and_nothing_in_the_data_directory_is_touched(program, binary, data):
    before = listing(data)
    validation.validate_config(rendered(program.engine, data), binary)
    assert listing(data) == before


@as_root
def test_the_trial_runs_as_the_server_s_user_without_a_file_that_anybody_could_exchange(program, monkeypatch):
    """From standard input. Not in pytest's own directory, which no other account can enter."""
    seen = []
    run = validation.host.run

    def look(arguments, **named):
        seen.append((arguments[1], named["user"]))
        return run([*program.command(), *arguments[1:]], **named)

    monkeypatch.setattr(validation.host, "run", look)
    if run([*program.command(), "--version"], user=ACCOUNT).returncode != 0:
        pytest.skip("no other account can reach the servers of this checkout")
    with arena("/var/tmp") as place:
        data = place.own(place.place / "data")
        text = rendered(program.engine, data)
        validation.validate_config(text, "redis-server", ACCOUNT)
        assert seen == [("-", ACCOUNT)]
        assert list(data.iterdir()) == []
        os.chown(data, 0, 0)
        data.chmod(0o700)
        with pytest.raises(ApplyFailed, match="Permission denied"):
            validation.validate_config(text, "redis-server", ACCOUNT)


@as_root
def test_a_trial_as_a_user_who_does_not_exist_is_refused(binary):
    with pytest.raises(ApplyFailed, match="user no-such-user does not exist"):
        validation.validate_config("port 0\n", binary, "no-such-user")


def test_bytes_that_are_no_text_reach_the_server_as_they_are(program, binary, data, tmp_path):
    (tmp_path / "caf\udce9").mkdir()
    validation.validate_config(rendered(program.engine, data, dir=str(tmp_path / "caf\udce9")), binary)


def test_the_log_file_is_not_made(program, binary, tmp_path):
    """Ours would belong to root, and the server that runs as redis could not write it."""
    data = tmp_path / "data"
    data.mkdir()
    validation.validate_config(rendered(program.engine, data), binary)
    assert list(data.iterdir()) == []


def test_a_valid_file_of_a_cluster_node_passes_and_touches_nothing(program, binary, tmp_path):
    """nodes.conf would be made by us, and one that a running node holds locked is a refusal of a valid file."""
    data = tmp_path / "data"
    data.mkdir()
    validation.validate_config(rendered(program.engine, data, **{"cluster-enabled": "yes", "logfile": ""}), binary)
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
def test_a_bad_line_is_refused_with_the_servers_reason(binary, data, line, reason):
    before = listing(data)
    said = refusal(f"dir {data}\n{line}\nport 6379\n", binary)
    assert reason in said
    assert line in said or "line" in said
    assert "\n" not in said
    assert listing(data) == before


def test_a_directory_that_is_not_there_is_refused(binary, tmp_path):
    assert "No such file or directory" in refusal(f"dir {tmp_path}/missing\n", binary)


def test_a_program_that_is_not_a_server_is_refused():
    assert "/bin/true refuses" in refusal("port 0\n", "/bin/true")
    assert "not found" in refusal("port 0\n", "/no/such/server")
