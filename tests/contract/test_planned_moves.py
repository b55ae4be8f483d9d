"""Planned moves with real servers: another name, other ports, back to the first configuration, and gone for good."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.apply import instances as work
from ansible.module_utils.redis_ops.apply import live, removal, rename, starting
from ansible.module_utils.redis_ops.base import moves
from ansible.module_utils.redis_ops.base.errors import ApplyFailed, InvalidInput
from ansible.module_utils.redis_ops.platform import processes
from instances import OLD_AND_NEW, ONE, PATIENCE, PAUSE, Process, binary_of, until
from placed import HOST, Placed, renamed
from ports import quiet_port
from servers import Client, Program

PASSWORD = "sesame of the moves"
THEIRS = "# by hand\nhz 33\n\nmaxmemory   100mb\n"


class Moving(Placed):
    """A host with servers."""

    def begin(self, name: str, *lines: str, mode: int = 0o640) -> int:
        """A server that somebody else has set up where the package has it. Returns its port."""
        port = quiet_port()
        data = self.data(name)
        data.mkdir(parents=True, exist_ok=True)
        self.config(name).write_text(
            THEIRS + f"port {port}\nbind 127.0.0.1\ndir {data}\n" + "".join(f"{x}\n" for x in lines)
        )
        self.config(name).chmod(mode)
        service = self.service(name)
        service.prepare()
        service.start()
        return port

    def entry(self, name: str, **more: Any) -> dict[str, Any]:
        return {"name": name, "port": quiet_port(), **more}

    def ask(self, port: int, *words: str, password: str = "") -> Any:
        client = Client(port)
        try:
            if password:
                client("AUTH", password)
            return client(*words)
        finally:
            client.close()

    def fill(self, port: int, keys: int, password: str = "") -> None:
        script = "for i = 1, tonumber(ARGV[1]) do redis.call('SET', 'key:' .. i, 'value-' .. i) end"
        self.ask(port, "EVAL", script, "0", str(keys), password=password)

    def keys(self, port: int, password: str = "") -> int:
        return int(self.ask(port, "DBSIZE", password=password))


@pytest.fixture
def here(program: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Moving]:
    for module, name, value in (
        (live, "POLL", PAUSE),
        (live, "SAVE_TIMEOUT", PATIENCE),
        (starting, "START_TIMEOUT", PATIENCE),
        (starting, "DEATH_GRACE", 0.5),
    ):
        monkeypatch.setattr(module, name, value)
    root = tmp_path / "root"
    root.mkdir()

    def service(name: str, config: str) -> Process:
        home = tmp_path / "services" / name
        home.mkdir(parents=True)
        return Process(name, binary_of(program, root), config, home)

    found = Moving(root, program.engine, service)
    found.prepare(monkeypatch, binary_of(program, root))
    try:
        yield found
    finally:
        for one in found.services.values():
            one.kill()


def errors(record: dict[str, Any]) -> list[str]:
    """What failed, but for the user of the tests, which may be root."""
    return [line for line in record.get("msg", "").splitlines() if "runs as root" not in line]


def converged(here: Moving, *entries: dict[str, Any], **given: Any) -> dict[str, Any]:
    """A run that does not fail."""
    record = here.converge(*entries, **given).as_record()
    assert errors(record) == []
    return record


def files_with(root: Path, text: str) -> list[str]:
    found = [path for path in root.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]
    return sorted(str(path.relative_to(root)) for path in found)


AOF = {"appendonly": "yes"}
DUMP = {"appendonly": "no", "save": "3600 1"}
NOTHING = {"appendonly": "no", "save": ""}


# --- another name -----------------------------------------------------------------------------------------------------


@OLD_AND_NEW
@pytest.mark.parametrize("settings", [AOF, DUMP, NOTHING], ids=["aof", "dump", "no persistence"])
@pytest.mark.parametrize(("old", "new"), [("old", "new"), ("default", "new"), ("old", "default")])
def test_an_instance_keeps_its_keys_under_another_name(here, settings, old, new):
    entry = here.entry(old, settings=settings, secrets={"requirepass": PASSWORD})
    converged(here, entry)
    here.fill(entry["port"], 500, PASSWORD)
    assert converged(here, renamed(entry, new), restart=False)["converged"][0]["pending_restart"]
    assert here.keys(entry["port"], PASSWORD) == 500
    foreseen = here.converge(renamed(entry, new), check=True).as_record()["converged"][0]
    record = converged(here, renamed(entry, new))["converged"][0]
    assert record["actions"][0] == f"rename instance {old} to {new}, with its service, its files and its data"
    assert foreseen["actions"][0] == record["actions"][0]
    assert here.keys(entry["port"], PASSWORD) == 500
    assert here.ask(entry["port"], "GET", "key:77", password=PASSWORD) == "value-77"
    assert here.ask(entry["port"], "CONFIG", "GET", "dir", password=PASSWORD)[1] == str(here.data(new))
    assert (here.service(old).pid(), here.service(old).enabled()) == (0, False)
    assert here.service(new).enabled()
    assert not here.config(old).exists()
    assert [path for path in files_with(here.root, PASSWORD) if f"redis-{old}" in path] == []
    assert not converged(here, renamed(entry, new))["changed"]
    assert not converged(here, {**entry, "name": new})["changed"]
    here.service(new).stop()
    here.service(new).start()
    until(lambda: here.keys(entry["port"], PASSWORD) == 500, "the keys after a boot")


@ONE
def test_a_stopped_instance_needs_no_permission_to_restart(here):
    entry = here.entry("old", settings=AOF)
    converged(here, entry)
    here.fill(entry["port"], 100)
    here.service("old").stop()
    converged(here, renamed(entry, "new"), restart=False)
    assert here.keys(entry["port"]) == 100
    assert not here.service("old").pid()


@ONE
def test_a_server_that_can_not_save_keeps_its_name_and_starts_at_boot(here):
    """It was disabled at boot before its save failed."""
    entry = here.entry("old", settings=AOF)
    converged(here, entry)
    here.fill(entry["port"], 100)
    (here.data("old") / "dump.rdb").unlink(missing_ok=True)
    (here.data("old") / "dump.rdb").mkdir()
    error = here.converge(renamed(entry, "new")).error
    assert "could not save" in error
    assert here.keys(entry["port"]) == 100
    assert here.service("old").enabled()
    assert here.service("old").pid()
    assert not here.config("new").exists()
    (here.data("old") / "dump.rdb").rmdir()
    converged(here, renamed(entry, "new"))
    assert here.keys(entry["port"]) == 100


STEPS = {
    "before the data moves": (rename, "make_directory"),
    "while the data moves": (moves, "move"),
    "before the new file": (rename, "write"),
    "before what it remembers": (rename, "keep_private"),
    "before the old file goes": (moves, "remove_with_link"),
    "before the record goes": (moves, "rename"),
    "before the new one starts": (work, "converge"),
}


@OLD_AND_NEW
@pytest.mark.parametrize("settings", [AOF, DUMP], ids=["aof", "dump"])
@pytest.mark.parametrize("step", STEPS)
def test_a_run_that_ends_in_the_middle_is_finished_by_the_next(here, monkeypatch, settings, step):
    entry = here.entry("old", settings=settings)
    converged(here, entry)
    here.fill(entry["port"], 300)
    module, name = STEPS[step]

    def fail(*arguments: Any, **_: Any) -> None:
        if name == "move":  # one name has moved, the others have not
            names, source, target, *_rest = arguments
            Path(source, names[0]).rename(Path(target, names[0]))
        raise OSError(28, "No space left on device", "here")

    with monkeypatch.context() as patch:
        patch.setattr(module, name, fail)
        with contextlib.suppress(OSError):
            assert here.converge(renamed(entry, "new")).error
    assert not here.service("old").enabled()
    # whatever a person declares then, nothing starts empty
    if step not in ("before the new one starts", "before the record goes"):
        with pytest.raises(InvalidInput, match="an earlier run began to rename old to new"):
            here.converge(entry)
        with pytest.raises(InvalidInput, match="an earlier run began to rename old to new"):
            here.converge(renamed(entry, "third"))
    foreseen = here.converge(renamed(entry, "new"), check=True, restart=False)
    assert errors(foreseen.as_record()) == []
    converged(here, renamed(entry, "new"), restart=False)
    assert here.keys(entry["port"]) == 300
    assert not here.config("old").exists()
    assert sorted(path.name for path in here.state.iterdir()) == [
        f"{here.engine.name}-new.{x}" for x in ("conf", "json")
    ]
    assert not converged(here, renamed(entry, "new"))["changed"]


@ONE
def test_a_name_and_a_port_change_hands_in_one_run(here):
    """The one that is renamed takes the port of the other, which takes its."""
    a, b = here.entry("a", settings=AOF), here.entry("b", settings=AOF)
    converged(here, a, b)
    here.fill(a["port"], 10)
    here.fill(b["port"], 20)
    converged(here, renamed({**a, "port": b["port"]}, "c"), {**b, "port": a["port"]})
    assert (here.keys(a["port"]), here.keys(b["port"])) == (20, 10)
    assert here.ask(b["port"], "CONFIG", "GET", "dir")[1] == str(here.data("c"))


@OLD_AND_NEW
@pytest.mark.parametrize("provisioned", [True, False])
def test_an_instance_without_a_record_is_not_renamed_to_an_empty_one(here, provisioned):
    """Field: the run asked to stop the server that holds the port, and the run after it started the new name empty."""
    port = here.begin("a", "save 3600 1")
    here.fill(port, 100)
    kept = {"name": "a", "port": port, "adopt": "keep"}
    if provisioned:
        converged(here, kept)
    for _ in range(2):  # running, then stopped
        with pytest.raises(
            InvalidInput, match=r"instance c: renamed_from: no run has changed instance a so far"
        ) as raised:
            here.converge(renamed(kept, "c"))
        assert "stop that process" not in str(raised.value)
        assert not here.config("c").exists()
        here.service("a").stop()
    here.service("a").start()
    until(lambda: here.keys(port) == 100, "the keys")
    # both remedies
    places = {"config": str(here.config("a")), "service": here.layout("a").service}
    converged(here, {**kept, "name": "c", **places})
    assert here.keys(port) == 100
    changed = {**kept, "settings": {"timeout": 9}}
    converged(here, changed)
    converged(here, renamed(changed, "c"))
    assert here.keys(port) == 100
    assert here.ask(port, "CONFIG", "GET", "dir")[1] == str(here.data("c"))


# --- other ports ------------------------------------------------------------------------------------------------------


@OLD_AND_NEW
@pytest.mark.parametrize("restart", [True, False])
def test_two_instances_swap_ports(here, restart):
    a, b = here.entry("a", settings=AOF), here.entry("b", settings=AOF)
    converged(here, a, b)
    here.fill(a["port"], 10)
    here.fill(b["port"], 20)
    a, b = {**a, "port": b["port"]}, {**b, "port": a["port"]}
    converged(here, a, b, restart=restart)
    assert (here.keys(a["port"]), here.keys(b["port"])) == (10, 20)
    assert not converged(here, a, b)["changed"]


# --- back to the first configuration ----------------------------------------------------------------------------------


@OLD_AND_NEW
@pytest.mark.parametrize("adopt", ["keep", "replace"])
@pytest.mark.parametrize("mode", [0o640, 0o644, 0o600], ids=oct)
@pytest.mark.parametrize("name", ["default", "own"])
def test_the_first_configuration_comes_back(here, adopt, mode, name):
    port = here.begin(name, "appendonly yes", "databases 64", mode=mode)
    first = facts_of(here.config(name))
    here.fill(port, 200)
    entry = {"name": name, "port": port, "adopt": adopt, "settings": {"hz": 20, "maxmemory": "200mb"}}
    converged(here, entry)
    assert here.ask(port, "CONFIG", "GET", "hz")[1] == "20"
    assert here.config(name).stat().st_mode & 0o777 == 0o640
    here.fill(port, 250)
    pid = here.service(name).pid()
    foreseen = here.restore(name, entry, check=True)
    assert here.service(name).pid() == pid
    assert here.ask(port, "CONFIG", "GET", "hz")[1] == "20"
    result = here.restore(name, entry)
    assert foreseen["converged"][0]["actions"][: len(result["converged"][0]["actions"])] != []
    assert facts_of(here.config(name)) == first
    assert here.keys(port) == 250
    assert here.ask(port, "CONFIG", "GET", "hz")[1] == "33"
    assert here.ask(port, "CONFIG", "GET", "databases")[1] == "64"
    assert here.service(name).pid() not in (0, pid)
    assert list(here.state.glob("*")) == []
    assert list(here.config(name).parent.glob("*before-ansible")) == []
    with pytest.raises(InvalidInput, match="has no copy of a first configuration"):
        here.restore(name, entry)
    with pytest.raises(InvalidInput, match="adopt: keep"):
        here.converge({"name": name, "port": port})


def facts_of(path: Path) -> tuple[bytes, int, int, int]:
    found = path.stat()
    return path.read_bytes(), found.st_mode, found.st_uid, found.st_gid


@ONE
@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_the_first_owner_comes_back(here):
    port = here.begin("default", mode=0o664)
    os.chown(here.config("default"), 0, 12345)
    first = facts_of(here.config("default"))
    entry = {"name": "default", "port": port, "adopt": "replace"}
    converged(here, entry)
    converged(here, {**entry, "settings": {"hz": 21}})
    here.restore("default", entry)
    assert facts_of(here.config("default")) == first


@ONE
def test_bytes_that_are_no_text_come_back(here):
    port = here.begin("default")
    with here.config("default").open("ab") as file:
        file.write(b"# \xff\xfe by hand \xe9\n")
    first = here.config("default").read_bytes()
    entry = {"name": "default", "port": port, "adopt": "replace"}
    converged(here, entry)
    here.restore("default", entry)
    assert here.config("default").read_bytes() == first


@ONE
def test_nothing_comes_back_that_never_was(here):
    entry = here.entry("default")
    converged(here, entry)
    with pytest.raises(InvalidInput) as raised:
        here.restore("default", entry)
    assert "has no copy of a first configuration; expected" in str(raised.value)
    with pytest.raises(InvalidInput, match="instance other: is not declared; expected one of default"):
        here.restore("other", entry)
    assert here.ask(entry["port"], "PING") == "PONG"


@ONE
def test_a_first_configuration_that_would_lose_keys_stays_away(here):
    """The guards hold on the way back, too."""
    port = here.begin("default", "appendonly no", "save ''")
    entry = {"name": "default", "port": port, "adopt": "replace", "settings": {**AOF, "maxmemory": "500mb"}}
    converged(here, entry)
    script = "for i = 1, 1200 do redis.call('SET', 'big:' .. i, string.rep('x', 100000)) end"
    here.ask(port, "EVAL", script, "0")
    with pytest.raises(ApplyFailed, match="maxmemory"):
        here.restore("default", entry)
    assert here.keys(port) == 1200
    assert here.ask(port, "CONFIG", "GET", "maxmemory")[1] == str(500 * 1024**2)
    assert not converged(here, entry)["changed"]


@ONE
@pytest.mark.parametrize("number", range(6))
def test_a_way_back_that_is_killed_is_gone_again(here, monkeypatch, number):
    """number: of the effects that come before its end."""
    port = here.begin("default", "appendonly yes")
    first = facts_of(here.config("default"))
    here.fill(port, 50)
    entry = {"name": "default", "port": port, "adopt": "replace"}
    converged(here, entry)
    effects = []

    def counted(call: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(*arguments: Any, **named: Any) -> Any:
            effects.append(call)
            if len(effects) > number:
                raise KeyboardInterrupt
            return call(*arguments, **named)

        return wrapper

    with monkeypatch.context() as patch:
        patch.setattr(work, "converge", counted(work.converge))
        patch.setattr(moves, "remove_file", counted(moves.remove_file))
        with contextlib.suppress(KeyboardInterrupt):
            here.restore("default", entry)
    assert here.keys(port) == 50
    if list(here.state.glob("*")):
        here.restore("default", entry)
    assert list(here.state.glob("*")) == []
    assert facts_of(here.config("default")) == first
    assert here.keys(port) == 50


# --- gone for good ----------------------------------------------------------------------------------------------------


@OLD_AND_NEW
@pytest.mark.parametrize("settings", [AOF, DUMP, NOTHING], ids=["aof", "dump", "no persistence"])
@pytest.mark.parametrize("name", ["default", "cache"])
def test_an_instance_goes_and_its_data_stays(here, settings, name):
    entry = here.entry(name, settings=settings, secrets={"requirepass": PASSWORD})
    stays = here.entry("stays", settings=AOF)
    converged(here, entry, stays)
    here.fill(entry["port"], 300, PASSWORD)
    here.fill(stays["port"], 5)
    foreseen = here.remove(name, check=True)
    assert here.keys(entry["port"], PASSWORD) == 300
    result = here.remove(name, entries=[stays])
    assert result == foreseen
    assert (here.service(name).pid(), here.service(name).enabled()) == (0, False)
    assert files_with(here.root, PASSWORD) == []
    assert (here.data(name) / "dump.rdb").stat().st_size > 1000
    assert here.keys(stays["port"]) == 5
    # it comes back with its keys when it is declared again
    converged(here, {**entry, "adopt": "replace"}, stays)
    assert here.keys(entry["port"], PASSWORD) == 300


@OLD_AND_NEW
@pytest.mark.parametrize("settings", [AOF, DUMP, NOTHING], ids=["aof", "dump", "no persistence"])
@pytest.mark.parametrize("name", ["default", "cache"])
def test_the_data_goes_with_a_typed_confirmation(here, settings, name):
    """Also what the server would write when it stops."""
    entry = here.entry(name, settings=settings)
    stays = here.entry("stays", settings=AOF)
    converged(here, entry, stays)
    here.fill(entry["port"], 300)
    here.fill(stays["port"], 5)
    with pytest.raises(InvalidInput, match="is no confirmation"):
        here.remove(name, data=[name], entries=[stays])
    assert here.keys(entry["port"]) == 300
    [one] = here.remove(name, data=[f"{HOST}/{name}"], entries=[stays])["removed"]
    assert one["left"] == []
    assert [path for path in here.data(name).rglob("*") if path.is_file() and "stays" not in str(path)] == []
    assert here.keys(stays["port"]) == 5


@OLD_AND_NEW
@pytest.mark.parametrize("lines", [("cluster-enabled yes",), ("appendonly yes", "appendfilename b.aof")], ids=str)
@pytest.mark.parametrize("running", [True, False], ids=["running", "stopped"])
def test_the_data_of_a_neighbour_stays(here, monkeypatch, lines, running):
    """Field: nodes.conf and the append-only file of a server in the same directory were deleted under it."""
    # some servers of the tests run in a loader, whose name the kernel tells
    monkeypatch.setattr(processes, "_COMMANDS", re.compile(r"(redis|valkey)-server|ld-linux"))
    shared = here.root / "srv"
    shared.mkdir()
    port = here.begin("a", f"dir {shared}", "save 3600 1", "dbfilename a.rdb")
    here.fill(port, 10)
    other = here.begin("other", f"dir {shared}", "dbfilename b.rdb", *lines)
    if "appendonly yes" in lines:
        here.fill(other, 70)
    kept = here.entry("stays")
    converged(here, {"name": "a", "port": port, "adopt": "keep", "settings": {"timeout": 5}})
    if not running:
        here.service("other").kill()
    theirs = [path for path in shared.rglob("*") if path.name == "nodes.conf" or "b.aof" in path.name]
    assert theirs
    if running:
        pid = here.service("other").pid()
        for check in (True, False):
            with pytest.raises(InvalidInput, match=f"{shared} has the data of process {pid}, which runs"):
                here.remove("a", data=[f"{HOST}/a"], entries=[kept], check=check)
        assert here.keys(port) == 10
        here.remove("a", entries=[kept])
        assert (shared / "a.rdb").exists()
    else:
        here.remove("a", data=[f"{HOST}/a"], entries=[kept])
        assert not (shared / "a.rdb").exists()
    assert [path for path in theirs if not path.exists()] == []


@OLD_AND_NEW
def test_the_file_of_a_cluster_node_goes_with_its_data(here):
    shared = here.root / "srv"
    shared.mkdir()
    port = here.begin("node", f"dir {shared}", "cluster-enabled yes", "cluster-config-file mine.conf")
    here.ask(port, "CLUSTER", "ADDSLOTS", *map(str, range(16384)))
    until(lambda: "cluster_state:ok" in here.ask(port, "CLUSTER", "INFO"), "the cluster")
    (shared / "nodes.conf").write_text("of another node")
    converged(here, {"name": "node", "port": port, "adopt": "keep", "settings": {"timeout": 5}})
    here.remove("node", data=[f"{HOST}/node"], entries=[here.entry("stays")])
    assert [path.name for path in shared.iterdir()] == ["nodes.conf"]


@ONE
def test_a_removal_that_ends_in_the_middle_is_finished_by_the_next(here, monkeypatch):
    entry = here.entry("cache", settings=AOF, secrets={"requirepass": PASSWORD})
    converged(here, entry)
    here.fill(entry["port"], 300, PASSWORD)

    def fail(*_: Any) -> None:
        raise OSError(1, "Operation not permitted", "here")

    for name in ("trees", "moves"):
        with monkeypatch.context() as patch:
            patch.setattr(removal, "_delete", fail) if name == "trees" else patch.setattr(
                moves, "remove_with_link", fail
            )
            with pytest.raises(ApplyFailed, match="run it again"):
                here.remove("cache", data=[f"{HOST}/cache"])
    here.remove("cache", data=[f"{HOST}/cache"])
    assert files_with(here.root, PASSWORD) == []
    assert not here.data("cache").exists()


@ONE
def test_everything_goes(here):
    a, b = here.entry("a", secrets={"requirepass": PASSWORD}), here.entry("b", settings=AOF)
    converged(here, a, b)
    here.fill(b["port"], 10)
    result = here.remove("all", entries=[a])
    assert [one["instance"] for one in result["removed"]] == ["a", "b"]
    assert files_with(here.root, PASSWORD) == []
    assert not here.state.exists()
    assert not any(here.service(name).pid() for name in "ab")
    assert (here.data("b") / "dump.rdb").exists()
