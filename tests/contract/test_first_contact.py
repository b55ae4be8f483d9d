"""A server that somebody else set up: what nobody declares stays, on real servers. Field cases A5, A6, A11, A12 and A13."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import converge as apply
from ansible.module_utils.redis_ops.base.errors import InvalidInput
from ansible.module_utils.redis_ops.server.connection import Credentials
from authority import Authority
from instances import OLD_AND_NEW, ONE, Lab, killed_before, lab, laboratory, some
from ports import free, quiet_port
from servers import Refused
from tls_servers import Client as TlsClient
from tls_servers import context

__all__ = ["lab"]

ANSWERS = pytest.mark.parametrize("adopt", ["keep", "replace"])


def converge(lab: Lab, settings: dict[str, Any], adopt: str, **changes: Any) -> apply.Outcome:
    return lab.converge(settings, restart=True, adopt=adopt, **changes)


def again(lab: Lab, settings: dict[str, Any], adopt: str, **changes: Any) -> None:
    """The second run changes nothing and owes nothing."""
    outcome = converge(lab, settings, adopt, **changes)
    assert not outcome.changed, outcome.actions
    assert outcome.pending_restart == []


@OLD_AND_NEW
@ANSWERS
def test_an_aclfile_that_nobody_declares_stays(lab, adopt):
    """A5: `user default on nopass ~* &* +@all` after the restart."""
    users = lab.directory / "users.acl"
    users.write_text(
        "user default on >hunter2 ~* +@all\n" if not lab.multi else "user default on >hunter2 ~* &* +@all\n"
    )
    lab.password = "hunter2"
    lab.begin(f"aclfile {users}", "maxmemory 10mb")
    from_outside = {"credentials": [Credentials("", "hunter2")]}
    converge(lab, {"maxmemory": "20mb", "databases": 20}, adopt, **from_outside)
    assert lab.get("aclfile") == str(users)
    assert (lab.get("maxmemory"), lab.get("databases")) == ("20971520", "20")
    lab.password = ""
    with pytest.raises(Refused, match="NOAUTH"):
        lab.ask("PING")
    lab.password = "hunter2"
    again(lab, {"maxmemory": "20mb", "databases": 20}, adopt, **from_outside)


@OLD_AND_NEW
@ANSWERS
def test_a_cluster_node_stays_one(lab, adopt):
    """A11: the node left its cluster; and its one database was a restart at every run."""
    lab.begin("cluster-enabled yes")
    lab.ask("CLUSTER", "ADDSLOTS", *map(str, range(16384)))
    identity = lab.ask("CLUSTER", "MYID")
    wanted = {"maxmemory": "20mb", "databases": 16}
    converge(lab, wanted, adopt)
    assert lab.get("cluster-enabled") == "yes"
    assert lab.ask("CLUSTER", "MYID") == identity
    assert "cluster_slots_assigned:16384" in lab.ask("CLUSTER", "INFO")
    again(lab, wanted, adopt)


THEIRS = {
    "bind": "0.0.0.0",
    "databases": "64",
    "min-replicas-to-write": "1",
    "replica-announce-ip": "10.9.9.9",
    "protected-mode": "no",
    "replica-priority": "7",
}


@OLD_AND_NEW
@ANSWERS
def test_who_gets_in_and_which_deployment_it_is_stays(lab, adopt):
    """A12: all of these went back to the engine's defaults at once."""
    lab.settings.pop("bind")
    lab.begin(*(f"{name} {value}" for name, value in THEIRS.items()), "notify-keyspace-events Ex")
    converge(lab, {"maxmemory": "20mb"}, adopt)
    assert {name: lab.get(name) for name in THEIRS} == THEIRS
    assert set(lab.get("notify-keyspace-events")) == (set("Ex") if adopt == "keep" else set())
    lab.bounce()
    assert {name: lab.get(name) for name in THEIRS} == THEIRS
    again(lab, {"maxmemory": "20mb"}, adopt)


@OLD_AND_NEW
@ANSWERS
def test_the_file_of_somebody_else_is_copied_before_it_is_written(lab, adopt):
    """A13: with its comments."""
    lab.begin("# mine, by hand", "maxmemory 10mb")
    before = lab.text
    converge(lab, {"maxmemory": "20mb"}, adopt)
    [copy] = lab.config_path.parent.glob("redis.conf.*.before-ansible")
    assert copy.read_text() == before
    assert copy.stat().st_mode & 0o777 == 0o600
    converge(lab, {"maxmemory": "30mb"}, adopt)
    assert list(lab.config_path.parent.glob("redis.conf.*.before-ansible")) == [copy]


@ONE
def test_a_killed_run_leaves_no_half_of_the_copy(lab):
    """Its draft had the secrets of the file, under a name with a date that no later run looked for."""
    for number in range(1, 100):
        with laboratory(lab.program, lab.directory / str(number)) as victim:
            victim.begin("maxmemory 10mb")
            killed = killed_before(number, lambda: converge(victim, {"maxmemory": "20mb"}, "keep"))
            converge(victim, {"maxmemory": "20mb"}, "keep")
            names = {path.name for path in victim.config_path.parent.iterdir()}
        assert {name for name in names if not name.endswith(".before-ansible")} == {"redis.conf"}, number
        if not killed:
            break
    assert number > 4


