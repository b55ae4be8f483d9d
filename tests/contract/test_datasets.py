"""Which data a start loads, and which dumps are empty: what server.datasets says is what real servers do."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.server import datasets, keyless
from ansible.module_utils.redis_ops.server.datasets import Kind
from ansible.module_utils.redis_ops.server.persistence import Store
from servers import PROGRAMS, Program, Server, running

# How many keys each data set has, so that a start shows which one it has loaded
DUMPED, LOGGED, OLD = 3, 5, 7
REDIS_6 = PROGRAMS[0]


def until(server: Server, done: Callable[[str], bool]) -> None:
    end = time.monotonic() + 20
    while not done(server.ask("INFO", "persistence")):
        assert time.monotonic() < end
        time.sleep(0.02)


def fill(server: Server, count: int) -> None:
    for number in range(count):
        server.ask("SET", f"key:{number}", "x")


def save(server: Server) -> None:
    until(server, lambda text: "rdb_bgsave_in_progress:0" in text)  # one for a replica may be under way
    server.ask("BGSAVE")
    until(server, lambda text: "rdb_bgsave_in_progress:0" in text)


def stop(server: Server) -> None:
    with contextlib.suppress(ConnectionError):
        server.ask("SHUTDOWN", "NOSAVE")


def lines(directory: Path, appendonly: str, *more: str) -> list[str]:
    return [f"dir {directory}", f"appendonly {appendonly}", 'save ""', *more]


@pytest.fixture(scope="module")
def made(program: Program, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Files that the server itself has written: a dump, an append-only file, and one that Redis 6.2 has written."""
    found = {}
    for name, appendonly, count in (("dump", "no", DUMPED), ("aof", "yes", LOGGED), ("empty", "yes", 0)):
        directory = tmp_path_factory.mktemp(name)
        with running(program, tmp_path_factory.mktemp("run"), lines(directory, appendonly)) as server:
            fill(server, count)
            if name == "dump":
                save(server)
            if name == "empty":
                server.ask("FLUSHALL")  # a command that adds no key
            stop(server)
        found[name] = directory
    old = tmp_path_factory.mktemp("old")
    with running(REDIS_6, tmp_path_factory.mktemp("run"), lines(old, "yes")) as server:
        fill(server, OLD)
        stop(server)
    return {**found, "old": old}


def lay(made: dict[str, Path], directory: Path, *parts: str) -> None:
    """The parts together in one directory; 'parts' is an append-only file without its manifest."""
    directory.mkdir()
    for part in parts:
        source = made["aof" if part == "parts" else part]
        for path in source.iterdir():
            if path.is_dir():
                shutil.copytree(path, directory / path.name)
            else:
                shutil.copy(path, directory / path.name)
        if part == "parts":
            for manifest in directory.glob("*/*.manifest"):
                manifest.unlink()


LAYOUTS = {
    "nothing": (),
    "a dump": ("dump",),
    "an AOF": ("aof",),
    "a dump and an AOF": ("dump", "aof"),
    "parts of an AOF": ("parts",),
    "a dump and parts of an AOF": ("dump", "parts"),
    "an AOF of Redis 6.2": ("old",),
    "a dump and an AOF of Redis 6.2": ("dump", "old"),
    "an AOF beside one of Redis 6.2": ("old", "aof"),
    "an AOF without keys": ("empty",),
    "a dump and an AOF without keys": ("dump", "empty"),
    "an AOF without keys beside one of Redis 6.2": ("old", "empty"),
}


