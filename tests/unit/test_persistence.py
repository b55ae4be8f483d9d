"""Which files a start would load, judged on real files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.base.errors import InvalidValue
from ansible.module_utils.redis_ops.server.persistence import Store, aof_is_on, keys, manifest_files

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
    ],
)
def test_a_manifest_that_redis_refuses(line):
    with pytest.raises(InvalidValue, match="a manifest line"):
        manifest_files(f"{BASE}\n{line}\n{INCR}\n")


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
            REDIS_7, {"dir": object()}, "/dump.rdb", "/appendonlydir/appendonly.aof.manifest", id="unreadable"
        ),
    ],
)
def test_places(engine, values, rdb, aof):
    store = Store.of(values, engine)
    assert (str(store.rdb), str(store.aof)) == (rdb, aof)


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


@pytest.mark.parametrize(
    ("files", "when_aof_was_off", "when_aof_was_on"),
    [
        pytest.param({}, False, False, id="nothing"),
        pytest.param({"rdb": 0}, True, True, id="dump alone"),
        pytest.param({"aof": AOF}, False, False, id="AOF alone"),
        pytest.param({"rdb": 9, "aof": AOF}, True, False, id="newer dump"),
        pytest.param({"rdb": 10, "aof": AOF}, False, False, id="same age"),
        pytest.param({"rdb": 11, "aof": AOF}, False, False, id="older dump"),
        pytest.param({"rdb": 0, "manifest": ""}, True, True, id="empty manifest"),
        pytest.param({"rdb": 0, "manifest": "rubbish"}, False, False, id="manifest that stops the start"),
    ],
)
def test_a_start_with_aof_that_would_not_load_the_newest_data(files, when_aof_was_off, when_aof_was_on, tmp_path):
    lay(tmp_path, **files)
    store = Store.of({"dir": str(tmp_path)}, REDIS_7)
    assert store.starts_without_data(aof=True, aof_was_on=False) is when_aof_was_off
    assert store.starts_without_data(aof=True, aof_was_on=True) is when_aof_was_on


@pytest.mark.parametrize(
    ("rdb", "aof", "was_off", "was_on"),
    [(0, None, True, True), (0, 10, True, False), (10, 0, False, False), (None, 0, False, False)],
)
def test_the_same_for_the_one_file_of_redis_6_2(rdb, aof, was_off, was_on, tmp_path):
    lay(tmp_path, rdb=rdb)
    if aof is not None:
        write(tmp_path / "appendonly.aof", aof)
    store = Store.of({"dir": str(tmp_path)}, REDIS_6_2)
    assert store.starts_without_data(aof=True, aof_was_on=False) is was_off
    assert store.starts_without_data(aof=True, aof_was_on=True) is was_on
    assert store.aof_files() == ([tmp_path / "appendonly.aof"] if aof is not None else [])


def test_the_aof_of_redis_6_2_counts_after_an_upgrade(tmp_path):
    lay(tmp_path, rdb=3600)
    write(tmp_path / "appendonly.aof", 1)
    assert not Store.of({"dir": str(tmp_path)}, REDIS_7).starts_without_data(aof=True, aof_was_on=True)


def test_the_aof_of_redis_6_2_is_data_after_an_upgrade(tmp_path):
    write(tmp_path / "appendonly.aof", 1)
    assert Store.of({"dir": str(tmp_path)}, REDIS_7).exists()


def test_an_aof_that_was_on_and_lost_its_files_is_not_passed_over(tmp_path):
    lay(tmp_path, rdb=3600, manifest=GONE)
    assert not Store.of({"dir": str(tmp_path)}, REDIS_7).starts_without_data(aof=True, aof_was_on=True)


@pytest.mark.parametrize(
    ("files", "exists", "problems"),
    [
        pytest.param({}, False, ["/appendonly.aof.manifest is missing"], id="nothing"),
        pytest.param({"rdb": 0}, True, ["/appendonly.aof.manifest is missing"], id="dump alone"),
        pytest.param({"aof": AOF}, True, [], id="whole"),
        pytest.param({"manifest": GONE}, True, ["gone.1.base.rdb is missing", "gone.1.incr.aof is missing"], id="lost"),
        pytest.param({"aof": {}, "manifest": "rubbish\n"}, True, ["not 'rubbish'"], id="rubbish"),
    ],
)
def test_what_is_there_and_what_keeps_it_from_loading(files, exists, problems, tmp_path):
    lay(tmp_path, **files)
    store = Store.of({"dir": str(tmp_path)}, REDIS_7)
    assert store.exists() is exists
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
    ("rdb", "aof", "was_on", "expected"),
    [
        pytest.param(None, 10, True, True, id="only an AOF"),
        pytest.param(0, 3600, True, True, id="it was on, whatever is newer"),
        pytest.param(3600, 0, False, True, id="left on by somebody, and newer"),
        pytest.param(0, 3600, False, False, id="left behind when it was switched off"),
        pytest.param(0, None, False, False, id="only a dump"),
        pytest.param(None, None, False, False, id="nothing"),
    ],
)
def test_a_start_without_aof_does_not_pass_over_one(rdb, aof, was_on, expected, tmp_path):
    lay(tmp_path, rdb=rdb)
    if aof is not None:
        write(tmp_path / "appendonly.aof", aof)
    store = Store.of({"dir": str(tmp_path)}, REDIS_6_2)
    assert store.starts_without_data(aof=False, aof_was_on=was_on) is expected
