"""What a host remembers is nobody else's, and what is damaged says nothing."""

from __future__ import annotations

import hashlib
import json
import stat
from pathlib import Path

import pytest
from ansible.module_utils.redis_ops.base.engine import Engine
from ansible.module_utils.redis_ops.model.desired import DesiredState
from ansible.module_utils.redis_ops.plan.comparison import Observed
from ansible.module_utils.redis_ops.plan.contact import Contact
from ansible.module_utils.redis_ops.plan.plan import Plan, build
from ansible.module_utils.redis_ops.platform.layout import PRODUCTS, Layout
from ansible.module_utils.redis_ops.view.record import Record

REDIS_7 = Engine("redis", (7, 0, 15))


def plan(contact: Contact = Contact.MANAGED, **observed: object) -> Plan:
    return build(DesiredState(REDIS_7, {"hz": 20}), Observed(contact=contact, **observed), "default", "here")


PLAN = plan()
DAMAGED = ["", "{", "[]", "1", "null", '{"schema": 1}', '{"files": 1}', '{"settings": 1}', '{"origin": []}', "\0\0"]


@pytest.mark.parametrize("keep", [Record.keep, Record.keep_running])
@pytest.mark.parametrize(("before", "after"), [(None, 0o700), (0o755, 0o755)])
def test_its_directory_is_made_for_root_alone_and_else_left_alone(keep, before, after, tmp_path):
    directory = tmp_path / "lib" / "ansible-redis"
    if before:
        directory.mkdir(parents=True)
        directory.chmod(before)
    keep(Record(str(directory / "redis-default.json")), PLAN)
    [file] = directory.iterdir()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(directory.stat().st_mode) == after


def test_another_text_would_be_a_change_on_every_host(tmp_path):
    record = Record(str(tmp_path / "redis-default.json"), {"/etc/limits": "LimitNOFILE=1\n"})
    record.keep(PLAN)
    assert Path(record.path).read_text() == (
        '{\n  "schema": 1,\n  "settings": {\n    "hz": "20"\n  },\n  "files": {\n    "/etc/limits": "'
        + hashlib.sha256(b"LimitNOFILE=1\n").hexdigest()
        + '"\n  }\n}\n'
    )
    assert list(record.files()) == ["/etc/limits"]
    assert record.is_kept(PLAN) is False, "the way back is not there yet"
    record.keep_running(PLAN)
    assert record.is_kept(PLAN) is True


@pytest.mark.parametrize("text", DAMAGED)
def test_what_is_damaged_says_nothing(text, tmp_path):
    (tmp_path / "a.json").write_text(text)
    record = Record(str(tmp_path / "a.json"))
    assert record.files() == {}
    assert record.applied() is None
    assert record.origin() in (None, Contact.MANAGED)
    assert record.is_damaged()
    assert record.is_kept(PLAN) is False


def test_no_record_is_no_damage(tmp_path):
    record = Record(str(tmp_path / "a.json"))
    assert (record.applied(), record.files(), record.origin(), record.is_damaged()) == (None, {}, None, False)
    (tmp_path / "a.conf").write_text("hz 10\n")
    assert record.is_damaged(), "a run was here, and its record is gone"


# --- how this project came by the instance ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contact", "remembered"),
    [
        (Contact.FRESH, Contact.MANAGED),
        (Contact.MANAGED, Contact.MANAGED),
        (Contact.REPLACED, Contact.REPLACED),
        (Contact.KEPT, Contact.KEPT),
        (Contact.FIRST, Contact.KEPT),  # a module for one instance asks nobody
    ],
)
def test_the_next_run_knows_how_the_instance_came_to_it(contact, remembered, tmp_path):
    record = Record(str(tmp_path / "a.json"))
    assert record.origin() is None
    record.keep(plan(contact, file="# theirs\n"))
    assert record.origin() is remembered


@pytest.mark.parametrize("origin", ["gone", 7, None, ["kept"]])
def test_an_origin_that_nobody_knows_is_none(origin, tmp_path):
    (tmp_path / "a.json").write_text(json.dumps({"settings": {}, "origin": origin}))
    assert Record(str(tmp_path / "a.json")).origin() is None


def test_of_a_kept_server_without_a_change_nothing_is_remembered(tmp_path):
    """A run that changes nothing of somebody else's server leaves nothing there."""
    record = Record(str(tmp_path / "a.json"))
    same = plan(Contact.KEPT, file="hz 20\n", live={"hz": "20"})
    assert record.is_kept(same)
    assert not record.is_kept(plan(Contact.KEPT, file="hz 10\n", live={"hz": "10"}))


# --- our own mask -------------------------------------------------------------------------------------------------------


def test_our_own_mask_is_remembered_until_the_unit_has_started(tmp_path):
    """Field case A30."""
    record = Record(str(tmp_path / "state" / "a.json"))
    assert not record.is_masked()
    record.note_mask()
    record.note_mask()
    assert record.is_masked()
    assert stat.S_IMODE(Path(record.mask_path).stat().st_mode) == 0o600
    assert not record.is_damaged()
    record.forget_mask()
    record.forget_mask()
    assert not record.is_masked()


def test_a_record_without_a_place_remembers_nothing():
    record = Record("")
    record.keep(PLAN)
    record.keep_running(PLAN)
    record.note_mask()
    record.forget_mask()
    assert (record.applied(), record.origin(), record.is_masked(), record.is_damaged()) == (None, None, False, False)
    assert record.is_kept(PLAN)


def test_the_install_of_the_package_and_the_record_mean_the_same_mark():
    for instance in ("default", "cache.1"):
        layout = Layout(PRODUCTS["redis"], instance, systemd=True)
        assert layout.mask == Record(layout.state).mask_path


@pytest.mark.parametrize("contact", [Contact.KEPT, Contact.REPLACED])
def test_a_run_that_was_killed_knows_whose_server_it_is(contact, tmp_path):
    """The new file has our header by then, and its settings are not what somebody declared."""
    record = Record(str(tmp_path / "redis-default.json"))
    record.note_origin(contact)
    assert record.origin() is contact
    assert record.applied() is None
    assert not record.is_damaged()
    before = Path(record.path).read_text()
    record.note_origin(Contact.REPLACED if contact is Contact.KEPT else Contact.KEPT)
    assert Path(record.path).read_text() == before


@pytest.mark.parametrize("contact", [Contact.FRESH, Contact.MANAGED])
def test_of_other_servers_nothing_is_noted(contact, tmp_path):
    Record(str(tmp_path / "redis-default.json")).note_origin(contact)
    assert list(tmp_path.iterdir()) == []