@pytest.mark.parametrize("appendonly", ["yes", "no"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_a_start_loads(program: Program, made: dict[str, Path], tmp_path: Path, layout: str, appendonly: str):
    """Field cases A9 and A10: what the configuration says decides, and no modification time."""
    if not program.engine.reached("redis 7.0") and layout.endswith(" beside one of Redis 6.2"):
        pytest.skip("Redis 6.2 has one append-only file")
    directory = tmp_path / "data"
    lay(made, directory, *LAYOUTS[layout])
    store = Store.of({"dir": str(directory)}, program.engine)
    said = datasets.loaded(store, aof=appendonly == "yes")
    full = {part for part in LAYOUTS[layout] if part != "empty"}
    assert len(datasets.present(store)) == len(full), "what has no key is no data"
    expected = {None: 0, Kind.DUMP: DUMPED, Kind.AOF: LOGGED, Kind.OLD_AOF: OLD}
    if not program.engine.reached("redis 7.0") and {"aof", "parts"} & set(LAYOUTS[layout]):
        expected[Kind.OLD_AOF] = LOGGED  # all of its AOF is one file, and has no manifest to lose
    with running(program, tmp_path, lines(directory, appendonly)) as server:
        until(server, lambda text: "loading:0" in text)
        assert server.ask("DBSIZE") == expected[said.kind if said else None], said


@pytest.mark.parametrize("lost", ["base", "incr"])
def test_an_aof_that_lacks_a_part_is_not_whole(program: Program, made: dict[str, Path], tmp_path: Path, lost: str):
    """Its manifest is there and names the part. The server refuses to start with it, and loads nothing else."""
    if not program.engine.reached("redis 7.0"):
        pytest.skip("Redis 6.2 has one append-only file")
    directory = tmp_path / "data"
    lay(made, directory, "dump", "aof")
    [part] = directory.glob(f"*/*.{lost}.*")
    store = Store.of({"dir": str(directory)}, program.engine)
    assert store.problems() == []
    part.unlink()
    assert store.problems() == [f"{part} is missing"]
    said = datasets.loaded(store, aof=True)
    assert said is not None
    assert said.kind is Kind.AOF
    with (
        pytest.raises(pytest.fail.Exception, match="did not start"),
        running(program, tmp_path, lines(directory, "yes")),
    ):
        pass
    log = (tmp_path / "server.log").read_text()
    assert part.name in log, log
    assert not part.exists()
    with running(program, tmp_path, lines(directory, "no")) as server:
        assert server.ask("DBSIZE") == DUMPED


def test_data_under_other_names_is_found_and_data_of_the_configuration_is_not(
    program: Program, made: dict[str, Path], tmp_path: Path
):
    """Field case A8."""
    directory = tmp_path / "data"
    lay(made, directory, "dump", "aof")
    store = Store.of({"dir": str(directory)}, program.engine)
    assert datasets.elsewhere(store, [str(tmp_path)]) == []
    other = tmp_path / "other"
    other.mkdir()
    store = Store.of({"dir": str(other)}, program.engine)
    assert datasets.present(store) == []
    found = {data.kind for data in datasets.elsewhere(store, [str(directory)])}
    assert found == {Kind.DUMP, Kind.AOF if program.engine.reached("redis 7.0") else Kind.OLD_AOF}


# --- empty dumps --------------------------------------------------------------------------------------------------------

LIBRARY = "#!lua name=mine\nredis.register_function('f', function() return 1 end)"
CONTENTS: dict[str, tuple[list[list[str]], bool]] = {
    "nothing": ([], True),
    "a key": ([["SET", "key", "x"]], False),
    "an empty value": ([["SET", "", ""]], False),
    "a key of database 9": ([["SELECT", "9"], ["HSET", "h", "a", "b"]], False),
    "a key that was deleted": ([["SET", "key", "x"], ["DEL", "key"]], True),
    "a key that expires": ([["SET", "key", "x", "EX", "1000"]], False),
    "a function": ([["FUNCTION", "LOAD", LIBRARY]], False),
    "a script": ([["SCRIPT", "LOAD", "return 1"]], True),
    "a stream": ([["XADD", "s", "*", "a", "b"]], False),
}


@pytest.mark.parametrize("compressed", ["yes", "no"])
@pytest.mark.parametrize("name", CONTENTS)
def test_a_dump_without_keys(program: Program, tmp_path: Path, name: str, compressed: str):
    commands, empty = CONTENTS[name]
    if name == "a function" and not program.engine.reached("redis 7.0"):
        pytest.skip("Redis 6.2 has no functions")
    more = [f"rdbcompression {compressed}", f"rdbchecksum {compressed}"]
    with running(program, tmp_path, lines(tmp_path, "no", *more)) as server:
        for command in commands:
            server.ask(*command)
        save(server)
    assert keyless.is_empty_rdb(tmp_path / "dump.rdb") is empty
    assert bool(datasets.present(Store.of({"dir": str(tmp_path)}, program.engine))) is not empty


def test_the_dump_of_a_replica_without_keys(program: Program, tmp_path: Path):
    """It has facts of the replication in its head."""
    primary, replica = tmp_path / "primary", tmp_path / "replica"
    primary.mkdir()
    replica.mkdir()
    with (
        running(program, primary, lines(primary, "no")) as one,
        running(program, replica, lines(replica, "no")) as other,
    ):
        port = one.config("port")["port"]
        other.ask("REPLICAOF", "127.0.0.1", port)
        end = time.monotonic() + 30
        while "master_link_status:up" not in other.ask("INFO", "replication"):
            assert time.monotonic() < end
            time.sleep(0.05)
        save(other)
        save(one)
    for directory in (primary, replica):
        assert keyless.is_empty_rdb(directory / "dump.rdb")
