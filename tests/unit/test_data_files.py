"""The files of an AOF: read while others change them, judged when they could and could not be read."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from ansible.module_utils.redis_ops.base.errors import RedisOpsError
from ansible.module_utils.redis_ops.base.findings import Status
from ansible.module_utils.redis_ops.checks import persistence
from ansible.module_utils.redis_ops.checks.registry import Suite
from ansible.module_utils.redis_ops.server.persistence import Store
from ansible.module_utils.redis_ops.view.data_files import DATA_FILES
from ansible.module_utils.redis_ops.view.facts import Facts
from judging import judged
from views import REDIS_7, several, view_of

[ONE] = several({"name": "default"})
MANIFEST = "file appendonly.aof.1.base.rdb seq 1 type b\nfile appendonly.aof.1.incr.aof seq 1 type i\n"
NAMES = ("appendonly.aof.1.base.rdb", "appendonly.aof.1.incr.aof")
ON = {"appendonly": "yes"}
IS_ON = {"aof_enabled": 1}


@pytest.fixture
def store(tmp_path):
    """A whole AOF and a dump."""
    place = tmp_path / "appendonlydir"
    place.mkdir()
    (place / "appendonly.aof.manifest").write_text(MANIFEST)
    for name in NAMES:
        (place / name).touch()
    (tmp_path / "dump.rdb").touch()
    return Store.of({"dir": str(tmp_path)}, REDIS_7)


def said(check, store, suite=Suite.DRIFT, *, live=ON, info=IS_ON, **changes):
    return judged(check, view_of(ONE, live=live, info=info, store=store, **changes), suite)


def test_a_whole_aof_has_nothing_beside_it(store):
    [whole] = said(persistence.aof, store, Suite.VERIFY)
    assert (whole.status, whole.expected) == (Status.PASS, f"a complete AOF at {store.aof}")
    assert said(persistence.aof, store) == said(persistence.orphans, store) == []


@pytest.mark.parametrize("name", ["x", "temp-7.rdb", "appendonly.aof.2.incr.aof", "\x1b[2J", "{{ x }}"])
def test_what_no_manifest_lists_is_told(store, name):
    (store.aof.parent / name).touch()
    [found] = said(persistence.orphans, store)
    assert (found.status, found.state) == (Status.WARN, "unmanaged_set")
    assert found.actual.isprintable()
    assert found.actual != "nothing else"
    assert said(persistence.aof, store) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_part_that_is_missing(store, name):
    path = store.aof.parent / name
    path.unlink()
    [found] = said(persistence.aof, store, Suite.VERIFY)
    assert (found.status, found.actual, found.remedy) == (Status.FAIL, f"{path} is missing", persistence.REWRITE)
    assert said(persistence.orphans, store) == []


@pytest.mark.parametrize(
    ("info", "told"),
    [
        ({"aof_enabled": 0}, "the server says it is off"),
        ({}, "the server says it is off"),
        ({**IS_ON, "aof_last_write_status": "err"}, "the last write to it failed"),
        ({"aof_last_write_status": "err"}, "the server says it is off; the last write to it failed"),
    ],
)
@pytest.mark.parametrize("changing", [{}, {"aof_rewrite_in_progress": 1}])
def test_what_the_server_says_counts_while_files_change_too(store, info, told, changing):
    [found] = said(persistence.aof, store, Suite.VERIFY, info={**info, **changing})
    assert (found.status, found.actual) == (Status.FAIL, told)


@pytest.mark.parametrize("field", persistence.CHANGING)
def test_while_files_change_nothing_is_said_of_them(store, field):
    (store.aof.parent / "x").touch()
    (store.aof.parent / NAMES[0]).unlink()
    for suite in (Suite.VERIFY, Suite.DRIFT):
        assert said(persistence.aof, store, suite, info={**IS_ON, field: 1}) == []
    assert said(persistence.orphans, store, info={**IS_ON, field: 1}) == []


@pytest.mark.parametrize("live", [None, {}, {"appendonly": "no"}])
def test_where_it_is_off_its_files_are_nobody_s_business(store, live):
    (store.aof.parent / "x").touch()
    (store.aof.parent / NAMES[0]).unlink()
    for check in (persistence.aof, persistence.orphans):
        assert said(check, store, live=live) == []


def test_an_instance_without_a_file_is_not_ours_to_judge(store):
    (store.aof.parent / "x").touch()
    view = view_of(ONE, live=ON, info=IS_ON, store=store)
    view = SimpleNamespace(
        **{name: getattr(view, name) for name in ("info", "observed", "store", "connection", "unit")}
    )
    view.instance = SimpleNamespace(config=None, where="instance x")
    for check in (persistence.aof, persistence.orphans):
        assert judged(check, view, Suite.DRIFT) == []


@pytest.mark.parametrize("error", [PermissionError(13, "Permission denied", "/srv/x"), RedisOpsError("refused")])
def test_files_that_cannot_be_read_are_never_whole(store, monkeypatch, error):
    """One of the two checks says so."""

    def fail(_):
        raise error

    monkeypatch.setattr(Store, "problems", fail)
    [found] = said(persistence.aof, store)
    assert (found.status, found.state) == (Status.FAIL, "unreadable")
    assert "it could not be determined: " in found.actual
    [found] = said(persistence.aof, store, Suite.VERIFY)
    assert found.status is Status.SKIP
    orphans = said(persistence.orphans, store)
    assert all(found.state == "unreadable" for found in orphans)


def test_a_manifest_that_is_none_lists_nothing(store):
    store.aof.write_text("file ../../etc/shadow seq 1 type b\n")
    [found] = said(persistence.aof, store)
    assert found.status is Status.FAIL
    assert "shadow" not in found.actual
    assert said(persistence.orphans, store) == []


class Moving:
    """A store whose files change between two looks. problems, orphans: what each look sees."""

    def __init__(self, problems, orphans=((), ())) -> None:
        self._problems, self._orphans = list(problems), list(orphans)

    def problems(self):
        return self._problems.pop(0)

    def orphans(self):
        return self._orphans.pop(0)

    def has_dump(self):
        return True


@pytest.mark.parametrize(
    ("looks", "seen"),
    [((["a"], ["a"]), ["a"]), ((["a"], []), []), ((["a", "b"], ["b"], ["b"]), ["b"]), (([], []), [])],
)
def test_only_what_two_looks_see_is_so(looks, seen):
    """A rewrite may end between them."""
    first, *later = looks
    # a look is made again for each name of the first one
    again = [*later, *[later[-1]] * len(first)]
    view = SimpleNamespace(store=Moving([first, *again], [[], []]))
    assert Facts.of(view, [DATA_FILES])[DATA_FILES].problems == seen
    view = SimpleNamespace(store=Moving([[], []], [first, *again]))
    assert Facts.of(view, [DATA_FILES])[DATA_FILES].orphans == seen
