"""What reads facts of a host that does not tell them, denies them, tells half of them, or means harm by them."""

from __future__ import annotations

import os
from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import FileRefused, RedisOpsError
from ansible.module_utils.redis_ops.platform import host
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS
from ansible.module_utils.redis_ops.view import host_declaration, probe, process, users
from ansible.module_utils.redis_ops.view.facts import Facts, NotRead

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root gives links away")
NO_PROCESS = 2**22 + 1  # above the largest pid that Linux gives


# --- the process ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("info", [{}, {"redis_version": "7.0.15"}])
def test_a_server_that_names_no_process_has_no_user_that_is_known(info):
    facts = Facts.of(SimpleNamespace(info=info), [process.USER])
    with pytest.raises(NotRead, match="it does not run"):
        facts[process.USER]


def test_a_process_that_has_gone_has_no_user_that_is_known():
    facts = Facts.of(SimpleNamespace(info={"process_id": NO_PROCESS}), [process.USER])
    with pytest.raises(NotRead):
        facts[process.USER]


@pytest.mark.parametrize(
    ("installed", "there", "asked"),
    [
        (None, True, False),
        ("redis 6.2.14", True, False),
        ("redis 7.0.0", False, False),
        ("redis 7.0.0", True, True),
        ("valkey 8.1.1", True, True),
    ],
)
def test_only_a_server_that_knows_the_option_is_asked_for_its_view(installed, there, asked, tmp_path, monkeypatch):
    calls = []
    answer = SimpleNamespace(stdout=" out\n", stderr="err \n", returncode=3)
    monkeypatch.setattr(host, "run", lambda *words, **more: calls.append((words, more)) or answer)
    monkeypatch.setattr(host, "read", lambda path: {f"{process.CLOCKS}/current_clocksource": "tsc\n"}.get(path, ""))
    binary = tmp_path / "redis-server"
    if there:
        binary.touch()
    engine = Engine.parse(installed) if installed else None
    view = SimpleNamespace(instance=SimpleNamespace(binary=str(binary)), installed=engine)
    seen = Facts.of(view, [process.SYSTEM])[process.SYSTEM]
    assert calls == ([(([str(binary), "--check-system"],), {"timeout": 30})] if asked else [])
    assert seen == (process.System("out\nerr", 3, "tsc", []) if asked else None)


# --- a probe ------------------------------------------------------------------------------------------------------------


def test_a_server_that_does_not_run_answers_no_probe():
    facts = Facts.of(SimpleNamespace(connection=None, info={}), [probe.PING, probe.OWN_KEY])
    assert facts[probe.PING] == "it does not run"
    with pytest.raises(NotRead, match="it does not run"):
        facts[probe.OWN_KEY]


class Refusing:
    """A server that refuses from the given command on."""

    def __init__(self, command: str) -> None:
        self.command, self.called = command, []

    def call(self, *words: str) -> object:
        self.called.append(words[0])
        if words[0] == self.command:
            raise RedisOpsError(f"NOPERM {words[0]}")
        return {"SET": "OK", "GET": "x", "DEL": 1}[words[0]]


@pytest.mark.parametrize(
    ("command", "sent"), [("SET", ["SET"]), ("GET", ["SET", "GET", "DEL"]), ("DEL", ["SET", "GET", "DEL"])]
)
def test_a_probe_that_is_denied_says_why_and_leaves_no_key(command, sent):
    server = Refusing(command)
    found = Facts.of(SimpleNamespace(connection=server, info={"role": "master"}), [probe.OWN_KEY])[probe.OWN_KEY]
    assert found == probe.Probe(error=f"NOPERM {command}")
    assert server.called == sent


# --- users of an aclfile ------------------------------------------------------------------------------------------------


@pytest.fixture
def data(tmp_path):
    return SimpleNamespace(
        store=SimpleNamespace(directory=tmp_path), config=None, instance=SimpleNamespace(config=None)
    )


def test_an_aclfile_is_found_beside_the_data_or_where_its_path_says(data, tmp_path):
    (tmp_path / "users.acl").write_text("user default on nopass ~* +@all\nuser bob off\n")
    for path in ("users.acl", str(tmp_path / "users.acl")):
        assert [user[0] for user in users.of_aclfile(data, path) or []] == ["default", "bob"]
    assert users.of_aclfile(data, "none.acl") is None


def test_an_aclfile_that_is_a_directory_is_an_error_and_no_empty_list(data, tmp_path):
    (tmp_path / "users.acl").mkdir()
    with pytest.raises((OSError, RedisOpsError)):
        users.of_aclfile(data, "users.acl")


@as_root
def test_an_aclfile_behind_a_link_of_somebody_else_is_not_read(data, tmp_path):
    (tmp_path / "secret").write_text("user root on >topSecretPW\n")
    (tmp_path / "users.acl").symlink_to(tmp_path / "secret")
    os.chown(tmp_path / "users.acl", 65534, 65534, follow_symlinks=False)
    with pytest.raises(FileRefused) as refused:
        users.of_aclfile(data, "users.acl")
    assert "topSecretPW" not in str(refused.value)
    os.chown(tmp_path / "users.acl", 0, 0, follow_symlinks=False)
    assert [user[0] for user in users.of_aclfile(data, "users.acl") or []] == ["root"]


# --- what is remembered -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ((), []),
        (("redis-default.json",), ["default"]),
        (("redis-default.masked",), ["default"]),
        (("redis-a.json", "redis-a.masked", "redis-b.masked"), ["a", "b"]),
        (("redis-a-b.json",), ["a-b"]),
        (("valkey-default.json", "redis.json", "lock", "redis-default.json.old", "redis-default", "kernel.json"), []),
    ],
)
def test_instances_that_are_remembered(names, found, tmp_path, monkeypatch):
    monkeypatch.setattr(host_declaration, "STATE_DIRECTORY", str(tmp_path))
    for name in names:
        (tmp_path / name).write_text("\0 no JSON {{ x }}")
    seen = host_declaration.remembered(PRODUCTS["redis"])
    assert sorted(layout.instance for layout in seen) == found
    assert {layout.product.name for layout in seen} <= {"redis"}


def test_a_place_without_a_record_remembers_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(host_declaration, "STATE_DIRECTORY", str(tmp_path / "none"))
    assert host_declaration.remembered(PRODUCTS["redis"]) == []


# --- the host -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reads", "nothing"),
    [(host.read, ""), (host.modified, ""), (host.mode_and_owner, "gone"), (host.anybody_writes, False)],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_a_path_that_is_not_there_is_nothing(reads, nothing, tmp_path):
    for path in (tmp_path / "none", tmp_path / "none" / "none"):
        assert reads(str(path)) == nothing


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\0", b"x" * 10, "\u202ex".encode()])
def test_any_bytes_of_a_file_are_a_text(content, tmp_path):
    (tmp_path / "x").write_bytes(content)
    assert isinstance(host.read(str(tmp_path / "x")), str)
    assert len(host.read(str(tmp_path / "x"), most=4)) <= 4


def test_what_is_no_regular_file_is_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe")  # a read would wait for ever
    (tmp_path / "directory").mkdir()
    for name in ("pipe", "directory"):
        assert host.read(str(tmp_path / name)) == ""


def test_a_process_that_has_gone_tells_nothing():
    assert host.open_files_limit(str(NO_PROCESS)) is None
    assert host.working_directory(NO_PROCESS) == ""
    assert host.program_replaced(NO_PROCESS) is False