@OLD_AND_NEW
def test_a_file_that_needs_no_change_is_not_touched(lab):
    lab.begin("# mine, by hand", "MAXMEMORY  10MB")
    before = lab.everything()
    for _ in range(2):
        outcome = converge(lab, {"maxmemory": "10mb"}, "keep")
        assert not outcome.changed, outcome.actions
    assert lab.everything() == before


@some("redis 7.0.15", "redis 8.0.2", "valkey 8.1.1")
@ANSWERS
def test_a_server_with_tls_only_stays_closed_to_others(lab, adopt, tmp_path):
    """A6: `bind` was declared, and port 6379 answered without a certificate."""
    authority = Authority("test")
    issued = authority.issue("localhost")
    certificate, key = issued.write(tmp_path, "server")
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority.pem)
    port = quiet_port()
    plain = lab.settings.pop("port")
    lab.write_file(
        *("port 0", f"tls-port {port}", f"tls-cert-file {certificate}", f"tls-key-file {key}"),
        *(f"tls-ca-cert-file {ca}", "tls-auth-clients yes"),
    )
    lab.service.prepare()
    lab.service.start()
    converge(lab, {"bind": "127.0.0.1 127.0.0.7", "maxmemory": "20mb", "databases": 20}, adopt)
    with contextlib.closing(TlsClient("127.0.0.1", port, context(issued))) as client:
        assert client.call("CONFIG", "GET", "port") == ["port", "0"]
        assert client.call("CONFIG", "GET", "databases") == ["databases", "20"]
    assert free(int(plain))
    assert free(6379) or not _is_ours(lab, 6379)
    with (  # an error of TLS, or a reset
        pytest.raises(OSError),  # noqa: PT011
        contextlib.closing(TlsClient("127.0.0.1", port, context())) as client,
    ):
        client.call("PING")


def _is_ours(lab: Lab, port: int) -> bool:
    """Whether the server of the lab listens there; another program of this machine may."""
    inodes = {
        line.split()[9]
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]
        if line.split()[3] == "0A" and line.split()[1].endswith(f":{port:04X}")
    }
    held = {str(link.readlink()) for link in Path(f"/proc/{lab.service.pid()}/fd").iterdir()}
    return bool({f"socket:[{inode}]" for inode in inodes} & held)


@OLD_AND_NEW
@ANSWERS
def test_a_server_with_a_socket_only_opens_no_port(lab, adopt):
    path = f"/tmp/rs{lab.port}.sock"
    port = lab.settings.pop("port")
    lab.write_file("port 0", f"unixsocket {path}")
    lab.service.prepare()
    lab.service.start()
    try:
        converge(lab, {"maxmemory": "20mb", "databases": 20}, adopt)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(path)
            client.sendall(b"CONFIG GET databases\r\n")
            assert b"20" in client.recv(100)
        assert free(int(port))
    finally:
        lab.service.kill()
        Path(path).unlink(missing_ok=True)


@OLD_AND_NEW
@pytest.mark.parametrize(
    ("line", "commands", "told"),
    [
        ("appendonly yes", ["CONFIG SET appendonly no"], "appendonly: the server runs with no"),
        ("replicaof 127.0.0.1 1", ["REPLICAOF NO ONE"], ""),
        ("timeout 7", ["ACL SETUSER app on nopass ~* +@all"], "users: only the running server has app"),
        ("maxmemory 20mb", ["CONFIG SET maxmemory 0"], "maxmemory: the server runs with 0"),
    ],
)
def test_a_restart_takes_nothing_back_that_only_the_running_server_has(lab, line, commands, told):
    """The role, the keys and the users of a server are those that it has, not those that its file had."""
    lab.begin(line)
    for command in commands:
        lab.ask(*command.split())
    for number in range(100):
        lab.ask("SET", f"key:{number}", "x")
    if told:
        with pytest.raises(InvalidInput, match=told):
            converge(lab, {"databases": 20}, "keep")
    else:
        converge(lab, {"databases": 20}, "keep")
        assert lab.get("databases") == "20"
    assert int(lab.ask("DBSIZE")) == 100
    assert lab.ask("ROLE")[0] in ("master", b"master")


@OLD_AND_NEW
@pytest.mark.parametrize("adopt", ["keep", "replace"])
def test_a_next_start_has_the_classes_of_clients_that_the_running_server_has(lab, adopt):
    """One class was declared; the next start had the defaults of the others, which went on running."""
    lab.begin("client-output-buffer-limit slave 4gb 2gb 30", "client-output-buffer-limit pubsub 1mb 1mb 10")
    wanted = {"client-output-buffer-limit": "normal 5mb 0 0"}
    before = lab.get("client-output-buffer-limit").split()
    lab.converge(wanted, adopt=adopt)
    now = lab.get("client-output-buffer-limit").split()
    assert (before[4:] == now[4:]) is (adopt == "keep")
    lab.bounce()
    assert lab.get("client-output-buffer-limit").split() == now
    assert not lab.converge(wanted, adopt=adopt).changed
    lab.converge({}, adopt=adopt)  # the one class goes back to its default, and the others are not ours
    for _ in range(2):
        assert lab.get("client-output-buffer-limit").split() == ["normal", "0", "0", "0", *now[4:]]
        lab.bounce()
    assert not lab.converge({}, adopt=adopt).changed
