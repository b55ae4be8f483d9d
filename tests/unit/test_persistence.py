"""Which files a start would load, judged on real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.server.persistence import (
    Content,
    Store,
    aof_is_on,
    holds_data,
    keys,
    manifest_files,
)

REDIS_6_2, REDIS_7 = Engine.parse("redis 6.2.14"), Engine.parse("redis 7.0.15")

BASE, INCR, HISTORY = (
    "file appendonly.aof.2.base.rdb seq 2 type b",
    "file appendonly.aof.3.incr.aof seq 3 type i",
    "file appendonly.aof.1.incr.aof seq 1 type h",
)


# --- the manifest -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("lines", "files"),
    [
        pytest.param([BASE, INCR], ["appendonly.aof.2.base.rdb", "appendonly.aof.3.incr.aof"], id="Redis 7"),
        pytest.param([BASE + " startoffset 0", INCR + " startoffset 12 endoffset 99"], None, id="Redis 8"),
        pytest.param([HISTORY, BASE, INCR], None, id="history is no data"),
        pytest.param(["# a comment", BASE, INCR], None, id="comment"),
        pytest.param(['file "two words.1.base.rdb" seq 1 type b'], ["two words.1.base.rdb"], id="quoted"),
        pytest.param([r'file "a\x41\"b" seq 1 type b'], ['aA"b'], id="escaped"),
        pytest.param(["seq 1 type b file a"], ["a"], id="any order"),
        pytest.param(["file a seq 1 type b later x"], ["a"], id="unknown key"),
        pytest.param([HISTORY], [], id="history alone"),
        pytest.param([], [], id="nothing"),
    ],
)
def test_manifest(lines, files):
    expected = ["appendonly.aof.2.base.rdb", "appendonly.aof.3.incr.aof"] if files is None else files
    assert manifest_files("".join(f"{line}\n" for line in lines)) == expected


@pytest.mark.parametrize(
    "line",
    [
        pytest.param("file a seq 1", id="short"),
        pytest.param("file a seq 1 type b startoffset", id="odd"),
        pytest.param("file a seq 1 type x", id="type"),
        pytest.param("name a seq 1 type b", id="no file"),
        pytest.param('file "a seq 1 type b', id="open quotes"),
        pytest.param("", id="empty line"),
        pytest.param("\0\0\0\0", id="zeros after a crash"),
        pytest.param("file ../a seq 1 type b", id="a path"),
        pytest.param("file /etc/shadow seq 1 type b", id="an absolute path"),
        pytest.param("file .. seq 1 type b", id="a directory"),
    ],
)
def test_a_manifest_that_redis_refuses(line):
    """The error names the line by its number: the file may be another than it seems."""
    with pytest.raises(InvalidValue, match=r"(a manifest line .*|a file name without a path) in line 2$") as caught:
        manifest_files(f"{BASE}\n{line}\n{INCR}\n")
    assert not [word for word in line.split() if len(word) > 4 and word in str(caught.value)]


# --- where the files are ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("engine", "values", "rdb", "aof"),
    [
        pytest.param(REDIS_7, {"dir": "/d"}, "/d/dump.rdb", "/d/appendonlydir/appendonly.aof.manifest", id="7.0"),
        pytest.param(REDIS_6_2, {"dir": "/d"}, "/d/dump.rdb", "/d/appendonly.aof", id="6.2"),
        pytest.param(
            REDIS_7,
            {"dir": "/d", "dbfilename": "a.rdb", "appenddirname": "b", "appendfilename": "c"},
            "/d/a.rdb",
            "/d/b/c.manifest",
            id="names",
        ),
        pytest.param(REDIS_7, {}, "/dump.rdb", "/appendonlydir/appendonly.aof.manifest", id="nothing known"),
        pytest.param(
            REDIS_7,
            {"dir": "/d", "dbfilename": ""},
            "/d/dump.rdb",
            "/d/appendonlydir/appendonly.aof.manifest",
            id="empty",
        ),
        pytest.param(
            REDIS_7, {"dir": "srv"}, "/srv/dump.rdb", "/srv/appendonlydir/appendonly.aof.manifest", id="relative"
        ),
        pytest.param(
            REDIS_7, {"dir": object()}, "/dump.rdb", "/appendonlydir/appendonly.aof.manifest", id="unreadable"
        ),
    ],
)
def test_places(engine, values, rdb, aof):
    store = Store.of(values, engine)
    assert (str(store.rdb), str(store.aof)) == (rdb, aof)


def test_a_relative_directory_is_where_the_server_works():
    """Field case A8: `dir ./` of a unit with a WorkingDirectory."""
    assert Store.of({"dir": "./"}, REDIS_7, "/srv/redis").rdb == Path("/srv/redis/dump.rdb")
    assert Store.of({"dir": "data"}, REDIS_7, "/srv/redis").rdb == Path("/srv/redis/data/dump.rdb")
    assert Store.of({}, REDIS_7, "/srv/redis").rdb == Path("/srv/redis/dump.rdb")
    assert Store.of({"dir": "/d"}, REDIS_7, "/srv/redis").rdb == Path("/d/dump.rdb")


def write(path: Path, age: int, text: str = "x") -> None:
    """A file that was last written `age` seconds ago."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)
    now = 1_700_000_000
    os.utime(path, (now - age, now - age))


