"""A server is never without a way in, and is found where its process listens. Field cases A15 and A16."""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import converge as apply
from ansible.module_utils.redis_ops.base.errors import RedisOpsError
from ansible.module_utils.redis_ops.server.connection import Credentials
from ansible.module_utils.redis_ops.view import observe
from instances import OLD_AND_NEW, Lab, lab
from ports import free, quiet_port
from servers import Client, Refused

__all__ = ["lab"]


@pytest.fixture
def sockets() -> Iterator[Path]:
    """A directory with a short name: the path of a unix socket has 107 bytes at most."""
    directory = Path(tempfile.mkdtemp(prefix="s", dir="/tmp"))
    yield directory
    shutil.rmtree(directory)


def over(path: Path, *words: str) -> Any:
    """The answer over a unix socket."""
    client = Client(0, str(path))
    with contextlib.closing(client):
        return client(*words)


def owed(outcome: apply.Outcome) -> set[str]:
    return {item["option"] for item in outcome.pending_restart}


def of_sockets(path: Path) -> dict[str, Any]:
    return {"port": "0", "unixsocket": str(path)}


def converge(lab: Lab, settings: dict[str, Any], *, restart: bool = False) -> apply.Outcome:
    """Without the port of the lab where the settings have one of their own."""
    outcome, view = apply.converge(lab.instance(settings), restart=restart, check=False)
    if view.connection is not None:
        view.connection.close()
    return outcome


@OLD_AND_NEW
def test_the_port_stays_until_the_socket_is_there(lab, sockets):
    """A15: no restart allowed, and the port was closed at once."""
    lab.converge()
    lab.fill(10)
    wanted = of_sockets(sockets / "a")
    outcome = converge(lab, wanted)
    assert owed(outcome) == {"port", "unixsocket"}
    assert lab.keys() == 10
    assert not converge(lab, wanted).changed, "it waits, and nothing is done meanwhile"
    assert lab.keys() == 10
    outcome = converge(lab, wanted, restart=True)
    assert outcome.restarted
    assert over(sockets / "a", "DBSIZE") == 10
    assert free(lab.port)
    assert not converge(lab, wanted).changed


@OLD_AND_NEW
def test_a_server_with_a_socket_only_is_found_where_it_listens(lab, sockets):
    """A16: another socket is declared, and the server "does not answer" for ever."""
    first, second = of_sockets(sockets / "a"), of_sockets(sockets / "b")
    converge(lab, first)
    over(sockets / "a", "SET", "key", "1")
    outcome = converge(lab, second)
    assert owed(outcome) == {"unixsocket"}
    assert over(sockets / "a", "DBSIZE") == 1
    assert converge(lab, second, restart=True).restarted
    assert over(sockets / "b", "DBSIZE") == 1
    assert not converge(lab, second).changed


@OLD_AND_NEW
def test_a_server_is_found_on_a_port_that_no_file_has(lab):
    lab.converge()
    lab.fill(10)
    elsewhere = quiet_port()
    lab.ask("CONFIG", "SET", "port", str(elsewhere))
    view = observe.look(lab.instance())
    assert view.connection is not None
    view.connection.close()
    assert "port" in " ".join(lab.converge().actions)
    assert lab.keys() == 10
    assert free(elsewhere)


@OLD_AND_NEW
def test_a_server_is_found_on_an_address_that_no_file_has(lab):
    lab.converge()
    lab.ask("CONFIG", "SET", "bind", "127.0.0.7")
    with contextlib.suppress(ConnectionError, OSError):
        lab.ask("PING")
    lab.converge()
    assert lab.get("bind") == "127.0.0.1"


@OLD_AND_NEW
def test_another_server_on_the_declared_port_is_not_taken_for_it(lab, tmp_path, sockets):
    """It answers where the inventory says, and its data are somebody else's."""
    converge(lab, of_sockets(sockets / "a"))
    over(sockets / "a", "SET", "mine", "1")
    stranger = replace(lab.service, home=tmp_path / "stranger", config=str(tmp_path / "stranger.conf"))
    stranger.home.mkdir()
    Path(stranger.config).write_text(f'port {lab.port}\nbind 127.0.0.1\ndir {tmp_path}\nsave ""\n')
    stranger.start()
    try:
        with pytest.raises(RedisOpsError):
            lab.converge()
        assert lab.keys() == 0, "the stranger is as it was"
        assert over(sockets / "a", "DBSIZE") == 1, "and so is ours"
    finally:
        stranger.kill()


@OLD_AND_NEW
def test_a_password_stays_until_the_users_are_there(lab, sockets):
    """The users of an aclfile are read at a restart; without the old password everybody got in meanwhile."""
    lab.password = "one"
    lab.converge({"requirepass": "one"})
    users = sockets / "users.acl"
    users.write_text("user default on >two ~* &* +@all\n" if lab.multi else "user default on >two ~* +@all\n")
    wanted = {"requirepass": "", "aclfile": str(users)}
    outcome = lab.converge(wanted)
    assert owed(outcome) == {"aclfile", "requirepass"}
    assert lab.ask("PING") == "PONG"
    lab.password = ""
    with pytest.raises(Refused, match="NOAUTH"):
        lab.ask("PING")
    assert owed(lab.converge(wanted)) == {"aclfile", "requirepass"}, "the next run gets in, too"
    lab.converge(wanted, restart=True, credentials=[Credentials("", "two")])
    with pytest.raises(Refused, match="NOAUTH"):
        lab.ask("PING")
    lab.password = "two"
    assert lab.ask("PING") == "PONG"


@OLD_AND_NEW
def test_what_waits_is_not_asked_for_already(lab, sockets):
    """The proof that a new way in lets us in looks for the ways in of now."""
    lab.converge({"bind": "127.0.0.1 127.0.0.7"})
    wanted = {**of_sockets(sockets / "a"), "bind": "127.0.0.1"}
    assert owed(converge(lab, wanted)) == {"port", "unixsocket"}
    assert lab.get("bind") == "127.0.0.1"
