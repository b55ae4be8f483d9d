"""Nothing starts empty while data of its own lies somewhere, and nobody calls such data dead. Field cases A8, A9 and A10."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import data
from ansible.module_utils.redis_ops.server.datasets import DataSet, Kind
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view.host import Place
from judging import judged
from views import MB, REDIS_7, seen_of, several, view_of

NOWHERE = {"dir": "/nonexistent"}
[ONE] = several({"name": "default", "settings": NOWHERE})
[ACCEPTED] = several({"name": "default", "settings": NOWHERE, "accept_empty": True})
EMPTY_RDB = b"REDIS0010\xfa\x08aof-base\xc0\x01\xff12345678"
SELECT = b"*2\r\n$6\r\nSELECT\r\n$1\r\n0\r\n"
SET = b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"
ELSEWHERE = DataSet(Kind.DUMP, Path("/srv/redis/dump.rdb"), 3 * MB)


def lay(directory: Path, *names: str) -> Store:
    """Files that are no empty dump, and a manifest that lists the others."""
    for name in names:
        path = directory / name
        path.parent.mkdir(exist_ok=True)
        path.write_text("REDIS0010 and some keys")
    return Store.of({"dir": str(directory)}, REDIS_7)


def lay_empty_aof(directory: Path, increment: bytes = b"", base: bytes = EMPTY_RDB) -> None:
    """As a server without keys leaves it."""
    parts = directory / "appendonlydir"
    parts.mkdir()
    (parts / "appendonly.aof.1.base.rdb").write_bytes(base)
    (parts / "appendonly.aof.1.incr.aof").write_bytes(increment)
    (parts / "appendonly.aof.manifest").write_text(
        "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
    )


MANIFEST = "appendonlydir/appendonly.aof.manifest"
INCREMENT = "appendonlydir/appendonly.aof.1.incr.aof"


def told(store: Store | None, *elsewhere: DataSet, one=ONE, **view: Any) -> list[str]:
    seen = seen_of(one, Place(free=1, elsewhere=elsewhere), store=store, **view)
    return [str(problem) for problem in data.problems(seen)]


@pytest.mark.parametrize(
    ("names", "aof", "starts_empty"),
    [
        pytest.param([], False, False, id="nothing anywhere"),
        pytest.param(["dump.rdb"], False, False, id="a dump"),
        pytest.param(["dump.rdb"], True, True, id="a dump, and AOF is on"),
        pytest.param([MANIFEST, INCREMENT], True, False, id="an AOF"),
        pytest.param([MANIFEST, INCREMENT], False, True, id="an AOF, and it is off"),
        pytest.param(["appendonly.aof"], True, False, id="an AOF of Redis 6"),
        pytest.param([INCREMENT], True, True, id="an AOF without its manifest"),
        pytest.param([INCREMENT], False, True, id="the same while it is off"),
        pytest.param(
            ["dump.rdb", "appendonly.aof"], False, False, id="a dump that is loaded beside an AOF that is not"
        ),
    ],
)
def test_a_start_that_would_find_nothing(tmp_path, names, aof, starts_empty):
    found = told(lay(tmp_path, *names), aof=aof)
    assert bool(found) is starts_empty
    if starts_empty:
        [text] = found
        assert text.startswith(f"instance default: dir: the server would start empty, and data lies at {tmp_path}")
        assert "accept_empty: true for instance default" in text
        assert "\n" not in text


@pytest.mark.parametrize(
    ("increment", "base", "starts_empty"),
    [
        pytest.param(b"", EMPTY_RDB, True, id="as it began"),
        pytest.param(SELECT, EMPTY_RDB, True, id="a database was chosen"),
        pytest.param(SELECT + SET, EMPTY_RDB, False, id="a key"),
        pytest.param(b"", b"REDIS0010 and some keys", False, id="keys in its base"),
        pytest.param(b"", EMPTY_RDB[:-20], False, id="a base that can't be read"),
    ],
)
def test_an_aof_without_keys_beside_other_data(tmp_path, increment, base, starts_empty):
    """A restored dump was not loaded, and the next stop overwrote it."""
    lay_empty_aof(tmp_path, increment, base)
    store = lay(tmp_path)
    assert told(store, aof=True) == [], "nothing else lies there"
    assert bool(told(store, ELSEWHERE, aof=True)) is starts_empty
    lay(tmp_path, "dump.rdb")
    assert bool(told(store, aof=True)) is starts_empty
    assert told(store, aof=True, live={}) == [], "it runs"


def test_parts_that_the_manifest_of_an_empty_aof_does_not_list(tmp_path):
    lay_empty_aof(tmp_path)
    store = lay(tmp_path, "appendonlydir/appendonly.aof.7.incr.aof")
    [text] = told(store, aof=True)
    assert "parts of an append-only file without their manifest" in text


@pytest.mark.parametrize(
    ("names", "stops"), [(["dump.rdb"], False), (["dump.rdb", INCREMENT], True), ([INCREMENT], True)]
)
def test_the_remedy_of_a_dump_beside_an_empty_aof_is_accepted(tmp_path, names, stops):
    """appendonly: 'no' for one run loads the dump; not where a newer log may lie beside it."""
    [off] = several({"name": "default", "settings": {"appendonly": False, "dir": str(tmp_path)}})
    assert bool(told(lay(tmp_path, *names), aof=True, one=off)) is stops


def test_a_profile_does_not_say_that_a_dump_is_loaded_instead_of_an_aof(tmp_path):
    """The AOF may lie on a disk that is not mounted."""
    [off] = several({"name": "default", "settings": {"appendonly": False, "dir": str(tmp_path)}})
    assert told(lay(tmp_path, "dump.rdb"), aof=True, one=off) == []
    assert told(lay(tmp_path, "dump.rdb"), aof=True, one=replace(off, assumed=frozenset({"appendonly"})))


def test_a_declared_place_with_data_is_what_a_start_loads(tmp_path):
    [moved] = several({"name": "default", "settings": {"dir": str(tmp_path / "new")}})
    (tmp_path / "new").mkdir()
    store = Store.of({"dir": str(tmp_path)}, REDIS_7)
    assert told(store, ELSEWHERE, one=moved)
    lay(tmp_path / "new", "dump.rdb")
    assert told(store, ELSEWHERE, one=moved) == []


@pytest.mark.parametrize("running", [True, False])
@pytest.mark.parametrize(
    ("names", "aof", "stops"),
    [([], True, False), (["dump.rdb"], False, False), (["dump.rdb"], True, True), ([MANIFEST, INCREMENT], False, True)],
)
def test_data_at_a_declared_place_is_loaded_or_the_run_stops(tmp_path, names, aof, stops, running):
    """A restart with an AOF beside somebody's dump starts empty, and the next save overwrites the dump."""
    [moved] = several({"name": "default", "settings": {"dir": str(tmp_path / "new"), "appendonly": aof}})
    for place in ("old", "new"):
        (tmp_path / place).mkdir()
    lay(tmp_path / "new", *names)
    live = {"dir": str(tmp_path / "old"), "appendonly": "yes" if aof else "no"} if running else None
    found = told(Store.of({"dir": str(tmp_path / "old")}, REDIS_7), one=moved, live=live, aof=aof)
    assert bool(found) is stops
    if stops:
        [text] = found
        assert text.startswith(
            f"instance default: dir: the server would start empty, and data lies at {tmp_path / 'new'}"
        )
        [accepted] = several({"name": "default", "settings": moved.settings, "accept_empty": True})
        assert told(Store.of({"dir": str(tmp_path / "old")}, REDIS_7), one=accepted, live=live, aof=aof) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a link to somebody else")