def lay(
    directory: Path, *, rdb: int | None = None, aof: dict[str, int] | None = None, manifest: str | None = None
) -> None:
    """Ages of the dump and of the AOF's files; the manifest's text, None to list them."""
    if rdb is not None:
        write(directory / "dump.rdb", rdb)
    for name, age in (aof or {}).items():
        write(directory / "appendonlydir" / name, age)
    if aof is not None or manifest is not None:
        listed = "".join(f"file {name} seq 1 type {'b' if 'base' in name else 'i'}\n" for name in aof or {})
        write(directory / "appendonlydir" / "appendonly.aof.manifest", 0, listed if manifest is None else manifest)


AOF = {"a.1.base.rdb": 50, "a.1.incr.aof": 10}
GONE = "file gone.1.base.rdb seq 1 type b\nfile gone.1.incr.aof seq 1 type i\n"


def test_the_one_file_of_redis_6_2(tmp_path):
    store = Store.of({"dir": str(tmp_path)}, REDIS_6_2)
    assert store.aof_files() == []
    write(tmp_path / "appendonly.aof", 0)
    assert store.aof_files() == [tmp_path / "appendonly.aof"]


@pytest.mark.parametrize(
    ("files", "problems"),
    [
        pytest.param({}, ["/appendonly.aof.manifest is missing"], id="nothing"),
        pytest.param({"rdb": 0}, ["/appendonly.aof.manifest is missing"], id="dump alone"),
        pytest.param({"aof": AOF}, [], id="whole"),
        pytest.param({"manifest": GONE}, ["gone.1.base.rdb is missing", "gone.1.incr.aof is missing"], id="lost"),
        pytest.param(
            {"aof": {}, "manifest": "rubbish\n"},
            ["/appendonly.aof.manifest: expected a manifest line 'file NAME seq N type T' in line 1"],
            id="rubbish",
        ),
    ],
)
def test_what_keeps_an_aof_from_loading(files, problems, tmp_path):
    lay(tmp_path, **files)
    store = Store.of({"dir": str(tmp_path)}, REDIS_7)
    assert [text.endswith(end) for text, end in zip(store.problems(), problems)] == [True] * len(problems)
    assert len(store.problems()) == len(problems)


# --- INFO -------------------------------------------------------------------------------------------------------------


def test_keys_of_all_databases():
    info = {"db0": {"keys": 3, "expires": 1}, "db11": {"keys": "4"}, "dbsize": 9, "redis_version": "7"}
    assert keys(info) == 7
    assert keys({}) == 0


READY = {
    "aof_enabled": 1,
    "aof_rewrite_in_progress": 0,
    "aof_rewrite_scheduled": 0,
    "aof_last_bgrewrite_status": "ok",
    "aof_base_size": 89,
}


@pytest.mark.parametrize(
    ("change", "ready"),
    [
        ({}, True),
        ({"aof_enabled": 0}, False),
        ({"aof_rewrite_in_progress": 1}, False),
        ({"aof_rewrite_scheduled": 1}, False),
        ({"aof_last_bgrewrite_status": "err"}, False),
        ({"aof_base_size": 0}, True),  # no keys and no preamble
        ({"aof_enabled": "1", "aof_base_size": "89"}, True),
    ],
)
def test_an_aof_is_on_once_its_first_rewrite_is_on_disk(change, ready):
    assert aof_is_on({**READY, **change}) is ready
    assert not aof_is_on({})


@pytest.mark.parametrize(
    ("info", "holds"),
    [
        ({}, False),
        ({"number_of_libraries": 0}, False),
        ({"number_of_libraries": 1}, True),
        ({"db3": {"keys": 1, "expires": 1}}, True),
        ({"db0_distrib_strings_sizes": {"keys": 1}}, False),
    ],
)
def test_functions_are_data_as_keys_are(info, holds):
    assert holds_data(info) is holds


@pytest.mark.parametrize(
    ("before", "after", "missing"),
    [
        ({"db0": {"keys": 5}}, {}, "its 5 keys"),
        ({"db0": {"keys": 5}}, {"db1": {"keys": 3}}, ""),
        ({"db0": {"keys": 1000}}, {"db0": {"keys": 10}}, "990 of its 1000 keys"),
        ({"db0": {"keys": 5, "expires": 5}}, {}, ""),
        ({"number_of_libraries": 3}, {"number_of_libraries": 1}, "2 of its 3 libraries of functions"),
        ({"number_of_libraries": 1}, {"number_of_libraries": 2}, ""),
        ({"number_of_libraries": 1}, {"db0": {"keys": 9}}, "1 of its 1 libraries of functions"),
    ],
)
def test_what_a_restart_came_back_without(before, after, missing):
    assert Content.of(before).missing(after) == missing