@pytest.mark.parametrize("running", [True, False])
def test_a_declared_place_behind_a_link_that_root_does_not_follow(tmp_path, running):
    (tmp_path / "link").symlink_to("/")
    os.chown(tmp_path / "link", 12345, 12345, follow_symlinks=False)
    [moved] = several({"name": "default", "settings": {"dir": str(tmp_path / "link/x")}})
    [text] = told(lay(tmp_path), one=moved, live={"dir": str(tmp_path)} if running else None)
    assert "what a start would load could not be determined" in text


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a link to somebody else")
@pytest.mark.parametrize("name", ["dump.rdb", "appendonly.aof", "appendonlydir", MANIFEST])
def test_data_behind_a_link_that_root_does_not_follow_never_counts_as_none(tmp_path, name):
    """The server follows it. Taken for nothing, no guard on what it loads would have a fact."""
    lay(tmp_path / "real", "file")
    link = tmp_path / name
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(tmp_path / "real")
    os.chown(link, 12345, 12345, follow_symlinks=False)
    [text] = told(lay(tmp_path))
    assert text.startswith("instance default: dir: what a start would load could not be determined (")
    assert told(lay(tmp_path), connection=None, one=ACCEPTED) == []


def test_data_in_another_directory_is_named(tmp_path):
    """Field case A8."""
    [text] = told(lay(tmp_path), ELSEWHERE)
    assert "data lies at /srv/redis/dump.rdb (dump, 3.0 MB)" in text
    assert f"expected the data where the configuration names it: {tmp_path}" in text
    assert told(lay(tmp_path, "dump.rdb"), ELSEWHERE) == [], "it has data of its own"


@pytest.mark.parametrize(
    ("names", "aof", "remedy"),
    [
        ([INCREMENT], True, "its manifest is gone: bring it back from a copy"),
        (["dump.rdb"], True, "declare appendonly: 'no' for one run"),
        ([MANIFEST], False, "move the files there"),
    ],
)
def test_the_remedy_fits_what_was_found(tmp_path, names, aof, remedy):
    [text] = told(lay(tmp_path, *names), aof=aof)
    assert remedy in text


def test_many_files_are_counted():
    [text] = told(None, *[ELSEWHERE] * 5)
    assert text.count("/srv/redis/dump.rdb") == 3
    assert "and 2 more" in text


def test_a_person_may_accept_it(tmp_path):
    assert told(lay(tmp_path, "dump.rdb"), ELSEWHERE, one=ACCEPTED, aof=True) == []


def test_a_server_that_runs_has_its_data_in_memory(tmp_path):
    assert told(lay(tmp_path, "dump.rdb"), ELSEWHERE, aof=True, live={}) == []


# --- of a running server ------------------------------------------------------------------------------------------------


def findings(store: Store, *elsewhere: DataSet, info: dict | None = None, live: dict | None = None) -> list:
    view = view_of(ONE, store=store, live={} if live is None else live, info=info)
    return judged(data.empty, view, place=Place(elsewhere=elsewhere))


def test_an_empty_server_beside_data_is_a_warning(tmp_path):
    [finding] = findings(lay(tmp_path), ELSEWHERE)
    assert (finding.id, finding.status) == ("verify.data", Status.WARN)
    assert finding.actual == "the server is empty, and data lies at /srv/redis/dump.rdb (dump, 3.0 MB)"
    assert str(tmp_path) in finding.remedy


def test_parts_of_an_aof_without_their_manifest_are_data(tmp_path):
    """Field case A10."""
    [finding] = findings(lay(tmp_path, INCREMENT))
    assert "without their manifest" in finding.actual


@pytest.mark.parametrize("info", [{"db0": {"keys": 1}}, {"number_of_libraries": 1}, {"role": "slave"}])
def test_a_server_with_keys_or_a_replica_is_not_empty_by_mistake(tmp_path, info):
    assert findings(lay(tmp_path, INCREMENT), ELSEWHERE, info=info) == []


@pytest.mark.parametrize("name", ["dir", "dbfilename", "appendfilename", "appenddirname"])
def test_an_empty_server_does_not_write_where_its_next_start_does_not_look(name):
    """Found by tests/contract/test_any_server.py: the place was written to the file and waited for a restart."""
    [one] = several({"name": "default", "settings": {name: "/srv/new" if name == "dir" else "new"}})
    live = {name: "/srv/old" if name == "dir" else "old"}
    [text] = map(str, data.moving_later(view_of(one, live=live)))
    assert text.startswith(
        f"instance default: {name}: the server is empty and writes to {live[name]} until its restart"
    )
    assert "redis_server_restart=true" in text
    assert list(data.moving_later(view_of(one, live={name: str(one.settings[name])}))) == []
    assert list(data.moving_later(view_of(one))) == [], "it does not run"


def test_nothing_is_said_where_nothing_lies(tmp_path):
    assert findings(lay(tmp_path)) == []
